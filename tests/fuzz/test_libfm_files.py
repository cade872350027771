"""libFM text, plain and packed: LibfmError (a ValueError), or what a literal reader makes of the same bytes."""

import bz2
import gzip
import lzma
import math
import re
import zlib
from functools import partial

import numpy as np
from border import Refused, answer, drawn, folder, mostly
from hypothesis import example, given
from hypothesis import strategies as st

from afm_numpy.batch import Batch
from afm_numpy.datasets import LibfmError, dump_libfm, iter_libfm, libfm, load_libfm

NUMBER = rb"[+-]?(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[eE][+-]?[0-9]+)?"
LINE = re.compile(rb"[ \t]*(" + NUMBER + rb")((?:[ \t]+[0-9]{1,12}:" + NUMBER + rb")*)[ \t]*")


def literal(data, n=None, id_base=0, dtype="float64"):
    """(n, labels, [[(id, value)]]) of a file's text, or the number of the first malformed line, 0 without a row."""

    def number(text):
        with np.errstate(over="ignore"):
            value = np.dtype(dtype).type(float(text))
        return value if value or not re.match(rb"[^eE]*[1-9]", text) else np.dtype(dtype).type(np.nan)

    labels, rows = [], []
    for at, line in enumerate(data.removeprefix(b"\xef\xbb\xbf").split(b"\n"), 1):
        line = line.removesuffix(b"\r") if b"#" not in line else line[: line.index(b"#")]
        if not line.strip(b" \t"):
            continue
        match = LINE.fullmatch(line)
        if not match:
            return at
        total, label = {}, number(match[1])
        for token in match[2].split():
            i, value = int(token.partition(b":")[0]) - id_base, number(token.partition(b":")[2])
            if not 0 <= i < (n or 2**31) or not np.isfinite(value):
                return at
            with np.errstate(over="ignore"):
                total.setdefault(i, []).append(value + np.dtype(dtype).type(0))
                sums = {i: sum(values[1:], values[0]) for i, values in total.items()}
        if not np.isfinite(label) or not all(map(np.isfinite, sums.values() if total else ())):
            return at
        labels.append(float(label))
        first = {}  # a repeated id is summed in its first slot
        slots = [int(token.partition(b":")[0]) - id_base for token in match[2].split()]
        for slot, i in enumerate(slots):
            first.setdefault(i, slot)
        rows.append([(i, float(sums[i])) if first[i] == slot else (i, 0.0) for slot, i in enumerate(slots)])
    if not rows:
        return 0
    n = n or 1 + max((i for row in rows for i, _ in row), default=0)
    return n, labels, rows


def as_batch(parts):
    """Batches and labels, one after another, as `literal` gives them; the slots of a row up to its last one."""
    slots = [slots for batch, _ in parts for slots in zip(batch.idx.tolist(), batch.x.tolist(), strict=True)]
    rows = [list(zip(i, x, strict=True)) for i, x in slots]
    return parts[0][0].n, [float(label) for _, y in parts for label in y], rows


def same(found, expected):
    """Bit for bit, -0.0 included; at the end of a row any number of empty slots."""
    n, labels, rows = expected
    rows = [[(i, x) if x else (0, 0.0) for i, x in row] for row in rows]
    width = max([len(row) for row in [*rows, *found[2]]], default=0)
    padded = [[row + [(0, 0.0)] * (width - len(row)) for row in rows] for rows in (rows, found[2])]
    assert repr((found[0], found[1], padded[1])) == repr((n, labels, padded[0]))


def check(data, text, size=3, **form):
    """Both readers, on a file that holds `data`, against `literal` of its text; None: damaged."""
    expected = None if text is None else literal(text, **form)
    with folder("rows.libfm") as here:
        path = here / "rows.libfm"
        path.write_bytes(data)
        whole = answer(lambda: load_libfm(path, **form), LibfmError)
        parts = answer(lambda: list(iter_libfm(path, size, **form)), LibfmError)
    assert isinstance(whole, Refused) == isinstance(parts, Refused) == (not isinstance(expected, tuple))
    if isinstance(whole, Refused):
        assert whole.message == parts.message and whole.error.path == str(path) and isinstance(whole.error, ValueError)
        if expected is not None:
            assert whole.error.line == (expected or None)
        return
    assert all(len(y) == len(batch) == size for batch, y in parts[:-1]) and 1 <= len(parts[-1][1]) <= size
    same(as_batch([whole]), expected)
    same(as_batch(parts), expected)


