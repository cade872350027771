import numpy as np
import pytest

from afm_numpy.encode.reading import column_names, is_number, numbers, plain_values, read_columns

MISSING = ("?", "", -9)


def test_names_of_a_mapping_and_of_a_structured_array():
    assert column_names({"a": [1], "b": [2]}) == ["a", "b"]
    assert column_names(np.zeros(3, [("a", int), ("b", "U3")])) == ["a", "b"]


@pytest.mark.parametrize("table", [np.zeros((2, 2)), [[1, 2]], None])
def test_not_a_table(table):
    with pytest.raises(TypeError, match=f"structured array or a data frame; got {type(table).__name__}"):
        column_names(table)


def test_lists_are_not_turned_into_text():
    """np.asarray(["x", nan, 1]) is the text "x", "nan", "1"."""
    (column,) = read_columns({"a": ["x", float("nan"), 1]}, ["a"])
    assert column[0] == "x" and column[1] != column[1] and column[2] == 1
    assert read_columns({"a": [1, 2]}, ["a"])[0].tolist() == [1, 2]


@pytest.mark.parametrize(("cells", "kind"), [
    ([1.5, 2.0], "f"), ([1.5, None], "f"), ([1, 2], "i"), ([2**63, 1], "O"),
    ([2**63, 2**63 + 1], "u"), ([1, None], "O"), ([1, 2.5], "O"),
    ([2**60 + 1, float("nan")], "O"), ([2**63, -1], "O"), ([2**64], "O"), ([True, False], "O"), (["a"], "O"), ([], "O"),
    ([None, None], "O"), ([np.int8(1), 2], "O"), (range(3), "i"),
])  # fmt: skip
def test_lists_are_arrays_of_numbers_only_where_nothing_changes(cells, kind):
    (column,) = read_columns({"a": cells}, ["a"])
    assert column.dtype.kind == kind and len(column) == len(cells)
    for found, cell in zip(column.tolist(), cells, strict=True):
        assert found == cell or found != found or cell is None


@pytest.mark.parametrize(
    ("table", "error", "message"),
    [
        ({"a": [1]}, ValueError, "the table has no column 'b'; its columns are 'a'"),
        ({"a": [1, 2], "b": [1]}, ValueError, "column 'b' has 1 rows, but column 'a' has 2"),
        ({"a": [1], "b": np.array([[1, 2]])}, ValueError, r"column 'b' has shape \(1, 2\); it must be flat"),
        ({"a": [1], "b": np.float64(3)}, ValueError, r"column 'b' has shape \(\); it must be flat"),
        ({"a": [1], "b": 3.0}, TypeError, "column 'b' cannot be read: it is a float; give an array or a list"),
        ({"a": [1], "b": "x"}, TypeError, "column 'b' cannot be read: it is a str"),
        ({"a": [1], "b": {1}}, TypeError, "column 'b' cannot be read: it is a set"),
        ({"a": [1], "b": iter([1])}, TypeError, "column 'b' cannot be read: it is a list_iterator"),
    ],
)
def test_bad_tables(table, error, message):
    with pytest.raises(error, match=message):
        read_columns(table, ["a", "b"])


def test_names_must_be_text():
    with pytest.raises(TypeError, match="column names must be text; got 0"):
        read_columns({0: [1]}, [0])


@pytest.mark.parametrize(
    ("column", "expected"),
    [
        ([1, 2], True),
        (np.array([1.5]), True),
        (np.array([1], np.uint8), True),
        ([True, False], False),
        (["a"], False),
        ([1, None], True),
        ([1.5, float("nan"), 2], True),
        ([np.int8(1), 2.5], True),
        ([True, float("nan")], False),
        ([True, 1], False),
        ([1, "a"], False),
        ([None, None], False),
        ([], False),
        ((1, 2), True),
        (np.array([1, 2], object), False),
    ],
)
def test_is_number_by_dtype(column, expected):
    assert is_number(column) is expected


