"""The commands on files, as a user would call them."""

import json
import re
import shutil
import signal
import subprocess
import sys
import time

import numpy as np
import pytest

from afm_numpy import Batch, metrics, saving, train
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
    assert "step" in captured.err                                   # the progress bar, and only there
    best = re.match(r"best epoch (\d+)  loss \S+  valid_loss (\S+)  valid_log_loss \S+  valid_auc \S+", captured.out)
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
    assert run("train", folder / "train.libfm", "--out", out, "--start-from", out, *common) == 2
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


def test_resuming_into_another_file_takes_the_best_model_along(folder, tmp_path, capsys):
    """Also when no epoch is better than those before; when the best model is gone, it is the best from here on."""
    first, second = tmp_path / "first.npz", tmp_path / "second.npz"
    common = ["train", folder / "train.libfm", "--model", "fm", "--k", 2, "--quiet"]
    assert run(*common, "--out", first, "--epochs", 1) == 0
    last = saving.load(f"{first}.last")
    saving.save(f"{first}.last", **last._asdict() | {"config": last.config | {"best": -1e9}})        # not to be beaten
    capsys.readouterr()
    assert run(*common, "--out", second, "--epochs", 2, "--resume", f"{first}.last") == 0
    assert f"saved {second} (epoch 1) and {second}.last (epoch 2)" in capsys.readouterr().out
    old, new = saving.load(first), saving.load(second)
    assert new.config == old.config and all((new.params[name] == old.params[name]).all() for name in old.params)
    first.unlink()
    second.unlink()
    assert run(*common, "--out", second, "--epochs", 2, "--resume", f"{first}.last") == 0
    assert saving.load(second).config["epoch"] == 2 and "(epoch 2)" in capsys.readouterr().out


def test_resume_refuses_what_it_cannot_go_on_from(fm_file, folder, capsys):
    assert run("train", folder / "train.libfm", "--out", "x", "--resume", fm_file) == 2
    assert "it has no state to go on from" in capsys.readouterr().err
    assert run("train", folder / "train.libfm", "--out", "x", "--resume", f"{fm_file}.last", "--epochs", 5) == 2
    assert "15 epochs are done already" in capsys.readouterr().err


@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGKILL])
def test_a_stopped_training_leaves_models_that_load(how, folder, tmp_path):
    out = tmp_path / "m.npz"
    command = [sys.executable, "-m", "afm_numpy", "train", folder / "train.libfm", "--out", out, "--k", "4",
               "--epochs", "100000", "--quiet"]  # fmt: skip
    process = subprocess.Popen([str(part) for part in command], stderr=subprocess.PIPE, text=True)
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
    err = capsys.readouterr().err
    assert err.count("\n") == 1 and "NaN or infinite" in err or "not finite" in err
    assert err.endswith("; nothing was saved, because no epoch was finished\n") and not list(tmp_path.iterdir())


def test_dropout_of_single_pairs_needs_no_other_word(folder, tmp_path):
    """Training takes the dense engine without a warning; the file asks for the fast one."""
    out = tmp_path / "m.npz"
    assert run("train", folder / "train.libfm", "--out", out, "--keep-interactions", 0.5, "--epochs", 1, "--quiet") == 0
    assert saving.load(out).model.engine == "unique"


@pytest.mark.parametrize("out", ["", ".", "none/m.npz", "train.libfm/m.npz"])
def test_a_place_that_cannot_be_written_to_is_refused_before_any_work(out, folder, monkeypatch, capsys):
    monkeypatch.chdir(folder)
    assert run("train", "not-read", "--out", out) == 2
    assert re.search("cannot write .*there is no folder|is not the name of a file to write", capsys.readouterr().err)


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
    """A row with fewer features than slots does not close the others up."""
    batch, y = load_libfm(folder / "test.libfm", n=30)
    model = AFMRegressor(attention="field", epochs=1).fit(batch, y)
    model.save(tmp_path / "m.npz")
    (tmp_path / "short.libfm").write_text("1 3:1\n")
    assert run("predict", tmp_path / "m.npz", tmp_path / "short.libfm") == 0
    assert float(capsys.readouterr().out) == model.predict(Batch.from_padded([[3, 0, 0]], [[1, 0, 0]], n=30))[0]


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
    assert capsys.readouterr().err == f"afm-numpy explain: error: {tmp_path / 'names'}: it is no text in UTF-8\n"


def test_wrong_files_end_with_one_line(fm_file, folder, tmp_path, capsys):
    bad = tmp_path / "bad.libfm"
    bad.write_text("1 0:1\n0 3:x\n")
    for args in (["train", bad, "--out", tmp_path / "m.npz"], ["predict", fm_file, bad], ["predict", bad, bad],
                 ["evaluate", fm_file, tmp_path / "none"], ["explain", tmp_path / "none", bad]):  # fmt: skip
        assert run(*args) == 2
        err = capsys.readouterr().err
        assert err.startswith(f"afm-numpy {args[0]}: error: ") and err.count("\n") == 1, err
    assert not list(tmp_path.glob("m.npz*"))


def test_labels_that_do_not_fit_the_loss_are_refused_with_their_row(tmp_path, capsys):
    path = tmp_path / "signs.libfm"
    path.write_text("1 0:1\n-1 1:1\n")
    assert run("train", path, "--out", tmp_path / "m.npz", "--loss", "logistic", "--valid-fraction", 0) == 2
    assert "row 1: y is -1.0; the logistic loss wants 0 or 1" in capsys.readouterr().err


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


def test_fetch_fails_in_one_line_without_a_connection_and_shows_the_licence(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr("afm_numpy.datasets.download.time.sleep", lambda seconds: None)
    monkeypatch.setenv("AFM_NUMPY_BASE_URL", "http://127.0.0.1:9")            # nobody listens there
    assert run("fetch", "frappe", "--cache", tmp_path, "--quiet") == 2
    notice, error = capsys.readouterr().err.splitlines()
    assert "research use only, do not redistribute" in notice and "Baltrunas" in notice
    assert error.startswith("afm-numpy fetch: error: cannot download frappe.train.libfm: no connection to ")
    assert error.endswith(f"/frappe/ and put it into {tmp_path / 'frappe'}")
