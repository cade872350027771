"""Metrics: known values, ties, and the AUC against its definition."""

import math

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from strategies import examples

from afm_numpy import metrics
from afm_numpy.metrics import accuracy, auc, log_loss, mae, rmse

Y = np.array([0, 0, 1, 1])


def test_rmse_and_mae():
    y, y_hat = np.array([1.0, 2.0, 3.0]), np.array([1.0, 4.0, 2.0])
    assert rmse(y, y_hat) == pytest.approx(math.sqrt(5 / 3), rel=1e-15)
    assert mae(y, y_hat) == 1.0


def test_log_loss_is_the_mean_of_minus_log_probability():
    y_hat = np.array([0.3, -1.0, 0.5, -2.0])
    prob = [1 / (1 + math.exp(-z)) for z in y_hat]
    want = -(math.log(1 - prob[0]) + math.log(1 - prob[1]) + math.log(prob[2]) + math.log(prob[3])) / 4
    assert log_loss(Y, y_hat) == pytest.approx(want, rel=1e-14)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("z", [800.0, 1e4])
def test_log_loss_of_extreme_logits(dtype, z):
    assert log_loss(Y, np.array([-z, -z, z, z], dtype)) == 0.0
    assert log_loss(Y, np.array([z, -z, -z, z], dtype)) == z / 2


@pytest.mark.parametrize("metric", [log_loss, accuracy])
def test_brother_probabilities_are_no_logits(metric):
    """They are told from logits by fitting better as probabilities. Logits from 0 to 1 are no reason for a word."""
    y, logits = np.array([0, 1, 1, 0, 1]), np.array([-2.0, 3.0, 1.0, 0.5, 2.0])
    metric(y, logits)
    with pytest.warns(UserWarning, match=r"^y_hat looks like probabilities, but this metric wants logits, log"):
        metric(y, 1 / (1 + np.exp(-logits)))
    metric(y, 1 / (1 + np.exp(logits)))                      # these fit better as logits
    metric(y, np.array([0.1, 0.4, 0.5, 0.2, 0.3]))
    metric(y, np.array([0.0, 1.0, 1.0, 0.0, 1.0]))
    metric(np.ones(3), np.array([0.0, 0.5, 0.9]))            # the logarithm of 0
    metric(np.array([1, 1, 0]), np.array([1.5, 0.9, 0.1]))   # 1.5 is no probability
    metric(np.array([0, 0, 0, 1]), np.array([0.9, 0.8, 0.7, 0.1]))
    with pytest.warns(UserWarning, match="^y_hat looks like probabilities"):
        metric(np.array([0, 1, 1, 0]), np.array([0.0, 1.0, 0.9, 0.2]))


def test_accuracy_counts_a_logit_of_zero_as_class_0():
    assert accuracy(Y, np.array([-1.0, 0.5, 0.5, 2.0])) == 0.75
    assert accuracy(Y, np.zeros(4)) == 0.5
    assert accuracy(np.array([1]), np.zeros(1)) == 0.0
    assert accuracy(np.array([1.0, 0.0]), np.array([1e-30, -1e-30])) == 1.0


@pytest.mark.parametrize("y_hat, want", [
    ([1, 2, 3, 4], 1.0),
    ([4, 3, 2, 1], 0.0),
    ([1, 3, 2, 4], 0.75),
    ([5, 5, 5, 5], 0.5),
    ([1, 2, 2, 3], 0.875),            # of 4 pairs one is a tie
    ([2, 2, 2, 9], 0.75),             # of 4 pairs two are ties
    ([-1e4, 0, 1e-300, 1e4], 1.0),
])  # fmt: skip
def test_auc_known_values(y_hat, want):
    assert auc(Y, np.array(y_hat, float)) == want


