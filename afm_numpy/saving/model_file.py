"""A model in one file: parameters, settings, encoder, optimizer state and random generator.

The file is a `.npz` (see `npz.py`), so `numpy.load(path)["params/V"]` reads it too. Its array `header` holds the
rest as JSON text.
"""

import math
from collections.abc import Callable
from dataclasses import asdict
from typing import Any, NamedTuple

import numpy as np

from .. import optim
from .._checks import array, check_kind
from .._files import Path
from .._types import Array, Params
from ..encode.encoder import TableEncoder
from ..models import Model
from ..params import check_params, pair_table
from . import npz

_FORMAT, _VERSION = "afm_numpy.model", 1
_HEADER = {  # name: types
    "model": (dict,), "count": (int, type(None)), "encoder": (dict, type(None)), "optimizer": (dict, type(None)),
    "step": (list, type(None)), "rng": (list, type(None)),
}  # fmt: skip
_GENERATORS = ("PCG64", "PCG64DXSM")  # their state is integers, and no value of it is harmful


class Saved(NamedTuple):
    """What `load` returns: the arguments of `save`, None where nothing was saved."""

    model: Model
    params: Any  # a dict, or a list of dict; so are state and rng
    encoder: TableEncoder | None
    optimizer: Any
    state: Any
    rng: Any
    config: Any


def save(
    path: Path, model: Model, params: Params | list[Params], *, encoder: TableEncoder | None = None,
    optimizer: Any = None, state: Any = None, rng: Any = None, config: Any = None,
) -> None:  # fmt: skip
    """Write a model to one file. It appears complete or not at all.

    Parameters
    ----------
    path : str or path-like
        The name is taken as it is; ".npz" is usual.
    model : Model
    params : dict, or list of dict
        The parameters; a list for several models that belong together, such as one for each class.
    encoder : TableEncoder, optional
    optimizer : optim.SGD, optim.Adagrad or optim.Adam, optional
    state : dict, optional
        The optimizer's state, with which training can go on; a list when `params` is one.
    rng : numpy.random.Generator, optional
        From `numpy.random.default_rng`, as it stands now; a list when `params` is one.
    config : optional
        Anything that JSON can hold; the keys of dicts are text.

    Raises
    ------
    ValueError, TypeError
        For parameters that do not fit the model or that it does not have, numbers that are not finite, a state
        without its optimizer, and what JSON cannot hold. No file is written then.
    OSError
        When the file cannot be written.

    Examples
    --------
    Training goes on where it stopped, with the same bits as training without a stop:

    >>> import os, tempfile
    >>> from afm_numpy import Batch, train
    >>> batch, y = Batch.from_lists([[0, 2], [0, 3], [1, 2]]), np.array([0.0, 1.0, 1.0])
    >>> model, rng = Model("fm"), np.random.default_rng(0)
    >>> params = model.init_params(rng, batch, k=2, w0=y.mean())
    >>> result = train.fit(model, params, batch, y, rng=rng, epochs=2)
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = os.path.join(folder, "model.npz")
    ...     save(path, model, result.last.params, optimizer=optim.Adagrad(), state=result.last.state, rng=rng)
    ...     model, params, _, optimizer, state, rng, _ = load(path)
    >>> result = train.fit(model, train.Progress(params, state), batch, y, rng=rng, optimizer=optimizer, epochs=1)
    """
    several = not isinstance(params, dict)
    models = _listed("params", params, dict, several)
    state = None if state is None else _listed("state", state, dict, several)
    rng = None if rng is None else _listed("rng", rng, np.random.Generator, several)
    check_kind("model", model, Model, "a Model")
    check_kind("encoder", encoder, (TableEncoder, type(None)), "a TableEncoder")
    check_kind("optimizer", optimizer, (*optim.OPTIMIZERS.values(), type(None)), "an optimizer of afm_numpy.optim")
    names = {kind: name for name, kind in optim.OPTIMIZERS.items()}
    header = {
        "format": _FORMAT,
        "version": _VERSION,
        "model": asdict(model),
        "count": len(models) if several else None,
        "encoder": encoder and encoder.to_dict(),
        "optimizer": optimizer and {"optimizer": names[type(optimizer)], **asdict(optimizer)},
        "step": state and [one.get("step") for one in state],
        "rng": rng and [one.bit_generator.state for one in rng],
        "config": config,
    }
    arrays: dict[str, Any] = {}
    for i, one in enumerate(models):
        foreign = [name for name in one if name not in model.shapes]
        if foreign:
            raise ValueError(f"params has {', '.join(map(repr, foreign))}, which {model} does not have")
        arrays |= {f"{_prefix(i, several)}params/{name}": one[name] for name in model.shapes if name in one}
    for i, one in enumerate(state or ()):
        for name, slots in one.items():
            if name != "step":
                if not isinstance(slots, dict):
                    raise TypeError(f"state[{name!r}] must be a dict of arrays; got {type(slots).__name__}")
                arrays |= {f"{_prefix(i, several)}state/{name}/{slot}": value for slot, value in slots.items()}
    arrays = {name: _array(name, value) for name, value in arrays.items()}
    assemble(header, arrays)                               # what could not be read back is not written
    npz.write(path, header, arrays)


