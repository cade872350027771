"""Faults that really happen: kill -9, a full disk, a read-only folder, an unreadable file, Ctrl-C once and again.

Processes of their own are killed at chosen moments, disks are file systems of 200 KiB, folders are mounted read-only.
Where nothing can be mounted, a limit on the size of files and the rights of another user take that place. Downloads
that are killed, cut and stalled are in `datasets/test_download.py` and `datasets/test_fetch.py`.
"""

import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import textwrap
import time
from functools import cache, partial
from pathlib import Path

import children
import numpy as np
import pytest
import server

import afm_numpy
from afm_numpy import Batch, saving
from afm_numpy.commands import cli
from afm_numpy.datasets import dump_libfm

pytestmark = pytest.mark.skipif(os.name != "posix", reason="needs POSIX signals")


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    """A libFM file of 2000 rows, and a model trained on it."""
    folder, rng = tmp_path_factory.mktemp("data"), np.random.default_rng(0)
    idx = rng.integers(0, 10, (2000, 3)) + [0, 10, 20]
    dump_libfm(folder / "rows.libfm", Batch.from_padded(idx, n=30), (idx.sum(axis=1) % 2).astype(float))
    assert (
        cli.main(["train", f"{folder}/rows.libfm", "--out", f"{folder}/m.npz", "--epochs", "1", "--k", "2", "--quiet"])
        == 0
    )
    return folder


def environment():
    """That of a user: the package can be imported, and output is buffered."""
    return {
        **{name: value for name, value in os.environ.items() if name != "PYTHONUNBUFFERED"},
        "PYTHONPATH": str(Path(afm_numpy.__file__).parents[1]), "OPENBLAS_NUM_THREADS": "1", "no_proxy": "*",
    }  # fmt: skip


def start(*args, code=None, **options):
    """`afm-numpy ARGS` as a process, or some Python code with ARGS."""
    what = ["-m", "afm_numpy"] if code is None else ["-c", textwrap.dedent(code)]
    command = [sys.executable, "-W", "error", "-W", "ignore::ResourceWarning", *what, *map(str, args)]
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True, "env": environment()}
    return children.start(command, **pipes | options)


def until(holds, process=None, seconds=120):
    """Wait for something to happen in another process, and return it."""
    end = time.monotonic() + seconds
    while not (found := holds()):
        assert time.monotonic() < end and (process is None or process.poll() is None), "it did not happen"
        time.sleep(0.001)
    return found


def train_args(data, out, *more):
    return ["train", data / "rows.libfm", "--out", out, "--loss", "logistic", "--quiet", *more]


def same(one, other):
    """Two model files with the same content, to the bit."""
    one, other = saving.load(one), saving.load(other)
    assert one.config == other.config and one.rng.bit_generator.state == other.rng.bit_generator.state
    assert all(one.params[name].tobytes() == other.params[name].tobytes() for name in one.params)
    for name in set(one.state) - {"step"}:
        assert all(value.tobytes() == other.state[name][slot].tobytes() for slot, value in one.state[name].items())
    assert one.state["step"] == other.state["step"]


# ---- kill -9 -------------------------------------------------------------------------------------------

