"""How much each feature pair counts: the weights a_p of eq. (4), in five ways, each a forward/backward pair.

    sum      a_p = 1                            eq. (3): FM's sum pooling
    uniform  a_p = 1 / (pairs in the row)       mean pooling
    free     one learned number per feature pair seen in training: the direct a_ij that the paper rejects
    field    one learned number per pair of slots
    network  eq. (5): a small network scores each pair, a softmax over the row's pairs makes the weights

Dimensions: B rows, P slot pairs, k factors, t attention size, F feature pairs seen in training.
"""

from typing import Any, NamedTuple

import numpy as np

from ._checks import check_choice
from ._types import Array, Attention, DType, Grads, Params
from .batch import Batch
from .params import ATTENTION
from .rowgrad import RowGrad

__all__ = [
    "NetworkCache", "attend_backward", "attend_forward", "field_backward", "field_forward", "free_backward",
    "free_forward", "free_rows", "network_backward", "network_forward", "relu", "rows_of_pairs", "softmax_backward",
    "softmax_forward", "sum_forward", "uniform_forward",
]  # fmt: skip


# ---- weights that are not learned ----------------------------------------------------------------------


def sum_forward(mask: Array, dtype: DType) -> Array:
    """a_p = 1 for every pair that is present, eq. (3): (B, P)."""
    return mask.astype(dtype)


def uniform_forward(mask: Array, dtype: DType) -> Array:
    """a_p = 1 / (number of pairs in the row): (B, P). A row without a pair gets zeros.

    Examples
    --------
    >>> uniform_forward(np.array([[True, True, False], [False, False, False]]), float).tolist()
    [[0.5, 0.5, 0.0], [0.0, 0.0, 0.0]]
    """
    return mask / np.maximum(mask.sum(axis=1, keepdims=True), 1).astype(dtype)


# ---- one learned weight per slot pair, or per feature pair ---------------------------------------------


def field_forward(field: Array, mask: Array) -> Array:
    """a[r, p] = field[p] where the pair is present: (B, P). The weight of two fields, as in FwFM."""
    return np.where(mask, field, 0)


def field_backward(da: Array, mask: Array) -> Array:
    """dfield (P,) of field_forward."""
    return np.where(mask, da, 0).sum(axis=0)


def free_rows(pairs: Array, batch: Batch) -> Array:
    """Where each pair of the batch stands in the table `pairs`: (B, P); -1 if it was never seen or is absent.

    Parameters
    ----------
    pairs : (F, 2) integer array
        Feature pairs i < j in lexicographic order, from `Batch.distinct_pairs`.
    batch : Batch

    Examples
    --------
    >>> from afm_numpy import Batch
    >>> free_rows(np.array([[0, 1], [1, 2]]), Batch.from_lists([[0, 1, 2]], n=3)).tolist()
    [[0, -1, 1]]
    """
    first, second = batch.idx[:, batch.pair_i], batch.idx[:, batch.pair_j]              # (B, P)
    return np.where(batch.mask, rows_of_pairs(pairs, first, second), -1)


def rows_of_pairs(pairs: Array, first: Array, second: Array) -> Array:
    """Where the pairs of two arrays of ids stand in the table `pairs`; -1 for a pair that is not there."""
    pairs = np.asarray(pairs, np.intp)                                                  # i n + j must not wrap
    n = max(int(ids.max(initial=0)) for ids in (pairs, first, second)) + 1
    key = np.minimum(first, second) * n + np.maximum(first, second)
    table = pairs[:, 0] * n + pairs[:, 1]                                               # (F,) ascending
    at = np.searchsorted(table, key)
    return np.where(np.append(table, -1)[at] == key, at, -1)


def free_forward(free: Array, rows: Array, mask: Array) -> Array:
    """a_p = free[row of the pair]; 1, the initial value, for a pair never seen in training: (B, P)."""
    seen = np.append(free, free.dtype.type(1))                                          # row -1 holds the 1
    return np.where(mask, seen[rows], 0)


def free_backward(da: Array, rows: Array, mask: Array) -> RowGrad:
    """dfree of free_forward, RowGrad over the seen pairs that the batch holds. Unseen pairs get nothing."""
    seen = mask & (rows >= 0)
    touched, group = np.unique(rows[seen], return_inverse=True)
    return RowGrad(touched, np.asarray(np.bincount(group, da[seen]), da.dtype))


# ---- the attention network, eq. (5) --------------------------------------------------------------------


class NetworkCache(NamedTuple):
    """What `network_forward` computed."""

    M: Array  # (B, P, k)  interactions
    W: Array  # (k, t)
    h: Array  # (t,)
    Z: Array  # (B, P, t)  m_p W + b
    R: Array  # (B, P, t)  relu(Z)
    s: Array  # (B, P)     scores, -inf where absent
    a: Array  # (B, P)     attention


