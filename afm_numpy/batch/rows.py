"""What a Batch holds: its filled slots, row after row; how rows are selected, and the padded arrays made of them.

Dimensions: B rows of a batch, m slots per row, P = m(m-1)/2 slot pairs, n features, S filled slots of all rows.
"""

import dataclasses
from dataclasses import dataclass
from functools import cached_property
from typing import Any, ClassVar, TypeVar

import numpy as np

from .._checks import array, reals
from .._types import Array, DType
from .ragged import check_pair_memory, pairs_of_rows, slot_pairs, sum_rows, take_rows

Same = TypeVar("Same", bound="Rows")


@dataclass(frozen=True, eq=False)
class Rows:
    """The fields of a `Batch`, described there, and what the models read."""

    ids: Array
    values: Array
    slots: Array | None
    ends: Array
    m: int
    n: int
    slots_are_fields: bool

    by_slot: ClassVar[tuple[str, ...]] = ("ids", "values")  # the arrays with a number for each filled slot

    # ---- selection -----------------------------------------------------------------------------------

    def __len__(self) -> int:
        return self.ends.size - 1

    def __array__(self, *_: object) -> Array:
        """Asked by NumPy, which would look for numbers in each row, and by scikit-learn's ColumnTransformer."""
        raise TypeError("a Batch is no matrix: idx and x are its arrays; TableEncoder(sparse_output=True) makes one")

    ndim = property(__array__)

    @property
    def shape(self) -> tuple[int, int]:
        """(B, n), the shape of the matrix that the rows stand for."""
        return len(self), self.n

    @property
    def dtype(self) -> Any:
        """The type of the values."""
        return self.values.dtype

    def __getitem__(self: Same, rows: Any) -> Same:
        """The rows that a number, a slice, an index array or a boolean array selects."""
        return self._select(self._numbers(rows))

    def _numbers(self, rows: Any) -> Array:
        if isinstance(rows, tuple) and len(rows) == 2 and rows[1] is Ellipsis:
            rows = rows[0]                                   # batch[rows, ...], as scikit-learn writes it
        if isinstance(rows, (int, np.integer)):
            rows = [rows]
        rows = array(rows) if isinstance(rows, np.ma.MaskedArray) else rows
        if isinstance(rows, slice):                          # here, and next, without a list of all rows
            return np.arange(*rows.indices(len(self)))
        if isinstance(rows, np.ndarray) and rows.ndim == 1 and rows.dtype.kind == "i":
            if rows.min(initial=0) >= 0 and rows.max(initial=0) < len(self):
                return rows.astype(np.intp, copy=False)
        wrong = isinstance(rows, tuple) or np.ndim(rows) > 1
        numbers: Array = np.arange(len(self))[[] if wrong else rows]
        if wrong or np.ndim(numbers) != 1:
            raise IndexError("select rows by a number, a slice, a 1-d index array or a 1-d boolean array")
        return numbers

    def _select(self: Same, rows: Array, **more: Array) -> Same:
        """The rows of these numbers. `more` are arrays of the new batch that do not go by slots."""
        names = self.by_slot if self.slots is None else (*self.by_slot, "slots")
        arrays, ends = take_rows(rows, self.ends, self.width, (getattr(self, name) for name in names))
        changed: dict[str, Any] = dict(zip(names, arrays, strict=True)) | more
        return dataclasses.replace(self, ends=ends, **changed)

    def astype(self: Same, dtype: DType) -> Same:
        """The same rows with values of another dtype, float or complex; refuses values that do not fit into it."""
        dtype = np.dtype(dtype)
        if dtype == self.dtype:
            return self
        if dtype.kind == "c":
            return dataclasses.replace(self, values=self.values.astype(dtype))
        return dataclasses.replace(self, values=reals(self.values, dtype, "slot", self.row_of, self.slot_of))

    def narrowed(self: Same) -> Same:
        """The same rows without the slots at the end that all of them leave empty. Fields keep their slots."""
        if self.slots is None or self.slots_are_fields:
            return self
        m = int(self.slots.max(initial=-1)) + 1
        return dataclasses.replace(self, m=m, slots=None if m * len(self) == self.ids.size else self.slots)

    # ---- the filled slots, row after row -------------------------------------------------------------

    @cached_property
    def sizes(self) -> Array:
        """(B,) how many features each row holds.

        Examples
        --------
        >>> from afm_numpy import Batch
        >>> Batch.from_lists([[0, 2], [2], []], n=3).sizes.tolist()
        [2, 1, 0]
        """
        sizes: Array = np.diff(self.ends)
        return sizes

    @cached_property
    def pair_counts(self) -> Array:
        """(B,) how many pairs each row holds."""
        sizes = self.sizes.astype(np.int64)                  # a row of 100,000 features has more than an int32 counts
        return sizes * (sizes - 1) // 2

    @property
    def width(self) -> int | None:
        """How many features every row holds, when all slots are filled; else None."""
        return self.m if self.slots is None else None

    @property
    def row_of(self) -> Array:
        """(S,) the row of each filled slot."""
        return np.arange(len(self)).repeat(self.sizes)

    @property
    def slot_of(self) -> Array:
        """(S,) the number of each filled slot."""
        return np.tile(np.arange(self.m), len(self)) if self.slots is None else self.slots

    def filled(self, values: Array) -> Array:
        """The (S, ...) values, of (B, m, ...), in the slots that hold a feature, row after row.

        Examples
        --------
        >>> from afm_numpy import Batch
        >>> batch = Batch.from_lists([[0, 2], [2]], n=3)
        >>> batch.filled(batch.idx).tolist()
        [0, 2, 2]
        """
        return values.reshape(-1, *values.shape[2:]) if self.slots is None else values[self.row_of, self.slots]

    def padded(self, values: Array) -> Array:
        """The (B, m, ...) array that has (S, ...) values in the slots that hold a feature, and 0 elsewhere."""
        shape = (len(self), self.m, *values.shape[1:])
        if self.slots is None:
            return values.reshape(shape)
        array = np.zeros(shape, values.dtype)
        array[self.row_of, self.slots] = values
        return array

    @cached_property
    def occurrences(self) -> tuple[Array, Array]:
        """`touched`, and which of them each filled slot holds (S,)."""
        touched, place = np.unique(self.ids, return_inverse=True)
        return touched, place

    @property
    def touched(self) -> Array:
        """(U,) the distinct ids present: the rows of w and V that this batch touches."""
        return self.occurrences[0]

    def distinct_pairs(self) -> Array:
        """(F, 2) the pairs of feature ids i < j that some row holds together, in lexicographic order.

        Examples
        --------
        >>> from afm_numpy import Batch
        >>> Batch.from_lists([[3, 1], [1, 2, 3]], n=4).distinct_pairs().tolist()
        [[1, 2], [1, 3], [2, 3]]
        """
        check_pair_memory(int(self.pair_counts.max(initial=0)), each=40)
        keys = [np.zeros(0, np.intp)]
        for i, j in pairs_of_rows(self.ends):
            first, second = self.ids.take(i), self.ids.take(j)
            keys.append(np.unique(np.minimum(first, second) * self.n + np.maximum(first, second)))
        return np.stack(np.divmod(np.unique(np.concatenate(keys)), self.n), axis=1)

    # ---- the padded arrays of the readable code ------------------------------------------------------

    @cached_property
    def idx(self) -> Array:
        """(B, m) feature ids; 0 in an empty slot."""
        return self.padded(self.ids)

    @cached_property
    def x(self) -> Array:
        """(B, m) feature values; 0 in an empty slot."""
        return self.padded(self.values)

    @cached_property
    def present(self) -> Array:
        """(B, m) bool: the slot holds a feature."""
        return self.padded(np.ones(self.ids.size, bool))

    @cached_property
    def _pairs(self) -> tuple[Array, Array]:
        return slot_pairs(self.m)

    @property
    def pair_i(self) -> Array:
        """(P,) first slot of each pair; pairs are in lexicographic order."""
        return self._pairs[0]

    @property
    def pair_j(self) -> Array:
        """(P,) second slot of each pair."""
        return self._pairs[1]

    @cached_property
    def mask(self) -> Array:
        """(B, P) bool: both features of the pair are present, R_x in eq. (2)."""
        return self.present[:, self.pair_i] & self.present[:, self.pair_j]

    def sum_by_row(self, values: Array) -> Array:
        """Sum (B, m, ...) slot values over the slots that hold the same id: (U, ...), one per id in `touched`.

        Examples
        --------
        >>> from afm_numpy import Batch
        >>> batch = Batch.from_lists([[0, 2], [2]], n=3)
        >>> batch.sum_by_row(np.array([[1.0, 10.0], [5.0, 99.0]])).tolist()
        [1.0, 15.0]
        """
        touched, place = self.occurrences
        return sum_rows(place, self.filled(values), touched.size)
