"""The V-curve."""

import numpy as np
import pytest
from layers import attention_scores

from afm_numpy.gradcheck import v_curve

ONE = {"a": np.ones((2, 3))}


def test_the_v_curve():
    f, params, backward, _, _ = attention_scores()
    curve = v_curve(f, {**params, "table": np.arange(3)}, backward(), np.random.default_rng(0))
    eps, errors = curve
    assert list(errors) == ["one-sided float64", "central float32", "central float64", "complex float64"]
    assert eps.shape == (46,) and eps[[0, -1]] == pytest.approx([1e-16, 0.1], rel=1e-15, abs=0)
    best = {label: eps[error.argmin()] for label, error in errors.items()}
    for label, low, high, error in [                                        # u^(1/2), u^(1/3), and anything small
        ("one-sided float64", 1e-9, 1e-7, 1e-6),
        ("central float32", 1e-3, 1e-1, 1e-3),
        ("central float64", 1e-7, 1e-4, 1e-9),
    ]:
        assert low <= best[label] <= high and errors[label].min() < error
        assert errors[label][0] > 0.01 and errors[label][-1] > 10 * errors[label].min()
    assert errors["complex float64"][eps < 1e-8].max() < 1e-14
    assert errors["central float32"].min() > 100 * errors["central float64"].min() > 1e-12

    def rise(label, low, high):                                             # the power of eps
        inside = (eps > low) & (eps < high)
        return np.polyfit(np.log10(eps[inside]), np.log10(errors[label][inside]), 1)[0]

    assert rise("central float64", 1e-4, 1e-1) == pytest.approx(2, abs=0.2)
    assert rise("complex float64", 1e-6, 1e-1) == pytest.approx(2, abs=0.2)
    assert rise("one-sided float64", 1e-6, 1e-2) == pytest.approx(1, abs=0.1)
    assert rise("central float64", 1e-14, 1e-7) == pytest.approx(-1, abs=0.2)


def test_a_v_curve_wants_a_generator():
    with pytest.raises(TypeError, match="^rng must be a numpy.random.Generator; got int$"):
        v_curve(lambda q: q["a"].sum(), ONE, ONE, 0)


def test_a_v_curve_of_chosen_steps_and_types():
    f, params, backward, _, _ = attention_scores()
    kinds, steps = set(), [1e-3, 1e-8]

    def spy(q):
        return kinds.add(q["W"].dtype) or f(q)

    labels = ["central float32", "complex float32"]
    curve = v_curve(spy, params, backward(), np.random.default_rng(0), eps=steps, curves=labels, directions=2)
    assert curve.eps.tolist() == steps and list(curve.errors) == labels
    assert kinds == {np.dtype(np.float32), np.dtype(np.complex64)}
    assert curve.errors["complex float32"][1] < 1e-6
    scaled = v_curve(lambda q: 8 * f(q), params, {name: 8 * g for name, g in backward().items()},
                     np.random.default_rng(0), eps=steps, curves=labels, directions=2)  # fmt: skip
    assert all(np.array_equal(curve.errors[label], scaled.errors[label]) for label in labels)
    again = v_curve(f, params, backward(), np.random.default_rng(0), eps=steps, curves=labels, directions=2)
    assert all(np.array_equal(curve.errors[label], again.errors[label]) for label in labels)


def test_a_v_curve_walks_along_unit_vectors_through_all_parameters():
    params, seen = {"a": np.zeros((2, 3)), "z": np.zeros(3)}, []

    def f(q):
        seen.append(np.concatenate([q["a"].ravel(), q["z"]]))
        return q["a"].sum() + q["z"].sum()

    grads = {"a": np.ones((2, 3)), "z": np.ones(3)}
    for directions, count in ({"directions": 2}, 2), ({}, 4):
        seen.clear()
        v_curve(f, params, grads, np.random.default_rng(0), eps=[0.1], curves=["central float64"], **directions)
        assert len(seen) == 2 * count
        assert np.abs(seen) == pytest.approx(0.1 / 3)


def test_a_v_curve_hands_on_integer_tables_and_gives_its_steps_as_floats():
    rows = np.array([1, 1, 0])
    curve = v_curve(
        lambda q: q["a"][q["rows"]].sum(), {"a": np.ones(2), "rows": rows}, {"a": np.array([1.0, 2.0])},
        np.random.default_rng(0), eps=[1], curves=["central float32"],
    )  # fmt: skip
    assert curve.eps.dtype == np.float64 and curve.errors["central float32"] < 1e-6


def test_a_wrong_gradient_gives_a_flat_curve():
    f, params, backward, _, _ = attention_scores()
    curve = v_curve(f, params, backward(diagonal=True), np.random.default_rng(0), eps=[1e-20, 1e-10])
    assert curve.errors["complex float64"].min() > 1e-3


@pytest.mark.parametrize("bad", [0.0, np.nan])
def test_no_v_curve_of_a_gradient_that_is_zero_or_not_finite(bad):
    with pytest.raises(ValueError, match="the gradient must be finite and not 0"):
        v_curve(lambda q: q["a"].sum(), ONE, {"a": np.full((2, 3), bad)}, np.random.default_rng(0))


@pytest.mark.parametrize("label", ["central", "forward float64", "central float16"])
def test_a_curve_that_does_not_exist(label):
    with pytest.raises(ValueError, match=f"unknown curve '{label}'; choose from central float32, "):
        v_curve(lambda q: q["a"].sum(), ONE, ONE, np.random.default_rng(0), curves=[label])
