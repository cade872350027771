"""The bytes of a data file, piece by piece: plain, or packed as gzip, bzip2 or xz. No piece is large."""

import bz2
import lzma
import os
import stat
import zlib
from collections.abc import Iterator
from functools import partial
from typing import Any

from .._files import Path, open_regular, printable

MEMORY = 1 << 27         # bytes that unpacking xz may take; `xz -9` needs half of them
PACKED: dict[bytes, tuple[str, Any]] = {                     # how a file begins: its kind, and what unpacks it
    b"\x1f\x8b": ("gzip", partial(zlib.decompressobj, 31)),
    b"BZh": ("bzip2", bz2.BZ2Decompressor),
    b"\xfd7zXZ\0": ("xz", partial(lzma.LZMADecompressor, memlimit=MEMORY)),
}


class Damaged(ValueError):
    """A packed file that is damaged or cut. `kind` is "gzip", "bzip2" or "xz"."""

    def __init__(self, kind: str, reason: str) -> None:
        super().__init__(reason)
        self.kind = kind


def pieces(path: Path, size: int, passes: int = 1) -> Iterator[bytes]:
    """Yield the content of a file, unpacked, in pieces of at most `size` bytes; `Damaged` where damage is reached.

    `passes` says how often the caller reads the file: a pipe can be read only once. A device, which may never end, is
    refused.
    """
    pipe = stat.S_ISFIFO(os.stat(path).st_mode)
    if pipe and passes > 1:
        shown = printable(os.fspath(path))
        raise ValueError(f"{shown} is a pipe: it can be read only once, but is needed {passes} times")
    with open(path, "rb") if pipe else open_regular(path) as file:
        data = file.read(6)
        kind, new = next((PACKED[magic] for magic in PACKED if data.startswith(magic)), ("", None))
        if new is None:
            while data:
                yield data
                data = file.read1(size)
            return
        while data:                                          # one part after another, as `cat a.gz b.gz` makes them
            unpack = new()
            while not unpack.eof:
                hungry = not data and getattr(unpack, "needs_input", True)
                data = file.read1(size) if hungry else data
                try:
                    piece = unpack.decompress(data, size)
                except (zlib.error, lzma.LZMAError, OSError, ValueError) as error:
                    raise Damaged(kind, str(error)) from None
                if piece:
                    yield piece
                elif hungry and not data and not unpack.eof:
                    raise Damaged(kind, "it is cut")
                data = getattr(unpack, "unconsumed_tail", b"")
            data = unpack.unused_data.lstrip(b"\0")
            while not data and (more := file.read1(size)):
                data = more.lstrip(b"\0")
