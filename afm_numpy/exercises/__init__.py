"""The exercises of the notebooks: `check("04.2", answer)` says right, or what is wrong.

Each notebook has a module here with its `EXERCISES`. `answer.check_answer` describes how numbers differ; each exercise
adds its own list of likely mistakes. The right numbers are shown only to a reader who asks, with `show=True`.
"""

import copy
import traceback
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from importlib import import_module
from pathlib import Path
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
    rtol : float, optional
        Tolerance, relative to the largest right entry: 1e-7 for a function, 1e-3 for a value, which a reader may round.
    order : tuple of str, optional
        The names in the order of calculation, when the function returns them in another one: what is calculated first
        is blamed first.
    same : callable, optional
        same(result) is what has to be right of a result that is not unique, such as V V^T instead of V.
    """

    right: Any
    inputs: Sequence[tuple[Any, ...]] = ((),)
    names: tuple[str, ...] = ("the answer",)
    mistakes: Mapping[str, Any] = field(default_factory=dict)
    rtol: float | None = None
    order: tuple[str, ...] = ()
    same: Callable[[Any], Any] | None = None


@dataclass(frozen=True)
class Verdict:
    """The result of `check`: prints as one or two sentences; `ok` when the answer is right."""

    ok: bool
    text: str

    def __repr__(self) -> str:
        return self.text


def find(number: str) -> Exercise:
    """The exercise with a number such as "04.2"; refuses one that does not exist.

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


def check(number: str, answer: object, show: bool = False) -> Verdict:
    """Check an answer to an exercise.

    Parameters
    ----------
    number : str
        The exercise, for example "04.2".
    answer : callable or value
        The function or the value that the exercise asks for; `...` stands for an answer still to come.
    show : bool
        Also show the input of the case that fails, what the answer gives there, and what is right.

    Returns
    -------
    Verdict

    Raises
    ------
    ValueError
        When there is no such exercise.
    """
    return judge(find(number), answer, show)


def judge(exercise: Exercise, answer: object, show: bool = False) -> Verdict:
    """Compare an answer with an exercise, input by input and result by result, and tell the first difference.

    A hint must be true of every input: a mistake is named only if it gives what the answer gives wherever both give
    numbers, and what the numbers look like is told only if they look like that for every input.
    """
    if answer is ...:
        return Verdict(False, "No answer yet: replace the dots.")
    if callable(exercise.right) and not callable(answer):
        return Verdict(False, f"Give the function itself, not {type(answer).__name__}.")
    cases = [_case(exercise, answer, inputs) for inputs in exercise.inputs]
    compared = [case for case in cases if isinstance(case, _Case)]
    wrong = [case for case in compared if not case.found.ok]
    first = next((case for case in cases if isinstance(case, str) or not case.found.ok), None)
    if isinstance(first, str):
        return Verdict(False, first)
    if first is None:
        more = " Give a real number: take its real part." if any(map(np.iscomplexobj, compared[0].gots)) else ""
        return Verdict(True, ("Right." if len(cases) == 1 else f"Right, for {len(cases)} inputs.") + more)
    name = first.found.name
    hints = [case.found.likely for case in wrong if case.found.name == name]
    named = [label for label in exercise.mistakes if _fits(exercise, label, name, compared, label in hints)]
    named.sort(key=lambda label: not all(_fits(exercise, label, other, compared, True) for other in first.names))
    looks = hints[0] if {*hints} <= {hints[0], ""} and hints[0] not in exercise.mistakes else ""
    text = f"Not yet: {replace(first.found, likely=named[0] if named else looks)}"
    return Verdict(False, text + (first.shown(name) if show else ""))


@dataclass(frozen=True)
class _Case:
    """One call of an answer: what it got, what came out, what is right, and the first difference."""

    inputs: tuple[Any, ...]
    names: tuple[str, ...]
    gots: tuple[Any, ...]
    wants: tuple[Any, ...]
    found: Answer

    def shown(self, name: str) -> str:
        """The input of this case, the answer's result of a name, and the right one."""
        at = self.names.index(name)
        lines = [f"input {i}: {value!r}" for i, value in enumerate(self.inputs, 1)]
        return "\n".join(["", *lines, f"your {name}: {self.gots[at]!r}", f"right: {self.wants[at]!r}"])


