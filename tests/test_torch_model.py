"""The PyTorch module against NumPy, and two processes against one. Needs the extra `torch`."""

import re
import subprocess
import sys

import numpy as np
import pytest

from afm_numpy import Batch, Model, losses, optim, saving, train
from afm_numpy.datasets import dump_libfm
from afm_numpy.params import ATTENTION
from afm_numpy.rowgrad import RowGrad

torch = pytest.importorskip("torch", reason="the PyTorch port is tested where the extra `torch` is installed")
torch_model = pytest.importorskip("afm_numpy.torch_model")

MODELS = [Model("fm"), *(Model("afm", mode) for mode in ATTENTION)]
by_name = pytest.mark.parametrize("model", MODELS, ids=lambda model: f"{model.kind}-{model.attention}")


def problem(model, size=40):
    rng = np.random.default_rng(5)
    rows = [rng.choice(11, rng.integers(0, 5), replace=False) for _ in range(size)]
    batch = Batch.from_lists(rows, [rng.normal(1.0, 0.4, len(row)) for row in rows], n=11, slots_are_fields=True)
    params = model.init_params(rng, batch, k=4, t=3, std=0.6, dtype=float)
    if model.attention == "free":                                   # some pairs of the batch are not in the table
        params["pairs"], params["free"] = params["pairs"][::2], params["free"][::2]
    for name, value in params.items():
        if value.dtype.kind == "f":
            params[name] = np.array(value + 0.2 * rng.standard_normal(value.shape))
    return params, batch, rng.integers(0, 2, size).astype(float)


@by_name
def test_parameters_move_there_and_back_without_loss(model):
    params = problem(model)[0]
    back = torch_model.TorchModel(model, params).numpy()
    assert back.keys() == params.keys()
    assert all(np.array_equal(back[name], params[name]) and back[name].dtype == params[name].dtype for name in params)


@by_name
@pytest.mark.parametrize("loss", losses.LOSSES)
def test_gradients_equal_autograd(model, loss):
    params, batch, y = problem(model)
    module = torch_model.TorchModel(model, params)
    y_hat = module(torch.tensor(batch.idx), torch.tensor(batch.x))
    if loss == "squared":
        value = ((y_hat - torch.tensor(y)) ** 2).mean()
    else:
        value = torch.nn.functional.binary_cross_entropy_with_logits(y_hat, torch.tensor(y))
    value.backward()
    for engine in ("dense", "unique"):
        data_loss, _, grads = train.objective(Model(model.kind, model.attention, engine), params, batch, y, loss=loss)
        np.testing.assert_allclose(data_loss, value.item(), rtol=1e-13)
        for name, grad in grads.items():
            grad = grad.to_dense(len(params[name])) if isinstance(grad, RowGrad) else grad
            want = getattr(module, name).grad.numpy()
            assert np.abs(grad - want).max() <= 1e-12 * np.abs(want).max(), name


@by_name
def test_training_gives_the_numbers_of_numpy(model):
    params, batch, y = problem(model)
    module = torch_model.TorchModel(model, params)
    history = torch_model.fit(module, batch, y, loss="logistic", epochs=3, batch_size=16, seed=2)
    ours = train.fit(model, params, batch, y, rng=np.random.default_rng(2), loss="logistic", epochs=3, batch_size=16,
                     optimizer=optim.Adagrad(0.05))  # fmt: skip
    np.testing.assert_allclose(history, [row["loss"] for row in ours.history], rtol=1e-6)
    for name, value in module.numpy().items():
        np.testing.assert_allclose(value, ours.params[name], rtol=1e-9, atol=1e-11, err_msg=name)


@pytest.mark.parametrize("wrong, message", [
    (["none.libfm"], "none.libfm"),
    (["rows.libfm", "--init", "rows.libfm"], "cannot read a model from rows.libfm"),
    (["rows.libfm", "--out", "none/model.npz"], "error: none/model.npz: No such file or directory"),
    (["rows.libfm", "--out", "./rows.libfm"], "the output ./rows.libfm is also an input; choose another name"),
    (["rows.libfm", "--out", "start.npz"], "the output start.npz is also an input; choose another name"),
    (["twos.libfm"], "twos.libfm, line 1: found the label 2, expected 0 or 1"),
])  # fmt: skip
def test_wrong_files_end_with_one_line(wrong, message, tmp_path, monkeypatch, capsys):
    params, batch, y = problem(Model("fm"))
    monkeypatch.chdir(tmp_path)
    dump_libfm("rows.libfm", batch, y)
    dump_libfm("twos.libfm", batch, np.full(len(y), 2.0))
    saving.save("start.npz", Model("fm"), params, config={"loss": "logistic"})
    assert torch_model.main(["--init", "start.npz", "--out", "out.npz", *wrong]) == 2
    err = capsys.readouterr().err
    assert err.startswith("afm_numpy.torch_model: error: ") and message in err and err.count("\n") == 1
    with pytest.raises(SystemExit) as end:
        torch_model.main(["rows.libfm", "--init", "start.npz", "--out", "out.npz", "--epochs", "0"])
    assert end.value.code == 2 and capsys.readouterr().err.count("\n") == 1


def test_two_processes_give_the_numbers_of_one(tmp_path, capsys):
    model = Model("afm")
    params, batch, y = problem(model, size=101)                     # shares of a batch differ in size
    dump_libfm(tmp_path / "rows.libfm", batch, y)
    saving.save(tmp_path / "start.npz", model, params, config={"loss": "logistic", "id_base": 0})
    results = {}
    for processes in (1, 2):
        out = tmp_path / f"{processes}.npz"
        argv = [tmp_path / "rows.libfm", "--init", tmp_path / "start.npz", "--out", out]
        argv = [*map(str, argv), "--epochs", "2", "--batch-size", "16"]
        if processes == 1:
            assert torch_model.main(argv) == 0
            printed = capsys.readouterr().out
        else:
            torchrun = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc_per_node", "2"]
            run = subprocess.run([*torchrun, "-m", "afm_numpy.torch_model", *argv],
                                 capture_output=True, text=True, timeout=120)  # fmt: skip
            assert run.returncode == 0, run.stderr
            printed = run.stdout
        results[processes] = saving.load(out).params, re.findall(r"\d\.\d{6}", printed)
    (one, losses_one), (two, losses_two) = results.values()
    assert [float(loss) for loss in losses_one] == pytest.approx([*map(float, losses_two)], abs=1.5e-6)
    assert len(losses_one) == 2
    for name in one:
        assert not np.array_equal(one[name], params[name]) or name == "pairs"
        np.testing.assert_allclose(two[name], one[name], rtol=1e-9, atol=1e-11, err_msg=name)