@examples(60)
@given(st.lists(st.tuples(st.booleans(), st.integers(-3, 3)), min_size=2, max_size=20))
def test_auc_is_the_share_of_pairs_in_order(rows):
    y, y_hat = np.array([label for label, _ in rows]), np.array([float(z) for _, z in rows])
    assume(y.any() and not y.all())
    wins = [(one > zero) + (one == zero) / 2 for one in y_hat[y] for zero in y_hat[~y]]
    assert auc(y.astype(float), y_hat) == pytest.approx(sum(wins) / len(wins), rel=1e-14)
    assert auc(y, np.arctan(y_hat)) == auc(y, y_hat)                       # only the order counts


@pytest.mark.parametrize("y, found", [([1, 1, 1], "3 ones and 0 zeros"), ([0, 0], "0 ones and 2 zeros")])
def test_auc_needs_both_classes(y, found):
    with pytest.raises(ValueError, match=f"AUC needs both classes; y holds {found}"):
        auc(np.array(y), np.zeros(len(y)))


def test_auc_of_many_rows_does_not_overflow():
    B = 200_000                       # 10^10 pairs
    y = np.arange(B) % 2
    assert auc(y.astype(np.float32), np.zeros(B, np.float32)) == 0.5


@pytest.mark.parametrize("metric", [rmse, mae, log_loss, accuracy, auc])
def test_float32_is_computed_in_float64(metric):
    y = np.array([0, 1] * 50_000, np.float32)
    y_hat = np.where(y == 1, 0.1, -0.3).astype(np.float32)
    got = metric(y, y_hat)
    assert np.asarray(got).dtype == np.float64
    assert got == pytest.approx(metric(y.astype(float), y_hat.astype(float)), rel=1e-12)


def test_float32_errors_that_float32_cannot_add_up_or_square():
    y = np.zeros(3, np.float32)
    assert mae(y, np.array([2.0**25, 1.0, 1.0], np.float32)) == (2**25 + 2) / 3        # 2^25 + 1 is no float32
    assert rmse(y, np.array([2.0**13, 1.0, 1.0], np.float32)) == math.sqrt((2**26 + 2) / 3)
    assert rmse(y, np.full(3, 2.0**100, np.float32)) == 2.0**100                       # its square is beyond float32


# ---- what is refused ------------------------------------------------------------------------------------

ALL = [rmse, mae, log_loss, accuracy, auc]
each = pytest.mark.parametrize("metric", ALL)


@each
@pytest.mark.parametrize("y, y_hat, message", [
    ([0, 1, 1], [[0.0], [1.0], [1.0]], r"y_hat must have one value for each of the 3 rows; got shape \(3, 1\)"),
    ([[0], [1], [1]], [0.0, 1.0, 1.0], r"y must have one value for each of the 3 rows; got shape \(3, 1\)"),
    ([0, 1, 1], [1.0], r"y_hat must have one value for each of the 3 rows; got shape \(1,\)"),
    ([1], [0.0, 1.0, 1.0], r"y_hat must have one value for each of the 1 rows; got shape \(3,\)"),
    ([0, 1, 1], 1.0, r"y_hat must have one value for each of the 3 rows; got shape \(\)"),
    (1.0, 1.0, r"y must have one value for each of the 1 rows; got shape \(\)"),
    ([0, 1, 1], [0.0, math.nan, 1.0], "row 1: y_hat is nan"),
    ([0, 1, 1], [0.0, 1.0, -math.inf], "row 2: y_hat is -inf"),
    ([math.nan, 1, 1], [0.0, 1.0, 1.0], "row 0: y is nan"),
    ([], [], "there are no rows to measure"),
])  # fmt: skip
def test_other_shapes_and_numbers_that_are_not_finite(metric, y, y_hat, message):
    with pytest.raises(ValueError, match=message):
        metric(np.array(y), np.array(y_hat))


