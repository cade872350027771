"""FM: the O(mk) identity against the double sum, and every gradient against measured slopes."""

import re

import numpy as np
import pytest
from hypothesis import given
from strategies import (
    as_float32,
    assert_not_wrong,
    assert_right,
    check_gradients,
    close,
    examples,
    failing,
    fixed_problem,
    frozen,
    problems,
    signed,
    vanishing,
    x_as_parameter,
)

from afm_numpy import Batch, Model, RowGrad, afm, fm, gradcheck, losses, train
from afm_numpy.dropout import Dropout, draw
from afm_numpy.reference import fm_row

FM = Model("fm", engine="dense")
fm_problems = problems(FM, sites=("pooled",))


def term_sizes(params, batch, drop=Dropout()):
    """(B,) the sum of the absolute values of all terms, which rounding errors are relative to."""
    absolute = {name: np.abs(value) for name, value in params.items()}
    masks = [None] * len(batch) if drop.pooled is None else drop.pooled
    return np.array([fm_row(absolute, *row) for row in zip(batch.idx, np.abs(batch.x), masks, strict=True)])


# ---- values --------------------------------------------------------------------------------------------


def test_a_row_worked_out_by_hand():
    V = np.array([[1.0, 2.0], [3.0, -1.0], [2.0, 2.0]])
    params = {"w0": np.array(0.5), "w": np.array([1.0, -2.0, 3.0]), "V": V}
    batch = Batch.from_padded([[2, 0]], [[2.0, -1.0]], n=3)
    # w0 + 3*2 + 1*(-1) + (2*1 + 2*2) * 2 * (-1)
    assert fm.forward(params, batch)[0].tolist() == [0.5 + 6 - 1 - 12]


@given(fm_problems)
@examples(150)
def test_equals_the_double_sum(problem):
    """eq. (1)"""
    params, batch, drop = problem.params, problem.batch, problem.drop
    masks = [None] * len(batch) if drop.pooled is None else drop.pooled
    want = [fm_row(params, *row) for row in zip(batch.idx, batch.x, masks, strict=True)]
    close(problem.forward()[0], np.array(want), term_sizes(params, batch, drop), 1e-12)


@given(fm_problems)
@examples(30)
def test_the_order_of_the_slots_and_empty_slots_do_not_matter(problem):
    batch = problem.batch
    order = np.random.default_rng(0).permutation(batch.m + 2)
    idx = np.pad(batch.idx, ((0, 0), (0, 2)))[:, order]
    x = np.pad(batch.x, ((0, 0), (0, 2)))[:, order]
    moved = problem._replace(batch=Batch.from_padded(idx, x, batch.n))
    close(moved.forward()[0], problem.forward()[0], term_sizes(problem.params, batch, problem.drop), 1e-13)


def test_cache_holds_the_naming_table():
    problem = fixed_problem(FM)
    params, batch, cache = problem.params, problem.batch, problem.forward()[1]
    B, m, k = 7, 4, 5
    assert {name: getattr(cache, name).shape for name in ("E", "sum_e", "sum_e2", "pooled", "w", "V")} == {
        "E": (B, m, k), "sum_e": (B, k), "sum_e2": (B, k), "pooled": (B, k), "w": (11,), "V": (11, k),
    }  # fmt: skip
    assert (cache.batch.idx.shape, cache.batch.x.shape) == ((B, m), (B, m))
    for r in range(B):
        e = [params["V"][batch.idx[r, s]] * batch.x[r, s] for s in range(m)]
        close(cache.E[r], np.array(e), 1.0, 1e-15)
        close(cache.sum_e[r], sum(e), 10.0, 1e-15)
        close(cache.sum_e2[r], sum(e_i**2 for e_i in e), 10.0, 1e-15)
        close(cache.pooled[r], sum(e[i] * e[j] for i in range(m) for j in range(i + 1, m)), 50.0, 1e-15)


def test_an_empty_row_gives_w0_and_a_single_feature_its_linear_term():
    params = {"w0": np.array(0.25), "w": np.array([0.5, 4.0]), "V": np.array([[3.0], [5.0]])}
    assert fm.forward(params, Batch.from_lists([[], [1]], [[], [2.0]], n=2))[0].tolist() == [0.25, 8.25]


