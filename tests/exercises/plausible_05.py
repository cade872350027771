"""Answers to 05_trust.ipynb that a reader may give: the wrong ones with the hint that is allowed ("" is none).

The first wrong answer to 05.4 to 05.10 is the code that the notebook hands out: `check` says so, but not what is wrong.
"""

import numpy as np
from afm_numpy.exercises.exercise import find
from afm_numpy.exercises.steps import changed


def wrong(number, **lines):
    return changed(find(number).right, **lines)


def error_in_loops(f, theta, by_hand):
    measured = np.empty(theta.shape)
    for at in np.ndindex(theta.shape):
        moved = theta.astype(complex)
        moved[at] += 1e-30j
        measured[at] = f(moved).imag / 1e-30
    error = max(abs(measured - by_hand).ravel()) / max(abs(by_hand).ravel())
    return locals()


def by_central_differences(f, theta, by_hand):
    measured = np.empty(theta.shape)
    for at in np.ndindex(theta.shape):
        d = np.zeros(theta.shape)
        d[at] = 1e-5
        measured[at] = (f(theta + d) - f(theta - d)) / 2e-5
    error = np.abs(measured - by_hand).max() / np.abs(by_hand).max()
    return locals()


def by_one_sided_differences(f, theta, by_hand):
    measured = np.empty(theta.shape)
    for at in np.ndindex(theta.shape):
        d = np.zeros(theta.shape)
        d[at] = 1e-3
        measured[at] = (f(theta + d) - f(theta)) / 1e-3
    error = np.abs(measured - by_hand).max() / np.abs(by_hand).max()
    return locals()


def repeats_lost(dy_hat, idx, x, V):
    E = V[idx] * x[:, :, None]
    dE = dy_hat[:, None, None] * (E.sum(axis=1, keepdims=True) - E)
    dV = np.zeros_like(V)
    dV[idx] += dE * x[:, :, None]
    return dV


def slope_of_the_sigmoid_twice(y_hat, y):
    prob = 1 / (1 + np.exp(-y_hat))
    return (prob - y) / len(y) * prob * (1 - prob)


def interactions_with_a_twice(dpooled, M, a, Z, W, h):
    dM_pooling = a[:, :, None] * dpooled[:, None, :]
    da = (dM_pooling * M).sum(axis=2)
    ds = a * (da - (a * da).sum(axis=1, keepdims=True))
    return dM_pooling + (ds[:, :, None] * h * (Z > 0)) @ W.T


def batches_of_many_orders(rng, n, size):
    return [rng.permutation(n)[start : start + size] for start in range(0, n, size)]


def batches_of_lists(rng, n, size):
    order = list(range(n))
    rng.shuffle(order)
    return [order[start : start + size] for start in range(0, n, size)]


RIGHT = {
    "05.1": [lambda u, f, t: (3 * u * f / t) ** (1 / 3)],
    "05.2": [lambda f, theta, d: (f(theta + 1e-20j * d) - f(theta)) / 1e-20j,
             lambda f, theta, d: np.imag(f(theta + 1e-25j * d)) / 1e-25],
    "05.3": [error_in_loops, by_central_differences],
    "05.4": [lambda dy_hat, idx, x, V: sum(np.eye(len(V))[idx[:, i]].T @ (dy_hat[:, None] * x[:, [i]] * sum(
        V[idx[:, j]] * x[:, [j]] for j in range(idx.shape[1]) if j != i)) for i in range(idx.shape[1]))],
    "05.5": [lambda y_hat, y: np.where(y == 1, -1 / (1 + np.exp(y_hat)), 1 / (1 + np.exp(-y_hat))) / y.size],
    "05.6": [lambda da, a: a * (da - np.einsum("bp,bp->b", a, da)[:, None])],
    "05.7": [lambda ds, M, Z, R, h: find("05.7").right(ds, M, Z, np.maximum(Z, 0), h)],
    "05.8": [lambda dpooled, M, a, Z, W, h: find("05.8").right(dpooled, M, a, Z, W, h)],
    "05.9": [lambda theta, acc, g, lr: (theta - lr * g / (np.sqrt(acc + g * g) + 1e-8), acc + g * g)],
    "05.10": [batches_of_lists],
    "05.11": [lambda line, eps: (8 * (line(eps) - line(-eps)) - line(2 * eps) + line(-2 * eps)) / (12 * eps)],
    "05.12": [lambda ds, z, h: (np.outer(ds, h) / (1 + np.exp(-z)), np.logaddexp(z, 0).T @ ds)],
}  # fmt: skip

