"""What the README shows is run, and what it names exists."""

import re
import runpy
from pathlib import Path

import pytest

import afm_numpy

ROOT = Path(__file__).parents[1]
README = (ROOT / "README.md").read_text(encoding="utf-8")
BLOCKS = re.findall(r"```python\n(.*?)```", README, re.S)


@pytest.mark.parametrize("number", range(len(BLOCKS)))
def test_python_blocks_run(number, tmp_path, capsys):
    if "import torch" in BLOCKS[number]:
        pytest.importorskip("torch")
    script = tmp_path / "block.py"
    script.write_text(BLOCKS[number], encoding="utf-8")
    runpy.run_path(str(script))


def test_the_example_is_short_and_its_check_is_right(tmp_path, capsys):
    assert BLOCKS[0].count("\n") <= 12
    script = tmp_path / "block.py"
    script.write_text(BLOCKS[0], encoding="utf-8")
    runpy.run_path(str(script))
    assert "all gradients are right" in capsys.readouterr().out


def test_named_files_exist():
    table = README[README.index("## The files") : README.index("`tests/` mirrors")]
    names = [name for row in re.findall(r"^\| (`.*?) \|", table, re.M) for name in re.findall(r"`([^`]+)`", row)]
    assert len(names) > 15
    for name in names:
        if name != "afm_numpy/":
            assert (Path(afm_numpy.__file__).parent / name).exists(), name


def test_the_course_lists_every_notebook():
    course = README[README.index("## The course") : README.index("## Ten lines")]
    listed = re.findall(r"^\| \[\d\d [^\]]+\]\(notebooks/([\w.]+)\) \| .+ \| \d+ \|$", course, re.M)
    assert listed == sorted(path.name for path in (ROOT / "notebooks").glob("*.ipynb"))
    (opened,) = re.findall(r"jupyter lab notebooks/([\w.]+)", course)
    assert opened == listed[0]


def test_commands_use_what_the_project_defines():
    commands = re.findall(r"```bash\n(.*?)```", README, re.S)
    assert len(commands) >= 2
    setup = (ROOT / "setup.cfg").read_text(encoding="utf-8")
    for extra in re.findall(r"\.\[(\w+)\]", " ".join(commands)):
        assert re.search(rf"^{extra} =", setup, re.M)
    assert "afm-numpy = afm_numpy.commands.cli:main" in setup
