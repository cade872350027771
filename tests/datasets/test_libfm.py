"""Reading, streaming and writing libFM files as batches."""

import gzip
import os
import subprocess
import sys
import tempfile
import time
import tracemalloc
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import afm_numpy
from afm_numpy.batch import Batch
from afm_numpy.datasets import libfm
from afm_numpy.datasets.libfm import LibfmError, dump_libfm, iter_libfm, load_libfm, load_part
from afm_numpy.datasets.libfm_text import Form

TEXT = "1 0:1 3:0.5\n-1\n0.25 3:2 1:0 2:-1.5e0 # c\n\n2 1:1 1:2 0:4\n"
ROWS = Batch.from_lists([[0, 3], [], [3, 1, 2], [1, 1, 0]], [[1, 0.5], [], [2, 0, -1.5], [1, 2, 4]])
Y = [1.0, -1.0, 0.25, 2.0]


@pytest.fixture
def path(tmp_path):
    path = tmp_path / "rows.libfm"
    path.write_text(TEXT)
    return path


def assert_same(batch, other):
    assert batch.n == other.n and batch.x.dtype == other.x.dtype and batch.idx.dtype == np.intp
    np.testing.assert_array_equal(batch.idx, other.idx)
    np.testing.assert_array_equal(batch.x.view(np.uint8), other.x.view(np.uint8))


def test_the_rows_are_those_of_from_lists(path):
    batch, y = load_libfm(path)
    assert_same(batch, ROWS)
    assert y.tolist() == Y and y.dtype == np.float64


@pytest.mark.parametrize("change", ["gzip", "CRLF", "no last newline", "tabs", "byte-order mark", "from one", "str"])
def test_other_spellings_of_the_same_file(path, change):
    base = 0
    if change == "gzip":
        path.write_bytes(gzip.compress(TEXT.encode()))
    elif change == "CRLF":
        path.write_bytes(TEXT.replace("\n", "\r\n").encode())
    elif change == "no last newline":
        path.write_text(TEXT.rstrip())
    elif change == "tabs":
        path.write_text("\t" + TEXT.replace(" ", "\t ").replace("\n", " \n"))
    elif change == "byte-order mark":
        path.write_text(TEXT, encoding="utf-8-sig")
    elif change == "from one":
        dump_libfm(path, ROWS, Y, id_base=1)
        base = 1
    batch, y = load_libfm(str(path) if change == "str" else path, id_base=base)
    assert_same(batch, ROWS)
    assert y.tolist() == Y


def test_n_and_dtype(path):
    batch, y = load_libfm(path, n=10, dtype=np.float32)
    assert batch.n == 10 and batch.x.dtype == y.dtype == np.float32
    with pytest.raises(LibfmError, match="line 1: found '3:0.5'"):
        load_libfm(path, n=3)


def test_n_counts_every_id_of_the_file(tmp_path):
    """Also one whose values are all zero: the file names it."""
    path = tmp_path / "zero.libfm"
    path.write_text("1 2:1 7:0\n")
    assert load_libfm(path)[0].n == 8
    path.write_text("1\n")
    batch, y = load_libfm(path)
    assert (batch.n, batch.idx.shape) == (1, (1, 0))


@pytest.mark.parametrize("batch_size", [1, 2, 3, 4, 100])
@pytest.mark.parametrize("m", [None, 3, 5])
def test_batches_are_slices_of_the_whole(path, batch_size, m):
    parts = list(iter_libfm(path, batch_size, m=m))
    sizes = [len(batch) for batch, _ in parts]
    assert sum(sizes) == 4 and set(sizes[:-1]) <= {batch_size} and sizes[-1] <= batch_size
    assert np.concatenate([y for _, y in parts]).tolist() == Y
    whole = np.pad(ROWS.idx, [(0, 0), (0, 2)]), np.pad(ROWS.x, [(0, 0), (0, 2)])
    lo = 0
    for batch, _ in parts:
        width = m or max(len(row) for row in [[1, 1], [], [1, 1, 1], [1, 1, 1]][lo : lo + len(batch)])
        assert batch.n == 4 and batch.m == width
        idx, x = (part[lo : lo + len(batch), :width] for part in whole)
        assert_same(batch, Batch.from_padded(idx, x, 4))
        lo += len(batch)


