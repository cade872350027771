import numpy as np
import pytest

from afm_numpy.conformance import check_answer

RNG = np.random.default_rng(4)
W = RNG.normal(size=(3, 5)) + 2.0
X = RNG.normal(size=(4, 3, 5))


@pytest.mark.parametrize(
    "got, want, says",
    [
        (W.T, W, "transposed"),
        (W.T.reshape(W.shape), W, "read in another order"),
        (2 * W, W, "twice too large"),
        (W / 2, W, "half of what it should be"),
        (-W, W, "the sign is wrong"),
        (W * 3, W, "1/B is missing"),
        (W / 3, W, "1/B too often"),
        (W * 1.25, W, "factor 1.25"),
        (0 * W, W, "all zero"),
        (W + 0.7, W, "one constant"),
        (X, X.sum(axis=0), "not summed over axis 0"),
        (X, X.mean(axis=1), "not averaged over axis 1"),
        (X.sum(axis=0), X.sum(axis=1), "summed over the wrong axis"),
        (W.sum(axis=1), W, "summed over axis 1"),
        (W * np.array([1.0, 2.0, 0.5])[:, None], W, "a factor is missing that depends on axis 0"),
        (W * np.array([1.0, 2.0, 0.5, 3.0, 1.0]), W, "a factor is missing that depends on axis 1"),
        (W[::-1], W, "the right numbers in another order"),
        (np.where(np.arange(3)[:, None] == 1, 0, W), W, "should not be 0"),
        (W + (np.arange(3) == 1)[:, None] * X[0], W, "some rows are right"),
        (W.ravel(), W, "another shape"),
    ],
)
def test_says_what_it_looks_like(got, want, says):
    answer = check_answer(got, want, "dW", rows=3)
    assert not answer.ok and says in str(answer)


def test_right_answers():
    assert check_answer(W + 1e-9, W).ok
    assert check_answer(W.tolist(), W)
    assert check_answer(2, 2.0).ok
    assert str(check_answer(W, W, "dW")) == "dW: right"


def test_variants_come_first():
    answer = check_answer(2 * W, W, "dV", variants={"the diagonal only": W + 1, "x is missing": 2 * W})
    assert answer.likely == "x is missing"
    assert check_answer(W[0], W, variants={"one row": W[0]}).likely == "one row"


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


def test_nan_never_passes():
    want = np.array([1.0, np.nan])
    assert not check_answer(want, want).ok
    assert not check_answer([1.0, 2.0], want).ok
