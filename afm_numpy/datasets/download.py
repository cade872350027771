"""Download a file whose git blob id is known: resumed, verified, moved into place, by one process at a time.

A download goes to `NAME.part` beside its final name. The next try, or the next process after a cut or a kill, goes
on from there. Only a file with the right content gets its final name, in one step. Processes that want the same
folder take turns by a lock on its file `.lock`, which the operating system drops when its holder ends, even by
kill -9. In the folder no link is followed, and nothing but regular files is opened: others may have put them there.
"""

import errno
import hashlib
import http.client
import os
import stat
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any

from tqdm import tqdm

from .._files import printable

__all__ = ["FetchError", "NetworkError", "blob_id", "download", "locked", "verified"]

CHUNK = 1 << 16
CUT = (http.client.HTTPException, OSError)       # what a failing connection raises, URLError and timeouts included
SAFE = sum(getattr(os, name, 0) for name in ("O_NOFOLLOW", "O_NONBLOCK", "O_CLOEXEC", "O_BINARY"))


class FetchError(OSError):
    """A file that could not be fetched; one line that says why, and what to do."""


class NetworkError(Exception):
    """A connection that failed. `again`: another try may succeed."""

    def __init__(self, reason: str, again: bool = True) -> None:
        super().__init__(reason)
        self.again = again


def _open(path: Path, flags: int, mode: str) -> IO[Any]:
    """Open a file of the cache: a regular one, no link, and for writing no second name of another file."""
    found = path.lstat() if os.path.lexists(path) else None
    if found and (not stat.S_ISREG(found.st_mode) or (flags != os.O_RDONLY and found.st_nlink > 1)):
        raise OSError(errno.EINVAL, "it is a link, or no regular file; remove it")
    return open(os.open(path, flags | SAFE, 0o666), mode)


def blob_id(path: Path) -> str:
    """The id that git gives to the content of a file: sha1 of "blob SIZE\\0" and the content."""
    with _open(path, os.O_RDONLY, "rb") as file:
        digest = hashlib.sha1(b"blob %d\0" % os.fstat(file.fileno()).st_size, usedforsecurity=False)
        while chunk := file.read(1 << 20):
            digest.update(chunk)
    return digest.hexdigest()


def verified(path: Path, blob: str) -> bool:
    """True when a file is there with the right content, False when it is not there.

    Raises
    ------
    FetchError
        When the file cannot be read, or has another content.

    Examples
    --------
    >>> verified(Path("a-file-that-is-not-there"), "e69de29bb2d1d6434b8b29ae775ad8c2e48c5391")
    False
    """
    try:
        found = blob_id(path)
    except FileNotFoundError:
        return False
    except OSError as error:
        raise FetchError(f"cannot read {path}: {error.strerror}") from None
    if found != blob:
        raise FetchError(
            f"{path} is not the authors' file (git blob id {found}, expected {blob}; changed line ends?); "
            "move it away to download it again"
        )
    return True


