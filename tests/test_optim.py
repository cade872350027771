"""Optimizers against a loop over single numbers, written out; what lazy means; and PyTorch, where it is installed."""

import copy
import math
import re

import mpmath
import numpy as np
import pytest

from afm_numpy import Batch, optim
from afm_numpy.optim import SGD, Adagrad, Adam
from afm_numpy.rowgrad import RowGrad

OPTIMIZERS = [
    SGD(lr=0.3), SGD(lr=0.3, momentum=0.7),
    Adagrad(lr=0.3), Adagrad(lr=0.3, initial=0.1, eps=0.01), Adagrad(lr=0.3, initial=0.0),
    Adam(lr=0.3), Adam(lr=0.3, beta1=0.5, beta2=0.6, eps=0.1), Adam(beta1=0.0, beta2=0.0),
]  # fmt: skip
each = pytest.mark.parametrize("optimizer", OPTIMIZERS, ids=str)
STEPS = [np.array(rows) for rows in ([0, 2], [2, 4], [1], [0, 1, 4], [2])]  # row 3 is never touched, row 1 late


def start(dtype=np.float64):
    rng = np.random.default_rng(1)
    shapes = {"w0": (), "w": (5,), "V": (5, 2), "b": (3,)}
    return {name: np.array(rng.standard_normal(shape), dtype) for name, shape in shapes.items()}


def gradients(dtype=np.float64):
    """One dict a step; w and V have a RowGrad."""
    rng = np.random.default_rng(2)
    for rows in STEPS:
        grads = {"w0": rng.standard_normal(), "b": rng.standard_normal(3)}
        grads |= {"w": rng.standard_normal(len(rows)), "V": rng.standard_normal((len(rows), 2))}
        grads = {name: np.array(g, dtype) for name, g in grads.items()}
        yield grads | {name: RowGrad(rows, grads[name]) for name in ("w", "V")}


def one_number(optimizer, theta, g, memory, t):
    """One step of one number, as spelled out in the docstrings. `memory` is a dict, empty at first."""
    match optimizer:
        case SGD():
            memory["v"] = optimizer.momentum * memory.get("v", 0.0) + g
            return theta - optimizer.lr * memory["v"]
        case Adagrad():
            memory["acc"] = memory.get("acc", optimizer.initial) + g**2
            return theta - optimizer.lr * g / (math.sqrt(memory["acc"]) + optimizer.eps)
        case Adam():
            memory["m"] = optimizer.beta1 * memory.get("m", 0.0) + (1 - optimizer.beta1) * g
            memory["v"] = optimizer.beta2 * memory.get("v", 0.0) + (1 - optimizer.beta2) * g**2
            m_hat = memory["m"] / ((1 - optimizer.beta1) * sum(optimizer.beta1**s for s in range(t)))  # 1 - beta1^t
            v_hat = memory["v"] / ((1 - optimizer.beta2) * sum(optimizer.beta2**s for s in range(t)))
            return theta - optimizer.lr * m_hat / (math.sqrt(v_hat) + optimizer.eps)


# ---- against the loop ----------------------------------------------------------------------------------


@each
def test_five_steps_equal_the_loop_over_numbers(optimizer):
    params = start()
    state = optim.init(optimizer, params)
    want = {name: theta.copy() for name, theta in params.items()}
    memory = {name: {at: {} for at in np.ndindex(theta.shape)} for name, theta in params.items()}
    for t, grads in enumerate(gradients(), start=1):
        optim.step(optimizer, params, grads, state)
        for name, grad in grads.items():
            rows, values = grad if isinstance(grad, RowGrad) else (None, grad)
            for at in np.ndindex(values.shape):
                place = at if rows is None else (int(rows[at[0]]), *at[1:])
                want[name][place] = one_number(optimizer, want[name][place], float(values[at]), memory[name][place], t)
    assert state["step"] == 5
    for name, theta in params.items():
        np.testing.assert_allclose(theta, want[name], rtol=1e-14, err_msg=name)
        for place, slots in memory[name].items():
            assert {slot: state[name][slot][place] for slot in slots} == pytest.approx(slots, rel=1e-14)


