"""What is said of an answer: it is right, or where it is wrong, and only hints that are true of every input."""

import math
from dataclasses import replace

import numpy as np
import pytest
from afm_numpy.exercises.exercise import Exercise, find
from afm_numpy.exercises.judging import judge
from afm_numpy.exercises.steps import Steps, changed

TWO = Exercise(lambda a: (a + 1, 2 * a), [(np.array([1.0, 2.0]),), (np.array([3.0]),)], ("sum", "double"))
ONE = Exercise(lambda a: a + 1, [(np.array([1.0, 2.0]),)], ("sum",))
LISTS = Exercise(sorted, [([3.0, 1.0, 2.0],)], ("sorted",))
NAN = Exercise(lambda a, b: [len(a), len(b)], [([1.0, np.nan], np.array([np.nan]))], ("sizes",))


def test_a_mistake_whose_numbers_another_input_contradicts_is_not_named():
    """For the first input the answer looks like a named mistake, for the second it does not."""
    inputs = [(np.array([1.0, 2.0]),), (np.array([3.0, 5.0]),)]
    exercise = Exercise(lambda s: s, inputs, ("s",), {"squared": lambda s: s**2})
    assert judge(exercise, lambda s: s**2).text.endswith("likely: squared")
    assert "squared" not in judge(exercise, lambda s: s**2 if s[0] == 1 else s**3).text


def test_of_two_mistakes_the_one_that_fits_all_results_is_named():
    both = {"one": lambda s: (2 * s, s), "two": lambda s: (2 * s, 3 * s)}
    exercise = Exercise(lambda s: (s, s), [(np.array([1.0, 2.0]),)], ("a", "b"), both)
    assert judge(exercise, both["one"]).text.endswith("likely: one")
    assert judge(exercise, both["two"]).text.endswith("likely: two")


def test_what_is_right_contradicts_a_mistake_that_would_make_it_wrong():
    line = Steps("s", "a b c", a=lambda s: s, b=lambda a: 2 * a, c=lambda a: 3 * a)
    exercise = Exercise(line, [(np.array([1.0, 2.0]),)], mistakes={"zero from the start": {"a": lambda s: 0 * s}})
    assert judge(exercise, lambda s: (0 * s, 0 * s, 0 * s)).text.endswith("likely: zero from the start")
    assert judge(exercise, lambda s: (s, 0 * s, 3 * s)).text.endswith("likely: all zero")
    assert judge(exercise, lambda s: (0 * s, 0 * s, 3 * s)).text.endswith("likely: all zero")


def test_what_is_calculated_first_is_blamed_first():
    exercise = Exercise(lambda s: (2 * s, s), [(np.array([1.0, 2.0]),)], ("last", "first"), order=("first", "last"))
    assert judge(exercise, lambda s: (5 * s + 1, s + 1)).text.startswith("Not yet: first: ")
    assert judge(exercise, lambda s: (5 * s + 1, s)).text.startswith("Not yet: last: ")


def test_an_exception_keeps_the_line_of_the_readers_code():
    def answer(s):
        total = s.sum()
        return total / s["no such key"]

    assert 'in line ' in judge(ONE, answer).text and '`return total / s["no such key"]`' in judge(ONE, answer).text


@pytest.mark.parametrize(("answer", "words"), [
    (lambda a: a[:, None] + np.ones((5, 4, 3)), "NumPy compares shapes from their ends"),
    (lambda a: max(a, 0), "np.maximum"),
    (lambda a: a @ np.ones(7), "A @ B sums over the last axis of A"),
])  # fmt: skip
def test_an_error_that_beginners_meet_comes_with_what_to_know(answer, words):
    text = judge(ONE, answer).text
    assert words in text and "likely" not in text


def test_the_failing_case_can_be_shown():
    text = judge(ONE, lambda a: a, show=True).text
    assert text.endswith("\ninput 1: array([1., 2.])\nyour sum: array([1., 2.])\nright: array([2., 3.])")
    assert "right: " not in judge(ONE, lambda a: a).text
    assert judge(find("03.7"), lambda dE, V, idx, x: dE.sum(axis=2), show=True).text.count("input ") == 4


def sorts_its_argument(a):
    a.sort()
    return a


def changes_its_argument(a):
    a += 1
    return a