@pytest.mark.parametrize("rows", [[], [[]], [[], []], [[1]], [[1], []]])
def test_batches_without_a_pair(rows):
    params = fm.init_params(np.random.default_rng(0), 3, 2, std=1.0, dtype=float)
    y_hat, cache = fm.forward(params, Batch.from_lists(rows, n=3))
    grads = fm.backward(np.ones(len(rows)), cache, with_dx=True)
    assert y_hat.shape == (len(rows),)
    assert not grads["V"].to_dense(3).any()
    assert grads["w0"] == len(rows)
    assert grads["w"].rows.tolist() == ([1] if [1] in rows else [])


# ---- gradients -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("method", ["complex", "central"])
@pytest.mark.parametrize("sites", [(), ("pooled",)])
def test_gradients_when_none_vanishes(sites, method):
    report = check_gradients(fixed_problem(FM, sites), method)
    assert_right(report)
    assert {name: entry.status for name, entry in report.entries.items()} == dict.fromkeys(("w0", "w", "V", "x"), "ok")
    assert report.rtol <= {"complex": 1e-12, "central": 1e-7}[method]


@given(fm_problems)
@examples(100)
def test_gradients_of_any_problem_by_complex_step(problem):
    assert_not_wrong(check_gradients(problem, "complex", vanishing(problem)))


@given(fm_problems)
@examples(40)
def test_gradients_of_any_problem_by_central_differences(problem):
    assert_not_wrong(check_gradients(problem, "central", vanishing(problem)))


@pytest.mark.parametrize("method", ["complex", "central"])
@pytest.mark.parametrize("loss", ["squared", "logistic"])
@pytest.mark.parametrize("l2", [None, {"w": 0.3, "V": 0.7}])
def test_gradients_of_the_objective(loss, l2, method):
    problem = fixed_problem(FM, ("pooled",))
    params, batch, drop = problem.params, problem.batch, problem.drop
    y = np.arange(7) % 2.0
    options = {"loss": loss, "reduction": "sum", "weight": signed(np.random.default_rng(1), 7) ** 2}

    def value(params):
        y_hat = fm.forward(params, batch, drop=drop)[0]
        data = losses.get(loss).forward(y_hat, y, options["reduction"], options["weight"])
        return data + losses.l2_forward(params, l2 or {}, batch.touched)

    data_loss, penalty, grads = train.objective(FM, params, batch, y, l2=l2, drop=drop, **options)
    assert data_loss + penalty == value(params)
    assert (penalty > 0) == bool(l2)
    assert_right(gradcheck.check(value, params, grads, method=method))


def test_gradients_touch_the_rows_of_the_batch_and_no_other():
    batch = Batch.from_lists([[5, 2], [], [2], [2, 5, 3]], n=7)          # 0 stands in empty slots only
    params = fm.init_params(np.random.default_rng(0), 7, 2, std=1.0, dtype=float)
    grads = fm.backward(np.ones(4), fm.forward(params, batch)[1], with_dx=True)
    for name, shape in (("w", (3,)), ("V", (3, 2))):
        assert isinstance(grads[name], RowGrad)
        assert grads[name].rows.tolist() == [2, 3, 5]
        assert grads[name].values.shape == shape
    assert grads["w"].values.tolist() == [3.0, 1.0, 2.0]
    assert not grads["x"][~batch.present].any()


def test_dx_is_returned_on_request_only():
    problem = fixed_problem(FM)
    cache = problem.forward()[1]
    assert set(fm.backward(problem.dy_hat, cache)) == {"w0", "w", "V"}
    assert set(fm.backward(problem.dy_hat, cache, with_dx=True)) == {"w0", "w", "V", "x"}


# ---- wrong gradients must be found ---------------------------------------------------------------------

right = dict(vars(fm))


def overwriting_embed_backward(dE, batch):
    """G[idx] += g, which keeps one contribution of a repeated id."""
    rows, values = right["embed_backward"](dE, batch)
    dense = np.zeros((batch.n, values.shape[1]))
    dense[batch.idx] += dE * batch.x[:, :, None]
    return RowGrad(rows, dense[rows])


def linear_backward_with(change):
    def wrong(dlinear, w, batch):
        return change(batch, dlinear, *right["linear_backward"](dlinear, w, batch))

    return wrong


