"""Losses and the L2 penalty, each with its gradient.

The models return a raw y_hat; only the logistic loss and `sigmoid` know that it can be a logit.
Factors of 1/2 and reductions differ between papers and libraries. Ours, and how others convert:

    ours                               elsewhere                                       to get the same minimum
    mean of (y_hat - y)^2              the paper's eq. (7): the sum over the rows      lam_here = lam_there / B
    mean of (y_hat - y)^2              TensorFlow l2_loss(y - y_hat): half the sum     lam_here = 2 lam_there / B
    lam ||W||_F^2                      the paper's eq. (8): the same                   lam_here = lam_there
    lam ||W||_F^2                      Keras l2: the same                              lam_here = lam_there
    lam ||W||_F^2                      TensorFlow l2_loss(W): half a square            lam_here = lam_there / 2
    lam ||W||_F^2, in the gradient     PyTorch weight_decay adds wd * W                lam_here = wd / 2
    lam on the rows a batch touches    libFM's SGD: the features of each row           the same scope, "touched"
    lam on all rows of w and V         PyTorch weight_decay, Keras l2: every step      l2_scope="table"

When you switch from the mean to the sum over B rows, multiply lam by B.
"""

import sys
from collections.abc import Callable, Iterator, Mapping
from functools import partial
from typing import Any, NamedTuple

import numpy as np
from scipy import special

from ._checks import REAL, array, check_choice, check_kind, check_number, check_numbers
from ._types import Array, Float, Grads, Params, Reduction
from .rowgrad import RowGrad, check_rows

__all__ = [
    "LOSSES", "Loss", "best_constant", "check_reduction", "check_targets", "check_weight", "get", "l2_backward",
    "l2_forward", "logistic_backward", "logistic_forward", "sigmoid", "squared_backward", "squared_forward",
]  # fmt: skip


# ---- squared loss, eq. (7) -----------------------------------------------------------------------------


def squared_forward(
    y_hat: Array, y: Array, reduction: Reduction = "mean", weight: Array | None = None, *, checked: bool = False
) -> Any:
    """Squared loss (y_hat - y)^2, without 1/2, eq. (7).

    Parameters
    ----------
    y_hat, y : (B,) arrays
    reduction : {"mean", "sum"}
        Over the rows.
    weight : (B,) array, optional
        Weight of each row; the mean is then sum(weight * loss) / sum(weight), and 0 when all weights are 0.
    checked : bool
        True says that the values were checked before, as training does once for all rows; shapes are always compared.

    Returns
    -------
    float
        Or complex, for complex y_hat.

    Raises
    ------
    ValueError, TypeError
        For arrays of different shapes, masks, values that are not finite, negative weights, an unknown reduction.

    Examples
    --------
    >>> float(squared_forward(np.array([1.0, 4.0]), np.array([0.0, 2.0])))
    2.5
    """
    share = _share("squared", y_hat, y, reduction, weight, checked)
    return ((y_hat - y) ** 2 * share).sum()


def squared_backward(
    y_hat: Array, y: Array, reduction: Reduction = "mean", weight: Array | None = None, *, checked: bool = False
) -> Array:
    """dy_hat = 2 (y_hat - y), times the share of the row: (B,). Arguments as in `squared_forward`."""
    share = _share("squared", y_hat, y, reduction, weight, checked)
    return 2 * (y_hat - y) * share


# ---- logistic loss -------------------------------------------------------------------------------------


def logistic_forward(
    y_hat: Array, y: Array, reduction: Reduction = "mean", weight: Array | None = None, *, checked: bool = False
) -> Any:
    """Logistic loss log(1 + exp(y_hat)) - y y_hat for y in {0, 1}; y_hat is the logit.

    Evaluated as [max(y_hat, 0) - y y_hat] + log(1 + exp(-|y_hat|)), which neither overflows nor loses digits:
    for a row that is predicted right, the bracket is exactly 0. Arguments, result and errors are those of
    `squared_forward`; a y that is neither 0 nor 1 is refused too.

    Examples
    --------
    >>> float(logistic_forward(np.array([1e4, -1e4]), np.array([1.0, 0.0])))
    0.0
    """
    share = _share("logistic", y_hat, y, reduction, weight, checked)
    positive = y_hat.real > 0
    linear = np.where(positive, y_hat, 0) - y * y_hat
    rest = np.log1p(np.exp(np.where(positive, -y_hat, y_hat)))
    return ((linear + rest) * share).sum()


