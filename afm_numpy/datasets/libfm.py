"""libFM/libsvm text files, `label id:value id:value ...`, one row a line: read, stream, write.

`iter_libfm` takes bounded memory, whatever the size of the file: one block of 256 KiB of text with its arrays (at
most about 16 MiB), and the rows of the next batch. A line longer than a block is held whole, a line of more than
4 MiB is refused.
"""

import bz2
import gzip
import lzma
import os
import stat
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import nullcontext
from dataclasses import replace
from typing import Any, NamedTuple

import numpy as np

from .._checks import array, check_dtype, check_kind, check_size, row_values
from .._files import Path, atomic_write
from .._types import Array, ArrayLike, DType
from ..batch import Batch
from .libfm_faults import MOST, Form, LibfmError
from .libfm_text import Rows, read_rows

FROM_PIPE = 1 << 31      # bytes that the rows of a pipe may take in memory: it may never end
DUMPED = 4096            # rows that are written at a time
PACK: dict[str, Callable[[Any], Any]] = {                    # the ending of a name: a file that packs into another
    ".gz": lambda file: gzip.GzipFile("", "wb", fileobj=file, mtime=0), ".bz2": lambda file: bz2.BZ2File(file, "wb"),
    ".xz": lambda file: lzma.LZMAFile(file, "wb"),
}  # fmt: skip


class Part(NamedTuple):
    """Rows of a file: the batch, their labels y (B,), and the number of the line of each (B,)."""

    batch: Batch
    y: Array
    line: Array


def load_libfm(
    path: Path, *, n: int | None = None, id_base: int = 0, dtype: DType = np.float64
) -> tuple[Batch, Array]:
    """Read a libFM/libsvm text file into memory.

    Values of an id that a row repeats are summed in its first slot, and a value of 0 leaves its slot empty, as
    in `Batch.from_lists`. A line that holds only a label is a row without features. A file packed by gzip, bzip2
    or xz is known by its first bytes, whatever its name. A byte-order mark of UTF-8 is skipped; a comment may hold
    any bytes.

    Parameters
    ----------
    path : str or path-like
        A file, or a pipe.
    n : int, optional
        Number of features, at most 2**31; when not given, the number of ids up to the largest in the file.
    id_base : 0 or 1
        The id of the first feature in the file. libFM files mostly count from 0, libsvm files from 1.
    dtype : float32 or float64
        Of the values and of y.

    Returns
    -------
    batch : Batch
    y : (B,) array
        The labels.

    Raises
    ------
    LibfmError
        A ValueError, for the first malformed line: a label or a value that is not a finite number of `dtype` or
        becomes 0 in it, an id that is not made of digits or is out of range, a token without a colon, `qid:` (groups
        of rows mean nothing to these models), bytes that are not text, damaged or cut gzip, bzip2 or xz data; and for
        a file without rows. Other formats are named where they are known.
    OSError
        When the file cannot be opened or read.

    Examples
    --------
    >>> import pathlib, tempfile
    >>> path = pathlib.Path(tempfile.mkdtemp()) / "small.libfm"
    >>> _ = path.write_text("1 0:1 3:0.5  # two features\\n-1 2:1e-1\\n")
    >>> batch, y = load_libfm(path)
    >>> batch.idx.tolist(), batch.x.tolist(), batch.n, y.tolist()
    ([[0, 3], [2, 0]], [[1.0, 0.5], [0.1, 0.0]], 4, [1.0, -1.0])
    """
    return load_part(path, make_form(n, None, id_base, dtype))[:2]


def iter_libfm(
    path: Path, batch_size: int, *, n: int | None = None, m: int | None = None,
    id_base: int = 0, dtype: DType = np.float64,
) -> Iterator[tuple[Batch, Array]]:  # fmt: skip
    """Read a libFM/libsvm text file batch by batch, in memory that does not grow with the file.

    Parameters
    ----------
    path, id_base, dtype
        As in `load_libfm`.
    batch_size : int
        Rows in each batch; the last may have fewer.
    n : int, optional
        Number of features. When not given, the file is read twice, first for its largest id; a pipe cannot be.
    m : int, optional
        Slots in each row, the same for all batches; a line with more features is refused. When not given, a
        batch has as many as its longest row.

    Yields
    ------
    batch : Batch
    y : (B,) array

    Raises
    ------
    LibfmError, OSError
        As `load_libfm`, when the malformed line is reached.

    Examples
    --------
    >>> import pathlib, tempfile
    >>> path = pathlib.Path(tempfile.mkdtemp()) / "small.libfm"
    >>> _ = path.write_text("1 0:1 3:1\\n0 2:1\\n1 1:1\\n")
    >>> [(batch.idx.tolist(), batch.n, y.tolist()) for batch, y in iter_libfm(path, 2)]
    [([[0, 3], [2, 0]], 4, [1.0, 0.0]), ([[1]], 4, [1.0])]
    """
    check_size("batch_size", batch_size)
    return (part[:2] for part in iter_parts(path, batch_size, make_form(n, m, id_base, dtype)))


