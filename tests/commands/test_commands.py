"""The commands on files, as a user would call them."""

import bz2
import gzip
import json
import lzma
import os
import re
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import children
import numpy as np
import pytest

from afm_numpy import Batch, Model, metrics, saving, train
from afm_numpy.commands import cli
from afm_numpy.datasets import dump_libfm, load_libfm
from afm_numpy.estimators import AFMClassifier, AFMRegressor, FMClassifier, FMRegressor


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """train.libfm, valid.libfm and test.libfm: three categorical fields, logits by a planted FM, labels 0 and 1."""
    folder = tmp_path_factory.mktemp("data")
    rng = np.random.default_rng(0)
    V = rng.standard_normal((30, 3))
    for name, size in (("train", 1500), ("valid", 300), ("test", 300)):
        idx = rng.integers(0, 10, (size, 3)) + [0, 10, 20]
        E = V[idx]
        logit = 0.5 * (E.sum(1) ** 2 - (E**2).sum(1)).sum(1)
        y = (rng.random(size) < 1 / (1 + np.exp(-logit))).astype(float)
        dump_libfm(folder / f"{name}.libfm", Batch.from_padded(idx, n=30), y)
    return folder


def run(*args):
    return cli.main([str(arg) for arg in args])


@pytest.fixture(scope="module")
def fm_file(folder):
    path = folder / "fm.npz"
    assert run("train", folder / "train.libfm", "--valid", folder / "valid.libfm", "--out", path, "--model", "fm",
               "--loss", "logistic", "--k", 4, "--epochs", 15, "--batch-size", 128, "--quiet") == 0  # fmt: skip
    return path


def test_train_writes_the_best_model_and_says_what_it_reached(folder, tmp_path, capsys):
    out = tmp_path / "m.npz"
    assert run("train", folder / "train.libfm", "--valid", folder / "valid.libfm", "--out", out, "--model", "fm",
               "--loss", "logistic", "--k", 4, "--epochs", 8, "--batch-size", 128) == 0  # fmt: skip
    captured = capsys.readouterr()
    assert captured.err.startswith("epoch 1 of 8: loss ")           # progress, and only there
    best = re.match(r"best epoch (\d+)  loss \S+  valid_loss (\S+)  valid_auc \S+  valid_accuracy \S+\n", captured.out)
    assert f"saved {out}" in captured.out
    saved = saving.load(out)
    batch, y = load_libfm(folder / "valid.libfm", n=30)
    value = metrics.log_loss(y, train.predict(saved.model, saved.params, batch))
    assert float(best[2]) == pytest.approx(value, abs=1e-4)
    assert saved.config["epoch"] == int(best[1])
    assert metrics.auc(y, train.predict(saved.model, saved.params, batch)) > 0.75


@pytest.mark.parametrize("attention", ["network", "field", "free", "uniform", "sum"])
def test_train_evaluate_predict_agree(attention, folder, tmp_path, capsys):
    out = tmp_path / "m.npz"
    assert run("train", folder / "train.libfm", "--out", out, "--attention", attention, "--loss", "logistic", "--k", 3,
               "--t", 2, "--epochs", 2, "--quiet", "--l2-V", 1e-4, "--keep-pooled", 0.9) == 0  # fmt: skip
    capsys.readouterr()
    assert run("predict", out, folder / "test.libfm", "--probability") == 0
    prob = np.array(capsys.readouterr().out.split(), float)
    assert run("evaluate", out, folder / "test.libfm", "--metric", "log_loss", "--json") == 0
    report = json.loads(capsys.readouterr().out)
    y = load_libfm(folder / "test.libfm")[1]
    assert report["rows"] == len(y) == len(prob)
    assert report["log_loss"] == pytest.approx(-np.mean(np.where(y == 1, np.log(prob), np.log(1 - prob))), rel=1e-5)


def test_evaluate_prints_a_line(fm_file, folder, capsys):
    assert run("evaluate", fm_file, folder / "test.libfm") == 0
    assert re.fullmatch(r"rows 300  log_loss 0\.\d+  auc 0\.\d+  accuracy 0\.\d+\n", capsys.readouterr().out)


def test_predict_without_probability_prints_the_raw_output(fm_file, folder, capsys):
    assert run("predict", fm_file, folder / "test.libfm") == 0
    printed = np.array(capsys.readouterr().out.split(), np.float32)
    saved = saving.load(fm_file)
    batch, _ = load_libfm(folder / "test.libfm", n=30)
    np.testing.assert_array_equal(printed, train.predict(saved.model, saved.params, batch))


def test_a_reader_that_goes_away_is_no_error(fm_file, folder):
    command = [sys.executable, "-m", "afm_numpy", "predict", str(fm_file), str(folder / "test.libfm")]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        process.stdout.close()                                      # as `head` does, before anything is written
        assert process.stderr.read() == ""
        assert process.wait(timeout=30) == 1


def test_explain_prints_the_rows_asked_for(fm_file, folder, tmp_path, capsys):
    names = tmp_path / "names.txt"
    names.write_text("\n".join(f"f{i}" for i in range(30)))
    assert run("explain", fm_file, folder / "test.libfm", "--rows", 300, 2, "--names", names, "--top", 2) == 0
    out = capsys.readouterr().out
    assert out.index("row 2, y = ") < out.index("row 300, y = ") and re.search(r"f\d+ x f\d+", out)
    saved = saving.load(fm_file)
    y_hat = train.predict(saved.model, saved.params, load_libfm(folder / "test.libfm", n=30)[0])
    assert f"{y_hat[1]:+.4f}  prediction" in out and f"{y_hat[299]:+.4f}  prediction" in out


