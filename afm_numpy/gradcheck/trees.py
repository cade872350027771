"""Names the arrays that people hand over: one array, a list or tuple, a dict, or any nesting of these."""

from collections.abc import Callable, Mapping
from numbers import Number
from typing import Any

import numpy as np

from .._checks import array
from .slopes import Array, Flat


def flatten(tree: Any, alone: str = "params", path: str = "") -> tuple[dict[str, Any], Callable[[Flat], Any]]:
    """The arrays of a tree by name, and a function that builds the same tree of other arrays.

    A dict gives its keys as names, a list the positions, and a path joins them. `alone` names a single array.

    Examples
    --------
    >>> arrays, build = flatten({"w0": 0.5, "layers": [{"W": np.ones(2)}, {"W": np.ones(3)}]})
    >>> list(arrays)
    ['w0', 'layers.0.W', 'layers.1.W']
    >>> build({name: 0 for name in arrays})
    {'w0': 0, 'layers': [{'W': 0}, {'W': 0}]}
    """
    if not isinstance(tree, Mapping) and (not is_several(tree) or _is_numbers(tree)):
        return {path or alone: tree}, lambda arrays: arrays[path or alone]
    keys = list(tree) if isinstance(tree, Mapping) else range(len(tree))
    parts = {key: flatten(tree[key], alone, f"{path}.{key}" if path else str(key)) for key in keys}
    leaves = {name: leaf for found, _ in parts.values() for name, leaf in found.items()}
    if len(leaves) < sum(len(found) for found, _ in parts.values()):
        raise ValueError(f"two arrays would have the same name; the names are {sorted(leaves)}")

    def build(arrays: Flat) -> Any:
        new = {key: put(arrays) for key, (_, put) in parts.items()}
        if isinstance(tree, Mapping):
            return new
        return type(tree)(*new.values()) if hasattr(tree, "_fields") else type(tree)(new.values())

    return leaves, build


def is_several(tree: Any) -> bool:
    """A list or tuple, but not a RowGrad."""
    return isinstance(tree, (list, tuple)) and not hasattr(tree, "to_dense")


def _is_numbers(tree: Any) -> bool:
    """A list of plain numbers is an array."""
    return isinstance(tree, Number) or is_several(tree) and all(map(_is_numbers, tree))


def place(number: Any, shape: tuple[int, ...]) -> tuple[int, ...]:
    """The coordinate of an entry that is given by its number."""
    return tuple(map(int, np.unravel_index(number, shape)))


def read_array(what: str, leaf: Any) -> Array:
    try:
        return array(leaf)
    except (TypeError, ValueError, RuntimeError) as error:
        raise TypeError(f"{what} cannot be read as an array: {error}") from None


def read_params(leaves: dict[str, Any]) -> Flat:
    """The arrays, those of floats as float64. Refuses what is no finite real number."""
    params = {name: read_array(f"parameter {name!r}", leaf) for name, leaf in leaves.items()}
    for name, theta in params.items():
        if theta.dtype.kind not in ("f", "i", "u", "b"):
            kind = getattr(leaves[name], "dtype", type(leaves[name]).__name__)
            raise TypeError(f"parameter {name!r} must hold real numbers, or integers (a table), not {kind}")
        if not np.isfinite(theta).all():
            raise ValueError(f"parameter {name!r} is not finite at {place(np.isfinite(theta).argmin(), theta.shape)}")
    if not any(theta.dtype.kind == "f" for theta in params.values()):
        raise ValueError(f"no parameter to check: none of {sorted(params)} is an array of floats")
    return {name: np.array(theta, np.float64) if theta.dtype.kind == "f" else theta for name, theta in params.items()}


def is_single(leaf: Any) -> bool:
    """Is this an array of float32, of whatever library?"""
    return hasattr(leaf, "dtype") and str(leaf.dtype).endswith("float32")


def read_grads(leaves: dict[str, Any], params: Flat) -> tuple[Flat, set[str]]:
    """The gradients, dense and as float64, and the names of those that came in float32."""
    real = [name for name, theta in params.items() if theta.dtype.kind == "f"]
    leaves = {name: leaf for name, leaf in leaves.items() if leaf is not None or name not in params}
    grads, singles = {}, set()
    for name in dict.fromkeys([*real, *leaves]):
        if name not in real:
            raise ValueError(f"{name!r} has a gradient but is no parameter (float array in params)")
        if name not in leaves:
            others = [other for other in leaves if other not in params]
            hint = f", but {others} have" if others else ". If it needs none, let a lambda hand it over"
            raise ValueError(f"{name!r} has no gradient{hint}")
        g, shape = leaves[name], params[name].shape
        if hasattr(g, "to_dense") and not hasattr(g, "__array__"):          # a RowGrad, not a tensor
            g = g.to_dense(shape[0] if shape else 1)
        g = read_array(f"the gradient of {name!r}", g.toarray() if hasattr(g, "toarray") else g)  # of scipy.sparse
        if g.shape != shape or g.dtype.kind not in ("f", "i", "u") or g.dtype == np.float16:  # has three digits
            raise ValueError(f"the gradient of {name!r} must be real with shape {shape}, not {g.dtype} {g.shape}")
        grads[name] = np.array(g, np.float64)
        if is_single(g):
            singles.add(name)
    return grads, singles
