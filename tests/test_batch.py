"""Batch: its constructors agree with each other, refuse what is malformed, and say where it stands."""

import re
import tracemalloc
from types import SimpleNamespace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import sparse
from strategies import examples

from afm_numpy._checks import row_values
from afm_numpy.batch import Batch, ragged, slot_pairs

N = 6
INF, NAN = float("inf"), float("nan")
SIGNALING = np.array([0x7FA00000], np.uint32).view(np.float32)  # a NaN that NumPy warns about when it meets it

# Rows of (id, value). The values are small multiples of 1/4: their sums are exact in any order.
ENTRY = st.tuples(st.integers(0, N - 1), st.integers(-3, 3).map(lambda q: q / 4) | st.just(-0.0))
TABLES = st.lists(st.lists(ENTRY, max_size=5), max_size=5)
quick = examples(60)


def summed(row):
    """What a row means: id -> value, in the order of first appearance, repeated ids summed, zeros dropped."""
    total = {}
    for i, value in row:
        total[i] = total.get(i, 0.0) + value
    return {i: value for i, value in total.items() if value != 0}


def rows_of(batch):
    """The same for each row of a Batch, with a check of what every Batch must fulfil."""
    present = batch.x != 0
    assert batch.idx.shape == batch.x.shape == (len(batch), batch.m)
    assert batch.idx.dtype == np.intp and batch.x.dtype.kind == "f" and type(batch.n) is int
    assert not batch.idx[~present].any() and not np.signbit(batch.x[~present]).any()
    assert present.all() if batch.slots is None else batch.slots.dtype == np.int32
    rows = [
        dict(zip(i[here].tolist(), x[here].tolist(), strict=True))
        for i, x, here in zip(batch.idx, batch.x, present, strict=True)
    ]
    assert [len(row) for row in rows] == present.sum(axis=1).tolist()
    return rows


def lists(table):
    return [[i for i, _ in row] for row in table], [[value for _, value in row] for row in table]


def coo(table):
    entries = [(r, i, value) for r, row in enumerate(table) for i, value in row]
    r, i, value = np.array(entries or np.zeros((0, 3))).T
    return sparse.coo_matrix((value, (r.astype(int), i.astype(int))), (len(table), N))


# ---- the constructors agree ----------------------------------------------------------------------------


@quick
@given(TABLES, st.sampled_from([np.float32, np.float64]))
def test_lists_sum_repeated_ids_in_their_first_slot(table, dtype):
    batch = Batch.from_lists(*lists(table), n=N, dtype=dtype)
    assert batch.n == N and batch.x.dtype == dtype and batch.m == max(map(len, table), default=0)
    for r, row in enumerate(table):
        want = summed(row)
        assert list(rows_of(batch)[r].items()) == list(want.items())
        for i, x in want.items():
            slot = [j for j, _ in row].index(i)
            assert (batch.idx[r, slot], batch.x[r, slot]) == (i, x)


@quick
@given(TABLES, st.sampled_from([np.float32, np.float64]))
def test_scipy_and_dense_equal_lists(table, dtype):
    want = [dict(sorted(summed(row).items())) for row in table]
    matrix = coo(table)
    unsorted = sparse.csr_matrix(
        (matrix.data, matrix.col, np.cumsum([0, *map(len, table)])), matrix.shape
    )  # repeated ids, in any order, not summed
    dense = np.zeros(matrix.shape)
    np.add.at(dense, (matrix.row, matrix.col), matrix.data)
    made = [matrix, unsorted, matrix.tocsr(), matrix.tocsc(), matrix.tolil()]
    made += [sparse.coo_array(matrix), sparse.csc_array(matrix)]
    batches = [Batch.from_scipy(one, dtype=dtype) for one in made]
    for batch in [*batches, Batch.from_dense(dense, dtype=dtype)]:
        assert batch.n == N and batch.x.dtype == dtype
        assert [list(row.items()) for row in rows_of(batch)] == [list(row.items()) for row in want]
        assert batch.m == max(map(len, want), default=0)


@quick
@given(TABLES, st.data())
def test_padded_equals_lists_and_keeps_every_slot(table, data):
    m = 7
    idx, x = np.zeros((len(table), m), int), np.zeros((len(table), m))
    for r, row in enumerate(table):
        slots = data.draw(st.permutations(range(m)))
        idx[r] = data.draw(st.lists(st.integers(-9, 99), min_size=m, max_size=m))  # ids of empty slots do not matter
        for slot, (i, value) in zip(slots, summed(row).items(), strict=False):
            idx[r, slot], x[r, slot] = i, value
    batch = Batch.from_padded(idx, x, n=N)
    assert rows_of(batch) == rows_of(Batch.from_lists(*lists(table), n=N))
    np.testing.assert_array_equal(batch.x, x)
    np.testing.assert_array_equal(batch.idx, np.where(x != 0, idx, 0))


def test_values_default_to_one_and_n_to_the_largest_id():
    padded, listed = Batch.from_padded([[4, 1]]), Batch.from_lists([[4, 1], [2]])
    assert padded.x.tolist() == [[1.0, 1.0]] and padded.n == 5
    assert listed.x.tolist() == [[1.0, 1.0], [1.0, 0.0]] and listed.n == 5
    assert [Batch.from_lists(rows).n for rows in ([], [[]], [[0]], [[99]])] == [1, 1, 1, 100]


def test_negative_zero_is_absent_and_becomes_zero():
    for batch in (
        Batch.from_padded([[3, 1]], [[-0.0, 2.0]]),
        Batch.from_lists([[3, 1]], [[-0.0, 2.0]]),
        Batch.from_scipy(sparse.csr_array(([-0.0, 2.0], [3, 1], [0, 2]), (1, 4))),
        Batch.from_dense([[0.0, 2.0, 0.0, -0.0]]),
    ):
        assert rows_of(batch) == [{1: 2.0}]


def test_other_values_stay_in_their_slots():
    batch = Batch.from_padded([[0, 3, 1], [2, 0, 0]], [[0.0, 2.0, 1.0], [1.0, 0.0, 0.0]], n=9)
    for dtype in (np.float32, float, complex):
        other = batch.with_x(np.array([[7, 5, 6], [4, 8, 8]], dtype))
        assert other.x.tolist() == [[0, 5, 6], [4, 0, 0]] and other.idx.tolist() == batch.idx.tolist()
        assert other.n == 9 and other.m == 3 and other.x.dtype == dtype and other.slots_are_fields


def test_the_id_of_an_empty_slot_does_not_count():
    assert Batch.from_padded([[5]], [[0.0]]).n == 1


