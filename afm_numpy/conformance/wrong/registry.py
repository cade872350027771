"""Where a wrong variant is entered, and the tools it is written with."""

from collections.abc import Callable, Iterable
from typing import Any

from ..literal.numbers import Value, each
from ..literal.trace import Layer, Rule, Trace, called

WRONG: dict[str, dict[str, Layer]] = {}


def wrong(mistake: str, rules: str, variant: Callable[..., Value], only: str = "") -> None:
    """Enter `variant` as what `mistake` puts in the place of each of `rules`.

    A variant says by the names of its arguments what it needs: `trace.argument`.

    `only` is a word of the case: its model, attention, loss or optimizer, the name of a setting, or "text". In cases
    without it the right rule stays.
    """

    def layer(v: Trace, right: Rule, *par: str) -> Value:
        words = (*v.config, *v.batch, *map(v.config.get, ("model", "attention", "loss", "optimizer")))
        if only and only not in words:
            return right(v, *par)
        return called(variant, v, right, par)

    WRONG.setdefault(mistake, {}).update(dict.fromkeys(rules.split(), layer))


class Seen(Trace):
    """A trace as it looks to a wrong rule: some tensors, parameters or settings replaced."""

    def __init__(self, trace: Trace, **replaced: Any) -> None:
        self.trace, self.replaced, self.config = trace, replaced, {**trace.config, **replaced}
        self.before, self.batch = replaced.get("before", trace.before), replaced.get("batch", trace.batch)

    def __getitem__(self, name: str) -> Value:
        return self.replaced[name] if name in self.replaced else self.trace[name]

    def param(self, name: str) -> Value:
        return self.replaced[name] if name in self.replaced else self.trace.param(name)

    def __getattr__(self, name: str) -> Any:
        return getattr(self.trace, name)


def seen(**replaced: Any) -> Callable[..., Value]:
    """The right rule that sees something else: values, or functions with arguments as those of a variant."""

    def variant(v: Trace, right: Rule) -> Value:
        return right(Seen(v, **{key: called(z, v, None, ()) if callable(z) else z for key, z in replaced.items()}))

    return variant


def scaled(value: Value, factor: Any) -> Value:
    """Nested lists times a number."""
    return each(lambda z: z * factor, value)


def layers(mistakes: Iterable[str]) -> dict[str, tuple[Layer, ...]]:
    """The layers of a set of mistakes, for Trace."""
    result: dict[str, tuple[Layer, ...]] = {}
    for mistake in mistakes:
        for rule, layer in WRONG[mistake].items():
            result[rule] = result.get(rule, ()) + (layer,)
    return result
