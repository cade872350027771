"""A solution line by line, so that each intermediate has a name and a likely mistake changes one line."""

from collections.abc import Callable, Sequence
from inspect import signature
from typing import Any


class Steps:
    """A function whose lines are functions of its arguments and of earlier lines, which they find by name.

    `arguments` and `returns` are names with blanks between them. Without `returns` it gives every line in a dict.

    Examples
    --------
    >>> area = Steps("a b", "area", half=lambda a: a / 2, area=lambda half, b: half * b)
    >>> area(3.0, 4.0)
    6.0
    >>> changed(area, half=lambda a: a)(3.0, 4.0)
    12.0
    """

    def __init__(self, arguments: str, returns: str = "", /, **lines: Callable[..., Any]) -> None:
        self.arguments, self.returns, self.lines = tuple(arguments.split()), tuple(returns.split()), lines
        self._needs = {name: (*signature(line).parameters,) for name, line in lines.items()}

    def __call__(self, *values: Any) -> Any:
        known = self.known(values, {})
        results = tuple(known[name] for name in self.returns)
        return {name: known[name] for name in self.lines} if not results else results if results[1:] else results[0]

    def known(self, values: Sequence[Any], known: dict[str, Any]) -> dict[str, Any]:
        """Put the arguments and every line, by name, into `known`, up to a line that fails."""
        known |= zip(self.arguments, values, strict=True)
        for name, line in self.lines.items():
            known[name] = line(*(known[needed] for needed in self._needs[name]))
        return known


def changed(function: Callable[..., Any], /, **lines: Callable[..., Any]) -> Steps:
    """The function with a mistake: some of its lines, or of its arguments, are others; what follows from them follows.

    Of a function that is not `Steps` only the arguments can be changed.

    Examples
    --------
    >>> changed(lambda x, lr: x - lr, lr=lambda lr: -lr)(1.0, 0.5)
    1.5
    """
    if not isinstance(function, Steps):
        function = Steps(" ".join(signature(function).parameters), "result", result=function)
    if unknown := lines.keys() - {*function.arguments, *function.lines}:
        raise ValueError(f"no line and no argument is called {', '.join(sorted(unknown))}")
    first = {name: line for name, line in lines.items() if name in function.arguments}
    rest = {name: lines.get(name, line) for name, line in function.lines.items()}
    return Steps(" ".join(function.arguments), " ".join(function.returns), **first, **rest)
