"""FM's fast step: sums over rows as products with a sparse matrix, over the distinct features of the batch.

The same numbers as `fm.py`, in another order of evaluation. Let X (B, U) hold the values of the batch, one
column for each of its U distinct features, and V (U, k) their rows of V:

             features of the batch                sum_e  = X V                          (B, k)
             u0  u1  u2  u3  u4                   sum_f sum_i (v_if x_i)^2 = X^2 |v|^2  (B,)
    row 0  [  1   .   1   .   . ]                 y_hat  = w0 + X w + 1/2 (|sum_e|^2 - X^2 |v|^2)
    row 1  [  .  .5   .   .   1 ]    = X
    row 2  [  1   .   .   1   . ]                 dV     = X^T (dy sum_e) - (X^2^T dy) v

The second term of the O(mk) identity needs one number |v_i|^2 per feature: k times less work than per slot.
With a dropout mask on the pooled vector each factor f of a row has its own weight, and both terms keep their
k columns. Nothing of size (B, m, k) or (n, k) is made, so a step costs the same for any n.

Features are numbered once for a data set (`prepare`); a batch then finds its distinct ones by marking.

Dimensions: B rows, m slots, n features, T features of the data set, U of the batch, k factors.
"""

from typing import Any, NamedTuple

import numpy as np
from scipy import sparse

from .._types import Array, Grads, Params
from ..batch import Batch
from ..dropout import Dropout, check_masks
from ..params import FM_SHAPES, check_inputs
from ..rowgrad import RowGrad
from .numbering import number_rows as prepare
from .pairs import BLOCK
from .threads import each_block

__all__ = ["Cache", "backward", "forward", "predict", "prepare"]


class Cache(NamedTuple):
    """What `forward` computed."""

    batch: Batch
    X: Any  # (B, U)
    X2: Any  # (B, U)  its entries squared; X itself when they are 0 and 1
    v: Array  # (U, k)         the rows of V that the columns of X stand for
    sum_e: Array  # (B, k)     sum_i v_i x_i
    w: Array  # (n,)
    drop: Dropout


def design(batch: Batch) -> tuple[Any, Any]:
    """X (B, U), and the same with its entries squared, in CSR."""
    x, (touched, place), ends = batch.values, batch.occurrences, batch.ends
    shape = (len(batch), touched.size)
    X = sparse.csr_array((x, place, ends), shape)
    return X, X if (x == 1).all() else sparse.csr_array((x * x, place, ends), shape)


def forward(params: Params, batch: Batch, *, drop: Dropout = Dropout()) -> tuple[Array, Cache]:
    """FM's prediction, eq. (1); parameters, results and errors as in `fm.forward`.

    Examples
    --------
    >>> params = {"w0": np.array(1.0), "w": np.zeros(3), "V": np.array([[1.0], [2.0], [3.0]])}
    >>> forward(params, Batch.from_lists([[0, 1, 2], [1]], n=3))[0]
    array([12.,  1.])
    """
    check_inputs(params, batch, FM_SHAPES)
    check_masks(drop, batch, params["V"].shape[1], ("pooled",))
    batch = prepare(batch)
    X, X2 = design(batch)                                            # (B, U)
    v = params["V"].take(batch.touched, axis=0)                      # (U, k)
    sum_e = X @ v                                                    # (B, k)
    if drop.pooled is None:
        pairs = 0.5 * (np.einsum("bk,bk->b", sum_e, sum_e) - X2 @ np.einsum("uk,uk->u", v, v))
    else:
        pairs = 0.5 * np.einsum("bk,bk->b", sum_e * sum_e - X2 @ (v * v), drop.pooled)
    pairs[batch.sizes < 2] = 0                                       # no pair: exactly 0, without rounding errors
    y_hat = params["w0"] + X @ params["w"].take(batch.touched) + pairs             # (B,)
    return y_hat, Cache(batch, X, X2, v, sum_e, params["w"], drop)


