"""The training loop: against the same loop written out, and what it promises about rows, bits, stopping and errors."""

import copy
import dataclasses
import math
import re
import warnings

import numpy as np
import pytest
from training import AFM, DENSE, FM, LOSSES, problem, same_bits, start, train

from afm_numpy import Batch, Model, dropout, losses, metrics, optim
from afm_numpy.datasets import make_interactions
from afm_numpy.params import ATTENTION
from afm_numpy.train import Diverged, PoorFit, Progress, objective, predict

# ---- the loop, written out -----------------------------------------------------------------------------


@pytest.mark.parametrize("model", [FM, AFM, DENSE], ids=["fm", "afm", "dense"])
@pytest.mark.parametrize("reduction", ["mean", "sum"])
@pytest.mark.parametrize("weighted", [False, True])
def test_fit_is_this_loop(model, reduction, weighted):
    batch, y, weight = problem()
    weight = weight if weighted else None
    l2, keep, optimizer = {"V": 0.1}, {"pooled": 0.5}, optim.Adam(lr=0.05)
    result = train(
        model, batch, y, weight=weight, l2=l2, keep=keep, optimizer=optimizer, reduction=reduction, epochs=2
    )

    rng, params = np.random.default_rng(2), start(model, batch)
    state, batch = optim.init(optimizer, params), model.prepare(batch)
    for epoch in range(2):
        order, total = rng.permutation(10), 0.0
        for rows in (order[:4], order[4:8], order[8:]):
            part_weight = weight[rows] if weighted else None
            drop = dropout.draw(rng, batch[rows], 3, keep)
            data_loss, _, grads = objective(
                model, params, batch[rows], y[rows], l2=l2, drop=drop, reduction=reduction, weight=part_weight
            )
            optim.step(optimizer, params, grads, state)
            share = 1 if reduction == "sum" else part_weight.sum() if weighted else len(rows)
            total += data_loss * share
        assert result.history[epoch]["loss"] == pytest.approx(total / (weight.sum() if weighted else 10), rel=1e-14)
    assert same_bits(result.params, params)
    assert result.last.state["step"] == state["step"] == 6
    assert all(same_bits(result.last.state[name], state[name]) for name in params)


def test_training_learns_xor():
    batch, y = Batch.from_lists([[0, 2], [0, 3], [1, 2], [1, 3]]), np.array([0.0, 1.0, 1.0, 0.0])
    result = train(FM, batch, y, optimizer=optim.Adagrad(lr=0.3), epochs=300)
    assert predict(FM, result.params, batch) == pytest.approx(y, abs=0.01)
    assert result.history[-1]["loss"] < 1e-4 < result.history[0]["loss"]


# ---- rows ----------------------------------------------------------------------------------------------


@dataclasses.dataclass(frozen=True)
class Watched(Model):
    """Writes down the value of the first slot of every training row it sees."""

    seen: list = dataclasses.field(default_factory=list, compare=False)
    widths: list = dataclasses.field(default_factory=list, compare=False)

    def forward(self, params, batch, *, drop=dropout.Dropout()):
        self.seen.append(batch.x[:, 0].tolist())
        self.widths.append(batch.m)
        return super().forward(params, batch, drop=drop)


@pytest.mark.parametrize("B, batch_size, sizes", [(10, 4, [4, 4, 2]), (8, 4, [4, 4]), (3, 9, [3]), (3, 1, [1, 1, 1])])
def test_every_row_is_used_once_an_epoch_in_a_new_order(B, batch_size, sizes):
    model = Watched("fm", engine="dense")
    batch = Batch.from_padded(np.zeros((B, 1), int), 1.0 + np.arange(B)[:, None])
    train(model, batch, np.zeros(B), batch_size=batch_size, epochs=4, optimizer=optim.SGD(lr=1e-9))
    parts = [part for part in model.seen if part]
    assert [len(part) for part in parts] == sizes * 4
    orders = [sum(parts[at : at + len(sizes)], []) for at in range(0, len(parts), len(sizes))]
    assert [sorted(order) for order in orders] == [[float(i) for i in range(1, B + 1)]] * 4
    assert len({tuple(order) for order in orders}) > 1


