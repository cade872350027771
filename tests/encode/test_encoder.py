import datetime
import decimal
import json
import os

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from afm_numpy.encode import Feature, NotFittedError, TableEncoder

BIG = 2**60


def table():
    return {
        "sex": np.array(["M", "F", "?", "F"]),
        "age": np.array([30, 41, 25, 67]),
        "city": np.array(["B", None, "A", "B"], object),
        "gain": np.array([0.0, np.nan, 0.0, 7.5]),
    }


def encoder(**arguments):
    arguments = {"categorical": ["sex", "city"], "continuous": ["gain", "age"], "bins": 2} | arguments
    return TableEncoder(**arguments)


@st.composite
def tables(draw, n_rows):
    """Two columns of text, one of whole numbers, one of reals with holes, one of booleans."""
    texts = st.sampled_from(["a", "b", "c", "?", ""]) | st.text(max_size=2)
    reals = st.floats(-1e9, 1e9).map(lambda real: round(real, 6))            # one near 0 would be lost by scaling
    reals = reals | st.just(float("nan")) | st.just(0.0)
    cells = {"t": texts, "u": texts | st.none(), "i": st.integers(-5, 5), "r": reals, "b": st.booleans()}
    dtype_of = {"t": object, "u": object, "i": np.int64, "r": np.float64, "b": bool}
    return {
        name: np.array(draw(st.lists(strategy, min_size=n_rows, max_size=n_rows)), dtype_of[name])
        for name, strategy in cells.items()
    }


@st.composite
def fitted(draw):
    """An encoder, the table that it was fitted on, and another table."""
    train, other = draw(tables(draw(st.integers(1, 12)))), draw(tables(draw(st.integers(0, 6))))
    for name, value in (("t", "a"), ("u", "b"), ("r", 2.5)):
        train[name][0] = value                                               # no column without a value
    scaling = draw(st.sampled_from(["quantile", "standard", "minmax", "none"]))
    scaling = draw(st.sampled_from([scaling, {"r": scaling}]))
    made = TableEncoder(scaling=scaling, bins=draw(st.integers(2, 5)), min_count=draw(st.integers(1, 2)))
    return made.fit(train), train, other


# ---- what transform gives ----------------------------------------------------------------------------


def test_a_table_by_hand():
    made = encoder().fit(table())
    assert made.columns == ["sex", "city", "gain", "age"]
    assert made.feature_names() == [
        *("sex=F", "sex=M", "sex missing", "sex unseen"),
        *("city=A", "city=B", "city missing", "city unseen"),
        *("gain in (-inf, inf)", "gain in {0}", "gain missing"),
        *("age in (-inf, 35.5]", "age in (35.5, inf)", "age missing"),
    ]
    batch = made.transform(table())
    assert batch.idx.tolist() == [[1, 5, 9, 11], [0, 6, 10, 12], [2, 4, 9, 11], [0, 5, 8, 12]]
    assert (batch.x == 1).all() and batch.n == made.n == 14
    new = {"sex": ["X"], "age": [None], "city": ["?"], "gain": [-3], "more": ["not read"]}
    assert made.transform(new).idx.tolist() == [[3, 6, 8, 13]]


def test_scaled_columns_by_hand():
    made = encoder(scaling={"gain": "minmax", "age": "none"}).fit(table())
    batch = made.transform(table())
    assert made.feature_names()[8:] == ["gain", "gain missing", "age", "age missing"]
    assert batch.x.tolist() == [[1, 1, 0, 30], [1, 1, 1, 41], [1, 1, 0, 25], [1, 1, 1, 67]]
    assert batch.idx[:, 2].tolist() == [0, 9, 0, 8]                          # value 0: the slot is empty
    assert batch.present[:, 2].tolist() == [False, True, False, True]


@settings(max_examples=40)
@given(fitted())
def test_every_cell_gets_an_id_of_its_column(case):
    made, train, other = case
    assert made.columns == list(train)
    assert np.array_equal(np.concatenate([made.ids(name) for name in made.columns]), np.arange(made.n))
    for rows in (train, other):
        batch = made.transform(rows)
        assert batch.idx.shape == (len(rows["t"]), 5) and batch.n == made.n
        for slot, name in enumerate(made.columns):
            present = batch.present[:, slot]
            assert np.isin(batch.idx[present, slot], made.ids(name)).all()
            for cell, id in zip(rows[name][present].tolist(), batch.idx[present, slot], strict=True):
                feature = made.describe(id)
                assert feature.column == name
                absent = cell is None or cell != cell or cell in ("?", "")
                assert (feature.role == "missing") == absent
                assert feature.role != "value" or feature.value == cell
                assert feature.role != "unseen" or cell not in [made.describe(i).value for i in made.ids(name)]


@settings(max_examples=40)
@given(fitted(), st.data())
def test_rows_are_encoded_one_by_one(case, data):
    """Neither the other rows nor their order matter to a row."""
    made, train, _ = case
    batch = made.transform(train)
    order = np.array(data.draw(st.permutations(range(len(batch)))))[: data.draw(st.integers(1, len(batch)))]
    part = made.transform({name: column[order] for name, column in train.items()})
    assert np.array_equal(part.idx, batch.idx[order]) and np.array_equal(part.x, batch.x[order])


