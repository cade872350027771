"""Estimators: scikit-learn's conventions, and the same numbers as `train.fit`."""

import dataclasses
import os
import subprocess
import sys
import tracemalloc
from pathlib import Path

import numpy as np
import pytest
from scipy import sparse, special

from afm_numpy import Batch, Model, losses, optim, saving, train
from afm_numpy.datasets import iter_libfm, load_adult, make_interactions
from afm_numpy.encode import TableEncoder
from afm_numpy.estimators import AFMClassifier, AFMRegressor, FMClassifier, FMRegressor
from afm_numpy.saving import npz

ALL = [FMRegressor, FMClassifier, AFMRegressor, AFMClassifier]
CLASSIFIERS, REGRESSORS = [FMClassifier, AFMClassifier], [FMRegressor, AFMRegressor]
DATA = make_interactions(np.random.default_rng(0), 300, 4, 5, linear=0.5)
X, Y = DATA.batch, DATA.y
THREE = np.array(["low", "middle", "top"])[np.digitize(Y, [-0.5, 0.5])]
each = pytest.mark.parametrize("cls", ALL, ids=lambda cls: cls.__name__)


def frame_of(columns, **options):
    return pytest.importorskip("pandas").DataFrame(columns, **options)


def target(cls, classes=2):
    return Y if cls in REGRESSORS else THREE if classes == 3 else Y > 0


def raw(model, X):
    return model.decision_function(X) if hasattr(model, "classes_") else model.predict(X)


def same(one, other):
    return all(np.array_equal(a[name], b[name]) for a, b in zip(one.params_, other.params_, strict=True) for name in a)


# ---- scikit-learn --------------------------------------------------------------------------------------


@each
@pytest.mark.filterwarnings("ignore:Estimator .* does not inherit from `sklearn.base.BaseEstimator`")
@pytest.mark.filterwarnings("ignore::afm_numpy.train.PoorFit")    # some checks train on unscaled columns around 100
def test_all_checks_of_scikit_learn(cls):
    checks = pytest.importorskip("sklearn.utils.estimator_checks")
    results = checks.check_estimator(cls(), on_skip=None)
    skipped = {result["check_name"] for result in results if result["status"] != "passed"}
    assert len(results) > 50 and skipped <= {"check_array_api_input"}        # runs in the next test


def test_the_check_that_scipy_must_be_imported_for():
    pytest.importorskip("sklearn", "1.8")
    code = """
from sklearn.utils.estimator_checks import check_array_api_input
from afm_numpy import estimators
for name in estimators.__all__:
    check_array_api_input(name, getattr(estimators, name)(), "numpy", expect_only_array_outputs=False)
"""
    run(code, SCIPY_ARRAY_API="1")


def run(code, **environment):
    path = os.pathsep.join([str(Path(train.__file__).parents[1]), os.environ.get("PYTHONPATH", "")])
    environment = os.environ | environment | {"PYTHONPATH": path}
    done = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr


def test_scikit_learn_is_not_needed():
    run("""
import sys
import numpy as np
sys.modules["sklearn"] = None                               # importing it fails
from afm_numpy import encode, estimators
X, y = np.eye(4), np.array([0, 1, 0, 1])
for name in estimators.__all__:
    model = getattr(estimators, name)(epochs=2)
    try:
        model.predict(X)
    except encode.NotFittedError:
        model.fit(X, y).partial_fit(X, y).score(X, y)
    model.set_params(**model.get_params())
    repr(model)
assert not any(module.startswith("sklearn.") for module in sys.modules)
""")


@pytest.fixture(scope="module")
def adult():
    data = load_adult()
    frame = frame_of({name: column[:1500] for name, column in data.train.items()})
    return frame, data.y_train[:1500], TableEncoder(data.categorical, data.continuous, bins=16)


