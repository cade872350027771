"""Exercises of 02_learning.ipynb."""

from functools import partial
from typing import Any

import numpy as np

from afm_numpy import fm, losses, optim
from afm_numpy._types import Array, Float, Params
from afm_numpy.batch import Batch
from afm_numpy.losses import sigmoid

from .exercise import Exercise
from .steps import Steps, changed

__all__ = ["EXERCISES"]

rng = np.random.default_rng(102)
Y_HAT, Y = rng.standard_normal((2, 5))
LOGITS, Y01 = 2 * rng.standard_normal(7), np.array([1.0, 0.0, 0.0, 1.0, 1.0, 0.0, 1.0])
FAR, FAR01 = np.array([1000.0, -1000.0, 800.0, 0.5]), np.array([0.0, 1.0, 1.0, 1.0])
THETA, G, ACC = rng.standard_normal((3, 2)), rng.standard_normal((3, 2)), rng.uniform(0.5, 2.0, (3, 2))
ROWS = Batch.from_padded(np.stack([rng.permutation(9)[:3] for _ in range(7)]), n=9)
START = {"w0": np.array(0.2), "w": rng.standard_normal(9), "V": rng.standard_normal((9, 2))}

SQUARED = Steps("y_hat y", "loss", error=lambda y_hat, y: y_hat - y, loss=lambda error: np.mean(error**2))
SQUARED_BACKWARD = Steps("y_hat y", "dy_hat", dy_hat=lambda y_hat, y: 2 * (y_hat - y) / len(y))
SOFTPLUS = Steps("z", "value", value=lambda z: np.maximum(z, 0) + np.log1p(np.exp(-np.abs(z))))
LOGISTIC = Steps("y_hat y", "loss", loss=lambda y_hat, y: np.mean(SOFTPLUS(y_hat) - y * y_hat))
LOGISTIC_BACKWARD = Steps("y_hat y", "dy_hat", dy_hat=lambda y_hat, y: (sigmoid(y_hat) - y) / len(y))
SGD = Steps("theta g lr", "theta_new", theta_new=lambda theta, g, lr: theta - lr * g)
ADAGRAD = Steps(
    "theta g acc lr eps", "theta_new acc_new",
    acc_new=lambda g, acc: acc + g**2,
    root=lambda acc_new, eps: np.sqrt(acc_new) + eps,
    theta_new=lambda theta, g, root, lr: theta - lr * g / root,
)  # fmt: skip


def fit(
    params: Params, batch: Batch, y: Array, optimizer: optim.Optimizer, rng: np.random.Generator, epochs: int,
    batch_size: int, *, slope: Any = losses.squared_backward, pick: Any = lambda order, i, size: order[i : i + size],
) -> tuple[Params, list[Float]]:  # fmt: skip
    """The training loop of the notebook; a likely mistake picks other rows, or takes another slope."""
    params = {name: value.copy() for name, value in params.items()}
    state, history = optim.init(optimizer, params), list[Float]()
    for _ in range(epochs):
        order, total = rng.permutation(len(y)), 0.0
        for start in range(0, len(y), batch_size):
            rows = pick(order, start, batch_size)
            y_hat, cache = fm.forward(params, batch[rows])
            total += len(rows) * losses.squared_forward(y_hat, y[rows])
            optim.step(optimizer, params, fm.backward(slope(y_hat, y[rows]), cache), state)
        history.append(total / len(y))
    return params, history


def _targets_unsorted(params: Params, batch: Batch, y: Array, *rest: Any) -> tuple[Params, Array]:
    """The targets are not picked by the rows: the numbers do not fit together."""
    return params, fm.forward(params, batch[:3])[0] - y