def dump_libfm(path: Path, batch: Batch, y: ArrayLike, *, id_base: int = 0) -> None:
    """Write rows as a libFM/libsvm text file, packed when the name ends in .gz, .bz2 or .xz; complete or not at all.

    Numbers are written with the fewest digits that read back to the same bits. Slots keep their places: an empty
    slot before a feature is written as a value of 0, for the smallest id that the row does not hold (a row
    that holds all n ids closes up). Empty slots at the end of a row are written when slots are fields.

    Parameters
    ----------
    path : str or path-like
    batch : Batch
    y : (B,) reals
        The labels.
    id_base : 0 or 1
        The id to write for feature 0.

    Raises
    ------
    ValueError
        When y is not one finite number per row, or the name stands for data packed in another way, as .zip does.
    OSError
        When the file cannot be written; what was there before stays.

    Examples
    --------
    >>> import pathlib, tempfile
    >>> path = pathlib.Path(tempfile.mkdtemp()) / "small.libfm"
    >>> dump_libfm(path, Batch.from_lists([[0, 3], []], [[1.0, 0.1], []], n=4), [1, -1])
    >>> path.read_text()
    '1 0:1 3:0.1\\n-1\\n'
    """
    check_kind("batch", batch, Batch, "a Batch")
    form = make_form(batch.n, None, id_base, batch.dtype)
    y = array(y)
    y = row_values(y, len(batch), "y", np.float32 if y.dtype == np.float32 else np.float64)
    pack = PACK.get(os.path.splitext(path)[1].lower(), nullcontext)
    with atomic_write(path, packs=PACK) as plain, pack(plain) as file:
        for at in range(0, len(batch), DUMPED):
            file.write("".join(_lines(batch[at : at + DUMPED], y[at : at + DUMPED], form.id_base)).encode("ascii"))


# ---- arguments ---------------------------------------------------------------------------------------


def make_form(n: int | None, m: int | None, id_base: int, dtype: DType, **more: bool) -> Form:
    """What the caller said about a file, checked."""
    if isinstance(id_base, (bool, np.bool_)) or id_base not in (0, 1):
        raise ValueError(f"id_base, the id of the first feature in the file, must be 0 or 1; got {id_base!r}")
    for name, size in (("n", n), ("m", m)):
        if size is not None:
            check_size(name, size)
    if n is not None and n > MOST:
        raise ValueError(f"n must be at most 2**31; got {n}")
    return Form(n, m, int(id_base), check_dtype(dtype), **more)


# ---- from rows to batches ----------------------------------------------------------------------------


def load_part(path: Path, form: Form) -> Part:
    """All rows of a file, as `form` says."""
    parts, left = list[Rows](), FROM_PIPE if stat.S_ISFIFO(os.stat(path).st_mode) else None
    for rows in read_rows(path, form):
        parts.append(rows)
        left = None if left is None else left - sum(array.nbytes for array in rows)
        if left is not None and left < 0:
            found = f"rows that take more than {FROM_PIPE >> 30} GiB from a pipe, which may never end"
            raise LibfmError(path, int(rows.line[-1]), found, "a file, or iter_libfm, which holds one batch at a time")
    m = form.m or max(int(rows.length.max()) for rows in parts)
    return _joined(path, parts, form._replace(n=form.n or _features(parts), m=m))


def load_parts(paths: Sequence[Path], form: Form) -> list[Part]:
    """All rows of files that belong together: they have as many features, and as many slots where these are fields."""
    parts = [load_part(paths[0], form)]
    form = form._replace(m=parts[0].batch.m if form.fields else form.m)
    parts += [load_part(path, form) for path in paths[1:]]
    n = max(part.batch.n for part in parts)
    return [part._replace(batch=replace(part.batch, n=n)) for part in parts]


