"""Numbers for the features, tokens and pairs of a data set: made once, selected with the rows of every batch.

    token   a distinct (feature, value)        pair   two distinct tokens that some row holds together

    rows        tokens     pairs of each row           numbered: 0 = (0, 1)  1 = (0, 2)  2 = (0, 3)
    [a b c]     0 1 2      (0,1) (0,2) (1,2)                     3 = (1, 2)  4 = (1, 3)
    [a b d]     0 1 3      (0,1) (0,3) (1,3)           pair = [0 1 3 | 0 2 4 | 3]
    [b c]       1 2        (1,2)

Time and memory grow with the rows, tokens and pairs that exist. They do not grow with n, the number of features.
A batch finds which numbers it uses, and numbers those again from 0: `distinct` does both.

Dimensions: B rows, S filled slots, n features, O pairs of slots (all rows together), T tokens and Q pairs of the data
set; R features, U tokens and D pairs of a batch.
"""

import dataclasses
from dataclasses import dataclass
from functools import cached_property
from typing import Any, ClassVar, NamedTuple

import numpy as np

from .._types import Array, DType
from ..batch import Batch
from ..batch.ragged import check_pair_memory, pairs_of_rows, reduce_rows, row_ends, take_rows

PAIR_BYTES = 150  # memory that numbering and evaluating a pair take when no pair repeats, but for t bytes more


def distinct(codes: Array, bound: int) -> tuple[Array, Array]:
    """The distinct values of some integers, ascending, and the place of each integer among them.

    This is `np.unique(codes, return_inverse=True)` for codes from 0 to bound - 1, but faster, and with places in int32.
    When `bound` is not much larger than the number of codes, it marks the codes in an array of bools. Otherwise it
    sorts them once, with their positions packed into the lower bits.

    Examples
    --------
    >>> [part.tolist() for part in distinct(np.array([7, 3, 7, 9]), bound=10)]
    [[3, 7, 9], [1, 0, 1, 2]]
    """
    codes = codes.astype(np.intp, copy=False)
    if bound <= 64 * codes.size:
        used = np.zeros(bound, bool)
        used[codes] = True
        values = np.flatnonzero(used)
        place_of = np.empty(bound, np.int32)
        place_of[values] = np.arange(values.size, dtype=np.int32)
        return values, place_of.take(codes)
    bits = codes.size.bit_length()
    if int(bound).bit_length() + bits > 63:
        values, place = np.unique(codes, return_inverse=True)
        return values, place.astype(np.int32)
    packed = np.sort(codes << bits | np.arange(codes.size))
    ordered = packed >> bits
    new = np.ones(codes.size, bool)
    np.not_equal(ordered[1:], ordered[:-1], out=new[1:])
    place = np.empty(codes.size, np.int32)
    place[packed & ((1 << bits) - 1)] = np.cumsum(new) - 1
    return ordered[new], place


def _fields(batch: Batch) -> dict[str, Any]:
    return {field.name: getattr(batch, field.name) for field in dataclasses.fields(Batch)}


# ---- features: all that FM needs -------------------------------------------------------------------------


@dataclass(frozen=True, eq=False)
class RowBatch(Batch):
    """A Batch whose features are numbered: `numbered[rows]` selects rows together with their numbers.

    Parameters
    ----------
    features : (T,) intp array
        The distinct ids of the data set, ascending. The other fields are those of Batch.
    number : (S,) int32 array
        features[number] equals ids.
    """

    features: Array
    number: Array
    by_slot: ClassVar[tuple[str, ...]] = ("ids", "values", "number")

    @cached_property
    def occurrences(self) -> tuple[Array, Array]:
        used, place = distinct(self.number, self.features.size)
        return self.features.take(used), place


def number_rows(batch: Batch) -> RowBatch:
    """Number the features of a data set.

    Examples
    --------
    >>> number_rows(Batch.from_lists([[5, 2], [2, 9]], n=10)).number.tolist()
    [1, 0, 0, 2]
    """
    if isinstance(batch, RowBatch):
        return batch
    features, number = distinct(batch.ids, batch.n)
    return RowBatch(**_fields(batch), features=features, number=number)


# ---- tokens and pairs: for AFM ---------------------------------------------------------------------------


class Local(NamedTuple):
    """Features, tokens and pairs, numbered from 0 on."""

    rows: Array  # (R,)    the features: rows of w and V
    row: Array  # (U,)     which of them a token has
    value: Array  # (U,)   which x
    slot_at: Array  # (S,) token of each filled slot, row after row
    tokens: Array  # (2, D) the two of each pair
    pair_at: Array  # (O,) pair of each two filled slots of a row, row after row