def test_targets_and_weights_travel_with_their_rows():
    """Row i alone has feature i. Its step closes the gap with w0 and with w_i, unless it weighs nothing."""
    B = 9
    y, weight = np.arange(1.0, B + 1), np.ones(B)
    weight[4] = 0.0
    batch = Batch.from_padded(np.arange(B)[:, None])
    params = {"w0": np.array(0.0), "w": np.zeros(B), "V": np.zeros((B, 1))}
    result = train(FM, batch, y, params=params, weight=weight, batch_size=1, epochs=1, optimizer=optim.SGD(lr=0.5))
    w0, want = 0.0, np.zeros(B)
    for row in np.random.default_rng(2).permutation(B):    # g = 2 (w0 - y); theta -= g / 2
        if weight[row]:
            want[row], w0 = y[row] - w0, y[row]
    np.testing.assert_allclose(result.params["w"], want, rtol=1e-14)
    assert result.params["w0"] == pytest.approx(w0)


@pytest.mark.parametrize("model", [FM, AFM], ids=["fm", "afm"])
def test_a_weight_is_a_number_of_repetitions(model):
    batch, y, weight = problem()
    repeated = np.repeat(np.arange(10), weight.astype(int))
    params = start(model, batch)
    weighted = train(model, batch, y, params=params, weight=weight, batch_size=10)
    plain = train(model, batch[repeated], y[repeated], params=params, batch_size=repeated.size)
    for name, theta in weighted.params.items():
        np.testing.assert_allclose(theta, plain.params[name], rtol=1e-9, atol=1e-12, err_msg=name)
    for row, other in zip(weighted.history, plain.history, strict=True):
        assert row["loss"] == pytest.approx(other["loss"], rel=1e-9)


def test_a_batch_of_rows_that_weigh_nothing_moves_nothing():
    batch, y, weight = problem()
    weight[3:] = 0.0
    result = train(FM, batch, y, weight=weight, batch_size=1, epochs=1)
    seen = [row for row in np.random.default_rng(2).permutation(10) if row < 3]
    params, optimizer = start(FM, batch), optim.Adagrad()
    state = optim.init(optimizer, params)
    for row in seen:
        optim.step(optimizer, params, objective(FM, params, batch[row], y[[row]])[2], state)
    for name, theta in params.items():
        np.testing.assert_allclose(result.params[name], theta, rtol=1e-14)


# ---- the same bits -------------------------------------------------------------------------------------


def test_one_seed_one_result():
    batch, y, _ = problem()
    one, same, other = (train(AFM, batch, y, seed=seed, keep={"pooled": 0.8}) for seed in (2, 2, 3))
    assert same_bits(one.params, same.params) and not same_bits(one.params, other.params)
    assert [row["loss"] for row in one.history] == [row["loss"] for row in same.history]


@pytest.mark.parametrize("optimizer", [optim.SGD(lr=0.01, momentum=0.9), optim.Adagrad(), optim.Adam(lr=0.01)], ids=str)
def test_going_on_equals_training_through(optimizer):
    batch, y, _ = problem()
    settings = {"optimizer": optimizer, "keep": {"pooled": 0.8}, "valid": (batch, y)}
    through = train(AFM, batch, y, epochs=5, **settings)
    rng = np.random.default_rng(2)
    first = train(AFM, batch, y, epochs=2, **settings, seed=rng)
    second = train(AFM, batch, y, epochs=3, **settings, seed=rng, params=first.last)
    assert same_bits(second.last.params, through.last.params)
    assert second.last.state["step"] == through.last.state["step"] == 15
    assert all(same_bits(second.last.state[name], through.last.state[name]) for name in through.params)
    assert [row["loss"] for row in first.history + second.history] == [row["loss"] for row in through.history]


def test_what_is_given_is_not_changed():
    batch, y, weight = problem(loss="logistic")
    params, l2, keep = start(AFM, batch), {"V": 0.1}, {"pooled": 0.5}
    state = train(AFM, batch, y, params=params, loss="logistic").last.state
    given = params, y, weight, state, l2, keep, batch.idx, batch.x
    before = copy.deepcopy(given)
    result = train(AFM, batch, y, params=Progress(params, state), weight=weight, l2=l2, keep=keep, loss="logistic")
    assert same_bits(params, before[0]) and not same_bits(params, result.params)
    for one, old in zip((y, weight, batch.idx, batch.x), (*before[1:3], *before[6:]), strict=True):
        np.testing.assert_array_equal(one, old)
    assert state["step"] == before[3]["step"] and all(same_bits(state[name], before[3][name]) for name in params)
    assert (l2, keep) == before[4:6]


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_the_parameters_decide_the_dtype(dtype):
    batch, y, weight = problem(loss="logistic")
    params = start(AFM, batch, dtype=dtype)
    result = train(
        AFM, batch, y.astype(int), params=params, weight=weight, keep={"pooled": 0.5}, l2={"V": np.float64(0.1)},
        loss="logistic", valid=(batch, y),
    )  # fmt: skip
    for arrays in (result.params, result.last.params, *(result.last.state[name] for name in params)):
        assert {value.dtype for value in arrays.values()} == {np.dtype(dtype)}
    assert all(type(value) in (int, float) for row in result.history for value in row.values())


