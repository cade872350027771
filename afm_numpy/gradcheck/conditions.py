"""When a check cannot be trusted: f is random, changes what it works on, ignores a parameter, or works in float32."""

import inspect
from collections.abc import Callable, Iterator
from contextlib import suppress
from functools import partial
from types import FunctionType, MethodType, ModuleType
from typing import Any

import numpy as np

from .slopes import ROUNDINGS, SEED, Array, Flat, Function, along, value_of

DOUBLE, SINGLE = float(np.finfo(np.float64).eps), float(np.finfo(np.float32).eps)
SIGNS = -1.0, 1.0
HELD = "func", "args", "keywords", "__self__", "__func__", "__defaults__", "__kwdefaults__"  # by a function of any kind


def usual_size(theta: Array) -> float:
    """The mean size of the entries; 1 if there is none to speak of."""
    return float(np.abs(theta).mean() or 1.0) if theta.size else 1.0


def everywhere(params: Flat) -> Flat:
    """A direction that moves every entry of every float array by about its usual size; the same in every call."""
    rng, real = np.random.default_rng(SEED), {name: theta for name, theta in params.items() if theta.dtype.kind == "f"}
    return {name: usual_size(theta) * np.copysign(rng.uniform(0.5, 1.0, theta.shape), rng.choice(SIGNS, theta.shape))
            for name, theta in real.items()}  # fmt: skip


def arrays_in(thing: Any, name: str, seen: set[int], depth: int = 9) -> Iterator[tuple[str, Array]]:
    """Every NumPy array that a function, a container or an object holds, and the name it has there."""
    if depth == 0 or id(thing) in seen or isinstance(thing, (ModuleType, type)):
        return
    seen.add(id(thing))
    if isinstance(thing, np.ndarray) and thing.dtype != object:
        yield name, thing
    inner = {**(thing if isinstance(thing, dict) else getattr(thing, "__dict__", {}))}
    if isinstance(thing, (list, tuple)):
        inner = {f"{name}[{i}]": part for i, part in enumerate(thing)}
    elif isinstance(thing, (partial, MethodType, FunctionType)):
        inner |= {part: getattr(thing, part, None) for part in HELD}
    if isinstance(thing, FunctionType):
        with suppress(ValueError):                            # a name that has no value yet
            read = inspect.getclosurevars(thing)
            inner |= {**read.globals, **read.nonlocals}
    for key, part in inner.items():
        yield from arrays_in(part, str(key), seen, depth - 1)


def changes(held: Any) -> Callable[[], list[tuple[str, Array]]]:
    """Remember the arrays that something holds. The result, called later, gives those that have changed."""
    before = [(name, array, hash(array.tobytes())) for name, array in arrays_in(held, "f", set())]
    return lambda: [(name, array) for name, array, was in before if hash(array.tobytes()) != was]


def first_calls(f: Function, params: Flat, held: Any) -> tuple[Any, tuple[str, str] | None]:
    """Call f twice with the same numbers. Returns f(params), and a status and a note if the calls are not the same."""
    changed, values = changes(held), []
    for _ in range(2):
        copy = {name: theta.copy() for name, theta in params.items()}
        values.append(value_of(f, copy))
        inside = [name for name, theta in params.items() if not np.array_equal(copy[name], theta)]
        if inside:
            return values[0], ("mutates", f"f changes {', '.join(inside)}: let it work on a copy")
    inside = [name for name, array in changed() if _reads(f, params, array, values[1])]
    if inside:
        return values[0], ("mutates", f"f changes the array {inside[0]!r} that it works with: let it work on a copy")
    first, second = map(float, values)
    if abs(second - first) > ROUNDINGS * DOUBLE * abs(first):
        gap = f"two calls of f with the same numbers differ by {abs(second - first):.1e}"
        return values[0], ("random", f"{gap}: give it the same mask or seed in every call")
    return values[0], None


def _reads(f: Function, params: Flat, array: Array, value: float) -> bool:
    """Does f read this array of its own, or does it only write into it? Then it is a buffer and does no harm."""
    kept = array.copy()
    ripple = np.sin(np.arange(kept.size)).reshape(kept.shape)
    array[...] = kept + ripple if kept.dtype.kind == "f" else np.roll(kept, 1)
    try:
        return bool(along(f, params, {})(1.0) != value)       # NaN if f refuses these numbers
    finally:
        array[...] = kept


def unused(f: Function, params: Flat, name: str) -> bool:
    """Does the value of f stay the same to the last bit, wherever the parameter goes?"""
    rng, theta = np.random.default_rng(SEED), params[name]
    values = [along(f, params, {name: rng.normal(size=theta.shape) * (1 + np.abs(theta))})(s) for s in (0.0, 1.0, 1.0)]
    return len(set(values)) == 1


def works_in_float32(f: Function, params: Flat) -> bool:
    """Does a cast to float32 hide in f?

    Third differences of f at equal steps are tiny where f is smooth, but the rounding of float32 stays in them. So does
    a sharp bend, such as that of sqrt near 0. With far smaller steps the bend is gone, while float32 stands still or
    rounds as before.
    """
    line = along(f, params, everywhere(params))
    coarse, *fine = (np.array([line(k * step) for k in range(1, 10)]) for step in (1.3e-6, 1.3e-8, 1.3e-12))
    rough = np.abs(np.diff(coarse, 3)).max()
    with np.errstate(over="ignore"):
        if np.ptp(coarse) and np.array_equal(coarse.astype(np.float32), coarse):
            return True
    stays = [not np.diff(values).all() or np.abs(np.diff(values, 3)).max() > rough / 128 for values in fine]
    return bool(rough > 2.0**-33 * np.abs(coarse).max() and all(stays))
