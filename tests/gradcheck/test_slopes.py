"""Slopes: lines, lost imaginary parts, bends and jumps, and the best step."""

import math
import warnings

import numpy as np
import pytest

from afm_numpy.gradcheck import check, v_curve
from afm_numpy.gradcheck.measuring import bend, jump, sharpest
from afm_numpy.gradcheck.slopes import along, moved, value_of


def statuses(report):
    return {name: entry.status for name, entry in report.entries.items()}


# ---- complex numbers that get lost ---------------------------------------------------------------------


@pytest.mark.parametrize(
    "f",
    [
        lambda q: float(q["a"].sum()),
        lambda q: (q["a"].astype(np.float64) ** 2).sum(),
        lambda q: (q["a"].real ** 2).sum(),
        lambda q: np.abs(q["a"]).sum(),
    ],
)
def test_a_function_that_turns_complex_numbers_into_real_ones(f):
    with pytest.raises(TypeError, match=r"f loses the imaginary part of a: .*; mend f or use method='central'"):
        check(f, {"a": np.ones(2)}, {"a": np.ones(2)})


@pytest.mark.parametrize("lose", [np.real, np.abs, np.conj])
def test_a_function_that_loses_the_imaginary_part_of_one_parameter(lose):
    def f(q):
        return (lose(q["a"]) * q["z"]).sum()

    params, grads = {"a": np.ones(2), "z": np.ones(2)}, {"a": np.ones(2), "z": np.ones(2)}
    with pytest.raises(TypeError) as error:
        check(f, params, grads)
    assert str(error.value) == (
        "f loses the imaginary part of a (abs, norm, var, conj, or a cast to real): central differences give another "
        "slope; mend f or use method='central'"
    )
    assert statuses(check(f, params, {**grads, "a": 3 * grads["a"]})) == {"a": "error", "z": "ok"}
    assert check(f, params, grads, method="central").ok


def by_variance(a):
    return (a**2).sum() / a.var()                                           # NumPy takes the variance of the real part


THREE = np.array([0.3, -0.7, 1.1])
PARTLY_LOST = {                                                             # a gradient with that part as a constant
    "var": (by_variance, 2 * THREE / THREE.var()),
    "norm": (lambda a: (a * THREE**2).sum() / np.linalg.norm(a), THREE**2 / np.linalg.norm(THREE)),
    "abs": (lambda a: (a * np.abs(a)).sum(), np.abs(THREE)),
    "real": (lambda a: a[0] * a[1].real + a[2], np.array([-0.7, 0.0, 1.0])),
    "all of it": (lambda a: 1.0 + 0j + a.real @ THREE if np.iscomplexobj(a) else 1.0 + a @ THREE, np.zeros(3)),
}


@pytest.mark.parametrize("name", PARTLY_LOST)
def test_a_wrong_gradient_that_misses_what_the_complex_step_misses(name):
    """A complex step and this gradient both take a part of f for a constant, and so agree."""
    f, wrong = PARTLY_LOST[name]
    with pytest.raises(TypeError, match="f loses the imaginary part of a .* central differences give another slope"):
        check(lambda q: f(q["a"]), {"a": THREE}, {"a": wrong})
    assert check(lambda q: f(q["a"]), {"a": THREE}, {"a": wrong}, method="central")["a"].status == "error"


def test_the_message_names_all_that_moved_and_what_came_back():
    with pytest.raises(TypeError, match="^f loses the imaginary part of a/z: it returned float64; mend f"):
        v_curve(
            lambda q: (q["a"] + q["z"]).real, {"a": 1.0, "z": 1.0}, {"a": 1.0, "z": 1.0}, np.random.default_rng(0),
            curves=["complex float64"],
        )  # fmt: skip