def test_fit_transform_is_fit_then_transform_and_changes_nothing():
    data = table()
    first, second = encoder().fit_transform(data), encoder().fit(data).transform(data)
    assert np.array_equal(first.idx, second.idx) and np.array_equal(first.x, second.x)
    for name, column in table().items():
        np.testing.assert_array_equal(data[name], column)


def test_fit_again_forgets():
    made = TableEncoder().fit({"a": ["x", "y"]}).fit({"b": ["z"]})
    assert made.feature_names() == ["b=z", "b missing", "b unseen"]


def test_missing_is_an_argument():
    made = TableEncoder(missing=("NA", -1)).fit({"a": ["?", "NA"], "b": [-1, 4]})
    assert made.feature_names() == ["a=?", "a missing", "a unseen", "b in (-inf, inf)", "b missing"]
    assert made.transform({"a": ["NA"], "b": [-1]}).idx.tolist() == [[1, 4]]


@pytest.mark.parametrize(("mark", "missing", "other"), [
    ("-1", -1, 4), ("-1", -1.0, 4.0), ("-1.0", -1, 4), ("-0", 0.0, 1.0), ("0.1", 0.1, 0.2), ("1e3", 1000, 1),
    (str(BIG + 1), BIG + 1, BIG), (BIG + 1, BIG + 1, BIG),
    (-1, "-1", "1"), (-1.0, "-1", "-1.5"), (0.5, "0.5", ".5"), ("-1", "-1", "-1.0"), ("inf", "inf", "4"),
    (True, "True", "1"), (1, "1", "True"), ("True", True, False), ("False", False, True), ("1.0", "1.0", "1"),
    ("None", "None", "nan"), ("nan", "nan", "None"), ("", "", "0"),
])  # fmt: skip
def test_a_mark_stands_for_what_is_written_alike(mark, missing, other):
    def found(**declared):
        made = TableEncoder(missing=["x", None, mark], scaling="none", **declared)
        return [made.fit_transform({"a": cells}).idx[:, 0] == made.ids("a", "missing") for cells in columns]

    columns = [missing, other], np.array([missing, other]), np.array([other, missing, None, "x"], object)[[1, 0]]
    assert np.array_equal(found(categorical=["a"]), [[True, False]] * 3)
    if not isinstance(missing, str):
        assert np.array_equal(found(continuous=["a"]), [[True, False]] * 3)


@pytest.mark.parametrize("cells", [[1e20, 1e21], np.array([0.1, 0.2], np.float32)])
def test_a_text_is_a_mark_for_a_large_number_and_for_float32(cells):
    made = TableEncoder(missing=["1e20", "0.1"], scaling="none")
    assert made.fit_transform({"a": cells}).idx[:, 0].tolist() == [1, 0]


def test_rare_categories_share_the_unseen_id():
    made = TableEncoder(min_count=2).fit({"a": ["x", "y", "x"]})
    assert made.feature_names() == ["a=x", "a missing", "a unseen"]
    assert made.transform({"a": ["x", "y", "z"]}).idx.tolist() == [[0], [2], [2]]


# ---- kinds of tables ---------------------------------------------------------------------------------


def frames():
    data = table()
    structured = np.empty(4, [(name, column.dtype) for name, column in data.items()])
    for name, column in data.items():
        structured[name] = column
    yield "lists", lambda: {name: column.tolist() for name, column in data.items()}
    yield "structured", lambda: structured
    yield "pandas", lambda: pytest.importorskip("pandas").DataFrame(data)
    yield "pandas nullable", lambda: pytest.importorskip("pandas").DataFrame(data).convert_dtypes()
    yield "pandas category", lambda: pytest.importorskip("pandas").DataFrame(data).astype({"sex": "category"})
    yield "polars", lambda: pytest.importorskip("polars").DataFrame(data | {"city": data["city"].tolist()})


@pytest.mark.parametrize("make", [pytest.param(make, id=name) for name, make in frames()])
@pytest.mark.parametrize("scaling", ["quantile", "standard"])
def test_kinds_of_tables_agree(make, scaling):
    expected = TableEncoder(scaling=scaling).fit(table())
    made = TableEncoder(scaling=scaling).fit(make())
    assert made.feature_names() == expected.feature_names()
    for rows in (make(), table()):
        batch = made.transform(rows)
        assert np.array_equal(batch.idx, expected.transform(table()).idx)
        assert np.array_equal(batch.x, expected.transform(table()).x)


def test_pandas_category_of_numbers_is_categorical():
    pd = pytest.importorskip("pandas")
    made = TableEncoder().fit(pd.DataFrame({"zip": pd.Categorical([10, 20, None]), "n": [1, 2, 3]}))
    assert [str(made.describe(id)) for id in made.ids("zip")] == ["zip=10", "zip=20", "zip missing", "zip unseen"]
    assert made.ids("n", "bin").size == 3


def test_twice_the_same_name_in_a_data_frame():
    pd = pytest.importorskip("pandas")
    frame = pd.DataFrame([["a", "b"]], columns=["x", "x"])
    with pytest.raises(ValueError, match="the table has 2 columns named 'x'"):
        TableEncoder(categorical=["x"]).fit(frame)


