"""Where a wrong variant is entered, and the two tools it is written with."""

from collections.abc import Callable, Iterable
from typing import Any

from ..literal.numbers import Value
from ..literal.trace import Layer, Trace

WRONG: dict[str, dict[str, Layer]] = {}


def wrong(mistake: str, *rules: str) -> Callable[[Layer], Layer]:
    """Register `layer(trace, right, *name)` as what `mistake` puts in the place of each of `rules`."""

    def register(layer: Layer) -> Layer:
        WRONG.setdefault(mistake, {}).update(dict.fromkeys(rules, layer))
        return layer

    return register


class Seen(Trace):
    """A trace as it looks to a wrong rule: some tensors or parameters, or some config, replaced."""

    def __init__(self, trace: Trace, tensors: Any = None, params: Any = None, **config: Any) -> None:
        self.trace, self.tensors, self.params = trace, tensors or {}, params or {}
        self.config = {**trace.config, **config}

    def __getitem__(self, name: str) -> Value:
        return self.tensors[name] if name in self.tensors else self.trace[name]

    def param(self, name: str) -> Value:
        return self.params[name] if name in self.params else self.trace.param(name)

    def __getattr__(self, name: str) -> Any:
        return getattr(self.trace, name)


def scaled(value: Value, factor: float) -> Value:
    """Nested lists times a number."""
    return [scaled(part, factor) for part in value] if isinstance(value, list) else value * factor


def layers(mistakes: Iterable[str]) -> dict[str, tuple[Layer, ...]]:
    """The layers of a set of mistakes, for Trace."""
    result: dict[str, tuple[Layer, ...]] = {}
    for mistake in mistakes:
        for rule, layer in WRONG[mistake].items():
            result[rule] = result.get(rule, ()) + (layer,)
    return result