def leaking_dw(batch, dlinear, dw0, dw, dx):
    dense = np.zeros(batch.n)
    np.add.at(dense, batch.idx, dlinear[:, None] * np.where(batch.present, batch.x, 1.0))
    return dw0, RowGrad(np.arange(batch.n), dense), dx


def leaking_embed_backward(dE, batch):
    dense = np.zeros((batch.n, dE.shape[2]))
    np.add.at(dense, batch.idx, dE * np.where(batch.present, batch.x, 1.0)[:, :, None])
    return RowGrad(np.arange(batch.n), dense)


def dx_in_empty_slots(dy_hat, cache, *, with_dx):
    """Without `* batch.present`: an empty slot looks like feature 0."""
    grads = right["backward"](dy_hat, cache, with_dx=with_dx)
    return grads | {"x": np.where(cache.batch.present, grads["x"], dy_hat[:, None] * cache.w[0])}


# name: function to replace, its wrong version, the gradients that must be found wrong
WRONG = {
    "pair term keeps e_i itself": (
        "bi_interaction_backward", lambda dpooled, E, sum_e: dpooled[:, None] * (sum_e[:, None] + 0 * E), {"V", "x"}),
    "pair term without upstream": (
        "bi_interaction_backward",
        lambda dpooled, E, sum_e: (dpooled != 0)[:, None] * (sum_e[:, None] - E), {"V", "x"}),
    "pair term halved twice": (
        "bi_interaction_backward", lambda *args: 0.5 * right["bi_interaction_backward"](*args), {"V", "x"}),
    "pair term summed over the batch": (
        "bi_interaction_backward", lambda dpooled, E, sum_e: dpooled[:, None] * (sum_e.sum(axis=0) - E), {"V", "x"}),
    "dV without x": (
        "embed_backward", lambda dE, batch: RowGrad(batch.touched, batch.sum_by_row(dE)), {"V"}),
    "dV keeps one of repeated ids": ("embed_backward", overwriting_embed_backward, {"V"}),
    "dw without x": (
        "linear_backward", linear_backward_with(lambda batch, dlinear, dw0, dw, dx: (
            dw0, RowGrad(batch.touched, batch.sum_by_row(np.repeat(dlinear[:, None], batch.m, axis=1))), dx)), {"w"}),
    "dw of empty slots goes to row 0": ("linear_backward", linear_backward_with(leaking_dw), {"w"}),
    "dV of empty slots goes to row 0": ("embed_backward", leaking_embed_backward, {"V"}),
    "dw0 is a mean": (
        "linear_backward", linear_backward_with(lambda batch, dlinear, dw0, dw, dx: (dlinear.mean(), dw, dx)), {"w0"}),
    "dx without upstream": (
        "linear_backward",
        linear_backward_with(lambda batch, dlinear, dw0, dw, dx: (dw0, dw, dx / dlinear[:, None])), {"x"}),
    "dx without the pair term": ("embed_backward_x", lambda dE, V, batch: 0.0, {"x"}),
    "dx in empty slots": ("backward", dx_in_empty_slots, {"x"}),
    "dropout mask forgotten": (
        "backward", lambda dy_hat, cache, **x: right["backward"](dy_hat, cache._replace(drop=Dropout()), **x),
        {"V", "x"}),
}  # fmt: skip


@pytest.mark.parametrize("method", ["complex", "central"])
@pytest.mark.parametrize("name", WRONG)
def test_a_wrong_backward_is_found(monkeypatch, name, method):
    function, wrong, guilty = WRONG[name]
    monkeypatch.setattr(fm, function, wrong)
    report = check_gradients(fixed_problem(FM, ("pooled",)), method)
    assert not report.ok
    assert failing(report) == guilty
    if "row 0" in name:
        assert [report[array].at[0] for array in guilty] == [0]


# ---- rows without a pair -------------------------------------------------------------------------------

