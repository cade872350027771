"""Exercises of 00_start_here.ipynb."""

import numpy as np

from .._types import Array, Float
from . import Exercise

E, SCORE = np.array([1.0, 3.0, 1.0]), np.array([10.0, -5.0, 20.0])  # exponentials of the scores, and p . m_p


def _weighted(a: Array) -> tuple[Array, Float]:
    return a, a @ SCORE


EXERCISES = {
    "00.1": Exercise(
        13.0,
        names=("y_hat",),
        mistakes={
            "each pair is counted twice": 18.0,
            "the constant w0 is left out, or the values x in the linear part": 11.0,
            "the values x are left out": 10.0,
            "the values x are left out in the pair part": 12.0,
            "a feature is paired with itself as well: it must not be": 28.0,
            "the linear part is left out": 5.0,
            "the pair part is left out": 8.0,
        },
    ),
    "00.2": Exercise(
        91,
        names=("P",),
        mistakes={
            "each pair is counted twice": 182,
            "a feature is paired with itself as well: it must not be": 105,
            "each pair is counted twice, and a feature is paired with itself": 196,
        },
    ),
    "00.3": Exercise(
        _weighted(E / E.sum()),
        names=("a", "pair_part"),
        mistakes={
            "the exponentials are not divided by their sum": _weighted(E),
            "divided by the number of pairs in the place of the sum": _weighted(E / 3),
            "the exponential is missing, or exp(0) is taken for 0: it is 1": _weighted(np.log(E) / np.log(E).sum()),
            "all pairs weigh the same: the scores are not used": _weighted(np.full(3, 1 / 3)),
            "the interaction scores are added up without their weights": (E / E.sum(), SCORE.sum()),
            "the weights times the scores, not yet added up": (E / E.sum(), E / E.sum() * SCORE),
        },
    ),
}
