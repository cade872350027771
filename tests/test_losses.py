"""Losses, the L2 penalty and their gradients: values from the formulas, slopes from the complex step."""

import math
import re

import mpmath
import numpy as np
import pytest

from afm_numpy import losses
from afm_numpy.losses import best_constant, l2_backward, l2_forward, sigmoid
from afm_numpy.rowgrad import RowGrad

RNG = np.random.default_rng(7)
Y_HAT = np.array([0.3, -1.7, 2.2, 0.0, -0.4])
Y = {"squared": np.array([1.0, -0.5, 0.25, 2.0, 0.0]), "logistic": np.array([1.0, 0.0, 0.0, 1.0, 1.0])}
WEIGHT = np.array([1.0, 0.5, 2.0, 0.0, 3.0])
LITERAL = {
    "squared": lambda y_hat, y: (y_hat - y) ** 2,
    "logistic": lambda y_hat, y: math.log(1 + math.exp(y_hat)) - y * y_hat,
}
both = pytest.mark.parametrize("loss", ["squared", "logistic"])
reductions = pytest.mark.parametrize("reduction", ["mean", "sum"])
weights = pytest.mark.parametrize("weight", [None, WEIGHT], ids=["plain", "weighted"])
dtypes = pytest.mark.parametrize("dtype", [np.float32, np.float64])


# ---- values and gradients ------------------------------------------------------------------------------


@both
@reductions
@weights
def test_value_is_the_formula_row_by_row(loss, reduction, weight):
    """eq. (7) for the squared loss"""
    each = [LITERAL[loss](y_hat, y) for y_hat, y in zip(Y_HAT, Y[loss], strict=True)]
    counts = [1.0] * 5 if weight is None else weight
    want = sum(c * e for c, e in zip(counts, each, strict=True)) / (sum(counts) if reduction == "mean" else 1)
    got = losses.get(loss).forward(Y_HAT, Y[loss], reduction, weight)
    assert got == pytest.approx(want, rel=1e-14)


@both
@reductions
@weights
def test_gradient_is_the_complex_step_slope(loss, reduction, weight):
    forward, backward = losses.get(loss)[:2]
    slopes = [forward(Y_HAT + 1e-20j * unit, Y[loss], reduction, weight).imag / 1e-20 for unit in np.eye(5)]
    np.testing.assert_allclose(backward(Y_HAT, Y[loss], reduction, weight), slopes, rtol=1e-14, atol=1e-16)


@both
def test_mean_is_the_default(loss):
    forward, backward = losses.get(loss)[:2]
    assert forward(Y_HAT, Y[loss]) == forward(Y_HAT, Y[loss], "mean")
    np.testing.assert_array_equal(backward(Y_HAT, Y[loss]), backward(Y_HAT, Y[loss], "mean"))


@both
def test_a_weight_counts_like_repeated_rows(loss):
    forward, backward = losses.get(loss)[:2]
    times = np.array([1, 0, 2, 3, 1])
    repeated = np.repeat(np.arange(5), times)
    assert forward(Y_HAT, Y[loss], "mean", times.astype(float)) == pytest.approx(
        forward(Y_HAT[repeated], Y[loss][repeated]), rel=1e-14
    )
    g = np.zeros(5)
    np.add.at(g, repeated, backward(Y_HAT[repeated], Y[loss][repeated]))
    np.testing.assert_allclose(backward(Y_HAT, Y[loss], "mean", times.astype(float)), g, rtol=1e-14)


@both
@reductions
@dtypes
def test_rows_that_all_weigh_nothing_count_nothing(loss, reduction, dtype):
    forward, backward = losses.get(loss)[:2]
    arguments = Y_HAT.astype(dtype), Y[loss].astype(dtype), reduction, np.zeros(5, dtype)
    assert forward(*arguments) == 0.0
    assert backward(*arguments).tolist() == [0.0] * 5 and backward(*arguments).dtype == dtype


