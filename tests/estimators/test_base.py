"""Which rows an estimator trains on, in which order, with which targets; and what it keeps when a fit fails.

Most tests give every row a feature of its own: the weight w of that feature then tells what the row did.
"""

import copy
import tracemalloc
import warnings

import numpy as np
import pytest
from scipy import sparse

from afm_numpy import Batch, Model, losses, train
from afm_numpy.encode import TableEncoder
from afm_numpy.estimators import AFMClassifier, AFMRegressor, FMClassifier, FMRegressor
from afm_numpy.estimators.base import split

ALL = [FMRegressor, FMClassifier, AFMRegressor, AFMClassifier]
each = pytest.mark.parametrize("cls", ALL, ids=lambda cls: cls.__name__)
B = 60
OWN = Batch.from_lists([[i, B] for i in range(B)], n=B + 1)      # row i holds feature i; all rows hold feature B
REALS = np.random.default_rng(0).permutation(B) - 20.3
NAMES = np.array(["a", "b", "c"])[np.random.default_rng(1).integers(3, size=B)]
STEP = {"optimizer": "sgd", "lr": 1e-3, "epochs": 1, "batch_size": B, "std": 0.0, "l2": 0.0, "random_state": 0}


def target(cls):
    return REALS if cls in (FMRegressor, AFMRegressor) else NAMES


def own_weights(model):
    """(C, B) the weight w of each row's own feature, for each model."""
    return np.stack([params["w"][:B] for params in model.params_])


# ---- rows, targets and weights stay together -----------------------------------------------------------


@pytest.mark.parametrize("cls", [FMRegressor, AFMRegressor])
@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("stopping", [False, True])
def test_one_step_of_a_regressor_by_hand(cls, weighted, stopping):
    """w_i = -lr dL/dw_i, with L the weighted mean of (w0 - y)^2 over the rows that train."""
    weight = np.random.default_rng(2).permutation(B) + 1.0 if weighted else None
    model = cls(early_stopping=stopping, validation_fraction=0.25, **STEP).fit(OWN, REALS, weight)
    w, weight = own_weights(model)[0], np.ones(B) if weight is None else weight
    trained = w != 0
    assert trained.sum() == (45 if stopping else 60)
    weight = weight * trained
    mean = np.average(REALS, weights=weight)
    np.testing.assert_allclose(w, 2e-3 * weight * (REALS - mean) / weight.sum(), rtol=1e-9, atol=1e-15)


@pytest.mark.parametrize("cls", [FMClassifier, AFMClassifier])
@pytest.mark.parametrize("stopping", [False, True])
def test_one_step_of_a_classifier_by_hand(cls, stopping):
    """Each class against the others: dL/dw_i = (prob - y_i) / B, with prob the share of the class."""
    model = cls(early_stopping=stopping, validation_fraction=0.25, **STEP).fit(OWN, NAMES)
    w = own_weights(model)
    trained = w[0] != 0
    assert trained.sum() == (45 if stopping else 60)
    for c, name in enumerate("abc"):
        y = NAMES == name
        share = y[trained].mean()
        np.testing.assert_allclose(w[c][trained], 1e-3 * (y - share)[trained] / trained.sum(), rtol=1e-9, atol=1e-15)
        assert (w[c][~trained] == 0).all()


@each
def test_held_out_rows_are_not_trained_on(cls):
    """In no epoch, and not for the start: neither w0 nor the weights of the pairs know them."""
    options = STEP | {"epochs": 30, "batch_size": 7, "std": 0.1, "optimizer": "adam", "patience": 40}
    model = cls(early_stopping=True, validation_fraction=0.25, **options).fit(OWN, target(cls))
    held = np.flatnonzero((own_weights(model) == 0).all(axis=0))
    assert len(held) == 15
    changed = target(cls).copy()
    changed[held] = changed[np.roll(held, 1)] if cls in (FMRegressor, AFMRegressor) else changed[held]
    again = cls(early_stopping=True, validation_fraction=0.25, **options).fit(OWN, changed)
    for c, name in enumerate(again.params_):
        assert [r["loss"] for r in model.history_] == [r["loss"] for r in again.history_]
        assert np.array_equal(model.states_[c]["V"]["m"], again.states_[c]["V"]["m"])
        assert np.flatnonzero(again.params_[c]["w"] == 0).tolist() == held.tolist(), name