def load(path: Path) -> Saved:
    """Read what `save` wrote.

    Returns
    -------
    Saved

    Raises
    ------
    FileFormatError
        When the file is damaged, truncated, something else, or of another version. Nothing in it is executed.
    OSError
        When it cannot be opened.
    """
    return npz.read(path, assemble)


def assemble(header: Any, arrays: dict[str, Array]) -> Saved:
    """The content of a file, checked: that every part fits the others, and that every number is finite."""
    if not isinstance(header, dict) or header.get("format") != _FORMAT:
        raise ValueError("it does not say that it is a model of afm_numpy")
    if header.get("version") != _VERSION:
        raise ValueError(f"it has version {header.get('version')!r:.40}; this afm_numpy reads version {_VERSION}")
    for name in [*_HEADER, "config"]:
        if name not in header:
            raise ValueError(f"its header lacks {name}")
    for name, kinds in _HEADER.items():
        if type(header[name]) not in kinds:
            raise ValueError(f"its header holds {header[name]!r:.40} as {name}")
    model, arrays, several = _made("model", Model, header["model"]), dict(arrays), header["count"] is not None
    encoder = None if header["encoder"] is None else TableEncoder.from_dict(header["encoder"])
    optimizer = None if header["optimizer"] is None else _made("optimizer", optim.get, header["optimizer"])
    count = header["count"] if several else 1
    if count < 1:
        raise ValueError(f"it holds {count} models")
    for name in ("step", "rng"):
        if header[name] is not None and len(header[name]) != count:
            raise ValueError(f"{name} has {len(header[name])} entries for {count} models")
    params, state = list[Params](), list[dict[str, Any]]()
    rng = header["rng"] and [_made("generator", _generator, {"state": one}) for one in header["rng"]]
    for i in range(count):
        names = {name: f"{_prefix(i, several)}params/{name}" for name in model.shapes}
        params.append({name: arrays.pop(path) for name, path in names.items() if path in arrays})
        _check_params(params[i], model, encoder)
        if header["step"] is not None:
            if optimizer is None:
                raise ValueError("the optimizer's state needs the optimizer")
            state.append(_state(header["step"][i], optimizer, params[i], arrays, _prefix(i, several)))
    if arrays:
        raise ValueError(f"it holds {', '.join(arrays)}, which this model does not have")
    if several:
        return Saved(model, params, encoder, optimizer, state or None, rng, header["config"])
    return Saved(model, params[0], encoder, optimizer, state[0] if state else None, rng and rng[0], header["config"])