ENGINES = ("dense", "unique")


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize("sites", [(), ("pooled",)])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("x, v", [(1e6, 1e3), (1e-6, 1e3), (0.1, 0.3), (1e-15, 1e-4), (1e12, 1e6)])
def test_a_row_with_one_feature_has_no_pair_term_to_the_last_bit(engine, sites, dtype, x, v):
    """Neither has its gradient: rounding would move V, and Adam would make a step of any size of it."""
    rng, n, k = np.random.default_rng(0), 9, 7
    values = np.zeros((12, 3))
    values[np.arange(12), rng.integers(3, size=12)] = x * rng.uniform(0.5, 1.5, 12)
    values[5:8] = 0                                                            # three rows with none
    batch = Batch.from_padded(rng.integers(n, size=(12, 3)), values, n).astype(dtype)
    params = {"w0": np.array(0.0), "w": np.zeros(n), "V": v * rng.standard_normal((n, k))}
    params = {name: value.astype(dtype) for name, value in params.items()}
    model = Model("fm", engine=engine)
    y_hat, cache = model.forward(params, batch, drop=draw(rng, batch, k, dict.fromkeys(sites, 0.6)))
    grads = model.backward(np.full(12, 3.0, dtype), cache, with_dx=True)
    assert y_hat.tolist() == [0.0] * 12
    assert not grads["V"].values.any() and not grads["x"].any() and grads["w"].values.all()


# ---- numbers -------------------------------------------------------------------------------------------


@pytest.mark.parametrize("scale", [1e-30, 1e30, "both"])
def test_tiny_and_huge_values_stay_finite(scale):
    problem = fixed_problem(FM)
    factor = np.where(np.arange(4) % 2, 1e-30, 1e30) if scale == "both" else scale
    problem = problem._replace(batch=Batch.from_padded(problem.batch.idx, problem.batch.x * factor, 11))
    assert np.isfinite(problem.forward()[0]).all()
    for grad in problem.gradients().values():
        assert np.isfinite(grad.values if isinstance(grad, RowGrad) else grad).all()


@given(fm_problems)
@examples(20)
def test_float32_in_float32_out(problem):
    problem = as_float32(problem)
    y_hat, cache = problem.forward()
    assert y_hat.dtype == np.float32
    assert {getattr(cache, name).dtype.name for name in ("E", "sum_e", "sum_e2", "pooled")} == {"float32"}
    for name, grad in problem.gradients().items():
        assert (grad.values if isinstance(grad, RowGrad) else grad).dtype == np.float32, name


@pytest.mark.parametrize("name", ["w0", "w", "V", "x"])
def test_one_complex_argument_is_enough(name):
    problem = fixed_problem(FM, ("pooled",))
    theta, call = x_as_parameter(problem)
    y_hat = call(theta | {name: theta[name].astype(complex)})[0]
    assert y_hat.dtype == np.complex128
    close(y_hat, problem.forward()[0], term_sizes(problem.params, problem.batch, problem.drop), 1e-14)


def test_nothing_is_written_to_and_a_cache_serves_twice():
    problem, other = frozen(fixed_problem(FM, ("pooled",))), fixed_problem(FM, seed=1)
    cache, _ = problem.forward()[1], other.forward()
    for name in ("E", "sum_e", "sum_e2", "pooled"):
        getattr(cache, name).flags.writeable = False
    first, second = (fm.backward(problem.dy_hat, cache, with_dx=True) for _ in range(2))
    for name, grad in problem.gradients().items():
        for again in (first[name], second[name]):
            assert np.array_equal(*(g.values if isinstance(g, RowGrad) else g for g in (grad, again)))


# ---- parameters, and bad input -------------------------------------------------------------------------


def test_initial_factors_that_are_no_numbers_of_their_type_are_refused():
    text = re.escape("row 6, factor 0: V is -inf; it must be a finite float64 number")
    with pytest.raises(ValueError, match=f"^{text}$"):                                # no warning comes before it
        fm.init_params(np.random.default_rng(0), 300, 2, std=1e308, dtype=float)


def test_a_mask_of_another_shape_is_refused_at_once():
    batch, params = Batch.from_lists([[0, 1], [1, 2]], n=3), fm.init_params(np.random.default_rng(0), 3, 2, dtype=float)
    with pytest.raises(ValueError, match=r"the dropout mask for pooled must have shape \(2, 2\); got \(5, 2\)"):
        fm.forward(params, batch, drop=Dropout(pooled=np.ones((5, 2))))


