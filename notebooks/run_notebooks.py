"""Run notebooks in fresh kernels, top to bottom, and store their outputs.

    python notebooks/run_notebooks.py                        all of them
    python notebooks/run_notebooks.py 04_attention.ipynb     one

Stored outputs come from this command and from nothing else.
"""

import argparse
import os
import sys
import time
from pathlib import Path

import nbformat
from nbclient import NotebookClient

FOLDER = Path(__file__).parent
TIMEOUT = 300  # seconds a cell may take


def execute(notebook):
    """Run a notebook object in a fresh kernel whose working folder is this one; returns it with new outputs."""
    os.environ.pop("MPLBACKEND", None)  # another backend would draw nothing below the cells
    for cell in notebook.cells:
        if cell.cell_type == "code":
            cell.outputs, cell.execution_count = [], None
    NotebookClient(notebook, timeout=TIMEOUT, kernel_name="python3", resources={"metadata": {"path": FOLDER}}).execute()
    return notebook


def clean(notebook):
    """Leave only what belongs to the text: no times of execution, no name of this machine's kernel."""
    notebook.metadata = {
        "kernelspec": {"display_name": "Python 3", "language": "python", "name": "python3"},
        "language_info": {"name": "python"},
    }
    for number, cell in enumerate(notebook.cells):
        cell.id = f"cell-{number}"
        tags = cell.metadata.get("tags")
        cell.metadata = {"tags": tags} if tags else {}
        if cell.cell_type == "code":
            cell.outputs = _joined(cell.outputs)
    return notebook


def _joined(outputs):
    """Neighbouring pieces of one stream as one output, so that timing does not decide how a text is cut."""
    joined = []
    for output in outputs:
        if joined and output.output_type == "stream" == joined[-1].output_type and output.name == joined[-1].name:
            joined[-1].text += output.text
        else:
            joined.append(output)
    return joined


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("names", nargs="*", help="notebooks in this folder (default: all)")
    args = parser.parse_args()
    for path in [FOLDER / name for name in args.names] or sorted(FOLDER.glob("*.ipynb")):
        start = time.perf_counter()
        notebook = clean(execute(nbformat.read(path, as_version=4)))
        part = path.with_suffix(".part")
        nbformat.write(notebook, part)
        os.replace(part, path)
        print(f"{path.name}: {time.perf_counter() - start:.1f} s, {path.stat().st_size // 1000} kB", flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
