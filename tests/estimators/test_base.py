"""What the estimators share: the same numbers as `train.fit`, with each row, target and weight where it belongs.

Many tests give every row a feature of its own: the weight w of that feature then tells what the row did.
"""

import copy
import dataclasses
import tracemalloc
import warnings

import numpy as np
import pytest
from scipy import sparse

from afm_numpy import Batch, Model, losses, optim, saving, train
from afm_numpy.datasets import make_interactions
from afm_numpy.encode import TableEncoder
from afm_numpy.estimators import AFMClassifier, AFMRegressor, FMClassifier, FMRegressor
from afm_numpy.estimators.base import split
from afm_numpy.saving import npz
from afm_numpy.train import fitting

ALL = [FMRegressor, FMClassifier, AFMRegressor, AFMClassifier]
each = pytest.mark.parametrize("cls", ALL, ids=lambda cls: cls.__name__)
B = 60
OWN = Batch.from_lists([[i, B] for i in range(B)], n=B + 1)      # row i holds feature i; all rows hold feature B
REALS = np.random.default_rng(0).permutation(B) - 20.3
NAMES = np.array(["a", "b", "c"])[np.random.default_rng(1).integers(3, size=B)]
STEP = {"optimizer": "sgd", "lr": 1e-3, "epochs": 1, "batch_size": B, "std": 0.0, "l2": 0.0, "random_state": 0}


REGRESSORS = [FMRegressor, AFMRegressor]
DATA = make_interactions(np.random.default_rng(0), 300, 4, 5, linear=0.5)
X, Y = DATA.batch, DATA.y
THREE = np.array(["low", "middle", "top"])[np.digitize(Y, [-0.5, 0.5])]


def target(cls, classes=2):
    """Targets for the rows of X."""
    return Y if cls in REGRESSORS else THREE if classes == 3 else Y > 0


def raw(model, X):
    return model.decision_function(X) if hasattr(model, "classes_") else model.predict(X)


def same(one, other):
    return all(np.array_equal(a[name], b[name]) for a, b in zip(one.params_, other.params_, strict=True) for name in a)


def frame_of(rows, **options):
    return pytest.importorskip("pandas").DataFrame(rows, **options)


def own(cls):
    """Targets for the rows of OWN."""
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
    model = cls(early_stopping=True, validation_fraction=0.25, **options).fit(OWN, own(cls))
    held = np.flatnonzero((own_weights(model) == 0).all(axis=0))
    assert len(held) == 15
    changed = own(cls).copy()
    changed[held] = changed[np.roll(held, 1)] if cls in (FMRegressor, AFMRegressor) else changed[held]
    again = cls(early_stopping=True, validation_fraction=0.25, **options).fit(OWN, changed)
    for c, name in enumerate(again.params_):
        assert [r["loss"] for r in model.history_] == [r["loss"] for r in again.history_]
        assert np.array_equal(model.states_[c]["V"]["m"], again.states_[c]["V"]["m"])
        assert np.flatnonzero(again.params_[c]["w"] == 0).tolist() == held.tolist(), name


@each
def test_early_stopping_is_a_fit_of_train_with_validation_rows(cls):
    y = own(cls)
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
    model = cls(epochs=1).fit(OWN, own(cls))
    with pytest.raises((TypeError, ValueError), match="sample_weight|masked"):
        model.score(OWN, own(cls), weight)


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
    monkeypatch.setattr(fitting, "run", lambda *args, **options: result)
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
    monkeypatch.setattr(fitting, "run", lambda *args, **options: result)
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
    parts = {"X": dense, "y": own(cls), "weight": weight}
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
    model = cls(epochs=2, random_state=0).fit(frame, own(cls))
    before = copy.deepcopy(vars(model))
    other = np.random.default_rng(0).normal(size=(B, 3)) * 10
    words = own(cls) if cls in (FMRegressor, AFMRegressor) else np.where(NAMES == "a", "x", "y")

    def divergent(warm):
        model.set_params(optimizer="sgd" if not warm else "adagrad", lr=1e200, warm_start=warm)
        model.fit(frame if warm else other, own(cls) if warm else words)

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
    with pytest.raises(ValueError, match="^k, t, dtype, optimizer or attention has changed, .* go on; fit afresh$"):
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
    X, y, message = make(), own(cls), 'attention "field" .* do not say which slot is which field'
    with pytest.raises(ValueError, match=message):
        cls(attention="field").fit(X, y)
    assert cls(epochs=1).partial_fit(X, y).predict(X).shape == (B,)
    known = cls(attention="field").partial_fit(np.eye(B, X.shape[1]), y)
    label = () if cls is AFMRegressor else ("a",)
    for use in (lambda: known.predict(X), lambda: known.contributions(X, *label), lambda: known.partial_fit(X, y)):
        with pytest.raises(ValueError, match=message):       # also where the number of slots is another
            use()


