"""Downloads from a server on this computer that misbehaves, to a disk that is full, by processes that are killed."""

import hashlib
import os
import signal
import threading
import time

import numpy as np
import pytest
import server

from afm_numpy.datasets import download as module
from afm_numpy.datasets.download import FetchError, NetworkError, blob_id, download, locked, verified

CONTENT = np.random.default_rng(0).bytes(300_000)
BLOB = hashlib.sha1(b"blob 300000\0" + CONTENT).hexdigest()
POSIX = pytest.mark.skipif(os.name != "posix", reason="needs POSIX signals and limits")

# fetch one file in a process of its own: URL, path, blob id, limit on the size of files
CODE = """
    import pathlib, sys
    from afm_numpy.datasets.download import FetchError, NetworkError, download
    url, path, blob, limit = sys.argv[1:]
    if int(limit):
        import resource
        resource.setrlimit(resource.RLIMIT_FSIZE, (int(limit), int(limit)))
    try:
        download(url, pathlib.Path(path), blob, progress=False, wait=0.01)
    except (FetchError, NetworkError) as error:
        print(error)
"""


@pytest.fixture(autouse=True)
def no_proxy(monkeypatch):
    monkeypatch.setenv("no_proxy", "*")


@pytest.fixture
def path(tmp_path):
    return tmp_path / "data.libfm"


@pytest.fixture
def part(tmp_path):
    return tmp_path / "data.libfm.part"


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


def test_a_line_that_is_always_cut_is_given_up_and_kept(path, part):
    with pytest.raises(NetworkError, match="the connection was cut after 30,000 of 300,000 bytes of http"):
        get(path, [server.cut(10_000)] * 3)
    assert get.starts == [0, 10_000, 20_000]
    assert part.read_bytes() == CONTENT[:30_000] and not path.exists()
    assert get(path, []) == [30_000]


@pytest.mark.parametrize("size", [1, 100_000, 299_999])
def test_going_on_with_an_older_part(path, part, size):
    part.write_bytes(CONTENT[:size])
    assert get(path, []) == [size]


def test_a_server_that_ignores_ranges(path, part):
    part.write_bytes(CONTENT[:100_000])
    assert get(path, [server.ignore_range]) == [100_000]


def test_a_server_that_sends_another_range(path, part):
    part.write_bytes(CONTENT[:100_000])
    assert get(path, [server.wrong_range]) == [100_000, 0]


def test_a_part_that_is_complete_needs_no_server(path, part):
    part.write_bytes(CONTENT)
    assert get(path, []) == []


def test_a_part_that_is_too_long(path, part):
    part.write_bytes(CONTENT + b"x")
    assert get(path, []) == [300_001, 0]


def test_a_part_with_wrong_content(path, part):
    part.write_bytes(bytes(100_000))
    assert get(path, []) == [100_000, 0]


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
def test_a_full_disk(path, part):
    """A limit on the size of files makes the write fail for real. The next call, with room, goes on."""
    with server.running({"/data.libfm": CONTENT}) as (base, requests):
        url = f"{base}/data.libfm"
        out, err = server.start_python(CODE, url, path, BLOB, 150_000).communicate(timeout=20)
        kept = part.stat().st_size
        assert 0 < kept <= 150_000
        note = f"{kept:,} bytes are kept and the next call goes on from there"
        assert (out, err) == (f"cannot write {part}: File too large; {note}\n", "")
        download(url, path, BLOB, progress=False)
    assert requests == [("/data.libfm", 0), ("/data.libfm", kept)]
    assert path.read_bytes() == CONTENT


def test_a_part_that_cannot_be_written(path, part):
    part.mkdir()
    with pytest.raises(FetchError, match="cannot write .*part: "):
        get(path, [])


# ---- processes ---------------------------------------------------------------------------------------