def test_a_data_frame_in_a_pipeline(adult):
    pytest.importorskip("sklearn")
    from sklearn.base import clone
    from sklearn.calibration import CalibratedClassifierCV
    from sklearn.model_selection import GridSearchCV, cross_val_score
    from sklearn.pipeline import make_pipeline

    frame, y, encoder = adult
    pipeline = make_pipeline(encoder, FMClassifier(random_state=0, dtype="float32"))
    assert cross_val_score(pipeline, frame, y, cv=3, scoring="roc_auc").min() > 0.82
    assert cross_val_score(clone(pipeline)[-1], encoder.fit_transform(frame), y, cv=3).min() > 0.75      # a Batch
    calibrated = CalibratedClassifierCV(pipeline, cv=2).fit(frame, y)
    assert calibrated.predict_proba(frame[:5]).shape == (5, 2)
    search = GridSearchCV(pipeline, {"fmclassifier__k": [2, 4]}, cv=2).fit(frame, y)
    assert search.score(frame, y) > 0.8
    assert "FMClassifier" in pipeline._repr_html_() and "FMClassifier(random_state=0" in repr(pipeline)
    weighted = pipeline.fit(frame, y, fmclassifier__sample_weight=np.where(y, 5.0, 1.0))
    assert weighted.predict(frame).mean() > search.predict(frame).mean() + 0.1


def test_halving_grid_search_over_afm(adult):
    pytest.importorskip("sklearn")
    from sklearn.experimental import enable_halving_search_cv  # isort: skip
    from sklearn.model_selection import HalvingGridSearchCV
    from sklearn.pipeline import make_pipeline

    assert enable_halving_search_cv is not None
    frame, y, encoder = adult
    pipeline = make_pipeline(encoder, AFMClassifier(random_state=0, epochs=5, dtype="float32"))
    grid = {"afmclassifier__k": [2, 4], "afmclassifier__attention": ["network", "uniform"]}
    search = HalvingGridSearchCV(pipeline, grid, cv=2, factor=4, min_resources=375, random_state=0).fit(frame, y)
    assert search.n_iterations_ == 2 and search.score(frame, y) > 0.8


def test_parameters():
    model = AFMRegressor(k=3, attention="field", random_state=5)
    assert repr(model) == "AFMRegressor(k=3, random_state=5, attention='field')"
    assert model.get_params()["t"] == 16 and "t" not in FMRegressor().get_params()
    assert model.set_params(k=4) is model and model.k == 4
    with pytest.raises(ValueError, match="Invalid parameter 'kk' for AFMRegressor. Valid .*'t'"):
        model.set_params(kk=4)


# ---- the same numbers as train.fit ---------------------------------------------------------------------


@pytest.mark.parametrize("cls", [FMRegressor, FMClassifier])
def test_a_fit_is_a_fit_of_train(cls):
    weight = np.random.default_rng(1).random(300)
    model = cls(k=3, keep=0.8, l2=1e-3, lr=0.1, epochs=3, batch_size=100, random_state=7, std=0.1)
    model.fit(X, target(cls), sample_weight=weight)
    y, loss = target(cls).astype(float), "squared" if cls is FMRegressor else "logistic"
    rng = np.random.default_rng(np.random.SeedSequence(7).spawn(2)[1])
    start = Model("fm").init_params(
        rng, X, k=3, std=0.1, w0=losses.best_constant(loss, y, weight), dtype=np.float64
    )
    result = train.fit(
        Model("fm"), start, X, y, rng=rng, optimizer=optim.Adagrad(0.1), epochs=3, batch_size=100,
        loss=train.Objective(loss, l2={"w": 1e-3, "V": 1e-3}, keep={"pooled": 0.8}, weight=weight),
    )  # fmt: skip
    assert all(np.array_equal(model.params_[0][name], result.params[name]) for name in result.params)
    assert [row["loss"] for row in model.history_] == [row["loss"] for row in result.history]
    assert np.array_equal(raw(model, X), train.predict(Model("fm"), result.params, X))


def test_options_reach_training():
    optimizer = optim.Adam(0.01, beta1=0.8)
    model = AFMRegressor(k=4, t=3, p=2.5, optimizer=optimizer, l2={"W": 1e-3}, keep={"attention": 0.9}, epochs=1)
    model.fit(X, Y)
    assert model.params_[0]["W"].shape == (4, 3) and model.params_[0]["V"].dtype == np.float64
    assert model.states_[0]["V"].keys() == {"m", "v"} and abs(model.params_[0]["p"] - 2.5).max() < 0.2
    assert model.set_params(dtype="float32").fit(X, Y).params_[0]["V"].dtype == np.float32
    assert model.states_[0]["step"] == 5                    # 300 rows in batches of 64
    with pytest.raises(ValueError, match="unknown optimizer 'lbfgs'"):
        FMRegressor(optimizer="lbfgs").fit(X, Y)
    with pytest.raises(ValueError, match="names 'W', which this model does not have"):
        FMRegressor(l2={"W": 1.0}).fit(X, Y)


