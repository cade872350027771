"""A right answer is right in any form; where it may not do in later cells, `check` says why and gives the solution."""

from importlib import import_module, util
from pathlib import Path

import numpy as np
import pytest
from afm_numpy.exercises.exercise import Exercise, find
from afm_numpy.exercises.judging import judge
from afm_numpy.exercises.steps import Steps

from afm_numpy.exercises import check, forms

spec = util.spec_from_file_location("unusual", Path(__file__).with_name("unusual.py"))
unusual = util.module_from_spec(spec)
spec.loader.exec_module(unusual)
EXERCISES = [number for path in sorted(Path(forms.__file__).parent.glob("notebook_*.py"))
             for number in import_module(f"afm_numpy.exercises.{path.stem}").EXERCISES]
ANSWERS = [pytest.param(*a, id=f"{a[0]}-{getattr(a[1], '__name__', at)}") for at, a in enumerate(unusual.ANSWERS)]
STEPS = Steps("x", "c d", a=lambda x: x + 1, b=lambda a: a**2, c=lambda b: b.sum(), d=lambda x: -x)
EXERCISE = Exercise(STEPS, [(np.arange(3.0),), (np.arange(5.0),)])


@pytest.mark.parametrize(("number", "answer", "better"), ANSWERS)
def test_an_unusual_right_answer_is_right(number, answer, better, capsys):
    goes_on = check(number, answer)
    told = capsys.readouterr().out
    assert told.startswith("Right")
    last = told.rstrip("\n").rpartition("\n")[2]
    if better:
        assert goes_on is find(number).right
        assert last == f"The notebook goes on with the solution, which {better}."
    else:
        assert goes_on is answer and "goes on" not in told


def test_what_a_reader_prints_is_printed_once_for_each_input(capsys):
    def recommend(y_hat):
        print("films:", len(y_hat))
        return find("00.1").right(y_hat)

    assert check("00.1", recommend) is recommend
    assert capsys.readouterr().out == "films: 10\nfilms: 7\nRight, for 2 inputs.\n"


def test_a_line_that_is_not_ours_is_told_but_does_no_harm():
    found = judge(EXERCISE, lambda x: {"a": x, "b": (x + 1) ** 2, "c": ((x + 1) ** 2).sum(), "d": -x})
    assert found.ok and found.text.split("\n") == [
        "Right, for 2 inputs.",
        "  ✓ a: not as in the solution, but what follows is right",
        *[f"  ✓ {name}: right to rounding" for name in "bcd"],
    ]
    halfway = judge(EXERCISE, lambda x: {"a": x, "b": (x + 1) ** 2})
    assert not halfway.ok and halfway.text.startswith("Right so far; still to come: c, d.\n  ✓ a: not as in the")


@pytest.mark.parametrize("number", [number for number in EXERCISES if getattr(find(number).right, "returns", ())])
@pytest.mark.parametrize("held", ["text", [[1.0], [1.0, 2.0]], None, np.zeros((2, 0))])
def test_right_results_are_right_whatever_our_names_hold(number, held, capsys):
    right = find(number).right
    of_ours = dict.fromkeys(right.lines.keys() - {*right.returns}, held)
    found = judge(find(number), lambda *inputs: {**right.known(inputs, {}), **of_ours})
    assert found.ok, found.text
    wrong = check(number, lambda *inputs: {**right.known(inputs, {}), **of_ours, right.returns[0]: held})
    assert wrong is right and capsys.readouterr().out.startswith("Not yet: ")


def test_a_wrong_line_before_a_wrong_result_is_blamed():
    found = judge(EXERCISE, lambda x: {"a": x, "b": x**2, "c": (x**2).sum(), "d": -x})
    assert found.text.startswith("Not yet: a: 3 of 3 entries are wrong")
    unrelated = judge(EXERCISE, lambda x: {"a": x, "d": -x})                 # d does not come from a
    assert unrelated.text.startswith("Not yet: a: ")


def test_a_line_of_another_kind_in_one_input_is_blamed_in_none():
    """The second input has a wrong result, but its line a is what it was where all was right."""
    found = judge(EXERCISE, lambda x: {"a": x, "b": (x + 1) ** 2, "c": ((x + 1) ** 2).sum() + (len(x) > 3), "d": -x})
    assert found.text.startswith("Not yet: c: is wrong")


