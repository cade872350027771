"""Answers to 00, 01 and 02 that a reader may well give: the wrong ones with the hint that is allowed ("" is none)."""

import numpy as np
from afm_numpy.exercises.exercise import find

from afm_numpy import fm, losses, optim

sigmoid = losses.sigmoid
forward = find("01.3").right


def softplus(z):
    return np.logaddexp(0, z)


def quiet(answer):
    """The answer as it runs in a notebook, where an overflow is a warning."""

    def quietly(*values):
        with np.errstate(all="ignore"):
            return answer(*values)

    return quietly


def pairs(term):
    """A double sum of `term` over i < j."""
    return lambda V, x: sum(term(V, x, i, j) for i in range(len(x)) for j in range(i + 1, len(x)))


def row_by_row(slot):
    """Contributions added up by id in a loop."""

    def added(up, idx, x, n):
        total = np.zeros((n, *up.shape[2:]))
        for r, s in np.ndindex(idx.shape):
            total[idx[r, s]] += slot(up[r] if up.ndim == 1 else up[r, s], x[r, s])
        return total

    return added


def difference(rule):
    """A slope from f above, below and at each entry."""

    def slopes(f, theta, eps):
        slope = np.zeros_like(theta)
        for at in np.ndindex(theta.shape):
            up, down = theta.copy(), theta.copy()
            up[at] += eps
            down[at] -= eps
            slope[at] = rule(f(up), f(down), f(theta), eps)
        return slope

    return slopes


def loop(slope=losses.squared_backward, rows=lambda order, start, size: order[start : start + size], give=lambda *r: r):
    def fit(params, batch, y, optimizer, rng, epochs, batch_size):
        params, history = {name: value.copy() for name, value in params.items()}, []
        state = optim.init(optimizer, params)
        for _ in range(epochs):
            order, total = rng.permutation(len(y)), 0.0
            for start in range(0, len(y), batch_size):
                at = rows(order, start, batch_size)
                y_hat, cache = fm.forward(params, batch[at])
                total += len(at) * losses.squared_forward(y_hat, y[at])
                optim.step(optimizer, params, fm.backward(slope(y_hat, y[at]), cache), state)
            history.append(total / len(y))
        return give(params, history)

    return fit


def empty_batches(params, batch, y, optimizer, rng, epochs, batch_size):
    """`order[start:batch_size]` with the reader's own loss, whose mean of no rows is NaN."""
    return {name: value + 0.01 for name, value in params.items()}, [np.nan] * epochs


def others(E):
    return E.sum(1)[:, None] - E


RIGHT = {
    "00.1": [lambda y: np.argsort(y)[:-4:-1], lambda y: sorted(range(len(y)), key=lambda place: -y[place])[:3]],
    "00.2": [[6], 6.0],
    "00.3": [(np.array([1, 3, 1]) / 5, 9.0)],
    "01.1": [lambda V, x: sum((V[i] * x[i]) @ (V[j] * x[j]) for i in range(len(x)) for j in range(i))],
    "01.2": [lambda E: sum(E[:, i] * E[:, j] for i in range(E.shape[1]) for j in range(i))],
    "01.3": [lambda w0, w, V, idx, x: [forward(w0, w, V, i[None], v[None])[0] for i, v in zip(idx, x, strict=True)]],
    "01.4": [lambda dy_hat, E: np.einsum("b,bmk->bmk", dy_hat, others(E))],
    "01.5": [lambda dy_hat, idx, x, n: np.bincount(idx.ravel(), (dy_hat[:, None] * x).ravel(), n)],
    "01.6": [row_by_row(lambda up, x: up * x)],
    "01.7": [difference(lambda up, down, at, eps: ((up - at) + (at - down)) / eps / 2)],
    "02.1": [lambda a, b: (a - b) @ (a - b) / len(a)],
    "02.2": [lambda a, b: (a - b) / (len(a) / 2)],
    "02.3": [softplus],
    "02.4": [lambda a, y: np.mean(np.where(y == 1, softplus(-a), softplus(a)))],
    "02.5": [lambda a, y: np.where(y == 1, -sigmoid(-a), sigmoid(a)) / a.size],
    "02.6": [lambda theta, g, lr: theta + -lr * g],
    "02.7": [lambda theta, g, acc, lr, eps: [theta - lr * g / (eps + (acc + g * g) ** 0.5), acc + g * g]],
    "02.8": [loop()],
}