def test_explain_refuses_rows_and_names_that_are_not_there(fm_file, folder, tmp_path, capsys):
    assert run("explain", fm_file, folder / "test.libfm", "--rows", 301) == 2
    assert "row 301 is not there; the file has 300 rows" in capsys.readouterr().err
    names = tmp_path / "names.txt"
    names.write_text("one\ntwo\n")
    assert run("explain", fm_file, folder / "test.libfm", "--names", names) == 2
    assert "2 names, but the model has 30 features" in capsys.readouterr().err


def test_warm_start_from_an_fm(fm_file, folder, tmp_path, capsys):
    out = tmp_path / "afm.npz"
    common = ["--loss", "logistic", "--epochs", 1, "--quiet", "--lr", 1e-9, "--attention", "uniform"]
    assert run("train", folder / "train.libfm", "--out", out, "--start-from", fm_file, *common) == 0
    warm, cold = saving.load(out).params["V"], saving.load(fm_file).params["V"]
    np.testing.assert_allclose(warm, cold, atol=1e-6)
    assert run("train", folder / "train.libfm", "--out", tmp_path / "new", "--start-from", out, *common) == 2
    assert "--start-from makes an AFM from an FM" in capsys.readouterr().err


def test_resuming_gives_the_same_bits_as_training_through(folder, tmp_path):
    common = ["--loss", "logistic", "--k", 3, "--t", 2, "--quiet", "--keep-pooled", 0.8]
    common += ["--valid", folder / "valid.libfm"]
    whole, cut = tmp_path / "whole.npz", tmp_path / "cut.npz"
    assert run("train", folder / "train.libfm", "--out", whole, "--epochs", 4, *common) == 0
    assert run("train", folder / "train.libfm", "--out", cut, "--epochs", 2, *common) == 0
    assert run("train", folder / "train.libfm", "--out", cut, "--epochs", 4, "--resume", f"{cut}.last", *common) == 0
    for suffix in ("", ".last"):
        a, b = saving.load(f"{whole}{suffix}"), saving.load(f"{cut}{suffix}")
        assert a.config == b.config
        assert all((a.params[name] == b.params[name]).all() for name in a.params)


def test_resuming_into_another_file_leaves_the_first(folder, tmp_path, capsys):
    """The best model is then the best from there on; that of the earlier run stays where it is."""
    first, second = tmp_path / "first.npz", tmp_path / "second.npz"
    common = ["train", folder / "train.libfm", "--model", "fm", "--k", 2, "--quiet"]
    assert run(*common, "--out", first, "--epochs", 1) == 0
    last = saving.load(f"{first}.last")
    saving.save(f"{first}.last", **last._asdict() | {"config": last.config | {"best": -1e9}})        # not to be beaten
    before = first.read_bytes()
    assert run(*common, "--out", second, "--epochs", 2, "--resume", f"{first}.last") == 0
    assert f"saved {second} (epoch 2) and {second}.last (epoch 2)" in capsys.readouterr().out
    assert saving.load(second).config["epoch"] == 2 and first.read_bytes() == before


def test_resume_refuses_what_it_cannot_go_on_from(fm_file, folder, capsys):
    assert run("train", folder / "train.libfm", "--out", "x", "--resume", fm_file) == 2
    assert "it has no state to go on from" in capsys.readouterr().err
    assert run("train", folder / "train.libfm", "--out", "x", "--resume", f"{fm_file}.last", "--epochs", 5) == 2
    assert "15 epochs are done already" in capsys.readouterr().err


@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGKILL])
def test_a_stopped_training_leaves_models_that_load(how, folder, tmp_path):
    out = tmp_path / "m.npz"
    command = [sys.executable, "-m", "afm_numpy", "train", folder / "train.libfm", "--out", out, "--k", "4",
               "--epochs", "100000", "--loss", "logistic", "--quiet"]  # fmt: skip
    process = children.start([str(part) for part in command], stderr=subprocess.PIPE, text=True)
    while not (tmp_path / "m.npz.last").exists() and process.poll() is None:
        time.sleep(0.05)
    time.sleep(0.3)
    process.send_signal(how)
    err = process.communicate(timeout=30)[1]
    if how == signal.SIGINT:
        assert process.returncode == 130
        assert err.count("\n") == 1 and err.startswith("interrupted; saved ") and str(out) in err
    assert saving.load(out).params["V"].shape == saving.load(f"{out}.last").params["V"].shape == (30, 4)
    assert run("train", folder / "train.libfm", "--out", out, "--quiet", "--resume", f"{out}.last",
               "--epochs", saving.load(f"{out}.last").config["epoch"] + 1) == 0  # fmt: skip


def test_training_without_validation_keeps_the_last_epoch(folder, tmp_path, capsys):
    out = tmp_path / "m.npz"
    assert run("train", folder / "train.libfm", "--out", out, "--valid-fraction", 0, "--epochs", 3, "--quiet") == 0
    assert saving.load(out).config["epoch"] == 3


def test_resuming_takes_the_options_of_the_earlier_run(folder, tmp_path, capsys):
    """As the help says: DATA, --out and --resume are enough; what is given as well must not contradict the file."""
    common = ["--loss", "logistic", "--k", 3, "--t", 2, "--keep-pooled", 0.8, "--l2-V", 1e-4, "--seed", 5, "--lr", 0.1]
    common += ["--valid-fraction", 0.2, "--batch-size", 100, "--quiet"]
    whole, cut = tmp_path / "whole.npz", tmp_path / "cut.npz"
    assert run("train", folder / "train.libfm", "--out", whole, "--epochs", 3, *common) == 0
    assert run("train", folder / "train.libfm", "--out", cut, "--epochs", 2, *common) == 0
    resume = ["train", folder / "train.libfm", "--out", cut, "--resume", f"{cut}.last", "--quiet"]
    assert run(*resume) == 2
    assert "2 epochs are done already; give more with --epochs" in capsys.readouterr().err
    for given, message in [(["--k", 7], "--k cannot change: .*cut.npz.last was trained with --k 3"),
                           (["--target", "y"], "--target cannot change: .* was trained without --target"),
                           (["--loss", "squared"], "--loss cannot change: .* with --loss logistic"),
                           (["--seed", 0], "--seed cannot change: .* with --seed 5")]:  # fmt: skip
        with pytest.raises(SystemExit):
            run(*resume, "--epochs", 3, *given)
        assert re.search(message, capsys.readouterr().err)
    assert run(*resume, "--epochs", 3) == 0
    for suffix in ("", ".last"):
        a, b = saving.load(f"{whole}{suffix}"), saving.load(f"{cut}{suffix}")
        assert a.config == b.config
        assert all((a.params[name] == b.params[name]).all() for name in a.params)


