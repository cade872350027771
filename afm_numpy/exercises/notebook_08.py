"""Exercises of 08_once_per_pair.ipynb."""

from collections.abc import Callable
from typing import Any

import numpy as np

from .. import afm
from .. import attention as att
from .._types import Array, Float
from . import Exercise

__all__ = ["EXERCISES"]

Arrays = tuple[Array, ...]


def _gather_inputs(seed: int, S: int, U: int, k: int, unused: int = 0) -> tuple[Array, Array, int]:
    rng = np.random.default_rng(seed)
    at = np.concatenate([np.arange(U), rng.integers(0, U, S - U)])          # U rows are used, some repeat
    return rng.standard_normal((S, k)), rng.permutation(at), U + unused


def _rows_inputs(seed: int, B: int, P: int, D: int, unused: int = 0) -> tuple[Array, Array, Array, Array, Array]:
    rng = np.random.default_rng(seed)
    pair_at = np.stack([rng.permutation(D)[:P] for _ in range(B)])          # a row has a pair once
    kept, D = (rng.random((B, P)) < 0.7) / 0.7, D + unused
    return rng.standard_normal(D), rng.standard_normal(D), pair_at, kept, rng.standard_normal(B)


def _token_inputs(seed: int, B: int, m: int, n: int) -> tuple[Array, Array]:
    rng = np.random.default_rng(seed)
    idx = np.stack([rng.permutation(n)[:m] for _ in range(B)])
    return idx, rng.choice([-1.5, 0.5, 1.0, 3.0], (B, m))


