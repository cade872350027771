"""FM and AFM as estimators with scikit-learn's conventions, without importing scikit-learn.

They work where scikit-learn expects an estimator: pipelines, grid searches, cross-validation, calibration. Every
class is a thin layer over `train.fit`. A classifier for more than two classes is one-vs-rest: one dict of
parameters for each class.
"""

from typing import Any

import numpy as np
from scipy import special

from .._checks import warn
from .._types import Array, DType
from ..encode.reading import listing
from ..metrics import root_mean_square
from ..train.checks import weights
from . import inputs
from .base import AFMBase, FMBase

_MANY = 200  # classes: each has a model of its own


class _Regressor(FMBase):
    """Squared loss; the prediction is y_hat."""

    _type, _loss = "regressor", "squared"

    def _targets(self, y: Any, n_rows: int, dtype: DType, fresh: bool, classes: Any) -> tuple[Array, Array | None]:
        return inputs.targets(y, n_rows, dtype), None

    def partial_fit(self, X: Any, y: Any, sample_weight: Any = None) -> "_Regressor":
        """Go on training: one epoch over these rows. The first call fixes the number of features."""
        self._train(X, y, sample_weight, not hasattr(self, "params_"), epochs=1, partial=True)
        return self

    def predict(self, X: Any) -> Array:
        """The prediction y_hat for each row: (B,)."""
        return next(self._each_raw(X))

    def score(self, X: Any, y: Any, sample_weight: Any = None) -> float:
        """R^2 = 1 - sum (y - y_hat)^2 / sum (y - mean y)^2; 0 or 1 when y is constant."""
        y_hat = self.predict(X)
        y, weight = inputs.targets(y, len(y_hat)), weights("sample_weight", sample_weight, len(y_hat))
        error = root_mean_square(y - y_hat, weight)
        spread = root_mean_square(y - np.average(y, weights=weight), weight)
        ratio = error / spread if spread else 0.0
        return float(1 - ratio * ratio) if spread else float(error == 0)


class _Classifier(FMBase):
    """Logistic loss; y_hat is the logit of the second of two classes, or of each class against the others."""

    _type, _loss = "classifier", "logistic"

    def _targets(self, y: Any, n_rows: int, dtype: DType, fresh: bool, classes: Any) -> tuple[Array, Array | None]:
        y = inputs.labels(y, n_rows)
        known = np.unique(y) if fresh and classes is None else None if fresh else self.classes_
        if classes is not None:
            given = inputs.labels(classes, np.size(classes), "classes")
            known = np.unique(given) if known is None else known
            if len(given) != len(known) or set(given.tolist()) != set(known.tolist()):
                raise ValueError(f"classes must be those of the first call, each once; got {listing(given.tolist())}")
        assert known is not None
        if len(known) < 2:
            raise ValueError(f"a classifier needs more than one class; y holds only {known.tolist()}")
        number = {label: c for c, label in enumerate(known.tolist())}
        distinct, of_row = np.unique(y, return_inverse=True)
        numbers = np.array([number.get(label, -1) for label in distinct.tolist()])[of_row]
        if (unknown := np.flatnonzero(numbers < 0)).size:
            row = unknown[0]
            raise ValueError(
                f"y holds {y[row : row + 1].tolist()[0]!r:.60} in row {row}, which is not one of the classes "
                + listing(known.tolist())
            )
        if fresh and (len(known) > _MANY or (len(known) > n_rows / 2 and n_rows > 20)):
            warn(
                f"y holds {len(known)} classes in {n_rows} rows, and each gets a model of its own. If they are ids, "
                "use them as features; if y is a number, use a regressor"
            )
        return numbers, known

    def partial_fit(self, X: Any, y: Any, classes: Any = None, sample_weight: Any = None) -> "_Classifier":
        """Go on training: one epoch over these rows. The first call fixes the number of features and the classes.

        Give `classes` in the first call, unless its rows hold all of them. Later calls may repeat them.
        """
        self._train(X, y, sample_weight, not hasattr(self, "params_"), 1, classes=classes, partial=True)
        return self

    def decision_function(self, X: Any) -> Array:
        """The logit of the second class, (B,); with more than two classes one for each, (B, C)."""
        raw = list(self._each_raw(X))
        return np.stack(raw, axis=1) if len(raw) > 1 else raw[0]

    def predict_proba(self, X: Any) -> Array:
        """The probability of each class, (B, C). One-vs-rest probabilities are divided by their sum."""
        raw = self.decision_function(X)
        if raw.ndim == 1:
            return special.expit(np.stack([-raw, raw], axis=1))
        return special.softmax(special.log_expit(raw), axis=1)

    def predict(self, X: Any) -> Array:
        """The class of the largest probability for each row: (B,)."""
        raws = self._each_raw(X)
        best = next(raws)
        number = (best > 0).astype(int) if len(self.params_) == 1 else np.zeros(len(best), int)
        for c, raw in enumerate(raws, start=1):                              # one class at a time
            number[raw > best] = c
            best = np.maximum(best, raw)
        return self.classes_[number]

    def score(self, X: Any, y: Any, sample_weight: Any = None) -> float:
        """Accuracy: the share of rows whose class is predicted. Refuses text when the classes are numbers."""
        y_hat = self.predict(X)
        y, weight = inputs.labels(y, len(y_hat)), weights("sample_weight", sample_weight, len(y_hat))
        classes = self.classes_.tolist()
        if inputs.is_text(y) != inputs.is_text(self.classes_):
            raise ValueError(f"y holds {y.tolist()[0]!r:.60}; the classes are {listing(classes)}")
        if unknown := sorted(set(y.tolist()) - set(classes)):
            warn(f"y holds {unknown[0]!r:.60}, which counts as wrong everywhere: the classes are {listing(classes)}")
        return float(np.average(y_hat == y, weights=weight))


