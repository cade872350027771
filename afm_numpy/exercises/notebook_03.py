"""Exercises of 03_pairs.ipynb."""

import numpy as np

from .. import afm, attention
from .._types import Array
from . import Exercise

__all__ = ["EXERCISES"]

rng = np.random.default_rng(104)
M1, M2, P1, P2 = rng.standard_normal((3, 6, 5)), rng.standard_normal((2, 3, 4)), *map(rng.standard_normal, (5, 4))
V1, V2 = rng.standard_normal((7, 5)), rng.standard_normal((6, 4))
E1, E2, DT1, DT2 = *rng.standard_normal((2, 4, 3, 5)), *rng.standard_normal((2, 4, 5))
E2[0, 1, 2] = E2[2, 0, 3] = 0.0
DPOOLED = rng.standard_normal((4, 5))
MASK = np.array([[1, 1, 1, 1, 1, 1], [1, 1, 0, 1, 0, 0], [0, 0, 0, 0, 0, 1], [0, 0, 0, 0, 0, 0]], bool)
IDX = np.array([[0, 3, 5, 2], [3, 1, 6, 4], [5, 3, 6, 1]])
DE, X = rng.standard_normal((3, 4, 5)), rng.uniform(2, 3, (3, 4))


def triple_backward(dT: Array, E: Array) -> Array:
    e0, e1, e2 = E[:, 0], E[:, 1], E[:, 2]
    return np.stack([dT * e1 * e2, dT * e0 * e2, dT * e0 * e1], axis=1)


def triple_by_division(dT: Array, E: Array) -> Array:
    with np.errstate(all="ignore"):
        return (dT * E.prod(axis=1))[:, None] / E


def mean_pooling_backward(dpooled: Array, mask: Array) -> Array:
    M = np.zeros((*mask.shape, dpooled.shape[1]))
    return afm.pooling_backward(dpooled, attention.uniform_forward(mask, float), M)[1]


def mean_without_guard(dpooled: Array, mask: Array) -> Array:
    with np.errstate(all="ignore"):
        return (mask / mask.sum(axis=1, keepdims=True))[:, :, None] * dpooled[:, None]


def mean_with_absent(dpooled: Array, mask: Array) -> Array:
    return np.ones(mask.shape)[:, :, None] * (dpooled / np.maximum(mask.sum(axis=1, keepdims=True), 1))[:, None]


EXERCISES = {
    "03.1": Exercise(
        lambda M, p: M @ p,
        [(M1, P1), (M2, P2)],
        ("score",),
        {
            "p is missing: this is the dot product": lambda M, p: M.sum(axis=2),
            "averaged over the factors, not summed": lambda M, p: (M * p).mean(axis=2),
            "summed over the pairs, not over the factors": lambda M, p: (M * p).sum(axis=1),
            "not summed over the factors": lambda M, p: M * p,
        },
    ),
    "03.2": Exercise(
        lambda V, p: V * np.sqrt(p),
        [(V1, P1**2), (V2, P2**2 + 0.1)],
        ("V",),
        {
            "p counts twice: both sides of a product take it": lambda V, p: V * p,
            "squared instead of the square root": lambda V, p: V * p**2,
            "divided instead of multiplied": lambda V, p: V / np.sqrt(p),
            "V is not changed": lambda V, p: V,
        },
        same=lambda V: V @ V.T,  # a sign or a rotation of the factors changes no inner product
    ),
    "03.3": Exercise(
        triple_backward,
        [(DT1, E1), (DT2, E2)],
        ("dE",),
        {
            "divided by an entry that is 0": triple_by_division,
            "e_i itself is still in the product": lambda dT, E: np.repeat((dT * E.prod(axis=1))[:, None], 3, axis=1),
            "dT is missing": lambda dT, E: triple_backward(np.ones_like(dT), E),
            "the axes are exchanged: rows first, then the three features": lambda dT, E: (
                triple_backward(dT, E).swapaxes(0, 1)),
            "the sign is wrong": lambda dT, E: -triple_backward(dT, E),
            "the sum of the other two, not their product": lambda dT, E: (
                dT[:, None] * (E.sum(axis=1, keepdims=True) - E)
            ),
        },
    ),
    "03.4": Exercise(
        mean_pooling_backward,
        [(DPOOLED, MASK), (DPOOLED[1:, :3], MASK[1:])],
        ("dM",),
        {
            "0 / 0 in the row without a pair": mean_without_guard,
            "divided by all P pairs, not by those present": lambda dpooled, mask: (
                mask[:, :, None] * dpooled[:, None] / mask.shape[1]
            ),
            "not divided by the number of pairs": lambda dpooled, mask: mask[:, :, None] * dpooled[:, None],
            "absent pairs get a gradient, too": mean_with_absent,
            "divided by the number of rows": lambda dpooled, mask: mask[:, :, None] * dpooled[:, None] / len(mask),
            "divided by the number of all present pairs: each row has its own": lambda dpooled, mask: (
                mask[:, :, None] * dpooled[:, None] / mask.sum()),
            "the sign is wrong": lambda dpooled, mask: -mean_pooling_backward(dpooled, mask),
        },
    ),
    "03.5": Exercise(
        lambda dE, V, idx, x: (dE * V[idx]).sum(axis=2),
        [(DE, V1, IDX, X), (DE[:2, :3], V1, IDX[:2, :3], X[:2, :3])],
        ("dx",),
        {
            "e in the place of v: the factor x is too much": lambda dE, V, idx, x: (dE * V[idx]).sum(axis=2) * x,
            "not summed over the factors": lambda dE, V, idx, x: dE * V[idx],
            "summed over the slots, not over the factors": lambda dE, V, idx, x: (dE * V[idx]).sum(axis=1),
            "v is missing": lambda dE, V, idx, x: dE.sum(axis=2),
            "divided by x": lambda dE, V, idx, x: (dE * V[idx]).sum(axis=2) / x,
            "the mean over the factors in the place of the sum": lambda dE, V, idx, x: (dE * V[idx]).mean(axis=2),
            "the sign is wrong": lambda dE, V, idx, x: -(dE * V[idx]).sum(axis=2),
        },
    ),
}