def test_values_that_cancel_leave_no_feature():
    assert rows_of(Batch.from_lists([[1, 1]], [[0.5, -0.5]])) == [{}]
    assert rows_of(Batch.from_scipy(sparse.coo_array(([0.5, -0.5], ([0, 0], [1, 1])), (1, 2)))) == [{}]


@pytest.mark.parametrize("make, place", [
    (lambda x: Batch.from_padded([[1, 2]], [[1.0, x]], dtype=np.float32), "slot 1"),
    (lambda x: Batch.from_lists([[1, 2]], [[1.0, x]], dtype=np.float32), "slot 1"),
    (lambda x: Batch.from_dense([[0.0, 1.0, x]], dtype=np.float32), "column 2"),
    (lambda x: Batch.from_dense([[0.0, 1.0, x]]).astype(np.float32), "slot 1"),
], ids=["padded", "lists", "dense", "astype"])  # fmt: skip
def test_a_value_too_small_for_float32_is_refused(make, place):
    """It would become 0, and the feature absent."""
    with pytest.raises(ValueError, match=f"row 0, {place}: x is 1e-50; it must not be so small: as a float32 number"):
        make(1e-50)
    assert make(1e-45).x[0, 1] == np.float32(1e-45) > 0


@pytest.mark.parametrize("dtype, value, total", [(np.int8, 100, 200), (np.bool_, True, 2), (np.float32, 3e38, 6e38)])
def test_scipy_sums_in_float64_whatever_the_dtype_of_the_matrix(dtype, value, total):
    matrix = sparse.coo_array((np.array([value, value], dtype), ([0, 0], [1, 1])), (1, 2))
    assert rows_of(Batch.from_scipy(matrix)) == [{1: pytest.approx(total)}]


def test_lists_are_summed_in_float64_too():
    batch = Batch.from_lists([[1, 1, 1, 2]], [[1e39, 2.0, -1e39, 1.0]], dtype=np.float32)   # 1e39 + 2 is 1e39
    assert rows_of(batch) == [{2: 1.0}]


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_dtype_of_the_values(dtype):
    for batch in (
        Batch.from_padded([[1]], [[0.5]], dtype=dtype),
        Batch.from_padded([[1]], dtype=dtype),
        Batch.from_lists([[1]], [[0.5]], dtype=dtype),
        Batch.from_lists([], dtype=dtype),
        Batch.from_scipy(sparse.csr_array([[0.0, 0.5]]), dtype=dtype),
        Batch.from_dense([[0.0, 0.5]], dtype=dtype),
    ):
        rows_of(batch)
        assert batch.x.dtype == dtype


def test_ids_and_values_may_come_in_other_number_types():
    assert rows_of(Batch.from_padded(np.array([[0.0, 2.0]]), np.array([[True, True]]))) == [{0: 1.0, 2: 1.0}]
    assert rows_of(Batch.from_padded(np.array([[0, 2]], np.uint8), np.array([[7, 9]], np.int8))) == [{0: 7.0, 2: 9.0}]
    assert rows_of(Batch.from_lists(np.array([[0, 2]]), np.array([[1, 2]]))) == [{0: 1.0, 2: 2.0}]
    n = Batch.from_padded([[0]], n=np.int64(3)).n
    assert n == 3 and type(n) is int


@pytest.mark.parametrize("batch, shape", [
    (Batch.from_padded(np.zeros((0, 3))), (0, 3)),
    (Batch.from_padded(np.zeros((2, 0), int), n=4), (2, 0)),
    (Batch.from_lists([]), (0, 0)),
    (Batch.from_lists([[], []], n=4), (2, 0)),
    (Batch.from_scipy(sparse.csr_array((0, 4))), (0, 0)),
    (Batch.from_scipy(sparse.csr_array((2, 4))), (2, 0)),
    (Batch.from_dense(np.zeros((0, 4))), (0, 0)),
    (Batch.from_dense(np.zeros((2, 4))), (2, 0)),
    (Batch.from_padded([[1, 2], [3, 0]], np.zeros((2, 2))), (2, 2)),
])  # fmt: skip
def test_no_rows_and_no_slots(batch, shape):
    B, m = shape
    P = m * (m - 1) // 2
    assert rows_of(batch) == [{}] * B and batch.idx.shape == shape and batch.n >= 1
    assert batch.mask.shape == (B, P) and not batch.mask.any()
    assert batch.touched.shape == (0,) and batch.distinct_pairs().shape == (0, 2)
    assert batch.sum_by_row(np.ones((B, m))).shape == (0,)
    assert batch.sum_by_row(np.ones((B, m, 3))).shape == (0, 3)
    assert len(batch[:0]) == 0 and len(batch.astype(np.float32)) == B


def test_who_says_that_slots_are_fields():
    lists = Batch.from_lists([[0, 1], [2]], n=3)
    told = Batch.from_lists([[0, 1], [2]], n=3, slots_are_fields=True)
    made = [lists, told, Batch.from_padded([[0, 1]]), Batch.from_scipy(sparse.eye(3)), Batch.from_dense(np.eye(3))]
    assert [batch.slots_are_fields for batch in made] == [False, True, True, False, False]
    for batch in made:
        for again in batch[:1], batch.astype(np.float32), batch.with_x(batch.x):
            assert again.slots_are_fields is batch.slots_are_fields


def test_ragged_rows():
    assert Batch.from_lists([[5, 2], [3, 0]]).slots is None
    batch = Batch.from_lists([[5, 2, 0], [], [3]])
    assert batch.slots.tolist() == [0, 1, 2, 0]
    assert batch.idx.tolist() == [[5, 2, 0], [0, 0, 0], [3, 0, 0]]
    assert batch.present.tolist() == [[True, True, True], [False] * 3, [True, False, False]]


# ---- the caller's arrays -------------------------------------------------------------------------------


def test_constructors_neither_change_nor_keep_the_arrays_they_are_given():
    idx, x = np.array([[0, 2], [1, 0]], np.intp), np.array([[1.0, 2.0], [3.0, -0.0]])
    matrix = sparse.csr_array((np.array([1.0, 2.0, 0.0, 4.0]), np.array([2, 0, 1, 2]), np.array([0, 2, 4])), (2, 3))
    ids, values = [np.array([2, 2, 1])], [np.array([1.0, 2.0, 0.0])]
    arrays = [idx, x, matrix.data, matrix.indices, matrix.indptr, *ids, *values]
    before = [array.copy() for array in arrays]
    batches = [
        Batch.from_padded(idx, x, n=3), Batch.from_scipy(matrix), Batch.from_dense(x), Batch.from_lists(ids, values),
    ]  # fmt: skip
    for array, old in zip(arrays, before, strict=True):
        np.testing.assert_array_equal(array, old)
    rows = [rows_of(batch) for batch in batches]
    for array in arrays:
        array[...] = 0
    assert [rows_of(batch) for batch in batches] == rows
    assert not any(np.shares_memory(part, array) for b in batches for part in (b.idx, b.x) for array in arrays)