# ---- history, callback, progress -----------------------------------------------------------------------


def test_history():
    batch, y, _ = problem(loss="logistic")
    params = start(FM, batch)
    result = train(FM, batch, y, params=params, loss="logistic", l2={"V": 0.1}, batch_size=10)
    assert [list(row) for row in result.history] == [["epoch", "loss", "seconds"]] * 3
    assert [row["epoch"] for row in result.history] == [1, 2, 3]
    assert all(row["seconds"] > 0 for row in result.history)
    first = losses.logistic_forward(predict(FM, params, batch), y)           # before the step, without L2
    assert result.history[0]["loss"] == pytest.approx(first, rel=1e-13)
    assert result.best_epoch == 3 and result.params is result.last.params


def test_history_of_the_validation_part():
    batch, y, _ = problem(loss="logistic")
    other, other_y, _ = problem(seed=3, loss="logistic")
    result = train(
        FM, batch, y, loss="logistic", valid=(other, other_y), report=("auc", "log_loss"), monitor="accuracy", epochs=2
    )
    names = ["valid_loss", "valid_auc", "valid_log_loss", "valid_accuracy"]
    assert [list(row) for row in result.history] == [["epoch", "loss", *names, "seconds"]] * 2
    row, y_hat = result.history[-1], predict(FM, result.last.params, other)
    assert row["valid_loss"] == pytest.approx(metrics.log_loss(other_y, y_hat))
    assert row["valid_log_loss"] == metrics.log_loss(other_y, y_hat)
    assert row["valid_auc"] == metrics.auc(other_y, y_hat)
    assert row["valid_accuracy"] == metrics.accuracy(other_y, y_hat)


def test_validation_rows_of_one_class_have_no_auc_and_training_goes_on():
    batch, y, _ = problem(loss="logistic")
    settings = {"loss": "logistic", "valid": (batch, np.zeros(10)), "report": metrics.of("logistic")}
    with pytest.warns(metrics.UndefinedMetric, match="every row has the label 0, so there is no AUC") as said:
        result = train(FM, batch, y, **settings)
    assert len(said) == 1
    want = ["epoch", "loss", "valid_loss", "valid_log_loss", "valid_accuracy", "seconds"]
    assert [list(row) for row in result.history] == [want] * 3
    with pytest.raises(ValueError, match="auc cannot decide which epoch"), pytest.warns(metrics.UndefinedMetric):
        train(FM, batch, y, **settings, monitor="auc")


def test_validation_does_not_change_training():
    batch, y, _ = problem()
    assert same_bits(train(AFM, batch, y).params, train(AFM, batch, y, valid=(batch[:4], y[:4])).last.params)


def test_the_callback_sees_every_epoch_and_can_stop():
    batch, y, _ = problem()
    calls = []

    def callback(row, params, state):
        calls.append((row["epoch"], row["valid_loss"], params["w0"].copy()))
        return row["epoch"] == 2

    result = train(FM, batch, y, epochs=9, valid=(batch, y), callback=callback)
    assert [epoch for epoch, _, _ in calls] == [1, 2]
    assert [loss for _, loss, _ in calls] == [row["valid_loss"] for row in result.history]
    assert calls[-1][2] == result.last.params["w0"]
    assert result.best_epoch == min(calls, key=lambda call: call[1])[0]
    assert len(train(FM, batch, y, epochs=3, callback=lambda row, params, state: None).history) == 3


def test_progress_goes_to_standard_error_and_only_when_wanted(capsys):
    batch, y, _ = problem()
    quiet = train(FM, batch, y)
    assert capsys.readouterr() == ("", "")
    shown = train(FM, batch, y, verbose=True, valid=(batch, y))
    out, err = capsys.readouterr()
    assert out == "" and re.match(r"epoch 1 of \d+: loss \d\.\d{4}, valid_loss \d\.\d{4}\n", err)
    assert same_bits(quiet.params, shown.last.params)


# ---- early stopping ------------------------------------------------------------------------------------

