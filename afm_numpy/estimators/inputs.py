"""What an estimator accepts as X, y and sample_weight, and the words in which scikit-learn refuses the rest.

The estimators import no scikit-learn. Where it looks for an error or a warning by its type, it is loaded, and its
own type is used.
"""

import sys
import warnings

import numpy as np
from scipy import sparse

from .. import encode
from .._checks import row_values
from ..batch import Batch

__all__ = ["check_fitted", "labels", "rows", "targets", "weights"]


class DataConversionWarning(UserWarning):
    """Input had another shape than asked for, and was converted."""


def _known(name, ours):
    """scikit-learn's exception of that name when scikit-learn is loaded, else ours."""
    return getattr(sys.modules.get("sklearn.exceptions"), name, ours)


def check_fitted(estimator):
    """Refuse an estimator that was never fitted."""
    if not hasattr(estimator, "params_"):
        error = _known("NotFittedError", encode.NotFittedError)
        raise error(f"this {type(estimator).__name__} is not fitted yet; call fit first")


# ---- X -------------------------------------------------------------------------------------------------


def rows(estimator, X, dtype, fresh=False, slots=False):
    """X as a Batch; its number of features and their names are stored in a fresh estimator, else compared.

    Parameters
    ----------
    estimator : object
        Has n_features_in_, and feature_names_in_ when it was fitted on named columns.
    X : Batch, scipy sparse matrix or array, or what NumPy makes a 2-d array of
    dtype : dtype
        Of the values.
    fresh : bool
        Store, do not compare.
    slots : bool
        Column j of a dense array is slot j; else zeros are left out and the others close up.

    Examples
    --------
    >>> from types import SimpleNamespace
    >>> rows(SimpleNamespace(), [[0.0, 2.0]], np.float64, fresh=True).x.tolist()
    [[2.0]]
    """
    name, names = type(estimator).__name__, _column_names(X)
    batch = X.astype(dtype) if isinstance(X, Batch) else _from_matrix(X, dtype, slots, name)
    if fresh:
        estimator.n_features_in_ = batch.n
        vars(estimator).pop("feature_names_in_", None)
        if names is not None:
            estimator.feature_names_in_ = names
        return batch
    _check_names(name, names, getattr(estimator, "feature_names_in_", None))
    n = estimator.n_features_in_
    if batch.n > n or (batch.n < n and not isinstance(X, Batch)):
        raise ValueError(f"X has {batch.n} features, but {name} is expecting {n} features as input.")
    return batch


def _from_matrix(X, dtype, slots, name):
    if not sparse.issparse(X):
        try:
            X = np.asarray(X)
        except ValueError:
            raise ValueError("X is no 2-d array: its rows differ in length") from None
    if X.dtype.kind == "c":
        raise ValueError("Complex data not supported: X must hold real numbers")
    if X.ndim != 2:
        raise ValueError(
            f"Expected 2D array, got {X.ndim}D array instead. Reshape your data either using array.reshape(-1, 1) "
            "if your data has a single feature or array.reshape(1, -1) if it contains a single sample."
        )
    for count, what in zip(X.shape, ("sample(s)", "feature(s)"), strict=True):
        if count == 0:
            raise ValueError(f"Found array with 0 {what} (shape={X.shape}) while a minimum of 1 is required by {name}.")
    if X.dtype.kind not in "biuf":
        X = _numbers("X", X)
    X = X.tocoo() if sparse.issparse(X) else X
    _check_finite("X", X.data if sparse.issparse(X) else X)
    if sparse.issparse(X):
        return Batch.from_scipy(X, dtype)
    if slots:
        return Batch.from_padded(np.broadcast_to(np.arange(X.shape[1]), X.shape), X, X.shape[1], dtype)
    return Batch.from_dense(X, dtype)


def _numbers(name, values):
    """Texts and objects as numbers; a value that is none is shown with its place."""
    if values.dtype.kind not in "OUST":
        raise TypeError(f"{name} must hold numbers; got {values.dtype}")
    try:
        return values.astype(np.float64)
    except ValueError:
        for place, value in np.ndenumerate(values):
            try:
                float(value)
            except ValueError:
                advice = "text goes through encode.TableEncoder first" if name == "X" else "a regressor wants numbers"
                place = "".join(f", {what} {i}" for what, i in zip(("row", "column"), place, strict=False))
                raise ValueError(f"{name}{place}: {str(value)!r:.60} is no number; {advice}") from None
        raise


def _column_names(X):
    """The names of the columns of a data frame, None when they are not text."""
    names = list(getattr(X, "columns", ()))
    types = sorted({type(name).__name__ for name in names})
    if "str" in types and len(types) > 1:
        raise TypeError(
            "Feature names are only supported if all input features have string names, but your input has "
            f"{types} as feature name / column name types."
        )
    return np.array(names, dtype=object) if types == ["str"] else None


def _check_names(estimator, names, fitted):
    if names is None or fitted is None:
        if names is not None:
            warnings.warn(f"X has feature names, but {estimator} was fitted without feature names", stacklevel=5)
        if fitted is not None:
            warnings.warn(
                f"X does not have valid feature names, but {estimator} was fitted with feature names", stacklevel=5
            )
        return
    if not np.array_equal(names, fitted):
        unseen, missing = sorted(set(names) - set(fitted)), sorted(set(fitted) - set(names))
        lines = ["The feature names should match those that were passed during fit."]
        for title, wrong in (("unseen at fit time", unseen), ("seen at fit time, yet now missing", missing)):
            if wrong:
                lines += [f"Feature names {title}:", *(f"- {name}" for name in wrong)]
        if not (unseen or missing):
            lines += ["Feature names must be in the same order as they were in fit."]
        raise ValueError("\n".join([*lines, ""]))


# ---- y and sample_weight -------------------------------------------------------------------------------


def labels(y, n_rows):
    """y as a flat array with a value for each row."""
    if y is None:
        raise ValueError("this estimator requires y to be passed, but the target y is None")
    y = np.asarray(y)
    if y.ndim == 2 and y.shape[1] == 1:
        kind = _known("DataConversionWarning", DataConversionWarning)
        warnings.warn(
            "A column-vector y was passed when a 1d array was expected. Please change the shape of y to "
            "(n_samples,), for example using ravel().", kind, stacklevel=5,
        )  # fmt: skip
        y = y[:, 0]
    if y.ndim != 1:
        raise ValueError(f"y should be a 1d array, got an array of shape {y.shape} instead.")
    if len(y) != n_rows:
        raise ValueError(f"Found input variables with inconsistent numbers of samples: {[n_rows, len(y)]}")
    if y.dtype.kind == "c":
        raise ValueError("Complex data not supported: y must hold real numbers")
    if y.dtype.kind == "f":
        _check_finite("y", y)
    return y


def targets(y, n_rows):
    """y as numbers."""
    y = labels(y, n_rows)
    y = _numbers("y", y) if y.dtype.kind in "OUST" else y
    _check_finite("y", y)
    return row_values(y, n_rows, "y")


def weights(weight, n_rows):
    """sample_weight as numbers, not all of them zero."""
    weight = row_values(np.asarray(weight), n_rows, "sample_weight")
    if not weight.any():
        raise ValueError("Sample weights must contain at least one non-zero number.")
    return weight


def _check_finite(name, values):
    if values.dtype.kind == "f" and not np.isfinite(values).all():
        bad = "NaN" if np.isnan(values).any() else f"infinity or a value too large for {values.dtype!r}"
        raise ValueError(f"Input {name} contains {bad}.")