@each
def test_rows_that_no_gradient_names_keep_their_bits_and_their_state(optimizer):
    params = start()
    state = optim.init(optimizer, params)
    for rows, grads in zip(STEPS, gradients(), strict=True):
        before, state_before = copy.deepcopy((params, state))
        optim.step(optimizer, params, grads, state)
        others = np.setdiff1d(np.arange(5), rows)
        for name in ("w", "V"):
            assert params[name][others].tobytes() == before[name][others].tobytes()
            assert (params[name][rows] != before[name][rows]).all()
            for slot, value in state[name].items():
                assert value[others].tobytes() == state_before[name][slot][others].tobytes()


def test_adagrad_by_rows_is_adagrad_on_the_dense_gradient_to_the_bit():
    optimizer = Adagrad(lr=0.3)
    lazy, dense = start(), start()
    lazy_state, dense_state = optim.init(optimizer, lazy), optim.init(optimizer, dense)
    for grads in gradients():
        optim.step(optimizer, lazy, grads, lazy_state)
        grads = {name: g.to_dense(5) if isinstance(g, RowGrad) else g for name, g in grads.items()}
        optim.step(optimizer, dense, grads, dense_state)
    for name, theta in lazy.items():
        assert theta.tobytes() == dense[name].tobytes()
        assert lazy_state[name]["acc"].tobytes() == dense_state[name]["acc"].tobytes()


@pytest.mark.parametrize("optimizer, dense_move", [
    (SGD(lr=1.0, momentum=0.5), 0.5),                                              # v = 0.5 * 1 + 0
    (Adam(lr=1.0, beta1=0.5, beta2=0.5, eps=1e-300), (1 / 3) / math.sqrt(1 / 3)),  # m' = v' = (1/4) / (3/4)
])  # fmt: skip
def test_lazy_differs_from_dense_where_a_row_is_left_out(optimizer, dense_move):
    """Row 0 has gradient 1 in the first step and none in the second: dense goes on moving it, lazy does not."""
    first, second = RowGrad(np.array([0]), np.ones(1)), RowGrad(np.array([1]), np.ones(1))
    lazy, dense = {"w": np.zeros(2)}, {"w": np.zeros(2)}
    lazy_state, dense_state = optim.init(optimizer, lazy), optim.init(optimizer, dense)
    for grad in (first, second):
        optim.step(optimizer, lazy, {"w": grad}, lazy_state)
        optim.step(optimizer, dense, {"w": grad.to_dense(2)}, dense_state)
    assert lazy["w"][0] == pytest.approx(-1.0)
    assert dense["w"][0] == pytest.approx(-1.0 - dense_move)


def test_contributions_of_a_repeated_id_are_summed_before_they_are_squared():
    batch = Batch.from_lists([[1], [1, 0]], [[2.0], [3.0, 1.0]])           # id 1 in two rows: g = 2 + 3
    grad = RowGrad(batch.touched, batch.sum_by_row(batch.x))
    params, optimizer = {"w": np.zeros(2)}, Adagrad(lr=1.0, initial=0.0, eps=1e-300)
    state = optim.init(optimizer, params)
    optim.step(optimizer, params, {"w": grad}, state)
    assert state["w"]["acc"].tolist() == [1.0, 25.0]                       # not 2^2 + 3^2
    assert params["w"].tolist() == [-1.0, -1.0]


# ---- in place, and dtypes ------------------------------------------------------------------------------


@each
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_in_place_and_in_the_dtype_of_the_parameters(optimizer, dtype):
    params = start(dtype)
    views = {name: theta[...] for name, theta in params.items()}
    state = optim.init(optimizer, params)
    slots = {(name, slot): value for name in params for slot, value in state[name].items()}
    given, moved = dict(params), copy.deepcopy(params)
    for grads in gradients(dtype):
        kept = copy.deepcopy(grads)
        optim.step(optimizer, params, grads, state)
        for name, g in grads.items():
            np.testing.assert_array_equal(getattr(g, "values", g), getattr(kept[name], "values", kept[name]))
    for name, theta in params.items():
        assert theta is given[name] and theta.dtype == dtype
        assert (theta != moved[name]).any()
        np.testing.assert_array_equal(views[name], theta)
    for (name, slot), value in slots.items():
        assert state[name][slot] is value and value.dtype == dtype and value.shape == params[name].shape


