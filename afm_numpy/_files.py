"""What may be read and written; writing a file completely or not at all; texts as a message can show them."""

import errno
import os
import secrets
import stat
from collections.abc import Container, Iterable, Iterator
from contextlib import contextmanager
from io import BufferedReader
from typing import IO, Any, TypeAlias

Path: TypeAlias = str | os.PathLike[str]
PACKED = ".gz", ".bz2", ".xz", ".zip", ".zst", ".lz4", ".7z", ".rar", ".tar", ".tgz"


def printable(text: str, most: int = 500) -> str:
    """A text that may quote a file or its name, as it can stand in a message of one line."""
    text = "".join(letter if letter.isprintable() else ascii(letter)[1:-1] for letter in text)
    return text if len(text) <= most else text[: most - 3] + "..."


def open_regular(path: Path) -> BufferedReader:
    """Open a file to read its bytes; refuse a pipe, a device and the like, which may never end."""
    mode = os.stat(path).st_mode
    if not stat.S_ISREG(mode) and not stat.S_ISDIR(mode):   # open has its own error for a folder
        raise OSError(errno.EINVAL, "Not a regular file, so it is not read", os.fspath(path))
    return open(path, "rb")


def check_output(path: Path, inputs: Iterable[Path] = ()) -> None:
    """Refuse a file that cannot be written, or that is one of the inputs, before any work is done for it.

    A temporary file is made beside it, and removed, to see whether the folder can be written to. Inputs are found
    under other names, too: links, `./`, another folder. A name of packed data, such as "a.zip", is refused.

    Examples
    --------
    >>> check_output("ratings.libfm", inputs=["./ratings.libfm"])
    Traceback (most recent call last):
    ValueError: the output ratings.libfm is also an input; choose another name
    """
    for other in inputs:
        if _same_file(path, other):
            raise ValueError(f"the output {printable(os.fspath(path))} is also an input; choose another name")
    with _errors_name(path) as temporary:
        _old_mode(path)
        open(temporary, "xb").close()
        os.unlink(temporary)


@contextmanager
def atomic_write(path: Path, mode: str = "wb", packs: Container[str] = ()) -> Iterator[IO[Any]]:
    """Open a new file that takes the place of `path` when the block ends without an error.

    The content goes to a temporary name in the same folder (`.NAME.xxxxxxxx.tmp`), is flushed to the disk and
    then renamed, which the operating system does in one step. So a reader, a second writer, a full disk or a
    killed process never leaves half a file under `path`: there is the old content or the new one. When the
    block raises, the temporary file is removed and the old content stays. Only a process that is killed
    leaves its temporary file behind; it can be deleted.

    A symbolic link is followed, and the permissions of a file that is replaced are kept. The mode is "wb" for bytes, or
    "w" for text in UTF-8 with "\\n" as the end of a line. An `OSError` (a missing or read-only folder, a full disk, a
    path that is a folder or a device) names `path`, not the temporary name. A name that stands for packed data is
    refused, unless its ending is one of `packs`: those the caller packs for.

    Examples
    --------
    >>> import pathlib, tempfile
    >>> path = pathlib.Path(tempfile.mkdtemp()) / "numbers.txt"
    >>> with atomic_write(path, "w") as file:
    ...     print(1, 2, 3, file=file)
    >>> path.read_text()
    '1 2 3\\n'
    """
    with _errors_name(path) as temporary:
        old_mode = _old_mode(path, packs)
        encoding, newline = (None, None) if mode == "wb" else ("utf-8", "\n")
        file: IO[Any] = open(temporary, mode.replace("w", "x"), encoding=encoding, newline=newline)
        try:
            with file:
                if old_mode is not None:
                    os.chmod(temporary, old_mode)
                yield file
                file.flush()
                os.fsync(file.fileno())
            os.replace(temporary, os.path.realpath(path))
        except BaseException:
            os.unlink(temporary)
            raise


@contextmanager
def _errors_name(path: Path) -> Iterator[str]:
    """A temporary name beside the file. Errors about the temporary file are raised as errors about `path`."""
    folder, name = os.path.split(os.path.realpath(path))
    temporary = os.path.join(folder, f".{name[:40]}.{secrets.token_hex(4)}.tmp")
    try:
        yield temporary
    except OSError as error:
        if error.errno is None or error.filename not in (None, temporary):
            raise
        raise OSError(error.errno, error.strerror, os.fspath(path)) from None


def _old_mode(path: Path, packs: Container[str] = ()) -> int | None:
    """The permissions of the file that would be replaced, None when there is none yet. Refuses what is no such file."""
    target, ending = os.path.realpath(path), os.path.splitext(path)[1].lower()
    if ending in PACKED and ending not in packs:
        raise ValueError(f"{printable(os.fspath(path))} will not be packed, as {ending} says; choose another name")
    if os.path.basename(path) in ("", os.curdir, os.pardir) or os.path.isdir(target):
        raise OSError(errno.EISDIR, "Not a regular file, but the name of a folder")
    try:
        mode = os.stat(target).st_mode
    except FileNotFoundError:
        return None
    except OSError as error:
        raise OSError(error.errno, error.strerror) from None
    if not stat.S_ISREG(mode):
        raise OSError(errno.EINVAL, "Not a regular file, so it cannot be replaced in one step")
    return stat.S_IMODE(mode)


def _same_file(path: Path, other: Path) -> bool:
    try:
        return os.path.samefile(path, other)
    except OSError:                                          # one of them does not exist
        return os.path.realpath(path) == os.path.realpath(other)