EXERCISES = {
    "02.1": Exercise(
        SQUARED,
        [(Y_HAT, Y), (Y_HAT[:3], Y[1:4])],
        mistakes={
            "the sum in the place of the mean": changed(SQUARED, loss=lambda error: np.sum(error**2)),
            "the error is not squared": changed(SQUARED, loss=lambda error: np.mean(error)),
            "the absolute error: square it": changed(SQUARED, loss=lambda error: np.mean(np.abs(error))),
            "half of it: there is no 1/2 here": changed(SQUARED, loss=lambda error: np.mean(error**2) / 2),
            "the mean is squared: square first": changed(SQUARED, loss=lambda error: np.mean(error) ** 2),
            "not yet averaged over the rows": changed(SQUARED, loss=lambda error: error**2),
            "the root is taken: this loss has none": changed(SQUARED, loss=lambda error: np.sqrt(np.mean(error**2))),
            "the squares are subtracted: subtract first, then square": lambda y_hat, y: np.mean(y_hat**2 - y**2),
            "the largest in the place of the mean": changed(SQUARED, loss=lambda error: np.max(error**2)),
            "the median in the place of the mean": changed(SQUARED, loss=lambda error: np.median(error**2)),
            "divided by B - 1, not by B": changed(SQUARED, loss=lambda error: (error**2).sum() / (len(error) - 1)),
            "the mean of the errors is taken away first: np.var does that": changed(SQUARED, loss=lambda error: error.var()),
            "y is added, not subtracted": changed(SQUARED, y=lambda y: -y),
        },
    ),
    "02.2": Exercise(
        SQUARED_BACKWARD,
        [(Y_HAT, Y), (Y_HAT[:3], Y[1:4])],
        mistakes={
            "1/B is missing: the loss is a mean": lambda y_hat, y: 2 * (y_hat - y),
            "the factor 2 is missing": lambda y_hat, y: (y_hat - y) / len(y),
            "the factor 2 and 1/B are missing": lambda y_hat, y: y_hat - y,
            "y is missing": lambda y_hat, y: 2 * y_hat / len(y),
            "the sign: prediction minus target": lambda y_hat, y: 2 * (y - y_hat) / len(y),
            "averaged: each row has its own slope": lambda y_hat, y: np.mean(2 * (y_hat - y)),
            "still squared: with the 2 the square must go": lambda y_hat, y: 2 * (y_hat - y) ** 2 / len(y),
            "divided by the root of B": lambda y_hat, y: 2 * (y_hat - y) / np.sqrt(len(y)),
            "the third power: the derivative of u**2 is 2 u": lambda y_hat, y: 2 * (y_hat - y) ** 3 / len(y),
            "the gradient of the root: this loss has none": lambda y_hat, y: (
                (y_hat - y) / len(y) / np.sqrt(np.mean((y_hat - y) ** 2))),
            "multiplied by B, not divided": lambda y_hat, y: 2 * (y_hat - y) * len(y),
            "only the sign of the error: that is the slope of its absolute value": lambda y_hat, y: (
                np.sign(y_hat - y) / len(y)),
            "still squared: this is the loss of each row": lambda y_hat, y: (y_hat - y) ** 2,
            "still squared: the derivative of u**2 is 2 u": lambda y_hat, y: (y_hat - y) ** 2 / len(y),
            "y is added, not subtracted": lambda y_hat, y: 2 * (y_hat + y) / len(y),
        },
    ),
    "02.3": Exercise(
        SOFTPLUS,
        [(LOGITS,), (FAR,), (np.array([-36.0, -38.0]),)],
        mistakes={
            "it overflows: the exponent must never be positive": lambda z: np.log1p(np.exp(z)),
            "max(z, 0) is missing": lambda z: np.log1p(np.exp(-np.abs(z))),
            "it must be max(z, 0) outside and -|z| in the exponent": lambda z: np.abs(z) + np.log1p(np.exp(-np.abs(z))),
            "the sign: -|z| is never positive": lambda z: np.maximum(z, 0) + np.log1p(np.exp(np.abs(z))),
            "log in the place of log1p": lambda z: np.maximum(z, 0) + np.log(np.exp(-np.abs(z))),
            "only max(z, 0): the logarithm is missing": lambda z: np.maximum(z, 0),
            "the logarithm is missing": lambda z: np.maximum(z, 0) + np.exp(-np.abs(z)),
            "log(1 + u) loses the digits of a tiny u, and if u is exp(z), it overflows: log1p, and no positive exponent": lambda z: (
                np.maximum(z, 0) + np.log(1 + np.exp(-np.abs(z)))),
            "that is the form for z > 0: for z < 0 it overflows": lambda z: z + np.log1p(np.exp(-z)),
            "the logarithm is taken away, not added": lambda z: np.maximum(z, 0) - np.log1p(np.exp(-np.abs(z))),
            "the logarithm to the base 2": lambda z: np.maximum(z, 0) + np.log2(1 + np.exp(-np.abs(z))),
            "log1p of expm1: log1p takes exp": lambda z: np.maximum(z, 0) + np.log1p(np.expm1(-np.abs(z))),
            "max(z, 0), not max(z, 1)": lambda z: np.maximum(z, 1) + np.log1p(np.exp(-np.abs(z))),
            "that is the sigmoid, the slope of softplus": lambda z: sigmoid(z),
            "1 is added twice: log1p adds it": lambda z: np.maximum(z, 0) + np.log1p(1 + np.exp(-np.abs(z))),
            **{f"z is clipped at {clip}: a large z must come back whole": lambda z, clip=clip: np.log1p(
                np.exp(np.clip(z, -clip, clip))) for clip in (20, 30, 50, 100, 500, 700)},
            "use np.maximum: max compares single numbers": lambda z: max(z, 0) + np.log1p(np.exp(-np.abs(z))),
            "min in the place of max": lambda z: np.minimum(z, 0) + np.log1p(np.exp(-np.abs(z))),
        },
        same=lambda value, name: np.where(np.abs(value) < 1e-9, 1e16 * np.asarray(value), value),    # tiny ones count, too
    ),
    "02.4": Exercise(
        LOGISTIC,
        [(LOGITS, Y01), (FAR, FAR01)],
        mistakes={
            "the sum in the place of the mean": lambda y_hat, y: np.sum(SOFTPLUS(y_hat) - y * y_hat),
            "y y_hat is missing": lambda y_hat, y: np.mean(SOFTPLUS(y_hat)),
            "y y_hat is added, not subtracted": lambda y_hat, y: np.mean(SOFTPLUS(y_hat) + y * y_hat),
            "y is subtracted, not y y_hat": lambda y_hat, y: np.mean(SOFTPLUS(y_hat) - y),
            "not yet averaged over the rows": lambda y_hat, y: SOFTPLUS(y_hat) - y * y_hat,
            "the sign in softplus: it takes y_hat": lambda y_hat, y: np.mean(SOFTPLUS(-y_hat) - y * y_hat),
            "it overflows: use softplus": lambda y_hat, y: np.mean(np.log(1 + np.exp(y_hat)) - y * y_hat),
            "a probability is 0 or 1 there: use softplus": lambda y_hat, y: -np.mean(
                y * np.log(sigmoid(y_hat)) + (1 - y) * np.log(1 - sigmoid(y_hat))),
            "that is the form for classes of -1 and 1": lambda y_hat, y: np.mean(SOFTPLUS(-y * y_hat)),
            "the squared loss of the probability": lambda y_hat, y: np.mean((sigmoid(y_hat) - y) ** 2),
            "the sigmoid in the place of softplus": lambda y_hat, y: np.mean(sigmoid(y_hat) - y * y_hat),
            "only the rows with y = 0 count": lambda y_hat, y: np.mean((1 - y) * SOFTPLUS(y_hat)),
            "y y_hat is taken away, and does not go into softplus": lambda y_hat, y: np.mean(SOFTPLUS(y * y_hat)),
            "the labels are exchanged: y_hat is the logit of 1": lambda y_hat, y: np.mean(SOFTPLUS(y_hat) - (1 - y) * y_hat),
            "y does not go into softplus": lambda y_hat, y: np.mean(SOFTPLUS(y_hat - y)),
            "the sign: softplus comes first": lambda y_hat, y: np.mean(y * y_hat - SOFTPLUS(y_hat)),
            "only the rows with y = 1 count": lambda y_hat, y: np.mean(y * SOFTPLUS(-y_hat)),
        },
    ),
    "02.5": Exercise(
        LOGISTIC_BACKWARD,
        [(LOGITS, Y01), (FAR, FAR01)],
        mistakes={
            "1/B is missing: the loss is a mean": lambda y_hat, y: sigmoid(y_hat) - y,
            "the sign: probability minus target": lambda y_hat, y: (y - sigmoid(y_hat)) / len(y),
            "y_hat is a logit: the sigmoid is missing": lambda y_hat, y: (y_hat - y) / len(y),
            "a factor 2: it belongs to the squared loss": lambda y_hat, y: 2 * (sigmoid(y_hat) - y) / len(y),
            "y is missing": lambda y_hat, y: sigmoid(y_hat) / len(y),
            "the derivative of softplus is the sigmoid": lambda y_hat, y: (SOFTPLUS(y_hat) - y) / len(y),
            "the slope of the sigmoid is too much: the logarithm cancels it": lambda y_hat, y: (
                sigmoid(y_hat) - y) * sigmoid(y_hat) * sigmoid(-y_hat) / len(y),
            "the slope of the sigmoid, not the sigmoid": lambda y_hat, y: sigmoid(y_hat) * sigmoid(-y_hat) / len(y),
            "the slope of the sigmoid in the place of the sigmoid": lambda y_hat, y: (
                sigmoid(y_hat) * sigmoid(-y_hat) - y) / len(y),
            "the derivative of y y_hat is y": lambda y_hat, y: (sigmoid(y_hat) - y * y_hat) / len(y),
            "that is for the squared loss of the probability": lambda y_hat, y: (
                2 * (sigmoid(y_hat) - y) * sigmoid(y_hat) * sigmoid(-y_hat) / len(y)),
            "tanh in the place of the sigmoid": lambda y_hat, y: (np.tanh(y_hat) - y) / len(y),
            "the logarithm of the sigmoid": lambda y_hat, y: (-SOFTPLUS(-y_hat) - y) / len(y),
            "y is no factor of the sigmoid: subtract it": lambda y_hat, y: sigmoid(y_hat) * (1 - y) / len(y),
            "the sigmoid is taken twice": lambda y_hat, y: (sigmoid(sigmoid(y_hat)) - y) / len(y),
            "0 or 1 in the place of the probability": lambda y_hat, y: ((y_hat > 0) - y) / len(y),
            "exp overflows: losses.sigmoid does not": lambda y_hat, y: (np.exp(y_hat) / (1 + np.exp(y_hat)) - y) / len(y),
            "sigmoid(-y_hat): the sign of the exponent": lambda y_hat, y: (sigmoid(-y_hat) - y) / len(y),
            "averaged: each row has its own slope": lambda y_hat, y: np.mean(sigmoid(y_hat) - y),
        },
    ),
    "02.6": Exercise(
        SGD,
        [(THETA, G, 0.3)],
        mistakes={
            "the sign of the step: it goes up the slope": changed(SGD, lr=lambda lr: -lr),
            "lr is missing": changed(SGD, lr=lambda lr: 1.0),
            "only the step: theta is missing": changed(SGD, theta=lambda theta: 0.0),
            "divided by lr": changed(SGD, lr=lambda lr: 1 / lr),
            "theta is scaled, too: only the gradient is": lambda theta, g, lr: lr * (theta - g),
            "theta shrinks as well: only the gradient moves it": lambda theta, g, lr: (1 - lr) * theta - lr * g,
            "theta is a factor of the step": lambda theta, g, lr: theta - lr * g * theta,
        },
    ),
    "02.7": Exercise(
        ADAGRAD,
        [(THETA, G, ACC, 0.3, 0.05)],
        keeps=True,
        mistakes={
            "g is not squared in acc": changed(ADAGRAD, acc_new=lambda g, acc: acc + g),
            "the size of g, not its square, goes into acc": changed(ADAGRAD, acc_new=lambda g, acc: acc + np.abs(g)),
            "the square is taken away: add it": changed(ADAGRAD, acc_new=lambda g, acc: acc - g**2),
            "lr does not go into acc": changed(ADAGRAD, acc_new=lambda g, acc, lr: acc + lr * g**2),
            "eps is squared, in the root": changed(ADAGRAD, root=lambda acc_new, eps: np.sqrt(acc_new + eps**2)),
            "a cube root: it is a square root": changed(ADAGRAD, root=lambda acc_new, eps: np.cbrt(acc_new) + eps),
            "the squares of a column are added up: each entry has its own": changed(
                ADAGRAD, acc_new=lambda g, acc: acc + (g**2).sum(axis=0)),
            "acc fades: that is RMSprop": changed(ADAGRAD, acc_new=lambda g, acc: 0.9 * acc + 0.1 * g**2),
            "acc holds the sum of the squares, not its root": changed(
                ADAGRAD, acc_new=lambda g, acc: np.sqrt(acc + g**2), root=lambda acc_new, eps: acc_new + eps),
            "the old acc is forgotten: add to it": changed(ADAGRAD, acc_new=lambda g: g**2),
            "the step takes the old acc": changed(ADAGRAD, root=lambda acc, eps: np.sqrt(acc) + eps),
            "eps belongs outside the root": changed(ADAGRAD, root=lambda acc_new, eps: np.sqrt(acc_new + eps)),
            "eps is missing": changed(ADAGRAD, root=lambda acc_new: np.sqrt(acc_new)),
            "the root is missing": changed(ADAGRAD, root=lambda acc_new, eps: acc_new + eps),
            "the sign of the step: it goes up the slope": changed(ADAGRAD, lr=lambda lr: -lr),
            "lr is missing": changed(ADAGRAD, lr=lambda lr: 1.0),
            "g is missing in the step": changed(ADAGRAD, theta_new=lambda theta, root, lr: theta - lr / root),
            "only the step: theta is missing": changed(ADAGRAD, theta=lambda theta: 0.0),
            "swapped: theta_new comes first": lambda theta, g, acc, lr, eps: ADAGRAD(theta, g, acc, lr, eps)[::-1],
            "the new acc is not returned": lambda theta, g, acc, lr, eps: (ADAGRAD(theta, g, acc, lr, eps)[0], acc),
            "brackets: eps is added to the root, not to the quotient": lambda theta, g, acc, lr, eps: (
                ADAGRAD(theta, g, acc, lr, 0.0)[0] + eps, acc + g**2),
        },
    ),
    "02.8": Exercise(
        fit,
        [(START, ROWS, Y_HAT[[0, 1, 2, 3, 4, 0, 2]], optim.SGD(0.05), np.random.default_rng(1), 2, 3)],
        ("params", "history"),
        {
            "not shuffled: rows come from order": partial(fit, pick=lambda order, i, n: np.sort(order)[i : i + n]),
            "always the first rows: the batch begins at start": partial(fit, pick=lambda order, i, size: order[:size]),
            "a batch ends at start + batch_size": partial(fit, pick=lambda order, i, size: order[i:]),
            "a batch is empty: it goes from start to start + batch_size": partial(fit, pick=lambda order, i, size: order[i:size]),
            "a batch is empty: take order[start : start + batch_size]": lambda params, epochs: (params, [np.nan] * epochs),
            "a batch is empty: it ends at start + batch_size": lambda: 2 / 0,             # a reader's 2 / len(y)
            "the loss is one number: use squared_backward": partial(fit, slope=losses.squared_forward),
            "the forward pass of all rows: take batch[rows]": lambda params, batch, y: (
                params, fm.forward(params, batch)[0] - y[:3]),
            "all rows: a batch holds batch_size of them": partial(fit, pick=lambda order, i, size: order),
            "one row too few: the end of a slice is not in it already": partial(
                fit, pick=lambda order, i, size: order[i : i + size - 1]),
            "one row too many: the end of a slice is not in it": partial(
                fit, pick=lambda order, i, size: order[i : i + size + 1]),
            "from the end: the order is gone through from its start": partial(
                fit, pick=lambda order, i, size: order[::-1][i : i + size]),
            "half of dy_hat: use squared_backward": partial(fit, slope=lambda y_hat, y: (y_hat - y) / len(y)),
            "twice dy_hat: use squared_backward": partial(fit, slope=lambda y_hat, y: 4 * (y_hat - y) / len(y)),
            "only the sign of the error: use squared_backward": partial(fit, slope=lambda y_hat, y: np.sign(y_hat - y) / len(y)),
            "the targets in the place of dy_hat: use squared_backward": partial(fit, slope=lambda y_hat, y: y),
            "one row: a batch holds batch_size of them": partial(fit, pick=lambda order, i, size: order[i : i + 1]),
            "every second or third row: the batch is a slice of neighbours": partial(
                fit, pick=lambda order, i, size: order[i // size :: -(-len(order) // size)]),
            "y_hat in the place of dy_hat: use squared_backward": partial(fit, slope=lambda y_hat, y: y_hat),
            "ones in the place of dy_hat: use squared_backward": partial(fit, slope=lambda y_hat, y: np.ones(len(y))),
            "the loss in the place of dy_hat: use squared_backward": partial(
                fit, slope=lambda y_hat, y: np.full(len(y), losses.squared_forward(y_hat, y))),
            "divided by all rows, not by those of the batch": partial(fit, slope=lambda y_hat, y: 2 * (y_hat - y) / 7),
            "the slope of another loss: use squared_backward": partial(
                fit, slope=lambda y_hat, y: (sigmoid(y_hat) - y) / len(y)),
            "dy_hat is averaged: each row has its own": partial(
                fit, slope=lambda y_hat, y: 0 * y + 2 * np.mean(y_hat - y) / len(y)),
            "1/B is missing in dy_hat": partial(fit, slope=lambda y_hat, y: 2 * (y_hat - y)),
            "the sign of dy_hat": partial(fit, slope=lambda y_hat, y: losses.squared_backward(y, y_hat)),
            "dy_hat is the plain error: use squared_backward": partial(fit, slope=lambda y_hat, y: y_hat - y),
            "the targets of all rows: take y[rows]": _targets_unsorted,
        },
        order=("history", "params"),
        same=lambda part, name: np.concatenate([*map(np.ravel, part.values())]) if isinstance(part, dict) else part,
    ),
}  # fmt: skip
