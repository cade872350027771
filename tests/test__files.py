"""atomic_write: the old content or the new one, never half of it."""

import os
import signal
import stat
import subprocess
import sys
import tempfile
import textwrap
from pathlib import Path

import numpy as np
import pytest

import afm_numpy
from afm_numpy._files import PACKED, atomic_write, check_output, open_regular, printable

posix = pytest.mark.skipif(os.name != "posix", reason="needs POSIX limits, links or permissions")


def run(code, *args, **options):
    """A Python process that has the package, with its output as text."""
    env = {**os.environ, "PYTHONPATH": str(Path(afm_numpy.__file__).parents[1])}
    command = [sys.executable, "-W", "error", "-c", textwrap.dedent(code), *map(str, args)]
    return subprocess.run(command, env=env, capture_output=True, text=True, timeout=30, **options)


def test_creates_and_replaces(tmp_path):
    path = tmp_path / "a.bin"
    for content in (b"first", b"second, longer", b""):
        with atomic_write(path) as file:
            file.write(content)
        assert path.read_bytes() == content
    assert os.listdir(tmp_path) == ["a.bin"]


def test_text_is_utf8_with_plain_newlines(tmp_path):
    with atomic_write(tmp_path / "a.txt", "w") as file:
        file.write("h\u00e9\n")
    assert (tmp_path / "a.txt").read_bytes() == b"h\xc3\xa9\n"


def test_holds_an_npz(tmp_path):
    with atomic_write(tmp_path / "a.npz") as file:
        np.savez(file, V=np.arange(3))
    with np.load(tmp_path / "a.npz", allow_pickle=False) as stored:
        assert stored["V"].tolist() == [0, 1, 2]


@pytest.mark.parametrize("error", [ValueError, KeyboardInterrupt, SystemExit])
def test_an_error_inside_leaves_the_old_content(tmp_path, error):
    path = tmp_path / "a"
    path.write_bytes(b"old")
    with pytest.raises(error), atomic_write(path) as file:
        file.write(b"new")
        file.flush()
        assert path.read_bytes() == b"old"
        raise error
    assert path.read_bytes() == b"old"
    assert os.listdir(tmp_path) == ["a"]


@pytest.mark.parametrize("ending", PACKED)
def test_a_name_of_packed_data_is_refused(tmp_path, ending):
    for path in (tmp_path / f"a.b{ending}", str(tmp_path / f"A{ending.upper()}")):
        with pytest.raises(ValueError, match=f"{path} will not be packed, as {ending} says; choose another name"):
            check_output(path)
        with pytest.raises(ValueError, match=f"{path} will not be packed, as {ending} says"), atomic_write(path):
            pass
    assert os.listdir(tmp_path) == []
    with atomic_write(path, packs=[ending]) as file:
        file.write(b"packed")
    assert Path(path).read_bytes() == b"packed"
    for name in (f"a{ending}.txt", ending, ending[1:]):
        check_output(tmp_path / name)


@pytest.mark.parametrize("place", ["missing/a", "file/a"])
def test_errors_name_the_path_not_the_temporary_name(tmp_path, place):
    (tmp_path / "file").touch()
    path = tmp_path / place
    with pytest.raises(OSError) as caught, atomic_write(path):
        pass
    assert caught.value.filename == str(path)
    assert ".tmp" not in str(caught.value)


def test_a_folder_or_a_device_is_not_replaced(tmp_path):
    """A FIFO stands for the devices: they are treated alike, and it is not /dev/null that a failure replaces."""
    paths = [tmp_path / "folder"]
    paths[0].mkdir()
    if os.name == "posix":
        paths.append(tmp_path / "fifo")
        os.mkfifo(paths[1])
    for path in paths:
        with pytest.raises(OSError, match="Not a regular file"), atomic_write(path) as file:
            file.write(b"x")
    assert paths[0].is_dir() and (len(paths) == 1 or paths[1].is_fifo())
    assert len(os.listdir(tmp_path)) == len(paths)