NUMBERS = "0 1 -0 .5 5. 1e3 +2 3e38 1e-400 -.5E+1 007".split()
NO_NUMBERS = "1e400 3.5e38 1e308 1e 1e+ . + - 1_0 nan inf".split()
NO_IDS = (
    """2147483648 2147483649 999999999999 1000000000000 4294967296 99999999999999999999 0000000000001 -1 1.0 +1 1e1 a
    qid \u0661 0x1""".split()
    + [""]
)
ODD = [":", "1::1", "5", "#", "\x00", "\r", "\x0b", "\x0c", "\x85", "\xa0", "\ufeff", "1:1:1", "\x1f\x8b"]
number = mostly(
    st.integers(-9, 9).map(str) | st.floats(-1e30, 1e30).map(repr) | st.sampled_from(NUMBERS),
    st.sampled_from(NO_NUMBERS),
    60,
)
id_ = mostly(
    st.integers(0, 9).map(str) | st.sampled_from(["00", "007", "000000000001", "2147483647"]),
    st.sampled_from(NO_IDS),
    60,
)
token = mostly(st.tuples(id_, number).map(":".join), st.sampled_from(ODD), 60)
blank = mostly(st.sampled_from([" ", " ", "\t", "  ", " \t"]), st.sampled_from(["", "\x0b"]), 60)
end = mostly(
    st.sampled_from(["\n", "\n", "\r\n", "\n\n", " \n", "#c\n", "# 1:1\r\n"]), st.sampled_from(["\r", "\n#", ""]), 20
)
pieces = st.lists(st.tuples(number, st.lists(st.tuples(blank, token), max_size=5), end), max_size=6)
text = pieces.map(
    lambda rows: "".join(
        "".join([label, *(gap + word for gap, word in words), end]) for label, words, end in rows
    ).encode()
)
right = st.lists(
    st.tuples(st.integers(-1, 1), st.lists(st.tuples(st.integers(0, 9), st.floats(-9, 9)), max_size=4)),
    min_size=1, max_size=4,
).map(lambda rows: "".join(
    " ".join([str(label), *(f"{i}:{x!r}" for i, x in row)]) + "\n" for label, row in rows).encode())  # fmt: skip
form = st.fixed_dictionaries(
    {},
    optional={
        "n": st.integers(1, 12),
        "id_base": st.sampled_from([0, 1]),
        "dtype": st.sampled_from(["float32", "float64"]),
    },
)
edit = st.tuples(st.sampled_from(["flip", "cut", "drop", "twice", "put"]), st.integers(0, 2**16), st.integers(0, 255))


def edited(data, edits):
    """Bytes with some damage."""
    data = bytearray(data)
    for kind, at, value in edits:
        at %= len(data) + 1
        if kind == "flip" and at < len(data):
            data[at] ^= 1 << value % 8
        elif kind == "cut":
            del data[at:]
        elif kind == "drop":
            del data[at : at + 1 + value % 9]
        elif kind == "twice":
            data[at:at] = data[at : at + value]
        elif kind == "put":
            data[at : at + 1] = bytes([value])
    return bytes(data)


NEW = {b"\x1f\x8b": lambda: zlib.decompressobj(31), b"BZh": bz2.BZ2Decompressor, b"\xfd7zXZ\0": lzma.LZMADecompressor}


def unpacked(data):
    """The text of a file: itself, or what it holds as gzip, bzip2 or xz; None when that is damaged."""
    new = next((NEW[start] for start in NEW if data.startswith(start)), None)
    if new is None:
        return data
    text = b""
    try:
        while data:
            unpack = new()
            text += unpack.decompress(data)
            if not unpack.eof:
                return None
            data = unpack.unused_data.lstrip(b"\0")
    except (OSError, zlib.error, lzma.LZMAError):
        return None
    return text


@drawn(60)
@given(text, form, st.integers(1, 4))
@example(b"1 2147483647:1\n", {}, 1)
@example(b"1 2147483648:1\n", {}, 1)  # one feature more than a Batch can have
def test_nearly_right_text(data, form, size):
    check(data, unpacked(data), size, **form)