_PARAMETERS = """
    X is a `Batch`, a scipy sparse matrix or array, or anything that NumPy makes a 2-d array of numbers. A data
    frame with text goes through `encode.TableEncoder`, the first step of a pipeline. A value of 0 is an absent
    feature. Bring real values, in X and in y, to about the size of 1 first.

    Parameters
    ----------
    k : int
        Factors, the length of each v_i.{more}
    std : float
        Standard deviation of the initial V.
    optimizer : {{"adagrad", "adam", "sgd"}}, or an optimizer of `afm_numpy.optim`
    lr : float, optional
        Learning rate; that of the optimizer when not given.
    epochs : int
        Passes over the rows, at most.
    batch_size : int or "auto"
        "auto" is a 64th of the rows, between 64 and 512.
    keep : float, or dict of str to float
        Dropout: the probability to keep a unit of the pooled vector, or one for each site of `train.Objective`.
    l2 : float, or dict of str to float
        Weight of the penalty for w and V, or one for each name of `losses.l2_forward`.
    l2_scope : {{"touched", "table"}}
        Which rows of w and V a step penalises: those of the features in its batch, or all of them, which costs time
        for every feature there is.
    early_stopping : bool
        Keep the parameters of the epoch that is best on held-out rows, and stop after `patience` epochs without
        a better one. sample_weight does not count on the held-out rows.
    validation_fraction : float
        The share of held-out rows.
    patience : int
    warm_start : bool
        fit goes on from the parameters, the optimizer's state and the random numbers that it finds.
    random_state : int, numpy.random.RandomState, numpy.random.Generator, optional
    dtype : str
        "float64" or "float32", which is faster.
    verbose : bool
        Show a progress bar on standard error.

    Attributes
    ----------
    model_, params_ : Model, list of dict
        The model, and its parameters: one dict, or with more than two classes one for each.{classes}
    n_features_in_ : int
    feature_names_in_ : (n,) array
        Only when X was a data frame whose columns have names.
    n_iter_ : int
        Epochs since the parameters were initialised.
    history_ : list of dict
        A row for each epoch of the last call of fit or partial_fit; see `train.Result`.
    states_, rngs_ : list
        The optimizer's state and the random generator that belong to each dict of parameters.

    Examples
    --------"""

