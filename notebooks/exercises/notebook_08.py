"""Exercises of 08_once_per_pair.ipynb."""

from collections.abc import Callable
from typing import Any

import numpy as np

from afm_numpy import attention as att
from afm_numpy._types import Array, Float

from .exercise import Exercise
from .steps import Steps, changed

__all__ = ["EXERCISES"]

Arrays = tuple[Array, ...]
Line = Callable[..., Any]


rng = np.random.default_rng(108)


def _normal(*shapes: Any) -> Arrays:
    return tuple(rng.standard_normal(shape) for shape in shapes)


def _gathered(S: int, U: int, k: int, unused: int = 0) -> tuple[Any, ...]:
    at = np.concatenate([np.arange(U), rng.integers(0, U, S - U)])          # U rows are used, some repeat
    return *_normal((S, k)), rng.permutation(at), U + unused


def _rows(B: int, P: int, D: int, unused: int = 0) -> Arrays:
    pair_at = np.stack([rng.permutation(D)[:P] for _ in range(B)])          # a row has a pair once
    kept = (rng.random((B, P)) < 0.7) / 0.7
    return *_normal(D + unused, D + unused), pair_at, kept, *_normal(B)


def _tokens(B: int, m: int, n: int) -> Arrays:
    return np.stack([rng.permutation(n)[:m] for _ in range(B)]), rng.choice([-1.5, 0.5, 1.0, 3.0], (B, m))


def expected_distinct(prob: Array, B: int) -> Float:
    return (1 - (1 - prob) ** B).sum()


def gather_backward(dR: Array, at: Array, U: int) -> Array:
    dE = np.zeros((U, *dR.shape[1:]))
    np.add.at(dE, at, dR)
    return dE


def _sum_at(pair_at: Array, values: Array, size: int) -> Array:
    return np.bincount(pair_at.ravel(), values.ravel(), minlength=size)


IN_ROWS = Steps(
    "s_q t_q pair_at kept dy", "y ds_q dt_q",
    s=lambda s_q, pair_at: s_q[pair_at],
    a=lambda s: att.softmax_forward(s),
    t=lambda t_q, pair_at: t_q[pair_at],
    weights=lambda kept, a: kept * a,
    y=lambda weights, t: (weights * t).sum(axis=1),
    da=lambda dy, kept, t: dy[:, None] * kept * t,
    ds=lambda da, a: att.softmax_backward(da, a),
    dt=lambda dy, kept, a: dy[:, None] * kept * a,
    size=lambda s_q: len(s_q),
    ds_q=lambda pair_at, ds, size: _sum_at(pair_at, ds, size),
    dt_q=lambda pair_at, dt, size: _sum_at(pair_at, dt, size),
)  # fmt: skip
TOKENS = Steps(
    "idx x", "token feature value",
    slots=lambda idx, x: np.stack([idx.ravel(), x.ravel()]),
    numbered=lambda slots: np.unique(slots, axis=1, return_inverse=True),
    token=lambda numbered, idx: numbered[1].reshape(idx.shape),
    feature=lambda numbered: numbered[0][0],
    value=lambda numbered: numbered[0][1],
)  # fmt: skip


def _matrix(E: Array, a: Array) -> Array:
    A = np.zeros((*E.shape[:2], E.shape[1]))
    i, j = np.triu_indices(E.shape[1], 1)
    A[:, i, j] = A[:, j, i] = a
    return A


POOLED = Steps(
    "E a dpooled", "pooled da dE",
    A=lambda E, a: _matrix(E, a),
    AE=lambda A, E: A @ E,
    pooled=lambda E, AE: 0.5 * (E * AE).sum(axis=1),
    dA=lambda E, dpooled: (E * dpooled[:, None]) @ E.swapaxes(1, 2),
    da=lambda dA: dA[(slice(None), *np.triu_indices(dA.shape[1], 1))],
    dE=lambda dpooled, AE: dpooled[:, None] * AE,
)  # fmt: skip


def _kept_once(dR: Array, at: Array, U: int) -> Array:
    dE = np.zeros((U, *dR.shape[1:]))
    dE[at] = dR
    return dE


def _last_wins(pair_at: Array, values: Array, size: int) -> Array:
    return _kept_once(values.ravel(), pair_at.ravel(), size)


