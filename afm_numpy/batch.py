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
        idx = _whole(_rectangle(idx, "idx", "slots"), "slot")
        x = _reals(np.ones(idx.shape) if x is None else _rectangle(x, "x", "slots"), dtype, "slot")
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
        rows = _flat_rows(rows, "ids")
        values = _flat_rows([np.ones(row.shape) for row in rows] if values is None else values, "values")
        if len(values) != len(rows):
            raise ValueError(f"{len(rows)} rows of ids but {len(values)} rows of values")
        for r, (row, value) in enumerate(zip(rows, values, strict=True)):
            if row.size != value.size:
                raise ValueError(f"row {r}: {row.size} ids but {value.size} values")
        length = np.array([row.size for row in rows], np.intp)
        inside = np.arange(length.max(initial=0)) < length[:, None]
        row_of, slot_of = np.nonzero(inside)
        ids = _whole(np.concatenate([np.zeros(0, np.intp), *rows]), "slot", row_of, slot_of)
        flat = _reals(np.concatenate([np.zeros(0), *values]), np.float64, "slot", row_of, slot_of)
        n = _number_of_features(ids, n, "slot", row_of, slot_of)
        # the first slot of each (row, id) receives the sum
        _, first, group = np.unique(row_of * n + ids, return_index=True, return_inverse=True)
        total = np.zeros(first.size)
        with np.errstate(over="ignore"):
            np.add.at(total, group, flat)
        idx, x = np.zeros(inside.shape, np.intp), np.zeros(inside.shape, dtype)
        at = row_of[first], slot_of[first]
        idx[at], x[at] = ids[first], _reals(total, dtype, "slot", *at)
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
        _check_kind(matrix.dtype, REAL, "x")
        _check_index_arrays(matrix)
        with np.errstate(over="ignore", invalid="ignore"):
            matrix = sparse.csr_array(matrix.astype(np.float64))     # a copy; float64 before anything is summed
        matrix.sum_duplicates()
        matrix.eliminate_zeros()
        length = np.diff(matrix.indptr)
        inside = np.arange(length.max(initial=0)) < length[:, None]
        idx, x = np.zeros(inside.shape, np.intp), np.zeros(inside.shape, dtype)
        idx[inside] = matrix.indices
        x[inside] = _reals(matrix.data, dtype, "column", np.nonzero(inside)[0], matrix.indices)
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
        array = _reals(_rectangle(array, "array", "columns"), np.float64, "column")
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
        x = self.x.astype(dtype) if dtype.kind == "c" else _reals(self.x, dtype, "slot")
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
    def _touched(self):
        return np.unique(self.filled(self.idx), return_inverse=True)

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
    values = _array(values)
    if values.shape != (n_rows,):
        raise ValueError(f"{name} must have one value for each of the {n_rows} rows; got shape {values.shape}")
    return _reals(values, dtype, None, np.arange(n_rows), None, name)


WHOLE, REAL = "iuf", "biuf"     # kinds of dtype: a float may be a whole number, a bool is not an id


def _array(values):
    if np.ma.is_masked(values):                              # NumPy would take what is under the mask
        raise TypeError("masked values are not supported; leave masked entries out, or fill them")
    return np.asarray(values)


def _rectangle(values, name, across):
    try:
        values = _array(values)
    except ValueError:
        raise ValueError(f"{name} must be 2-d with rows of one length; for ragged rows use Batch.from_lists") from None
    if values.ndim != 2:
        raise ValueError(f"{name} must be a 2-d array (rows, {across}); got shape {values.shape}")
    return values


def _flat_rows(rows, name):
    try:
        rows = list(rows)
    except TypeError:
        raise TypeError(f"{name} must be a sequence of rows; got {type(rows).__name__}") from None
    return [_flat(row, r, name) for r, row in enumerate(rows)]


def _flat(values, row, name):
    try:
        values = _array(values)
    except ValueError:
        values = np.zeros((0, 0))
    if values.ndim != 1:
        raise ValueError(f"row {row}: {name} must be a flat list of numbers")
    _check_kind(values.dtype, WHOLE if name == "ids" else REAL, name, f"row {row}: ")
    return values


def _check_kind(dtype, kinds, name, place=""):
    if dtype.kind not in kinds:
        want = "integers" if kinds == WHOLE else "real numbers"
        raise TypeError(f"{place}{name} must be {want}; got {dtype}")


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


def _place(bad, kind, row_of, slot_of):
    """Index of the first bad entry, and its place in words."""
    at = np.unravel_index(np.argmax(bad), bad.shape)
    row, slot = at if row_of is None else (row_of[at], None if slot_of is None else slot_of[at])
    return at, f"row {row}" + ("" if kind is None else f", {kind} {slot}")


def _whole(ids, kind, row_of=None, slot_of=None):
    _check_kind(ids.dtype, WHOLE, "ids")
    if ids.dtype.kind != "f":
        return ids.astype(np.intp, copy=False)
    with np.errstate(over="ignore", invalid="ignore"):       # 2**53 is infinite in float16; a NaN may be signaling
        bad = ~(np.isfinite(ids) & (ids == np.round(ids)) & (np.abs(ids) < 2**53))
    if bad.any():
        at, place = _place(bad, kind, row_of, slot_of)
        raise ValueError(f"{place}: id {ids[at]} is not an integer")
    return ids.astype(np.intp)


def _reals(values, dtype, kind, row_of=None, slot_of=None, name="x"):
    _check_kind(values.dtype, REAL, name)
    if np.dtype(dtype).kind != "f":
        raise TypeError(f"dtype must be a float type, such as float32; got {np.dtype(dtype)}")
    with np.errstate(over="ignore", invalid="ignore"):
        values = values.astype(dtype, copy=False)
    bad = ~np.isfinite(values)
    if bad.any():
        at, place = _place(bad, kind, row_of, slot_of)
        raise ValueError(f"{place}: {name} is {values[at]}; it must be a finite {np.dtype(dtype).name} number")
    return values


def _number_of_features(idx, n, kind, row_of=None, slot_of=None):
    largest = idx.max(initial=-1)
    if n is None:
        n = min(max(int(largest) + 1, 1), 2**31)
    if isinstance(n, bool) or not isinstance(n, (int, np.integer)) or not 1 <= n <= 2**31:
        raise ValueError(f"n, the number of features, must be an integer from 1 to 2**31; got {n!r}")
    bad = (idx < 0) | (idx >= n)
    if bad.any():
        at, place = _place(bad, kind, row_of, slot_of)
        raise ValueError(f"{place}: id {idx[at]} is out of range; with n = {n} ids run from 0 to {n - 1}")
    return int(n)