@contextmanager
def locked(folder: Path) -> Iterator[None]:
    """Hold the lock of a folder, which is created when it is missing; `FetchError` when it cannot be written to.

    Examples
    --------
    >>> import tempfile
    >>> with locked(Path(tempfile.mkdtemp())):
    ...     pass                                              # the only one who downloads here
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
        if folder.is_symlink():
            raise OSError(errno.ELOOP, "it is a link")
        file = _open(folder / ".lock", os.O_WRONLY | os.O_CREAT, "ab")
    except OSError as error:
        raise FetchError(
            f"cannot write to the cache folder {folder}: {error.strerror}; "
            "name another one by cache= or AFM_NUMPY_CACHE"
        ) from None
    with file:                                                # closing it drops the lock
        if not _try_lock(file):
            print(f"waiting for another process that downloads to {printable(str(folder))}", file=sys.stderr)
            while not _try_lock(file):
                time.sleep(0.1)
        yield


def _try_lock(file: IO[Any]) -> bool:
    """Take the lock on an open file; False when another process has it.

    Where the system knows no such lock the answer is True: two downloads disturb each other, but are verified.
    """
    try:
        import fcntl

        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except (BlockingIOError, PermissionError):
        return False
    except (ImportError, OSError):
        pass
    return True


def download(
    url: str, path: Path, blob: str, *, progress: bool = True, tries: int = 5, wait: float = 1.0, timeout: float = 30.0
) -> None:
    """Download one file to `path`, going on with the `.part` file that is there.

    Parameters
    ----------
    url : str
    path : pathlib.Path
    blob : str
        The git blob id of the right content.
    progress : bool
        Show a progress bar on standard error.
    tries : int
        Connections to make, each going on where the last was cut.
    wait : float
        Seconds before the second try, doubled each time.
    timeout : float
        Seconds without an answer after which a connection counts as cut.

    Raises
    ------
    NetworkError
        When no try brought the right content. The partial file is kept, unless its content is wrong.
    FetchError
        When the file cannot be written. The partial file is kept.

    Examples
    --------
    >>> download("http://127.0.0.1:0/x", Path("x"), "0" * 40, tries=1)    # doctest: +ELLIPSIS
    Traceback (most recent call last):
    afm_numpy.datasets.download.NetworkError: no connection to http://127.0.0.1:0/x (...)
    """
    part = path.with_name(path.name + ".part")
    while True:
        try:
            start = part.lstat().st_size if os.path.lexists(part) else 0
            if not os.path.lexists(part) or blob_id(part) != blob:          # a killed process may have completed it
                _receive(url, part, start, progress, timeout)
            found = blob_id(part)
            if found == blob:
                os.replace(part, path)
                return
            part.unlink()
            # the fault may be in the part that was there: in that case once more, from the start
            raise NetworkError(f"wrong content from {url} (git blob id {found}, expected {blob})", again=start > 0)
        except NetworkError as error:
            tries -= 1
            if tries == 0 or not error.again:
                raise
        except OSError as error:
            kept = f"; {part.lstat().st_size:,} bytes are kept and the next call goes on from there"
            raise FetchError(f"cannot write {part}: {error.strerror}{kept if part.is_file() else ''}") from None
        time.sleep(wait)
        wait *= 2


def _receive(url: str, part: Path, start: int, progress: bool, timeout: float) -> None:
    """Append to `part` what the server sends from byte `start` on; begin anew when it sends everything."""
    headers = {"User-Agent": "afm_numpy"} | ({"Range": f"bytes={start}-"} if start else {})
    try:
        response = urllib.request.urlopen(urllib.request.Request(url, headers=headers), timeout=timeout)
    except urllib.error.HTTPError as error:
        error.close()
        if error.code == 416:                                 # nothing to go on with: the part is too long
            part.unlink(missing_ok=True)
        again = error.code in (408, 416, 429) or error.code >= 500
        raise NetworkError(f"the server answers {error.code} {error.reason} for {url}", again) from None
    except CUT as error:
        raise NetworkError(f"no connection to {url} ({getattr(error, 'reason', error)})") from None
    with response:
        start = start if response.status == 206 else 0
        length = response.headers.get("Content-Length", "")
        total = start + int(length) if length.isdecimal() else None
        shown = {"desc": part.stem, "total": total, "initial": start, "unit": "B", "unit_scale": True}
        with _open(part, os.O_WRONLY | os.O_CREAT, "ab") as file, tqdm(**shown, disable=not progress) as bar:
            file.truncate(start)
            file.seek(start)
            for chunk in _chunks(response):
                file.write(chunk)
                bar.update(len(chunk))
            file.flush()
            os.fsync(file.fileno())
            if total is not None and file.tell() < total:
                raise NetworkError(f"the connection was cut after {file.tell():,} of {total:,} bytes of {url}")


def _chunks(response: http.client.HTTPResponse) -> Iterator[bytes]:
    try:
        while chunk := response.read1(CHUNK):
            yield chunk
    except CUT as error:
        raise NetworkError(f"the connection was cut ({error})") from None
