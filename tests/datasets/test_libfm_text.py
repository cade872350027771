"""The libFM parser against a reader that goes line by line, and every kind of malformed line."""

import gzip
import os
import re
import tempfile
import tracemalloc
import zlib
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from afm_numpy.datasets import libfm_text
from afm_numpy.datasets.libfm_text import Form, LibfmError, read_rows

NUMBER = re.compile(rb"[+-]?([0-9]+(\.[0-9]*)?|\.[0-9]+)([eE][+-]?[0-9]+)?")


def read(path, n=None, m=None, id_base=0, dtype=np.float64):
    """The rows of a file as [(label, [ids], [values])]."""
    rows = []
    for part in read_rows(path, Form(n, m, id_base, np.dtype(dtype))):
        ends = np.cumsum(part.length)[:-1]
        for y, ids, x in zip(part.y, np.split(part.ids, ends), np.split(part.x, ends), strict=True):
            rows.append((y.item(), ids.tolist(), x.tolist()))
    return rows


def read_line_by_line(data, n=None, m=None, id_base=0, dtype=np.float64):
    """The same in plain words: rows, or the number of the first malformed line (None: no rows at all)."""

    def finite(token):
        assert NUMBER.fullmatch(token)
        with np.errstate(over="ignore"):
            value = dtype(float(token))
        assert np.isfinite(value) and (value or not token.lower().partition(b"e")[0].strip(b"+-.0"))
        return value

    rows = []
    for number, line in enumerate(data.removeprefix(b"\xef\xbb\xbf").split(b"\n"), 1):
        if b"#" in line:
            line = line[: line.index(b"#")]
        elif line.endswith(b"\r"):
            line = line[:-1]
        tokens = line.replace(b"\t", b" ").split(b" ")
        tokens = [token for token in tokens if token]
        if not tokens:
            continue
        try:
            label, ids, x = finite(tokens[0]), [], []
            for token in tokens[1:]:
                left, right = token.split(b":")
                assert left and not left.strip(b"0123456789") and len(left) <= 12
                ids.append(int(left) - id_base)
                assert 0 <= ids[-1] < (n or 2**31)
                x.append(finite(right) + dtype(0))  # -0 becomes 0
            assert m is None or len(ids) <= m
            for slot, i in enumerate(ids):
                if i in ids[:slot]:
                    with np.errstate(over="ignore"):
                        x[ids.index(i)] += x[slot]
                    x[slot] = dtype(0)
                    assert np.isfinite(x[ids.index(i)])
        except (AssertionError, ValueError):
            return number
        rows.append((float(label), ids, [float(value) for value in x]))
    return rows or None


def check(data, **form):
    """Both readers agree on the rows, to the last bit, or on the first malformed line."""
    expected = read_line_by_line(data, **form)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "data.libfm"
        path.write_bytes(data)
        try:
            found = read(path, **form)
        except LibfmError as error:
            assert error.line == expected
            assert str(error).startswith(str(path)) and "\n" not in str(error) and str(error).isascii()
        else:
            assert repr(found) == repr(expected)


form = st.fixed_dictionaries(
    {},
    optional={
        "n": st.integers(1, 30),
        "m": st.integers(1, 4),
        "id_base": st.sampled_from([0, 1]),
        "dtype": st.sampled_from([np.float32, np.float64]),
    },
)
number = st.one_of(
    st.floats(allow_nan=False, allow_infinity=False).map(repr),
    st.sampled_from("0 1 -1 -0 .5 5. 1e3 +2 1e400 -1e39 1e308 3e38 1e-400 1. -.5E+1 007".split()),
)
feature = st.tuples(st.one_of(st.integers(0, 12), st.integers(0, 10**13)).map(str), number).map(":".join)
oddity = st.sampled_from(
    ["", ":", "1:", ":1", "1:2:3", "a:1", "1:a", "qid:1", "-1:1", "1.0:1", "1:nan", "1:inf", "nan", "1:1_0", "1_0:1"]
    + ["1: 1", "1 :1", "- 1", "\x00", "\r", "\r\r", "\x0c", "\x85", "\u0661:1", "1:\u0661", "e", ".", "+", "1e", ","]
    + ["0x1", "1:0x1", "#", "1#1", "5", "1e3"]
)  # fmt: skip
blank = st.sampled_from([" ", " ", "  ", "\t", " \t "])
line_end = st.sampled_from(["\n", "\n", "\r\n", "\n\n", " \n", "  # c\n", "#\r\n"])