# ---- selection -----------------------------------------------------------------------------------------


@pytest.fixture
def batch():
    return Batch.from_lists([[5, 2, 0], [], [3], [0, 1]], [[0.5, 1.0, -2.0], [], [4.0], [1.0, 3.0]], n=7)


@pytest.mark.parametrize("rows", [
    slice(1, 3), slice(None, None, -1), slice(0, 0), [3, 0, 3], np.array([-1, 2]), np.array([], int), [],
    np.array([True, False, False, True]), [False, True, True, False],
])  # fmt: skip
def test_selection_follows_numpy(batch, rows):
    part = batch[rows]
    np.testing.assert_array_equal(part.idx, batch.idx[rows])
    np.testing.assert_array_equal(part.x, batch.x[rows])
    assert part.n == 7 and part.m == 3 and part.x.dtype == batch.x.dtype


@pytest.mark.parametrize("rows", [[[0, 1], [2]], [[0, 1], [2, 0]]], ids=["ragged", "full"])
def test_a_row_behind_the_last_is_refused_by_its_number(rows):
    for at in (2, [0, 2], np.array([2]), np.array([1, 2], np.int8)):
        with pytest.raises(IndexError, match="^index 2 is out of bounds for axis 0 with size 2$"):
            Batch.from_lists(rows)[at]


@pytest.mark.parametrize("values", [1, 3])                   # full rows, and rows with empty slots
@pytest.mark.parametrize("rows", [slice(5, 2, -1), np.array([7, 5, 7]), np.array([1], np.int8)])
def test_a_few_rows_of_many_cost_no_list_of_all_rows(rows, values):
    """A step of training selects 512 of perhaps a million rows."""
    idx = np.arange(200_000).reshape(100_000, 2)
    batch = Batch.from_padded(idx, 1 + idx % values - (values > 1))
    used, part = peak_of(lambda: batch[rows])
    np.testing.assert_array_equal(part.idx, batch.idx[rows])
    assert used < 50_000


@pytest.mark.parametrize("rows", [slice(1, 3), [3, 0, 3], np.array([True, False, False, True]), 2])
def test_scikit_learn_selects_rows_with_dots_behind(batch, rows):
    part = batch[rows, ...]
    np.testing.assert_array_equal(part.idx, batch[rows].idx)
    np.testing.assert_array_equal(part.x, batch[rows].x)


@pytest.mark.parametrize("rows", [(), ([1],), (1, 0), ([1], slice(None)), (..., 1), ([1], ..., ...), ([1], ..., 0)])
def test_two_subscripts_are_refused(batch, rows):
    with pytest.raises(IndexError):
        batch[rows]


@pytest.mark.parametrize("row", [2, -2, np.int32(2)])
def test_one_number_selects_a_batch_of_one_row(batch, row):
    assert len(batch[row]) == 1 and rows_of(batch[row]) == [{3: 4.0}]


def test_a_batch_can_be_walked_through(batch):
    assert batch.shape == (len(batch), batch.n) == (4, 7)
    assert [rows_of(row)[0] for row in batch] == rows_of(batch)


@pytest.mark.parametrize("rows", [
    4, -5, [0, 4], [True, False], np.ones((4, 3), bool), np.zeros((1, 2), int), np.array(1), None, 1., np.zeros(1), "a",
])  # fmt: skip
def test_other_selections_are_refused(batch, rows):
    with pytest.raises(IndexError) as error:
        batch[rows]
    if np.ndim(rows) == 2 or rows is None:                  # NumPy itself would take them
        assert str(error.value) == "select rows by a number, a slice, a 1-d index array or a 1-d boolean array"


def test_sizes_count_the_features_of_each_row(batch):
    assert batch.sizes.tolist() == [3, 0, 1, 2]
    assert batch[[0, 0]].sizes.tolist() == [3, 3]
    assert batch[[]].sizes.tolist() == []


# ---- astype --------------------------------------------------------------------------------------------


def test_astype(batch):
    assert batch.astype(np.float64) is batch
    single, turned = batch.astype(np.float32), batch.astype(complex)
    assert single.x.dtype == np.float32 and rows_of(single) == rows_of(batch) and single.n == 7
    assert turned.x.dtype == np.complex128
    np.testing.assert_array_equal(turned.x, batch.x)
    np.testing.assert_array_equal(turned.mask, batch.mask)
    np.testing.assert_array_equal(turned.idx, batch.idx)


def test_astype_refuses_what_loses_the_values():
    batch = Batch.from_lists([[0], [0, 1]], [[1.0], [1.0, 1e39]])
    with pytest.raises(ValueError, match=r"row 1, slot 1: x is 1e\+39; it must be a finite float32 number"):
        batch.astype(np.float32)
    with pytest.raises(TypeError, match="dtype must be float32 or float64; got int64"):
        batch.astype(np.int64)
    with pytest.raises(TypeError, match="x must be real numbers; got complex128"):
        batch.astype(complex).astype(float)


# ---- what the models read ------------------------------------------------------------------------------


@quick
@given(TABLES)
def test_pairs_mask_rows_and_distinct_pairs(table):
    batch = Batch.from_lists(*lists(table), n=N)
    pairs = [(i, j) for i in range(batch.m) for j in range(i + 1, batch.m)]
    assert list(zip(batch.pair_i.tolist(), batch.pair_j.tolist(), strict=True)) == pairs
    here = [[bool(x[i] and x[j]) for i, j in pairs] for x in batch.x]
    assert batch.mask.dtype == bool and batch.mask.tolist() == here
    kept = [sorted(summed(row)) for row in table]
    assert batch.touched.tolist() == sorted({i for row in kept for i in row})
    together = sorted({(i, j) for row in kept for i in row for j in row if i < j})
    assert batch.distinct_pairs().tolist() == [list(pair) for pair in together]
    assert batch.distinct_pairs().shape == (len(together), 2)


@quick
@given(TABLES, st.sampled_from([(), (3,)]), st.sampled_from([np.float32, np.float64, np.complex128]))
def test_sum_by_row_equals_a_loop(table, tail, dtype):
    batch = Batch.from_lists(*lists(table), n=N)
    values = np.arange(1, 1 + batch.x.size * int(np.prod(tail))).reshape(*batch.x.shape, *tail).astype(dtype)
    total = {i: np.zeros(tail, dtype) for i in batch.touched.tolist()}
    for r in range(len(batch)):
        for slot in range(batch.m):
            if batch.x[r, slot] != 0:
                total[int(batch.idx[r, slot])] += values[r, slot]
    got = batch.sum_by_row(values)
    assert got.shape == (len(total), *tail) and got.dtype == dtype
    np.testing.assert_array_equal(got, np.array(list(total.values()), dtype).reshape(got.shape))