def test_rows_of_fewer_slots():
    model = AFMRegressor(attention="field", epochs=1).fit(np.ones((B, 4)), REALS)
    with pytest.raises(ValueError, match="field"):
        model.predict(Batch.from_padded([[0, 1, 2]], n=4))


# ---- poor results are said -----------------------------------------------------------------------------


@pytest.mark.parametrize("cls", [
    pytest.param(FMRegressor, id="S10-unscaled-column"), pytest.param(FMClassifier, id="S10-unscaled-and-classes"),
])  # fmt: skip
def test_a_fit_worse_than_a_constant_is_said(cls):
    """An unscaled column. A stream says nothing, because it goes on."""
    column = np.linspace(0, 199_000, 200)[:, None]
    y = np.random.default_rng(1).normal(size=200)
    y = y if cls is FMRegressor else y > 0
    with pytest.warns(train.PoorFit, match="scale the columns"):
        cls(random_state=0).fit(column, y)
    cls(random_state=0).partial_fit(column, y)
    cls(random_state=0).fit(column / 199_000, y)


# ---- parameters ----------------------------------------------------------------------------------------------


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
    ({"random_state": True}, "random_state must be None, a whole number of at least 0, or a generator; got True"),
    ({"random_state": False}, "random_state must be None, a whole number of at least 0, or a generator; got False"),
    ({"random_state": np.True_}, "random_state must be None, a whole number of at least 0, or a generator; got .*True"),
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


def test_random_states():
    def V(random_state):
        return FMRegressor(epochs=1, random_state=random_state).fit(X, Y).params_[0]["V"]

    assert np.array_equal(V(3), V(3)) and not np.array_equal(V(3), V(4)) and not np.array_equal(V(None), V(None))
    for make in (np.random.RandomState, np.random.default_rng):
        one, other = make(0), make(0)
        assert np.array_equal(V(one), V(other)) and not np.array_equal(V(one), V(make(0)))


# ---- going on ------------------------------------------------------------------------------------------------


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


# ---- explanations --------------------------------------------------------------------------------------------


@each
def test_contributions_add_up_to_the_prediction(cls):
    model = cls(random_state=0, epochs=2).fit(X, target(cls))
    parts = model.contributions(X)
    total = parts.bias + parts.linear.sum(axis=1) + parts.pair.sum(axis=1)
    assert np.allclose(total, raw(model, X), rtol=1e-12, atol=1e-12)


@each
def test_contributions_need_a_model_and_its_features(cls):
    with pytest.raises(ValueError, match=f"this {cls.__name__} is not fitted yet; call fit first"):
        cls().contributions(X)
    with pytest.raises(ValueError, match="features"):
        cls(random_state=0, epochs=1).fit(np.eye(3), [0, 1, 0]).contributions(np.eye(4))


def test_the_first_class_that_weighs_nothing_is_named():
    with pytest.raises(ValueError, match="^the class 'low' has no row of weight above 0$"):
        FMClassifier(epochs=1).fit(X, THREE, sample_weight=np.where(THREE == "middle", 1.0, 0.0))


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


# ---- files ---------------------------------------------------------------------------------------------------


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


