"""Rows of sparse features as two padded arrays, checked once at this border.

Dimensions: B rows of a batch, m slots per row, P = m(m-1)/2 slot pairs, n features.
Nothing behind this border checks ids or values again.
"""

from dataclasses import dataclass
from functools import cached_property, lru_cache

import numpy as np
from scipy import sparse

from ._checks import REAL, check_numbers, flat_rows, place_of, reals, rectangle, whole

__all__ = ["Batch", "slot_pairs"]


@dataclass(frozen=True, eq=False)
class Batch:
    """B rows, each a sparse vector x over the feature ids 0 to n-1.

    Make one with `from_padded`, `from_lists`, `from_scipy`, `from_dense`, with `encode.TableEncoder`, or
    with `datasets.load_libfm`. These check their input and copy it; the plain constructor does neither. The
    arrays of a Batch must not change.

    Parameters
    ----------
    idx : (B, m) intp array
        Feature ids. An empty slot has idx 0 and x 0.
    x : (B, m) float array
        Feature values x_i. A feature with value 0 is absent: it has no linear term, no pair and no share
        of the attention.
    n : int
        Number of features.

    Examples
    --------
    >>> batch = Batch.from_lists([[0, 2, 3], [1]], n=4)
    >>> batch.idx.tolist(), batch.x.tolist()
    ([[0, 2, 3], [1, 0, 0]], [[1.0, 1.0, 1.0], [1.0, 0.0, 0.0]])
    >>> batch.mask.sum(axis=1).tolist()                      # pairs in each row
    [3, 0]
    """

    idx: np.ndarray
    x: np.ndarray
    n: int

    # ---- constructors --------------------------------------------------------------------------------

    @classmethod
    def from_padded(cls, idx, x=None, n=None, dtype=np.float64):
        """Rows of equal length m, given as two (B, m) arrays; a slot with x = 0 is empty, whatever its id.

        Slots keep their order, so a slot can stand for a field of the data.

        Parameters
        ----------
        idx : (B, m) integers
            Feature ids, at most once in a row (empty slots aside).
        x : (B, m) reals, optional
            Feature values; ones when not given.
        n : int, optional
            Number of features, at most 2**31; the largest id + 1 when not given.
        dtype : dtype
            Of the stored values, a float type.

        Raises
        ------
        ValueError
            For ids that are negative, not whole, out of range or repeated in a row, for values that are
            not finite, and for shapes that differ. The message names the row and the slot.
        TypeError
            For arrays and a dtype of another kind: ids that are text, values that are complex or masked.

        Examples
        --------
        >>> Batch.from_padded([[0, 1]], [[1.0, 0.5]], n=3).x.tolist()
        [[1.0, 0.5]]
        """
        idx = whole(rectangle(idx, "idx", "slots"), "slot")
        x = reals(np.ones(idx.shape) if x is None else rectangle(x, "x", "slots"), dtype, "slot")
        if x.shape != idx.shape:
            raise ValueError(f"idx and x must have one shape; got {idx.shape} and {x.shape}")
        idx, x = _emptied(idx, x)
        n = _number_of_features(idx, n, "slot")
        ordered = np.sort(np.where(x != 0, idx, -1), axis=1)
        rows = np.flatnonzero(((ordered[:, 1:] == ordered[:, :-1]) & (ordered[:, 1:] >= 0)).any(axis=1))
        if rows.size:
            row = rows[0]
            ids, counts = np.unique(idx[row][x[row] != 0], return_counts=True)
            raise ValueError(
                f"row {row}: id {ids[counts > 1][0]} stands in more than one slot; "
                "give an id once in a row, or use Batch.from_lists, which sums repeated ids"
            )
        return cls(idx, x, n)

    @classmethod
    def from_lists(cls, rows, values=None, n=None, dtype=np.float64):
        """Rows of different lengths, each a list of feature ids.

        Values of an id that a row repeats are summed in its first slot. A value of 0 leaves its slot empty.

        Parameters
        ----------
        rows : sequence of sequences of int
            The ids of each row; a row may be empty.
        values : sequence of sequences of float, optional
            The values, of the same lengths; ones when not given.
        n, dtype
            As in `from_padded`.

        Raises
        ------
        ValueError
            As `from_padded`, when a row has not as many values as ids, and when a sum is not finite.
        TypeError
            As `from_padded`.

        Examples
        --------
        >>> Batch.from_lists([[3, 1, 3]], [[1.0, 2.0, 0.5]], n=4).x.tolist()
        [[1.5, 2.0, 0.0]]
        """
        rows = flat_rows(rows, "ids")
        values = flat_rows([np.ones(row.shape) for row in rows] if values is None else values, "values")
        if len(values) != len(rows):
            raise ValueError(f"{len(rows)} rows of ids but {len(values)} rows of values")
        for r, (row, value) in enumerate(zip(rows, values, strict=True)):
            if row.size != value.size:
                raise ValueError(f"row {r}: {row.size} ids but {value.size} values")
        length = np.array([row.size for row in rows], np.intp)
        inside = np.arange(length.max(initial=0)) < length[:, None]
        row_of, slot_of = np.nonzero(inside)
        ids = whole(np.concatenate([np.zeros(0, np.intp), *rows]), "slot", row_of, slot_of)
        flat = reals(np.concatenate([np.zeros(0), *values]), np.float64, "slot", row_of, slot_of)
        n = _number_of_features(ids, n, "slot", row_of, slot_of)
        # the first slot of each (row, id) receives the sum
        _, first, group = np.unique(row_of * n + ids, return_index=True, return_inverse=True)
        total = np.zeros(first.size)
        with np.errstate(over="ignore"):
            np.add.at(total, group, flat)
        idx, x = np.zeros(inside.shape, np.intp), np.zeros(inside.shape, dtype)
        at = row_of[first], slot_of[first]
        idx[at], x[at] = ids[first], reals(total, dtype, "slot", *at)
        return cls(*_emptied(idx, x), n)

    @classmethod
    def from_scipy(cls, matrix, dtype=np.float64):
        """Rows of a scipy sparse matrix or array of shape (B, n); repeated entries are summed, zeros dropped.

        Raises
        ------
        TypeError
            When `matrix` is not a scipy sparse matrix or array, or does not hold real numbers.
        ValueError
            For values and sums that are not finite, with their row and column, and for index arrays that do not
            fit the shape.

        Examples
        --------
        >>> Batch.from_scipy(sparse.csr_array([[0.0, 2.0, 0.0], [1.0, 0.0, 3.0]])).idx.tolist()
        [[1, 0], [0, 2]]
        """
        if not sparse.issparse(matrix) or matrix.ndim != 2:
            raise TypeError(f"matrix must be a 2-d scipy sparse matrix or array; got {type(matrix).__name__}")
        check_numbers(matrix.dtype, REAL, "x")
        _check_index_arrays(matrix)
        with np.errstate(over="ignore", invalid="ignore"):
            matrix = sparse.csr_array(matrix.astype(np.float64))     # a copy; float64 before anything is summed
        matrix.sum_duplicates()
        matrix.eliminate_zeros()
        length = np.diff(matrix.indptr)
        inside = np.arange(length.max(initial=0)) < length[:, None]
        idx, x = np.zeros(inside.shape, np.intp), np.zeros(inside.shape, dtype)
        idx[inside] = matrix.indices
        x[inside] = reals(matrix.data, dtype, "column", np.nonzero(inside)[0], matrix.indices)
        return cls(*_emptied(idx, x), _number_of_features(idx, matrix.shape[1], "slot"))

    @classmethod
    def from_dense(cls, array, dtype=np.float64):
        """Rows of a dense 2-d array (B, n): column j is feature j, zeros are absent and close up.

        Refuses what `from_scipy` refuses.

        Examples
        --------
        >>> Batch.from_dense([[0.0, 2.0, 0.0], [1.0, 0.0, 3.0]]).x.tolist()
        [[2.0, 0.0], [1.0, 3.0]]
        """
        array = reals(rectangle(array, "array", "columns"), np.float64, "column")
        return cls.from_scipy(sparse.csr_array(array), dtype)

    # ---- selection -----------------------------------------------------------------------------------

    def __len__(self):
        return self.idx.shape[0]

    @property
    def shape(self):
        """(B, n), the shape of the matrix that the rows stand for."""
        return len(self), self.n

    def __getitem__(self, rows):
        """The rows that a number, a slice, an index array or a boolean array selects, as a Batch."""
        if isinstance(rows, tuple) and len(rows) == 2 and rows[1] is Ellipsis:
            rows = rows[0]                                   # batch[rows, ...], as scikit-learn writes it
        if isinstance(rows, (int, np.integer)):
            rows = [rows]
        idx = self.idx[rows]
        if idx.ndim != 2 or isinstance(rows, tuple):
            raise IndexError("select rows by a number, a slice, a 1-d index array or a 1-d boolean array")
        return Batch(idx, self.x[rows], self.n)

    def astype(self, dtype):
        """The same rows with values of another dtype, float or complex; refuses values that become infinite."""
        dtype = np.dtype(dtype)
        if dtype == self.x.dtype:
            return self
        x = self.x.astype(dtype) if dtype.kind == "c" else reals(self.x, dtype, "slot")
        return Batch(*_emptied(self.idx, x), self.n)

    # ---- what the models read ------------------------------------------------------------------------

    @property
    def m(self):
        """Slots per row."""
        return self.idx.shape[1]

    @cached_property
    def present(self):
        """(B, m) bool: the slot holds a feature."""
        return self.x != 0

    @property
    def pair_i(self):
        """(P,) first slot of each pair; pairs are in lexicographic order."""
        return slot_pairs(self.m)[0]

    @property
    def pair_j(self):
        """(P,) second slot of each pair."""
        return slot_pairs(self.m)[1]

    @cached_property
    def mask(self):
        """(B, P) bool: both features of the pair are present, R_x in eq. (2)."""
        return self.present[:, self.pair_i] & self.present[:, self.pair_j]

    def filled(self, values):
        """The (S, ...) values, of (B, m, ...), in the slots that hold a feature, row after row.

        Examples
        --------
        >>> batch = Batch.from_lists([[0, 2], [2]], n=3)
        >>> batch.filled(batch.idx).tolist()
        [0, 2, 2]
        """
        return values.reshape(-1, *values.shape[2:]) if self._full else values[self.present]

    @property
    def sizes(self):
        """(B,) how many features each row holds.

        Examples
        --------
        >>> Batch.from_lists([[0, 2], [2], []], n=3).sizes.tolist()
        [2, 1, 0]
        """
        return np.full(len(self), self.m) if self._full else self.present.sum(axis=1)

    @cached_property
    def _full(self):
        return bool(self.present.all())

    @cached_property
    def _occurrences(self):
        return np.unique(self.filled(self.idx), return_inverse=True)

    @property
    def touched(self):
        """(U,) the distinct ids present: the rows of w and V that this batch touches."""
        return self._occurrences[0]

    def sum_by_row(self, values):
        """Sum (B, m, ...) slot values over the slots that hold the same id: (U, ...), one per id in `touched`.

        Examples
        --------
        >>> batch = Batch.from_lists([[0, 2], [2]], n=3)
        >>> batch.sum_by_row(np.array([[1.0, 10.0], [5.0, 99.0]])).tolist()
        [1.0, 15.0]
        """
        rows, slot_row = self._occurrences
        values = self.filled(values)                                         # (S, ...)
        one_each = (np.ones(slot_row.size, values.dtype), slot_row, np.arange(slot_row.size + 1))
        return sparse.csc_array(one_each, (rows.size, slot_row.size)) @ values     # (U, ...)

    def distinct_pairs(self):
        """(F, 2) the pairs of feature ids i < j that some row holds together, in lexicographic order.

        Examples
        --------
        >>> Batch.from_lists([[3, 1], [1, 2, 3]], n=4).distinct_pairs().tolist()
        [[1, 2], [1, 3], [2, 3]]
        """
        first, second = self.idx[:, self.pair_i][self.mask], self.idx[:, self.pair_j][self.mask]
        keys = np.unique(np.minimum(first, second) * self.n + np.maximum(first, second))
        return np.stack(np.divmod(keys, self.n), axis=1)