@dataclass(frozen=True, eq=False)
class PairBatch(Batch):
    """A Batch whose tokens and pairs are numbered: `numbered[rows]` selects rows together with their numbers.

    Parameters
    ----------
    feature, value : (T,) arrays
        The tokens of the data set, ascending. The fields that are not listed here are those of Batch.
    tokens : (2, Q) intp array
        The two tokens of each pair of the data set, the lower one first; pairs in lexicographic order.
    token : (S,) int32 array
        The token of each filled slot.
    pair : (O,) int32 array
        The pair of each two filled slots, row after row.
    pair_ends : (B+1,) array
        Row r holds the pairs pair_ends[r] to pair_ends[r+1] - 1.
    """

    feature: Array
    value: Array
    tokens: Array
    token: Array
    pair: Array
    pair_ends: Array
    by_slot: ClassVar[tuple[str, ...]] = ("ids", "values", "token")

    def _select(self, rows: Array, **more: Array) -> "PairBatch":
        (pair,), ends = take_rows(rows, self.pair_ends, self.pair_width, [self.pair])
        return super()._select(rows, pair=pair, pair_ends=ends)

    def astype(self, dtype: DType) -> "PairBatch":
        batch = super().astype(dtype)
        return batch if batch is self else dataclasses.replace(batch, value=self.value.astype(dtype))

    @property
    def pair_width(self) -> int | None:
        """How many pairs every row has, when all slots are filled; else None."""
        return None if self.width is None else self.m * (self.m - 1) // 2

    @cached_property
    def local(self) -> Local:
        """The features, tokens and pairs of these rows."""
        pairs, pair_at = distinct(self.pair, self.tokens.shape[1])
        used, place = distinct(np.append(self.token, self.tokens.take(pairs, axis=1)), self.feature.size)
        slot_at, tokens = place[: self.token.size], place[self.token.size :].reshape(2, -1)
        rows, row = distinct(self.feature.take(used), self.n)
        return Local(rows, row, self.value.take(used), slot_at, tokens, pair_at)

    @property
    def whole(self) -> Local:
        """All tokens and pairs of the data set, under the numbers that it gave them."""
        every = np.arange(self.feature.size)
        return Local(self.feature, every, self.value, self.token, self.tokens, self.pair)

    @cached_property
    def occurrences(self) -> tuple[Array, Array]:
        return self.local.rows, self.local.row.take(self.local.slot_at)

    @property
    def slot_pair(self) -> Array:
        """Which pair of slots each pair is, in the order of `slot_pairs`: (O,)."""
        i, j = (self.slot_of.take(side).astype(np.intp) for side in self.sides)
        return i * (2 * self.m - i - 1) // 2 + j - i - 1

    @property
    def sides(self) -> Array:
        """The filled slots of each pair, counted over all rows: (2, O)."""
        return np.concatenate([np.zeros((2, 0), np.intp), *map(np.stack, pairs_of_rows(self.ends))], axis=1)

    def by_row(self, operation: np.ufunc, values: Array) -> Array:
        """Reduce (O,) values over the pairs of each row: (B,); 0 in a row without a pair."""
        return reduce_rows(operation, values, self.pair_ends)

    def spread(self, values: Array) -> Array:
        """Repeat (B,) values for the pairs of each row: (O,)."""
        return values.repeat(self.pair_counts if self.pair_width is None else self.pair_width)


def number_pairs(batch: Batch) -> PairBatch:
    """Number the tokens and pairs of a data set.

    Examples
    --------
    >>> numbered = number_pairs(Batch.from_lists([[0, 1, 2], [1, 2]], n=3))
    >>> numbered.pair.tolist(), numbered.tokens.tolist()
    ([0, 1, 2, 2], [[0, 0, 1], [1, 2, 2]])
    """
    if isinstance(batch, PairBatch):
        return batch
    check_pair_memory(int(batch.pair_counts.sum()), PAIR_BYTES)
    x = batch.values
    values, code = (np.ones(1, x.dtype), 0) if (x == 1).all() else np.unique(x, return_inverse=True)
    keys, token = distinct(batch.ids * values.size + code, batch.n * values.size)
    feature, code = np.divmod(keys, values.size)
    T, parts = feature.size, [np.zeros(0, np.int64)]
    for i, j in pairs_of_rows(batch.ends):
        left, right = token.take(i), token.take(j)
        parts.append(np.minimum(left, right).astype(np.int64) * T + np.maximum(left, right))
    keys, pair = distinct(np.concatenate(parts), T * T)
    first = keys // T
    tokens = np.stack([first, keys - first * T])                     # faster than np.divmod
    return PairBatch(**_fields(batch), feature=feature, value=values[code], tokens=tokens, token=token,
                     pair=pair, pair_ends=row_ends(batch.pair_counts))  # fmt: skip
