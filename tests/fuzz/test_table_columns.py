"""Tables of columns: ValueError or TypeError with the column's name, or the features that Python finds in a cell."""

import math

import numpy as np
import pytest
from border import Refused, answer, drawn
from hypothesis import example, given
from hypothesis import strategies as st

from afm_numpy.encode import TableEncoder

MISSING = ("?", "")
HUGE = 1e308
text = st.sampled_from(["F", "M", "x", "?", "", "a=b", "1", "nan", "\u0661", "\x00", "a\x00", " F", "None", "b\tc"])
whole = st.integers(-3, 3) | st.sampled_from([2**53, 2**53 + 1, 2**63, -(2**63), 2**64, 10**30])
real = (
    st.integers(-6, 6).map(lambda z: z / 2)
    | st.floats(-9, 9)
    | st.floats(allow_nan=True)
    | st.sampled_from([HUGE, -HUGE, 5e-324])
)
nothing = st.sampled_from([None, math.nan, None, float("nan")])
odd = st.sampled_from(
    [1j, b"x", [1], (1, 2), {}, object, np.datetime64("2020-01-01"), math.inf, 2**2000, np.float32(0.1)]
)
cells = st.sampled_from([
    text, text | nothing, st.booleans(), st.booleans() | nothing, whole, whole | nothing, real, real | nothing,
    real | whole, st.just(0.0) | real, text | whole, whole | st.booleans(), nothing, odd | real, odd | text,
])  # fmt: skip
name = st.sampled_from(["a", "b", "c", "a missing", "", "d\ne"]) | st.sampled_from([0, None, 1.5, ("a",)])
name = st.sampled_from(["a", "b", "c"]) | name
options = st.fixed_dictionaries({}, optional={
    "scaling": st.sampled_from(["quantile", "standard", "minmax", "none", "log", None, {"a": "minmax"}, {"a": 3}]),
    "bins": st.sampled_from([2, 3, 64, 0, 1, 2.0, "3", None, True]),
    "min_count": st.sampled_from([1, 2, 0, "1", None]),
    "missing": st.sampled_from(
        [("?", ""), (), (0,), (1.0, "F"), ("x", None, -1), ("-1", "True"), "?", 3, None, ([1],), (True,)]),
    "categorical": st.sampled_from([["a"], ["b", "c"], ["a", "a"], "a", [None], [["a"]], [], None, ["z"], 3]),
    "continuous": st.sampled_from([["b"], ["a"], ["a", "c"], [], None, "b", [0], 3]),
    "ignored": st.sampled_from([[], ["a"], ["z"], "a", ["a", "b", "c"], None]),
})  # fmt: skip
usual = st.fixed_dictionaries({}, optional={
    "scaling": st.sampled_from(["quantile", "standard", "minmax", "none"]), "bins": st.integers(2, 4),
    "min_count": st.integers(1, 2), "missing": st.sampled_from([("?", ""), (), (0,), (0,), ("x", -1), ("-1", "0")]),
})  # fmt: skip


@st.composite
def tables(draw, rows=None):
    """Columns as lists, arrays and objects, mostly of one length, in a mapping or in another kind of table."""
    rows = draw(st.integers(0, 6)) if rows is None else rows
    table = {}
    for key in draw(st.lists(name, min_size=1, max_size=3, unique_by=repr)):
        length = rows if draw(st.integers(0, 9)) else draw(st.integers(0, 3))
        cell = draw(cells)
        column = draw(st.lists(cell, min_size=length, max_size=length))
        table[key] = as_column(column, draw(st.sampled_from(["list", "list", "array", "object", "tuple", "odd"])))
    return as_table(table, draw(st.sampled_from(["dict", "dict", "dict", "pandas", "structured", "polars", "odd"])))