def test_a_resumed_run_may_find_no_better_epoch(fm_file, folder, tmp_path, capsys):
    shutil.copy(f"{fm_file}.last", tmp_path / "last")
    saved = saving.load(tmp_path / "last")
    rest = {"optimizer": saved.optimizer, "state": saved.state, "rng": saved.rng}
    config = saved.config | {"best": 0.0, "best_epoch": 7}
    saving.save(tmp_path / "last", saved.model, saved.params, config=config, **rest)
    saving.save(tmp_path / "m.npz", saved.model, saved.params, config=config | {"epoch": 7})
    before = (tmp_path / "m.npz").read_bytes()
    capsys.readouterr()
    resume = ["--resume", tmp_path / "last", "--epochs", 16, "--quiet"]
    assert run("train", folder / "train.libfm", "--out", tmp_path / "m.npz", *resume) == 0
    assert capsys.readouterr().out.startswith("best epoch 7  of the earlier run\n")
    assert (tmp_path / "m.npz").read_bytes() == before
    assert saving.load(tmp_path / "m.npz.last").config["epoch"] == 16


def test_divergence_says_what_is_saved(folder, tmp_path, capsys):
    out = tmp_path / "m.npz"
    assert run("train", folder / "train.libfm", "--out", out, "--lr", 1e30, "--model", "fm", "--quiet") == 2
    hint, err = capsys.readouterr().err.splitlines(True)
    assert hint == "all targets are 0 or 1; --loss logistic is made for two classes\n"
    assert "NaN or infinite" in err or "not finite" in err
    assert err.endswith("; nothing was saved, because no epoch was finished\n") and not list(tmp_path.iterdir())


def test_dropout_of_single_pairs_needs_no_other_word(folder, tmp_path):
    """Training takes the dense engine without a warning; the file asks for the fast one."""
    out = tmp_path / "m.npz"
    assert run("train", folder / "train.libfm", "--out", out, "--keep-interactions", 0.5, "--epochs", 1, "--quiet") == 0
    assert saving.load(out).model.engine == "unique"


@pytest.mark.parametrize("out, why", [
    pytest.param("", "'': Not a regular file, but the name of a folder", id="A8-empty"),
    pytest.param(".", ".: Not a regular file, but the name of a folder", id="A8-folder"),
    pytest.param("m.npz/", "m.npz/: Not a regular file, but the name of a folder", id="A8-slash"),
    pytest.param("none/m.npz", "none/m.npz: No such file or directory", id="A8-no-folder"),
    pytest.param("train.libfm/m.npz", "train.libfm/m.npz: Not a directory", id="A8-file-as-folder"),
    pytest.param("/dev/null", "/dev/null: Not a regular file, so it cannot be replaced in one step", id="A8-device"),
    pytest.param("x" * 300, ": File name too long", id="A8-long-name"),
    pytest.param("x" * 252, ".last: File name too long", id="A8-long-name-of-last"),
    pytest.param("blocked", "blocked.last: Not a regular file, but the name of a folder", id="A8-last-is-a-folder"),
    pytest.param("m.zip", "m.zip will not be packed, as .zip says; choose another name", id="packed-zip"),
    pytest.param("m.npz.gz", "m.npz.gz will not be packed, as .gz says; choose another name", id="packed-gz"),
])  # fmt: skip
def test_a_place_that_cannot_be_written_to_is_refused_before_any_work(out, why, folder, monkeypatch, capsys):
    monkeypatch.chdir(folder)
    (folder / "blocked.last").mkdir(exist_ok=True)
    monkeypatch.setattr("afm_numpy.commands.train.rows", lambda *args: pytest.fail("the data are read"))
    assert run("train", "train.libfm", "--out", out) == 2
    err = capsys.readouterr().err
    assert err.startswith("afm-numpy train: error: ") and err.endswith(f"{why}\n") and err.count("\n") == 1


@pytest.mark.parametrize("how", ["same", "dot", "symbolic", "hard", "last"], ids=lambda how: f"A4-{how}")
@pytest.mark.parametrize("option", ["DATA", "--valid", "--start-from", "--resume"])
def test_an_output_that_is_an_input_is_refused_before_any_work(how, option, fm_file, folder, tmp_path, capsys):
    """Only MODEL.last may be resumed from and replaced."""
    source = {"--start-from": fm_file, "--resume": f"{fm_file}.last"}.get(option, folder / "train.libfm")
    given, out = tmp_path / "given", tmp_path / "out"
    shutil.copy(source, given)
    if how == "same":
        out = given
    elif how == "dot":
        out = f"{tmp_path}/./given"
    elif how == "symbolic":
        out.symlink_to(given)
    elif how == "hard":
        os.link(given, out)
    else:
        given = given.rename(tmp_path / "out.last")
    before = given.read_bytes()
    common = ["--loss", "logistic", "--epochs", "16", "--quiet"]
    words = [given] if option == "DATA" else [folder / "train.libfm", option, given]
    done = run("train", *words, "--out", out, *common)
    if how == "last" and option == "--resume":
        assert done == 0 and saving.load(given).config["epoch"] == 16
        return
    assert done == 2 and given.read_bytes() == before
    assert re.search(r"error: the output .* is also an input; choose another name\n$", capsys.readouterr().err)
    assert set(os.listdir(tmp_path)) <= {"given", "out", "out.last"}