WRONG = {
    "05.1": [
        (lambda u, f, t: (6 * u * f / t) ** (1 / 3), "not smallest"),
        (lambda u, f, t: u ** (1 / 3), "u alone"),
        (lambda u, f, t: 3 * u * f / t, "the root is missing"),
        (lambda u, f, t: np.cbrt(u * f / t) / 3, "every entry has the factor"),
        (lambda u, f, t: (3 * u * f / t) ** 3, "the cube in the place of"),
        (lambda u, f, t: np.sqrt(u * f / t), ""),
    ],
    "05.2": [
        (lambda f, theta, d: (f(theta + 1e-6 * d) - f(theta - 1e-6 * d)) / 2e-6, "it raised TypeError"),
        (lambda f, theta, d: f(theta + 1e-20j * d).real, ""),
        (lambda f, theta, d: f(theta + 1e-20j * d).imag, "not divided by eps"),
        (lambda f, theta, d: f(theta + 1e-20j * np.ones_like(d)).imag / 1e-20, "d is forgotten"),
        (lambda f, theta, d: abs(f(theta + 1e-20j * d)) / 1e-20, "the size, not the imaginary"),
        (lambda f, theta, d: -f(theta + 1e-20j * d).imag / 1e-20, "the sign is wrong"),
    ],
    "05.3": [
        (by_one_sided_differences, ""),
        (wrong("05.3", error=lambda measured, by_hand: (np.abs(measured - by_hand) / np.abs(by_hand)).mean()), ""),
        (wrong("05.3", error=lambda measured, by_hand: np.abs(measured - by_hand).max() / np.abs(measured).max()),
         "divided"),
        (wrong("05.3", error=lambda measured, by_hand: np.abs(measured - by_hand).max() / np.abs(by_hand).min()),
         "divided"),
        (wrong("05.3", measured=lambda f, theta: 2 * find("05.3").right.lines["measured"](f, theta)), "twice"),
        (wrong("05.3", measured=lambda f, theta, by_hand: by_hand), "by_hand is not measured"),
    ],
    "05.4": [
        (repeats_lost, "handed out"),
        (wrong("05.4", dE=lambda dy_hat, E: dy_hat[:, None, None] * E), "e_i in the place of the sum"),
        (wrong("05.4", dE=lambda dy_hat, E: 2 * dy_hat[:, None, None] * (E.sum(1, keepdims=True) - E)), "twice"),
        (wrong("05.4", E=lambda V, idx: V[idx]), "x is missing in E"),
        (wrong("05.4", dV=lambda dE, idx, V: find("05.4").right.lines["dV"](dE, 1 + 0.0 * idx, idx, V)), "factor x"),
        (lambda dy_hat, idx, x, V: None, "a result is None"),
    ],
    "05.5": [
        (slope_of_the_sigmoid_twice, "handed out"),
        (lambda y_hat, y: 1 / (1 + np.exp(-y_hat)) - y, "1/B is missing"),
        (lambda y_hat, y: (y - 1 / (1 + np.exp(-y_hat))) / len(y), "the sign is wrong"),
        (lambda y_hat, y: 2 * (1 / (1 + np.exp(-y_hat)) - y) / len(y), "twice too large"),
        (lambda y_hat, y: (np.round(1 / (1 + np.exp(-y_hat))) - y) / len(y), "rounded: the error is that"),
        (lambda y_hat, y: (1 / (1 + np.exp(y_hat)) - y) / len(y), "the sigmoid of -y_hat"),
    ],
    "05.6": [
        (lambda da, a: a * (da - (a * da).sum(axis=1)), "handed out"),
        (lambda da, a: a * (da - (a * da).sum(axis=0, keepdims=True)), "wrong axis"),
        (lambda da, a: a * (da - da.mean(axis=1, keepdims=True)), "plain mean"),
        (lambda da, a: a * da, "a a^T is dropped"),
        (lambda da, a: a * (da + (a * da).sum(axis=1, keepdims=True)), "the sign in the bracket"),
    ],
    "05.7": [
        (wrong("05.7", dh=lambda ds, Z: np.einsum("bp,bpt->t", ds, Z)), "handed out"),
        (wrong("05.7", dh=lambda ds, Z: np.einsum("bp,bpt->t", ds, np.abs(Z))), "does not mend it"),
        (wrong("05.7", dh=lambda ds, Z: np.einsum("bp,bpt->t", ds, Z > 0)), "the gate in the place of R"),
        (wrong("05.7", dh=lambda ds, R: np.einsum("bp,bpt->bt", ds, R)), "not summed over axis 0"),
        (wrong("05.7", dh=lambda ds, R: -np.einsum("bp,bpt->t", ds, R)), "the sign is wrong"),
    ],
    "05.8": [
        (interactions_with_a_twice, "handed out"),
        (wrong("05.8", da=lambda dpooled, M: M.sum(axis=2)), "dpooled is missing in da"),
        (wrong("05.8", da=lambda dpooled, M: 0 * M[:, :, 0]), "through the attention is dropped"),
        (wrong("05.8", dZ=lambda ds, h, Z: ds[:, :, None] * h + 0 * Z), "the gate of ReLU is missing"),
        (wrong("05.8", dM=lambda dZ, W: dZ @ W.T), "through the pooling is dropped"),
        (wrong("05.8", dM=lambda dZ, W, a, dpooled: dZ @ W.T + dpooled[:, None] + 0 * a[:, :, None]), "a is missing"),
    ],
    "05.9": [
        (lambda theta, acc, g, lr: (theta - lr * g / (np.sqrt(acc) + 1e-8), acc + g**2), "handed out"),
        (lambda theta, acc, g, lr: (theta - lr * g / (np.sqrt(g**2) + 1e-8), acc + g**2), "the root of the last"),
        (lambda theta, acc, g, lr: (theta - lr * g, acc + g**2), "not divided: that is plain"),
        (lambda theta, acc, g, lr: (theta - lr * g / (np.sqrt(g**2) + 1e-8), g**2), "acc forgets"),
        (lambda theta, acc, g, lr: (theta + lr * g / (np.sqrt(acc + g**2) + 1e-8), acc + g**2), "up the slope"),
        (lambda theta, acc, g, lr: (theta - lr * g / (np.sqrt(acc + g**2) + 1e-8), acc), "acc itself comes back"),
    ],
    "05.10": [
        (batches_of_many_orders, "handed out"),
        (lambda rng, n, size: [rng.integers(n, size=min(size, n - start)) for start in range(0, n, size)], "anew"),
        (lambda rng, n, size: [np.arange(start, min(start + size, n)) for start in range(0, n, size)], "not shuffled"),
        (lambda rng, n, size: [rng.permutation(n)], "has the wrong length"),
        (lambda rng, n, size: list(rng.permutation(n)[: n // size * size].reshape(-1, size)), "left out"),
        (lambda rng, n, size: np.array_split(rng.permutation(n), n // size + 1), ""),
    ],
    "05.11": [
        (lambda line, eps: (line(eps) - line(-eps)) / (2 * eps), "the narrow difference alone"),
        (lambda line, eps: (line(2 * eps) - line(-2 * eps)) / (4 * eps), "the wide difference alone"),
        (lambda line, eps: (line(eps / 2) - line(-eps / 2)) / eps, "half a step"),
        (lambda line, eps: (line(eps) - line(0)) / eps, "a one-sided difference"),
        (lambda line, eps: (8 * (line(eps) - line(-eps)) - line(2 * eps) + line(-2 * eps)) / (6 * eps), "twice too"),
    ],
    "05.12": [
        (wrong("05.12", dz=lambda ds, z, h: ds[:, None] * h * np.tanh(z)), "tanh in the place of the"),
        (wrong("05.12", dz=lambda ds, z, h: ds[:, None] * h * np.exp(z)), "exp alone: the sigmoid is"),
        (wrong("05.12", dz=lambda ds, z, h: -ds[:, None] * h / (1 + np.exp(-z))), "the sign is wrong"),
        (wrong("05.12", dh=lambda ds, z: np.logaddexp(0, z) * ds[:, None]), "not summed over axis 0"),
        (wrong("05.12", dh=lambda ds, z: ds @ np.log(np.exp(np.maximum(z, 0)))), "relu(z) in the place"),
        (wrong("05.12", dh=lambda ds, z: np.logaddexp(0, z).sum(axis=0)), "ds is missing in dh"),
        (lambda ds, z, h: (np.outer(ds, h) / (1 + np.exp(-z)), np.log1p(np.exp(z)).T @ ds), "overflows"),
    ],
}
