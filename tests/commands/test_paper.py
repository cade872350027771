"""The paper's comparison on small files: what is trained from what, chosen by what, and printed."""

import re

import numpy as np
import pytest

from afm_numpy import Batch, Model, metrics, recipes
from afm_numpy.commands import cli, paper
from afm_numpy.datasets import dump_libfm
from afm_numpy.datasets.fetch import Files

MODELS = ["FM", "sum pooling", "field a_ij", "free a_ij", "AFM", "AFM from FM"]


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Three categorical fields; the sign of a planted FM with noise."""
    folder, rng = tmp_path_factory.mktemp("paper"), np.random.default_rng(0)
    V = rng.standard_normal((24, 2))
    for part, size in (("train", 400), ("validation", 100), ("test", 200)):
        idx = rng.integers(0, 8, (size, 3)) + [0, 8, 16]
        E = V[idx]
        score = (E.sum(1) ** 2 - (E**2).sum(1)).sum(1) + rng.standard_normal(size)
        dump_libfm(folder / f"frappe.{part}.libfm", Batch.from_padded(idx, n=24), np.where(score > 0, 1, -1))
    return folder


@pytest.fixture
def runs(monkeypatch):
    """What the command trains: (recipe, fit, valid, options, result) of each run; of big recipes a few epochs."""
    runs, run = [], recipes.run

    def recorded(recipe, fit, valid, **options):
        runs.append((recipe, fit, valid, options, run(recipe, fit, valid, **{"epochs": 3} | options)))
        return runs[-1][-1]

    monkeypatch.setattr(recipes, "run", recorded)
    return runs


def call(*args):
    return cli.main(["paper", "frappe", "--quiet", *map(str, args)])


def rows_of(text):
    """The printed table: name -> cells."""
    return {name: cells.split() for name, cells in re.findall(r"^k = 16: (.+?)  +(.+)$", text, re.M)}


def test_every_model_of_the_comparison(folder, tmp_path, runs, capsys):
    assert call("--data", folder, "--k", 16, "--out", tmp_path / "new" / "folder") == 0
    captured = capsys.readouterr()
    assert captured.err == ""
    assert "rows: train 400, valid 100, test 200; 24 features, at most 3 in a row" in captured.out
    for model, size, rmse in (("LibFM", "1.38M", "0.3385"), ("AFM", "1.45M", "0.3102")):
        assert re.search(f"^paper, k = 256: {model} +{size} +{rmse}$", captured.out, re.M)
    table = rows_of(captured.out)
    assert list(table) == MODELS
    n, k, t, P, F = 24, 16, 16, 3, 3 * 64
    fm = 1 + n + n * k
    sizes = [fm, fm + k, fm + k + P, fm + k + F, fm + k + k * t + 2 * t, fm + k + k * t + 2 * t]
    for cells, size, (recipe, _, _, _, result) in zip(table.values(), sizes, runs, strict=True):
        count = sum(value.size for name, value in result.params.items() if name != "pairs")
        assert count == (size if recipe.model.attention != "free" else fm + k + len(result.params["free"]))
        assert cells[0] == f"{count / 1e6:.2f}M"
        valid = [row["valid_rmse"] for row in result.history]
        assert float(cells[4]) == result.best_epoch == 1 + np.argmin(valid)           # chosen by the validation rows
        assert 0.3 < float(cells[2]) <= float(cells[1]) < 1.2 and 0.5 < float(cells[3]) <= 1
    assert all(len(fit[1]) == 400 and len(valid[1]) == 100 for _, fit, valid, _, _ in runs)
    started = [options["fm_params"] for _, _, _, options, _ in runs]
    assert started[:5] == [None] * 5 and started[5] is runs[0][-1].params
    assert (tmp_path / "new" / "folder" / "convergence.png").read_bytes()[:8] == b"\x89PNG\r\n\x1a\n"


def test_seeds_recipe_models_and_another_split(folder, tmp_path, runs, capsys):
    split = [part for name in ("train", "valid", "test")
             for part in (f"--{name}", folder / f"frappe.{name.replace('valid', 'validation')}.libfm")]  # fmt: skip
    assert call(*split, "--k", 16, "--recipe", "authors", "--seeds", 2, "--epochs", 2, "--out", tmp_path,
                "--models", "AFM from FM") == 0  # fmt: skip
    table = rows_of(capsys.readouterr().out)
    assert list(table) == ["FM", "AFM from FM"] and table["FM"][2] == "+-"
    assert [options["seed"] for _, _, _, options, _ in runs] == [0, 0, 1, 1]
    assert runs[3][3]["fm_params"] is runs[2][-1].params and runs[1][3]["fm_params"] is runs[0][-1].params
    assert all(len(result.history) == 2 for *_, result in runs)
    authors = recipes.paper_recipes(16, "authors")
    assert [recipe for recipe, *_ in runs] == [authors["FM"], authors["AFM from FM"]] * 2
    assert authors["AFM"].loss.l2 == {"W": 100.0} and "W" not in recipes.paper_recipes(16)["AFM"].loss.l2


def test_scores():
    """The prediction of the test rows is 3, 0 and -2; clipped to the targets of the training rows 1, 0 and -1.

    The test rows and the validation rows have targets of another range, which must not be looked at.
    """
    batch = Batch.from_lists([[0], [1], [2]], n=3)
    params = {"w0": np.array(0.0), "w": np.array([3.0, 0.0, -2.0]), "V": np.zeros((3, 1))}
    y = np.array([2.0, 2.0, -2.0])
    parts = Files((batch, np.array([1.0, -1.0, 1.0])), (batch, 9 * y), (batch, y))
    score = paper.score(Model("fm"), params, parts)
    assert score == {"rmse": pytest.approx(np.sqrt(5 / 3)), "clipped": pytest.approx(np.sqrt(6 / 3)), "auc": 1.0,
                     "params": 7}  # fmt: skip
    assert score["auc"] == metrics.auc(y > 0, np.array([3.0, 0.0, -2.0]))


@pytest.mark.parametrize("wrong, message", [
    (["--data", "none"], "none has no frappe.train.libfm, frappe.validation.libfm, frappe.test.libfm; `afm"),
    (["--data", "frappe.test.libfm"], "frappe.test.libfm has no frappe.train.libfm"),
    (["--train", "none", "--valid", "none", "--test", "none"], "none: No such file or directory"),
    (["--data", "ones"], "every row of the test part has the target 1, so there is nothing to tell apart"),
    (["--data", ".", "--id-base", "1"], "frappe.train.libfm, line .*: found '0:1', expected an id from 1 up"),
    (["--data", ".", "--out", "frappe.test.libfm"], "frappe.test.libfm/convergence.png: Not a directory"),
    (["--data", ".", "--out", "blocked"], "blocked/convergence.png: .*Not a regular file, but the name of a folder"),
])  # fmt: skip
def test_wrong_files_are_refused_before_training(wrong, message, folder, runs, monkeypatch, capsys):
    monkeypatch.chdir(folder)
    (folder / "ones").mkdir(exist_ok=True)
    (folder / "blocked" / "convergence.png").mkdir(parents=True, exist_ok=True)
    for part, last in (("train", -1), ("validation", -1), ("test", 1)):
        (folder / "ones" / f"frappe.{part}.libfm").write_text(f"1 0:1\n{last} 1:1\n")
    assert call(*wrong) == 2 and not runs
    err = capsys.readouterr().err
    assert err.count("\n") == 1 and re.search(f"^afm-numpy paper: error: .*{message}", err)


@pytest.mark.parametrize("wrong, message", [
    ([], "give --data DIR, or all of --train, --valid and --test"),
    (["--data", ".", "--train", "a"], "give --data DIR, or all of"),
    (["--train", "a", "--test", "b"], "give --data DIR, or all of"),
    (["--data", ".", "--k", "8"], "invalid choice: 8"),
    (["--data", ".", "--recipe", "best"], "invalid choice: 'best'"),
    (["--data", ".", "--seeds", "0"], "'0' is not a whole number of at least 1"),
    (["--data", ".", "--models", "FFM"], "invalid choice: 'FFM'"),
])  # fmt: skip
def test_wrong_options(wrong, message, capsys):
    with pytest.raises(SystemExit) as end:
        call(*wrong)
    err = capsys.readouterr().err
    assert end.value.code == 2 and message in err and err.count("\n") == 1