KILLED_WHILE_SAVING = """
    import os, signal, sys
    from afm_numpy import Batch, Model, optim, saving
    import numpy as np

    path, model, optimizer = sys.argv[1], Model("afm"), optim.Adagrad()
    batch = Batch.from_lists([[0, 2], [1, 3]], n=4)
    old, new = (model.init_params(np.random.default_rng(seed), batch, k=3, t=2) for seed in range(2))

    def save(params):
        saving.save(path, model, params, optimizer=optimizer, state=optim.init(optimizer, params),
                    rng=np.random.default_rng(0), config={"name": "x"})

    def counted(save, at=None):
        # run it, and count the lines of Python that it executes; the line numbered `at` is never finished
        lines = 0
        def trace(frame, event, arg):
            nonlocal lines
            lines += event == "line"
            if lines == at:
                os.kill(os.getpid(), signal.SIGKILL)
            return trace
        sys.settrace(trace)
        save()
        sys.settrace(None)
        return lines

    save(old)
    save(new)
    total = counted(lambda: save(old))
    found = []
    for at in [*range(1, total - 40, total // 40), *range(total - 40, total + 1)]:
        child = os.fork()
        if child == 0:
            counted(lambda: save(new), at)
            os._exit(0)
        how = os.waitpid(child, 0)[1]
        assert how == signal.SIGKILL, (at, total, how)
        params = saving.load(path).params
        (which,) = [name for name, want in (("old", old), ("new", new))
                    if all(np.array_equal(want[key], params[key]) for key in want)]
        found.append(which)
        if which == "new":
            save(old)
    names = sorted(os.listdir(os.path.dirname(path)))
    left = [name for name in names if name.startswith(".model.npz.") and name.endswith(".tmp")]
    assert len(left) + 1 == len(names)
    print(len(found), found == sorted(found, reverse=True), *sorted(set(found)))
"""


def test_killed_at_any_line_of_a_save(tmp_path):
    """A process is killed at each of 80 moments of writing a model: what is on the disk loads, and is the old model or
    the new one. Only temporary files, named as such, stay behind."""
    out, err = start(tmp_path / "model.npz", code=KILLED_WHILE_SAVING).communicate(timeout=60)
    assert err == ""
    count, old_then_new, *which = out.split()
    assert int(count) > 80 and old_then_new == "True" and which == ["new", "old"]


def test_training_that_is_killed_again_and_again_ends_with_the_same_bits(data, tmp_path):
    """Nothing is lost but the epoch that was under way: the files load after each kill, and `--resume` goes on."""
    whole, cut = tmp_path / "whole.npz", tmp_path / "cut.npz"
    common = ["--epochs", 30, "--k", 3, "--t", 2, "--keep-pooled", 0.8, "--batch-size", 100]
    assert cli.main([str(arg) for arg in train_args(data, whole, *common)]) == 0
    resume, epochs = [], [0]
    for pause in (0, 0.01):
        process = start(*train_args(data, cut, *common, *resume))
        until(partial(is_new, f"{cut}.last", os.stat(f"{cut}.last").st_ino if resume else None), process)
        time.sleep(pause)
        process.kill()
        assert process.communicate()[1] == "" and process.returncode == -signal.SIGKILL
        last, best = saving.load(f"{cut}.last"), saving.load(cut)
        assert epochs[-1] < last.config["epoch"] < 30 and best.config["epoch"] <= last.config["epoch"] + 1
        epochs.append(last.config["epoch"])
        resume = ["--resume", f"{cut}.last"]
    out, err = start(*train_args(data, cut, *common, *resume)).communicate(timeout=60)
    assert err == "" and f"saved {cut}" in out and "(epoch 30)" in out
    same(f"{whole}.last", f"{cut}.last")
    assert saving.load(whole).config == saving.load(cut).config
    assert all((saving.load(whole).params[name] == value).all() for name, value in saving.load(cut).params.items())


def is_new(path, inode):
    return os.path.exists(path) and os.stat(path).st_ino != inode


# ---- disks and folders ---------------------------------------------------------------------------------


@cache
def namespace():
    """The command that gives a process mounts of its own, or None where that is not allowed."""
    for command in (["unshare", "-m"], ["unshare", "-r", "-m"]):
        if shutil.which("unshare") and shutil.which("mount"):
            probe = [*command, "sh", "-c", "mount -t tmpfs -o size=64k none /tmp"]
            if subprocess.run(probe, capture_output=True).returncode == 0:
                return command
    return None


