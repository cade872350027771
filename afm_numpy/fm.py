"""Factorization Machines (Rendle, ICDM 2010; AFM paper eq. (1)): forward and backward by hand.

    y_hat = w0 + sum_i w_i x_i + sum_{i<j} <v_i, v_j> x_i x_j

Dimensions: B rows of a batch, m slots per row, n features, k factors, U distinct ids of the batch.
Every `x_forward` returns what its `x_backward` needs as a cache; `d<name>` is dL/d<name>.

Rounding: the O(mk) identity subtracts squares. In float32, where one x is X and the others of its row are about 1, the
median error is 6e-9 (X = 1), 3e-6 (X = 1,000) or 3e-4 (X = 100,000) of the sum of the absolute terms, and 40 times that
in one row of a hundred; the gradient of V loses five to fifteen times as much. m and k do not matter. Remedies: bring
the columns to one scale (best), float64, or the double sum, `afm.forward` with attention "sum" and p = 1: 2e-7 at most
for any X. `tests/tools/numerics.py` measures all this; tests/README.md has the table and a bound.
"""

from typing import Any, NamedTuple

import numpy as np

from ._checks import check_dtype, check_kind, check_number, check_size, check_table, reals
from ._types import Array, DType, Float, Grads, Params
from .batch import Batch
from .dropout import Dropout
from .params import FM_SHAPES, check_backward, check_forward
from .rowgrad import RowGrad

__all__ = [
    "Cache", "backward", "bi_interaction_backward", "bi_interaction_forward", "embed_backward", "embed_backward_x",
    "embed_forward", "forward", "init_params", "linear_backward", "linear_forward",
]  # fmt: skip


class Cache(NamedTuple):
    """What `forward` computed, by the symbols of the paper."""

    batch: Batch
    w: Array  # (n,)
    V: Array  # (n, k)
    E: Array  # (B, m, k)   v_i x_i
    sum_e: Array  # (B, k)  sum_i v_i x_i
    sum_e2: Array  # (B, k) sum_i (v_i x_i)^2
    pooled: Array  # (B, k) the bi-interaction vector, before dropout
    drop: Dropout


def init_params(
    rng: np.random.Generator, n: int, k: int, *, std: Float = 0.01, w0: Float = 0.0, dtype: DType = np.float32
) -> Params:
    """Initial parameters: V normal, w zero.

    Parameters
    ----------
    rng : numpy.random.Generator
    n, k : int
        Number of features and of factors.
    std : float
        Standard deviation of V.
    w0 : float
        Initial bias; `losses.best_constant` gives the best one without features.
    dtype : dtype
        float32 for training, float64 where gradients are checked. There is no other.

    Returns
    -------
    dict
        w0 (), w (n,), V (n, k).

    Raises
    ------
    ValueError, TypeError
        For sizes below 1, a std or w0 that is not a finite number, and another rng or dtype.

    Examples
    --------
    >>> {name: value.shape for name, value in init_params(np.random.default_rng(0), n=5, k=2).items()}
    {'w0': (), 'w': (5,), 'V': (5, 2)}
    """
    check_kind("rng", rng, np.random.Generator, "a numpy.random.Generator, such as numpy.random.default_rng(0)")
    check_size("n", n)
    check_size("k", k)
    check_table(n, k)
    dtype = check_dtype(dtype)
    check_number("std", std, "a number of at least 0", lambda std: std >= 0)
    check_number("w0", w0, f"a finite {dtype} number", lambda w0: abs(w0) <= float(np.finfo(dtype).max))
    with np.errstate(over="ignore"):
        V = reals(std * rng.standard_normal((n, k)), dtype, "factor", name="V")
    return {"w0": np.array(w0, dtype), "w": np.zeros(n, dtype), "V": V}


# ---- the linear part: w0 + sum_i w_i x_i ---------------------------------------------------------------


def linear_forward(w0: Array, w: Array, batch: Batch) -> Array:
    """linear = w0 + sum_i w_i x_i, the first two terms of eq. (1) and eq. (6): (B,)."""
    return w0 + (w[batch.idx] * batch.x).sum(axis=1)                 # (B,)


def linear_backward(dlinear: Array, w: Array, batch: Batch) -> tuple[Any, RowGrad, Array]:
    """dw0 (), dw RowGrad (U,) and dx (B, m) of linear_forward."""
    dslot = dlinear[:, None] * batch.x                               # (B, m)
    dx = dlinear[:, None] * w[batch.idx]                             # (B, m)
    return dlinear.sum(), RowGrad(batch.touched, batch.sum_by_row(dslot)), dx


# ---- the embedding: v_i x_i ----------------------------------------------------------------------------


def embed_forward(V: Array, batch: Batch) -> Array:
    """E[r, s] = v_i x_i for the feature i in slot s of row r: (B, m, k). An empty slot gives 0."""
    return V[batch.idx] * batch.x[:, :, None]                        # (B, m, k)


