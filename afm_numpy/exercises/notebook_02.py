"""Exercises of 02_learning.ipynb."""

import numpy as np

from .._types import Array, Float
from ..losses import sigmoid
from . import Exercise

rng = np.random.default_rng(102)
SIGNS, LOGITS = np.array([1.0, -1.0, -1.0, 1.0, 1.0]), rng.standard_normal(5)
Y_HAT, Y = rng.standard_normal(4), rng.standard_normal(4)
THETA, ACC, G = rng.standard_normal((3, 2)), rng.uniform(0.5, 2.0, (3, 2)), rng.standard_normal((3, 2))
TABLE, TABLE_ACC = rng.standard_normal((6, 2)), rng.uniform(0.5, 2.0, (6, 2))
IDS, SLOTS = np.array([4, 1, 4, 0, 1, 4]), rng.standard_normal((6, 2))
V = rng.standard_normal((3, 2))


def dy_hat_plus_minus(y_hat: Array, y: Array) -> Array:
    return -y * sigmoid(-y * y_hat) / len(y)


def log_cosh(y_hat: Array, y: Array) -> Float:
    return np.mean(_log_cosh(np.abs(y_hat - y)))


def rmsprop(theta: Array, acc: Array, g: Array, lr: float, rho: float, eps: float) -> tuple[Array, Array]:
    return _moved(theta, rho * acc + (1 - rho) * g**2, g, lr, eps)


def adagrad_rows(theta: Array, acc: Array, ids: Array, g: Array, lr: float, eps: float) -> tuple[Array, Array]:
    total = _summed(theta, ids, g)
    return _moved(theta, acc + total**2, total, lr, eps)


def catch_up(theta: Array, v: Array, s: int, lr: float, mu: float) -> tuple[Array, Array]:
    return theta - lr * v * mu * (1 - mu**s) / (1 - mu), mu**s * v


def _log_cosh(size: Array) -> Array:
    return size + np.log1p(np.exp(-2 * size)) - np.log(2)


def _moved(theta: Array, acc: Array, g: Array, lr: float, eps: float) -> tuple[Array, Array]:
    return theta - lr * g / (np.sqrt(acc) + eps), acc


def _summed(theta: Array, ids: Array, g: Array) -> Array:
    total = np.zeros_like(theta)
    np.add.at(total, ids, g)
    return total


def _rmsprop_old_acc(theta: Array, acc: Array, g: Array, lr: float, rho: float, eps: float) -> tuple[Array, Array]:
    return _moved(theta, acc, g, lr, eps)[0], rho * acc + (1 - rho) * g**2


def _rmsprop_eps_inside(theta: Array, acc: Array, g: Array, lr: float, rho: float, eps: float) -> tuple[Array, Array]:
    acc = rho * acc + (1 - rho) * g**2
    return theta - lr * g / np.sqrt(acc + eps), acc


def _squared_first(theta: Array, acc: Array, ids: Array, g: Array, lr: float, eps: float) -> tuple[Array, Array]:
    return _moved(theta, acc + _summed(theta, ids, g**2), _summed(theta, ids, g), lr, eps)


def _one_kept(theta: Array, acc: Array, ids: Array, g: Array, lr: float, eps: float) -> tuple[Array, Array]:
    total = np.zeros_like(theta)
    total[ids] += g
    return _moved(theta, acc + total**2, total, lr, eps)


def _rows_eps_inside(theta: Array, acc: Array, total: Array, lr: float, eps: float) -> tuple[Array, Array]:
    return theta - lr * total / np.sqrt(acc + total**2 + eps), acc + total**2


def _slot_by_slot(theta: Array, acc: Array, ids: Array, g: Array, lr: float, eps: float) -> tuple[Array, Array]:
    theta, acc = theta.copy(), acc.copy()
    for i, g_i in zip(ids, g, strict=True):
        theta[i], acc[i] = _moved(theta[i], acc[i] + g_i**2, g_i, lr, eps)
    return theta, acc


