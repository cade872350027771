"""The exercises of the notebooks: `check("05.2", answer)` says right, or what is wrong, never the solution.

Each notebook has a module here with its `EXERCISES`. Differences are described by `answer.check_answer`, which
names typical mistakes, and by the exercise's own list of likely mistakes.
"""

import copy
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from importlib import import_module
from typing import Any

import numpy as np

from .answer import Answer, check_answer

__all__ = ["Exercise", "Verdict", "check", "find"]


@dataclass(frozen=True)
class Exercise:
    """What an answer is called with, and what it should give.

    Parameters
    ----------
    right : callable or value
        The right answer: a function of the inputs, or the value itself when the reader gives a value.
    inputs : list of tuples
        Arguments of each call; the reader's function must be right for all of them.
    names : tuple of str
        Names of the results, in order.
    mistakes : dict of str to callable or value
        Label of a likely mistake to the function (or value) that makes it.
    rtol : float
        Tolerance, relative to the largest right entry.
    """

    right: Any
    inputs: Sequence[tuple[Any, ...]] = ((),)
    names: tuple[str, ...] = ("the answer",)
    mistakes: dict[str, Any] = field(default_factory=dict)
    rtol: float = 1e-7


@dataclass(frozen=True)
class Verdict:
    """The result of `check`: prints as one or two sentences; `ok` when the answer is right."""

    ok: bool
    text: str

    def __repr__(self) -> str:
        return self.text


def find(number: str) -> Exercise:
    """The exercise with a number such as "05.2"; refuses one that does not exist.

    Examples
    --------
    >>> find("99.1")
    Traceback (most recent call last):
        ...
    ValueError: there is no exercise '99.1'
    """
    try:
        exercise: Exercise = import_module(f".notebook_{number.partition('.')[0]}", __name__).EXERCISES[number]
    except (ModuleNotFoundError, KeyError):
        raise ValueError(f"there is no exercise {number!r}") from None
    return exercise


def check(number: str, answer: object) -> Verdict:
    """Check an answer to an exercise.

    Parameters
    ----------
    number : str
        The exercise, for example "05.2".
    answer : callable or value
        The function or the value that the exercise asks for; `...` stands for an answer still to come.

    Returns
    -------
    Verdict

    Raises
    ------
    ValueError
        When there is no such exercise.
    """
    return judge(find(number), answer)


def judge(exercise: Exercise, answer: object) -> Verdict:
    """Compare an answer with an exercise, input by input and result by result, and tell the first difference.

    Where it does not show which of the exercise's mistakes was made, for instance because a number overflows,
    another input may. A hint that comes from the numbers alone is given only if no other input contradicts it.
    """
    if answer is ...:
        return Verdict(False, "No answer yet: replace the dots.")
    tried = [_difference(exercise, answer, inputs) for inputs in exercise.inputs]
    found = [difference for difference in tried if difference is not None]
    if not found:
        return Verdict(True, "Right." if len(exercise.inputs) == 1 else f"Right, for {len(exercise.inputs)} inputs.")
    first = found[0]
    if isinstance(first, Answer) and first.likely not in exercise.mistakes:
        same = [other.likely for other in found if isinstance(other, Answer) and other.name == first.name]
        hint = first.likely if {*same} <= {first.likely, ""} else ""
        first = replace(first, likely=next((likely for likely in same if likely in exercise.mistakes), hint))
    return Verdict(False, f"Not yet: {first}" if isinstance(first, Answer) else first)


def _difference(exercise: Exercise, answer: Any, inputs: tuple[Any, ...]) -> Answer | str | None:
    """What is wrong with the answer for one input: an `Answer`, a sentence, or None if nothing is."""
    given = copy.deepcopy(inputs)
    if callable(exercise.right) and not callable(answer):
        return f"Give the function itself, not {type(answer).__name__}."
    try:
        got = answer(*given) if callable(exercise.right) else answer
    except Exception as error:  # whatever the reader's code raises is a message, not a crash
        same = [label for label, wrong in exercise.mistakes.items() if repr(_attempt(wrong, inputs)) == repr(error)]
        return f"Not yet: it raised {type(error).__name__}: {error}" + (f"; likely: {same[0]}" if same else "")
    parts = got if isinstance(got, tuple) else (got,)
    if any(part is ... for part in parts):
        return "No answer yet: replace the dots."
    if any(part is None for part in parts):
        return "Not yet: a result is None; is a return missing, or is it what np.add.at returns, which is nothing?"
    if not _same(given, inputs):
        return "Not yet: it changes its arguments; work on copies."
    names = exercise.names
    wants = _results(exercise.right, inputs)
    gots = got if isinstance(got, (tuple, list)) and len(names) > 1 else (got,)
    if len(gots) != len(names):
        return f"Not yet: it should give {len(names)} results ({', '.join(names)}), not {len(gots)}."
    wrongs = {label: _attempt(wrong, inputs) for label, wrong in exercise.mistakes.items()}
    for at, name in enumerate(names):
        variants = {label: _dense(values[at]) for label, values in wrongs.items() if isinstance(values, tuple)}
        found = check_answer(_dense(gots[at]), _dense(wants[at]), name, variants=variants, rtol=exercise.rtol)
        if not found.ok:
            return found
    return None


def _results(right: Any, inputs: tuple[Any, ...]) -> tuple[Any, ...]:
    value = right(*copy.deepcopy(inputs)) if callable(right) else right
    return value if isinstance(value, tuple) and not hasattr(value, "to_dense") else (value,)


def _attempt(wrong: Any, inputs: tuple[Any, ...]) -> tuple[Any, ...] | Exception:
    """The results of a likely mistake, which may overflow, or the error that it raises."""
    try:
        with np.errstate(all="ignore"):
            return _results(wrong, inputs)
    except Exception as error:
        return error


def _dense(value: Any) -> Any:
    """RowGrad as its rows and values side by side, so that both are compared; anything else as it is."""
    if hasattr(value, "to_dense"):
        return np.concatenate([np.ravel(value.rows), np.ravel(value.values)])
    return value


def _same(a: Any, b: Any) -> bool:
    """True when two nested tuples hold equal arrays and numbers."""
    if isinstance(a, (tuple, list)):
        return len(a) == len(b) and all(_same(x, y) for x, y in zip(a, b, strict=True))
    if isinstance(a, dict):
        return a.keys() == b.keys() and all(_same(a[key], b[key]) for key in a)
    if isinstance(a, np.ndarray):
        return np.array_equal(a, b, equal_nan=a.dtype.kind == "f")
    return a == b or a != a if isinstance(a, (int, float)) else True