@each
def test_early_stopping_is_a_fit_of_train_with_validation_rows(cls):
    y = target(cls)
    model = cls(k=3, early_stopping=True, random_state=3, epochs=4, batch_size=16, lr=0.1).fit(OWN, y)
    split_rng, *rngs = [np.random.default_rng(seed) for seed in np.random.SeedSequence(3).spawn(1 + len(model.params_))]
    codes = np.searchsorted(["a", "b", "c"], NAMES) if cls in (FMClassifier, AFMClassifier) else np.zeros(B)
    fit, held = split(split_rng, codes, 0.1)
    for c, rng in enumerate(rngs):
        one, loss = ((codes == c) * 1.0, "logistic") if len(rngs) > 1 else (y, "squared")
        of = Model("fm") if cls in (FMRegressor, FMClassifier) else Model("afm")
        options = {} if of.kind == "fm" else {"t": 16, "p": 1.0}
        w0 = losses.best_constant(loss, one[fit])
        start = of.init_params(rng, OWN[fit], k=3, std=0.01, w0=w0, dtype=np.float64, **options)
        result = train.fit(
            of, start, OWN[fit], one[fit], rng=rng, loss=train.Objective(loss, l2={"w": 1e-4, "V": 1e-4}), epochs=4,
            batch_size=16, optimizer=model._optimizer, watch=train.Watch(valid=(OWN[held], one[held]), patience=4),
        )  # fmt: skip
        assert all(np.array_equal(model.params_[c][name], value) for name, value in result.params.items())


def test_the_seed_decides():
    def params(seed):
        return AFMRegressor(random_state=seed, epochs=2, keep=0.8, batch_size=16).fit(OWN, REALS).params_[0]

    one, same, other = params(0), params(0), params(1)
    assert all(np.array_equal(one[name], same[name]) for name in one)
    assert all(not np.array_equal(one[name], other[name]) for name in one)


@pytest.mark.parametrize("fraction", [0.1, 0.25, 0.5])
def test_split(fraction):
    strata = np.random.default_rng(0).permutation(np.repeat([0, 1, 2], [100, 40, 20]))
    fit, held = split(np.random.default_rng(0), strata, fraction)
    assert np.array_equal(np.sort(np.concatenate([fit, held])), np.arange(160))
    assert abs(np.bincount(strata[held]) - fraction * np.array([100, 40, 20])).max() < 1.01


# ---- labels --------------------------------------------------------------------------------------------


@pytest.mark.parametrize("labels", [
    pytest.param([-1, 1], id="P8-minus-and-plus-one"), pytest.param([-1.0, 1.0], id="P8-floats"),
    pytest.param([False, True], id="bool"), pytest.param(["no", "yes"], id="text"), pytest.param([0, 255], id="others"),
    pytest.param(np.array([2**63 + 1, 2**63 + 2], np.uint64).tolist(), id="S1-unsigned"),
])  # fmt: skip
@pytest.mark.parametrize("cls", [FMClassifier, AFMClassifier])
def test_labels_of_two_classes(cls, labels):
    zero_one = REALS > 0
    y = np.array(labels)[zero_one * 1]
    model, plain = cls(random_state=0, epochs=3).fit(OWN, y), cls(random_state=0, epochs=3).fit(OWN, zero_one)
    assert np.array_equal(model.decision_function(OWN), plain.decision_function(OWN))
    assert model.classes_.tolist() == labels and model.predict(OWN).dtype == y.dtype
    assert np.array_equal(model.predict(OWN), np.array(labels)[plain.predict(OWN) * 1])
    assert model.score(OWN, y) == plain.score(OWN, zero_one) == model.score(OWN, y.tolist())


@pytest.mark.parametrize("y", [
    pytest.param((REALS > 0).astype(int).astype(str), id="S9-text"), pytest.param(["yes"] * B, id="S9-words"),
    pytest.param((REALS > 0).astype("S1"), id="S9-bytes"),
    pytest.param((REALS > 0).astype(object).astype(str), id="S9-object"),
])  # fmt: skip
def test_a_score_refuses_labels_of_another_type(y):
    model = FMClassifier(epochs=1).fit(OWN, REALS > 0)
    with pytest.raises((TypeError, ValueError), match="y .*(the classes are False, True|labels; got)"):
        model.score(OWN, y)
    with pytest.raises((TypeError, ValueError), match="y .*(not one of the classes False, True|labels; got)"):
        model.partial_fit(OWN, y)
    text = FMClassifier(epochs=1).fit(OWN, NAMES)
    for numbers in (np.zeros(B), np.zeros(B, bool), [0] * B):
        with pytest.raises(ValueError, match="y holds .*; the classes are 'a', 'b', 'c'"):
            text.score(OWN, numbers)
    assert text.score(OWN, ["a"] * B) == np.mean(text.predict(OWN) == "a")


