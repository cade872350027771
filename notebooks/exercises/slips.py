"""Slips that can happen in any line: a factor is missing or counts twice, a sign, a neighbour's name, a mean for a sum.

They are made from the solution alone, and tried when none of the mistakes that an exercise lists fits an answer. In a
label `{u}` is what a line uses or gives, and `@` becomes " in" and the name of the line.
"""

import copy
from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import cache, partial
from inspect import signature
from itertools import combinations, permutations
from typing import Any

import numpy as np
from scipy.special import softmax

from .exercise import Exercise
from .steps import Steps

__all__ = ["HANDED_OUT", "slip"]

Known = dict[str, Any]
Line = Callable[[Known], Any]
HANDED_OUT = "this still gives what the code gave that was handed out"  # then a hunt is on: `check` must not tell
# Lines of solutions whose names the notebooks do not have.
HIDDEN = {"slot", "others", "rest", "gained", "outside", "grown", "of_z", "terms", "squares", "mean", "weights", "dt",
          "dA", "d_rows", "up", "rows", "sd", "size", "slots", "numbered", "total", "count"}  # fmt: skip
USES: dict[str, Callable[[Any], Any]] = {  # something else than what a line uses
    "{u} is missing@, as if it were 1": np.ones_like,
    "{u} is missing@, as if it were 0": np.zeros_like,
    "the sign of {u} is wrong@": np.negative,
    "the absolute value of {u} is taken@": np.abs,
    "{u} counts twice as a factor@": np.square,
    "{u} divides@ where it should multiply, or the other way round": lambda u: 1 / u,
    "the root of {u} is taken@, or a square is missing": lambda u: np.sqrt(np.abs(u)),
    "a factor 2 at {u}@ is too much, or 1/2 is missing": lambda u: 2 * u,
    "a factor 1/2 at {u}@ is too much, or 2 is missing": lambda u: u / 2,
    "1 - {u} in the place of {u}@": lambda u: 1 - u,
}
ARRAYS: dict[str, Callable[[Any], Any]] = {
    "all entries of {u} are added up@": lambda u: np.sum(u) + 0 * u,
    "the mean over all entries of {u}@ in the place of each": lambda u: np.mean(u) + 0 * u,
    "only the sign of {u}@": np.sign,
    "{u} is divided by its length@": lambda u: u / np.linalg.norm(u),
    "a wrong axis of {u}@: axes 0 and 1 are exchanged": lambda u: np.swapaxes(u, 0, 1),
    "a wrong axis of {u}@: axes 1 and 2 are exchanged": lambda u: np.swapaxes(u, 1, 2),
    "a wrong axis of {u}@: axes 0 and 2 are exchanged": lambda u: np.swapaxes(u, 0, 2),
}
IDS: dict[str, Callable[[Any], Any]] = {
    "{u} is not used@: the first ones are taken in their order": lambda u: np.arange(u.shape[-1]) + 0 * u}
PARTS: dict[str, Callable[[Any], Any]] = {  # of a line that the notebook does not name
    "one part is twice as large as it should be": lambda u: 2 * u,
    "one part is half as large as it should be": lambda u: u / 2,
    "the sign of one part is wrong": np.negative,
    "one part is squared, which it should not be": np.square,
    "the root of one part is taken": lambda u: np.sqrt(np.abs(u)),
    "the absolute value of one part is taken": np.abs,
    "one part is missing": np.zeros_like,
}
MASKS: dict[str, Callable[[Any], Any]] = {"{u} is not used@": np.ones_like, "{u} is upside down@": np.logical_not}
RESULTS: dict[str, Callable[[Any], Any]] = {  # something else than what a line gives
    "{u} is squared": np.square,
    "the root of {u} is taken": lambda u: np.sqrt(np.abs(u)),
    "the absolute value of {u} is taken": np.abs,
    "only the sign of {u}": np.sign,
    "a softmax is taken of {u}, which comes later if at all": lambda u: softmax(u, axis=-1),
    "{u} is summed over all its entries": lambda u: np.sum(u) + 0 * u,
    "{u} is summed over axis 0, all rows together": lambda u: np.sum(u, axis=0, keepdims=True) + 0 * u,
}
BESIDE: dict[str, Callable[[Any, Any], Any]] = {  # something else that meets what a line gives
    "a factor {u} is too much@, or a division by it is missing": np.multiply,
    "a factor {u} is missing@, or a division by it is too much": np.divide,
    "{u} is added@, which is too much": np.add,
    "{u} is taken away@, which is too much": np.subtract,
}


