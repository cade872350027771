"""How an answer differs from the right one: where, and what kind of mistake that looks like."""

import math
import re
import traceback
from collections.abc import Callable
from dataclasses import dataclass
from itertools import permutations
from pathlib import Path
from typing import Any

import numpy as np

import afm_numpy
from afm_numpy._types import Array

FACTORS = {
    2.0: "twice too large", 0.5: "half of what it should be", 4.0: "four times too large", 0.0: "all zero",
    0.25: "a quarter of what it should be", -1.0: "the sign is wrong",
}  # fmt: skip
REMEDIES = {  # what to know about an error that NumPy raises
    "could not (be )?broadcast": "NumPy compares shapes from their ends; [:, None] or keepdims=True adds an axis",
    "truth value of an array": "max, min and if want one number; np.maximum, np.minimum and np.where take arrays",
    "mismatch in its core dimension": "A @ B sums over the last axis of A and the last but one of B",
}  # fmt: skip


@dataclass(frozen=True)
class Answer:
    """What was found. `print(answer)` tells it; `answer.ok` says whether it is right."""

    name: str
    ok: bool
    where: str = ""
    likely: str = ""
    at: tuple[int, ...] | None = None  # the first wrong entry
    error: float = 0.0  # the largest difference, relative to the largest right entry

    def __str__(self) -> str:
        if self.ok:
            return f"{self.name}: right"
        return f"{self.name}: {self.where}" + (f"; likely: {self.likely}" if self.likely else "")


def check_answer(got: Any, want: Any, name: str = "answer", rtol: float = 1e-6, atol: float = 1e-9) -> Answer:
    """Compare an answer with the right one and describe a difference without giving the right one away.

    Where the right answer is NaN or infinite, the answer must be so too; elsewhere neither passes. The tolerance is
    `rtol` relative to the largest right entry, plus `atol`.

    Examples
    --------
    >>> W = np.array([[1.0, 2.0], [3.0, 4.0]])
    >>> print(check_answer(W.T, W, "dW"))
    dW: 2 of 4 entries are wrong, the first at (0, 1); likely: transposed
    >>> check_answer(W, W, "dW").ok
    True
    """
    truth, array, want = np.asarray(want).dtype == bool, numbers(got), np.asarray(want, dtype=float)
    if array is not None and array.shape == (1,) and want.ndim == 0:
        array = array[0]                                                  # one number in brackets is a number
    if array is None:
        sizes = sorted({np.asarray(row, object).size for row in got}) if isinstance(got, list) else []
        texts = isinstance(got, (list, np.ndarray)) and all(isinstance(v, str) for v in np.array(got, object).ravel())
        kind = "texts" if texts else type(got).__name__
        other = f"is not {'an array of numbers' if want.ndim else 'a number'} but {kind}"
        return Answer(name, False, f"has rows of different lengths: {str(sizes)[1:-1]}" if sizes[1:] else other)
    known = np.isfinite(want)
    size = float(np.max(np.abs(want), initial=0.0, where=known))
    tol = atol + rtol * size

    def near(a: Array, b: Array) -> Array:
        return (np.abs(a - b) <= tol) | (a == b) | (np.isnan(a) & np.isnan(b))

    def fits(a: Array, b: Array) -> bool:
        return a.shape == b.shape and bool(near(a, b).all())

    with np.errstate(all="ignore"):  # an answer may hold any numbers, and their sums may overflow
        if array.shape != want.shape:
            where = f"has shape {array.shape}, should have {want.shape}"
            if array.ndim == want.ndim == 1:
                where = f"has the wrong length: {len(array)}, should be {len(want)}"
            return Answer(name, False, where, other_shape(array, want, fits) if array.size and want.size else "")
        bad = ~near(array, want)
        if not bad.any():
            off = float(np.max(np.abs(array - want), initial=0.0, where=known))
            return Answer(name, True, error=off / size if size else off)
        infinite = bad & known & ~np.isfinite(array)
        shown, what = (infinite, "not finite") if infinite.any() else (bad, "wrong")
        first = tuple(int(i) for i in np.argwhere(shown)[0])
        where = f"{shown.sum()} of {bad.size} entries are {what}, the first at {first}" if want.ndim else f"is {what}"
        guess = not truth and not infinite.any() and want.size > 1  # the factor of one number would give it away
        return Answer(name, False, where, same_shape(array, want, bad, fits, tol) if guess else "", first)