@lru_cache(maxsize=64)
def slot_pairs(m):
    """The slots i < j of all P = m(m-1)/2 pairs in lexicographic order: two read-only (P,) arrays.

    Examples
    --------
    >>> [side.tolist() for side in slot_pairs(3)]
    [[0, 0, 1], [1, 2, 2]]
    """
    pairs = np.triu_indices(m, 1)
    for side in pairs:
        side.flags.writeable = False
    return pairs


# ---- checks ------------------------------------------------------------------------------------------


def _check_index_arrays(matrix):
    """SciPy trusts the index arrays of csr, csc and bsr: damaged ones make it write outside of its arrays."""
    try:
        if hasattr(matrix, "check_format"):
            if (np.diff(matrix.indptr) < 0).any():           # check_format does not look when the last is below 1
                raise ValueError("index pointer values must not decrease")
            matrix.check_format()
    except ValueError as error:
        raise ValueError(f"the index arrays of the {matrix.format} matrix are damaged: {error}") from None


def _emptied(idx, x):
    """Copies with idx 0 and x 0, not -0.0, in the empty slots."""
    return np.where(x != 0, idx, 0), np.where(x != 0, x, 0)


def _number_of_features(idx, n, kind, row_of=None, slot_of=None):
    largest = idx.max(initial=-1)
    if n is None:
        n = min(max(int(largest) + 1, 1), 2**31)
    if isinstance(n, bool) or not isinstance(n, (int, np.integer)) or not 1 <= n <= 2**31:
        raise ValueError(f"n, the number of features, must be an integer from 1 to 2**31; got {n!r}")
    bad = (idx < 0) | (idx >= n)
    if bad.any():
        at, place = place_of(bad, kind, row_of, slot_of)
        raise ValueError(f"{place}: id {idx[at]} is out of range; with n = {n} ids run from 0 to {n - 1}")
    return int(n)