@pytest.mark.parametrize("command", ["predict", "evaluate"])
def test_an_output_that_is_added_to_an_input_is_refused(command, fm_file, folder, tmp_path):
    """`afm-numpy predict m.npz rows >> rows` would read what it writes, without an end."""
    rows = shutil.copy(folder / "test.libfm", tmp_path)
    with open(rows, "a") as file:
        words = [sys.executable, "-m", "afm_numpy", command, str(fm_file), str(rows)]
        done = subprocess.run(words, stdout=file, stderr=subprocess.PIPE, text=True, timeout=60)
    assert done.returncode == 2 and "which is also an input; choose another name" in done.stderr
    assert Path(rows).read_bytes() == (folder / "test.libfm").read_bytes()


def test_brother_an_output_that_is_added_to_the_names_is_refused(fm_file, folder, tmp_path):
    names = tmp_path / "names.txt"
    names.write_text("".join(f"f{i}\n" for i in range(30)))
    with open(names, "a") as file:
        words = [sys.executable, "-m", "afm_numpy", "explain", fm_file, folder / "test.libfm", "--names", names]
        done = subprocess.run(words, stdout=file, stderr=subprocess.PIPE, text=True, timeout=60)
    assert done.returncode == 2 and "names.txt, which is also an input; choose another name" in done.stderr
    assert names.read_text().count("\n") == 30


@pytest.mark.parametrize("cls", [FMRegressor, AFMClassifier])
def test_files_of_estimators(cls, folder, tmp_path, capsys):
    batch, y = load_libfm(folder / "test.libfm", n=30)
    model = cls(epochs=2, random_state=0).fit(batch, y)
    model.save(tmp_path / "m.npz")
    assert run("predict", tmp_path / "m.npz", folder / "test.libfm") == 0
    raw = model.predict(batch) if cls is FMRegressor else model.decision_function(batch)
    np.testing.assert_array_equal(np.array(capsys.readouterr().out.split(), float), raw)
    assert run("evaluate", tmp_path / "m.npz", folder / "test.libfm") == 0
    assert ("rmse" if cls is FMRegressor else "log_loss") in capsys.readouterr().out
    assert run("explain", tmp_path / "m.npz", folder / "test.libfm") == 0
    assert f"{raw[0]:+.4f}  prediction" in capsys.readouterr().out
    assert run("train", folder / "train.libfm", "--out", tmp_path / "x", "--resume", tmp_path / "m.npz") == 2
    assert "it has no state to go on from; resume from a MODEL.last file" in capsys.readouterr().err
    FMClassifier(epochs=1).fit(batch, np.arange(300) % 3).save(tmp_path / "three.npz")
    assert run("predict", tmp_path / "three.npz", folder / "test.libfm") == 2
    assert "it holds several models, one a class" in capsys.readouterr().err


def test_weights_of_fields_know_their_slots(folder, tmp_path, capsys):
    """A row that lacks a field is refused; a field is absent with value 0."""
    batch, y = load_libfm(folder / "test.libfm", n=30)
    model = AFMRegressor(attention="field", epochs=1).fit(batch, y)
    model.save(tmp_path / "m.npz")
    (tmp_path / "rows.libfm").write_text("1 3:1 10:0 29:2\n")
    assert run("predict", tmp_path / "m.npz", tmp_path / "rows.libfm") == 0
    assert float(capsys.readouterr().out) == model.predict(Batch.from_padded([[3, 0, 29]], [[1, 0, 2]], n=30))[0]


@pytest.mark.parametrize("command", ["train", "valid", "predict", "evaluate", "explain", "paper"], ids="S6-{}".format)
def test_rows_that_lack_fields_are_refused_for_attention_by_fields(command, folder, tmp_path, capsys):
    """Else the features of such a row would stand in slots of other fields."""
    rows, more, out = tmp_path / "rows.libfm", tmp_path / "more.libfm", tmp_path / "m.npz"
    for path in (rows, more):
        path.write_text("1 3:1 12:1 29:1\n\n0 3:1 29:1\n")
    common = ["--attention", "field", "--epochs", "1", "--quiet", "--out", out]
    assert run("train", folder / "train.libfm", *common) == 0
    words = {"train": ["train", rows, *common], "valid": ["train", folder / "train.libfm", "--valid", rows, *common],
             "paper": ["paper", "frappe", "--train", folder / "train.libfm", "--valid", rows, "--test", more,
                       "--k", 16, "--out", tmp_path]}.get(command, [command, out, rows])  # fmt: skip
    assert run(*words) == 2
    message = 'rows.libfm, line 3: found 2 of 3 features, expected all: for attention "field" slot j is field j'
    assert message in capsys.readouterr().err


@pytest.mark.parametrize("wrong, message", [
    (["--k", "0"], "'0' is not a whole number of at least 1"),
    (["--lr", "-1"], "'-1' is not a number above 0"),
    (["--l2-V", "nan"], "'nan' is not a number of at least 0"),
    (["--keep-pooled", "1.5"], "'1.5' is not a number above 0 and at most 1"),
    (["--valid-fraction", "1"], "--valid-fraction must be below 1"),
    (["--start-from", "a", "--resume", "b"], "exclude each other"),
    (["--attention", "softmax"], "invalid choice: 'softmax'"),
    (["--seed", "-1"], "'-1' is not a whole number of at least 0"),
])  # fmt: skip
def test_wrong_options_of_train(wrong, message, folder, capsys):
    with pytest.raises(SystemExit) as end:
        run("train", folder / "train.libfm", "--out", "x", *wrong)
    err = capsys.readouterr().err
    assert end.value.code == 2 and message in err and err.count("\n") == 1


