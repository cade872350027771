"""Exercises of 01_factorization_machines.ipynb."""

from collections.abc import Callable
from typing import Any

import numpy as np

from .._types import Array
from . import Exercise

rng = np.random.default_rng(101)
E1, E2 = rng.standard_normal((3, 7, 5)), rng.standard_normal((2, 5, 11))   # no two sizes alike, or one apart
DY, DD1, DD2 = (rng.standard_normal(rows) for rows in (3, 3, 2))
IDX, X = np.array([[0, 3, 5, 2], [3, 1, 0, 0], [5, 3, 6, 1]]), rng.uniform(0.5, 2.0, (3, 4))
X[1, 2:] = 0.0                                            # two empty slots: idx 0, x 0


def dw_full(dy_hat: Array, idx: Array, x: Array, n: int) -> Array:
    return _added(idx, dy_hat[:, None] * x, n)


def spread(E: Array) -> Array:
    return E.shape[1] * (E**2).sum(axis=(1, 2)) - (E.sum(axis=1) ** 2).sum(axis=1)


def spread_backward(dD: Array, E: Array) -> Array:
    return 2 * dD[:, None, None] * (E.shape[1] * E - E.sum(axis=1, keepdims=True))


def triples(E: Array, c12: int = -3, c3: float = 2) -> Array:
    """The right sum for the defaults, with 6 T = s1^3 + c12 s1 s2 + c3 s3."""
    return _triples_by_factor(E, c12, c3).sum(axis=1)


def _added(idx: Array, values: Array, n: int) -> Array:
    dw = np.zeros(n)
    np.add.at(dw, idx, values)
    return dw


def _kept_once(dy_hat: Array, idx: Array, x: Array, n: int) -> Array:
    dw = np.zeros(n)
    dw[idx] += dy_hat[:, None] * x
    return dw


def _spread_slope(E: Array, squares: float = 2.0, sums: float = 2.0, axis: int = 1) -> Array:
    """The derivative of D by E for the defaults; dD is still to be multiplied."""
    return squares * E.shape[1] * E - sums * E.sum(axis=axis, keepdims=True)


def _spread_wrong(**wrong: Any) -> Callable[..., Any]:
    return lambda dD, E: dD[:, None, None] * _spread_slope(E, **wrong)


def _spread_size(dD: Array, E: Array, size: int) -> Array:
    return spread_backward(dD, E) + 2 * dD[:, None, None] * (size - E.shape[1]) * E


def _triples_by_factor(E: Array, c12: int = -3, c3: float = 2) -> Array:
    s1, s2, s3 = (np.sum(E**power, axis=1) for power in (1, 2, 3))
    return (s1**3 + c12 * s1 * s2 + c3 * s3) / 6


def _triples_of_sums(E: Array) -> Array:
    """The factors of an embedding are added before the powers are taken."""
    return triples(E.sum(axis=2, keepdims=True))


EXERCISES = {
    "01.1": Exercise(
        7.0,
        names=("pair_term",),
        mistakes={
            "each pair is counted twice": 14.0,
            "the products of a feature with itself are counted as well": 25.0,
            "the values x are left out": 5.0,
        },
    ),
    "01.2": Exercise(
        dw_full,
        [(DY, IDX, X, 8)],
        ("dw",),
        {
            "not summed over repeated ids: use np.add.at": _kept_once,
            "the factor x is missing": lambda dy_hat, idx, x, n: _added(idx, dy_hat[:, None] * (x != 0), n),
            "the factor dy_hat is missing": lambda dy_hat, idx, x, n: _added(idx, x, n),
            "the sign: dw adds up dy_hat x": lambda dy_hat, idx, x, n: -dw_full(dy_hat, idx, x, n),
            "x squared: x is a factor once": lambda dy_hat, idx, x, n: _added(idx, dy_hat[:, None] * x**2, n),
            "averaged over the rows: the mean is in dy_hat already": lambda dy_hat, idx, x, n: (
                dw_full(dy_hat, idx, x, n) / len(x)),
            "the gradient of each slot, not yet added up by feature": lambda dy_hat, idx, x, n: dy_hat[:, None] * x,
        },
    ),
    "01.3": Exercise(
        spread,
        [(E1,), (E2,)],
        ("D",),
        {
            "each pair is counted twice": lambda E: 2 * spread(E),
            "m - 1 in the place of m": lambda E: spread(E) - (E**2).sum(axis=(1, 2)),
            "not summed over the factors": lambda E: E.shape[1] * (E**2).sum(axis=1) - E.sum(axis=1) ** 2,
            "k in the place of m": lambda E: spread(E) + (E.shape[2] - E.shape[1]) * (E**2).sum(axis=(1, 2)),
            "B in the place of m": lambda E: spread(E) + (E.shape[0] - E.shape[1]) * (E**2).sum(axis=(1, 2)),
            "the sign: m times the sum of the squares comes first": lambda E: -spread(E),
            "the factor m is missing": lambda E: spread(E) - (E.shape[1] - 1) * (E**2).sum(axis=(1, 2)),
            "the part with the inner products is missing": lambda E: (E.shape[1] - 1) * (E**2).sum(axis=(1, 2)),
        },
    ),
    "01.4": Exercise(
        spread_backward,
        [(DD1, E1), (DD2, E2)],
        ("dE",),
        {
            "the factor 2 is missing": lambda dD, E: spread_backward(dD, E) / 2,
            "the factor dD is missing": lambda dD, E: spread_backward(np.ones_like(dD), E),
            "the gradient of the square of the sum is dropped": _spread_wrong(sums=0),
            "the gradient of the sum of the squares is dropped": _spread_wrong(squares=0),
            "the sign of the square of the sum is wrong": _spread_wrong(sums=-2),
            "the factor 2 is missing at the square of the sum": _spread_wrong(sums=1),
            "the factor 2 is missing at the sum of the squares": _spread_wrong(squares=1),
            "the factor m is missing": lambda dD, E: 2 * dD[:, None, None] * (E - E.sum(axis=1, keepdims=True)),
            "m - 1 in the place of m": lambda dD, E: spread_backward(dD, E) - 2 * dD[:, None, None] * E,
            "k in the place of m": lambda dD, E: _spread_size(dD, E, E.shape[2]),
            "B in the place of m": lambda dD, E: _spread_size(dD, E, len(E)),
            "the sign: dE is the other way round": lambda dD, E: -spread_backward(dD, E),
            "summed over the wrong axis: the sum runs over the slots": _spread_wrong(axis=2),
            "summed over the rows of the batch: the sum runs over the slots of one row": _spread_wrong(axis=0),
        },
    ),
    "01.5": Exercise(
        triples,
        [(E1,), (E2,)],
        ("T",),
        {
            "each triple is counted six times": lambda E: 6 * triples(E),
            "the term with s3 is dropped": lambda E: triples(E, c3=0),
            "nothing is taken off: terms with equal indices are left": lambda E: triples(E, c12=0, c3=0),
            "the terms with exactly two equal indices are left": lambda E: triples(E, c12=0, c3=-1),
            "the terms with exactly two equal indices are taken off once: how often do they occur?": lambda E: triples(
                E, c12=-1, c3=0),
            "s1 s2 holds the terms with three equal indices, too": lambda E: triples(E, c3=-1),
            "the sign of s3 is wrong": lambda E: triples(E, c3=-2),
            "s3 is added once only": lambda E: triples(E, c3=1),
            "the factors are added up too early: take the powers of each factor by itself": _triples_of_sums,
            "not summed over the factors": _triples_by_factor,
        },
    ),
}  # fmt: skip
