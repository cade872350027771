"""Rows of sparse features as two padded arrays, checked once at this border.

Dimensions: B rows of a batch, m slots per row, P = m(m-1)/2 slot pairs, n features.
Nothing behind this border checks ids or values again.
"""

from dataclasses import dataclass
from functools import cached_property, lru_cache

import numpy as np
from scipy import sparse

__all__ = ["Batch", "row_values", "slot_pairs"]


@dataclass(frozen=True, eq=False)
class Batch:
    """B rows, each a sparse vector x over the feature ids 0 to n-1.

    Make one with `from_padded`, `from_lists`, `from_scipy`, `from_dense`, with `encode.TableEncoder`, or
    with `datasets.load_libfm`. These check their input; the plain constructor does not.

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
        """Rows of equal length m, given as two (B, m) arrays; a slot with x = 0 is empty.

        Slots keep their order, so a slot can stand for a field of the data.

        Parameters
        ----------
        idx : (B, m) integers
            Feature ids, at most once in a row (empty slots aside).
        x : (B, m) reals, optional
            Feature values; ones when not given.
        n : int, optional
            Number of features; the largest id + 1 when not given.
        dtype : dtype
            Of the stored values.

        Raises
        ------
        ValueError
            For ids that are negative, not whole, out of range or repeated in a row, for values that are
            not finite, and for shapes that differ. The message names the row and the slot.

        Examples
        --------
        >>> Batch.from_padded([[0, 1]], [[1.0, 0.5]], n=3).x.tolist()
        [[1.0, 0.5]]
        """
        idx = _whole(_rectangle(idx, "idx"), "slot")
        x = np.ones(idx.shape, dtype) if x is None else _reals(_rectangle(x, "x"), dtype, "slot")
        if x.shape != idx.shape:
            raise ValueError(f"idx and x must have one shape; got {idx.shape} and {x.shape}")
        idx = np.where(x != 0, idx, 0)
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
            As `from_padded`, and when a row has not as many values as ids.

        Examples
        --------
        >>> Batch.from_lists([[3, 1, 3]], [[1.0, 2.0, 0.5]], n=4).x.tolist()
        [[1.5, 2.0, 0.0]]
        """
        rows = [np.asarray(row) for row in rows]
        if values is None:
            values = [np.ones(row.shape) for row in rows]
        values = [np.asarray(value) for value in values]
        if len(values) != len(rows):
            raise ValueError(f"{len(rows)} rows of ids but {len(values)} rows of values")
        for r, (row, value) in enumerate(zip(rows, values, strict=True)):
            if row.ndim != 1 or row.shape != value.shape:
                raise ValueError(
                    f"row {r}: ids of shape {row.shape} and values of shape {value.shape}; "
                    "want two flat lists of one length"
                )
        length = np.array([row.size for row in rows], np.intp)
        inside = np.arange(length.max(initial=0)) < length[:, None]
        idx, x = np.zeros(inside.shape, np.intp), np.zeros(inside.shape, dtype)
        if inside.any():
            row_of = np.repeat(np.arange(len(rows)), length)
            slot_of = np.nonzero(inside)[1]
            ids = _whole(np.concatenate(rows), "slot", row_of, slot_of)
            flat = _reals(np.concatenate(values), dtype, "slot", row_of, slot_of)
            n = _number_of_features(ids, n, "slot", row_of, slot_of)
            # the first slot of each (row, id) receives the sum
            _, first, group = np.unique(row_of * n + ids, return_index=True, return_inverse=True)
            total = np.zeros(first.size, dtype)
            np.add.at(total, group, flat)
            idx[row_of[first], slot_of[first]], x[row_of[first], slot_of[first]] = ids[first], total
        return cls(np.where(x != 0, idx, 0), x, _number_of_features(idx, n, "slot"))

    @classmethod
    def from_scipy(cls, matrix, dtype=np.float64):
        """Rows of a scipy sparse matrix or array of shape (B, n); repeated entries are summed, zeros dropped.

        Raises
        ------
        TypeError
            When `matrix` is not a scipy sparse matrix or array.
        ValueError
            For values that are not finite, with their row and column.

        Examples
        --------
        >>> Batch.from_scipy(sparse.csr_array([[0.0, 2.0, 0.0], [1.0, 0.0, 3.0]])).idx.tolist()
        [[1, 0], [0, 2]]
        """
        if not sparse.issparse(matrix) or matrix.ndim != 2:
            raise TypeError(f"matrix must be a 2-d scipy sparse matrix or array; got {type(matrix).__name__}")
        matrix = sparse.csr_array(matrix, copy=True)
        row_of = np.repeat(np.arange(matrix.shape[0]), np.diff(matrix.indptr))
        matrix.data = _reals(matrix.data, dtype, "column", row_of, matrix.indices)
        matrix.sum_duplicates()
        matrix.eliminate_zeros()
        length = np.diff(matrix.indptr)
        inside = np.arange(length.max(initial=0)) < length[:, None]
        idx, x = np.zeros(inside.shape, np.intp), np.zeros(inside.shape, dtype)
        idx[inside], x[inside] = matrix.indices, matrix.data
        return cls(idx, x, _number_of_features(idx, matrix.shape[1], "column"))

    @classmethod
    def from_dense(cls, array, dtype=np.float64):
        """Rows of a dense 2-d array (B, n): column j is feature j, zeros are absent and close up.

        Examples
        --------
        >>> Batch.from_dense([[0.0, 2.0, 0.0], [1.0, 0.0, 3.0]]).x.tolist()
        [[2.0, 0.0], [1.0, 3.0]]
        """
        array = _reals(_rectangle(array, "array"), dtype, "column")
        return cls.from_scipy(sparse.csr_array(array), dtype)

    # ---- selection -----------------------------------------------------------------------------------

    def __len__(self):
        return self.idx.shape[0]

    def __getitem__(self, rows):
        """The rows that a slice, an index array or a boolean array selects, as a Batch."""
        if isinstance(rows, (int, np.integer)):
            rows = [rows]
        return Batch(self.idx[rows], self.x[rows], self.n)

    def astype(self, dtype):
        """The same rows with values of another dtype."""
        return Batch(self.idx, self.x.astype(dtype, copy=False), self.n)

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

    @cached_property
    def _touched(self):
        return np.unique(self.idx[self.present], return_inverse=True)

    @property
    def rows(self):
        """(U,) the distinct ids present: the rows of w and V that this batch touches."""
        return self._touched[0]

    def sum_by_row(self, values):
        """Sum (B, m, ...) slot values over the slots that hold the same id: (U, ...), one per `rows`.

        Examples
        --------
        >>> batch = Batch.from_lists([[0, 2], [2]], n=3)
        >>> batch.sum_by_row(np.array([[1.0, 10.0], [5.0, 99.0]])).tolist()
        [1.0, 15.0]
        """
        rows, slot_row = self._touched
        values = values[self.present]                                        # (slots present, ...)
        slots = slot_row.size
        one_each = (np.ones(slots, values.dtype), slot_row, np.arange(slots + 1))
        return sparse.csr_array(one_each, (slots, rows.size)).T @ values     # (U, ...)

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


