"""Attentional Factorization Machines (Xiao et al., IJCAI 2017): forward and backward by hand.

    m_p    = (v_i * v_j) x_i x_j                      p = (i, j), i < j, both present       eq. (2)
    a_p    = softmax over the row of h . relu(m_p W + b)                                    eq. (5)
    pooled = sum_p a_p m_p                                                                  eq. (4)
    y_hat  = w0 + sum_i w_i x_i + p . pooled                                                eq. (6)

Dimensions: B rows of a batch, m slots per row, P = m(m-1)/2 slot pairs, n features, k factors,
t attention size. Keep apart: p (vector) and P (a count); W and w; b (of the attention) and w0.
"""

from collections.abc import Iterator
from typing import Any, NamedTuple

import numpy as np

from . import attention as att
from . import fm
from ._checks import check_number, check_size, row_values
from ._types import Array, ArrayLike, Attention, DType, Float, Grads, Params
from .batch import Batch
from .dropout import Dropout
from .params import FM_SHAPES, NORMALISED, afm_shapes, check_backward, check_forward, check_params, pair_table

__all__ = [
    "Cache", "backward", "forward", "from_fm", "init_params", "interactions_backward", "interactions_forward",
    "pooling_backward", "pooling_forward", "projection_backward", "projection_forward",
]  # fmt: skip


# ---- eq. (2): the interactions -------------------------------------------------------------------------


