"""Packed files: read to the end, in small pieces, in little memory; pipes once, devices never."""

import bz2
import gzip
import io
import lzma
import os
import tarfile
import threading
import tracemalloc
import zlib

import border
import numpy as np
import pytest

from afm_numpy.datasets import LibfmError, iter_libfm, load_libfm
from afm_numpy.datasets.unpack import Damaged, pieces

TEXT = b"1 0:1 3:0.5\n-1 2:1e-1\n" * 5000
PACK = {"gzip": gzip.compress, "bzip2": bz2.compress, "xz": lzma.compress}
kinds = pytest.mark.parametrize("kind", [pytest.param(kind, id=f"P8-{kind}") for kind in PACK])


@kinds
@pytest.mark.parametrize("size", [1, 6, 1000, 1 << 18])
def test_a_packed_file_is_its_text(kind, size, tmp_path):
    text = TEXT[:2000] if size == 1 else TEXT
    (tmp_path / "rows").write_bytes(PACK[kind](text[:999]) + PACK[kind](b"") + PACK[kind](text[999:]) + bytes(8))
    found = list(pieces(tmp_path / "rows", size))
    assert b"".join(found) == text and all(0 < len(piece) <= max(size, 6) for piece in found)


@kinds
def test_a_packed_file_is_read_like_a_plain_one(kind, tmp_path):
    (tmp_path / "rows").write_bytes(PACK[kind](b"\xef\xbb\xbf1 0:1\r\n0.5 3:2"))
    batch, y = load_libfm(tmp_path / "rows")
    assert (batch.idx.tolist(), y.tolist()) == ([[0], [3]], [1.0, 0.5])


@kinds
@pytest.mark.parametrize("outer", PACK.values())
def test_packed_twice_is_said(kind, outer, tmp_path):
    (tmp_path / "rows").write_bytes(outer(PACK[kind](TEXT)))
    with pytest.raises(LibfmError, match=f"line 1: found {kind} data inside of packed data, expected lines"):
        load_libfm(tmp_path / "rows")


@kinds
def test_a_packed_archive_is_named(kind, tmp_path):
    archive = io.BytesIO()
    with tarfile.open(fileobj=archive, mode="w") as tar:
        info = tarfile.TarInfo("rows.libfm")
        info.size = len(TEXT)
        tar.addfile(info, io.BytesIO(TEXT))
    (tmp_path / "rows.tar").write_bytes(PACK[kind](archive.getvalue()))
    with pytest.raises(LibfmError, match="line 1: found a tar archive, expected lines"):
        load_libfm(tmp_path / "rows.tar")


@kinds
@pytest.mark.parametrize("damage", ["cut", "cut-early", "flip", "tail"])
def test_damage_is_said_with_the_kind_and_the_line(kind, damage, tmp_path):
    data = bytearray(PACK[kind](TEXT))
    if damage == "flip":
        data[len(data) // 2] ^= 64
    data = {"cut": data[:-3], "cut-early": data[:7], "tail": data + b"tail"}.get(damage, data)
    (tmp_path / "rows").write_bytes(data)
    with pytest.raises(LibfmError, match=f"line [0-9]+: found damaged {kind} data .*, expected a complete {kind}"):
        load_libfm(tmp_path / "rows")


@kinds
def test_a_file_that_grows_when_it_is_unpacked_takes_bounded_memory(kind, tmp_path):
    """100 MiB of one line without an end."""
    (tmp_path / "bomb").write_bytes(PACK[kind](bytes(100 << 20)))
    tracemalloc.start()
    try:
        with pytest.raises(LibfmError, match="more than 4 MiB without an end of line"):
            load_libfm(tmp_path / "bomb")
        assert tracemalloc.get_traced_memory()[1] < 32 << 20
    finally:
        tracemalloc.stop()


def test_what_an_xz_file_declares_is_not_believed(tmp_path):
    """A dictionary of 1 GiB, which the file says it needs: bytes 8 to 12 of the block header, with their checksum."""
    data = bytearray(lzma.compress(TEXT, preset=0))
    assert data[14:17] == b"\x21\x01\x0c"                      # the filter LZMA2 with one byte: 256 KiB
    data[16] = 36
    data[20:24] = zlib.crc32(data[12:20]).to_bytes(4, "little")
    (tmp_path / "rows").write_bytes(data)
    with pytest.raises(LibfmError, match="line 1: found damaged xz data .*[Mm]emory"):
        load_libfm(tmp_path / "rows")


def fill(pipe, data):
    """Write into a named pipe, as another process would."""

    def write():
        with open(pipe, "wb", buffering=0) as file:
            for at in range(0, len(data), 5):                # in little pieces
                file.write(data[at : at + 5])

    thread = threading.Thread(target=write, daemon=True)
    thread.start()
    return thread


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="needs named pipes")
@pytest.mark.parametrize("pack", [bytes, gzip.compress, bz2.compress, lzma.compress])
def test_a_pipe_is_read_once(pack, tmp_path):
    os.mkfifo(tmp_path / "pipe")
    thread = fill(tmp_path / "pipe", pack(b"1 0:1\n" * 10))
    assert len(load_libfm(tmp_path / "pipe")[1]) == 10
    thread.join()
    thread = fill(tmp_path / "pipe", pack(b"1 0:1\n" * 10))
    assert [len(y) for _, y in iter_libfm(tmp_path / "pipe", 6, n=1)] == [6, 4]
    thread.join()


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="needs named pipes")
def test_a_pipe_is_refused_where_it_would_be_read_twice(tmp_path):
    """It is not opened: that would wait for a writer forever."""
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(ValueError, match="it can be read only once, but is needed 2 times"), border.time_limit(20):
        list(iter_libfm(tmp_path / "pipe", 6))


@pytest.mark.parametrize("device", ["/dev/zero", "/dev/null", "/dev/urandom"])
def test_a_device_is_refused(device):
    if not os.path.exists(device):
        pytest.skip("needs devices")
    with pytest.raises(OSError, match="Not a regular file"):
        load_libfm(device)


def test_damaged_knows_its_kind(tmp_path):
    (tmp_path / "cut").write_bytes(bz2.compress(np.random.default_rng(0).bytes(1000))[:-1])
    with pytest.raises(Damaged, match="it is cut") as caught:
        list(pieces(tmp_path / "cut", 100))
    assert caught.value.kind == "bzip2"
