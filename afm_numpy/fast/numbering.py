"""Numbers for the features, tokens and pairs of a data set: made once, selected with the rows of every batch.

    token   a distinct (feature, value)        pair   two distinct tokens that some row holds together

    rows        tokens     pairs of each row           numbered: 0 = (0, 1)  1 = (0, 2)  2 = (0, 3)
    [a b c]     0 1 2      (0,1) (0,2) (1,2)                     3 = (1, 2)  4 = (1, 3)
    [a b d]     0 1 3      (0,1) (0,3) (1,3)           pair = [0 1 3 | 0 2 4 | 3]      count = [3 3 1]
    [b c]       1 2        (1,2)

Everything grows with the rows, tokens and pairs that exist: never with n, nor with n squared.
A batch finds which numbers it uses, and renumbers those from 0, with `distinct`.

Dimensions: B rows, m slots, n features, O pairs of slots (all rows together), T tokens and Q pairs of the data
set; R features, U tokens and D pairs of a batch.
"""

import dataclasses
from dataclasses import dataclass
from functools import cached_property
from typing import NamedTuple

import numpy as np
from scipy import sparse

from ..batch import Batch

__all__ = ["Local", "PairBatch", "RowBatch", "distinct", "number_pairs", "number_rows", "row_ends", "sum_rows"]

CHUNK = 1 << 23  # slot pairs whose keys are made at a time


