"""Tables as CSV, read with Python's `csv`; a wrong cell is refused by line and column.

Nothing is guessed. A column is a category, its cells kept as the text that they are, unless it was named as continuous.
"""

import csv
from collections.abc import Collection, Iterator, Sequence
from itertools import chain, islice
from typing import Any, NamedTuple

import numpy as np

from .._files import printable
from .._types import Array
from ..batch import Batch
from ..datasets.libfm import Part
from ..datasets.libfm_faults import TINY, LibfmError, damaged, foreign
from ..datasets.unpack import Damaged, pieces
from ..encode import TableEncoder
from ..encode.reading import listing
from ..saving import Saved

LONGEST = 1 << 24  # bytes of a line


class Form(NamedTuple):
    """What was said about a table: `columns` are those to read, None for all but the target and the ignored ones."""

    delimiter: str = ","
    target: str | None = None
    continuous: Collection[str] = ()
    ignored: Collection[str] = ()
    missing: Sequence[object] = ("", "?")
    columns: Sequence[str] | None = None
    whole: Collection[str] = ()  # categories that are numbers: a model of an estimator may have them
    dtype: Any = np.float32      # of the model, which must be able to hold the targets


class Rows(NamedTuple):
    """Rows of a table: where each begins, the cells of every column, and the target's, None without such a column."""

    line: list[int]
    columns: dict[str, Array]
    target: list[str] | None


def names_in(text: str | None) -> list[str]:
    """Names of columns with commas between them, in quotes where a name holds a comma itself.

    Examples
    --------
    >>> names_in('age,"pay, yearly"')
    ['age', 'pay, yearly']
    """
    return [] if text is None else next(csv.reader([text])) or [""]


def lines(path: str, what: str) -> Iterator[str]:
    """The lines of a text file; an empty one more when the last has an end. `what` they are is for messages."""
    rest, number = b"", 0
    try:
        for piece in chain(pieces(path, 1 << 18), [b"\n"]):
            if not number and (kind := foreign(rest + piece)):
                raise LibfmError(path, 1, kind, f"{what} in UTF-8, plain or as .gz, .bz2 or .xz")
            *complete, rest = (rest + piece).split(b"\n")
            for line in complete:
                number += 1
                yield line.decode("utf-8-sig" if number == 1 else "utf-8") + "\n"
            if len(rest) > LONGEST:
                raise LibfmError(path, number + 1, f"more than {LONGEST >> 20} MiB", f"a line of {what}")
    except UnicodeDecodeError:
        raise LibfmError(path, number, "bytes that are no text in UTF-8", f"{what} in UTF-8") from None
    except Damaged as error:
        raise damaged(path, number + 1, error) from None


def _records(path: str, form: Form) -> Iterator[tuple[int, list[str]]]:
    """The line where each row begins, and its cells; the header comes first, and empty lines are left out.

    Blanks around a mark for missing cells do not count: many a table has a blank after each comma.
    """
    reader, line = csv.reader(lines(path, "a table as CSV"), delimiter=form.delimiter, strict=True), 1
    same: dict[str, str] = {}                               # equal texts are kept once
    try:
        for cells in reader:
            if cells:
                cells = [mark if (mark := cell.strip()) in form.missing else cell for cell in cells]
                yield line, [same.setdefault(cell, cell) for cell in cells]
            line = reader.line_num + 1
    except csv.Error as error:
        raise LibfmError(path, line, f"a row that is no CSV ({error})", "as many quotes and cells as CSV has") from None


def read(path: str, form: Form, size: int | None = None) -> Iterator[Rows]:
    """The rows of a table, `size` at a time; cells of continuous columns are numbers, NaN where they are missing."""
    records = _records(path, form)
    line, header = next(records, (1, []))
    names, target = form.columns, [form.target] if form.target else []
    if names is None:
        names = [name for name in header if name not in (form.target, *form.ignored)]
    asked = [*names, *form.continuous, *((*target, *form.ignored) if form.columns is None else ())]
    absent = [name for name in dict.fromkeys(asked) if name not in header]
    if absent:
        hint = "; is --delimiter right?" if len(header) == 1 else ""
        known = listing(header) or "none"
        raise ValueError(f"{printable(path)}: it has no column {listing(absent)}; it has {known}{hint}")
    for name in (*names, *target):
        if not name or header.count(name) > 1:
            what = f"the name {name!r:.60} twice" if name else f"no name for column {header.index(name) + 1}"
            told = form.columns is not None or name in target
            hint = "" if told else f"; --ignore {name or repr('')} leaves it out"
            raise LibfmError(path, line, what, f"a name for each column{hint}")
    at = {name: header.index(name) for name in names}
    lines: list[int] = []
    while block := list(islice(records, size)):
        for line, cells in block:
            if len(cells) != len(header):
                raise LibfmError(path, line, f"{len(cells)} cells", f"{len(header)}, as in the header")
        lines = [line for line, _ in block]
        columns = {name: np.array([cells[at[name]] for _, cells in block], object) for name in names}
        for name in (*form.continuous, *form.whole):
            columns[name] = _numbers(path, lines, name, columns[name], form)
        of_target = [header.index(name) for name in target if name in header]
        yield Rows(lines, columns, [cells[of_target[0]] for _, cells in block] if of_target else None)
    if not lines:
        raise ValueError(f"{printable(path)}: it has no rows")


