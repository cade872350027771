"""Reading tables: mappings of arrays, structured arrays, pandas and polars data frames, none of them imported.

A table is read one column at a time, as a flat array; the cells of a column are read as values or as numbers,
and what is missing is settled here.
"""

from collections.abc import Mapping

import numpy as np

from .._files import printable

__all__ = ["column_names", "is_number", "numbers", "quoted", "read_columns", "tokens"]

LARGEST = float(np.finfo(np.float64).max)


def quoted(names):
    """Names as they stand in a message."""
    return ", ".join(map(repr, names))


def column_names(table):
    """Column names of a mapping, a structured array or a data frame."""
    names = getattr(getattr(table, "dtype", None), "names", None)
    if names is None:
        names = getattr(table, "columns", table if isinstance(table, Mapping) else None)
    if names is None:
        raise TypeError(
            "a table is a mapping of column name to array, a structured array or a data frame; "
            f"got {type(table).__name__}"
        )
    return list(names)


def is_number(column, name=""):
    """Whether a column is of a number type; a pandas category of numbers is not."""
    kind = getattr(getattr(column, "dtype", None), "kind", None) or _array(name, column).dtype.kind
    return kind in "iuf"


def _array(name, column):
    try:
        return np.asarray(column)
    except Exception as error:                                               # each kind of data frame has its own
        raise TypeError(f"column {name!r} cannot be made an array of NumPy: {printable(str(error), 200)}") from None


def read_columns(table, names):
    """The named columns of a table as flat arrays of one length."""
    names, known = list(names), column_names(table)
    absent = [name for name in names if name not in known]
    if absent:
        raise ValueError(f"the table has no column {quoted(absent)}; its columns are {quoted(known)}")
    columns = []
    for name in names:
        if not isinstance(name, str):
            raise TypeError(f"column names must be text; got {name!r}")
        column = table[name]
        if np.ma.is_masked(column):                                          # NumPy would take what is under the mask
            column = np.where(np.ma.getmaskarray(column), None, column.data)
        column = _array(name, column)
        if column.dtype.kind in "US" and column.ndim and not isinstance(table[name], np.ndarray):
            column = np.array(list(table[name]), dtype=object)             # NumPy makes text of None and 1, drops NULs
        if column.ndim != 1:
            raise ValueError(f"column {name!r} has shape {column.shape}; it must be flat, one value per row")
        if columns and len(column) != len(columns[0]):
            raise ValueError(f"column {name!r} has {len(column)} rows, but column {names[0]!r} has {len(columns[0])}")
        columns.append(column)
    return columns


# ---- cells -------------------------------------------------------------------------------------------


def _type_of(cell):
    """What a cell is: text, bool, number, or None for what is neither."""
    types = {"text": str, "bool": (bool, np.bool_), "number": (int, float, np.integer, np.floating)}
    return next((name for name, classes in types.items() if isinstance(cell, classes)), None)


def _plain(cell):
    """A Python value; whole numbers as int, because NaN among them makes reals of a column."""
    cell = cell.item() if isinstance(cell, np.generic) else cell
    return int(cell) if isinstance(cell, float) and cell.is_integer() else cell


def tokens(name, cells, missing):
    """The cells as a list, a dict from each distinct cell to its plain value (None: missing), and their type.

    The type is "text", "bool" or "number", or None when all are missing.
    """
    if cells.dtype.kind not in "UTbiufO":
        raise TypeError(f"column {name!r} holds {cells.dtype}; convert it to text or numbers, or leave it out")
    mixed, cells = cells.dtype.kind == "O", cells.tolist()
    missing = {(isinstance(mark, (bool, np.bool_)), mark) for mark in missing}          # False is not 0
    row_of, token, first = {}, {}, {}
    try:
        for row, cell in enumerate(cells):
            row_of.setdefault(cell, row)
    except TypeError:
        raise TypeError(f"column {name!r}, row {row}: {cell!r} is neither text nor a number nor a bool") from None
    for cell, row in row_of.items():
        absent = cell is None or type(cell).__name__ in ("NAType", "NaTType") or cell != cell
        absent = absent or (isinstance(cell, (bool, np.bool_)), cell) in missing
        token[cell] = None if absent else _plain(cell)
        if not absent:
            type_ = _type_of(cell)
            if type_ is None:
                raise TypeError(f"column {name!r}, row {row}: {cell!r} is neither text nor a number nor a bool")
            if cell in (np.inf, -np.inf):
                raise ValueError(f"column {name!r}, row {row}: {cell!r} is not finite")
            first.setdefault(type_, row)
    if mixed and row_of.keys() & {0, 1}:                                     # 1 and True are one key of a dict
        for row, cell in enumerate(cells):
            if (type_ := _type_of(cell)) != (other := _type_of(cells[row_of[cell]])):
                first = {type_: row, other: row_of[cell]} | first
    if len(first) > 1:
        places = " and ".join(f"{type_} (row {row})" for type_, row in first.items())
        raise TypeError(f"column {name!r} mixes {places}; a column holds one of them")
    return cells, token, next(iter(first), None)


def numbers(name, cells, missing):
    """The cells as float64, NaN where missing."""
    if cells.dtype.kind in "OUT":
        cells, token, type_ = tokens(name, cells, missing)
        if type_ == "text":
            row, cell = next(item for item in enumerate(cells) if token[item[1]] is not None)
            raise TypeError(f"column {name!r} is continuous, but row {row} holds the text {cell!r}")
        values = [np.nan if token[cell] is None else token[cell] for cell in cells]
        try:
            return np.array(values, np.float64)
        except OverflowError:                                                # whole numbers of Python have no limit
            row = next(row for row, value in enumerate(values) if abs(value) > LARGEST)
            raise ValueError(f"column {name!r}, row {row}: a number beyond {LARGEST:.3g}, the largest float") from None
    if cells.dtype.kind not in "biuf":
        raise TypeError(f"column {name!r} is continuous and must hold real numbers; it holds {cells.dtype}")
    values = cells.astype(np.float64)
    infinite = np.flatnonzero(np.isinf(values))
    if infinite.size:
        raise ValueError(f"column {name!r}, row {infinite[0]}: {values[infinite[0]]} is not finite")
    kind = "bool" if cells.dtype.kind == "b" else "number"
    marks = [value for value in missing if _type_of(value) == kind]
    values[np.isin(values, marks)] = np.nan
    return values