@pytest.mark.parametrize(
    ("cells", "type_", "values"),
    [
        (np.array(["a", "?", ""]), "text", ["a", None, None]),
        (np.array(["a", None, np.nan, np.str_("b")], object), "text", ["a", None, None, "b"]),
        (np.array([True, False]), "bool", [True, False]),
        (np.array([np.True_, None], object), "bool", [True, None]),
        (np.array([3, -9, 4]), "number", [3, None, 4]),
        (np.array([3.5, np.nan, 2.0]), "number", [3.5, None, 2]),
        (np.array([np.int64(3), "?", np.float32(0.5)], object), "number", [3, None, 0.5]),
        (np.array([None, "?"], object), None, [None, None]),
        (np.array([], object), None, []),
    ],
)
def test_plain_values(cells, type_, values):
    found, found_type = plain_values("column 'c'", cells, MISSING)
    assert found_type == type_
    assert repr(found) == repr(values)                                       # 2 and not 2.0
    assert all(type(value) in (str, bool, int, float, type(None)) for value in found)


@pytest.mark.skipif(not hasattr(np.dtypes, "StringDType"), reason="NumPy 2 only")
def test_text_of_variable_length():
    assert plain_values("column 'c'", np.array(["a", "?"], np.dtypes.StringDType()), MISSING) == (["a", None], "text")


@pytest.mark.parametrize(
    ("cells", "error", "message"),
    [
        (np.array([0], "M8[D]"), TypeError, r"column 'c' holds datetime64\[D\]; convert it to text or numbers"),
        (np.array([b"a"]), TypeError, r"column 'c' holds \|S1; convert it to text"),
        (np.array([1j]), TypeError, "column 'c' holds complex128"),
        (np.array(["a", [1, 2]], object), TypeError, r"column 'c', row 1: \[1, 2\] is neither text nor a number"),
        (np.array([1, 2, (3,)], object), TypeError, r"column 'c', row 2: \(3,\) is neither text nor a number"),
        (np.array([1.0, np.inf]), ValueError, "column 'c', row 1: inf is not finite"),
        (np.array([1.0, "?", -np.inf], object), ValueError, "column 'c', row 2: -inf is not finite"),
        (np.array(["a", "?", 4], object), TypeError, r"column 'c' mixes text \(row 0\) and number \(row 2\)"),
        (np.array([2, None, True], object), TypeError, r"column 'c' mixes number \(row 0\) and bool \(row 2\)"),
    ],
)
def test_bad_cells(cells, error, message):
    with pytest.raises(error, match=message):
        plain_values("column 'c'", cells, MISSING)


@pytest.mark.parametrize(
    ("cells", "values"),
    [
        (np.array([1, -9, 3]), [1, np.nan, 3]),
        (np.array([1.5, np.nan, -9], np.float32), [1.5, np.nan, np.nan]),
        (np.array([True, False]), [1, 0]),
        (np.array([1, None, "?", 2.5], object), [1, np.nan, np.nan, 2.5]),
        (np.array(["?", ""]), [np.nan, np.nan]),
    ],
)
def test_numbers(cells, values):
    before = cells.copy()
    found = numbers("c", cells, MISSING)
    assert found.dtype == np.float64
    np.testing.assert_array_equal(found, values)
    np.testing.assert_array_equal(cells, before)


@pytest.mark.parametrize(
    ("cells", "error", "message"),
    [
        (np.array(["?", "12"]), TypeError, "column 'c' is continuous, but row 1 holds the text '12'"),
        (np.array([1, "x"], object), TypeError, "column 'c' mixes number .row 0. and text .row 1."),
        (np.array([1.0, 2.0, -np.inf]), ValueError, "column 'c', row 2: -inf is not finite"),
        (np.array([1, None, -(10**309)], object), ValueError, "column 'c', row 2: a number beyond 1.8e"),
        (np.array([0], "m8[s]"), TypeError, "column 'c' is continuous and must hold real numbers; it holds timedelta"),
    ],
)
def test_bad_numbers(cells, error, message):
    with pytest.raises(error, match=message):
        numbers("c", cells, MISSING)


@pytest.mark.skipif(np.finfo("g").maxexp == np.finfo("d").maxexp, reason="long doubles are doubles here")
def test_long_doubles_beyond_float64():
    with pytest.raises(ValueError, match="column 'c', row 1: 1e-4000 is 0 in float64"):
        numbers("c", np.array(["0", "1e-4000"], "g"), ())
    with pytest.raises(ValueError, match=r"column 'c', row 1: 1e\+4000 is not finite"):
        numbers("c", np.array(["0", "1e4000"], "g"), ())


