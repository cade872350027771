"""The page for users of other libraries: its code runs, its table names every status, its figures are true."""

import re
import runpy
from pathlib import Path

import numpy as np
import pytest

import afm_numpy.gradcheck
from afm_numpy.gradcheck import check_layer

PAGE = Path(afm_numpy.gradcheck.__file__).with_name("README.md").read_text(encoding="utf-8")
BLOCKS = {part.splitlines()[0]: re.findall(r"```python\n(.*?)```", part, re.S) for part in PAGE.split("\n## ")[1:]}


@pytest.mark.parametrize("section", [section for section, blocks in BLOCKS.items() if blocks])
def test_the_blocks_run(section, tmp_path, capsys):
    for library in ("torch", "jax"):
        if library in section:
            pytest.importorskip(library)
            assert len(BLOCKS[section][-1].splitlines()) <= 10              # the check itself, ten lines
    script = tmp_path / "block.py"
    script.write_text("".join(BLOCKS[section]), encoding="utf-8")
    names = runpy.run_path(str(script))
    if "report" in names:
        assert [entry.status for entry in names["report"].entries.values()] == ["ok", "ok"]
    for name in names:
        if name.startswith("test_"):
            names[name]()


def test_every_status_is_explained():
    found = re.findall(r"^\| (\w+) \| (right|wrong|cannot tell) \|", PAGE, re.M)
    code = "".join(path.read_text("utf-8") for path in Path(afm_numpy.gradcheck.__file__).parent.glob("*.py"))
    assert all(f'"{status}"' in code for status, _ in found) and len(found) == 9


@pytest.mark.parametrize("method", ["complex", "central"])
def test_a_million_parameters_take_30_calls_of_forward(method):
    rng, calls = np.random.default_rng(0), []

    def forward(x, W, b):
        calls.append(1)
        return np.tanh(x @ W + b), (x, W, b)

    def backward(dy, cache):
        x, W, b = cache
        dz = dy * (1 - np.tanh(x @ W + b) ** 2)
        return dz @ W.T, x.T @ dz, dz.sum(0)

    inputs = rng.normal(size=(4, 1000)), rng.normal(size=(1000, 1000)) / 30, rng.normal(size=1000)
    report = check_layer(forward, backward, inputs, method=method, full=0, samples=0)
    assert report and len(calls) <= 30
    assert report["W"].note == "0 of 1000000 entries were measured one by one, and 3 directions that mix all"
    worse = check_layer(forward, lambda d, c: (*backward(d, c)[:2], 1.001 * backward(d, c)[2]), inputs, method=method,
                        full=0, samples=0)  # fmt: skip
    assert [entry.status for entry in worse.entries.values()] == ["ok", "ok", "error"]
