"""How good predictions are: RMSE and MAE of numbers; log loss, AUC and accuracy of logits.

A metric takes the targets y and the raw output y_hat of a model, each (B,). Which metrics make sense is decided by
the loss that the model was trained with:

    squared     rmse, mae                   y is any number, and y_hat estimates it
    logistic    log_loss, auc, accuracy     y is 0 or 1, and y_hat is the logit of 1

`measure` computes metrics by name for a model of a given loss; `METRICS` lists them all.
"""

from collections.abc import Callable, Sequence
from typing import NamedTuple

import numpy as np

from . import losses
from ._checks import array, check_choice, check_kind, row_values, warn
from ._types import Array, ArrayLike, Float, Loss

__all__ = [
    "METRICS", "Metric", "UndefinedMetric", "accuracy", "auc", "check", "get", "log_loss", "mae", "measure", "of",
    "rmse",
]  # fmt: skip


class UndefinedMetric(UserWarning):
    """A metric does not exist for these targets, such as the AUC of rows of one class. It is left out."""


def rmse(y: ArrayLike, y_hat: ArrayLike) -> Float:
    """Root of the mean squared error.

    Raises
    ------
    ValueError
        When y or y_hat is not flat, they differ in length, have no rows, or hold NaN or infinity. All metrics do so.

    Examples
    --------
    >>> round(float(rmse(np.array([0.0, 0.0]), np.array([3.0, 4.0]))), 4)
    3.5355
    """
    y, y_hat = _rows(y, y_hat)
    return root_mean_square(y_hat - y)


def root_mean_square(values: Array, weight: Array | None = None) -> Float:
    """The root of the mean square, taken of values / max |values|: squares of the values themselves may leave float64.

    Examples
    --------
    >>> root_mean_square(np.array([3e200, 4e200])) / 1e200 * 2**0.5
    5.0
    """
    top = float(np.abs(values).max())
    return top * float(np.sqrt(np.average((values / top) ** 2, weights=weight))) if 0 < top < np.inf else top


def mae(y: ArrayLike, y_hat: ArrayLike) -> Float:
    """Mean absolute error."""
    y, y_hat = _rows(y, y_hat)
    return np.mean(np.abs(y_hat - y))


def log_loss(y: ArrayLike, y_hat: ArrayLike) -> Float:
    """Mean logistic loss of the logits y_hat, natural logarithm. Refuses labels other than 0 and 1.

    Warns when y_hat looks like probabilities, as `accuracy` does.

    Examples
    --------
    >>> float(log_loss(np.array([0, 1]), np.zeros(2)).round(4))           # log 2
    0.6931
    """
    y, y_hat = _labelled(y, y_hat)
    return losses.logistic_forward(y_hat, y)


def accuracy(y: ArrayLike, y_hat: ArrayLike) -> Float:
    """Share of rows whose logit is on the side of their class; a logit of exactly 0 counts as class 0.

    Refuses labels other than 0 and 1.
    """
    y, y_hat = _labelled(y, y_hat)
    return np.mean((y_hat > 0) == (y == 1))


def auc(y: ArrayLike, y_hat: ArrayLike) -> Float:
    """Area under the ROC curve: the chance that a random 1 is ranked above a random 0, ties counting one half.

        AUC = (sum of the ranks of the ones - n1 (n1 + 1) / 2) / (n1 n0),   ties share their mean rank

    Only the order of y_hat counts, so it may be any score.

    Raises
    ------
    ValueError
        When y holds one class only, or another label than 0 and 1.

    Examples
    --------
    >>> float(auc(np.array([0, 0, 1, 1]), np.array([0.1, 0.4, 0.35, 0.8])))
    0.75
    """
    score = array(y_hat)                                     # as given: float64 may make two large integers equal
    y, y_hat = _labelled(y, np.float64(score) if np.issubdtype(score.dtype, np.integer) else score, False)
    n1 = int(y.sum())
    n0 = y.size - n1
    if n1 == 0 or n0 == 0:
        raise ValueError(f"AUC needs both classes; y holds {n1} ones and {n0} zeros")
    _, group, count = np.unique(score, return_inverse=True, return_counts=True)
    rank = np.cumsum(count) - (count - 1) / 2
    return (rank[group][y == 1].sum() - n1 * (n1 + 1) / 2) / (n1 * n0)