@pytest.mark.parametrize("wrong, message", [
    ({"k": 2.5}, "k must be an integer of at least 1; got 2.5"),
    ({"k": "8"}, "k must be an integer of at least 1; got '8'"),
    ({"t": 0}, "t must be an integer of at least 1; got 0"),
    ({"std": "wide"}, "std must be a finite number; got 'wide'"),
    ({"std": np.nan}, "std must be a finite number; got nan"),
    ({"std": -0.1}, "std must not be negative; got -0.1"),
    ({"p": [1, 2]}, r"p must be a finite number; got \[1, 2\]"),
    ({"lr": "fast"}, "lr must be a finite number; got 'fast'"),
    ({"lr": 0}, "lr must be a number above 0; got 0"),
    ({"keep": None}, "keep must be a finite number; got None"),
    ({"keep": True}, "keep must be a finite number; got True"),
    ({"l2": "x"}, "l2 must be a finite number; got 'x'"),
    ({"validation_fraction": "all"}, "validation_fraction must be a finite number; got 'all'"),
    ({"random_state": -1}, "random_state must be None, a whole number of at least 0, or a generator; got -1"),
    ({"random_state": "seed"}, "random_state must be None, a whole number of at least 0, or a generator; got 'seed'"),
])  # fmt: skip
def test_parameters_that_are_no_numbers(wrong, message):
    with pytest.raises(ValueError, match=message):
        AFMRegressor(**wrong).fit(X, Y)


@pytest.mark.parametrize("name", ["early_stopping", "warm_start", "verbose"])
def test_texts_are_not_true(name):
    with pytest.raises(TypeError, match=f"{name} must be True or False; got str"):
        FMRegressor(**{name: "False"}).fit(X, Y)


@pytest.mark.parametrize(("attention", "p"), [("network", 2.0), ("uniform", 2.0), ("sum", 1.0), ("free", 1.0)])
def test_p_starts_at_the_mean_number_of_pairs_where_attention_divides_by_it(attention, p):
    ragged = Batch.from_lists([[0, 1, 2], [1, 2], [3, 4, 5], [0], [1, 2, 5]], n=6)      # 3 + 1 + 3 + 0 + 3 pairs
    model = AFMRegressor(attention=attention, lr=1e-12, epochs=1, optimizer="sgd").fit(ragged, np.arange(5.0))
    assert model.params_[0]["p"] == pytest.approx(p) and model.params_[0]["w0"] == pytest.approx(2.0)


@each
def test_the_form_of_x_does_not_matter(cls):
    dense = np.zeros(X.shape)
    np.put_along_axis(dense, X.idx, X.x, axis=1)
    predictions = [
        raw(cls(epochs=2, random_state=0).fit(form, target(cls)), form)
        for form in (X, dense, sparse.csr_array(dense), sparse.coo_matrix(dense), frame_of(dense), dense.tolist())
    ]
    assert all(np.array_equal(one, predictions[0]) for one in predictions)


def test_field_weights_belong_to_columns():
    dense = np.random.default_rng(0).normal(size=(50, 4)) * (np.random.default_rng(1).random((50, 4)) < 0.7)
    model = AFMRegressor(attention="field", epochs=2, random_state=0).fit(dense, dense[:, 0] * dense[:, 3])
    assert model.params_[0]["field"].shape == (6,)
    assert model.predict(dense[:1]).shape == (1,)
    parts = model.contributions(dense)
    assert np.array_equal(parts.batch.present, dense != 0)


