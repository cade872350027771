"""Recipes: the numbers that were found, which rows they are used on, and seeds."""

from types import SimpleNamespace

import numpy as np
import pytest

from afm_numpy import Model, losses, optim, recipes, train


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


@pytest.mark.parametrize("rows", [-1, 0, 9, 10.0])
def test_too_few_rows_are_refused(rows):
    with pytest.raises(ValueError, match="rows must be an integer of at least 10"):
        recipes.adult_parts(rows=rows)


# ---- what the settings are -------------------------------------------------------------------------------

# Found with L2 as half a square beside the mean loss: lam / 2 ||V||^2. start, optimizer, batch, epochs, keep, lam.
SEARCHED = {
    ("quantile", "FM"): ({"k": 8, "std": 0.01}, optim.Adam(0.001), 512, 60, 0.9, {"V": 1e-5, "w": 1e-4}),
    ("quantile", "AFM"): (
        {"k": 8, "t": 16, "std": 0.1}, optim.Adagrad(0.03), 512, 60, 0.7, {"V": 1e-5, "w": 1e-5, "W": 1e-4}),
    ("standard", "FM"): ({"k": 16, "std": 0.01}, optim.Adam(0.003), 512, 60, 0.3, {}),
    ("standard", "AFM"): ({"k": 8, "t": 8, "std": 0.1, "p": 1.0}, optim.Adam(0.01), 512, 60, 0.9, {}),
}  # fmt: skip


def objective_of_the_search(params, e, lam):
    """The mean loss, and half a square of each penalised array."""
    return np.mean(e) + sum(weight / 2 * (params[name] ** 2).sum() for name, weight in lam.items())


@pytest.mark.parametrize("scaling, name", SEARCHED)
def test_adult_recipes_are_the_settings_that_were_found(scaling, name):
    recipe = recipes.ADULT[scaling][name]
    start, optimizer, batch_size, epochs, keep, lam = SEARCHED[scaling, name]
    assert recipe.model == Model(name.lower()) and recipe.start == start and recipe.watch == {"patience": 4}
    assert recipe.fit == {"optimizer": optimizer, "batch_size": batch_size, "epochs": epochs}
    goal = recipe.loss
    assert (goal.loss, goal.reduction, goal.l2_scope, goal.keep) == ("logistic", "mean", "touched", {"pooled": keep})
    params = {"V": np.array([[1.0, 2.0]]), "w": np.array([3.0]), "W": np.array([[5.0], [7.0]])}
    want = objective_of_the_search(params, np.zeros(9), lam)
    assert losses.l2_forward(params, goal.l2, None) == pytest.approx(want, rel=1e-12)


@pytest.mark.parametrize("scaling", recipes.ADULT)
def test_the_control_differs_in_the_attention_alone(scaling):
    afm = recipes.ADULT[scaling]["AFM"]
    even = recipes.uniform(afm)
    assert even.model == Model("afm", "uniform") and (even.fit, even.watch) == (afm.fit, afm.watch)
    assert even.start | {"t": afm.start["t"]} == afm.start and "t" not in even.start
    lam = afm.loss.l2.get("W")
    assert even.loss.l2 | ({} if lam is None else {"W": lam}) == afm.loss.l2 and "W" not in even.loss.l2
    assert even.loss.keep == afm.loss.keep and even.loss.loss == "logistic"


def test_our_settings_for_the_paper_are_those_that_were_found():
    """A batch of 1024 rows: ours has the sum of the squares and no half, the search had the mean and half a square."""
    recipe = recipes.paper_recipes(64)["FM"]
    assert recipe.start == {"k": 64, "std": 0.03}
    assert recipe.watch == {"patience": 10, "report": ("rmse",), "monitor": "rmse"}
    assert recipe.fit == {"optimizer": optim.Adagrad(0.1), "batch_size": 1024, "epochs": 400}
    goal = recipe.loss
    assert (goal.loss, goal.reduction, goal.keep, goal.l2_scope) == ("squared", "sum", {"pooled": 0.7}, "table")
    e, params = np.random.default_rng(0).random(1024), {"V": np.full((3, 2), 5.0), "w": np.full(3, 7.0)}
    ours = losses.squared_forward(e, np.zeros(1024), goal.reduction) + losses.l2_forward(params, goal.l2, None)
    assert ours == pytest.approx(1024 * objective_of_the_search(params, e**2, {"V": 3e-5, "w": 1e-4}), rel=1e-12)
    assert all(one.loss == goal for one in recipes.paper_recipes(64).values())