@each
def test_float32_follows_float64(optimizer):
    params, exact = start(np.float32), {name: theta.astype(float) for name, theta in start(np.float32).items()}
    state, exact_state = optim.init(optimizer, params), optim.init(optimizer, exact)
    for grads in gradients(np.float32):
        optim.step(optimizer, params, grads, state)
        optim.step(optimizer, exact, grads, exact_state)
    for name, theta in params.items():
        np.testing.assert_allclose(theta, exact[name], rtol=1e-5, atol=1e-6)


def test_settings_given_as_numpy_numbers_do_not_change_the_dtype():
    optimizer = Adam(lr=np.float64(0.1), beta1=np.float64(0.9), beta2=np.float64(0.99), eps=np.float64(1e-8))
    params = start(np.float32)
    state = optim.init(optimizer, params)
    for grads in gradients(np.float32):
        optim.step(optimizer, params, grads, state)
    assert {value.dtype for name in params for value in [params[name], *state[name].values()]} == {np.dtype(np.float32)}


def test_a_parameter_that_is_a_number_and_no_array_is_not_lost_silently():
    params = {"w0": np.float64(1.0)}
    shown = r"(np\.float64\(1\.0\)|1\.0)$"                               # NumPy 2, NumPy 1
    with pytest.raises(TypeError, match=r"params\['w0'\] must be an array of floats to be moved; got " + shown):
        optim.step(SGD(), params, {"w0": 1.0}, optim.init(SGD(), params))
    with pytest.raises(TypeError, match=r"params\['w0'\] must be an array; got float"):
        optim.init(SGD(), {"w0": 1.0})


def test_parameters_without_a_gradient_and_integer_tables_stay():
    params = start() | {"pairs": np.array([[0, 1]])}
    before = copy.deepcopy(params)
    state = optim.init(Adagrad(), params)
    assert "pairs" not in state
    optim.step(Adagrad(), params, {"b": np.ones(3)}, state)
    assert [name for name in params if (params[name] != before[name]).any()] == ["b"]


@pytest.mark.parametrize("optimizer, slots", [
    (SGD(), {"v": 0.0}), (Adagrad(initial=0.25), {"acc": 0.25}), (Adam(), {"m": 0.0, "v": 0.0}),
])  # fmt: skip
def test_state_before_the_first_step(optimizer, slots):
    params = start()
    state = optim.init(optimizer, params)
    assert state.pop("step") == 0 and list(state) == list(params)
    for name, theta in params.items():
        assert list(state[name]) == list(slots)
        for slot, value in slots.items():
            assert state[name][slot].shape == theta.shape and (state[name][slot] == value).all()


# ---- by name, and refusals -----------------------------------------------------------------------------


def test_get():
    assert optim.get("sgd", lr=0.1, momentum=0.9) == SGD(0.1, 0.9)
    assert optim.get("adagrad") == Adagrad() and optim.get("adam", beta1=0.5) == Adam(beta1=0.5)
    own = Adam(lr=0.5)
    assert optim.get(own) is own


def test_get_refuses_unknown_names_and_settings_that_would_be_ignored():
    with pytest.raises(ValueError, match="unknown optimizer 'rmsprop'; choose from sgd, adagrad, adam"):
        optim.get("rmsprop")
    for other in (3, SGD, ["sgd"], None):
        with pytest.raises(TypeError, match=r"optimizer must be an optimizer, such as optim.Adagrad\(.*, or a name;"):
            optim.get(other)
    with pytest.raises(TypeError, match=r"settings go with a name; SGD\(lr=0.05, momentum=0.0\) has its own"):
        optim.get(SGD(), lr=0.1)