@st.composite
def text(draw):
    """Mostly well-formed files, and now and then something that is not."""
    pieces = []
    for _ in range(draw(st.integers(0, 6))):
        tokens = [draw(number), *draw(st.lists(feature, max_size=5))]
        if draw(st.integers(0, 7)) == 0:
            tokens.insert(draw(st.integers(0, len(tokens))), draw(oddity))
        for token in tokens[draw(st.integers(0, 9)) == 0 :]:                   # now and then without its label
            pieces += [draw(blank), token]
        pieces.append(draw(line_end))
    return "".join(pieces).encode()


@settings(max_examples=300)
@given(text(), form)
def test_nearly_well_formed_files(data, form):
    check(data, **form)


@settings(max_examples=200)
@given(st.one_of(st.binary(max_size=60), st.text("01 :.e-+#\n\r\tn", max_size=60).map(str.encode)), form)
def test_any_bytes(data, form):
    check(data, **form)


@settings(max_examples=100)
@given(text(), st.integers(1, 20))
def test_the_size_of_a_block_does_not_matter(data, size):
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(libfm_text, "BLOCK", size)
        check(data)


@settings(max_examples=100)
@given(st.data())
def test_damaged_gzip(data):
    """Bytes of a gzip file are changed or cut off: the right rows, or the documented error."""
    packed = bytearray(gzip.compress(b"1 0:1 3:0.25\n-1 2:1e-3 # c\n" * 3, mtime=0))
    for _ in range(data.draw(st.integers(0, 2))):
        packed[data.draw(st.integers(2, len(packed) - 1))] = data.draw(st.integers(0, 255))
    packed = packed[: data.draw(st.integers(2, len(packed)))]
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "data.gz"
        path.write_bytes(packed)
        try:
            rows = read(path)
        except LibfmError as error:
            assert str(error).startswith(str(path))
        else:
            assert rows == [(1.0, [0, 3], [1.0, 0.25]), (-1.0, [2], [1e-3])] * 3


MALFORMED = [
    ("x 1:1", "'x'", "a label at the start of the line, a finite float64 number"),
    ("1:1 2:1", "'1:1'", "a label at the start"),
    ("nan 1:1", "'nan'", "a label at the start"),
    ("1e999 1:1", "'1e999'", "a finite float64 number"),
    ("1 2", "'2'", "with a colon; this looks like a table"),
    pytest.param("1 1:1e-400", "'1:1e-400'", "not one so small that it becomes 0", id="A3-float64"),
    ("-1e-400 1:1", "'-1e-400'", "a finite float64 number, not one so small that it becomes 0"),
    ("1 1:0." + 400 * "0" + "1", "'1:0." + 36 * "0" + "' (and more)", "not one so small that it becomes 0"),
    ("1 1:1 2:1 3", "'3'", "with a colon"),
    ("1 1:", "'1:'", "whose value is a finite float64 number"),
    ("1 :1", "':1'", "a whole id"),
    ("1 1:2:3", "'1:2:3'", "this looks like libFFM, 'field:id:value': leave the fields out"),
    ("1 a:1", "'a:1'", "in digits only"),
    ("1 1.5:1", "'1.5:1'", "in digits only"),
    ("1 -1:1", "'-1:1'", "not negative"),
    ("1 +1:1", "'+1:1'", "in digits only"),
    ("1 1:nan", "'1:nan'", "a finite float64 number"),
    ("1 1:-inf", "'1:-inf'", "a finite float64 number"),
    ("1 1:1e999", "'1:1e999'", "a finite float64 number"),
    ("1 1:0x10", "'1:0x10'", "a finite float64 number"),
    ("1 1:1_000", "'1:1_000'", "a finite float64 number"),
    ("1 1:1,5", "'1:1,5'", "a finite float64 number"),
    ("1 1:1;2:1", "'1:1;2:1'", "a finite float64 number"),
    ("1 10:1", "'10:1'", "an id from 0 to 9 (n is 10, id_base is 0)"),
    ("1 1234567890123:1", "'1234567890123:1'", "an id of at most 12 digits"),
    ("1 qid:3 1:1", "'qid:3'", "rows in groups (qid) are not supported"),
    ("1 1:1e308 2:1 1:1e308", "id 1 repeated, with a sum of inf", "a finite float64 sum"),
    ("1 1:1\r2:1", "'1:1\\r2:1'", "a finite float64 number"),
    ("1 1:\x00", "'1:\\x00'", "a finite float64 number"),
    ("1 \u0661:1", "'\\xd9\\xa1:1'", "in digits only"),
    ("\ufeff1 1:1", "'\\xef\\xbb\\xbf1'", "a label at the start"),
    ("1 1:" + 100 * "x", "'1:" + 38 * "x" + "' (and more)", "a finite float64 number"),
]


