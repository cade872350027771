"""FM's fast step against the readable one."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from strategies import as_float32, examples, fixed_problem, frozen, make_batch, problems
from test_afm_once_per_pair import assert_same

from afm_numpy import Batch, Model, RowGrad, fm, optim, train
from afm_numpy.dropout import Dropout
from afm_numpy.fast import fm_once_per_feature, numbering


def assert_equal_to_dense(problem, batch=None):
    _, params, plain, drop, dy_hat = problem
    y_dense, dense = fm.forward(params, plain, drop=drop)
    y_hat, cache = fm_once_per_feature.forward(params, plain if batch is None else batch, drop=drop)
    assert_same(y_hat, y_dense)
    desired = fm.backward(dy_hat, dense, with_dx=True)
    actual = fm_once_per_feature.backward(dy_hat, cache, with_dx=True)
    assert actual.keys() == desired.keys()
    for name in desired:
        assert_same(actual[name], desired[name])


@given(data=st.data())
@examples(100)
def test_equal_to_dense(data):
    problem = frozen(data.draw(problems(Model("fm"), sites=("pooled",))))
    assert_equal_to_dense(problem)
    assert_equal_to_dense(problem, fm_once_per_feature.prepare(problem.batch))


def test_values_that_are_all_2():
    """X and its square are one matrix for values of 1 only."""
    problem = fixed_problem(Model("fm"))
    batch = problem.batch
    assert_equal_to_dense(problem._replace(batch=batch.with_x(2.0 * batch.present)))


def test_the_gradient_of_x_is_not_made_unasked():
    problem = fixed_problem(Model("fm"))
    _, cache = fm_once_per_feature.forward(problem.params, problem.batch)
    assert list(fm_once_per_feature.backward(problem.dy_hat, cache)) == ["w0", "w", "V"]


def test_selected_rows_equal_dense():
    problem = fixed_problem(Model("fm"), ("pooled",))
    rows = np.array([5, 0, 3, 3, 1, 6, 2])
    plain = problem.batch[rows]
    assert_equal_to_dense(problem._replace(batch=plain), fm_once_per_feature.prepare(problem.batch)[rows])


@given(codes=st.lists(st.integers(0, 50)), stretch=st.sampled_from([1, 10**6, 10**16]))
@examples(100)
def test_distinct_is_unique(codes, stretch):
    """Marking, packed sorting and np.unique, whichever the bound asks for."""
    codes = np.array(codes, np.int64) * stretch
    values, place = numbering.distinct(codes, 50 * stretch + 1)
    np.testing.assert_array_equal(values, np.unique(codes))
    np.testing.assert_array_equal(values[place], codes)


def test_three_epochs_agree():
    rng = np.random.default_rng(3)
    batch = make_batch(rng, rng.integers(1, 7, 300), 6, 12)
    y = rng.standard_normal(300)
    start = Model("fm").init_params(rng, batch, k=4, dtype=float, std=0.3)
    ends = [
        train.fit(
            Model("fm", engine=engine), start, batch, y, rng=np.random.default_rng(0), epochs=3, batch_size=64,
            loss=train.Objective(l2={"V": 1e-3, "w": 1e-3}, keep={"pooled": 0.8}), optimizer=optim.Adam(lr=0.05),
            watch=train.Watch(warn=False),
        ).params
        for engine in ("dense", "unique")
    ]  # fmt: skip
    for name in start:
        np.testing.assert_allclose(ends[1][name], ends[0][name], rtol=0, atol=1e-9 * np.abs(ends[0][name]).max())


def test_float32_stays():
    problem = as_float32(fixed_problem(Model("fm"), ("pooled",), k=6))
    y_hat, cache = problem.forward()
    grads = problem.model.backward(problem.dy_hat, cache, with_dx=True)
    values = [grad.values if isinstance(grad, RowGrad) else grad for grad in grads.values()]
    assert {y_hat.dtype, *(value.dtype for value in values)} == {np.dtype(np.float32)}


@pytest.mark.parametrize("site", ["interactions", "attention"])
def test_said_once_when_dropout_needs_the_dense_engine(site):
    rng = np.random.default_rng(0)
    batch = make_batch(rng, [4] * 30, 4, 8)
    y = rng.standard_normal(30)
    params = Model("afm").init_params(rng, batch, k=3, t=2)
    options = {"epochs": 2, "batch_size": 8, "watch": train.Watch(warn=False)}
    options["loss"] = train.Objective(keep={site: 0.5})
    with pytest.warns(UserWarning, match=f"dropout on the {site}") as said:
        fast = train.fit(Model("afm"), params, batch, y, rng=np.random.default_rng(1), **options)
    assert len(said) == 1
    dense = train.fit(Model("afm", engine="dense"), params, batch, y, rng=np.random.default_rng(1), **options)
    np.testing.assert_array_equal(fast.params["V"], dense.params["V"])


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("n", [4, 10_000])
def test_a_row_with_one_feature_has_no_pair_term(dtype, n):
    """Exactly: x = 1e6 and V = 1e3 would leave a rounding error of hundreds, and Adam would move V by it."""
    batch = Batch.from_lists([[1], [2], [0, 3], []], [[1e6 / 3], [1.1], [1.0, 2.0], []], n=n, dtype=dtype)
    model, rng = Model("fm"), np.random.default_rng(0)
    params = model.init_params(rng, batch, k=7, std=1e3, dtype=dtype)
    linear = {name: value for name, value in params.items()} | {"V": np.zeros_like(params["V"])}
    for rows in (batch, model.prepare(batch)):
        for y_hat, plain in (
            (model.forward(params, rows)[0], model.forward(linear, rows)[0]),
            (model.predict(params, rows), model.predict(linear, rows)),
        ):
            assert (y_hat == plain).tolist() == [True, True, False, True]
        for drop in (Dropout(), Dropout(pooled=np.full((4, 7), 2.0, dtype))):
            grads = model.backward(np.array([0.1, 0.7, 1.3, 2.0], dtype), model.forward(params, rows, drop=drop)[1])
            dense = grads["V"].to_dense(n)
            assert not dense[[1, 2]].any() and dense[[0, 3]].all() and grads["w"].to_dense(n)[:4].all()
    trained = train.fit(
        model, params, batch, np.ones(4), rng=rng, optimizer=optim.Adam(lr=0.1), epochs=3, batch_size=1,
        watch=train.Watch(warn=False),
    )  # fmt: skip
    assert (trained.params["V"][[1, 2]] == params["V"][[1, 2]]).all()


def test_many_rows_are_predicted_in_blocks(monkeypatch):
    rng = np.random.default_rng(0)
    batch = make_batch(rng, rng.integers(0, 5, 700), 4, 12)
    params = Model("fm").init_params(rng, batch, k=4, dtype=float, std=0.5)
    want = fm.forward(params, batch)[0]
    for block in (1, 700, 1 << 18):
        monkeypatch.setattr(fm_once_per_feature, "BLOCK", block)
        for chunk in (1, 100, 4096):
            np.testing.assert_allclose(fm_once_per_feature.predict(params, batch, chunk=chunk), want, rtol=1e-12)


@pytest.mark.parametrize("n, columns", [(39, 39), (40, 40), (41, 30), (1000, 30)])
def test_how_prediction_is_cut_and_which_columns_it_has(n, columns, monkeypatch):
    """10 rows of 4: a column for each feature, or for each distinct one when there are more features than slots."""
    asked, seen, real, design = [], [], fm_once_per_feature.each_block, fm_once_per_feature.design
    monkeypatch.setattr(fm_once_per_feature, "each_block", lambda *args: asked.append(args[1:]) or real(*args))
    monkeypatch.setattr(fm_once_per_feature, "design", lambda *args: seen.append(args[3]) or design(*args))
    batch, model = Batch.from_padded((np.arange(40) % 30).reshape(10, 4), np.full((10, 4), 0.5), n=n), Model("fm")
    params = model.init_params(np.random.default_rng(0), batch, k=3, std=0.5, dtype=float)
    np.testing.assert_allclose(fm_once_per_feature.predict(params, batch), fm.forward(params, batch)[0], rtol=1e-12)
    monkeypatch.setattr(fm_once_per_feature, "BLOCK", 6)
    fm_once_per_feature.predict(params, batch, chunk=3)
    assert asked == [(10, 4096, 4 * 40 * 3), (10, 2, 4 * 40 * 3)] and set(seen) == {columns}


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_no_rows(dtype):
    batch, model = Batch.from_lists([], n=3, dtype=dtype), Model("fm")
    found = fm_once_per_feature.predict(model.init_params(np.random.default_rng(0), batch, k=2, dtype=dtype), batch)
    assert found.shape == (0,) and found.dtype == dtype


def test_a_mask_of_another_shape_is_refused():
    batch = Batch.from_lists([[0, 1], [2]])
    params = Model("fm").init_params(np.random.default_rng(0), batch, k=2)
    with pytest.raises(ValueError, match="pooled"):
        fm_once_per_feature.forward(params, batch, drop=Dropout(pooled=np.ones((2, 3))))


def test_values_of_one_are_squared_once_only():
    """X serves for its square too; a single other value asks for a matrix of its own."""
    params = Model("fm").init_params(np.random.default_rng(0), batch := Batch.from_lists([[0, 1], [2]]), k=2)
    for x, one in (([[1, 1], [1, 0]], True), ([[1, 1], [2, 0]], False)):
        _, cache = fm_once_per_feature.forward(params, batch.with_x(np.array(x, np.float32)))
        assert (cache.X2 is cache.X) == one
