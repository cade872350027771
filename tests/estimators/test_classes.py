"""Estimators: scikit-learn's conventions, and the same numbers as `train.fit`."""

import os
import subprocess
import sys
import tracemalloc
from pathlib import Path

import numpy as np
import pytest
from scipy import sparse, special

from afm_numpy import Batch, losses, train
from afm_numpy.datasets import iter_libfm, load_adult, make_interactions
from afm_numpy.encode import TableEncoder
from afm_numpy.estimators import AFMClassifier, AFMRegressor, FMClassifier, FMRegressor

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


@pytest.mark.parametrize("size", [pytest.param(s, id=f"brother-score-{s:g}") for s in (1e-200, 1.0, 1e200)])
def test_the_score_of_targets_whose_squares_leave_float64(size):
    model = FMRegressor(epochs=1).fit(np.eye(4), np.zeros(4))
    model.params_[0] |= {"w0": np.zeros(()), "w": size * np.array([0.0, 1.0, 2.0, 3.0]), "V": np.zeros((4, 8))}
    assert model.score(np.eye(4), size * np.array([0.0, 1.0, 2.0, 4.0])) == pytest.approx(1 - 1 / 8.75)


@pytest.mark.parametrize("classes", [pytest.param(2, id="brother-a-number"), pytest.param({0, 1}, id="brother-a-set")])
def test_classes_must_be_a_list(classes):
    with pytest.raises(ValueError, match=r"classes should be a 1d array, got an array of shape \(\) instead"):
        FMClassifier().partial_fit(np.eye(2), [0, 1], classes=classes)


def test_the_score_of_a_regressor():
    model, weight = FMRegressor(random_state=0, epochs=2).fit(X, Y), np.arange(300.0)
    y_hat, mean = model.predict(X), np.average(Y, weights=weight)
    want = 1 - (weight * (Y - y_hat) ** 2).sum() / (weight * (Y - mean) ** 2).sum()
    assert model.score(X, Y, weight) == pytest.approx(want, rel=1e-12)
    assert model.score(X[:1], Y[:1]) == 0.0 and model.score(X[:1], y_hat[:1]) == 1.0


@pytest.mark.parametrize(("y", "words"), [
    pytest.param([-1, 1, 1, -1], "y holds -1, which counts as wrong .*: the classes are 0, 1", id="brother-signs"),
    pytest.param([1, 2, 2, 1], "y holds 2, which counts as wrong everywhere", id="brother-1-2"),
])  # fmt: skip
def test_a_score_by_labels_that_no_class_has_says_so(y, words):
    model = FMClassifier(epochs=1).fit(np.eye(4), [0, 1, 1, 0])
    with pytest.warns(UserWarning, match=words):
        assert model.score(np.eye(4), y) == np.mean(model.predict(np.eye(4)) == y)
    for same in ([0, 1, 1, 0], [0.0, 1.0, 1.0, 0.0], [False, True, True, False]):
        model.score(np.eye(4), same)                         # without a warning


@pytest.mark.parametrize(("was", "now"), [
    pytest.param("uniform", "sum", id="brother-same-parameters"),
    pytest.param("network", "uniform", id="brother-fewer-parameters"),
    pytest.param("uniform", "network", id="brother-more-parameters"),
])  # fmt: skip
def test_what_was_fitted_stays_when_the_attention_is_changed(was, now, tmp_path):
    rows = Batch.from_lists([[0, 1, 2], [0, 2, 3], [1, 3, 4]])
    model = AFMRegressor(attention=was, std=0.3, epochs=30, random_state=0).fit(rows, [0.0, 1.0, 2.0])
    before = model.predict(rows), model.contributions(rows).a
    model.set_params(attention=now)
    np.testing.assert_array_equal(model.predict(rows), before[0])
    np.testing.assert_array_equal(model.contributions(rows).a, before[1])
    for use in (lambda: model.save(tmp_path / "m"), lambda: model.partial_fit(rows, [0.0, 1.0, 2.0])):
        with pytest.raises(ValueError, match="attention has changed, so training cannot go on; fit afresh"):
            use()
    model.set_params(attention=was).save(tmp_path / "m")
    again = AFMRegressor.load(tmp_path / "m")
    np.testing.assert_array_equal(again.set_params(attention=now).predict(rows), before[0])


def test_brother_a_class_that_weighs_nothing():
    X, y = np.eye(4), [0, 1, 1, 0]
    with pytest.raises(ValueError, match="the class 1 has no row of weight above 0"):
        FMClassifier(epochs=1).fit(X, y, sample_weight=[1, 0, 0, 1])
    model = FMClassifier().partial_fit(X, y, sample_weight=[1, 0, 0, 1])                # more rows may come
    assert model.classes_.tolist() == [0, 1]


def test_brother_a_truth_value_is_no_seed():
    with pytest.raises(ValueError, match="random_state must be None, a whole number of at least 0, or a generator"):
        FMRegressor(random_state=True).fit(np.eye(2), [0.0, 1.0])
