import doctest

import pytest
from afm_numpy.exercises.steps import Steps, changed

from afm_numpy.exercises import steps

TWO = Steps("x y", "total half", total=lambda x, y: x + y, half=lambda total: total / 2)


def test_examples():
    assert doctest.testmod(steps).failed == 0 < doctest.testmod(steps).attempted


def test_lines_find_what_they_need_by_name():
    assert TWO(3.0, 5.0) == (8.0, 4.0)
    assert TWO.known((3.0, 5.0), {}) == {"x": 3.0, "y": 5.0, "total": 8.0, "half": 4.0}
    assert Steps("x", double=lambda x: 2 * x)(3.0) == {"double": 6.0}
    assert Steps("x", "double", double=lambda x: 2 * x)(3.0) == 6.0


def test_what_follows_from_a_changed_line_changes_too():
    assert changed(TWO, total=lambda x, y: x * y)(3.0, 5.0) == (15.0, 7.5)
    assert changed(TWO, half=lambda total: total)(3.0, 5.0) == (8.0, 8.0)
    assert changed(TWO, y=lambda x, y: x - y)(3.0, 5.0) == (1.0, 0.5)
    assert TWO(3.0, 5.0) == (8.0, 4.0)


def test_the_arguments_of_any_function_can_be_changed():
    assert changed(lambda x, lr: x - lr, lr=lambda lr: -lr)(3.0, 0.5) == 3.5


def test_a_line_that_does_not_exist_cannot_be_changed():
    with pytest.raises(ValueError, match="no line and no argument is called halve"):
        changed(TWO, halve=lambda total: total)
    with pytest.raises(ValueError):
        TWO(3.0)
