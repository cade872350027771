"""Forms of right answers: results that go by other names, or by none, and what may not stand where the solution stands."""

import copy
import sys
from collections.abc import Mapping, Sequence
from contextlib import redirect_stdout
from inspect import signature
from io import StringIO
from typing import Any

import numpy as np

from .answer import check_answer
from .exercise import Exercise

__all__ = ["NOTHING", "better", "by_name", "exactly", "free", "trouble"]

Results = Mapping[str, Any]
NOTHING = "Not written yet"


def by_name(exercise: Exercise, got: Any, wants: Results, given: Sequence[Any], rtol: float) -> Any:
    """What came out, with the names of the exercise where right results have other names, or stand in a row."""

    def right(value: Any, name: str) -> bool:
        try:
            return check_answer(exercise.same(value, name), wants[name], name, rtol).ok
        except Exception:  # the reader's values may be anything
            return False

    names = exercise.names
    if isinstance(got, dict) and not exercise.by_name:
        missing = [name for name in names if got.get(name, ...) is ...]
        own = [value for value in (*got.values(), [*got.values()]) if not any(value is argument for argument in given)]
        under = {name: [value for value in own if right(value, name)][:1] for name in missing}
        return got | {name: value for name, values in under.items() for value in values} if all(under.values()) else got
    if exercise.by_name and isinstance(got, (tuple, list)) and len(got) == len(names) and all(map(right, got, names)):
        return dict(zip(names, got, strict=True))
    return got


def trouble(exercise: Exercise, got: Any) -> str:
    """What is wrong with the form of what came out, before any number is looked at; nothing if it will do."""
    parts = got if isinstance(got, tuple) else (got,)
    if any(part is ... for part in parts):
        return NOTHING
    if any(part is None for part in parts):
        return "a result is None; is a return missing, or is it what np.add.at returns?"
    if exercise.by_name and not isinstance(got, dict):
        return "give the results by their names, for example with `return locals()`."
    if isinstance(got, dict) and got and {*got}.isdisjoint(exercise.order):
        return f"no result is called {' or '.join(exercise.order)}."
    return ""


def free(exercise: Exercise, cases: Sequence[Any]) -> set[str]:
    """The lines that are no result and are not as in the solution, although what needs them is right, or free itself."""
    given = {name: [case.found[name].ok for case in cases if name in case.found] for name in exercise.order}
    free = set[str]()
    for name in reversed([name for name in exercise.order if not all(given[name]) and name not in exercise.names]):
        moved, needing = {name}, set[str]()
        for line, of in exercise.right.lines.items():                     # over lines that are not given to those that are
            if moved & {*signature(of).parameters}:
                (needing if given[line] else moved).add(line)
        free |= {name} if needing and all(all(given[line]) or line in free for line in needing) else set()
    return free


def better(exercise: Exercise, answer: Any) -> str:
    """What the solution does, and a right answer does not, that may matter in later cells; nothing if it may not."""
    right = exercise.right
    for inputs in exercise.inputs:
        given = copy.deepcopy(inputs)
        before, arrays = exactly(given), any(isinstance(value, np.ndarray) for value in given)
        with np.errstate(all="ignore"), redirect_stdout(StringIO()):      # what the reader prints is printed already
            got = answer(*given) if callable(right) else answer
        if exactly(given) != before:
            return "leaves its arguments as they are"
        want = exercise.call(right, inputs) if callable(right) else right
        if lacks := _lacks(got, want, exercise.names, arrays):
            return lacks
    return ""


def _by(names: Sequence[str], value: Any) -> Results:
    """Results by name, whether one, or several in a row, or by name already."""
    if isinstance(value, dict) and {*names} <= {*value}:
        return {name: value[name] for name in names}
    return dict(zip(names, value if names[1:] else [value], strict=True))


def _lacks(got: Any, want: Any, names: Sequence[str], arrays: bool) -> str:
    """In which form the solution gives its results, if an answer gives them in another one that may not do."""
    if isinstance(want, dict) and not isinstance(got, dict):
        return f"gives {', '.join(names)} by name"
    if isinstance(got, dict) and not isinstance(want, dict):
        return f"returns {', '.join(names)}, not by name"
    for name, like, one in ((name, _by(names, want)[name], one) for name, one in _by(names, got).items()):
        if isinstance(like, dict) and (lacks := _lacks(one, like, [*like], arrays)):
            return lacks
        if isinstance(like, list) and not isinstance(one, (list, tuple, np.ndarray)):
            return f"gives {name} as a list"
        if isinstance(like, (dict, list)):
            continue
        if np.iscomplexobj(one) and not np.iscomplexobj(like):
            return f"gives {name} without an imaginary part"
        number = np.ndim(one) == 0 and isinstance(one, (bool, int, float, np.generic, np.ndarray))
        if np.ndim(like) == 0 and not number:
            return f"gives {name} as a plain number"
        if np.ndim(like) and arrays and not isinstance(one, np.ndarray):
            return f"gives {name} as an array"
        if arrays and np.asarray(like).dtype.kind in "bi" and np.asarray(one).dtype.kind not in "bi":
            return f"gives {name} as integers"
    return ""


def exactly(values: tuple[Any, ...]) -> str:
    """Nested values as a text with all digits, to see whether they have changed."""
    with np.printoptions(threshold=sys.maxsize, floatmode="unique"):
        return repr(values)