@pytest.mark.parametrize("kind, name, values", [
    (SGD, "lr", [0.0, -0.1]), (SGD, "momentum", [-0.1, 1.0]),
    (Adagrad, "lr", [0.0, -0.1]), (Adagrad, "initial", [-0.1]), (Adagrad, "eps", [0.0, -1e-8]),
    (Adam, "lr", [0.0, -0.1]), (Adam, "beta1", [-0.1, 1.0]), (Adam, "beta2", [-0.1, 1.0]), (Adam, "eps", [0.0, -1e-8]),
])  # fmt: skip
def test_settings_out_of_range_are_refused(kind, name, values):
    want = {"momentum": "at least 0 and below 1", "initial": "a number of at least 0"}
    want |= {"lr": "a number above 0", "eps": "a number above 0"}
    want |= dict.fromkeys(("beta1", "beta2"), want["momentum"])
    for value in [*values, math.nan, math.inf, "0.1", None, True, [0.1]]:
        with pytest.raises(ValueError, match=re.escape(f"{kind.__name__}: {name} must be {want[name]}; got {value!r}")):
            kind(**{name: value})


def test_settings_at_the_ends_of_their_ranges_are_allowed():
    assert SGD(momentum=0.0).momentum == Adagrad(initial=0.0).initial == 0.0
    assert (Adam(beta1=0.0).beta1, Adam(beta2=0.0).beta2) == (0.0, 0.0)


def test_settings_cannot_be_changed():
    with pytest.raises(AttributeError):
        Adam().lr = 1.0


ROWS = RowGrad(np.array([0, 2]), np.ones((2, 2)))


@each
@pytest.mark.parametrize("grads, error", [
    ({"w": np.ones((5, 1))}, ValueError("the gradient of w has shape (5, 1); want (5,)")),           # would broadcast
    ({"w": np.ones(1)}, ValueError("the gradient of w has shape (1,); want (5,)")),
    ({"V": np.ones(2)}, ValueError("the gradient of V has shape (2,); want (5, 2)")),
    ({"w0": np.ones(1)}, ValueError("the gradient of w0 has shape (1,); want ()")),
    ({"w": 1.0}, ValueError("the gradient of w has shape (); want (5,)")),
    ({"w": ROWS}, ValueError("the gradient of w has shape (2, 2); want (2,)")),
    ({"V": RowGrad(ROWS.rows, np.ones((1, 2)))}, ValueError("the gradient of V has shape (1, 2); want (2, 2)")),
    ({"V": RowGrad(ROWS.rows, np.ones((2, 1)))}, ValueError("the gradient of V has shape (2, 1); want (2, 2)")),
    ({"V": RowGrad(np.array([0, 1, 5]), np.ones((3, 2)))}, ValueError("gradient of V names rows 0 to 5 of 5")),
    ({"V": RowGrad(np.array([-1, 0]), np.ones((2, 2)))}, ValueError("gradient of V names rows -1 to 0 of 5")),
    ({"b": np.ones(3), "x": np.ones(2)}, ValueError("params has no 'x', which has a gradient; it has w0, w, V, b, n")),
    ({"n": np.ones(2)}, TypeError("params['n'] must be an array of floats to be moved; got array([1, 2])")),
])  # fmt: skip
def test_a_gradient_that_does_not_fit_is_refused_before_anything_moves(optimizer, grads, error):
    params = start() | {"n": np.array([1, 2])}
    state = optim.init(optimizer, params)
    before = copy.deepcopy((params, state))
    with pytest.raises(type(error), match=re.escape(str(error))):
        optim.step(optimizer, params, {"w0": np.array(1.0)} | grads, state)
    assert str(before) == str((params, state))