def test_patience_needs_rows_that_choose(folder, tmp_path, capsys):
    assert run("train", folder / "train.libfm", "--out", tmp_path / "m", "--patience", 2, "--valid-fraction", 0) == 2
    assert "--patience needs rows that choose the epoch: give --valid" in capsys.readouterr().err


def test_names_that_are_no_text(fm_file, folder, tmp_path, capsys):
    (tmp_path / "names").write_bytes(b"\xe9\n" * 30)
    assert run("explain", fm_file, folder / "test.libfm", "--names", tmp_path / "names") == 2
    expected = "line 1: found bytes that are no text in UTF-8, expected names in UTF-8"
    assert capsys.readouterr().err == f"afm-numpy explain: error: {tmp_path / 'names'}, {expected}\n"


def test_wrong_files_end_with_one_line(fm_file, folder, tmp_path, capsys):
    bad = tmp_path / "bad.libfm"
    bad.write_text("1 0:1\n0 3:x\n")
    for args in (["train", bad, "--out", tmp_path / "m.npz"], ["predict", fm_file, bad], ["predict", bad, bad],
                 ["evaluate", fm_file, tmp_path / "none"], ["explain", tmp_path / "none", bad]):  # fmt: skip
        assert run(*args) == 2
        err = capsys.readouterr().err
        assert err.startswith(f"afm-numpy {args[0]}: error: ") and err.count("\n") == 1, err
    assert not list(tmp_path.glob("m.npz*"))


@pytest.mark.parametrize("where", ["train", "valid", "resume", "evaluate"])
@pytest.mark.parametrize("labels, line, found", [
    pytest.param("0 1 " * 15 + "2 1", 31, "the label 2, expected 0 or 1, or -1 or 1; the loss is logistic", id="P7"),
    pytest.param("1 0 -1", 2, "the label 0, expected -1 or 1, as other lines have", id="P7-mixed"),
    pytest.param("0 1 0.5", 3, "the label 0.5, expected 0 or 1", id="P7-between"),
])  # fmt: skip
def test_a_wrong_label_is_named_by_its_line(where, labels, line, found, fm_file, folder, tmp_path, capsys):
    """Not by its number after shuffling; comments and empty lines count."""
    path, good, out = tmp_path / "rows.libfm", folder / "train.libfm", tmp_path / "m.npz"
    path.write_text("# comment\n\n" + "".join(f"{label} {i % 30}:1\n" for i, label in enumerate(labels.split())))
    common = ["--out", out, "--loss", "logistic", "--quiet"]
    words = {"train": ["train", path, *common], "valid": ["train", good, "--valid", path, *common],
             "resume": ["train", path, *common, "--resume", f"{fm_file}.last", "--epochs", 20],
             "evaluate": ["evaluate", fm_file, path]}[where]  # fmt: skip
    for more in [] if where == "evaluate" else [["--seed", 0], ["--seed", 1]][: 1 + (where != "resume")]:
        assert run(*words, *more) == 2
        assert f"rows.libfm, line {line + 2}: found {found}" in capsys.readouterr().err
    if where == "evaluate":
        assert run(*words) == 2
        assert f"rows.libfm, line {line + 2}: found {found}" in capsys.readouterr().err
    assert not out.exists()


def signs(path, out):
    """The same rows with labels -1 and 1."""
    batch, y = load_libfm(path, n=30)
    dump_libfm(out, batch, 2 * y - 1)
    return out


def test_labels_of_minus_one_and_one_are_taken_as_0_and_1(folder, tmp_path, capsys):
    """P-signs: the same model to the bit, the same predictions and metrics; said once."""
    note, found = "labels -1 and 1 are taken as 0 and 1\n", []
    for name, change in (("zeros", lambda path, _: path), ("signs", signs)):
        data, valid, test = (change(folder / f"{part}.libfm", tmp_path / part) for part in ("train", "valid", "test"))
        out = tmp_path / name
        for more in (["--valid", valid], []):
            assert run("train", data, "--out", out, "--loss", "logistic", "--epochs", 2, "--quiet", *more) == 0
            assert capsys.readouterr().err == (note if name == "signs" else "")
        assert run("evaluate", out, test, "--json") == 0
        printed = capsys.readouterr()
        assert printed.err == (note if name == "signs" else "")
        assert run("predict", out, test) == 0
        found.append((json.loads(printed.out), capsys.readouterr(), saving.load(out).params["V"].tobytes()))
    assert found[0] == found[1]


def few(path, positive, rows=40):
    path.write_text("".join(f"{int(i in positive)} {i % 7}:1 {7 + i % 3}:1\n" for i in range(rows)))
    return path


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("positive", [{3}, {39}, {0, 1}], ids="P6-{}".format)
def test_few_positives(positive, seed, tmp_path, capsys):
    """Training goes on; the AUC that does not exist is left out and said once; training rows hold both classes."""
    path, out = few(tmp_path / "rows", positive), tmp_path / "m.npz"
    assert run("train", path, "--out", out, "--loss", "logistic", "--epochs", 3, "--quiet", "--seed", seed) == 0
    printed = capsys.readouterr()
    assert ("valid_auc" in printed.out) != ("there is no AUC; it is left out" in printed.err)
    assert printed.err.count("\n") <= 1 and (len(positive) == 2 or printed.err)
    assert saving.load(out).params["w0"] < 0
    assert run("evaluate", out, path) == 0
    assert " auc " in capsys.readouterr().out
    few(path, set())
    assert run("evaluate", out, path, "--json") == 0
    printed = capsys.readouterr()
    assert set(json.loads(printed.out)) == {"rows", "log_loss", "accuracy"}
    assert printed.err == "afm-numpy evaluate: every row has the label 0, so there is no AUC; it is left out\n"


