"""Downloads from a server on this computer that misbehaves, to a disk that is full, by processes that are killed."""

import hashlib
import os
import signal
import time

import numpy as np
import pytest
import server

from afm_numpy.datasets.download import FetchError, NetworkError, blob_id, download, verified

CONTENT = np.random.default_rng(0).bytes(300_000)
BLOB = hashlib.sha1(b"blob 300000\0" + CONTENT).hexdigest()
POSIX = pytest.mark.skipif(os.name != "posix", reason="needs POSIX signals and limits")

# fetch one file in a process of its own: URL, path, blob id, limit on the size of files
CODE = """
    import pathlib, sys
    from afm_numpy.datasets.download import NetworkError, download
    url, path, blob, limit = sys.argv[1:]
    if int(limit):
        import resource
        resource.setrlimit(resource.RLIMIT_FSIZE, (int(limit), int(limit)))
    try:
        download(url, pathlib.Path(path), blob, progress=False, wait=0.01)
    except (OSError, NetworkError) as error:
        print(error.strerror)
"""


@pytest.fixture(autouse=True)
def no_proxy(monkeypatch):
    monkeypatch.setenv("no_proxy", "*")


@pytest.fixture
def path(tmp_path):
    return tmp_path / "data.libfm"


def get(path, plan, tries=3, timeout=10.0):
    """Download under a plan; the first bytes that were asked for."""
    with server.running({"/data.libfm": CONTENT}, plan) as (base, requests):
        try:
            download(f"{base}/data.libfm", path, BLOB, progress=False, tries=tries, wait=0.01, timeout=timeout)
        finally:
            get.starts = [start for _, start in requests]
    assert path.read_bytes() == CONTENT
    assert os.listdir(path.parent) == [path.name]
    return get.starts


def test_the_blob_id_is_git_s(tmp_path):
    """What `git hash-object` says for this text."""
    (tmp_path / "a").write_bytes(b"what is up, doc?")
    assert blob_id(tmp_path / "a") == "bd9dbf5aae1a3862dd1526723246b20206e5fc37"


def test_a_plain_download(path):
    assert get(path, []) == [0]


def test_no_announced_length(path):
    assert get(path, [server.without_length]) == [0]


@pytest.mark.parametrize("reset", [False, True], ids=["closed", "reset"])
def test_a_cut_connection_is_taken_up_again(path, reset):
    starts = get(path, [server.cut(100_000, reset), server.cut(70_000, reset)])
    assert starts[0] == 0 and len(starts) == 3
    assert 0 < starts[1] <= 100_000 and starts[1] < starts[2] <= 170_000
    if not reset:
        assert starts == [0, 100_000, 170_000]


def test_a_server_that_falls_silent(path):
    start = time.monotonic()
    assert get(path, [server.stall(65_536, 3)], timeout=0.3) == [0, 65_536]
    assert time.monotonic() - start < 2


def test_a_line_that_is_always_cut_is_given_up(path):
    with pytest.raises(NetworkError, match="the connection was cut after 30,000 of 300,000 bytes of http"):
        get(path, [server.cut(10_000)] * 3)
    assert get.starts == [0, 10_000, 20_000] and not os.listdir(path.parent)


def test_a_server_that_ignores_ranges(path):
    assert get(path, [server.cut(100_000), server.ignore_range]) == [0, 100_000]


def test_a_server_that_sends_another_range(path):
    with pytest.raises(NetworkError, match="wrong content from http"):
        get(path, [server.cut(100_000), server.wrong_range])
    assert not os.listdir(path.parent)


def test_wrong_content_is_removed(path):
    with pytest.raises(NetworkError, match=f"wrong content from http.*git blob id [0-9a-f]{{40}}, expected {BLOB}"):
        get(path, [server.wrong_bytes] * 3)
    assert get.starts == [0]
    assert os.listdir(path.parent) == []


@pytest.mark.parametrize("code", [403, 404, 410])
def test_a_refusal_is_final(path, code):
    with pytest.raises(NetworkError, match=f"the server answers {code} .* for http"):
        get(path, [server.status(code)])
    assert get.starts == [0]


@pytest.mark.parametrize("code", [408, 429, 500, 503])
def test_a_server_that_is_busy_is_asked_again(path, code):
    assert get(path, [server.status(code)] * 2) == [0, 0, 0]


