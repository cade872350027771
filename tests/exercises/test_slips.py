"""Slips are named from the solution alone, and only those that are true of every input."""

import numpy as np
from afm_numpy.exercises.exercise import Exercise
from afm_numpy.exercises.judging import judge
from afm_numpy.exercises.slips import HANDED_OUT
from afm_numpy.exercises.steps import Steps

RNG = np.random.default_rng(9)
LINES = Steps(
    "u v mask", "total",
    product=lambda u, v: u[:, None] * v,
    total=lambda product, mask: np.where(mask, product, 0).sum(axis=1),
)  # fmt: skip
INPUTS = [(RNG.standard_normal(B), RNG.standard_normal((B, P)), RNG.random((B, P)) < 0.6) for B, P in ((3, 5), (4, 2))]
EXERCISE = Exercise(LINES, INPUTS)


def likely(answer, exercise=EXERCISE):
    found = judge(exercise, answer)
    assert not found.ok
    return found.text.partition("likely: ")[2]


def test_a_slip_of_any_line_is_named():
    assert likely(lambda u, v, mask: np.where(mask, v, 0).sum(axis=1)) == "u is missing in product, as if it were 1"
    assert likely(lambda u, v, mask: LINES(u, v, mask | True)) == "mask is not used in total"
    assert likely(lambda u, v, mask: LINES(u**2, v, mask)) == "u counts twice as a factor in product"
    assert likely(lambda u, v, mask: LINES(u, np.abs(v), mask)) == "the absolute value of v is taken in product"
    assert likely(lambda u, v, mask: LINES(u, v, mask) / len(u)) == (
        "a mean in the place of a sum in total: divided by the length of axis 0 of u")
    assert likely(lambda u, v, mask: LINES(u, v, mask) + u) == "u is added in total, which is too much"


def test_a_slip_that_another_input_contradicts_is_not_named():
    assert likely(lambda u, v, mask: LINES(u**2, v, mask) if len(u) == 3 else LINES(u**3, v, mask)) == ""


def test_a_listed_mistake_comes_before_a_slip():
    listed = Exercise(LINES, INPUTS, mistakes={"all pairs": {"mask": lambda mask: mask | True}})
    assert likely(lambda u, v, mask: LINES(u, v, mask | True), listed) == "all pairs"


def test_where_a_bug_is_hunted_no_slip_tells_it():
    hunt = Exercise(LINES, INPUTS, mistakes={HANDED_OUT: {"mask": lambda mask: ~mask}})
    assert likely(lambda u, v, mask: LINES(u, v, ~mask), hunt) == HANDED_OUT
    assert likely(lambda u, v, mask: LINES(u**2, v, mask), hunt) == ""


def test_results_in_another_order_are_told():
    both = Exercise(lambda u: (u + 1, 2 * u), [(RNG.standard_normal(3),)], ("a", "b"))
    steps = Exercise(Steps("u", "a b", a=lambda u: u + 1, b=lambda u: 2 * u), both.inputs)
    assert likely(lambda u: (2 * u, u + 1), steps) == "the results stand in another order: a, b is right"
    assert likely(lambda u: (2 * u, u + 1), both) == ""                      # no lines, no names
    assert likely((2.0, 1.0), Exercise((1.0, 2.0), names=("a", "b"))).startswith("the results stand in another order")


def test_one_line_of_a_staircase_is_looked_at_alone():
    stairs = Exercise(Steps("u", a=lambda u: 3 * u, b=lambda a, u: a + u), [(RNG.standard_normal(3),)])
    assert likely(lambda u: {"a": 3 * u, "b": 3 * u}, stairs).startswith("u is missing in b, as if it were 0")
