"""What estimators accept and refuse as X, y and sample_weight."""

import warnings
from decimal import Decimal
from types import SimpleNamespace

import numpy as np
import pytest
from scipy import sparse

from afm_numpy import Batch
from afm_numpy.estimators import AFMRegressor, inputs
from afm_numpy.train.checks import weights


def frame(X, library="pandas", **options):
    return pytest.importorskip(library).DataFrame(X, **options)


X = np.array([[0.0, 2.0, 0.5], [1.0, 0.0, 3.0]])


def rows(X, fields=False):
    return inputs.rows(AFMRegressor(attention="field" if fields else "network"), X, fitted=False)[0]


@pytest.mark.parametrize(
    "form",
    [
        sparse.csr_array, sparse.csc_matrix, sparse.coo_array, sparse.dok_array, sparse.lil_matrix, np.asfortranarray,
        Batch.from_dense, frame, lambda X: frame(X, "polars"), np.ndarray.tolist, lambda X: X.astype(object),
        lambda X: X.astype(np.float32),
    ],
)  # fmt: skip
def test_every_form_is_the_same_batch(form):
    batch = rows(form(X))
    assert batch.idx.tolist() == [[1, 2], [0, 2]] and batch.x.tolist() == [[2.0, 0.5], [1.0, 3.0]] and batch.n == 3


def test_columns_can_be_slots():
    batch = rows(X, fields=True)
    assert batch.idx.tolist() == [[0, 1, 2], [0, 0, 2]] and batch.x.tolist() == X.tolist()


def test_a_batch_has_the_shape_that_it_stands_for():
    assert Batch.from_dense(X).shape == (2, 3)
    assert Batch.from_dense(X)[[True, False], ...].x.tolist() == [[2.0, 0.5]]      # as scikit-learn selects rows


@pytest.mark.parametrize(
    ("X", "error", "words"),
    [
        ([1.0, 2.0], ValueError, "Expected 2D array, got 1D array instead"),
        (3.0, ValueError, "Expected 2D array, got 0D array instead"),
        (np.zeros((2, 2, 2)), ValueError, "Expected 2D array, got 3D array instead"),
        (np.zeros((0, 3)), ValueError, r"0 sample\(s\) \(shape=\(0, 3\)\) while a minimum of 1 is required"),
        (np.zeros((3, 0)), ValueError, r"0 feature\(s\) \(shape=\(3, 0\)\) while a minimum of 1 is required"),
        (sparse.csr_array((3, 0)), ValueError, "0 feature"),
        (X * 1j, ValueError, "Complex data not supported"),
        (sparse.csr_array(X * 1j), ValueError, "Complex data not supported"),
        ([[1.0, np.nan]], ValueError, "Input X contains NaN, .*: row 0, column 1: x is nan"),
        (sparse.csc_array([[1.0, np.nan]]), ValueError, "Input X contains NaN, .*: row 0, column 1: x is nan"),
        (np.array([[1, np.timedelta64(5, "ns")]], object), TypeError,
         "X: column 1, row 0: .* is neither text nor a number"),
        (np.array([[1, 10**400]], object), ValueError, r"row 0, column 1: X is 1000+; it must lie within 2\*\*53"),
        ([[1.0, np.inf]], ValueError, "Input X contains NaN, infinity or a number .*: row 0, column 1: x is inf"),
        pytest.param(np.array([[0, False, Decimal("1e-400")]], object), TypeError, r"X: column 2, row 0: Decimal\(",
                     id="brother-decimal-that-underflows"),  # fmt: skip
        pytest.param([["1", "2"]], TypeError, "X: column 0 is continuous, but row 0 holds the text '1'. The argument "
                     "must be no string or list, but a number; a TableEncoder makes features of text",
                     id="brother-text-that-looks-like-a-number"),  # fmt: skip
        pytest.param(np.array([[b"0"]]), TypeError, r"column 0 is continuous and must hold real numbers; it holds \|S1",
                     id="brother-bytes"),  # fmt: skip
        ([[1, 2], [3]], ValueError, "X is no 2-d array: its rows differ in length"),
        (np.array([["2020-01-01"]], "M8[D]"), TypeError, r"X must hold numbers; got datetime64\[D\]"),
        (np.array([[{}]]), TypeError, "The argument must be no string or list, but a number"),
    ],
)
def test_refused_rows(X, error, words):
    with pytest.raises(error, match=words):
        rows(X)