ON_A_DISK = """
    import os, resource, sys
    from pathlib import Path
    from importlib import import_module
    from afm_numpy import saving
    from afm_numpy.commands import cli
    from afm_numpy.datasets import dump_libfm, load_libfm
    from afm_numpy.encode import TableEncoder

    for name in cli.COMMANDS:
        import_module("afm_numpy.commands." + name)                   # another user may not read the package
    folder, kind, data = sys.argv[1:4]
    if kind == "full":                                       # no mount: a limit for each file
        resource.setrlimit(resource.RLIMIT_FSIZE, (10 * 1024,) * 2)
    "".encode("cp437")
    if kind == "read-only" and os.getuid() == 0:             # no mount: another user
        os.setuid(65534)
    out = os.path.join(folder, "m.npz")

    def files():
        return {path.name: path.read_bytes() for path in Path(folder).iterdir() if path.is_file()}

    before = files()
    train = ["train", data + "/rows.libfm", "--out", out, "--quiet", "--epochs", "1", "--model", "fm",
             "--loss", "logistic", "--k"]
    print(cli.main([*train, "3000"]))
    print(cli.main(["conformance", "export", folder + "/kit"]))
    calls = [lambda: TableEncoder().fit({"a": [str(i) for i in range(30_000)]}).save(folder + "/encoder.json"),
             lambda: dump_libfm(folder + "/again.libfm", *load_libfm(data + "/long.libfm"))]
    for call in calls:
        try:
            call()
        except OSError as error:
            print(error)
    after = files()
    print("the same files" if after == before else sorted(after))
    saving.load(out)
"""


def on_a_disk(kind, data):
    """Run that code in a folder that holds a model, on a disk that is full or read-only; (output, errors, folder)."""
    with tempfile.TemporaryDirectory() as folder, tempfile.TemporaryDirectory() as readable:
        for name in ("rows.libfm", "m.npz"):
            shutil.copy(data / name, readable)
        Path(readable, "long.libfm").write_text("1 0:0.123456789\n" * 20_000)
        for path in (folder, readable):
            os.chmod(path, 0o755)
        command, mounted = [sys.executable, "-W", "error", "-c", textwrap.dedent(ON_A_DISK)], namespace()
        if mounted:
            script = 'mount -t tmpfs -o size=200k none "$1" && cp "$2/m.npz" "$1" && '
            script += 'mount -o remount,bind,ro "$1" && ' if kind == "read-only" else ""
            command = [*mounted, "sh", "-c", script + 'shift 2 && exec "$@"', "sh", folder, readable, *command]
            kind = "mounted"
        else:
            shutil.copy(data / "m.npz", folder)
            os.chmod(folder, 0o555 if kind == "read-only" else 0o755)
        done = subprocess.run(
            [*command, folder, kind, readable], capture_output=True, text=True, env=environment(), timeout=60
        )
        os.chmod(folder, 0o755)
        return done.stdout.splitlines(), done.stderr.splitlines(), folder


def check_disk(kind, data, why):
    """One line for each failure, status 2, and the files as they were."""
    out, err, folder = on_a_disk(kind, data)
    ((errno, why),) = [(number, text) for number, text in why.items() if any(text in line for line in err)]
    train, kit = err
    assert train == f"afm-numpy train: error: {folder}/m.npz: {why}"
    assert re.fullmatch(rf"afm-numpy conformance: error: {folder}/kit(/\S+)?: {re.escape(why)}", kit)
    errors = [f"[Errno {errno}] {why}: '{folder}/{name}'" for name in ("encoder.json", "again.libfm")]
    assert out == ["2", "2", *errors, "the same files"]


def test_a_full_disk(data):
    """The old model stays and loads; nothing else is left, neither half a file nor a temporary one."""
    check_disk("full", data, {28: "No space left on device", 27: "File too large"})


def test_a_read_only_folder(data):
    check_disk("read-only", data, {30: "Read-only file system", 13: "Permission denied"})


