"""The training loop, for FM and AFM alike: mini-batches, validation, early stopping, a history."""

import copy
import dataclasses
import sys
import time
import warnings
from typing import NamedTuple

import numpy as np
from tqdm import tqdm

from . import dropout, losses, metrics, optim
from ._checks import check_kind, check_size, row_values
from ._fit_checks import check_arguments, check_state, training_rows
from .batch import Batch
from .fast.threads import one_blas_thread
from .params import check_params
from .rowgrad import RowGrad, add_grads

__all__ = ["Diverged", "Result", "evaluate", "fit", "objective", "predict"]

ADVICE = "try a smaller learning rate, or scale the values"


class Diverged(ArithmeticError):
    """Something turned NaN or infinite during training; the message names the epoch and the array."""


class Result(NamedTuple):
    """What `fit` returns.

    Parameters
    ----------
    params : dict
        The parameters of the best epoch when there is a validation part, else of the last.
    history : list of dict
        One entry an epoch: epoch (from 1), loss (of the training rows, before each step, without L2), seconds,
        and with a validation part valid_loss and the named metrics as valid_<metric>.
    best_epoch : int
        The epoch of `params`; 0 when no epoch was run.
    state : dict
        The optimizer's state after the last epoch.
    last_params : dict
        The parameters after the last epoch: together with `state`, where training can go on.
    """

    params: dict
    history: list
    best_epoch: int
    state: dict
    last_params: dict


def objective(
    model, params, batch, y, *, loss="squared", reduction="mean", l2=None, weight=None, drop=dropout.Dropout()
):
    """Data loss, L2 penalty and all gradients on one batch: one step of training without the step.

    Returns
    -------
    data_loss, penalty : float
        The objective is their sum.
    grads : dict

    Examples
    --------
    >>> from afm_numpy import Batch, Model
    >>> batch = Batch.from_lists([[0, 1], [1]], n=2)
    >>> params = {"w0": np.array(0.0), "w": np.zeros(2), "V": np.ones((2, 1))}
    >>> data_loss, penalty, grads = objective(Model("fm"), params, batch, np.array([1.0, 1.0]), l2={"V": 0.5})
    >>> float(data_loss), float(penalty)
    (0.5, 1.0)
    """
    forward, backward = losses.get(loss)
    y_hat, cache = model.forward(params, batch, drop=drop)
    data_loss = forward(y_hat, y, reduction, weight)
    grads = model.backward(backward(y_hat, y, reduction, weight), cache)
    if not l2:
        return data_loss, 0.0, grads
    penalty = losses.l2_forward(params, l2, batch.touched)
    return data_loss, penalty, add_grads(grads, losses.l2_backward(params, l2, batch.touched))