_AFM_PARAMETERS = """
    t : int
        Size of the attention network.
    attention : {"network", "field", "free", "uniform", "sum"}
        How the pairs are weighted: the argument `attention` of `Model`. "free" weights the pairs of the first
        call of fit or partial_fit; pairs that come later keep the weight 1. "field" weights pairs of fields, so X
        must say which slot is which field, in fit and in predict. A dense array does (column j is field j), and a
        Batch of `TableEncoder` or `Batch.from_padded`. Sparse matrices and lists do not, and are refused.
    p : float, optional
        Initial value of every entry of p. When not given, the mean number of pairs in a row for "network" and
        "uniform", because these divide by about that number, else 1."""

_CLASSES = """
    classes_ : (C,) array
        The labels, sorted."""


def _documented(summary: str, example: str, classes: str = "", more: str = "") -> str:
    return f"{summary}\n{_PARAMETERS.format(classes=classes, more=more)}{example}"


class FMRegressor(_Regressor):
    __doc__ = _documented("Factorization Machine for numbers; the prediction is FM's y_hat.", """
    >>> X, y = [[1, 0, 1, 0], [1, 0, 0, 1], [0, 1, 1, 0], [0, 1, 0, 1]], [0.0, 1.0, 1.0, 0.0]          # XOR
    >>> model = FMRegressor(k=1, std=0.5, lr=0.3, epochs=200, random_state=0).fit(X, y)
    >>> np.abs(model.predict(X)).round(1).tolist()
    [0.0, 1.0, 1.0, 0.0]
    """)  # fmt: skip


class FMClassifier(_Classifier):
    __doc__ = _documented("Factorization Machine for classes; FM's y_hat is the logit.", """
    >>> X, y = [[1, 0, 1, 0], [1, 0, 0, 1], [0, 1, 1, 0], [0, 1, 0, 1]], ["no", "yes", "yes", "no"]    # XOR
    >>> model = FMClassifier(k=1, std=0.5, lr=0.3, epochs=200, random_state=0).fit(X, y)
    >>> model.predict(X).tolist()
    ['no', 'yes', 'yes', 'no']
    """, _CLASSES)  # fmt: skip


class AFMRegressor(AFMBase, _Regressor):
    __doc__ = _documented("Attentional Factorization Machine for numbers; the prediction is AFM's y_hat.", """
    >>> X, y = [[1, 0, 1, 0], [1, 0, 0, 1], [0, 1, 1, 0], [0, 1, 0, 1]], [0.0, 1.0, 1.0, 0.0]          # XOR
    >>> model = AFMRegressor(k=1, std=0.5, lr=0.3, epochs=200, random_state=0).fit(X, y)
    >>> np.abs(model.predict(X)).round(1).tolist()
    [0.0, 1.0, 1.0, 0.0]
    """, more=_AFM_PARAMETERS)  # fmt: skip


class AFMClassifier(AFMBase, _Classifier):
    __doc__ = _documented("Attentional Factorization Machine for classes; AFM's y_hat is the logit.", """
    >>> from afm_numpy.encode import TableEncoder
    >>> table = {"sky": ["clear", "clear", "rain", "rain"], "roof": ["none", "glass", "none", "glass"]}
    >>> encoder = TableEncoder()
    >>> X, y = encoder.fit_transform(table), ["dry", "dry", "wet", "dry"]
    >>> model = AFMClassifier(lr=0.3, epochs=100, random_state=0).fit(X, y)
    >>> model.predict(X).tolist()
    ['dry', 'dry', 'wet', 'dry']
    >>> model.contributions(X).a.tolist()                             # one pair in a row: all attention is on it
    [[1.0], [1.0], [1.0], [1.0]]
    """, _CLASSES, _AFM_PARAMETERS)  # fmt: skip
