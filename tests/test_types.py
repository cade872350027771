"""`py.typed` is a promise: mypy accepts a script that is right, and finds what is wrong in one that is not."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

pytest.importorskip("mypy", reason="mypy is a tool of developers: pip install '.[dev]'")

TESTS = Path(__file__).parent
START = """\
import numpy as np
from afm_numpy import Batch, Model, afm, fm, losses, train

batch = Batch.from_lists([[0, 1]], n=2)
params = afm.init_params(np.random.default_rng(0), n=2, m=2, k=2)
"""
WRONG = [
    'afm.forward("nonsense", 3, attention=17)',
    'afm.forward(params, batch, attention="softmax")',
    'afm.forward(params, batch, "network")',
    "fm.backward(1.0)",
    'Model("gnn")',
    'losses.squared_forward("a", 3)',
    "train.fit(Model(), params, batch, np.ones(1))",
    "batch.rows",
]


@pytest.fixture(scope="module")
def found(tmp_path_factory):
    """What mypy says of a user's script and of a script in which every line but the first ones is wrong."""
    folder = tmp_path_factory.mktemp("types")
    (folder / "wrong.py").write_text(START + "\n".join(WRONG) + "\n", encoding="utf-8")
    words = [sys.executable, "-m", "mypy", "--config-file", "setup.cfg", "--cache-dir", folder / "cache"]
    done = subprocess.run([*map(str, words), "tests/user_script.py", str(folder / "wrong.py")],
                          capture_output=True, text=True, cwd=TESTS.parent)  # fmt: skip
    assert not done.stderr
    return done.stdout


def test_a_script_of_a_user_has_no_error(found):
    assert "user_script.py" not in found and "(checked 2 source files)" in found


@pytest.mark.parametrize("line", WRONG)
def test_a_wrong_call_is_an_error(line, found):
    number = START.count("\n") + WRONG.index(line) + 1
    assert re.search(rf"wrong\.py:{number}: error:", found)


def test_the_lines_above_are_right(found):
    assert not [n for n in range(1, START.count("\n") + 1) if re.search(rf"wrong\.py:{n}: error:", found)]
