"""Checking an answer to an exercise: right, or where it differs and what kind of mistake that looks like.

The right value is never shown.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from .._types import Array, ArrayLike

FACTORS = {
    2.0: "twice too large",
    0.5: "half of what it should be",
    4.0: "four times too large",
    0.25: "a quarter of what it should be",
    -1.0: "the sign is wrong",
    -2.0: "the sign is wrong, and it is twice too large",
}


@dataclass(frozen=True)
class Answer:
    """What was found. `print(answer)` tells it; `answer.ok` says whether it is right."""

    name: str
    ok: bool
    where: str = ""
    likely: str = ""

    def __bool__(self) -> bool:
        return self.ok

    def __str__(self) -> str:
        if self.ok:
            return f"{self.name}: right"
        return f"{self.name}: {self.where}" + (f"; likely: {self.likely}" if self.likely else "")


def check_answer(
    got: Any, want: ArrayLike, name: str = "answer", *, variants: dict[str, Any] | None = None, rows: int | None = None,
    rtol: float = 1e-6, atol: float = 1e-9,
) -> Answer:  # fmt: skip
    """Compare an answer with the right one and describe a difference without giving the right one away.

    Where the right answer is NaN or infinite, the answer must be so too; elsewhere neither passes.

    Parameters
    ----------
    got, want : array_like
        The answer, and the right one.
    name : str
        How the answer is called in the message.
    variants : dict, optional
        Label of a mistake to the value that mistake gives; the label is reported when the answer has that value.
    rows : int, optional
        Rows of the batch, so that a missing or surplus 1/B is recognised.
    rtol, atol : float
        Tolerance, relative to the largest right entry, and absolute.

    Returns
    -------
    Answer

    Examples
    --------
    >>> W = np.array([[1.0, 2.0], [3.0, 4.0]])
    >>> print(check_answer(W.T, W, "dW"))
    dW: 2 of 4 entries are wrong, the first at (0, 1); likely: transposed
    >>> print(check_answer(W / 2, W, "dW"))
    dW: 4 of 4 entries are wrong, the first at (0, 0); likely: half of what it should be
    >>> check_answer(W, W, "dW").ok
    True
    """
    variants, truth = variants or {}, np.asarray(want).dtype == bool
    array, want = numbers(got), np.asarray(want, dtype=float)
    if array is None:
        return Answer(name, False, *other_kind(got, variants))
    with np.errstate(all="ignore"):  # an answer may hold any numbers, and their sums may overflow
        return described(array, want, name, variants, rows, rtol, atol, truth)


def numbers(value: Any) -> Array | None:
    """The value as an array, or None: it holds other things, or rows of different lengths."""
    try:
        return np.asarray(value, dtype=float)
    except (TypeError, ValueError):
        return None


def lengths(value: Any) -> list[int]:
    """The length of each row of a list of lists; of anything else, nothing."""
    lists = isinstance(value, list) and all(isinstance(row, (list, tuple)) for row in value)
    return [len(row) for row in value] if lists else []


def other_kind(got: Any, variants: dict[str, Any]) -> tuple[str, str]:
    """What is wrong with an answer that is no array, and the mistake with rows of just these lengths."""
    sizes = lengths(got)
    if len(set(sizes)) < 2:
        return f"is not an array of numbers but {type(got).__name__}", ""
    likely = next((label for label, value in variants.items() if lengths(value) == sizes), "")
    return f"has rows of different lengths: {', '.join(map(str, sorted(set(sizes))))}", likely


def described(
    got: Array, want: Array, name: str, variants: dict[str, Any], rows: int | None, rtol: float, atol: float,
    truth: bool,
) -> Answer:  # fmt: skip
    """The answer to `check_answer` for two arrays; what numbers look like says nothing of True and False."""
    known = np.isfinite(want)
    tol = atol + rtol * float(np.max(np.abs(want), initial=0.0, where=known))

    def near(a: Array, b: Array) -> Array:
        return (np.abs(a - b) <= tol) | (a == b) | (np.isnan(a) & np.isnan(b))

    def fits(a: Array, b: Any) -> bool:
        b = numbers(b)
        return b is not None and a.shape == b.shape and bool(near(a, b).all())

    likely = next((label for label, value in variants.items() if fits(got, value)), "")
    if got.shape != want.shape:
        return Answer(name, False, shapes(got, want), likely or other_shape(got, want, fits))
    bad = ~near(got, want)
    if not bad.any():
        return Answer(name, True)
    infinite = bad & known & ~np.isfinite(got)
    shown, what = (infinite, "not finite") if infinite.any() else (bad, "wrong")
    first = tuple(int(i) for i in np.argwhere(shown)[0])
    where = f"{int(shown.sum())} of {got.size} entries are {what}, the first at {first}" if want.ndim else f"is {what}"
    if not likely and not truth and not infinite.any():
        likely = same_shape(got, want, bad, rows, fits, tol)
    return Answer(name, False, where, likely)


def shapes(got: Array, want: Array) -> str:
    """Two different shapes in words."""
    if got.ndim == want.ndim == 1:
        return f"has the wrong length: {len(got)}, should be {len(want)}"
    return f"has shape {got.shape}, should have {want.shape}"


def other_shape(got: Array, want: Array, fits: Callable[[Array, Any], bool]) -> str:
    """What a wrong shape tells."""
    if got.T.shape == want.shape and fits(got.T, want):
        return "transposed"
    if got.size == want.size and fits(got.reshape(want.shape), want):
        return "the right numbers in another shape"
    for axis in range(got.ndim):
        if np.delete(got.shape, axis).tolist() == list(want.shape):
            if fits(got.sum(axis=axis), want):
                return f"not summed over axis {axis}"
            if fits(got.mean(axis=axis), want):
                return f"not averaged over axis {axis}"
    if got.ndim == want.ndim - 1:
        sums = [axis for axis in range(want.ndim) if fits(got, want.sum(axis=axis))]
        return f"summed over axis {sums[0]}, which should stay" if sums else ""
    if got.ndim == want.ndim and got.shape[1:] == want.shape[1:] and fits(not_zero(got), not_zero(want)):
        return "zeros are missing" if len(got) < len(want) else "zeros too many"
    if got.ndim == want.ndim > 1 and any(
        fits(got.sum(axis=a), want.sum(axis=b)) for a in range(got.ndim) for b in range(got.ndim)
    ):
        return "the total is right, but not what is added up in each entry"
    return ""


def not_zero(array: Array) -> Array:
    """The rows that hold more than zeros."""
    return array[array.reshape(len(array), -1).any(axis=1)] if array.size else array[:0]


def same_shape(
    got: Array, want: Array, bad: Array, rows: int | None, fits: Callable[[Array, Any], bool], tol: float
) -> str:
    """What the numbers tell. One number alone tells nothing: its factor or its sign would give the right one away."""
    if want.size < 2:
        return ""
    if want.ndim == 2 and want.shape[0] == want.shape[1] and fits(got, want.T):
        return "transposed"
    if want.ndim == 2 and fits(got, want.T.reshape(want.shape)):
        return "transposed: the right numbers, read in another order"
    shift = (got - want).ravel()
    if np.ptp(shift) <= 2 * tol:
        return "one constant too much or too little everywhere"
    factor = common_factor(got, want, tol)
    if factor is not None:
        return factor_text(factor, rows)
    if fits(np.sort(got, axis=None), np.sort(want, axis=None)):
        return "the right numbers in another order"
    if not got[bad].any():
        return "entries that should not be 0 are 0"
    for axis in range(want.ndim):
        rest = tuple(a for a in range(want.ndim) if a != axis)
        scale = np.abs(want).max(axis=rest, keepdims=True) if rest else np.abs(want)
        ratio = np.divide(
            (got * want).sum(axis=rest, keepdims=True),
            (want * want).sum(axis=rest, keepdims=True),  # above 0 where the scale is; a plain sum may cancel to 0
            where=scale > tol,
            out=np.ones_like(scale),
        )
        if rest and fits(got, want * ratio):
            return f"a factor is missing that depends on axis {axis}"
    if want.ndim > 1 and bad.reshape(len(bad), -1).any(axis=1).sum() < len(bad):
        return "some rows are right: look at what the wrong ones have in common"
    return ""


def common_factor(got: Array, want: Array, tol: float) -> float | None:
    big = np.abs(want) > 10 * tol
    if not big.any():
        return None
    factor = float(np.sum(got[big] * want[big]) / np.sum(want[big] ** 2))
    near = np.abs(got - factor * want) <= 2 * tol * max(1.0, abs(factor))
    return factor if math.isfinite(factor) and near.all() else None


def factor_text(factor: float, rows: int | None) -> str:
    named = {**FACTORS, **({float(rows): "1/B is missing", 1.0 / rows: "1/B too often"} if rows and rows > 2 else {})}
    for value, text in named.items():
        if math.isclose(factor, value, rel_tol=1e-4):
            return text
    return "all zero" if abs(factor) < 1e-12 else f"every entry has the factor {factor:.4g} too much"