def test_an_encoder_of_another_size_is_not_saved(tmp_path):
    encoder = TableEncoder(scaling="none").fit({"a": [1.0, 2.0]})
    for estimator in FMRegressor(epochs=1), AFMRegressor(epochs=1):
        estimator.fit(np.eye(3), [0.0, 1.0, 2.0])
        with pytest.raises(ValueError, match="^the encoder has 2 features, but the model 3$"):
            estimator.save(tmp_path / "model.npz", encoder=encoder)
    assert not list(tmp_path.iterdir())


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


# ---- what reaches training -----------------------------------------------------------------------------


@pytest.mark.parametrize(("rows", "steps"), [(64, 1), (65, 2), (300, 5), (6400, 64), (6463, 65), (32832, 65)])
def test_the_usual_size_of_a_batch(rows, steps):
    """A 64th of the rows, between 64 and 512."""
    model = FMRegressor(k=1, epochs=1, lr=1e-9).fit(np.ones((rows, 1)), np.arange(rows) / rows)
    assert model.states_[0]["step"] == steps


def test_seeds_of_generators():
    """A generator gives four words of 32 bits; they are a seed like any other."""
    for make, draw in ((np.random.RandomState, "randint"), (np.random.default_rng, "integers")):
        words = getattr(make(5), draw)(2**32, size=4, dtype=np.uint32)
        one, other = (FMRegressor(random_state=seed, epochs=1).fit(X, Y) for seed in (make(5), words))
        assert same(one, other)


@each
def test_the_type_of_the_numbers(cls):
    for dtype in ("float32", np.float64, "f4"):
        model = cls(dtype=dtype, epochs=1).fit(X, target(cls))
        assert {value.dtype for name, value in model.params_[0].items()} == {np.dtype(dtype)}
        assert raw(model, X).dtype == raw(model, np.ones((2, 20))).dtype == dtype


def test_the_second_of_two_classes_is_the_one_with_a_positive_logit():
    y = np.where(REALS > 0, "yes", "no")
    w = own_weights(FMClassifier(**STEP).fit(OWN, y))[0]
    assert np.array_equal(w > 0, y == "yes") and (w != 0).all()


def test_progress_is_shown_when_wanted(capsys):
    FMRegressor(epochs=2).fit(X, Y)
    assert capsys.readouterr().err == ""
    FMRegressor(epochs=2, verbose=True).fit(X, Y)
    assert capsys.readouterr().err.startswith("epoch 1 of 2: loss ")


@pytest.mark.parametrize("patience", [1, 3])
def test_patience(patience):
    model = FMRegressor(early_stopping=True, patience=patience, epochs=60, lr=0.5, random_state=0).fit(X, Y)
    valid = [row["valid_loss"] for row in model.history_]
    assert len(valid) < 60 and np.argmin(valid) == len(valid) - 1 - patience


def test_names_are_those_of_the_last_fit():
    frame = frame_of(np.ones((4, 2)), columns=["a", "b"])
    model = FMRegressor(epochs=1, random_state=0, lr=1e-3).fit(frame, np.arange(4.0))
    assert model.feature_names_in_.tolist() == ["a", "b"]
    assert not hasattr(model.fit(np.ones((4, 2)), np.arange(4.0)), "feature_names_in_")
    assert model.fit(frame, np.arange(4.0)).partial_fit(frame, np.arange(4.0)).feature_names_in_.tolist() == ["a", "b"]


def test_rows_of_a_fitted_estimator():
    model = AFMRegressor(epochs=1, random_state=0, lr=1e-3).fit(np.ones((4, 2)), np.arange(4.0))
    assert model.predict(Batch.from_lists([[0]], n=1)).shape == (1,)         # ids of a smaller file
    with pytest.raises(ValueError, match="a minimum of 1 is required by AFMRegressor"):
        model.predict(np.zeros((0, 2)))
    with pytest.raises(ValueError, match="a minimum of 1 is required by FMClassifier"):
        FMClassifier().fit(np.zeros((0, 2)), [])