@pytest.mark.parametrize("cls", REGRESSORS)
def test_it_learns_products(cls):
    data = make_interactions(np.random.default_rng(1), 4000, 4, 10)
    model = cls(random_state=0).fit(data.batch[:3000], data.y[:3000])
    assert model.score(data.batch[3000:], data.y[3000:]) > 0.9
    linear = cls(random_state=0, std=0.0).fit(data.batch[:3000], data.y[:3000])
    assert linear.score(data.batch[3000:], data.y[3000:]) < 0.1


# ---- classes -------------------------------------------------------------------------------------------


@pytest.mark.parametrize("cls", CLASSIFIERS)
def test_two_classes(cls):
    y = np.where(Y > 0, "yes", "no")
    model = cls(random_state=0, epochs=3).fit(X, y)
    logit, prob = model.decision_function(X), model.predict_proba(X)
    assert model.classes_.tolist() == ["no", "yes"] and logit.shape == (300,)
    assert np.allclose(prob[:, 1], special.expit(logit), rtol=1e-12) and np.allclose(prob.sum(axis=1), 1, rtol=1e-15)
    assert np.array_equal(model.predict(X), np.where(logit > 0, "yes", "no"))
    assert model.score(X, y) == np.mean(model.predict(X) == y)
    weight = np.arange(300.0)
    assert model.score(X, y, weight) == np.average(model.predict(X) == y, weights=weight)
    logits = cls(random_state=0, epochs=3).fit(X, (Y > 0) * 2 + 7)
    assert np.array_equal(logits.decision_function(X), logit) and logits.classes_.tolist() == [7, 9]


@pytest.mark.parametrize("cls", CLASSIFIERS)
def test_more_classes_are_one_against_the_rest(cls):
    model = cls(random_state=0, epochs=8).fit(X, THREE)
    assert len(model.params_) == 3 and model.decision_function(X).shape == (300, 3)
    prob = special.expit(model.decision_function(X))
    assert np.allclose(model.predict_proba(X), prob / prob.sum(axis=1, keepdims=True), rtol=1e-12)
    assert np.array_equal(model.predict(X), model.classes_[prob.argmax(axis=1)])
    assert model.score(X, THREE) > 0.75
    assert [(row["class"], row["epoch"]) for row in model.history_[7:9]] == [("low", 8), ("middle", 1)]
    start = cls(random_state=0, epochs=1, lr=1e-12, optimizer="sgd").fit(X, THREE)
    for name, params in zip(start.classes_, start.params_, strict=True):     # each is a problem of two classes
        assert params["w0"] == pytest.approx(losses.best_constant("logistic", (name == THREE).astype(float)))


def test_probabilities_of_hopeless_rows_are_finite():
    model = FMClassifier(epochs=1).fit(X, THREE)
    for params in model.params_:
        params["w0"] -= 1e4
    assert np.allclose(model.predict_proba(X).sum(axis=1), 1)


def test_classes_of_a_stream():
    model = FMClassifier(random_state=0)
    with pytest.raises(ValueError, match="needs more than one class; y holds only \\['top'\\]"):
        model.partial_fit(X[:1], ["top"])
    model.partial_fit(X[:1], ["top"], classes=["low", "middle", "top"]).partial_fit(X, THREE)
    assert model.classes_.tolist() == ["low", "middle", "top"] and model.n_iter_ == 2
    with pytest.raises(ValueError, match="y holds .*'huge'.*, which is not one of the classes"):
        model.partial_fit(X[:1], ["huge"])
    with pytest.raises(ValueError, match="Unknown label type: continuous"):
        model.fit(X, Y)
    with pytest.raises(ValueError, match="Input y contains NaN, or nothing, in row 0"):
        model.fit(X, np.array([None, "top"] * 150, dtype=object))


# ---- going on ------------------------------------------------------------------------------------------


@each
def test_warm_starts_and_streams_are_one_long_fit(cls):
    y, options = target(cls, classes=3), {"keep": 0.8, "random_state": 0}
    through = cls(epochs=4, **options).fit(X, y)
    warm = cls(epochs=3, warm_start=True, **options).fit(X, y).set_params(epochs=1).fit(X, y)
    stream = cls(**options)
    for _ in range(4):
        stream.partial_fit(X, y)
    assert same(warm, through) and same(stream, through)
    assert warm.n_iter_ == stream.n_iter_ == through.n_iter_ == 4
    assert [row["epoch"] for row in through.history_][:4] == [1, 2, 3, 4] and warm.history_[0]["epoch"] == 4
    assert same(stream.set_params(epochs=4).fit(X, y), through)             # fit starts afresh without warm_start


