"""The text side of libFM/libsvm files: from bytes to rows.

A file is read in blocks of whole lines. A block is parsed at once, as an array of bytes. When anything in it is
wrong, `libfm_faults` looks at its lines one by one and says which line it is and why. Both obey the same grammar:

    line     label, then features, apart by spaces or tabs; "#" starts a comment; a line with nothing else is skipped
    label    number
    feature  id:number, the id in digits only
    number   what Python's float() reads, spelled with digits, signs, points and exponents alone; finite, and not so
             small that it becomes 0

`load_libfm` and `iter_libfm` in `libfm` are the public functions.
"""

import re
from collections.abc import Iterator
from itertools import chain
from typing import NamedTuple

import numpy as np

from .._files import Path
from .._types import Array
from .libfm_faults import ID_DIGITS, MOST, TINY, Form, LibfmError, damaged, fault
from .unpack import Damaged, pieces

BLOCK = 1 << 18          # bytes of text that are read and parsed at once
LONGEST_LINE = 1 << 22

REFUSED, SPACE, NEWLINE, DIGIT, MARK, COLON = range(6)
KIND = np.full(256, REFUSED, np.uint8)                       # of each byte
KIND[list(b" \t")] = SPACE
KIND[list(b"\n")] = NEWLINE
KIND[list(b"0123456789")] = DIGIT
KIND[list(b"+-.eE")] = MARK
KIND[list(b":")] = COLON


class Rows(NamedTuple):
    """Rows without padding: y, length and the number of the line (B,), ids and x (sum of length,).

    A slot with value 0 is empty, whatever its id.
    """

    y: Array
    length: Array
    line: Array
    ids: Array
    x: Array


def read_rows(path: Path, form: Form, passes: int = 1) -> Iterator[Rows]:
    """Yield the rows of each block of a file; refuse the first malformed line, and a file without rows.

    `passes` says how often the caller reads the file: a pipe can be read only once.
    """
    empty = True
    for first, block in _blocks(path, passes):
        rows = _parse(block, first, form)
        if rows is None:
            raise fault(path, first, block, form)
        empty = False
        yield rows
    if empty:
        raise LibfmError(path, None, "no rows", "at least one line 'label id:value id:value ...'")


def _blocks(path: Path, passes: int) -> Iterator[tuple[int, bytes]]:
    """Yield (number of the first line, bytes): whole lines, each ended by a newline, without comments."""
    line, rest = 1, b""
    try:
        for more in chain(pieces(path, BLOCK, passes), [b""]):
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
            line, rest = line + count, more_rest
    except Damaged as error:
        raise damaged(path, line, error) from None


def _parse(block: bytes, first: int, form: Form) -> Rows | None:
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
    if (kind[at] > NEWLINE).any() or ids.min(initial=0) < 0 or ids.max(initial=0) >= (form.n or MOST):
        return None

    # Tokens: the first of a line is its label and has no colon; every other is a feature and has one.
    solid = kind > NEWLINE
    start = np.flatnonzero(solid[1:] & ~solid[:-1]) + 1
    line = np.searchsorted(np.flatnonzero(kind == NEWLINE), start)
    opens = np.diff(line, prepend=0) > 0                      # the line
    has_colon = np.zeros(text.size, bool)
    has_colon[at + 1] = True
    feature = has_colon[start]
    if not (feature | opens).all() or (feature & opens).any() and not form.unlabelled:
        return None
    length = np.add.reduceat(feature, np.flatnonzero(opens), dtype=np.intp)
    if form.m and length.max() > form.m:
        return None
    words = text.tobytes().split()
    try:                                                      # refuses a missing number as well: there are too few
        numbers = np.fromiter(map(float, words), np.float64, start.size)
    except ValueError:
        return None
    with np.errstate(over="ignore", under="ignore"):
        numbers = numbers.astype(form.dtype)
        if not np.isfinite(numbers).all() or any(TINY.match(words[i]) for i in np.flatnonzero(numbers == 0)):
            return None
        y = np.where(feature, np.nan, numbers)[opens].astype(form.dtype)
        x = _sum_repeated(length, ids, numbers[feature] + 0)  # + 0: no -0
    rows = Rows(y, length, line[opens] + (first - 1), ids, x)
    return rows if np.isfinite(rows.x).all() else None


def _sum_repeated(length: Array, ids: Array, x: Array) -> Array:
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
