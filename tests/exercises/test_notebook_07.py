"""Every likely mistake is named by its label, and the right answer passes."""

import pytest

from afm_numpy.exercises import check
from afm_numpy.exercises.notebook_07 import EXERCISES

MISTAKES = [(number, label) for number, exercise in EXERCISES.items() for label in exercise.mistakes]


@pytest.mark.parametrize("number", EXERCISES)
def test_right(number):
    assert check(number, EXERCISES[number].right).ok


@pytest.mark.parametrize(("number", "label"), MISTAKES)
def test_mistake_is_named(number, label):
    verdict = check(number, EXERCISES[number].mistakes[label])
    assert not verdict.ok and label in verdict.text