# Rows without features: only w0 moves. With target 1 and lr = 0.1 it comes 0.2 of the way closer at each step, so
# after epoch e the distance is (1 - start) 0.8^e.
EMPTY = Batch.from_lists([[], []], n=1)


def constant(start):
    return {"w0": np.array(start), "w": np.zeros(1), "V": np.zeros((1, 1))}


def climb(start, valid_y, lr=0.1, **settings):
    valid = (EMPTY, np.full(2, valid_y) if np.ndim(valid_y) == 0 else np.array(valid_y))
    return train(FM, EMPTY, np.ones(2), params=constant(start), optimizer=optim.SGD(lr=lr), valid=valid, **settings)


@pytest.mark.parametrize("patience, epochs, ran", [(1, 20, 4), (2, 20, 5), (5, 20, 8), (None, 7, 7), (9, 7, 7)])
def test_early_stopping_restores_the_best_epoch(patience, epochs, ran):
    """w0 passes 0.200, 0.360, 0.488, 0.590, ...: the validation target 0.5 is nearest after epoch 3."""
    result = climb(0.0, 0.5, patience=patience, epochs=epochs)
    assert (result.best_epoch, len(result.history), result.last.state["step"]) == (3, ran, ran)
    assert result.params["w0"] == pytest.approx(1 - 0.8**3, rel=1e-14)
    assert result.last.params["w0"] == pytest.approx(1 - 0.8**ran, rel=1e-14)
    assert [row["valid_loss"] for row in result.history] == pytest.approx(
        [(1 - 0.8**e - 0.5) ** 2 for e in range(1, ran + 1)], rel=1e-11
    )


def test_a_metric_that_should_be_small_decides():
    result = climb(0.0, 0.5, patience=2, monitor="mae", epochs=20)
    assert (result.best_epoch, len(result.history)) == (3, 5)


def test_a_metric_that_should_be_large_decides():
    """The logit w0 climbs from -1; class 1 is predicted once it is above 0."""
    w0, path = -1.0, []
    while len(path) < 20:
        w0 += 0.6 / (1 + math.exp(w0))                      # g = sigmoid(w0) - 1
        path.append(w0)
    first = 1 + next(epoch for epoch, w0 in enumerate(path) if w0 > 0)
    result = climb(-1.0, 1.0, patience=3, monitor="accuracy", epochs=20, loss="logistic", lr=0.6)
    assert first == 3
    assert [row["valid_accuracy"] for row in result.history] == [0] * (first - 1) + [1] * 4
    assert result.best_epoch == first and result.params["w0"] == pytest.approx(path[first - 1], rel=1e-13)


def test_the_first_of_equal_epochs_is_the_best():
    """The prediction is a constant, so the AUC is always 1/2."""
    result = climb(0.0, [0.0, 1.0], patience=2, monitor="auc", epochs=20, loss="logistic")
    assert (result.best_epoch, len(result.history)) == (1, 3)
    assert result.params["w0"] == pytest.approx(0.05)


# ---- dropout and L2 take effect ------------------------------------------------------------------------


@pytest.mark.parametrize("site", dropout.SITES)
def test_dropout_changes_training_but_not_prediction(site):
    batch, y, _ = problem()
    plain, dropped = train(DENSE, batch, y), train(DENSE, batch, y, keep={site: 0.5})
    assert not same_bits(plain.params, dropped.params)
    np.testing.assert_array_equal(predict(DENSE, dropped.params, batch), DENSE.forward(dropped.params, batch)[0])
    assert same_bits(plain.params, train(DENSE, batch, y, keep={site: 1.0}).params)


@pytest.mark.parametrize("name", ["W", "w", "V"])
def test_l2_makes_the_parameters_small(name):
    batch, y, _ = problem()
    plain, small = train(AFM, batch, y, epochs=9), train(AFM, batch, y, epochs=9, l2={name: 3.0})
    assert np.linalg.norm(small.params[name]) < 0.8 * np.linalg.norm(plain.params[name])


