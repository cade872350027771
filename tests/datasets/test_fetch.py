"""What is in the cache is verified and used, what is missing is downloaded, and every failure is one clear line."""

import hashlib
import os
import tempfile
import threading
from pathlib import Path

import numpy as np
import pytest
import server

from afm_numpy.datasets import fetch as module
from afm_numpy.datasets.fetch import (
    FRAPPE,
    ML_TAG,
    DataSet,
    FetchError,
    Files,
    fetch,
    fetch_frappe,
    fetch_ml_tag,
    load_files,
)

NAMES = [f"tiny.{part}.libfm" for part in ("train", "validation", "test")]
TEXTS = [b"1 0:1 7:1\n-1 1:1\n" * 20_000, b"1 3:1\n", b"-1 9:0.5\n"]
BLOBS = tuple(hashlib.sha1(b"blob %d\0" % len(text) + text).hexdigest() for text in TEXTS)
TINY = DataSet("tiny", BLOBS, "Tiny: made up.")
CONTENTS = {f"/tiny/{name}": text for name, text in zip(NAMES, TEXTS, strict=True)}
CODE = """
    import sys
    from afm_numpy.datasets.fetch import DataSet, FetchError, fetch
    name, blobs, notice, cache, base = sys.argv[1:]
    {before}
    try:
        print(*fetch(DataSet(name, blobs.split(), notice), cache, base_url=base, progress=False, tries=1), sep="\\n")
    except FetchError as error:
        print(error)
"""
POSIX = pytest.mark.skipif(os.name != "posix", reason="needs POSIX users")


@pytest.fixture(autouse=True)
def environment(monkeypatch):
    monkeypatch.setenv("no_proxy", "*")
    monkeypatch.delenv("AFM_NUMPY_CACHE", raising=False)
    monkeypatch.delenv("AFM_NUMPY_BASE_URL", raising=False)


def start(cache, base, before="pass"):
    return server.start_python(CODE.format(before=before), TINY.name, " ".join(TINY.blobs), TINY.notice, cache, base)


def put(cache, texts=TEXTS):
    """Put the files there by hand."""
    (cache / "tiny").mkdir(parents=True, exist_ok=True)
    for name, text in zip(NAMES, texts, strict=True):
        (cache / "tiny" / name).write_bytes(text)


@pytest.fixture
def nobody():
    """A base URL at which nobody listens."""
    with server.running({}) as (base, _):
        pass
    return base


def test_download_then_use_what_is_there(tmp_path, capsys, nobody):
    with server.running(CONTENTS) as (base, requests):
        files = fetch(TINY, tmp_path, base_url=base + "/")
    assert files == tuple(tmp_path / "tiny" / name for name in NAMES) == (files.train, files.valid, files.test)
    assert [path.read_bytes() for path in files] == TEXTS
    assert requests == [(path, 0) for path in CONTENTS]
    out, err = capsys.readouterr()
    assert out == "" and err.startswith("Tiny: made up.\n") and all(f"{name}: 100%" in err for name in NAMES)
    assert fetch(TINY, tmp_path, base_url=nobody) == files
    assert capsys.readouterr() == ("", "")


def test_files_put_there_by_hand(tmp_path, capsys, nobody):
    put(tmp_path)
    assert fetch(TINY, str(tmp_path), base_url=nobody).test.read_bytes() == TEXTS[2]
    assert sorted(os.listdir(tmp_path / "tiny")) == sorted(NAMES)
    assert capsys.readouterr() == ("", "")


def test_only_what_is_missing_is_downloaded(tmp_path):
    put(tmp_path)
    (tmp_path / "tiny" / NAMES[1]).unlink()
    with server.running(CONTENTS) as (base, requests):
        fetch(TINY, tmp_path, base_url=base, progress=False)
    assert requests == [(f"/tiny/{NAMES[1]}", 0)]


def test_a_wrong_file_put_there_by_hand_is_not_touched(tmp_path, nobody):
    """Git on Windows changes line ends, for example."""
    put(tmp_path, [TEXTS[0], TEXTS[1].replace(b"\n", b"\r\n"), TEXTS[2]])
    with pytest.raises(FetchError) as caught:
        fetch(TINY, tmp_path, base_url=nobody)
    message = str(caught.value)
    assert message.startswith(f"{tmp_path / 'tiny' / NAMES[1]} is not the authors' file (git blob id ")
    assert message.endswith(f"expected {TINY.blobs[1]}; changed line ends?); move it away to download it again")
    assert (tmp_path / "tiny" / NAMES[1]).read_bytes() == b"1 3:1\r\n"


