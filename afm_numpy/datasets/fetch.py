"""The two data sets of the AFM paper, downloaded from the authors' repository, verified and cached.

Three files each, at one pinned commit. A file counts only when its content has the git blob id that the commit
records, wherever it came from: a file put into the cache by hand is as good as a download. How a download survives
cut connections is in `download`.
"""

import errno
import os
import sys
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from .._checks import check_kind, check_size
from .._files import Path as FilePath
from .._types import DType
from .download import FetchError, NetworkError, download, verified
from .libfm import load_parts, make_form

COMMIT = "09c6756788a4fb78a4283271876fd81344c67bf3"
BASE_URL = f"https://raw.githubusercontent.com/hexiangnan/attentional_factorization_machine/{COMMIT}/data"


class DataSet(NamedTuple):
    """A folder name, the git blob ids of its training, validation and test file, and a notice to show."""

    name: str
    blobs: tuple[str, str, str]
    notice: str


class Files(NamedTuple):
    """Training, validation and test part: paths, or (batch, y) pairs after `load_files`."""

    train: Any
    valid: Any
    test: Any


FRAPPE = DataSet(
    "frappe",
    ("176b2aaf1f63dd13d3e66a5c17c8ec8186e91893", "50b9c04bcf58dcb46d0b0070d3d6f88b45c9baab",
     "d7cdd03f0e2415c97618de617f20bedd50e8fce7"),
    "Frappe: for research use only, do not redistribute. Cite Baltrunas, Church, Karatzoglou, Oliver, 'Frappe: "
    "Understanding the Usage and Perception of Mobile App Recommendations In-The-Wild', arXiv:1505.03014 (2015).",
)  # fmt: skip
ML_TAG = DataSet(
    "ml-tag",
    ("45c9017ca7cb14b3df2b7378f3a935577a8a102f", "0950186b80ca3158f40c3734e28d236785ad77ac",
     "aef8f29a1a396d6ea34e692d26eec9bba2f7ae8b"),
    "ml-tag: made from the tags of MovieLens, whose terms of use at grouplens.org apply. Cite Harper, Konstan, "
    "'The MovieLens Datasets: History and Context', ACM TiiS 5(4), 2015.",
)  # fmt: skip


def fetch_frappe(cache: FilePath | None = None, **options: Any) -> Files:
    """The Frappe data set (usage of mobile apps in context) as the authors of AFM split it: three libFM files.

    288,609 rows of ten fields, label 1 for a logged usage and -1 for a sampled other app. For research use, no
    redistribution; to be cited as Baltrunas et al. 2015. The notice is shown before a download. Parameters, result and
    errors are those of `fetch`.

    Notes
    -----
    To use it: `train, valid, test = load_files(fetch_frappe())`, each a pair (batch, y).
    """
    return fetch(FRAPPE, cache, **options)


def fetch_ml_tag(cache: FilePath | None = None, **options: Any) -> Files:
    """The MovieLens tag data set as the authors of AFM split it: three libFM files.

    668,953 applications of a tag by a user to a movie, and two sampled tags for each: three fields, 90,445 features.
    Parameters, result and errors are those of `fetch`.
    """
    return fetch(ML_TAG, cache, **options)


def load_files(files: Files, *, id_base: int = 0, dtype: DType = np.float64, fields: bool = False) -> Files:
    """Read training, validation and test file with one number of features for all three.

    Parameters
    ----------
    files : Files
        Paths of libFM files.
    id_base, dtype
        As in `load_libfm`.
    fields : bool
        Refuse lines that hold fewer features than others: slot j is field j, for attention "field".

    Returns
    -------
    parts : Files
        A pair (batch, y) for each file.

    Examples
    --------
    >>> import pathlib, tempfile
    >>> folder = pathlib.Path(tempfile.mkdtemp())
    >>> files = Files(*(folder / name for name in ("train", "valid", "test")))
    >>> for row, path in zip(["1 0:1", "0 4:1", "1 2:1"], files):
    ...     _ = path.write_text(row)
    >>> [(batch.n, y.tolist()) for batch, y in load_files(files)]
    [(5, [1.0]), (5, [0.0]), (5, [1.0])]
    """
    if isinstance(files, (str, os.PathLike)) or len(files) != 3:
        raise TypeError("files must be three paths: those of the training, the validation and the test file")
    form = make_form(None, None, id_base, dtype, fields=fields)
    return Files(*(part[:2] for part in load_parts(files, form)))


