"""No false alarm and no miss: on the grid of tools/checkers.py, and on layers that were written after the checker."""

import re
from pathlib import Path

import checkers
import pytest
from later_layers import LAYERS

from afm_numpy.gradcheck import check_layer

GRID = list(checkers.cases())
PAGE = (Path(__file__).parents[1] / "README.md").read_text(encoding="utf-8")


def test_the_grid_is_large_and_the_page_says_how_large():
    right = sum(case.right for case in GRID)
    assert min(right, len(GRID) - right) >= 200
    assert f"{right} right gradients and {len(GRID) - right} wrong ones" in PAGE
    assert {case.name.split(", ")[1] for case in GRID if ", float" in case.name} >= {"float64", "float32"}


@pytest.mark.parametrize(("method", "part"), [("complex", GRID[::3]), ("central", GRID[1::5])])
def test_no_false_alarm_and_no_miss(method, part):
    score = checkers.score(checkers.ours(method), part)
    assert [case.name for case in score.false_alarms + score.misses] == []
    assert len(score.undecided) <= 0.05 * len(part)
    if method == "complex":                                                 # then only where it is true
        assert all(case.at_kink for case in score.undecided)


def test_the_table_has_a_row_for_every_checker(monkeypatch, capsys):
    section = PAGE[PAGE.index("## The gradient checker against others") :]
    assert re.findall(r"^\| ([^|]+) \| \d+ \| \d+ \| \d+ \|", section, re.M) == list(checkers.CHECKERS)
    assert "| ours, complex | 0 | 0 | 3 |" in section and "| ours, central | 0 | 0 | 8 |" in section
    monkeypatch.setattr(checkers, "cases", lambda: GRID[::100])
    monkeypatch.setattr(checkers, "find_spec", lambda name: name == "numpy" or None)
    checkers.main([])
    shown = capsys.readouterr().out
    assert "| ours, complex | 0 | 0 | 0 |" in shown and "| JAX check_grads | jax is not installed |" in shown
    checkers.main(["--ours"])
    assert "jax" not in capsys.readouterr().out


@pytest.mark.parametrize("method", [None, "central"])
@pytest.mark.parametrize("name", LAYERS)
def test_later_layers(name, method):
    forward, backward, inputs, takes = LAYERS[name]
    for mistake in (0, 1, 2):
        report = check_layer(
            forward, lambda d, *given, m=mistake: backward(d, *given, m), inputs, takes=takes, method=method
        )
        found = {entry.status for entry in report.entries.values()}
        assert found == {"ok"} if mistake == 0 else "error" in found, f"{name}, mistake {mistake}\n{report}"