def fit(
    model, params, batch, y, *, rng, loss="squared", optimizer=optim.Adagrad(), epochs=20, batch_size=512, keep=None,
    l2=None, reduction="mean", weight=None, valid=None, monitor="loss", report=(), patience=None, state=None,
    verbose=False, callback=None,
):  # fmt: skip
    """Train by mini-batches.

    Parameters
    ----------
    model : Model
    params : dict
        Where to start, for example `model.init_params(rng, batch, k=8)`. Not changed.
    batch : Batch
        The training rows.
    y : (B,) array
        Targets; 0 or 1 for the logistic loss.
    rng : numpy.random.Generator
        Shuffles the rows and draws the dropout masks.
    loss : {"squared", "logistic"}
    optimizer : optim.SGD, optim.Adagrad or optim.Adam
    epochs, batch_size : int
        The last batch of an epoch may be smaller; no row is left out.
    keep : dict of str to float, optional
        Probability to keep a unit at the dropout sites "interactions", "attention", "pooled".
    l2 : dict of str to float, optional
        Weights of the penalty for "W", "w" and "V"; see `losses.l2_forward`.
    reduction : {"mean", "sum"}
        Of the data loss over a batch.
    weight : (B,) array, optional
        Weight of each row.
    valid : (Batch, y), optional
        Rows to judge every epoch by. The parameters of the best epoch are returned.
    monitor : str
        What decides which epoch is best: "loss" or a name of `metrics.METRICS`. This, `report` and `patience`
        need `valid`.
    report : sequence of str
        More metrics to write into the history.
    patience : int, optional
        Stop after so many epochs without a new best, at least 1.
    state : dict, optional
        Optimizer state to go on from: that of the same optimizer, for parameters of these shapes. Not changed.
    verbose : bool
        Show a progress bar on standard error.
    callback : callable, optional
        Called as callback(row of the history, params, state) after each epoch, with the parameters and the
        optimizer's state as they stand then; training stops when it returns True.

    Returns
    -------
    Result

    Raises
    ------
    ValueError
        For rows that do not fit the parameters, targets that do not fit the rows or the loss, unknown names,
        sizes below 1, and a state of another optimizer or of other parameters.
    TypeError
        For parameters that are not arrays of floats, and other arguments of a wrong type.
    Diverged
        When the loss, a gradient, a parameter or the loss of `valid` turns NaN or infinite.

    Examples
    --------
    >>> from afm_numpy import Batch, Model
    >>> rng = np.random.default_rng(0)
    >>> batch = Batch.from_lists([[0, 2], [0, 3], [1, 2], [1, 3]])             # XOR
    >>> y = np.array([0.0, 1.0, 1.0, 0.0])
    >>> model = Model("fm")
    >>> params = model.init_params(rng, batch, k=1, std=0.5)
    >>> result = fit(model, params, batch, y, rng=rng, optimizer=optim.Adagrad(lr=0.3), epochs=200)
    >>> predict(model, result.params, batch).round(2).tolist()
    [0.0, 1.0, 1.0, 0.0]
    """
    keep, l2 = keep or {}, l2 or {}
    check_arguments(params, batch, rng, keep, l2, valid, report, callback)
    batch, y, weight = training_rows(model, params, batch, y, loss, weight)
    check_size("epochs", epochs)
    check_size("batch_size", batch_size)
    optimizer = optim.get(optimizer)
    if state is not None:
        check_state(optimizer, params, state)
    losses.check_reduction(reduction)
    dropout.check_keep(keep)
    if model.kind == "fm" and keep.keys() - {"pooled"}:
        raise ValueError(f"FM has dropout at the site pooled only; got {', '.join(keep)}")
    losses.l2_forward(params, l2, batch.touched[:0])
    if patience is not None:
        check_size("patience", patience)
    if valid is None and (patience is not None or report or monitor != "loss"):
        raise ValueError("patience, report and monitor need valid, the rows to judge every epoch by")
    judge = None if valid is None else _Judge(model, params, valid, loss, monitor, report)
    model = _engine_for(model, keep)
    batch = model.prepare(batch)                            # numbered once; batches only select

    params = {name: value.copy() for name, value in params.items()}
    state = optim.init(optimizer, params) if state is None else copy.deepcopy(state)
    k = params["V"].shape[1]
    history, best, best_epoch = [], params, 0
    steps = -(-len(batch) // batch_size)
    bar = tqdm(total=epochs * steps, disable=not verbose, unit="step", file=sys.stderr)
    with one_blas_thread(), bar, np.errstate(over="ignore", invalid="ignore"):
        for epoch in range(1, epochs + 1):
            start, total = time.perf_counter(), 0.0
            order = rng.permutation(len(batch))
            for at in range(0, len(batch), batch_size):
                rows = order[at : at + batch_size]
                part, part_weight = batch[rows], None if weight is None else weight[rows]
                drop = dropout.draw(rng, part, k, keep)
                data_loss, _, grads = objective(
                    model, params, part, y[rows], loss=loss, reduction=reduction, l2=l2, weight=part_weight, drop=drop
                )
                if not np.isfinite(data_loss):
                    raise _diverged(epoch, params, grads)
                optim.step(optimizer, params, grads, state)
                share = len(rows) if weight is None else float(part_weight.sum())
                total += float(data_loss) * (share if reduction == "mean" else 1.0)
                bar.update()
            if not all(np.isfinite(value).all() for value in params.values()):
                raise _diverged(epoch, params, grads)
            row = {"epoch": epoch, "loss": total / (len(batch) if weight is None else float(weight.sum()))}
            if judge:
                row |= judge(params)
                if not np.isfinite(row["valid_loss"]):
                    raise Diverged(f"epoch {epoch}: the loss of the validation part is not finite; {ADVICE}")
            row["seconds"] = time.perf_counter() - start
            history.append(row)
            bar.set_postfix({key: f"{value:.4f}" for key, value in row.items() if key.endswith("loss")})
            stop = callback is not None and callback(row, params, state)
            if judge is None or judge.is_best(row):
                best_epoch = epoch
                best = {name: value.copy() for name, value in params.items()} if judge else params
            if stop or (patience is not None and epoch - best_epoch >= patience):
                break
    return Result(best, history, best_epoch, state, params)


def predict(model, params, batch, chunk=4096):
    """The raw output y_hat (B,) for any number of rows, `chunk` rows at a time.

    Examples
    --------
    >>> from afm_numpy import Batch, Model
    >>> params = {"w0": np.array(0.5), "w": np.zeros(2), "V": np.ones((2, 1))}
    >>> predict(Model("fm"), params, Batch.from_lists([[0, 1], [1]], n=2)).tolist()
    [1.5, 0.5]
    """
    check_kind("batch", batch, Batch, "a Batch (Batch.from_dense makes one of an array)")
    check_params(params, model.shapes)
    check_size("chunk", chunk)
    return model.predict(params, batch.astype(params["V"].dtype), chunk=chunk)


def evaluate(model, params, batch, y, names=None, *, loss="squared"):
    """Metrics of a model on rows with known targets, by name; all those of its loss when `names` is not given.

    What `metrics.check` says holds here: metrics of another loss are refused, and one that does not exist for these
    rows is left out with a warning.

    Examples
    --------
    >>> from afm_numpy import Batch, Model
    >>> params = {"w0": np.array(0.5), "w": np.zeros(2), "V": np.ones((2, 1))}
    >>> evaluate(Model("fm"), params, Batch.from_lists([[0, 1], [1]], n=2), np.array([1.5, 1.5]))
    {'rmse': 0.7071067811865476, 'mae': 0.5}
    """
    y = row_values(y, len(batch), "y")
    return metrics.measure(loss, y, predict(model, params, batch), names)


class _Judge:
    """Validation of one epoch, and the memory of the best one."""

    def __init__(self, model, params, valid, loss, monitor, report):
        self.model, self.loss, self.monitor = model, loss, monitor
        batch, y = valid
        self.batch, self.y, _ = training_rows(model, params, batch, y, loss, None, "of the validation part")
        self.batch = model.prepare(self.batch)
        self.names = list(dict.fromkeys([*report, *([] if monitor == "loss" else [monitor])]))
        self.sign = -1 if monitor != "loss" and metrics.get(monitor).larger_is_better else 1
        self.names = metrics.check(self.names, loss, self.y)
        if monitor not in ("loss", *self.names):
            raise ValueError(f"{monitor} cannot decide which epoch is best, because it does not exist for these rows")
        self.best = np.inf

    def __call__(self, params):
        y_hat = predict(self.model, params, self.batch)
        row = {"valid_loss": float(losses.get(self.loss).forward(y_hat, self.y))}
        return row | {f"valid_{name}": float(metrics.get(name).of(self.y, y_hat)) for name in self.names}

    def is_best(self, row):
        value = self.sign * row[f"valid_{self.monitor}"]
        if not value < self.best:
            return False
        self.best = value
        return True


def _engine_for(model, keep):
    """The dense engine when dropout gives every pair of every row a mask of its own."""
    sites = [site for site in ("interactions", "attention") if keep.get(site, 1.0) < 1.0]
    if model.kind == "fm" or model.engine == "dense" or not sites:
        return model
    warnings.warn(
        f"dropout on the {' and the '.join(sites)} differs from row to row: training takes the dense engine, "
        'which is slower; Model(..., engine="dense") asks for it without this warning',
        stacklevel=3,
    )
    return dataclasses.replace(model, engine="dense")


def _diverged(epoch, params, grads):
    """Name the first array that is not finite."""
    arrays = {f"parameter {name}": value for name, value in params.items()}
    arrays |= {f"the gradient of {name}": g.values if isinstance(g, RowGrad) else g for name, g in grads.items()}
    guilty = [name for name, value in arrays.items() if not np.isfinite(value).all()]
    what = guilty[0] if guilty else "the loss"
    return Diverged(f"epoch {epoch}: {what} is NaN or infinite; {ADVICE}")
