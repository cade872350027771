"""The training loop: shuffle the rows, and take one step of the optimizer for each mini-batch.

`model.forward` and `model.backward` are those of the fast engine, unless the model says engine="dense". To read what
they calculate, open `afm.forward` and `afm.backward`, or those of `fm`: they give the same numbers.
"""

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from .. import dropout, losses, optim
from .._checks import check_size, row_values
from .._types import Array, Float, Grads, L2Scope, Loss, Params, Reduction
from ..batch import Batch
from ..models import Model
from ..rowgrad import RowGrad, add_grads
from .settings import Diverged, Objective

ADVICE = "try a smaller learning rate, or scale the values"


def objective(
    model: Model, params: Params, batch: Batch, y: Array, *, loss: Loss = "squared", reduction: Reduction = "mean",
    l2: Mapping[str, float] | None = None, l2_scope: L2Scope = "touched", weight: Array | None = None,
    drop: dropout.Dropout = dropout.Dropout(),
) -> tuple[Float, Float, Grads]:  # fmt: skip
    """Data loss, L2 penalty and all gradients on one batch: one step of training without the step.

    Returns
    -------
    data_loss, penalty : float
        The objective is their sum.
    grads : dict

    Raises
    ------
    ValueError
        For targets that do not fit the rows or the loss, and unknown names.

    Examples
    --------
    >>> from afm_numpy import Batch, Model
    >>> batch = Batch.from_lists([[0, 1], [1]], n=2)
    >>> params = {"w0": np.array(0.0), "w": np.zeros(2), "V": np.ones((2, 1))}
    >>> data_loss, penalty, grads = objective(Model("fm"), params, batch, np.array([1.0, 1.0]), l2={"V": 0.5})
    >>> float(data_loss), float(penalty)
    (0.5, 1.0)
    """
    goal = Objective(loss, dict(l2 or {}), l2_scope, reduction=reduction)
    losses.check_targets(loss, row_values(y, len(batch), "y"))
    if weight is not None:
        losses.check_weight(row_values(weight, len(batch), "weight"))
    return _objective(model, params, batch, np.asarray(y), goal, weight, drop)


def _objective(
    model: Model, params: Params, batch: Batch, y: Array, goal: Objective, weight: Array | None, drop: dropout.Dropout
) -> tuple[Float, Float, Grads]:
    """The same as `objective`, without its checks: training checks all rows once, before the first epoch."""
    forward, backward = losses.get(goal.loss)[:2]
    y_hat, cache = model.forward(params, batch, drop=drop)
    data_loss = forward(y_hat, y, goal.reduction, weight)
    grads = model.backward(backward(y_hat, y, goal.reduction, weight), cache)
    if not goal.l2:
        return data_loss, 0.0, grads
    rows = batch.touched if goal.l2_scope == "touched" else None
    penalty = losses.l2_forward(params, goal.l2, rows)
    return data_loss, penalty, add_grads(grads, losses.l2_backward(params, goal.l2, rows))


def one_step(
    model: Model, params: Params, batch: Batch, y: Array, weight: Array | None, *, rng: np.random.Generator,
    goal: Objective, optimizer: optim.Optimizer, state: dict[str, Any],
) -> float:  # fmt: skip
    """One mini-batch: dropout masks, gradients, and a step of the optimizer. Returns the data loss before the step."""
    drop = dropout.draw(rng, batch, params["V"].shape[1], goal.keep)
    data_loss, _, grads = _objective(model, params, batch, y, goal, weight, drop)
    if not np.isfinite(data_loss):
        raise _diverged(params, grads)
    optim.step(optimizer, params, grads, state, checked=True)
    return float(data_loss)


def one_epoch(
    model: Model, params: Params, batch: Batch, y: Array, *, rng: np.random.Generator, goal: Objective = Objective(),
    optimizer: optim.Optimizer, state: dict[str, Any], batch_size: int = 512,
    after_step: Callable[[], object] = lambda: None,
) -> float:  # fmt: skip
    """One pass over all rows in a new order. Writes into the arrays of `params` and `state`.

    Rows and targets are taken as they are; `fit` checks them before it calls this.

    Returns
    -------
    float
        The mean loss of a row, each taken before the step that its batch makes.

    Raises
    ------
    Diverged
        When the loss or a parameter turns NaN or infinite.

    Examples
    --------
    >>> from afm_numpy import Batch, Model
    >>> batch, y = Batch.from_lists([[0], [1]]), np.array([1.0, 3.0])
    >>> params = {"w0": np.array(0.0), "w": np.zeros(2), "V": np.zeros((2, 1))}
    >>> optimizer, rng = optim.SGD(lr=0.25), np.random.default_rng(0)
    >>> state = optim.init(optimizer, params)
    >>> [round(one_epoch(Model("fm"), params, batch, y, rng=rng, optimizer=optimizer, state=state), 3)
    ...  for _ in range(3)]
    [5.0, 0.812, 0.332]
    """
    check_size("batch_size", batch_size)
    if not len(batch) == len(y) > 0:
        raise ValueError(f"one_epoch wants rows, and a target for each; got {len(batch)} rows and {len(y)} targets")
    order, total = rng.permutation(len(batch)), 0.0
    for at in range(0, len(batch), batch_size):
        rows = order[at : at + batch_size]
        part, weight = batch[rows], None if goal.weight is None else goal.weight[rows]
        part = part.narrowed() if model.engine == "dense" else part          # padded to its own longest row
        data_loss = one_step(model, params, part, y[rows], weight, rng=rng, goal=goal, optimizer=optimizer, state=state)
        share = len(rows) if weight is None else float(weight.sum())
        total += data_loss * (share if goal.reduction == "mean" else 1.0)
        after_step()
    if not all(np.isfinite(value).all() for value in params.values()):
        raise _diverged(params, {})
    return total / (len(batch) if goal.weight is None else float(goal.weight.sum()))


def _diverged(params: Params, grads: Grads) -> Diverged:
    """Name the first array that is not finite."""
    arrays = {f"parameter {name}": value for name, value in params.items()}
    arrays |= {f"the gradient of {name}": g.values if isinstance(g, RowGrad) else g for name, g in grads.items()}
    guilty = [name for name, value in arrays.items() if not np.isfinite(value).all()]
    return Diverged(f"{guilty[0] if guilty else 'the loss'} is NaN or infinite; {ADVICE}")
