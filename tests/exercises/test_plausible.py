"""Answers that readers may well give: right ones in an unusual form pass, wrong ones get a true hint, or none."""

from importlib import util
from pathlib import Path

import pytest
from afm_numpy.exercises.exercise import find
from afm_numpy.exercises.judging import judge

RIGHT, WRONG = [], []
for path in sorted(Path(__file__).parent.glob("plausible_*.py")):
    spec = util.spec_from_file_location(path.stem, path)
    module = util.module_from_spec(spec)
    spec.loader.exec_module(module)
    for number, answers in module.RIGHT.items():
        RIGHT += [pytest.param(number, a, id=f"{path.stem}-{number}-{i}") for i, a in enumerate(answers)]
    for number, answers in module.WRONG.items():
        WRONG += [pytest.param(number, *a, id=f"{path.stem}-{number}-{i}") for i, a in enumerate(answers)]


def test_every_exercise_has_wrong_answers_of_several_kinds():
    numbers = [param.values[0] for param in WRONG]
    assert min(numbers.count(number) for number in {*numbers}) >= 5


@pytest.mark.parametrize(("number", "answer"), RIGHT)
def test_a_right_answer_in_an_unusual_form_is_right(number, answer):
    ok, text = judge(find(number), answer)
    assert ok, text


@pytest.mark.parametrize(("number", "answer", "hint"), WRONG)
def test_a_wrong_answer_has_only_the_hint_that_is_allowed(number, answer, hint):
    ok, text = judge(find(number), answer)
    assert not ok
    assert hint in text if hint else "likely" not in text, text