def test_a_warm_start_refuses_what_has_changed():
    model = AFMRegressor(epochs=1, warm_start=True).fit(X, Y)
    before = model.get_params()
    for change in ({"k": 4}, {"dtype": "float32"}, {"optimizer": "adam"}, {"attention": "sum"}):
        with pytest.raises(ValueError, match="has changed, so training cannot go on"):
            model.set_params(**before | change).fit(X, Y)
    with pytest.raises(ValueError, match="X has 25 features, but AFMRegressor is expecting 20"):
        model.set_params(**before).fit(dataclasses.replace(X, n=25), Y)


def test_a_stream_keeps_the_pairs_of_its_first_rows():
    model = AFMRegressor(attention="free", random_state=0)
    model.partial_fit(X[:5], Y[:5])
    pairs = model.params_[0]["pairs"]
    assert np.array_equal(pairs, X[:5].distinct_pairs())
    model.partial_fit(X, Y)
    assert np.array_equal(model.params_[0]["pairs"], pairs)
    assert (model.contributions(X).a == 1).any()                 # pairs that came later keep their weight


@pytest.mark.parametrize("cls", REGRESSORS)
def test_training_from_a_file_takes_memory_for_a_batch_and_not_for_the_file(cls, tmp_path):
    rng, peaks = np.random.default_rng(0), []
    for size in (8, 24):                                     # times 5,000 rows, or 110 KB of text
        path = tmp_path / "rows.libfm"
        idx = rng.integers(0, 10, (5000, 4)) + [0, 10, 20, 30]
        lines = [f"{y} {a}:1 {b}:1 {c}:1 {d}:1\n" for y, (a, b, c, d) in zip(idx[:, 0] % 2, idx, strict=True)]
        path.write_text("".join(lines) * size)
        model = cls(k=4, batch_size=5000, random_state=0)
        tracemalloc.start()
        try:
            for batch, y in iter_libfm(path, 5000, n=40):
                model.partial_fit(batch, y)
            peaks.append(tracemalloc.get_traced_memory()[1])
        finally:
            tracemalloc.stop()
        assert model.n_iter_ == size
    assert max(peaks) < 64 << 20
    assert peaks[1] - peaks[0] < 1 << 20


@each
@pytest.mark.parametrize("early_stopping", [False, True])
def test_rows_keep_their_targets_and_weights_and_held_out_rows_do_not_train(cls, early_stopping, monkeypatch):
    """Row i has feature i alone, so that it is known wherever it goes."""
    seen, fit = [], train.fit
    monkeypatch.setattr(train, "fit", lambda *args, **options: seen.append((args, options)) or fit(*args, **options))
    B = 40
    y = np.arange(B) * 7 % 2 if cls in CLASSIFIERS else np.arange(B) / B
    weight = 1.0 + np.arange(B)
    model = cls(epochs=1, early_stopping=early_stopping, validation_fraction=0.25, random_state=0)
    model.fit(Batch.from_padded(np.arange(B)[:, None]), y, sample_weight=weight)
    ((_, _, batch, part_y), options), = seen
    rows, valid = batch.idx[:, 0], options["watch"].valid
    np.testing.assert_array_equal(part_y, y[rows])
    np.testing.assert_array_equal(options["loss"].weight, weight[rows])
    held = np.zeros(0, int)
    if early_stopping:
        held = valid[0].idx[:, 0]
        np.testing.assert_array_equal(valid[1], y[held])
        assert held.size == 10
    assert sorted([*rows, *held]) == list(range(B))


@each
def test_every_random_state_is_another_fit(cls):
    one, same_again, other = (cls(epochs=1, random_state=seed).fit(X, target(cls)) for seed in (0, 0, 1))
    assert same(one, same_again)
    assert (one.params_[0]["V"] != other.params_[0]["V"]).all()