def _case(exercise: Exercise, answer: Any, inputs: tuple[Any, ...]) -> _Case | str:
    """What an answer gives for one input, or a sentence if that cannot be compared."""
    given, names = copy.deepcopy(inputs), exercise.names
    wrongs = {label: _attempt(wrong, inputs) for label, wrong in exercise.mistakes.items()}
    try:
        got = answer(*given) if callable(exercise.right) else answer
    except Exception as error:  # whatever the reader's code raises is a message, not a crash
        same = [label for label, wrong in wrongs.items() if repr(wrong) == repr(error)]
        return f"Not yet: {_raised(error)}" + (f"; likely: {same[0]}" if same else "")
    parts = got if isinstance(got, tuple) else (got,)
    if any(part is ... for part in parts):
        return "No answer yet: replace the dots."
    if any(part is None for part in parts):
        return "Not yet: a result is None; is a return missing, or is it what np.add.at returns, which is nothing?"
    if not _same(given, inputs):
        return "Not yet: it changes its arguments; work on copies."
    wants = _results(exercise.right, inputs)
    numbers = isinstance(got, np.ndarray) and got.ndim == 1 and not any(map(np.ndim, wants))   # an array for a pair
    gots = tuple(got) if len(names) > 1 and (numbers or isinstance(got, (tuple, list))) else (got,)
    if len(gots) != len(names):
        return f"Not yet: it should give {len(names)} results ({', '.join(names)}), not {len(gots)}."
    found = Answer("", True)
    for name in exercise.order or names:
        at = names.index(name)
        named = {label: values for label, values in wrongs.items() if isinstance(values, tuple)}
        variants = {label: _plain(values[at], exercise) for label, values in named.items()}
        want, rtol = _plain(wants[at], exercise), exercise.rtol or (1e-7 if callable(exercise.right) else 1e-3)
        found = check_answer(_as_wanted(_plain(gots[at], exercise), want), want, name, variants=variants, rtol=rtol)
        if not found.ok:
            break
    return _Case(inputs, names, gots, wants, found)


def _fits(exercise: Exercise, label: str, name: str, cases: Sequence[_Case], fits: bool) -> bool:
    """Does a mistake give what the answer gives, for every input, as far as both give numbers? `fits` if none do."""
    for case in cases:
        at, values = case.names.index(name), _attempt(exercise.mistakes[label], case.inputs)
        if isinstance(values, tuple):
            try:
                got, value = (np.asarray(_plain(part[at], exercise), float) for part in (case.gots, values))
            except (TypeError, ValueError):
                continue                                                  # texts, or rows of different lengths
            if got.shape != value.shape:
                return False
            known = np.isfinite(got) & np.isfinite(value)
            if not check_answer(got[known], value[known], rtol=1e-6).ok:
                return False
            fits |= not case.found.ok and bool(known.all())
    return fits


def _raised(error: Exception) -> str:
    """An error in words, with the line of the reader's code in which it came up."""
    libraries = Path(__file__).parents[1], Path(np.__file__).parent
    frames = [
        frame for frame in traceback.extract_tb(error.__traceback__)
        if frame.line and not any(library in Path(frame.filename).parents for library in libraries)
    ]  # fmt: skip
    where = f" in line {frames[-1].lineno}, `{frames[-1].line}`" if frames else ""
    return f"it raised {type(error).__name__}: {error}{where}"


def _as_wanted(got: Any, want: Any) -> Any:
    """The answer, without what is no mistake: an imaginary part of the size of rounding, one number in brackets."""
    if isinstance(got, (complex, np.complexfloating, np.ndarray)) and np.iscomplexobj(got):
        return got.real if np.all(np.abs(got.imag) <= 1e-12 * np.abs(got).max(initial=0)) else got
    return got[0] if isinstance(got, (list, np.ndarray)) and len(got) == 1 and np.ndim(want) == 0 else got


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


def _plain(value: Any, exercise: Exercise) -> Any:
    """What is compared of a result: of a RowGrad its rows and values side by side, else what `same` says of it."""
    if exercise.same:
        return exercise.same(value)
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