@pytest.mark.parametrize("missing", [NAMES, NAMES[1:]])
def test_offline_is_one_line_that_says_what_to_do(tmp_path, capsys, nobody, missing):
    put(tmp_path)
    for name in missing:
        (tmp_path / "tiny" / name).unlink()
    with pytest.raises(FetchError) as caught:
        fetch(TINY, tmp_path, base_url=nobody + "/", tries=2, wait=0.01)
    message = str(caught.value)
    assert message.startswith(f"cannot download {missing[0]}: no connection to {nobody}/tiny/{missing[0]} (")
    names = ", ".join(missing)
    assert message.endswith(f"by hand: get {names} from {nobody}/tiny/ and put it into {tmp_path / 'tiny'}")
    assert "\n" not in message
    assert capsys.readouterr() == ("", "Tiny: made up.\n")
    put(tmp_path)                                                              # as it says
    fetch(TINY, tmp_path, base_url=nobody)


def test_not_found_and_wrong_content(tmp_path):
    refused, wrong = "the server answers 404 .* for http.*by hand: get", "wrong content from http.*by hand: get"
    with server.running({}) as (base, _), pytest.raises(FetchError, match=refused):
        fetch(TINY, tmp_path, base_url=base, progress=False)
    login = {path: b"<html>Please log in</html>" for path in CONTENTS}
    with server.running(login) as (base, requests), pytest.raises(FetchError, match=wrong):
        fetch(TINY, tmp_path, base_url=base, progress=False)
    assert len(requests) == 1
    assert os.listdir(tmp_path / "tiny") == []


def test_cut_connections(tmp_path):
    plan = [server.cut(1000), server.cut(5000), server.serve, server.cut(3)]
    with server.running(CONTENTS, plan) as (base, requests):
        files = fetch(TINY, tmp_path, base_url=base, progress=False, wait=0.01)
    assert [path.read_bytes() for path in files] == TEXTS
    paths = list(CONTENTS)
    assert requests == [(paths[0], 0), (paths[0], 1000), (paths[0], 6000), (paths[1], 0), (paths[1], 3), (paths[2], 0)]


def test_two_processes_at_the_same_time(tmp_path):
    """The second one begins and ends while the first one waits for the server. Both end well."""
    second_is_done = threading.Event()

    def hold(handler, content, start):
        second_is_done.wait(20)
        server.serve(handler, content, start)

    with server.running(CONTENTS, [hold]) as (base, _):
        first = start(tmp_path, base)
        assert first.stderr.readline() == "Tiny: made up.\n"
        outputs = [start(tmp_path, base).communicate(timeout=30)]
        second_is_done.set()
        outputs.append(first.communicate(timeout=30))
    listing = "".join(f"{tmp_path / 'tiny' / name}\n" for name in NAMES)
    assert outputs == [(listing, "Tiny: made up.\n"), (listing, "")]
    assert sorted(os.listdir(tmp_path / "tiny")) == sorted(NAMES)


@POSIX
def test_the_folder_is_no_link(tmp_path, nobody):
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "tiny").symlink_to(tmp_path / "elsewhere")
    with pytest.raises(FetchError, match="cannot write to the cache folder .*: it is a link; name another one"):
        fetch(TINY, tmp_path, base_url=nobody)


def test_a_folder_that_cannot_be_made(tmp_path, nobody):
    (tmp_path / "file").touch()
    with pytest.raises(FetchError, match="cannot read .*train.libfm: Not a directory"):
        fetch(TINY, tmp_path / "file", base_url=nobody)


