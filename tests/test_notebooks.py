"""The course: every notebook and every solution runs in a fresh kernel, and what is stored came from such a run.

An exercise is a code cell with the tag "exercise" that the reader completes, then a code cell with the tag "check",
then a folded solution: a <details> block with Python code that may stand in the place of the exercise.
"""

import copy
import re
from pathlib import Path

import nbformat
import pytest
import run_notebooks

FOLDER = Path(__file__).parents[1] / "notebooks"
NAMES = [
    "00_start_here", "01_factorization_machines", "02_learning", "03_pairs", "04_attention",
    "05_trust", "06_adult_income", "07_when_attention_helps",
    "08_once_per_pair", "09_porting", "reference",
]  # fmt: skip


@pytest.fixture(params=NAMES)
def stored(request):
    return nbformat.read(FOLDER / f"{request.param}.ipynb", as_version=4)


def tags(cell):
    return cell.metadata.get("tags", [])


def code_cells(notebook):
    return [cell for cell in notebook.cells if cell.cell_type == "code"]


def solution(cell):
    """The Python code of a folded solution, or None."""
    found = re.search(r"<details>.*?```python\n(.*?)```.*?</details>", cell.source, re.S)
    return found[1] if cell.cell_type == "markdown" and found else None


def kinds(cell):
    """What a reader sees below a cell: streams, pictures, texts, tables."""
    return [(output.output_type, output.get("name"), sorted(output.get("data", {}))) for output in cell.outputs]


def text(cell):
    return "".join(
        output.get("text", "") + "".join(output.get("data", {}).get("text/plain", "")) for output in cell.outputs
    )


def with_solutions(notebook):
    """A copy in which each solution, and the check before it, run once more behind the reader's own."""
    cells, check = [], None
    for cell in copy.deepcopy(notebook.cells):
        cells.append(cell)
        if "check" in tags(cell):
            check = cell
        if solution(cell) is not None:
            cells.append(nbformat.v4.new_code_cell(solution(cell), metadata={"tags": ["solution"]}))
            cells.append(nbformat.v4.new_code_cell(check.source, metadata={"tags": ["solved"]}))
    return nbformat.v4.new_notebook(cells=cells, metadata=notebook.metadata)


def test_no_notebook_is_missing_or_unknown():
    assert sorted(path.stem for path in FOLDER.glob("*.ipynb")) == NAMES


def test_what_is_stored_came_from_one_fresh_run(stored, request):
    cells = code_cells(stored)
    assert [cell.execution_count for cell in cells] == list(range(1, len(cells) + 1))
    assert not any(output.output_type == "error" for cell in cells for output in cell.outputs)
    assert not any(output.get("name") == "stderr" for cell in cells for output in cell.outputs)
    name = request.node.callspec.params["stored"]
    assert (FOLDER / f"{name}.ipynb").stat().st_size <= 400_000
    assert stored == run_notebooks.clean(copy.deepcopy(stored))


def test_exercises_come_with_a_check_and_a_solution(stored, request):
    count = 0
    for at, cell in enumerate(stored.cells):
        if "exercise" in tags(cell):
            count += 1
            assert "check" in tags(stored.cells[at + 1])
            assert solution(stored.cells[at + 2]) is not None
            assert re.match(r"[\w, ]+ = check\(", stored.cells[at + 1].source)  # goes on with the answer
            begins = "Not yet" if "broken" in tags(cell) else "Not written yet"    # broken: a mistake to find
            assert text(stored.cells[at + 1]).startswith(begins)
    assert count >= 3 or request.node.callspec.params["stored"] == "reference"


def test_cells_are_short_enough_to_read(stored):
    assert len(stored.cells) <= 70
    assert len([cell for cell in code_cells(stored) if cell.source.count("\n") >= 15]) <= 2
    for cell in code_cells(stored):
        assert cell.source.count("\n") < 30, cell.source
        assert text(cell).count("\n") <= 45, cell.source


def test_every_picture_has_a_text_and_nothing_is_announced_above_an_answer(stored):
    outputs = [output for cell in code_cells(stored) for output in cell.outputs]
    pictures = [output for output in outputs if "image/png" in output.get("data", {})]
    assert all(len(output.metadata["image/png"]["alt"]) > 20 for output in pictures)
    assert not any("Expected:" in cell.source for cell in stored.cells)


def test_fresh_run_with_solutions(stored):
    before = [kinds(cell) for cell in code_cells(stored)]
    fresh = run_notebooks.clean(run_notebooks.execute(with_solutions(stored)))
    own = [cell for cell in code_cells(fresh) if not {"solution", "solved"} & set(tags(cell))]
    assert not any(output.get("name") == "stderr" for cell in code_cells(fresh) for output in cell.outputs)
    assert [kinds(cell) for cell in own] == before
    for cell in code_cells(fresh):
        if "solved" in tags(cell):
            assert text(cell).startswith("Right"), f"{cell.source}\n{text(cell)}"
