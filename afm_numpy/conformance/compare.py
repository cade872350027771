"""Comparing a port's tensor with another: shape, then non-finite, then values. NaN never passes."""

import math
from collections.abc import Callable

from .literal.numbers import Declared, Value, flatten, nest, shape_of

Where = Callable[[int], str]  # the place of a number in words, from its number in row-major order


def largest(numbers: list[float]) -> float:
    return max((abs(z) for z in numbers if math.isfinite(z)), default=0.0)


def fitted(got: Value, like: Value) -> Value:
    """The port's tensor with the shape of `like`, or None if it does not have it.

    A flat list may stand for any shape with as many numbers. Nested lists must have the shape itself, and so must
    a tensor whose shape the port declared. A tensor without numbers may have any shape.
    """
    numbers, shape, own = flatten(got), shape_of(like), shape_of(got)
    free = len(own) == 1 and not isinstance(got, Declared) or not numbers
    if len(numbers) != math.prod(shape) or own != shape and not free:
        return None
    return nest(numbers, shape)


def same_number(a: float, b: float, tol: float) -> bool:
    if a == b:
        return tol > 0 or math.copysign(1.0, a) == math.copysign(1.0, b)
    if a != a:
        return b != b
    return abs(a - b) <= tol


def same(got: Value, want: Value, tol: float) -> bool:
    """Do two tensors of one shape agree? Two NaN or two equal infinities at one place agree."""
    return all(same_number(a, b, tol) for a, b in zip(flatten(got), flatten(want), strict=True))


def problem(got: Value, want: Value, tol: float, where: Where = str) -> str | None:
    """What is wrong with `got` in one sentence, or None. `want` is finite."""
    if fitted(got, want) is None:
        return f"got shape {tuple(shape_of(got))}, want {tuple(shape_of(want))}"
    got, want = flatten(got), flatten(want)
    bad = [i for i, z in enumerate(got) if not math.isfinite(z)]
    if bad:
        return f"{len(bad)} of {len(got)} numbers are not finite, the first at {where(bad[0])}: {got[bad[0]]}"
    wrong = [i for i in range(len(got)) if not same_number(got[i], want[i], tol)]
    if not wrong:
        return None
    i = max(wrong, key=lambda i: abs(got[i] - want[i]))
    return f"{len(wrong)} of {len(got)} numbers are wrong, the worst at {where(i)}: {difference(got[i], want[i], tol)}"


def difference(got: float, want: float, tol: float) -> str:
    """Two numbers with as many digits as tell them apart."""
    if f"{got:.9g}" != f"{want:.9g}":
        return f"got {got:.9g}, want {want:.9g}"
    return f"got {got:.17g}, want {want:.17g}, off by {abs(got - want):.2g} where {tol:.2g} is allowed"


def stretched(tol: float, local: Value, want: Value) -> float:
    """A tolerance for numbers that have grown because something before them is wrong."""
    return 4 * tol * max(1.0, largest(flatten(local)) / (largest(flatten(want)) or 1.0))
