"""Every exercise of every notebook: the right answer passes, and every likely mistake is named by its label."""

import json
import math
import re
from importlib import import_module
from pathlib import Path

import numpy as np
import pytest
from afm_numpy.exercises.exercise import find
from afm_numpy.exercises.judging import judge

from afm_numpy.exercises import exercise as module

EXERCISES = {}
for path in sorted(Path(module.__file__).parent.glob("notebook_*.py")):
    EXERCISES |= import_module(f"afm_numpy.exercises.{path.stem}").EXERCISES
MISTAKES = [(number, label) for number, exercise in EXERCISES.items() for label in exercise.mistakes]


@pytest.mark.parametrize("number", EXERCISES)
def test_right(number):
    assert verdict(number, EXERCISES[number].right).ok


@pytest.mark.parametrize(("number", "label"), MISTAKES)
def test_mistake_is_named(number, label):
    exercise, wrong = EXERCISES[number], EXERCISES[number].mistakes[label]
    found = judge(exercise, (lambda *inputs: exercise.call(wrong, inputs)) if callable(wrong) else wrong)
    assert not found.ok and label in found.text


@pytest.mark.parametrize("number", sorted(EXERCISES.keys() - {"05.6"}))  # the bug of 05.6 needs B = P
def test_no_input_has_two_axes_of_one_length(number):
    """Then a wrong axis cannot pass, and numbers that do not fit together do not do so by chance."""
    values = [value for inputs in EXERCISES[number].inputs for value in inputs]
    arrays = [np.shape(array) for value in values for array in (value.values() if isinstance(value, dict) else [value])
              if isinstance(array, np.ndarray)]
    assert all(len({*shape}) == len(shape) for shape in arrays)


def test_the_notebooks_ask_for_every_exercise_and_for_no_other():
    cells = []
    for path in (Path(__file__).parents[2] / "notebooks").glob("*.ipynb"):
        cells += [c for c in json.loads(path.read_text("utf-8"))["cells"] if "check" in c["metadata"].get("tags", [])]
    asked = [re.search(r'check\("(\d\d\.\d+)"', "".join(cell["source"]))[1] for cell in cells]
    assert sorted(asked) == sorted(EXERCISES)


def verdict(number, answer, show=False):
    return judge(find(number), answer, show)


def of_each_number(right):
    return lambda got, want, tol: [right(g, w, tol) for g, w in zip(got, want, strict=True)]


def as_long_as_needed(dR, at, U):
    dE = np.zeros((at.max() + 1, dR.shape[1]))
    np.add.at(dE, at, dR)
    return dE


@pytest.mark.parametrize(("number", "answer", "words"), [
    ("09.1", of_each_number(lambda g, w, tol: abs(g - w) <= tol * abs(w)), "tol is not relative"),
    ("09.1", of_each_number(lambda g, w, tol: abs(g - w) < tol), "off by exactly tol"),
    ("09.1", of_each_number(lambda g, w, tol: w - tol < g < w + tol), "off by exactly tol"),
    ("09.1", of_each_number(lambda g, w, tol: math.isclose(g, w, rel_tol=0, abs_tol=tol)), "infinity passes"),
    ("09.1", of_each_number(lambda g, w, tol: w - tol <= g <= w + tol), "infinity passes"),
    ("09.1", of_each_number(lambda g, w, tol: abs(g - w) <= tol or g == w), "infinity passes"),
    ("09.1", of_each_number(lambda g, w, tol: math.isclose(g, w, abs_tol=tol)), "relative tolerance"),
    ("08.3", as_long_as_needed, "even the last"),
])  # fmt: skip
def test_what_is_nearly_right_is_wrong(number, answer, words):
    found = verdict(number, answer)
    assert not found.ok and words in found.text


def mistake(number, words):
    """The only mistake of an exercise whose label holds some words."""
    (found,) = [wrong for label, wrong in EXERCISES[number].mistakes.items() if words in label]
    return found


def rotated(V, p):
    turn, _ = np.linalg.qr(np.random.default_rng(0).standard_normal((V.shape[1],) * 2))
    return (V * np.sqrt(p)) @ turn