def test_batches_over_many_blocks(tmp_path):
    rng = np.random.default_rng(0)
    idx = rng.choice(1000, (60_000, 5)) + np.arange(0, 5000, 1000)
    batch = Batch.from_padded(idx, rng.normal(size=(60_000, 5)))
    y = rng.normal(size=60_000)
    path = tmp_path / "large.libfm"
    dump_libfm(path, batch, y)
    assert path.stat().st_size > 4 << 20
    parts = list(iter_libfm(path, 7001, n=batch.n))
    assert [len(part) for part, _ in parts] == [7001] * 8 + [60_000 - 8 * 7001]
    idx, x = (np.concatenate([getattr(part, name) for part, _ in parts]) for name in ("idx", "x"))
    assert_same(Batch.from_padded(idx, x, batch.n), batch)
    assert_same(load_libfm(path)[0], batch)
    assert np.array_equal(np.concatenate([labels for _, labels in parts]), y)


@pytest.mark.parametrize("row", ["1", "1 1:1", "1 1:1 2:1 3:1 4:1 5:1 6:1 7:1", "-1.2345678e-5 3:1.23456789e-12 8:0.1"])
def test_streaming_takes_bounded_memory(tmp_path, row):
    """One block with its arrays and one batch: the peak is the same for 1 MiB and for 4 MiB."""
    peaks = []
    for size in (1 << 20, 4 << 20):
        path = tmp_path / "large.libfm"
        path.write_text((row + "\n") * (size // (len(row) + 1)))
        tracemalloc.start()
        try:
            for _ in iter_libfm(path, 1000, n=20):
                pass
            peaks.append(tracemalloc.get_traced_memory()[1])
        finally:
            tracemalloc.stop()
    assert max(peaks) < 16 << 20
    assert abs(peaks[1] - peaks[0]) < 1 << 20


def test_good_batches_come_before_the_bad_line(tmp_path):
    path = tmp_path / "late.libfm"
    path.write_text("1 0:1\n" * 100_000 + "1 0\n")
    batches = iter_libfm(path, 1000, n=1)
    count = 0
    with pytest.raises(LibfmError, match="line 100001: found '0'"):
        for batch, _ in batches:
            count += len(batch)
    assert 50_000 <= count <= 100_000


@pytest.mark.parametrize(
    "wrong, error, message",
    [
        ({"batch_size": 0}, ValueError, "batch_size must be an integer of at least 1; got 0"),
        ({"batch_size": 1.5}, ValueError, "batch_size must be an integer of at least 1; got 1.5"),
        ({"n": 0}, ValueError, "n must be an integer of at least 1"),
        ({"n": "7"}, ValueError, "n must be an integer of at least 1; got '7'"),
        ({"n": 2**31 + 1}, ValueError, r"n must be at most 2\*\*31"),
        ({"m": -1}, ValueError, "m must be an integer of at least 1"),
        ({"id_base": 2}, ValueError, "id_base.* must be 0 or 1; got 2"),
        ({"id_base": True}, ValueError, "id_base.* must be 0 or 1; got True"),
        ({"id_base": np.False_}, ValueError, "id_base.* must be 0 or 1; got .*False"),
        pytest.param({"dtype": np.float16}, TypeError, "dtype must be float32 or float64; got", id="A12-float16"),
        ({"dtype": int}, TypeError, "dtype must be float32 or float64"),
        ({"dtype": complex}, TypeError, "dtype must be float32 or float64"),
    ],
)
def test_arguments_are_checked_at_the_call(path, wrong, error, message):
    with pytest.raises(error, match=message):
        iter_libfm(path, **{"batch_size": 2, **wrong})


FIELDS = Form(None, None, 1, np.dtype(float), fields=True)


@pytest.mark.parametrize("text, fields, message", [
    ("1 1:1 3:1\n1 2:1 4:2\n", True, None),
    ("1 1:1 3:0\n1 2:1 1:0\n", True, None),                           # absent fields: any id, value 0
    ("1 1:1 3:1\n\n1 4:1 2:1\n", True, None),                         # no id shows that the second line is another way
    ("1 1:1 3:1\n\n1 4:1 1:1\n", False,
     'line 3: found id 1 as feature 2, expected feature 1, as in line 1: for attention "field" slot j is field j'),
    ("1 1:1 3:1\n1 1:1\n", False, "line 2: found 1 of 2 features, expected all"),
    ("1 1:1\n1 3:1\n", True, None),
], ids=str)  # fmt: skip
def test_slots_of_a_file_are_fields_when_every_id_keeps_its_place(tmp_path, text, fields, message):
    path = tmp_path / "rows"
    path.write_text(text)
    assert load_libfm(path, id_base=1)[0].slots_are_fields == fields
    if message is None:
        assert load_part(path, FIELDS).batch.slots_are_fields
    else:
        with pytest.raises(LibfmError, match=message):
            load_part(path, FIELDS)


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="needs named pipes")
def test_a_pipe_that_never_ends_is_given_up(tmp_path, monkeypatch):
    """As in `yes "1 0:1" | afm-numpy train /dev/stdin`."""
    monkeypatch.setattr(libfm, "FROM_PIPE", 1 << 20)
    os.mkfifo(tmp_path / "pipe")
    code = "import sys\nwith open(sys.argv[1], 'w') as file:\n    while True:\n        file.write('1 0:1\\n' * 1000)"
    process = subprocess.Popen([sys.executable, "-c", code, tmp_path / "pipe"], stderr=subprocess.PIPE)
    with pytest.raises(LibfmError, match="line [0-9]{5,6}: found rows that take more than 0 GiB from a pipe.*iter_lib"):
        load_libfm(tmp_path / "pipe")
    assert "BrokenPipeError" in process.communicate(timeout=20)[1].decode()


def test_a_missing_file(tmp_path):
    with pytest.raises(FileNotFoundError, match="missing.libfm"):
        load_libfm(tmp_path / "missing.libfm")


# ---- writing -----------------------------------------------------------------------------------------


@st.composite
def rows(draw):
    """A Batch with empty slots anywhere, and labels."""
    dtype = draw(st.sampled_from([np.float32, np.float64]))
    value = st.floats(allow_nan=False, allow_infinity=False, width=32 if dtype == np.float32 else 64)
    m, n_rows = draw(st.integers(1, 5)), draw(st.integers(1, 6))
    idx = [draw(st.permutations(range(7)))[:m] for _ in range(n_rows)]
    x = [[draw(st.one_of(value, st.just(0.0))) for _ in range(m)] for _ in range(n_rows)]
    return Batch.from_padded(idx, x, n=7, dtype=dtype), np.array([draw(value) for _ in range(n_rows)], dtype)


@settings(max_examples=200)
@given(rows(), st.sampled_from([0, 1]), st.sampled_from(["a.libfm", "a.libfm.gz", "a.bz2", "a.xz"]))
def test_round_trip_to_the_last_bit(pair, id_base, name):
    batch, y = pair
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / name
        dump_libfm(path, batch, y, id_base=id_base)
        assert os.listdir(folder) == [name]
        start = {".gz": b"\x1f\x8b", ".bz2": b"BZh", ".xz": b"\xfd7zXZ"}.get(path.suffix, b"")
        assert path.read_bytes().startswith(start) and (start or path.read_bytes().isascii())
        again, labels = load_libfm(path, n=batch.n, id_base=id_base, dtype=batch.x.dtype)
    idx, x = np.zeros_like(batch.idx), np.zeros_like(batch.x)                    # slots that end all rows are gone
    idx[:, : again.m], x[:, : again.m] = again.idx, again.x
    assert_same(Batch.from_padded(idx, x, batch.n, x.dtype), batch)
    assert labels.tobytes() == y.tobytes()


def test_a_name_of_data_packed_in_another_way_is_refused(tmp_path):
    for name in ("a.zip", "a.libfm.ZST", "a.7z"):
        with pytest.raises(ValueError, match=f"{name} will not be packed, as .* says; choose another name"):
            dump_libfm(tmp_path / name, Batch.from_lists([[0, 2]]), [1])
    assert os.listdir(tmp_path) == []


def test_float32_is_written_short(tmp_path):
    path = tmp_path / "a"
    dump_libfm(path, Batch.from_lists([[0, 2]], [[0.1, 3]], dtype=np.float32), np.array([0.3], np.float32))
    assert path.read_text() == "0.3 0:0.1 2:3\n"


def test_float32_of_random_bits(tmp_path):
    """The text is read as float64 first; no value may come back as its neighbour for that."""
    x = np.frombuffer(np.random.default_rng(1).bytes(4 * 20_000), np.float32)
    x = x[np.isfinite(x) & (x != 0)]
    path = tmp_path / "a"
    dump_libfm(path, Batch.from_padded(np.zeros((x.size, 1), int), x[:, None], dtype=np.float32), np.zeros(x.size))
    assert load_libfm(path, dtype=np.float32)[0].x.tobytes() == x.tobytes()


def test_slots_keep_their_places(tmp_path):
    batch = Batch.from_padded([[0, 1, 2, 3], [1, 0, 2, 3]], [[0, 5, 0, 7], [0, 2, 0, 0]])
    path = tmp_path / "a"
    dump_libfm(path, batch, [1, 0])
    assert path.read_text() == "1 0:0 1:5 0:0 3:7\n0 1:0 0:2 1:0 1:0\n"
    again = load_libfm(path)[0]
    assert_same(again, batch)
    assert again.slots_are_fields                            # S6: the file can be read for attention "field"
    dump_libfm(path, batch[:0], [])
    assert path.read_text() == ""
    dump_libfm(path, Batch.from_lists([[3], [1, 2], []]), [1, 2, 3])                 # slots that mean nothing
    assert path.read_text() == "1 3:1\n2 1:1 2:1\n3\n"
    dump_libfm(path, Batch.from_padded(batch.idx, -batch.x, 4), [1, 0])
    assert path.read_text() == "1 0:0 1:-5 0:0 3:-7\n0 1:0 0:-2 1:0 1:0\n"


def test_a_spare_id_counts_from_the_first_id(tmp_path):
    """The id that stands for an empty slot is one that the row does not hold, in a file that counts from 1, too."""
    path = tmp_path / "a"
    batch = Batch.from_padded([[3, 0, 2]], [[0, 5, 7]], n=4)
    dump_libfm(path, batch, [1], id_base=1)
    assert path.read_text() == "1 2:0 1:5 3:7\n"
    assert_same(load_libfm(path, n=4, id_base=1)[0], Batch.from_padded([[0, 0, 2]], [[0, 5, 7]], n=4))


def test_a_row_with_all_ids_closes_up(tmp_path):
    path = tmp_path / "a"
    dump_libfm(path, Batch.from_padded([[0, 0, 1]], [[2.0, 0.0, 3.0]]), [1])
    assert path.read_text() == "1 0:2 1:3\n"


@pytest.mark.parametrize("y", [[1.0, 2.0, 3.0], [1, np.nan, 3, 4], [[1, 2, 3, 4]], ["a", "b", "c", "d"]])
def test_bad_labels_leave_the_old_file(path, y):
    with pytest.raises((ValueError, TypeError), match="y"):
        dump_libfm(path, ROWS, y)
    assert path.read_text() == TEXT
    assert os.listdir(path.parent) == [path.name]


@pytest.mark.skipif(os.name != "posix", reason="needs a limit on the size of files")
@pytest.mark.parametrize("name", ["rows.libfm", "rows.libfm.gz"])
def test_a_full_disk_leaves_the_old_file(tmp_path, name):
    path = tmp_path / name
    path.write_text(TEXT)
    code = """if True:
        import resource, sys
        import numpy as np
        from afm_numpy.batch import Batch
        from afm_numpy.datasets.libfm import dump_libfm
        resource.setrlimit(resource.RLIMIT_FSIZE, (20_000, 20_000))
        x = np.random.default_rng(0).normal(size=(10_000, 1))
        try:
            dump_libfm(sys.argv[1], Batch.from_padded(np.zeros(x.shape, int), x), x[:, 0])
        except OSError as error:
            print(error)
    """
    env = {**os.environ, "PYTHONPATH": str(Path(afm_numpy.__file__).parents[1])}
    done = subprocess.run([sys.executable, "-c", code, str(path)], env=env, capture_output=True, text=True, timeout=30)
    assert (done.stdout, done.stderr) == (f"[Errno 27] File too large: '{path}'\n", "")
    assert path.read_text() == TEXT and os.listdir(tmp_path) == [name]


# ---- speed -------------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", ["ones", "reals"])
def test_a_million_tokens_a_second(tmp_path, kind):
    """Ten tokens a row. Processor time of one core, best of three, so that other processes do not count."""
    rng = np.random.default_rng(0)
    shape = 20_000, 10
    x = np.ones(shape) if kind == "ones" else rng.normal(size=shape)
    batch = Batch.from_padded(rng.integers(0, 5000, shape) + np.arange(0, 50_000, 5000), x)
    path = tmp_path / "speed.libfm"
    dump_libfm(path, batch, np.ones(shape[0]))
    seconds = []
    for _ in range(3):
        start = time.process_time()
        load_libfm(path)
        seconds.append(time.process_time() - start)
    assert x.size / min(seconds) > 1e6


@pytest.mark.parametrize("batch", [np.eye(2), "rows.libfm"], ids=["array", "path"])
def test_only_a_batch_is_written(tmp_path, batch):
    with pytest.raises(TypeError, match="batch must be a Batch; got"):
        dump_libfm(tmp_path / "d", batch, [1, 2])


def test_names_in_capitals_are_packed_too(tmp_path):
    dump_libfm(tmp_path / "ROWS.GZ", ROWS, Y)
    assert (tmp_path / "ROWS.GZ").read_bytes()[:2] == b"\x1f\x8b"


def test_brother_masked_targets_are_not_written(tmp_path):
    with pytest.raises(TypeError, match="masked values are not supported"):
        dump_libfm(tmp_path / "d", Batch.from_lists([[0], [1]]), np.ma.array([1.0, 7e7], mask=[0, 1]))
    assert not list(tmp_path.iterdir())
