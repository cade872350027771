"""FM and AFM read literally from SPEC.md, one rule for each tensor.

A rule is a function of the tensors it depends on, which the names of its arguments say. `Trace` asks for them by name,
so the graph of the calculation is whatever the rules ask for. A tensor that is *given* is used and not calculated: with
everything given but one tensor, that tensor's rule is tested alone, on the port's own numbers. A layer may stand in for
a rule, which is how a catalogued mistake is executed (wrong/).

The expected values of the kit do not come from here: an oracle that shares nothing with these rules calculated them.
"""

import functools
import inspect
from collections.abc import Callable
from typing import Any, TypeAlias

from .numbers import Case, Floats, Value, each

Rule: TypeAlias = Callable[..., Value]  # rule(trace) or rule(trace, name) -> the tensor
Layer: TypeAlias = Callable[..., Value]  # layer(trace, right, *name), in the place of the rule `right`

RULES: dict[str, Rule] = {}
STATES = ("g", "vel", "acc", "m1", "m2", "direction")


def rule(name: str, function: Callable[..., Value]) -> None:
    """Enter the rule of a tensor, or of tensors of one kind: "acc" for acc_w, acc_V ...; see `argument`."""
    RULES[name] = lambda v, *par: called(function, v, None, par)


@functools.cache
def arguments(function: Callable[..., Value]) -> tuple[str, ...]:
    return tuple(inspect.signature(function).parameters)


def called(function: Callable[..., Value], v: "Trace", right: Any, par: tuple[str, ...]) -> Value:
    """function(what its arguments are named for)."""
    return function(*(argument(name, v, right, par) for name in arguments(function)))


def argument(name: str, v: "Trace", right: Any, par: tuple[str, ...]) -> Any:
    """What an argument of a rule, or of its wrong variant, stands for.

    A tensor, a parameter (w0, V ...) or a setting of the case (k, lr ...); `v` is the trace and `ops` its arithmetic.
    In the rules of optimizers `par` is the name of a parameter and `old` its value; its g, vel, acc, m1, m2, direction
    and lam are meant. In wrong variants `right` is the right rule, and `value` what it gives.
    """
    match name:
        case "v":
            return v
        case "ops":
            return v.ops
        case "right":
            return lambda trace=v: right(trace, *par)
        case "value":
            return right(v, *par)
        case "par":
            return par[0]
        case "old":
            return v.param(par[0])
        case "lam":
            return v.config.get("lam_" + par[0], 0.0)
    if par and name in STATES:
        return v[f"{name}_{par[0]}"]
    if name in v.case["params"]:
        return v.param(name)
    return v.config[name] if name in v.config else v[name]


class Trace:
    """The tensors of one step of one case, each calculated when it is first asked for.

    Parameters
    ----------
    case : dict
        A case as `kit.load_case` returns it.
    step : int
        Which batch of the case.
    before : Trace or None
        The step before; its updated parameters are the parameters of this one.
    layers : dict
        Rule name to a tuple of functions `layer(trace, right, *name)` that stand in for the rule; `right` is
        the rule below.
    given : dict
        Tensors that are used as they are, as nested lists.
    ops : object
        The arithmetic; see `numbers.Floats`.
    """

    def __init__(
        self, case: Case, step: int = 0, before: Any = None, layers: Any = None, given: Any = None, ops: Any = Floats
    ) -> None:
        self.case, self.step, self.before, self.ops = case, step, before, ops
        self.config, self.batch = case["config"], case["batches"][step]
        self.layers = layers or {}
        self.values = dict(given or {})
        self.needs: dict[str, set[tuple[int, str, str]]] = {}
        self.open: list[set[tuple[int, str, str]]] = [set()]

    def __getitem__(self, name: str) -> Value:
        if name not in self.values:
            self.values[name] = self.compute(name)
        self.open[-1].update(self.needs.get(name, ()))
        return self.values[name]

    def give(self, name: str, value: Value) -> None:
        """Use this value from here on; the rules it could have come from are no longer needed for it."""
        self.values[name] = value
        self.needs.pop(name, None)

    def compute(self, name: str) -> Value:
        """Apply the rule of `name`, whether or not a value is given; `needs[name]` tells which rules ran."""
        base, _, par = name.partition("_")
        key, args = (name, ()) if name in RULES else (base, (par,))
        function = RULES[key]
        for layer in self.layers.get(key, ()):
            function = covered(layer, function)
        self.open.append({(self.step, key, name)})
        try:
            value = function(self, *args)
        finally:
            ran = self.open.pop()
            self.open[-1].update(ran)
        self.needs[name] = ran
        return value

    def param(self, name: str) -> Value:
        """A parameter as it is at the start of this step."""
        if self.before is not None:
            value = self.before["new_" + name]
            self.open[-1].update(self.before.needs.get("new_" + name, ()))
            return value
        if "param_" + name not in self.values:
            self.values["param_" + name] = each(self.ops.num, self.case["params"][name])
        return self.values["param_" + name]

    def number(self, key: str) -> Value:
        return self.ops.num(self.config.get(key, 0.0))


def covered(layer: Layer, below: Rule) -> Rule:
    return lambda trace, *args: layer(trace, below, *args)
