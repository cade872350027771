"""What a notebook goes on with: the answer, or the solution."""

import numpy as np
from afm_numpy.exercises.exercise import Exercise, find
from afm_numpy.exercises.steps import Steps

from afm_numpy.exercises import check, exercise


def test_the_notebook_goes_on_with_the_answer_when_it_is_right_and_else_with_the_solution(capsys):
    right, wrong = (lambda V, p: -V * np.sqrt(p)), lambda V, p: V * p
    assert check("03.4", right) is right
    assert capsys.readouterr().out == "Right, for 2 inputs.\n"
    solution = check("03.4", wrong)
    told = capsys.readouterr().out
    assert solution is find("03.4").right and told.startswith("Not yet: V_fm: ")
    assert told.endswith("both sides of a product take it\nThe notebook goes on with the solution.\n")
    assert check("03.4", ...) is solution
    assert capsys.readouterr().out == "Not written yet: the notebook goes on with the solution.\n"
    assert check("03.4", lambda V, p: ... * V) is solution
    assert capsys.readouterr().out == "Not written yet: the notebook goes on with the solution.\n"
    assert check("03.4", solution) is solution
    assert capsys.readouterr().out.startswith("This is the solution")


def test_a_value_is_handed_back_when_it_is_right(capsys):
    mine = np.array([0.25, 0.5, 0, 0.25])
    assert check("04.4", mine) is mine
    assert check("04.4", [1, 2, 0, 1]) == find("04.4").right
    assert check("04.4", ...) == find("04.4").right
    assert "not divided by the sum" in capsys.readouterr().out


def test_results_may_be_given_with_what_they_were_calculated_from(capsys, monkeypatch):
    steps = Steps("x", a=lambda x: x + 1, b=lambda a: a**2)
    monkeypatch.setattr(exercise, "find", lambda number: Exercise(steps, [(np.arange(3.0),)]))
    x = np.array([5.0, 6.0])
    right = steps(x)
    assert check("any", right, x) is right and capsys.readouterr().out.startswith("Right.\n  ✓ a: right")
    assert check("any", {"a": 2 * x}, x).keys() == right.keys()
    assert capsys.readouterr().out.startswith("Not yet: a: 2 of 2 entries are wrong")
    assert check("any", ..., x).keys() == right.keys()
    assert capsys.readouterr().out == "Not written yet: the notebook goes on with the solution.\n"
