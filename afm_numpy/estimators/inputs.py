"""What the estimators accept as X, y and sample_weight, and the words in which scikit-learn refuses the rest.

scikit-learn is not imported. When it is loaded, we raise its exceptions and give its warnings, otherwise our own.
"""

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
from scipy import sparse

from .. import encode
from .._checks import EXACT, array, row_values, warn
from .._files import printable
from .._types import Array, DType
from ..batch import Batch
from ..encode.reading import numbers, plain_values


def _known(name: str, ours: type) -> Any:
    """scikit-learn's exception of that name when scikit-learn is loaded, else ours."""
    return getattr(sys.modules.get("sklearn.exceptions"), name, ours)


def check_fitted(estimator: object) -> None:
    """Refuse an estimator that was never fitted."""
    if not hasattr(estimator, "params_"):
        error = _known("NotFittedError", encode.NotFittedError)
        raise error(f"this {type(estimator).__name__} is not fitted yet; call fit first")


@contextmanager
def _numbers_of(name: str) -> Iterator[None]:
    """Put the words of scikit-learn before an error about a number and its place."""
    try:
        yield
    except ValueError as error:
        raise ValueError(f"Input {name} contains NaN, infinity or a number that does not fit: {error}") from None


# ---- X -------------------------------------------------------------------------------------------------


def rows(estimator: Any, X: Any, fitted: bool) -> tuple[Batch, Array | None]:
    """X as a Batch, and the names of its columns when it is a data frame that names them.

    X is a Batch, a scipy sparse matrix or array, or what NumPy makes a 2-d array of. For attention "field", column j
    of a dense array is slot j, a field. Otherwise zeros are left out and the others close up, as in a sparse matrix,
    whose slots are no fields. With `fitted`, X must have the features that the estimator was fitted on, and their
    names are returned.
    """
    if fitted:
        check_fitted(estimator)
    batch, names = _converted(estimator, X, fitted)
    if fitted:
        names = _check_columns(estimator, X, batch, names)
    return batch, names


def _converted(estimator: Any, X: Any, fitted: bool) -> tuple[Batch, Array | None]:
    dtype, fields = estimator.dtype, (estimator.model_ if fitted else estimator._model).attention == "field"
    names = None if isinstance(X, Batch) else _column_names(X)
    if not sparse.issparse(X) and not isinstance(X, Batch):
        kind = type(X).__name__
        try:
            X = array(X)
        except ValueError:
            raise ValueError("X is no 2-d array: its rows differ in length") from None
        if X.ndim == 0 and X.dtype.kind in "OUS":
            raise TypeError(f"X must be a Batch, a sparse matrix, a data frame or a 2-d array of numbers; got {kind}")
    if X.dtype.kind == "c":
        raise ValueError("Complex data not supported: X must hold real numbers")
    if len(X.shape) != 2:
        raise ValueError(
            f"Expected 2D array, got {len(X.shape)}D array instead. Reshape your data either using "
            "array.reshape(-1, 1) if your data has a single feature or array.reshape(1, -1) if it contains a single "
            "sample."
        )
    for count, what in zip(X.shape, ("sample(s)", "feature(s)"), strict=True):
        if count == 0:
            raise ValueError(
                f"Found array with 0 {what} (shape={X.shape}) while a minimum of 1 is required by "
                f"{type(estimator).__name__}."
            )
    X = X if X.dtype.kind in "biuf" else _floats("X", X)
    with _numbers_of("X"):
        if isinstance(X, Batch):
            return X.astype(dtype), None
        if sparse.issparse(X):
            return Batch.from_scipy(X, dtype), names
        if fields:
            return Batch.from_padded(np.broadcast_to(np.arange(X.shape[1]), X.shape), X, X.shape[1], dtype), names
        return Batch.from_dense(X, dtype), names


def _floats(name: str, values: Any) -> Array:
    """An array of objects as float64. A cell that is no number, such as text, is refused with its place."""
    if values.dtype.kind not in "OUST" or sparse.issparse(values):
        raise TypeError(f"{name} must hold numbers; got {values.dtype}")
    for (row, *column), value in np.ndenumerate(values):
        if isinstance(value, (int, np.integer)) and abs(int(value)) >= 2**53:
            place = f"row {row}" + "".join(f", column {j}" for j in column)
            raise ValueError(f"{place}: {name} is {value!s:.60}; it must {EXACT}")
    try:
        if values.ndim == 1:
            return numbers(name, values, ())
        return np.stack([numbers(j, column, ()) for j, column in enumerate(values.T)], axis=1)
    except TypeError as error:
        advice = "a TableEncoder makes features of text" if name == "X" else "labels are for a classifier"
        raise TypeError(f"{name}: {error}. The argument must be no string or list, but a number; {advice}") from None