def test_a_split_holds_each_class_in_its_share(tmp_path, monkeypatch):
    from afm_numpy.commands import train

    path = tmp_path / "rows"
    path.write_text("".join(f"{int(i % 5 == 0)} {i}:1\n" for i in range(200)))
    found = []
    for seed in (0, 0, 1):
        (fit, y), (held, held_y) = train.rows(*train.arguments([
            str(path), "--out", str(tmp_path / "m"), "--loss", "logistic", "--valid-fraction", "0.25",
            "--seed", str(seed)]))[:2]  # fmt: skip
        assert (y.sum(), len(y), held_y.sum(), len(held_y)) == (30, 150, 10, 50)
        assert ((fit.idx[:, 0] % 5 == 0) == y).all() and ((held.idx[:, 0] % 5 == 0) == held_y).all()
        assert sorted([*fit.idx[:, 0], *held.idx[:, 0]]) == list(range(200))           # no row is in both
        found.append(held.idx[:, 0].tolist())
    assert found[0] == found[1] != found[2]


def test_the_seed_decides(folder, tmp_path):
    models = []
    for seed in (3, 3, 4):
        words = ["--out", tmp_path / "m", "--k", 2, "--t", 2, "--epochs", 1, "--quiet", "--seed", seed]
        assert run("train", folder / "train.libfm", "--valid", folder / "valid.libfm", *words) == 0
        models.append((tmp_path / "m").read_bytes())
    assert models[0] == models[1] != models[2]


@pytest.mark.parametrize("option", ["--resume", "--start-from"])
def test_more_features_than_the_model_has_are_named_by_their_line(option, fm_file, folder, tmp_path, capsys):
    """P7: also where training goes on, and in a file that is validated on; fewer are no fault."""
    wide, narrow = tmp_path / "wide", tmp_path / "narrow"
    wide.write_text("# c\n" + "1 0:1\n0 1:1\n" * 20 + "1 30:1\n")
    narrow.write_text("1 0:1\n0 1:1\n" * 20)
    common = ["--out", tmp_path / "m", "--loss", "logistic", "--quiet", option]
    common += [f"{fm_file}.last", "--epochs", 16] if option == "--resume" else [fm_file, "--epochs", 1]
    for words in (["train", wide, *common], ["train", narrow, "--valid", wide, *common]):
        assert run(*words) == 2
        assert "wide, line 42: found '30:1', expected an id from 0 to 29" in capsys.readouterr().err
    assert run("train", narrow, *common) == 0
    assert len(saving.load(tmp_path / "m").params["w"]) == 30
    with pytest.raises(SystemExit):
        run("train", narrow, *common, "--n", 31)
    assert "--n cannot be 31: the model that is trained on has 30 features" in capsys.readouterr().err


@pytest.mark.parametrize("more", [["--valid-fraction", 0], ["--valid-fraction", 0.5], ["--valid", "other"]])
@pytest.mark.parametrize("label", ["0", "1", "-1"], ids="P6-only-{}".format)
def test_one_class_is_refused(label, more, tmp_path, monkeypatch, capsys):
    """As the estimators refuse it, with and without rows to choose the epoch."""
    monkeypatch.chdir(tmp_path)
    few(tmp_path / "other", {1, 2})
    (tmp_path / "rows").write_text(f"{label} 0:1 1:1\n" * 10)
    assert run("train", "rows", "--out", "m", "--loss", "logistic", "--quiet", *more) == 2
    assert "rows: every row has the same label, but the logistic loss needs two classes" in capsys.readouterr().err
    assert run("train", "rows", "--out", "m", "--quiet", "--epochs", 1, "--valid-fraction", 0) == 0


@pytest.mark.parametrize("loss, metric, right", [
    ("squared", "auc", "rmse, mae"), ("squared", "log_loss", "rmse, mae"), ("squared", "accuracy", "rmse, mae"),
    ("logistic", "rmse", "log_loss, auc, accuracy"), ("logistic", "mae", "log_loss, auc, accuracy"),
], ids=lambda text: f"S2-{text}")  # fmt: skip
def test_a_metric_of_another_loss_is_refused(loss, metric, right, folder, fm_file, tmp_path, capsys):
    model = fm_file
    if loss == "squared":
        model = tmp_path / "m.npz"
        assert run("train", folder / "train.libfm", "--out", model, "--epochs", 1, "--quiet") == 0
    capsys.readouterr()
    assert run("evaluate", model, "not-read", "--metric", metric) == 2
    message = f"{metric} is for models of the .* loss; this one has the {loss} loss: choose from {right}"
    assert re.search(message, capsys.readouterr().err)


def test_rows_without_targets(fm_file, folder, tmp_path, capsys):
    """In `predict` and `explain`; `train` and `evaluate` need them."""
    bare = tmp_path / "bare"
    lines = (folder / "test.libfm").read_text().splitlines()
    bare.write_text("".join(line.split(" ", 1)[1] + "\n" for line in lines))
    assert run("predict", fm_file, folder / "test.libfm") == 0
    with_targets = capsys.readouterr().out
    assert run("predict", fm_file, bare) == 0
    assert capsys.readouterr().out == with_targets
    assert run("explain", fm_file, bare, "--rows", 2) == 0
    assert capsys.readouterr().out.startswith("row 2\nattention")
    for words in (["evaluate", fm_file, bare], ["train", bare, "--out", tmp_path / "m"]):
        assert run(*words) == 2
        assert re.search("bare, line 1: found '.*', expected a label at the start", capsys.readouterr().err)


def test_predictions_of_packed_files(fm_file, folder, tmp_path, capsys):
    assert run("predict", fm_file, folder / "test.libfm") == 0
    plain = capsys.readouterr().out
    for name, pack in (("a.gz", gzip.compress), ("a.bz2", bz2.compress), ("a.xz", lzma.compress)):
        (tmp_path / name).write_bytes(pack((folder / "test.libfm").read_bytes()))
        assert run("predict", fm_file, tmp_path / name) == 0
        assert capsys.readouterr().out == plain