def logistic_backward(
    y_hat: Array, y: Array, reduction: Reduction = "mean", weight: Array | None = None, *, checked: bool = False
) -> Array:
    """dy_hat = sigmoid(y_hat) - y, times the share of the row: (B,). Arguments as in `logistic_forward`.

    For y = 1 it is evaluated as -sigmoid(-y_hat): sigmoid(y_hat) - 1 would lose the digits of a confident row.

    Examples
    --------
    >>> logistic_backward(np.array([40.0, 40.0]), np.array([0.0, 1.0]), "sum").tolist()
    [1.0, -4.248354255291589e-18]
    """
    share = _share("logistic", y_hat, y, reduction, weight, checked)
    return np.where(y == 1, -sigmoid(-y_hat), sigmoid(y_hat)) * share


def sigmoid(y_hat: Array) -> Array:
    """1 / (1 + exp(-y_hat)), the probability that a logit stands for."""
    return special.expit(y_hat)


# ---- the L2 penalty, eq. (8) ---------------------------------------------------------------------------


def l2_forward(params: Params, lam: Mapping[str, Float], rows: Array | None) -> Any:
    """lam ||theta||_F^2 without 1/2, eq. (8), once a batch: for W, and for w and V over the rows the batch touches.

    Parameters
    ----------
    params : dict
    lam : dict of str to float
        Weights, by the names "W", "w" and "V".
    rows : (U,) integer array or None
        The distinct ids of the batch, `Batch.touched`. None takes all rows of w and V, as weight decay does elsewhere;
        that is another model, and each step then costs O(n k).

    Returns
    -------
    float

    Examples
    --------
    >>> float(l2_forward({"V": np.array([[1.0], [2.0], [3.0]])}, {"V": 0.1}, np.array([0, 2])).round(6))
    1.0
    """
    return sum(weight * (theta**2).sum() for _, weight, theta in _penalised(params, lam, rows))


def l2_backward(params: Params, lam: Mapping[str, Float], rows: Array | None) -> Grads:
    """Gradients of l2_forward, 2 lam theta: a dict, with RowGrad for w and V unless rows is None."""
    grads = {name: 2 * weight * theta for name, weight, theta in _penalised(params, lam, rows)}
    return {name: g if name == "W" or rows is None else RowGrad(rows, g) for name, g in grads.items()}


def _penalised(params: Params, lam: Mapping[str, Float], rows: Array | None) -> Iterator[tuple[str, Float, Array]]:
    check_kind("lam", lam, Mapping, 'a dict, such as {"V": 1e-4}')
    if rows is not None:
        n = min([len(params[name]) for name in {"w", "V"} & params.keys()], default=sys.maxsize)
        check_rows(rows, n, "the L2 penalty")
    for name, weight in lam.items():
        if name not in ("W", "w", "V"):
            raise ValueError(f"L2 applies to W, w and V; got {name!r}")
        check_number(f"the L2 weight of {name}", weight, "finite and not negative", lambda weight: weight >= 0)
        if name not in params:
            raise ValueError(f"L2 names {name!r}, which this model does not have; it has {', '.join(params)}")
        yield name, weight, params[name] if name == "W" or rows is None else params[name][rows]


# ---- by name -------------------------------------------------------------------------------------------


class Loss(NamedTuple):
    """What training needs of a loss. The two functions compare shapes; the values were checked before."""

    forward: Callable[..., Any]
    backward: Callable[..., Array]
    constant: Callable[[Array, Array | None], float]  # see `best_constant`
    labels: bool  # y must be 0 or 1


def _mean(y: Array, weight: Array | None) -> float:
    with np.errstate(over="ignore"):
        mean = float(np.average(y, weights=weight))
    if not np.isfinite(mean):
        raise ValueError("the mean of y is beyond float64; divide y by its largest number")
    return mean


def _log_odds(y: Array, weight: Array | None) -> float:
    share = np.array([np.average(y == 1, weights=weight), np.average(y == 0, weights=weight)])
    ones, zeros = share.clip(0.5 / len(y), 1 - 0.5 / len(y))
    return float(np.log(ones / zeros))                       # not log(ones / (1 - ones)), which loses digits near 1


