"""The text side of libFM/libsvm files: from bytes to rows, and what is wrong with a line.

A file is read in blocks of whole lines. A block is parsed at once, as an array of bytes. When anything in it is
wrong, its lines are looked at one by one, only to say which line it is and why. Both obey the same grammar:

    line     label, then features, apart by spaces or tabs; "#" starts a comment; a line with nothing else is skipped
    label    number
    feature  id:number, the id in digits only
    number   what Python's float() reads, spelled with digits, signs, points and exponents alone; finite

`load_libfm` and `iter_libfm` in `libfm` are the public functions.
"""

import gzip
import re
import zlib
from contextlib import ExitStack
from typing import NamedTuple

import numpy as np

__all__ = ["Form", "LibfmError", "Rows", "read_rows"]

BLOCK = 1 << 18          # bytes of text that are read and parsed at once
LONGEST_LINE = 1 << 22
ID_DIGITS = 12           # more are refused unread
MOST = 2**31             # features: what a Batch can have

REFUSED, SPACE, NEWLINE, DIGIT, MARK, COLON = range(6)
KIND = np.full(256, REFUSED, np.uint8)                       # of each byte
KIND[list(b" \t")] = SPACE
KIND[list(b"\n")] = NEWLINE
KIND[list(b"0123456789")] = DIGIT
KIND[list(b"+-.eE")] = MARK
KIND[list(b":")] = COLON


class LibfmError(ValueError):
    """A libFM file that is not well formed: the file, the line, what was found and what was expected.

    Parameters
    ----------
    path : str or path-like
    line : int or None
        The line, counted from 1; None when the fault is the whole file's.
    found, expected : str

    Examples
    --------
    >>> print(LibfmError("train.libfm", 7, "'x'", "a label"))
    train.libfm, line 7: found 'x', expected a label
    """

    def __init__(self, path, line, found, expected):
        super().__init__(path, line, found, expected)
        self.path, self.line, self.found, self.expected = str(path), line, found, expected

    def __str__(self):
        place = self.path if self.line is None else f"{self.path}, line {self.line}"
        return f"{place}: found {self.found}, expected {self.expected}"


class Form(NamedTuple):
    """What the caller said about the file: features, slots (both may be None), first id, float32 or float64."""

    n: int | None
    m: int | None
    id_base: int
    dtype: np.dtype


class Rows(NamedTuple):
    """Rows without padding: y and length (B,), ids and x (sum of length,)."""

    y: np.ndarray
    length: np.ndarray
    ids: np.ndarray
    x: np.ndarray


def read_rows(path, form):
    """Yield the rows of each block of a file; refuse the first malformed line, and a file without rows.

    Parameters
    ----------
    path : str or path-like
    form : Form

    Yields
    ------
    Rows
        A slot with value 0 is empty, whatever its id.

    Raises
    ------
    LibfmError, OSError

    Examples
    --------
    >>> import pathlib, tempfile
    >>> path = pathlib.Path(tempfile.mkdtemp()) / "small.libfm"
    >>> _ = path.write_text("1 0:1 3:0.5\\n-1 2:1\\n")
    >>> [(rows.y.tolist(), rows.length.tolist(), rows.ids.tolist())
    ...  for rows in read_rows(path, Form(None, None, 0, np.dtype(float)))]
    [([1.0, -1.0], [2, 1], [0, 3, 2])]
    """
    empty = True
    for first, block in _blocks(path):
        rows = _parse(block, form)
        if rows is None:
            raise _fault(path, first, block, form)
        empty = False
        yield rows
    if empty:
        raise LibfmError(path, None, "no rows", "at least one line 'label id:value id:value ...'")


def _blocks(path):
    """Yield (number of the first line, bytes): whole lines, each ended by a newline, without comments."""
    line, rest = 1, b""
    with ExitStack() as stack:
        stream = stack.enter_context(open(path, "rb"))
        if stream.peek(2)[:2] == b"\x1f\x8b":
            stream = stack.enter_context(gzip.GzipFile(fileobj=stream))
        while True:
            try:
                more = stream.read1(BLOCK)
            except (EOFError, gzip.BadGzipFile, zlib.error) as error:
                raise LibfmError(path, line, f"damaged gzip data ({error})", "a complete gzip file") from None
            if more and b"\n" not in more:
                rest += more
                if len(rest) > LONGEST_LINE:
                    found = f"more than {LONGEST_LINE >> 20} MiB without an end of line"
                    raise LibfmError(path, line, found, "lines of text")
                continue
            whole, _, more_rest = more.rpartition(b"\n")
            block = rest + whole + b"\n"
            count = block.count(b"\n")
            if line == 1:
                block = block.removeprefix(b"\xef\xbb\xbf")          # byte-order mark of UTF-8
            if b"\r" in block:
                block = block.replace(b"\r\n", b"\n")
            if b"#" in block:
                block = re.sub(rb"#[^\n]*", b"", block)
            if block.strip(b" \t\n"):
                yield line, block
            if not more:
                return
            line, rest = line + count, more_rest