def test_nobody_listens(path):
    with server.running({}) as (base, _):
        pass
    with pytest.raises(NetworkError, match="no connection to http.*refused"):
        download(f"{base}/data.libfm", path, BLOB, progress=False, tries=2, wait=0.01)


def test_the_bar_goes_to_standard_error(path, capsys):
    with server.running({"/data.libfm": CONTENT}) as (base, _):
        download(f"{base}/data.libfm", path, BLOB)
    out, err = capsys.readouterr()
    assert out == "" and "data.libfm: 100%" in err and "300k/300k" in err


# ---- the disk ----------------------------------------------------------------------------------------


@POSIX
def test_a_full_disk(path):
    """A limit on the size of files makes the write fail for real. The next call, with room, succeeds."""
    with server.running({"/data.libfm": CONTENT}) as (base, _):
        url = f"{base}/data.libfm"
        out = server.start_python(CODE, url, path, BLOB, 150_000).communicate(timeout=20)
        assert out == ("File too large\n", "") and not os.listdir(path.parent)
        download(url, path, BLOB, progress=False)
    assert path.read_bytes() == CONTENT


# ---- processes ---------------------------------------------------------------------------------------


@POSIX
def test_killed_in_the_middle(path):
    with server.running({"/data.libfm": CONTENT}, [server.drip(20, pieces=100)]) as (base, requests):
        url = f"{base}/data.libfm"
        process = server.start_python(CODE, url, path, BLOB, 0)
        end = time.monotonic() + 20
        while not any(part.stat().st_size for part in path.parent.glob(".*/*")) and time.monotonic() < end:
            time.sleep(0.02)
        process.send_signal(signal.SIGKILL)
        process.communicate()
        assert not path.exists()
        download(url, path, BLOB, progress=False)
    assert requests == [("/data.libfm", 0)] * 2 and path.read_bytes() == CONTENT


# ---- verification ------------------------------------------------------------------------------------


def test_verified(path):
    assert not verified(path, BLOB)
    path.write_bytes(CONTENT)
    assert verified(path, BLOB)
    path.write_bytes(CONTENT[:-1])
    with pytest.raises(FetchError, match="is not the authors' file .*expected .*; move it away to download it again"):
        verified(path, BLOB)
    path.unlink()
    path.mkdir()
    with pytest.raises(FetchError, match="cannot read .*: it is a link, or no regular file; remove it"):
        verified(path, BLOB)


# ---- what others may have put into the cache: attack 6 -------------------------------------------------


def plant(kind, path, target):
    """Put something else in the place of a file; what must stay as it is."""
    target.write_bytes(b"precious")
    {"link": path.symlink_to, "hard": lambda target: os.link(target, path), "pipe": lambda _: os.mkfifo(path),
     "dangling": lambda target: path.symlink_to(f"{target}.new"), "folder": lambda _: path.mkdir()}[kind](target)
    return target


@POSIX
@pytest.mark.parametrize("kind", ["link", "hard", "pipe", "dangling", "folder"], ids="A6-{}".format)
def test_nothing_but_a_regular_file_is_opened(kind, path, tmp_path):
    """No link is followed, and nothing is waited for. A file that is read may have a second name."""
    target = plant(kind, path, tmp_path / "target")
    words = "is not the authors' file" if kind == "hard" else "it is a link, or no regular file; remove it"
    with pytest.raises(FetchError, match=words):
        verified(path, BLOB)
    assert target.read_bytes() == b"precious" and sorted(os.listdir(tmp_path)) == ["data.libfm", "target"]


@POSIX
@pytest.mark.parametrize("kind", ["link", "hard", "pipe", "dangling"], ids="A6-between-{}".format)
def test_what_comes_in_between_is_replaced_and_not_followed(kind, path, tmp_path):
    """Put there after the look at the cache, and before the download."""
    target = plant(kind, path, tmp_path / "target")
    with server.running({"/data.libfm": CONTENT}) as (base, _):
        download(f"{base}/data.libfm", path, BLOB, progress=False)
    assert target.read_bytes() == b"precious" and not path.is_symlink() and path.read_bytes() == CONTENT
    assert sorted(os.listdir(tmp_path)) == ["data.libfm", "target"]


@POSIX
def test_a_link_that_comes_in_between_is_not_read(path, tmp_path, monkeypatch):
    """Put there after the file was looked at."""
    plant("link", path, tmp_path / "target")
    monkeypatch.setattr(type(path), "lstat", type(path).stat)
    with pytest.raises(FetchError, match="cannot read"):
        verified(path, BLOB)
