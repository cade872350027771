import doctest

import numpy as np
import pytest
from afm_numpy.exercises.answer import check_answer

from afm_numpy.exercises import answer

RNG = np.random.default_rng(4)
W = RNG.normal(size=(3, 5)) + 2.0
X = RNG.normal(size=(4, 3, 5))


def test_examples():
    assert doctest.testmod(answer).failed == 0 < doctest.testmod(answer).attempted


@pytest.mark.parametrize(
    "got, want, says",
    [
        (W.T, W, "transposed"),
        (X.swapaxes(0, 1), X, "the axes stand in another order"),
        (2 * W, W, "twice too large"),
        (W / 2, W, "half of what it should be"),
        (-W, W, "the sign is wrong"),
        (W * 1.25, W, "factor 1.25"),
        (0 * W, W, "all zero"),
        (W + 0.7, W, "one constant"),
        (X, X.sum(axis=0), "not summed over axis 0"),
        (X, X.mean(axis=1), "not averaged over axis 1"),
        (W.sum(axis=1), W, "summed over axis 1"),
        (X.mean(axis=0), X, "averaged over axis 0, which should stay"),
        (X[:, :1], np.repeat(X[:, :1], 3, axis=1), "not repeated: one axis has the length 1"),
        (X.sum(), X, "summed over all entries: one number"),
        (W[:2], W, "the end is missing"),
        (W[::-1], W, "the right numbers in another order"),
        (np.where(np.arange(3)[:, None] == 1, 0, W), W, "should not be 0"),
        (W + (np.arange(3) == 1)[:, None] * X[0], W, "some rows are right"),
        (W.ravel(), W, "another shape"),
        (np.vstack([W[:1], 0 * W[:1], W[1:]]), W, "zeros too many"),
        (W[0], np.append(W[0], [0.0, 0.0]), "zeros are missing"),
    ],
)
def test_says_what_it_looks_like(got, want, says):
    answer = check_answer(got, want, "dW")
    assert not answer.ok and says in str(answer)


def test_right_answers():
    assert check_answer(W + 1e-9, W).ok
    assert check_answer(W.tolist(), W).ok
    assert check_answer(2, 2.0).ok
    assert str(check_answer(W, W, "dW")) == "dW: right"


@pytest.mark.parametrize("want", [3.0, [3.0], [[3.0]]])
@pytest.mark.parametrize("factor", [2.0, -1.0, 1.25, 0.0])
def test_one_number_is_not_given_away_by_its_factor(want, factor):
    answer = check_answer(np.multiply(want, factor), want)
    assert not answer.ok and not answer.likely
    assert check_answer(factor * np.ones(2), [3.0, 3.0]).likely                 # two numbers may have a hint


def test_tells_where_but_never_the_solution():
    got = W.copy()
    got[1, 2] += 1.0
    text = str(check_answer(got, W, "dW"))
    assert "1 of 15 entries are wrong, the first at (1, 2)" in text
    assert not any(f"{z:.3f}" in text for z in W.ravel())


@pytest.mark.parametrize(
    "got", [None, "W", [[1], [2, 3]], np.full((3, 5), np.nan), W[:2], 3.0, W * np.inf, {}, [object()]]
)
def test_survives_any_answer(got):
    assert not check_answer(got, W).ok


@pytest.mark.parametrize(
    "got, want",
    [
        ([0.5, 1.5, 2.0], [2.0, 2.0]),                                          # the same total: that may be chance
        ([1.0, 7.0, 3.0], [1.0, 2.0, 3.0]),                                     # the first part says that already
        ([False, True, False], [True, True, False]),
        ([True, False, True], [False, True, True]),
        ([False, False, True], [True, True, False]),
    ],
)
def test_no_hint_rather_than_a_wrong_one(got, want):
    answer = check_answer(got, want)
    assert not answer.ok and not answer.likely


def test_rows_of_different_lengths_are_told():
    got, want = [[], [1.0, 2.0], [3.0, 5.0]], [[0.0, 0.0], [1.0, 2.0], [3.0, 4.0]]
    assert str(check_answer(got, want, "E")) == "E: has rows of different lengths: 0, 2"
    assert check_answer(np.add(want, 1.0), want).likely.startswith("one constant")
    for texts in (["a", "b"], np.array(["1/4", "3/4"])):
        assert check_answer(texts, want).where == "is not an array of numbers but texts"
    assert check_answer({}, want).where == "is not an array of numbers but dict"


def test_a_wrong_length_is_told_in_words():
    assert str(check_answer(W[0, 1:], W[0], "dw")) == "dw: has the wrong length: 4, should be 5"
    assert str(check_answer(W[0], W, "dW")).startswith("dW: has shape (5,), should have (3, 5)")


def test_what_is_not_finite_never_passes_for_a_number():
    for wrong in (np.nan, np.inf, -np.inf):
        answer = check_answer([1.0, wrong, 3.0], [1.0, 2.0, 3.0])
        assert answer.where == "1 of 3 entries are not finite, the first at (1,)"
        assert str(check_answer(wrong, 2.0, "loss")) == "loss: is not finite"


def test_what_is_not_finite_on_purpose_is_right():
    """Scores of absent pairs are -inf; the root of a negative number is NaN."""
    want = np.array([1.0, np.nan, -np.inf, 4.0])
    assert check_answer(want + 1e-9, want).ok
    assert not check_answer([1.1, -np.inf], want[[0, 2]]).ok
    assert check_answer([1.0, np.inf], want[:2]).where == "1 of 2 entries are wrong, the first at (1,)"
    for at, wrong in ((0, np.nan), (0, 1.1), (1, 2.0), (1, np.inf), (2, np.inf), (2, -1e300), (2, np.nan)):
        got = want.copy()
        got[at] = wrong
        assert check_answer(got, want).where.endswith(f"the first at ({at},)")


@pytest.mark.parametrize("got", [W + (np.arange(5) == 2), 1e200 * W**3, 1e307 * W])
def test_no_sum_and_no_division_warns(got):
    want = np.array(W)
    want[0] = [1.0, -1.0, 2.0, -2.0, 0.0]                               # a row that sums to 0
    assert not check_answer(got, want).ok
    assert "factor inf" not in str(check_answer(got, W))
