"""Download a file whose git blob id is known: gone on with after a cut, verified, moved into place.

A download grows in a temporary folder of its own beside its final name. Only a file with the right content gets that
name, in one step: several processes at once disturb nobody, and a kill loses the download alone. In the cache nothing
but regular files is opened, and no link is followed: others may have put them there.
"""

import errno
import hashlib
import http.client
import os
import stat
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path

from tqdm import tqdm

CUT = (http.client.HTTPException, OSError)       # what a failing connection raises, URLError and timeouts included
SAFE = sum(getattr(os, name, 0) for name in ("O_NOFOLLOW", "O_NONBLOCK"))


class FetchError(OSError):
    """A file that could not be fetched; one line that says why, and what to do."""


class NetworkError(Exception):
    """A connection that failed. `again`: another try may succeed."""

    def __init__(self, reason: str, again: bool = True) -> None:
        super().__init__(reason)
        self.again = again


def blob_id(path: Path) -> str:
    """The id that git gives to the content of a file: sha1 of "blob SIZE\\0" and the content."""
    if not stat.S_ISREG(path.lstat().st_mode):
        raise OSError(errno.EINVAL, "it is a link, or no regular file; remove it")
    with open(path, "rb", opener=lambda name, flags: os.open(name, flags | SAFE)) as file:
        digest = hashlib.sha1(b"blob %d\0" % os.fstat(file.fileno()).st_size, usedforsecurity=False)
        while chunk := file.read(1 << 20):
            digest.update(chunk)
    return digest.hexdigest()


def verified(path: Path, blob: str) -> bool:
    """True when a file is there with the right content, False when it is not there; `FetchError` for another file."""
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


def download(
    url: str, path: Path, blob: str, *, progress: bool = True, tries: int = 5, wait: float = 1.0, timeout: float = 30.0
) -> None:
    """Download one file to `path`; what stands there is replaced. `blob` is the id of the right content.

    `NetworkError` when no try brings that content, `OSError` when the file cannot be written. The other options are
    those of `fetch`.
    """
    with tempfile.TemporaryDirectory(prefix=f".{path.name}.", dir=path.parent) as folder:
        part = Path(folder) / path.name
        part.touch()
        while True:
            try:
                _receive(url, part, progress, timeout)
                break
            except NetworkError as error:
                tries -= 1
                if tries == 0 or not error.again:
                    raise
            time.sleep(wait)
            wait *= 2
        found = blob_id(part)
        if found != blob:
            raise NetworkError(f"wrong content from {url} (git blob id {found}, expected {blob})")
        os.replace(part, path)


def _receive(url: str, part: Path, progress: bool, timeout: float) -> None:
    """Append to `part` what the server sends from its end on; begin anew when it sends everything."""
    start = part.stat().st_size
    headers = {"User-Agent": "afm_numpy"} | ({"Range": f"bytes={start}-"} if start else {})
    try:
        response = urllib.request.urlopen(urllib.request.Request(url, headers=headers), timeout=timeout)
    except urllib.error.HTTPError as error:
        error.close()
        again = error.code in (408, 429) or error.code >= 500
        raise NetworkError(f"the server answers {error.code} {error.reason} for {url}", again) from None
    except CUT as error:
        raise NetworkError(f"no connection to {url} ({getattr(error, 'reason', error)})") from None
    with response:
        start = start if response.status == 206 else 0
        length = response.headers.get("Content-Length", "")
        total = start + int(length) if length.isdecimal() else None
        shown = {"desc": part.name, "total": total, "initial": start, "unit": "B", "unit_scale": True}
        with open(part, "ab") as file, tqdm(**shown, disable=not progress) as bar:
            file.truncate(start)
            for chunk in _chunks(response):
                file.write(chunk)
                bar.update(len(chunk))
        if total is not None and part.stat().st_size < total:
            raise NetworkError(f"the connection was cut after {part.stat().st_size:,} of {total:,} bytes of {url}")


def _chunks(response: http.client.HTTPResponse) -> Iterator[bytes]:
    try:
        while chunk := response.read1(1 << 16):
            yield chunk
    except CUT as error:
        raise NetworkError(f"the connection was cut ({error})") from None
