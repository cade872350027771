"""Exercises of 00_start_here.ipynb."""

import numpy as np

from afm_numpy._types import Array, Float

from .exercise import Exercise

rng = np.random.default_rng(100)
EXPONENTIALS = np.array([1.0, 3.0, 1.0])                               # of the scores 0, log 3, 0
M, P = np.array([[2.0, 0.0], [1.0, -3.0], [2.0, 0.0]]), np.array([10.0, 5.0])


def _afm(a: Array, linear: float = 4.0) -> tuple[Array, Float]:
    return a, linear + a @ M @ P


RIGHT = EXPONENTIALS / EXPONENTIALS.sum()

EXERCISES = {
    "00.1": Exercise(
        lambda y_hat: np.argsort(-y_hat)[:3],
        [(rng.standard_normal(10),), (rng.standard_normal(7),)],
        ("places",),
        {
            "the three smallest: argsort begins with the smallest": lambda y_hat: np.argsort(y_hat)[:3],
            "the best comes last: turn the order round": lambda y_hat: np.argsort(y_hat)[-3:],
            "the predictions, not their places": lambda y_hat: -np.sort(-y_hat)[:3],
            "one place too far: the best stands at 0": lambda y_hat: np.argsort(-y_hat)[1:4],
            "the places of four: keep three": lambda y_hat: np.argsort(-y_hat)[:4],
            "True and False for each film, not the places": lambda y_hat: y_hat >= np.sort(y_hat)[-3],
            "the place of each film in the order, and of the last three films": lambda y_hat: np.argsort(np.argsort(y_hat))[-3:],
            "only the best one: three are asked for": lambda y_hat: np.argmax(y_hat),
            "all films: keep the first three": lambda y_hat: np.argsort(-y_hat),
            "the place of each film in the order, not the places of the best": lambda y_hat: np.argsort(
                np.argsort(-y_hat))[:3],
        },
    ),
    "00.2": Exercise(
        6.0,
        names=("y_fm",),
        mistakes={
            "each pair is counted twice": 8.0,
            "a feature is paired with itself as well: it must not be": 22.0,
            "the constant w0 is left out": 1.0,
            "the linear part is left out": 2.0,
            "one of the linear weights is left out": 5.0,
            "w0 is counted twice": 11.0,
            "the signs of the products are lost": 12.0,
            "the pairs are left out, as in the linear model, or one of them is": 4.0,
            "the linear weights are left out": 7.0,
            "the mean of the pairs in the place of their sum": 4 + 2 / 3,
            "the sign of a product, 1 * 1 - 1 * 3 is -2, or of Bob's weight, which is -2": 10.0,
        },
    ),
    "00.3": Exercise(
        _afm(RIGHT),
        names=("a", "y_afm"),
        mistakes={
            "the exponentials are not divided by their sum": _afm(EXPONENTIALS),
            "divided by the number of pairs in the place of the sum": _afm(EXPONENTIALS / 3),
            "the exponential is missing, or exp(0) is taken for 0: it is 1": _afm(np.array([0.0, 1.0, 0.0])),
            "all pairs weigh the same: the scores are not used": _afm(np.full(3, 1 / 3)),
            "the products are added up without their weights": (RIGHT, 4.0 + M.sum(axis=0) @ P),
            "the constant w0 is left out, or the pairs are": (RIGHT, 4.0),
            "the two entries of p are exchanged": (RIGHT, 4.0 + RIGHT @ M @ P[::-1]),
            "the sum of the pairs is divided by their number: the weights sum to 1": (RIGHT, 4.0 + RIGHT @ M @ P / 3),
            "log 3 in the place of exp(log 3), which is 3": _afm(np.array([1, np.log(3), 1]) / (2 + np.log(3))),
            "the sign of a product: 1 * -3 is -3": (RIGHT, 4.0 + RIGHT @ np.abs(M) @ P),
            "p is left out: the entries are only added up": (RIGHT, 4.0 + (RIGHT @ M).sum()),
            "the linear part is left out": _afm(RIGHT, 0.0),
            "only the constant is there of the linear part": _afm(RIGHT, 5.0),
            "the sign of the pairs": (RIGHT, 4.0 - RIGHT @ M @ P),
        },
    ),
}  # fmt: skip
