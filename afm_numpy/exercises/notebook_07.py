"""Exercises of 07_when_attention_helps.ipynb."""

import numpy as np

from .._types import Array, Float
from . import Exercise

rng = np.random.default_rng(107)
A1, B1 = 0.6 + 0.1 * rng.standard_normal((2, 3))
A2, B2 = 0.6 + 0.1 * rng.standard_normal((2, 7))
V, P_VECTOR, W = rng.standard_normal((6, 4)), rng.standard_normal(4), rng.standard_normal((4, 3))
BASE, Y = rng.standard_normal((2, 5))
POOLED = rng.standard_normal((5, 4))


def paired(a: Array, b: Array) -> tuple[Float, Float]:
    d = a - b
    return d.mean(), d.std(ddof=1) / np.sqrt(len(d))


def rescaled(V: Array, p: Array, W: Array, c: float) -> tuple[Array, Array, Array]:
    return c * V, p / c**2, W / c**2


def expected_loss(base: Array, pooled: Array, p: Array, y: Array, keep: float) -> Array:
    return _squared(base, pooled, p, y) + (1 - keep) / keep * ((pooled * p) ** 2).sum(axis=1)


def _squared(base: Array, pooled: Array, p: Array, y: Array) -> Array:
    return (base + pooled @ p - y) ** 2


EXERCISES = {
    "07.1": Exercise(
        np.sqrt(3.25),
        names=("sd_of_y",),
        mistakes={
            "that is the variance: take the root": 3.25,
            "the noise is missing": np.sqrt(3),
            "standard deviations do not add, variances do": 3.5,
            "the standard deviation of the noise is 0.5, its variance is 0.25": np.sqrt(3.5),
        },
    ),
    "07.2": Exercise(
        paired,
        [(A1, B1), (A2, B2)],
        ("mean", "se"),
        {
            "the two spreads are taken apart: form the differences first": lambda a, b: (
                (a - b).mean(), np.sqrt((a.var(ddof=1) + b.var(ddof=1)) / len(a))),
            "not divided by the root of S": lambda a, b: ((a - b).mean(), (a - b).std(ddof=1)),
            "divided by S, not by its root": lambda a, b: ((a - b).mean(), (a - b).std(ddof=1) / len(a)),
            "ddof=1 is missing": lambda a, b: ((a - b).mean(), (a - b).std() / np.sqrt(len(a))),
            "the sign: the difference is a - b": lambda a, b: paired(b, a),
            "absolute values: the sign of a difference counts": lambda a, b: paired(np.abs(a - b), np.zeros_like(a)),
            "the median in the place of the mean": lambda a, b: (np.median(a - b), paired(a, b)[1]),
        },
    ),
    "07.3": Exercise(
        rescaled,
        [(V, P_VECTOR, W, 0.5), (V, P_VECTOR, W, 3.0)],
        ("V", "p", "W"),
        {
            "an interaction holds two embeddings, so it grows by c squared": lambda V, p, W, c: (c * V, p / c, W / c),
            "W must change as well, or the attention changes": lambda V, p, W, c: (c * V, p / c**2, W),
            "p must change as well, or the output changes": lambda V, p, W, c: (c * V, p, W / c**2),
            "the wrong way: what V gains, p and W must lose": lambda V, p, W, c: (c * V, p * c**2, W * c**2),
        },
    ),
    "07.4": Exercise(
        expected_loss,
        [(BASE, POOLED, P_VECTOR, Y, 0.8), (BASE[:3], POOLED[:3], P_VECTOR, Y[:3], 0.3)],
        ("loss",),
        {
            "the variance is missing: this is the loss without dropout": lambda base, pooled, p, y, keep: _squared(
                base, pooled, p, y),
            "the variance of z alone: z is divided by keep": lambda base, pooled, p, y, keep: (
                _squared(base, pooled, p, y) + (1 - keep) * keep * ((pooled * p) ** 2).sum(axis=1)),
            "variances add, so square each term before the sum": lambda base, pooled, p, y, keep: (
                _squared(base, pooled, p, y) + (1 - keep) / keep * (pooled @ p) ** 2),
            "keep and 1 - keep are exchanged": lambda base, pooled, p, y, keep: expected_loss(
                base, pooled, p, y, 1 - keep),
            "the variance is taken away, not added": lambda base, pooled, p, y, keep: 2 * _squared(
                base, pooled, p, y) - expected_loss(base, pooled, p, y, keep),
            "the mean over the factors in the place of the sum": lambda base, pooled, p, y, keep: (
                _squared(base, pooled, p, y) + (1 - keep) / keep * ((pooled * p) ** 2).mean(axis=1)),
            "the mean over the rows: the loss of each row is asked for": lambda *inputs: expected_loss(*inputs).mean(),
            "the factor p is missing in the variance": lambda base, pooled, p, y, keep: (
                _squared(base, pooled, p, y) + (1 - keep) / keep * (pooled**2).sum(axis=1)),
        },
    ),
}  # fmt: skip