@pytest.mark.parametrize("line, found, expected", MALFORMED, ids=lambda text: ascii(text)[:30])
def test_a_malformed_line_is_named(tmp_path, line, found, expected):
    """In the middle of good lines, after a comment and a blank line: file, line, what was found, what was expected."""
    path = tmp_path / "bad.libfm"
    path.write_bytes(f"1 0:1\n# comment: 1\n\n1 9:2\r\n{line}\n1 2:3\n".encode())
    with pytest.raises(LibfmError) as caught:
        read(path, n=10)
    error = caught.value
    assert (error.path, error.line, error.found) == (str(path), 5, found)
    assert expected in error.expected
    assert str(error) == f"{path}, line 5: found {found}, expected {error.expected}"
    assert isinstance(error, ValueError)


TABLE = "looks like a table, such as CSV: `afm-numpy train --target COLUMN` or encode.TableEncoder makes features of it"


@pytest.mark.parametrize("line, hint", [
    pytest.param("1 0:5:1 3:2:1", "'field:id:value': leave the fields out", id="P8-libffm"),
    pytest.param("1 0:5:0.25", "libFFM", id="P8-libffm-one-feature"),
    pytest.param("39,State-gov,77516", TABLE, id="P8-csv"),
    pytest.param("age,workclass,income", TABLE, id="P8-csv-header"),
    pytest.param('"39";"State-gov";"a:b"', TABLE, id="P8-csv-semicolons"),
    pytest.param("2020-01-01 10:00:00,5", TABLE, id="P8-csv-time"),
    pytest.param("39\tState-gov\t77516", TABLE, id="P8-tsv"),
    pytest.param("age workclass", TABLE, id="P8-tsv-header"),
    pytest.param('{"y": 1, "x": [0, 3]}', "JSON", id="P8-json"),
    pytest.param("@relation adult", "ARFF", id="P8-arff"),
    pytest.param("1 |f a:1 b:2", "Vowpal Wabbit", id="P8-vw"),
    pytest.param("<!DOCTYPE html>", "a page of HTML or XML", id="P8-html"),
    pytest.param("version https://git-lfs.github.com/spec/v1", "a Git LFS pointer: get the file itself", id="P8-lfs"),
])  # fmt: skip
def test_other_formats_of_text_are_named(line, hint, tmp_path):
    path = tmp_path / "other"
    path.write_text(line + "\n")
    with pytest.raises(LibfmError, match=f"line 1: found .*expected .*; this looks like .*{hint[-40:]}"):
        read(path)


@pytest.mark.parametrize("line", ["x 1:1", "1 a:1", "1 1:1 2", "1 1:1 2:", "1:1 2:1", "x"])
def test_a_wrong_line_of_libfm_text_is_not_taken_for_another_format(line, tmp_path):
    path = tmp_path / "wrong"
    path.write_text(line + "\n")
    with pytest.raises(LibfmError) as caught:
        read(path)
    assert "looks like" not in str(caught.value)