@each
@pytest.mark.parametrize("grads, error", [
    pytest.param({"b": np.ma.array([1.0, 2.0, 3.0], mask=[0, 1, 0])}, TypeError("masked values"), id="brother-mask"),
    pytest.param({"b": np.array([1.0, np.nan, 0.0])}, ValueError("the gradient of b has a number that"),
                 id="brother-NaN"),
    pytest.param({"V": RowGrad(ROWS.rows, np.full((2, 2), np.inf))}, ValueError("gradient of V has a number"),
                 id="brother-infinite-rows"),
    pytest.param({"b": np.array([1j, 0, 0])}, TypeError("gradient of b must be float32"), id="brother-complex"),
    pytest.param({"b": np.array([1, 2, 3], object)}, TypeError("of b must be float32"), id="brother-object"),
    pytest.param({"b": np.array(["a", "b", "c"])}, TypeError("gradient of b must be float32"), id="brother-text"),
    pytest.param({"b": np.full(3, 100, np.int8)}, TypeError("must be float32 or float64; got int8"),
                 id="brother-squares-that-wrap"),
    pytest.param({"b": np.full(3, 300, np.float16)}, TypeError("must be float32 or float64; got float16"),
                 id="brother-squares-that-overflow"),
    pytest.param({"V": RowGrad(ROWS.rows, np.full((2, 2), 70_000, np.int32))}, TypeError("or float64; got int32"),
                 id="brother-rows-that-wrap"),
    pytest.param({"w0": RowGrad(np.array([0]), np.ones(1))}, ValueError("the gradient of w0 names rows 0 to 0 of 0"),
                 id="brother-a-row-of-a-number"),
    pytest.param({"V": RowGrad(np.array([1, 1]), np.ones((2, 2)))}, ValueError("must name each row once, in"),
                 id="brother-repeated-row"),
    pytest.param({"V": RowGrad(np.array([0, -1, 1]), np.ones((3, 2)))}, ValueError("in ascending order; sum repeated"),
                 id="brother-row-from-the-end"),
])  # fmt: skip
def test_numbers_that_no_gradient_has_are_refused_before_anything_moves(optimizer, grads, error):
    test_a_gradient_that_does_not_fit_is_refused_before_anything_moves(optimizer, grads, error)


@pytest.mark.parametrize("mine, other, sizes", [
    pytest.param(SGD(momentum=0.5), Adam(), 2, id="brother-state-of-Adam"),                # both have a v
    pytest.param(Adam(), SGD(), 2, id="brother-state-of-SGD"),
    pytest.param(Adagrad(), Adagrad(), 1, id="brother-state-of-another-size"),             # would broadcast
])  # fmt: skip
def test_a_state_of_another_optimizer_is_refused_before_anything_moves(mine, other, sizes):
    params, state = {"b": np.zeros(2)}, optim.init(other, {"b": np.zeros(sizes)})
    with pytest.raises(ValueError, match=f"the state of b does not fit: it holds .*, {type(mine).__name__} makes"):
        optim.step(mine, params, {"b": np.ones(2)}, state)
    assert params["b"].tolist() == [0, 0] and state["step"] == 0


@pytest.mark.parametrize("theta, error", [
    pytest.param(np.zeros(2, np.float16), "must be an array of floats to be moved", id="brother-float16"),
    pytest.param(np.ma.array([0.0, 1.0], mask=[0, 1]), "masked values are not", id="brother-masked-parameter"),
])  # fmt: skip
def test_parameters_that_would_not_be_moved_as_they_should(theta, error):
    params, state = {"b": theta}, {"step": 0, "b": {"v": np.zeros(2)}}
    with pytest.raises(TypeError, match=error):
        optim.step(SGD(), params, {"b": np.ones(2)}, state)


@each
def test_an_array_of_integers_is_not_moved(optimizer):
    params = {"n": np.array([1, 2])}
    state = optim.init(optimizer, params)                    # which has nothing for it
    with pytest.raises(TypeError, match=r"params\['n'\] must be an array of floats to be moved; got array\(\[1, 2\]\)"):
        optim.step(optimizer, params, {"n": np.ones(2)}, state)


@each
def test_a_state_of_fewer_parameters_is_refused(optimizer):
    params, state = {"b": np.zeros(2), "c": np.zeros(2)}, optim.init(optimizer, {"b": np.zeros(2)})
    with pytest.raises(ValueError, match="^state has no 'c', which has a gradient; it has step, b$"):
        optim.step(optimizer, params, {"b": np.ones(2), "c": np.ones(2)}, state)
    assert params["b"].tolist() == [0, 0]


def test_a_gradient_of_no_rows_moves_nothing():
    params, grad = start(), RowGrad(np.zeros(0, np.intp), np.zeros((0, 2)))
    optim.step(SGD(), params, {"V": grad}, optim.init(SGD(), params))
    np.testing.assert_array_equal(params["V"], start()["V"])


