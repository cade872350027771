"""The maps in reference.ipynb are true: of the equations, of the code, of the symbols.

Each equation of the paper is derived in a section of a notebook, named in the docstring of the function that computes
it, and tested by a test that names it.
"""

import ast
import json
import re
from importlib import import_module
from pathlib import Path

import pytest

import afm_numpy

ROOT = Path(__file__).parents[1]
NOTEBOOKS = ROOT / "notebooks"
ROW = re.compile(
    r"^\| \((?P<eq>\d)\) \| [^|]+ "
    r"\| \[(?P<number>\d\d)\]\((?P<notebook>[\w.]+)\), sections? (?P<sections>[\d, ]+) "
    r"\| `(?P<module>\w+)\.(?P<function>\w+)` "
    r"\| `(?P<file>[\w/.]+)`: `(?P<test>\w+)` \|$",
    re.M,
)


def sections(name):
    """The Markdown text of a notebook by the title of its sections."""
    cells = json.loads((NOTEBOOKS / name).read_text("utf-8"))["cells"]
    text = "\n\n".join("".join(cell["source"]) for cell in cells if cell["cell_type"] == "markdown")
    parts = re.split(r"^## (.+)$", text, flags=re.M)
    return dict(zip(parts[1::2], parts[2::2], strict=True))


def map_of(title):
    (found,) = [text for name, text in sections("reference.ipynb").items() if title in name]
    return found


EQUATIONS = [match.groupdict() for match in ROW.finditer(map_of("equation of the paper"))]
every_equation = pytest.mark.parametrize("row", EQUATIONS, ids=[row["eq"] for row in EQUATIONS])


def mentions(text, row):
    return f"eq. ({row['eq']})" in text.lower()


def test_the_table_has_all_equations_of_the_paper_in_order():
    assert [row["eq"] for row in EQUATIONS] == list("12345678")


@every_equation
def test_a_notebook_derives_it(row):
    """It stands in the section's title, or in bold where it is introduced; a mention in passing does not count."""
    assert row["notebook"].startswith(row["number"])
    for number in re.findall(r"\d+", row["sections"]):
        (found,) = [item for item in sections(row["notebook"]).items() if item[0].startswith(f"{number}. ")]
        title, text = (part.lower() for part in found)
        assert f"eq. ({row['eq']})" in title or f"**eq. ({row['eq']})**" in text
        assert "$$" in text


@every_equation
def test_a_docstring_names_it(row):
    function = getattr(import_module(f"afm_numpy.{row['module']}"), row["function"])
    assert mentions(function.__doc__, row)


@every_equation
def test_a_test_names_it(row):
    tree = ast.parse((ROOT / "tests" / row["file"]).read_text("utf-8"))
    (test,) = [node for node in tree.body if isinstance(node, ast.FunctionDef) and node.name == row["test"]]
    assert row["test"].startswith("test_") and mentions(ast.get_docstring(test) or "", row)


def test_the_way_of_the_first_notebook_names_all_others():
    (text,) = [text for name, text in sections("00_start_here.ipynb").items() if name.endswith("The way")]
    names = re.findall(r"^\| \[(\d\d) .+?\]\((\d\d_\w+.ipynb)\) \|", text, re.M)
    assert [name for _, name in names] == sorted(path.name for path in NOTEBOOKS.glob("0[1-9]*.ipynb"))
    assert all(name.startswith(number) for number, name in names)


def test_the_map_of_the_code_names_files_that_exist():
    table = re.findall(r"^\| (?!you want|---)[^|]+ \| (`.+?`) \| ([\d, ]+) \|$", map_of("map of the code"), re.M)
    files = [name for files, _ in table for name in re.findall(r"`([^`]+)`", files)]
    assert len(files) > 15
    assert not [name for name in files if not (Path(afm_numpy.__file__).parent / name).exists()]