@pytest.mark.parametrize("fraction", [1.0, 1.5, 0.0, -0.5, 0.001, np.inf])
def test_fractions_that_leave_no_rows(fraction):
    with pytest.raises(ValueError, match="validation_fraction"):
        FMRegressor(early_stopping=True, validation_fraction=fraction).fit(X, Y)


def test_the_first_row_of_a_class_is_trained_on():
    """The row before it is held out in its place."""
    strata = np.repeat([0, 1], 3)
    fit, held = split(np.random.default_rng(0), strata, 0.5)
    assert len(held) == 3 and sorted(strata[fit].tolist()) in ([0, 1, 1], [0, 0, 1])
    fit, held = split(np.random.default_rng(0), np.repeat([0, 1], [30, 1]), 0.4)
    assert 30 in fit and len(held) == 12


def test_numbers_that_do_not_fit_are_refused_with_their_column():
    model = FMRegressor(dtype="float32", epochs=1, random_state=0, lr=1e-3).fit(np.ones((4, 3)), np.arange(4.0))
    message = r"does not fit: row 0, column 1: x is 1e\+300; it must be a finite float32 number$"
    with pytest.raises(ValueError, match=message):
        model.predict([[1.0, 1e300, 1.0]])


def test_what_a_fit_leaves_behind():
    three, two = (FMClassifier(epochs=2, random_state=0, lr=1e-3).fit(X, y) for y in (THREE, Y > 0))
    assert [row["class"] for row in three.history_] == ["low", "low", "middle", "middle", "top", "top"]
    assert all("class" not in row for row in two.history_)
    two.partial_fit(Batch.from_lists([[0], [1]], n=2), [True, False])
    assert two.n_features_in_ == 20


def test_targets_have_the_type_of_the_numbers(monkeypatch):
    seen, run = [], fitting.run
    monkeypatch.setattr(fitting, "run", lambda *args, **options: seen.append(args[3].dtype) or run(*args, **options))
    FMClassifier(dtype="float32", epochs=1, random_state=0, lr=1e-3).fit(X, THREE)
    assert seen == [np.float32] * 3


@pytest.mark.parametrize("name, value", [
    *((name, value) for name in ("epochs", "patience", "batch_size") for value in (2.5, "3", -1)),
    *((name, value) for name in ("early_stopping", "warm_start", "verbose") for value in ("yes", 0.5, None)),
])  # fmt: skip
def test_wrong_parameters_are_not_saved(name, value, tmp_path):
    model = FMRegressor(epochs=1, random_state=0, lr=1e-3).fit(X, Y).set_params(**{name: value})
    with pytest.raises((TypeError, ValueError), match=f"^{name} must be"):
        model.save(tmp_path / "model.npz")
    assert not list(tmp_path.iterdir())


@each
def test_every_answer_wants_the_features_of_fit(cls):
    model = cls(epochs=1, random_state=0, lr=1e-3).fit(X, target(cls))
    for ask in "predict", "decision_function", "predict_proba", "contributions", "explain":
        if hasattr(model, ask):
            for n in 7, 21:
                with pytest.raises(ValueError, match=f"^X has {n} features, but {cls.__name__} is expecting 20 feat"):
                    getattr(model, ask)(np.ones((2, n)))
            with pytest.raises(ValueError, match=f"this {cls.__name__} is not fitted yet; call fit first"):
                getattr(cls(), ask)(np.ones((2, 20)))


def test_ten_pairs_are_explained(capsys):
    rows = np.linspace(0.5, 2, 24).reshape(4, 6)                            # 15 pairs
    model = AFMRegressor(epochs=1, random_state=0, lr=1e-3).fit(rows, np.arange(4.0))
    printed = []
    for options in ({}, {"top": 10}, {"top": 11}):
        model.explain(rows, **options)
        printed.append(capsys.readouterr().out)
    assert printed[0] == printed[1] != printed[2]