def iter_parts(path: Path, batch_size: int, form: Form) -> Iterator[Part]:
    """The rows of a file, `batch_size` at a time."""
    if form.n is None:
        form = form._replace(n=_features(read_rows(path, form, passes=2)))
    held: list[Rows] = []
    room = batch_size
    for rows in read_rows(path, form):
        lo, ends = 0, np.append(0, np.cumsum(rows.length))
        while lo < rows.y.size:
            hi = min(lo + room, rows.y.size)
            here, slots = slice(lo, hi), slice(ends[lo], ends[hi])
            held.append(Rows(rows.y[here], rows.length[here], rows.line[here], rows.ids[slots], rows.x[slots]))
            lo, room = hi, room - (hi - lo)
            if room == 0:
                yield _joined(path, held, form)
                held, room = [], batch_size
    if held:
        yield _joined(path, held, form)


def _features(parts: Iterable[Rows]) -> int:
    return max(int(rows.ids.max(initial=0)) for rows in parts) + 1


def _joined(path: Path, parts: list[Rows], form: Form) -> Part:
    """The rows of several blocks in one Batch. Slots are fields when each row fills all, and each id keeps to one."""
    y, length, line, ids, x = map(np.concatenate, zip(*parts, strict=True))
    m, ends = form.m or int(length.max()), np.append(0, length.cumsum())
    short, moved = np.flatnonzero(length != m), np.zeros(0, np.intp)
    if not short.size and m > 1:
        here = np.flatnonzero(x)
        places = np.unique(ids[here] * m + here % m)                                # by id and slot
        moved = places[1:][np.diff(places // m) == 0] // m
    if form.fields and short.size:
        wanted = 'all: for attention "field" slot j is field j, so every line names every field, an absent one as id:0'
        raise LibfmError(path, int(line[short[0]]), f"{length[short[0]]} of {m} features", wanted)
    if form.fields and moved.size:
        first, *others = here[ids[here] == moved[0]].tolist()
        other = next(other for other in others if other % m != first % m)
        found = f"id {moved[0] + form.id_base} as feature {other % m + 1}"
        wanted = f'feature {first % m + 1}, as in line {line[first // m]}: for attention "field" slot j is field j'
        raise LibfmError(path, int(line[other // m]), found, wanted)
    fields = not short.size and not moved.size
    return Part(Batch.of_slots(ids, x, ends, m, form.n, slots_are_fields=fields), y, line)


# ---- writing -----------------------------------------------------------------------------------------


def _texts(numbers: Array) -> Array:
    """The shortest text of each number that reads back, by way of float64, to the same bits."""
    bits, place = np.unique(numbers.view(f"u{numbers.itemsize}"), return_inverse=True)          # 0 is not -0
    values = bits.view(numbers.dtype)
    if values.dtype == np.float64:
        texts = [repr(v) for v in values.tolist()]
    else:                                                     # a float32: rounded twice when read, hence the check
        texts = [str(v) if v.dtype.type(float(str(v))) == v else repr(float(v)) for v in values]
    return np.array([text.removesuffix(".0") for text in texts], object)[place]


def _lines(batch: Batch, y: Array, id_base: int) -> Iterator[str]:
    """Each row as a line. An empty slot before a feature is a value of 0 for the smallest id that the row lacks."""
    features = [f"{i}:{value}" for i, value in zip((batch.ids + id_base).tolist(), _texts(batch.values), strict=True)]
    slots, least, ends = batch.slot_of, batch.m if batch.slots_are_fields else 0, batch.ends.tolist()
    for label, lo, hi in zip(_texts(y), ends, ends[1:], strict=False):
        row, size = features[lo:hi], hi - lo
        width = max(int(slots[hi - 1]) + 1 if size else 0, least)
        if size < min(width, batch.n):
            held = set(batch.ids[lo:hi].tolist())
            spare = next(i for i in range(size + 1) if i not in held)
            filled = dict(zip(slots[lo:hi].tolist(), row, strict=True))
            row = [filled.get(slot, f"{spare + id_base}:0") for slot in range(width)]
        yield " ".join([label, *row]) + "\n"
