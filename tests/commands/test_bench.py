"""The benchmark is fair: every contender makes the same steps. What its figures are is not a matter of tests."""

import json
import os
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pytest
from numpy.testing import assert_allclose

from afm_numpy import Batch
from afm_numpy.commands import bench
from afm_numpy.commands.bench import measuring
from afm_numpy.fast.numbering import number_pairs


@pytest.mark.filterwarnings("ignore:Sparse invariant checks")                   # PyTorch, of its own sparse gradients
@pytest.mark.parametrize("data", ["app-log", "adult", "adult with absent values"])
@pytest.mark.parametrize("t", [2, 0], ids=["afm", "fm"])
def test_contenders_make_the_same_steps(t, data):
    batch, y = bench.make_rows(60, data=data.split()[0])
    if "absent" in data:
        batch = batch.with_x(batch.x * (np.random.default_rng(0).random(batch.x.shape) < 0.8))
    names = bench.contenders(batch, t, peers=True)
    assert names[:2] == ["unique", "dense"] and set(names) >= ({"torch", "jax"} if find_spec("torch") else set())
    names = [name for name in names if name != "torch compile"]                 # the same code; compiling takes long
    built = [bench.build(name, batch, y, 3, t) for name in names]
    y_hats = []
    for step, predict, _ in built:
        before = np.array(predict().tolist())
        for _ in range(3):
            step()
        y_hats.append((before, np.array(predict().tolist())))
    for before, after in y_hats:
        assert_allclose(before, y_hats[0][0], rtol=0, atol=1e-6)
        assert_allclose(after, y_hats[0][1], rtol=0, atol=1e-5)
    assert np.abs(y_hats[0][1] - y_hats[0][0]).max() > 0.01


@pytest.mark.skipif(not find_spec("torch"), reason="needs the extra `torch`")
def test_which_peers_there_are():
    full, ragged = bench.make_rows(9)[0], Batch.from_lists([[0, 1], [2]], n=3)
    torch = ["torch", "torch compile"]
    assert bench.contenders(full, 2, peers=False) == ["unique", "dense"]
    assert bench.contenders(full, 2, peers=True)[2:5] == [*torch, "torch once per pair"]
    assert bench.contenders(full, 0, peers=True)[2:5] == [*torch, "torch sparse"]
    assert "torch once per pair" not in bench.contenders(ragged, 2, peers=True)


@pytest.mark.parametrize("data, rows, fields, n, low, high", [
    ("clicks", 512, 39, 220_000, 0.68, 0.76), ("tags", 4096, 3, 90_000, 0.98, 1.0), ("adult", 512, 14, None, 0.2, 0.4),
])  # fmt: skip
def test_other_rows_by_name(data, rows, fields, n, low, high):
    batch, y = bench.make_rows(rows, data=data)
    assert batch.idx.shape == (rows, fields) and y.shape == (rows,) and set(y) == {-1, 1}
    assert batch.dtype == y.dtype == np.float32 and batch.slots_are_fields
    assert n is None or abs(batch.n - n) < 1000
    distinct = number_pairs(batch)
    assert low < distinct.tokens.shape[1] / distinct.pair.size <= high


def test_a_peer_that_cannot_run_is_left_out(monkeypatch, capsys):
    def broken():
        raise RuntimeError("no C++ compiler")

    real = measuring.build
    monkeypatch.setattr(measuring, "contenders", lambda batch, t, peers: ["unique", "torch compile"])
    monkeypatch.setattr(
        measuring, "build",
        lambda name, *rest: real("unique", *rest)._replace(**({} if name == "unique" else {"step": broken})),
    )  # fmt: skip
    found = measuring.measure("app-log", (64, 2, 2), True, 1, 0)
    assert list(found["step_ms"]) == list(found["peak_mb"]) == ["unique"]
    assert capsys.readouterr().err == "torch compile cannot run here: no C++ compiler\n"
    monkeypatch.setattr(measuring, "build", lambda name, *rest: real("unique", *rest)._replace(step=broken))
    with pytest.raises(RuntimeError, match="no C"):
        measuring.measure("app-log", (64, 2, 2), True, 1, 0)


