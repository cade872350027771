"""What training refuses before its first step, in words."""

from typing import Any

import numpy as np

from .. import losses, optim
from .._checks import check_kind, check_size, row_values
from .._types import Array, ArrayLike, DType, Loss, Params
from ..batch import Batch
from ..models import Model
from ..params import check_forward


def training_rows(
    model: Model, params: Params, batch: Batch, y: ArrayLike, loss: Loss, whose: str = "of the training part"
) -> tuple[Batch, Array]:
    """Check rows and targets against the model and the loss, and give them the dtype of the parameters.

    Examples
    --------
    >>> params = {"w0": np.array(0.5), "w": np.zeros(2), "V": np.ones((2, 1))}
    >>> training_rows(Model("fm"), params, Batch.from_lists([[0]], n=2), [2], "logistic")
    Traceback (most recent call last):
    ValueError: row 0: y is 2.0; the logistic loss wants 0 or 1
    """
    check_forward(params, batch, model.shapes)
    dtype = params["V"].dtype
    for name in [name for name in model.shapes if name != "pairs"]:
        value = params[name]
        if not isinstance(value, np.ndarray) or value.dtype.kind != "f":
            raise TypeError(f"params[{name!r}] must be an array of floats to be trained; got {value!r:.60}")
        if value.dtype != dtype:
            raise TypeError(f"params must have one dtype; {name!r} is {value.dtype}, and 'V' is {dtype}")
        if not np.isfinite(value).all():
            raise ValueError(f"params[{name!r}] holds a number that is NaN or infinite")
    if len(batch) == 0:
        raise ValueError(f"the batch {whose} has no rows")
    y = row_values(y, len(batch), "y", dtype)
    losses.check_targets(loss, y)
    return batch.astype(dtype), y


def weights(name: str, values: ArrayLike | None, n_rows: int, dtype: DType = np.float64) -> Array | None:
    """The weights of the rows, when given, in the dtype of the parameters; refuses what cannot weigh."""
    if values is None:
        return None
    weight = row_values(values, n_rows, name, dtype)
    losses.check_weight(weight, name)
    if not weight.any():
        raise ValueError(f"{name} must not be zero in every row")
    return weight


def check_state(optimizer: optim.Optimizer, params: Params, state: dict[str, Any]) -> None:
    """Refuse a state that this optimizer did not make for parameters of these names and shapes.

    Examples
    --------
    >>> params = {"w": np.zeros(3)}
    >>> check_state(optim.SGD(), params, optim.init(optim.SGD(), params))
    >>> check_state(optim.SGD(), params, optim.init(optim.Adam(), params))
    Traceback (most recent call last):
    ValueError: the state of w does not fit: it holds {m: float64 (3,), v: float64 (3,)}, SGD makes {v: float64 (3,)}
    """
    check_kind("state", state, dict, "a dict, from Result.last or optim.init")
    trained = {name: value for name, value in params.items() if value.dtype.kind == "f"}
    if state.keys() != {"step", *trained}:
        raise ValueError(f"state belongs to other parameters: it holds {[*state]}, not {['step', *trained]}")
    check_size("the step of the state", state["step"], least=0)
    for name, value in trained.items():
        optim.check_state(optimizer, name, value, state[name])
        if not all(np.isfinite(numbers).all() for numbers in state[name].values()):
            raise ValueError(f"the state of {name} holds a number that is NaN or infinite")
