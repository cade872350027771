"""Rows of different lengths, one after the other in flat arrays; and the pairs within each row."""

from collections.abc import Iterable, Iterator
from functools import lru_cache
from itertools import pairwise
from typing import Any, NamedTuple

import numpy as np
from scipy import sparse

from .._types import Array

MOST = 4 << 30  # bytes that the pairs of one batch may take
CHUNK = 1 << 22  # pairs that are numbered at a time
SMALL = 128  # pairs of slots are kept for the next batch up to so many slots: 64 numbers of slots take 8 MB at most


def row_ends(count: Array) -> Array:
    """Where the entries of each row start, and where the last row ends: (B+1,), int32 if that suffices."""
    ends = np.zeros(count.size + 1, np.int64)
    np.cumsum(count, out=ends[1:])
    return ends if ends[-1] > np.iinfo(np.int32).max else ends.astype(np.int32)


def take_rows(rows: Array, ends: Array, width: int | None, arrays: Iterable[Array]) -> tuple[list[Array], Array]:
    """The entries of the selected rows, of several arrays, and their ends; `width` is that of all rows, or None.

    Examples
    --------
    >>> (letters,), ends = take_rows(np.array([2, 0]), np.array([0, 2, 2, 5]), None, [np.array(list("abcde"))])
    >>> "".join(letters), ends.tolist()
    ('cdeab', [0, 3, 5])
    """
    if width is not None:                                    # faster
        new_ends = ends[: rows.size + 1] if rows.size < ends.size else row_ends(np.full(rows.size, width))
        return [array.reshape(ends.size - 1, width).take(rows, axis=0).ravel() for array in arrays], new_ends
    starts = ends.take(rows)
    count = ends.take(rows + 1) - starts
    new_ends = row_ends(count)
    at = np.repeat(starts - new_ends[:-1], count)
    at += np.arange(at.size)
    return [array.take(at) for array in arrays], new_ends


def reduce_rows(operation: np.ufunc, values: Array, ends: Array) -> Array:
    """Reduce the entries of each row to one number: (B,); 0 for a row without entries.

    Examples
    --------
    >>> reduce_rows(np.maximum, np.array([1.0, 3.0, 2.0]), np.array([0, 2, 2, 3])).tolist()
    [3.0, 0.0, 2.0]
    """
    total = np.zeros(ends.size - 1, values.dtype)
    some = np.flatnonzero(np.diff(ends))
    if some.size:
        total[some] = operation.reduceat(values, ends.take(some))
    return total


_ROUTINES: Any = getattr(sparse, "_sparsetools", None)


class Sparse(NamedTuple):
    """A sparse matrix X by rows: row r has the numbers values[ends[r]:ends[r+1]], in these columns.

    X @ v and X.T @ v are the products of `scipy.sparse.csr_array`, by the same routines. But SciPy looks at the arrays
    whenever a matrix is made of them, and in a small step of training that takes longer than the products.

    Examples
    --------
    >>> X = Sparse(np.array([1.0, 2.0, 3.0]), np.array([0, 2, 1]), np.array([0, 2, 3]), columns=3)
    >>> (X @ np.array([1.0, 10.0, 100.0])).tolist(), (X.T @ np.array([1.0, 10.0])).tolist()
    ([201.0, 30.0], [1.0, 30.0, 2.0])
    """

    values: Array
    column: Array
    ends: Array
    columns: int
    transposed: bool = False

    @property
    def T(self) -> "Sparse":
        return self._replace(transposed=not self.transposed)

    @property
    def shape(self) -> tuple[int, int]:
        shape = self.ends.size - 1, self.columns
        return shape[::-1] if self.transposed else shape

    def __matmul__(self, v: Array) -> Array:
        product = np.zeros((self.shape[0], *v.shape[1:]), np.result_type(self.values, v))
        self.add_product(v, product)
        return product

    def add_product(self, v: Array, to: Array) -> None:
        """to += X @ v, in place; `to` is contiguous."""
        values, column, ends, _, transposed = self
        shape, kind = self.shape, "csc" if transposed else "csr"             # X.T has the same arrays, by columns
        if len(v) != shape[1]:
            raise ValueError(f"a matrix of shape {shape} cannot multiply an array of shape {v.shape}")
        if _ROUTINES is None:
            to += getattr(sparse, f"{kind}_array")((values, column, ends), shape) @ v
            return
        many = () if v.size == len(v) else v.shape[1:]
        multiply = getattr(_ROUTINES, f"{kind}_matvecs" if many else f"{kind}_matvec")
        multiply(*shape, *many, ends, column, values, v.ravel(), to.ravel())