def _as_they_come(slots: Array) -> tuple[Any, ...]:
    distinct, first, at = np.unique(slots, axis=1, return_index=True, return_inverse=True)
    order = np.argsort(first)
    return distinct[:, order], np.argsort(order)[at]


EXCHANGED: dict[str, Line] = {"feature": lambda numbered: numbered[0][1], "value": lambda numbered: numbered[0][0]}
SCORES_MASKED: dict[str, Line] = {"weights": lambda a: a, "s": lambda s_q, pair_at, kept: s_q[pair_at] * kept}
MASK_FORGOTTEN: dict[str, Line] = {"da": lambda dy, t: dy[:, None] * t, "dt": lambda dy, a: dy[:, None] * a}

EXERCISES = {
    "08.1": Exercise((12, 6), names=("in_all_rows", "distinct"), mistakes={
        "a pair that stands in several rows counts once among the distinct ones": (12, 12),
        "rows share single pairs, too, not only whole rows": (12, 9),
        "seven is the number of the example above; this batch is another one": (12, 7),
        "these are the pairs of one row: there are four rows": (3, 6),
        "three is the number of distinct rows, or of the slots of a row": (12, 3),
        "eight are too many: (5, 7), (2, 5) and (2, 7) stand in two or three rows": (12, 8),
        "in all rows every pair counts, also a repeated one": (6, 6),
        "four rows of three pairs: twelve": (16, 8),
        "one pair too few: write down the three of each row": (12, 5),
        "equal rows count as well: there are four": (9, 6),
        "the two answers are exchanged": (6, 12),
        "a pair has no order: (2, 5) and (5, 2) are one": (24, 12),
        "these are the features, not the pairs": (12, 4),
        "these are the pairs that stand in one row only": (12, 2),
        "a row of 3 features has 3 pairs": (4, 6),
    }),
    "08.2": Exercise(
        expected_distinct, [(np.array([0.9, 0.5, 0.1, 0.02]), 3), (np.linspace(0.001, 0.6, 11), 20)], ("expected",), {
            "every repeat is counted: this is the number of pairs in all rows": lambda prob, B: B * prob.sum(),
            "these are the pairs that no row holds": lambda prob, B: ((1 - prob) ** B).sum(),
            "these are the pairs that all rows hold": lambda prob, B: (prob**B).sum(),
            "this is one row: B is missing": lambda prob, B: prob.sum(),
            "that is the probability of at least one pair: add up over the pairs": lambda prob, B: 1 - np.prod((1 - prob) ** B),
            "these stand in exactly one row: more are distinct as well": lambda prob, B: (
                B * prob * (1 - prob) ** (B - 1)).sum(),
            "twice as many rows": lambda prob, B: (1 - (1 - prob) ** (2 * B)).sum(),
            "rounded: an expected number need not be whole": lambda prob, B: round(expected_distinct(prob, B)),
            "one row is left out: B - 1": lambda prob, B: (1 - (1 - prob) ** (B - 1)).sum(),
            "multiplied by B: the rows are in the power already": lambda prob, B: B * (1 - (1 - prob) ** B).sum(),
            "these are all pairs that exist": lambda prob: len(prob),
            "the mean over the pairs: their sum is asked for": lambda prob, B: expected_distinct(prob, B) / len(prob),
            "prob**B: that all rows hold the pair; none may hold it": lambda prob, B: (1 - prob**B).sum(),
            "this is nearly right for a small prob only": lambda prob, B: (1 - np.exp(-B * prob)).sum(),
            "sum over the pairs at the end, of 1 - the probability": lambda prob, B: 1 - ((1 - prob) ** B).sum(),
        }),
    "08.3": Exercise(
        gather_backward, [_gathered(9, 4, 3), _gathered(12, 7, 2), _gathered(8, 5, 3, unused=2)], ("dE",), {
            "not summed over repeated numbers: each row of dE keeps one of its gradients": _kept_once,
            "the mean of the repeats: their sum is asked for": lambda dR, at, U: (
                gather_backward(dR, at, U) / np.maximum(np.bincount(at, minlength=U), 1)[:, None]),
            "gathered once more: the way back adds to dE[at]": lambda dR, at, U: dR[at],
            "nothing is summed: these are the rows of dR": lambda dR, at, U: dR,
            "of the rows with one number the first is kept: add them up": lambda dR, at, U: _kept_once(dR[::-1], at[::-1], U),
            "at is sorted, dR is not": lambda dR, at, U: gather_backward(dR, np.sort(at), U),
            "the largest of the repeats: their sum is asked for": lambda dR, at, U: np.array([
                dR[at == u].max(axis=0) if (at == u).any() else 0 * dR[0] for u in range(U)]),
            "multiplied by the number of repeats: their sum is enough": lambda dR, at, U: (
                gather_backward(dR, at, U) * np.bincount(at, minlength=U)[:, None]),
            "in order of appearance: row u of dE is that of number u": lambda dR, at: np.array([
                dR[at == u].sum(axis=0) for u in dict.fromkeys(at.tolist())]),
            "added up as if equal numbers stood together": lambda dR, at, U: np.add.reduceat(
                np.r_[dR, np.zeros((1, dR.shape[1]))], np.clip(np.arange(U), 0, len(dR))),
            "dE has a row for each row of E, not of dR": changed(gather_backward, U=lambda dR: len(dR)),
            "a row of E that was not gathered has a gradient as well, even the last": changed(
                gather_backward, U=lambda at: at.max() + 1),
        }),
    "08.4": Exercise(
        IN_ROWS, [_rows(5, 4, 7), _rows(9, 3, 5), _rows(10, 4, 6, unused=1)], mistakes={
            "the mask is missing on the way back": changed(IN_ROWS, **MASK_FORGOTTEN),
            "the backward of the softmax takes a as it was before the mask": changed(
                IN_ROWS, ds=lambda da, weights: att.softmax_backward(da, weights)),
            "not summed: of all places of a pair, one is kept": changed(
                IN_ROWS, ds_q=lambda pair_at, ds, size: _last_wins(pair_at, ds, size),
                dt_q=lambda pair_at, dt, size: _last_wins(pair_at, dt, size)),
            "these are the gradients of the places: sum those of one pair": changed(
                IN_ROWS, ds_q=lambda ds: ds, dt_q=lambda dt: dt),
            "the mask comes after the backward of the softmax: on the way back its turn is earlier": changed(
                IN_ROWS, da=MASK_FORGOTTEN["da"], ds=lambda da, a, kept: kept * att.softmax_backward(da, a)),
            "the mask multiplies a, not the scores": changed(IN_ROWS, **SCORES_MASKED),
            "the mask multiplies a alone, here the scores as well": changed(IN_ROWS, s=SCORES_MASKED["s"]),
            "a dropped pair stays in the softmax: the mask comes after it": changed(
                IN_ROWS, s=lambda s_q, pair_at, kept: np.where(kept == 0, -np.inf, s_q[pair_at])),
            "`size`, how many sums there are, is not the number of rows": changed(IN_ROWS, size=lambda dy: len(dy)),
            "`size`, how many sums there are, is not the number of places": changed(
                IN_ROWS, size=lambda pair_at: pair_at.size),
            "the mask is missing": changed(IN_ROWS, kept=lambda kept: np.ones_like(kept)),
            "dropout does not bring the weights back to the sum 1": changed(
                IN_ROWS, weights=lambda kept, a: kept * a / np.maximum((kept * a).sum(axis=1, keepdims=True), 1e-9)),
            "the softmax runs over the distinct pairs: it compares the pairs of one row": changed(
                IN_ROWS, a=lambda s_q, pair_at: (np.exp(s_q) / np.exp(s_q).sum())[pair_at]),
            "dy is missing on the way back": changed(IN_ROWS, dy=lambda dy: np.ones_like(dy)),
            "the backward of the softmax is missing": changed(IN_ROWS, ds=lambda da: da),
            "ds_q and dt_q are exchanged": lambda *args: tuple(IN_ROWS(*args)[at] for at in (0, 2, 1)),
        }),
    "08.5": Exercise(TOKENS, [_tokens(6, 3, 5), _tokens(8, 4, 7)], mistakes={
        "the values are not used: the same feature with another value is another token": changed(
            TOKENS, slots=lambda idx, x: np.stack([idx.ravel(), 0 * x.ravel()])),
        "in order of the values: the feature comes first": changed(
            TOKENS, slots=lambda idx, x: np.stack([x.ravel(), idx.ravel()]), **EXCHANGED),
        "in order of appearance: they are to ascend": changed(TOKENS, numbered=_as_they_come),
        "different tokens may have the same product of feature and value": changed(
            TOKENS, slots=lambda idx, x: np.stack([(idx * x).ravel(), 0 * x.ravel()])),
        "these are idx and x: each distinct token stands once in a list": changed(
            TOKENS, feature=lambda idx: idx, value=lambda x: x),
        "different tokens may have the same sum of feature and value": changed(
            TOKENS, slots=lambda idx, x: np.stack([(idx + x).ravel(), 0 * x.ravel()])),
        "every slot is a token of its own: equal ones share a number": changed(
            TOKENS, token=lambda idx: np.arange(idx.size).reshape(idx.shape)),
        "the values of a feature descend: they are to ascend": changed(
            TOKENS, slots=lambda idx, x: np.stack([idx.ravel(), -x.ravel()]), value=lambda numbered: -numbered[0][1]),
        "the feature is not the number of a token": changed(TOKENS, token=lambda idx: idx),
        "features descend: they are to ascend": lambda idx, x: (
            lambda token, feature, value: (len(feature) - 1 - token, feature[::-1], value[::-1]))(*TOKENS(idx, x)),
        "rounded: different values are different tokens": changed(
            TOKENS, slots=lambda idx, x: np.stack([idx.ravel(), np.round(x).ravel()])),
        "this is the list of the slots: each distinct token stands in it once": changed(
            TOKENS, feature=lambda idx: idx.ravel(), value=lambda x: x.ravel()),
        "feature and value are exchanged": changed(TOKENS, **EXCHANGED),
        "tokens are counted from 0": changed(TOKENS, token=lambda numbered, idx: numbered[1].reshape(idx.shape) + 1),
    }),
    "08.6": Exercise(POOLED, [_normal((3, 4, 2), (3, 6), (3, 2)), _normal((2, 5, 3), (2, 10), (2, 3))], mistakes={
        "A holds every pair twice: 1/2 is missing": changed(POOLED, pooled=lambda E, AE: (E * AE).sum(axis=1)),
        "a_ij stands in A twice, so its two halves add up": changed(
            POOLED, dA=lambda E, dpooled: (E * dpooled[:, None]) @ E.swapaxes(1, 2) / 2),
        "e_i is the left and the right side of products: no 1/2 here": changed(
            POOLED, dE=lambda dpooled, AE: dpooled[:, None] * AE / 2),
        "summed over the factors: the slots are axis 1": changed(POOLED, pooled=lambda E, AE: 0.5 * (E * AE).sum(axis=2)),
        "the sum of two embeddings, not their product": changed(POOLED, da=lambda E, dpooled: (
            (E[:, np.triu_indices(E.shape[1], 1)[0]] + E[:, np.triu_indices(E.shape[1], 1)[1]]) * dpooled[:, None]).sum(axis=2)),
        "the weights are squared in dE": changed(POOLED, dE=lambda dpooled, A, E: dpooled[:, None] * (A**2 @ E)),
        "each side is added up first: multiply, then add up": changed(
            POOLED, pooled=lambda E, AE: 0.5 * E.sum(axis=1) * AE.sum(axis=1)),
        "half of A in dE: e_i meets the slots before it, too": changed(
            POOLED, dE=lambda dpooled, A, E: dpooled[:, None] * (np.triu(A) @ E)),
        "A is multiplied by dpooled: E is missing in dE": changed(
            POOLED, dE=lambda dpooled, A, E: A @ (dpooled[:, None] + 0 * E)),
        "the diagonal of the matrix: take the entries (i, j)": changed(
            POOLED, da=lambda dA: dA[(slice(None), *[np.triu_indices(dA.shape[1], 1)[0]] * 2)]),
        "dpooled is missing in da": changed(POOLED, dA=lambda E: E @ E.swapaxes(1, 2)),
        "the whole matrix: take the entries (i, j) of the pairs": changed(POOLED, da=lambda dA: dA),
        "A is missing in dE": changed(POOLED, dE=lambda dpooled, E: dpooled[:, None] * E),
        "dpooled is missing in dE": changed(POOLED, dE=lambda AE: AE),
        "e_i itself is not a factor of its gradient": changed(
            POOLED, dE=lambda E, dpooled, AE: E * dpooled[:, None] * AE),
    }),
}  # fmt: skip
