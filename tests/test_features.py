"""The table of features: every line of it is run, in one folder, from top to bottom."""

import hashlib
import re
import shlex
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import pytest
import server

from afm_numpy import estimators, plots
from afm_numpy.commands import cli
from afm_numpy.datasets import fetch

PAGE = (Path(__file__).parents[1] / "docs" / "features.md").read_text(encoding="utf-8")
FEATURES, LEAVING = PAGE[: PAGE.index("## Gallery")], PAGE[PAGE.index("## When to leave NumPy") :]
PREPARATION, TABLE = re.search(r"```python\n(.*?)```", FEATURES, re.S)[1], FEATURES[FEATURES.index("|---|") :]
LINES = [(code, bool(refused)) for code, refused in re.findall(r"^\| .+ \| `(.+)`( \(refused\))? \|$", TABLE, re.M)]
FRAPPE = ["1 0:1 3:1 5:1\n-1 1:1 4:1 5:1\n1 0:1 4:1 6:1\n-1 1:1 3:1 6:1\n" * 5] * 3


def test_the_table_is_complete():
    assert TABLE.count("\n|") == len(LINES)                        # every row is understood
    code = "\n".join(line for line, _ in LINES)
    for name in estimators.__all__:
        assert f"estimators.{name}(" in code
    for name in plots.__all__:
        assert f"plots.{name}(" in code
    assert {line.split()[1] for line in code.splitlines() if line.startswith("afm-numpy ")} == set(cli.COMMANDS)


def shell(command):
    """The exit status of a command line."""
    program, *args = shlex.split(command)
    if program == "afm-numpy":
        return cli.main(args)
    assert program == "torchrun"
    done = subprocess.run([sys.executable, "-m", "torch.distributed.run", "--standalone", *args],
                          capture_output=True, text=True, timeout=120)  # fmt: skip
    print(done.stdout, done.stderr)
    return done.returncode


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """An empty folder to work in, no screen, and a server with files in the place of Frappe's."""
    import matplotlib.pyplot as plt

    blobs = [hashlib.sha1(b"blob %d\0" % len(text) + text.encode()).hexdigest() for text in FRAPPE]
    parts = ("train", "validation", "test")
    files = {f"/frappe/frappe.{part}.libfm": text.encode() for part, text in zip(parts, FRAPPE, strict=True)}
    monkeypatch.setattr(fetch, "FRAPPE", fetch.FRAPPE._replace(blobs=tuple(blobs)))
    monkeypatch.setenv("no_proxy", "*")
    monkeypatch.setenv("PYTHONPATH", str(Path(cli.__file__).parents[1]))
    monkeypatch.chdir(tmp_path)
    before = plt.get_backend()
    plt.switch_backend("Agg")
    with server.running(files) as (base, _):
        monkeypatch.setenv("AFM_NUMPY_BASE_URL", base)
        yield tmp_path
    plt.close("all")
    plt.switch_backend(before)


@pytest.mark.filterwarnings("ignore:Estimator .* does not inherit from `sklearn.base.BaseEstimator`")
def test_every_line_runs(folder, capsys):
    names = {}
    exec(PREPARATION, names)
    for line, refused in LINES:
        missing = [name for name in ("sklearn", "pandas", "torch") if name in line and not find_spec(name)]
        if missing:
            continue
        if line.startswith("afm-numpy "):
            status = shell(line)
            captured = capsys.readouterr()
            assert status == (2 if refused else 0), (line, captured)
            assert captured.out or refused, line
            assert not refused or captured.err.count("\n") == 1
        elif refused:
            with pytest.raises(ValueError, match=r"^wrong.libfm, line 2: found '7:x', expected a feature 'id:value'"):
                exec(line, names)
        else:
            try:
                exec(line, names)
            except Exception as error:
                raise AssertionError(f"{line}\n{type(error).__name__}: {error}") from error
    assert (folder / "afm_numpy_demo" / "attention.png").exists() and (folder / "data" / "frappe").is_dir()


def test_the_way_to_pytorch_runs(folder, capsys):
    pytest.importorskip("torch")
    exec(PREPARATION, names := {})
    exec(next(line for line, _ in LINES if "dump_libfm" in line), names)
    (folder / "many.py").write_text(re.search(r"```py\n(.*?)```", LEAVING, re.S)[1])
    (block,) = re.findall(r"```bash\n(.*?)```", LEAVING, re.S)
    for command in block.splitlines():
        assert shell(command) == 0, (command, capsys.readouterr())
    assert re.search(r"rows 500  log_loss 0\.\d+  auc 0\.\d+", capsys.readouterr().out)