@pytest.mark.parametrize("device", ["/dev/zero", "/dev/null", "pipe"], ids="A6-{}".format)
def test_what_is_no_file_is_refused_as_a_model(device, folder, tmp_path, capsys):
    """A pipe, too, because a model file is not read from its start to its end. It is not waited for."""
    if device == "pipe":
        device = tmp_path / "pipe"
        os.mkfifo(device)
    for words in (["predict", device, folder / "test.libfm"], ["train", folder / "train.libfm", "--out", tmp_path / "m",
                  "--resume", device], ["train", folder / "train.libfm", "--out", tmp_path / "m", "--start-from",
                  device]):  # fmt: skip
        assert run(*words) == 2
        assert "Not a regular file" in capsys.readouterr().err


def test_brother_losses_of_other_rows_are_not_compared(folder, tmp_path):
    """Rows that are told at a glance would never be beaten by others: the best epoch is that of the rows given now."""
    train = ["train", folder / "train.libfm", "--out", tmp_path / "m", "--quiet", "--loss", "logistic", "--epochs"]
    for name, source in (("easy", "train.libfm"), ("hard", "test.libfm")):
        lines = (folder / source).read_text().splitlines(keepends=True)
        flipped = [str(1 - int(line[0] == "1")) + line[line.index(" "):] for line in lines]
        (tmp_path / name).write_text("".join(lines if name == "easy" else flipped))
    assert run(*train, 6, "--valid", tmp_path / "easy") == 0
    easy = saving.load(tmp_path / "m").config
    assert run(*train, 8, "--valid", tmp_path / "hard", "--resume", f"{tmp_path / 'm'}.last") == 0
    hard = saving.load(tmp_path / "m").config
    assert easy["best_epoch"] < 7 <= hard["best_epoch"] and hard["best"] > easy["best"]


def test_brother_a_learning_rate_is_not_given_to_an_optimizer_that_has_one(folder, tmp_path, capsys):
    """The optimizer is that of the file, so that the option would be ignored."""
    train = ["train", folder / "train.libfm", "--out", tmp_path / "m", "--quiet", "--epochs"]
    assert run(*train, 1) == 0
    with pytest.raises(SystemExit):
        run(*train, 2, "--resume", f"{tmp_path / 'm'}.last", "--lr", 0.5)
    assert "--lr cannot change" in (found := capsys.readouterr().err) and "m.last was trained without --lr" in found
    assert run(*train, 2, "--resume", f"{tmp_path / 'm'}.last") == 0


@pytest.mark.parametrize("make", [os.link, os.symlink, shutil.copy])
def test_brother_rows_that_choose_the_epoch_are_not_those_to_train_on(make, folder, tmp_path, capsys):
    """By any name of the file; a copy is not looked into."""
    make(folder / "train.libfm", tmp_path / "same")
    status = run("train", folder / "train.libfm", "--valid", tmp_path / "same", "--out", tmp_path / "m", "--epochs", 1)
    if make is shutil.copy:
        assert status == 0
    else:
        assert status == 2 and "same is named twice, as two inputs" in capsys.readouterr().err
        assert not (tmp_path / "m").exists()


def test_brother_metrics_of_a_model_that_does_not_say_its_loss(folder, tmp_path, capsys):
    """An rmse of what may be logits would be as wrong as one of a logistic model."""
    model = Model("fm")
    saving.save(tmp_path / "m", model, model.init_params(np.random.default_rng(0), Batch.from_lists([[29]])))
    assert run("evaluate", tmp_path / "m", folder / "test.libfm") == 2
    assert "m: it does not say with which loss it was trained; name metrics by --metric" in capsys.readouterr().err
    assert run("evaluate", tmp_path / "m", folder / "test.libfm", "--metric", "log_loss", "auc") == 0
    assert "log_loss" in capsys.readouterr().out


def test_a_pipe_that_is_named_twice_is_refused(fm_file, folder, tmp_path, capsys):
    """A6: it would be waited for without an end."""
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "link").symlink_to(tmp_path / "pipe")
    assert run("train", tmp_path / "pipe", "--valid", tmp_path / "link", "--out", tmp_path / "m") == 2
    assert "link is named twice, but it is a pipe, which can be read only once" in capsys.readouterr().err
    split = ["--train", folder / "train.libfm", "--valid", tmp_path / "pipe", "--test", tmp_path / "pipe"]
    assert run("paper", "frappe", *split, "--out", tmp_path / "new") == 2
    assert "pipe is named twice" in capsys.readouterr().err


@pytest.mark.parametrize("text, why", [
    pytest.param("name\n" + "x\n" * 30, r"31 names, but the model has 30 features; is the first one a header\?",
                 id="S12-header"),
    pytest.param("x\n" * 31 + "\n", "32 names, but the model has 30 features$", id="S12-more"),
    pytest.param("x\n" * 29, "29 names, but the model has 30 features$", id="S12-fewer"),
    pytest.param("", "0 names, but the model has 30 features$", id="S12-empty"),
])  # fmt: skip
def test_names_are_exactly_those_of_the_features(text, why, fm_file, folder, tmp_path, capsys):
    (tmp_path / "names").write_text(text)
    assert run("explain", fm_file, folder / "test.libfm", "--names", tmp_path / "names") == 2
    assert re.search(why, capsys.readouterr().err.strip())