EXERCISES = {
    "02.1": Exercise(
        dy_hat_plus_minus,
        [(LOGITS, SIGNS), (np.array([1000.0, -1000.0, 0.5]), np.array([-1.0, 1.0, 1.0]))],
        ("dy_hat",),
        {
            "the sign is wrong": lambda y_hat, y: -dy_hat_plus_minus(y_hat, y),
            "the inner derivative -y is missing": lambda y_hat, y: sigmoid(-y * y_hat) / len(y),
            "1/B is missing": lambda y_hat, y: dy_hat_plus_minus(y_hat, y) * len(y),
            "these classes are -1 and 1, not 0 and 1": lambda y_hat, y: (sigmoid(y_hat) - y) / len(y),
            "the sigmoid of y * y_hat in the place of -y * y_hat": lambda y_hat, y: -y * sigmoid(y * y_hat) / len(y),
        },
    ),
    "02.2": Exercise(
        log_cosh,
        [(Y_HAT, Y), (np.array([1000.0, -2.0, 0.1]), np.array([0.0, 1500.0, 0.1]))],
        ("loss",),
        {
            "log 2 is missing": lambda y_hat, y: log_cosh(y_hat, y) + np.log(2),
            "the sum in the place of the mean": lambda y_hat, y: log_cosh(y_hat, y) * len(y),
            "the factor 2 in the exponent is missing": lambda y_hat, y: np.mean(
                np.abs(y_hat - y) + np.log1p(np.exp(-np.abs(y_hat - y))) - np.log(2)),
        },
    ),
    "02.3": Exercise(
        rmsprop,
        [(THETA, ACC, G, 0.3, 0.8, 0.1)],
        ("theta_new", "acc_new"),
        {
            "g is not squared in acc": lambda theta, acc, g, lr, rho, eps: _moved(
                theta, rho * acc + (1 - rho) * np.abs(g), g, lr, eps),
            "the step takes the old acc": _rmsprop_old_acc,
            "eps belongs outside the root": _rmsprop_eps_inside,
            "acc does not fade: that is Adagrad": lambda theta, acc, g, lr, rho, eps: _moved(
                theta, acc + g**2, g, lr, eps),
            "rho and 1 - rho are swapped": lambda theta, acc, g, lr, rho, eps: rmsprop(theta, acc, g, lr, 1 - rho, eps),
            "the sign of the step: it goes up the slope": lambda theta, acc, g, lr, rho, eps: rmsprop(
                theta, acc, g, -lr, rho, eps),
        },
        order=("acc_new", "theta_new"),
    ),
    "02.4": Exercise(
        adagrad_rows,
        [(TABLE, TABLE_ACC, IDS, SLOTS, 0.3, 0.05)],
        ("theta_new", "acc_new"),
        {
            "squared before the repeated ids are summed": _squared_first,
            "not summed over repeated ids: only one contribution is kept": _one_kept,
            "one step a slot: sum the repeated ids, then step once": _slot_by_slot,
            "eps belongs outside the root": lambda theta, acc, ids, g, lr, eps: _rows_eps_inside(
                theta, acc, _summed(theta, ids, g), lr, eps),
            "the step takes the old acc": lambda theta, acc, ids, g, lr, eps: (
                theta - lr * _summed(theta, ids, g) / (np.sqrt(acc) + eps), acc + _summed(theta, ids, g) ** 2),
        },
        order=("acc_new", "theta_new"),
    ),
    "02.5": Exercise(
        catch_up,
        [(THETA, V, 3, 0.3, 0.9), (THETA, V, 0, 0.3, 0.9), (THETA, V, 20, 0.1, 0.5)],
        ("theta_new", "v_new"),
        {
            "the series starts at mu, not at 1": lambda theta, v, s, lr, mu: (
                theta - lr * v * (1 - mu**s) / (1 - mu), mu**s * v),
            "the velocity does not fade": lambda theta, v, s, lr, mu: (catch_up(theta, v, s, lr, mu)[0], v),
            "the series ends after s terms": lambda theta, v, s, lr, mu: (theta - lr * v * mu / (1 - mu), mu**s * v),
            "the velocity fades before each move, so all s moves differ": lambda theta, v, s, lr, mu: (
                theta - lr * v * mu * s, mu**s * v),
            "the sign of the moves: they go down the slope": lambda theta, v, s, lr, mu: catch_up(theta, v, s, -lr, mu),
            "lr is missing": lambda theta, v, s, lr, mu: catch_up(theta, v, s, 1.0, mu),
            "the velocity fades once, not s times": lambda theta, v, s, lr, mu: (
                catch_up(theta, v, s, lr, mu)[0], mu * v),
        },
    ),
}  # fmt: skip
