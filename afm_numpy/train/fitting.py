"""`fit`: the training loop with checks before it and validation, history, stopping and going on around it."""

import copy
import dataclasses
import time
from typing import Any

import numpy as np

from .. import losses, metrics, optim
from .._checks import check_kind, check_size, warn
from .._types import Array, ArrayLike, Loss, Params
from ..batch import Batch
from ..dropout import PAIR_SITES
from ..fast.threads import own_threads
from ..models import Model
from .checks import check_state, training_rows, weights
from .loop import ADVICE, one_epoch
from .predicting import predict
from .settings import Diverged, Objective, PoorFit, Progress, Result, Watch
from .showing import Shown


def fit(
    model: Model, params: Params | Progress, batch: Batch, y: ArrayLike, *, rng: np.random.Generator,
    loss: Loss | Objective = "squared", optimizer: optim.Optimizer = optim.Adagrad(), epochs: int = 20,
    batch_size: int = 512, watch: Watch = Watch(),
) -> Result:  # fmt: skip
    """Train by mini-batches.

    Parameters
    ----------
    model : Model
    params : dict or Progress
        Where to start, for example `model.init_params(rng, batch, k=8)`, or where to go on, for example `Result.last`
        of an earlier call. Not changed.
    batch : Batch
        The training rows.
    y : (B,) array
        Targets; 0 or 1 for the logistic loss.
    rng : numpy.random.Generator
        Shuffles the rows and draws the dropout masks.
    loss : {"squared", "logistic"} or Objective
        An `Objective` adds L2, dropout and weights of the rows to a loss.
    optimizer : optim.SGD, optim.Adagrad or optim.Adam
    epochs, batch_size : int
        The last batch of an epoch may be smaller; no row is left out.
    watch : Watch
        Validation rows, what is reported, and when to stop early.

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
        When the loss, a gradient, a parameter or the loss of the validation rows turns NaN or infinite.

    Warns
    -----
    PoorFit
        At the end, when the model is worse on its training rows than the best constant for all of them, or no better
        for a target whose spread is above 1000, which steps of usual size do not reach. To know it, the training rows
        are predicted once, without dropout; not where the history is well below the constant.

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
    goal = loss if isinstance(loss, Objective) else Objective(loss)
    start = params if isinstance(params, Progress) else Progress(params, None)
    check_kind("model", model, Model, "a Model, such as Model(\"fm\")")
    check_kind("params", start.params, dict, "a dict of arrays, or a Progress")
    check_kind("rng", rng, np.random.Generator, "a numpy.random.Generator, such as numpy.random.default_rng(0)")
    check_kind("watch", watch, Watch, "a Watch, such as Watch(valid=(batch, y), patience=4)")
    batch, y = training_rows(model, start.params, batch, y, goal.loss)
    goal = dataclasses.replace(goal, weight=weights("weight", goal.weight, len(batch), y.dtype))
    if watch.valid is not None:
        valid = training_rows(model, start.params, *watch.valid, goal.loss, "of the validation part")
        watch = dataclasses.replace(watch, valid=valid)
    return run(
        model, start, batch, y, rng=rng, goal=goal, optimizer=optim.get(optimizer), epochs=epochs,
        batch_size=batch_size, watch=watch,
    )  # fmt: skip


def run(
    model: Model, start: Progress, batch: Batch, y: Array, *, rng: np.random.Generator, goal: Objective,
    optimizer: optim.Optimizer, epochs: int, batch_size: int, watch: Watch,
) -> Result:  # fmt: skip
    """`fit` for rows, targets and weights that were checked and have the dtype of the parameters."""
    params, state = {name: start.params[name].copy() for name in model.shapes}, start.state
    check_size("epochs", epochs)
    check_size("batch_size", batch_size)
    losses.l2_forward(params, goal.l2, np.zeros(0, np.intp))                 # refuses names that the model lacks
    if state is not None:
        check_state(optimizer, params, state)
    judge = _Judge(model, watch, goal.loss)
    trained = _with_engine_for(model, goal)
    trained.check_memory(params, batch, batch_size)
    batch = trained.prepare(batch)                          # numbered once; batches only select

    state = optim.init(optimizer, params) if state is None else copy.deepcopy(state)
    history: list[dict[str, Any]] = []
    best, best_epoch = params, 0
    shown = Shown(epochs, -(-len(batch) // batch_size), watch.verbose)
    with own_threads(), shown, np.errstate(over="ignore", invalid="ignore"):
        for epoch in range(1, epochs + 1):
            began = time.perf_counter()
            try:
                mean_loss = one_epoch(
                    trained, params, batch, y, rng=rng, goal=goal, optimizer=optimizer, state=state,
                    batch_size=batch_size, after_step=shown.bar.update,
                )  # fmt: skip
                row = {"epoch": epoch, "loss": mean_loss} | judge(params)
            except Diverged as error:
                raise Diverged(f"epoch {epoch}: {error}") from None
            row["seconds"] = time.perf_counter() - began
            history.append(row)
            shown.epoch(row)
            stop = watch.callback is not None and watch.callback(row, params, state)
            if judge.is_best(row):
                best_epoch = epoch
                best = {name: value.copy() for name, value in params.items()} if watch.valid else params
            if stop or (watch.patience is not None and epoch - best_epoch >= watch.patience):
                break
        poor = watch.warn and _warn_if_poor(trained, best, batch, y, goal, history[best_epoch - 1]["loss"])
    return Result(best, history, best_epoch, Progress(params, state), poor)


class _Judge:
    """Validation of one epoch, and the memory of the best one; without validation rows the last epoch is the best."""

    def __init__(self, model: Model, watch: Watch, loss: Loss) -> None:
        self.model, self.monitor, self.best, self.valid = model, watch.monitor, np.inf, watch.valid
        if watch.valid is None:
            return
        batch, self.y = watch.valid[0], np.asarray(watch.valid[1])
        self.forward, self.batch = losses.get(loss).forward, model.prepare(batch)
        self.names = list(dict.fromkeys([*watch.report, *([] if watch.monitor == "loss" else [watch.monitor])]))
        self.names = metrics.check(self.names, loss, self.y)
        if watch.monitor not in ("loss", *self.names):
            raise ValueError(
                f"{watch.monitor} cannot decide which epoch is best, because it does not exist for the validation rows"
            )
        self.sign = -1 if watch.monitor != "loss" and metrics.get(watch.monitor).larger_is_better else 1

    def __call__(self, params: Params) -> dict[str, float]:
        if self.valid is None:
            return {}
        y_hat = predict(self.model, params, self.batch)
        loss = float(self.forward(y_hat, self.y))
        if not np.isfinite(loss):
            raise Diverged(f"the loss of the validation part is not finite; {ADVICE}")
        named = {f"valid_{name}": float(metrics.get(name).of(self.y, y_hat)) for name in self.names}
        return {"valid_loss": loss} | named

    def is_best(self, row: dict[str, float]) -> bool:
        if self.valid is None:
            return True
        value = self.sign * row[f"valid_{self.monitor}"]
        if not value < self.best:
            return False
        self.best = value
        return True


def _with_engine_for(model: Model, goal: Objective) -> Model:
    """The dense engine when dropout gives every pair of every row a mask of its own."""
    trained = model.for_dropout(goal.keep)
    if trained is not model:
        sites = " and the ".join(site for site in PAIR_SITES if goal.keep.get(site, 1.0) < 1.0)
        warn(
            f"dropout on the {sites} differs from row to row: training takes the dense engine, "
            'which is slower; Model(..., engine="dense") asks for it without this warning'
        )
    return trained


def _warn_if_poor(model: Model, params: Params, batch: Batch, y: Array, goal: Objective, seen: float) -> bool:
    """Compare the loss of the training rows with that of the best constant; `seen` is what the history says of it."""
    forward, y = losses.get(goal.loss).forward, y.astype(np.float64)
    constant = losses.best_constant(goal.loss, y, goal.weight)
    best = float(forward(np.full_like(y, constant), y, "mean", goal.weight))
    if seen < 0.9 * best:
        return False
    reached = float(forward(model.predict(params, batch).astype(np.float64), y, "mean", goal.weight))
    size = float(np.average(y**2, weights=goal.weight))
    share = 1.01 if best < 1e6 else 0.99                    # 1 %: less is noise of the last steps
    poor = not reached <= (share * best if best > 1e-9 * size else 0.01 * size)
    if poor:
        warn(
            f"the model is no better on its own training rows than one constant: {goal.loss} loss {reached:.4g}, and "
            f"{best:.4g} with y_hat = {constant:.4g} for every row. It usually helps to scale the columns and the "
            "target to about the size of 1, to take a smaller learning rate, or to train for more epochs",
            PoorFit,
        )
    return poor