@cache
def _needs(line: Callable[..., Any]) -> tuple[str, ...]:
    return tuple(signature(line).parameters)


def _call(line: Callable[..., Any], known: Known) -> Any:
    return line(*(known[u] for u in _needs(line) if u in known))


def _is_number(value: Any) -> bool:
    return isinstance(value, (float, np.ndarray)) and np.asarray(value).dtype.kind == "f"


def _beside(u: Any, result: Any) -> Any:
    """u with new axes, so that it goes along the first axes of a result, or as it is."""
    first = np.shape(u) == np.shape(result)[: np.ndim(u)]
    return np.reshape(u, np.shape(u) + (1,) * (np.ndim(result) - np.ndim(u))) if first else u


def _item(name: str) -> Line:
    return lambda known: known[name]


def _both(u: str, w: str) -> Line:
    return lambda known: (known[u], known[w])


def _done(line: Line, of: Callable[[Any], Any]) -> Line:
    """Something done to what a line gives."""
    return lambda known: of(line(known))


def _with(right: Callable[..., Any], others: dict[str, Line]) -> Line:
    """A line with something else for some of what it uses."""
    return lambda known: _call(right, {**known, **{u: other(known) for u, other in others.items()}})


def _scaled(line: Line, by: str, axis: int, power: int) -> Line:
    return lambda known: line(known) * float(np.shape(known[by])[axis]) ** power


def _meeting(line: Line, by: str, of: Callable[[Any, Any], Any]) -> Line:
    """What a line gives, and what has a name, together."""
    return lambda known: of(got := line(known), _beside(known[by], got))


def _of_uses(right: Callable[..., Any], name: str, known: Known, shown: set[str]) -> Iterator[tuple[str, Line]]:
    """A line with something else for what it uses."""
    for u in [u for u in _needs(right) if u in shown and u in known]:
        kind, kinds = np.asarray(known[u]).dtype.kind, {}
        if _is_number(known[u]):
            kinds = USES | ARRAYS if np.ndim(known[u]) else USES
        elif kind in "bi" and np.ndim(known[u]):
            kinds = MASKS if kind == "b" else IDS
        for text, other in kinds.items():
            yield text.format(u=u), _with(right, {u: _done(_item(u), other)})


def _of_names(right: Callable[..., Any], name: str, known: Known, shown: set[str]) -> Iterator[tuple[str, Line]]:
    """A line with another name in the place of one."""
    numbers = {u: np.shape(known[u]) for u in known if u in shown and _is_number(known[u])}
    for u, w in permutations(numbers, 2):
        if u in _needs(right) and numbers[u] == numbers[w]:
            yield f"{w} in the place of {u}@", _with(right, {u: _item(w)})
            if w in _needs(right):
                yield f"{min(u, w)} and {max(u, w)} are exchanged@", _with(right, {u: _item(w), w: _item(u)})


def _of_lengths(right: Callable[..., Any], name: str, known: Known, shown: set[str]) -> Iterator[tuple[str, Line]]:
    """A line divided or multiplied by a length."""
    line = partial(_call, right)
    for u in [u for u in known if u in shown and isinstance(known[u], np.ndarray) and _is_number(line(known))]:
        for axis in range(np.ndim(known[u])):
            length = f"the length of axis {axis} of {u}"
            yield f"a mean in the place of a sum@: divided by {length}", _scaled(line, u, axis, -1)
            yield f"a sum in the place of a mean@: not divided by {length}", _scaled(line, u, axis, 1)


def _of_result(right: Callable[..., Any], name: str, known: Known, shown: set[str]) -> Iterator[tuple[str, Line]]:
    """A line with something done to what it gives."""
    line = partial(_call, right)
    result = line(known)
    if not _is_number(result) or name not in shown:
        return
    for text, other in RESULTS.items():
        yield text.format(u=name), _done(line, other)
    for u in [u for u in known if u in shown and _is_number(known[u])]:
        d = np.ndim(known[u])
        if np.shape(known[u]) in (np.shape(result)[:d], np.shape(result)[np.ndim(result) - d :]):
            for text, of in BESIDE.items():
                yield text.format(u=u), _meeting(line, u, of)
        if np.shape(known[u]) == np.shape(result):
            yield f"this is {u}@", _item(u)