def test_results_under_other_names_must_all_be_right():
    one = Exercise(Steps("x", "c", c=lambda x: x + 1), [(np.arange(3.0),)])
    assert judge(one, lambda x: {"x": x, "mine": x + 1}).ok
    assert judge(one, lambda x: {"x": x, "mine": x + 2}).text == "Not yet: no result is called c."
    assert judge(one, lambda x: {"x": x + 1}).ok                             # an argument's name used again
    same = Exercise(Steps("x", "c", c=lambda x: +x), one.inputs)
    assert judge(same, lambda x: {"x": x, "mine": 2 * x}).text == "Not yet: no result is called c."
    assert not judge(EXERCISE, lambda x: {"first": ((x + 1) ** 2).sum(), "second": x}).ok


def test_results_by_name_are_as_exact_as_results_without():
    def one_sided(f, theta, eps):
        steps = eps * np.eye(theta.size).reshape(-1, *theta.shape)
        return np.array([(f(theta + step) - f(theta)) / eps for step in steps]).reshape(theta.shape)

    assert not judge(find("01.7"), one_sided).ok
    assert not judge(find("01.7"), lambda *inputs: {"slope": one_sided(*inputs)}).ok


def changes_acc(theta, g, acc, lr, eps):
    acc += g**2
    return theta - lr * g / (np.sqrt(acc) + eps), acc


@pytest.mark.parametrize(("number", "answer", "words"), [
    ("02.7", changes_acc, "it changes its arguments; work on copies"),
    ("00.2", "6", "y_fm: is not a number but str"),
    ("09.4", "line 5", "wrong_line: is not a number but str"),
    ("05.10", lambda rng, n, size: rng.permutation(n), "it gives something else than is asked for"),
    ("05.10", lambda rng, n, size: 7, "it gives something else than is asked for"),
    ("05.10", lambda rng, n, size: {"batches": rng}, "it gives something else than is asked for"),
    ("08.3", lambda dR, at, U: [[[1.0], [1.0, 2.0]], [[1.0]]], "dE: "),
    ("08.3", lambda dR, at, U: [10**400], "dE: is not an array of numbers but list"),
    ("04.3", lambda M, W, b, h: {"Q": M}, "no result is called Z or R or s"),
    ("03.2", lambda M, p: (M @ p, M.sum(axis=1), M.sum()), "give the results by their names"),
])  # fmt: skip
def test_a_wrong_form_is_described_without_a_crash(number, answer, words, capsys):
    assert check(number, answer) is find(number).right
    told = capsys.readouterr().out
    assert told.startswith("Not yet: ") and words in told and told.endswith("goes on with the solution.\n")


def test_a_line_that_raises_is_one_of_the_reader():
    told = judge(find("05.2"), lambda f, theta, d: f(theta + d)).text
    assert "lambda f, theta, d: f(theta + d)" in told and "raise TypeError" not in told


def test_a_line_is_free_only_if_all_that_needs_it_is_right():
    """In exercise 04.10 a softmax without its mask spoils `a` and the loss, but leaves some gradients right."""
    steps = Steps("x", "c d", a=lambda x: x + 1, b=lambda a: a**2, c=lambda b: b.sum(), d=lambda a, x: 0 * a * x)
    found = judge(Exercise(steps, [(np.arange(3.0),)]), lambda x: {"a": x, "b": x**2, "c": (x**2).sum(), "d": 0 * x})
    assert found.text.startswith("Not yet: a: ")


@pytest.mark.parametrize(("at", "by"), [(1500, 1.0), (3, 1e-11)], ids=["in the middle of many", "in the twelfth digit"])
@pytest.mark.parametrize("keeps", [True, False])
def test_a_change_of_an_argument_is_seen_wherever_it_is(at, by, keeps):
    def total(x):
        result = x.sum()
        x[at] += by
        return result

    exercise = Exercise(lambda x: x.sum(), [(np.arange(3000.0),)], keeps=keeps)
    if keeps:
        assert judge(exercise, total).text == "Not yet: it changes its arguments; work on copies."
    else:
        assert judge(exercise, total).ok
        assert forms.better(exercise, total) == "leaves its arguments as they are"
