from itertools import combinations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from afm_numpy.datasets import make_interactions


def rng():
    return np.random.default_rng(5)


@settings(max_examples=30)
@given(
    st.integers(0, 99), st.integers(1, 7), st.integers(2, 5), st.integers(2, 6), st.integers(0, 4), st.integers(1, 5)
)
def test_score_is_the_sum_over_planted_pairs(seed, n_rows, n_fields, field_size, n_noise, k):
    data = make_interactions(
        np.random.default_rng(seed), n_rows, n_fields, field_size, n_noise=n_noise, k=k, noise=0.0, linear=0.7
    )
    batch, truth = data.batch, data.truth
    m = n_fields + n_noise
    assert batch.idx.shape == (n_rows, m) and batch.n == m * field_size == len(truth.w) == len(truth.V)
    assert np.array_equal(batch.idx // field_size, np.tile(np.arange(m), (n_rows, 1)))       # slot = field
    assert (batch.x == 1).all()
    for row in range(n_rows):
        ids = batch.idx[row]
        score = sum(truth.w[i] for i in ids)
        for p, (f, g) in enumerate(combinations(range(m), 2)):
            score += truth.importance[p] * truth.V[ids[f]] @ truth.V[ids[g]]
        np.testing.assert_allclose(truth.score[row], score, rtol=1e-12, atol=1e-12)
    assert np.array_equal(data.y, truth.score)


def test_importances_are_where_they_were_planted():
    data = make_interactions(rng(), 10, 4, importances={(0, 1): 2.0, (3, 1): -0.5, (2, 3): 0.0}, n_noise=2)
    pairs = zip(data.batch.pair_i.tolist(), data.batch.pair_j.tolist(), strict=True)
    assert {pair: v for pair, v in zip(pairs, data.truth.importance, strict=True) if v} == {(0, 1): 2.0, (1, 3): -0.5}


def test_default_importances_fall_off_between_neighbours():
    data = make_interactions(rng(), 10, n_fields=4)
    assert data.truth.importance.tolist() == [1, 0, 0, 1 / 2, 0, 1 / 3]


def test_importance_is_the_deviation_that_the_pair_adds():
    """Mean over draws of V of the variance over all value pairs: importance^2."""
    variances = []
    for seed in range(300):
        V = make_interactions(np.random.default_rng(seed), 1, 2, field_size=4, k=3).truth.V
        variances.append(np.var(V[:4] @ V[4:].T))
    np.testing.assert_allclose(np.mean(variances), 1.0, rtol=0.1)


def test_pairs_carry_no_linear_effect_and_noise_fields_none_at_all():
    truth = make_interactions(rng(), 10, n_fields=3, field_size=6, n_noise=2, linear=1.0).truth
    np.testing.assert_allclose(truth.V.reshape(5, 6, -1).sum(axis=1), 0, atol=1e-12)
    assert np.all(truth.w[:18] != 0) and np.all(truth.w[18:] == 0)
    assert not make_interactions(rng(), 10).truth.w.any()


def test_noise_fields_do_not_move_the_score():
    data = make_interactions(rng(), 4000, n_fields=2, field_size=5, n_noise=1, noise=0.0)
    by_value = [data.truth.score[data.batch.idx[:, 2] == id].mean() for id in range(10, 15)]
    assert np.ptp(by_value) < 0.25                                   # five standard errors of 1/sqrt(800)


def test_squared_targets_have_the_stated_noise():
    data = make_interactions(rng(), 20_000, noise=0.3)
    np.testing.assert_allclose(np.std(data.y - data.truth.score), 0.3, rtol=0.03)


def test_logistic_targets_follow_the_sigmoid_of_the_score():
    data = make_interactions(rng(), 40_000, importances={(0, 1): 2.0}, loss="logistic")
    assert set(data.y.tolist()) == {0.0, 1.0}
    prob = 1 / (1 + np.exp(-data.truth.score))
    for low in (0.0, 0.2, 0.4, 0.6, 0.8):
        rows = (low <= prob) & (prob < low + 0.2)
        assert abs(data.y[rows].mean() - prob[rows].mean()) < 4 * np.sqrt(0.25 / rows.sum())


def test_values_are_drawn_uniformly():
    data = make_interactions(rng(), 20_000, n_fields=3, field_size=4)
    counts = np.bincount(data.batch.idx.ravel(), minlength=12)
    assert np.abs(counts / 5000 - 1).max() < 0.06


def test_same_seed_same_data():
    first, second = make_interactions(rng(), 20), make_interactions(rng(), 20)
    assert np.array_equal(first.batch.idx, second.batch.idx) and np.array_equal(first.y, second.y)
    assert not np.array_equal(first.y, make_interactions(np.random.default_rng(6), 20).y)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"n_rows": 0}, r"n_rows must be an integer of at least 1; got 0"),
        ({"n_rows": 2.5}, r"n_rows must be an integer of at least 1; got 2.5"),
        ({"n_fields": 1}, r"n_fields must be an integer of at least 2; got 1"),
        ({"field_size": 1}, r"field_size must be an integer of at least 2; got 1"),
        ({"n_noise": -1}, r"n_noise must be an integer of at least 0; got -1"),
        ({"k": 0}, r"k must be an integer of at least 1; got 0"),
        ({"noise": -0.1}, r"noise must be a finite number of at least 0; got -0.1"),
        ({"linear": np.nan}, r"linear must be a finite number of at least 0; got nan"),
        ({"loss": "hinge"}, r"unknown loss 'hinge'; choose from squared, logistic"),
        ({"importances": {(0, 5): 1.0}}, r"\(0, 5\) is not a pair of two different fields among 0 to 4"),
        ({"importances": {(2, 2): 1.0}}, r"\(2, 2\) is not a pair"),
        ({"importances": {(0, 1, 2): 1.0}}, r"\(0, 1, 2\) is not a pair"),
        ({"importances": {0: 1.0}}, r"importances: 0 is not a pair"),
        ({"importances": {(0, 1): 1.0, (1, 0): 2.0}}, r"the pair \(1, 0\) is given twice"),
        ({"importances": {(0, 1): np.inf}}, r"the pair \(0, 1\) weighs inf; it must be a finite number"),
    ],
)
def test_bad_arguments(arguments, message):
    with pytest.raises(ValueError, match=message):
        make_interactions(rng(), **{"n_rows": 10, **arguments})


def test_fields_may_have_sizes_of_their_own():
    data = make_interactions(rng(), 5000, 2, (3, 5, 2), n_noise=1, linear=1.0, importances={(0, 1): 1.0}, noise=0.0)
    idx, truth = data.batch.idx, data.truth
    assert [np.unique(column).tolist() for column in idx.T] == [[0, 1, 2], [3, 4, 5, 6, 7], [8, 9]]
    for first, last in ((0, 3), (3, 8), (8, 10)):
        np.testing.assert_allclose(truth.V[first:last].sum(axis=0), 0, atol=1e-12)
    assert not truth.w[8:].any() and truth.w[:8].all()
    pair = (truth.V[idx[:, 0]] * truth.V[idx[:, 1]]).sum(axis=1)
    np.testing.assert_allclose(data.y, truth.w[idx].sum(axis=1) + pair, rtol=1e-12)
    with pytest.raises(ValueError, match="field_size has 2 sizes; want one size, or one for each of the 3 fields"):
        make_interactions(rng(), 10, 2, [3, 5], n_noise=1)
    with pytest.raises(ValueError, match="field_size must be an integer of at least 2; got 1"):
        make_interactions(rng(), 10, 2, [3, 1])