@pytest.mark.parametrize("weight", [
    pytest.param(np.ma.array(np.ones(B), mask=np.arange(B) == 3), id="S5-mask"),
    pytest.param(np.full(B, np.nan), id="S4-NaN"),
    pytest.param(-np.ones(B), id="negative"), pytest.param(np.ones((B, 1)), id="S3-shape"),
])  # fmt: skip
@pytest.mark.parametrize("cls", [FMRegressor, FMClassifier])
def test_weights_of_a_score_are_checked(cls, weight):
    model = cls(epochs=1).fit(OWN, target(cls))
    with pytest.raises((TypeError, ValueError), match="sample_weight|masked"):
        model.score(OWN, target(cls), weight)


@pytest.mark.parametrize("classes", [
    pytest.param(["a", "b"], id="S9-fewer"), pytest.param(["a", "b", "c", "d"], id="S9-more"),
    pytest.param(["a", "b", "b"], id="S9-twice"), pytest.param([0, 1, 2], id="S9-another-type"),
    pytest.param(["a", "b", "c", "c"], id="S9-one-twice"),
])  # fmt: skip
def test_later_classes_are_those_of_the_first_call(classes):
    for model in (FMClassifier().partial_fit(OWN, NAMES), FMClassifier(epochs=1).fit(OWN, NAMES)):
        before = copy.deepcopy(vars(model))
        with pytest.raises(ValueError, match="classes must be those of the first call, each once; got"):
            model.partial_fit(OWN, NAMES, classes=classes)
        assert model.n_iter_ == before["n_iter_"] and model.classes_.tolist() == ["a", "b", "c"]
        model.partial_fit(OWN, NAMES, classes=["c", "a", "b"])
        assert model.classes_.tolist() == ["a", "b", "c"]


def test_classes_of_the_first_call():
    with pytest.raises(ValueError, match="classes must be .* each once; got 0, 1, 1"):
        FMClassifier().partial_fit(OWN, REALS > 0, classes=[0, 1, 1])
    with pytest.raises(TypeError, match="masked values are not supported"):
        FMClassifier().partial_fit(OWN, REALS > 0, classes=np.ma.array([0, 1], mask=[0, 1]))
    with pytest.raises(ValueError, match="y holds (True|False) in row .*, which is not one of the classes 'a', 'b'"):
        FMClassifier().partial_fit(OWN, REALS > 0, classes=["a", "b"])


@pytest.mark.parametrize(("n_rows", "count", "said"), [
    pytest.param(30, 30, True, id="S10-ids"), pytest.param(30, 16, True, id="S10-more-than-half"),
    pytest.param(30, 15, False, id="half"), pytest.param(20, 20, False, id="few-rows"),
    pytest.param(900, 201, True, id="A10-201-classes"), pytest.param(900, 200, False, id="A10-200-classes"),
])  # fmt: skip
def test_very_many_classes_are_said(n_rows, count, said, monkeypatch):
    result = train.Result({"w": np.zeros(1)}, [{"epoch": 1, "loss": 0.0}], 1, train.Progress({}, {}))
    monkeypatch.setattr(train, "fit", lambda *args, **options: result)
    X, y = np.ones((n_rows, 1)), np.arange(n_rows) % count
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        FMClassifier().fit(X, y)
    assert bool(caught) == said
    if said:
        assert f"y holds {count} classes in {n_rows} rows, and each gets a model of its own" in str(caught[0].message)


def test_one_class_at_a_time(monkeypatch):
    """2,000 classes of 8,000 rows are 128 MB of targets, and as much of predictions."""
    result = train.Result({"w": np.zeros(1)}, [{"epoch": 1, "loss": 0.0}], 1, train.Progress({}, {}))
    monkeypatch.setattr(train, "fit", lambda *args, **options: result)
    monkeypatch.setattr(train, "predict", lambda model, params, batch: np.zeros(len(batch)))
    X, y = sparse.csr_array(np.ones((8000, 1))), np.arange(8000) % 2000
    model = FMClassifier(k=1)
    tracemalloc.start()
    try:
        with pytest.warns(UserWarning, match="y holds 2000 classes in 8000 rows"):
            model.fit(X, y)
        assert (model.predict(X) == 0).all()
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert len(model.params_) == 2000 and peak < 16 << 20