@pytest.mark.parametrize("start, kind", [
    pytest.param(b"PK\x03\x04\x14\0", "a zip archive, such as a saved model", id="P8-zip"),
    pytest.param(b"\x28\xb5\x2f\xfd\x04", "zstd data", id="P8-zstd"),
    pytest.param(b"PAR1\x15\x04", "a Parquet file", id="P8-parquet"),
    pytest.param(b"SQLite format 3\0", "an SQLite database", id="P8-sqlite"),
    pytest.param(b"Rar!\x1a\x07\0", "a rar archive", id="P8-rar"),
    pytest.param("1 0:1\n".encode("utf-16"), "text in UTF-16", id="P8-utf16"),
    pytest.param(b"\x80\x04\x95\x0b", "bytes that are no text", id="P8-pickle"),
    pytest.param(b"rows.libfm\0\0\0\0" + b"0000644\0", "bytes that are no text", id="P8-tar"),
    pytest.param(b"\x1f\x9d\x90\x31", "bytes that are no text", id="P8-compress"),
    pytest.param(b"\xe9t\xe9 1:1", "bytes that are no text", id="P8-latin1"),
])  # fmt: skip
def test_bytes_are_never_shown_as_a_label(start, kind, tmp_path):
    path = tmp_path / "other"
    path.write_bytes(start + b"\n1 0:1\n")
    with pytest.raises(LibfmError, match="line 1") as caught:
        read(path)
    assert caught.value.found.startswith(kind) and "'" not in caught.value.found


