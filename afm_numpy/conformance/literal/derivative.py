"""Derivatives as automatic differentiation takes them: of the forward pass as it is run, its mistakes included.

The rules of forward.py and objective.py run on `Var`s, which remember what they were made of. Then the derivative of
the loss goes back through them. So every mistake of the forward pass has its twin: the gradients of a port whose
framework differentiates what the port wrote.
"""

import math
import operator
from collections.abc import Callable
from typing import Any

from .numbers import Case, Floats, Value, each, flatten
from .trace import Layer, Trace

INNER = ("y_hat", "pooled", "attn", "score", "pre", "prod", "emb")


def plain(z: Any) -> Any:
    return z.value if isinstance(z, Var) else z


def of_values(test: Callable[[Any, Any], bool]) -> Any:
    return lambda a, b: test(a.value, plain(b))


class Var:
    """A number, and the numbers it was made of, each with the derivative with respect to it."""

    __slots__ = ("grad", "made_of", "value")

    def __init__(self, value: float, *made_of: tuple["Var", float]) -> None:
        self.value, self.made_of, self.grad = value, made_of, 0.0

    def __add__(self, other: Any) -> "Var":
        return Tape.sum([self, other])

    def __mul__(self, other: Any) -> "Var":
        if isinstance(other, Var):
            return Var(self.value * other.value, (self, other.value), (other, self.value))
        return Var(self.value * other, (self, other))

    def __neg__(self) -> "Var":
        return self * -1.0

    def __sub__(self, other: Any) -> "Var":
        return self + -other

    def __rsub__(self, other: Any) -> "Var":
        return -self + other

    def __truediv__(self, other: Any) -> "Var":
        return Tape.div(self, other)

    def __abs__(self) -> "Var":
        return -self if self.value < 0 else self

    __lt__, __gt__, __ge__, __eq__ = map(of_values, (operator.lt, operator.gt, operator.ge, operator.eq))
    __radd__, __rmul__, __hash__ = __add__, __mul__, object.__hash__


def lifted(function: Callable[[float], float], slope: Callable[[float], float]) -> Any:
    """A function of one number, for numbers and for Vars."""
    return staticmethod(lambda z: Var(function(z.value), (z, slope(z.value))) if isinstance(z, Var) else function(z))


class Tape(Floats):
    """The arithmetic of Floats, on Vars."""

    @staticmethod
    def sum(terms: Any) -> Any:
        terms = list(terms)
        parts = [(term, 1.0) for term in terms if isinstance(term, Var)]
        total = Floats.sum(map(plain, terms))
        return Var(total, *parts) if parts else total

    @staticmethod
    def div(a: Any, b: Any) -> Any:
        value, over = Floats.div(plain(a), plain(b)), Floats.div(1.0, plain(b))
        parts = [(z, slope) for z, slope in ((a, over), (b, -value * over)) if isinstance(z, Var)]
        return Var(value, *parts) if parts else value

    exp = lifted(Floats.exp, Floats.exp)
    log = lifted(Floats.log, lambda z: Floats.div(1.0, z))
    log1p = lifted(Floats.log1p, lambda z: Floats.div(1.0, 1 + z))
    sqrt = lifted(Floats.sqrt, lambda z: Floats.div(0.5, Floats.sqrt(z)))
    tanh = lifted(math.tanh, lambda z: 1 - math.tanh(z) ** 2)


class Differentiated(Trace):
    """A forward pass on Vars. Where the port reports a tensor, its numbers take the place of the calculated ones."""

    port: dict[str, Value]

    def __getitem__(self, name: str) -> Value:
        if name not in self.values:
            value = super().__getitem__(name)
            if name in INNER:  # numbers of its own: two pairs may have one weight
                value = each(lambda z: Var(z.value, (z, 1.0)) if isinstance(z, Var) else Var(z), value)
                self.values[name] = value
            numbers, mine = flatten(self.port.get(name, [])), flatten(value)
            for var, number in zip(mine, numbers if len(numbers) == len(mine) else (), strict=False):
                if isinstance(var, Var):
                    var.value = number
        return self.values[name]


def spread(loss: Any) -> None:
    """The derivative of `loss` with respect to every Var it was made of, in that Var's `grad`."""
    order, seen, stack = [], set(), [(loss, False)] if isinstance(loss, Var) else []
    while stack:
        var, done = stack.pop()
        if done:
            order.append(var)
        elif var not in seen:
            seen.add(var)
            stack += [(var, True), *((part, False) for part, _ in var.made_of)]
    for var in reversed(order):
        var.grad = var.grad if var is not loss else 1.0
        for part, slope in var.made_of:
            part.grad += var.grad * slope


def twin(case: Case, layers: dict[str, tuple[Layer, ...]], port: list[dict[str, Value]]) -> list[Trace]:
    """The steps of a case with mistakes switched on, their gradients taken by differentiating the forward pass."""
    chain: list[Trace] = []
    for step, reported in enumerate(port):
        trace = Trace(case, step, chain[-1] if chain else None, layers)
        names = [name for name in case["params"] if name != "free_pairs"]
        leaves = {"param_" + name: each(Var, trace.param(name)) for name in names}
        forward = Differentiated(case, step, None, layers, leaves, Tape)
        forward.port = reported
        spread(forward["loss"])
        for name in INNER:
            if name in forward.values:
                trace.give("d_" + name, each(lambda z: z.grad, forward.values[name]))
        for name in names:
            trace.give("g_" + name, each(lambda z: z.grad, leaves["param_" + name]))
        chain.append(trace)
    return chain