def test_names_and_numbers_of_features_are_compared():
    estimator = AFMRegressor()
    with pytest.raises(ValueError, match="this AFMRegressor is not fitted yet; call fit first"):
        inputs.rows(estimator, X, fitted=True)
    estimator.n_features_in_, estimator.params_, estimator.model_ = 3, [], estimator._model
    names = np.array(["a", "b", "c"], object)

    def check(X):
        return inputs.rows(estimator, X, fitted=True)

    named = frame(X, columns=["a", "b", "c"])
    assert inputs.rows(estimator, named, fitted=False)[1].tolist() == ["a", "b", "c"]
    check(X)
    with pytest.warns(UserWarning, match="X has feature names, but AFMRegressor was fitted without"):
        check(named)
    with pytest.raises(ValueError, match="X has 2 features, but AFMRegressor is expecting 3 features as input"):
        check(X[:, :2])
    check(Batch.from_lists([[0, 1]], n=2))                   # ids of a smaller file
    with pytest.raises(ValueError, match="X has 4 features"):
        check(Batch.from_lists([[0, 1]], n=4))
    estimator.feature_names_in_ = names
    check(named)
    with pytest.raises(ValueError, match="Feature names unseen at fit time:\n- d\nFeature names seen .*\n- c\n$"):
        check(named.rename(columns={"c": "d"}))
    with pytest.raises(ValueError, match=r"Feature names unseen at fit time:\n- \\x1b\\nd\n"):
        check(named.rename(columns={"c": "\x1b\nd"}))
    with pytest.raises(ValueError, match="Feature names must be in the same order as they were in fit.\n$"):
        check(named[["b", "a", "c"]])
    with pytest.warns(UserWarning, match="X does not have valid feature names, but AFMRegressor was fitted with"):
        check(X)
    with pytest.raises(TypeError, match=r"\['int', 'str'\] as feature name"):
        rows(frame([[1, 2]], columns=["a", 0]))


@pytest.mark.parametrize("columns", [
    pytest.param([30, 7, 9], id="brother-ids"), pytest.param([("u", "a"), ("u", "b"), ("i", "a")], id="brother-levels"),
    pytest.param([1.5, 2.5, 0.5], id="brother-floats"), pytest.param([1, 2, 3], id="brother-from-1"),
])  # fmt: skip
def test_names_that_are_no_text_are_compared_too(columns):
    """As the columns of a pivot table have them. Numbers from 0 on are no names."""
    estimator = AFMRegressor(epochs=1, std=0.01).fit(frame(X, columns=columns), [0.0, 1.0])
    assert estimator.feature_names_in_.tolist() == [str(name) for name in columns]
    estimator.predict(frame(X, columns=columns))
    with pytest.raises(ValueError, match="Feature names must be in the same order as they were in fit.\n$"):
        estimator.predict(frame(X, columns=columns)[columns[::-1]])
    with pytest.raises(ValueError, match="Feature names seen at fit time, yet now missing"):
        estimator.predict(frame(X, columns=[*columns[:2], "new"] if isinstance(columns[0], str) else [5, 6, 8]))
    unnamed = AFMRegressor(epochs=1, std=0.01).fit(frame(X), [0.0, 1.0])
    assert not hasattr(unnamed, "feature_names_in_")
    unnamed.predict(frame(X))


def library(name, make):
    """A case that needs a library: `make` gets it, or the case is skipped."""
    return lambda: make(pytest.importorskip(name))


