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

How it stays small. W, b and p form one matrix C (see `layer`), so that z_q and t_q come from one product. Pairs are
worked through in blocks that fit a cache; nothing of size (B, P, k) is stored. Dropout on the pooled vector needs
that vector: pooled = 1/2 sum_i e_i * (A E)_i, with the row's weights as a symmetric m x m matrix A.

When it does not help. Dropout on the interactions gives every pair of every row numbers of its own, and dropout on
the attention, which could be gathered, is left to the dense code with it; and with real values few pairs repeat. Then
the dense code of `afm.py` is called (see `pays`), as long as its arrays fit into memory.

Dimensions: B rows, m slots, k factors, t attention size, n features; R features, S filled slots, U tokens, D distinct
pairs and O pairs of slots (all rows together) of a batch; T tokens of the data set.
"""

from typing import NamedTuple

import numpy as np

from .. import afm, fm
from ..attention import free_forward, free_rows
from ..batch import Batch
from ..dropout import PAIR_SITES, Dropout
from ..params import afm_shapes, check_inputs
from ..rowgrad import RowGrad
from .numbering import Local, PairBatch, distinct, number_pairs, sum_rows

__all__ = ["Cache", "backward", "forward", "predict", "prepare"]

BLOCK = 1 << 18  # numbers in one array of a block of pairs: a few such arrays stay in a cache
FEW_REPEATS = 0.9  # distinct pairs per pair above which the dense evaluation is taken,
DENSE = 1 << 27  # unless its arrays would hold more numbers than this
SPAN = 1 << 24  # slot pairs, roughly twice, that prediction numbers at a time
MANY = 1 << 25  # pairs above which a data set is not numbered as a whole, but batch by batch


def prepare(batch):
    """Number the tokens and pairs of a data set, once; one with very many pairs is left to be numbered by batch."""
    per_row = batch.sizes
    numbered = isinstance(batch, PairBatch) or (per_row * (per_row - 1) // 2).sum() > MANY
    return batch if numbered else number_pairs(batch)


def pays(local, params):
    """Whether enough pairs repeat, or the dense evaluation would need too much memory."""
    per_pair = params["V"].shape[1] + (params["h"].size if "h" in params else 0)
    return local.first.size <= FEW_REPEATS * local.pair_at.size or local.pair_at.size * per_pair > DENSE


# ---- the distinct pairs, block by block --------------------------------------------------------------------


def embed(V, local):
    """E (U, k+1): v_i x_i of each token, and a factor that is always 1."""
    E = np.ones((local.row.size, V.shape[1] + 1), np.result_type(V, local.value))
    np.multiply(V.take(local.rows.take(local.row), axis=0), local.value[:, None], out=E[:, :-1])
    return E


def layer(params, attention):
    """C (k+1, t+1) and h (t+1,), so that m_q C = [z_q, t_q] for an m_q of k+1 factors, the last of them 1.

             [ W  p ]        z_q = m_q W + b,  t_q = p . m_q
         C = [ b  0 ]        without a network t = 0, and C is its last column
    """
    p, t = params["p"], params["h"].size if attention == "network" else 0
    names = ("W", "b", "h", "p") if t else ("p",)
    dtype = np.result_type(*(params[name] for name in names))
    C, h = np.zeros((p.size + 1, t + 1), dtype), np.zeros(t + 1, dtype)
    C[:-1, -1] = p
    if t:
        C[:-1, :-1], C[-1, :-1], h[:-1] = params["W"], params["b"], params["h"]
    return C, h


def blocks(size, step):
    """Slices of `step` numbers, at least 64, that cover 0 to `size`."""
    step = max(step, 64)
    return [slice(at, min(at + step, size)) for at in range(0, size, step)]


def pairs_forward(E, local, C, h, with_gate=True):
    """t_q = p . m_q and s_q = h . relu(m_q W + b) of the D distinct pairs, each (D,), and where the relu is open."""
    D, dtype = local.first.size, np.result_type(E, C)
    t, s, gate = np.empty(D, dtype), np.empty(D, dtype), np.empty((D, h.size), bool) if with_gate else None
    zero = np.zeros(0, dtype)
    for block in blocks(D, BLOCK // max(C.shape)):
        M = E.take(local.first[block], axis=0)
        M *= E.take(local.second[block], axis=0)                     # (block, k+1)
        Z = M @ C                                                    # (block, t+1)
        t[block] = Z[:, -1]
        if with_gate:
            np.greater(Z.real, 0, out=gate[block])
        if dtype.kind == "c":
            Z *= Z.real > 0
        else:
            zero = zero if zero.shape == Z.shape else np.zeros_like(Z)
            np.maximum(Z, zero, out=Z)                               # faster with an array of zeros than with 0
        s[block] = Z @ h
    return t, s, gate


def pairs_backward(dt, ds, E, local, C, h, gate):
    """dE (U, k+1), dC and dh: the lines of pairs_forward in reverse order."""
    dE, dC, k = np.zeros_like(E), np.zeros_like(C), E.shape[1]
    Ch = C.T * np.append(h[:-1], np.ones(1, h.dtype))[:, None]       # ds reaches z through h
    for span in blocks(dt.size, 8 * BLOCK // k):
        first, second, sides = local.first[span], local.second[span], np.empty((2, span.stop - span.start, k), E.dtype)
        for block in blocks(first.size, BLOCK // max(C.shape)):
            e, f = E.take(first[block], axis=0), E.take(second[block], axis=0)          # (block, k+1)
            G = np.multiply(gate[span][block], ds[span][block, None], dtype=E.dtype)    # (block, t+1)
            G[:, -1] = dt[span][block]
            dC += (e * f).T @ G
            dM = G @ Ch                                              # (block, k+1)
            np.multiply(dM, f, out=sides[0, block])                  # de: the gradient times the other side
            np.multiply(dM, e, out=sides[1, block])
        dE += sum_rows(np.concatenate([first, second]), sides.reshape(-1, k), len(E))
    dh = (C * dC).sum(axis=0)[:-1]                                   # relu(z) = gate z, and z is linear in C
    dC[:, :-1] *= h[:-1]
    return dE, dC, dh


# ---- the weights of the pairs ----------------------------------------------------------------------------


def free_row(params, local):
    """The row of `free` of each distinct pair (D,); -1 for a pair that training did not see."""
    feature = local.rows.take(local.row)
    ends = np.stack([feature.take(local.first), feature.take(local.second)], axis=1)
    return free_rows(params["pairs"], Batch(ends, np.ones(ends.shape), int(feature.max(initial=0)) + 1))[:, 0]


def weights_forward(attention, params, batch, s, free, pair_at):
    """a (O,) of every two slots, from the scores s and the rows of `free` of the distinct pairs, each (D,)."""
    match attention:
        case "sum":
            return np.ones(pair_at.size, batch.x.real.dtype)
        case "uniform":
            return batch.spread(1 / np.maximum(batch.count, 1).astype(batch.x.real.dtype))
        case "field":
            return params["field"].take(np.nonzero(batch.mask)[1])
        case "free":
            return free_forward(params["free"], free, True).take(pair_at)
        case "network":
            a = s.take(pair_at)
            a -= batch.spread(batch.by_row(np.maximum, a.real))
            np.exp(a, out=a)
            a /= batch.spread(batch.by_row(np.add, a))
            return a


def weights_backward(da, cache):
    """ds (O,) of every two slots, None without a network; and the gradients of "field" and "free"."""
    batch, params, pair_at = cache.batch, cache.params, cache.local.pair_at
    ones = np.ones(len(batch), da.dtype)
    match cache.attention:
        case "field":
            return None, {"field": batch.sum_at(np.nonzero(batch.mask)[1], da, ones, params["field"].size)}
        case "free":
            seen = np.flatnonzero(cache.free >= 0)
            rows, place = distinct(cache.free.take(seen), params["free"].size)
            da = batch.sum_at(pair_at, da, ones, cache.free.size)
            return None, {"free": RowGrad(rows, sum_rows(place, da.take(seen), rows.size))}
        case "network":
            ds = cache.a * da                                        # (diag(a) - a a^T) da
            ds -= cache.a * batch.spread(batch.by_row(np.add, ds))
            return ds, {}
    return None, {}


# ---- the model -----------------------------------------------------------------------------------------


class Cache(NamedTuple):
    """What `forward` computed."""

    batch: PairBatch
    local: Local
    params: dict
    attention: str
    drop: Dropout
    E: np.ndarray  # (U, k+1)   v_i x_i of each token, and 1
    layer: tuple  # C, h
    s: np.ndarray  # (D,)       score of each distinct pair
    gate: np.ndarray  # (D, t+1)  where its relu is open
    free: np.ndarray  # (D,)    its row of `free`, "free" only
    a: np.ndarray  # (O,)       attention of every two slots
    t: np.ndarray  # (O,)       their p . m
    pooled: tuple  # with dropout on the pooled vector: see pooled_forward


def forward(params, batch, *, attention="network", drop=Dropout()):
    """AFM's prediction, eq. (6); parameters, results and errors as in `afm.forward`.

    Examples
    --------
    >>> batch = Batch.from_lists([[0, 1, 2], [0, 1, 3], [0, 1, 2]], n=4)
    >>> params = afm.init_params(np.random.default_rng(0), n=4, m=3, k=2, t=2, std=1.0, dtype=float)
    >>> bool(np.allclose(forward(params, batch)[0], afm.forward(params, batch)[0], rtol=1e-14))
    True
    """
    check(params, batch, attention)
    if any(getattr(drop, site) is not None for site in PAIR_SITES):
        return afm.forward(params, batch, attention=attention, drop=drop)
    batch = batch if isinstance(batch, PairBatch) else number_pairs(batch)
    local = batch.local
    if not pays(local, params):
        return afm.forward(params, batch, attention=attention, drop=drop)
    E, (C, h) = embed(params["V"], local), layer(params, attention)
    t, s, gate = pairs_forward(E, local, C, h)
    free = free_row(params, local) if attention == "free" else None
    a = weights_forward(attention, params, batch, s, free, local.pair_at)           # (O,)
    t = t.take(local.pair_at)                                                       # (O,)
    y_hat = fm.linear_forward(params["w0"], params["w"], batch)                     # (B,)
    if drop.pooled is None:
        pooled = None
        y_hat = y_hat + batch.by_row(np.add, a * t)
    else:
        pooled = pooled_forward(E[:, :-1], a, batch)
        y_hat = y_hat + (pooled.pooled * drop.pooled) @ params["p"]
    return y_hat, Cache(batch, local, params, attention, drop, E, (C, h), s, gate, free, a, t, pooled)


def backward(dy_hat, cache, *, with_dx=False):
    """Gradients of `forward`; parameters and results as in `afm.backward`."""
    if isinstance(cache, afm.Cache):
        return afm.backward(dy_hat, cache, with_dx=with_dx)
    batch, local, params, attention, drop, E, (C, h), s, gate, _, a, t, pooled = cache
    D = local.first.size
    dw0, dw, dx = fm.linear_backward(dy_hat, params["w"], batch)
    if pooled is None:
        da = batch.spread(dy_hat) * t                                               # (O,)
        dt = batch.sum_at(local.pair_at, a, dy_hat, D)                              # (D,)
    else:
        da, dslots = pooled_backward(dy_hat[:, None] * params["p"] * drop.pooled, pooled, batch)
        dt = np.zeros(D, a.dtype)
    ds, dattend = weights_backward(da, cache)                                       # (O,)
    ds_pair = dt if ds is None else batch.sum_at(local.pair_at, ds, np.ones(len(batch), ds.dtype), D)
    dE, dC, dh = pairs_backward(dt, ds_pair, E, local, C, h, gate)
    dE, dp = dE[:, :-1], dC[:-1, -1]
    if pooled is not None:
        dE = dE + sum_rows(local.slot_at, dslots, len(E))
        dp = dy_hat @ (pooled.pooled * drop.pooled)
    if attention == "network":
        dattend = {"W": dC[:-1, :-1], "b": dC[-1, :-1], "h": dh}
    dV = dE * local.value[:, None]
    dV = dV if local.rows.size == local.row.size else sum_rows(local.row, dV, local.rows.size)
    grads = {"w0": dw0, "w": dw, "V": RowGrad(local.rows, dV), "p": dp, **dattend}
    if with_dx:
        grads["x"] = (dx + pair_gradients(da, ds, cache)) * batch.present
    return grads


def pair_gradients(da, ds, cache):
    """dx (B, m) through the pairs: t_q = p . m_q and z_q - b are proportional to each of the two x."""
    batch, (_, h) = cache.batch, cache.layer
    share = cache.a * da                                                            # (O,)
    if ds is not None:
        share += ds * (cache.s - cache.gate[:, :-1] @ (h[:-1] * cache.layer[0][-1, :-1])).take(cache.local.pair_at)
    row, pair = np.nonzero(batch.mask)
    dx = np.zeros(batch.x.shape, share.dtype)
    np.add.at(dx, (row, batch.pair_i[pair]), share)
    np.add.at(dx, (row, batch.pair_j[pair]), share)
    return dx / np.where(batch.present, batch.x, 1)


def check(params, batch, attention):
    check_inputs(params, batch, afm_shapes(attention))


# ---- the pooled vector itself, for dropout on it ---------------------------------------------------------


class Pooled(NamedTuple):
    """pooled = 1/2 sum_i e_i * (A E)_i with the symmetric m x m matrix A of a row's weights."""

    pooled: np.ndarray  # (B, k)
    E: np.ndarray  # (B, m, k)
    AE: np.ndarray  # (B, m, k)


