"""One check for each kind of input: types, sizes, and the numbers in arrays. Messages name the row and the slot."""

import os
import sys
import warnings
from collections.abc import Callable, Iterable, Mapping, Set
from typing import Any

import numpy as np

from ._types import Array, ArrayLike, DType


def warn(message: str, kind: type[Warning] = UserWarning) -> None:
    """Warn at the line that called the package, however deep inside the package this is."""
    frame, level = sys._getframe(1), 2
    while frame.f_back is not None and frame.f_globals.get("__name__", "").startswith("afm_numpy."):
        frame, level = frame.f_back, level + 1
    warnings.warn(message, kind, level)


def check_kind(name: str, value: object, kind: type | tuple[type, ...], words: str) -> None:
    """Refuse a value that is not of a type."""
    if not isinstance(value, kind):
        raise TypeError(f"{name} must be {words}; got {type(value).__name__}")


def check_choice(name: str, value: object, choices: Iterable[str]) -> None:
    """Refuse a word that is not one of the choices."""
    if not isinstance(value, str) or value not in choices:
        raise ValueError(f"unknown {name} {value!r}; choose from {', '.join(choices)}")


def check_listed(name: str, values: object, order: str) -> None:
    """Refuse a text, a mapping or a set where a list is wanted, in an order that means something."""
    if isinstance(values, (str, bytes, Mapping, Set)):
        raise TypeError(f"{name} must be a list of texts in the order of {order}; got {type(values).__name__}")


def check_size(name: str, size: object, least: int = 1) -> None:
    """Refuse a size that is not a whole number, or that is below `least`."""
    if isinstance(size, bool) or not isinstance(size, (int, np.integer)) or size < least:
        raise ValueError(f"{name} must be an integer of at least {least}; got {size!r:.60}")


def check_number(name: str, value: Any, words: str, fits: Callable[[Any], Any] = lambda number: True) -> None:
    """Refuse a value that is not a finite real number, or for which `fits` is false. `words` say what is wanted."""
    plain = value.item() if isinstance(value, np.generic) else value
    real = isinstance(plain, (int, float)) and not isinstance(plain, bool)
    if not real or not abs(plain) <= sys.float_info.max or not fits(value):      # for a NaN no comparison holds
        raise ValueError(f"{name} must be {words}; got {value!r}")


def check_dtype(dtype: DType) -> Any:
    """The dtype, when it is float32 or float64. float16 overflows at 65,520; long doubles differ between machines."""
    try:
        found = np.dtype(dtype).newbyteorder("=")
    except (TypeError, ValueError):
        raise TypeError(f"dtype must be float32 or float64; got {dtype!r:.60}") from None
    if found not in (np.float32, np.float64):
        raise TypeError(f"dtype must be float32 or float64; got {found}")
    return found


def check_table(n: int, k: int) -> None:
    """Refuse parameters of n features that would not fit into the memory of this machine."""
    try:
        memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    except (AttributeError, ValueError, OSError):            # Windows does not say it
        return
    need = 8 * n * (k + 1)
    if need > memory:
        raise ValueError(
            f"n = {n:,} features and k = {k} factors need {need / 2**30:.0f} GB, and this machine has "
            f"{memory / 2**30:.0f} GB. n is at least the largest id + 1: number the features from 0 on, without gaps"
        )


def row_values(values: ArrayLike, n_rows: int, name: str, dtype: DType = np.float64) -> Array:
    """Check one finite number per row, such as the targets y; return them as a (B,) array."""
    try:
        values = array(values)
    except ValueError:
        raise ValueError(f"{name} must have one value for each of the {n_rows} rows; got lists of values") from None
    if values.shape != (n_rows,):
        raise ValueError(f"{name} must have one value for each of the {n_rows} rows; got shape {values.shape}")
    return reals(values, dtype, None, np.arange(n_rows), None, name)


WHOLE, REAL = "iuf", "biuf"     # kinds of dtype: a float may be a whole number, a bool is not an id
EXACT = "lie within 2**53, because a float loses digits of larger integers"


def array(values: ArrayLike) -> Array:
    """An array of the values. Refuses masks: NumPy would take the numbers under them."""
    if _has_mask(values):
        raise TypeError("masked values are not supported; leave masked entries out, or fill them")
    return np.asarray(values)


def _has_mask(values: object) -> bool:
    if isinstance(values, (list, tuple)):
        inner = [kind for kind in set(map(type, values)) if issubclass(kind, (list, tuple, np.ma.MaskedArray))]
        return bool(inner) and any(map(_has_mask, values))
    return isinstance(values, np.ma.MaskedArray) and bool(np.ma.getmaskarray(values).any())


def rectangle(values: ArrayLike, name: str, across: str) -> Array:
    """A 2-d array of the values; refuses rows of different lengths."""
    for row in values if name == "idx" and isinstance(values, (list, tuple)) else ():
        _no_truth_values(row, "")
    try:
        values = array(values)
    except ValueError:
        raise ValueError(f"{name} must be 2-d with rows of one length; for ragged rows use Batch.from_lists") from None
    if values.ndim != 2:
        raise ValueError(f"{name} must be a 2-d array (rows, {across}); got shape {values.shape}")
    return values