@each
@pytest.mark.parametrize("y, y_hat", [
    (["0", "1"], [0.0, 1.0]), ([0, 1], ["0.0", "1.0"]), ([0, 1], [0j, 1j]), ([b"0", b"1"], [0.0, 1.0]),
    (np.array([0, 1], object), [0.0, 1.0]), (np.ma.array([0, 1], mask=[0, 1]), [0.0, 1.0]),
    ([0, 1], np.ma.array([0.0, 1.0], mask=[0, 1])),
])  # fmt: skip
def test_text_complex_numbers_objects_and_masks(metric, y, y_hat):
    with pytest.raises(TypeError, match="must be real numbers|masked values are not supported"):
        metric(y, y_hat)


@pytest.mark.parametrize("metric", [log_loss, accuracy, auc])
@pytest.mark.parametrize("y, found", [
    ([1, 2, 2, 1], "row 1: y is 2"), ([-1, 1, 1, -1], "row 0: y is -1"), ([1, 0, 3, 5], "row 2: y is 3"),
    ([0, 1, 0.5, 0], "row 2: y is 0.5"),
])  # fmt: skip
def test_labels_are_0_and_1(metric, y, found):
    with pytest.raises(ValueError, match=f"{found}.*; the logistic loss wants 0 or 1$"):
        metric(np.array(y), np.array(y, float))


@each
def test_lists_and_truth_values_are_taken(metric):
    assert metric([False, True, True], [0, 1, 2]) == metric(np.array([0.0, 1.0, 1.0]), np.array([0.0, 1.0, 2.0]))


# ---- by name --------------------------------------------------------------------------------------------


def test_by_name_with_the_better_direction():
    assert {name: metrics.get(name) for name in metrics.METRICS} == {
        "rmse": (rmse, False, "squared"), "mae": (mae, False, "squared"), "log_loss": (log_loss, False, "logistic"),
        "auc": (auc, True, "logistic"), "accuracy": (accuracy, True, "logistic"),
    }  # fmt: skip


def test_unknown_metric_is_refused():
    with pytest.raises(ValueError, match="unknown metric 'f1'; choose from rmse, mae, log_loss, auc, accuracy"):
        metrics.get("f1")


def test_the_metrics_of_a_loss():
    assert metrics.of("squared") == ["rmse", "mae"]
    assert metrics.of("logistic") == ["log_loss", "auc", "accuracy"]
    with pytest.raises(ValueError, match="unknown loss 'hinge'"):
        metrics.of("hinge")


def test_measure_is_the_metrics_by_name():
    y_hat = np.array([-1.0, 0.5, 0.5, 2.0])
    for loss in ("squared", "logistic"):
        got = metrics.measure(loss, Y, y_hat)
        assert got == {name: metrics.get(name).of(Y, y_hat) for name in metrics.of(loss)}
        assert {type(value) for value in got.values()} == {float}
    assert list(metrics.measure("logistic", Y, y_hat, ["auc"])) == ["auc"]
    assert metrics.measure("logistic", Y, y_hat, []) == {}


@pytest.mark.parametrize("loss, name, choices", [
    ("squared", "log_loss", "rmse, mae"), ("squared", "auc", "rmse, mae"), ("squared", "accuracy", "rmse, mae"),
    ("logistic", "rmse", "log_loss, auc, accuracy"), ("logistic", "mae", "log_loss, auc, accuracy"),
])  # fmt: skip
def test_a_metric_of_another_loss_is_refused_and_the_right_ones_are_named(loss, name, choices):
    words = f"{name} is for models of the {metrics.get(name).loss} loss; this one has the {loss} loss: choose from "
    with pytest.raises(ValueError, match=words + choices):
        metrics.measure(loss, Y, np.zeros(4), [metrics.of(loss)[0], name])