def row_values(values, n_rows, name, dtype=np.float64):
    """Check one finite number per row, such as the targets y; return them as a (B,) array.

    Raises
    ------
    ValueError
        When the length differs or a value is not a finite number; the message names the row.

    Examples
    --------
    >>> row_values([1, 0], 2, "y")
    array([1., 0.])
    """
    values = np.asarray(values)
    if values.shape != (n_rows,):
        raise ValueError(f"{name} must have one value for each of the {n_rows} rows; got shape {values.shape}")
    return _reals(values, dtype, None, np.arange(n_rows), None, name)


def _rectangle(values, name):
    try:
        values = np.asarray(values)
    except ValueError:
        raise ValueError(f"{name} must be 2-d with rows of equal length; for ragged rows use Batch.from_lists") from None
    if values.ndim != 2:
        raise ValueError(f"{name} must be a 2-d array (rows, slots); got shape {values.shape}")
    return values


def _place(bad, kind, row_of, slot_of):
    """Index of the first bad entry, and its place in words."""
    at = np.unravel_index(np.argmax(bad), bad.shape)
    row, slot = at if row_of is None else (row_of[at], None if slot_of is None else slot_of[at])
    return at, f"row {row}" + ("" if kind is None else f", {kind} {slot}")


def _whole(ids, kind, row_of=None, slot_of=None):
    if ids.dtype.kind in "iu":
        return ids.astype(np.intp, copy=False)
    if ids.size == 0:
        return ids.astype(np.intp)
    if ids.dtype.kind != "f":
        raise TypeError(f"ids must be integers; got an array of {ids.dtype}")
    bad = ~(np.isfinite(ids) & (ids == np.round(ids)) & (np.abs(ids) < 2**53))
    if bad.any():
        at, place = _place(bad, kind, row_of, slot_of)
        raise ValueError(f"{place}: id {ids[at]} is not an integer")
    return ids.astype(np.intp)


def _reals(values, dtype, kind, row_of=None, slot_of=None, name="x"):
    if values.dtype.kind not in "biuf" and values.size:
        raise TypeError(f"{name} must hold real numbers; got an array of {values.dtype}")
    with np.errstate(over="ignore"):
        values = values.astype(dtype, copy=False)
    bad = ~np.isfinite(values)
    if bad.any():
        at, place = _place(bad, kind, row_of, slot_of)
        raise ValueError(f"{place}: {name} is {values[at]}; it must be a finite {np.dtype(dtype).name} number")
    return values


def _number_of_features(idx, n, kind, row_of=None, slot_of=None):
    largest = idx.max(initial=-1)
    if n is None:
        n = max(int(largest) + 1, 1)
    if isinstance(n, bool) or not isinstance(n, (int, np.integer)) or n < 1:
        raise ValueError(f"n, the number of features, must be an integer of at least 1; got {n!r}")
    bad = (idx < 0) | (idx >= n)
    if bad.any():
        at, place = _place(bad, kind, row_of, slot_of)
        raise ValueError(f"{place}: id {idx[at]} is out of range; with n = {n} ids run from 0 to {n - 1}")
    return int(n)
