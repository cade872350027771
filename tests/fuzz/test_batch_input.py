"""What is made into a Batch: documented errors, or the rows that plain Python makes of the same input.

Documented: ValueError for what the values say, TypeError for what they are. `Batch[...]` raises IndexError.
"""

import math

import numpy as np
from border import Refused, answer, drawn, mostly
from hypothesis import example, given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays
from scipy import sparse

from afm_numpy import Batch
from afm_numpy._checks import row_values
from afm_numpy.models import Model

FLOATS = ("float32", "float64")
ODD_REALS = [math.nan, math.inf, -math.inf, -0.0, 1e39, 1e308, -1.7e308, 1e-46, 5e-324, 2**53 + 1, True]
ODD_IDS = [-1, 0.5, 1.0, 2**31 - 1, 2**31, 2**53, 2**62, 2**63, 2**64 - 1, 2**64, 10**30, math.nan, math.inf, -1e300]
JUNK = [None, "a", "1", b"1", 1j, True, object, [1], {}, "", np.datetime64("2020-01-01"), 10**400, np.float64("nan")]

id_ = mostly(st.integers(0, 5), st.sampled_from(ODD_IDS), 50)
real = mostly(st.sampled_from([1.0, 0.5, 0.0, -0.0, -2.0, 0.25]) | st.floats(-9, 9), st.sampled_from(ODD_REALS), 50)
size = (
    st.none()
    | st.integers(5, 8)
    | st.sampled_from([6] * 12 + [0, -1, True, 2.0, "3", np.int32(6), 2**31, 2**31 + 1, [1]])
)
dtype = st.sampled_from(FLOATS) | st.sampled_from(["float16", np.longdouble, int, complex, "U3", object, "M8[s]", None])
any_dtype = st.sampled_from("? b i2 i8 u1 u8 f2 f4 f8 g c16 S3 U3 O M8[s] m8[D] V4".split()) | st.just([("a", int)])
shape = st.lists(st.integers(0, 4), max_size=4).map(tuple)
anything = st.one_of(
    st.recursive(st.sampled_from([*JUNK, *ODD_IDS, *ODD_REALS, 0, 1, 2]), lambda inner: st.lists(inner, max_size=4)),
    st.tuples(any_dtype, shape, st.binary(max_size=60)).map(lambda parts: of_bytes(*parts)),
    st.builds(lambda lists: np.array(lists, object), st.lists(st.lists(id_, min_size=2, max_size=2), max_size=3)),
    st.just(sparse.csr_array(np.eye(2))),
    st.just(np.ma.masked_array([[1, 2], [3, 4]], [[False, True], [False, False]])),
)