@pytest.mark.parametrize("label", [0, 1])
def test_a_metric_that_does_not_exist_is_left_out_and_said_once(label):
    y, y_hat = np.full(3, label), np.array([-1.0, 0.5, 0.5])
    with pytest.warns(metrics.UndefinedMetric, match=f"every row has the label {label}, so there is no AUC") as said:
        got = metrics.measure("logistic", y, y_hat)
    assert len(said) == 1 and list(got) == ["log_loss", "accuracy"]
    assert list(metrics.measure("logistic", y, y_hat, ["accuracy"])) == ["accuracy"]      # and nothing is said


def test_one_row_has_one_label():
    y = np.array([1.0])
    with pytest.warns(metrics.UndefinedMetric, match="every row has the label 1, so there is no AUC; it is left out$"):
        assert metrics.check(["auc", "accuracy"], "logistic", y) == ["accuracy"]


def test_targets_are_checked_before_any_metric_is_computed():
    y = np.array([1.0, 2.0])
    assert metrics.check(["rmse"], "squared", y) == ["rmse"]
    with pytest.raises(ValueError, match="row 1: y is 2.0; the logistic loss wants 0 or 1$"):
        metrics.check(["log_loss"], "logistic", y)
    with pytest.raises(ValueError, match="row 1: y is 2"):
        metrics.check([], "logistic", y)


def test_measure_refused():
    with pytest.raises(ValueError, match="row 1: y is 2.0; the logistic loss wants 0 or 1$"):
        metrics.measure("logistic", [1, 2], [0.0, 0.0], ["accuracy"])
    with pytest.raises(TypeError, match="names must be a list of names of metrics; got str"):
        metrics.measure("logistic", [1, 0], [0.0, 0.0], "auc")
    with pytest.raises(ValueError, match=r"y_hat must have one value for each of the 2 rows; got shape \(2, 1\)"):
        metrics.measure("squared", [1, 0], [[0.0], [0.0]], [])


@pytest.mark.parametrize("size", [pytest.param(s, id=f"brother-{s:g}") for s in (5e-324, 1e-200, 1e160, 1e307)])
def test_squares_that_leave_float64(size):
    assert metrics.rmse([0, 0], [size, size]) == size


def test_brother_rmse_of_a_difference_beyond_float64_and_of_no_difference():
    with np.errstate(over="ignore"):
        assert metrics.rmse([1e308], [-1e308]) == np.inf
    assert metrics.rmse([1.0], [1.0]) == 0.0


@pytest.mark.parametrize("y_hat", [
    pytest.param(np.array([2**60, 2**60 + 1, 2**60 + 2]), id="brother-int64"),
    pytest.param(np.array([2**63, 2**63 + 1, 2**63 + 2], np.uint64), id="brother-uint64"),
])  # fmt: skip
def test_auc_ranks_whole_numbers_by_all_their_digits(y_hat):
    assert metrics.auc([0, 1, 1], y_hat) == 1.0
    assert metrics.auc([1, 0, 0], y_hat) == 0.0


def test_brother_targets_of_a_check_may_be_a_list_and_names_are_one():
    assert metrics.check(["auc"], "logistic", [0, 1]) == ["auc"]
    with pytest.raises(TypeError, match="names must be a list of names of metrics; got generator"):
        metrics.measure("squared", [0, 1], [0, 1], (name for name in ["rmse"]))


@pytest.mark.parametrize("size", [1e-200, 0.1, 1.0, 1e200])
def test_root_mean_square_with_weights(size):
    values = np.array([3.0, -4.0]) * size
    assert metrics.root_mean_square(values) == pytest.approx(math.sqrt(25 / 2) * size, rel=1e-15)
    assert metrics.root_mean_square(values, np.array([1.0, 3.0])) == pytest.approx(math.sqrt(57 / 4) * size, rel=1e-15)


def test_what_is_wrong_with_targets_is_said_of_y():
    with pytest.raises(TypeError, match="^y must be real numbers"):
        metrics.check([], "logistic", ["a"])
    with pytest.raises(ValueError, match="^there are no rows to measure$"):
        metrics.rmse([], [])