def _of_parts(right: Callable[..., Any], name: str, known: Known, shown: set[str]) -> Iterator[tuple[str, Line]]:
    """A line with something else for a part that the notebook does not name."""
    for u in [u for u in _needs(right) if u in known and u not in shown and _is_number(known[u])]:
        for text, other in PARTS.items():
            yield text, _with(right, {u: _done(_item(u), other)})


def _all(solution: Steps, known: Known, shown: set[str], only: str) -> Iterator[tuple[str, Any, Line]]:
    """The label of each slip, the name (or names) of what it changes, and what it gives; the likely ones first."""
    order = [*solution.arguments, *solution.lines]
    for kind in (_of_lengths, _of_uses, _of_names, _of_result, _of_parts):
        for name, right in reversed(solution.lines.items()):
            if only in ("", name):
                before = {u: known[u] for u in order[: order.index(name)] if u in known}
                where = f" in {name}" if name in shown and len(solution.lines) > 1 else ""
                for label, wrong in kind(right, name, before, shown):
                    yield label.replace("@", where), name, wrong
    numbers = {u: np.shape(known[u]) for u in solution.arguments if u in shown and _is_number(known.get(u)) and not only}
    for u in numbers:
        for text, other in USES.items():
            yield text.format(u=u).replace("@", ""), u, _done(_item(u), other)
    for u, w in combinations(numbers, 2):
        if numbers[u] == numbers[w]:
            yield f"{u} and {w} are exchanged", (u, w), _both(w, u)


def slip(exercise: Exercise, name: str, cases: Sequence[Any], fits: Callable[..., bool]) -> str:
    """The first slip that gives what an answer gives in all cases, or nothing; `name` is the first wrong result."""
    only = name if cases[0].steps else ""
    with np.errstate(all="ignore"):
        for label, results in _slips(exercise, [case.inputs for case in cases], only):
            tried: list[Any] = []
            for case, result in zip(cases, results, strict=True):
                tried.append(case._replace(wrongs={label: result}))
                if not fits(label, name, tried[-1:], fits=True):
                    break                                                  # most are out at the first input
            else:
                if fits(label, name, tried):
                    return label
    return ""


def _slips(exercise: Exercise, inputs: list[tuple[Any, ...]], only: str = "") -> Iterator[tuple[str, Iterable[Known]]]:
    """The label of each slip, and the results by name that it gives for each of the inputs, or nothing.

    `only` is the line that must have it, if that is known.
    """
    right, names, all_known = exercise.right, exercise.names, []
    if HANDED_OUT in exercise.mistakes:
        return
    if callable(right) and (isinstance(right, Steps) or len(names) == 1):
        one = "new" if names[0] in exercise.arguments else names[0]
        solution = right if isinstance(right, Steps) else Steps(" ".join(exercise.arguments), **{one: right})
        shown = {*names, *solution.arguments, *solution.lines} - (HIDDEN - {*names})
        given = [dict(zip(solution.arguments, copy.deepcopy(values), strict=False)) for values in inputs]
        all_known = [_outcome(exercise, solution, known) for known in given]
        for label, changed, wrong in _all(solution, all_known[0], shown, only):
            yield label, (_outcome(exercise, solution, known, changed, wrong) for known in all_known)
    elif not callable(right) and len(names) > 1:
        all_known = [dict(zip(names, right, strict=True))]
    for other in [*permutations(names)][1:] if all_known and len(names) < 4 and not only else []:
        label = f"the results stand in another order: {', '.join(names)} is right"
        yield label, [{**known, **{a: known[b] for a, b in zip(names, other, strict=True)}} for known in all_known]


def _outcome(exercise: Exercise, solution: Steps, known: Known, changed: Any = "", wrong: Line | None = None) -> Known:
    """All that is known when one line or argument is another, or two are, or nothing if that does not run."""
    moved = ({*changed} if isinstance(changed, tuple) else {changed}) if wrong else {*known}
    try:
        if wrong:
            given = wrong(known)
            known = known | (dict(zip(changed, given, strict=True)) if isinstance(changed, tuple) else {changed: given})
        for name, line in solution.lines.items():
            if name != changed and moved & {*_needs(line)}:
                known[name] = _call(line, known)
                moved.add(name)
        if wrong and "new" in known:
            known = known | {exercise.names[0]: known["new"]}
        return known | {name: exercise.same(known[name], name) for name in exercise.names if wrong and name in known}
    except Exception:
        return {}