def _check_params(params: Params, model: Model, encoder: TableEncoder | None) -> None:
    try:
        sizes = check_params(params, model.shapes)
    except TypeError as error:                               # of float16
        raise ValueError(str(error)) from None
    n, pairs = sizes["n"], len(params.get("field", ()))
    if 0 in (n, sizes["k"], sizes.get("t")):
        raise ValueError(f"its sizes n, k and t must be at least 1; they are {sizes}")
    if math.isqrt(8 * pairs + 1) ** 2 != 8 * pairs + 1:
        raise ValueError(f"params['field'] has {pairs} numbers, which is no number of slot pairs, m(m-1)/2")
    if encoder is not None and encoder.n != n:
        raise ValueError(f"the encoder has {encoder.n} features, but the model {n}")
    for name, value in params.items():
        if name == "pairs":
            pair_table(value, n)                             # refuses what is none
        else:
            _check_floats(f"params[{name!r}]", value, params["V"].dtype)


def _state(step: Any, optimizer: Any, params: Params, arrays: dict[str, Array], prefix: str) -> dict[str, Any]:
    """The state of one optimizer, taken out of `arrays`."""
    if type(step) is not int or not 0 <= step < 2**63:
        raise ValueError(f"the optimizer's step count is {step!r:.40}")
    state: dict[str, Any] = {"step": step}
    for name in [name for name in params if name != "pairs"]:
        state[name] = {slot: arrays.pop(f"{prefix}state/{name}/{slot}", None) for slot in optimizer.start}
        for slot, value in state[name].items():
            what = f"the optimizer's {slot} of {name}"
            if np.shape(value) != params[name].shape or value is None:
                raise ValueError(f"{what} must have shape {params[name].shape}")
            _check_floats(what, value, params["V"].dtype)
            if not isinstance(optimizer, optim.SGD) and slot in ("acc", "v") and (value < 0).any():
                raise ValueError(f"{what} is a sum of squares and must not be negative")
    return state


def _check_floats(what: str, value: Array, dtype: "np.dtype[Any]") -> None:
    if value.dtype.kind != "f" or value.dtype.itemsize not in (4, 8) or value.dtype != dtype:
        raise ValueError(f"{what} holds {value.dtype}; want float32 or float64, and one of them for all")
    if not np.isfinite(value).all():
        raise ValueError(f"{what} is not finite")


def _generator(state: Any) -> np.random.Generator:
    if state["bit_generator"] not in _GENERATORS:
        raise ValueError(f"a generator {state['bit_generator']} cannot be kept; use numpy.random.default_rng")
    if not all(type(number) is int and 0 <= number < 2**128 for number in state["state"].values()):
        raise ValueError("the generator's state must hold whole numbers from 0 to 2**128 - 1")
    bit_generator = getattr(np.random, state["bit_generator"])(0)
    bit_generator.state = state
    return np.random.Generator(bit_generator)


def _prefix(i: int, several: bool) -> str:
    return f"{i}/" if several else ""


def _listed(name: str, value: Any, kind: type, several: bool) -> list[Any]:
    values = value if several else [value]
    if not isinstance(values, (list, tuple)) or not values or not all(isinstance(one, kind) for one in values):
        one_each = "a list of them, one for each of params" if several and name != "params" else "a list of them"
        raise TypeError(f"{name} must be a {kind.__name__}, or {one_each}; got {type(value).__name__}")
    return list(values)


def _array(name: str, value: Any) -> Array:
    try:
        return array(value)
    except ValueError:
        raise ValueError(f"{name} is not an array; got {type(value).__name__}") from None


def _made(what: str, make: Callable[..., Any], parts: dict[str, Any]) -> Any:
    """`make(**parts)` for parts from a file, which may have other names and types than `make` wants."""
    try:
        return make(**parts)
    except ValueError:
        raise
    except Exception:
        raise ValueError(f"its header holds {parts!r:.60} as {what}") from None