@pytest.mark.parametrize("eps", [1e-5, 1e-2, 1.0])
def test_a_complex_step_that_is_too_large_accuses_nobody(eps):
    f, right = (lambda q: np.exp(q["a"]).sum()), np.exp(np.ones(2))
    entry = check(f, {"a": np.ones(2)}, {"a": right}, eps=eps)["a"]
    assert (entry.status, entry.error < 1e-15) == ("ok", True)
    assert check(f, {"a": np.ones(2)}, {"a": right * (1 + 1e-9)}, eps=eps)["a"].status == "error"


def test_where_f_refuses_a_moved_parameter_its_value_is_nan():
    def f(q, error):
        if q["a"] != 0.5:
            raise error("mine")
        return 2.0

    for error in (ZeroDivisionError, IndexError, ValueError):
        line = along(lambda q, error=error: f(q, error), {"a": np.array(0.5)}, {"a": ()})
        assert line(0.0) == 2.0 and math.isnan(line(1e-3))
        with pytest.raises(error, match="mine"):
            line(1e-3j)
        with pytest.raises(error, match="mine"):
            along(lambda q, error=error: f(q, error), {"a": np.array(0.4)}, {"a": ()})(0.0)
    with pytest.raises(TypeError, match="^mine$") as found:
        along(lambda q: f(q, TypeError), {"a": np.array(0.5)}, {"a": ()})(1e-3)
    assert type(found.value) is TypeError                                   # and not that an imaginary part is lost


def test_errors_of_f_itself_pass_through():
    with pytest.raises(TypeError, match="^mine$"):
        check(lambda q: (_ for _ in ()).throw(TypeError("mine")), {"a": np.ones(2)}, {"a": np.ones(2)})


# ---- bends, jumps and steps ------------------------------------------------------------------------------


def on_a_line(f):
    return along(lambda q: f(q["a"]), {"a": np.array(0.5)}, {"a": ()})


def test_a_line_gives_a_float_for_a_float_and_complex_for_complex():
    line = along(lambda q: (q["a"] ** 2).sum(), {"a": np.array([3.0, 4.0])}, {"a": np.array([0.6, 0.8])})
    assert (line(0.0), type(line(0.0))) == (25.0, float)
    assert line(1j) == pytest.approx(24 + 10j) and type(line(1j)) is complex


@pytest.mark.parametrize("f", [np.sin, np.exp, lambda a: 1e6 * a**3])
def test_a_smooth_line_has_no_bend_and_no_jump(f):
    line = on_a_line(f)
    assert abs(bend(line, 1e-4)) < 1e-4 * abs(line(0.0))
    assert jump(line, 1e-11, 32 * 2.2e-16) == 0.0


@pytest.mark.parametrize("size", [1.0, -3.0])
def test_a_jump_is_that_of_a_kink_at_the_point_itself(size):
    line = on_a_line(lambda a: np.sin(a) + size * np.maximum(a - 0.5, 0))
    assert jump(line, 1e-11, 7e-15) == pytest.approx(abs(size), rel=1e-3)


@pytest.mark.parametrize("distance", [1e-9, -1e-9, 1e-6, 1e-3])
def test_there_is_no_jump_beside_a_kink(distance):
    assert jump(on_a_line(lambda a: np.maximum(a - 0.5 - distance, 0)), 1e-11, 7e-15) == 0.0


def test_rounding_is_no_jump():
    rng = np.random.default_rng(0)
    line = on_a_line(lambda a: np.sin(a) + 1e-13 * rng.normal())            # 400 times its rounding
    assert [jump(line, 1e-11, 7e-15) for _ in range(200)].count(0.0) >= 190


@pytest.mark.parametrize(
    ("f", "slope", "close"),
    [
        (np.sin, np.cos(0.5), 3e-12),
        (lambda a: np.sin(1e4 * a), 1e4 * np.cos(5e3), 1e-7),               # the usual step is far too large
        (lambda a: 1e6 + np.sin(a), np.cos(0.5), 1e-5),                     # and too small
    ],
)
def test_the_best_step(f, slope, close):
    line = on_a_line(f)
    found, step, off = sharpest(line, 6e-6, 32 * 2.2e-16 * abs(line(0.0)), 1.0)
    usual = (line(6e-6) - line(-6e-6)) / 1.2e-5
    assert abs(found - slope) < min(close * abs(slope), 10 * off, abs(usual - slope)) and step <= 256 * 6e-6


