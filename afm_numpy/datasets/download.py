"""Download a file whose git blob id is known: resumed, verified, moved into place, by one process at a time.

A download goes to `NAME.part` beside its final name. The next try, or the next process after a cut or a kill,
goes on from there. Only a file with the right content gets its final name, in one step. Processes that want
the same folder take turns by a lock on its file `.lock`; the operating system drops the lock when its holder ends,
even by kill -9.
"""

import hashlib
import http.client
import os
import sys
import time
import urllib.error
import urllib.request
from contextlib import contextmanager

from tqdm import tqdm

__all__ = ["FetchError", "NetworkError", "blob_id", "download", "locked", "verified"]

CHUNK = 1 << 16
CUT = (http.client.HTTPException, OSError)       # what a failing connection raises, URLError and timeouts included


class FetchError(OSError):
    """A file that could not be fetched; one line that says why, and what to do."""


class NetworkError(Exception):
    """A connection that failed. `again`: another try may succeed."""

    def __init__(self, reason, again=True):
        super().__init__(reason)
        self.again = again


def blob_id(path):
    """The id that git gives to the content of a file: sha1 of "blob SIZE\\0" and the content."""
    with open(path, "rb") as file:
        digest = hashlib.sha1(b"blob %d\0" % os.fstat(file.fileno()).st_size, usedforsecurity=False)
        while chunk := file.read(1 << 20):
            digest.update(chunk)
    return digest.hexdigest()


def verified(path, blob):
    """True when a file is there with the right content, False when it is not there.

    Raises
    ------
    FetchError
        When the file cannot be read, or has another content.

    Examples
    --------
    >>> verified("a-file-that-is-not-there", "e69de29bb2d1d6434b8b29ae775ad8c2e48c5391")
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
def locked(folder):
    """Hold the lock of a folder, which is created when it is missing.

    Raises
    ------
    FetchError
        When the folder cannot be created or written to.

    Examples
    --------
    >>> import pathlib, tempfile
    >>> with locked(pathlib.Path(tempfile.mkdtemp())):
    ...     pass                                              # the only one who downloads here
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
        file = open(folder / ".lock", "ab")
    except OSError as error:
        raise FetchError(
            f"cannot write to the cache folder {folder}: {error.strerror}; "
            "name another one by cache= or AFM_NUMPY_CACHE"
        ) from None
    with file:                                                # closing it drops the lock
        if not _try_lock(file):
            print(f"waiting for another process that downloads to {folder}", file=sys.stderr)
            while not _try_lock(file):
                time.sleep(0.1)
        yield


def _try_lock(file):
    """Take the lock on an open file; False when another process has it.

    True as well where the file system knows no locks: two downloads then disturb each other, but what
    they leave is verified all the same.
    """
    try:
        if os.name == "nt":
            import msvcrt

            msvcrt.locking(file.fileno(), msvcrt.LK_NBLCK, 1)
        else:
            import fcntl

            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except (BlockingIOError, PermissionError):
        return False
    except OSError:
        pass
    return True


def download(url, path, blob, *, progress=True, tries=5, wait=1.0, timeout=30.0):
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
        Connections to make.
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
    >>> import pathlib
    >>> download("http://127.0.0.1:0/x", pathlib.Path("x"), "0" * 40, tries=1)    # doctest: +ELLIPSIS
    Traceback (most recent call last):
    afm_numpy.datasets.download.NetworkError: no connection to http://127.0.0.1:0/x (...)
    """
    part = path.with_name(path.name + ".part")
    while True:
        try:
            start = part.stat().st_size if part.exists() else 0
            if start == 0 or blob_id(part) != blob:           # a killed process may have left it complete
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
            kept = part.stat().st_size if part.exists() else 0
            raise FetchError(
                f"cannot write {part}: {error.strerror}; {kept:,} bytes are kept and the next call goes on from there"
            ) from None
        time.sleep(wait)
        wait *= 2


def _receive(url, part, start, progress, timeout):
    """Append to `part` what the server sends from byte `start` on; begin anew when it sends everything."""
    headers = {"User-Agent": "afm_numpy"}
    if start:
        headers["Range"] = f"bytes={start}-"
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
        if response.status != 206:
            start = 0
        length = response.headers.get("Content-Length", "")
        total = start + int(length) if length.isdecimal() else None
        bar = {"desc": part.stem, "total": total, "initial": start, "unit": "B", "unit_scale": True}
        with open(part, "ab" if start else "wb") as file, tqdm(**bar, disable=not progress) as bar:
            for chunk in _chunks(response):
                file.write(chunk)
                bar.update(len(chunk))
            file.flush()
            os.fsync(file.fileno())
            if total is not None and file.tell() < total:
                raise NetworkError(f"the connection was cut after {file.tell():,} of {total:,} bytes of {url}")


def _chunks(response):
    try:
        while chunk := response.read1(CHUNK):
            yield chunk
    except CUT as error:
        raise NetworkError(f"the connection was cut ({error})") from None