UNREADABLE = """
    import os, sys
    from importlib import import_module
    from afm_numpy.commands import cli

    for name in cli.COMMANDS:
        import_module("afm_numpy.commands." + name)
    "".encode("cp437")                                       # of zip files; Python's library may be unreadable, too
    if os.getuid() == 0:
        os.setuid(65534)
    folder = sys.argv[1]
    for words in (["train", "secret", "--out", "out"], ["predict", "secret", "rows"], ["predict", "m", "secret"],
                  ["evaluate", "m", "secret"], ["explain", "m", "rows", "--names", "secret"],
                  ["train", "rows", "--out", "out", "--resume", "secret"], ["conformance", "check", "secret"]):
        paths = ("secret", "rows", "m", "out")
        print(cli.main([os.path.join(folder, word) if word in paths else word for word in words]))
"""


def test_an_unreadable_file(data):
    """As root nothing is unreadable, so the process gives up being root."""
    with tempfile.TemporaryDirectory() as folder:
        os.chmod(folder, 0o777)
        shutil.copy(data / "rows.libfm", Path(folder, "rows"))
        shutil.copy(data / "m.npz", Path(folder, "m"))
        Path(folder, "secret").write_text("1 0:1\n")
        os.chmod(Path(folder, "secret"), 0)
        out, err = start(folder, code=UNREADABLE).communicate(timeout=60)
        names = ["train", "predict", "predict", "evaluate", "explain", "train"]
        why = f"error: {folder}/secret: Permission denied"
        assert err.splitlines() == [*(f"afm-numpy {name}: {why}" for name in names),
                                    f"{folder}/secret: cannot be read: Permission denied"]  # fmt: skip
        assert out.split() == ["2"] * 7
        assert sorted(os.listdir(folder)) == ["m", "rows", "secret"]


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="needs /dev/full, a disk that is always full")
@pytest.mark.parametrize("command", ["predict", "evaluate", "--help", "train --help", "conformance check"])
def test_output_that_cannot_be_written(command, data):
    """Also when it stays in a buffer until the very end."""
    words = command.split()
    files = {"conformance": ["check", data / "rows.json"]}.get(words[0], [data / "m.npz", data / "rows.libfm"])
    (data / "rows.json").write_text('{"case": "00-selftest-floats", "values": {"echo": [1]}}')
    words = words[:1] + files if "--help" not in words else words
    name = "afm-numpy" if words[0] == "--help" else f"afm-numpy {words[0]}"
    with open("/dev/full", "w") as full:
        process = start(*words, stdout=full)
        err = process.communicate(timeout=30)[1]
    why = "No space left on device"
    assert err in (f"{name}: error: standard output: {why}\n", f"{name}: error: [Errno 28] {why}\n")
    assert process.returncode == 2


LITTLE_MEMORY = """
    import resource, sys
    from afm_numpy.commands import cli

    resource.setrlimit(resource.RLIMIT_AS, (2**31, 2**31))
    sys.exit(cli.main(sys.argv[1:]))
"""


def test_too_little_memory(data, tmp_path):
    process = start(*train_args(data, tmp_path / "m.npz", "--k", 30_000_000), code=LITTLE_MEMORY)
    err = process.communicate(timeout=60)[1]
    assert err.startswith("afm-numpy train: error: Unable to allocate 6.71 GiB for an array") and err.count("\n") == 1
    assert process.returncode == 2 and os.listdir(tmp_path) == []


# ---- Ctrl-C, once and again ----------------------------------------------------------------------------


def test_processes_hear_ctrl_c_although_the_tests_ignore_it(tmp_path):
    """As in a script that a shell started with `&`."""
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        os.mkfifo(tmp_path / "rows")
        process = start("train", tmp_path / "rows", "--out", tmp_path / "m.npz")
        with until(partial(writer, tmp_path / "rows"), process):
            assert twice(process, 0) == "afm-numpy train: interrupted\n"
        assert signal.getsignal(signal.SIGINT) is signal.SIG_IGN
    finally:
        signal.signal(signal.SIGINT, before)


