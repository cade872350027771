"""Numbers of features, tokens and pairs: what they stand for, selection, types, and data sets in several parts."""

import numpy as np
import pytest
from strategies import make_batch

from afm_numpy import Batch
from afm_numpy.batch import ragged
from afm_numpy.fast import numbering
from afm_numpy.fast.numbering import PairBatch, RowBatch, distinct, number_pairs, number_rows


def data(values=(0.5, 1.0)):
    """12 rows of 0 to 5 features, each with one of these values."""
    rng = np.random.default_rng(0)
    batch = make_batch(rng, [5, 0, 3, 1, 5, 2, 4, 5, 0, 1, 3, 5], 5, 9, ones=True)
    return batch.with_x(batch.x * rng.choice(values, batch.x.shape))


def check_rows(batch):
    """Every number stands for its feature."""
    here = batch.present
    assert isinstance(batch, RowBatch) and batch.number.dtype == np.int32
    np.testing.assert_array_equal(batch.features[batch.number], batch.idx[here])
    rows, slot_row = batch.occurrences
    np.testing.assert_array_equal(rows, np.unique(batch.idx[here]))
    np.testing.assert_array_equal(rows[slot_row], batch.idx[here])


def check_pairs(batch):
    """Every number stands for its token or its pair, in the data set and in the batch."""
    here, mask = batch.present, batch.mask
    assert isinstance(batch, PairBatch) and batch.token.dtype == batch.pair.dtype == np.int32
    assert batch.value.dtype == batch.x.dtype
    ids, x = batch.idx[here], batch.x[here]
    tokens = batch.padded(batch.token)
    sides = np.sort(np.stack([tokens[:, batch.pair_i][mask], tokens[:, batch.pair_j][mask]], axis=1), axis=1)
    np.testing.assert_array_equal(batch.pair_counts, mask.sum(axis=1))
    np.testing.assert_array_equal(batch.slot_pair, np.nonzero(mask)[1])
    assert batch.slot_pair.dtype == batch.sides[0].dtype == batch.sides[1].dtype == np.intp
    np.testing.assert_array_equal(np.stack(batch.sides), np.stack([batch.padded(np.arange(here.sum()))[:, side][mask]
                                                                  for side in (batch.pair_i, batch.pair_j)]))
    np.testing.assert_array_equal(batch.tokens[:, batch.pair].T, sides)
    for local in batch.local, batch.whole:
        np.testing.assert_array_equal(local.rows[local.row[local.slot_at]], ids)
        np.testing.assert_array_equal(local.value[local.slot_at], x)
        slots = np.zeros(here.shape, int)
        slots[here] = local.slot_at
        sides = np.sort(np.stack([slots[:, batch.pair_i][mask], slots[:, batch.pair_j][mask]], axis=1), axis=1)
        np.testing.assert_array_equal(local.tokens[:, local.pair_at].T, sides)
    local = batch.local
    assert len(local.rows) == len(set(ids.tolist())) and len(local.row) == len(set(zip(ids, x, strict=True)))
    assert local.tokens.shape[1] == len(set(local.pair_at.tolist()))
    np.testing.assert_array_equal(batch.occurrences[0][batch.occurrences[1]], ids)


ROWS = [slice(None), slice(2, 9, 3), [11, 0, 0, 3], np.array([True, False] * 6), 4, np.int64(-1), slice(0, 0)]


@pytest.mark.parametrize("values", [[1.0], [2.0], [0.5, 1.0], [-3.0, 0.5, 2.0]], ids=str)
@pytest.mark.parametrize("rows", ROWS, ids=str)
def test_numbers_stand_for_what_they_number(values, rows):
    plain = data(values)
    for number, check in (number_rows, check_rows), (number_pairs, check_pairs):
        numbered = number(plain)
        part = numbered[rows]
        check(part)
        check(part[::-1])
        for got in part, part.astype(np.float32):
            np.testing.assert_array_equal(got.idx, plain[rows].idx)
            np.testing.assert_array_equal(got.x, plain[rows].x)
            assert got.n == plain.n and type(got) is type(numbered)
        single = numbered.astype(np.float32)
        check(single)
        assert single.x.dtype == np.float32
        assert numbered.astype(float) is numbered


def test_other_selections_are_refused():
    for number in number_rows, number_pairs:
        for rows in np.zeros((1, 2), int), None, 12, "a":
            with pytest.raises(IndexError):
                number(data())[rows]