def pooled_forward(E, a, batch):
    slots = np.zeros((*batch.x.shape, E.shape[1]), E.dtype)
    slots[batch.present] = E.take(batch.local.slot_at, axis=0)
    row, pair = np.nonzero(batch.mask)
    A = np.zeros((len(batch), batch.m, batch.m), a.dtype)
    A[row, batch.pair_i[pair], batch.pair_j[pair]] = a
    AE = (A + A.swapaxes(1, 2)) @ slots
    return Pooled(0.5 * (slots * AE).sum(axis=1), slots, AE)


def pooled_backward(dpooled, pooled, batch):
    """da (O,) and dE (S, k) of the slots that hold a feature."""
    dA = (pooled.E * dpooled[:, None]) @ pooled.E.swapaxes(1, 2)                    # (B, m, m)
    row, pair = np.nonzero(batch.mask)
    return dA[row, batch.pair_i[pair], batch.pair_j[pair]], (dpooled[:, None] * pooled.AE)[batch.present]


# ---- many rows -----------------------------------------------------------------------------------------


def predict(params, batch, *, attention="network", chunk=4096):
    """y_hat (B,) of any number of rows: t and s of the distinct pairs once, then `chunk` rows at a time.

    Rows that are not numbered yet are numbered in spans of many chunks: memory does not grow with their number.
    """
    check(params, batch, attention)
    step = len(batch) if isinstance(batch, PairBatch) else max(SPAN // max(batch.m**2, 1), chunk)
    y_hat = np.zeros(len(batch), params["V"].dtype)
    for at in range(0, len(batch), step or 1):
        span = batch if isinstance(batch, PairBatch) else number_pairs(batch[at : at + step])
        whole = span.whole
        worth = pays(whole, params)
        if worth:
            C, h = layer(params, attention)
            t, s, _ = pairs_forward(embed(params["V"], whole), whole, C, h, with_gate=False)
            free = free_row(params, whole) if attention == "free" else None
        for start in range(0, len(span), chunk):
            part = span[start : start + chunk]
            out = slice(at + start, at + start + len(part))
            if worth:
                a = weights_forward(attention, params, part, s, free, part.pair)
                a *= t.take(part.pair)
                y_hat[out] = fm.linear_forward(params["w0"], params["w"], part) + part.by_row(np.add, a)
            else:
                y_hat[out] = afm.forward(params, part, attention=attention)[0]
    return y_hat