def test_pairs_of_very_many_features_are_told_apart():
    batch = Batch.from_lists([[2**31 - 1, 2**31 - 2], [2**31 - 1, 0]], n=2**31)
    assert batch.distinct_pairs().tolist() == [[0, 2**31 - 1], [2**31 - 2, 2**31 - 1]]


def test_slot_pairs_are_shared_and_cannot_be_changed():
    assert [side.tolist() for side in slot_pairs(4)] == [[0, 0, 0, 1, 1, 2], [1, 2, 3, 2, 3, 3]]
    assert slot_pairs(4) is slot_pairs(4)
    with pytest.raises(ValueError, match="read-only"):
        slot_pairs(4)[0][0] = 3


def test_slot_pairs_that_are_kept_take_little_memory():
    """Rows of 70 widths around 1,000 kept 600 MB."""
    assert slot_pairs(ragged.SMALL) is slot_pairs(ragged.SMALL)
    wide = slot_pairs(ragged.SMALL + 1)
    pairs = [(i, j) for i in range(ragged.SMALL + 1) for j in range(i + 1, ragged.SMALL + 1)]
    assert list(zip(*(side.tolist() for side in wide), strict=True)) == pairs
    assert slot_pairs(ragged.SMALL + 1) is not wide and not wide[0].flags.writeable
    kept = ragged._kept_slot_pairs.cache_info().maxsize * 2 * slot_pairs(ragged.SMALL)[0].nbytes
    assert kept < 10e6


# ---- whether slots are fields --------------------------------------------------------------------------


def test_which_rows_say_that_slots_are_fields(batch):
    """Those that keep every value in its place; selection and types do not change it."""
    padded = Batch.from_padded([[0, 1], [1, 2]], [[1.0, 0.0], [2.0, 3.0]])
    told = Batch.from_lists([[0, 1], [2]], n=3, slots_are_fields=True)
    for fields in (padded, told):
        for rows in (fields, fields[[1]], fields[:0], fields.astype(np.float32), fields.astype(complex),
                     fields.with_x(fields.x * 2)):  # fmt: skip
            assert rows.slots_are_fields is True
    closed = [batch, Batch.from_lists([[0, 1], [1, 2]]), Batch.from_dense(np.eye(2)), Batch.from_scipy(sparse.eye(2))]
    assert [rows.slots_are_fields for rows in closed] == [False] * 4


# ---- one long row costs what it holds ------------------------------------------------------------------


def peak_of(function):
    """The most bytes that a call holds at a time, and its result."""
    tracemalloc.start()
    try:
        result = function()
        return tracemalloc.get_traced_memory()[1], result
    finally:
        tracemalloc.stop()


def test_a_long_row_is_not_padded():
    """3,000 rows of 5 features and one of 20,000: padded, the ids alone would take 480 MB."""
    rows = [np.arange(r % 90, r % 90 + 5) for r in range(3000)]
    plain, _ = peak_of(lambda: Batch.from_lists(rows))
    long, batch = peak_of(lambda: Batch.from_lists([*rows, np.arange(20_000)]))
    assert long < plain + 20e6
    peak, parts = peak_of(lambda: (batch[::-1], batch[np.arange(2000)], batch.astype(np.float32), batch.touched))
    assert peak < 10e6 and len(parts[3]) == 20_000
    assert parts[0].ids[:20_000].tolist() == list(range(20_000)) and parts[1].sizes.tolist() == [5] * 2000
    matrix = sparse.csr_array((np.ones(batch.ids.size), batch.ids, batch.ends), batch.shape)
    peak, again = peak_of(lambda: Batch.from_scipy(matrix))
    assert peak < 10e6 and (again.ids == batch.ids).all()


def test_rows_are_narrowed_to_the_longest():
    batch = Batch.from_lists([[0], [1, 2], [0, 1, 2, 3], [3, 4], []], n=5)
    for rows, m, full in (([0, 1], 2, False), ([2], 4, True), ([1, 3], 2, True), ([4], 0, True), ([0, 2], 4, False)):
        part = batch[rows].narrowed()
        assert (part.m, part.slots is None) == (m, full) and rows_of(part) == rows_of(batch[rows])
    told = Batch.from_lists([[0], [1, 2]], n=5, slots_are_fields=True)
    padded = Batch.from_padded([[0, 1]])
    assert told[:1].narrowed().m == 2 and padded.narrowed() is padded


def test_distinct_pairs_of_a_long_row(monkeypatch):
    rows = [np.arange(r % 90, r % 90 + 5) for r in range(3000)]
    peak, pairs = peak_of(Batch.from_lists([*rows, np.arange(400)]).distinct_pairs)
    assert len(pairs) == 400 * 399 // 2 and peak < 20e6
    with pytest.raises(ValueError, match=r"199,990,000 pairs of features need about 7 GB of memory"):
        Batch.from_lists([*rows, np.arange(20_000)]).distinct_pairs()


def test_pairs_are_counted_beyond_int32():
    batch = Batch.from_lists([np.arange(100_000), [1, 2, 3], [7], []])
    assert batch.pair_counts.tolist() == [4_999_950_000, 3, 0, 0] and batch.pair_counts.dtype == np.int64


@pytest.mark.parametrize("rows", [[[0, 1], [2, 0]], [[0, 1], [2]]], ids=["full", "ragged"])
def test_values_of_any_shape_go_to_their_slots_and_back(rows):
    batch = Batch.from_lists(rows, n=3)
    values = np.arange(1.0, 1 + batch.ids.size * 6).reshape(-1, 3, 2)
    padded = batch.padded(values)
    assert padded.shape == (2, 2, 3, 2) and padded[0, 1].tolist() == values[1].tolist()
    np.testing.assert_array_equal(batch.filled(padded), values)


def test_pairs_that_do_not_fit_into_memory_are_refused():
    ragged.check_pair_memory(9, each=10, most=90)
    ragged.check_pair_memory(0, each=10, most=0)
    with pytest.raises(ValueError) as error:
        ragged.check_pair_memory(199_990_000, each=100)
    assert str(error.value) == (
        "199,990,000 pairs of features need about 19 GB of memory, and a batch may use 4 GB: take fewer rows at a "
        "time, leave rare features out of the longest rows, or train an FM, which needs no pairs"
    )
    with pytest.raises(ValueError, match="^9 pairs"):
        ragged.check_pair_memory(9, each=10, most=89)


# ---- what shows at size only ---------------------------------------------------------------------------