class Metric(NamedTuple):
    """A metric, whether larger is better, and the loss of the models that it is for."""

    of: Callable[[ArrayLike, ArrayLike], Float]
    larger_is_better: bool
    loss: Loss


METRICS = {
    "rmse": Metric(rmse, False, "squared"),
    "mae": Metric(mae, False, "squared"),
    "log_loss": Metric(log_loss, False, "logistic"),
    "auc": Metric(auc, True, "logistic"),
    "accuracy": Metric(accuracy, True, "logistic"),
}


def get(metric: str) -> Metric:
    """The metric behind a name; refuses one that does not exist."""
    check_choice("metric", metric, METRICS)
    return METRICS[metric]


def of(loss: Loss) -> list[str]:
    """Which metrics fit the models that were trained with a loss, by name.

    Examples
    --------
    >>> of("squared")
    ['rmse', 'mae']
    """
    losses.get(loss)
    return [name for name, metric in METRICS.items() if metric.loss == loss]


def check(names: Sequence[str], loss: Loss, y: ArrayLike) -> list[str]:
    """The metrics of `names` that exist for the targets y; an `UndefinedMetric` warning names the others, once.

    Raises
    ------
    ValueError
        For an unknown name, a metric of another loss, and targets that the metric is not made for.

    Examples
    --------
    >>> check(["log_loss", "auc"], "logistic", np.array([0.0, 1.0]))
    ['log_loss', 'auc']
    >>> check(["auc"], "squared", np.array([0.0, 1.0]))
    Traceback (most recent call last):
    ValueError: auc is for models of the logistic loss; this one has the squared loss: choose from rmse, mae
    """
    check_kind("names", names, (list, tuple), "a list of names of metrics")
    y = row_values(y, np.size(y), "y")
    for name in names:
        if get(name).loss != loss:
            raise ValueError(
                f"{name} is for models of the {get(name).loss} loss; this one has the {loss} loss: "
                f"choose from {', '.join(of(loss))}"
            )
    losses.check_targets(loss, y)
    if "auc" in names and (y == y[:1]).all():
        warn(f"every row has the label {y[0]:g}, so there is no AUC; it is left out", UndefinedMetric)
        return [name for name in names if name != "auc"]
    return list(names)


def measure(loss: Loss, y: ArrayLike, y_hat: ArrayLike, names: Sequence[str] | None = None) -> dict[str, float]:
    """Metrics of the predictions of a model that was trained with `loss`, by name.

    Parameters
    ----------
    loss : {"squared", "logistic"}
    y, y_hat : (B,) arrays
        Targets, and the raw output of the model.
    names : sequence of str, optional
        All metrics of the loss when not given. See `check` for what is left out and what is refused.

    Examples
    --------
    >>> measure("squared", [0.0, 0.0], [3.0, 3.0])
    {'rmse': 3.0, 'mae': 3.0}
    """
    y, y_hat = _rows(y, y_hat)
    return {name: float(get(name).of(y, y_hat)) for name in check(of(loss) if names is None else names, loss, y)}


def _rows(y: ArrayLike, y_hat: ArrayLike) -> tuple[Array, Array]:
    """Both as (B,) float64: squares and sums of float32 would overflow, or lose digits."""
    targets: Array = row_values(y, np.size(y), "y")
    if not targets.size:
        raise ValueError("there are no rows to measure")
    return targets, row_values(y_hat, targets.size, "y_hat")


def _labelled(y: ArrayLike, y_hat: ArrayLike, logits: bool = True) -> tuple[Array, Array]:
    """As `_rows`, of labels. Warns of `logits` from 0 to 1 that are spread there and fit better as probabilities."""
    y, y_hat = _rows(y, y_hat)
    losses.check_targets("logistic", y)
    if logits and y_hat.min() >= 0 and 0.5 < np.ptp(y_hat) and y_hat.max() <= 1 and (y_hat % 1).any():
        with np.errstate(divide="ignore"):
            as_probabilities = -np.log(np.where(y == 1, y_hat, 1 - y_hat)).mean()
        if as_probabilities < losses.logistic_forward(y_hat, y):
            warn("y_hat looks like probabilities, but this metric wants logits, log(p / (1 - p))")
    return y, y_hat
