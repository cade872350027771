"""Exercises of 03_pairs.ipynb."""

from collections.abc import Callable
from typing import Any

import numpy as np

from afm_numpy import afm, attention
from afm_numpy._types import Array

from .exercise import Exercise
from .steps import Steps, changed

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


def pairs_of(E: Array, slots: Callable[..., tuple[Array, ...]] = np.triu_indices, offset: int = 1) -> Array:
    i, j = slots(E.shape[1], offset)
    return E[:, i] * E[:, j]


def added(shape: Any, at: Any, values: Array, repeats: bool = True) -> Array:
    """Zeros with values added at places that may repeat; the mistake keeps one value of each place."""
    total = np.zeros(shape)
    if repeats:
        np.add.at(total, at, values)
    else:
        total[at] += values
    return total


def sides(dM: Array, E: Array, own: bool = False, both: bool = True, repeats: bool = True) -> Array:
    """dE of `pairs_of`: each side gets the gradient times the other side, or not, for the likely mistakes."""
    i, j = np.triu_indices(E.shape[1], 1)
    pairs = ((i, j), (j, i))[: 1 + both]
    parts = [added(E.shape, np.s_[:, a], dM * E[:, a if own else b], repeats) for a, b in pairs]
    return np.sum(parts, axis=0)


def triple_backward(dT: Array, E: Array) -> Array:
    return np.stack([dT * E[:, 1] * E[:, 2], dT * E[:, 0] * E[:, 2], dT * E[:, 0] * E[:, 1]], axis=1)


def mean_pooling_backward(dpooled: Array, mask: Array) -> Array:
    return attention.uniform_forward(mask, float)[:, :, None] * dpooled[:, None]


FORWARD = Steps(
    "M p",
    part=lambda M, p: M @ p,
    pooled=lambda M: M.sum(axis=1),
    y_pair=lambda pooled, p: pooled @ p,
)
BACKWARD = Steps(
    "dy_hat pooled p E",
    dpooled=lambda dy_hat, p: dy_hat[:, None] * p,
    dp=lambda dy_hat, pooled: dy_hat @ pooled,
    dM=lambda dpooled, E: np.repeat(dpooled[:, None], pairs_of(E).shape[1], axis=1),
    dE=lambda dM, E: sides(dM, E),
)

OF_PROJECTION = {
    "p is missing": {"dpooled": lambda dy_hat, pooled: dy_hat[:, None] + 0 * pooled},
    "pooled in the place of p": {"dpooled": lambda dy_hat, pooled: dy_hat[:, None] * pooled},
    "not summed over the rows: p serves them all": {"dp": lambda dy_hat, pooled: dy_hat[:, None] * pooled},
    "the mean over the rows, not the sum": {"dp": lambda dy_hat, pooled: dy_hat @ pooled / len(pooled)},
    "dy_hat is missing in dp": {"dp": lambda pooled: pooled.sum(axis=0)},
}
OF_SIDES = {
    "one side of the product: both embeddings of a pair get a gradient": {
        "dE": lambda dM, E: sides(dM, E, both=False)},
    "the other side of the product alone: both embeddings of a pair get a gradient": {
        "dE": lambda dM, E: sides(dM, E) - sides(dM, E, both=False)},
    "e_i itself for the first side: it gets the gradient times e_j": {
        "dE": lambda dM, E: sides(dM, E) + sides(dM, E, own=True, both=False) - sides(dM, E, both=False)},
    "e_j itself for the second side: it gets the gradient times e_i": {
        "dE": lambda dM, E: sides(dM, E, own=True) - sides(dM, E, own=True, both=False) + sides(dM, E, both=False)},
    "dE[:, i] += ... keeps one pair of a slot, np.add.at adds them all": {
        "dE": lambda dM, E: sides(dM, E, repeats=False)},
}  # fmt: skip