def add_rows(at: Array, values: Array, to: Array) -> None:
    """to[at] += values, in place, where a number may occur more than once: a product with a sparse matrix.

    Examples
    --------
    >>> to = np.array([[3.0, 4.0], [0.0, 0.0]])
    >>> add_rows(np.array([1, 0, 1]), np.array([[1.0, 2.0], [3.0, 4.0], [5.0, 6.0]]), to)
    >>> to.tolist()
    [[6.0, 8.0], [6.0, 8.0]]
    """
    if values.ndim == 1:                                     # a matrix of one row
        X, v = Sparse(values, at, np.array([0, at.size], at.dtype), len(to)), np.ones(1, values.dtype)
    else:
        X, v = Sparse(np.ones(at.size, values.dtype), at, np.arange(at.size + 1, dtype=at.dtype), len(to)), values
    X.T.add_product(v, to)


def sum_rows(at: Array, values: Array, size: int) -> Array:
    """Sum those rows of `values` that have the same number: (size, ...).

    Examples
    --------
    >>> sum_rows(np.array([1, 0, 1]), np.array([[1.0, 2.0], [3.0, 4.0], [5.0, 6.0]]), 2).tolist()
    [[3.0, 4.0], [6.0, 8.0]]
    """
    total = np.zeros((size, *values.shape[1:]), values.dtype)
    add_rows(at, values, total)
    return total


def pairs_of_rows(ends: Array, most: int = CHUNK) -> Iterator[tuple[Array, Array]]:
    """The places i < j of every two entries of a row, row after row, in parts of about `most` pairs.

    Examples
    --------
    >>> [(i.tolist(), j.tolist()) for i, j in pairs_of_rows(np.array([0, 3, 3, 5]))]
    [([0, 0, 1, 3], [1, 2, 2, 4])]
    """
    entry = np.arange(int(ends[-1]))
    behind = ends[1:].repeat(np.diff(ends)) - entry - 1              # entries of the same row that follow
    before = np.append(0, behind.cumsum())
    cuts = [*np.searchsorted(before, np.arange(0, before[-1], most)).tolist(), entry.size]
    for lo, hi in pairwise(cuts):
        j = np.arange(before[lo], before[hi])
        j -= (before[lo:hi] - entry[lo:hi] - 1).repeat(behind[lo:hi])
        yield entry[lo:hi].repeat(behind[lo:hi]), j


def check_pair_memory(pairs: int, each: int, most: int = MOST) -> None:
    """Refuse so many pairs when they would take more than `most` bytes, `each` for a pair."""
    if pairs * each > most:
        raise ValueError(
            f"{pairs:,} pairs of features need about {pairs * each / 2**30:.0f} GB of memory, and a batch may use "
            f"{most / 2**30:.0f} GB: take fewer rows at a time, leave rare features out of the longest rows, or train "
            "an FM, which needs no pairs"
        )


def slot_pairs(m: int) -> tuple[Array, Array]:
    """The slots i < j of all P = m(m-1)/2 pairs in lexicographic order: two read-only (P,) arrays.

    Examples
    --------
    >>> [side.tolist() for side in slot_pairs(3)]
    [[0, 0, 1], [1, 2, 2]]
    """
    return _kept_slot_pairs(m) if m <= SMALL else _kept_slot_pairs.__wrapped__(m)


@lru_cache(maxsize=64)
def _kept_slot_pairs(m: int) -> tuple[Array, Array]:
    first, second = np.triu_indices(m, 1)
    first.flags.writeable = second.flags.writeable = False
    return first, second