def test_numbering_twice_changes_nothing():
    numbered = number_rows(data())
    assert number_rows(numbered) is numbered


@pytest.mark.parametrize("most", [1, 5, 60, 1 << 22])
def test_a_data_set_in_several_parts(most, monkeypatch):
    whole = number_pairs(data())
    monkeypatch.setattr(numbering, "pairs_of_rows", lambda ends: ragged.pairs_of_rows(ends, most))
    parts = number_pairs(data())
    for name in ("feature", "value", "tokens", "token", "pair", "pair_counts"):
        np.testing.assert_array_equal(getattr(parts, name), getattr(whole, name))
    check_pairs(parts)


@pytest.mark.parametrize("rows", [[], [[], []], [[3]]])
def test_data_without_pairs(rows):
    batch = number_pairs(Batch.from_lists(rows, n=5))
    check_pairs(batch)
    check_rows(number_rows(Batch.from_lists(rows, n=5)))
    assert batch.by_row(np.add, np.zeros(0)).tolist() == [0.0] * len(rows)


def test_reductions_over_the_pairs_of_a_row():
    batch = number_pairs(Batch.from_lists([[0, 1, 2], [1], [2, 1]], n=3))
    values = np.array([1.0, 2.0, -4.0, 8.0], np.float32)
    assert batch.by_row(np.add, values).tolist() == [-1.0, 0.0, 8.0]
    assert batch.by_row(np.maximum, values).tolist() == [2.0, 0.0, 8.0]
    assert batch.by_row(np.add, values).dtype == np.float32
    assert batch.spread(np.array([5, 6, 7])).tolist() == [5, 5, 5, 7]


def test_reductions_over_the_pairs_of_rows_of_one_size():
    batch = number_pairs(Batch.from_lists([[0, 1, 2], [2, 3, 1]], n=4))
    assert batch.pair_width == 3 and batch.pair_ends.tolist() == [0, 3, 6]
    values = np.array([1.0, 2.0, -4.0, 8.0, 9.0, 0.5], np.float32)
    assert batch.by_row(np.add, values).tolist() == [-1.0, 17.5]
    assert batch.by_row(np.maximum, values).tolist() == [2.0, 9.0]
    assert batch.spread(np.array([5, 6])).tolist() == [5, 5, 5, 6, 6, 6]
    assert batch[[]].by_row(np.add, values[:0]).shape == (0,)


@pytest.mark.parametrize("bound", [10, 64 * 4, 64 * 4 + 1, 2**60, 2**61 - 1, 2**63 - 1])
def test_distinct_in_each_of_its_ways(bound):
    """Marking up to 64 times as many codes, packing while code and position fit 63 bits, np.unique beyond."""
    codes = np.array([bound - 1, 3, bound - 1, 0], np.int64)
    values, place = distinct(codes, bound)
    assert values.tolist() == [0, 3, bound - 1] and place.tolist() == [2, 1, 2, 0]
    assert (values.dtype, place.dtype) == (np.intp, np.int32)
    values, place = distinct(codes[:0], bound)
    assert values.size == place.size == 0 and place.dtype == np.int32


def test_numbering_grows_with_the_rows_and_not_with_n():
    big = Batch.from_lists([[2**31 - 1, 0], [5, 2**31 - 1]], n=2**31)
    check_pairs(number_pairs(big))
    check_rows(number_rows(big))


def test_pairs_of_many_tokens_are_told_apart():
    """100,000 tokens make 10**10 keys of pairs: more than an int32 can number."""
    T = 100_000
    rows = [[0, T - 1], [T - 2, T - 1], [T - 3, 1], [46_340, 46_341], [46_341, 92_682], [1, T - 3]]
    numbered = number_pairs(Batch.from_lists([*rows, *([token] for token in range(T))], n=T))
    check_pairs(numbered)
    assert numbered.tokens.shape == (2, 5) and numbered.pair[2] == numbered.pair[5]


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_full_rows_of_ones(dtype):
    """Their pairs are selected by row, in one step, and their one value has the type of the batch."""
    numbered = number_pairs(Batch.from_padded(np.arange(20).reshape(4, 5) % 7, dtype=dtype))
    for batch in (numbered, numbered[[2, 0, 2]], numbered[:0]):
        check_pairs(batch)
        assert batch.pair_width == 10 and batch.value.dtype == dtype


def test_no_rows_have_no_pairs():
    numbered = number_pairs(Batch.from_lists([], n=3))
    assert numbered.tokens.size == numbered.pair.size == 0
    check_pairs(numbered)