# ---- what ids stand for ------------------------------------------------------------------------------


def test_describe_and_ids():
    made = encoder(scaling={"age": "standard"}).fit(table())
    assert made.describe(0) == Feature("sex", "value", "F")
    assert made.describe(np.int64(9)) == Feature("gain", "bin", "{0}")
    assert made.describe(made.ids("age", "number")[0]) == Feature("age", "number", None)
    assert made.ids("city").tolist() == [4, 5, 6, 7]
    assert made.ids("city", "value").tolist() == [4, 5] and made.ids("city", "bin").tolist() == []
    assert made.ids("gain").dtype == np.intp


@pytest.mark.parametrize("id", [-1, 14, 0.5, "sex=F"])
def test_describe_refuses(id):
    with pytest.raises(ValueError, match=f"id {id!r} is out of range; ids run from 0 to 13"):
        encoder().fit(table()).describe(id)


def test_what_to_dict_gave_is_a_copy():
    made = encoder().fit(table())
    made.to_dict()["parameters"]["missing"].append("M")
    assert made.transform(table()).idx[0, 0] == 1


def test_ids_of_an_unknown_role():
    with pytest.raises(ValueError, match="unknown role 'unsen'; choose from value, bin, number, missing, unseen"):
        encoder().fit(table()).ids("sex", "unsen")


def test_ids_of_an_unknown_column():
    with pytest.raises(ValueError, match="column 'job' is not encoded; encoded are 'sex', 'city', 'gain', 'age'"):
        encoder().fit(table()).ids("job")


# ---- to a file and back ------------------------------------------------------------------------------


@settings(max_examples=40)
@given(fitted())
def test_round_trip(case):
    made, train, other = case
    data = json.loads(json.dumps(made.to_dict(), allow_nan=False))
    again = TableEncoder.from_dict(data)
    assert again.to_dict() == made.to_dict() and again.feature_names() == made.feature_names()
    for rows in (train, other):
        before, after = made.transform(rows), again.transform(rows)
        assert np.array_equal(before.idx, after.idx) and before.x.tobytes() == after.x.tobytes()


def test_save_and_load(tmp_path):
    path = tmp_path / "encoder.json"
    path.write_text("old")
    made = encoder(categorical=np.array(["sex", "city"]), bins=np.int64(2), missing=("?", np.nan)).fit(table())
    made.save(path)
    assert [file.name for file in tmp_path.iterdir()] == ["encoder.json"]
    again = TableEncoder.load(path)
    assert again.feature_names() == made.feature_names()
    assert again.get_params() == {
        "categorical": ["sex", "city"],
        "continuous": ["gain", "age"],
        "ignored": [],
        "scaling": "quantile",
        "bins": 2,
        "min_count": 1,
        "missing": ["?"],
        "sparse_output": False,
    }


def test_who_reads_the_old_file_is_not_disturbed(tmp_path):
    path = tmp_path / "encoder.json"
    encoder().fit(table()).save(path)
    before = path.read_bytes()
    with open(path, "rb") as reader:
        TableEncoder().fit({"other": ["x"]}).save(path)
        assert reader.read() == before
    assert TableEncoder.load(path).columns == ["other"]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda text: "[1, 2]", "encoder.json: this is not a saved TableEncoder"),
        (lambda text: '{"format": "other"}', "encoder.json: this is not a saved TableEncoder"),
        (lambda text: text[: len(text) // 2], "encoder.json: "),
        (lambda text: "\x00\xff", "encoder.json: "),
        (lambda text: text.replace('"version": 1', '"version": 2'), "encoder.json: .* of version 2; version 1 is"),
        (lambda text: text.replace('"edges"', '"edge"'), "encoder.json: damaged TableEncoder"),
        (lambda text: text.replace('"kind": "binned"', '"kind": "eval"'), "encoder.json: damaged TableEncoder"),
        (lambda text: text.replace('"columns"', '"column"'), "encoder.json: damaged TableEncoder"),
        (lambda text: text.replace('"bins"', '"boxes"'), "encoder.json: damaged TableEncoder"),
    ],
)
def test_load_refuses_other_and_damaged_files(tmp_path, change, message):
    path = tmp_path / "encoder.json"
    encoder().fit(table()).save(path)
    path.write_text(change(path.read_text()), encoding="latin-1")
    with pytest.raises(ValueError, match=message):
        TableEncoder.load(path)


# ---- scikit-learn's conventions ----------------------------------------------------------------------


def test_repr_shows_what_is_not_usual():
    assert repr(TableEncoder()) == "TableEncoder()"
    assert repr(TableEncoder(["sex"], bins=8)) == "TableEncoder(categorical=['sex'], bins=8)"


def test_load_refuses_a_file_that_is_no_text(tmp_path):
    (tmp_path / "model.npz").write_bytes(b"PK\x03\x04\xd0")
    with pytest.raises(ValueError, match="model.npz: this is not a saved TableEncoder"):
        TableEncoder.load(tmp_path / "model.npz")


