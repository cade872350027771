"""One check for each kind of input: types, sizes, and the numbers in arrays. Messages name the row and the slot."""

import numpy as np

__all__ = [
    "REAL", "WHOLE", "array", "check_kind", "check_numbers", "check_size", "flat_rows", "place_of", "reals",
    "rectangle", "row_values", "whole",
]  # fmt: skip


def check_kind(name, value, kind, words):
    """Refuse a value that is not of a type.

    Examples
    --------
    >>> check_kind("rng", 0, np.random.Generator, "a numpy.random.Generator")
    Traceback (most recent call last):
    TypeError: rng must be a numpy.random.Generator; got int
    """
    if not isinstance(value, kind):
        raise TypeError(f"{name} must be {words}; got {type(value).__name__}")


def check_size(name, size):
    """Refuse what is not a whole number of at least 1.

    Examples
    --------
    >>> check_size("epochs", 0)
    Traceback (most recent call last):
    ValueError: epochs must be an integer of at least 1; got 0
    """
    if isinstance(size, bool) or not isinstance(size, (int, np.integer)) or size < 1:
        raise ValueError(f"{name} must be an integer of at least 1; got {size!r}")


def row_values(values, n_rows, name, dtype=np.float64):
    """Check one finite number per row, such as the targets y; return them as a (B,) array.

    Raises
    ------
    ValueError
        When the length differs or a value is not a finite number; the message names the row.

    Examples
    --------
    >>> row_values([1, 0], 2, "y")
    array([1., 0.])
    """
    values = array(values)
    if values.shape != (n_rows,):
        raise ValueError(f"{name} must have one value for each of the {n_rows} rows; got shape {values.shape}")
    return reals(values, dtype, None, np.arange(n_rows), None, name)


WHOLE, REAL = "iuf", "biuf"     # kinds of dtype: a float may be a whole number, a bool is not an id


def array(values):
    if np.ma.is_masked(values):                              # NumPy would take what is under the mask
        raise TypeError("masked values are not supported; leave masked entries out, or fill them")
    return np.asarray(values)


def rectangle(values, name, across):
    try:
        values = array(values)
    except ValueError:
        raise ValueError(f"{name} must be 2-d with rows of one length; for ragged rows use Batch.from_lists") from None
    if values.ndim != 2:
        raise ValueError(f"{name} must be a 2-d array (rows, {across}); got shape {values.shape}")
    return values


def flat_rows(rows, name):
    try:
        rows = list(rows)
    except TypeError:
        raise TypeError(f"{name} must be a sequence of rows; got {type(rows).__name__}") from None
    return [_flat(row, r, name) for r, row in enumerate(rows)]


def _flat(values, row, name):
    try:
        values = array(values)
    except ValueError:
        values = np.zeros((0, 0))
    if values.ndim != 1:
        raise ValueError(f"row {row}: {name} must be a flat list of numbers")
    check_numbers(values.dtype, WHOLE if name == "ids" else REAL, name, f"row {row}: ")
    return values


def check_numbers(dtype, kinds, name, place=""):
    if dtype.kind not in kinds:
        want = "integers" if kinds == WHOLE else "real numbers"
        raise TypeError(f"{place}{name} must be {want}; got {dtype}")


def place_of(bad, kind, row_of, slot_of):
    """Index of the first bad entry, and its place in words."""
    at = np.unravel_index(np.argmax(bad), bad.shape)
    row, slot = at if row_of is None else (row_of[at], None if slot_of is None else slot_of[at])
    return at, f"row {row}" + ("" if kind is None else f", {kind} {slot}")


def whole(ids, kind, row_of=None, slot_of=None):
    check_numbers(ids.dtype, WHOLE, "ids")
    if ids.dtype.kind != "f":
        return ids.astype(np.intp, copy=False)
    with np.errstate(over="ignore", invalid="ignore"):       # 2**53 is infinite in float16; a NaN may be signaling
        bad = ~(np.isfinite(ids) & (ids == np.round(ids)) & (np.abs(ids) < 2**53))
    if bad.any():
        at, place = place_of(bad, kind, row_of, slot_of)
        raise ValueError(f"{place}: id {ids[at]} is not an integer")
    return ids.astype(np.intp)


def reals(values, dtype, kind, row_of=None, slot_of=None, name="x"):
    check_numbers(values.dtype, REAL, name)
    if np.dtype(dtype).kind != "f":
        raise TypeError(f"dtype must be a float type, such as float32; got {np.dtype(dtype)}")
    with np.errstate(over="ignore", invalid="ignore"):
        values = values.astype(dtype, copy=False)
    bad = ~np.isfinite(values)
    if bad.any():
        at, place = place_of(bad, kind, row_of, slot_of)
        raise ValueError(f"{place}: {name} is {values[at]}; it must be a finite {np.dtype(dtype).name} number")
    return values
