"""What training refuses before its first step, in words."""

import numpy as np

from . import losses
from ._checks import check_kind, row_values
from .batch import Batch
from .params import check_params

__all__ = ["check_arguments", "check_state", "training_rows"]


def check_arguments(params, batch, rng, keep, l2, valid, report, callback):
    """Refuse arguments of `train.fit` of another type than they must have.

    Examples
    --------
    >>> batch, rng = Batch.from_lists([[0]], n=1), np.random.default_rng(0)
    >>> check_arguments({}, batch, rng, {"pooled": 0.5}, {}, None, (), None)
    >>> check_arguments({}, batch, rng, 0.5, {}, None, (), None)
    Traceback (most recent call last):
    TypeError: keep must be a dict, such as {"pooled": 0.5}; got float
    """
    check_kind("params", params, dict, "a dict of arrays")
    check_kind("batch", batch, Batch, "a Batch (Batch.from_dense makes one of an array)")
    check_kind("rng", rng, np.random.Generator, "a numpy.random.Generator, such as numpy.random.default_rng(0)")
    check_kind("keep", keep, dict, 'a dict, such as {"pooled": 0.5}')
    check_kind("l2", l2, dict, 'a dict, such as {"V": 1e-4}')
    if isinstance(report, str):
        raise TypeError(f"report must be a list of metrics; got the text {report!r}")
    if valid is not None and not (isinstance(valid, (tuple, list)) and len(valid) == 2):
        raise TypeError(f"valid must be a pair (batch, y); got {type(valid).__name__}")
    if valid is not None:
        check_kind("the first part of valid", valid[0], Batch, "a Batch")
    if callback is not None and not callable(callback):
        raise TypeError(f"callback must be a function; got {type(callback).__name__}")


def training_rows(model, params, batch, y, loss, weight, whose="of the training part"):
    """Check rows, targets and weights against the model and the loss, and give them the dtype of the model.

    Returns
    -------
    batch : Batch
    y : (B,) array
    weight : (B,) array or None

    Examples
    --------
    >>> from afm_numpy import Model
    >>> params = {"w0": np.array(0.5), "w": np.zeros(2), "V": np.ones((2, 1))}
    >>> training_rows(Model("fm"), params, Batch.from_lists([[0]], n=2), [2], "logistic", None)
    Traceback (most recent call last):
    ValueError: row 0: y is 2.0; the logistic loss wants 0 or 1
    """
    check_params(params, model.shapes)
    for name in [name for name in model.shapes if name != "pairs"]:
        if not isinstance(params[name], np.ndarray) or params[name].dtype.kind != "f":
            raise TypeError(f"params[{name!r}] must be an array of floats to be trained; got {params[name]!r:.60}")
    losses.get(loss)
    if len(batch) == 0:
        raise ValueError(f"the batch {whose} has no rows")
    model.forward(params, batch[:0])                        # refuses features or slots that params do not have
    dtype = params["V"].dtype
    y = row_values(y, len(batch), "y", dtype)
    losses.check_targets(loss, y)
    if weight is not None:
        weight = row_values(weight, len(batch), "weight", dtype)
        if (weight < 0).any():
            raise ValueError(f"row {np.argmax(weight < 0)}: weight is {weight[weight < 0][0]}; it must not be negative")
        if not weight.any():
            raise ValueError("weight must not be zero in every row")
    return batch.astype(dtype), y, weight


def check_state(optimizer, params, state):
    """Refuse a state that this optimizer did not make for parameters of these names and shapes.

    Examples
    --------
    >>> from afm_numpy import optim
    >>> params = {"w": np.zeros(3)}
    >>> check_state(optim.SGD(), params, optim.init(optim.SGD(), params))
    >>> check_state(optim.SGD(), params, optim.init(optim.Adam(), params))
    Traceback (most recent call last):
    ValueError: state was not made by SGD for these parameters: it has m, v of w, not v
    """
    whose = f"state was not made by {type(optimizer).__name__} for these parameters"
    check_kind("state", state, dict, "a dict, from Result.state or optim.init")
    trained = {name: value for name, value in params.items() if value.dtype.kind == "f"}
    if state.keys() != {"step", *trained}:
        raise ValueError(f"{whose}: it holds {_listed(state)}, not {_listed(['step', *trained])}")
    for name, value in trained.items():
        if state[name].keys() != set(optimizer.start):
            raise ValueError(f"{whose}: it has {_listed(state[name])} of {name}, not {_listed(optimizer.start)}")
        for slot, numbers in state[name].items():
            if np.shape(numbers) != value.shape:
                raise ValueError(f"{whose}: its {slot} of {name} has shape {np.shape(numbers)}, not {value.shape}")


def _listed(names):
    return ", ".join(map(str, names)) or "nothing"
