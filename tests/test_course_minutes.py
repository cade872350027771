"""The notebooks tell how long they take, by words to read and lines to write."""

import json
import re

import course_minutes
import pytest
from course_minutes import NOTEBOOKS, core, minutes

COURSE = sorted(NOTEBOOKS.glob("[0-9]*.ipynb"))
TOLD = re.compile(r"\*\*core (\d+) minutes")


def first_cell(path):
    return "".join(json.loads(path.read_text("utf-8"))["cells"][0]["source"])


def md(text):
    return {"cell_type": "markdown", "source": text}


def exercise(text):
    return {"cell_type": "code", "source": text, "metadata": {"tags": ["exercise"]}}


SOLUTION = md("<details>\nnot read\n\n```python\ndef f(x):\n    y = x + 1\n\n    return y\n```\n\n</details>\nread it")


def test_what_is_read_and_written():
    blank = exercise('def f(x):\n    """What f does."""\n    y = ...\n    return y\n')
    assert core({"cells": [md("# The title\n\nfour words, $x$ and\n$$y = 1$$"), blank, SOLUTION]}) == (9, 1)
    assert core({"cells": [exercise("f = ..."), SOLUTION]}) == (2, 3)


def test_side_paths_do_not_count():
    side = [md("## 2. Side path: more\n\nmany words\n\n### deeper\n\nwords"), exercise("f = ..."), SOLUTION]
    after = [md("## 3. Two\n\nword"), exercise("f = ..."), SOLUTION]
    assert core({"cells": [md("## 1. One\n\nword"), *side, *after]}) == (6, 3)
    assert core({"cells": [md("### Side path\n\nno\n\n### One")]}) == (1, 0)


@pytest.mark.parametrize("path", COURSE, ids=lambda path: path.stem)
def test_a_notebook_and_the_readme_tell_its_core_minutes_to_the_next_five(path):
    told = int(TOLD.search(first_cell(path))[1])
    assert told - 5 < round(minutes(path)) <= told
    readme = (NOTEBOOKS / "README.md").read_text("utf-8")
    assert re.search(rf"\]\({path.name}\) \| .+ \| {told} \|$", readme, re.M)


def test_attention_begins_within_150_minutes_and_the_blank_page_ends_within_300():
    before = sum(map(minutes, COURSE[:4]))
    cells = json.loads(COURSE[4].read_text("utf-8"))["cells"]
    texts = ["".join(cell["source"]) for cell in cells]
    (blank_page,) = [at for at, text in enumerate(texts) if re.search(r"^## \d+\. From a blank", text, re.M)]
    solution = next(at for at in range(blank_page, len(cells)) if "<details>" in texts[at])
    read, write = core({"cells": cells[: solution + 1]})
    assert before <= 150
    assert before + read / 150 + 3 * write <= 300


def test_the_reader_writes_at_least_twenty_functions_before_the_blank_page_is_done():
    names = set()
    for path in COURSE[:5]:
        side = 0
        for cell in json.loads(path.read_text("utf-8"))["cells"]:
            for level, title in re.findall(r"^(#+) (.*)$", "".join(cell["source"]), re.M):
                if cell["cell_type"] == "markdown" and (not side or len(level) <= side):
                    side = len(level) if "Side path" in title else 0
            if "exercise" in cell["metadata"].get("tags", []) and not side:
                names |= set(re.findall(r"^def (\w+)", "".join(cell["source"]), re.M))
    assert len(names) >= 20


def test_the_table_has_every_notebook(capsys):
    assert course_minutes.main() == 0
    assert re.findall(r"^(\d\d_\w+)", capsys.readouterr().out, re.M) == [path.stem for path in COURSE]
