"""What the fast engine computes for each distinct pair, in blocks that fit a cache; and pooled vectors from weights.

Dimensions: B rows, k factors, t attention size; S filled slots, U tokens, D distinct pairs, O pairs of slots.
"""

from collections.abc import Iterator
from typing import Any, NamedTuple

import numpy as np

from .._types import Array, Attention, Params
from ..batch.ragged import add_rows, slot_pairs
from .numbering import Local, PairBatch
from .threads import blocks, each_block

BLOCK = 1 << 18  # numbers in one array of a block of pairs: a few such arrays stay in a cache


def embed(V: Array, local: Local) -> Array:
    """E (U, k+1): v_i x_i of each token, and a factor that is always 1."""
    E = np.ones((local.row.size, V.shape[1] + 1), np.result_type(V, local.value))
    np.multiply(V.take(local.rows.take(local.row), axis=0), local.value[:, None], out=E[:, :-1])
    return E


def layer(params: Params, attention: Attention) -> tuple[Array, Array]:
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


def operations(C: Array) -> int:
    """Roughly the operations for one pair: the product with C, and some for each of its k+1 factors."""
    return C.size + 16 * len(C)


def pairs_forward(
    E: Array, local: Local, C: Array, h: Array, with_gate: bool = True
) -> tuple[Array, Array, Any]:
    """t_q = p . m_q and s_q = h . relu(m_q W + b) of the D distinct pairs, each (D,), and where the relu is open."""
    D, dtype = local.tokens.shape[1], np.result_type(E, C)
    t, s, gate = np.empty(D, dtype), np.empty(D, dtype), np.empty((D, h.size), bool) if with_gate else None

    def one_block(block: slice) -> None:
        M, other = E.take(local.tokens[:, block], axis=0)            # (block, k+1)
        M *= other
        Z = M @ C                                                    # (block, t+1)
        t[block] = Z[:, -1]
        if gate is not None:
            np.greater(Z.real, 0, out=gate[block])
        if dtype.kind == "c":
            Z *= Z.real > 0
        else:
            np.maximum(Z, 0, out=Z)
        s[block] = Z @ h

    for _ in each_block(one_block, D, BLOCK // max(C.shape), D * operations(C)):
        pass
    return t, s, gate


def pairs_backward(
    dt: Array, ds: Array, E: Array, local: Local, C: Array, h: Array, gate: Array
) -> tuple[Array, Array, Array]:
    """dE (U, k+1), dC and dh: the lines of pairs_forward in reverse order."""
    dE, dC, k = np.zeros_like(E), np.zeros_like(C), E.shape[1]
    Ch = C.T * np.append(h[:-1], np.ones(1, h.dtype))[:, None]       # ds reaches z through h

    def one_part(part: slice) -> tuple[Array, Array]:
        """What a part of the pairs adds to dE and dC; it is worked through in blocks."""
        dE_part, dC_part = np.zeros_like(E), np.zeros_like(C)
        for block in blocks(part, size):
            pairs = local.tokens[:, block]                           # (2, block)
            ends = E.take(pairs, axis=0)                             # (2, block, k+1)
            G = gate[block].astype(E.dtype)                          # (block, t+1)
            G *= ds[block, None]
            G[:, -1] = dt[block]
            M = np.multiply(*ends)                                   # (block, k+1)
            dC_part += M.T @ G
            ends *= np.matmul(G, Ch, out=M)                          # dM, in the memory of M, times either end
            add_rows(pairs[::-1].ravel(), ends.reshape(-1, k), dE_part)      # is the gradient of the other one
        return dE_part, dC_part

    size = BLOCK // max(C.shape)
    step = max(size, min(2 * len(E), 8 * BLOCK // k))                # few parts of dE if it is large
    for dE_part, dC_part in each_block(one_part, dt.size, step, dt.size * operations(C)):
        dE += dE_part
        dC += dC_part
    dh = (C * dC).sum(axis=0)[:-1]                                   # relu(z) = gate z, and z is linear in C
    dC[:, :-1] *= h[:-1]
    return dE, dC, dh


# ---- the pooled vector itself, for dropout on it ---------------------------------------------------------


class Pooled(NamedTuple):
    """pooled = 1/2 sum_i e_i * (A E)_i, where A holds the weights of a row: a_ij for the pair (i, j), and 0 for i = j.

    Rows with the same number of features are worked on together, so that A is as large as the row and not padded.
    """

    pooled: Array  # (B, k)
    E: Array  # (S, k)   of the filled slots
    AE: Array  # (S, k)


def same_size(batch: PairBatch) -> Iterator[tuple[Array, Array, Array, tuple[Array, Array]]]:
    """Rows of s features, for every s: their numbers, slots (b, s), pairs (b, P), and slot_pairs(s)."""
    for s in np.unique(batch.sizes).tolist():
        rows = np.flatnonzero(batch.sizes == s)
        pairs = batch.pair_ends.take(rows)[:, None] + np.arange(s * (s - 1) // 2)
        yield rows, batch.ends.take(rows)[:, None] + np.arange(s), pairs, slot_pairs(s)


def pooled_forward(E: Array, a: Array, batch: PairBatch) -> Pooled:
    """The pooled vectors, from E (U, k) and the weights a (O,)."""
    slots = E.take(batch.local.slot_at, axis=0)                                     # (S, k)
    AE, pooled = np.zeros_like(slots), np.zeros((len(batch), slots.shape[1]), slots.dtype)
    for rows, at, pairs, (i, j) in same_size(batch):
        A = np.zeros((*at.shape, at.shape[1]), a.dtype)                             # (b, s, s)
        A[:, i, j] = A[:, j, i] = a[pairs]
        AE[at] = A @ slots[at]
        pooled[rows] = 0.5 * (slots[at] * AE[at]).sum(axis=1)
    return Pooled(pooled, slots, AE)


def pooled_backward(dpooled: Array, pooled: Pooled, batch: PairBatch) -> tuple[Array, Array]:
    """da (O,) and dE (S, k) of the filled slots."""
    da = np.zeros(batch.pair.size, dpooled.dtype)
    for rows, at, pairs, (i, j) in same_size(batch):
        E = pooled.E[at]                                                            # (b, s, k)
        da[pairs] = ((E * dpooled[rows, None]) @ E.swapaxes(1, 2))[:, i, j]
    return da, dpooled.repeat(batch.sizes, axis=0) * pooled.AE