@pytest.mark.parametrize("odd", [
    pytest.param("\u2028", id="S12-U+2028"), pytest.param("\f", id="S12-form-feed"),
    pytest.param("\x1b[31m", id="A13-escape"), pytest.param("\r", id="S12-carriage-return"),
    pytest.param("\x85", id="S12-next-line"),
])  # fmt: skip
def test_only_a_newline_ends_a_name_and_names_are_printed_escaped(odd, fm_file, folder, tmp_path, capsys):
    names = [f"before{odd}after {i}" for i in range(30)]
    for end in ("\n", "\r\n"):
        (tmp_path / "names").write_bytes(("\ufeff" + end.join(names)).encode() + b"\n")
        assert run("explain", fm_file, folder / "test.libfm", "--names", tmp_path / "names") == 0
        out = capsys.readouterr().out
        shown = ascii(odd)[1:-1]
        assert re.search(rf"before{re.escape(shown)}after \d+ x before{re.escape(shown)}after \d+$", out, re.M), out


def test_probability_needs_the_logistic_loss(folder, tmp_path, capsys):
    out = tmp_path / "m.npz"
    assert run("train", folder / "train.libfm", "--out", out, "--epochs", 1, "--quiet") == 0
    assert run("predict", out, folder / "test.libfm", "--probability") == 2
    assert "needs a model trained with the logistic loss" in capsys.readouterr().err


@pytest.mark.parametrize("method", ["complex", "central"])
def test_gradcheck_reports_every_model(method, capsys):
    assert run("gradcheck", "--method", method, "--seed", 1) == 0
    out = capsys.readouterr().out
    assert out.count("all gradients are right") == 6 and "NOT" not in out


def test_gradcheck_ends_with_1_for_a_wrong_gradient(monkeypatch, capsys):
    from afm_numpy import fm

    right = fm.bi_interaction_backward
    monkeypatch.setattr(fm, "bi_interaction_backward", lambda *args: 1.001 * right(*args))
    assert run("gradcheck") == 1
    assert "NOT all gradients are right" in capsys.readouterr().out


def test_fetch_fails_in_one_line_without_a_connection_and_shows_the_licence(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr("afm_numpy.datasets.download.time.sleep", lambda seconds: None)
    monkeypatch.setenv("AFM_NUMPY_BASE_URL", "http://127.0.0.1:9")            # nobody listens there
    assert run("fetch", "frappe", "--cache", tmp_path, "--quiet") == 2
    notice, error = capsys.readouterr().err.splitlines()
    assert "research use only, do not redistribute" in notice and "Baltrunas" in notice
    assert error.startswith("afm-numpy fetch: error: cannot download frappe.train.libfm: no connection to ")
    assert error.endswith(f"/frappe/ and put it into {tmp_path / 'frappe'}")


# ---- which rows, which seed, which scope -----------------------------------------------------------------


@pytest.mark.parametrize("valid", [False, True])
def test_train_keeps_targets_with_their_rows_and_held_out_rows_apart(tmp_path, monkeypatch, valid):
    """Row i has feature i alone, and its target tells i."""
    seen, fit = [], train.fit
    monkeypatch.setattr(train, "fit", lambda *args, **options: seen.append((args, options)) or fit(*args, **options))
    dump_libfm(tmp_path / "rows.libfm", Batch.from_padded(np.arange(40)[:, None]), np.arange(40) / 40)
    dump_libfm(tmp_path / "more.libfm", Batch.from_padded(np.arange(40, 45)[:, None]), np.arange(40, 45) / 40)
    more = ("--valid", tmp_path / "more.libfm") if valid else ("--valid-fraction", 0.25)
    assert run("train", tmp_path / "rows.libfm", *more, "--out", tmp_path / "m", "--epochs", 1, "--quiet") == 0
    ((_, _, batch, y), options), = seen
    rows, (held, held_y) = batch.idx[:, 0], options["watch"].valid
    held = held.idx[:, 0]
    np.testing.assert_allclose(y, rows / 40, rtol=1e-7)
    np.testing.assert_allclose(held_y, held / 40, rtol=1e-7)
    assert sorted([*rows, *held]) == list(range(45 if valid else 40)) and held.size == (5 if valid else 10)
    assert not valid or held.min() == 40


def test_every_seed_is_another_model(folder, tmp_path):
    models = []
    for seed in (0, 0, 1):
        assert run("train", folder / "valid.libfm", "--out", tmp_path / "m", "--seed", seed, "--epochs", 1, "--quiet",
                   "--valid", folder / "test.libfm") == 0  # fmt: skip
        models.append(saving.load(tmp_path / "m").params["V"])
    np.testing.assert_array_equal(models[0], models[1])
    assert (models[0] != models[2]).all()


def test_the_scope_of_l2_reaches_training(folder, tmp_path):
    """No row has the features 30 to 34: only L2 on the whole table makes them smaller."""
    ends = {}
    for scope in ("touched", "table"):
        assert run("train", folder / "valid.libfm", "--out", tmp_path / "m", "--n", 35, "--l2-V", 0.1, "--l2-scope",
                   scope, "--optimizer", "sgd", "--valid-fraction", 0, "--epochs", 1, "--quiet") == 0  # fmt: skip
        saved = saving.load(tmp_path / "m")
        ends[scope] = saved.params["V"][30:]
        assert saved.config["options"]["l2_scope"] == scope
    assert (np.abs(ends["table"]) < np.abs(ends["touched"])).all()


def test_a_poor_result_is_said(tmp_path, capsys):
    x = np.stack([np.ones(60), np.linspace(1, 199_000, 60)], axis=1)
    dump_libfm(tmp_path / "rows.libfm", Batch.from_padded(np.tile([0, 1], (60, 1)), x), np.arange(60) % 2)
    for loss in ("squared", "logistic"):
        assert run("train", tmp_path / "rows.libfm", "--out", tmp_path / "m", "--loss", loss, "--epochs", 2, "--quiet",
                   "--valid-fraction", 0) == 0  # fmt: skip
        assert f"no better on its own training rows than one constant: {loss} loss" in capsys.readouterr().err