def flat_rows(rows: Iterable[ArrayLike], name: str) -> list[Array]:
    """One 1-d array for each row."""
    try:
        rows = list(rows)
    except TypeError:
        raise TypeError(f"{name} must be a sequence of rows; got {type(rows).__name__}") from None
    return [_flat(row, f"row {r}: ", name) for r, row in enumerate(rows)]


def _no_truth_values(ids: object, place: str) -> None:
    """Refuse a truth value in a list of ids: beside numbers NumPy would make 0 or 1 of it."""
    if isinstance(ids, (list, tuple)) and not _TRUTH.isdisjoint(map(type, ids)):
        raise TypeError(f"{place}ids must be integers; got bool")


_TRUTH = frozenset([bool, np.bool_])


def _flat(values: ArrayLike, place: str, name: str) -> Array:
    if name == "ids":
        _no_truth_values(values, place)
    try:
        values = array(values)
        if values.ndim != 1:
            raise ValueError
    except ValueError:
        raise ValueError(f"{place}{name} must be a flat list of numbers") from None
    check_numbers(values.dtype, WHOLE if name == "ids" else REAL, name, place)
    return values


def check_numbers(dtype: "np.dtype[np.generic]", kinds: str, name: str, place: str = "") -> None:
    """Refuse an array by its dtype: it must hold integers (kinds = WHOLE) or real numbers (kinds = REAL)."""
    if dtype.kind not in kinds:
        want = "integers" if kinds == WHOLE else "real numbers"
        raise TypeError(f"{place}{name} must be {want}; got {dtype}")


def place_of(bad: Array, kind: str | None, row_of: Array | None, slot_of: Array | None) -> tuple[Any, str]:
    """Index of the first entry for which `bad` is true, and its row and slot in words.

    The entries of a flat array do not show where they come from: `row_of` and `slot_of` say it for each of them.
    """
    at = np.unravel_index(np.argmax(bad), bad.shape)
    row, slot = at if row_of is None else (row_of[at], None if slot_of is None else slot_of[at])
    return at, f"row {row}" + ("" if kind is None else f", {kind} {slot}")


def whole(ids: Array, kind: str, row_of: Array | None = None, slot_of: Array | None = None) -> Array:
    """Ids as intp. Refuses fractions and ids that are too large: for intp, or for a float to hold every digit."""
    check_numbers(ids.dtype, WHOLE, "ids")
    if np.issubdtype(ids.dtype, np.integer):
        bad, fault = ids > np.iinfo(np.intp).max, "too large"      # it would wrap to a negative id
    else:
        bits = min(np.finfo(ids.dtype).nmant + 1, 53)
        with np.errstate(invalid="ignore"):                  # a NaN may be signaling
            bad = ~(np.isfinite(ids) & (ids == np.round(ids)) & (np.abs(ids) < 2.0**bits))
        fault = f"not an integer below 2**{bits}, from where {ids.dtype} loses digits"
    if bad.any():
        at, place = place_of(bad, kind, row_of, slot_of)
        raise ValueError(f"{place}: id {ids[at]} is {fault}")
    return np.asarray(ids, np.intp)


def reals(
    values: Array, dtype: DType, kind: str | None, row_of: Array | None = None, slot_of: Array | None = None,
    name: str = "x",
) -> Array:  # fmt: skip
    """The values as float32 or float64; refuses those that are infinite or 0 there, and whole numbers beyond 2**53."""
    check_numbers(values.dtype, REAL, name)
    to = check_dtype(dtype)
    with np.errstate(over="ignore", invalid="ignore"):
        cast = np.asarray(values, to)
    bad, want = ~np.isfinite(cast), f"be a finite {to} number"
    if np.issubdtype(values.dtype, np.integer):
        bad, want = (values >= 2**53) | (values <= -(2**53)), EXACT
    elif values.dtype.itemsize > to.itemsize:
        bad |= (cast == 0) & (values != 0)
    if bad.any():
        at, place = place_of(bad, kind, row_of, slot_of)
        want = want if cast[at] else f"not be so small: as a {to} number it is 0"
        raise ValueError(f"{place}: {name} is {values[at]}; it must {want}")
    return cast


def check_n(ids: Array, n: Any, row_of: Array, slot_of: Array) -> int:
    """The number of features, the largest id + 1 when n is None; refuses ids that are not below it."""
    if n is None:
        n = min(int(ids.max(initial=0)) + 1, 2**31)
    if isinstance(n, bool) or not isinstance(n, (int, np.integer)) or not 1 <= n <= 2**31:
        raise ValueError(f"n, the number of features, must be an integer from 1 to 2**31; got {n!r}")
    bad = (ids < 0) | (ids >= n)
    if bad.any():
        at, place = place_of(bad, "slot", row_of, slot_of)
        raise ValueError(f"{place}: id {ids[at]} is out of range; with n = {n} ids run from 0 to {n - 1}")
    return int(n)


def check_matrix(matrix: Any) -> None:
    """Refuse a sparse matrix without real numbers or with damaged index arrays: SciPy would write outside of arrays."""
    check_numbers(matrix.dtype, REAL, "x")
    try:
        if hasattr(matrix, "check_format"):
            if (np.diff(matrix.indptr) < 0).any():           # check_format does not look when the last is below 1
                raise ValueError("index pointer values must not decrease")
            matrix.check_format()
    except ValueError as error:
        raise ValueError(f"the index arrays of the {matrix.format} matrix are damaged: {error}") from None
