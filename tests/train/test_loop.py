"""The objective and its gradients; one pass over the rows."""

import dataclasses

import numpy as np
import pytest
from training import AFM, DENSE, FM, LOSSES, problem, start

from afm_numpy import RowGrad, dropout, gradcheck, losses, optim
from afm_numpy.train import Objective, objective, one_epoch


@pytest.mark.parametrize("model", [FM, AFM, DENSE], ids=["fm", "afm", "dense"])
@pytest.mark.parametrize("loss", LOSSES)
@pytest.mark.parametrize("reduction", ["mean", "sum"])
@pytest.mark.parametrize("scope", ["touched", "table"])
def test_gradients_of_the_objective(model, loss, reduction, scope):
    batch, y, weight = problem(loss=loss)
    params = start(model, batch, std=1.0)
    batch = dataclasses.replace(batch, n=9)                                  # no row has the features 7 and 8
    params |= {name: np.append(params[name], np.ones_like(params[name][:2]), axis=0) for name in ("w", "V")}
    l2 = {"w": 0.3, "V": 0.2} | ({"W": 0.1} if model.kind == "afm" else {})
    params["w"] += 1.0
    drop = dropout.draw(np.random.default_rng(5), batch, 3, {"pooled": 0.7})
    data_loss, penalty, grads = objective(
        model, params, batch, y, loss=loss, reduction=reduction, l2=l2, l2_scope=scope, weight=weight, drop=drop
    )
    rows = batch.touched if scope == "touched" else None

    def value(params):
        y_hat, _ = model.forward(params, batch, drop=drop)
        return losses.get(loss).forward(y_hat, y, reduction, weight) + losses.l2_forward(params, l2, rows)

    assert data_loss + penalty == pytest.approx(value(params), rel=1e-14)
    assert penalty == pytest.approx(losses.l2_forward(params, l2, rows)) and penalty > 0
    assert isinstance(grads["V"], RowGrad) == (scope == "touched")
    assert gradcheck.check(value, params, grads)


def test_objective_without_penalty():
    batch, y, _ = problem()
    params = start(FM, batch)
    data_loss, penalty, grads = objective(FM, params, batch, y)
    assert penalty == 0.0 and data_loss == losses.squared_forward(FM.forward(params, batch)[0], y)
    for l2 in ({}, {"V": 0.0}):
        again = objective(FM, params, batch, y, l2=l2)
        assert again[:2] == (data_loss, 0.0)
        np.testing.assert_array_equal(again[2]["V"].values, grads["V"].values)


@pytest.mark.parametrize("y, message", [
    (np.where(np.arange(10) == 3, -1.0, 1.0), "row 3: y is -1.0; the logistic loss wants 0 or 1"),
    (np.ones((10, 1)), r"y must have one value for each of the 10 rows; got shape \(10, 1\)"),
    (np.ones(9), r"y must have one value for each of the 10 rows; got shape \(9,\)"),
    (np.full(10, np.nan), "row 0: y is nan"),
])  # fmt: skip
def test_objective_refuses_targets_of_another_kind(y, message):
    batch, _, _ = problem()
    with pytest.raises(ValueError, match=message):
        objective(FM, start(FM, batch), batch, y, loss="logistic")


# ---- one pass over the rows ------------------------------------------------------------------------------


@pytest.mark.parametrize("model", [FM, AFM, DENSE], ids=["fm", "afm", "dense"])
def test_one_epoch_is_a_step_for_each_batch(model):
    batch, y, _ = problem()
    params, optimizer = start(model, batch), optim.Adagrad()
    want = {name: value.copy() for name, value in params.items()}
    state, steps, total = optim.init(optimizer, params), [], 0.0
    goal = Objective(l2={"V": 0.1}, reduction="sum")
    mean = one_epoch(
        model, params, batch, y, rng=np.random.default_rng(4), goal=goal, optimizer=optimizer, state=state,
        batch_size=4, after_step=lambda: steps.append(params["w0"].copy()),
    )  # fmt: skip
    order, want_state = np.random.default_rng(4).permutation(10), optim.init(optimizer, want)
    for at, rows in enumerate((order[:4], order[4:8], order[8:])):
        loss, _, grads = objective(model, want, batch[rows], y[rows], l2={"V": 0.1}, reduction="sum")
        optim.step(optimizer, want, grads, want_state)
        total += loss
        assert steps[at] == want["w0"]
    assert len(steps) == 3 and mean == pytest.approx(total / 10, rel=1e-14)
    for name, value in params.items():
        np.testing.assert_array_equal(value, want[name])


@pytest.mark.parametrize("weight, words", [
    pytest.param(-np.ones(10), "row 0: weight is -1.0; it must be finite and not negative", id="brother-negative"),
    pytest.param(np.ones(9), "weight must have one value for each of the 10 rows", id="brother-shape"),
])  # fmt: skip
def test_objective_refuses_weights(weight, words):
    batch, y, _ = problem()
    with pytest.raises(ValueError, match=words):
        objective(FM, start(FM, batch), batch, y, weight=weight)


def test_brother_objective_takes_lists():
    batch, y, weight = problem()
    params = start(FM, batch)
    assert objective(FM, params, batch, y.tolist())[0] == objective(FM, params, batch, y)[0]


@pytest.mark.parametrize("rows, targets, batch_size, words", [
    pytest.param(10, 10, 0, "batch_size must be an integer of at least 1; got 0", id="brother-0"),
    pytest.param(10, 10, -5, "batch_size must be an integer of at least 1; got -5", id="brother-negative"),
    pytest.param(0, 0, 4, "one_epoch wants rows, and a target for each; got 0 rows and 0 targets", id="brother-none"),
    pytest.param(10, 9, 4, "got 10 rows and 9 targets", id="brother-fewer"),
    pytest.param(9, 10, 4, "got 9 rows and 10 targets", id="brother-more"),
])  # fmt: skip
def test_an_epoch_that_would_leave_rows_out(rows, targets, batch_size, words):
    batch, y, _ = problem()
    params, optimizer = start(FM, batch), optim.SGD()
    with pytest.raises(ValueError, match=words):
        one_epoch(
            FM, params, batch[:rows], y[:targets], rng=np.random.default_rng(0), optimizer=optimizer,
            state=optim.init(optimizer, params), batch_size=batch_size,
        )  # fmt: skip
