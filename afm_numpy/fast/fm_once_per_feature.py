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

from typing import NamedTuple

import numpy as np

from .. import fm
from .._types import Array, Grads, Params
from ..batch import Batch
from ..batch.ragged import Sparse
from ..dropout import Dropout
from ..params import FM_SHAPES, check_backward, check_forward
from ..rowgrad import RowGrad
from .numbering import number_rows as prepare
from .pairs import BLOCK
from .threads import each_block


class Cache(NamedTuple):
    """What `forward` computed."""

    batch: Batch
    params: Params
    X: Sparse  # (B, U)
    X2: Sparse  # (B, U)  its entries squared; X itself when they are 0 and 1
    v: Array  # (U, k)         the rows of V that the columns of X stand for
    sum_e: Array  # (B, k)     sum_i v_i x_i
    drop: Dropout


def design(x: Array, column: Array, ends: Array, columns: int) -> tuple[Sparse, Sparse]:
    """X and X2, from the values of the filled slots and their columns."""
    X = Sparse(x, column, ends, columns)
    return X, X if (x == 1).all() else X._replace(values=x * x)


def evaluate(
    w0: Array, w: Array, v: Array, squares: Array, X: Sparse, X2: Sparse, sizes: Array, drop: Dropout = Dropout()
) -> tuple[Array, Array]:
    """y_hat (B,) and sum_e (B, k), from the rows of w and V for the columns of X, and squares = |v|^2 (U,)."""
    sum_e = X @ v                                                    # (B, k)
    if drop.pooled is None:
        pairs = 0.5 * (np.einsum("bk,bk->b", sum_e, sum_e) - X2 @ squares)
    else:
        pairs = 0.5 * np.einsum("bk,bk->b", sum_e * sum_e - X2 @ (v * v), drop.pooled)
    pairs[sizes < 2] = 0                                             # no pair: exactly 0, without rounding errors
    return w0 + X @ w + pairs, sum_e


def forward(params: Params, batch: Batch, *, drop: Dropout = Dropout()) -> tuple[Array, Cache]:
    """FM's prediction, eq. (1); parameters, results and errors as in `fm.forward`."""
    check_forward(params, batch, FM_SHAPES, drop)
    batch = prepare(batch)
    touched, place = batch.occurrences
    w, v = params["w"].take(touched), params["V"].take(touched, axis=0)             # (U,), (U, k)
    X, X2 = design(batch.values, place, batch.ends, touched.size)    # (B, U)
    y_hat, sum_e = evaluate(params["w0"], w, v, np.einsum("uk,uk->u", v, v), X, X2, batch.sizes, drop)
    return y_hat, Cache(batch, params, X, X2, v, sum_e, drop)


def backward(dy_hat: Array, cache: Cache, *, with_dx: bool = False) -> Grads:
    """Gradients of `forward`; parameters and results as in `fm.backward`, which also makes the one of x."""
    batch, params, X, X2, v, sum_e, drop = cache
    check_backward(dy_hat, batch)
    dw = X.T @ dy_hat                                                # (U,)
    dpairs = np.where(batch.sizes < 2, 0, dy_hat)                    # (B,): nothing flows to V from a lone feature
    dX = X._replace(values=dpairs.repeat(batch.sizes) * X.values)    # (B, U)
    if drop.pooled is None:
        dV = dX.T @ sum_e                                            # (U, k)
        dV -= (X2.T @ dpairs)[:, None] * v
    else:
        dV = dX.T @ (drop.pooled * sum_e)
        dV -= (X2.T @ (dpairs[:, None] * drop.pooled)) * v
    grads: Grads = {"w0": dy_hat.sum(), "w": RowGrad(batch.touched, dw), "V": RowGrad(batch.touched, dV)}
    if with_dx:
        grads["x"] = fm.backward(dy_hat, fm.forward(params, batch, drop=drop)[1], with_dx=True)["x"]
    return grads


# ---- many rows -------------------------------------------------------------------------------------------


def predict(params: Params, batch: Batch, *, chunk: int = 4096) -> Array:
    """y_hat (B,) of any number of rows, at most `chunk` at a time.

    X has a column for each of the n features; when there are more of them than slots, for each distinct one.
    """
    check_forward(params, batch, FM_SHAPES)
    w, V, ids, x = params["w"], params["V"], batch.ids, batch.values
    if len(V) > ids.size:
        touched, ids = batch.occurrences
        w, V = w.take(touched), V.take(touched, axis=0)
    squares = np.einsum("nk,nk->n", V, V)

    def some_rows(rows: slice) -> Array:
        ends = batch.ends[rows.start : rows.stop + 1]
        slots = slice(ends[0], ends[-1])
        X, X2 = design(x[slots], ids[slots], ends - ends[0], len(V))
        return evaluate(params["w0"], w, V, squares, X, X2, batch.sizes[rows])[0]

    parts = each_block(some_rows, len(batch), min(chunk, BLOCK // V.shape[1]), 4 * ids.size * V.shape[1])
    return np.concatenate([np.zeros(0, V.dtype), *parts])