def test_no_process_outlives_its_test(tmp_path):
    """Neither one that was started nor one that it started itself."""
    code = """
        import os, subprocess, sys, time
        child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(1000)"])
        print(child.pid, flush=True)
        time.sleep(1000 if sys.argv[1:] else 0)
    """
    for words in (["waits"], []):  # the second ends before its own child
        process = start(*words, code=code)
        child = int(process.stdout.readline())
        if not words:
            process.wait()
        children.stop()
        assert process.poll() is not None and not children.LIVE
        until(lambda child=child: not running(child))


def running(number):
    """Whether a process exists and is not merely waiting to be asked for its status."""
    try:
        return Path(f"/proc/{number}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


def twice(process, gap):
    process.send_signal(signal.SIGINT)
    time.sleep(gap)
    process.send_signal(signal.SIGINT)
    out, err = process.communicate(timeout=120)
    assert out == "" and process.returncode == 130
    return err


@pytest.mark.parametrize("gap", [0, 0.01])
def test_interrupted_twice_while_training(gap, data, tmp_path):
    out = tmp_path / "m.npz"
    process = start(*train_args(data, out, "--epochs", 100000, "--k", 4, "--batch-size", 50))
    until(Path(f"{out}.last").exists, process)
    err = twice(process, gap)
    epochs = [saving.load(path).config["epoch"] for path in (out, f"{out}.last")]
    lines = [
        f"interrupted; saved {out} (epoch {epochs[0]}) and {out}.last (epoch {epochs[1]})\n",
        "afm-numpy train: interrupted\n",
    ]
    assert err in lines
    assert sorted(os.listdir(tmp_path)) == ["m.npz", "m.npz.last"]


def test_interrupted_twice_while_saving(data, tmp_path):
    """The files are written to their end first: 30 MB, which takes its time."""
    out = tmp_path / "m.npz"
    process = start(
        *train_args(data, out, "--epochs", 100000, "--n", 40_000, "--k", 64, "--model", "fm", "--batch-size", 2000)
    )
    until(Path(f"{out}.last").exists, process)
    until(lambda: any(path.stat().st_size > 2**20 for path in tmp_path.glob(".*.tmp")), process)
    err = twice(process, 0.002)
    assert err.startswith(f"interrupted; saved {out} (epoch ") and err.count("\n") == 1
    assert sorted(os.listdir(tmp_path)) == ["m.npz", "m.npz.last"]
    assert f"{out}.last (epoch {saving.load(f'{out}.last').config['epoch']})" in err
    saving.load(out)


def test_interrupted_before_anything_was_saved(data, tmp_path):
    """The rows come from a pipe into which nobody writes. It stays open: a process that reads its end goes on."""
    os.mkfifo(tmp_path / "rows")
    for words in (
        ["train", tmp_path / "rows", "--out", tmp_path / "m.npz"],
        ["predict", data / "m.npz", tmp_path / "rows"],
    ):
        process = start(*words)
        with until(partial(writer, tmp_path / "rows"), process):
            assert twice(process, 0) == f"afm-numpy {words[0]}: interrupted\n"
    assert os.listdir(tmp_path) == ["rows"]


def writer(path):
    """A pipe opened for writing, once a process has opened it for reading."""
    try:
        return os.fdopen(os.open(path, os.O_WRONLY | os.O_NONBLOCK), "wb")
    except OSError:  # nobody reads there yet
        return None


def test_an_interrupted_download_leaves_nothing_behind(tmp_path):
    content = bytes(300_000)
    path = "/frappe/frappe.train.libfm"
    with server.running({path: content}, [server.drip(20, pieces=100)]) as (base, _):
        env = environment() | {"AFM_NUMPY_BASE_URL": base}
        process = start("fetch", "frappe", "--cache", tmp_path, "--quiet", env=env)
        until(lambda: any(part.stat().st_size for part in tmp_path.glob("frappe/.*/*")), process)
        err = twice(process, 0)
    assert err.splitlines()[1:] == ["afm-numpy fetch: interrupted"]  # after the notice
    assert os.listdir(tmp_path / "frappe") == []