@pytest.mark.parametrize("scope", ["touched", "table"])
@pytest.mark.parametrize("model", [FM, AFM, DENSE], ids=["fm", "afm", "dense"])
def test_the_scope_of_l2_decides_which_rows_shrink(model, scope):
    """Row 0 has the features 0 and 1 only. In SGD a row of V that nothing else moves shrinks by 1 - 2 lr lam a step."""
    batch, y = Batch.from_lists([[0, 1]] * 6, n=4), np.ones(6)
    params = start(model, batch)
    settings = {"optimizer": optim.SGD(lr=0.1), "l2": {"V": 0.5, "w": 0.25}, "l2_scope": scope, "batch_size": 2}
    params["w"][:] = 1.0
    result = train(model, batch, y, params=params, epochs=2, **settings)
    steps = 6 if scope == "table" else 0
    np.testing.assert_allclose(result.params["V"][2:], params["V"][2:] * 0.9**steps, rtol=1e-13)
    np.testing.assert_allclose(result.params["w"][2:], 0.95**steps, rtol=1e-13)
    assert (result.params["V"][:2] != params["V"][:2]).all()


def test_a_scope_makes_no_difference_where_every_feature_is_in_every_batch():
    batch, y = Batch.from_padded([[0, 1, 2]] * 6, np.random.default_rng(0).uniform(1, 2, (6, 3))), np.arange(6.0)
    one, other = (train(FM, batch, y, l2={"V": 0.1, "w": 0.1}, l2_scope=scope) for scope in ("touched", "table"))
    for name, value in one.params.items():
        np.testing.assert_allclose(value, other.params[name], rtol=1e-12)


@pytest.mark.parametrize("site", ["interactions", "attention"])
def test_dropout_of_single_pairs_takes_the_dense_engine_and_says_so(site):
    batch, y, _ = problem()
    with pytest.warns(UserWarning, match=f"dropout on the {site} differs from row to row") as caught:
        result = train(AFM, batch, y, keep={site: 0.5})
    assert caught[0].filename.endswith("training.py")
    assert same_bits(result.params, train(DENSE, batch, y, keep={site: 0.5}).params)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        train(AFM, batch, y, keep={site: 1.0, "pooled": 0.5})


# ---- a poor result is said -----------------------------------------------------------------------------


def planted(seed=0, loss="squared", B=300):
    """Four categorical fields, and an FM of two factors that made the targets."""
    data = make_interactions(np.random.default_rng(seed), B, 4, 5, linear=0.5)
    return data.batch, data.y if loss == "squared" else (data.y > 0).astype(float)


def with_column(batch, column):
    """The rows with one more feature that has these values."""
    ids, x = np.full((len(batch), 1), batch.n), np.reshape(column, (-1, 1))
    return Batch.from_padded(np.hstack([batch.idx, ids]), np.hstack([batch.x, x]), n=batch.n + 1)


def fitted(model, batch, y, loss="squared", **settings):
    rng = np.random.default_rng(0)
    params = model.init_params(rng, batch, k=4, w0=losses.best_constant(loss, y), dtype=float)
    settings = {"epochs": 10, "batch_size": 64, "warn": True, "loss": loss} | settings
    return train(model, batch, y, params=params, **settings)


@pytest.mark.parametrize("model", [FM, AFM], ids=["fm", "afm"])
@pytest.mark.parametrize("loss", LOSSES)
def test_unscaled_columns_are_said(model, loss):
    batch, y = planted(loss=loss)
    with pytest.warns(PoorFit) as said:
        result = fitted(model, with_column(batch, np.linspace(1, 199_000, 300)), y, loss)
    assert len(said) == 1 and said[0].filename.endswith("training.py") and result.poor
    assert not fitted(model, batch, y, loss).poor
    wide = with_column(batch, np.linspace(1, 199_000, 300))
    reached = losses.get(loss).forward(predict(model, result.params, wide), y)
    best = losses.get(loss).forward(np.full(300, losses.best_constant(loss, y)), y)
    for words in (f"{loss} loss {reached:.4g}, and {best:.4g} with y_hat = ", "scale the columns", "smaller learning"):
        assert words in str(said[0].message)


@pytest.mark.parametrize("model", [FM, AFM], ids=["fm", "afm"])
def test_unscaled_targets_are_said(model):
    batch, y = planted()
    with pytest.warns(PoorFit, match="scale the columns and the target"):
        train(model, batch, 1e9 * (2 + y), warn=True)
    with pytest.warns(PoorFit, match="no better on its own training rows than one constant: squared loss"):
        fitted(model, batch, 1e9 * (2 + y))                   # w0 starts at the mean, and nothing comes far from there
    fitted(model, batch, 1e3 + 10 * y)


