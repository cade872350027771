import numpy as np
import pytest

from afm_numpy import recipes, train


def test_adult_parts_are_disjoint_and_the_encoder_sees_only_the_rows_to_fit():
    parts = recipes.adult_parts(seed=1, rows=2000)
    (fit, y_fit), (valid, y_valid), (test, y_test), encoder = parts
    assert (len(fit), len(valid), len(test)) == (1800, 200, 16281)
    assert (len(y_fit), len(y_valid), len(y_test)) == (1800, 200, 16281)
    assert fit.n == valid.n == test.n == encoder.n and fit.x.dtype == np.float32
    seen = np.zeros(encoder.n, bool)
    seen[fit.touched] = True
    of_a_value = [id for column in encoder.columns for id in encoder.ids(column, "value")]
    assert seen[of_a_value].all()                    # no category comes from other rows


def test_the_seed_decides_which_rows_choose():
    first, again, other = (recipes.adult_parts(seed=seed, rows=500).valid[0].idx for seed in (0, 0, 1))
    assert (first == again).all() and (first != other).any()


@pytest.mark.parametrize("scaling", recipes.ADULT)
@pytest.mark.parametrize("name", ["FM", "AFM"])
def test_recipes_learn(scaling, name):
    parts = recipes.adult_parts(scaling=scaling, rows=3000)
    recipe = recipes.ADULT[scaling][name]
    result = recipes.run(recipe, parts.fit, parts.valid, epochs=12)
    scores = train.evaluate(recipe.model, result.params, *parts.test, loss="logistic")
    assert scores["log_loss"] < 0.45 and scores["auc"] > 0.85     # the share of ones alone gives 0.546 and 0.5


def test_same_seed_same_bits():
    parts = recipes.adult_parts(rows=500)
    a, b = (recipes.run(recipes.ADULT["quantile"]["AFM"], parts.fit, parts.valid, seed=3, epochs=2) for _ in range(2))
    assert all((a.params[name] == b.params[name]).all() for name in a.params)