@pytest.mark.parametrize("t", [1, 2, 1000, 10**9])
@pytest.mark.parametrize("beta", [0.0, 0.1, 0.9, 0.999, 1 - 1e-9, 1 - 2.0**-53])
def test_the_bias_correction_of_adam_keeps_its_digits(beta, t):
    """1 - beta^t subtracts nearly equal numbers; seen through beta1, with beta2 = 0 and a gradient of 1."""
    state = {"m": np.ones(1), "v": np.ones(1)}
    moved = Adam(lr=1.0, beta1=beta, beta2=0.0, eps=1e-300).move(np.ones(1), state, t)[0]     # m stays 1
    with mpmath.workdps(40):
        want = 1 / (1 - mpmath.mpf(beta) ** t)
        assert abs(mpmath.mpf(float(moved)) - want) <= 8 * 2.0**-53 * want


@pytest.mark.parametrize("optimizer", [SGD(lr=0.3, momentum=0.7), Adagrad(0.3), Adam(0.3)], ids=str)
def test_many_rows_are_moved_block_by_block_to_the_same_bits(optimizer, monkeypatch):
    rng = np.random.default_rng(0)
    grad = RowGrad(np.arange(0, 70, 3), rng.standard_normal((24, 4)))
    whole, parts = ({"V": np.ones((70, 4))} for _ in range(2))
    optim.step(optimizer, whole, {"V": grad}, one := optim.init(optimizer, whole))
    monkeypatch.setattr(optim, "BLOCK", 20)                  # five rows at a time, and four in the last block
    optim.step(optimizer, parts, {"V": grad}, other := optim.init(optimizer, parts))
    np.testing.assert_array_equal(parts["V"], whole["V"])
    assert (parts["V"][grad.rows] != 1).all()
    for slot, value in one["V"].items():
        np.testing.assert_array_equal(other["V"][slot], value)


@each
def test_more_numbers_than_one_block_holds(optimizer):
    """70,000 rows, as they come: two blocks of the true size."""
    n = optim.BLOCK + 4464
    g = np.random.default_rng(0).standard_normal(n)
    rows, dense = {"w": np.ones(n)}, {"w": np.ones(n)}
    optim.step(optimizer, rows, {"w": RowGrad(np.arange(n), g)}, one := optim.init(optimizer, rows))
    optim.step(optimizer, dense, {"w": g}, other := optim.init(optimizer, dense))
    np.testing.assert_array_equal(rows["w"], dense["w"])
    for slot, value in one["w"].items():
        np.testing.assert_array_equal(value, other["w"][slot])


def test_the_state_shares_nothing():
    params = {"b": np.zeros(3), "h": np.zeros(3)}
    state = optim.init(Adam(), params)
    held = [params["b"], params["h"], *state["b"].values(), *state["h"].values()]
    assert not any(np.shares_memory(one, other) for at, one in enumerate(held) for other in held[:at])


# ---- PyTorch, where it is installed --------------------------------------------------------------------


@pytest.mark.parametrize("optimizer, name, settings", [
    (SGD(lr=0.3, momentum=0.7), "SGD", {"lr": 0.3, "momentum": 0.7}),
    (Adagrad(0.3, 0.1, 1e-6), "Adagrad", {"lr": 0.3, "initial_accumulator_value": 0.1, "eps": 1e-6}),
    (Adagrad(0.3, 0.0, 1e-10), "Adagrad", {"lr": 0.3}),
    (Adam(0.3, 0.8, 0.9, 1e-6), "Adam", {"lr": 0.3, "betas": (0.8, 0.9), "eps": 1e-6}),
], ids=str)  # fmt: skip
def test_dense_steps_equal_pytorch(optimizer, name, settings):
    torch = pytest.importorskip("torch")
    params = start()
    theirs = {name: torch.tensor(theta, requires_grad=True) for name, theta in params.items()}
    other = getattr(torch.optim, name)(theirs.values(), **settings)
    state = optim.init(optimizer, params)
    for grads in gradients():
        grads = {name: g.to_dense(5) if isinstance(g, RowGrad) else g for name, g in grads.items()}
        optim.step(optimizer, params, grads, state)
        for name, g in grads.items():
            theirs[name].grad = torch.tensor(g)
        other.step()
    for name, theta in params.items():
        np.testing.assert_allclose(theta, theirs[name].detach().numpy(), rtol=1e-13, err_msg=name)