@pytest.mark.parametrize("k, fm_lr, std", [(16, 0.05, 0.03), (64, 0.1, 0.03), (256, 0.05, 0.01)])
def test_each_model_and_each_k_has_settings_of_its_own(k, fm_lr, std):
    found = recipes.paper_recipes(k)
    assert found["FM"].fit["optimizer"] == optim.Adagrad(fm_lr) and found["FM"].start == {"k": k, "std": 0.03}
    assert found["AFM"].fit["optimizer"] == optim.Adagrad(0.05) and found["AFM"].start == {"k": k, "std": std, "t": 16}


@pytest.mark.parametrize("k, lam, t", [(8, 100.0, 16), (16, 100.0, 16), (64, 2.0, 8), (256, 2.0, 8)])
def test_the_settings_of_the_authors(k, lam, t):
    found = recipes.paper_recipes(k, "authors")
    fm, afm = found["FM"], found["AFM"]
    assert fm.fit == {"optimizer": optim.Adagrad(0.01), "batch_size": 4096, "epochs": 100}
    assert afm.fit == fm.fit | {"optimizer": optim.Adagrad(0.1)}
    assert (fm.loss.l2, fm.loss.keep, fm.loss.reduction) == ({}, {"pooled": 0.7}, "sum")
    assert (afm.loss.l2, afm.loss.keep, afm.loss.reduction) == ({"W": lam}, {"pooled": 0.5}, "sum")
    assert fm.start == {"k": k, "std": 0.01} and afm.start == fm.start | {"t": t, "p": 1.0}
    assert found["AFM from FM"] == afm and found["sum pooling"].loss.l2 == {}
    with pytest.raises(ValueError, match="unknown settings 'best'; choose from ours, authors"):
        recipes.paper_recipes(k, "best")


# ---- rows, labels and seeds ------------------------------------------------------------------------------


def test_labels_stay_with_their_rows(monkeypatch):
    """Every person's label can be read from its one column, in each part."""
    def table(size, shift):
        number = (np.arange(size) * 7 + shift) % 10
        return {"number": np.array([f"n{i}" for i in number])}, (number % 3 == 0).astype(float)

    (train_table, y_train), (test_table, y_test) = table(500, 0), table(90, 3)
    adult = SimpleNamespace(train=train_table, test=test_table, y_train=y_train, y_test=y_test,
                            categorical=["number"], continuous=[])  # fmt: skip
    monkeypatch.setattr(recipes, "load_adult", lambda: adult)
    parts = recipes.adult_parts(seed=4)
    assert [len(y) for _, y in parts[:3]] == [450, 50, 90]
    names = parts.encoder.feature_names()
    for batch, y in parts[:3]:
        number = np.array([int(names[id].rpartition("n")[2]) for id in batch.idx[:, 0]])
        np.testing.assert_array_equal(y, number % 3 == 0)


def given_to_fit(monkeypatch):
    calls, fit = [], train.fit

    def recorded(*args, **options):
        calls.append((args, options))
        return fit(*args, **options)

    monkeypatch.setattr(train, "fit", recorded)
    return calls


def test_a_run_trains_on_the_rows_to_fit_and_chooses_by_the_others(monkeypatch):
    parts, calls = recipes.adult_parts(rows=500), given_to_fit(monkeypatch)
    recipes.run(recipes.ADULT["quantile"]["FM"], parts.fit, parts.valid, epochs=1)
    (args, options), = calls
    assert args[2] is parts.fit[0] and args[3] is parts.fit[1] and options["watch"].valid is parts.valid
    assert options["epochs"] == 1 and options["watch"].patience == 4


@pytest.mark.parametrize("name", ["FM", "AFM"])
def test_every_seed_is_another_run(name):
    parts, recipe = recipes.adult_parts(rows=500), recipes.ADULT["quantile"][name]
    runs = [recipes.run(recipe, parts.fit, parts.valid, seed=seed, epochs=1) for seed in (0, 0, 1)]
    assert all((runs[0].params[key] == runs[1].params[key]).all() for key in runs[0].params)
    assert (runs[0].params["V"] != runs[2].params["V"]).all()
    assert runs[0].history[0]["loss"] != runs[2].history[0]["loss"]