@pytest.mark.parametrize(("exercise", "answer", "words"), [
    (ONE, ..., "Not written yet"),
    (ONE, lambda a: ..., "Not written yet"),
    (TWO, lambda a: (a + 1, ...), "Not written yet"),
    (ONE, lambda a: None, "a result is None; is a return missing"),
    (TWO, lambda a: (a + 1, np.add.at(a.copy(), 0, 1.0)), "a result is None"),
    (TWO, lambda a: (None, ...), "Not written yet"),
    (Exercise(4.0), None, "a result is None"),
    (ONE, 3.0, "give the function itself, not float"),
    (ONE, lambda a: a / {}, "it raised TypeError"),
    (replace(ONE, keeps=True), changes_its_argument, "it changes its arguments"),
    (replace(LISTS, keeps=True), sorts_its_argument, "it changes its arguments"),
    (TWO, changes_its_argument, "it should give 2 results"),
    (ONE, lambda a: changes_its_argument(a) + 1, "it changes its arguments"),
    (TWO, lambda a: a + 1, "2 results (sum, double), not 1"),
    (TWO, lambda a: (a + 1, a), "double: 2 of 2 entries are wrong"),
    (TWO, lambda a: (a + 1, 4 * a), "double: 2 of 2 entries are wrong, the first at (0,); likely: twice too large"),
    (Exercise(4.0), 5.0, "the answer: is wrong"),
])  # fmt: skip
def test_wrong_answers_are_described_without_a_crash(exercise, answer, words):
    found = judge(exercise, answer)
    assert not found.ok and words in found.text


@pytest.mark.parametrize(("exercise", "answer", "words"), [
    (ONE, lambda a: a + 1, "Right."),
    (TWO, lambda a: [a + 1, 2 * a], "Right, for 2 inputs."),
    (Exercise(4.0), 4.0, "Right."),
    (LISTS, sorted, "Right."),
    (NAN, NAN.right, "Right."),
])  # fmt: skip
def test_right_answers(exercise, answer, words):
    found = judge(exercise, answer)
    assert found.ok and found.text == words


def exp_without_maximum(s):
    with np.errstate(all="ignore"):
        e = np.exp(s)
        return e / e.sum()


def test_a_mistake_that_overflows_for_one_input_is_named_by_another():
    """The answer's numbers overflow at the first input in another way than those of the registered mistake."""
    inputs = [(np.array([0.0, 900.0]),), (np.array([1.0, 2.0]),)]
    doubled = {"twice too much": lambda s: 2 * s}
    found = judge(Exercise(lambda s: s, inputs, ("s",), doubled), lambda s: np.where(s > 800, np.inf, 2 * s))
    assert found.text == "Not yet: s: 1 of 2 entries are not finite, the first at (1,); likely: twice too much"
    found = judge(Exercise(lambda s: s, inputs, ("s",), {"exp": exp_without_maximum}), exp_without_maximum)
    assert found.text == "Not yet: s: 1 of 2 entries are not finite, the first at (1,); likely: exp"


def test_a_hint_of_another_input_is_given_only_if_it_names_a_mistake():
    """What the numbers of one input look like need not be true of the other."""
    exercise = Exercise(lambda s: s, [(np.array([1.0, 2.0, 4.0]),), (np.array([900.0, 5.0, 7.0]),)], ("s",))
    found = judge(exercise, lambda s: s**2 + 1 if s[0] < 2 else np.minimum(s, 800))
    assert found.text == "Not yet: s: 3 of 3 entries are wrong, the first at (0,)"


def test_a_hint_that_another_input_contradicts_is_not_given():
    """Divided by 2 instead of the number of entries: a factor 1.5 for three of them, and 2 for four."""
    exercise = Exercise(lambda s: s / len(s), [(np.arange(3.0),), (np.arange(4.0),)], ("s",))
    assert judge(exercise, lambda s: s / 2).text == "Not yet: s: 2 of 3 entries are wrong, the first at (1,)"
    assert judge(exercise, lambda s: s * 2 / len(s)).text.endswith("likely: twice too large")


def test_a_name_comes_before_what_the_numbers_look_like():
    inputs = [(np.array([2.0, 2.0]),), (np.array([1.0, 3.0]),)]
    exercise = Exercise(lambda s: s, inputs, ("s",), {"squared": lambda s: np.where(s == 2, np.nan, s**2)})
    assert judge(exercise, lambda s: s**2).text.endswith("likely: squared")


def test_an_error_that_a_mistake_raises_as_well_is_named():
    mistakes = {"square": lambda z: z * z, "log": math.log, "exp": math.exp}
    exercise = Exercise(lambda z: 0.0, [(0.0,), (1000.0,)], ("z",), mistakes)
    text = judge(exercise, lambda z: 0 * math.exp(z)).text
    assert text.startswith("Not yet: it raised OverflowError: math range error in line ")
    assert "math.exp(z)" in text and text.endswith("`; likely: exp")
    assert judge(exercise, lambda z: 0 * math.log(z)).text.endswith("; likely: log")
    assert judge(exercise, lambda z: 1 / z).text.endswith("`")                     # no hint behind the line of code


@pytest.mark.parametrize(("exercise", "answer"), [
    (Exercise(6.0), 7.0),
    (Exercise(6.0), -6.0),
    (Exercise(lambda: 6.0), lambda: 3.0),
    (Exercise((6.0, 1.0), names=("a", "b")), (6.0, 2.0)),
])  # fmt: skip
def test_one_number_has_no_hint_that_gives_it_away(exercise, answer):
    assert judge(exercise, answer).text.endswith(": is wrong")