@posix
def test_keeps_permissions_and_follows_links(tmp_path):
    path, link = tmp_path / "a", tmp_path / "link"
    path.write_bytes(b"old")
    path.chmod(0o640)
    link.symlink_to(path)
    with atomic_write(link) as file:
        file.write(b"new")
    assert link.is_symlink() and path.read_bytes() == b"new"
    assert stat.S_IMODE(path.stat().st_mode) == 0o640


@posix
def test_a_new_file_obeys_the_umask(tmp_path):
    old = os.umask(0o027)
    try:
        with atomic_write(tmp_path / "a"):
            pass
    finally:
        os.umask(old)
    assert stat.S_IMODE((tmp_path / "a").stat().st_mode) == 0o640


@posix
@pytest.mark.parametrize("size", [5_000, 500_000])
def test_no_room_on_the_disk(tmp_path, size):
    """A limit on the size of files makes the write fail for real, in the buffer's last flush or in the middle."""
    path = tmp_path / "a"
    path.write_bytes(b"old")
    done = run(
        """
        import resource, sys
        from afm_numpy._files import PACKED, atomic_write, check_output, open_regular, printable
        resource.setrlimit(resource.RLIMIT_FSIZE, (1000, 1000))
        try:
            with atomic_write(sys.argv[1]) as file:
                file.write(bytes(int(sys.argv[2])))
        except OSError as error:
            print(error)
        """,
        path,
        size,
    )
    assert done.stderr == ""
    assert done.stdout == f"[Errno 27] File too large: '{path}'\n"
    assert path.read_bytes() == b"old"
    assert os.listdir(tmp_path) == ["a"]


@posix
def test_killed_while_writing(tmp_path):
    """Kill -9 leaves the old content, and a temporary file under a name that says what it is."""
    path = tmp_path / "a"
    path.write_bytes(b"old")
    done = run(
        """
        import os, signal, sys
        from afm_numpy._files import PACKED, atomic_write, check_output, open_regular, printable
        with atomic_write(sys.argv[1]) as file:
            file.write(bytes(100_000))
            os.kill(os.getpid(), signal.SIGKILL)
        """,
        path,
    )
    assert done.returncode == -signal.SIGKILL
    assert path.read_bytes() == b"old"
    (left,) = set(os.listdir(tmp_path)) - {"a"}
    assert left.startswith(".a.") and left.endswith(".tmp")


@posix
def test_a_read_only_folder():
    """As root nothing is read-only, so the process gives up being root."""
    with tempfile.TemporaryDirectory() as folder:
        os.chmod(folder, 0o555)
        done = run(
            """
            import os, sys
            from afm_numpy._files import PACKED, atomic_write, check_output, open_regular, printable
            if os.getuid() == 0:
                os.setuid(65534)
            try:
                with atomic_write(sys.argv[1] + "/a"):
                    pass
            except OSError as error:
                print(error)
            """,
            folder,
        )
        assert (done.stdout, done.stderr) == (f"[Errno 13] Permission denied: '{folder}/a'\n", "")
        assert os.listdir(folder) == []


