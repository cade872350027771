"""Write a file completely or not at all."""

import errno
import os
import secrets
import stat
from contextlib import contextmanager

__all__ = ["atomic_write", "printable"]


def printable(text, most=500):
    """A text that may quote a file or its name, as it can stand in a message of one line.

    Examples
    --------
    >>> printable("a\\nb")
    'a\\\\nb'
    """
    text = "".join(letter if letter.isprintable() else ascii(letter)[1:-1] for letter in text)
    return text if len(text) <= most else text[: most - 3] + "..."


@contextmanager
def atomic_write(path, mode="wb"):
    """Open a new file that takes the place of `path` when the block ends without an error.

    The content goes to a temporary name in the same folder (`.NAME.xxxxxxxx.tmp`), is flushed to the disk and
    then renamed, which the operating system does in one step. So a reader, a second writer, a full disk or a
    killed process never leaves half a file under `path`: there is the old content or the new one. When the
    block raises, the temporary file is removed and the old content stays. Only a process that is killed
    leaves its temporary file behind; it can be deleted.

    A symbolic link is followed, and the permissions of a file that is replaced are kept.

    Parameters
    ----------
    path : str or path-like
        The file to create or replace.
    mode : "wb" or "w"
        Bytes, or text in UTF-8 with "\\n" as the end of a line.

    Yields
    ------
    file
        The open file, seekable.

    Raises
    ------
    OSError
        When the file cannot be written: a missing or read-only folder, a full disk, a path that is a folder
        or a device. The error names `path`, not the temporary name.

    Examples
    --------
    >>> import pathlib, tempfile
    >>> path = pathlib.Path(tempfile.mkdtemp()) / "numbers.txt"
    >>> with atomic_write(path, "w") as file:
    ...     print(1, 2, 3, file=file)
    >>> path.read_text()
    '1 2 3\\n'
    """
    if mode not in ("wb", "w"):
        raise ValueError(f'mode must be "wb" or "w"; got {mode!r}')
    target = os.path.realpath(path)
    folder, name = os.path.split(target)
    temporary = os.path.join(folder, f".{name[:40]}.{secrets.token_hex(4)}.tmp")
    try:
        old = os.stat(target) if os.path.exists(target) else None
        if old is not None and not stat.S_ISREG(old.st_mode):
            raise OSError(errno.EINVAL, "Not a regular file, so it cannot be replaced in one step")
        text = {} if mode == "wb" else {"encoding": "utf-8", "newline": "\n"}
        file = open(temporary, mode.replace("w", "x"), **text)
        try:
            with file:
                if old is not None:
                    os.chmod(temporary, stat.S_IMODE(old.st_mode))
                yield file
                file.flush()
                os.fsync(file.fileno())
            os.replace(temporary, target)
        except BaseException:
            os.unlink(temporary)
            raise
    except OSError as error:
        if error.errno is None or error.filename not in (None, temporary):
            raise
        raise OSError(error.errno, error.strerror, os.fspath(path)) from None
