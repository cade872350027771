"""No false alarm and no miss: on the grid of tools/checkers.py, and on layers that were written after the checker."""

import re
from pathlib import Path

import checkers
import pytest
import strangers
from later_layers import LAYERS

from afm_numpy.gradcheck import check_layer

GRID = list(checkers.cases())
STRANGE = list(strangers.cases())
AT_KINKS = [case for case in STRANGE if case.kinks and case.right]
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
    section = PAGE[PAGE.index("## The gradient checker against others") : PAGE.index("Those of `tools/strangers.py`")]
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


def test_the_strangers_grid_has_kinks_both_types_and_the_size_that_the_page_says():
    right = sum(case.right for case in STRANGE)
    assert f"{len(strangers.LAYERS)} layers, {right} right gradients and {len(STRANGE) - right} wrong ones" in PAGE
    assert {case.dtype for case in STRANGE} == {"float64", "float32"}
    assert sum(bool(case.kinks) for case in STRANGE) >= 20 and sum(case.near for case in STRANGE) >= 60


@pytest.mark.parametrize(
    ("how", "part"),
    [("complex", STRANGE[::6]), ("central", STRANGE[1::8]), ("check_layer", STRANGE[2::8]),
     *((how, AT_KINKS) for how in ("complex", "central", "check_layer"))],
)  # fmt: skip
def test_strangers_layers(how, part):
    found = strangers.score(part, how)
    assert found.alarms == found.misses == []
    assert {case.layer for case, _ in found.lost} <= {strangers.LAYERS[name] for name in ("log det", "power spectrum")}
    if not all(case.kinks for case in part):
        assert len(found.undecided) <= 0.05 * len(part)
    for case, statuses in found.undecided:                                  # then only where it is true
        if how != "central":
            names = dict(zip(statuses, case.inputs, strict=True))
            assert {names[name] for name, status in statuses.items() if status == "kink"} <= set(case.kinks), case.name
    for case in part:
        if case.kinks and case.right:
            assert any(case is other for other, _ in found.undecided), case.name


def test_what_loses_the_imaginary_part_is_named_and_no_error():
    losing = [case for case in STRANGE if case.layer in map(strangers.LAYERS.get, ("log det", "power spectrum"))]
    found = strangers.score([case for case in losing if case.right][::3], "complex")
    assert len(found.lost) >= 8 and found.alarms == []