def backward(dy_hat: Array, cache: Cache, *, with_dx: bool = False) -> Grads:
    """Gradients of `forward`; parameters and results as in `fm.backward`.

    Examples
    --------
    >>> params = {"w0": np.array(1.0), "w": np.zeros(3), "V": np.array([[1.0], [2.0], [3.0]])}
    >>> y_hat, cache = forward(params, Batch.from_lists([[0, 1, 2]], n=3))
    >>> backward(np.ones(1), cache)["V"].to_dense(3).tolist()
    [[5.0], [4.0], [3.0]]
    """
    batch, X, X2, v, sum_e, w, drop = cache
    rows, dw0, dy_pairs, alone = batch.touched, dy_hat.sum(), dy_hat, batch.sizes < 2

    def transposed(dy: Array) -> Any:
        """X^T (U, B) with its columns times dy (B,)."""
        return sparse.csc_array((dy.repeat(batch.sizes) * X.data, X.indices, X.indptr), X.shape[::-1])

    Xt, ones = transposed(dy_hat), np.ones_like(dy_hat)
    dw = Xt @ ones                                                   # (U,)
    if alone.any():                                                  # rows without a pair: nothing flows to V
        dy_pairs = np.where(alone, 0, dy_hat)
        Xt = transposed(dy_pairs)
    if drop.pooled is None:
        dV = Xt @ sum_e                                              # (U, k)
        dV -= (Xt @ ones if X2 is X else X2.T @ dy_pairs)[:, None] * v
    else:
        dV = Xt @ (drop.pooled * sum_e) - (X2.T @ (dy_pairs[:, None] * drop.pooled)) * v
    grads: Grads = {"w0": dw0, "w": RowGrad(rows, dw), "V": RowGrad(rows, dV)}
    if with_dx:
        grads["x"] = batch.padded(slot_gradients(dy_hat, cache))
    return grads


def slot_gradients(dy_hat: Array, cache: Cache) -> Array:
    """dx (S,) of the filled slots: w_i + v_i . (sum_e - e_i), times dy_hat."""
    batch, _, _, v, sum_e, w, drop = cache
    row = batch.row_of
    slot_v = v.take(batch.occurrences[1], axis=0)                    # (S, k)
    others = sum_e.take(row, axis=0) - slot_v * batch.values[:, None]
    if drop.pooled is not None:
        others *= drop.pooled.take(row, axis=0)
    dx: Array = dy_hat.take(row) * (w.take(batch.ids) + (others * slot_v).sum(axis=1))
    return dx


# ---- many rows -------------------------------------------------------------------------------------------


def predict(params: Params, batch: Batch, *, chunk: int = 4096) -> Array:
    """y_hat (B,) of any number of rows, at most `chunk` at a time.

    X has a column for each of the n features; when there are more of them than slots, for each distinct one.
    """
    check_inputs(params, batch, FM_SHAPES)
    w0, w, V, ids, x = params["w0"], params["w"], params["V"], batch.ids.astype(np.int32), batch.values
    if len(V) > ids.size:
        touched, ids = batch.occurrences
        w, V = w.take(touched), V.take(touched, axis=0)
    squares, ones = np.einsum("nk,nk->n", V, V), bool((x == 1).all())

    def some_rows(rows: slice) -> Array:
        ends = batch.ends[rows.start : rows.stop + 1]
        slots, shape = slice(ends[0], ends[-1]), (ends.size - 1, len(V))
        X = sparse.csr_array((x[slots], ids[slots], ends - ends[0]), shape)
        X2 = X if ones else sparse.csr_array((x[slots] * x[slots], X.indices, X.indptr), shape)
        sum_e = X @ V                                                # (rows, k)
        pairs = 0.5 * (np.einsum("bk,bk->b", sum_e, sum_e) - X2 @ squares)
        pairs[batch.sizes[rows] < 2] = 0
        y_hat: Array = w0 + X @ w + pairs
        return y_hat

    k, per_row = V.shape[1], ids.size // max(len(batch), 1) + 1
    parts = each_block(some_rows, len(batch), min(chunk, 4 * BLOCK // (k * per_row)), 4 * ids.size * k)
    return np.concatenate([np.zeros(0, V.dtype), *parts])