@pytest.mark.parametrize("letter", ["n", "\U0001f600"])
def test_long_names(tmp_path, letter):
    path = tmp_path / (letter * (250 // len(letter.encode())))
    with atomic_write(path) as file:
        file.write(b"x")
    assert path.read_bytes() == b"x"


# ---- outputs are checked before any work -------------------------------------------------------------------


@posix
@pytest.mark.parametrize("name", [
    pytest.param("data", id="A4-itself"), pytest.param("./data", id="A4-another-spelling"),
    pytest.param("sub/../data", id="A4-through-a-folder"), pytest.param("soft", id="A4-symbolic-link"),
    pytest.param("hard", id="A4-hard-link"), pytest.param("soft-sub/data2", id="A4-linked-folder"),
])  # fmt: skip
def test_an_output_that_is_an_input(tmp_path, monkeypatch, name):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "sub").mkdir()
    for file in ("data", "sub/data2"):
        (tmp_path / file).write_text("x")
    os.link("data", "hard")
    os.symlink("data", "soft")
    os.symlink("sub", "soft-sub")
    before = sorted(os.listdir())
    with pytest.raises(ValueError, match=f"the output {name} is also an input; choose another name"):
        check_output(name, ["absent", "data", tmp_path / "sub" / "data2"])
    assert (tmp_path / "data").read_text() == "x" and sorted(os.listdir()) == before


@posix
@pytest.mark.parametrize("name, error", [
    pytest.param("sub", "folder", id="A8-folder"), pytest.param("m.npz/", "folder", id="A8-slash"),
    pytest.param("m.npz/.", "folder", id="A8-slash-dot"), pytest.param("sub/..", "folder", id="A8-dot-dot"),
    pytest.param("", "folder", id="A8-empty"), pytest.param("absent/a", "No such file", id="A8-missing-folder"),
    pytest.param("data/a", "Not a directory", id="A8-file-as-folder"), pytest.param("n" * 300, "long", id="A8-long"),
    pytest.param("fifo", "Not a regular file", id="A8-fifo"), pytest.param("loop", "links", id="A8-link-to-itself"),
    pytest.param(os.devnull, "Not a regular file", id="A8-device"),
    pytest.param("/proc/a", "No such|denied", id="A8-proc"),
])  # fmt: skip
def test_an_output_that_cannot_be_written(tmp_path, monkeypatch, name, error):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "sub").mkdir()
    (tmp_path / "data").touch()
    os.mkfifo("fifo")
    os.symlink("loop", "loop")
    before = sorted(os.listdir())
    with pytest.raises(OSError, match=error) as caught:
        check_output(name, ["data"])
    assert caught.value.filename == name and ".tmp" not in str(caught.value)
    if name != os.devnull:                                   # a mistake would replace it
        with pytest.raises(OSError, match=error), atomic_write(name):
            pass
    assert sorted(os.listdir()) == before


@posix
def test_an_output_in_a_read_only_folder(tmp_path):
    with tempfile.TemporaryDirectory() as folder:
        os.chmod(folder, 0o555)
        code = """
            import os, sys
            from afm_numpy._files import check_output
            if os.getuid() == 0:
                os.setuid(65534)
            check_output(sys.argv[1] + "/a")
            """
        done = run(code, folder)
        assert done.stderr.endswith(f"PermissionError: [Errno 13] Permission denied: '{folder}/a'\n")


def test_a_good_output_leaves_no_trace(tmp_path):
    (tmp_path / "data").write_text("x")
    (tmp_path / "old").write_text("old")
    for name in ("new", "old"):
        check_output(tmp_path / name, [tmp_path / "data"])
    assert sorted(os.listdir(tmp_path)) == ["data", "old"] and (tmp_path / "old").read_text() == "old"


# ---- what is read, what is shown ---------------------------------------------------------------------------


@posix
def test_only_regular_files_are_opened(tmp_path):
    os.mkfifo(tmp_path / "fifo")
    for path in (tmp_path / "fifo", "/dev/zero"):
        with pytest.raises(OSError, match="Not a regular file, so it is not read") as caught:
            open_regular(path)
        assert caught.value.filename == str(path)
    with pytest.raises(IsADirectoryError):
        open_regular(tmp_path)
    (tmp_path / "a").write_bytes(b"x")
    with open_regular(tmp_path / "a") as file:
        assert file.read() == b"x"


@pytest.mark.parametrize("text, shown", [
    pytest.param("caf\u00e9 \u732b", "caf\u00e9 \u732b", id="A13-letters"),
    pytest.param("a\nb", r"a\nb", id="A13-line"),
    pytest.param("\x1b[31mred", r"\x1b[31mred", id="A13-escape"), pytest.param("a\u202eb", r"a\u202eb", id="A13-bidi"),
    pytest.param("a\u2028b\x85", r"a\u2028b\x85", id="A13-separators"),
    pytest.param("n" * 501, "n" * 497 + "...", id="long"), pytest.param("n" * 500, "n" * 500, id="just-short-enough"),
])  # fmt: skip
def test_printable(text, shown):
    assert printable(text) == shown