def as_column(column, kind):
    if kind == "list":
        return column
    if kind == "tuple":
        return tuple(column)
    if kind == "odd":
        masked, dates = np.ma.masked_array([1.0, 2.0], [False, True]), np.array(["2020-01-01"], "M8[D]")
        odd = [np.float64(3.0), None, "text", {"a": 1}, np.zeros((2, 2)), masked, dates, np.array([1j]), {1, 2}]
        return odd[len(column)]
    array = np.empty(len(column), object)
    for i, cell in enumerate(column):
        array[i] = cell
    if kind == "array" and len({type(cell) for cell in column}) == 1 and isinstance(array[0], (str, bool, int, float)):
        try:
            return np.array(column)
        except OverflowError:
            pass
    return array


def as_table(table, kind):
    try:
        if kind == "pandas":
            return pytest.importorskip("pandas").DataFrame(table)
        if kind == "polars":
            return pytest.importorskip("polars").DataFrame(table)
        if kind == "structured":
            columns = {key: np.asarray(column) for key, column in table.items()}
            made = np.empty(len(next(iter(columns.values()))), [(key, column.dtype) for key, column in columns.items()])
            for key, column in columns.items():
                made[key] = column
            return made
    except Exception:  # no table of that kind can hold this
        return table
    return [None, 3, "table", [[1, 2]], np.zeros((2, 2)), {}, TableEncoder][len(table) % 7] if kind == "odd" else table


def refused(call):
    found = answer(call, ValueError, TypeError)
    return isinstance(found, Refused), found


# ---- the oracle: one cell at a time --------------------------------------------------------------------


def is_missing(cell, missing):
    if cell is None or type(cell).__name__ in ("NAType", "NaTType") or cell != cell:
        return True
    return any(
        (type(cell) is bool) == (type(mark) is bool) and cell == mark or written(cell) == written(mark)
        for mark in missing if mark is not None
    )  # fmt: skip


def written(cell):
    return str(int(cell)) if isinstance(cell, float) and cell.is_integer() else str(cell)


def check_cell(feature, x, cell, missing, known):
    """That a feature with value x is what a cell means; `known` are the values of fit that are not missing."""
    cell = cell.item() if isinstance(cell, np.generic) else cell
    if feature.role == "missing":
        assert is_missing(cell, missing) and x == 1.0
        return
    assert not is_missing(cell, missing), (feature, cell)
    if feature.role == "value":
        assert x == 1.0 and feature.value == cell and (type(cell) is bool) == (type(feature.value) is bool)
    elif feature.role == "unseen":
        assert x == 1.0 and known.count(cell) < 2
    elif feature.role == "bin" and feature.value == "{0}":
        assert x == 1.0 and cell == 0
    elif feature.role == "bin":
        low, high = feature.value[1:-1].split(", ")
        assert x == 1.0 and float(low) < float(cell) <= float(high)
    else:
        assert feature.role == "number" and math.isfinite(x)


def check_scale(scaling, shift_scale, known):
    """That a scaled column has the numbers that its name promises: from fractions, not from floats."""
    from fractions import Fraction

    exact = [Fraction(float(value)) for value in known]
    xs = shift_scale
    if scaling == "minmax" and len(set(exact)) > 1:
        want = [(value - min(exact)) / (max(exact) - min(exact)) for value in exact]
    elif scaling == "standard" and len(set(exact)) > 1:
        mean = sum(exact) / len(exact)
        variance = sum((value - mean) ** 2 for value in exact) / len(exact)
        want = [(value - mean) for value in exact]
        unit = max(abs(value) for value in want)
        size = math.sqrt(variance / unit**2)  # both of order 1
        want = [Fraction(float(value / unit) / size) for value in want]
    elif scaling == "none":
        want = exact
    else:
        want = [Fraction(0)] * len(exact)
    spread = max(map(abs, exact)) / ((max(exact) - min(exact)) or 1)
    if scaling != "none" and spread > 2**40:
        return  # the differences have lost their digits before
    for x, value in zip(xs, want, strict=True):
        assert abs(Fraction(x) - value) <= Fraction(1, 10**9) * max(1, abs(value)) * max(1, spread / 2**10), (
            scaling,
            x,
            float(value),
        )