@both
@reductions
@weights
def test_float32_stays_float32(loss, reduction, weight):
    weight = None if weight is None else weight.astype(np.float32)
    arguments = Y_HAT.astype(np.float32), Y[loss].astype(np.float32), reduction, weight
    forward, backward = losses.get(loss)[:2]
    assert forward(*arguments).dtype == np.float32 and backward(*arguments).dtype == np.float32


# ---- the logistic loss far out -------------------------------------------------------------------------


@dtypes
@pytest.mark.parametrize("z", [800.0, 1e4])
def test_large_logits(dtype, z):
    y_hat, y = np.array([z, z, -z, -z], dtype), np.array([0, 1, 0, 1], dtype)
    each = [losses.logistic_forward(y_hat[r : r + 1], y[r : r + 1]) for r in range(4)]
    assert each == [z, 0.0, 0.0, z]
    assert losses.logistic_backward(y_hat, y, "sum").tolist() == [1.0, 0.0, 0.0, -1.0]
    assert sigmoid(y_hat).tolist() == [1.0, 1.0, 0.0, 0.0] and sigmoid(y_hat).dtype == dtype
    turned = losses.logistic_forward(y_hat + 1e-20j, y, "sum")
    assert turned == pytest.approx(2 * z) and turned.imag == pytest.approx(0.0, abs=1e-26)


@dtypes
@pytest.mark.parametrize("z", [15.0, 40.0])
def test_a_confident_right_prediction_keeps_its_digits(dtype, z):
    want = math.log1p(math.exp(-z))                        # 4e-18 for z = 40, where 40 + 4e-18 is 40
    for y_hat, y in ((z, 1), (-z, 0)):
        got = losses.logistic_forward(np.array([y_hat], dtype), np.array([y], dtype))
        assert got == pytest.approx(want, rel=float(4 * np.finfo(dtype).eps), abs=0)


def test_sigmoid():
    assert sigmoid(np.array([0.0, math.log(3), -math.log(3)])) == pytest.approx([0.5, 0.75, 0.25])


UNITS = 4  # of roundoff: the relative error of a loss and its gradient
LOGITS = np.unique(np.concatenate([np.linspace(-80, 80, 641), [-36.9, -16.7, -1e-9, 1e-9, 16.7, 36.9]]))


@dtypes
@pytest.mark.parametrize("y", [0, 1])
def test_the_logistic_loss_to_a_few_units_of_roundoff(dtype, y):
    """sigmoid(y_hat) - 1 would be 100 % off from a logit of 37 on, and 0 from 17 on in float32."""
    y_hat, unit = LOGITS.astype(dtype), float(np.finfo(dtype).eps) / 2
    labels, ones = np.full(len(y_hat), y, dtype), np.ones(1, dtype)
    slopes = losses.logistic_backward(y_hat, labels, "sum")
    assert slopes.dtype == dtype
    with mpmath.workdps(60):
        for r, z in enumerate(map(mpmath.mpf, y_hat.tolist())):
            slope = 1 / (1 + mpmath.exp(-z)) - y
            assert abs(mpmath.mpf(float(slopes[r])) - slope) <= UNITS * unit * abs(slope), (z, y)
            value = mpmath.log(1 + mpmath.exp(z)) - y * z
            got = losses.logistic_forward(y_hat[r : r + 1], y * ones)
            assert abs(mpmath.mpf(float(got)) - value) <= UNITS * unit * abs(value), (z, y)
            assert abs(mpmath.mpf(float(sigmoid(y_hat[r]))) - (slope + y)) <= UNITS * unit * abs(slope + y), z


@dtypes
def test_labels_of_any_type_of_number(dtype):
    """1 - 2 y would wrap for unsigned labels, and flip nothing for bools."""
    y_hat, want = Y_HAT.astype(dtype), losses.logistic_backward(Y_HAT.astype(dtype), Y["logistic"].astype(dtype))
    for kind in (np.uint8, np.int64, bool):
        got = losses.logistic_backward(y_hat, Y["logistic"].astype(kind))
        assert got.dtype == dtype and got.tolist() == want.tolist()