def test_too_few_epochs_and_too_large_steps_are_said():
    batch, y = planted()
    params = start(FM, batch)
    params["w0"][()] = 9.0                                    # and the targets are around 0
    with pytest.warns(PoorFit, match="train for more epochs"):
        train(FM, batch, y, params=params, epochs=1, batch_size=300, warn=True)
    with pytest.warns(PoorFit, match="smaller learning rate"):
        fitted(FM, batch, y, optimizer=optim.Adagrad(lr=5.0))
    with pytest.warns(PoorFit, match="smaller learning rate"):                     # the history is from before the step
        fitted(FM, batch, y, optimizer=optim.Adagrad(lr=5.0), epochs=1, batch_size=300)


@pytest.mark.parametrize("model", [FM, *(Model("afm", mode) for mode in ATTENTION)], ids=lambda m: m.attention + m.kind)
@pytest.mark.parametrize("loss", LOSSES)
@pytest.mark.parametrize("options", [
    {}, {"keep": {"pooled": 0.5}}, {"optimizer": optim.Adam(0.01)}, {"optimizer": optim.SGD(0.01)}, {"epochs": 1},
    {"l2": {"V": 1.0, "w": 1.0}}, {"l2": {"V": 1e-3}, "l2_scope": "table"}, {"reduction": "sum"}, {"batch_size": 300},
    {"weight": np.arange(300) % 3.0}, {"patience": 2, "epochs": 20},
], ids=str)  # fmt: skip
def test_sane_fits_are_not_poor(model, loss, options):
    """Warnings are errors here: every one of these would say so."""
    batch, y = planted(loss=loss)
    options = options | ({"valid": planted(1, loss)} if "patience" in options else {})
    fitted(model, batch, y, loss, **options)


def test_targets_that_nothing_explains_or_that_never_change_are_not_poor():
    batch, _ = planted()
    fitted(FM, batch, np.random.default_rng(5).standard_normal(300))
    fitted(FM, batch, np.full(300, 3.0))
    fitted(FM, batch, np.ones(300), "logistic")
    fitted(FM, batch, 2000 + np.random.default_rng(5).standard_normal(300))


def test_weights_count_and_dropout_does_not():
    """A row that weighs nothing may be as wrong as it likes; the rest is fitted by w0."""
    y = np.where(np.arange(10) < 5, 1e6, 1.0)
    batch = Batch.from_lists([[0, 1]] * 10)
    params = {"w0": np.array(1.0), "w": np.zeros(2), "V": np.zeros((2, 1))}
    settings = {"params": params, "optimizer": optim.SGD(lr=1e-12), "epochs": 1, "warn": True}
    train(FM, batch, y, weight=(y == 1.0).astype(float), **settings)
    with pytest.warns(PoorFit):
        train(FM, batch, y, weight=np.where(y == 1.0, 0.5, 0.1), **settings)
    params = {"w0": np.array(0.1), "w": np.zeros(2), "V": np.ones((2, 1))}   # y_hat = 1.1; with dropout 0.1 or 2.1
    y = np.array([1.0, 1.2] * 5)
    result = train(FM, batch, y, **settings | {"params": params}, keep={"pooled": 0.5})
    assert result.history[0]["loss"] > 0.5 > 10 * y.var()


def test_a_poor_result_is_not_said_when_it_is_not_wanted():
    batch, y = planted()
    fitted(FM, batch, 1e9 * y, epochs=1, warn=False)


# ---- divergence ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("target, lr, epochs, message", [
    (1.0, 1e308, 1, "epoch 1: parameter w0 is NaN or infinite; try a smaller learning rate, or scale the values"),
    (1.0, 1e200, 9, "epoch 2: the loss is NaN or infinite"),
    (1e300, 0.1, 1, "epoch 1: the loss is NaN or infinite"),
])  # fmt: skip
def test_divergence_names_the_epoch_and_the_array(target, lr, epochs, message):
    y, optimizer = np.full(2, target), optim.SGD(lr=lr)
    with pytest.raises(Diverged, match=re.escape(message)):
        train(FM, EMPTY, y, params=constant(-9.0), optimizer=optimizer, epochs=epochs)


def test_divergence_names_a_gradient():
    batch = Batch.from_lists([[0]], [[1e200]])
    params = {"w0": np.array(0.0), "w": np.array([1e200]), "V": np.zeros((1, 1))}
    with pytest.raises(Diverged, match="epoch 1: the gradient of w0 is NaN or infinite"):
        train(FM, batch, np.zeros(1), params=params)


