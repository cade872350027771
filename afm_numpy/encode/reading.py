"""Reads columns of a table: a mapping of arrays, a structured array, a frame of pandas or polars, an Arrow table.

None of these libraries is imported. A column is read as a flat array, and its cells as plain Python values or as
float64. Whole numbers are never read through floats, because a float keeps 16 digits and an id may have more.
"""

import re
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import suppress
from typing import Any, TypeAlias

import numpy as np

from .. import _checks
from .._files import printable
from .._types import Array

Table: TypeAlias = Any  # the kinds of tables have nothing in common that a type could say
Value: TypeAlias = "str | bool | int | float | None"

_LARGEST = float(np.finfo(np.float64).max)
_SPELLED: list[Callable[[str], Value]] = [int, float, {"True": True, "False": False}.get]  # in this order
_MOST_BITS = 2048  # some 600 digits: Python refuses to print much longer whole numbers
_NARROW = {"float32": np.float32, "float": np.float32, "float16": np.float16, "halffloat": np.float16}  # also Arrow's


def listing(names: Iterable[object]) -> str:
    """Names for a message: the first ten, quoted, with control characters escaped."""
    names = list(names)
    shown = ", ".join(f"{name!r:.60}" for name in names[:10])
    return shown if len(names) <= 10 else f"{shown} and {len(names) - 10} more"


def sequence(what: str, values: Any, of: str, *others: type) -> list[Any]:
    """A list, tuple or array of texts and numbers as a list; `what` and `of` name it when it is something else."""
    if isinstance(values, (str, bytes, Mapping, Iterator, *others)) or not isinstance(values, Iterable):
        raise TypeError(f"{what} must be a list of {of}; got {values!r:.60}")
    values = list(values)
    for value in values:
        with suppress(TypeError, ValueError):
            if _plain(value)[0] or value is None or isinstance(value, float):
                continue
        raise TypeError(f"{what} must be a list of {of}; it holds {value!r:.60}")
    return values


def column_names(table: Table) -> list[Any]:
    """Column names of any kind of table."""
    if hasattr(table, "collect"):
        raise TypeError(f"a {type(table).__name__} has no rows yet: collect() makes a table of it")
    names = getattr(getattr(table, "dtype", None), "names", None)
    if names is None:
        of_arrow = hasattr(type(table), "column_names")     # there, `columns` are the arrays
        names = getattr(table, "column_names" if of_arrow else "columns", table if isinstance(table, Mapping) else None)
    if names is None:
        wanted = "a mapping of column name to array, a structured array or a data frame"
        raise TypeError(f"a table is {wanted}; got {type(table).__name__}")
    names = list(names)
    for name, count in Counter(names).items():
        if count > 1:
            raise ValueError(f"the table has {count} columns named {name!r:.60}")
    return names


def is_number(column: Any, name: object = "") -> bool:
    """Whether a column is of a number type, or a list of numbers; a pandas category of numbers is not."""
    kind = getattr(getattr(column, "dtype", None), "kind", None)
    if kind:
        return kind in "iuf"
    types = set(map(type, _read(name, column, _flat).tolist())) - {type(None)}
    return bool(types) and all(issubclass(one, (int, float, np.number)) and one is not bool for one in types)


def read_columns(table: Table, names: Iterable[Any]) -> list[Array]:
    """The named columns of a table as flat arrays of one length."""
    names, known = list(names), column_names(table)
    absent = [name for name in names if name not in known]
    if absent:
        raise ValueError(f"the table has no column {listing(absent)}; its columns are {listing(known)}")
    columns: list[Array] = []
    for name in names:
        if not isinstance(name, str):
            raise TypeError(f"column names must be text; got {name!r:.60}")
        column = _read(name, table[name], _flat)
        if column.ndim != 1:
            raise ValueError(f"column {name!r} has shape {column.shape}; it must be flat, one value per row")
        if columns and len(column) != len(columns[0]):
            raise ValueError(f"column {name!r} has {len(column)} rows, but column {names[0]!r} has {len(columns[0])}")
        columns.append(column)
    return columns


def _read(name: object, column: Any, read: Callable[[Any], Array]) -> Array:
    try:
        return read(column)
    except Exception as error:                                               # each kind of table has its own
        raise TypeError(f"column {name!r} cannot be read: {printable(str(error), 200)}") from None


def _flat(column: Any) -> Array:
    """A column as an array. Whole numbers beside other cells stay objects of Python, and keep all their digits.

    A float32 stays one, where a library makes Python's floats of it: they would not tell that digits are lost.
    """
    if isinstance(getattr(column, "dtype", None), np.dtype):
        return _checks.array(column)
    as_list = [getattr(column, name) for name in ("to_pylist", "to_list", "tolist") if hasattr(column, name)]
    if not as_list and not isinstance(column, (list, tuple, range)):
        raise TypeError(f"it is a {type(column).__name__}; give an array or a list")
    cells = list(as_list[0]() if as_list else column)
    types = set(map(type, cells)) - {type(None)}
    words = re.findall(r"[a-z]+\d*", repr(getattr(column, "dtype", getattr(column, "type", None))).lower())
    if float in types and (narrow := next((_NARROW[word] for word in words if word in _NARROW), None)):
        return np.fromiter((narrow(cell) if type(cell) is float else cell for cell in cells), object, len(cells))
    if types == {float} or (types == {int} and None not in cells and np.array(cells).dtype.kind in "iu"):
        return np.array(cells, np.float64 if types == {float} else None)     # the same numbers in less room
    return np.fromiter(cells, object, len(cells))