def test_busy_processes_end():
    with measuring.busy(2):
        started = children()
        assert len(started) == 2
    assert children() == []
    with pytest.raises(KeyboardInterrupt), measuring.busy(1):
        raise KeyboardInterrupt
    assert children() == []


def children():
    """The processes that this one has started and that have not ended."""
    return Path(f"/proc/self/task/{os.getpid()}/children").read_text().split()


def test_rows_have_the_statistics_of_a_log():
    batch, y = bench.make_rows(4096, seed=3)
    assert batch.idx.dtype.kind == "i" and batch.x.dtype == y.dtype == np.float32 and (batch.x == 1).all()
    starts = np.cumsum([0, *(size for size, _ in bench.FIELDS["app-log"].values())])
    assert ((batch.idx >= starts[:-1]) & (batch.idx < starts[1:])).all()
    assert 0.33 < (y == 1).mean() < 0.34 and set(y) == {-1, 1}
    assert 0.2 < len(batch.distinct_pairs()) / batch.mask.sum() < 0.25


def test_medians_are_over_rounds_of_warm_bursts(monkeypatch):
    clock, calls = [0.0], []
    monkeypatch.setattr(measuring.time, "perf_counter", lambda: clock[0])
    monkeypatch.setattr(measuring.time, "sleep", lambda seconds: calls.append("pause"))

    def takes(name, seconds):
        def function():
            cold = not calls or calls[-1] != name
            calls.append(name)
            clock[0] += 10 * seconds if cold else seconds
        return function

    held = []

    @contextmanager
    def hold(name):
        held.append(name)
        yield
        assert calls[-1] == name

    found = bench.medians({"slow": takes("slow", 0.25), "fast": takes("fast", 0.02)}, 3, hold)
    assert held == ["slow", "fast"] * 4
    assert found == pytest.approx({"slow": 250, "fast": 20})
    one_round = ["pause", "slow", "slow", "pause", "fast", "fast", "fast"]       # 0.05 s hold two fast calls
    assert calls == ["slow"] * 2 + ["fast"] * 2 + 3 * one_round


def test_json_and_table(capsys):
    sizes = ["--steps", "1", "--busy", "0", "--config", "64,3,2", "64,3,0"]
    assert bench.main([*sizes, "--json"]) == 0
    out, err = capsys.readouterr()
    found = json.loads(out)
    assert found["machine"]["numpy"] == np.__version__
    afm, fm = found["results"]
    assert (afm["B"], afm["k"], afm["t"], fm["t"], afm["data"], afm["busy"]) == (64, 3, 2, 0, "app-log", 0)
    assert afm["floor_ms"] > 0 and fm["floor_ms"] is None and afm["best_peer_over_unique"] is None
    for figures in (afm["step_ms"], fm["step_ms"], afm["predicted_rows_per_s"]):
        assert list(figures) == ["unique", "dense"] and min(figures.values()) > 0
    assert err.splitlines() == ["measuring app-log, B,k,t = 64,3,2", "measuring app-log, B,k,t = 64,3,0"]
    rows = [line.split() for line in bench.lines(found["results"])]
    expected = [[name, f"{ms:.2f}"] for result in (afm, fm) for name, ms in result["step_ms"].items()]
    assert [row[-6:-4] for row in rows[1:]] == expected


@pytest.mark.parametrize("argv", [
    ["--steps", "0"], ["--config", "1,2"], ["--config", "0,2,3"], ["--config", "2,2,-1"],
    ["--busy", "-1"], ["--busy", "1.5"], ["--data", "mnist"],
])  # fmt: skip
def test_wrong_arguments_are_refused_before_anything_is_measured(argv, capsys):
    with pytest.raises(SystemExit):
        bench.main(argv)
    out, err = capsys.readouterr()
    assert out == "" and "measuring" not in err and argv[1] in err
