"""What training refuses before its first step, in words."""

from collections.abc import Iterable
from typing import Any

import numpy as np

from .. import losses, optim
from .._checks import check_kind, check_size, row_values
from .._types import Array, ArrayLike, Loss, Params
from ..batch import Batch
from ..models import Model
from ..params import check_inputs, check_params
from .settings import Objective, Watch

__all__ = ["check_arguments", "check_state", "training_rows"]


def check_arguments(
    model: Model, params: Params, batch: Batch, rng: np.random.Generator, goal: Objective, watch: Watch, epochs: int,
    batch_size: int,
) -> None:  # fmt: skip
    """Refuse arguments of `train.fit` of another type than they must have, and options that the model does not have."""
    check_kind("params", params, dict, "a dict of arrays, or a Progress")
    check_kind("batch", batch, Batch, "a Batch (Batch.from_dense makes one of an array)")
    check_kind("rng", rng, np.random.Generator, "a numpy.random.Generator, such as numpy.random.default_rng(0)")
    check_kind("watch", watch, Watch, "a Watch, such as Watch(valid=(batch, y), patience=4)")
    check_size("epochs", epochs)
    check_size("batch_size", batch_size)
    check_params(params, model.shapes)
    if model.kind == "fm" and goal.keep.keys() - {"pooled"}:
        raise ValueError(f"FM has dropout at the site pooled only; got {', '.join(goal.keep)}")
    losses.l2_forward(params, goal.l2, batch.touched[:0])


def training_rows(
    model: Model, params: Params, batch: Batch, y: ArrayLike, loss: Loss, weight: ArrayLike | None,
    whose: str = "of the training part",
) -> tuple[Batch, Array, Array | None]:  # fmt: skip
    """Check rows, targets and weights against the model and the loss, and give them the dtype of the model.

    Returns
    -------
    batch : Batch
    y : (B,) array
    weight : (B,) array or None

    Examples
    --------
    >>> params = {"w0": np.array(0.5), "w": np.zeros(2), "V": np.ones((2, 1))}
    >>> training_rows(Model("fm"), params, Batch.from_lists([[0]], n=2), [2], "logistic", None)
    Traceback (most recent call last):
    ValueError: row 0: y is 2.0; the logistic loss wants 0 or 1
    """
    for name in [name for name in model.shapes if name != "pairs"]:
        if not isinstance(params[name], np.ndarray) or params[name].dtype.kind != "f":
            raise TypeError(f"params[{name!r}] must be an array of floats to be trained; got {params[name]!r:.60}")
    if len(batch) == 0:
        raise ValueError(f"the batch {whose} has no rows")
    check_inputs(params, batch, model.shapes)
    dtype = params["V"].dtype
    y = row_values(y, len(batch), "y", dtype)
    losses.check_targets(loss, y)
    if weight is not None:
        weight = row_values(weight, len(batch), "weight", dtype)
        losses.check_weight(weight)
        if not weight.any():
            raise ValueError("weight must not be zero in every row")
    return batch.astype(dtype), y, weight


def check_state(optimizer: optim.Optimizer, params: Params, state: dict[str, Any]) -> None:
    """Refuse a state that this optimizer did not make for parameters of these names and shapes.

    Examples
    --------
    >>> params = {"w": np.zeros(3)}
    >>> check_state(optim.SGD(), params, optim.init(optim.SGD(), params))
    >>> check_state(optim.SGD(), params, optim.init(optim.Adam(), params))
    Traceback (most recent call last):
    ValueError: state was not made by SGD for these parameters: it has m, v of w, not v
    """
    whose = f"state was not made by {type(optimizer).__name__} for these parameters"
    check_kind("state", state, dict, "a dict, from Result.last or optim.init")
    trained = {name: value for name, value in params.items() if value.dtype.kind == "f"}
    if state.keys() != {"step", *trained}:
        raise ValueError(f"{whose}: it holds {_listed(state)}, not {_listed(['step', *trained])}")
    check_size("the step of the state", state["step"], least=0)
    for name, value in trained.items():
        if state[name].keys() != set(optimizer.start):
            raise ValueError(f"{whose}: it has {_listed(state[name])} of {name}, not {_listed(optimizer.start)}")
        for slot, numbers in state[name].items():
            if np.shape(numbers) != value.shape:
                raise ValueError(f"{whose}: its {slot} of {name} has shape {np.shape(numbers)}, not {value.shape}")


def _listed(names: Iterable[str]) -> str:
    return ", ".join(map(str, names)) or "nothing"