def relu(Z: Array) -> Array:
    """max(Z, 0); for complex Z the gate is on the real part, and relu(0) has slope 0."""
    return np.where(Z.real > 0, Z, 0) if np.iscomplexobj(Z) else np.maximum(Z, 0)


def softmax_forward(s: Array) -> Array:
    """a_p = exp(s_p) / sum_q exp(s_q) over each row of s (B, P); -inf marks an absent pair.

    The largest real part of the row is subtracted first, so nothing overflows. A row of `a` sums to 1, or
    to 0 when it has no pair.

    Examples
    --------
    >>> softmax_forward(np.array([[1000.0, 1000.0, -np.inf], [-np.inf] * 3])).tolist()
    [[0.5, 0.5, 0.0], [0.0, 0.0, 0.0]]
    """
    top = s.real.max(axis=1, keepdims=True, initial=np.finfo(s.dtype).min)              # (B, 1)
    e = np.exp(s - top)                                                                 # exp(-inf) = 0
    total = e.sum(axis=1, keepdims=True)                                                # >= 1 with a pair
    return e / np.where(total == 0, 1, total)


def softmax_backward(da: Array, a: Array) -> Array:
    """ds (B, P): the Jacobian diag(a) - a a^T of each row, applied to da. An absent pair has a = 0, so ds = 0.

    The same number can be taken from all da of a row, because a sums to 1. We take that of the pair with the most
    attention; otherwise a pair with almost all of it would lose its digits.
    """
    if a.shape[1]:
        da = da - np.take_along_axis(da, a.argmax(axis=1)[:, None], axis=1)
    return a * (da - (a * da).sum(axis=1, keepdims=True))


def network_forward(M: Array, W: Array, b: Array, h: Array, mask: Array) -> tuple[Array, NetworkCache]:
    """Attention over the feature pairs of each row, AFM eq. (5).

        s_p = h . relu(m_p W + b)             the paper's a'_ij, p = (i, j)
        a_p = exp(s_p) / sum_q exp(s_q)       q over the pairs present in the row

        M    (B, P, k)  interactions m_p = (v_i * v_j) x_i x_j, eq. (2)
        W    (k, t)     attention weights, the paper's W transposed; b, h are (t,)
        mask (B, P)     True where both features of the pair are present

    Returns a (B, P) and the cache for network_backward.
    """
    Z = np.asarray(np.tensordot(M, W, axes=1), np.result_type(M, W, b))                 # (B, P, t)
    Z += b
    R = relu(Z)                                                                         # (B, P, t)
    s = np.where(mask, R @ h, -np.inf)                                                  # (B, P)
    a = softmax_forward(s)                                                              # (B, P)
    return a, NetworkCache(M, W, h, Z, R, s, a)


def network_backward(da: Array, cache: NetworkCache) -> tuple[Array, Array, Array, Array]:
    """Gradients of network_forward: its lines in reverse order.

        da   (B, P)     dL/da, from the pooling of eq. (4)

    Returns dM (B, P, k), dW (k, t), db (t,), dh (t,). An absent pair has ds = 0: nothing flows through it,
    and the mask is not needed again.
    """
    M, W, h, Z, R, _, a = cache
    ds = softmax_backward(da, a)                                                        # (B, P)
    dh = np.tensordot(ds, R, axes=((0, 1), (0, 1)))                                     # s = R h
    dZ = ds[:, :, None] * h * (Z > 0)                                                   # R = relu(Z)
    db = dZ.sum(axis=(0, 1))                                                            # Z = M W + b
    dW = np.tensordot(M, dZ, axes=((0, 1), (0, 1)))                                     # (k, t)
    dM = np.tensordot(dZ, W, axes=(2, 1))                                               # (B, P, k)
    return dM, dW, db, dh


# ---- one of the five, by name --------------------------------------------------------------------------


def attend_forward(attention: Attention, params: Params, M: Array, batch: Batch) -> tuple[Array, Any]:
    """a (B, P) of one of the five modes, and its cache."""
    check_choice("attention", attention, ATTENTION)
    mask = batch.mask
    match attention:
        case "sum":
            return sum_forward(mask, batch.x.real.dtype), None
        case "uniform":
            return uniform_forward(mask, batch.x.real.dtype), None
        case "field":
            return field_forward(params["field"], mask), None
        case "free":
            rows = free_rows(params["pairs"], batch)
            return free_forward(params["free"], rows, mask), rows
        case "network":
            return network_forward(M, params["W"], params["b"], params["h"], mask)


def attend_backward(attention: Attention, da: Array, attend: Any, batch: Batch) -> tuple[Any, Grads]:
    """dM (B, P, k) through the weights (0 unless "network"), and the gradients of the mode's parameters."""
    match attention:
        case "sum" | "uniform":
            return 0, {}
        case "field":
            return 0, {"field": field_backward(da, batch.mask)}
        case "free":
            return 0, {"free": free_backward(da, attend, batch.mask)}
        case "network":
            dM, dW, db, dh = network_backward(da, attend)
            return dM, {"W": dW, "b": db, "h": dh}
