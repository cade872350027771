"""FM and AFM as estimators with scikit-learn's conventions, without importing scikit-learn.

They work where scikit-learn expects an estimator: pipelines, grid searches, cross-validation, calibration. Every
class is a thin layer over `train.fit`. A classifier for more than two classes is one-vs-rest: one dict of
parameters for each class.
"""

import numpy as np
from scipy import special

from . import inputs
from .base import AFMBase, FMBase

__all__ = ["AFMClassifier", "AFMRegressor", "FMClassifier", "FMRegressor"]


class _Regressor:
    """Squared loss; the prediction is y_hat."""

    _type, _loss = "regressor", "squared"

    def _heads(self, y, n_rows, fresh, classes):
        return inputs.targets(y, n_rows)[None]

    def partial_fit(self, X, y, sample_weight=None):
        """Go on training: one epoch over these rows. The first call fixes the number of features."""
        return self._train(X, y, sample_weight, not hasattr(self, "params_"), epochs=1, partial=True)

    def predict(self, X):
        """The prediction y_hat for each row: (B,)."""
        return self._raw(X)[0]

    def score(self, X, y, sample_weight=None):
        """R^2 = 1 - sum (y - y_hat)^2 / sum (y - mean y)^2; 0 or 1 when y is constant."""
        y_hat = self.predict(X)
        y = inputs.targets(y, len(y_hat))
        error = np.average((y - y_hat) ** 2, weights=sample_weight)
        spread = np.average((y - np.average(y, weights=sample_weight)) ** 2, weights=sample_weight)
        return float(1 - error / spread) if spread else float(error == 0)


class _Classifier:
    """Logistic loss; y_hat is the logit of the second of two classes, or of each class against the others."""

    _type, _loss = "classifier", "logistic"

    def _heads(self, y, n_rows, fresh, classes):
        y = inputs.labels(y, n_rows)
        if y.dtype.kind == "f" and (y != np.round(y)).any():
            raise ValueError("Unknown label type: continuous. A classifier wants discrete classes.")
        if fresh:
            try:
                self.classes_ = np.unique(y if classes is None else classes)
            except TypeError:
                raise TypeError("y holds labels of several types, or None; make them all numbers or all text") from None
            if len(self.classes_) < 2:
                raise ValueError(f"a classifier needs more than one class; y holds only {self.classes_.tolist()}")
        known = np.isin(y, self.classes_)
        if not known.all():
            first = y[~known].tolist()[0]
            raise ValueError(f"y holds {first!r}, which is not one of the classes {self.classes_.tolist()}")
        heads = y == self.classes_[:, None]                                                   # (C, B)
        return (heads if len(self.classes_) > 2 else heads[1:]).astype(np.float64)

    def partial_fit(self, X, y, classes=None, sample_weight=None):
        """Go on training: one epoch over these rows. The first call fixes the number of features and the classes.

        Give `classes` in the first call, unless its rows hold all of them.
        """
        return self._train(X, y, sample_weight, not hasattr(self, "params_"), epochs=1, classes=classes, partial=True)

    def decision_function(self, X):
        """The logit of the second class, (B,); with more than two classes one for each, (B, C)."""
        raw = self._raw(X)
        return raw.T if len(raw) > 1 else raw[0]

    def predict_proba(self, X):
        """The probability of each class, (B, C). One-vs-rest probabilities are divided by their sum."""
        raw = self._raw(X)
        if len(raw) == 1:
            return special.expit(raw * [[-1], [1]]).T
        return special.softmax(special.log_expit(raw), axis=0).T

    def predict(self, X):
        """The class of the largest probability for each row: (B,)."""
        raw = self._raw(X)
        return self.classes_[raw.argmax(axis=0) if len(raw) > 1 else (raw[0] > 0).astype(int)]

    def score(self, X, y, sample_weight=None):
        """Accuracy: the share of rows whose class is predicted."""
        y_hat = self.predict(X)
        return float(np.average(y_hat == inputs.labels(y, len(y_hat)), weights=sample_weight))


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
    params_ : list of dict
        The parameters: one dict, or with more than two classes one for each.{classes}
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
        call of fit or partial_fit; pairs that come later keep the weight 1. "field" needs rows whose slots
        mean fields: a Batch, or a dense array, of which each column is a field.
    p : float, optional
        Initial value of every entry of p. When not given, the mean number of pairs in a row for "network" and
        "uniform", because these divide by about that number, else 1."""

_CLASSES = """
    classes_ : (C,) array
        The labels, sorted."""


def _documented(summary, example, classes="", more=""):
    return f"{summary}\n{_PARAMETERS.format(classes=classes, more=more)}{example}"


class FMRegressor(_Regressor, FMBase):
    __doc__ = _documented("Factorization Machine for numbers; the prediction is FM's y_hat.", """
    >>> X, y = [[1, 0, 1, 0], [1, 0, 0, 1], [0, 1, 1, 0], [0, 1, 0, 1]], [0.0, 1.0, 1.0, 0.0]          # XOR
    >>> model = FMRegressor(k=1, std=0.5, lr=0.3, epochs=200, random_state=0).fit(X, y)
    >>> np.abs(model.predict(X)).round(1).tolist()
    [0.0, 1.0, 1.0, 0.0]
    """)  # fmt: skip


class FMClassifier(_Classifier, FMBase):
    __doc__ = _documented("Factorization Machine for classes; FM's y_hat is the logit.", """
    >>> X, y = [[1, 0, 1, 0], [1, 0, 0, 1], [0, 1, 1, 0], [0, 1, 0, 1]], ["no", "yes", "yes", "no"]    # XOR
    >>> model = FMClassifier(k=1, std=0.5, lr=0.3, epochs=200, random_state=0).fit(X, y)
    >>> model.predict(X).tolist()
    ['no', 'yes', 'yes', 'no']
    """, _CLASSES)  # fmt: skip


class AFMRegressor(_Regressor, AFMBase):
    __doc__ = _documented("Attentional Factorization Machine for numbers; the prediction is AFM's y_hat.", """
    >>> X, y = [[1, 0, 1, 0], [1, 0, 0, 1], [0, 1, 1, 0], [0, 1, 0, 1]], [0.0, 1.0, 1.0, 0.0]          # XOR
    >>> model = AFMRegressor(k=1, std=0.5, lr=0.3, epochs=200, random_state=0).fit(X, y)
    >>> np.abs(model.predict(X)).round(1).tolist()
    [0.0, 1.0, 1.0, 0.0]
    """, more=_AFM_PARAMETERS)  # fmt: skip


class AFMClassifier(_Classifier, AFMBase):
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