def test_the_log_odds_of_a_rare_class_keep_their_digits():
    """log(p / (1 - p)) would lose them where p is close to 1."""
    rare = np.append(np.ones(10**5 - 1), 0.0)
    assert best_constant("logistic", rare) == pytest.approx(math.log(10**5 - 1), rel=1e-15)
    assert best_constant("logistic", 1 - rare) == pytest.approx(-math.log(10**5 - 1), rel=1e-15)


# ---- arrays that do not fit each other -----------------------------------------------------------------

COLUMN = np.ones((5, 1))
SHAPES = "a loss wants one number for each row, in arrays of one shape (B,); got "


@both
@pytest.mark.parametrize("function", ["forward", "backward"])
@pytest.mark.parametrize("change, message", [
    ({"y": COLUMN}, SHAPES + "y_hat (5,), y (5, 1)"),                        # they would broadcast to (5, 5)
    ({"y": np.ones(1)}, SHAPES + "y_hat (5,), y (1,)"),
    ({"y": np.ones(4)}, SHAPES + "y_hat (5,), y (4,)"),
    ({"y": np.ones(())}, SHAPES + "y_hat (5,), y ()"),
    ({"y_hat": COLUMN}, SHAPES + "y_hat (5, 1), y (5,)"),
    ({"y_hat": COLUMN, "y": COLUMN}, SHAPES + "y_hat (5, 1), y (5, 1)"),
    ({"weight": COLUMN}, SHAPES + "y_hat (5,), y (5,), weight (5, 1)"),
    ({"weight": np.ones(1)}, SHAPES + "y_hat (5,), y (5,), weight (1,)"),
    ({"y": [1, 0, 0, 1, 1]}, "y must be an array; got list"),
    ({"weight": 2.0}, "weight must be an array; got float"),
    ({"y_hat": np.ones(0), "y": np.ones(0)}, "the mean of no rows does not exist"),
])  # fmt: skip
def test_other_shapes_are_refused_even_when_the_values_were_checked(loss, function, change, message):
    arguments = {"y_hat": Y_HAT, "y": Y[loss]} | change
    for call in (getattr(losses, f"{loss}_{function}"), getattr(losses.get(loss), function)):
        with pytest.raises((ValueError, TypeError), match=re.escape(message) + "$"):
            call(**arguments)


@both
@pytest.mark.parametrize("function", ["forward", "backward"])
@pytest.mark.parametrize("change, message", [
    ({"y_hat": math.nan}, "row 3: y_hat is nan; it must be a finite number"),
    ({"y_hat": -math.inf}, "row 3: y_hat is -inf; it must be a finite number"),
    ({"y": math.nan}, "row 3: y is nan; "),
    ({"y": math.inf}, "row 3: y is inf; "),
    ({"weight": math.nan}, "row 3: weight is nan; it must be finite and not negative"),
    ({"weight": math.inf}, "row 3: weight is inf; it must be finite and not negative"),
    ({"weight": -1.0}, "row 3: weight is -1.0; it must be finite and not negative"),
])  # fmt: skip
def test_values_that_make_no_loss_are_refused_with_their_row(loss, function, change, message):
    arguments = {"y_hat": Y_HAT, "y": Y[loss], "weight": WEIGHT}
    for name, value in change.items():
        arguments[name] = np.where(np.arange(5) == 3, value, arguments[name])
    with pytest.raises(ValueError, match=re.escape(message)):
        getattr(losses, f"{loss}_{function}")(**arguments)


@both
def test_masks_are_refused(loss):
    for name in ("y_hat", "y", "weight"):
        arguments = {"y_hat": Y_HAT, "y": Y[loss], "weight": WEIGHT}
        arguments[name] = np.ma.array(arguments[name], mask=[0, 1, 0, 0, 0])
        with pytest.raises(TypeError, match="masked values are not supported"):
            getattr(losses, f"{loss}_forward")(**arguments)