LOSSES = {
    "squared": Loss(partial(squared_forward, checked=True), partial(squared_backward, checked=True), _mean, False),
    "logistic": Loss(
        partial(logistic_forward, checked=True), partial(logistic_backward, checked=True), _log_odds, True
    ),
}  # fmt: skip


def get(loss: str) -> Loss:
    """The functions behind a name; refuses one that does not exist."""
    check_choice("loss", loss, LOSSES)
    return LOSSES[loss]


# ---- what is refused -----------------------------------------------------------------------------------


def check_reduction(reduction: str) -> None:
    """Refuse a reduction that does not exist."""
    check_choice("reduction", reduction, ("mean", "sum"))


def check_targets(loss: str, y: Array) -> None:
    """Refuse targets that the loss is not made for: the logistic loss wants 0 or 1, the squared loss finite numbers."""
    if get(loss).labels:
        _refuse((y != 0) & (y != 1), f"the {loss} loss wants 0 or 1", "y", y)
    _refuse(~np.isfinite(y), "it must be a finite number", "y", y)


def check_weight(weight: Array, name: str = "weight") -> None:
    """Refuse weights of rows that are negative or not finite, or that are so large that their sum is not finite."""
    _refuse(~((weight >= 0) & np.isfinite(weight)), "it must be finite and not negative", name, weight)
    with np.errstate(over="ignore"):
        if not np.isfinite(weight.sum()):
            raise ValueError(f"the sum of {name} is not finite; divide the weights by the largest")


def _refuse(bad: Array, words: str, name: str, values: Array) -> None:
    if bad.any():
        row = np.argmax(bad)
        raise ValueError(f"row {row}: {name} is {values[row]}; {words}")


def _check_rows(loss: str, checked: bool = False, **given: Array | None) -> None:
    """Refuse arrays that do not have one number for each row, and wrong numbers, unless these were checked before."""
    arrays = {name: values for name, values in given.items() if values is not None}
    for name, values in arrays.items():
        check_kind(name, values, np.ndarray, "an array")
    shapes = {values.shape for values in arrays.values()}
    if len(shapes) > 1 or len(min(shapes)) != 1:
        found = ", ".join(f"{name} {values.shape}" for name, values in arrays.items())
        raise ValueError(f"a loss wants one number for each row, in arrays of one shape (B,); got {found}")
    for name, values in () if checked else arrays.items():
        array(values)                                        # refuses masks
        if name == "y_hat":
            if values.dtype.kind not in "fc" or values.dtype == np.float16:          # y_hat - y would wrap or overflow
                raise TypeError(f"y_hat must be float32, float64 or complex; got {values.dtype}")
            _refuse(~np.isfinite(values), "it must be a finite number", name, values)
            continue
        check_numbers(values.dtype, REAL, name)
        check_targets(loss, values) if name == "y" else check_weight(values)


def _share(
    loss: str, y_hat: Array, y: Array, reduction: str, weight: Array | None, checked: bool
) -> Array | float:
    """By what the loss of a row is multiplied: 1 or 1/B, times its weight. Refuses arrays that do not fit together."""
    check_reduction(reduction)
    _check_rows(loss, checked, y_hat=y_hat, y=y, weight=weight)
    if reduction == "mean" and not len(y):
        raise ValueError("the mean of no rows does not exist")
    if weight is not None:
        return weight if reduction == "sum" else weight / (weight.sum() or 1.0)  # all weights 0: nothing counts
    return 1.0 if reduction == "sum" else 1.0 / len(y)


# ---- the constant to start from ------------------------------------------------------------------------


def best_constant(loss: str, y: Array, weight: Array | None = None) -> float:
    """The w0 that minimises the loss without any feature: the mean, or its log-odds for the logistic loss.

    When all y are of one class, the odds are those of a data set in which half a row disagrees.

    Examples
    --------
    >>> best_constant("squared", np.array([1.0, 2.0]))
    1.5
    >>> round(best_constant("logistic", np.array([0, 0, 0, 1])), 6)        # log(0.25 / 0.75)
    -1.098612
    """
    _check_rows(loss, y=y, weight=weight)
    if not np.any(weight if weight is not None else len(y)):
        raise ValueError("the best constant needs a row that counts: there is none, or all weights are 0")
    return get(loss).constant(y, weight)