@pytest.mark.parametrize(("make", "shown"), [
    pytest.param(library("pandas", lambda pd: pd.NA), "<NA>", id="P5-NA"),
    pytest.param(library("pandas", lambda pd: pd.NaT), "NaT", id="P5-NaT"),
    pytest.param(library("pandas", lambda pd: pd.Timestamp("2020-01-01")), "Timestamp", id="P5-Timestamp"),
    pytest.param(library("pandas", lambda pd: pd.Timedelta(5)), "Timedelta", id="P5-Timedelta"),
    pytest.param(lambda: [1, 2], r"\[1, 2\]", id="P5-list"), pytest.param(lambda: {"a": 1}, "{'a': 1}", id="P5-dict"),
    pytest.param(lambda: None, "None", id="P5-None"), pytest.param(lambda: 1j, "1j", id="P5-complex"),
    pytest.param(lambda: np.datetime64("2020-01-01"), "2020", id="P5-datetime64"),
    pytest.param(lambda: np.ma.masked, "masked", id="S5-mask"),
    pytest.param(lambda: list(range(999)), "1,", id="P5-long"),
])  # fmt: skip
def test_cells_that_are_no_numbers(make, shown):
    """The message names the row, the column and what was found; in y a classifier says the same."""
    X, y = np.zeros((3, 4), object), np.zeros(3, object)
    X[1, 2] = y[1] = make()
    missing = shown in ("<NA>", "NaT", "None")
    words = "x is nan" if missing else f"{shown}.* is neither text nor a number nor a bool. The argument must be"
    for call in (lambda: rows(X), lambda: rows(X, fields=True)):
        found = f"row 1, (column|slot) 2: {words}" if missing else f"^X: column 2, row 1: .*{words}"
        with pytest.raises(ValueError if missing else TypeError, match=found) as caught:
            call()
        assert len(str(caught.value)) < 250
    with pytest.raises(ValueError if missing else TypeError, match=f"row 1: .*{words.replace('x is', 'y is')}"):
        inputs.targets(y, 3)
    with pytest.raises((TypeError, ValueError), match="y.* row 1") as caught:
        inputs.labels(y, 3)
    assert len(str(caught.value)) < 200


def test_a_frame_with_missing_numbers():
    for library_, column in (("pandas", lambda pd: pd.array([1, None], "Int64")), ("polars", lambda pl: [1, None])):
        made = frame({"a": column(pytest.importorskip(library_)), "b": [1.0, 2.0]}, library_)
        with pytest.raises((TypeError, ValueError), match="row 1, column 0"):
            rows(made)


MASKED = np.ma.array([[1.0, 2.0], [3.0, 4.0]], mask=[[0, 1], [0, 0]])


@pytest.mark.parametrize("use", [
    pytest.param(lambda: rows(MASKED), id="S5-X"), pytest.param(lambda: rows(MASKED, fields=True), id="S5-X-fields"),
    pytest.param(lambda: rows([MASKED[0], MASKED[1]]), id="S5-rows-of-X"),
    pytest.param(lambda: inputs.targets(MASKED[0], 2), id="S5-targets"),
    pytest.param(lambda: inputs.labels(MASKED[0], 2), id="S5-labels"),
    pytest.param(lambda: inputs.labels(np.ma.array(["a", "b"], mask=[0, 1]), 2), id="S5-text-labels"),
    pytest.param(lambda: inputs.labels(MASKED[0], 2, "classes"), id="S5-classes"),
    pytest.param(lambda: weights("sample_weight", MASKED[0], 2), id="S5-sample-weight"),
])  # fmt: skip
def test_masks_are_refused(use):
    with pytest.raises(TypeError, match="masked values are not supported"):
        use()


def test_which_slots_are_fields():
    assert rows(X, fields=True).slots_are_fields and not rows(X).slots_are_fields
    assert not rows(sparse.csr_array(X), fields=True).slots_are_fields