def _column_names(X: Any) -> Array | None:
    """The names of the columns of a data frame as text; None for 0, 1, 2, ..., which a frame without names has."""
    names = list(getattr(X, "columns", ()))
    types = sorted({type(name).__name__ for name in names})
    if "str" in types and len(types) > 1:
        raise TypeError(
            "Feature names are only supported if all input features have string names, but your input has "
            f"{types} as feature name / column name types."
        )
    if len(set(names)) < len(names):
        twice = next(name for name in names if names.count(name) > 1)
        raise ValueError(f"X has more than one column named {printable(str(twice), 60)!r}; rename all but one")
    return None if names == list(range(len(names))) else np.array([str(name) for name in names], dtype=object)


def _check_columns(estimator: Any, X: Any, batch: Batch, names: Array | None) -> Array | None:
    """Refuse rows with other features than those that the estimator was fitted on; return their names, if known."""
    name, n, known = type(estimator).__name__, estimator.n_features_in_, getattr(estimator, "feature_names_in_", None)
    if names is not None and known is not None:
        _check_names(names, known)
    elif names is not None:
        warn(f"X has feature names, but {name} was fitted without feature names")
    elif known is not None:
        warn(f"X does not have valid feature names, but {name} was fitted with feature names")
    if batch.n > n or (batch.n < n and not isinstance(X, Batch)):
        raise ValueError(f"X has {batch.n} features, but {name} is expecting {n} features as input.")
    return known


def _check_names(names: Array, fitted: Array) -> None:
    if not np.array_equal(names, fitted):
        unseen, missing = sorted(set(names) - set(fitted)), sorted(set(fitted) - set(names))
        lines = ["The feature names should match those that were passed during fit."]
        for title, wrong in (("unseen at fit time", unseen), ("seen at fit time, yet now missing", missing)):
            if wrong:
                lines += [f"Feature names {title}:", *(f"- {printable(name, 60)}" for name in wrong[:10])]
        if not (unseen or missing):
            lines += ["Feature names must be in the same order as they were in fit."]
        raise ValueError("\n".join([*lines, ""]))


# ---- y -------------------------------------------------------------------------------------------------


def _one_for_each_row(y: Any, n_rows: int, name: str = "y") -> Array:
    """y as a flat array with a value for each row."""
    if y is None:
        raise ValueError("this estimator requires y to be passed, but the target y is None")
    y = array(y)
    if y.ndim == 2 and y.shape[1] == 1:
        warn(
            "A column-vector y was passed when a 1d array was expected. Please change the shape of y to "
            "(n_samples,), for example using ravel().", _known("DataConversionWarning", UserWarning),
        )  # fmt: skip
        y = y[:, 0]
    if y.ndim != 1:
        raise ValueError(f"{name} should be a 1d array, got an array of shape {y.shape} instead.")
    if len(y) != n_rows:
        raise ValueError(f"Found input variables with inconsistent numbers of samples: {[n_rows, len(y)]}")
    if y.dtype.kind == "c":
        raise ValueError(f"Complex data not supported: {name} must hold real numbers")
    return y


def targets(y: Any, n_rows: int, dtype: DType = np.float64) -> Array:
    """y as numbers."""
    y = _one_for_each_row(y, n_rows)
    y = y if y.dtype.kind in "biuf" else _floats("y", y)
    with _numbers_of("y"):
        return row_values(y, n_rows, "y", dtype)


def labels(y: Any, n_rows: int, name: str = "y") -> Array:
    """y as class labels, one for each row: all of them whole numbers, or truth values, or text.

    Examples
    --------
    >>> labels(np.array([1, 2.0], object), 2)
    array([1., 2.])
    """
    listed = isinstance(y, (list, tuple)) and not any(isinstance(label, (list, tuple, np.ndarray)) for label in y)
    y = _one_for_each_row(np.fromiter(y, object) if listed else y, n_rows, name)     # NumPy makes text of ["a", 1]
    if y.dtype.kind not in "biufUTO":
        raise TypeError(f"{name} must hold numbers or text as labels; got {y.dtype}")
    if y.dtype.kind in "fOT":
        values, type_ = plain_values(name, y, ())
        for row, value in enumerate(values):
            if value is None:
                raise ValueError(f"Input {name} contains NaN, or nothing, in row {row}; each row needs a label")
            if isinstance(value, float):
                raise ValueError(f"Unknown label type: continuous. {name}, row {row}: {value} is not a class")
        if listed or y.dtype.kind == "T" or (y.dtype.kind == "O" and type_ != "text"):
            made = np.array(y.tolist())
            y = made if made.tolist() == values else np.fromiter(values, object)      # where NumPy loses digits
    return y


def is_text(labels: Array) -> bool:
    """Whether labels are text; they are numbers otherwise."""
    return labels.dtype.kind == "U" or (labels.dtype.kind == "O" and isinstance(labels.flat[0], str))