def test_brother_a_masked_value_of_f_is_refused():
    with pytest.raises(TypeError, match="masked values are not supported"):
        value_of(lambda params: np.ma.array(1.0, mask=True), {})


# ---- by hand -----------------------------------------------------------------------------------------------


def test_arrays_keep_their_precision_when_they_move():
    params = {"a": np.ones(2, np.float32), "b": np.ones(2), "table": np.arange(2)}
    assert [array.dtype for array in moved(params, {}, 1.0).values()] == [np.float32, np.float64, int]
    fresh = moved(params, {"a": (1,), "b": np.array([0.5, -1.0])}, 2j)
    assert [array.dtype for array in fresh.values()] == [np.complex64, np.complex128, int]
    assert fresh["a"].tolist() == [1, 1 + 2j] and fresh["b"].tolist() == [1 + 1j, 1 - 2j]
    assert fresh["table"] is params["table"] and params["b"].tolist() == [1, 1]


@pytest.mark.parametrize("value", [1.5, 2, np.uint8(3), np.float32(0.5), np.array(4.0)])
def test_a_value_is_one_real_number(value):
    assert value_of(lambda q: value, {}) == value


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        (np.ones(2), r"float64 of shape \(2,\)"),
        (1j, r"complex128 of shape \(\)"),
        (True, r"bool of shape \(\)"),
        ((1.0, np.ones(2)), "a tuple"),
        ([1.0], "a list"),
        (np.ones((1, 1), complex), r"complex128 of shape \(1, 1\)"),
    ],
)
def test_what_is_no_value(value, shown):
    with pytest.raises(ValueError, match=f"^f must return one real number, not {shown}$"):
        value_of(lambda q: value, {})


def test_a_complex_value():
    assert value_of(lambda q: 2 + 1j, {}, complex) == 2 + 1j
    with pytest.raises(ValueError, match=r"^f must return one real number, not complex128 of shape \(1,\)$"):
        value_of(lambda q: np.ones(1, complex), {}, complex)
    with pytest.raises(TypeError, match="^it returned float64$"):
        value_of(lambda q: 2.0, {}, complex)


def test_a_value_may_be_infinite_and_other_warnings_stay_warnings():
    assert value_of(lambda q: np.log(q["a"]), {"a": np.array(0.0)}) == -np.inf
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        assert value_of(lambda q: warnings.warn("later", stacklevel=1) or 1.0, {}) == 1.0


@pytest.mark.parametrize(
    ("distance", "found"), [(0.0, 3.0), (0.25, 1.5), (0.375, 0.75), (0.5, 1.5), (0.75, 0.75), (1.0, 0.0), (2.0, 0.0)]
)
@pytest.mark.parametrize("side", [1, -1])
def test_the_bend_of_a_kink(distance, found, side):
    """With D = 3 max(0, 1 - distance / s): the larger of |D(1) - 2 D(1/2)| and |D(1/2) - 2 D(1/4)|."""
    assert bend(lambda s: 3 * max(side * s - distance, 0.0), 1.0) == found
    assert bend(lambda s: 5 * s + 3 * max(side * s - 2 * distance, 0.0), 2.0) == found


@pytest.mark.parametrize(("here", "slope"), [(8.0, 0.0), (-8.0, 0.0), (0.0, 7.5), (0.0, -8.5)])
@pytest.mark.parametrize(("noise", "found"), [(0.25, 0.0), (0.24, 1.0), (0.0, 1.0)])
def test_a_jump_is_larger_than_rounding(here, slope, noise, found):
    """The values or the slopes are of size 8, and 0.25 * 8 / 2 is the jump."""
    asked = []

    def line(s):
        asked.append(s)
        return here + slope * s + max(s, 0.0)

    assert jump(line, 2.0, noise) == found
    closest = max(16 * noise * 8 / 2, 2 / 4096)
    assert {abs(s) for s in asked} == {0.0, 2.0, 1.0, *((32.0, 16.0, closest, closest / 2) if found else ())}


