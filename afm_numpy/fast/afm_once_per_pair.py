"""The fast engine: AFM evaluated once per distinct pair of (feature, value) tokens. The same numbers as `afm.py`.

Everything of eq. (5) before the softmax depends on the pair alone, not on the row it stands in:

    rows of a batch      every pair of every row         distinct pairs, each evaluated once
    [a b c]              (a,b) (a,c) (b,c)               (a,b)  m, s, t     two rows gather it
    [a b d]              (a,b) (a,d) (b,d)               (a,c)  m, s, t
    [b c]                (b,c)                           (b,c)  m, s, t     two rows gather it
                         7 evaluations                   (a,d), (b,d)       5 evaluations

Why this is exact. For pair q, with m_q = (v_i * v_j) x_i x_j, let s_q = h . relu(m_q W + b) be its score and
t_q = p . m_q its value. A row gathers its scores and values; the softmax runs there, and y_hat = ... + sum a_q t_q.
Backward, a pair receives the sum of its gradients over the rows that hold it,

    dt_q = sum over rows of dy a_q,        ds_q = sum over rows of the softmax's ds,

because a derivative is linear in the upstream gradient. The matrix products then run over the distinct pairs,
and dm_q goes on to the two tokens and from tokens to rows of V. Only the order of the sums has changed.

How it stays small. W, b and p form one matrix C (see `pairs.layer`), so that z_q and t_q come from one product. The
pairs are worked through in blocks that fit a processor's cache, on as many threads as there are cores (see
`threads.py`). Nothing of size (B, P, k) is stored, and nothing is padded: one long row costs the pairs that it has.

Dropout. A mask on the pooled vector needs that vector, which is made from the weights of each row (see
`pairs.Pooled`). A mask on the interactions or on the attention gives every pair of every row a number of its own, so
that nothing is shared: then the readable code of `afm.py` does the work.

Dimensions: B rows, m slots, k factors, t attention size, n features; R features, S filled slots, U tokens, D distinct
pairs and O pairs of slots (all rows together) of a batch; T tokens of the data set.
"""

from itertools import pairwise
from typing import Any, NamedTuple

import numpy as np

from .. import afm
from .._types import Array, Attention, Grads, Params
from ..attention import free_forward, rows_of_pairs
from ..batch import Batch
from ..batch.ragged import check_pair_memory, reduce_rows, sum_rows
from ..dropout import PAIR_SITES, Dropout
from ..params import afm_shapes, check_backward, check_forward
from ..rowgrad import RowGrad
from .numbering import PAIR_BYTES, Local, PairBatch, distinct, number_pairs
from .pairs import Pooled, embed, layer, pairs_backward, pairs_forward, pooled_backward, pooled_forward

SPAN = 1 << 23  # pairs that prediction numbers at a time
MANY = 1 << 25  # pairs above which a data set is not numbered as a whole, but batch by batch


def prepare(batch: Batch) -> Batch:
    """Number the tokens and pairs of a data set, once. One with very many pairs is numbered batch by batch instead.

    Refuses a row whose pairs do not fit into the memory of one batch.
    """
    check_pair_memory(int(batch.pair_counts.max(initial=0)), PAIR_BYTES)
    return batch if batch.pair_counts.sum() > MANY else number_pairs(batch)


# ---- the linear part, and the weights of the pairs -------------------------------------------------------


def linear_forward(params: Params, batch: Batch) -> Array:
    """w0 + sum_i w_i x_i, as `fm.linear_forward`: (B,)."""
    return params["w0"] + reduce_rows(np.add, params["w"].take(batch.ids) * batch.values, batch.ends)


def free_row(params: Params, local: Local) -> Array:
    """The row of `free` of each distinct pair (D,); -1 for a pair that training did not see."""
    return rows_of_pairs(params["pairs"], *local.rows.take(local.row).take(local.tokens))


def weights_forward(
    attention: Attention, params: Params, batch: PairBatch, s: Array, free: Any, pair_at: Array
) -> Array:
    """a (O,) of every two slots, from the scores s and the rows of `free` of the distinct pairs, each (D,)."""
    real = batch.values.real.dtype
    match attention:
        case "sum":
            return np.ones(pair_at.size, real)
        case "uniform":
            return batch.spread(1 / np.maximum(batch.pair_counts, 1).astype(real))
        case "field":
            return params["field"].take(batch.slot_pair)
        case "free":
            return free_forward(params["free"], free, np.array(True)).take(pair_at)
        case "network":
            a = s.take(pair_at)
            a -= batch.spread(batch.by_row(np.maximum, a.real))
            np.exp(a, out=a)
            a /= batch.spread(batch.by_row(np.add, a))
            return a


def weights_backward(da: Array, cache: "Cache") -> tuple[Array | None, Grads]:
    """ds (D,) of the distinct pairs, None without a network; and the gradients of "field" and "free"."""
    batch, pair_at, D = cache.batch, cache.batch.local.pair_at, len(cache.gate)
    match cache.attention:
        case "field":
            return None, {"field": sum_rows(batch.slot_pair, da, cache.params["field"].size)}
        case "free":
            seen = np.flatnonzero(cache.free >= 0)
            rows, place = distinct(cache.free.take(seen), cache.params["free"].size)
            da = sum_rows(pair_at, da, D)
            return None, {"free": RowGrad(rows, sum_rows(place, da.take(seen), rows.size))}
        case "network":
            for _ in range(2):                              # the second time takes off what rounding left of the mean
                da = da - batch.spread(batch.by_row(np.add, cache.a * da))
            return sum_rows(pair_at, cache.a * da, D), {}
    return None, {}