def test_lines_without_a_label():
    """Where only features are needed: the label of such a line is NaN."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "rows")
        path.write_text("0:1 3:2\n1 2:1\n\n5:1 5:2 # c\n-1\n")
        form = Form(None, None, 0, np.dtype(float), unlabelled=True)
        (rows,) = read_rows(path, form)
        np.testing.assert_array_equal(rows.y, [np.nan, 1, np.nan, -1])
        assert rows.length.tolist() == [2, 1, 2, 0] and rows.line.tolist() == [1, 2, 4, 5]
        assert rows.ids.tolist() == [0, 3, 2, 5, 5] and rows.x.tolist() == [1, 2, 1, 3, 0]
        for line, found in (("0:1 3:2 4", "'4'"), ("0:x", "'0:x'"), ("x 0:1", "'x'"), ("1e-400 1:1", "'1e-400'")):
            path.write_text(f"1 0:1\n{line}\n")
            with pytest.raises(LibfmError, match=f"line 2: found {found}"):
                list(read_rows(path, form))


def test_an_id_of_zero_in_a_file_that_counts_from_one(tmp_path):
    path = tmp_path / "bad.libfm"
    path.write_text("1 1:1\n1 0:1\n")
    with pytest.raises(LibfmError, match=r"line 2: found '0:1', expected an id from 1 up \(id_base is 1\)"):
        read(path, id_base=1)
    with pytest.raises(LibfmError, match=r"expected an id from 1 to 5 \(n is 5, id_base is 1\)"):
        read(path, id_base=1, n=5)
    path.write_text("1 1:1\n1 6:1\n")
    with pytest.raises(LibfmError, match=r"line 2: found '6:1', expected an id from 1 to 5 \(n is 5, id_base is 1\)"):
        read(path, id_base=1, n=5)


def test_too_many_features(tmp_path):
    path = tmp_path / "wide.libfm"
    path.write_text("1 1:1 2:1\n1 1:1 2:1 3:1\n")
    with pytest.raises(LibfmError, match="line 2: found 3 features, expected at most m = 2"):
        read(path, m=2)


@pytest.mark.parametrize("line", ["1 1:1e-46", "1e-46 1:1", "1 1:-0.1e-45", "1 1:1 2:7e-46"], ids="A3-{}".format)
def test_a_value_that_would_become_0_is_refused(tmp_path, line):
    path = tmp_path / "small.libfm"
    path.write_text(f"0 0:0\n{line}\n")
    assert read(path)
    with pytest.raises(LibfmError, match="line 2: .* float32 number, not one so small that it becomes 0"):
        read(path, dtype=np.float32)
    path.write_text("0 0:0\n-0.0e5 1:0.000e-999 2:1e-45\n")
    assert read(path, dtype=np.float32)[1][2] == [0.0, float(np.float32(1e-45))]


@pytest.mark.parametrize("dtype, largest", [(np.float32, "3.4e38"), (np.float64, "1.7e308")])
def test_a_value_must_fit_the_dtype(tmp_path, dtype, largest):
    path = tmp_path / "large.libfm"
    path.write_text(f"1 1:{largest}\n")
    assert read(path, dtype=dtype)[0][2] == [float(dtype(float(largest)))]
    path.write_text(f"1 1:{largest}9\n")
    with pytest.raises(LibfmError, match=f"a finite {np.dtype(dtype)} number"):
        read(path, dtype=dtype)


@pytest.mark.parametrize(
    "data", [b"", b"\n\n", b"# only a comment", b" \t\r\n", b"\xef\xbb\xbf", gzip.compress(b"", mtime=0)]
)  # fmt: skip
def test_no_rows(tmp_path, data):
    path = tmp_path / "empty.libfm"
    path.write_bytes(data)
    with pytest.raises(LibfmError, match=r"empty.libfm: found no rows, expected at least one line") as caught:
        read(path)
    assert caught.value.line is None


@pytest.mark.parametrize(
    "data",
    [
        "1 0:1\n".encode("utf-16"),
        np.arange(256, dtype=np.uint8).tobytes(),
        zlib.compress(b"1 0:1\n" * 50),
        b"\x89PNG\r\n\x1a\n",
        b"1 0:1\r1 1:1\r",
    ],
    ids=["UTF-16", "all bytes", "zlib", "PNG", "lone CR"],
)
def test_foreign_files(tmp_path, data):
    path = tmp_path / "foreign"
    path.write_bytes(data)
    with pytest.raises(LibfmError, match="foreign, line 1: found"):
        read(path)


def test_a_file_without_line_ends_is_given_up(tmp_path):
    """Before it is read into memory."""
    path = tmp_path / "endless"
    with open(path, "wb") as file:
        file.truncate(1 << 26)
    tracemalloc.start()
    try:
        with pytest.raises(LibfmError, match="line 1: found more than 4 MiB without an end of line"):
            read(path)
        assert tracemalloc.get_traced_memory()[1] < 1 << 24
    finally:
        tracemalloc.stop()


def test_a_line_longer_than_a_block(tmp_path):
    path = tmp_path / "long.libfm"
    ids = list(range(100_000))
    path.write_text("1 " + " ".join(f"{i}:1" for i in ids) + "\n-1 5:2\n")
    assert os.path.getsize(path) > 3 * libfm_text.BLOCK
    assert read(path) == [(1.0, ids, [1.0] * len(ids)), (-1.0, [5], [2.0])]


def test_a_byte_order_mark_stands_only_at_the_start(tmp_path, monkeypatch):
    """Also when a later line is the first of its block."""
    path = tmp_path / "marks.libfm"
    path.write_bytes(b"\xef\xbb\xbf1 0:1\n\xef\xbb\xbf1 0:1\n")
    monkeypatch.setattr(libfm_text, "BLOCK", 10)
    with pytest.raises(LibfmError, match=r"line 2: found '\\xef\\xbb\\xbf1'"):
        read(path)


def test_a_cut_gzip_file_gives_its_rows_and_the_line(tmp_path):
    text = b"".join(b"1 %d:%d\n" % (i, i * i) for i in range(50_000))
    path = tmp_path / "cut.gz"
    path.write_bytes(gzip.compress(text)[:-1000])
    whole = zlib.decompressobj(31).decompress(path.read_bytes()).count(b"\n")          # lines that can be read
    count = 0
    with pytest.raises(LibfmError, match="expected a complete gzip file") as caught:
        for rows in read_rows(path, Form(None, None, 0, np.dtype(float))):
            count += rows.y.size
    assert caught.value.line == count + 1 == whole + 1


def test_gzip_is_known_by_its_content(tmp_path):
    plain, packed = tmp_path / "plain.gz", tmp_path / "packed.txt"
    plain.write_bytes(b"1 0:1\n")
    packed.write_bytes(gzip.compress(b"\xef\xbb\xbf1 0:1\n") + gzip.compress(b"2 1:1"))
    assert read(plain) == [(1.0, [0], [1.0])]
    assert read(packed) == [(1.0, [0], [1.0]), (2.0, [1], [1.0])]


def test_numbers_are_read_to_the_last_bit(tmp_path):
    values = np.frombuffer(np.random.default_rng(0).bytes(8 * 1000), np.float64)
    values = values[np.isfinite(values)]
    path = tmp_path / "bits.libfm"
    path.write_text("".join(f"{v!r} 0:{v!r}\n" for v in values.tolist()))
    rows = read(path)
    assert [row[0] for row in rows] == values.tolist() and [row[2][0] for row in rows] == values.tolist()


def test_a_file_that_cannot_be_opened(tmp_path):
    with pytest.raises(FileNotFoundError, match="missing.libfm"):
        read(tmp_path / "missing.libfm")
    with pytest.raises(OSError):
        read(tmp_path)