def column_of(table, key):
    """The cells of a column as Python values."""
    column = table[key]
    if hasattr(column, "to_list"):
        return column.to_list()
    return column.tolist() if hasattr(column, "tolist") else list(column)


def check_encoding(encoder, table, batch, known):
    names = encoder.columns
    features = [encoder.describe(id) for id in range(encoder.n)]
    assert len(set(features)) == encoder.n == batch.n
    for slot, key in enumerate(names):
        cells = column_of(table, key)
        assert len(cells) == len(batch)
        for cell, id, x in zip(cells, batch.idx[:, slot].tolist(), batch.x[:, slot].tolist(), strict=True):
            number = encoder.ids(key, "number")
            feature = features[id] if x or not number.size else features[number[0]]
            assert feature.column == key
            check_cell(feature, x, cell, encoder.missing, known[key])
        roles = {feature.role for feature in features if feature.column == key}
        if "number" in roles and known[key]:
            given = [
                (c, x)
                for c, x in zip(cells, batch.x[:, slot].tolist(), strict=True)
                if not is_missing(c, encoder.missing)
            ]
            if [c for c, _ in given] == known[key]:
                scaling = encoder.scaling if isinstance(encoder.scaling, str) else encoder.scaling[key]
                check_scale(scaling, [x for _, x in given], known[key])


# ---- the tests -----------------------------------------------------------------------------------------


@drawn(60)
@given(tables(), usual)
@example({"a": [False, True, None]}, {"missing": (0,)})  # False is not 0
@example({"a": np.array([1, True, 2], object)}, {})  # nor is True 1
@example({"a": np.array([0, False, True], object)}, {"missing": (0,)})
@example({"a": [False, False, math.nan]}, {"missing": (0,)})  # no list of numbers, though NumPy makes one of it
@example({"a": [2**60 + 1, 2**60 + 2, math.nan]}, {"scaling": "none"})
@example({"a": [-1e308, 1e308, 0.0]}, {"scaling": "minmax"})  # their difference is infinite
@example({"a": np.ma.masked_array([1.0, 2.0], [False, True])}, {})
def test_tables(table, options):
    """What is accepted is encoded right, is the same when transformed again, and after a trip through JSON."""
    encoder = TableEncoder(**options)
    no, batch = refused(lambda: encoder.fit_transform(table))
    if no:
        return
    known = {
        key: [cell for cell in column_of(table, key) if not is_missing(cell, encoder.missing)]
        for key in encoder.columns
    }
    check_encoding(encoder, table, batch, known)
    assert len(answer(encoder.feature_names)) == encoder.n
    again = answer(lambda: TableEncoder.from_dict(encoder.to_dict()))
    same = answer(lambda: again.transform(table))
    assert np.array_equal(same.idx, batch.idx) and np.array_equal(same.x, batch.x) and same.n == batch.n


@drawn(40)
@given(tables(), tables(), usual)
@example({"a": [1.0, 2.0]}, {"a": [1.5, 1.0]}, {"bins": 2})  # a number that is the edge of a bin
@example({"a": [1.0, 2.0]}, {"a": np.array([False, True])}, {"missing": (0,)})
@example({"a": [1.0, 2.0]}, {"a": [10**400]}, {})
def test_other_tables(table, other, options):
    """Rows that fit did not see, and tables that are another altogether."""
    encoder = TableEncoder(**options)
    if refused(lambda: encoder.fit(table))[0]:
        return
    no, batch = refused(lambda: encoder.transform(other))
    if not no:
        known = {
            key: [cell for cell in column_of(table, key) if not is_missing(cell, encoder.missing)]
            for key in encoder.columns
        }
        check_encoding(encoder, other, batch, known)


@drawn(40)
@given(tables(), options)
def test_options(table, options):
    encoder = TableEncoder(**options)
    no, batch = refused(lambda: encoder.fit_transform(table))
    if not no:
        assert batch.n == encoder.n == len(answer(encoder.feature_names)) and batch.m == len(encoder.columns)
        refused(encoder.to_dict)
