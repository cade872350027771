"""A JSON header and arrays in one `.npz` file, read with suspicion.

A file may come from anywhere. Nothing in it can run code: there is no pickle, only arrays of plain numbers and
text. Nothing in it can fill the memory: parts are not compressed, and every size is compared with the size of the
file before it is believed. A checksum covers every array.
"""

import json
import math
import os
import warnings
import zipfile
from collections.abc import Callable
from typing import IO, Any, BinaryIO, TypeVar

import numpy as np

from .._files import Path, atomic_write, open_regular, printable
from .._types import Array

Made = TypeVar("Made")


class FileFormatError(ValueError):
    """A file is damaged, is something else, or was written by a newer version."""


def write(path: Path, header: object, arrays: dict[str, Array]) -> None:
    """Write arrays of numbers or text, and a header, to a file that appears complete or not at all.

    The header is anything that JSON can hold, with texts as keys; NumPy's numbers and arrays become numbers and lists.
    It is stored as the array "header", a text.

    Examples
    --------
    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = os.path.join(folder, "a.npz")
    ...     write(path, {"version": 1}, {"x": np.arange(3)})
    ...     read(path, lambda header, arrays: (header, arrays["x"].tolist()))
    ({'version': 1}, [0, 1, 2])
    """
    for name, array in arrays.items():
        _check_kind(name, array.dtype)
    try:
        text = json.dumps(header, allow_nan=False, default=_plain)
        _check_keys(header)
    except RecursionError:
        raise ValueError("lists or dicts are nested too deeply for a model file") from None
    with atomic_write(path) as file, zipfile.ZipFile(file, "w") as archive:  # as np.savez, but closed after an error
        for name, array in {"header": np.array(text), **arrays}.items():
            with archive.open(f"{name}.npy", "w", force_zip64=True) as part:
                np.lib.format.write_array(part, np.asanyarray(array), allow_pickle=False)


def read(path: Path, assemble: Callable[[Any, dict[str, Array]], Made]) -> Made:
    """What `assemble(header, arrays)` makes of a file; `FileFormatError` when it is damaged or something else."""
    with open_regular(path) as file:
        try:
            arrays = _members(file)
            if "header" not in arrays:
                raise ValueError("it has no header")
            return assemble(_header(arrays.pop("header")), arrays)
        except Exception as error:  # zipfile, NumPy and json answer damage with a dozen types
            ours = isinstance(error, (ValueError, zipfile.BadZipFile))
            why = printable(str(error) if ours else f"it is damaged ({type(error).__name__})", 300)
            raise FileFormatError(f"cannot read a model from {os.fspath(path)}: {why}") from None


def _plain(value: Any) -> Any:
    plain = value.tolist() if isinstance(value, (np.generic, np.ndarray)) else value
    if plain is value or isinstance(plain, np.generic):     # a longdouble stays what it is
        raise TypeError(f"a model file cannot hold a {type(value).__name__}; it holds what JSON can")
    _check_keys(plain)
    return plain


def _check_keys(value: Any) -> None:
    """Refuse a key that is no text: JSON would make a text of it, another key than before."""
    if isinstance(value, dict) and (odd := [key for key in value if not isinstance(key, str)]):
        raise TypeError(f"a model file cannot hold a dict with the key {odd[0]!r:.40}; its keys must be text")
    for part in value.values() if isinstance(value, dict) else value if isinstance(value, (list, tuple)) else ():
        _check_keys(part)


def _header(array: Array) -> Any:
    try:
        return json.loads(array.item())
    except (ValueError, TypeError, RecursionError):
        raise ValueError("its header is not JSON") from None


def _members(file: BinaryIO) -> dict[str, Array]:
    size = os.fstat(file.fileno()).st_size
    arrays = {}
    if not zipfile.is_zipfile(file):
        raise ValueError("it is not, or only a part of, an .npz file such as `save` writes")
    with zipfile.ZipFile(file) as archive:
        members = archive.infolist()
        if any(member.compress_type != zipfile.ZIP_STORED for member in members):
            raise ValueError("it is compressed, which a model file never is")
        if sum(member.file_size for member in members) > size:
            raise ValueError("its parts are larger than the file")
        for member in members:
            name = member.filename.removesuffix(".npy")
            if name in arrays:
                raise ValueError(f"it holds {name} twice")
            with archive.open(member) as part:
                arrays[name] = _array(part, name)
    return arrays


def _array(part: IO[bytes], name: str) -> Array:
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error")                  # NumPy warns where it has to guess
            if np.lib.format.read_magic(part) != (1, 0):
                raise ValueError
            shape, by_column, dtype = np.lib.format.read_array_header_1_0(part)
    except zipfile.BadZipFile:
        raise
    except Exception:
        raise ValueError(f"{name} does not begin as an array of format 1.0 does") from None
    if any(type(size) is not int or size < 0 for size in shape):
        raise ValueError(f"{name} has the shape {shape}")
    _check_kind(name, dtype)
    content = part.read()
    count = math.prod(shape)
    if count * dtype.itemsize != len(content):
        raise ValueError(f"{name} has {len(content)} bytes, which is not an array {shape} of {dtype}")
    flat = np.frombuffer(bytearray(content), dtype, count)  # a bytearray: the array can be written to
    return flat.reshape(shape, order="F" if by_column else "C")


def _check_kind(name: str, dtype: "np.dtype[Any]") -> None:
    if dtype.kind not in "iufU":
        raise ValueError(f"{name} holds {dtype}; want numbers or text")