def _numbers(path: str, lines: list[int], name: str, texts: Array, form: Form) -> Array:
    """The cells as numbers, NaN where they are missing; categories that are whole numbers keep all their digits."""
    values = [np.nan if text in form.missing else _number(text) for text in texts]
    if None in values:
        row = values.index(None)
        found = f"{texts[row]!r:.60} in column {name!r:.60}"
        raise LibfmError(path, lines[row], found, "a number, such as 2.5, or nothing where it is missing (--missing)")
    if name in form.continuous:
        return np.array(values, float)
    whole = [text.strip().lstrip("+-").isdigit() for text in texts]
    exact = [int(text) if one else value for text, one, value in zip(texts, whole, values, strict=True)]
    return np.array(exact, object)


def _number(text: str, dtype: Any = np.float64) -> float | None:
    """The number that a text spells, None when it spells none or when the dtype makes infinity or 0 of it."""
    try:
        value = float(text)
    except ValueError:
        return None
    with np.errstate(over="ignore"):
        cast = dtype(value)
    lost = "_" in text or not np.isfinite(cast) or (cast == 0 and TINY.match(text.encode()))
    return None if lost else value


def classes_of(path: str, form: Form, rows: Rows) -> list[str]:
    """The two values of a target that is to be told apart, in order; the second one is the class 1."""
    found = sorted({cell for cell in rows.target or () if cell not in form.missing})
    if len(found) != 2:
        raise ValueError(
            f"{printable(path)}: the logistic loss tells two values of {form.target!r} apart, but there are "
            f"{len(found)}: {listing(found)}. For numbers take --loss squared"
        )
    return sorted(found, key=lambda cell: _number(cell) or 0.0)


def targets(path: str, form: Form, rows: Rows, classes: Sequence[str] | None, lenient: bool = False) -> Array:
    """The target of each row: a number or, with `classes`, 0 or 1. A wrong one is refused, or NaN when `lenient`."""
    if rows.target is None:
        if lenient:
            return np.full(len(rows.line), np.nan)
        if form.target is None:
            raise ValueError("name the column to compare with by --target")
        raise ValueError(f"{printable(path)}: it has no column {form.target!r}, the target")
    code = {name: float(c) for c, name in enumerate(classes or ())}
    values = [code.get(cell) if classes else _number(cell, form.dtype) for cell in rows.target]
    if None in values and not lenient:
        row = values.index(None)
        wanted = " or ".join(map(repr, classes)) if classes else "a number, such as 2.5; --loss logistic is for classes"
        raise LibfmError(path, rows.line[row], f"{rows.target[row]!r:.60} in column {form.target!r:.60}", wanted)
    return np.array(values, float)


def form_of(encoder: TableEncoder, delimiter: str, target: str | None) -> Form:
    """The tables that an encoder takes."""
    continuous = [name for name in encoder.columns if not encoder.ids(name, "unseen").size]
    kinds = {name: {type(encoder.describe(id).value) for id in encoder.ids(name, "value")} for name in encoder.columns}
    whole = [name for name, kind in kinds.items() if kind & {int, float}]
    return Form(delimiter, target, continuous, (), encoder.missing, encoder.columns, whole)


def about(saved: Saved) -> dict[str, Any]:
    """What a model says of its tables, as far as it is known: "target", "delimiter" and the two "classes"."""

    def inside(outer: Any, name: str) -> Any:
        return outer.get(name) if isinstance(outer, dict) else None

    said = {name: inside(inside(saved.config, "table"), name) for name in ("target", "delimiter", "classes")}
    of_estimator = inside(inside(inside(saved.config, "fitted"), "classes_"), "values")
    return said | ({"classes": [str(label).removesuffix(".0") for label in of_estimator]} if of_estimator else {})


def parts(
    path: str, saved: Saved, encoder: TableEncoder, delimiter: str | None, target: str | None, lenient: bool
) -> Iterator[Part]:
    """The rows of a table as features of a saved model, in memory that does not grow with the file."""
    said = about(saved)
    form = form_of(encoder, delimiter or said["delimiter"] or ",", target or said["target"])
    form = form._replace(dtype=saved.params["V"].dtype.type)
    for rows in read(path, form, 4096):
        made = encoder.transform(rows.columns)
        batch = made if isinstance(made, Batch) else Batch.from_scipy(made)                # of `sparse_output`
        y = targets(path, form, rows, said["classes"], lenient)
        yield Part(batch.astype(form.dtype), y, np.array(rows.line))
