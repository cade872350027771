"""The PyTorch module against NumPy, and two processes against one. Needs the extra `torch`."""

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

import afm_numpy
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
    np.testing.assert_allclose(history, [row["loss"] for row in ours.history], rtol=1e-9)
    for name, value in module.numpy().items():
        np.testing.assert_allclose(value, ours.params[name], rtol=1e-9, atol=1e-11, err_msg=name)


@pytest.mark.parametrize("wrong, message", [
    ({"loss": "hinge"}, "unknown loss 'hinge'; choose from squared, logistic"),
    ({"y": np.full(40, 2.0)}, "row 0: y is 2.0; the logistic loss wants 0 or 1"),
    ({"y": np.zeros(3)}, "y must have one value for each of the 40 rows"),
    ({"batch": problem(Model("afm", "field"))[1][:0], "y": np.zeros(0)}, "the batch of the training part has no rows"),
    ({"epochs": 0}, "epochs must be an integer of at least 1; got 0"),
    ({"batch_size": 0}, "batch_size must be an integer of at least 1; got 0"),
    ({"batch": np.eye(40)}, "batch must be a Batch"),
    ({"batch": Batch.from_padded([[0, 1, 2, 11]] * 40)}, "the batch has n = 12 features, but w and V have"),
    ({"batch": Batch.from_lists([[0, 1, 2, 3]] * 40, n=11)}, 'attention "field" has a weight for every two fields'),
])  # fmt: skip
def test_wrong_arguments_are_refused(wrong, message):
    params, batch, y = problem(Model("afm", "field"))
    module = torch_model.TorchModel(Model("afm", "field"), params)
    with pytest.raises((TypeError, ValueError), match=message):
        torch_model.fit(module, **({"batch": batch, "y": y, "loss": "logistic"} | wrong))


def test_wrong_parameters_are_refused():
    with pytest.raises(ValueError, match="params lacks 'w0'"):
        torch_model.TorchModel(Model("fm"), {})
    with pytest.raises(ValueError, match=r"params\['V'\] has shape"):
        torch_model.TorchModel(Model("fm"), problem(Model("fm"))[0] | {"w": np.zeros(7)})
    with pytest.raises(TypeError, match="model must be a Model; got str"):
        torch_model.TorchModel("fm", problem(Model("fm"))[0])


SCRIPT = """
import sys
import numpy as np
from torch import distributed
from afm_numpy import datasets, saving
from afm_numpy.torch_model import TorchModel, fit

saved = saving.load("start.npz")
batch, y = datasets.load_libfm("rows.libfm", n=len(saved.params["w"]))
distributed.init_process_group("gloo")
module = TorchModel(saved.model, saved.params)
history = fit(module, batch, y, loss="logistic", epochs=2, batch_size=16)
if distributed.get_rank() == 0:
    saving.save("two.npz", saved.model, module.numpy(), config=history)
distributed.destroy_process_group()
"""


def test_two_processes_give_the_numbers_of_one(tmp_path):
    model = Model("afm")
    params, batch, y = problem(model, size=101)                     # shares of a batch differ in size
    dump_libfm(tmp_path / "rows.libfm", batch, y)
    saving.save(tmp_path / "start.npz", model, params)
    one = torch_model.TorchModel(model, params)
    history = torch_model.fit(one, batch, y, loss="logistic", epochs=2, batch_size=16)
    (tmp_path / "many.py").write_text(SCRIPT)
    torchrun = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc_per_node", "2", "many.py"]
    env = {**os.environ, "PYTHONPATH": str(Path(afm_numpy.__file__).parents[1])}
    run = subprocess.run(torchrun, cwd=tmp_path, env=env, capture_output=True, text=True, timeout=120)
    assert run.returncode == 0, run.stderr
    two = saving.load(tmp_path / "two.npz")
    np.testing.assert_allclose(two.config, history, rtol=1e-12)
    for name, value in one.numpy().items():
        assert not np.array_equal(value, params[name]) or name == "pairs"
        np.testing.assert_allclose(two.params[name], value, rtol=1e-9, atol=1e-11, err_msg=name)
