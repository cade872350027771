"""Answers to 03_pairs.ipynb that a reader may well give: the wrong ones with the hint that is allowed ("" is none)."""

import numpy as np
from afm_numpy.exercises.exercise import find
from afm_numpy.exercises.steps import changed


def loops(E):
    return np.array([[a * b for i, a in enumerate(row) for b in row[i + 1 :]] for row in E])


def dE_in_loops(dy_hat, pooled, p, E):
    dpooled, dp = np.outer(dy_hat, p), pooled.T @ dy_hat
    dM = dpooled[:, None] + np.zeros((1, E.shape[1] * (E.shape[1] - 1) // 2, 1))
    dE = dpooled[:, None] * (E.sum(axis=1, keepdims=True) - E)
    return locals()


def wrong(number, **lines):
    return changed(find(number).right, **lines)


RIGHT = {
    "03.1": [loops, lambda E: loops(E).tolist(), lambda E: np.stack(
        [E[:, i] * E[:, j] for i in range(E.shape[1]) for j in range(i + 1, E.shape[1])], axis=1)],
    "03.2": [lambda M, p: {"part": np.einsum("bpk,k->bp", M, p), "pooled": np.einsum("bpk->bk", M),
                           "y_pair": (M @ p).sum(axis=1)}],
    "03.3": [dE_in_loops],
    "03.4": [lambda V, p: -V * np.sqrt(p), lambda V, p: np.einsum("nk,k->nk", V, p**0.5)],
    "03.5": [lambda dT, E: np.stack([dT * np.delete(E, i, axis=1).prod(axis=1) for i in range(3)], axis=1)],
    "03.6": [lambda dpooled, mask: np.einsum("bp,bk->bpk", mask / np.maximum(mask.sum(1), 1)[:, None], dpooled)],
    "03.7": [lambda dE, V, idx, x: np.einsum("bmk,bmk->bm", dE, V[idx])],
}  # fmt: skip

WRONG = {
    "03.1": [
        (lambda E: np.einsum("bik,bjk->bij", E, E)[:, *np.triu_indices(E.shape[1], 1)], "dot product"),
        (lambda E: loops(E).swapaxes(0, 1), "has shape"),
        (lambda E: loops(E).sum(axis=1), "summed over axis 1"),
        (lambda E: 2 * loops(E), "twice too large"),
        (lambda E: np.array([[a * b for a in row for b in row] for row in E]), "each pair twice"),
        (lambda E: np.array([[a + b for i, a in enumerate(row) for b in row[i + 1 :]] for row in E]), "their product"),
        (lambda E: np.array([[e[i] * e[j] for j in range(1, len(e)) for i in range(j)] for e in E]), "another order"),
    ],
    "03.2": [
        (wrong("03.2", part=lambda M, p: p @ M.sum(axis=1).T), "part"),
        (wrong("03.2", part=lambda M, p: M @ p**2), "p counts twice"),
        (wrong("03.2", part=lambda M, p: (M @ p) / M.shape[2]), "averaged over the factors"),
        (wrong("03.2", pooled=lambda M, p: (M * p).sum(axis=1)), "a factor p is too much in pooled"),
        (wrong("03.2", pooled=lambda M: M.max(axis=1)), "the largest, not the sum"),
        (wrong("03.2", y_pair=lambda pooled: pooled @ np.ones(pooled.shape[1])), "p is missing in y_pair"),
        (wrong("03.2", y_pair=lambda pooled, p: pooled * p), "not summed over axis 1"),
    ],
    "03.3": [
        (wrong("03.3", dpooled=lambda p, dy_hat: dy_hat.sum() * p + 0 * dy_hat[:, None]), "entries of dy_hat"),
        (wrong("03.3", dpooled=lambda p, dy_hat: -dy_hat[:, None] * p), "the sign is wrong"),
        (wrong("03.3", dp=lambda dy_hat, pooled: np.mean(dy_hat[:, None] * pooled, axis=0)), "not the sum"),
        (wrong("03.3", dM=lambda dpooled: dpooled[:, None]), "has shape"),
        (wrong("03.3", dE=lambda dM, E: np.zeros_like(E)), "all zero"),
        (wrong("03.3", dE=lambda dpooled, E: dpooled[:, None] * (E.sum(axis=1, keepdims=True))), ""),
        (wrong("03.3", dE=lambda dpooled, E: 2 * dpooled[:, None] * (E.sum(axis=1, keepdims=True) - E)), "twice"),
    ],
    "03.4": [
        (lambda V, p: V * p[None, :], "p counts twice"),
        (lambda V, p: V + np.sqrt(p), "added, not multiplied"),
        (lambda V, p: V * np.sqrt(p).sum(), ""),
        (lambda V, p: V @ np.diag(1 / np.sqrt(p)), "divided instead of multiplied"),
        (lambda V, p: np.copy(V), "V is not changed"),
        (lambda V, p: V * np.sqrt(p.mean()), "the mean over all entries of p"),
    ],
    "03.5": [
        (lambda dT, E: (dT * E.prod(axis=1))[:, None] / np.where(E == 0, 1, E), "divided by an entry that is 0"),
        (lambda dT, E: np.stack([E[:, 1] * E[:, 2], E[:, 0] * E[:, 2], E[:, 0] * E[:, 1]], axis=1), "dT is missing"),
        (lambda dT, E: np.stack([dT * E[:, 1], dT * E[:, 2], dT * E[:, 0]], axis=1), "only the next"),
        (lambda dT, E: np.stack([dT * np.delete(E, i, 1).prod(axis=1) for i in (2, 1, 0)], axis=1), "order"),
        (lambda dT, E: -np.stack([dT * np.delete(E, i, 1).prod(axis=1) for i in range(3)], axis=1), "the sign"),
        (lambda dT, E: np.concatenate([dT * np.delete(E, i, 1).prod(axis=1) for i in range(3)], axis=1), "has shape"),
    ],
    "03.6": [
        (lambda dpooled, mask: mask[:, :, None] * dpooled[:, None] / (mask.sum(axis=1)[:, None, None] + 1), "no guard"),
        (lambda dpooled, mask: np.where(mask[:, :, None], dpooled[:, None], 0), "not divided by the number of pairs"),
        (lambda dpooled, mask: mask[:, :, None] * (dpooled / len(mask))[:, None], "number of rows"),
        (lambda dpooled, mask: mask[:, :, None] * dpooled[:, None] / mask.shape[1], "all P pairs"),
        (lambda dpooled, mask: dpooled / np.maximum(mask.sum(axis=1, keepdims=True), 1), "has shape"),
        (lambda dpooled, mask: -1.0 * mask[:, :, None] * (
            dpooled / np.maximum(mask.sum(axis=1, keepdims=True), 1))[:, None], "the sign is wrong"),
    ],
    "03.7": [
        (lambda dE, V, idx, x: dE * V[idx], "not summed over axis 2"),
        (lambda dE, V, idx, x: (dE * V[idx] * x[:, :, None]).sum(axis=2), "factor x is too much"),
        (lambda dE, V, idx, x: (dE * x[:, :, None]).sum(axis=2), "place of v"),
        (lambda dE, V, idx, x: -np.einsum("bmk,bmk->bm", dE, V[idx]), "the sign is wrong"),
        (lambda dE, V, idx, x: (dE * V[idx]).sum(axis=1), "over the slots"),
        (lambda dE, V, idx, x: (dE * V[idx]).sum(), "has shape ()"),
    ],
}
