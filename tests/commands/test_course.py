import json
import os
import runpy
import sys
from pathlib import Path

import pytest

from afm_numpy.commands import cli, course

ROOT = Path(__file__).parents[2]
NAMES = sorted(path.name for path in (ROOT / "notebooks").glob("*.ipynb"))


def test_notebooks_are_copied_and_never_replaced(tmp_path, capsys):
    folder = tmp_path / "new" / "folder"
    assert cli.main(["course", "--copy", "--out", str(folder)]) == 0
    assert capsys.readouterr().out == f"{len(NAMES)} notebooks copied into {folder}\n"
    assert sorted(path.name for path in folder.iterdir()) == NAMES
    (folder / NAMES[0]).write_text("my work")
    (folder / NAMES[1]).unlink()
    (folder / NAMES[1]).symlink_to(tmp_path / "elsewhere")                       # where it leads to nothing, too
    (folder / NAMES[2]).unlink()
    assert cli.main(["course", "--copy", "--out", str(folder)]) == 0
    assert f"1 notebooks copied into {folder}; {len(NAMES) - 1} were there already" in capsys.readouterr().out
    assert (folder / NAMES[0]).read_text() == "my work" and not (tmp_path / "elsewhere").exists()
    (tmp_path / "file").touch()
    assert cli.main(["course", "--copy", "--out", str(tmp_path / "file")]) == 2
    assert capsys.readouterr().err.endswith("file: File exists\n")


@pytest.fixture
def started(monkeypatch):
    """What would be started in the place of this process."""
    calls = []
    monkeypatch.setattr(os, "execv", lambda path, words: calls.append(words) or sys.exit())
    monkeypatch.setattr(course, "find_spec", lambda name: name)
    monkeypatch.setattr(os, "geteuid", lambda: 1000, raising=False)
    return calls


@pytest.mark.parametrize("more", [[], ["--no-browser"]])
def test_the_first_is_opened(more, started, tmp_path):
    with pytest.raises(SystemExit):
        cli.main(["course", "--out", str(tmp_path), *more])
    assert started == [[sys.executable, "-m", "jupyterlab", str(tmp_path / "00_start_here.ipynb"), *more]]


def test_root_gets_a_clear_word(started, tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(os, "geteuid", lambda: 0, raising=False)
    assert cli.main(["course", "--out", str(tmp_path)]) == 1 and not started
    err = capsys.readouterr().err
    assert "Jupyter does not start for root" in err and err.endswith("00_start_here.ipynb --allow-root\n")


def test_without_jupyter_it_says_what_to_install(started, tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(course, "find_spec", lambda name: None)
    assert cli.main(["course", "--out", str(tmp_path)]) == 1 and not started
    assert capsys.readouterr().err.endswith("pip install 'afm-numpy[notebooks]' brings it\n")
    assert len(list(tmp_path.iterdir())) == len(NAMES)


def test_the_build_takes_the_notebooks_along_without_outputs(tmp_path, monkeypatch):
    setuptools = pytest.importorskip("setuptools")
    seen = {}
    monkeypatch.setattr(setuptools, "setup", seen.update)
    runpy.run_path(str(ROOT / "setup.py"))
    build = seen["cmdclass"]["build_py"](setuptools.Distribution({"packages": []}))
    build.ensure_finalized()
    build.build_lib = str(tmp_path)
    build.run()
    asked = sorted(path.name for path in (ROOT / "notebooks" / "exercises").glob("*.py"))
    assert sorted(path.name for path in (tmp_path / "afm_numpy" / "exercises").iterdir()) == asked != []
    made = sorted((tmp_path / "afm_numpy" / "course").iterdir())
    assert [path.name for path in made] == NAMES
    for path in made:
        cells = json.loads(path.read_text(encoding="utf-8"))["cells"]
        source = json.loads((ROOT / "notebooks" / path.name).read_text(encoding="utf-8"))["cells"]
        assert [cell["source"] for cell in cells] == [cell["source"] for cell in source]
        assert not any(cell.get("outputs") or cell.get("execution_count") for cell in cells)
    assert sum(path.stat().st_size for path in made) < 700_000