@POSIX
@pytest.mark.parametrize("filled", [False, True])
def test_a_read_only_cache(nobody, filled):
    """It serves when the files are there. As root nothing is read-only, so the process gives up being root."""
    with tempfile.TemporaryDirectory() as cache:
        cache = Path(cache)
        if filled:
            put(cache)
            (cache / "tiny").chmod(0o555)
        cache.chmod(0o555)
        out, err = start(cache, nobody, "import os; os.getuid() or os.setuid(65534)").communicate(timeout=30)
        if filled:
            assert out.splitlines() == [str(cache / "tiny" / name) for name in NAMES]
        else:
            advice = "name another one by cache= or AFM_NUMPY_CACHE"
            assert out == f"cannot write to the cache folder {cache / 'tiny'}: Permission denied; {advice}\n"
        assert err == ""


def test_the_environment_names_cache_and_server(tmp_path, monkeypatch):
    monkeypatch.setenv("AFM_NUMPY_CACHE", str(tmp_path / "from environment"))
    with server.running(CONTENTS) as (base, _):
        monkeypatch.setenv("AFM_NUMPY_BASE_URL", base)
        assert fetch(TINY, progress=False).train.parent == tmp_path / "from environment" / "tiny"
        assert fetch(TINY, tmp_path / "argument", progress=False).train.parent == tmp_path / "argument" / "tiny"


def test_the_default_cache_is_in_the_home_folder(tmp_path, monkeypatch):
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("USERPROFILE", str(tmp_path))
    put(tmp_path / ".cache" / "afm_numpy")
    assert fetch(TINY).train == tmp_path / ".cache" / "afm_numpy" / "tiny" / NAMES[0]
    assert fetch(TINY, "~/.cache/afm_numpy") == fetch(TINY)


@pytest.mark.parametrize("wrong", [{"base_url": "ftp://example.org"}, {"base_url": "data"}, {"tries": 0}])
def test_bad_arguments(tmp_path, wrong):
    with pytest.raises(ValueError, match=f"{next(iter(wrong))} must"):
        fetch(TINY, tmp_path, **wrong)


@pytest.mark.parametrize("use, message", [
    (lambda folder: fetch("frappe", folder), "data_set must be a DataSet, such as FRAPPE; got str"),
    (lambda folder: fetch_frappe(folder, progres=False), "unexpected keyword argument 'progres'"),
    (lambda folder: load_files("train.libfm"), "files must be three paths"),
    (lambda folder: load_files(["train.libfm", "test.libfm"]), "files must be three paths"),
])  # fmt: skip
def test_other_things_are_refused_before_anything_is_done(use, message, tmp_path, capsys):
    with pytest.raises(TypeError, match=message):
        use(tmp_path)
    assert not os.listdir(tmp_path) and capsys.readouterr() == ("", "")


@pytest.mark.parametrize("function, data_set", [(fetch_frappe, FRAPPE), (fetch_ml_tag, ML_TAG)])
def test_what_the_two_data_sets_are(tmp_path, capsys, nobody, function, data_set):
    with pytest.raises(FetchError) as caught:
        function(tmp_path, base_url=nobody, tries=1)
    names = [f"{data_set.name}.{part}.libfm" for part in ("train", "validation", "test")]
    assert f"get {', '.join(names)} from {nobody}/{data_set.name}/" in str(caught.value)
    assert capsys.readouterr().err == data_set.notice + "\n"
    assert len(set(data_set.blobs)) == 3 and all(len(blob) == 40 and int(blob, 16) for blob in data_set.blobs)


def test_notices_and_source():
    assert all(words in FRAPPE.notice for words in ["research use only", "do not redistribute", "Baltrunas", "2015"])
    assert "MovieLens" in ML_TAG.notice
    assert module.BASE_URL == (
        "https://raw.githubusercontent.com/hexiangnan/attentional_factorization_machine/"
        "09c6756788a4fb78a4283271876fd81344c67bf3/data"
    )


def test_load_files_with_one_number_of_features(tmp_path):
    put(tmp_path, [b"1 1:1 3:1\n", b"-1 2:0.5\n1 1:1\n", b"1 10:1\n"])
    files = Files(*(tmp_path / "tiny" / name for name in NAMES))
    parts = load_files(files, id_base=1, dtype=np.float32)
    assert [batch.n for batch, _ in parts] == [10, 10, 10]
    batch, y = parts.valid
    assert batch.idx.tolist() == [[1], [0]] and batch.x.tolist() == [[0.5], [1.0]] and y.tolist() == [-1.0, 1.0]
    assert batch.x.dtype == np.float32