def distinct(codes, bound):
    """The distinct values of some integers, ascending, and the place of each integer among them.

    As `np.unique(codes, return_inverse=True)`, faster: by marking when `bound` is not much larger than the
    number of codes, else by one sort of the codes with their positions packed behind them.

    Parameters
    ----------
    codes : (S,) integer array
        Not negative.
    bound : int
        All codes are below.

    Returns
    -------
    values : (U,) intp array
    place : (S,) int32 array
        values[place] equals codes.

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


def keep_memory():
    """Let the memory of freed arrays, up to 31 MB each, stay with this process: new arrays then cost no page faults.

    The GNU C library returns freed memory to the system by thresholds that it raises to the largest block freed so
    far (mallopt(3), M_MMAP_THRESHOLD). Nothing is written to this one, and elsewhere it does no harm.
    """
    np.empty(31 << 20, np.uint8)


def sum_rows(at, values, size):
    """Sum those rows of `values` that have the same number: a product with a sparse matrix of ones, (size, ...).

    Examples
    --------
    >>> sum_rows(np.array([1, 0, 1]), np.array([[1.0, 2.0], [3.0, 4.0], [5.0, 6.0]]), 2).tolist()
    [[3.0, 4.0], [6.0, 8.0]]
    """
    one_each = (np.ones(at.size, values.dtype), at, np.arange(at.size + 1, dtype=np.int32))
    return sparse.csc_array(one_each, (size, at.size)) @ values


def row_ends(count):
    """Where the entries of each row start, and where the last row ends: (B+1,), int32 if that suffices."""
    ends = np.zeros(count.size + 1, np.int64)
    np.cumsum(count, out=ends[1:])
    return ends if ends[-1] > np.iinfo(np.int32).max else ends.astype(np.int32)


def _select(batch, rows):
    """The numbers of the rows that a number, slice, index array or boolean array selects."""
    number = np.arange(len(batch))[:, None]
    return Batch(number, number, batch.n)[rows].idx[:, 0]


# ---- features: all that FM needs -------------------------------------------------------------------------


@dataclass(frozen=True, eq=False)
class RowBatch(Batch):
    """A Batch whose features are numbered: `numbered[rows]` selects rows together with their numbers.

    Parameters
    ----------
    idx, x, n
        As in Batch.
    features : (T,) intp array
        The distinct ids of the data set, ascending.
    number : (B, m) int32 array
        features[number] equals idx in every slot that holds a feature.
    """

    features: np.ndarray
    number: np.ndarray

    def __getitem__(self, rows):
        rows = _select(self, rows)
        idx, x, number = (slots.take(rows, axis=0) for slots in (self.idx, self.x, self.number))
        return RowBatch(idx, x, self.n, self.features, number)

    def astype(self, dtype):
        return self if dtype == self.x.dtype else number_rows(Batch.astype(self, dtype))

    @cached_property
    def _occurrences(self):
        used, slot_row = distinct(self.filled(self.number), self.features.size)
        return self.features.take(used), slot_row


def number_rows(batch):
    """Number the features of a data set.

    Examples
    --------
    >>> number_rows(Batch.from_lists([[5, 2], [2, 9]], n=10)).number.tolist()
    [[1, 0], [0, 2]]
    """
    if isinstance(batch, RowBatch):
        return batch
    keep_memory()
    features, slot_number = distinct(batch.filled(batch.idx), batch.n)
    number = np.zeros(batch.idx.shape, np.int32)
    number[batch.present] = slot_number
    return RowBatch(batch.idx, batch.x, batch.n, features, number)


# ---- tokens and pairs: for AFM ---------------------------------------------------------------------------


class Local(NamedTuple):
    """Features, tokens and pairs, numbered from 0 on."""

    rows: np.ndarray  # (R,)    the features: rows of w and V
    row: np.ndarray  # (U,)     which of them a token has
    value: np.ndarray  # (U,)   which x
    slot_at: np.ndarray  # (S,) token of each slot that holds a feature, row after row
    first: np.ndarray  # (D,)   tokens of a pair
    second: np.ndarray  # (D,)
    pair_at: np.ndarray  # (O,) pair of each two such slots of a row, row after row


@dataclass(frozen=True, eq=False)
class PairBatch(Batch):
    """A Batch whose tokens and pairs are numbered: `numbered[rows]` selects rows together with their numbers.

    Parameters
    ----------
    idx, x, n
        As in Batch.
    feature, value : (T,) arrays
        The tokens of the data set, ascending.
    first, second : (Q,) intp arrays
        The two tokens of each pair of the data set, first < second, in lexicographic order.
    token : (B, m) int32 array
        The token of each slot; 0 where the slot is empty.
    pair : (O,) int32 array
        The pair of each two slots that hold a feature, row after row.
    count : (B,) intp array
        How many of them a row has.
    """

    feature: np.ndarray
    value: np.ndarray
    first: np.ndarray
    second: np.ndarray
    token: np.ndarray
    pair: np.ndarray
    count: np.ndarray

    def __getitem__(self, rows):
        rows = _select(self, rows)
        count = self.count.take(rows)
        at = np.repeat(self.ends.take(rows) - row_ends(count)[:-1], count)
        at += np.arange(at.size)
        idx, x, token = (slots.take(rows, axis=0) for slots in (self.idx, self.x, self.token))
        return dataclasses.replace(self, idx=idx, x=x, token=token, pair=self.pair.take(at), count=count)

    def astype(self, dtype):
        return self if dtype == self.x.dtype else number_pairs(Batch.astype(self, dtype))

    @cached_property
    def ends(self):
        """Where the pairs of each row start, and where the last row ends: (B+1,)."""
        return row_ends(self.count)

    @cached_property
    def local(self):
        """The features, tokens and pairs of these rows."""
        pairs, pair_at = distinct(self.pair, self.first.size)
        slots = self.filled(self.token)
        ends = np.concatenate([slots, self.first.take(pairs), self.second.take(pairs)])
        tokens, place = distinct(ends, self.feature.size)
        slot_at, first, second = np.split(place, [slots.size, slots.size + pairs.size])
        rows, row = distinct(self.feature.take(tokens), self.n)
        return Local(rows, row, self.value.take(tokens), slot_at, first, second, pair_at)

    @property
    def whole(self):
        """All tokens and pairs of the data set, under the numbers that it gave them."""
        row = np.arange(self.feature.size)
        return Local(self.feature, row, self.value, self.filled(self.token), self.first, self.second, self.pair)

    @cached_property
    def _occurrences(self):
        return self.local.rows, self.local.row.take(self.local.slot_at)

    def by_row(self, operation, values):
        """Reduce (O,) values over the pairs of each row: (B,); 0 in a row without a pair."""
        total = np.zeros(len(self), values.dtype)
        some = np.flatnonzero(self.count)
        if some.size:
            total[some] = operation.reduceat(values, self.ends.take(some))
        return total

    def spread(self, values):
        """Repeat (B,) values for the pairs of each row: (O,)."""
        return np.repeat(values, self.count)

    def sum_at(self, at, values, weights, size):
        """Sum (O,) values, times the (B,) weight of their row, over those that have the same number: (size,)."""
        return sparse.csc_array((values, at, self.ends), (size, len(self))) @ weights


def number_pairs(batch):
    """Number the tokens and pairs of a data set.

    Examples
    --------
    >>> numbered = number_pairs(Batch.from_lists([[0, 1, 2], [1, 2]], n=3))
    >>> numbered.pair.tolist(), numbered.first.tolist(), numbered.second.tolist()
    ([0, 1, 2, 2], [0, 0, 1], [1, 2, 2])
    """
    keep_memory()
    x = batch.filled(batch.x)
    values, code = (np.ones(1, x.dtype), 0) if (x == 1).all() else np.unique(x, return_inverse=True)
    keys, slot_token = distinct(batch.filled(batch.idx) * values.size + code, batch.n * values.size)
    feature, code = np.divmod(keys, values.size)
    token = np.zeros(batch.idx.shape, np.int32)
    token[batch.present] = slot_token
    T, keys, count = feature.size, [], []
    for rows in np.array_split(np.arange(len(batch)), 1 + len(batch) * batch.m**2 // CHUNK):
        part = Batch(token[rows], batch.x[rows], T)
        left, right = part.idx[:, part.pair_i][part.mask], part.idx[:, part.pair_j][part.mask]
        keys.append(np.minimum(left, right) * np.int64(T) + np.maximum(left, right))
        count.append(part.mask.sum(axis=1))
    keys, pair = distinct(np.concatenate(keys), T * T)
    first, second = np.divmod(keys, max(T, 1))
    return PairBatch(
        batch.idx, batch.x, batch.n, feature, values[code], first, second, token, pair, np.concatenate(count)
    )