def _pooling_inputs(seed: int, B: int, m: int, k: int) -> Arrays:
    rng = np.random.default_rng(seed)
    return rng.standard_normal((B, m, k)), rng.random((B, m * (m - 1) // 2)), rng.standard_normal((B, k))


# ---- right answers -------------------------------------------------------------------------------------


def gather_backward(dR: Array, at: Array, U: int) -> Array:
    dE = np.zeros((U, dR.shape[1]))
    np.add.at(dE, at, dR)
    return dE


def expected_distinct(prob: Array, B: int) -> Float:
    return (1 - (1 - prob) ** B).sum()


def with_attention_dropout(s_q: Array, t_q: Array, pair_at: Array, kept: Array, dy: Array, *,
                           kept_back: bool = True, kept_in_softmax: bool = False, kept_after: bool = False,
                           sum_at: Callable[..., Any] = np.add.at) -> Arrays:
    a, t = att.softmax_forward(s_q[pair_at]), t_q[pair_at]
    back = kept if kept_back else 1.0
    ds = att.softmax_backward(dy[:, None] * t * back, a * kept if kept_in_softmax else a)
    ds_q, dt_q = np.zeros_like(s_q), np.zeros_like(t_q)
    if kept_after:
        ds = kept * att.softmax_backward(dy[:, None] * t, a)
    sum_at(ds_q, pair_at, ds)
    sum_at(dt_q, pair_at, dy[:, None] * a * back)
    return (a * kept * t).sum(axis=1), ds_q, dt_q


def number_tokens(idx: Array, x: Array) -> Arrays:
    (feature, value), token = np.unique(np.stack([idx.ravel(), x.ravel()]), axis=1, return_inverse=True)
    return token.reshape(idx.shape), feature, value


def pooled_by_matrix(E: Array, a: Array, dpooled: Array) -> Arrays:
    M = afm.interactions_forward(E)
    da, dM = afm.pooling_backward(dpooled, a, M)
    return afm.pooling_forward(a, M), da, afm.interactions_backward(dM, E)


# ---- likely mistakes -----------------------------------------------------------------------------------


def _last_wins(total: Array, at: Array, values: Array) -> None:
    total[at] = values


def _mean_of_repeats(dR: Array, at: Array, U: int) -> Array:
    return gather_backward(dR, at, U) / np.maximum(np.bincount(at, minlength=U), 1)[:, None]


def _kept_once(dR: Array, at: Array, U: int) -> Array:
    dE = np.zeros((U, dR.shape[1]))
    dE[at] += dR
    return dE


def _gathered_again(dR: Array, at: Array, U: int) -> Array:
    return dR[at]


def _without_dy(s_q: Array, t_q: Array, pair_at: Array, kept: Array, dy: Array) -> Arrays:
    right = with_attention_dropout(s_q, t_q, pair_at, kept, dy)
    return right[0], *with_attention_dropout(s_q, t_q, pair_at, kept, np.ones_like(dy))[1:]


def _without_softmax_backward(s_q: Array, t_q: Array, pair_at: Array, kept: Array, dy: Array) -> Arrays:
    y, ds_q, dt_q = with_attention_dropout(s_q, t_q, pair_at, kept, dy)
    ds_q = np.zeros_like(ds_q)
    np.add.at(ds_q, pair_at, dy[:, None] * kept * t_q[pair_at])
    return y, ds_q, dt_q


def _without_mask(s_q: Array, t_q: Array, pair_at: Array, kept: Array, dy: Array) -> Arrays:
    return with_attention_dropout(s_q, t_q, pair_at, np.ones_like(kept), dy)


def _weights_of_sum_1(s_q: Array, t_q: Array, pair_at: Array, kept: Array, dy: Array) -> Arrays:
    a = att.softmax_forward(s_q[pair_at]) * kept
    a /= np.maximum(a.sum(axis=1, keepdims=True), 1e-9)
    return (a * t_q[pair_at]).sum(axis=1), *with_attention_dropout(s_q, t_q, pair_at, kept, dy)[1:]


def _mask_on_scores(s_q: Array, t_q: Array, pair_at: Array, kept: Array, dy: Array, *,
                    absent: bool = False, again: bool = False) -> Arrays:
    s = np.where(kept == 0, -np.inf, s_q[pair_at]) if absent else s_q[pair_at] * kept
    a = att.softmax_forward(s) * (kept if again else 1)
    return (a * t_q[pair_at]).sum(axis=1), *with_attention_dropout(s_q, t_q, pair_at, kept, dy)[1:]


def _longer(size: Callable[..., Any]) -> Callable[..., Any]:
    """Right, but for sums with a minimal length of size(dy, pair_at)."""
    def wrong(s_q: Array, t_q: Array, pair_at: Array, kept: Array, dy: Array) -> Arrays:
        y, *sums = with_attention_dropout(s_q, t_q, pair_at, kept, dy)
        return y, *(np.pad(total, (0, max(0, size(dy, pair_at) - len(total)))) for total in sums)

    return wrong


def _places(s_q: Array, t_q: Array, pair_at: Array, kept: Array, dy: Array) -> Arrays:
    a, t = att.softmax_forward(s_q[pair_at]), t_q[pair_at]
    return (a * kept * t).sum(axis=1), att.softmax_backward(dy[:, None] * t * kept, a), dy[:, None] * a * kept


def _as_they_come(idx: Array, x: Array) -> Arrays:
    tokens = list(zip(idx.ravel(), x.ravel(), strict=True))
    number = {token: at for at, token in enumerate(dict.fromkeys(tokens))}
    feature, value = np.array(list(number)).T
    return np.array([number[token] for token in tokens]).reshape(idx.shape), feature, value


def _value_first(idx: Array, x: Array) -> Arrays:
    (value, feature), token = np.unique(np.stack([x.ravel(), idx.ravel()]), axis=1, return_inverse=True)
    return token.reshape(idx.shape), feature, value


def _features_only(idx: Array, x: Array) -> Arrays:
    feature, first, token = np.unique(idx, return_index=True, return_inverse=True)
    return token.reshape(idx.shape), feature, x.ravel()[first]


def _products(idx: Array, x: Array) -> Arrays:
    feature, token = np.unique(idx * x, return_inverse=True)
    return token.reshape(idx.shape), feature, feature


def _every_slot(idx: Array, x: Array) -> Arrays:
    return number_tokens(idx, x)[0], idx.ravel(), x.ravel()


def _feature_for_value(idx: Array, x: Array) -> Arrays:
    token, feature, value = number_tokens(idx, x)
    return token, value, feature


def _scaled(pooled: float = 1.0, da: float = 1.0, dE: float = 1.0) -> Callable[..., Any]:
    factors = pooled, da, dE
    return lambda *inputs: tuple(c * value for c, value in zip(factors, pooled_by_matrix(*inputs), strict=True))


def _without_upstream(E: Array, a: Array, dpooled: Array) -> Arrays:
    pooled, _, dE = pooled_by_matrix(E, a, dpooled)
    return pooled, pooled_by_matrix(E, a, np.ones_like(dpooled))[1], dE


def _whole_matrix(E: Array, a: Array, dpooled: Array) -> Arrays:
    pooled, _, dE = pooled_by_matrix(E, a, dpooled)
    return pooled, (E * dpooled[:, None]) @ E.swapaxes(1, 2), dE


def _other_dE(wrong: Callable[..., Any]) -> Callable[..., Any]:
    """Right, but for dE = wrong(E, right dE, dpooled)."""
    def answer(E: Array, a: Array, dpooled: Array) -> Arrays:
        pooled, da, dE = pooled_by_matrix(E, a, dpooled)
        return pooled, da, wrong(E, dE, dpooled[:, None])

    return answer


EXERCISES = {
    "08.1": Exercise(
        (12, 6),
        names=("in_all_rows", "distinct"),
        mistakes={
            "a pair that stands in several rows counts once among the distinct ones": (12, 12),
            "rows share single pairs, too, not only whole rows": (12, 9),
            "seven is the number of the example above; this batch is another one": (12, 7),
            "these are the pairs of one row: there are four rows": (3, 6),
            "the two answers are exchanged": (6, 12),
            "a pair has no order: (2, 5) and (5, 2) are one": (24, 12),
            "these are the features, not the pairs": (12, 4),
            "these are the pairs that stand in one row only": (12, 2),
            "a row of 3 features has 3 pairs": (4, 6),
        },
    ),
    "08.2": Exercise(
        expected_distinct,
        [(np.array([0.9, 0.5, 0.1, 0.02, 0.02]), 3), (np.linspace(0.001, 0.6, 11), 20)],
        ("expected",),
        {
            "every repeat is counted: this is the number of pairs in all rows": lambda prob, B: B * prob.sum(),
            "these are the pairs that no row holds": lambda prob, B: ((1 - prob) ** B).sum(),
            "these are the pairs that all rows hold": lambda prob, B: (prob**B).sum(),
            "this is one row: B is missing": lambda prob, B: prob.sum(),
            "the mean over the pairs: their sum is asked for": lambda prob, B: expected_distinct(prob, B) / len(prob),
            "prob**B: that all rows hold the pair; none may hold it": lambda prob, B: (1 - prob**B).sum(),
            "this is nearly right for a small prob only": lambda prob, B: (1 - np.exp(-B * prob)).sum(),
            "sum over the pairs at the end, of 1 - the probability": lambda prob, B: 1 - ((1 - prob) ** B).sum(),
        },
    ),
    "08.3": Exercise(
        gather_backward,
        [_gather_inputs(1, 9, 4, 3), _gather_inputs(2, 12, 7, 2), _gather_inputs(9, 8, 5, 3, unused=2)],
        ("dE",),
        {
            "not summed over repeated numbers: each row of dE keeps one of its gradients": _kept_once,
            "the mean of the repeats: their sum is asked for": _mean_of_repeats,
            "gathered once more: the way back adds to dE[at]": _gathered_again,
            "nothing is summed: these are the rows of dR": lambda dR, at, U: dR,
            "dE has a row for each row of E, not of dR": lambda dR, at, U: gather_backward(dR, at, len(dR)),
            "a row of E that was not gathered has a gradient as well, even the last": lambda dR, at, U: gather_backward(
                dR, at, at.max() + 1),
        },
    ),
    "08.4": Exercise(
        with_attention_dropout,
        [_rows_inputs(3, 5, 4, 7), _rows_inputs(4, 9, 3, 5), _rows_inputs(10, 10, 4, 6, unused=1)],
        ("y", "ds_q", "dt_q"),
        {
            "the mask is missing on the way back": lambda *args: with_attention_dropout(*args, kept_back=False),
            "the backward of the softmax takes a as it was before the mask": lambda *args: with_attention_dropout(
                *args, kept_in_softmax=True),
            "the mask is missing in da, and the backward of the softmax takes a as it was before the mask": (
                lambda *args: with_attention_dropout(*args, kept_back=False, kept_in_softmax=True)),
            "not summed: of all places of a pair, one is kept": lambda *args: with_attention_dropout(
                *args, sum_at=_last_wins),
            "these are the gradients of the places: sum those of one pair": _places,
            "the mask comes after the backward of the softmax: on the way back its turn is earlier": lambda *args: (
                with_attention_dropout(*args, kept_after=True)),
            "the mask multiplies a, not the scores": _mask_on_scores,
            "the mask multiplies a alone, here the scores as well": lambda *args: _mask_on_scores(*args, again=True),
            "a dropped pair stays in the softmax: the mask comes after it": lambda *args: _mask_on_scores(
                *args, absent=True, again=True),
            "`size`, how many sums there are, is not the number of rows": _longer(lambda dy, pair_at: len(dy)),
            "`size`, how many sums there are, is not the number of places": _longer(lambda dy, pair_at: pair_at.size),
            "the mask is missing": _without_mask,
            "dropout does not bring the weights back to the sum 1": _weights_of_sum_1,
            "dy is missing on the way back": _without_dy,
            "the backward of the softmax is missing": _without_softmax_backward,
            "ds_q and dt_q are exchanged": lambda *args: tuple(with_attention_dropout(*args)[at] for at in (0, 2, 1)),
        },
    ),
    "08.5": Exercise(
        number_tokens,
        [_token_inputs(5, 6, 3, 5), _token_inputs(6, 8, 4, 7)],
        ("token", "feature", "value"),
        {
            "the values are not used: the same feature with another value is another token": _features_only,
            "in order of the values: the feature comes first": _value_first,
            "in order of appearance: they are to ascend": _as_they_come,
            "different tokens may have the same product of feature and value": _products,
            "this is the list of the slots: each distinct token stands in it once": _every_slot,
            "feature and value are exchanged": _feature_for_value,
        },
    ),
    "08.6": Exercise(
        pooled_by_matrix,
        [_pooling_inputs(7, 3, 4, 2), _pooling_inputs(8, 2, 5, 3)],
        ("pooled", "da", "dE"),
        {
            "A holds every pair twice: 1/2 is missing": _scaled(pooled=2.0),
            "a_ij stands in A twice, so its two halves add up": _scaled(da=0.5),
            "e_i is the left and the right side of products: no 1/2 here": _scaled(dE=0.5),
            "dpooled is missing in da": _without_upstream,
            "the whole matrix: take the entries (i, j) of the pairs": _whole_matrix,
            "A is missing in dE": _other_dE(lambda E, dE, dpooled: dpooled * E),
            "dpooled is missing in dE": _other_dE(lambda E, dE, dpooled: dE / dpooled),
            "e_i itself is not a factor of its gradient": _other_dE(lambda E, dE, dpooled: E * dE),
        },
    ),
}  # fmt: skip