def embed_backward(dE: Array, batch: Batch) -> RowGrad:
    """dV of embed_forward, RowGrad (U, k): the sum over all slots that hold the same id."""
    return RowGrad(batch.touched, batch.sum_by_row(dE * batch.x[:, :, None]))


def embed_backward_x(dE: Array, V: Array, batch: Batch) -> Array:
    """dx (B, m) of embed_forward."""
    return (dE * V[batch.idx]).sum(axis=2)


# ---- the pair part, by the O(mk) identity --------------------------------------------------------------


def bi_interaction_forward(E: Array) -> tuple[Array, Array, Array]:
    """sum_{i<j} e_i * e_j = 1/2 [(sum_i e_i)^2 - sum_i e_i^2], element by element, in O(mk).

    E (B, m, k) -> pooled, sum_e, sum_e2, each (B, k).

    Examples
    --------
    >>> E = np.array([[[1.0], [2.0], [3.0]]])               # 1*2 + 1*3 + 2*3 = 11
    >>> bi_interaction_forward(E)[0]
    array([[11.]])
    """
    sum_e = E.sum(axis=1)                                            # (B, k)
    sum_e2 = (E * E).sum(axis=1)                                     # (B, k)
    return 0.5 * (sum_e * sum_e - sum_e2), sum_e, sum_e2


def bi_interaction_backward(dpooled: Array, E: Array, sum_e: Array) -> Array:
    """dE (B, m, k): d pooled / d e_i is the sum of the other embeddings, sum_e - e_i."""
    return dpooled[:, None, :] * (sum_e[:, None, :] - E)


# ---- the model -----------------------------------------------------------------------------------------


def forward(params: Params, batch: Batch, *, drop: Dropout = Dropout()) -> tuple[Array, Cache]:
    """FM's prediction, eq. (1), with the pair term in O(mk).

    Parameters
    ----------
    params : dict
        w0 (), w (n,), V (n, k), real or complex.
    batch : Batch
    drop : Dropout
        Its `pooled` mask (B, k) multiplies the bi-interaction vector.

    Returns
    -------
    y_hat : (B,) array
        The raw output; a logit when the loss is logistic.
    cache : Cache
        Every intermediate by name, for `backward`.

    Raises
    ------
    ValueError, TypeError
        When a parameter is missing or has a wrong shape or type, or the batch has more than n features.

    Examples
    --------
    >>> params = {"w0": np.array(1.0), "w": np.zeros(3), "V": np.array([[1.0], [2.0], [3.0]])}
    >>> forward(params, Batch.from_lists([[0, 1, 2], [1]], n=3))[0]
    array([12.,  1.])
    """
    check_forward(params, batch, FM_SHAPES, drop)
    w0, w, V = params["w0"], params["w"], params["V"]
    E = embed_forward(V, batch)                                      # (B, m, k)
    pooled, sum_e, sum_e2 = bi_interaction_forward(E)                # (B, k)
    kept = pooled if drop.pooled is None else pooled * drop.pooled   # (B, k)
    y_hat = linear_forward(w0, w, batch) + kept.sum(axis=1)          # (B,)
    return y_hat, Cache(batch, w, V, E, sum_e, sum_e2, pooled, drop)


def backward(dy_hat: Array, cache: Cache, *, with_dx: bool = False) -> Grads:
    """Gradients of `forward`: its lines in reverse order.

    Parameters
    ----------
    dy_hat : (B,) array
        dL/dy_hat.
    cache : Cache
    with_dx : bool
        Also return "x", dL/dx (B, m); 0 in empty slots.

    Returns
    -------
    dict
        w0 (), w RowGrad (U,), V RowGrad (U, k).

    Examples
    --------
    >>> params = {"w0": np.array(1.0), "w": np.zeros(3), "V": np.array([[1.0], [2.0], [3.0]])}
    >>> y_hat, cache = forward(params, Batch.from_lists([[0, 1, 2]], n=3))
    >>> backward(np.ones(1), cache)["V"].to_dense(3).tolist()         # v_i meets the sum of the others
    [[5.0], [4.0], [3.0]]
    """
    batch, w, V, E, sum_e, _, _, drop = cache
    check_backward(dy_hat, batch)
    dpooled = np.repeat(dy_hat[:, None], E.shape[2], axis=1)         # (B, k)
    if drop.pooled is not None:
        dpooled = dpooled * drop.pooled
    dE = bi_interaction_backward(dpooled, E, sum_e)                  # (B, m, k)
    dw0, dw, dx = linear_backward(dy_hat, w, batch)
    grads: Grads = {"w0": dw0, "w": dw, "V": embed_backward(dE, batch)}
    if with_dx:
        grads["x"] = (dx + embed_backward_x(dE, V, batch)) * batch.present
    return grads
