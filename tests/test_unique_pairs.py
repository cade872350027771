"""The fast engine against the dense one: every mode, every gradient, ragged rows, real values, pooled dropout."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from strategies import examples, fixed_problem, frozen, make_batch, make_pairs, problems, signed

from afm_numpy import Batch, Model, RowGrad, afm, gradcheck, optim, train, unique_pairs
from afm_numpy.dropout import Dropout
from afm_numpy.params import ATTENTION

MODES = list(ATTENTION)
TOLERANCE = 1e-12


@pytest.fixture(autouse=True)
def always_unique(monkeypatch):
    """Small drawn batches repeat few pairs; take the fast evaluation all the same."""
    monkeypatch.setattr(unique_pairs, "FEW_REPEATS", 1.0)


def assert_same(actual, desired, tolerance=TOLERANCE):
    """Equal up to rounding, relative to the largest entry; for a RowGrad also the same rows."""
    if isinstance(desired, RowGrad):
        np.testing.assert_array_equal(actual.rows, desired.rows)
        actual, desired = actual.values, desired.values
    assert actual.shape == desired.shape and actual.dtype == desired.dtype
    np.testing.assert_allclose(actual, desired, rtol=0, atol=tolerance * max(1.0, np.abs(desired).max(initial=0)))


def assert_equal_to_dense(problem, batch=None, tolerance=TOLERANCE):
    _, params, plain, drop, dy_hat = problem
    attention = problem.model.attention
    y_dense, dense = afm.forward(params, plain, attention, drop)
    y_hat, cache = unique_pairs.forward(params, plain if batch is None else batch, attention, drop)
    assert isinstance(cache, unique_pairs.Cache)
    assert_same(y_hat, y_dense, tolerance)
    desired = afm.backward(dy_hat, dense, with_dx=True)
    actual = unique_pairs.backward(dy_hat, cache, with_dx=True)
    assert actual.keys() == desired.keys()
    for name in desired:
        assert_same(actual[name], desired[name], tolerance)


@pytest.mark.parametrize("attention", MODES)
@given(data=st.data())
@examples(60)
def test_equal_to_dense(attention, data):
    problem = data.draw(problems(Model("afm", attention), sites=("pooled",)))
    assert_equal_to_dense(frozen(problem))


@pytest.mark.parametrize("attention", MODES)
@given(seed=st.integers(0, 2**32 - 1), equal=st.booleans(), values=st.integers(1, 3), drop=st.booleans())
@examples(15)
def test_selected_rows_equal_dense(attention, seed, equal, values, drop):
    """Rows selected from a numbered data set, with repeats, values that several rows share, and block borders."""
    rng = np.random.default_rng(seed)
    m, n = 6, 9
    data = make_batch(rng, [m] * 40 if equal else rng.integers(0, m + 1, 40), m, n)
    data = Batch(data.idx, rng.integers(1, values + 1, data.x.shape) * 0.5 * data.present, n)
    rows = rng.integers(0, 40, 25)
    problem = fixed_problem(Model("afm", attention))
    params = afm.init_params(rng, n, m, 4, 3, attention=attention, pairs=make_pairs(rng, data), std=1.0, dtype=float)
    pooled = rng.integers(0, 2, (25, 4)) * 2.0 if drop else None
    problem = problem._replace(params=params, batch=data[rows], drop=Dropout(pooled=pooled), dy_hat=signed(rng, 25))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(unique_pairs, "BLOCK", 4 * 64)
        assert_equal_to_dense(problem, unique_pairs.prepare(data)[rows])


@pytest.mark.parametrize("attention", MODES)
def test_three_epochs_agree(attention):
    rng = np.random.default_rng(3)
    batch = make_batch(rng, rng.integers(1, 7, 300), 6, 12, ones=True)
    y = rng.standard_normal(300)
    start = Model("afm", attention).init_params(rng, batch, k=4, t=3, dtype=float, std=0.3)
    ends = [
        train.fit(
            Model("afm", attention, engine), start, batch, y, rng=np.random.default_rng(0), epochs=3, batch_size=64,
            keep={"pooled": 0.8}, l2={"V": 1e-3, "w": 1e-3}, optimizer=optim.Adagrad(lr=0.05),
        ).params
        for engine in ("dense", "unique")
    ]  # fmt: skip
    for name in start:
        np.testing.assert_allclose(ends[1][name], ends[0][name], rtol=0, atol=1e-9 * np.abs(ends[0][name]).max())


@pytest.mark.parametrize("attention", MODES)
def test_complex_step(attention):
    problem = fixed_problem(Model("afm", attention), ("pooled",))
    theta = {**problem.params, "x": problem.batch.x}

    def call(theta):
        batch = Batch(problem.batch.idx, theta["x"] * problem.batch.present, problem.batch.n)
        return problem.dy_hat @ problem.model.forward(theta, batch, problem.drop)[0]

    gradcheck.check(call, theta, problem.gradients(), method="complex").raise_if_bad()


def test_same_bits_twice():
    problem = fixed_problem(Model("afm"))
    first, second = problem.gradients(), problem.gradients()
    assert all(np.array_equal(*map(np.asarray, pair)) for pair in zip(first["V"], second["V"], strict=True))
    assert np.array_equal(first["W"], second["W"])


def test_float32_stays():
    rng = np.random.default_rng(0)
    batch = make_batch(rng, [4] * 30, 4, 8).astype(np.float32)
    for attention in MODES:
        model = Model("afm", attention)
        params = model.init_params(rng, batch, k=3, t=2)
        y_hat, cache = model.forward(params, batch)
        grads = model.backward(np.ones(30, np.float32), cache, with_dx=True)
        values = [grad.values if isinstance(grad, RowGrad) else grad for grad in grads.values()]
        assert {y_hat.dtype, *(value.dtype for value in values)} == {np.dtype(np.float32)}
