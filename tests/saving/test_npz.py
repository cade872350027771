"""Files of a header and arrays: what is written comes back, and nothing else gets in."""

import json
import os
import pickle
import tempfile
import zipfile
from functools import cache

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from afm_numpy.saving import npz


def both(header, arrays):
    return header, arrays


@pytest.fixture
def path(tmp_path):
    return tmp_path / "a.npz"


ARRAYS = {
    "params/V": np.arange(6.0).reshape(3, 2),
    "by_column": np.asfortranarray(np.arange(6, dtype=np.float32).reshape(2, 3)),
    "scalar": np.array(0.5),
    "empty": np.zeros((0, 2)),
    "text": np.array(["a", "bcd"]),
    "ids": np.array([[1, 2]]),
}


def test_what_is_written_comes_back(path):
    npz.write(path, {"a": [1, None, "ä"], "n": np.int64(3), "x": np.float32([0.5])}, ARRAYS)
    header, arrays = npz.read(path, both)
    assert header == {"a": [1, None, "ä"], "n": 3, "x": [0.5]}
    assert arrays.keys() == ARRAYS.keys()
    for name, array in ARRAYS.items():
        assert arrays[name].dtype == array.dtype and arrays[name].shape == array.shape
        assert np.array_equal(arrays[name], array)
        assert arrays[name].flags.writeable
    with np.load(path, allow_pickle=False) as plain:
        assert np.array_equal(plain["params/V"], ARRAYS["params/V"])


def test_the_same_content_is_the_same_bytes(path):
    npz.write(path, {"a": 1}, ARRAYS)
    once = path.read_bytes()
    npz.write(path, {"a": 1}, ARRAYS)
    assert path.read_bytes() == once


@pytest.mark.parametrize("header", [{"a": float("nan")}, {"a": {1, 2}}, {"a": object()}])
def test_a_header_that_json_cannot_hold_leaves_the_old_file(path, header):
    path.write_bytes(b"old")
    with pytest.raises((ValueError, TypeError)):
        npz.write(path, header, {})
    assert path.read_bytes() == b"old" and os.listdir(path.parent) == ["a.npz"]


@pytest.mark.parametrize("key", [1, 0, -1, 0.5, True, False, None, np.int64(3), ("a", "b")])
@pytest.mark.parametrize("around", [lambda one: one, lambda one: {"a": [1, (one,)]}, lambda one: np.array([one])])
def test_a_key_that_would_become_a_text_is_refused(path, key, around):
    with pytest.raises(TypeError, match="keys"):
        npz.write(path, around({"b": 1, key: 2}), {})
    assert os.listdir(path.parent) == []


def test_keys_of_text_come_back(path):
    header = {"1": {"": [{"a": {}}]}, np.str_("b"): 2}
    npz.write(path, header, {})
    assert npz.read(path, both)[0] == header


def test_a_full_disk_leaves_the_old_file(path, monkeypatch):
    path.write_bytes(b"old")

    def full(part, array, **options):
        part.write(b"half")
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(np.lib.format, "write_array", full)
    with pytest.raises(OSError, match="No space left"):
        npz.write(path, {}, ARRAYS)
    assert path.read_bytes() == b"old" and os.listdir(path.parent) == ["a.npz"]


def test_objects_are_not_written(path):
    with pytest.raises(ValueError, match="x holds object; want numbers or text"):
        npz.write(path, {}, {"x": np.array([None])})
    assert not path.exists()


def test_a_missing_file_is_an_os_error(path):
    with pytest.raises(FileNotFoundError):
        npz.read(path, both)
    with pytest.raises(OSError):
        npz.read(path.parent, both)


# ---- files from elsewhere ------------------------------------------------------------------------------


class Bomb:
    """Unpickling this would create a file."""

    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        return open, (str(self.path), "w")


def member(path, name, content, compression=zipfile.ZIP_STORED):
    with zipfile.ZipFile(path, "a", compression) as archive:
        archive.writestr(name, content)


def npy(descr, shape, content=b""):
    text = f"{{'descr': {descr!r}, 'fortran_order': False, 'shape': {shape}, }}".ljust(117) + "\n"
    return b"\x93NUMPY\x01\x00" + len(text).to_bytes(2, "little") + text.encode() + content


def refused(path, words=None):
    with pytest.raises(npz.FileFormatError, match=words) as error:
        npz.read(path, both)
    assert str(path) in str(error.value) and "\n" not in str(error.value)
    assert isinstance(error.value, ValueError)


def test_pickles_are_not_executed(path, tmp_path):
    target = tmp_path / "executed"
    path.write_bytes(pickle.dumps(Bomb(target)))
    refused(path, "or only a part of, an .npz file")
    os.unlink(path)
    np.savez(path, header=np.array("{}"), x=np.array([Bomb(target)], dtype=object))
    refused(path, "x holds object; want numbers")
    os.unlink(path)
    member(path, "header.npy", pickle.dumps(Bomb(target)))
    refused(path)
    assert not target.exists()


