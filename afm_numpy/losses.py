"""Losses and the L2 penalty, each with its gradient.

The models return a raw y_hat; only the logistic loss and `sigmoid` know that it can be a logit.
Factors of 1/2 and reductions differ between papers and libraries. Ours, and how others convert:

    ours                               elsewhere                                       to get the same minimum
    mean of (y_hat - y)^2              the paper's eq. (7): the sum over the rows      lam_here = lam_there / B
    mean of (y_hat - y)^2              TensorFlow l2_loss(y - y_hat): half the sum     lam_here = 2 lam_there / B
    lam ||W||_F^2                      the paper's eq. (8): the same                   lam_here = lam_there
    lam ||W||_F^2                      Keras l2: the same                              lam_here = lam_there
    lam ||W||_F^2                      TensorFlow l2_loss(W): half a square            lam_here = lam_there / 2
    lam ||W||_F^2, in the gradient     PyTorch weight_decay adds wd * W                lam_here = wd / 2
    lam on the rows a batch touches    PyTorch weight_decay: all rows in every step    no exact equivalent

A weight next to a sum over B rows is B times weaker than the same weight next to a mean.
"""

from typing import NamedTuple

import numpy as np
from scipy import special

from .rowgrad import RowGrad

__all__ = [
    "LOSSES", "Loss", "best_constant", "check_reduction", "check_targets", "get", "l2_backward", "l2_forward",
    "logistic_backward", "logistic_forward", "sigmoid", "squared_backward", "squared_forward",
]  # fmt: skip


# ---- squared loss, eq. (7) -----------------------------------------------------------------------------


def squared_forward(y_hat, y, reduction="mean", weight=None):
    """Squared loss (y_hat - y)^2, without 1/2, eq. (7).

    Parameters
    ----------
    y_hat, y : (B,) arrays
    reduction : {"mean", "sum"}
        Over the rows.
    weight : (B,) array, optional
        Weight of each row; the mean is then sum(weight * loss) / sum(weight), and 0 when all weights are 0.

    Returns
    -------
    float
        Or complex, for complex y_hat.

    Raises
    ------
    ValueError
        For an unknown reduction.

    Examples
    --------
    >>> float(squared_forward(np.array([1.0, 4.0]), np.array([0.0, 2.0])))
    2.5
    """
    return ((y_hat - y) ** 2 * _share(y, reduction, weight)).sum()


def squared_backward(y_hat, y, reduction="mean", weight=None):
    """dy_hat = 2 (y_hat - y), times the share of the row: (B,)."""
    return 2 * (y_hat - y) * _share(y, reduction, weight)


# ---- logistic loss -------------------------------------------------------------------------------------


def logistic_forward(y_hat, y, reduction="mean", weight=None):
    """Logistic loss log(1 + exp(y_hat)) - y y_hat for y in {0, 1}; y_hat is the logit.

    Evaluated as [max(y_hat, 0) - y y_hat] + log(1 + exp(-|y_hat|)), which neither overflows nor loses digits:
    for a row that is predicted right, the bracket is exactly 0.
    Parameters and result as in `squared_forward`.

    Raises
    ------
    ValueError
        For a y that is neither 0 nor 1, with its row, and for an unknown reduction.

    Examples
    --------
    >>> float(logistic_forward(np.array([1e4, -1e4]), np.array([1.0, 0.0])))
    0.0
    """
    check_targets("logistic", y)
    positive = y_hat.real > 0
    linear = np.where(positive, y_hat, 0) - y * y_hat
    rest = np.log1p(np.exp(np.where(positive, -y_hat, y_hat)))
    return ((linear + rest) * _share(y, reduction, weight)).sum()


def logistic_backward(y_hat, y, reduction="mean", weight=None):
    """dy_hat = sigmoid(y_hat) - y, times the share of the row: (B,)."""
    return (sigmoid(y_hat) - y) * _share(y, reduction, weight)