def test_pandas_columns():
    pd = pytest.importorskip("pandas")
    frame = pd.DataFrame({"a": pd.array([1, None], "Int64"), "b": pd.Categorical([1, 2]), "c": ["x", None]})
    assert column_names(frame) == ["a", "b", "c"]
    assert [is_number(frame[name]) for name in frame] == [True, False, False]
    a, b, c = read_columns(frame, ["a", "b", "c"])
    np.testing.assert_array_equal(numbers("a", a, ()), [1, np.nan])
    assert [plain_values("?", cells, ()) for cells in (a, b, c)] == [
        ([1, None], "number"), ([1, 2], "number"), (["x", None], "text"),
    ]  # fmt: skip


def test_pandas_na_is_missing_wherever_it_stands():
    pd = pytest.importorskip("pandas")
    assert plain_values("column 'c'", np.array([pd.NA, "b", pd.NaT], object), ()) == ([None, "b", None], "text")
    with pytest.raises(TypeError, match=r"mixes text \(row 1\) and number \(row 2\)"):
        plain_values("column 'c'", np.array([pd.NA, "b", 3], object), ())


def test_polars_columns():
    pl = pytest.importorskip("polars")
    frame = pl.DataFrame({"a": [1, None], "b": ["x", None], "c": [True, None]})
    frame = frame.with_columns(d=pl.col("b").cast(pl.Categorical))
    assert column_names(frame) == ["a", "b", "c", "d"]
    assert [is_number(frame[name]) for name in frame.columns] == [True, False, False, False]
    for cells, expected in zip(read_columns(frame, frame.columns), ["number", "text", "bool", "text"], strict=True):
        values, type_ = plain_values("?", cells, ())
        assert type_ == expected and values[1] is None


@pytest.mark.parametrize("dtype", [pytest.param(kind, id=f"brother-{kind}") for kind in ("float16", "float32")])
def test_a_category_of_a_narrow_float_is_that_of_a_float(dtype):
    narrow = np.array([0.1, 0.25, 3.0, np.nan], dtype)
    for cells in (narrow, np.fromiter(narrow, object)):
        assert plain_values("u", cells, [])[0] == [0.1, 0.25, 3, None]


NARROW = {
    "polars": lambda pd, pl, cells: pl.Series(cells, dtype=pl.Float32),
    "nullable": lambda pd, pl, cells: pd.array(cells, "Float32"),
    "category": lambda pd, pl, cells: pd.Series(cells, dtype="float32").astype("category"),
    "sparse": lambda pd, pl, cells: pd.Series(cells, dtype="float32").astype(pd.SparseDtype("float32")),
}


@pytest.mark.parametrize("make", [pytest.param(make, id=f"brother-{name}") for name, make in NARROW.items()])
def test_float32_stays_float32_in_columns_of_their_own_kind(make):
    """0.1 is the category 0.1; whole numbers from 2**24 on may be ids that were rounded, as in NumPy's float32."""
    pd, pl = pytest.importorskip("pandas"), pytest.importorskip("polars")
    (cells,) = read_columns({"u": make(pd, pl, [0.1, None, 0.25])}, ["u"])
    assert plain_values("u", cells, [])[0] == [0.1, None, 0.25]
    assert numbers("u", cells, [])[[0, 2]].tolist() == [np.float32(0.1), 0.25] and is_number(cells) is False
    (cells,) = read_columns({"u": make(pd, pl, [2.0**24 + 1, 1.0])}, ["u"])
    with pytest.raises(ValueError, match="row 0: 16777216.0, a float this large, may have lost digits of an id"):
        plain_values("u", cells, [])
    assert numbers("u", cells, []).tolist() == [2.0**24, 1]


def test_brother_a_lazy_frame_is_named():
    polars = pytest.importorskip("polars")
    with pytest.raises(TypeError, match=r"a LazyFrame has no rows yet: collect\(\) makes a table of it"):
        column_names(polars.LazyFrame({"u": ["a"]}))
