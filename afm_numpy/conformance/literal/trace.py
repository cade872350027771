"""FM and AFM read literally from SPEC.md, one plain loop per line of it.

Each tensor of the trace has one rule, a function of the tensors it depends on. `Trace` asks for them by
name, so the graph of the calculation is whatever the rules ask for. A tensor that is *given* is used and
not computed: with everything given but one tensor, that tensor's rule is tested alone, on the port's own
numbers. A rule may be covered by a layer, which is how a catalogued mistake is executed (wrong/).

The expected values of the kit do not come from here: an oracle that shares nothing with these rules calculated them.
"""

from collections.abc import Callable
from typing import Any, TypeAlias

from .numbers import Case, Floats, Value

Rule: TypeAlias = Callable[..., Value]  # rule(trace) or rule(trace, name) -> the tensor
Layer: TypeAlias = Callable[..., Value]  # layer(trace, right, *name), in the place of the rule `right`

RULES: dict[str, Rule] = {}


def rule(function: Rule) -> Rule:
    """Register a function as the rule of the tensor it is named for."""
    RULES[function.__name__] = function
    return function


class Trace:
    """The tensors of one step of one case, each computed when it is first asked for.

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
            self.values["param_" + name] = convert(self.case["params"][name], self.ops.num)
        return self.values["param_" + name]

    def number(self, key: str, default: Any = 0.0) -> Value:
        return self.ops.num(self.config.get(key, default))


def covered(layer: Layer, below: Rule) -> Rule:
    return lambda trace, *args: layer(trace, below, *args)


def convert(value: Value, num: Callable[[Any], Any]) -> Value:
    return [convert(part, num) for part in value] if isinstance(value, list) else num(value)
