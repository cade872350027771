"""Is an answer right, and if not, what is wrong? Its results are compared one by one, for each input."""

import copy
import re
from collections.abc import Collection, Iterator, Mapping, Sequence, ValuesView
from dataclasses import replace
from functools import partial
from typing import Any, NamedTuple

import numpy as np

from . import forms, slips
from .answer import Answer, check_answer, in_words, numbers, remedy, until
from .exercise import Exercise
from .forms import NOTHING, exactly
from .steps import Steps

__all__ = ["Verdict", "judge"]


class Verdict(NamedTuple):
    """The result of `judge`: is the answer right, and one or two sentences, or a line for each step."""

    ok: bool
    text: str


def judge(exercise: Exercise, answer: Any, show: bool = False) -> Verdict:
    """Compare an answer with an exercise, input by input and result by result, and tell the first difference.

    A hint must be true of every input, and nothing that is right may contradict it.
    """
    if callable(exercise.right) and not callable(answer):
        text = NOTHING if answer is ... else f"Not yet: give the function itself, not {type(answer).__name__}."
        return Verdict(False, text)
    cases = [_case(exercise, answer, inputs) for inputs in exercise.inputs]
    free = forms.free(exercise, cases)
    for at, case in enumerate(cases):
        wrong = (one for name, one in case.found.items() if not one.ok and name not in free)
        cases[at] = case._replace(wrong=next(wrong, None))
    steps = "".join(f"\n  {line}" for line in _staircase(exercise, cases, free)) if cases[0].steps else ""
    first = next((case for case in cases if case.wrong or case.trouble), None)
    if first is None:
        if missing := ", ".join(name for name in exercise.names if name not in cases[0].gots):
            return Verdict(False, f"Right so far; still to come: {missing}.{steps}")
        return Verdict(True, ("Right." if len(cases) == 1 else f"Right, for {len(cases)} inputs.") + steps)
    if not first.wrong:
        return Verdict(False, first.trouble if first.trouble == NOTHING else f"Not yet: {first.trouble}{steps}")
    name = first.wrong.name
    text = f"Not yet: {replace(first.wrong, likely=_hint(exercise, name, cases))}{steps}"
    if show:
        lines = [f"input {i}: {value!r}" for i, value in enumerate(first.inputs, 1)]
        text = "\n".join([text, *lines, f"your {name}: {first.gots[name]!r}", f"right: {first.wants[name]!r}"])
    return Verdict(False, text)


class _Case(NamedTuple):
    """One call of an answer: what came out, what is right, what the likely mistakes give, and what was found."""

    inputs: tuple[Any, ...]
    trouble: str = ""
    gots: Mapping[str, Any] = {}
    wants: Mapping[str, Any] = {}
    wrongs: Mapping[str, Any] = {}
    found: Mapping[str, Answer] = {}
    wrong: Answer | None = None                                           # the first one
    steps: bool = False                                                   # does the answer give its results by name?


def _case(exercise: Exercise, answer: Any, inputs: tuple[Any, ...]) -> _Case:
    """What an answer gives for one input."""
    given, trouble, error = copy.deepcopy(inputs), "", None
    before = exactly(given)
    try:
        with np.errstate(all="ignore"):
            got = answer(*given) if callable(exercise.right) else answer
            got = [*got] if isinstance(got, (Iterator, ValuesView)) else got
    except Exception as raised:  # whatever the reader's code raises is a message, not a crash
        error, trouble = raised, NOTHING if re.search("'ellipsis'|type ellipsis", str(raised)) else in_words(raised)
        got = until(raised, answer) if exercise.by_name else None
    wants = _results(exercise, exercise.right, inputs, True)
    rtol = exercise.rtol or (1e-5 if exercise.by_name else 1e-7 if callable(exercise.right) else 1e-3)
    got = forms.by_name(exercise, got, wants, given, rtol)
    steps = isinstance(got, dict) and (exercise.by_name or not {*got}.isdisjoint(exercise.order))
    wrongs = {label: _results(exercise, wrong, inputs, steps) for label, wrong in exercise.mistakes.items()}
    if error:
        same = [label for label, wrong in wrongs.items() if repr(wrong.get("error")) == repr(error)]
        trouble += f"; likely: {same[0]}" if same else remedy(error)
        if not steps:
            return _Case(inputs, trouble)
    elif trouble := forms.trouble(exercise, got):
        return _Case(inputs, trouble)
    gots = _named(exercise, got, shapes={np.shape(wants[name]) for name in exercise.names})
    if not steps and len(gots) != len(exercise.names):
        names, s = ", ".join(exercise.names), "s" if exercise.names[1:] else ""
        return _Case(inputs, f"it should give {len(exercise.names)} result{s} ({names}), not {len(gots)}.")
    judged = [name for name in exercise.order if name in exercise.names or numbers(wants[name]) is not None]
    gots = {name: gots[name] for name in judged if gots.get(name, ...) is not ...}
    found = {name: check_answer(value, wants[name], name, rtol) for name, value in gots.items()}
    if exactly(given) != before and (exercise.keeps or not all(found[n].ok for n in exercise.names if n in found)):
        return _Case(inputs, "it changes its arguments; work on copies.")
    return _Case(inputs, trouble or ("" if found else NOTHING), gots, wants, wrongs, found, None, steps)