def test_divergence_of_a_row_is_found_at_the_end_of_the_epoch():
    """A step of one batch moves w[1] to infinity; no later batch of the epoch uses feature 1."""
    batch = Batch.from_padded([[0], [1]], [[1.0], [1e10]])
    params = {"w0": np.array(0.0), "w": np.zeros(2), "V": np.zeros((2, 1))}
    seed = next(seed for seed in range(9) if np.random.default_rng(seed).permutation(2)[0] == 1)
    with pytest.raises(Diverged, match="epoch 1: parameter w is NaN or infinite"):
        train(FM, batch, np.array([0.0, 1.0]), params=params, seed=seed, batch_size=1, optimizer=optim.SGD(lr=1e299))


def test_divergence_on_the_validation_part():
    batch, far = Batch.from_lists([[0]], n=1), Batch.from_lists([[0]], [[1e200]], n=1)
    params = {"w0": np.array(0.0), "w": np.ones(1), "V": np.zeros((1, 1))}
    with pytest.raises(Diverged, match="epoch 1: the loss of the validation part is not finite; try a smaller"):
        train(FM, batch, np.ones(1), params=params, valid=(far, np.ones(1)))


@pytest.mark.parametrize("V", [0.0, 1e200])                # overflow to infinity; infinity - infinity
def test_no_warning_when_training_diverges(V):
    batch = Batch.from_lists([[0, 1], [1]])
    params = {"w0": np.array(9.0), "w": np.zeros(2), "V": np.full((2, 1), V)}
    with np.errstate(all="warn"), warnings.catch_warnings():
        warnings.simplefilter("error")
        with pytest.raises(Diverged):
            train(FM, batch, np.ones(2), params=params, optimizer=optim.SGD(lr=1e200), epochs=9)


# ---- refusals ------------------------------------------------------------------------------------------

BATCH, TARGETS, _ = problem(loss="logistic")
WIDE = Batch.from_lists([[0, 8]], n=9)
LONG = Batch.from_lists([[0, 1, 2, 3, 4]], n=7, slots_are_fields=True)


def changed(name, value):
    return {"params": start(AFM, BATCH) | {name: value}}