def fetch(
    data_set: DataSet, cache: FilePath | None = None, *, base_url: str | None = None, progress: bool = True,
    tries: int = 5, wait: float = 1.0, timeout: float = 30.0,
) -> Files:  # fmt: skip
    """Make sure that the three files of a data set are in the cache, complete and verified.

    Without a connection this works when the files are there: copied from another computer, for example.

    Parameters
    ----------
    data_set : DataSet
    cache : path, optional
        Folder to keep data sets in. Default: the environment variable AFM_NUMPY_CACHE, or ~/.cache/afm_numpy.
    base_url : str, optional
        Where the folder of the data set is. Default: the environment variable AFM_NUMPY_BASE_URL, or the authors'
        repository.
    progress : bool
        Show a bar on standard error.
    tries : int
        Connections to make for a file, each going on where the last was cut.
    wait, timeout : float
        Seconds before the second try, doubled each time; seconds without an answer after which a connection counts as
        cut.

    Returns
    -------
    files : Files
        Paths (train, valid, test). `load_files` reads them.

    Raises
    ------
    FetchError
        When a file is missing and cannot be downloaded (no connection, refused by the server, wrong content, full
        disk, read-only folder), or is there with another content, or as a link.

    Examples
    --------
    >>> import tempfile
    >>> empty = "e69de29bb2d1d6434b8b29ae775ad8c2e48c5391"          # the blob id of an empty file
    >>> cache = Path(tempfile.mkdtemp())
    >>> (cache / "nothing").mkdir()
    >>> for part in ("train", "validation", "test"):                # put there by hand
    ...     (cache / "nothing" / f"nothing.{part}.libfm").touch()
    >>> [path.name for path in fetch(DataSet("nothing", (empty, empty, empty), ""), cache)]
    ['nothing.train.libfm', 'nothing.validation.libfm', 'nothing.test.libfm']
    """
    cache = Path(cache or os.environ.get("AFM_NUMPY_CACHE") or Path.home() / ".cache" / "afm_numpy").expanduser()
    base_url = (base_url or os.environ.get("AFM_NUMPY_BASE_URL") or BASE_URL).rstrip("/")
    if not base_url.startswith(("http://", "https://")):
        raise ValueError(f"base_url must start with http:// or https://; got {base_url!r}")
    check_kind("data_set", data_set, DataSet, "a DataSet, such as FRAPPE")
    check_size("tries", tries)
    folder = cache / data_set.name
    files = Files(*(folder / f"{data_set.name}.{part}.libfm" for part in ("train", "validation", "test")))
    wanted = list(zip(files, data_set.blobs, strict=True))
    missing = [file for file in wanted if not verified(*file)]
    if not missing:
        return files
    try:
        folder.mkdir(parents=True, exist_ok=True)
        if folder.is_symlink():
            raise OSError(errno.ELOOP, "it is a link")
        print(data_set.notice, file=sys.stderr)
        for path, blob in missing:
            url = f"{base_url}/{data_set.name}/{path.name}"
            download(url, path, blob, progress=progress, tries=tries, wait=wait, timeout=timeout)
    except NetworkError as error:
        names = ", ".join(path.name for path, _ in wanted if not path.exists())
        raise FetchError(
            f"cannot download {path.name}: {error}; by hand: get {names} from {base_url}/{data_set.name}/ "
            f"and put it into {folder}"
        ) from None
    except OSError as error:
        advice = "name another one by cache= or AFM_NUMPY_CACHE"
        raise FetchError(f"cannot write to the cache folder {folder}: {error.strerror}; {advice}") from None
    return files