def test_targets():
    assert inputs.targets([1, 2], 2).tolist() == [1.0, 2.0]
    assert inputs.targets(np.array([1.5, np.int64(2)], dtype=object), 2).tolist() == [1.5, 2.0]
    assert inputs.targets(np.array([2**53 - 1, 2.0**60], dtype=object), 2).tolist() == [2**53 - 1, 2**60]
    with pytest.warns(UserWarning, match="A column-vector y was passed"):
        assert inputs.targets([[1.0], [2.0]], 2).tolist() == [1.0, 2.0]


@pytest.mark.parametrize(
    ("y", "words"),
    [
        (None, "requires y to be passed, but the target y is None"),
        ([[1, 2], [3, 4]], r"y should be a 1d array, got an array of shape \(2, 2\) instead"),
        ([1, 2, 3], r"inconsistent numbers of samples: \[2, 3\]"),
        ([1.0, np.nan], "Input y contains NaN, .*: row 1: y is nan"),
        (np.array([1.0, np.inf], dtype=object), "column 'y', row 1: inf is not finite"),
        ([1j, 2.0], "Complex data not supported: y must hold real numbers"),
        ([0, 2**53], r"Input y contains .*: row 1: y is 9007199254740992; it must lie within 2\*\*53"),
        (np.array([0, -(2**53)], object), r"^row 1: y is -9007199254740992; it must lie within 2\*\*53, because"),
        (np.array([2**70, np.int64(0)], object), r"^row 0: y is 1180591620717411303424; it must lie within"),
        (np.array([0.0, np.int64(-(2**63))], object), r"^row 1: y is -9223372036854775808; it must lie within"),
    ],
)
def test_refused_targets(y, words):
    with pytest.raises(ValueError, match=words):
        inputs.targets(y, 2)


@pytest.mark.parametrize("y", [["3", "b"], np.array(["3"] * 2, object), np.array([b"3", b"4"])])
def test_brother_text_is_no_target(y):
    with pytest.raises(TypeError, match="^y: column 'y' is continuous.* no string or list, but a number; labels are"):
        inputs.targets(y, 2)


def test_columns_of_one_name_are_refused():
    with pytest.raises(ValueError, match="X has more than one column named 'a'; rename all but one"):
        rows(frame([[1, 2, 3]], columns=["b", "a", "a"]))


@pytest.mark.parametrize(("y", "kind", "values"), [
    (["a", "b"], "U", ["a", "b"]), (np.array(["a", "b"], object), "O", ["a", "b"]), ([1, 2], "i", [1, 2]),
    ([1.0, 2.0], "f", [1, 2]), (np.array([1.0, 2.0], object), "f", [1, 2]), ([True, False], "b", [True, False]),
    (np.array([np.int64(1), 2.0], object), "f", [1, 2]), (np.array([[3], [4]], np.int8)[:, 0], "i", [3, 4]),
    pytest.param([2**60 + 1, 1.0], "O", [2**60 + 1, 1], id="S1-beside-a-float"),
    pytest.param([2**63 + 1, -1], "O", [2**63 + 1, -1], id="S1-both-signs"),
    pytest.param(np.array([2**63 + 1, 1], np.uint64), "u", [2**63 + 1, 1], id="S1-unsigned"),
    pytest.param(np.array(["a", "b"], getattr(np.dtypes, "StringDType", lambda: "U1")()), "U", ["a", "b"], id="T"),
    pytest.param(["a", "a\0"], "O", ["a", "a\0"], id="S1-NUL"),
])  # fmt: skip
def test_labels(y, kind, values):
    found = inputs.labels(y, 2)
    assert found.dtype.kind == kind and found.tolist() == values
    assert inputs.is_text(found) == isinstance(values[0], str)