@both
def test_a_prediction_that_diverged_is_shown_by_the_loss_of_training(loss):
    """`get` is for rows whose values were checked: a prediction that is NaN makes the loss NaN, and the row's slope."""
    forward, backward = losses.get(loss)[:2]
    diverged = np.where(np.arange(5) == 3, math.nan, Y_HAT)
    assert np.isnan(forward(diverged, Y[loss]))
    assert np.isnan(backward(diverged, Y[loss])).tolist() == [False, False, False, True, False]


def test_the_best_constant_needs_rows_that_count():
    for y, weight in ((np.ones(0), None), (np.ones(2), np.zeros(2))):
        with pytest.raises(ValueError, match="^the best constant needs a row that counts: there is none, or all wei"):
            best_constant("squared", y, weight)
    with pytest.raises(ValueError, match=re.escape(SHAPES + "y (2, 1)")):
        best_constant("squared", np.ones((2, 1)))
    with pytest.raises(ValueError, match=re.escape(SHAPES + "y (2,), weight (1,)")):
        best_constant("squared", np.ones(2), np.ones(1))
    with pytest.raises(ValueError, match="^row 1: y is nan; it must be a finite number$"):
        best_constant("squared", np.array([0.0, math.nan]))
    with pytest.raises(ValueError, match="^row 0: weight is -1.0; it must be finite and not negative$"):
        best_constant("squared", np.ones(2), np.array([-1.0, 2.0]))


# ---- L2 ------------------------------------------------------------------------------------------------

PARAMS = {
    "w0": np.array(3.0), "w": RNG.standard_normal(6), "V": RNG.standard_normal((6, 2)),
    "W": RNG.standard_normal((2, 3)), "b": RNG.standard_normal(3),
}  # fmt: skip
ROWS = np.array([1, 4, 5])
LAM = {"W": 0.3, "w": 0.02, "V": 0.7}


def test_l2_value():
    """eq. (8), the penalty"""
    want = 0.3 * sum(v**2 for v in PARAMS["W"].ravel())
    want += sum(0.02 * PARAMS["w"][i] ** 2 + 0.7 * sum(v**2 for v in PARAMS["V"][i]) for i in ROWS)
    assert l2_forward(PARAMS, LAM, ROWS) == pytest.approx(want, rel=1e-14)
    assert l2_forward(PARAMS, {}, ROWS) == 0
    assert l2_forward(PARAMS, {"V": 0.0}, ROWS) == 0