def _hint(exercise: Exercise, name: str, cases: Sequence[_Case]) -> str:
    """The likely mistake behind the first wrong result: one that fits all inputs, else what the numbers look like."""
    cases = [case for case in cases if name in case.gots]
    given = [*cases[0].gots]
    right = [other for other in given if all(check_answer(case.gots[other], case.wants[other]).ok for case in cases)]
    named = [label for label in exercise.mistakes if _fits(label, name, cases, right)]
    named.sort(key=lambda label: not all(_fits(label, other, cases, fits=True) for other in given))
    first = [(case.wrong, numbers(case.gots[name])) for case in cases if case.wrong and case.wrong.name == name]
    looks = {answer.likely for answer, array in first if array is None or array.size > 1 or answer.at is None}
    numbers_alone = [(case.gots[name], case.wants[name]) for case in cases]
    if len(first) > 1 and not looks and not any(np.ndim(value) for pair in numbers_alone for value in pair):
        looks = {check_answer(*np.transpose(numbers_alone)).likely}       # one number for each input: look at them all
    look = looks.pop() if len(looks) == 1 else ""
    if not named and (not look or re.match("every entry|some rows", look)):
        fits = partial(_fits, others=[] if cases[0].steps else right)
        return slips.slip(exercise, name, cases, fits) or look
    return named[0] if named else look


def _fits(label: str, name: str, cases: Sequence[_Case], others: Sequence[str] = (), fits: bool = False) -> bool:
    """Does a mistake give what the answer gives, and the `others`, as far as both give numbers? `fits` if none do."""
    for case in cases:
        values = case.wrongs.get(label, {})
        if name in values and name in case.gots:
            got, value = numbers(case.gots[name]), numbers(values[name])
            if got is None or value is None:                              # texts, or rows of different lengths
                fits |= repr(case.gots[name]) == repr(values[name])
                continue
            if got.shape != value.shape:
                return False
            known = np.isfinite(got) & np.isfinite(value)
            if not check_answer(got[known], value[known]).ok:
                return False
            fits |= case.wrong is not None and check_answer(got, value).ok
    return fits and all(_fits(label, other, cases, fits=True) for other in others)


def _staircase(exercise: Exercise, cases: Sequence[_Case], free: set[str]) -> list[str]:
    """A line for each step, in the order of calculation; behind the first wrong one nothing is blamed."""
    lines: list[str] = []
    for at, name in enumerate(exercise.order):
        found = [(case.found[name], case) for case in cases if name in case.found]
        wrong = [(answer, case) for answer, case in found if not answer.ok]
        if name in free:
            lines.append(f"✓ {name}: not as in the solution, but what follows is right")
        elif wrong:
            (answer, case), later = wrong[0], exercise.order[at + 1 :]
            pair = (numbers(values[name]) for values in (case.gots, case.wants))
            entries = [f"{array[answer.at]:.6g}" for array in pair if array is not None and answer.at is not None]
            entry = f": {', should be '.join(entries)}" if entries else ""
            return [*lines, f"✗ {name}: {answer.where}{entry}", *[f"· {name}: not judged yet" for name in later]]
        elif found:
            error = max(answer.error for answer, _ in found)
            lines.append(f"✓ {name}: right " + ("to rounding" if error < 1e-11 else f"approximately, to {error:.0e}"))
        elif not {*exercise.order[at:]} & {*cases[0].gots}:
            lines.append(f"· {name}: not given yet")
    return lines


def _named(exercise: Exercise, value: Any, shapes: Collection[tuple[int, ...]] = ()) -> dict[str, Any]:
    """The results by name; one too many by its number. An array may stand for several results of one shape."""
    if isinstance(value, dict):
        return value | {n: exercise.same(value[n], n) for n in exercise.names if value.get(n, ...) is not ...}
    array = isinstance(value, np.ndarray) and value.shape[:1] == (len(exercise.names),) and shapes == {value.shape[1:]}
    several = len(exercise.names) > 1 and (isinstance(value, (tuple, list)) or array)
    parts = value if several else [value]
    names = [*exercise.names, *map(str, range(len(exercise.names), len(parts)))]
    return {name: exercise.same(part, name) for name, part in zip(names, parts, strict=False)}


def _results(exercise: Exercise, right: Any, inputs: tuple[Any, ...], every: bool) -> dict[str, Any]:
    """What the right answer, or a wrong one, gives by name (`every` line, if there are lines), or its "error"."""
    known: dict[str, Any] = {}
    try:
        with np.errstate(all="ignore"):                                   # a mistake may overflow
            if every and isinstance(right, Steps):
                return _named(exercise, right.known(copy.deepcopy(inputs), known))
            return _named(exercise, exercise.call(right, inputs) if callable(right) else right)
    except Exception as error:
        return {**known, "error": error}
