"""What estimators accept and refuse as X, y and sample_weight."""

import warnings
from types import SimpleNamespace

import numpy as np
import pytest
from scipy import sparse

from afm_numpy import Batch
from afm_numpy.estimators import inputs


def frame(X, library="pandas", **options):
    return pytest.importorskip(library).DataFrame(X, **options)


X = np.array([[0.0, 2.0, 0.5], [1.0, 0.0, 3.0]])


def rows(X, **options):
    return inputs.rows(SimpleNamespace(), X, np.float64, fresh=True, **options)


@pytest.mark.parametrize(
    "form",
    [
        sparse.csr_array, sparse.csc_matrix, sparse.coo_array, sparse.dok_array, sparse.lil_matrix, np.asfortranarray,
        Batch.from_dense, frame, lambda X: frame(X, "polars"), np.ndarray.tolist, lambda X: X.astype(object),
        lambda X: X.astype(np.float32), lambda X: X.astype(str),
    ],
)  # fmt: skip
def test_every_form_is_the_same_batch(form):
    batch = rows(form(X))
    assert batch.idx.tolist() == [[1, 2], [0, 2]] and batch.x.tolist() == [[2.0, 0.5], [1.0, 3.0]] and batch.n == 3


def test_columns_can_be_slots():
    batch = rows(X, slots=True)
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
        ([[1.0, np.nan]], ValueError, "Input X contains NaN"),
        (sparse.csc_array([[1.0, np.nan]]), ValueError, "Input X contains NaN"),
        ([[1.0, np.inf]], ValueError, r"Input X contains infinity or a value too large for dtype\('float64'\)"),
        ([["1", "b"]], ValueError, "X, row 0, column 1: 'b' is no number; text goes through encode.TableEncoder first"),
        ([[1, 2], [3]], ValueError, "X is no 2-d array: its rows differ in length"),
        (np.array([["2020-01-01"]], "M8[D]"), TypeError, r"X must hold numbers; got datetime64\[D\]"),
        (np.array([[{}]]), TypeError, "argument must be a string or a real number"),
    ],
)
def test_refused_rows(X, error, words):
    with pytest.raises(error, match=words):
        rows(X)


def test_names_and_numbers_of_features_are_compared():
    estimator = SimpleNamespace()
    named = frame(X, columns=["a", "b", "c"])
    inputs.rows(estimator, named, np.float64, fresh=True)
    assert estimator.feature_names_in_.tolist() == ["a", "b", "c"] and estimator.n_features_in_ == 3
    inputs.rows(estimator, named, np.float64)
    with pytest.raises(ValueError, match="Feature names unseen at fit time:\n- d\nFeature names seen .*\n- c\n$"):
        inputs.rows(estimator, named.rename(columns={"c": "d"}), np.float64)
    with pytest.raises(ValueError, match="Feature names must be in the same order as they were in fit.\n$"):
        inputs.rows(estimator, named[["b", "a", "c"]], np.float64)
    with pytest.warns(UserWarning, match="X does not have valid feature names, but SimpleNamespace was fitted with"):
        inputs.rows(estimator, X, np.float64)
    inputs.rows(estimator, X, np.float64, fresh=True)
    assert not hasattr(estimator, "feature_names_in_")
    with pytest.warns(UserWarning, match="X has feature names, but SimpleNamespace was fitted without"):
        inputs.rows(estimator, named, np.float64)
    with pytest.raises(ValueError, match="X has 2 features, but SimpleNamespace is expecting 3 features as input"):
        inputs.rows(estimator, X[:, :2], np.float64)
    assert inputs.rows(estimator, Batch.from_lists([[0, 1]], n=2), np.float64).n == 2      # ids of a smaller file
    with pytest.raises(ValueError, match="X has 4 features"):
        inputs.rows(estimator, Batch.from_lists([[0, 1]], n=4), np.float64)
    with pytest.raises(TypeError, match=r"\['int', 'str'\] as feature name"):
        rows(frame([[1, 2]], columns=["a", 0]))


def test_targets():
    assert inputs.targets([1, 2], 2).tolist() == [1.0, 2.0]
    assert inputs.targets(np.array(["1.5", "2"], dtype=object), 2).tolist() == [1.5, 2.0]
    assert inputs.labels(["a", "b"], 2).tolist() == ["a", "b"]
    with pytest.warns(UserWarning, match="A column-vector y was passed"):
        assert inputs.targets([[1.0], [2.0]], 2).tolist() == [1.0, 2.0]


@pytest.mark.parametrize(
    ("y", "words"),
    [
        (None, "requires y to be passed, but the target y is None"),
        ([[1, 2], [3, 4]], r"y should be a 1d array, got an array of shape \(2, 2\) instead"),
        ([1, 2, 3], r"inconsistent numbers of samples: \[2, 3\]"),
        ([1.0, np.nan], "Input y contains NaN"),
        (np.array([1.0, np.inf], dtype=object), "Input y contains infinity"),
        (["3", "b"], "y, row 1: 'b' is no number; a regressor wants numbers"),
        ([1j, 2.0], "Complex data not supported: y must hold real numbers"),
    ],
)
def test_refused_targets(y, words):
    with pytest.raises(ValueError, match=words):
        inputs.targets(y, 2)


@pytest.mark.parametrize(
    ("weight", "words"),
    [
        ([0, 0], "must contain at least one non-zero number"),
        ([1, 2, 3], "sample_weight must have one value for each of the 2 rows"),
        ([[1, 2], [3, 4]], "sample_weight must have one value"),
        ([1, np.nan], "row 1: sample_weight is nan"),
    ],
)
def test_refused_weights(weight, words):
    assert inputs.weights([1, 0], 2).tolist() == [1.0, 0.0]
    with pytest.raises(ValueError, match=words):
        inputs.weights(weight, 2)


def test_errors_and_warnings_are_those_of_scikit_learn_where_it_is_loaded():
    exceptions = pytest.importorskip("sklearn.exceptions")
    with pytest.raises(exceptions.NotFittedError, match="this SimpleNamespace is not fitted yet"):
        inputs.check_fitted(SimpleNamespace())
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        inputs.labels([[1], [2]], 2)
    assert caught[0].category is exceptions.DataConversionWarning
