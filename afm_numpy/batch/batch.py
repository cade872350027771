"""How a Batch is made: from padded arrays, lists, sparse matrices and dense arrays, checked once at this border."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy import sparse

from .._checks import array, check_dtype, check_matrix, check_n, flat_rows, reals, rectangle, whole
from .._types import Array, ArrayLike, DType
from .ragged import row_ends
from .rows import Rows


@dataclass(frozen=True, eq=False)
class Batch(Rows):
    """B rows, each a sparse vector x over the feature ids 0 to n-1.

    Make one with `from_padded`, `from_lists`, `from_scipy`, `from_dense`, with `encode.TableEncoder`, or with
    `datasets.load_libfm`. They check their input and copy it. The arrays of a Batch must not change.

    A row has m slots, some of them empty. Only the filled slots are stored, row after row: one long row costs what
    it holds. The padded arrays `idx`, `x`, `present` and `mask`, which the readable code works on, are made when they
    are first asked for.

    **Slots are fields.** A slot can stand for a field of the data: slot 0 is always the user, slot 1 the item.
    Attention "field" and means over fields need that. `slots_are_fields` tells whether it holds: for `from_padded`
    and the encoder, because they keep every value in its place and leave the slot of an absent one empty. It does not
    for a sparse or dense matrix, where the features that are present close up, nor for lists, unless you say so.

    Parameters
    ----------
    ids : (S,) intp array
        The feature id of each filled slot.
    values : (S,) float array
        Its value x_i, not 0. A feature with value 0 is absent: it has no linear term, no pair, and no share of the
        attention.
    slots : (S,) int32 array or None
        The number of each filled slot; None when all slots of all rows are filled.
    ends : (B+1,) array
        Row r holds the filled slots ends[r] to ends[r+1] - 1.
    m, n : int
        Number of slots and of features.
    slots_are_fields : bool
        Whether a slot means the same field in every row.

    Examples
    --------
    >>> batch = Batch.from_lists([[0, 2, 3], [1]], n=4)
    >>> batch.idx.tolist(), batch.x.tolist()                 # an empty slot has idx 0 and x 0
    ([[0, 2, 3], [1, 0, 0]], [[1.0, 1.0, 1.0], [1.0, 0.0, 0.0]])
    >>> batch.ids.tolist(), batch.sizes.tolist()
    ([0, 2, 3, 1], [3, 1])
    >>> batch.mask.sum(axis=1).tolist()                      # pairs in each row
    [3, 0]
    """

    @classmethod
    def of_slots(
        cls, ids: Array, values: Array, ends: Array, m: int, n: int | None, slots_are_fields: bool,
        slots: Array | None = None,
    ) -> "Batch":  # fmt: skip
        """Rows whose slots were checked before, one after the other; from slot 0 on, unless `slots` numbers them.

        Slots with value 0 are left out.
        """
        row_of = np.arange(ends.size - 1).repeat(np.diff(ends))
        slots = np.arange(ids.size) - ends[row_of] if slots is None else slots
        n = check_n(ids, n, row_of, slots)
        here = values != 0
        if not here.all():
            ids, values, slots, ends = ids[here], values[here], slots[here], np.append(0, here.cumsum())[ends]
        filled = None if ids.size == (ends.size - 1) * m else slots.astype(np.int32)
        return cls(ids, values, filled, row_ends(np.diff(ends)), m, n, slots_are_fields)

    @classmethod
    def from_padded(
        cls, idx: ArrayLike, x: ArrayLike | None = None, n: int | None = None, dtype: DType = np.float64
    ) -> "Batch":
        """Rows of equal length m, given as two (B, m) arrays; a slot with x = 0 is empty, whatever its id.

        Every value stays in its slot, so a slot can stand for a field of the data.

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
        B, m = idx.shape
        idx = np.where(x != 0, idx, 0)                       # the id of an empty slot does not matter
        batch = cls.of_slots(idx.ravel(), x.flatten(), np.arange(B + 1) * m, m, n, slots_are_fields=True)
        key = np.sort(batch.row_of * batch.n + batch.ids)    # equal numbers: an id twice in one row
        if (twice := key[1:][key[1:] == key[:-1]]).size:
            row, id_ = divmod(int(twice[0]), batch.n)
            raise ValueError(
                f"row {row}: id {id_} stands in more than one slot; "
                "give an id once in a row, or use Batch.from_lists, which sums repeated ids"
            )
        return batch

    @classmethod
    def from_lists(
        cls, rows: Iterable[ArrayLike], values: Iterable[ArrayLike] | None = None, n: int | None = None,
        dtype: DType = np.float64, *, slots_are_fields: bool = False,
    ) -> "Batch":  # fmt: skip
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
        slots_are_fields : bool
            Say True when the place in a list means a field, in every row.

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
        given = [np.ones(row.shape) for row in rows] if values is None else flat_rows(values, "values")
        if len(given) != len(rows):
            raise ValueError(f"{len(rows)} rows of ids but {len(given)} rows of values")
        length, count = (np.array([part.size for part in parts], np.intp) for parts in (rows, given))
        if (wrong := np.flatnonzero(length != count)).size:
            r = wrong[0]
            raise ValueError(f"row {r}: {length[r]} ids but {count[r]} values")
        row_of = np.arange(length.size).repeat(length)
        ends = np.append(0, length.cumsum())
        slot_of = np.arange(row_of.size) - ends[row_of]
        ids = whole(np.concatenate([np.zeros(0, np.intp), *rows]), "slot", row_of, slot_of)
        flat = np.concatenate([np.zeros(0, bool), *given])
        for r in np.unique(row_of[np.abs(flat) >= 2**53]):   # rows of integers beside rows of floats
            reals(given[r], np.float64, "slot", np.full(length[r], r), np.arange(length[r]))
        flat = reals(flat, np.float64, "slot", row_of, slot_of)
        n = check_n(ids, n, row_of, slot_of)
        # the first slot of each (row, id) receives the sum, the others become empty
        _, first, group = np.unique(row_of * n + ids, return_index=True, return_inverse=True)
        total = np.zeros(flat.size)
        with np.errstate(over="ignore"):
            np.add.at(total, first[group], flat)
        total = reals(total, dtype, "slot", row_of, slot_of)
        return cls.of_slots(ids, total, ends, int(length.max(initial=0)), n, slots_are_fields)

    @classmethod
    def from_scipy(cls, matrix: Any, dtype: DType = np.float64) -> "Batch":
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
        check_matrix(matrix)
        if matrix.dtype not in (np.float32, np.float64):     # a number may become 0, infinite, or lose digits
            entries = matrix.tocoo()
            reals(entries.data, np.float64, "column", entries.row, entries.col)
        with np.errstate(invalid="ignore"):                  # a NaN may be signaling
            matrix = sparse.csr_array(matrix.astype(np.float64))     # a copy; float64 before anything is summed
        matrix.sum_duplicates()
        matrix.eliminate_zeros()
        ends, ids = matrix.indptr.astype(np.intp), matrix.indices.astype(np.intp)
        row_of = np.arange(len(ends) - 1).repeat(np.diff(ends))
        x = reals(matrix.data, dtype, "column", row_of, ids)
        m = int(np.diff(ends).max(initial=0))
        return cls.of_slots(ids, x, ends, m, matrix.shape[1], slots_are_fields=False)

    @classmethod
    def from_dense(cls, array: ArrayLike, dtype: DType = np.float64) -> "Batch":
        """Rows of a dense 2-d array (B, n): column j is feature j, zeros are absent and close up.

        Refuses what `from_scipy` refuses.

        Examples
        --------
        >>> Batch.from_dense([[0.0, 2.0, 0.0], [1.0, 0.0, 3.0]]).x.tolist()
        [[2.0, 0.0], [1.0, 3.0]]
        """
        array = reals(rectangle(array, "array", "columns"), np.float64, "column")
        return cls.from_scipy(sparse.csr_array(array), dtype)

    def with_x(self, x: Array) -> "Batch":
        """The same features with values from x (B, m), float or complex; empty slots stay empty.

        Examples
        --------
        >>> Batch.from_lists([[0, 2], [1]], n=3).with_x(np.array([[5.0, 6.0], [7.0, 8.0]])).x.tolist()
        [[5.0, 6.0], [7.0, 0.0]]
        """
        x = array(x)
        if x.shape != (len(self), self.m):
            raise ValueError(f"x must have the shape {(len(self), self.m)} of the slots; got {x.shape}")
        x = self.filled(x)
        if x.dtype.kind != "c":
            x = reals(x, check_dtype(x.dtype) if x.dtype.kind == "f" else np.float64, "slot", self.row_of, self.slot_of)
        return Batch.of_slots(self.ids, x, self.ends, self.m, self.n, self.slots_are_fields, self.slot_of)