def of_bytes(dtype, shape, content):
    """An array of any dtype whose bytes are `content` over and over."""
    dtype = np.dtype(dtype)
    if dtype.hasobject:
        return np.full(shape, "x", object)
    count = math.prod(shape)
    content = (content or b"\0") * (count * dtype.itemsize // max(len(content), 1) + 1)
    return np.frombuffer(content[: count * dtype.itemsize], dtype, count).reshape(shape)


def fits(value, dtype):
    """A number as `dtype` holds it, or None when that is not a finite number, or 0 in the place of another."""
    with np.errstate(over="ignore", invalid="ignore"):
        held = np.dtype(dtype).type(value)
    return float(held) if np.isfinite(held) and (held != 0) == (value != 0) else None


def plain_rows(ids, values, n, dtype, sums=False):
    """[{id: value}] as the docstrings say it, or None when they say that it is refused."""
    rows = []
    whole = [i for row in ids for i in row]
    if any(i != i or i in (math.inf, -math.inf) or i != int(i) or isinstance(i, bool) for i in whole):
        return None
    if any(isinstance(i, float) and abs(i) >= 2**53 for i in whole):  # where floats skip integers
        return None
    for row, reals in zip(ids, values, strict=True):
        total = {}
        for i, value in zip(row, reals, strict=True):
            value = fits(value, "float64") if sums else fits(value, dtype)
            if value is None or (i in total and value != 0 and not sums):
                return None
            if sums or value != 0:
                total[int(i)] = total.get(int(i), 0.0) + value
        if sums:
            total = {i: fits(value, dtype) for i, value in total.items()}
        rows.append(total)
    used = [i for row in rows for i in row]
    if n is None:
        n = min(max(map(int, whole if sums else used), default=0) + 1, 2**31)
    n_fits = isinstance(n, (int, np.integer)) and not isinstance(n, bool) and 1 <= n <= 2**31
    if not n_fits or not all(0 <= i < n for i in used) or any(x is None for row in rows for x in row.values()):
        return None
    return int(n), [{i: x for i, x in row.items() if x != 0} for row in rows]


def check_batch(batch):
    """What every Batch fulfils; its rows as (n, [{id: value}])."""
    assert type(batch) is Batch and type(batch.n) is int and 1 <= batch.n <= 2**31
    assert batch.idx.shape == batch.x.shape and batch.idx.dtype == np.intp and batch.x.dtype.kind == "f"
    assert np.isfinite(batch.x).all() and (batch.idx >= 0).all() and (batch.idx < batch.n).all()
    empty = batch.x == 0
    assert not batch.idx[empty].any() and not np.signbit(batch.x[empty]).any()
    pairs = [
        [(i, x) for i, x in zip(*row, strict=True) if x]
        for row in zip(batch.idx.tolist(), batch.x.tolist(), strict=True)
    ]
    assert all(len(dict(row)) == len(row) for row in pairs), "an id stands twice in a row"
    return batch.n, [dict(row) for row in pairs]


def same_rows(found, expected):
    """Refused by both, or the same rows."""
    if expected is None:
        assert isinstance(found, Refused), f"accepted: {found}"
    else:
        assert not isinstance(found, Refused), f"refused: {found}"
        assert check_batch(found) == expected


def tables(min_width=0, max_width=4):
    """Ids and values, row by row."""

    def of(width):
        return st.lists(st.lists(st.tuples(id_, real), min_size=width[0], max_size=width[1]), max_size=4)

    return of((min_width, max_width)).map(split)


def split(rows):
    return [[i for i, _ in row] for row in rows], [[x for _, x in row] for row in rows]


# ---- nearly right input: accepted exactly when plain Python accepts it ---------------------------------


@drawn(60)
@given(st.data(), st.integers(0, 4), size, st.sampled_from(FLOATS))
def test_padded(data, m, n, dtype):
    ids, values = data.draw(tables(m, m))
    idx = np.array(ids).reshape(len(ids), m) if m and ids else np.zeros((len(ids), m), int)
    if idx.dtype == object:
        same_rows(answer(lambda: Batch.from_padded(ids, values, n, dtype), ValueError, TypeError), None)
        return
    ids = idx.tolist()  # as floats when one of them is a float
    x = np.array(values, float).reshape(idx.shape)
    found = answer(lambda: Batch.from_padded(idx, x, n, dtype), ValueError, TypeError)
    same_rows(found, plain_rows(ids, values, n, dtype))
    if not isinstance(found, Refused):  # every slot keeps its place
        assert found.x.shape == idx.shape and (found.idx == np.where(found.x != 0, idx, 0)).all()


@drawn(60)
@given(tables(), size, st.sampled_from(FLOATS))
def test_lists(table, n, dtype):
    ids, values = table
    found = answer(lambda: Batch.from_lists(ids, values, n, dtype), ValueError, TypeError)
    too_large = any(not -(2**63) <= i < 2**63 for row in ids for i in row if not isinstance(i, float))
    as_numpy_reads_it = [np.array(row).tolist() if row else [] for row in ids]
    same_rows(found, None if too_large else plain_rows(as_numpy_reads_it, values, n, dtype, sums=True))


FORMATS = ("csr", "csc", "coo", "lil", "dok", "bsr")


@drawn(60)
@given(
    st.lists(st.tuples(st.integers(0, 3), st.integers(0, 4), real), max_size=8), st.sampled_from(FORMATS),
    st.sampled_from(("f4", "f8", "g", "i2", "?")), st.sampled_from(FLOATS), st.booleans(),
    st.sampled_from([0, 0, 0, 4000]),
)  # fmt: skip
def test_scipy_and_dense(entries, form, kind, dtype, new, exponent):
    with np.errstate(all="ignore"):
        r, c, values = ([entry[i] for entry in entries] for i in range(3))
        values = np.nan_to_num(values, nan=7, posinf=8, neginf=9, copy=True) if kind in "i2?" else np.array(values)
        values = np.array(np.clip(values, -9, 9) if kind in "i2?" else values).astype(kind)
        values = values * np.longdouble(10) ** exponent if kind == "g" else values  # beyond float64
    if form != "coo":  # SciPy would sum repeated entries here, in this dtype
        last = {(row, column): value for row, column, value in zip(r, c, values, strict=True)}
        r, c, values = [row for row, _ in last], [column for _, column in last], np.array(list(last.values()), kind)
    make = sparse.coo_array if new else sparse.coo_matrix
    matrix = make((values, (np.array(r, int), np.array(c, int))), (4, 5)).asformat(form)
    assert matrix.format == form
    ids = [[c[e] for e in range(len(c)) if r[e] == row] for row in range(4)]
    reals = [[values[e] for e in range(len(c)) if r[e] == row] for row in range(4)]
    expected = plain_rows(ids, reals, 5, dtype, sums=True)
    same_rows(answer(lambda: Batch.from_scipy(matrix, dtype), ValueError, TypeError), expected)
    dense = np.zeros((4, 5), "g")
    with np.errstate(all="ignore"):
        np.add.at(dense, (r, c), values)
    expected = plain_rows([range(5)] * 4, dense, 5, dtype)
    same_rows(answer(lambda: Batch.from_dense(dense, dtype), ValueError, TypeError), expected)


@drawn(30)
@given(
    st.sampled_from(("csr", "csc", "bsr")),
    st.sampled_from(("indices", "indptr")),
    st.integers(0, 5),
    st.integers(-3, 9),
)
@example("csc", "indptr", 3, -3)
def test_sparse_matrices_that_are_damaged(form, part, at, value):
    """SciPy takes many of them; its own conversions would write outside of their arrays."""
    matrix = sparse.csr_array(([1.0, 2.0, 3.0, 4.0], [0, 2, 1, 2], [0, 2, 3, 4]), (3, 3)).asformat(form)
    array = getattr(matrix, part)
    array[at % array.size] = value
    found = answer(lambda: Batch.from_scipy(matrix), ValueError)
    if not isinstance(found, Refused):
        assert check_batch(found)[0] == 3


# ---- anything at all -----------------------------------------------------------------------------------


@drawn(60)
@given(st.sampled_from(["padded", "lists", "dense", "scipy"]), anything, st.none() | anything, size, dtype)
def test_anything(way, first, second, n, dtype):
    call = {
        "padded": lambda: Batch.from_padded(first, second, n, dtype),
        "lists": lambda: Batch.from_lists(first, second, n, dtype),
        "dense": lambda: Batch.from_dense(first, dtype),
        "scipy": lambda: Batch.from_scipy(first, dtype),
    }[way]
    batch = answer(call, ValueError, TypeError)
    if isinstance(batch, Refused):
        return
    check_batch(batch)
    assert not np.ma.is_masked(first) and not (way in ("padded", "lists") and np.ma.is_masked(second))
    if way == "dense":
        dense = np.asarray(first)
        expected = plain_rows([range(dense.shape[1])] * len(dense), dense, dense.shape[1], batch.x.dtype)
        assert check_batch(batch) == expected


@drawn(20)
@given(anything, st.integers(0, 3))
def test_targets(values, n_rows):
    y = answer(lambda: row_values(values, n_rows, "y"), ValueError, TypeError)
    if not isinstance(y, Refused):
        assert y.shape == (n_rows,) and y.dtype == np.float64 and np.isfinite(y).all()
        assert y.tolist() == [float(value) for value in np.asarray(values).tolist()]


# ---- selections and other dtypes -----------------------------------------------------------------------

row = st.integers(-5, 5)
selection = st.one_of(
    row, row.map(np.int64), st.slices(5), st.lists(row, max_size=5), st.lists(row, max_size=5).map(np.array),
    st.lists(st.booleans(), min_size=3, max_size=5), arrays.arrays(bool, st.integers(3, 5)),
    st.sampled_from([None, "a", 0.5, (0, 1), ..., [[0]], (slice(None), slice(1)), True, np.zeros((4, 2), bool), 1j]),
)  # fmt: skip
MODELS = [None, Model("fm"), Model("afm", "sum"), Model("fm", engine="dense")]


@drawn(60)
@given(selection, st.sampled_from(MODELS))
def test_selections(rows, model):
    """Of a plain Batch, and of one that is numbered for the fast engine."""
    batch = Batch.from_lists([[5, 2], [2, 0], [1], []], [[1.5, 1.0], [2.0, 3.0], [4.0], []], n=6)
    numbered = batch if model is None else model.prepare(batch)
    found = answer(lambda: numbered[rows], IndexError)
    try:
        wanted = np.arange(4)[rows]
        wanted = None if isinstance(rows, (tuple, bool)) else wanted
    except IndexError:
        wanted = None
    if wanted is None or wanted.ndim > 1:
        assert isinstance(found, Refused), found
        return
    wanted = np.atleast_1d(wanted)
    assert type(found) is type(numbered) and found.n == 6
    assert np.array_equal(found.idx, batch.idx[wanted]) and np.array_equal(found.x, batch.x[wanted])
    if model is not None:
        params = model.init_params(np.random.default_rng(0), batch, k=2, std=1.0, dtype=np.float64)
        y_hat = model.predict(params, batch)
        assert np.allclose(model.forward(params, found)[0], y_hat[wanted], rtol=1e-12, atol=1e-12)


@drawn(30)
@given(st.lists(real, min_size=1, max_size=4), dtype, st.sampled_from(MODELS))
def test_other_dtypes(values, dtype, model):
    """A value that the new dtype cannot hold is refused, by a numbered Batch too."""
    batch = answer(lambda: Batch.from_lists([range(len(values))], [values]), ValueError)
    if isinstance(batch, Refused):
        return
    numbered = batch if model is None else model.prepare(batch)
    found = answer(lambda: numbered.astype(dtype), ValueError, TypeError)
    kind = np.dtype(dtype).kind
    if kind == "c":
        assert np.array_equal(found.x, batch.x)
    elif np.dtype(dtype) not in (np.float32, np.float64):
        assert isinstance(found, Refused)
    else:
        expected = plain_rows([range(len(values))], [batch.x[0].tolist()], batch.n, dtype)
        assert (expected is None) == isinstance(found, Refused)
        if expected:
            assert type(found) is type(numbered)
            assert {int(i): float(x) for i, x in zip(found.idx[0], found.x[0], strict=True) if x} == expected[1][0]