def test_parameters_are_stored_as_given():
    names = ["sex"]
    made = TableEncoder(categorical=names, bins=0, scaling="nonsense")       # checked in fit
    assert made.get_params()["categorical"] is names and made.get_params(deep=False)["bins"] == 0
    assert made.set_params(bins=8, scaling="none") is made and (made.bins, made.scaling) == (8, "none")
    with pytest.raises(ValueError, match="Invalid parameter 'bin' for TableEncoder. Valid parameters are: .'cat"):
        made.set_params(bin=3)


def test_in_a_scikit_learn_pipeline():
    base = pytest.importorskip("sklearn.base")
    pipeline = pytest.importorskip("sklearn.pipeline")

    class Count(base.BaseEstimator):
        def fit(self, batch, y=None):
            self.n_ = batch.n
            return self

        def predict(self, batch):
            return batch.idx.sum(axis=1)

    made = pipeline.Pipeline([("encode", encoder()), ("count", Count())])
    made = base.clone(made.set_params(encode__scaling="standard")).fit(table(), np.zeros(4))
    assert made["count"].n_ == 12 and made["encode"].columns == ["sex", "city", "gain", "age"]
    assert made.predict(table()).shape == (4,)


# ---- nothing read is silently changed ----------------------------------------------------------------

USERS = [BIG + 1, BIG + 2, None]                             # as floats, the two would be one


class Text(str):
    """As enumerations of text are."""

    def __str__(self):
        return "something else"


class ArrowColumn:
    """What an array of Arrow has that matters here: NumPy makes floats of it where a cell is missing."""

    def __init__(self, cells):
        self.to_pylist = lambda: list(cells)

    def __array__(self, dtype=None, copy=None):
        return np.array(self.to_pylist(), float)


class ArrowTable:
    """Its `columns` are arrays and its `column_names` are names."""

    def __init__(self, table):
        self.table, self.columns = table, list(table.values())

    @property
    def column_names(self):
        return list(self.table)

    def __getitem__(self, name):
        return ArrowColumn(self.table[name])


def library(name, make):
    """A case that needs a library: `make` gets it, or the case is skipped."""
    return lambda: make(pytest.importorskip(name))


IDS = [
    pytest.param(lambda: USERS, id="S1-list-None"), pytest.param(lambda: tuple(USERS), id="S1-tuple"),
    pytest.param(lambda: [BIG + 1, BIG + 2, float("nan")], id="S1-list-NaN"),
    pytest.param(lambda: np.array(USERS, object), id="S1-objects"),
    pytest.param(lambda: [np.int64(BIG + 1), np.uint64(BIG + 2), None], id="S1-list-of-NumPy-numbers"),
    pytest.param(library("pandas", lambda pd: pd.array(USERS, "Int64")), id="S1-pandas-Int64-array"),
    pytest.param(library("pandas", lambda pd: pd.Series(USERS, dtype="Int64")), id="S1-pandas-Int64"),
    pytest.param(library("pandas", lambda pd: pd.Series(USERS, dtype="UInt64")), id="S1-pandas-UInt64"),
    pytest.param(library("pandas", lambda pd: pd.Series(USERS, dtype=object)), id="S1-pandas-object"),
    pytest.param(library("pandas", lambda pd: pd.Series(pd.Categorical(USERS))), id="S1-pandas-category"),
    pytest.param(library("polars", lambda pl: pl.Series(USERS)), id="S1-polars-null"),
    pytest.param(library("polars", lambda pl: pl.Series(USERS, dtype=pl.UInt64)), id="S1-polars-unsigned"),
    pytest.param(library("polars", lambda pl: pl.Series(USERS, dtype=getattr(pl, "Int128", pl.Int64))),
                 id="S1-polars-128-bits"),  # polars before 1.18 has no such type
    pytest.param(lambda: ArrowColumn(USERS), id="S1-Arrow"),
]  # fmt: skip


@pytest.mark.parametrize("make", IDS)
def test_ids_keep_their_digits_beside_missing_cells(make):
    """In fit and in transform; the table is a mapping, and the frame that the library itself makes."""
    column = make()
    frame = {"polars.series.series": "polars", "pandas.core.series": "pandas"}.get(type(column).__module__)
    tables = [{"u": column}] + ([pytest.importorskip(frame).DataFrame({"u": column})] if frame else [])
    for rows in tables:
        made = TableEncoder(categorical=["u"]).fit(rows)
        assert made.feature_names() == [f"u={BIG + 1}", f"u={BIG + 2}", "u missing", "u unseen"]
        assert made.transform(rows).idx[:, 0].tolist() == [0, 1, 2]
        assert made.transform({"u": [BIG, BIG + 1, BIG + 2, BIG + 3]}).idx[:, 0].tolist() == [3, 0, 1, 3]
        listed = TableEncoder(categorical=["u"]).fit({"u": USERS})
        assert listed.transform(rows).idx[:, 0].tolist() == [0, 1, 2]


def test_an_arrow_table():
    rows = ArrowTable({"u": USERS, "x": [1.5, None, 2.0]})
    made = TableEncoder(categorical=["u"], continuous=["x"], scaling="none").fit(rows)
    assert made.transform(rows).idx.tolist() == [[0, 4], [1, 5], [2, 4]]
    assert TableEncoder(ignored=["u"]).fit(rows).columns == ["x"]


