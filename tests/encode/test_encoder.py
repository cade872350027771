import json

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from afm_numpy.encode import Feature, NotFittedError, TableEncoder


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
    reals = st.floats(-1e9, 1e9) | st.just(float("nan")) | st.just(0.0)
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


@settings(deadline=None, max_examples=40)
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


@settings(deadline=None, max_examples=40)
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
    with pytest.raises(ValueError, match="column 'x' has shape"):
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


def test_ids_of_an_unknown_column():
    with pytest.raises(ValueError, match="column 'job' is not encoded; encoded are 'sex', 'city', 'gain', 'age'"):
        encoder().fit(table()).ids("job")


# ---- to a file and back ------------------------------------------------------------------------------


@settings(deadline=None, max_examples=40)
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
    }


@pytest.mark.parametrize(("value", "error"), [(object(), TypeError), (np.inf, ValueError)])
def test_a_failing_save_leaves_the_old_file(tmp_path, value, error):
    path = tmp_path / "encoder.json"
    encoder().fit(table()).save(path)
    before = path.read_bytes()
    with pytest.raises(error):
        encoder().fit(table()).set_params(missing=(value,)).save(path)
    assert path.read_bytes() == before and len(list(tmp_path.iterdir())) == 1


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
    with pytest.raises(ValueError, match="unknown parameter 'bin'; known are categorical, continuous, "):
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
        ({"missing": "NA"}, TypeError, "missing must be a list of values; got the text 'NA'"),
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


def test_a_scaled_value_beyond_all_floats():
    made = TableEncoder(scaling="minmax").fit({"a": [0.0, 1e-300]})
    with pytest.raises(ValueError, match="row 1, slot 0: x is inf"):
        made.transform({"a": [0.0, 1e300]})