@each
def test_the_scope_of_l2_reaches_training(cls):
    """No row has the last feature: only L2 on the whole table moves it."""
    wide = Batch.from_padded(X.idx, X.x, n=X.n + 1)
    start, rests, moves = (
        cls(optimizer="sgd", epochs=1, random_state=0, **options).fit(wide, target(cls)).params_[0]["V"][-1]
        for options in ({"l2": 0.0}, {"l2": 0.1}, {"l2": 0.1, "l2_scope": "table"})
    )
    np.testing.assert_array_equal(rests, start)
    np.testing.assert_allclose(moves, start * (1 - 2 * 0.05 * 0.1) ** 5, rtol=1e-13)       # 300 rows in batches of 64
    with pytest.raises(ValueError, match="unknown l2_scope 'all'; choose from touched, table"):
        cls(l2_scope="all").fit(X, target(cls))


@each
def test_early_stopping(cls):
    options = {"epochs": 60, "early_stopping": True, "patience": 2, "lr": 0.5, "random_state": 0, "l2": 0.0}
    model = cls(**options).fit(X, target(cls))
    assert 3 <= model.n_iter_ < 60 and len(model.history_) == model.n_iter_
    valid = [row["valid_loss"] for row in model.history_]
    assert np.argmin(valid) == model.n_iter_ - 3             # two epochs without a better one
    again = cls(**options | {"epochs": int(np.argmin(valid)) + 1}).fit(X, target(cls))
    assert same(again, model)
    for fraction in (0.0, 1.0, 0.001, -0.5):
        with pytest.raises(ValueError, match="validation_fraction=.* leaves no row to train on or none to validate on"):
            cls(early_stopping=True, validation_fraction=fraction).fit(X, target(cls))


def test_held_out_rows_hold_every_class_in_its_share():
    from afm_numpy.estimators.base import split

    strata = np.repeat([0, 1, 2], [100, 40, 10])
    fit, held = split(np.random.default_rng(0), strata, 0.1)
    assert np.bincount(strata[held]).tolist() == [10, 4, 1]
    assert np.array_equal(np.sort(np.concatenate([fit, held])), np.arange(150))
    assert not np.array_equal(held, split(np.random.default_rng(1), strata, 0.1)[1])
    for ones in range(1, 5):                                 # a rare class, wherever the draw puts it
        fit, held = split(np.random.default_rng(0), np.repeat([0, 1], [40 - ones, ones]), 0.1)
        assert len(held) == 4 and (fit >= 40 - ones).any()


def test_rows_of_weight_zero_are_absent():
    weight = (np.arange(300) % 3 > 0) * 1.0
    model = FMRegressor(random_state=0).fit(X, Y, weight)
    assert same(model, FMRegressor(random_state=0).fit(X[weight > 0], Y[weight > 0]))
    with pytest.raises(ValueError, match="not negative"):
        model.fit(X, Y, -weight)


def test_random_states():
    def V(random_state):
        return FMRegressor(epochs=1, random_state=random_state).fit(X, Y).params_[0]["V"]

    assert np.array_equal(V(3), V(3)) and not np.array_equal(V(3), V(4)) and not np.array_equal(V(None), V(None))
    for make in (np.random.RandomState, np.random.default_rng):
        one, other = make(0), make(0)
        assert np.array_equal(V(one), V(other)) and not np.array_equal(V(one), V(make(0)))


def test_the_score_of_a_regressor():
    model, weight = FMRegressor(random_state=0, epochs=2).fit(X, Y), np.arange(300.0)
    y_hat, mean = model.predict(X), np.average(Y, weights=weight)
    want = 1 - (weight * (Y - y_hat) ** 2).sum() / (weight * (Y - mean) ** 2).sum()
    assert model.score(X, Y, weight) == pytest.approx(want, rel=1e-12)
    assert model.score(X[:1], Y[:1]) == 0.0 and model.score(X[:1], y_hat[:1]) == 1.0


# ---- explanations --------------------------------------------------------------------------------------


@each
def test_contributions_add_up_to_the_prediction(cls):
    model = cls(random_state=0, epochs=2).fit(X, target(cls))
    parts = model.contributions(X)
    total = parts.bias + parts.linear.sum(axis=1) + parts.pair.sum(axis=1)
    assert np.allclose(total, raw(model, X), rtol=1e-12, atol=1e-12)