def test_ties_and_the_last_class():
    model = FMClassifier(epochs=1).fit(OWN, NAMES)
    for w0, best in (((0, 0, 0), "a"), ((0, 1, 1), "b"), ((0, 1, 2), "c"), ((3, 1, 2), "a")):
        model.params_ = [{"w0": np.array(float(v)), "w": np.zeros(B + 1), "V": np.zeros((B + 1, 8))} for v in w0]
        assert (model.predict(OWN) == best).all()
        assert (model.predict_proba(OWN).argmax(axis=1) == "abc".index(best)).all()


# ---- rows in messages are those that were given --------------------------------------------------------


def spoilt(values, row, value):
    values = values.astype(object if isinstance(value, str) else float)
    values[row] = value
    return values


@each
@pytest.mark.parametrize(("part", "value", "words"), [
    pytest.param("X", np.nan, "row 31, column 2: x is nan", id="P7-NaN"),
    pytest.param("X", 1e300, "row 31, column 2", id="P7-large"),
    pytest.param("X", 1e-300, "row 31, column 2", id="A3-small"), pytest.param("y", np.nan, "row 31", id="P7-target"),
    pytest.param("weight", -1.0, "row 31: sample_weight is -1.0", id="P7-weight"),
    pytest.param("weight", 1e300, "row 31: sample_weight is 1e", id="P7-large-weight"),
])  # fmt: skip
def test_rows_of_messages(cls, part, value, words):
    """Rows of weight 0 before it, held-out rows and shuffling do not change the number; float32 cannot hold 1e300."""
    dense, weight = np.zeros((B, 4)), np.ones(B)
    dense[:, 1], weight[:20] = 1.0, 0.0
    parts = {"X": dense, "y": target(cls), "weight": weight}
    if part == "X":
        parts["X"][31, 2] = value
    elif part == "y" and cls in (FMClassifier, AFMClassifier):
        parts["y"] = spoilt(parts["y"], 31, "x").tolist()
        parts["y"][31] = None
    else:
        parts[part] = spoilt(parts[part], 31, value)
    with pytest.raises((ValueError, TypeError), match=words):
        cls(early_stopping=True, dtype="float32").fit(*parts.values())


def test_rows_of_targets_that_float32_cannot_hold():
    for value in (1e300, 1e-300):
        with pytest.raises(ValueError, match=f"row 31: y is {value}".replace("+", r"\+")):
            FMRegressor(early_stopping=True, dtype="float32").fit(OWN, spoilt(REALS, 31, value))
    with pytest.raises(ValueError, match="y holds 'new' in row 31, which is not one of the classes 'a', 'b', 'c'"):
        FMClassifier().partial_fit(OWN, NAMES).partial_fit(OWN, spoilt(NAMES, 31, "new"))


# ---- a fit that fails changes nothing ------------------------------------------------------------------


@each
def test_a_failed_fit_leaves_the_estimator(cls):
    frame = pytest.importorskip("pandas").DataFrame(np.eye(B), columns=[f"c{i}" for i in range(B)])
    model = cls(epochs=2, random_state=0).fit(frame, target(cls))
    before = copy.deepcopy(vars(model))
    other = np.random.default_rng(0).normal(size=(B, 3)) * 10
    words = target(cls) if cls in (FMRegressor, AFMRegressor) else np.where(NAMES == "a", "x", "y")

    def divergent(warm):
        model.set_params(optimizer="sgd" if not warm else "adagrad", lr=1e200, warm_start=warm)
        model.fit(frame if warm else other, target(cls) if warm else words)

    failing = [
        lambda: divergent(False), lambda: divergent(True), lambda: model.fit(other, words[:5]),
        lambda: model.fit(other, words, -np.ones(B)), lambda: model.set_params(k=0).fit(other, words),
    ]  # fmt: skip
    for fail in failing:
        with pytest.raises((ValueError, train.Diverged)):
            fail()
        model.set_params(**{name: before[name] for name in model.get_params()})
        after = vars(model)
        assert after.keys() == before.keys() and after["n_iter_"] == 2 and after["n_features_in_"] == B
        assert after["feature_names_in_"].tolist() == before["feature_names_in_"].tolist()
        assert [r.bit_generator.state for r in model.rngs_] == [r.bit_generator.state for r in before["rngs_"]]
        for now, then in zip(model.params_, before["params_"], strict=True):
            assert all(np.array_equal(now[name], then[name]) for name in then)
        assert "classes_" not in before or after["classes_"].tolist() == before["classes_"].tolist()


