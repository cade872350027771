"""Slopes: lines, lost imaginary parts, bends and jumps, and the best step."""

import numpy as np
import pytest

from afm_numpy.gradcheck import check, v_curve
from afm_numpy.gradcheck.slopes import along, bend, jump, sharpest, value_of


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
    report = check(f, params, grads)
    assert statuses(report) == {"a": "error", "z": "ok"}
    assert "does f lose the imaginary part of a " in report["a"].note
    assert check(f, params, grads, method="central").ok


def test_the_message_names_all_that_moved_and_what_came_back():
    with pytest.raises(TypeError, match="^f loses the imaginary part of a/z: it returned float64; mend f"):
        v_curve(
            lambda q: (q["a"] + q["z"]).real, {"a": 1.0, "z": 1.0}, {"a": 1.0, "z": 1.0}, np.random.default_rng(0),
            curves=["complex float64"],
        )  # fmt: skip


def test_a_step_that_is_too_large_is_named():
    entry = check(lambda q: np.exp(q["a"]).sum(), {"a": np.ones(2)}, {"a": np.exp(np.ones(2))}, eps=1e-2)["a"]
    assert entry.status == "error" and "is eps too large?" in entry.note


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
    found, step, off = sharpest(line, 6e-6, 32 * 2.2e-16 * abs(line(0.0)))
    usual = (line(6e-6) - line(-6e-6)) / 1.2e-5
    assert abs(found - slope) < min(close * abs(slope), 10 * off, abs(usual - slope)) and step <= 256 * 6e-6


def test_brother_a_masked_value_of_f_is_refused():
    with pytest.raises(TypeError, match="masked values are not supported"):
        value_of(lambda params: np.ma.array(1.0, mask=True), {})