def test_initial_parameters():
    params = fm.init_params(np.random.default_rng(3), 4000, 5, w0=0.7)
    assert {name: value.shape for name, value in params.items()} == {"w0": (), "w": (4000,), "V": (4000, 5)}
    assert {value.dtype.name for value in params.values()} == {"float32"}
    assert params["w0"] == np.float32(0.7)
    assert not params["w"].any()
    assert abs(params["V"].std() / 0.01 - 1) < 0.02
    assert abs(params["V"].mean()) < 0.0005
    again = fm.init_params(np.random.default_rng(3), 4000, 5, std=0.5, dtype=np.float64)
    close(again["V"] / 50, params["V"], 1.0, 1e-7)
    assert again["w0"] == 0.0
    assert fm.init_params(np.random.default_rng(3), 1, 1)["V"].shape == (1, 1)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_initial_parameters_at_the_ends_of_their_ranges(dtype):
    largest = float(np.finfo(dtype).max)
    params = fm.init_params(np.random.default_rng(0), 2, 2, std=0, w0=-largest, dtype=dtype)
    assert params["w0"] == -largest and not params["V"].any()


@pytest.mark.parametrize("change, error", [
    ({"n": 0}, ValueError("n must be an integer of at least 1; got 0")),
    ({"n": 2.5}, ValueError("n must be an integer of at least 1; got 2.5")),
    ({"k": 0}, ValueError("k must be an integer of at least 1; got 0")),
    ({"k": True}, ValueError("k must be an integer of at least 1; got True")),
    ({"std": -1}, ValueError("std must be a number of at least 0; got -1")),
    ({"std": float("nan")}, ValueError("std must be a number of at least 0; got nan")),
    ({"std": "1"}, ValueError("std must be a number of at least 0; got '1'")),
    ({"w0": float("inf")}, ValueError("w0 must be a finite float32 number; got inf")),
    ({"w0": 1e39}, ValueError("w0 must be a finite float32 number; got 1e+39")),
    ({"w0": np.zeros(1)}, ValueError("w0 must be a finite float32 number; got array([0.])")),
    ({"dtype": np.float16}, TypeError("dtype must be float32 or float64; got float16")),
    ({"dtype": int}, TypeError("dtype must be float32 or float64; got int64")),
    ({"rng": 0}, TypeError("rng must be a numpy.random.Generator, such as numpy.random.default_rng(0); got int")),
])  # fmt: skip
def test_what_makes_no_model_is_refused(change, error):
    for make in (fm.init_params, lambda **options: afm.init_params(m=3, **options)):
        with pytest.raises(type(error), match=re.escape(str(error)) + "$"):
            make(**{"rng": np.random.default_rng(0), "n": 2, "k": 2} | change)


@pytest.mark.parametrize("change, message", [
    ({"w": None}, r"params lacks 'w'; it needs w0, w, V"),
    ({"w0": np.zeros(1)}, r"params\['w0'\] has shape \(1,\); want \(\)"),
    ({"V": np.zeros((10, 5))}, r"params\['V'\] has shape \(10, 5\); want \(n, k\) with n = 11"),
    ({"V": np.zeros(11)}, r"params\['V'\] has shape \(11,\); want \(n, k\) with n = 11"),
    ({"w": np.zeros(10), "V": np.zeros((10, 5))}, "the batch has n = 11 features, but w and V have only 10 rows"),
])  # fmt: skip
def test_parameters_that_do_not_fit_are_refused(change, message):
    problem = fixed_problem(FM)
    params = {name: value for name, value in (problem.params | change).items() if value is not None}
    with pytest.raises(ValueError, match=message):
        fm.forward(params, problem.batch)


@pytest.mark.parametrize("model", [Model(kind, engine=engine) for kind in ("fm", "afm") for engine in ENGINES], ids=str)
def test_arguments_of_other_types_are_refused(model):
    params, batch, _, _ = fixed_problem(model)[1:]
    for arguments, message in (
        (("nonsense", batch), "params must be a dict of arrays; got str"),
        ((params, 3), r"batch must be a Batch \(Batch.from_dense makes one of an array\); got int"),
        ((params | {"V": params["V"].astype(np.float16)}, batch), r"params\['V'\] is float16; it must be float32 or"),
    ):
        with pytest.raises(TypeError, match=message):
            model.forward(*arguments)