def test_explanations_name_the_class_and_the_features(capsys):
    frame = frame_of({"red": [1, 0, 2], "round": [2, 1, 0], "ripe": [0, 1, 1]}, dtype=float)
    model = AFMClassifier(random_state=0, epochs=1).fit(frame, ["a", "b", "c"])
    model.explain(frame, 1, label="b")
    assert "round x ripe" in capsys.readouterr().out
    model.explain(frame, 1, label="b", names=["x", "y", "z"])
    assert "y x z" in capsys.readouterr().out
    assert model.contributions(frame, "b").bias == model.params_[1]["w0"]
    for label in (None, "d"):
        with pytest.raises(ValueError, match="label must be one of the classes, .*'a', 'b', 'c'"):
            model.explain(frame, label=label)
    with pytest.raises(ValueError, match="label is for more than two classes; got True"):
        FMClassifier(epochs=1).fit(X, Y > 0).explain(X, label=True)


# ---- files ---------------------------------------------------------------------------------------------


@each
def test_saved_and_continued_is_the_same_as_trained_through(cls, tmp_path):
    y, options = target(cls, classes=3), {"keep": 0.8, "random_state": 0, "warm_start": True}
    through = cls(epochs=5, **options).fit(X, y)
    model = cls(epochs=3, **options).fit(X, y)
    model.save(tmp_path / "model.npz")
    model.partial_fit(X, y)                                  # what happens afterwards does not matter
    again = cls.load(tmp_path / "model.npz")
    assert again.get_params() == model.get_params() and again.n_iter_ == 3 and again.n_features_in_ == 20
    assert len(again.history_) == 3 * len(again.params_)
    assert same(again.set_params(epochs=2).fit(X, y), through)
    assert np.array_equal(again.predict(X), through.predict(X))
    assert again.predict(X).dtype == through.predict(X).dtype


@pytest.mark.parametrize("labels", [["a", "b"], [True, False], [3, 5], [1.0, 2.0], np.array(["x", "yy"], dtype=object)])
def test_files_keep_names_classes_encoder_and_optimizer(tmp_path, labels):
    frame = frame_of({"red": [1.0, 0.5], "round": [2.0, 1.0]})
    model = FMClassifier(
        optimizer=optim.Adam(0.02, beta1=0.7), dtype=np.float32, random_state=np.random.default_rng(0), l2={"V": 1e-3},
        epochs=np.int64(2),
    ).fit(frame, labels)  # fmt: skip
    encoder = TableEncoder(scaling="none").fit({"a": [1.0, 2.0]})
    model.save(tmp_path / "model.npz", encoder=encoder)
    again = FMClassifier.load(tmp_path / "model.npz")
    assert again.classes_.tolist() == model.classes_.tolist() and again.classes_.dtype == model.classes_.dtype
    assert again.feature_names_in_.tolist() == ["red", "round"] and again.optimizer == model.optimizer
    assert again.dtype == "float32" and again.random_state is None and again.l2 == {"V": 1e-3} and again.epochs == 2
    assert np.array_equal(again.predict_proba(frame), model.predict_proba(frame))
    assert again.encoder_.feature_names() == ["a", "a missing"]
    assert saving.load(tmp_path / "model.npz").config["estimator"] == "FMClassifier"


def test_files_that_are_something_else(tmp_path):
    path = tmp_path / "model.npz"
    FMRegressor(epochs=1).fit(X, Y).save(path)
    with pytest.raises(saving.FileFormatError, match="does not hold an estimator of class AFMRegressor"):
        AFMRegressor.load(path)
    header, arrays = npz.read(path, lambda *parts: parts)
    for change in ({"parameters": {"q": 1}}, {"parameters": 3}, {"fitted": {}}, {"fitted": None}):
        npz.write(path, header | {"config": header["config"] | change}, arrays)
        with pytest.raises(saving.FileFormatError):
            FMRegressor.load(path)
    npz.write(path, header | {"config": None}, arrays)
    with pytest.raises(saving.FileFormatError, match="does not hold an estimator"):
        FMRegressor.load(path)
    with pytest.raises(ValueError, match="not fitted"):
        FMRegressor().save(path)
