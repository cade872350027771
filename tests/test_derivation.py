"""The derivation sheet: its functions, notebooks and sections exist, and no gradient is missing."""

import json
import re
from importlib import import_module
from pathlib import Path

ROOT = Path(__file__).parents[1]
SHEET = (ROOT / "notebooks" / "derivation.md").read_text("utf-8")
LINES = re.findall(r"^\|.*\[`([\w.]+)`\]\((\S+)\) \| \[(\d\d)\]\((\S+)\), (\d+) \|$", SHEET, re.M)


def test_each_line_names_a_function_and_a_section_that_exist():
    rows = re.findall(r"^\|(?!---| eq\.| line).*$", SHEET, re.M)
    assert len(LINES) == len(rows) > 25
    for function, file, number, name, section in LINES:
        module, name_in_it = function.split(".")
        assert file == f"../afm_numpy/{module}.py" and (ROOT / "notebooks" / file).exists()
        assert callable(getattr(import_module(f"afm_numpy.{module}"), name_in_it))
        cells = json.loads((ROOT / "notebooks" / name).read_text("utf-8"))["cells"]
        text = "\n\n".join("".join(cell["source"]) for cell in cells if cell["cell_type"] == "markdown")
        assert name.startswith(number) and re.search(rf"^## {section}\. ", text, re.M), (name, section)


def test_an_equation_stands_in_the_section_that_its_line_names():
    rows = re.findall(r"^\| \((\d)\) \|.*\[\d\d\]\((\S+)\), (\d+) \|$", SHEET, re.M)
    assert len(rows) >= 8
    for equation, name, section in rows:
        cells = json.loads((ROOT / "notebooks" / name).read_text("utf-8"))["cells"]
        text = "\n\n".join("".join(cell["source"]) for cell in cells if cell["cell_type"] == "markdown")
        part = re.split(r"^## ", text.split(f"\n## {section}. ")[1], flags=re.M)[0]
        assert re.search(rf"[Ee]q\. \({equation}\)", part), (equation, name, section)


def test_every_equation_of_the_paper_and_every_gradient_is_there():
    assert sorted(set(re.findall(r"^\| \((\d)\) \|", SHEET, re.M)) | {"3"}) == list("12345678") and "eq. (3)" in SHEET
    for name in ("w_0", "w_i", "v_i", "p", "W", "b", "h"):
        assert re.search(rf"\\mathrm d{re.escape(name)}\b", SHEET), name


def test_backward_functions_stand_after_their_forward_ones():
    functions = [function for function, *_ in LINES]
    for backward in functions:
        forward = backward.replace("backward", "forward")
        assert forward in functions and functions.index(forward) <= functions.index(backward), backward