@pytest.mark.parametrize("values", [
    pytest.param([2**63 + 1, 2**63 + 2], id="A12-unsigned"), pytest.param([2**64 - 2, 2**64 - 1], id="A12-largest"),
    pytest.param([-1, 2**63 + 1], id="A12-both-signs"), pytest.param([10**30, 10**30 + 1], id="A12-beyond-64-bits"),
])  # fmt: skip
def test_large_ids(values):
    forms = [values, np.array(values, object)] + ([np.array(values, np.uint64)] if 0 <= values[0] < 2**64 else [])
    for form in forms:
        made = TableEncoder(categorical=["u"]).fit({"u": form})
        assert [made.describe(id).value for id in made.ids("u", "value")] == values
        again = TableEncoder.from_dict(json.loads(json.dumps(made.to_dict())))
        assert again.transform({"u": form}).idx[:, 0].tolist() == [0, 1]
        assert again.transform({"u": [value + 1 for value in values[1:]]}).idx[:, 0].tolist() == [3]


@pytest.mark.parametrize("column", [
    pytest.param(np.array([1.0, 2.0**53]), id="S1-float64"), pytest.param([1.5, 1e300], id="S1-list-of-floats"),
    pytest.param(np.array([1, 2**24], np.float32), id="S1-float32"),
    pytest.param(np.array([1, 2048], "e"), id="S1-half"),
    pytest.param(np.array([1, np.float32(2**24)], object), id="S1-float32-among-objects"),
    pytest.param(np.array([1, 0.1], "g") + np.array([0, 2e-19], "g"), id="S1-long-double"),
])  # fmt: skip
def test_floats_that_may_have_lost_digits_of_an_id(column):
    """pandas makes floats of ids beside a missing cell, before anything is read here."""
    message = "column 'u', row 1: .*, a float this large, may have lost digits of an id; give whole numbers or text"
    with pytest.raises(ValueError, match=message):
        TableEncoder(categorical=["u"]).fit({"u": column})
    with pytest.raises(ValueError, match=message):
        TableEncoder(categorical=["u"]).fit({"u": [1]}).transform({"u": column})
    assert TableEncoder(continuous=["u"], scaling="none").fit_transform({"u": column}).x[0].tolist() == [column[0]]


def test_values_of_other_types_are_read_as_what_they_equal():
    made = TableEncoder(categorical=["c"]).fit({"c": [Text("red"), "blue", np.str_("a\0")]})
    assert [made.describe(id).value for id in range(3)] == ["a\0", "blue", "red"]
    assert type(made.describe(2).value) is str


NEITHER = "column 'u', row 1: .* is neither text nor a number nor a bool"


@pytest.mark.parametrize(("cell", "error", "message"), [
    pytest.param((1, 2), TypeError, NEITHER, id="S8-tuple"), pytest.param([1], TypeError, NEITHER, id="S8-list"),
    pytest.param({"a": 1}, TypeError, NEITHER, id="S8-dict"), pytest.param(b"?", TypeError, NEITHER, id="S8-bytes"),
    pytest.param(decimal.Decimal("1.5"), TypeError, NEITHER, id="S8-decimal"),
    pytest.param(datetime.date(2020, 1, 1), TypeError, NEITHER, id="S8-date"),
    pytest.param(np.datetime64("2020-01-01", "ns"), TypeError, NEITHER, id="S8-datetime64"),
    pytest.param(np.timedelta64(5, "ns"), TypeError, NEITHER, id="S8-timedelta64"),
    pytest.param(np.ma.masked, TypeError, NEITHER, id="S5-mask-in-a-list"),
    pytest.param(1j, TypeError, NEITHER, id="S8-complex"),
    pytest.param(np.inf, ValueError, "column 'u', row 1: inf is not finite", id="S8-inf"),
    pytest.param(10**700, ValueError, "row 1: a whole number of more than 600 digits", id="S8-700-digits"),
    pytest.param("x" * 10**6, TypeError, r"column 'u' mixes number \(row 0\) and text \(row 1\)", id="S8-long-text"),
])  # fmt: skip
def test_cells_that_no_file_can_hold(cell, error, message):
    cells = np.array([1, None], object)
    cells[1] = cell
    for column in (cells, list(cells)):
        with pytest.raises(error, match=message) as caught:
            TableEncoder(categorical=["u"]).fit({"u": column})
        assert len(str(caught.value)) < 200
        with pytest.raises(error, match=message):
            TableEncoder(categorical=["u"]).fit({"u": [1]}).transform({"u": column})


@pytest.mark.parametrize("column", [
    pytest.param(np.ma.array([1.0, 2.0], mask=[0, 1]), id="S5-numbers"),
    pytest.param(np.ma.array(["a", "b"], mask=[0, 1]), id="S5-text"),
    pytest.param(np.ma.array([1, "b"], mask=[0, 1], dtype=object), id="S5-objects"),
    pytest.param([1.0, np.ma.masked], id="S5-in-a-list"),
])  # fmt: skip
@pytest.mark.filterwarnings("ignore:.*converting a masked element to nan")   # NumPy's own, where it makes an array
def test_a_mask_is_refused(column):
    for options in ({}, {"categorical": ["a"]}, {"continuous": ["a"]}):
        with pytest.raises(TypeError, match="column 'a'.*mask"):
            TableEncoder(**options).fit({"a": column})
    made = TableEncoder(categorical=["a"]).fit({"a": ["x"]})
    with pytest.raises(TypeError, match="column 'a'.*mask"):
        made.transform({"a": column})
    whole = np.ma.array([1.0, 2.0], mask=[0, 0])
    assert TableEncoder(scaling="none").fit_transform({"a": whole}).x.tolist() == [[1.0], [2.0]]