@pytest.mark.parametrize(("number", "answer"), [
    pytest.param("03.4", lambda V, p: -V * np.sqrt(p), id="03.4-negative"),
    pytest.param("03.4", lambda V, p: V * np.sqrt(p) * np.r_[-1, np.ones(len(p) - 1)], id="03.4-a-column-negated"),
    pytest.param("03.4", rotated, id="03.4-rotated"),
    pytest.param("03.4", lambda V, p: (V * np.sqrt(p))[:, ::-1], id="03.4-permuted"),
    pytest.param("07.1", 1.803, id="07.1-rounded"),
    pytest.param("08.1", np.array([12, 6]), id="08.1-an-array-for-two-numbers"),
    pytest.param("05.2", lambda f, theta, d: (f(theta + 1e-20j * d) - f(theta)) / 1e-20j, id="05.2-complex"),
    pytest.param("05.1", lambda u, f, t: (3 * u * f / t) ** (1 / 3), id="05.1-power"),
])  # fmt: skip
def test_a_right_answer_in_an_unusual_form_is_right(number, answer):
    assert verdict(number, answer).ok


@pytest.mark.parametrize(("number", "answer", "words"), [
    pytest.param("04.4", [0, 0, 1, 0], "leave it out", id="04.4-absent-pair-scored-0"),
    pytest.param("06.2", lambda a, mask: a.sum(0) / np.maximum(mask.sum(0), 1), "behind the mask", id="06.2-mask"),
    pytest.param("03.5", lambda dT, E: EXERCISES["03.5"].right(dT, E).swapaxes(0, 1), "axes", id="03.5-stacked"),
    pytest.param("09.5", mistake("09.5", "factor 2"), "belongs to the squared loss", id="09.5-factor-2"),
    pytest.param("07.2", lambda a, b: EXERCISES["07.2"].right(abs(a - b), 0 * a), "absolute values", id="07.2-abs"),
    pytest.param("04.7", mistake("04.7", "M is missing"), "M is missing in da", id="04.7-M-forgotten"),
    pytest.param("04.8", mistake("04.8", "slope of ReLU at 0"), "take Z > 0", id="04.8-gate-at-0"),
    pytest.param("04.10", mistake("04.10", "one side"), "one side of the product", id="04.10-one-side"),
    pytest.param("04.10", mistake("04.10", "dE[:, i]"), "np.add.at adds them all", id="04.10-dE"),
    pytest.param("04.10", mistake("04.10", "in dw"), "not summed over repeated ids in dw", id="04.10-dw"),
    pytest.param("04.10", mistake("04.10", "lambda/2"), "not lambda/2", id="04.10-half-lambda"),
])  # fmt: skip
def test_a_likely_mistake_has_a_hint_that_is_true(number, answer, words):
    found = verdict(number, answer)
    assert not found.ok and words in found.text


def test_a_total_without_room_for_the_last_pair_is_wrong():
    def cut(s_q, t_q, pair_at, *rest):
        y, ds_q, dt_q = EXERCISES["08.4"].right(s_q, t_q, pair_at, *rest)
        return y, ds_q[: pair_at.max() + 1], dt_q[: pair_at.max() + 1]

    assert verdict("08.4", cut).text == "Not yet: ds_q: has the wrong length: 6, should be 7; likely: zeros are missing"


def test_a_slope_by_real_steps_is_told_from_a_complex_step():
    def central(f, theta, d, eps=1e-6):
        return (f(theta + eps * d) - f(theta - eps * d)) / (2 * eps)

    text = verdict("05.2", central).text
    assert "it raised TypeError: f got real numbers; the complex step gives it complex ones" in text
    text = verdict("05.2", lambda f, theta, d: (f(theta + 1e-7 * d) - f(theta)) / 1e-7).text
    assert "it raised TypeError: f got real numbers" in text
    assert verdict("05.2", lambda f, theta, d: (f(theta + 1e-20j * d) - f(theta)).imag / 1e-20).ok


def test_unknown_exercise():
    with pytest.raises(ValueError, match="there is no exercise '04.99'"):
        verdict("04.99", ...)