def test_numbers_that_were_checked_are_not_looked_at_again():
    """Training has checked them: what is not finite moves on, and is found after the epoch."""
    params = {"b": np.zeros(2)}
    optim.step(optim.SGD(lr=1.0), params, {"b": np.array([np.nan, 1.0])}, optim.init(optim.SGD(), params), checked=True)
    np.testing.assert_array_equal(params["b"], [np.nan, -1.0])


@pytest.mark.parametrize("change, error, words", [
    pytest.param({"optimizer": "sgd"}, TypeError, "optimizer must be an optimizer, .*; got str", id="brother-name"),
    pytest.param({"optimizer": SGD}, TypeError, "optimizer must be an optimizer, such as .*; got type",
                 id="brother-class"),
    pytest.param({"grads": [1.0]}, TypeError, "grads must be a dict of arrays and RowGrads", id="brother-list"),
    pytest.param({"state": {"w": {"v": np.zeros(2)}}}, ValueError, "the step of the state must be an integer .* None",
                 id="brother-no-step"),
    pytest.param({"state": {"step": 0, "w": 3}}, TypeError, "^the state of w must be a dict of arrays; got int$",
                 id="brother-state-of-a-number"),
    pytest.param({"state": {"step": "1", "w": {"v": np.zeros(2)}}}, ValueError, "the step of the state must .* '1'",
                 id="brother-step-of-text"),
    pytest.param({"state": {"step": 0, "w": {"v": np.zeros(2, np.float32)}}}, ValueError,
                 "the state of w does not fit: it holds .v: float32 ", id="brother-float32-state"),
])  # fmt: skip
def test_what_is_given_to_a_step_is_of_the_right_kind(change, error, words):
    params = {"w": np.ones(2)}
    given = {"optimizer": SGD(), "params": params, "grads": {"w": np.ones(2)}, "state": optim.init(SGD(), params)}
    with pytest.raises(error, match=words):
        optim.step(*(given | change).values())
    assert (params["w"] == 1).all()


@each
@pytest.mark.parametrize("whose", ["parameter", "state"])
def test_a_read_only_array_is_refused_before_anything_moves(optimizer, whose):
    """As JAX and memory maps give them."""
    params = {"b": np.zeros(2), "c": np.zeros(2)}
    state = optim.init(optimizer, params)
    (params["c"] if whose == "parameter" else next(iter(state["c"].values()))).setflags(write=False)
    with pytest.raises(ValueError, match="^c or its state is a read-only array; give a copy of it$"):
        optim.step(optimizer, params, {"b": np.ones(2), "c": np.ones(2)}, state)
    assert params["b"].tolist() == [0, 0] and state["step"] == 0


def test_brother_a_state_of_lists():
    """As JSON gives it back."""
    with pytest.raises(ValueError, match=r"the state of b does not fit: it holds \{\}, SGD makes \{v: float"):
        optim.step(SGD(), {"b": np.zeros(2)}, {"b": np.ones(2)}, {"step": 0, "b": {"v": [0.0, 0.0]}})


@each
def test_a_gradient_may_be_a_list(optimizer):
    mine, theirs = ({"b": np.zeros(2)} for _ in "ab")
    for params, grad in ((mine, [1.0, 2.0]), (theirs, np.array([1.0, 2.0]))):
        optim.step(optimizer, params, {"b": grad}, optim.init(optimizer, params))
    np.testing.assert_array_equal(mine["b"], theirs["b"])


def test_brother_what_is_given_to_init():
    with pytest.raises(TypeError, match="optimizer must be an optimizer, such as .*; got str"):
        optim.init("sgd", {})
    with pytest.raises(TypeError, match="params must be a dict of arrays; got list"):
        optim.init(SGD(), [np.ones(2)])
