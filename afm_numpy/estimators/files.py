"""An estimator as the text of a model file, and back. A file may come from anywhere, so its parts are compared."""

from typing import Any

import numpy as np

from .._types import Array
from ..saving import Saved

_ARRAYS = ("classes_", "feature_names_in_")
_KINDS = {"U": (str,), "O": (str, int), "b": (bool,), "i": (int,), "u": (int,), "f": (float,)}


def described(estimator: Any) -> dict[str, Any]:
    """What `saving.save` keeps of an estimator beside its models."""
    parameters = estimator.get_params() | {"dtype": np.dtype(estimator.dtype).name}
    if not isinstance(estimator.optimizer, str):
        parameters["optimizer"] = None                      # the file holds the optimizer itself
    if isinstance(estimator.random_state, (np.random.Generator, np.random.RandomState)):
        parameters["random_state"] = None
    fitted = {name: getattr(estimator, name) for name in ("n_iter_", "history_")}
    for name in _ARRAYS:
        if hasattr(estimator, name):
            array = getattr(estimator, name)
            fitted[name] = {"dtype": array.dtype.str, "values": array.tolist()}
    return {"estimator": type(estimator).__name__, "parameters": parameters, "fitted": fitted}


def restored(cls: Any, saved: Saved) -> Any:
    """The estimator of class `cls` that a file describes. Refuses parts that do not belong together."""
    config = saved.config
    if not isinstance(config, dict) or config.get("estimator") != cls.__name__:
        raise ValueError(f"it does not hold an estimator of class {cls.__name__}")
    made, fitted = cls(**config["parameters"]), config["fitted"]
    if made.optimizer is None:
        made.optimizer = saved.optimizer
    made._check_parameters()
    params, states, rngs = saved.params, saved.state, saved.rng
    if saved.model != made._model or not (isinstance(params, list) and states and rngs):
        raise ValueError(f"it does not hold the models that a {cls.__name__} with these parameters has")
    made.params_, made.states_, made.rngs_, made.n_features_in_ = params, states, rngs, len(params[0]["w"])
    made.model_ = saved.model
    made._check_continues()
    if any(one[name].shape != params[0][name].shape for one in params for name in params[0]):
        raise ValueError("its models differ in size")
    made.n_iter_, made.history_ = fitted["n_iter_"], fitted["history_"]
    rows = made.history_ if isinstance(made.history_, list) else [None]
    if type(made.n_iter_) is not int or made.n_iter_ < 0 or not all(isinstance(row, dict) for row in rows):
        raise ValueError("it does not say how many epochs were run")
    vars(made).update({name: _array(name, fitted[name]) for name in fitted.keys() & set(_ARRAYS)})
    names, classes = getattr(made, "feature_names_in_", None), getattr(made, "classes_", np.zeros(0))
    if names is not None and len(names) != made.n_features_in_:
        raise ValueError(f"it names {len(names)} of {made.n_features_in_} features")
    count = len(classes) if len(classes) > 2 else 1
    if len(params) != count or (len(classes) > 1) != (made._type == "classifier"):
        raise ValueError(f"it holds {len(params)} models for {len(classes)} classes")
    if not (classes[:-1] < classes[1:]).all():
        raise ValueError("its classes do not ascend")
    if saved.encoder is not None:
        made.encoder_ = saved.encoder
    return made


def _array(name: str, parts: Any) -> Array:
    """An array from its type and its values. NumPy pads texts to the longest; that may not take much more memory."""
    values, kind = parts["values"], np.dtype(parts["dtype"]).kind
    lengths = [len(value) for value in values if isinstance(value, str)]
    if not all(type(value) in _KINDS.get(kind, ()) for value in values) or len(set(map(type, values))) > 1:
        raise ValueError(f"its {name} are not of type {kind}")
    if kind == "U" and len(values) * max(lengths, default=0) > 10**6 + 100 * sum(lengths):
        raise ValueError(f"its {name} would need {4 * len(values) * max(lengths)} bytes")
    return np.array(values, None if kind == "U" else parts["dtype"])