@pytest.mark.parametrize(("y", "error", "words"), [
    pytest.param(np.array([1.0, np.nan], object), ValueError, "Input y contains NaN, or nothing, in row 1",
                 id="P5-NaN"),
    pytest.param(np.array(["a", None], object), ValueError, "Input y contains NaN, or nothing, in row 1", id="P5-None"),
    pytest.param([1.0, np.nan], ValueError, "Input y contains NaN, or nothing, in row 1", id="P5-float-NaN"),
    pytest.param([1.0, np.inf], ValueError, "y, row 1: inf is not finite", id="P5-inf"),
    pytest.param(np.array([0.5, 1.5], object), ValueError, "Unknown label type: continuous. y, row 0: 0.5",
                 id="P5-reals"),
    pytest.param([1.0, 1.5], ValueError, "Unknown label type: continuous. y, row 1: 1.5 is not", id="P5-float-reals"),
    pytest.param(np.array(["a", 1], object), TypeError, r"y mixes text \(row 0\) and number \(row 1\)", id="S9-mixed"),
    pytest.param(["a", 1], TypeError, r"y mixes text \(row 0\) and number \(row 1\)", id="S9-mixed-list"),
    pytest.param(["a", True], TypeError, r"y mixes text \(row 0\) and bool \(row 1\)", id="S9-mixed-bool"),
    pytest.param(np.array([b"a", b"b"]), TypeError, "y must hold numbers or text as labels; got |S1", id="S9-bytes"),
    pytest.param(np.array([0, 1], "M8[D]"), TypeError, "y must hold numbers or text as labels; got datetime",
                 id="P5-dates"),
    pytest.param(np.array([1.0, 2.0**60]), ValueError, "y, row 1: .* may have lost digits", id="S1-large-float"),
    pytest.param([1j, 2.0], TypeError, "y, row 0: 1j is neither text nor a number", id="P5-complex"),
    pytest.param(np.array([1j, 2.0]), ValueError, "Complex data not supported: y must hold real numbers",
                 id="P5-complex-array"),
])  # fmt: skip
def test_refused_labels(y, error, words):
    with pytest.raises(error, match=words):
        inputs.labels(y, 2)


def test_labels_in_a_column():
    with pytest.warns(UserWarning, match="A column-vector y was passed"):
        assert inputs.labels([["a"], ["b"]], 2).tolist() == ["a", "b"]


@pytest.mark.parametrize(
    ("weight", "words"),
    [
        ([0, 0], "sample_weight must not be zero in every row"),
        ([1, 2, 3], "sample_weight must have one value for each of the 2 rows"),
        ([[1, 2], [3, 4]], "sample_weight must have one value"),
        ([1, np.nan], "row 1: sample_weight is nan"),
        ([1, -0.5], "row 1: sample_weight is -0.5; it must be finite and not negative"),
        pytest.param([1e308, 1e308], "the sum of sample_weight is not finite; divide", id="brother-infinite-sum"),
    ],
)
def test_refused_weights(weight, words):
    assert weights("sample_weight", [1, 0], 2).tolist() == [1.0, 0.0] and weights("sample_weight", None, 2) is None
    with pytest.raises(ValueError, match=words):
        weights("sample_weight", weight, 2)


def test_errors_and_warnings_are_those_of_scikit_learn_where_it_is_loaded():
    exceptions = pytest.importorskip("sklearn.exceptions")
    with pytest.raises(exceptions.NotFittedError, match="this SimpleNamespace is not fitted yet"):
        inputs.check_fitted(SimpleNamespace())
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        inputs.labels([[1], [2]], 2)
    assert caught[0].category is exceptions.DataConversionWarning


@pytest.mark.parametrize("X", [
    pytest.param("rows.csv", id="brother-path"), pytest.param({"a": [1.0]}, id="brother-dict"),
    pytest.param({1, 2}, id="brother-set"), pytest.param((row for row in X), id="brother-generator"),
    pytest.param(None, id="brother-nothing"),
])  # fmt: skip
def test_what_is_no_array_is_named(X):
    with pytest.raises(TypeError, match=f"a data frame or a 2-d array of numbers; got {type(X).__name__}"):
        rows(X)


def test_brother_a_batch_without_rows():
    with pytest.raises(ValueError, match=r"0 sample\(s\) \(shape=\(0, 3\)\) while a minimum of 1 is required by AFMR"):
        rows(Batch.from_dense(X)[:0])