WRONG = {
    "00.1": [
        (lambda y: np.sort(y)[::-1][:3], "the predictions, not their places"),
        (lambda y: [*np.argsort(y)[::-1]], "keep the first three"),
        (lambda y: np.argsort(y)[-3:], "turn the order round"),
        (lambda y: np.argsort(-y)[1:4], "one place too far"),
        (lambda y: np.argsort(abs(y))[::-1][:3], "absolute value of y_hat"),
        (lambda y: int(np.argmax(y)), "three are asked for"),
    ],
    "00.2": [
        (10, "the sign of a product"), (8, "twice"), (22, "with itself"), (1.0, "w0"), (2, "linear part"), (14, ""),
    ],
    "00.3": [
        (([0.2, 0.6, 0.2], 4), "w0 is left out, or the pairs"),
        (([1 / 3] * 3, 4), "the scores are not used"),
        (([0.2, 0.6, 0.2], 5), "the linear part is left out"),
        (([1, 3, 1], 29), "not divided by their sum"),
        (([0, 1, 0], -1), "exp(0)"),
        (([0.25, 0.5, 0.25], 6), ""),
    ],
    "01.1": [
        (pairs(lambda V, x, i, j: V[i] @ V[j] * x[i]), "only one of the two values"),
        (pairs(lambda V, x, i, j: V[i] @ V[j] * x[j]), "only x[j]"),
        (pairs(lambda V, x, i, j: (V[i] * V[j]).sum()), "the values x are missing"),
        (pairs(lambda V, x, i, j: V[i] @ V[j] * (x[i] + x[j])), "x[i] + x[j]"),
        (pairs(lambda V, x, i, j: V[i] * V[j] * x[i] * x[j]), "use @"),
        (pairs(lambda V, x, i, j: 2 * V[i] @ V[j] * x[i] * x[j]), "counted twice"),
    ],
    "01.2": [
        (lambda E: 0.5 * (E.sum(0) ** 2 - (E**2).sum(0)), "the slots are axis 1"),
        (lambda E: E.sum(1) ** 2 - (E**2).sum(1), "the factor 1/2"),
        (lambda E: 0.5 * ((E**2).sum(1) - E.sum(1) ** 2), "the sign"),
        (lambda E: 0.5 * (E.sum(1) ** 2 - E.sum(1)), "e is not squared"),
        (lambda E: 0.5 * E.sum(1) ** 2, "sum_e2 is not subtracted"),
        (lambda E: 0.5 * (E.sum(-1) ** 2 - (E**2).sum(-1)), "the slots are axis 1"),
        (lambda E: E.prod(1), ""),
        (lambda E: (E.sum(1) - (E**2).sum(1)) ** 2 / 2, ""),
    ],
    "01.3": [
        (lambda w0, w, V, idx, x: forward(w0, w, V, idx, 1.0 * (x != 0)), ""),
        (lambda w0, w, V, idx, x: forward(w0, w, V, idx, x) - w0, "the constant w0 is missing"),
        (lambda w0, w, V, idx, x: forward(w0, 0 * w, V, idx, x), "the linear part is missing"),
        (lambda w0, w, V, idx, x: w0 + (w[idx] * x).sum(1), "the pairs are missing"),
        (lambda w0, w, V, idx, x: forward(w0 * x.shape[1], w, V, idx, x), "once for each slot"),
        (lambda w0, w, V, idx, x: forward(w0, w / 2, V, idx, x), "a factor 1/2 at linear"),
    ],
    "01.4": [
        (lambda d, E: d[:, None, None] * (E - E.sum(1, keepdims=True)), "the sign"),
        (lambda d, E: others(E), "dy_hat is missing"),
        (lambda d, E: d[:, None, None] * (E.sum(1) - E), "keepdims"),
        (lambda d, E: 2 * d[:, None, None] * others(E), "twice"),
        (lambda d, E: d[:, None, None] * (others(E) - E), "taken away twice"),
        (lambda d, E: d[:, None, None] * E.sum(1)[:, None] + 0 * E, "e_i itself"),
        (lambda d, E: d[:, None, None] * E.sum(1)[:, None], "e_i itself"),
        (lambda d, E: d * others(E), "dy_hat needs [:, None, None]"),
        (lambda d, E: d[:, None, None] * E, "e_i itself in the place"),
    ],
    "01.5": [
        (row_by_row(lambda up, x: x), "the factor dy_hat is missing"),
        (row_by_row(lambda up, x: up), "an empty slot must add nothing"),
        (row_by_row(lambda up, x: -up * x), "the sign"),
        (row_by_row(lambda up, x: up * x * x), "x squared"),
        (lambda up, idx, x, n: up[:, None] * x, "not yet added up"),
        (row_by_row(lambda up, x: up + x), ""),
    ],
    "01.6": [
        (row_by_row(lambda up, x: up), "an empty slot must add nothing"),
        (row_by_row(lambda up, x: -up * x), "the sign"),
        (row_by_row(lambda up, x: up * x / 3), "averaged over the rows"),
        (lambda up, idx, x, n: up * x, "needs [:, None]"),
        (lambda up, idx, x, n: row_by_row(lambda up, x: up * x)(up, idx, x, n).T, "transposed"),
        (row_by_row(lambda up, x: np.sign(up) * x), "some rows are right"),
    ],
    "01.7": [
        (difference(lambda up, down, at, eps: (up - down) / eps), "2 eps apart"),
        (difference(lambda up, down, at, eps: (up - down) / 2 * eps), "brackets"),
        (difference(lambda up, down, at, eps: (down - up) / (2 * eps)), "the sign"),
        (difference(lambda up, down, at, eps: (up - at) / eps), "go down by eps"),
        (difference(lambda up, down, at, eps: up - down), "not divided by the step"),
        (difference(lambda up, down, at, eps: (up + down) / (2 * eps)), "added: subtract"),
    ],
    "02.1": [
        (lambda a, b: np.mean(a - b), "not squared"),
        (lambda a, b: (a - b) @ (a - b), "the sum in the place of the mean"),
        (lambda a, b: np.mean((b - a) ** 2) / 2, "no 1/2"),
        (lambda a, b: np.mean(a**2 - b**2), "subtract first"),
        (lambda a, b: np.sqrt(((a - b) ** 2).mean()), "the root"),
        (lambda a, b: np.linalg.norm(a - b), ""),
    ],
    "02.2": [
        (lambda a, b: a - b, "the factor 2 and 1/B"),
        (lambda a, b: 2 * (b - a) / len(a), "the sign"),
        (lambda a, b: (a - b) ** 2 / len(a), "still squared"),
        (lambda a, b: 2 * np.mean(a - b), "each row has its own slope"),
        (lambda a, b: 2 * a / len(a), "y is missing"),
        (lambda a, b: np.sign(a - b) / len(a), "only the sign"),
    ],
    "02.3": [
        (quiet(lambda z: np.maximum(z, 0) + np.log1p(np.exp(-z))), "-|z| in the exponent"),
        (quiet(lambda z: np.log(1 + np.exp(z))), "it overflows"),
        (lambda z: np.clip(z, 0, None), "only max"),
        (quiet(lambda z: np.maximum(z, 0) + np.log1p(np.exp(np.abs(z)))), "never positive"),
        (lambda z: np.log1p(np.exp(-np.abs(z))), "max(z, 0) is missing"),
        (lambda z: max(z, 0) + np.log1p(np.exp(-np.abs(z))), "use np.maximum"),
        (lambda z: np.maximum(z, 0) * np.log1p(np.exp(-np.abs(z))), ""),
    ],
    "02.4": [
        (lambda a, y: np.sum(softplus(a) - y * a), "the sum in the place of the mean"),
        (lambda a, y: np.mean(softplus(a) - y), "not y y_hat"),
        (lambda a, y: -np.mean(softplus(a) - a * y), "the sign"),
        (lambda a, y: np.mean(softplus(-y * a)), "classes of -1 and 1"),
        (quiet(lambda a, y: -np.mean(np.log(sigmoid(a)) * y + np.log(1 - sigmoid(a)) * (1 - y))), "0 or 1 there"),
        (lambda a, y: np.mean(softplus(a * y)), "does not go into softplus"),
    ],
    "02.5": [
        (lambda a, y: sigmoid(a) - y, "1/B is missing"),
        (lambda a, y: (y - sigmoid(a)) / len(y), "the sign"),
        (lambda a, y: (a - y) / len(y), "the sigmoid is missing"),
        (lambda a, y: (softplus(a) - y) / len(y), "the derivative of softplus"),
        (lambda a, y: 2 * (sigmoid(a) - y) / len(y), "a factor 2"),
        (lambda a, y: sigmoid(a - y) / len(y), ""),
    ],
    "02.6": [
        (lambda theta, g, lr: theta + lr * g, "up the slope"),
        (lambda theta, g, lr: theta - g, "lr is missing"),
        (lambda theta, g, lr: -lr * g, "theta is missing"),
        (lambda theta, g, lr: theta - g / lr, "divided by lr"),
        (lambda theta, g, lr: theta * (1 - lr * g), "a factor of the step"),
        (lambda theta, g, lr: theta - lr * g**2, "g counts twice"),
    ],
    "02.7": [
        (lambda theta, g, acc, lr, eps: (theta - lr * g / np.sqrt(acc + g * g + eps), acc + g * g), "outside the root"),
        (quiet(lambda theta, g, acc, lr, eps: (theta - lr * g / (np.sqrt(acc + g) + eps), acc + g)), "not squared"),
        (lambda theta, g, acc, lr, eps: (theta - lr * g / (np.sqrt(acc + g * g) + eps), acc), "not returned"),
        (lambda theta, g, acc, lr, eps: (theta - lr * g / np.sqrt(acc + g * g), acc + g * g), "eps is missing"),
        (lambda theta, g, acc, lr, eps: (theta - lr / (np.sqrt(acc + g * g) + eps), acc + g * g), "g is missing"),
        (lambda theta, g, acc, lr, eps: (acc + g * g, theta - lr * g / (np.sqrt(acc + g * g) + eps)), "swapped"),
        (lambda theta, g, acc, lr, eps: (theta - lr * g / (acc + g * g + eps), acc + g * g), "the root is missing"),
        (lambda theta, g, acc, lr, eps: (theta - lr * g, acc + g * g), "root is missing in theta_new"),
    ],
    "02.8": [
        (loop(lambda a, y: y - a), ""),
        (loop(lambda a, y: a - y), "the plain error"),
        (loop(lambda a, y: 2 * (a - y)), "1/B is missing"),
        (loop(rows=lambda order, start, size: order[start:]), "ends at start + batch_size"),
        (loop(rows=lambda order, start, size: order[:size]), "begins at start"),
        (loop(rows=lambda order, start, size: order), "all rows"),
        (empty_batches, "a batch is empty"),
        (loop(give=lambda params, history: history), ""),
        (loop(give=lambda params, history: params), ""),
    ],
}  # fmt: skip