def test_a_registered_mistake_may_overflow():
    exercise = Exercise(lambda s: s, [(np.array([0.0, 900.0]),)], ("s",), {"exp": np.exp})
    assert judge(exercise, lambda s: 2 * s).text.startswith("Not yet: s: 1 of 2")


def test_a_mistake_with_a_name_is_told_whatever_the_answer_holds():
    truth = Exercise([True, True], mistakes={"inverted": [False, False], "too strict": [False, True]})
    assert judge(truth, [False, True]).text.endswith("likely: too strict")
    rows = Exercise([[0.0, 0.0], [1.0, 2.0]], mistakes={"nothing": [[0.0], [0.0]], "row lost": [[], [1.0, 2.0]]})
    assert judge(rows, [[], [1.0, 2.0]]).text.endswith("rows of different lengths: 0, 2; likely: row lost")
    assert "likely" not in judge(rows, [[0.0], [1.0, 2.0]]).text
    two = Exercise(lambda s: s, [(np.ones(3),)], mistakes={"twice": lambda s: np.repeat(s, 2)})
    assert judge(two, lambda s: np.repeat(s, 2)).text.endswith("likely: twice")


def test_a_mistake_names_the_arguments_that_it_needs():
    exercise = Exercise(lambda a, b: a + b, [(np.arange(3.0), np.ones(3))], mistakes={"b alone": lambda b: 1 * b})
    assert judge(exercise, lambda first, second: second).text.endswith("likely: b alone")


# ---- step by step ----------------------------------------------------------------------------------------

STEPS = Steps("x", a=lambda x: x + 1, b=lambda a: a**2, c=lambda b: b.sum(), d=lambda a: -a)
STAIRS = Exercise(STEPS, [(np.arange(3.0),), (np.ones(2),)], mistakes={"a cube": changed(STEPS, b=lambda a: a**3)})


def test_every_step_is_judged():
    def answer(x):
        a = x + 1
        mine, b = 7, a * a
        c, d = float(b.sum()), -a
        return locals()

    found = judge(STAIRS, answer)
    lines = [f"  ✓ {name}: right to rounding" for name in "abcd"]
    assert found.ok and found.text.split("\n") == ["Right, for 2 inputs.", *lines]


def test_the_first_wrong_step_is_blamed_and_no_other():
    found = judge(STAIRS, lambda x: {"a": x + 1, "b": (x + 1) ** 3, "c": 99.0, "d": -x - 1})
    assert not found.ok and found.text.split("\n") == [
        "Not yet: b: 2 of 3 entries are wrong, the first at (1,); likely: a cube",
        "  ✓ a: right to rounding",
        "  ✗ b: 2 of 3 entries are wrong, the first at (1,): 8, should be 4",
        "  · c: not judged yet",
        "  · d: not judged yet",
    ]


def test_what_is_not_given_yet_is_no_mistake():
    found = judge(STAIRS, lambda x: {"a": x + 1, "b": ..., "c": ...})
    assert not found.ok and found.text.split("\n") == [
        "Right so far; still to come: b, c, d.",
        "  ✓ a: right to rounding",
        *[f"  · {n}: not given yet" for n in "bcd"],
    ]  # fmt: skip
    assert judge(STAIRS, lambda x: {"a": ...}).text == judge(STAIRS, lambda x: {}).text == "Not written yet"
    left_out = judge(STAIRS, lambda x: {"a": x + 1, "d": -x - 1}).text               # no line for what was passed over
    assert left_out == "Right so far; still to come: b, c.\n  ✓ a: right to rounding\n  ✓ d: right to rounding"


def test_a_step_may_be_right_approximately_but_not_roughly():
    near = judge(STAIRS, lambda x: {**STEPS(x), "b": (x + 1) ** 2 + 2e-6})
    assert near.ok and "✓ b: right approximately, to 5e-07" in near.text
    assert not judge(STAIRS, lambda x: {**STEPS(x), "b": (x + 1) ** 2 + 2e-3}).ok


def test_an_error_comes_after_the_steps_that_were_there():
    def answer(x):
        a = x + 1
        b = a / {}
        return locals()

    text = judge(STAIRS, answer).text
    assert text.startswith("Not yet: it raised TypeError") and "`b = a / {}`" in text and "✓ a: right" in text
    assert "by their names" in judge(STAIRS, lambda x: x + 1).text


def test_a_function_with_several_results_may_be_judged_step_by_step_too():
    both = Steps("x", "c d", a=lambda x: x + 1, c=lambda a: 2 * a, d=lambda a: 3 * a)
    exercise = Exercise(both, [(np.arange(3.0),)])
    assert judge(exercise, lambda x: (2 * x + 2, 3 * x + 3)).text == "Right."
    assert judge(exercise, lambda x: {"a": x, "c": 2 * x}).text.startswith("Not yet: a: ")
    assert judge(exercise, lambda x: {"c": 2 * x + 2}).text.startswith("Right so far; still to come: d.")
    both = judge(exercise, lambda x: {"c": 2 * x + 2, "d": 3 * x + 3})
    assert both.ok and both.text.startswith("Right.\n  ✓ c: right to rounding")
