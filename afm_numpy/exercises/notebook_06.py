"""Exercises of 06_adult_income.ipynb."""

import numpy as np

from .._types import Array
from ..losses import sigmoid
from . import Exercise

rng = np.random.default_rng(106)
EDGES = np.array([10.0, 20.0, 25.0, 40.0])
VALUES1, VALUES2 = np.array([10.0, 10.5, 25.0, 3.0, 41.0, 20.0, 40.0]), np.array([24.5, 50.0, 20.0])
MASK1, MASK2 = rng.random((7, 5)) < 0.6, rng.random((4, 3)) < 0.7
MASK1[:, 2] = False  # a pair that no row has
A1, A2 = rng.uniform(0.1, 0.9, (7, 5)), rng.uniform(0.1, 0.9, (4, 3))  # also behind the mask: it must be used
Y_HAT, C = rng.standard_normal((2, 6))
N, K = 9, 4
V, W_LINEAR, SHIFT = rng.standard_normal((N, K)), rng.standard_normal(N), rng.standard_normal(K)
FIELD1, FIELD2 = np.arange(N) < 3, (np.arange(N) >= 5) & (np.arange(N) < 7)


def bin_of(values: Array, edges: Array) -> Array:
    return np.searchsorted(edges, values, side="left")


def mean_present(a: Array, mask: Array) -> Array:
    return _total(a, mask) / np.maximum(mask.sum(axis=0), 1)


def prob_without(y_hat: Array, c: Array) -> Array:
    return sigmoid(y_hat - c)


def absorb(w: Array, V: Array, field: Array, c: Array) -> Array:
    return w - np.where(field, 0, V @ c)


def _total(a: Array, mask: Array) -> Array:
    return np.where(mask, a, 0).sum(axis=0)


EXERCISES = {
    "06.1": Exercise(
        bin_of,
        [(VALUES1, EDGES), (VALUES2, EDGES)],
        ("number",),
        {
            "a value on an edge belongs to the bin below it: mind `side`": lambda values, edges: np.searchsorted(
                edges, values, side="right"),
            "one too many: the first bin has the number 0": lambda values, edges: bin_of(values, edges) + 1,
            "one too few: a value above the first edge is in bin 1": lambda values, edges: bin_of(values, edges) - 1,
        },
    ),
    "06.2": Exercise(
        mean_present,
        [(A1, MASK1), (A2, MASK2)],
        ("mean",),
        {
            "divided by all rows, also by those that lack the pair": lambda a, mask: _total(a, mask) / len(a),
            "the sum, not divided": _total,
            "rows without the pair are counted": lambda a, mask: a.mean(axis=0),
            "a need not be 0 behind the mask: leave absent pairs out of the sum": lambda a, mask: (
                a.sum(axis=0) / np.maximum(mask.sum(axis=0), 1)),
            "wrong axis: the mean runs over the rows": lambda a, mask: (
                np.where(mask, a, 0).sum(axis=1) / np.maximum(mask.sum(axis=1), 1)),
        },
    ),
    "06.3": Exercise(
        prob_without,
        [(Y_HAT, C)],
        ("prob",),
        {
            "probabilities do not add: subtract before the sigmoid": lambda y_hat, c: sigmoid(y_hat) - sigmoid(c),
            "c is log-odds, not a probability: subtract it before the sigmoid": lambda y_hat, c: sigmoid(y_hat) - c,
            "the sigmoid is missing": lambda y_hat, c: y_hat - c,
            "c is added instead of taken away": lambda y_hat, c: sigmoid(y_hat + c),
            "that is how much the probability changes": lambda y_hat, c: sigmoid(y_hat) - sigmoid(y_hat - c),
            "c is not taken away": lambda y_hat, c: sigmoid(y_hat),
            "the sign in front of y_hat": lambda y_hat, c: sigmoid(c - y_hat),
            "that is the probability of c alone": lambda y_hat, c: sigmoid(c),
        },
    ),
    "06.4": Exercise(
        absorb,
        [(W_LINEAR, V, FIELD1, SHIFT), (W_LINEAR, V, FIELD2, SHIFT)],
        ("w_new",),
        {
            "features of the field itself never meet each other: their w stays": lambda w, V, field, c: w - V @ c,
            "the sign: the linear weights must take away what the shift adds": lambda w, V, field, c: (
                w + np.where(field, 0, V @ c)),
            "the other way round: the features outside the field change": lambda w, V, field, c: (
                w - np.where(field, V @ c, 0)),
            "the change of w alone; it is to be added to w": lambda w, V, field, c: -np.where(field, 0, V @ c),
        },
    ),
}  # fmt: skip