@pytest.mark.parametrize("mark", [
    pytest.param((1, 2), id="S8-tuple"), pytest.param(b"?", id="S8-bytes"), pytest.param(np.inf, id="S8-inf"),
    pytest.param(library("pandas", lambda pd: pd.NA), id="S8-NA"), pytest.param(10**700, id="S8-700-digits"),
    pytest.param(library("pandas", lambda pd: pd.NaT), id="S8-NaT"), pytest.param(1j, id="S8-complex"),
    pytest.param(library("pandas", lambda pd: pd.Timestamp("2020-01-01")), id="S8-Timestamp"),
    pytest.param(np.datetime64("NaT"), id="S8-datetime64"), pytest.param(decimal.Decimal(1), id="S8-decimal"),
])  # fmt: skip
def test_marks_that_no_file_can_hold(mark):
    mark = mark() if callable(mark) else mark
    with pytest.raises(TypeError, match="missing must be a list of texts and numbers; it holds"):
        TableEncoder(missing=["?", mark]).fit({"a": ["x"]})


@pytest.mark.parametrize("marks", [
    pytest.param(iter(["?"]), id="S8-iterator"), pytest.param({"a": ["?"]}, id="S8-dict"),
    pytest.param(3, id="S8-number"),
])  # fmt: skip
def test_marks_that_are_no_list(marks):
    with pytest.raises(TypeError, match="missing must be a list of texts and numbers; got"):
        TableEncoder(missing=marks).fit({"a": ["x"]})
    with pytest.raises(TypeError, match="categorical must be a list of column names; got"):
        TableEncoder(categorical=marks).fit({"a": ["x"]})


def test_marks_are_compared_exactly():
    made = TableEncoder(missing=[BIG + 1], scaling="none")
    for column in (np.array([BIG + 1, BIG + 2]), [BIG + 1, BIG + 2]):
        assert made.fit({"a": column}).transform({"a": column}).idx[:, 0].tolist() == [1, 0]
        named = TableEncoder(categorical=["a"], missing=[BIG + 1]).fit({"a": column})
        assert named.feature_names()[0] == f"a={BIG + 2}"
    with pytest.raises(TypeError, match="categorical must be a list of column names; it holds"):
        TableEncoder(categorical=[("a",)]).fit({"a": ["x"]})


def test_what_was_fitted_is_saved_though_parameters_change_afterwards(tmp_path):
    made = encoder().fit(table())
    before = made.transform(table())
    made.set_params(missing=(object(),), bins=7)
    made.save(tmp_path / "encoder.json")
    again = TableEncoder.load(tmp_path / "encoder.json")
    assert again.missing == ["?", ""] and again.bins == 2
    for one in (made, again):
        assert np.array_equal(one.transform(table()).idx, before.idx)


def test_a_failing_save_leaves_the_old_file(tmp_path, monkeypatch):
    path = tmp_path / "encoder.json"
    made = encoder().fit(table())
    made.save(path)
    before = path.read_bytes()
    monkeypatch.setattr(TableEncoder, "to_dict", lambda self: {"a": object()})
    with pytest.raises(TypeError):
        made.save(path)
    assert path.read_bytes() == before and len(list(tmp_path.iterdir())) == 1


def changed(made, **fields):
    data = json.loads(json.dumps(made.to_dict()))
    data["columns"][0] |= fields
    return data


@pytest.mark.parametrize("change", [
    pytest.param({"name": "city"}, id="A7-column-twice"), pytest.param({"values": ["M", "F"]}, id="A7-unsorted"),
    pytest.param({"values": ["F", "F"]}, id="A7-value-twice"), pytest.param({"values": [1, "M"]}, id="A7-mixed"),
    pytest.param({"values": [float("nan")], "type": "number"}, id="A7-NaN"), pytest.param({"name": 3}, id="A7-name"),
    pytest.param({"values": [float("inf")], "type": "number"}, id="A7-inf"),
    pytest.param({"type": "date"}, id="A7-type"),
    pytest.param({"values": [1.0, 2.0], "type": "number"}, id="brother-whole-floats"),
    pytest.param({"values": [2.0**60], "type": "number"}, id="brother-large-float"),
    pytest.param({"values": "FM"}, id="A7-text-for-a-list"), pytest.param({"more": 1}, id="A7-more"),
])  # fmt: skip
def test_damaged_columns(change):
    with pytest.raises(ValueError, match="^damaged TableEncoder: "):
        TableEncoder.from_dict(changed(encoder().fit(table()), **change))