def _parse(block, form):
    """The rows of a block, or None when anything in it is wrong."""
    text = np.frombuffer(b"\n" + block, np.uint8).copy()
    kind = KIND[text]
    colon = np.flatnonzero(kind == COLON)
    if not kind.all() or (kind[colon - 1] != DIGIT).any():
        return None

    # Ids: one decimal place of all of them at a time. What is read becomes blank, so that only numbers are left.
    ids, at, place = np.zeros(colon.size, np.int64), colon - 1, 1
    text[colon] = ord(" ")
    for _ in range(ID_DIGITS):
        inside = kind[at] == DIGIT
        if not inside.any():
            break
        ids += np.where(inside, text[at] - ord("0"), 0).astype(np.int64) * place
        text[at[inside]] = ord(" ")
        at, place = at - inside, place * 10
    ids -= form.id_base
    if (kind[at] != SPACE).any() or ids.min(initial=0) < 0 or ids.max(initial=0) >= (form.n or MOST):
        return None

    # Tokens: the first of a line is its label and has no colon, every other is a feature and has one.
    solid = kind > NEWLINE
    start = np.flatnonzero(solid[1:] & ~solid[:-1]) + 1
    line = np.searchsorted(np.flatnonzero(kind == NEWLINE), start)
    label = np.diff(line, prepend=0) > 0
    feature = np.zeros(text.size, bool)
    feature[at + 1] = True
    if (feature[start] == label).any():
        return None
    length = np.diff(np.flatnonzero(label), append=start.size) - 1
    if form.m and length.max() > form.m:
        return None
    try:                                                      # refuses a missing number as well: there are too few
        numbers = np.fromiter(map(float, text.tobytes().split()), np.float64, start.size)
    except ValueError:
        return None
    with np.errstate(over="ignore", under="ignore"):
        numbers = numbers.astype(form.dtype)
        if not np.isfinite(numbers).all():
            return None
        rows = Rows(numbers[label], length, ids, _sum_repeated(length, ids, numbers[~label] + 0))     # + 0: no -0
    return rows if np.isfinite(rows.x).all() else None


def _sum_repeated(length, ids, x):
    """Values, those of an id that a row repeats summed in its first slot; its other slots get 0."""
    key = np.repeat(np.arange(length.size), length) * (ids.max(initial=0) + 1) + ids
    ordered = key if (key[1:] > key[:-1]).all() else np.sort(key)
    if (ordered[1:] == ordered[:-1]).any():
        _, first, group = np.unique(key, return_index=True, return_inverse=True)
        total = np.zeros(first.size, x.dtype)
        np.add.at(total, group, x)
        x = np.zeros_like(x)
        x[first] = total
    return x


# ---- what is wrong with a line -----------------------------------------------------------------------


def _fault(path, first, block, form):
    """The error for the first malformed line of a block that `_parse` refused."""
    for number, line in enumerate(block.split(b"\n"), first):
        fault = _line_fault(line, form)
        if fault:
            return LibfmError(path, number, *fault)
    raise AssertionError(f"{path}, from line {first}: a block was refused in which no line is malformed")


def _line_fault(line, form):
    """What was found in a line and what was expected there, or None."""
    tokens = re.split(rb"[ \t]+", line.strip(b" \t"))
    if tokens == [b""]:
        return None
    label, features = tokens[0], tokens[1:]
    if _number(label, form.dtype) is None:
        return _show(label), f"a label at the start of the line, a finite {form.dtype} number"
    if form.m and len(features) > form.m:
        return f"{len(features)} features", f"at most m = {form.m}"
    total = {}
    for token in features:
        expected = _feature_fault(token, form)
        if expected:
            return _show(token), expected
        digits, _, value = token.partition(b":")
        with np.errstate(over="ignore", under="ignore"):
            total[int(digits)] = total.get(int(digits), form.dtype.type(0)) + _number(value, form.dtype)
        if not np.isfinite(total[int(digits)]):
            return f"id {int(digits)} repeated, with a sum of {total[int(digits)]}", f"a finite {form.dtype} sum"
    return None


def _feature_fault(token, form):
    """What was expected in place of a token, or None when it is a feature."""
    digits, colon, value = token.partition(b":")
    low, high = form.id_base, form.id_base + (form.n or MOST) - 1
    if digits == b"qid" and colon:
        return "a feature 'id:value'; rows in groups (qid) are not supported, remove these tokens"
    if not colon:
        return "a feature 'id:value', with a colon"
    if not re.fullmatch(rb"[0-9]+", digits):
        return "a feature 'id:value' with a whole id that is not negative, in digits only"
    if len(digits) > ID_DIGITS:
        return f"an id of at most {ID_DIGITS} digits"
    if not form.n and int(digits) > high:
        return f"an id of at most {high}, for 2**31 features"
    if not low <= int(digits) <= high:
        up_to = f"to {high} (n is {form.n}, id_base is {low})" if form.n else f"up (id_base is {low})"
        return f"an id from {low} {up_to}"
    if _number(value, form.dtype) is None:
        return f"a feature 'id:value' whose value is a finite {form.dtype} number"
    return None


def _number(token, dtype):
    """The number that a token spells; None when it spells none, or one that `dtype` cannot hold."""
    if not set(token) <= set(b"0123456789+-.eE"):
        return None
    try:
        with np.errstate(over="ignore", under="ignore"):
            number = np.float64(float(token)).astype(dtype)
    except ValueError:
        return None
    return number if np.isfinite(number) else None


def _show(token):
    """A token as it can stand in a message of one line."""
    return ascii(token[:40])[1:] + (" (and more)" if len(token) > 40 else "")