@pytest.mark.parametrize("name", LAM)
def test_l2_gradient_is_the_complex_step_slope_and_keeps_to_the_rows(name):
    grads = l2_backward(PARAMS, LAM, ROWS)
    assert list(grads) == list(LAM)
    grad, theta = grads[name], PARAMS[name]
    if name == "W":
        dense = grad
    else:
        assert isinstance(grad, RowGrad) and grad.rows.tolist() == ROWS.tolist()
        dense = grad.to_dense(6)
    slopes = np.zeros(theta.shape)
    for at in np.ndindex(theta.shape):
        moved = theta.astype(complex)
        moved[at] += 1e-20j
        slopes[at] = l2_forward({**PARAMS, name: moved}, LAM, ROWS).imag / 1e-20
    np.testing.assert_allclose(dense, slopes, rtol=1e-14)
    assert (slopes != 0).sum() == (theta.size if name == "W" else theta.size // 2)


def test_l2_of_the_whole_table():
    want = 0.3 * (PARAMS["W"] ** 2).sum() + 0.02 * (PARAMS["w"] ** 2).sum() + 0.7 * (PARAMS["V"] ** 2).sum()
    assert l2_forward(PARAMS, LAM, None) == pytest.approx(want, rel=1e-14)
    for name, grad in l2_backward(PARAMS, LAM, None).items():
        np.testing.assert_allclose(grad, 2 * LAM[name] * PARAMS[name], rtol=1e-15)


def test_l2_keeps_float32():
    params = {name: value.astype(np.float32) for name, value in PARAMS.items()}
    grads = l2_backward(params, LAM, ROWS)
    assert {name: getattr(grad, "values", grad).dtype for name, grad in grads.items()} == dict.fromkeys(LAM, np.float32)


@pytest.mark.parametrize("lam, message", [
    ({"b": 0.1}, "L2 applies to W, w and V; got 'b'"),
    ({"V": -0.1}, "the L2 weight of V must be finite and not negative; got -0.1"),
    ({"w": math.nan}, "the L2 weight of w must be finite and not negative; got nan"),
    ({"W": math.inf}, "the L2 weight of W must be finite and not negative; got inf"),
    ({"W": "0.1"}, "the L2 weight of W must be finite and not negative; got '0.1'"),
    ({"W": True}, "the L2 weight of W must be finite and not negative; got True"),
    ({"V": 0.1, "W": 0.1}, "L2 names 'W', which this model does not have; it has w0, V"),
])  # fmt: skip
def test_l2_refused(lam, message):
    params = {"w0": PARAMS["w0"], "V": PARAMS["V"]} if len(lam) == 2 else PARAMS
    for call in (l2_forward, l2_backward):
        with pytest.raises(ValueError, match=re.escape(message)):
            call(params, lam, ROWS)


# ---- the table of conventions in the module's docstring ------------------------------------------------

THEIRS, ROUNDS = 0.37, range(4)


def a_model_at_random():
    """Predictions for 5 rows, and a W."""
    return RNG.standard_normal(5), RNG.standard_normal((2, 3))


def ours(y_hat, W, lam):
    return losses.squared_forward(y_hat, Y["squared"]) + l2_forward({"W": W}, {"W": lam}, ROWS)


@pytest.mark.parametrize("theirs, lam, factor", [
    (lambda e, W: (e**2).sum() + THEIRS * (W**2).sum(), THEIRS / 5, 5),                       # the paper's eq. (7), (8)
    (lambda e, W: (e**2).sum() / 2 + THEIRS * (W**2).sum(), 2 * THEIRS / 5, 5 / 2),           # l2_loss of the errors
    (lambda e, W: (e**2).mean() + THEIRS * (W**2).sum(), THEIRS, 1),                          # Keras l2
    (lambda e, W: (e**2).mean() + THEIRS * (W**2).sum() / 2, THEIRS / 2, 1),                  # l2_loss of W
], ids=["paper", "half the sum", "Keras", "half a square"])  # fmt: skip
def test_conversion_of_objectives(theirs, lam, factor):
    """The same minimum: one is a constant times the other, at every point."""
    for _ in ROUNDS:
        y_hat, W = a_model_at_random()
        assert theirs(y_hat - Y["squared"], W) == pytest.approx(factor * ours(y_hat, W, lam), rel=1e-13)


def test_conversion_of_weight_decay():
    for _ in ROUNDS:
        _, W = a_model_at_random()
        np.testing.assert_allclose(l2_backward({"W": W}, {"W": THEIRS / 2}, ROWS)["W"], THEIRS * W, rtol=1e-15)


# ---- by name, and targets ------------------------------------------------------------------------------


def test_unknown_loss_is_refused():
    y = np.ones(1)
    for call in (losses.get, lambda loss: best_constant(loss, y), lambda loss: losses.check_targets(loss, y)):
        for name in ("hinge", 3, ["squared"]):
            with pytest.raises(ValueError, match=re.escape(f"unknown loss {name!r}; choose from squared, logistic")):
                call(name)


@both
@weights
def test_unknown_reduction_is_refused(loss, weight):
    for call in losses.get(loss)[:2]:
        with pytest.raises(ValueError, match="unknown reduction 'none'; choose from mean, sum"):
            call(Y_HAT, Y[loss], "none", weight)


@pytest.mark.parametrize("bad", [-1.0, 0.5, 2.0, math.nan])
def test_targets_of_the_logistic_loss_are_zero_or_one(bad):
    y = np.array([0.0, 1.0, bad, 7.0, 0.0])
    for call in (
        lambda: losses.check_targets("logistic", y),
        lambda: losses.logistic_forward(Y_HAT, y),
        lambda: losses.logistic_backward(Y_HAT, y),
        lambda: best_constant("logistic", y),
    ):
        with pytest.raises(ValueError, match=f"row 2: y is {bad}; the logistic loss wants 0 or 1"):
            call()
    assert losses.check_targets("squared", Y["squared"]) is None
    assert losses.check_targets("logistic", Y["logistic"]) is None


# ---- the best constant ---------------------------------------------------------------------------------


@both
@weights
def test_best_constant_minimises_the_loss(loss, weight):
    forward, backward = losses.get(loss)[:2]
    best = best_constant(loss, Y[loss], weight)
    assert isinstance(best, float)
    assert backward(np.full(5, best), Y[loss], "mean", weight).sum() == pytest.approx(0, abs=1e-15)
    for step in (-1e-3, 1e-3):
        assert forward(np.full(5, best + step), Y[loss], "mean", weight) > forward(
            np.full(5, best), Y[loss], "mean", weight
        )


def test_best_constant_of_one_class_is_finite():
    for B in (1, 4):
        odds = (B - 0.5) / 0.5
        assert best_constant("logistic", np.ones(B)) == pytest.approx(math.log(odds))
        assert best_constant("logistic", np.zeros(B)) == pytest.approx(-math.log(odds))


# ---- what NumPy would compute in another way than it looks ---------------------------------------------


@pytest.mark.parametrize("of", [losses.squared_forward, losses.logistic_backward])
@pytest.mark.parametrize("y_hat, y, weight, error, words", [
    pytest.param(np.array([3], np.uint8), np.array([1], np.uint8), None, TypeError, "y_hat must be float32, float64",
                 id="brother-unsigned-would-wrap"),
    pytest.param(np.array([3]), np.array([1]), None, TypeError, "y_hat must be float32", id="brother-integers"),
    pytest.param(np.array([True]), np.array([True]), None, TypeError, "y_hat must be", id="brother-truth-values"),
    pytest.param(np.array([300], np.float16), np.ones(1), None, TypeError, "y_hat must be .* got float16",
                 id="brother-float16"),
    pytest.param(np.array(["1"]), np.ones(1), None, TypeError, "y_hat must be float32, float64 or", id="brother-text"),
    pytest.param(np.ones(1), np.array(["1"]), None, TypeError, "y must be real numbers", id="brother-text-as-y"),
    pytest.param(np.ones(1), np.ones(1), np.array([1j]), TypeError, "weight must be", id="brother-complex-weight"),
    pytest.param(np.ones(2), np.ones(2), np.full(2, 1e308), ValueError, "the sum of weight is not finite; divide",
                 id="brother-infinite-sum"),
])  # fmt: skip
def test_kinds_of_numbers_that_a_loss_refuses(of, y_hat, y, weight, error, words):
    with pytest.raises(error, match=words):
        of(y_hat, y, "mean", weight)


def test_brother_the_weights_of_a_penalty_are_a_dict():
    with pytest.raises(TypeError, match=r'^lam must be a dict, such as \{"V": 1e-4\}; got float$'):
        losses.l2_forward({"V": np.ones((2, 1))}, 0.1, None)


def test_brother_a_mean_beyond_float64():
    with pytest.raises(ValueError, match="^the mean of y is beyond float64; divide y by its largest number$"):
        losses.best_constant("squared", np.array([1e308, 1e308]))
    assert losses.best_constant("squared", np.array([8e307, 8e307])) == 8e307


def test_rows_of_a_penalty_are_rows_of_both_arrays():
    short, long = np.ones(3), np.ones((9, 1))
    for params in ({"w": short, "V": long}, {"w": long, "V": short}):
        with pytest.raises(ValueError, match="^the L2 penalty names rows 5 to 5 of 3$"):
            losses.l2_forward(params, {"w": 0.1, "V": 0.1}, np.array([5]))
    assert losses.l2_forward({"W": long}, {"W": 1.0}, np.array([100])) == 9