@pytest.mark.parametrize(("name", "value"), [
    pytest.param("missing", [[1]], id="A7-marks"), pytest.param("missing", "?", id="A7-mark"),
    pytest.param("bins", 1, id="A7-bins"),
    pytest.param("min_count", True, id="A7-count"), pytest.param("missing", [float("inf")], id="A7-inf"),
])  # fmt: skip
def test_damaged_parameters(name, value):
    data = encoder().fit(table()).to_dict()
    with pytest.raises(ValueError, match=f"^damaged TableEncoder: {name} must be"):
        TableEncoder.from_dict(data | {"parameters": data["parameters"] | {name: value}})


def test_brackets_without_end(tmp_path):
    for text in ("[" * 100_000, '{"format":' * 100_000):
        (tmp_path / "encoder.json").write_text(text)
        with pytest.raises(ValueError, match="encoder.json: this is not a saved TableEncoder"):
            TableEncoder.load(tmp_path / "encoder.json")


@pytest.mark.skipif(os.name != "posix", reason="needs FIFOs")
def test_only_a_regular_file_is_loaded(tmp_path):
    os.mkfifo(tmp_path / "fifo")
    for path in (tmp_path / "fifo", "/dev/zero"):
        with pytest.raises(OSError, match="Not a regular file"):
            TableEncoder.load(path)


# ---- what shows only at size -------------------------------------------------------------------------


def test_rare_values_among_many():
    """1,500 values twice, 1,500 once."""
    ids = np.random.default_rng(0).permutation(np.r_[0:3000, 0:1500])
    made = TableEncoder(categorical=["u"], min_count=2).fit({"u": ids})
    assert made.n == 1502 and [made.describe(id).value for id in made.ids("u", "value")] == list(range(1500))
    local = made.transform({"u": ids}).idx[:, 0]
    assert np.array_equal(local, np.where(ids < 1500, ids, 1501))


def test_more_bins_than_values():
    """As many bins as one likes cost what the values cost."""
    values = np.random.default_rng(0).permutation(70_000) / 7
    made = TableEncoder(bins=10**9).fit({"a": values})
    local = made.transform({"a": values}).idx[:, 0]
    assert made.n == 70_001 and np.array_equal(local, (values * 7).round())


def test_control_characters_are_escaped_in_messages():
    with pytest.raises(ValueError) as caught:
        TableEncoder(categorical=["a"]).fit({f"\x1b[31m{i}\n": ["x"] for i in range(30)})
    assert str(caught.value).isprintable() and str(caught.value).endswith("'\\x1b[31m9\\n' and 20 more")
    for use in (
        lambda: TableEncoder().fit({"a\x1b\n": [1, "x"]}),
        lambda: TableEncoder(categorical=["a"]).fit({"a": [1, "\x1b\n"]}),
        lambda: TableEncoder(continuous=["a"]).fit({"a": ["\x1b\n"]}),
        lambda: TableEncoder(scaling="\x1b").fit({"a": [1]}),
        lambda: TableEncoder(scaling={"\x1b": "none"}).fit({"a": [1]}),
        lambda: encoder().fit(table()).ids("\x1b"),
    ):  # fmt: skip
        with pytest.raises((TypeError, ValueError)) as caught:
            use()
        assert str(caught.value).isprintable()


# ---- scikit-learn: names, output, column transformers ------------------------------------------------


@pytest.mark.parametrize("threshold", [pytest.param(1.0, id="P9-make_column_transformer")])
def test_in_a_column_transformer(threshold):
    """With sparse_output it can stand beside other transformers, which join matrices."""
    compose = pytest.importorskip("sklearn.compose")
    pd = pytest.importorskip("pandas")
    preprocessing = pytest.importorskip("sklearn.preprocessing")
    frame = pd.DataFrame({"a": ["x", "y", "x"], "b": [1.0, 2.0, 3.0]})
    made = compose.make_column_transformer(
        (TableEncoder(sparse_output=True), ["a"]), (preprocessing.StandardScaler(), ["b"]), sparse_threshold=threshold
    )
    matrix = made.fit_transform(frame)
    assert matrix[:, :4].toarray().tolist() == [[1, 0, 0, 0], [0, 1, 0, 0], [1, 0, 0, 0]] and matrix.shape == (3, 5)
    names = [name.split("__")[1] for name in made.get_feature_names_out()]
    assert names == ["a=x", "a=y", "a missing", "a unseen", "b"]


def test_a_batch_says_what_a_column_transformer_needs():
    compose, pd = pytest.importorskip("sklearn.compose"), pytest.importorskip("pandas")
    with pytest.raises(TypeError, match=r"TableEncoder\(sparse_output=True\) makes one"):
        compose.make_column_transformer((TableEncoder(), ["a"])).fit_transform(pd.DataFrame({"a": ["x", "y"]}))


def test_a_matrix_is_the_batch():
    data = table()
    batch = encoder(scaling="standard").fit_transform(data)
    matrix = encoder(scaling="standard", sparse_output=True).fit_transform(data)
    assert matrix.shape == batch.shape == (4, 12)
    for row in range(4):
        want = np.zeros(12)
        want[batch.idx[row]] += batch.x[row]
        assert np.array_equal(matrix[[row]].toarray()[0], want)


