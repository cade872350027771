"""What an exercise is: how its answer is called, what is right, and which mistakes are likely."""

import copy
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from importlib import import_module
from inspect import signature
from types import FunctionType
from typing import Any

from .steps import Steps, changed

__all__ = ["Exercise", "find"]


@dataclass(frozen=True)
class Exercise:
    """What an answer is called with, and what it should give. Only `right` has no default.

    right      a function of the inputs, or the value itself when the reader gives a value. `Steps` know the names of
               their results; `Steps` that return every line in a dict are judged line by line.
    inputs     the arguments of each call; the reader's function must be right for all of them
    names      of the results, in order
    mistakes   label of a likely mistake to the function (or value) that makes it, or to the lines of `right` that it
               changes. A function may name only those arguments that it needs.
    rtol       relative to the largest right entry: by default 1e-7 for a function, 1e-3 for a value, which a reader may
               round, 1e-5 for a line of several
    order      the names in the order of calculation, where it is another one: what comes first is blamed first
    same       same(result, name) is what has to be right of a result that is not unique, such as V V^T instead of V
    keeps      must the arguments stay as they are, because the task says so?
    """

    right: Any
    inputs: Sequence[tuple[Any, ...]] = ((),)
    names: tuple[str, ...] = ("the answer",)
    mistakes: Mapping[str, Any] = field(default_factory=dict)
    rtol: float | None = None
    order: tuple[str, ...] = ()
    same: Callable[[Any, str], Any] = lambda result, name: result
    keeps: bool = False
    arguments: tuple[str, ...] = field(default=(), init=False)
    by_name: bool = field(default=False, init=False)  # must the answer be a dict?

    def __post_init__(self) -> None:
        known: dict[str, Any] = {"order": self.order or self.names}
        if isinstance(self.right, Steps):
            lines, returns = (*self.right.lines,), self.right.returns
            known = {"names": returns or lines, "order": lines, "by_name": not returns}
            wrongs = self.mistakes.items()
            known["mistakes"] = {k: changed(self.right, **v) if isinstance(v, dict) else v for k, v in wrongs}
        if isinstance(self.right, (Steps, FunctionType)):
            known["arguments"] = getattr(self.right, "arguments", None) or (*signature(self.right).parameters,)
        self.__dict__.update(known)

    def call(self, function: Callable[..., Any], inputs: tuple[Any, ...]) -> Any:
        """Call a function with copies of the inputs, or of those that it names."""
        values, names = copy.deepcopy(inputs), self.arguments[: len(inputs)]
        if isinstance(function, FunctionType) and {*signature(function).parameters} <= {*names}:
            values = tuple(values[names.index(name)] for name in signature(function).parameters)
        return function(*values)


def find(number: str) -> Exercise:
    """The exercise with a number such as "04.2"; raises ValueError when there is none."""
    try:
        return import_module(f".notebook_{number.partition('.')[0]}", __package__).EXERCISES[number]
    except (ModuleNotFoundError, KeyError):
        raise ValueError(f"there is no exercise {number!r}") from None
