"""How good predictions are: RMSE and MAE of numbers, log loss, AUC and accuracy of logits.

Every metric takes (y, y_hat) with the raw output y_hat of a model; for the last three y is 0 or 1 and y_hat
a logit. `METRICS[name]` is a metric with the direction in which it is better.
"""

from typing import NamedTuple

import numpy as np

from .losses import logistic_forward

__all__ = ["METRICS", "Metric", "accuracy", "auc", "get", "log_loss", "mae", "rmse"]


def rmse(y, y_hat):
    """Root of the mean squared error.

    Examples
    --------
    >>> float(rmse(np.array([0.0, 0.0]), np.array([3.0, 4.0])).round(4))
    3.5355
    """
    return np.sqrt(np.mean(_error(y, y_hat) ** 2))


def mae(y, y_hat):
    """Mean absolute error."""
    return np.mean(np.abs(_error(y, y_hat)))


def _error(y, y_hat):
    return np.subtract(y_hat, y, dtype=np.float64)          # float32 squares would overflow, and lose digits


def log_loss(y, y_hat):
    """Mean logistic loss of the logits y_hat, natural logarithm.

    Examples
    --------
    >>> float(log_loss(np.array([0, 1]), np.zeros(2)).round(4))           # log 2
    0.6931
    """
    return logistic_forward(np.asarray(y_hat, np.float64), y)


def accuracy(y, y_hat):
    """Share of rows whose logit is on the side of their class; a logit of exactly 0 counts as class 0."""
    return np.mean((y_hat > 0) == (y == 1))


def auc(y, y_hat):
    """Area under the ROC curve: the chance that a random 1 is ranked above a random 0, ties counting one half.

        AUC = (sum of the ranks of the ones - n1 (n1 + 1) / 2) / (n1 n0),   ties share their mean rank

    Raises
    ------
    ValueError
        When y holds one class only.

    Examples
    --------
    >>> float(auc(np.array([0, 0, 1, 1]), np.array([0.1, 0.4, 0.35, 0.8])))
    0.75
    """
    y = np.asarray(y) == 1
    n1 = int(y.sum())
    n0 = y.size - n1
    if n1 == 0 or n0 == 0:
        raise ValueError(f"AUC needs both classes; y holds {n1} ones and {n0} others")
    _, group, count = np.unique(y_hat, return_inverse=True, return_counts=True)
    rank = np.cumsum(count) - (count - 1) / 2
    return (rank[group][y].sum() - n1 * (n1 + 1) / 2) / (n1 * n0)


class Metric(NamedTuple):
    """A metric, and whether larger is better."""

    of: object
    larger_is_better: bool


METRICS = {
    "rmse": Metric(rmse, False),
    "mae": Metric(mae, False),
    "log_loss": Metric(log_loss, False),
    "auc": Metric(auc, True),
    "accuracy": Metric(accuracy, True),
}


def get(metric):
    """The metric behind a name; refuses one that does not exist."""
    if metric not in METRICS:
        raise ValueError(f"unknown metric {metric!r}; choose from {', '.join(METRICS)}")
    return METRICS[metric]