@pytest.mark.parametrize("given", [pytest.param(None, id="P9-feature_names_out"), pytest.param(["a"], id="P9-names")])
def test_names_of_the_output(given):
    made = encoder().fit(table())
    names = made.get_feature_names_out(given)
    assert names.tolist() == made.feature_names() and names.dtype == object


@pytest.mark.parametrize("frame", [pytest.param(name, id=f"P9-set_output-{name}") for name in ("pandas", "polars")])
def test_data_frames_are_no_output(frame):
    made = encoder().fit(table())
    assert made.set_output(transform="default") is made.set_output() is made
    with pytest.raises(ValueError, match=f"is a Batch or, with sparse_output=True, a SciPy matrix; not '{frame}'"):
        made.set_output(transform=frame)


# ---- bad input ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "use",
    [
        lambda made: made.transform(table()),
        lambda made: made.n,
        lambda made: made.columns,
        lambda made: made.describe(0),
        lambda made: made.feature_names(),
        lambda made: made.ids("sex"),
        lambda made: made.to_dict(),
    ],
)
def test_use_before_fit(use):
    with pytest.raises(NotFittedError, match="this TableEncoder is not fitted; call fit with a table first"):
        use(encoder())


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        ({"bins": 1}, ValueError, "bins must be an integer of at least 2; got 1"),
        ({"bins": 2.5}, ValueError, "bins must be an integer of at least 2; got 2.5"),
        ({"min_count": 0}, ValueError, "min_count must be an integer of at least 1; got 0"),
        ({"missing": "NA"}, TypeError, "missing must be a list of texts and numbers; got 'NA'"),
        ({"scaling": "log"}, ValueError, "unknown scaling 'log' for column 'gain'"),
        ({"continuous": ["age", "sex"]}, ValueError, "column 'sex' is declared 2 times: categorical and continuous"),
        ({"categorical": ["sex", "job"]}, ValueError, "the table has no column 'job'; its columns are 'sex', 'age'"),
        ({"categorical": [], "continuous": ["city"]}, TypeError, "'city' is continuous, but row 0 holds the text 'B'"),
    ],
)
def test_bad_arguments(arguments, error, message):
    with pytest.raises(error, match=message):
        encoder(**arguments).fit(table())


@pytest.mark.parametrize(
    ("change", "error", "message"),
    [
        ({"sex": None}, ValueError, "the table has no column 'sex'; its columns are 'age', 'city', 'gain'"),
        ({"sex": ["M"]}, ValueError, "column 'city' has 4 rows, but column 'sex' has 1"),
        ({"sex": [1, 2, 3, 4]}, TypeError, "column 'sex' held text in fit and holds number now"),
        ({"age": ["30", "41", "25", "67"]}, TypeError, "column 'age' is continuous, but row 0 holds the text '30'"),
        ({"age": [30.0, 41.0, np.inf, 67.0]}, ValueError, "column 'age', row 2: inf is not finite"),
        ({"gain": np.zeros(4, "M8[D]")}, TypeError, "column 'gain' is continuous and must hold real numbers"),
    ],
)
def test_bad_tables_in_transform(change, error, message):
    made = encoder().fit(table())
    rows = {name: column for name, column in (table() | change).items() if column is not None}
    with pytest.raises(error, match=message):
        made.transform(rows)


def test_no_rows():
    with pytest.raises(ValueError, match="the table has no rows; fit needs at least one"):
        encoder().fit({name: column[:0] for name, column in table().items()})
    assert encoder().fit(table()).transform({name: column[:0] for name, column in table().items()}).idx.shape == (0, 4)


def test_an_unknown_name_is_not_ignored():
    """`ignored=["targt"]` would train on the target."""
    with pytest.raises(ValueError, match="ignored: the table has no column 'targt'; its columns are 'a', 'target'"):
        TableEncoder(ignored=["targt"]).fit({"a": [1, 2], "target": [0, 1]})


def test_a_file_that_an_editor_saved_with_a_byte_order_mark_or_cut(tmp_path):
    path, made = tmp_path / "encoder.json", encoder().fit(table())
    made.save(path)
    text = path.read_bytes()
    path.write_bytes(b"\xef\xbb\xbf" + text)
    assert TableEncoder.load(path).feature_names() == made.feature_names()
    path.write_bytes(text[:50])
    with pytest.raises(ValueError, match="encoder.json: this is not a saved TableEncoder"):
        TableEncoder.load(path)


def test_a_scaled_value_that_rounds_to_0_is_refused():
    """Its slot would be empty: the value would not be there at all. The mean itself is 0 rightly."""
    made = TableEncoder(scaling="minmax").fit({"a": [0.0, 1e300]})
    assert made.transform({"a": [0.0, 1e299]}).x.tolist() == [[0.0], [0.1]]
    with pytest.raises(ValueError, match="column 'a', row 1: 1e-50 is so near to 0.0 that the scaled value is 0"):
        made.transform({"a": [0.0, 1e-50]})


def test_a_scaled_value_beyond_all_floats():
    made = TableEncoder(scaling="minmax").fit({"a": [0.0, 1e-300]})
    with pytest.raises(ValueError, match="row 1, slot 0: x is inf"):
        made.transform({"a": [0.0, 1e300]})