def test_rows_of_one_stratum_stay_in_the_order_of_the_draw():
    drawn = np.random.default_rng(0).permutation(300)
    strata = np.arange(300) % 2
    fit, held = split(np.random.default_rng(0), strata, 0.25)
    at = np.argsort(drawn)
    for rows in (fit, held):
        assert (np.diff(strata[rows]) >= 0).all()
        assert all((np.diff(at[rows[strata[rows] == stratum]]) > 0).all() for stratum in (0, 1))


def test_explanations_of_a_row_of_a_class(capsys):
    model = AFMClassifier(epochs=1, random_state=0).fit(X, THREE)
    printed = []
    for options in ({}, {"row": 1}, {"top": 2}, {"names": [f"f{i}" for i in range(20)]}, {"label": "top"}):
        model.explain(X, **{"label": "low"} | options)
        printed.append(capsys.readouterr().out)
    assert len(set(printed)) == 5 and "f" in printed[3]
    model.explain(X, 0, label="low")
    assert capsys.readouterr().out == printed[0] and len(printed[2].splitlines()) < len(printed[0].splitlines())
    with pytest.raises(ValueError, match=r"^label must be one of the classes, \['low', 'middle', 'top'\]; got 'lo'$"):
        model.contributions(X, "lo")
    with pytest.raises(ValueError, match="^label is for more than two classes; got 'low'$"):
        AFMRegressor(epochs=1).fit(X, Y).contributions(X, "low")


@pytest.mark.parametrize("label", [True, np.True_])
def test_true_is_not_class_1(label):
    model = FMClassifier(epochs=1).fit(np.eye(3), [0, 1, 2])
    with pytest.raises(ValueError, match=r"^label must be one of the classes, \[0, 1, 2\]; got (np\.)?True_?$"):
        model.contributions(np.eye(3), label=label)


@each
@pytest.mark.parametrize("early_stopping", [False, True])
def test_rows_keep_their_targets_and_weights_and_held_out_rows_do_not_train(cls, early_stopping, monkeypatch):
    """Row i has feature i alone, so that it is known wherever it goes."""
    seen, run = [], fitting.run
    monkeypatch.setattr(fitting, "run", lambda *args, **options: seen.append((args, options)) or run(*args, **options))
    B = 40
    y = np.arange(B) * 7 % 2 if cls not in REGRESSORS else np.arange(B) / B
    weight = 1.0 + np.arange(B)
    model = cls(epochs=1, early_stopping=early_stopping, validation_fraction=0.25, random_state=0)
    model.fit(Batch.from_padded(np.arange(B)[:, None]), y, sample_weight=weight)
    ((_, _, batch, part_y), options), = seen
    rows, valid = batch.idx[:, 0], options["watch"].valid
    np.testing.assert_array_equal(part_y, y[rows])
    np.testing.assert_array_equal(options["goal"].weight, weight[rows])
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


def poor_rows():
    """Rows with a column that is far too large."""
    return np.hstack([X.padded(X.values), np.linspace(1, 199_000, len(X))[:, None]])


@pytest.mark.parametrize("use", [
    lambda model, frame: model.fit(frame, [[0], [1]] * 20), lambda model, frame: model.fit(frame, np.arange(40)),
    lambda model, frame: model.partial_fit(np.ones((40, 2)), [0, 1] * 20),
    lambda model, frame: model.predict(np.ones((40, 2))),
    lambda model, frame: FMClassifier(epochs=3, random_state=0).fit(poor_rows(), THREE),
])  # fmt: skip
def test_warnings_point_to_the_call(use):
    frame = frame_of(np.ones((40, 2)), columns=["a", "b"])
    model = FMClassifier(epochs=1, random_state=0).fit(frame, [0, 1] * 20)
    with pytest.warns(UserWarning, match="column-vector|feature names|classes|scale the columns") as caught:
        use(model, frame)
    assert caught[0].filename == __file__


def test_a_poor_fit_is_said_once_for_all_classes():
    with pytest.warns(train.PoorFit, match="scale the columns") as said:
        FMClassifier(epochs=3, random_state=0).fit(poor_rows(), THREE)
    assert len(said) == 1
    FMClassifier(random_state=0).partial_fit(poor_rows(), THREE)              # training goes on: nothing is said
