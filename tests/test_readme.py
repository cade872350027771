"""What the README shows is run, and what it names exists."""

import ast
import inspect
import json
import re
import runpy
from importlib.util import find_spec
from pathlib import Path
from typing import get_args

import numpy as np
import pytest

import afm_numpy
from afm_numpy import RowGrad, conformance
from afm_numpy._types import Attention
from afm_numpy.commands import cli

ROOT = Path(__file__).parents[1]
README = (ROOT / "README.md").read_text(encoding="utf-8")
BLOCKS = re.findall(r"```python\n(.*?)```", README, re.S)
FEATURES = (ROOT / "docs" / "features.md").read_text(encoding="utf-8")
ALL = BLOCKS + re.findall(r"```python\n(.*?)```", FEATURES, re.S)


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """A folder with the reader's own data, people.csv and new.csv."""
    rng = np.random.default_rng(0)
    for name, rows in (("people", 60), ("new", 5)):
        lines = ["job,city,age,hours,income"]
        for _ in range(rows):
            job, age = rng.choice(["nurse", "cook", "smith"]), rng.integers(18, 70)
            income = "high" if (job == "cook") != (age > 40) else "low"
            lines.append(f"{job},{rng.choice(['Ulm', 'Bonn'])},{age},{rng.integers(10, 60)},{income}")
        (tmp_path / f"{name}.csv").write_text("\n".join(lines) + "\n")
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.mark.parametrize("number", range(len(ALL)))
def test_python_blocks_run(number, folder, capsys):
    for library in ("torch", "pandas"):
        if f"import {library}" in ALL[number]:
            pytest.importorskip(library)
    script = folder / "block.py"
    script.write_text(ALL[number], encoding="utf-8")
    runpy.run_path(str(script))


def test_the_output_is_what_the_ten_lines_print(capsys):
    """To the letter; but rounding decides which entry of an array has the worst slope, so its values are compared.

    The widest of them decides how wide a column is.
    """
    assert BLOCKS[0].count("\n") <= 12
    exec(BLOCKS[0], names := {})
    (shown,) = re.findall(r"```text\n(.*?)```", README, re.S)
    printed, shown = (text.splitlines() for text in (capsys.readouterr().out, shown))
    assert printed[:4] == shown[:4] and printed[4].split() == shown[4].split()
    assert "all gradients are right" in shown[3] and len(printed) == len(shown) == 12
    row = re.compile(r"(\w+) +(ok) +(\S+) +(\([\d, ]*\)) +(\S+) +(\S+) +(\d+ of \d+ +0 +0)")
    for line, ours in zip(shown[5:], printed[5:], strict=True):
        name, _, error, at, analytic, numeric, counts = row.fullmatch(line).groups()
        assert float(error) < 1e-12 and row.fullmatch(ours)[7] == counts and row.fullmatch(ours)[1] == name
        grad = names["grads"][name]
        dense = grad.to_dense(7) if isinstance(grad, RowGrad) else grad
        assert analytic == numeric == f"{dense[ast.literal_eval(at)]:.8g}"


def test_commands_for_own_data_run(folder, capsys):
    part = README[README.index("## Your own data") : README.index("The same from Python")]
    commands = re.findall(r"`(afm-numpy .*?)`", part)
    assert [command.split()[1] for command in commands] == ["train", "predict", "explain"]
    others = [commands[1].replace("predict", name).replace(" --probability", "") for name in ("evaluate", "explain")]
    for command in [*commands, *others]:
        assert cli.main(command.split()[1:]) == 0, capsys.readouterr()
        assert capsys.readouterr().out


def test_numbers_that_the_project_holds():
    mistakes = json.loads((Path(afm_numpy.__file__).parent / "conformance" / "mistakes.json").read_text())
    assert f"| {len(mistakes)} | `afm-numpy conformance check results.json` |" in README
    assert len(get_args(Attention)) == 5 and "all five ways" in README


def test_names_in_the_text_exist():
    names = re.findall(r"`(afm_numpy\.[\w.]+)`", README)
    assert names == ["afm_numpy.conformance", "afm_numpy.torch_model"]
    assert all(find_spec(name) for name in names)
    parameters = list(inspect.signature(conformance.check_torch).parameters)
    assert f"`check_torch({', '.join(parameters[:3])})`" in README


def test_the_two_commands():
    """From a clone on, each with all of its set-up; nothing else is in such a block."""
    first, second = re.findall(r"```bash\n(.*?)```", README, re.S)
    assert first.endswith(" && .venv/bin/afm-numpy demo\n") and "-m pytest" in second
    assert all(command.startswith("python3 -m venv .venv && ") for command in (first, second))


def facts(page):
    """What must be equal in two languages: code, formulas, figures, addresses and the places of links."""
    code = re.findall(r"```.*?```|\$\$.*?\$\$", page, re.S)
    text = re.sub(r"```.*?```|\$\$.*?\$\$", "", page, flags=re.S)
    links = re.findall(r"\]\(([^)]+)\)|<(https?:[^>]+)>", text)
    links = [link for link in map("".join, links) if not link.startswith("README")]
    text = re.sub(r"\]\([^)]+\)|<https?:[^>]+>", "", text)
    spans = re.findall(r"`[^`]+`", text)
    figures = re.findall(r"\d[\d.]*(?:e-\d+)?", re.sub(r"`[^`]+`", "", text))
    return code, sorted(links), sorted(spans), sorted(figure.rstrip(".") for figure in figures)


def test_the_chinese_page_says_the_same():
    chinese = (ROOT / "README.zh-CN.md").read_text(encoding="utf-8")
    for ours, theirs in zip(facts(README), facts(chinese), strict=True):
        assert ours == theirs
    for mark in (r"^#+ ", r"^- ", r"^\|", r"^!\["):
        assert len(re.findall(mark, README, re.M)) == len(re.findall(mark, chinese, re.M))
    assert re.search(r"\]\(README\.zh-CN\.md\)", README) and re.search(r"\]\(README\.md\)", chinese)


def test_it_can_be_read_in_five_minutes():
    assert README.count("\n") <= 150


@pytest.mark.parametrize("page", [
    "README.md", "README.zh-CN.md", "CONTRIBUTING.md", "CHANGELOG.md", "docs/features.md", "notebooks/README.md",
    "tests/README.md",
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