def numbers(value: Any) -> Array | None:
    """The value as an array without an imaginary part of the size of rounding; None if it holds other things."""
    value = [*value.values()] if isinstance(value, dict) and value else value
    try:
        if np.iscomplexobj(value) and np.all(np.abs(np.imag(value)) <= 1e-12 * np.max(np.abs(value), initial=0)):
            value = np.real(value)
        return np.asarray(value, dtype=float) if np.asarray(value).dtype.kind not in "SU" else None
    except Exception:  # a reader's value may be anything
        return None


def other_shape(got: Array, want: Array, fits: Callable[[Array, Array], bool]) -> str:
    """What a wrong shape tells."""
    if any(fits(got.transpose(axes), want) for axes in permutations(range(got.ndim))):
        return "transposed" if got.ndim == 2 else "the axes stand in another order"
    if got.size == want.size and fits(got.reshape(want.shape), want):
        return "the right numbers in another shape"
    if got.ndim == want.ndim and all(n in (1, size) for n, size in zip(got.shape, want.shape, strict=True)):
        return "not repeated: one axis has the length 1" if fits(got + 0 * want, want) else ""
    for text, of in (("summed", np.sum), ("averaged", np.mean)):
        for axis in range(got.ndim):
            if fits(of(got, axis=axis), want):
                return f"not {text} over axis {axis}"
        for axis in range(want.ndim):
            if fits(got, of(want, axis=axis)):
                return f"{text} over axis {axis}, which should stay"
        if fits(got, np.asarray(of(want))):
            return f"{text} over all entries: one number"
    if got.ndim == want.ndim and got.shape[1:] == want.shape[1:]:
        rows = [array[array.reshape(len(array), -1).any(axis=1)] for array in (got, want)]   # that hold more than zeros
        if fits(*rows):
            return "zeros are missing" if len(got) < len(want) else "zeros too many"
        if fits(got, want[: len(got)]):
            return "the end is missing"
    return ""


def same_shape(got: Array, want: Array, bad: Array, fits: Callable[[Array, Array], bool], tol: float) -> str:
    """What the numbers tell."""
    if want.ndim == 2 and fits(got, want.T):
        return "transposed"
    if np.ptp(got - want) <= 2 * tol:
        return "one constant too much or too little everywhere"
    factor = float((got * want).sum() / (want * want).sum())
    if math.isfinite(factor) and (np.abs(got - factor * want) <= 2 * tol * max(1.0, abs(factor))).all():
        named = (text for value, text in FACTORS.items() if math.isclose(factor, value, rel_tol=1e-4, abs_tol=1e-12))
        return next(named, f"every entry has the factor {factor:.4g} too much")
    if fits(np.sort(got, axis=None), np.sort(want, axis=None)):
        return "the right numbers in another order"
    if not got[bad].any():
        return "entries that should not be 0 are 0"
    if want.ndim > 1 and bad.reshape(len(bad), -1).any(axis=1).sum() < len(bad):
        return "some rows are right: look at what the wrong ones have in common"
    return ""


def until(error: Exception, answer: Any) -> dict[str, Any] | None:
    """What a function had calculated, by name, when an error came up."""
    frames, code = traceback.walk_tb(error.__traceback__), getattr(answer, "__code__", None)
    return next((dict(frame.f_locals) for frame, _ in frames if frame.f_code is code), None)


def remedy(error: Exception) -> str:
    """A sentence about an error of NumPy's that beginners meet, or nothing."""
    return next((f". {text}." for pattern, text in REMEDIES.items() if re.search(pattern, str(error))), "")


def in_words(error: Exception) -> str:
    """An error in words, with the line of the reader's code in which it came up."""
    package, ours, python = Path(afm_numpy.__path__[0]), Path(__file__).parent, Path(traceback.__file__).parent
    libraries = package, ours, Path(np.__file__).parents[1], python
    frames = [frame for frame in traceback.extract_tb(error.__traceback__) if frame.line]
    own = [frame for frame in frames if not any(library in Path(frame.filename).parents for library in libraries)]
    where = f" in line {own[-1].lineno}, `{own[-1].line}`" if own else ""
    return f"it raised {type(error).__name__}: {error}{where}"