def sigmoid(y_hat):
    """1 / (1 + exp(-y_hat)), the probability that a logit stands for."""
    return special.expit(y_hat)


# ---- the L2 penalty, eq. (8) ---------------------------------------------------------------------------


def l2_forward(params, lam, rows):
    """lam ||W||_F^2 without 1/2, eq. (8); for w and V over the rows that the batch touches. Once a batch.

    Parameters
    ----------
    params : dict
    lam : dict of str to float
        Weights, by the names "W", "w" and "V".
    rows : (U,) integer array
        The distinct ids of the batch, `Batch.rows`.

    Returns
    -------
    float

    Examples
    --------
    >>> float(l2_forward({"V": np.array([[1.0], [2.0], [3.0]])}, {"V": 0.1}, np.array([0, 2])).round(6))
    1.0
    """
    return sum(weight * (theta**2).sum() for _, weight, theta in _penalised(params, lam, rows))


def l2_backward(params, lam, rows):
    """Gradients of l2_forward, 2 lam theta: a dict with RowGrad for w and V."""
    grads = {name: 2 * weight * theta for name, weight, theta in _penalised(params, lam, rows)}
    return {name: grad if name == "W" else RowGrad(rows, grad) for name, grad in grads.items()}


def _penalised(params, lam, rows):
    for name, weight in lam.items():
        if name not in ("W", "w", "V"):
            raise ValueError(f"L2 applies to W, w and V; got {name!r}")
        if not (np.isfinite(weight) and weight >= 0):
            raise ValueError(f"the L2 weight of {name} must be finite and not negative; got {weight!r}")
        if name not in params:
            raise ValueError(f"L2 names {name!r}, which this model does not have; it has {', '.join(params)}")
        yield name, weight, params[name] if name == "W" else params[name][rows]


# ---- by name -------------------------------------------------------------------------------------------


class Loss(NamedTuple):
    """A loss and its gradient with respect to y_hat."""

    forward: object
    backward: object


LOSSES = {
    "squared": Loss(squared_forward, squared_backward),
    "logistic": Loss(logistic_forward, logistic_backward),
}


def get(loss):
    """The functions behind a name; refuses one that does not exist."""
    if loss not in LOSSES:
        raise ValueError(f"unknown loss {loss!r}; choose from {', '.join(LOSSES)}")
    return LOSSES[loss]


def check_reduction(reduction):
    """Refuse a reduction that does not exist."""
    if reduction not in ("mean", "sum"):
        raise ValueError(f"unknown reduction {reduction!r}; choose from mean, sum")


def check_targets(loss, y):
    """Refuse targets that the loss is not made for: the logistic loss wants 0 or 1."""
    if loss == "logistic":
        bad = (y != 0) & (y != 1)
        if bad.any():
            row = np.argmax(bad)
            raise ValueError(f"row {row}: y is {y[row]}; the logistic loss wants 0 or 1")


def best_constant(loss, y, weight=None):
    """The w0 that minimises the loss without any feature: the mean, or its log-odds for the logistic loss.

    Examples
    --------
    >>> best_constant("squared", np.array([1.0, 2.0]))
    1.5
    >>> round(best_constant("logistic", np.array([0, 0, 0, 1])), 6)        # log(0.25 / 0.75)
    -1.098612
    """
    get(loss)
    check_targets(loss, y)
    mean = float(np.average(y, weights=weight))
    if loss == "squared":
        return mean
    half_row = 0.5 / len(y)                                 # one class alone: odds as if half a row disagreed
    return float(special.logit(np.clip(mean, half_row, 1 - half_row)))


def _share(y, reduction, weight):
    """What one row's loss counts: 1 or 1/B, times its weight."""
    check_reduction(reduction)
    if weight is None:
        return 1.0 if reduction == "sum" else 1.0 / len(y)
    return weight if reduction == "sum" else weight / (weight.sum() or 1.0)  # all weights 0: nothing counts
