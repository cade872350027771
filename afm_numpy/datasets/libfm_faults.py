"""What is wrong with a line of a libFM/libsvm file, in words. `libfm_text` has the grammar."""

import re
from typing import Any, NamedTuple

import numpy as np

from .._files import Path, printable
from .unpack import Damaged

ID_DIGITS = 12           # more are refused unread
MOST = 2**31             # features: what a Batch can have
TINY = re.compile(rb"[^eE]*[1-9]")                           # matches a number that was read as 0 but is not 0

FOREIGN = {                                                  # how files of other kinds begin
    b"PK\3\4": "a zip archive, such as a saved model or .xlsx", b"7z\xbc": "a 7z archive", b"PAR1": "a Parquet file",
    b"\x28\xb5\x2f\xfd": "zstd data", b"\4\x22\x4d\x18": "lz4 data", b"\x89HDF": "an HDF5 file",
    b"ARROW1": "an Arrow file", b"\x93NUMPY": "a NumPy array", b"\xff\xfe": "text in UTF-16",
    b"\xfe\xff": "text in UTF-16", b"\x1f\x8b": "gzip data inside of packed data",
    b"SQLite format": "an SQLite database", b"Rar!": "a rar archive", b"BZh": "bzip2 data inside of packed data",
    b"\xfd7zXZ\0": "xz data inside of packed data",
}  # fmt: skip
TABLE = "a table, such as CSV: `afm-numpy train --target COLUMN` or encode.TableEncoder makes features of it"
FORMATS = [                                                  # how lines of other formats look
    (rb"\s*[{[]", "JSON"), (rb"\s*@", "ARFF"), (rb"[^|]*\|", "Vowpal Wabbit"), (rb"\s*<", "a page of HTML or XML"),
    (rb"version https://git-lfs", "a Git LFS pointer: get the file itself by `git lfs pull`"),
    (rb"[^:]*([,;]|[^: \t][ \t]+[^ \t])[^:]*$", TABLE),
    (rb"[^ \t]+[ \t](.*[ \t])?\d+:\d+:[-+.\deE]+([ \t]|$)", "libFFM, 'field:id:value': leave the fields out"),
    (rb".*[,;]", TABLE),
]  # fmt: skip


class LibfmError(ValueError):
    """A libFM file that is not well formed: the file, the line, what was found and what was expected.

    Parameters
    ----------
    path : str or path-like
    line : int or None
        The line, counted from 1; None when the whole file is at fault.
    found, expected : str

    Examples
    --------
    >>> print(LibfmError("train.libfm", 7, "'x'", "a label"))
    train.libfm, line 7: found 'x', expected a label
    """

    def __init__(self, path: Path, line: int | None, found: str, expected: str) -> None:
        super().__init__(path, line, found, expected)
        self.path, self.line, self.found, self.expected = str(path), line, found, expected

    def __str__(self) -> str:
        place = printable(self.path) + ("" if self.line is None else f", line {self.line}")
        return f"{place}: found {self.found}, expected {self.expected}"


class Form(NamedTuple):
    """What the caller said about the file: features, slots (both may be None), first id, float32 or float64.

    With `unlabelled` a line may begin with a feature: its label is NaN. With `fields` every line must have as many
    features as the others, because each slot is a field.
    """

    n: int | None
    m: int | None
    id_base: int
    dtype: np.dtype[Any]
    unlabelled: bool = False
    fields: bool = False


def fault(path: Path, first: int, block: bytes, form: Form) -> LibfmError:
    """The error for the first malformed line of a block that `_parse` refused."""
    kind = foreign(block)
    if first == 1 and kind:
        return LibfmError(path, 1, kind, "lines 'label id:value id:value ...', plain or as .gz, .bz2 or .xz")
    for number, line in enumerate(block.split(b"\n"), first):
        fault = _line_fault(line, form)
        if fault:
            return LibfmError(path, number, *fault)
    raise AssertionError(f"{path}, from line {first}: a block was refused in which no line is malformed")


def foreign(start: bytes) -> str | None:
    """The kind of file that begins so, if it is none of text."""
    if start[257:262] == b"ustar":
        return "a tar archive"
    return next((FOREIGN[magic] for magic in FOREIGN if start.startswith(magic)), None)


def damaged(path: Path, line: int, error: Damaged) -> LibfmError:
    """The error for packed data that cannot be unpacked from some line on."""
    return LibfmError(path, line, f"damaged {error.kind} data ({error})", f"a complete {error.kind} file")


def _line_fault(line: bytes, form: Form) -> tuple[str, str] | None:
    """What was found in a line and what was expected there, or None."""
    tokens = re.split(rb"[ \t]+", line.strip(b" \t"))
    if tokens == [b""]:
        return None
    hint = next((f"; this looks like {words}" for look, words in FORMATS if re.match(look, line[:1000])), "")
    label, features = tokens[0], tokens[1:]
    if form.unlabelled and b":" in label:
        features = tokens
    elif _number(label, form.dtype) is None:
        if re.search(rb"[\0-\x08\x0e-\x1f\x7f]", label) or label.decode(errors="ignore").encode() != label:
            return "bytes that are no text", f"a label at the start of the line, {_wanted(label, form)}"
        return _show(label), f"a label at the start of the line, {_wanted(label, form)}{hint}"
    if form.m and len(features) > form.m:
        return f"{len(features)} features", f"at most m = {form.m}"
    total: dict[int, Any] = {}
    for token in features:
        expected = _feature_fault(token, form)
        if expected:
            return _show(token), expected + hint
        digits, _, value = token.partition(b":")
        with np.errstate(over="ignore", under="ignore"):
            total[int(digits)] = total.get(int(digits), form.dtype.type(0)) + _number(value, form.dtype)
        if not np.isfinite(total[int(digits)]):
            return f"id {int(digits)} repeated, with a sum of {total[int(digits)]}", f"a finite {form.dtype} sum"
    return None


def _feature_fault(token: bytes, form: Form) -> str | None:
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
        return f"a feature 'id:value' whose value is {_wanted(value, form)}"
    return None


def _wanted(token: bytes, form: Form) -> str:
    """The words for a number that `form.dtype` can hold."""
    lost = _spelled(token, form.dtype) == 0
    return f"a finite {form.dtype} number" + (", not one so small that it becomes 0" if lost else "")


def _number(token: bytes, dtype: np.dtype[Any]) -> Any:
    """The number that a token spells; None when it spells none, or one that `dtype` cannot hold."""
    number = _spelled(token, dtype)
    return None if number is None or not np.isfinite(number) or (number == 0 and TINY.match(token)) else number


def _spelled(token: bytes, dtype: np.dtype[Any]) -> Any:
    if not set(token) <= set(b"0123456789+-.eE"):
        return None
    try:
        with np.errstate(over="ignore", under="ignore"):
            return np.float64(float(token)).astype(dtype)
    except ValueError:
        return None


def _show(token: bytes) -> str:
    """A token as it can stand in a message of one line."""
    return ascii(token[:40])[1:] + (" (and more)" if len(token) > 40 else "")
