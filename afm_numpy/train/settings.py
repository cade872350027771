"""The options of `fit` in groups, what it returns, and what it has to say when training goes wrong."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import numpy as np

from .. import dropout, losses
from .._checks import check_choice, check_kind, check_size
from .._types import Array, ArrayLike, L2Scope, Loss, Params, Reduction
from ..batch import Batch


class Diverged(ArithmeticError):
    """A number became NaN or infinite during training. The message names the epoch and the array."""


class PoorFit(UserWarning):
    """The trained model is no better on its own training rows than one constant for all of them."""


@dataclass(frozen=True)
class Objective:
    """What training makes small: the loss, with L2 and dropout against overfitting.

    Parameters
    ----------
    loss : {"squared", "logistic"}
    l2 : dict of str to float
        Weights of the penalty for "W", "w" and "V"; see `losses.l2_forward`.
    l2_scope : {"touched", "table"}
        Which rows of w and V a step penalises: those of the features in its batch, or all n. All of them is what
        weight decay in PyTorch and TensorFlow does; a step then costs O(n k).
    keep : dict of str to float
        Dropout: the probability to keep a unit at the sites "interactions", "attention", "pooled".
    reduction : {"mean", "sum"}
        Of the loss over the rows of a batch.
    weight : (B,) array, optional
        Weight of each training row.

    Examples
    --------
    >>> Objective("logistic", l2={"V": 1e-4}, keep={"pooled": 0.7}).reduction
    'mean'
    """

    loss: Loss = "squared"
    l2: dict[str, float] = field(default_factory=dict)
    l2_scope: L2Scope = "touched"
    keep: dict[str, float] = field(default_factory=dict)
    reduction: Reduction = "mean"
    weight: Array | None = field(default=None, compare=False)

    def __post_init__(self) -> None:
        losses.get(self.loss)
        check_kind("l2", self.l2, dict, 'a dict, such as {"V": 1e-4}')
        check_choice("l2_scope", self.l2_scope, ("touched", "table"))
        dropout.check_keep(self.keep)
        losses.check_reduction(self.reduction)


class Progress(NamedTuple):
    """How far training has come: `fit` goes on from here when it gets this in the place of `params`.

    Parameters
    ----------
    params : dict
    state : dict or None
        The optimizer's state, that of the same optimizer for parameters of these shapes. None starts a new one.
    """

    params: Params
    state: dict[str, Any] | None


@dataclass(frozen=True)
class Watch:
    """What happens after every epoch: validation, a report, and the decision to stop.

    Parameters
    ----------
    valid : (Batch, y), optional
        Rows to judge every epoch by. The parameters of the best epoch are returned.
    monitor : str
        What decides which epoch is best: "loss", or one of `metrics.of(loss)`. This, `report` and `patience` need
        `valid`.
    report : sequence of str
        More metrics to write into the history. One that does not exist for the rows of `valid`, such as the AUC of
        one class, is left out, and a warning says so.
    patience : int, optional
        Stop after so many epochs without a new best, at least 1.
    callback : callable, optional
        Called as callback(row of the history, params, state) after each epoch, with the parameters and the
        optimizer's state as they stand then; training stops when it returns True.
    verbose : bool
        Show progress on standard error: a bar in a terminal, elsewhere a line for an epoch, at most one a second.
    warn : bool
        Give a `PoorFit` warning when training ends with a poor result. Not wanted where training will go on.
    """

    valid: tuple[Batch, ArrayLike] | None = None
    monitor: str = "loss"
    report: Sequence[str] = ()
    patience: int | None = None
    callback: Callable[[dict[str, Any], Params, dict[str, Any]], object] | None = None
    verbose: bool = False
    warn: bool = True

    def __post_init__(self) -> None:
        check_kind("report", self.report, (list, tuple), "a list of names of metrics")
        check_kind("verbose", self.verbose, (bool, np.bool_, int), "True or False")
        if self.patience is not None:
            check_size("patience", self.patience)
        if self.callback is not None and not callable(self.callback):
            raise TypeError(f"callback must be a function; got {type(self.callback).__name__}")
        if self.valid is None:
            if self.patience is not None or self.report or self.monitor != "loss":
                raise ValueError("patience, report and monitor need valid, the rows to judge every epoch by")
        elif not (isinstance(self.valid, (tuple, list)) and len(self.valid) == 2):
            raise TypeError(f"valid must be a pair (batch, y); got {type(self.valid).__name__}")
        else:
            check_kind("the first part of valid", self.valid[0], Batch, "a Batch")


class Result(NamedTuple):
    """What `fit` returns.

    Parameters
    ----------
    params : dict
        The parameters of the best epoch when there is a validation part, else of the last.
    history : list of dict
        One entry an epoch: epoch (from 1), loss (of the training rows, before each step, without L2), seconds,
        and with a validation part valid_loss and the metrics as valid_<metric>.
    best_epoch : int
        The epoch of `params`.
    last : Progress
        Parameters and optimizer's state after the last epoch, from which training can go on.
    poor : bool
        A `PoorFit` warning was given.
    """

    params: Params
    history: list[dict[str, Any]]
    best_epoch: int
    last: Progress
    poor: bool = False