@pytest.mark.parametrize(("rounding", "found"), [(0.0, False), (0.001, False), (0.01, False), (0.02, True)])
def test_a_kink_beside_the_point_is_gone_close_to_it(rounding, found):
    """At distance c the corner is 1 - 3 c / s: .925 at 2, .995 at 32, more than half of it only from .28 on."""
    line, asked = (lambda s: asked.append(s) or 1 + max(s - 0.05, 0.0)), []
    assert jump(line, 2.0, 2 * rounding) == (pytest.approx(0.9953125) if found else 0.0)
    near = 1 - 3 * 0.05 / 2
    assert min(abs(s) for s in asked if s) == pytest.approx(max(8 * rounding / near, 1 / 4096))


@pytest.mark.parametrize(("inside", "found"), [(0.4, 0.0), (0.5, 0.0), (0.6, 1.0)])
def test_half_of_the_corner_must_be_left_close_to_the_point(inside, found):
    assert jump(lambda s: abs(s) / 2 * (1 if abs(s) > 0.5 else inside), 2.0, 0.0) == found


@pytest.mark.parametrize(("far", "found"), [(4.0, 4.0), (4.5, 4.5), (5.0, 0.0), (3.5, 3.5), (3.0, 0.0)])
def test_a_jump_is_the_same_at_two_scales(far, found):
    assert jump(lambda s: abs(s) * (4.0 if abs(s) < 4 else far) / 2, 2.0, 0.0) == found


@pytest.mark.parametrize("width", [1e-3, 1e-6, 1e-8, 1e-10])
def test_a_long_step_does_not_jump_over_a_peak(width):
    """Outside of the peak the slopes are tiny and agree."""
    line = on_a_line(lambda a: np.arctan((a - 0.5) / width + 1) + 0 * a)
    found, step, off = sharpest(line, 6e-6, 1e-14, 1.0)
    assert off == np.inf or abs(found - 0.5 / width) < max(10 * off, 1e-6 / width)


def test_where_every_step_is_too_long_there_is_none():
    """With 1 at the point and 0 elsewhere the sides differ by 2 / h. That may be noise where noise is as large."""
    found, step, off = sharpest(lambda s: float(s == 0), 1.0, 0.0, 1.0)
    assert np.isnan(found) and (step, off) == (1.0, np.inf)
    assert sharpest(lambda s: float(s == 0), 1.0, 0.25, 1.0) == (0.0, 0.25, 1.0)
    assert np.isnan(sharpest(lambda s: float(s == 0), 1.0, 0.24, 1.0)[0])
    assert sharpest(lambda s: abs(s) ** 0.5, 1.0, 0.0, 1.0) == (0.0, 0.25, 0.0)  # twice as much is a kink


def test_the_steps_that_are_tried():
    asked = set()
    assert sharpest(lambda s: asked.add(abs(s)) or 2 * s, 1.0, 0.5, 1e9) == (2.0, 64.0, 0.5 / 64)
    assert asked == {0.0, *(4.0**power for power in range(-10, 5))}
    assert sharpest(lambda s: 2 * s if abs(s) < 1 else math.nan, 1.0, 0.5, 256.0) == (2.0, 1 / 16, 8.0)
    asked.clear()
    for most, largest in ((1.0, 0), (0.99, -1), (0.25, -1), (2.0**-12, -6), (0.0, -6)):
        asked.clear()
        sharpest(lambda s: asked.add(abs(s)) or 2 * s, 1.0, 0.5, most)
        assert asked == {0.0, *(4.0**power for power in range(-10, largest + 1))}
    assert sharpest(lambda s: s**3 + s, 1.0, 0.0, 256.0) == (1.0, 4.0**-10, 15 * 16.0**-10)