@drawn(40)
@given(text, form)
@example(b"0:1 1:2\n1 1:1\n\n2\n5:x\n", {})
def test_lines_that_may_lack_their_label(data, form):
    """The rows are those of the same lines with the label 0, and the label is NaN."""
    bare = [b":" in (line.split() or [b""])[0] for line in re.sub(rb"#[^\n]*", b"", data).split(b"\n")]
    lines = [b"0 " * lacks + line for lacks, line in zip(bare, data.split(b"\n"), strict=True)]
    expected = literal(b"\n".join(lines), **form)
    with folder("rows.libfm") as here:
        (here / "rows.libfm").write_bytes(data)
        form = libfm.make_form(form.get("n"), None, form.get("id_base", 0), form.get("dtype", float), unlabelled=True)
        found = answer(lambda: list(libfm.iter_parts(here / "rows.libfm", 3, form)), LibfmError)
    assert isinstance(found, Refused) == (not isinstance(expected, tuple))
    if isinstance(found, Refused):
        assert found.error.line == (expected or None)
        return
    lacks = np.concatenate([np.isnan(part.y) for part in found])
    assert lacks.tolist() == [bare[number - 1] for part in found for number in part.line]
    same(as_batch([(part.batch, np.nan_to_num(part.y)) for part in found]), expected)


@drawn(40)
@given(right, st.lists(edit, min_size=1, max_size=3), form)
def test_damaged_text(data, edits, form):
    data = edited(data, edits)
    check(data, unpacked(data), **form)


@drawn(40)
@given(
    right, st.sampled_from([partial(gzip.compress, mtime=0), bz2.compress, lzma.compress]), st.integers(0, 30),
    st.lists(edit, max_size=2), form, st.sampled_from([b"", b"\0\0\0\0", b"tail", b"\x1f\x8b", b"BZh9", b"\xfd7zXZ\0"]),
)  # fmt: skip
def test_damaged_archives(data, pack, cut, edits, form, tail):
    """Of two parts, one after the other."""
    data = edited(pack(data[:cut]) + pack(data[cut:]), edits) + tail
    check(data, unpacked(data), **form)


@drawn(30)
@given(st.binary(max_size=80), form)
def test_any_bytes(data, form):
    check(data, unpacked(data), **form)


@drawn(30)
@given(
    st.lists(st.lists(st.tuples(st.integers(0, 9), st.floats(allow_nan=False, allow_infinity=False)), max_size=4),
             min_size=1, max_size=4),
    st.data(), st.sampled_from([0, 1]), st.sampled_from(["float32", "float64"]), st.sampled_from(["a.libfm", "a.gz"]),
)  # fmt: skip
def test_written_and_read_again(rows, data, id_base, dtype, name):
    """The same rows, to the bit, and nothing else in the folder."""
    ids, values = [[i for i, _ in row] for row in rows], [[x for _, x in row] for row in rows]
    batch = answer(lambda: Batch.from_lists(ids, values, 10, dtype), ValueError)
    if isinstance(batch, Refused):
        return
    labels = data.draw(st.lists(st.floats(width=32), min_size=len(rows), max_size=len(rows)))
    with folder(name) as here:
        done = answer(lambda: dump_libfm(here / name, batch, labels, id_base=id_base), ValueError)
        if isinstance(done, Refused):
            assert not all(map(math.isfinite, labels)) and not list(here.iterdir())
            return
        again, y = answer(lambda: load_libfm(here / name, n=10, id_base=id_base, dtype=dtype))
    assert y.tolist() == labels
    same(as_batch([(again, y)]), as_batch([(batch, y)]))


@drawn(20)
@given(
    st.fixed_dictionaries({}, optional={
        "n": st.sampled_from([0, -1, 1.5, "3", 2**31, 2**31 + 1, True, 3]),
        "id_base": st.sampled_from([2, -1, "0", None]),
        "dtype": st.sampled_from([int, "complex", object, "float16", "nonsense", None]),
    }), st.sampled_from([0, -1, 1.5, "3", None, 2**70]), st.sampled_from([0, -1, 2.0, "x", 3]),
)  # fmt: skip
def test_arguments(form, size, m):
    with folder("rows.libfm") as here:
        path = here / "rows.libfm"
        path.write_text("1 0:1\n")
        found = [answer(lambda: load_libfm(path, **form), ValueError, TypeError)]
        found.append(answer(lambda: list(iter_libfm(path, size, m=m, **form)), ValueError, TypeError))
        found.append(answer(lambda: load_libfm(here / "none"), FileNotFoundError))
    for one in found:
        assert isinstance(one, Refused) or (form.get("dtype") is None and form.get("n") in (None, 2**31, True, 3))