# ---- cells -------------------------------------------------------------------------------------------


def _plain(cell: Any, exact: bool = False) -> tuple[str | None, Value]:
    """The type of a cell, and the value of Python that it equals; (None, None) for a missing cell."""
    if cell is None or type(cell).__name__ in ("NAType", "NaTType"):
        return None, None
    if isinstance(cell, str):
        return "text", str.__str__(cell)
    if isinstance(cell, (bool, np.bool_)):
        return "bool", bool(cell)
    if isinstance(cell, (int, np.integer)) and not isinstance(cell, np.timedelta64):
        if int(cell).bit_length() > _MOST_BITS:
            raise ValueError("a whole number of more than 600 digits")
        return "number", int(cell)
    if not isinstance(cell, (float, np.floating)):
        raise TypeError(f"{cell!r:.60} is neither text nor a number nor a bool")
    if cell != cell:
        return None, None
    if cell in (np.inf, -np.inf):
        raise ValueError(f"{cell} is not finite")
    if exact and (abs(float(cell)) >= 2.0 ** (np.finfo(type(cell)).nmant + 1) or cell != float(cell)):
        raise ValueError(f"{cell}, a float this large, may have lost digits of an id; give whole numbers or text")
    if cell == int(cell):
        return "number", int(cell)
    return "number", float(str(cell) if exact else cell)     # 0.1 in float32 is the category 0.1 of float64


def _marks(missing: Iterable[object]) -> set[tuple[str | None, Value]]:
    """What counts as missing, by type and value: each mark, its text, and the number or bool that the text spells."""
    marks = set[tuple[str | None, Value]]()
    for text in (str(value) for type_, value in map(_plain, missing) if type_):
        marks.add(("text", text))
        for read in _SPELLED:
            with suppress(ValueError):                       # also of infinity
                marks.add(_plain(read(text)))
                break
    return marks


def plain_values(
    what: str, cells: Array, missing: Iterable[object], exact: bool = True
) -> tuple[list[Value], str | None]:
    """Each cell as a plain Python value, None where it is missing, and the one type of them all.

    The type is "text", "bool", "number", or None when all cells are missing. `what` names the cells in messages. Among
    the values that count as missing, False is not 0. `exact` refuses floats so large that whole numbers are rounded: a
    float with NaN for a missing cell was an id before.
    """
    if cells.dtype.kind not in "UTbiufO":
        raise TypeError(f"{what} holds {cells.dtype}; convert it to text or numbers, or leave it out")
    marks = _marks(missing)
    known: dict[Any, Value] = {}                             # by type and cell: True, 1 and 1.0 are one key of a dict
    first: dict[str, int] = {}
    values = []
    for row, cell in enumerate(cells if cells.dtype.kind == "f" else cells.tolist()):
        try:
            values.append(known[type(cell), cell])
            continue
        except (KeyError, TypeError):                        # a list has no hash
            pass
        try:
            type_, value = _plain(cell, exact)
        except (TypeError, ValueError) as error:
            raise type(error)(f"{what}, row {row}: {error}") from None
        if type_ is not None and (type_, value) in marks:
            type_, value = None, None
        if type_ is not None:
            first.setdefault(type_, row)
        known[type(cell), cell] = value
        values.append(value)
    if len(first) > 1:
        places = " and ".join(f"{type_} (row {row})" for type_, row in first.items())
        raise TypeError(f"{what} mixes {places}; they must be of one type")
    return values, next(iter(first), None)


def numbers(name: object, cells: Array, missing: Iterable[object]) -> Array:
    """The cells as float64, NaN where missing."""
    if cells.dtype.kind in "OUT":
        plain, type_ = plain_values(f"column {name!r}", cells, missing, exact=False)
        if type_ == "text":
            row = next(row for row, value in enumerate(plain) if value is not None)
            raise TypeError(f"column {name!r} is continuous, but row {row} holds the text {plain[row]!r:.60}")
        try:
            return np.array([np.nan if value is None else value for value in plain], np.float64)
        except OverflowError:                                                # whole numbers of Python have no limit
            row = next(row for row, value in enumerate(plain) if isinstance(value, int) and abs(value) > _LARGEST)
            raise ValueError(f"column {name!r}, row {row}: a number beyond {_LARGEST:.3g}, the largest float") from None
    if cells.dtype.kind not in "biuf":
        raise TypeError(f"column {name!r} is continuous and must hold real numbers; it holds {cells.dtype}")
    with np.errstate(over="ignore"):
        values = cells.astype(np.float64)
    bad = np.flatnonzero(np.isinf(values) | ((values == 0) & (cells != 0)))
    if bad.size:
        what = "not finite" if values[bad[0]] else "0 in float64"
        raise ValueError(f"column {name!r}, row {bad[0]}: {cells[bad[0]]!s} is {what}")
    for type_, mark in _marks(missing):
        if type_ == ("bool" if cells.dtype.kind == "b" else "number"):
            values[cells == mark] = np.nan
    return values