EXERCISES = {
    "03.1": Exercise(afm.interactions_forward, [(DE,), (E1,), (rng.standard_normal((2, 5, 3)),)], ("M",), {
        "the dot product: one number a pair, the vector is lost": lambda E: pairs_of(E).sum(axis=2),
        "the sum of the two vectors, not their product": lambda E: E[:, np.triu_indices(E.shape[1], 1)].sum(axis=1),
        "each feature with itself as well: only i < j": lambda E: pairs_of(E, offset=0),
        "each pair twice, and each feature with itself": lambda E: (E[:, :, None] * E[:, None]).reshape(
            len(E), -1, E.shape[2]),
        "the pairs stand in another order: (0,1), (0,2), ..., then (1,2)": lambda E: pairs_of(E, np.tril_indices, -1),
        "only neighbours: a slot meets every later slot": lambda E: E[:, :-1] * E[:, 1:],
        "the difference of the two vectors, not their product": lambda E: -np.diff(
            E[:, np.triu_indices(E.shape[1], 1)], axis=1)[:, 0],
        "half the sum of the two vectors, not their product": lambda E: E[:, np.triu_indices(E.shape[1], 1)].mean(axis=1),
        "only the pairs of slot 0: every two meet": lambda E: E[:, :1] * E[:, 1:],
        "e_i and e_j are both e_j": lambda E: E[:, np.triu_indices(E.shape[1], 1)[1]] ** 2,
        "pairs of rows: E[:, i] takes the slots": lambda E: (
            E[np.triu_indices(len(E), 1)[0]] * E[np.triu_indices(len(E), 1)[1]]),
        "neighbours are missing: the pairs begin at j = i + 1": lambda E: pairs_of(E, offset=2),
        "the pairs of the factors, not of the slots": lambda E: pairs_of(E.swapaxes(1, 2)).swapaxes(1, 2),
        "e_i and e_j are both e_i": lambda E: E[:, np.triu_indices(E.shape[1], 1)[0]] ** 2,
    }),
    "03.2": Exercise(FORWARD, [(M1, P1), (M2, P2)], mistakes={
        "p is missing: this is the dot product": {"part": lambda M: M.sum(axis=2)},
        "averaged over the factors, not summed": {"part": lambda M, p: (M * p).mean(axis=2)},
        "summed over the pairs, not over the factors": {"part": lambda M, p: (M * p).sum(axis=1)},
        "the mean over the pairs, not the sum": {"pooled": lambda M: M.mean(axis=1)},
        "pooled is summed over the factors: the pairs are axis 1": {"pooled": lambda M: M.sum(axis=2)},
        "pooled @ p in the place of the part of each pair": {"part": lambda M, p: (M.sum(axis=1) @ p)[:, None] + 0 * M[:, :, 0]},
        "the largest, not the sum": {"pooled": lambda M: M.max(axis=1)},
        "the first pair alone": {"y_pair": lambda part: part[:, 0]},
        "p is missing in y_pair": {"y_pair": lambda pooled: pooled.sum(axis=1)},
    }),
    "03.3": Exercise(BACKWARD, [(DPOOLED[:3, 0], pairs_of(DE).sum(axis=1), P1, DE),
                                (DT2[:4, 0], pairs_of(E1).sum(axis=1), P2 @ V2.T[:, :5], E1)],
                     mistakes=OF_PROJECTION | OF_SIDES | {
        "divided among the pairs: each pair gets all of it": {
            "dM": lambda dpooled, E: np.repeat(dpooled[:, None], pairs_of(E).shape[1], axis=1) / pairs_of(E).shape[1]},
        "p in the place of pooled in dp": {"dp": lambda dy_hat, p: dy_hat.sum() * p},
        "M is no factor of dM: a sum hands its gradient on as it is": {
            "dM": lambda dpooled, E: dpooled[:, None] * pairs_of(E)},
        "e_i itself is still in the sum": {"dE": lambda dpooled, E: (
            dpooled[:, None] * E.sum(axis=1, keepdims=True) + 0 * E)},
        "e_i itself: each side gets the gradient times the other side": {"dE": lambda dM, E: sides(dM, E, own=True)},
    }),
    "03.4": Exercise(lambda V, p: V * np.sqrt(p), [(V1, P1**2), (V2, P2**2 + 0.1)], ("V_fm",), {
        "p counts twice: both sides of a product take it": lambda V, p: V * p,
        "squared instead of the square root": lambda V, p: V * p**2,
        "exp(p / 2) in the place of the root": lambda V, p: V * np.exp(p / 2),
        "p along the features: it has a number for each factor": lambda V, p: V * np.sqrt(np.resize(p, len(V)))[:, None],
        "half of p in the place of its root": lambda V, p: V * p / 2,
        "the root is added, not multiplied": lambda V, p: V + np.sqrt(p),
        "the root of V in the place of that of p": lambda V, p: np.sqrt(np.abs(V)) * p,
        "a matrix product adds up the factors: multiply entry by entry": lambda V, p: V @ np.sqrt(p),
        "divided instead of multiplied": lambda V, p: V / np.sqrt(p),
        "V is not changed": lambda V: V,
    }, same=lambda V, name: np.asarray(V) @ np.asarray(V).T),  # a sign or a rotation of the factors changes no inner product
    "03.5": Exercise(triple_backward, [(DT1, E1), (DT2, E2)], ("dE",), {
        "divided by an entry that is 0": lambda dT, E: (dT * E.prod(axis=1))[:, None] / E,
        "divided by an entry that is 0, or by another in its place": lambda dT, E: (
            dT * E.prod(axis=1))[:, None] / np.where(E == 0, 1, E),
        "only the next of the other two": lambda dT, E: dT[:, None] * np.roll(E, -1, axis=1),
        "e_i itself in the place of the other two": lambda dT, E: dT[:, None] * E,
        "only one of the other two": lambda dT, E: dT[:, None] * np.roll(E, 1, axis=1),
        "the gradient of one feature is also that of another": lambda dT, E: triple_backward(dT, E)[:, [0, 1, 1]],
        "e_i itself is still in the product": lambda dT, E: np.repeat((dT * E.prod(axis=1))[:, None], 3, axis=1),
        "dT is missing": changed(triple_backward, dT=lambda dT: np.ones_like(dT)),
        "the axes are exchanged: rows first, then the three features": lambda dT, E: (
            triple_backward(dT, E).swapaxes(0, 1)),
        "the sum of the other two, not their product": lambda dT, E: dT[:, None] * (E.sum(axis=1, keepdims=True) - E),
    }),
    "03.6": Exercise(mean_pooling_backward, [(DPOOLED, MASK), (DPOOLED[1:, :2], MASK[1:])], ("dM",), {
        "0 / 0 in the row without a pair": lambda dpooled, mask: (
            mask / mask.sum(axis=1, keepdims=True))[:, :, None] * dpooled[:, None],
        "divided by all P pairs, not by those present": lambda dpooled, mask: (
            mask[:, :, None] * dpooled[:, None] / mask.shape[1]),
        "counted over the rows: each row has its own number of pairs": lambda dpooled, mask: (
            mask[:, :, None] * dpooled[:, None] / np.maximum(mask.sum(axis=0), 1)[None, :, None]),
        "absent and present pairs are exchanged": lambda dpooled, mask: (
            ~mask[:, :, None] * dpooled[:, None] / np.maximum(mask.sum(axis=1), 1)[:, None, None]),
        "the mask of the first row for all": lambda dpooled, mask: (
            dpooled[:, None] * mask[:1, :, None] / np.maximum(mask[0].sum(), 1)),
        "divided by the largest number of pairs": lambda dpooled, mask: (
            mask[:, :, None] * dpooled[:, None] / mask.sum(axis=1).max()),
        "multiplied by the number of pairs, not divided": lambda dpooled, mask: (
            mask[:, :, None] * dpooled[:, None] * mask.sum(axis=1)[:, None, None]),
        "divided by one pair too many: + 1 is no guard against 0": lambda dpooled, mask: (
            mask[:, :, None] * dpooled[:, None] / (1 + mask.sum(axis=1))[:, None, None]),
        "divided by one pair too few": lambda dpooled, mask: (
            mask[:, :, None] * dpooled[:, None] / np.maximum(mask.sum(axis=1) - 1, 1)[:, None, None]),
        "divided twice by the number of pairs": lambda dpooled, mask: (
            mask[:, :, None] * dpooled[:, None] / np.maximum(mask.sum(axis=1), 1)[:, None, None] ** 2),
        "only the first pair gets its share": lambda dpooled, mask: (
            mean_pooling_backward(dpooled, mask) * (np.cumsum(mask, axis=1) == 1)[:, :, None]),
        "divided by the root of the number of pairs": lambda dpooled, mask: (
            mask[:, :, None] * dpooled[:, None] / np.sqrt(np.maximum(mask.sum(axis=1), 1))[:, None, None]),
        "not divided by the number of pairs": lambda dpooled, mask: mask[:, :, None] * dpooled[:, None],
        "absent pairs get a gradient, too": lambda dpooled, mask: np.repeat(
            (dpooled / np.maximum(mask.sum(axis=1, keepdims=True), 1))[:, None], mask.shape[1], axis=1),
        "divided by the number of rows": lambda dpooled, mask: mask[:, :, None] * dpooled[:, None] / len(mask),
        "divided by the number of all present pairs: each row has its own": lambda dpooled, mask: (
            mask[:, :, None] * dpooled[:, None] / mask.sum()),
    }),
    "03.7": Exercise(
        lambda dE, V, idx, x: (dE * V[idx]).sum(axis=2),
        [(DE, V1, IDX, X), (DE[:2, :3], V1, IDX[:2, :3], X[:2, :3])], ("dx",), {
            "e in the place of v: the factor x is too much": lambda dE, V, idx, x: (dE * V[idx]).sum(axis=2) * x,
            "summed over the slots, not over the factors": lambda dE, V, idx: (dE * V[idx]).sum(axis=1),
            "x is no factor of dx, and not twice": lambda dE, V, idx, x: (dE * V[idx]).sum(axis=2) * x**2,
            "x in the place of v: that is the way to dV": lambda dE, V, idx, x: (dE * x[:, :, None]).sum(axis=2),
            "each side is added up first: multiply, then add up": lambda dE, V, idx: (
                dE.sum(axis=2) * V[idx].sum(axis=2)),
            "v is missing": lambda dE: dE.sum(axis=2),
            "divided by x": lambda dE, V, idx, x: (dE * V[idx]).sum(axis=2) / x,
            "the mean over the factors in the place of the sum": lambda dE, V, idx: (dE * V[idx]).mean(axis=2),
        }),
}  # fmt: skip
