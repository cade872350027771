"""Answers that readers may well give: right ones in an unusual form pass, wrong ones get a true hint, or none."""

from importlib import util
from pathlib import Path

import pytest

from afm_numpy.exercises import find, judge

RIGHT, WRONG = [], []
for path in sorted(Path(__file__).parent.glob("plausible_*.py")):
    spec = util.spec_from_file_location(path.stem, path)
    module = util.module_from_spec(spec)
    spec.loader.exec_module(module)
    RIGHT += [pytest.param(n, a, id=f"{n}-{i}") for n, answers in module.RIGHT.items() for i, a in enumerate(answers)]
    WRONG += [pytest.param(n, *a, id=f"{n}-{i}") for n, answers in module.WRONG.items() for i, a in enumerate(answers)]
    assert all(len(answers) >= 5 for answers in module.WRONG.values()), path.name


@pytest.mark.parametrize(("number", "answer"), RIGHT)
def test_a_right_answer_in_an_unusual_form_is_right(number, answer):
    ok, text = judge(find(number), answer)
    assert ok, text


@pytest.mark.parametrize(("number", "answer", "hint"), WRONG)
def test_a_wrong_answer_has_only_the_hint_that_is_allowed(number, answer, hint):
    ok, text = judge(find(number), answer)
    assert not ok
    assert hint in text if hint else "likely" not in text, text
