"""The one file that is the whole of FM and AFM gives the numbers of the package, and finds the pair that it hides."""

import ast
from pathlib import Path

import numpy as np
import pytest
from strategies import signed

from afm_numpy import Batch, RowGrad, afm, fm, losses, minimal, optim

FILE = Path(minimal.__file__)
B, m, n, k, t = 7, 4, 11, 5, 3
both_models = pytest.mark.parametrize("model", ["fm", "afm"])
both_losses = pytest.mark.parametrize("loss", ["squared", "logistic"])
PACKAGE = {"fm": fm, "afm": afm}


def problem(model, loss, seed=0):
    """Parameters, ids that repeat from row to row, values of size 1, and targets."""
    rng = np.random.default_rng(seed)
    params = minimal.init_params(rng, n, k, m, t if model == "afm" else 0)
    params = {name: np.array(signed(rng, theta.shape)) for name, theta in params.items()}
    idx = np.stack([rng.permutation(n)[:m] for _ in range(B)])
    y = rng.integers(2, size=B).astype(float) if loss == "logistic" else signed(rng, B)
    return params, (idx, signed(rng, (B, m)), y)


def of_package(model, loss, params, rows, lam=0.0):
    """y_hat, the value and dense gradients, in the same form."""
    idx, x, y = rows
    batch = Batch.from_padded(idx, x, n)
    y_hat, cache = PACKAGE[model].forward(params, batch)
    forward, backward = losses.get(loss)[:2]
    grads = PACKAGE[model].backward(backward(y_hat, y), cache)
    grads = {name: g.to_dense(n) if isinstance(g, RowGrad) else g for name, g in grads.items()}
    value = forward(y_hat, y)
    if lam:
        value = value + losses.l2_forward(params, {"W": lam}, None)
        grads["W"] = grads["W"] + losses.l2_backward(params, {"W": lam}, None)["W"]
    return y_hat, value, grads


def same(got, want):
    assert got.keys() == want.keys()
    for name in want:
        scale = max(1.0, np.abs(want[name]).max())
        np.testing.assert_allclose(got[name], want[name], rtol=0, atol=1e-13 * scale, err_msg=name)


# ---- the same numbers ----------------------------------------------------------------------------------


@both_models
@both_losses
@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize("lam", [0.0, 0.3])
def test_predictions_losses_and_gradients_are_those_of_the_package(model, loss, seed, lam):
    lam = lam if model == "afm" else 0.0
    params, rows = problem(model, loss, seed)
    y_hat, value, grads = of_package(model, loss, params, rows, lam)
    forward, _ = minimal.MODELS[model]
    got, got_grads = minimal.objective(model, loss, params, rows, lam)
    same({"y_hat": forward(params, *rows[:2])[0], "value": got}, {"y_hat": y_hat, "value": value})
    same(got_grads, grads)


def test_the_attention_is_that_of_the_package():
    params, (idx, x, _) = problem("afm", "squared")
    attention = minimal.afm_forward(params, idx, x)[1][11]
    same({"a": attention}, {"a": afm.forward(params, Batch.from_padded(idx, x, n))[1].a})


@pytest.mark.parametrize("y", [0.0, 1.0])
def test_the_logistic_loss_far_out(y):
    y_hat = np.array([-1e4, -80.0, -37.0, 0.0, 37.0, 80.0, 1e4])
    for z in y_hat:
        value, dy_hat = minimal.logistic(np.array([z]), np.array([y]))
        want = losses.logistic_forward(np.array([z]), np.array([y]))
        assert value == pytest.approx(want, rel=1e-14, abs=0)
        assert dy_hat == pytest.approx(losses.logistic_backward(np.array([z]), np.array([y])), rel=1e-14, abs=0)