def test_a_warm_start_refuses_another_attention_size():
    model = AFMRegressor(epochs=1, t=4, warm_start=True).fit(OWN, REALS)
    with pytest.raises(ValueError, match="k, t, dtype, optimizer or attention has changed"):
        model.set_params(t=8).fit(OWN, REALS)
    summed = AFMRegressor(epochs=1, t=4, attention="sum", warm_start=True).fit(OWN, REALS)
    assert summed.set_params(t=8).fit(OWN, REALS).n_iter_ == 2                # no array has that size


# ---- slots are fields or refused -----------------------------------------------------------------------

DENSE = np.random.default_rng(3).normal(size=(B, 4)) * (np.random.default_rng(4).random((B, 4)) < 0.7)
TABLE = {"a": ["x", "y", None] * 20, "b": np.arange(60.0), "c": ["u", "v"] * 30}
FIELDS = [
    pytest.param(lambda: DENSE, id="S6-dense"), pytest.param(lambda: DENSE.tolist(), id="S6-lists-of-columns"),
    pytest.param(lambda: pytest.importorskip("pandas").DataFrame(DENSE), id="S6-data-frame"),
    pytest.param(lambda: TableEncoder(scaling="standard").fit_transform(TABLE), id="S6-encoder"),
    pytest.param(lambda: Batch.from_padded(OWN.idx, n=B + 1), id="S6-padded"),
]  # fmt: skip
NO_FIELDS = [
    pytest.param(lambda: sparse.csr_array(DENSE), id="S6-CSR"),
    pytest.param(lambda: sparse.coo_matrix(DENSE), id="S6-COO"),
    pytest.param(lambda: Batch.from_dense(DENSE), id="S6-from_dense"), pytest.param(lambda: OWN, id="S6-from_lists"),
    pytest.param(lambda: Batch.from_scipy(sparse.csr_array(DENSE)), id="S6-from_scipy"),
    pytest.param(lambda: TableEncoder(sparse_output=True).fit_transform(TABLE), id="S6-encoder-with-sparse-output"),
]  # fmt: skip


@pytest.mark.parametrize("make", FIELDS)
def test_rows_whose_slots_are_fields(make):
    """A row alone, in any order, and beside others is the same row."""
    X = make()
    model = AFMRegressor(attention="field", random_state=0, std=0.1, early_stopping=True).fit(X, REALS / 30)
    y_hat = model.predict(X)
    order = np.random.default_rng(5).permutation(B)[:20]
    part = [X[i] for i in order] if isinstance(X, list) else X.iloc[order] if hasattr(X, "iloc") else X[order]
    np.testing.assert_allclose(model.predict(part), y_hat[order], rtol=1e-12)


@pytest.mark.parametrize("cls", [AFMRegressor, AFMClassifier])
@pytest.mark.parametrize("make", NO_FIELDS)
def test_rows_whose_slots_are_no_fields(cls, make):
    X, y, message = make(), target(cls), 'attention "field" .* do not say which slot is which field'
    with pytest.raises(ValueError, match=message):
        cls(attention="field").fit(X, y)
    assert cls(epochs=1).partial_fit(X, y).predict(X).shape == (B,)
    known = cls(attention="field").partial_fit(np.eye(B, X.shape[1]), y)
    label = () if cls is AFMRegressor else ("a",)
    for use in (lambda: known.predict(X), lambda: known.contributions(X, *label), lambda: known.partial_fit(X, y)):
        with pytest.raises(ValueError, match="field"):
            use()


def test_rows_of_fewer_slots():
    model = AFMRegressor(attention="field", epochs=1).fit(np.ones((B, 4)), REALS)
    with pytest.raises(ValueError, match="field"):
        model.predict(Batch.from_padded([[0, 1, 2]], n=4))


# ---- poor results are said -----------------------------------------------------------------------------


@pytest.mark.parametrize("cls", [FMRegressor, FMClassifier])
def test_a_fit_worse_than_a_constant_is_said(cls):
    """S10: an unscaled column. A stream says nothing, because it goes on."""
    column = np.linspace(0, 199_000, 200)[:, None]
    y = np.random.default_rng(1).normal(size=200)
    y = y if cls is FMRegressor else y > 0
    with pytest.warns(train.PoorFit, match="scale the columns"):
        cls(random_state=0).fit(column, y)
    cls(random_state=0).partial_fit(column, y)
    cls(random_state=0).fit(column / 199_000, y)