# ---- the model -------------------------------------------------------------------------------------------


class Cache(NamedTuple):
    """What `forward` computed."""

    batch: PairBatch
    params: Params
    attention: Attention
    drop: Dropout
    E: Array  # (U, k+1)   v_i x_i of each token, and 1
    layer: tuple[Array, Array]  # C, h
    gate: Array  # (D, t+1)  where the relu of each distinct pair is open
    free: Any  # (D,)    its row of `free`, "free" only
    a: Array  # (O,)       attention of every two slots
    t: Array  # (O,)       their p . m
    pooled: Pooled | None  # with dropout on the pooled vector


def forward(
    params: Params, batch: Batch, *, attention: Attention = "network", drop: Dropout = Dropout()
) -> tuple[Array, Any]:
    """AFM's prediction, eq. (6); parameters, results and errors as in `afm.forward`."""
    check_forward(params, batch, afm_shapes(attention), drop)
    if any(getattr(drop, site) is not None for site in PAIR_SITES):
        return afm.forward(params, batch, attention=attention, drop=drop)
    C, h = layer(params, attention)
    batch = number_pairs(batch)
    check_pair_memory(batch.pair.size, PAIR_BYTES + h.size)
    local = batch.local
    E = embed(params["V"], local)
    t, s, gate = pairs_forward(E, local, C, h)
    free = free_row(params, local) if attention == "free" else None
    a = weights_forward(attention, params, batch, s, free, local.pair_at)           # (O,)
    t = t.take(local.pair_at)                                                       # (O,)
    y_hat, pooled = linear_forward(params, batch), None                             # (B,)
    if drop.pooled is None:
        y_hat = y_hat + batch.by_row(np.add, a * t)
    else:
        pooled = pooled_forward(E[:, :-1], a, batch)
        y_hat = y_hat + (pooled.pooled * drop.pooled) @ params["p"]
    return y_hat, Cache(batch, params, attention, drop, E, (C, h), gate, free, a, t, pooled)


def backward(dy_hat: Array, cache: Any, *, with_dx: bool = False) -> Grads:
    """Gradients of `forward`; parameters and results as in `afm.backward`, which also makes the one of x."""
    if isinstance(cache, afm.Cache):
        return afm.backward(dy_hat, cache, with_dx=with_dx)
    batch, params, attention, drop, E, (C, h), gate, _, a, t, pooled = cache
    check_backward(dy_hat, batch)
    local, D = batch.local, len(gate)
    if pooled is None:
        dy_at = batch.spread(dy_hat)                                                # (O,)
        da = dy_at * t
        dt = sum_rows(local.pair_at, dy_at * a, D)                                  # (D,)
    else:
        da, dslots = pooled_backward(dy_hat[:, None] * params["p"] * drop.pooled, pooled, batch)
        dt = np.zeros(D, a.dtype)
    ds, dattend = weights_backward(da, cache)                                       # (D,)
    dE, dC, dh = pairs_backward(dt, dt if ds is None else ds, E, local, C, h, gate)
    dE, dp = dE[:, :-1], dC[:-1, -1]
    if pooled is not None:
        dE = dE + sum_rows(local.slot_at, dslots, len(E))
        dp = dy_hat @ (pooled.pooled * drop.pooled)
    if attention == "network":
        dattend = {"W": dC[:-1, :-1], "b": dC[-1, :-1], "h": dh}
    U, (touched, place) = local.rows.size, batch.occurrences
    dw = sum_rows(place, dy_hat.repeat(batch.sizes) * batch.values, U)
    dV = dE * local.value[:, None]
    dV = dV if U == len(dV) else sum_rows(local.row, dV, U)
    grads: Grads = {"w0": dy_hat.sum(), "w": RowGrad(touched, dw), "V": RowGrad(touched, dV), "p": dp, **dattend}
    if with_dx:
        dense = afm.forward(params, batch, attention=attention, drop=drop)[1]
        grads["x"] = afm.backward(dy_hat, dense, with_dx=True)["x"]
    return grads


# ---- many rows -------------------------------------------------------------------------------------------


def predict(
    params: Params, batch: Batch, *, attention: Attention = "network", chunk: int = 4096
) -> Array:
    """y_hat (B,) of any number of rows: t and s of the distinct pairs once, then `chunk` rows at a time.

    Rows that are not numbered yet are numbered in spans of many pairs: memory does not grow with their number.
    """
    check_forward(params, batch, afm_shapes(attention))
    C, h = layer(params, attention)
    y_hat = np.zeros(len(batch), params["V"].dtype)
    for rows in [slice(None)] if isinstance(batch, PairBatch) else spans(batch, SPAN):
        span = number_pairs(batch[rows])
        whole = span.whole
        t, s, _ = pairs_forward(embed(params["V"], whole), whole, C, h, with_gate=False)
        free = free_row(params, whole) if attention == "free" else None
        for at in range(0, len(span), chunk):
            part = span[at : at + chunk]
            a = weights_forward(attention, params, part, s, free, part.pair)
            a *= t.take(part.pair)
            y_hat[rows][at : at + chunk] = linear_forward(params, part) + part.by_row(np.add, a)
    return y_hat


def spans(batch: Batch, most: int) -> list[slice]:
    """Rows side by side that have about `most` pairs together; at least one row."""
    before = np.append(0, batch.pair_counts.cumsum())
    cuts = np.searchsorted(before, np.arange(most, before[-1], most))
    cuts = np.unique(np.concatenate([[0], cuts, [len(batch)]]))
    return [slice(*cut) for cut in pairwise(cuts.tolist())] or [slice(0)]
