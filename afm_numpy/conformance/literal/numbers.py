"""The arithmetic a literal evaluation is done in: Python floats, or anything with + - * and these functions.

Python raises where IEEE 754 answers inf or NaN. `Floats` answers as IEEE 754 does, because a wrong port
answers so too and its wrong value must be reproducible.
"""

import math
import struct
from collections.abc import Callable, Iterable
from typing import Any, TypeAlias

Case: TypeAlias = dict[str, Any]  # a case of the kit, as `kit.load_case` returns it
Value: TypeAlias = Any  # a number, or nested lists of numbers


def from_here_on(least: float, function: Callable[[float], float], there: float) -> Any:
    """A function of numbers above `least`: `there` at it, NaN below."""
    return staticmethod(lambda z: function(z) if z > least else there if z == least else math.nan)


class Floats:
    """Float64 arithmetic of plain Python with IEEE 754 answers in place of exceptions."""

    num, tanh = float, math.tanh

    @staticmethod
    def sum(terms: Iterable[Any]) -> Value:
        total = 0.0
        for term in terms:
            total = total + term
        return total

    @staticmethod
    def div(a: Any, b: Any) -> Value:
        if b == 0:
            return math.nan if a == 0 or a != a else math.copysign(math.inf, a) * math.copysign(1.0, b)
        return a / b

    @staticmethod
    def exp(z: Any) -> Value:
        try:
            return math.exp(z)
        except OverflowError:
            return math.inf

    log = from_here_on(0, math.log, -math.inf)
    log1p = from_here_on(-1, math.log1p, -math.inf)
    sqrt = from_here_on(0, math.sqrt, 0.0)


def single(z: float) -> float:
    """The nearest float32."""
    return math.copysign(math.inf, z) if abs(z) > 3.4028235e38 else float(struct.unpack("f", struct.pack("f", z))[0])


class Declared(list[Any]):
    """Numbers whose shape the port stated, so that it must be right."""


def flatten(value: Value) -> list[Any]:
    """Numbers of nested lists in row-major order."""
    if not isinstance(value, (list, tuple)):
        return [value]
    return [number for part in value for number in flatten(part)]


def shape_of(value: Value) -> tuple[int, ...]:
    """Shape of nested lists: (2, 3) for two lists of three numbers."""
    shape: list[int] = []
    while isinstance(value, (list, tuple)):
        shape.append(len(value))
        if not value:
            break
        value = value[0]
    return tuple(shape)


def nest(flat: list[Any], shape: tuple[int, ...]) -> Value:
    """Nested lists of the given shape from numbers in row-major order."""
    if not shape:
        return flat[0]
    if len(shape) == 1:
        return list(flat)
    size = math.prod(shape[1:])
    return [nest(flat[i * size : (i + 1) * size], shape[1:]) for i in range(shape[0])]


def each(rule: Callable[..., Value], *tensors: Value) -> Value:
    """Nested lists whose entries are rule(entry of each tensor)."""
    if isinstance(tensors[0], list):
        return [each(rule, *parts) for parts in zip(*tensors, strict=False)]
    return rule(*tensors)