@pytest.mark.parametrize("model, lam", [("fm", 0.0), ("afm", 0.0), ("afm", 0.3)])
@pytest.mark.parametrize("name, optimizer", [("sgd", optim.SGD(lr=1e-3)), ("adagrad", optim.Adagrad(lr=0.1))])
def test_training_makes_the_steps_of_the_package(model, lam, name, optimizer):
    params, rows = problem(model, "squared")
    ours = {key: theta.copy() for key, theta in params.items()}
    options = {"lr": optimizer.lr, "lam": lam, "epochs": 3, "batch_size": 3}
    minimal.train(model, "squared", params, rows, np.random.default_rng(1), name, **options)
    rng, state = np.random.default_rng(1), optim.init(optimizer, ours)
    for _ in range(3):
        order = rng.permutation(B)
        for at in (0, 3, 6):                                                   # the last batch holds one row
            part = tuple(column[order[at : at + 3]] for column in rows)
            optim.step(optimizer, ours, of_package(model, "squared", ours, part, lam)[2], state)
    same(params, ours)


def test_initial_parameters():
    params = minimal.init_params(np.random.default_rng(0), 4000, 6, m=4, t=5)
    shapes = {"w0": (), "w": (4000,), "V": (4000, 6), "p": (6,), "W": (6, 5), "b": (5,), "h": (5,)}
    assert {name: theta.shape for name, theta in params.items()} == shapes
    assert abs(params["V"].std() / 0.01 - 1) < 0.02 and set(params["p"]) == {6.0} and not params["w"].any()
    assert list(minimal.init_params(np.random.default_rng(0), 3, 2)) == ["w0", "w", "V"]
    wide = minimal.init_params(np.random.default_rng(0), 1, 200, m=4, t=300)
    assert abs(wide["W"].std() / np.sqrt(2 / 500) - 1) < 0.02 and abs(wide["b"].std() / np.sqrt(2 / 500) - 1) < 0.15


# ---- its gradient check --------------------------------------------------------------------------------


@both_models
@both_losses
def test_the_complex_step_agrees(model, loss):
    params, rows = problem(model, loss)
    assert minimal.complex_step(model, loss, params, rows, 0.3 if model == "afm" else 0.0) < 1e-13



@pytest.mark.parametrize("model, name", [
    *(("fm", name) for name in ("w0", "w", "V")), *(("afm", name) for name in ("w0", "w", "V", "p", "W", "b", "h")),
])  # fmt: skip
def test_the_complex_step_finds_a_wrong_gradient(model, name, monkeypatch):
    params, rows = problem(model, "squared")
    forward, backward = minimal.MODELS[model]

    def wrong(dy_hat, cache):
        grads = backward(dy_hat, cache)
        grads[name] = 1.001 * grads[name]
        return grads

    monkeypatch.setitem(minimal.MODELS, model, (forward, wrong))
    assert 5e-4 < minimal.complex_step(model, "squared", params, rows) < 2e-3


# ---- the demo, and the file ----------------------------------------------------------------------------


@pytest.mark.parametrize("seed", [0, 1, 7])
def test_the_demo_finds_the_pair_that_it_hid(seed, capsys):
    hidden, found = minimal.demo(seed)
    assert found == hidden and len(set(hidden)) == 2
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].startswith(f"Fields {hidden[0]} and {hidden[1]} together decide y")
    assert lines[-1].startswith(f"afm: fields {found[0]} and {found[1]} move it by 1.0")
    for line in lines:
        if "gradients" in line:
            assert float(line.split()[-1].rstrip(".")) < 1e-13
        if "on new rows" in line:
            assert float(line.split("off by ")[1].split(";")[0]) < 0.13        # the noise is 0.1


def test_the_file_stands_alone_and_fits_on_four_pages():
    text = FILE.read_text()
    imports = [node for node in ast.walk(ast.parse(text)) if isinstance(node, (ast.Import, ast.ImportFrom))]
    assert [ast.unparse(node) for node in imports] == ["import numpy as np"]
    assert len(text.splitlines()) <= 200