def interactions_forward(E: Array) -> Array:
    """m_p = e_i * e_j for all i < j, in lexicographic order, with e_i = v_i x_i, eq. (2).

    E (B, m, k) -> M (B, P, k). An absent slot has e = 0, so its pairs are 0.

    Examples
    --------
    >>> interactions_forward(np.array([[[1.0, 2.0], [3.0, 4.0], [5.0, 6.0]]])).tolist()
    [[[3.0, 8.0], [5.0, 12.0], [15.0, 24.0]]]
    """
    B, m, k = E.shape
    M = np.empty((B, m * (m - 1) // 2, k), E.dtype)
    for i, block in _blocks(m):
        M[:, block] = E[:, i, None] * E[:, i + 1 :]                          # (B, m-1-i, k)
    return M


def interactions_backward(dM: Array, E: Array) -> Array:
    """dE (B, m, k): each side of a product receives the gradient times the other side."""
    dE = np.zeros_like(E)
    for i, block in _blocks(E.shape[1]):
        dE[:, i] += (dM[:, block] * E[:, i + 1 :]).sum(axis=1)
        dE[:, i + 1 :] += dM[:, block] * E[:, i, None]
    return dE


def _blocks(m: int) -> Iterator[tuple[int, slice]]:
    """The pairs (i, i+1), ..., (i, m-1) stand side by side: yield i and their place."""
    start = 0
    for i in range(m - 1):
        yield i, slice(start, start + m - 1 - i)
        start += m - 1 - i


# ---- eq. (4): attention-based pooling ------------------------------------------------------------------


def pooling_forward(a: Array, M: Array) -> Array:
    """pooled = sum_p a_p m_p, eq. (4): (B, k)."""
    return (a[:, None, :] @ M)[:, 0]


def pooling_backward(dpooled: Array, a: Array, M: Array) -> tuple[Array, Array]:
    """da (B, P) and dM (B, P, k) of pooling_forward."""
    da = np.einsum("bpk,bk->bp", M, dpooled)
    dM = a[:, :, None] * dpooled[:, None, :]
    return da, dM


# ---- eq. (6): the projection ---------------------------------------------------------------------------


def projection_forward(pooled: Array, p: Array) -> Array:
    """p . pooled, the last term of eq. (6): (B,)."""
    return pooled @ p


def projection_backward(dout: Array, pooled: Array, p: Array) -> tuple[Array, Array]:
    """dpooled (B, k) and dp (k,) of projection_forward."""
    return dout[:, None] * p, dout @ pooled


# ---- the model -----------------------------------------------------------------------------------------


class Cache(NamedTuple):
    """What `forward` computed, by the symbols of the paper; Z, R and s exist for "network" only."""

    batch: Batch
    w: Array  # (n,)
    V: Array  # (n, k)
    p: Array  # (k,)
    E: Array  # (B, m, k)   v_i x_i
    M: Array  # (B, P, k)   interactions, eq. (2), after their dropout
    a: Array  # (B, P)      attention, before its dropout
    a_kept: Array  # (B, P) attention, after it
    pooled: Array  # (B, k) eq. (4), before its dropout
    pooled_kept: Array  # (B, k)
    attention: Attention
    attend: Any  # the cache of the attention
    drop: Dropout

    @property
    def Z(self) -> Array:
        return self.attend.Z  # (B, P, t)   m_p W + b

    @property
    def R(self) -> Array:
        return self.attend.R  # (B, P, t)   relu(Z)

    @property
    def s(self) -> Array:
        return self.attend.s  # (B, P)      scores, -inf where the pair is absent


def forward(
    params: Params, batch: Batch, *, attention: Attention = "network", drop: Dropout = Dropout()
) -> tuple[Array, Cache]:
    """AFM's prediction, eq. (6).

    Parameters
    ----------
    params : dict
        w0 (), w (n,), V (n, k), p (k,) and those of the mode; see `params.afm_shapes`. Real or complex.
    batch : Batch
    attention : {"network", "field", "free", "uniform", "sum"}
        How the pairs are weighted.
    drop : Dropout
        Masks for the interactions, the attention and the pooled vector.

    Returns
    -------
    y_hat : (B,) array
        The raw output; a logit when the loss is logistic.
    cache : Cache
        Every intermediate by name, for `backward`.

    Raises
    ------
    ValueError, TypeError
        As `fm.forward`, and for an unknown attention.

    Examples
    --------
    >>> rng = np.random.default_rng(0)
    >>> batch = Batch.from_lists([[0, 1, 2], [3]], n=4)
    >>> params = init_params(rng, n=4, m=3, k=2, t=2)
    >>> y_hat, cache = forward(params, batch)
    >>> cache.a.sum(axis=1).round(6).tolist()                    # attention sums to 1, or to 0 without a pair
    [1.0, 0.0]
    """
    check_forward(params, batch, afm_shapes(attention), drop, padded=True)
    w0, w, V, p = params["w0"], params["w"], params["V"], params["p"]
    E = fm.embed_forward(V, batch)                                           # (B, m, k)
    M = _times(interactions_forward(E), drop.interactions)                   # (B, P, k)  eq. (2)
    a, attend = att.attend_forward(attention, params, M, batch)              # (B, P)     eq. (5)
    a_kept = _times(a, drop.attention)
    pooled = pooling_forward(a_kept, M)                                      # (B, k)     eq. (4)
    pooled_kept = _times(pooled, drop.pooled)
    y_hat = fm.linear_forward(w0, w, batch) + projection_forward(pooled_kept, p)  # (B,)  eq. (6)
    return y_hat, Cache(batch, w, V, p, E, M, a, a_kept, pooled, pooled_kept, attention, attend, drop)


def backward(dy_hat: Array, cache: Cache, *, with_dx: bool = False) -> Grads:
    """Gradients of `forward`: its lines in reverse order. Arguments as in `fm.backward`.

    Returns
    -------
    dict
        w0, w, V, p and the parameters of the attention; x on request. w, V and free are RowGrad: only the rows that
        the batch touches.

    Examples
    --------
    >>> batch = Batch.from_lists([[0, 1]], n=2)
    >>> params = init_params(np.random.default_rng(0), n=2, m=2, k=1, attention="sum", std=1.0, dtype=float)
    >>> y_hat, cache = forward(params, batch, attention="sum")
    >>> grads = backward(np.ones(1), cache)
    >>> bool(grads["V"].values[0, 0] == params["V"][1, 0])       # y_hat = v_0 v_1, so dy/dv_0 = v_1
    True
    """
    batch, w, V, p, E, M, _, a_kept, _, pooled_kept, attention, attend, drop = cache
    check_backward(dy_hat, batch)
    dw0, dw, dx = fm.linear_backward(dy_hat, w, batch)
    dpooled, dp = projection_backward(dy_hat, pooled_kept, p)                # (B, k)
    dpooled = _times(dpooled, drop.pooled)
    da, dM = pooling_backward(dpooled, a_kept, M)                            # (B, P), (B, P, k)
    da = _times(da, drop.attention)
    dM_attend, dattend = att.attend_backward(attention, da, attend, batch)
    dM += dM_attend                                                          # both paths into m_p
    dE = interactions_backward(_times(dM, drop.interactions), E)             # (B, m, k)
    grads: Grads = {"w0": dw0, "w": dw, "V": fm.embed_backward(dE, batch), "p": dp, **dattend}
    if with_dx:
        grads["x"] = (dx + fm.embed_backward_x(dE, V, batch)) * batch.present
    return grads


def _times(values: Array, mask: Array | None) -> Array:
    """Apply a dropout mask, forward and backward alike; None leaves the values alone."""
    return values if mask is None else values * mask


# ---- parameters ----------------------------------------------------------------------------------------


def init_params(
    rng: np.random.Generator, n: int, m: int, k: int, t: int = 16, *, attention: Attention = "network",
    pairs: ArrayLike | None = None, p: Float | None = None, std: Float = 0.01, w0: Float = 0.0,
    dtype: DType = np.float32,
) -> Params:  # fmt: skip
    """Initial parameters, a dict.

    V is normal with standard deviation `std`, w zero; W and b are normal with variance 2/(k + t), h is
    standard normal; free and field weights are 1. p starts at 1 for the modes that do not normalise and at
    m(m-1)/2 for "uniform" and "network": they divide by about that number.

    Parameters
    ----------
    rng : numpy.random.Generator
    n, m, k, t : int
        Features, slots per row, factors, attention size ("network" only).
    attention : {"network", "field", "free", "uniform", "sum"}
    pairs : (F, 2) integer array
        For "free": the feature pairs of the training rows, `Batch.distinct_pairs`.
    p : float, optional
        Initial value of every entry of p.
    std, w0, dtype
        As in `fm.init_params`.

    Raises
    ------
    ValueError, TypeError
        As `fm.init_params`, for an unknown attention, and for "free" without pairs.

    Examples
    --------
    >>> params = init_params(np.random.default_rng(0), n=5, m=4, k=3, t=2)
    >>> {name: value.shape for name, value in params.items()}
    {'w0': (), 'w': (5,), 'V': (5, 3), 'p': (3,), 'W': (3, 2), 'b': (2,), 'h': (2,)}
    >>> float(params["p"][0])
    6.0
    """
    afm_shapes(attention)                                                    # refuses an unknown one
    check_size("m", m)
    check_size("t", t)
    P = m * (m - 1) // 2
    if p is None:
        p = max(P, 1) if attention in NORMALISED else 1
    check_number("p", p, "a finite number")
    params = fm.init_params(rng, n, k, std=std, w0=w0, dtype=dtype)
    params["p"] = row_values(np.full(k, p, float), k, "p", dtype)
    match attention:
        case "field":
            params["field"] = np.ones(P, dtype)
        case "free":
            params["pairs"] = pair_table(pairs, n)
            params["free"] = np.ones(len(params["pairs"]), dtype)
        case "network":
            scale = np.sqrt(2 / (k + t))
            params["W"] = (scale * rng.standard_normal((k, t))).astype(dtype)
            params["b"] = (scale * rng.standard_normal(t)).astype(dtype)
            params["h"] = rng.standard_normal(t).astype(dtype)
    return params


def from_fm(
    fm_params: Params, rng: np.random.Generator, m: int, t: int = 16, *, attention: Attention = "network",
    pairs: ArrayLike | None = None, p: Float | None = None,
) -> Params:  # fmt: skip
    """Warm start, as in the authors' recipe: w0, w and V of a trained FM, the rest as in `init_params`.

    With rows of m features each, attention "uniform" and p = m(m-1)/2 (the default) reproduce FM's
    predictions.

    Examples
    --------
    >>> batch = Batch.from_lists([[0, 1, 2]], n=3)
    >>> fm_params = fm.init_params(np.random.default_rng(0), n=3, k=4, std=1.0, dtype=float)
    >>> params = from_fm(fm_params, np.random.default_rng(1), m=3, attention="uniform")
    >>> bool(np.allclose(forward(params, batch, attention="uniform")[0], fm.forward(fm_params, batch)[0], rtol=1e-14))
    True
    """
    sizes = check_params(fm_params, FM_SHAPES)
    n, k, dtype = sizes["n"], sizes["k"], fm_params["V"].dtype
    params = init_params(rng, n, m, k, t, attention=attention, pairs=pairs, p=p, dtype=dtype)
    return params | {name: np.array(fm_params[name]) for name in FM_SHAPES}
