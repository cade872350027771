"""What the README shows is run, and what it names exists."""

import re
import runpy
from pathlib import Path

import pytest

import afm_numpy

ROOT = Path(__file__).parents[1]
README = (ROOT / "README.md").read_text(encoding="utf-8")
BLOCKS = re.findall(r"```python\n(.*?)```", README, re.S)
FEATURES = (ROOT / "docs" / "features.md").read_text(encoding="utf-8")
ALL = BLOCKS + re.findall(r"```python\n(.*?)```", FEATURES, re.S)


@pytest.mark.parametrize("number", range(len(ALL)))
def test_python_blocks_run(number, tmp_path, capsys):
    if "import torch" in ALL[number]:
        pytest.importorskip("torch")
    script = tmp_path / "block.py"
    script.write_text(ALL[number], encoding="utf-8")
    runpy.run_path(str(script))


def test_the_example_is_short_and_its_check_is_right(tmp_path, capsys):
    assert BLOCKS[0].count("\n") <= 12
    script = tmp_path / "block.py"
    script.write_text(BLOCKS[0], encoding="utf-8")
    runpy.run_path(str(script))
    assert "all gradients are right" in capsys.readouterr().out


def test_the_output_is_what_the_ten_lines_print(capsys):
    exec(BLOCKS[0], {})
    (shown,) = re.findall(r"```text\n(.*?)```", README, re.S)

    def certain(text):
        """The lines without the worst slope of each array: which one it is, and by how much, is rounding noise."""
        lines = [" ".join(line.split()) for line in text.splitlines()]
        return [re.sub(r" \S+ \([\d, ]*\) .*?(\d+ of \d+.*)", r" \1", line) for line in lines]

    assert certain(capsys.readouterr().out) == certain(shown)
    assert "w0 ok 1 of 1 0 0" in certain(shown)


def test_it_can_be_read_in_five_minutes():
    assert README.count("\n") <= 150


@pytest.mark.parametrize("page", [
    "README.md", "CONTRIBUTING.md", "CHANGELOG.md", "docs/features.md", "notebooks/README.md", "tests/README.md",
])  # fmt: skip
def test_links_lead_to_files(page):
    text = (ROOT / page).read_text(encoding="utf-8")
    links = re.findall(r"\]\((?!https?:|#)([^)#]+)(?:#[^)]*)?\)", text)
    assert not [link for link in links if not (ROOT / page).parent.joinpath(link).exists()]


def test_the_map_of_the_house_names_every_room():
    page = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")
    table = page[page.index("| in `afm_numpy/` |") : page.index("`tests/` mirrors")]
    names = {name for row in re.findall(r"^\| (`.*?) \|", table, re.M) for name in re.findall(r"`([^`]+)`", row)}
    package = Path(afm_numpy.__file__).parent
    rooms = {f"{path.name}/" for path in package.iterdir() if (path / "__init__.py").exists()}
    files = {path.name for path in package.glob("[!_]*.py")}
    assert names - {"afm_numpy/"} == rooms | files


def test_the_course_lists_every_notebook():
    course = (ROOT / "notebooks" / "README.md").read_text(encoding="utf-8")
    listed = re.findall(r"^\| \[\d\d [^\]]+\]\(([\w.]+)\) \| .+ \| \d+ \|$", course, re.M)
    assert listed == sorted(path.name for path in (ROOT / "notebooks").glob("[0-9]*.ipynb"))
    assert "](reference.ipynb)" in course
    (opened,) = re.findall(r"jupyter lab notebooks/([\w.]+)", course)
    assert opened == listed[0]


def test_commands_use_what_the_project_defines():
    names = "README.md", "CONTRIBUTING.md", "notebooks/README.md"
    text = "\n".join((ROOT / name).read_text(encoding="utf-8") for name in names)
    commands = re.findall(r"```bash\n(.*?)```", text, re.S)
    assert len(commands) >= 4
    setup = (ROOT / "setup.cfg").read_text(encoding="utf-8")
    for extra in re.findall(r"\.\[(\w+)\]", " ".join(commands)):
        assert re.search(rf"^{extra} =", setup, re.M)
    assert "afm-numpy = afm_numpy.commands.cli:main" in setup
