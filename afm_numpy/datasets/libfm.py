"""libFM/libsvm text files, `label id:value id:value ...`, one row a line, plain or gzip: read, stream, write.

`iter_libfm` takes bounded memory, whatever the size of the file: one block of 256 KiB of text with its arrays (at
most about 16 MiB), and the rows of the next batch. A line longer than a block is held whole, a line of more than
4 MiB is refused.
"""

import gzip
import operator
from contextlib import ExitStack

import numpy as np

from .._checks import row_values
from .._files import atomic_write
from ..batch import Batch
from .libfm_text import MOST, Form, LibfmError, Rows, read_rows

__all__ = ["LibfmError", "dump_libfm", "iter_libfm", "load_libfm"]


def load_libfm(path, *, n=None, id_base=0, dtype=np.float64):
    """Read a libFM/libsvm text file into memory.

    Values of an id that a row repeats are summed in its first slot, and a value of 0 leaves its slot empty, as
    in `Batch.from_lists`. A line that holds only a label is a row without features. A file is taken
    as gzip by its first two bytes, whatever its name. A byte-order mark of UTF-8 is skipped; a comment may hold
    any bytes.

    Parameters
    ----------
    path : str or path-like
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
        A ValueError, for the first malformed line: a label or a value that is not a finite number of `dtype`,
        an id that is not made of digits or is out of range, a token without a colon, `qid:` (groups of rows mean
        nothing to these models), bytes that are not text, a damaged or cut gzip file; and for a file without rows.
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
    form = _form(n, None, id_base, dtype)
    parts = list(read_rows(path, form))
    return _pad(parts, form._replace(n=form.n or max(map(_features, parts))))


def iter_libfm(path, batch_size, *, n=None, m=None, id_base=0, dtype=np.float64):
    """Read a libFM/libsvm text file batch by batch, in memory that does not grow with the file.

    Parameters
    ----------
    path, id_base, dtype
        As in `load_libfm`.
    batch_size : int
        Rows in each batch; the last may have fewer.
    n : int, optional
        Number of features. When not given, the file is read twice, first for its largest id.
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
    return _batches(path, _positive(batch_size, "batch_size"), _form(n, m, id_base, dtype))


def dump_libfm(path, batch, y, *, id_base=0):
    """Write rows as a libFM/libsvm text file, gzip when the name ends in `.gz`; complete or not at all.

    Numbers are written with the fewest digits that read back to the same bits. Slots keep their places: an empty
    slot before a feature is written as a value of 0, for the smallest id that the row does not hold (a row
    that holds all n ids closes up). Empty slots at the end of a row are not written.

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
        When y is not one finite number per row.
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
    form = _form(batch.n, None, id_base, batch.x.dtype)
    y = np.asarray(y)
    labels = _texts(row_values(y, len(batch), "y", np.float32 if y.dtype == np.float32 else np.float64))
    with ExitStack() as stack:
        file = stack.enter_context(atomic_write(path))
        if str(path).endswith(".gz"):
            file = stack.enter_context(gzip.GzipFile("", "wb", fileobj=file, mtime=0))
        for label, idx, x in zip(labels, batch.idx, batch.x, strict=True):
            file.write(_line(label, idx.tolist(), _texts(x + 0), form).encode("ascii"))


# ---- arguments ---------------------------------------------------------------------------------------


def _positive(number, name):
    try:
        number = operator.index(number)
    except TypeError:
        raise TypeError(f"{name} must be an integer; got {number!r}") from None
    if number < 1:
        raise ValueError(f"{name} must be at least 1; got {number}")
    return number


def _form(n, m, id_base, dtype):
    if id_base not in (0, 1):
        raise ValueError(f"id_base, the id of the first feature in the file, must be 0 or 1; got {id_base!r}")
    if np.dtype(dtype) not in (np.float32, np.float64):
        raise TypeError(f"dtype must be float32 or float64; got {np.dtype(dtype)}")
    n, m = (None if number is None else _positive(number, name) for number, name in [(n, "n"), (m, "m")])
    if n is not None and n > MOST:
        raise ValueError(f"n must be at most 2**31; got {n}")
    return Form(n, m, int(id_base), np.dtype(dtype))


# ---- from rows to batches ----------------------------------------------------------------------------


def _features(rows):
    return int(rows.ids.max(initial=0)) + 1


def _pad(parts, form):
    """One Batch and its y from the rows of several blocks."""
    m = form.m or max(int(rows.length.max()) for rows in parts)
    y = np.concatenate([rows.y for rows in parts])
    idx, x = np.zeros((y.size, m), np.intp), np.zeros((y.size, m), form.dtype)
    hi = 0
    for rows in parts:
        lo, hi = hi, hi + rows.y.size
        inside = np.arange(m) < rows.length[:, None]
        idx[lo:hi][inside] = np.where(rows.x != 0, rows.ids, 0)
        x[lo:hi][inside] = rows.x
    return Batch(idx, x, form.n), y


def _batches(path, batch_size, form):
    if form.n is None:
        form = form._replace(n=max(map(_features, read_rows(path, form))))
    held, room = [], batch_size
    for rows in read_rows(path, form):
        lo, ends = 0, np.append(0, np.cumsum(rows.length))
        while lo < rows.y.size:
            hi = min(lo + room, rows.y.size)
            slots = slice(ends[lo], ends[hi])
            held.append(Rows(rows.y[lo:hi], rows.length[lo:hi], rows.ids[slots], rows.x[slots]))
            lo, room = hi, room - (hi - lo)
            if room == 0:
                yield _pad(held, form)
                held, room = [], batch_size
    if held:
        yield _pad(held, form)


# ---- writing -----------------------------------------------------------------------------------------


def _texts(numbers):
    """The shortest text of each number that reads back, by way of float64, to the same bits."""
    if numbers.dtype == np.float64:
        texts = map(repr, numbers.tolist())
    else:                                                     # a float32: rounded twice when read, hence the check
        texts = (str(v) if v.dtype.type(float(str(v))) == v else repr(float(v)) for v in numbers)
    return [text.removesuffix(".0") for text in texts]


def _line(label, ids, values, form):
    """One row as a line; its values are texts, "0" in an empty slot."""
    while values and values[-1] == "0":
        values.pop()
    features = list(zip(ids, values, strict=False))
    if "0" in values:
        held = {i for i, value in features if value != "0"}
        spare = next((i for i in range(form.n) if i not in held), None)
        features = [(i if value != "0" else spare, value) for i, value in features if value != "0" or spare is not None]
    return " ".join([label, *(f"{i + form.id_base}:{value}" for i, value in features)]) + "\n"