@pytest.mark.parametrize("settings, message", [
    ({"y": TARGETS[:9]}, "y must have one value for each of the 10 rows; got shape (9,)"),
    ({"y": TARGETS[:, None]}, "y must have one value for each of the 10 rows; got shape (10, 1)"),
    ({"y": np.where(np.arange(10) == 3, math.nan, TARGETS)}, "row 3: y is nan; it must be a finite float64 number"),
    ({"y": np.where(np.arange(10) == 3, 2, TARGETS)}, "row 3: y is 2.0; the logistic loss wants 0 or 1"),
    ({"batch": BATCH[:0], "y": TARGETS[:0]}, "the batch of the training part has no rows"),
    ({"batch": WIDE, "y": TARGETS[:1]}, "the batch has n = 9 features, but w and V have only 7 rows"),
    ({"model": Model(attention="field"), "batch": LONG, "y": TARGETS[:1],
      "params": start(Model(attention="field"), BATCH)}, "params['field'] has shape (3,); want (P) with P = 10"),
    ({"loss": "hinge"}, "unknown loss 'hinge'; choose from squared, logistic"),
    ({"optimizer": "rmsprop"}, "unknown optimizer 'rmsprop'; choose from sgd, adagrad, adam"),
    ({"reduction": "none"}, "unknown reduction 'none'; choose from mean, sum"),
    ({"epochs": 0}, "epochs must be an integer of at least 1; got 0"),
    ({"epochs": True}, "epochs must be an integer of at least 1; got True"),
    ({"batch_size": 0}, "batch_size must be an integer of at least 1; got 0"),
    ({"batch_size": 2.5}, "batch_size must be an integer of at least 1; got 2.5"),
    ({"patience": 0, "valid": (BATCH, TARGETS)}, "patience must be an integer of at least 1; got 0"),
    ({"patience": 1}, "patience, report and monitor need valid, the rows to judge every epoch by"),
    ({"report": ["auc"]}, "patience, report and monitor need valid"),
    ({"monitor": "auc"}, "patience, report and monitor need valid"),
    ({"monitor": "f1", "valid": (BATCH, TARGETS)}, "unknown metric 'f1'; choose from rmse, mae"),
    ({"report": ["f1"], "valid": (BATCH, TARGETS)}, "unknown metric 'f1'; choose from rmse, mae"),
    ({"report": ["rmse"], "valid": (BATCH, TARGETS)}, "rmse is for models of the squared loss; this one has the log"),
    ({"monitor": "mae", "valid": (BATCH, TARGETS)}, "mae is for models of the squared loss; this one has the logis"),
    ({"loss": "squared", "monitor": "auc", "valid": (BATCH, TARGETS)}, "auc is for models of the logistic loss; this"),
    ({"valid": (BATCH[:0], TARGETS[:0])}, "the batch of the validation part has no rows"),
    ({"valid": (BATCH, TARGETS[:9])}, "y must have one value for each of the 10 rows; got shape (9,)"),
    ({"valid": (BATCH, TARGETS + 1)}, "the logistic loss wants 0 or 1"),
    ({"valid": (WIDE, TARGETS[:1])}, "the batch has n = 9 features, but w and V have only 7 rows"),
    ({"keep": {"pooling": 0.5}}, "unknown dropout site 'pooling'; choose from interactions, attention, pooled"),
    ({"keep": {"pooled": 0.0}}, "keep['pooled'] must be the probability to keep a unit, in (0, 1]; got 0.0"),
    ({"model": FM, "keep": {"attention": 0.5}}, "FM has dropout at the site pooled only; got attention"),
    ({"model": FM, "l2": {"W": 0.1}, "params": start(FM, BATCH)}, "L2 names 'W', which this model does not have"),
    ({"l2": {"h": 0.1}}, "L2 applies to W, w and V; got 'h'"),
    ({"l2": {"V": -1.0}}, "the L2 weight of V must be finite and not negative; got -1.0"),
    ({"weight": np.ones(9)}, "weight must have one value for each of the 10 rows; got shape (9,)"),
    ({"weight": np.arange(10.0) - 4}, "row 0: weight is -4.0; it must be finite and not negative"),
    ({"weight": np.append(np.ones(9), math.inf)}, "row 9: weight is inf; it must be a finite float64 number"),
    ({"weight": np.zeros(10)}, "weight must not be zero in every row"),
    (changed("p", np.ones(9)), "params['p'] has shape (9,); want (k) with k = 3"),
    ({"params": {"w0": np.zeros(())}}, "params lacks 'w'; it needs w0, w, V, p, W, b, h"),
    (changed("w0", 0.5), TypeError("params['w0'] must be an array of floats to be trained; got 0.5")),
    (changed("w0", np.float64(0.5)), TypeError("params['w0'] must be an array of floats to be trained; got")),
    (changed("w", np.zeros(7, int)), TypeError("params['w'] must be an array of floats to be trained; got array([0,")),
    (changed("w", np.zeros(7, complex)), TypeError("params['w'] must be an array of floats to be trained; got array(")),
])  # fmt: skip
def test_refused_before_the_first_step(settings, message):
    settings = {"model": AFM, "batch": BATCH, "y": TARGETS, "loss": "logistic"} | settings
    model, batch, y = (settings.pop(name) for name in ("model", "batch", "y"))
    settings.setdefault("params", start(model, BATCH))
    error = message if isinstance(message, Exception) else ValueError(message)
    rng = np.random.default_rng(2)
    with pytest.raises(type(error), match=re.escape(str(error))):
        train(model, batch, y, seed=rng, **settings)
    assert rng.random() == np.random.default_rng(2).random()                 # nothing was drawn: no epoch began


@pytest.mark.parametrize("name, place", [("x", "row 1, slot 0: x"), ("y", "row 1: y"), ("weight", "row 1: weight")])
def test_a_value_that_is_infinite_in_the_dtype_of_the_parameters_is_refused(name, place):
    given = dict.fromkeys(("x", "y", "weight"), np.ones(2)) | {name: np.array([1.0, 1e39])}
    batch = Batch.from_padded([[0], [1]], given["x"][:, None])
    params = start(FM, batch, dtype=np.float32)
    with pytest.raises(ValueError, match=f"{place} is 1e\\+39; it must be a finite float32 number"):
        train(FM, batch, given["y"], params=params, weight=given["weight"])


def test_one_long_row_makes_its_own_batch_wide_and_no_other():
    """Dropout of pairs needs padded arrays: a batch is padded to its own longest row."""
    model = Watched("afm", "network", "dense")
    rows = [[i % 7, 7 + i % 5] for i in range(40)]
    batch = Batch.from_lists([*rows[:17], np.arange(30), *rows[17:]], n=30)
    settings = {"params": start(model, batch), "batch_size": 8, "epochs": 2}
    train(model, batch, np.zeros(41), keep={"attention": 0.5, "interactions": 0.8}, **settings)
    assert sorted(model.widths) == [2] * 10 + [30] * 2
