"""How long the core of each notebook takes: words of its text / 150, and three minutes for each line to write.

    python tests/tools/course_minutes.py

Not core are the folded solutions, and each section whose title begins with "Side path", up to the next title of its
level or a higher one. A formula counts as one word, a number as none. A line to write is a line of the solution that
the blank lacks.
"""

import json
import re
import sys
from collections import Counter
from pathlib import Path

NOTEBOOKS = Path(__file__).parents[2] / "notebooks"
FOLDED = re.compile(r"<details>.*?</details>", re.S)


def words(text):
    text = re.sub(r"\$\$.+?\$\$|\$.+?\$", " formula ", FOLDED.sub("", text), flags=re.S)
    return len(re.findall(r"[^\W\d_][\w'.-]*", re.sub(r"\]\([^)]*\)", "]", text)))


def lines_to_write(blank, text):
    """Lines of the solution folded in a text that the blank does not have."""
    solution = re.search(r"<details>.*?```python\n(.*?)```.*?</details>", text, re.S)[1]
    have, want = (Counter(line.strip() for line in code.splitlines() if line.strip()) for code in (blank, solution))
    return (want - have).total()


def core(notebook):
    """(words, lines to write) of a notebook without its side paths."""
    read, write, blank, side = 0, 0, "", 0              # side: the level of the title that began a side path, or 0
    for cell in notebook["cells"]:
        source = "".join(cell["source"])
        if cell["cell_type"] == "code":
            blank = source if "exercise" in cell["metadata"].get("tags", []) else blank
            continue
        if blank and "<details>" in source:
            write += 0 if side else lines_to_write(blank, source)
            blank = ""
        for part in re.split(r"^(?=#+ )", FOLDED.sub("", source), flags=re.M):
            title = re.match(r"(#+) (?:\d+\. )?(Side path)?", part)
            if title and (not side or len(title[1]) <= side):
                side = len(title[1]) if title[2] else 0
            read += 0 if side else words(part)
    return read, write


def minutes(path):
    read, write = core(json.loads(path.read_text(encoding="utf-8")))
    return read / 150 + 3 * write


def main():
    total = 0.0
    print("notebook                        words  lines  core minutes  from the start")
    for path in sorted(NOTEBOOKS.glob("[0-9]*.ipynb")):
        total += minutes(path)
        read, write = core(json.loads(path.read_text(encoding="utf-8")))
        print(f"{path.stem:30} {read:6} {write:6} {minutes(path):13.0f} {total:15.0f}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