@pytest.mark.parametrize("most", [1, 2, 7, 1000])
def test_pairs_of_rows_in_parts(most):
    """Every part has at least one pair and about `most`; together they are the pairs of all rows, in order."""
    sizes = [3, 0, 1, 5, 2, 4, 0]
    ends = np.append(0, np.cumsum(sizes))
    parts = [(i, j) for i, j in ragged.pairs_of_rows(ends, most) if i.size]
    found = [pair for i, j in parts for pair in zip(i.tolist(), j.tolist(), strict=True)]
    want = [(a, b) for lo, hi in zip(ends[:-1], ends[1:], strict=True) for a in range(lo, hi) for b in range(a + 1, hi)]
    assert found == want and all(i.size < most + max(sizes) for i, _ in parts)
    assert len(parts) <= -(-len(want) // most)
    small = list(ragged.pairs_of_rows(ends.astype(np.int32), most))
    assert {side.dtype for part in small for side in part} == {np.dtype(np.intp)}


@pytest.mark.parametrize("dtype", [np.float32, np.float64, np.complex128])
def test_rows_are_reduced_to_one_number_each(dtype):
    values = np.array([1, 2, -4, 8, 16, 3], dtype)
    for operation, ends, want in (
        (np.add, [0, 3, 3, 4, 6, 6], [-1, 0, 8, 19, 0]), (np.multiply, [0, 3, 6], [-8, 384]), (np.add, [0, 6], [26]),
    ):  # fmt: skip
        got = ragged.reduce_rows(operation, values, np.array(ends))
        assert got.tolist() == want and got.dtype == dtype
    none = ragged.reduce_rows(np.add, values[:0], np.zeros(4, int))
    assert none.tolist() == [0] * 3 and none.dtype == dtype


@pytest.mark.parametrize("count", [0, 1, 2, 3, 4, 9])
def test_rows_of_one_size_are_taken_as_often_as_wanted(count):
    """Two rows of three entries; up to two of them have the same ends as before."""
    rows, ends = np.arange(count) % 2, ragged.row_ends(np.array([3, 3]))
    for width in (3, None):
        (taken,), new_ends = ragged.take_rows(rows, ends, width, [np.arange(6)])
        assert taken.tolist() == [3 * row + i for row in rows.tolist() for i in range(3)]
        assert new_ends.tolist() == list(range(0, 3 * count + 1, 3)) and new_ends.dtype == np.int32


@pytest.mark.parametrize("dtype", [np.float32, np.float64, np.complex128])
def test_sum_rows_keeps_the_type(dtype):
    got = ragged.sum_rows(np.array([2, 0, 2]), np.array([[1, 2], [3, 4], [5, 6]], dtype), 4)
    assert got.dtype == dtype and got.tolist() == [[3, 4], [0, 0], [6, 8], [0, 0]]


@pytest.mark.parametrize("dtype", [np.float32, np.float64, np.complex128])
def test_single_numbers_are_summed_too(dtype):
    got = ragged.sum_rows(np.array([2, 0, 2], np.int32), np.array([1, 2, 4], dtype), 4)
    assert got.dtype == dtype and got.tolist() == [2, 0, 5, 0]
    none = ragged.sum_rows(np.zeros(0, np.int32), np.zeros(0, dtype), 2)
    assert none.dtype == dtype and none.tolist() == [0, 0]


@pytest.mark.parametrize("routines", [None, ragged._ROUTINES], ids=["public", "quick"])
@pytest.mark.parametrize("index", [np.int32, np.int64])
@pytest.mark.parametrize("types", [("f", "f"), ("d", "d"), ("f", "d"), ("d", "D"), ("D", "d")])
def test_a_sparse_matrix_multiplies_as_that_of_scipy(types, index, routines, monkeypatch):
    """With rows that are empty, ends and columns of other types, and also where SciPy has no such routines."""
    monkeypatch.setattr(ragged, "_ROUTINES", routines)
    rng = np.random.default_rng(0)
    column, ends = np.array([3, 0, 1, 3, 3], np.int32), np.array([0, 2, 2, 5], index)
    values = rng.standard_normal(5).astype(types[0])
    X = ragged.Sparse(values, column, ends, 4)
    want = np.zeros((3, 4), types[0])
    np.add.at(want, ([0, 0, 2, 2, 2], column), values)
    for ours, theirs in ((X, want), (X.T, want.T), (X.T.T, want)):
        for shape in ((), (1,), (6,), (0,)):
            v = rng.standard_normal((theirs.shape[1], *shape)).astype(types[1])
            for u in (v, v.copy("F"), np.repeat(v, 2, axis=0)[::2]):
                got = ours @ u
                assert got.dtype == np.result_type(*types)
                np.testing.assert_allclose(got, theirs @ u, rtol=1e-5 if "f" in types else 1e-13)
    none = ragged.Sparse(values[:0], column[:0], ends[:1], 4)
    assert (none @ np.ones(4)).shape == (0,) and (none.T @ np.ones((0, 2))).tolist() == [[0, 0]] * 4


def test_scipy_still_has_its_quick_routines():
    """Without them everything works, and small steps of training are slower."""
    assert ragged._ROUTINES is not None


@pytest.mark.parametrize("rows", [2, 4])
def test_a_sparse_matrix_refuses_an_array_of_other_rows(rows):
    """It would read beyond the end of a shorter one."""
    X = ragged.Sparse(np.ones(2), np.array([0, 2]), np.array([0, 1, 2]), 3)
    with pytest.raises(ValueError, match=rf"a matrix of shape \(2, 3\) cannot multiply an array of shape \({rows},\)"):
        X @ np.ones(rows)
    with pytest.raises(ValueError, match=r"a matrix of shape \(3, 2\) cannot multiply an array of shape \(3, 1\)"):
        X.T @ np.ones((3, 1))


def test_the_ends_of_rows_are_wide_where_they_must_be():
    assert ragged.row_ends(np.array([2, 0, 3])).tolist() == [0, 2, 2, 5]
    most = 2**31 - 1
    assert ragged.row_ends(np.array([2])).dtype == ragged.row_ends(np.array([most], np.int32)).dtype == np.int32
    wide = ragged.row_ends(np.array([most, 1], np.int32))
    assert wide.dtype == np.int64 and wide.tolist() == [0, most, 2**31]


def test_many_rows_are_all_kept():
    """100,000 rows: a limit that only the first rows fulfil would show in the last ones."""
    B = 100_000
    idx = np.stack([np.arange(B) % 1000, 1000 + np.arange(B)], axis=1)
    batch = Batch.from_padded(idx, np.where(np.arange(B)[:, None] % 3 == 0, [1.0, 0.0], [1.0, 2.0]))
    assert batch.ids.size == 2 * B - (B + 2) // 3 and batch.touched.size == 1000 + B - (B + 2) // 3
    assert batch[-2:].idx.tolist() == [[998, 1000 + B - 2], [999, 0]]
    assert (batch.sizes == np.where(np.arange(B) % 3 == 0, 1, 2)).all()
    assert batch.distinct_pairs()[-1].tolist() == [999, 1000 + 98_999]              # row 99,999 has no pair


def test_rows_of_one_size_are_taken_as_a_matrix():
    for width in (2, None):                                  # the same, but faster
        arrays, ends = ragged.take_rows(np.array([2, 0]), np.arange(0, 8, 2), width, [np.arange(6), np.arange(6) * 1.5])
        assert [part.tolist() for part in arrays] == [[4, 5, 0, 1], [6.0, 7.5, 0.0, 1.5]] and ends.tolist() == [0, 2, 4]
        assert [part.dtype for part in arrays] == [np.intp, float]


def test_rows_of_many_slots_in_all_have_wide_ends():
    """The last row of 2**31 slots ends behind the largest int32; and of selected rows, too."""
    count = np.array([2**31 - 5, 3, 3])
    ends = ragged.row_ends(count)
    assert ends.dtype == np.int64 and ends.tolist() == [0, 2**31 - 5, 2**31 - 2, 2**31 + 1]
    places = SimpleNamespace(take=lambda at: at)             # stands for an array of so many entries
    (at,), new = ragged.take_rows(np.array([2, 1]), ends, None, [places])
    assert at.tolist() == [2**31 - 2, 2**31 - 1, 2**31, 2**31 - 5, 2**31 - 4, 2**31 - 3] and new.tolist() == [0, 3, 6]


# ---- refusals ------------------------------------------------------------------------------------------

PADDED = [
    ("an id above n", ([[0, 1], [4, 1]], None, 4), "row 1, slot 0: id 4 is out of range; with n = 4 ids run from 0 to"),
    ("a negative id", ([[0, 1], [1, -1]],), "row 1, slot 1: id -1 is out of range"),
    ("an id that is too large", ([[0, 2**40]],),
     "row 0, slot 1: id 1099511627776 is out of range; with n = 2147483648 ids run from 0 to 2147483647"),
    ("an unsigned id that is too large", (np.array([[2**64 - 1]], np.uint64),), "row 0, slot 0: id"),
    ("a fraction as id", ([[0, 1], [0.5, 1]],), "row 1, slot 0: id 0.5 is not an integer"),
    ("NaN as id", ([[0, NAN]],), "row 0, slot 1: id nan is not an integer"),
    ("infinity as id", ([[0, INF]],), "row 0, slot 1: id inf is not an integer"),
    ("a float too large to be exact", ([[0, 2.0**53]],), "row 0, slot 1: id 9007199254740992.0 is not an integer"),
    ("a signaling NaN as id", ([SIGNALING],), "row 0, slot 0: id nan is not an integer"),
    ("a fraction of half precision", (np.array([[0.0, 0.5]], np.float16),), "row 0, slot 1: id 0.5 is not an integer"),
    ("NaN", ([[0, 1]], [[1.0, NAN]]), "row 0, slot 1: x is nan; it must be a finite float64 number"),
    ("a signaling NaN", ([[0]], [SIGNALING]), "row 0, slot 0: x is nan; it must be a finite float64 number"),
    ("infinity", ([[0, 1], [0, 1]], [[1, 1], [-INF, 1]]), "row 1, slot 0: x is -inf"),
    ("overflow", ([[0, 1]], [[1.0, 1e39]], None, np.float32), "row 0, slot 1: x is 1e+39; it must be a finite float32"),
    ("other shapes", ([[0, 1]], [[1.0]]), "idx and x must have one shape; got (1, 2) and (1, 1)"),
    ("a repeated id", ([[0, 1, 2], [2, 0, 2]],), "row 1: id 2 stands in more than one slot; "
     "give an id once in a row, or use Batch.from_lists, which sums repeated ids"),
    ("a repeated id 0", ([[0, 1, 0]],), "row 0: id 0 stands in more than one slot"),
    ("text as id", ([["0", "1"]],), TypeError("ids must be integers; got <U1")),
    ("objects as id", ([[0, None]],), TypeError("ids must be integers; got object")),
    ("bools as id", ([[True, False]],), TypeError("ids must be integers; got bool")),
    ("complex ids", ([[0j]],), TypeError("ids must be integers; got complex128")),
    ("text", ([[0]], [["1"]]), TypeError("x must be real numbers; got <U1")),
    ("objects", ([[0]], [[None]]), TypeError("x must be real numbers; got object")),
    ("complex", ([[0]], [[1j]]), TypeError("x must be real numbers; got complex128")),
    ("one row", ([0, 1],), "idx must be a 2-d array (rows, slots); got shape (2,)"),
    ("three dimensions", ([[[0]]],), "idx must be a 2-d array (rows, slots); got shape (1, 1, 1)"),
    ("values of three dimensions", ([[0]], [[[1.0]]]), "x must be a 2-d array (rows, slots); got shape (1, 1, 1)"),
    ("ragged rows", ([[0, 1], [0]],), "idx must be 2-d with rows of one length; for ragged rows use Batch.from_lists"),
    ("ragged values", ([[0, 1], [0, 1]], [[1, 1], [1]]), "x must be 2-d with rows of one length"),
    ("no features", ([[0]], None, 0), "n, the number of features, must be an integer from 1 to 2**31; got 0"),
    ("too many features", ([[0]], None, 2**31 + 1), "n, the number of features, must be an integer from 1 to 2**31"),
    ("n a float", ([[0]], None, 2.0), "n, the number of features, must be an integer from 1 to 2**31; got 2.0"),
    ("n a bool", ([[0]], None, True), "n, the number of features, must be an integer from 1 to 2**31; got True"),
    ("n a text", ([[0]], None, "3"), "n, the number of features, must be an integer from 1 to 2**31; got '3'"),
    ("an integer dtype", ([[0]], [[0.5]], None, int), TypeError("dtype must be float32 or float64; got")),
    ("a complex dtype", ([[0]], None, None, complex), TypeError("dtype must be float32 or float64; got")),
]

LISTS = [
    ("an id beyond n", ([[0], [1, 4]], None, 4), "row 1, slot 1: id 4 is out of range; with n = 4 ids run from 0 to 3"),
    ("a negative id", ([[0], [1, -1]],), "row 1, slot 1: id -1 is out of range"),
    ("a negative id without weight", ([[0], [1, -1]], [[1], [1, 0]]), "row 1, slot 1: id -1 is out of range"),
    ("an id that is too large", ([[0], [], [2**40]],), "row 2, slot 0: id 1099511627776 is out of range"),
    ("an id beyond 2**53", ([[0], [2**60]],), "row 1, slot 0: id 1152921504606846976 is out of range"),
    ("no rows of ids", (3,), TypeError("ids must be a sequence of rows; got int")),
    ("no rows of values", ([[0]], 3), TypeError("values must be a sequence of rows; got int")),
    ("a fraction as id", ([[], [0, 0.5]],), "row 1, slot 1: id 0.5 is not an integer"),
    ("NaN as id", ([[0], [NAN]],), "row 1, slot 0: id nan is not an integer"),
    ("NaN", ([[0], [], [1, 2]], [[1], [], [1, NAN]]), "row 2, slot 1: x is nan"),
    ("infinity", ([[0], [1, 2]], [[1], [1, INF]]), "row 1, slot 1: x is inf"),
    ("overflow", ([[0], [1]], [[1], [1e39]], None, np.float32), "row 1, slot 0: x is 1e+39; it must be a finite"),
    ("a sum that overflows", ([[0], [3, 1, 1]], [[1], [0, 1e308, 1e308]]), "row 1, slot 1: x is inf; it must be"),
    ("a number that loses digits", ([[0], [1]], [[1], [2**53 + 1]]), "row 1, slot 0: x is 9007199254740993"),
    ("other lengths", ([[0], [1, 2]], [[1], [1]]), "row 1: 2 ids but 1 values"),
    ("another number of rows", ([[0], [1, 2]], [[1]]), "2 rows of ids but 1 rows of values"),
    ("one row", ([0, 1],), "row 0: ids must be a flat list of numbers"),
    ("nested ids", ([[0], [[1], [2]]],), "row 1: ids must be a flat list of numbers"),
    ("ragged ids", ([[0], [[1], [2, 3]]],), "row 1: ids must be a flat list of numbers"),
    ("nested values", ([[0], [1]], [[1], [[1]]]), "row 1: values must be a flat list of numbers"),
    ("text as id", ([[0], ["1"]],), TypeError("row 1: ids must be integers; got <U1")),
    ("objects as id", ([[0], [None]],), TypeError("row 1: ids must be integers; got object")),
    ("bools as id", ([[0], [True]],), TypeError("row 1: ids must be integers; got bool")),
    ("complex ids", ([[0], [1j]],), TypeError("row 1: ids must be integers; got complex128")),
    ("whole numbers beside floats", ([[0], [1, 2]], [[0.5], [1, 2**53 + 1]]), "row 1, slot 1: x is 9007199254740993"),
    ("both signs", ([[0], [1]], [np.array([2**63 + 1], np.uint64), [-1]]), "row 0, slot 0: x is 9223372036854775809"),
    ("text", ([[0], [1]], [[1], ["1"]]), TypeError("row 1: values must be real numbers; got <U1")),
    ("complex", ([[0], [1]], [[1], [1j]]), TypeError("row 1: values must be real numbers; got complex128")),
    ("no features", ([], None, 0), "n, the number of features, must be an integer from 1 to 2**31; got 0"),
    ("n a float", ([[0]], None, 2.0), "n, the number of features, must be an integer from 1 to 2**31; got 2.0"),
    ("an integer dtype", ([[0]], None, None, int), TypeError("dtype must be float32 or float64")),
]

TWICE = sparse.coo_array(([1.0, 1e308, 1e308], ([0, 1, 1], [0, 2, 2])), (2, 3))
SCIPY = [
    ("a dense array", (np.eye(2),), TypeError("matrix must be a 2-d scipy sparse matrix or array; got ndarray")),
    ("a list", ([[1.0]],), TypeError("matrix must be a 2-d scipy sparse matrix or array; got list")),
    ("complex", (sparse.csr_array([[1j]]),), TypeError("x must be real numbers; got complex128")),
    ("complex, empty", (sparse.csr_array((1, 2), dtype=complex),), TypeError("x must be real numbers; got complex128")),
    ("NaN", (sparse.csc_array([[1.0, 0.0, 2.0], [1.0, 0.0, NAN]]),), "row 1, column 2: x is nan; it must be"),
    ("infinity", (sparse.coo_array([[0.0, -INF]]),), "row 0, column 1: x is -inf"),
    ("overflow", (sparse.coo_array([[0.0, 1e39]]), np.float32), "row 0, column 1: x is 1e+39; it must be a finite"),
    ("a sum that overflows", (TWICE,), "row 1, column 2: x is inf"),
    ("a number that loses digits", (sparse.csr_array([[0, 2**53 + 1]]),), "row 0, column 1: x is 9007199254740993"),
    ("a signaling NaN", (sparse.csr_array((SIGNALING, [1], [0, 1]), (1, 2)),), "row 0, column 1: x is nan"),
    ("no features", (sparse.csr_array((2, 0)),), "n, the number of features, must be an integer from 1 to 2**31"),
    ("an integer dtype", (sparse.csr_array([[0.5]]), int), TypeError("dtype must be float32 or float64")),
]

DENSE = [
    ("NaN", ([[1.0, 0.0], [0.0, NAN]],), "row 1, column 1: x is nan; it must be a finite float64 number"),
    ("infinity", ([[1.0, 0.0], [INF, 0.0]],), "row 1, column 0: x is inf"),
    ("overflow", ([[0.0, 1e39]], np.float32), "row 0, column 1: x is 1e+39; it must be a finite float32 number"),
    ("a number that loses digits", ([[0, 1], [2**53 + 1, 0]],), "row 1, column 0: x is 9007199254740993"),
    ("one row", ([1.0, 2.0],), "array must be a 2-d array (rows, columns); got shape (2,)"),
    ("three dimensions", ([[[1.0]]],), "array must be a 2-d array (rows, columns); got shape (1, 1, 1)"),
    ("ragged rows", ([[1.0], [1.0, 2.0]],), "array must be 2-d with rows of one length"),
    ("text", ([["1"]],), TypeError("x must be real numbers; got <U1")),
    ("objects", ([[None]],), TypeError("x must be real numbers; got object")),
    ("complex", ([[1j]],), TypeError("x must be real numbers; got complex128")),
    ("no features", (np.zeros((2, 0)),), "n, the number of features, must be an integer from 1 to 2**31; got 0"),
    ("an integer dtype", ([[0.5]], int), TypeError("dtype must be float32 or float64")),
]

MAKE = {
    "padded": lambda idx, x=None, n=None, dtype=np.float64: Batch.from_padded(idx, x, n=n, dtype=dtype),
    "lists": lambda rows, values=None, n=None, dtype=np.float64: Batch.from_lists(rows, values, n=n, dtype=dtype),
    "scipy": lambda matrix, dtype=np.float64: Batch.from_scipy(matrix, dtype=dtype),
    "dense": lambda array, dtype=np.float64: Batch.from_dense(array, dtype=dtype),
}
ONE_ROW = sparse.coo_array(np.ones(2))                     # 1-d from scipy 1.13 on
if ONE_ROW.ndim == 1:
    SCIPY.append(("one row", (ONE_ROW,), TypeError("matrix must be a 2-d scipy sparse matrix or array; got coo_array")))
REFUSED = [
    pytest.param(kind, arguments, error if isinstance(error, Exception) else ValueError(error), id=f"{kind}: {what}")
    for kind, cases in (("padded", PADDED), ("lists", LISTS), ("scipy", SCIPY), ("dense", DENSE))
    for what, arguments, error in cases
]


@pytest.mark.parametrize("kind, arguments, error", REFUSED)
def test_refused_with_its_place(kind, arguments, error):
    with pytest.raises(type(error), match="^" + re.escape(str(error))):
        MAKE[kind](*arguments)


@pytest.mark.parametrize("values, message", [
    (np.ma.array([[1.0]], mask=[[1]]), "masked values are not supported; leave masked entries out, or fill them"),
    ([[1j]], "x must be real numbers; got complex128"),
])  # fmt: skip
def test_a_whole_message(values, message):
    with pytest.raises(TypeError) as error:
        Batch.from_dense(values)
    assert str(error.value) == message


def test_a_scipy_matrix_with_indices_beyond_its_shape_is_refused():
    matrix = sparse.csr_array((np.ones(2), np.array([0, 1]), np.array([0, 1, 2])), (2, 3))
    matrix.indices[1] = 7
    with pytest.raises(ValueError, match="index arrays of the csr matrix are damaged: .* must be < 3"):
        Batch.from_scipy(matrix)
    damaged = sparse.csr_array((np.ones(2), np.array([0, 1]), np.array([0, 1, 2])), (2, 3))
    damaged.indptr[:] = [0, 2, 1]
    with pytest.raises(ValueError, match="the csr matrix are damaged: index pointer values must not decrease$"):
        Batch.from_scipy(damaged)


@pytest.mark.skipif(np.finfo(np.longdouble).max == np.finfo(float).max, reason="long doubles are doubles here")
def test_a_value_beyond_float64_is_refused():
    value = np.array([[0, np.longdouble("1e400")]])
    for make in (Batch.from_dense, lambda array: Batch.from_scipy(sparse.csr_array(array))):
        with pytest.raises(ValueError, match=r"row 0, column 1: x is (inf|1e\+400); it must be a finite float64"):
            make(value)


@pytest.mark.skipif(np.finfo(np.longdouble).max == np.finfo(float).max, reason="long doubles are doubles here")
@pytest.mark.parametrize("form", ["csr", "csc", "coo", "dense"])
def test_brother_a_long_double_that_underflows_is_refused(form):
    value = np.array([[0, np.longdouble("1e-4000")]])
    with pytest.raises(ValueError, match="row 0, column 1: x is .*; it must not be so small: as a float64 number"):
        Batch.from_dense(value) if form == "dense" else Batch.from_scipy(sparse.coo_array(value).asformat(form))


# ---- one value per row ---------------------------------------------------------------------------------


def test_row_values():
    y = row_values([1, 0, True], 3, "y", np.float32)
    assert y.dtype == np.float32 and y.tolist() == [1.0, 0.0, 1.0]
    assert row_values([], 0, "y").shape == (0,)


@pytest.mark.parametrize("values, error", [
    ([1.0], ValueError("y must have one value for each of the 2 rows; got shape (1,)")),
    ([[1.0], [2.0]], ValueError("y must have one value for each of the 2 rows; got shape (2, 1)")),
    ([1.0, NAN], ValueError("row 1: y is nan; it must be a finite float32 number")),
    ([-INF, 1.0], ValueError("row 0: y is -inf")),
    ([1.0, 1e39], ValueError("row 1: y is 1e+39; it must be a finite float32 number")),
    (["0", "1"], TypeError("y must be real numbers; got <U1")),
    ([None, 1], TypeError("y must be real numbers; got object")),
    ([1j, 1], TypeError("y must be real numbers; got complex128")),
])  # fmt: skip
def test_row_values_refused_with_their_row(values, error):
    with pytest.raises(type(error), match=re.escape(str(error))):
        row_values(values, 2, "y", np.float32)


@pytest.mark.parametrize("x, error, words", [
    pytest.param(np.ones((2, 1)), ValueError, r"shape \(2, 2\) of the slots; got \(2, 1\)", id="brother-narrow"),
    pytest.param(np.ones((1, 2)), ValueError, r"shape \(2, 2\) of the slots; got \(1, 2\)", id="brother-wide"),
    pytest.param(np.ma.array(np.ones((2, 2)), mask=[[0, 1], [0, 0]]), TypeError, "masked values", id="brother-mask"),
    pytest.param(np.array([[1.0, 1], [np.nan, 1]]), ValueError, "row 1, slot 0: x is nan; it must", id="brother-NaN"),
    pytest.param(np.ones((2, 2), np.float16), TypeError, "float32 or float64; got float16", id="brother-float16"),
    pytest.param(np.full((2, 2), "1"), TypeError, "x must be real numbers", id="brother-text"),
])  # fmt: skip
def test_values_that_with_x_refuses(x, error, words):
    batch = Batch.from_lists([[0, 2], [1]], n=3)
    assert batch.with_x([[1, 2], [3, 4]]).x.tolist() == [[1.0, 2.0], [3.0, 0.0]]
    with pytest.raises(error, match=words):
        batch.with_x(x)


def test_brother_a_masked_selection_is_refused():
    with pytest.raises(TypeError, match="masked values are not supported"):
        Batch.from_lists([[0], [1]])[np.ma.array([0, 1], mask=[0, 1])]


@pytest.mark.parametrize("row", [
    pytest.param([2, True], id="brother-bool-beside-an-id"),
    pytest.param((np.bool_(False), 2), id="brother-numpy-bool"),
])  # fmt: skip
@pytest.mark.parametrize("make", [Batch.from_lists, Batch.from_padded])
def test_truth_values_are_no_ids(make, row):
    with pytest.raises(TypeError, match="ids must be integers; got bool"):
        make([[0, 1], row], n=5)


@pytest.mark.parametrize("use", [np.asarray, lambda batch: np.hstack([batch, batch])], ids=["array", "stack"])
def test_brother_a_batch_is_no_array(use):
    """Without a word of its own, NumPy would look for rows within rows, 64 deep."""
    with pytest.raises(TypeError, match=r"^a Batch is no matrix: idx and x are its arrays; TableEncoder\(sparse"):
        use(Batch.from_lists([[0, 1], [1]]))