@POSIX
def test_killed_in_the_middle(path, part):
    with server.running({"/data.libfm": CONTENT}, [server.drip(20, pieces=100)]) as (base, requests):
        url = f"{base}/data.libfm"
        process = server.start_python(CODE, url, path, BLOB, 0)
        end = time.monotonic() + 20
        while not (part.exists() and part.stat().st_size) and time.monotonic() < end:
            time.sleep(0.02)
        process.send_signal(signal.SIGKILL)
        process.communicate()
        kept = part.stat().st_size
        assert 0 < kept < 300_000 and not path.exists()
        download(url, path, BLOB, progress=False)
    assert requests == [("/data.libfm", 0), ("/data.libfm", kept)]
    assert path.read_bytes() == CONTENT


HOLD = """
    import pathlib, sys, time
    from afm_numpy.datasets.download import locked
    with locked(pathlib.Path(sys.argv[1])):
        print("held", flush=True)
        time.sleep(60)
"""


@POSIX
def test_a_killed_process_holds_no_lock(tmp_path, capsys):
    process = server.start_python(HOLD, tmp_path / "new" / "folder")
    assert process.stdout.readline() == "held\n"
    timer = threading.Timer(0.3, process.kill)
    timer.start()
    start = time.monotonic()
    with locked(tmp_path / "new" / "folder"):
        assert time.monotonic() - start > 0.2
    process.communicate()
    timer.join()
    folder = tmp_path / "new" / "folder"
    assert capsys.readouterr().err == f"waiting for another process that downloads to {folder}\n"


def test_the_lock_lets_one_in_at_a_time(tmp_path, capsys):
    inside, seen = [], []

    def work():
        with locked(tmp_path):
            inside.append(1)
            seen.append(len(inside))
            time.sleep(0.02)
            inside.pop()

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert seen == [1] * 4


def test_a_folder_that_cannot_be_made(tmp_path):
    (tmp_path / "file").touch()
    folder = tmp_path / "file" / "folder"
    with pytest.raises(FetchError) as caught, locked(folder):
        pass
    assert str(caught.value) == (
        f"cannot write to the cache folder {folder}: Not a directory; name another one by cache= or AFM_NUMPY_CACHE"
    )


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
@pytest.mark.parametrize("where", ["part", "lock", "file"])
def test_nothing_but_a_regular_file_is_opened(kind, where, tmp_path):
    """No link is followed, and nothing is waited for. A file that is read may have a second name."""
    cache = tmp_path / "cache"
    cache.mkdir()
    path = cache / "data.libfm"
    place = {"part": cache / "data.libfm.part", "lock": cache / ".lock", "file": path}[where]
    target = plant(kind, place, tmp_path / "target")
    words = "is not the authors' file" if (kind, where) == ("hard", "file") else "it is a link, or no regular file"
    with server.running({"/data.libfm": CONTENT}) as (base, requests), pytest.raises(FetchError, match=words):
        if not verified(path, BLOB):
            with locked(cache):
                download(f"{base}/data.libfm", path, BLOB, progress=False, wait=0.01)
    assert target.read_bytes() == b"precious" and (kind == "hard" or not requests)
    assert sorted(os.listdir(tmp_path)) == ["cache", "target"]


@POSIX
def test_the_folder_is_no_link(tmp_path):
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "cache").symlink_to(tmp_path / "elsewhere")
    with pytest.raises(FetchError, match="cannot write to the .* folder .*: it is a link"), locked(tmp_path / "cache"):
        pass
    assert not os.listdir(tmp_path / "elsewhere")


@POSIX
def test_a_link_that_comes_in_between_is_not_followed(tmp_path, monkeypatch):
    """Put there after the file was looked at."""
    (tmp_path / "target").write_bytes(b"precious")
    (tmp_path / "link").symlink_to(tmp_path / "target")
    monkeypatch.setattr(os.path, "lexists", lambda path: False)
    with pytest.raises(OSError):
        module._open(tmp_path / "link", os.O_WRONLY | os.O_CREAT, "ab")
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(OSError):
        module._open(tmp_path / "pipe", os.O_WRONLY | os.O_CREAT, "ab")
    assert (tmp_path / "target").read_bytes() == b"precious"