def test_compressed_files_are_refused(path):
    np.savez_compressed(path, header=np.array("{}"), x=np.zeros(10**6))     # a small file, large in memory
    refused(path, ": it is compressed")


def test_parts_larger_than_the_file_are_refused(path):
    npz.write(path, {}, {"x": np.zeros(1000)})
    content = path.read_bytes()
    with zipfile.ZipFile(path) as archive:
        size = archive.getinfo("x.npy").file_size
    path.write_bytes(content.replace(size.to_bytes(4, "little"), (2**31).to_bytes(4, "little")))
    refused(path, "larger than the file")


@pytest.mark.parametrize(
    ("array", "words"),
    [
        (npy("<f8", "(1000000000000,)"), "has 0 bytes, which is not an array"),
        (npy("<f8", "(2,)", bytes(24)), "has 24 bytes"),
        (npy("<f8", "(-1, -3)", bytes(24)), "x has the shape"),
        (npy("|V8", "(1,)", bytes(8)), "want numbers"),
        (npy("<c16", "(1,)", bytes(16)), "want numbers"),
        (npy("nonsense", "(1,)"), "x does not begin as an array of format 1.0 does"),
        (npy("<f8", "__import__('os')"), "x does not begin as an array of format 1.0 does"),
        (npy("<f8", "(1L,)", bytes(8)), "x does not begin as an array of format 1.0 does"),  # of Python 2
        (npy("<f8", "(" * 200), None),
        (b"\x93NUMPY\x02\x00", "format 1.0"),
        (b"", None),
    ],
)
def test_odd_arrays_are_refused(path, array, words):
    member(path, "header.npy", npy("<U2", "()", "{}".encode("utf-32-le")))
    assert npz.read(path, both) == ({}, {})
    member(path, "x.npy", array)
    refused(path, words)


def test_what_is_nested_too_deeply_is_refused(path):
    nested = []
    for _ in range(100_000):
        nested = [nested]
    with pytest.raises(ValueError, match="nested too deeply for a model file"):
        npz.write(path, nested, {})
    endless = {}
    endless["again"] = endless
    with pytest.raises(ValueError, match="Circular reference"):
        npz.write(path, endless, {})
    assert not path.exists()


@pytest.mark.filterwarnings("ignore:Duplicate name")
def test_odd_archives_are_refused(path):
    path.write_bytes(b"")
    refused(path, "or only a part of, an .npz file")
    os.unlink(path)
    np.savez(path, x=np.zeros(2))
    refused(path, "no header")
    os.unlink(path)
    np.savez(path, header=np.array("{" * 10))
    refused(path)
    os.unlink(path)
    np.savez(path, header=np.array("[" * 100_000))
    refused(path)
    os.unlink(path)
    np.savez(path, header=np.array(["{}", "{}"]))
    refused(path)
    member(path, "header.npy", npy("<U2", "()", "{}".encode("utf-32-le")))
    refused(path, "twice")


def test_what_assemble_refuses_names_the_file(path):
    npz.write(path, {}, {})

    def assemble(header, arrays):
        return header["absent"]

    with pytest.raises(npz.FileFormatError, match=r": it is damaged \(KeyError\)$"):
        npz.read(path, assemble)


# ---- damage --------------------------------------------------------------------------------------------

READABLE = {"params/V": np.arange(6.0).reshape(3, 2), "ids": np.array([[1, 2]])}


@cache
def readable():
    with tempfile.TemporaryDirectory() as folder:
        path = os.path.join(folder, "a.npz")
        npz.write(path, {"a": 1}, READABLE)
        with open(path, "rb") as file:
            return file.read()


@settings(max_examples=300, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_a_damaged_file_is_refused_or_reads_as_before(path, data):
    content = bytearray(readable())
    for at in data.draw(st.lists(st.integers(0, len(content) - 1), max_size=3)):
        content[at] = data.draw(st.integers(0, 255))
    cut = data.draw(st.one_of(st.just(len(content)), st.integers(0, len(content))))
    path.write_bytes(bytes(content[:cut]) + data.draw(st.sampled_from([b"", b"", b"tail"])))
    try:
        header, arrays = npz.read(path, both)
    except npz.FileFormatError:
        return
    assert json.dumps(header) == '{"a": 1}'
    for name, array in arrays.items():
        assert name not in READABLE or np.array_equal(array, READABLE[name])


@settings(max_examples=100, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(content=st.binary(max_size=200), start=st.sampled_from([b"", b"PK\x03\x04", b"PK\x05\x06", b"\x93NUMPY\x01"]))
def test_random_bytes_are_refused(path, content, start):
    path.write_bytes(start + content)
    with pytest.raises(npz.FileFormatError):
        npz.read(path, both)
