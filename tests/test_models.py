"""Model: a name stands for functions, and an unknown name is refused. The engines are compared in their own tests."""

import dataclasses
from functools import partial

import numpy as np
import pytest

from afm_numpy import Batch, Model, afm, dropout, fm, train
from afm_numpy.dropout import Dropout
from afm_numpy.fast import afm_once_per_pair
from afm_numpy.models import ENGINES, KINDS
from afm_numpy.params import ATTENTION, FM_SHAPES, afm_shapes, check_params, pair_bytes
from afm_numpy.rowgrad import RowGrad

BATCH = Batch.from_lists([[0, 1, 2], [1, 3], [4]], [[1.0, 0.5, 2.0], [1.0, -1.0], [3.0]], n=5, slots_are_fields=True)
MODELS = [Model("fm"), *(Model("afm", attention) for attention in ATTENTION)]
models = pytest.mark.parametrize("model", MODELS, ids=lambda model: f"{model.kind}-{model.attention}")
engines = pytest.mark.parametrize("engine", ENGINES)


def literal(model):
    """The functions of fm.py or afm.py that the model stands for."""
    if model.kind == "fm":
        return fm.forward, fm.backward
    return partial(afm.forward, attention=model.attention), afm.backward


def start(model):
    return model.init_params(np.random.default_rng(0), BATCH, k=2, t=4, std=1.0, dtype=float)


@models
@engines
@pytest.mark.parametrize("dropped", [False, True])
def test_forward_and_backward_are_those_of_the_kind(model, engine, dropped):
    model = dataclasses.replace(model, engine=engine)
    drop = Dropout(pooled=np.array([[0.0, 2.0], [2.0, 0.0], [2.0, 2.0]])) if dropped else Dropout()
    params, (forward, backward) = start(model), literal(model)
    want, want_cache = forward(params, BATCH, drop=drop)
    for batch in (BATCH, model.prepare(BATCH)):
        y_hat, cache = model.forward(params, batch, drop=drop)
        np.testing.assert_allclose(y_hat, want, rtol=1e-13, atol=1e-14)
        for with_dx in (False, True):
            grads = model.backward(np.array([1.0, -2.0, 3.0]), cache, with_dx=with_dx)
            want_grads = backward(np.array([1.0, -2.0, 3.0]), want_cache, with_dx=with_dx)
            assert grads.keys() == want_grads.keys()
            assert grads.keys() - {"x"} == model.shapes.keys() - {"pairs"} and ("x" in grads) == with_dx
            for name, grad in grads.items():
                other = want_grads[name]
                if isinstance(grad, RowGrad):
                    assert grad.rows.tolist() == other.rows.tolist()
                    grad, other = grad.values, other.values
                np.testing.assert_allclose(grad, other, rtol=1e-12, atol=1e-13, err_msg=name)


@models
def test_dropout_is_left_out_by_default(model):
    params = start(model)
    np.testing.assert_array_equal(model.forward(params, BATCH)[0], model.forward(params, BATCH, drop=Dropout())[0])


@models
@engines
@pytest.mark.parametrize("chunk", [1, 2, 3, 4096])
def test_predict_is_forward_in_chunks(model, engine, chunk):
    model = dataclasses.replace(model, engine=engine)
    params = start(model)
    want = literal(model)[0](params, BATCH)[0]
    for batch in (BATCH, model.prepare(BATCH)):
        np.testing.assert_allclose(model.predict(params, batch, chunk=chunk), want, rtol=1e-13, atol=1e-14)
        none = model.predict(params, batch[:0], chunk=chunk)
        assert none.shape == (0,) and none.dtype == params["V"].dtype


@models
def test_initial_parameters_fit_the_batch(model):
    assert model.shapes == (FM_SHAPES if model.kind == "fm" else afm_shapes(model.attention))
    params = start(model)
    sizes = check_params(params, model.shapes, n=5, k=2)
    assert params.keys() == model.shapes.keys()
    assert sizes | {"n": 5, "k": 2, "P": 3, "t": 4, "F": 4} == {"n": 5, "k": 2, "P": 3, "t": 4, "F": 4}
    if model.attention == "free" and model.kind == "afm":
        np.testing.assert_array_equal(params["pairs"], BATCH.distinct_pairs())


def test_options_of_the_initial_parameters():
    rng = np.random.default_rng(0)
    params = Model("fm").init_params(rng, BATCH, w0=0.5)
    assert params["V"].shape == (5, 8) and params["V"].dtype == np.float32 and params["w0"] == 0.5
    params = Model().init_params(rng, BATCH, p=7.0, dtype=np.float64)
    assert params["W"].shape == (8, 16) and params["p"].tolist() == [7.0] * 8 and params["p"].dtype == np.float64


def test_the_same_generator_gives_the_same_parameters():
    one, same = (Model().init_params(np.random.default_rng(3), BATCH) for _ in range(2))
    assert all(one[name].tobytes() == same[name].tobytes() for name in one)


def test_prepare_keeps_the_rows():
    assert Model(engine="dense").prepare(BATCH) is BATCH
    for kind in KINDS:
        prepared = Model(kind).prepare(BATCH)
        for batch, want in ((prepared, BATCH), (prepared[[2, 0]], BATCH[[2, 0]])):
            np.testing.assert_array_equal(batch.idx, want.idx)
            np.testing.assert_array_equal(batch.x, want.x)


def test_defaults_and_equality():
    assert Model() == Model("afm", attention="network") and Model() != Model("fm")
    assert len({Model(), Model(), Model("fm")}) == 2
    with pytest.raises(dataclasses.FrozenInstanceError):
        Model().kind = "fm"


@pytest.mark.parametrize("settings, message", [
    ({"kind": "mlp"}, "unknown kind 'mlp'; choose from fm, afm"),
    ({"attention": "softmax"}, "unknown attention 'softmax'; choose from sum, uniform, free, field, network"),
    ({"kind": "fm", "attention": "softmax"}, "unknown attention 'softmax'"),
    ({"engine": "gpu"}, "unknown engine 'gpu'; choose from "),
])  # fmt: skip
def test_unknown_names_are_refused(settings, message):
    with pytest.raises(ValueError, match=message):
        Model(**settings)


def test_from_fm_takes_the_pairs_and_slots_of_the_batch():
    batch = Batch.from_lists([[0, 1, 2], [1, 3]], n=4, slots_are_fields=True)
    fm_params = Model("fm").init_params(np.random.default_rng(0), batch, k=2, std=1.0)
    params = Model("afm", "free").from_fm(fm_params, np.random.default_rng(1), batch)
    assert (params["pairs"] == batch.distinct_pairs()).all() and (params["V"] == fm_params["V"]).all()
    assert Model("afm", "field").from_fm(fm_params, np.random.default_rng(1), batch)["field"].shape == (3,)
    with pytest.raises(ValueError, match="from_fm starts an AFM"):
        Model("fm").from_fm(fm_params, np.random.default_rng(1), batch)


# ---- rows that do not fit ------------------------------------------------------------------------------


def test_weights_of_fields_need_rows_that_say_which_slot_is_which():
    closed, told = (Batch.from_lists([[0, 1], [2, 3]], n=4, slots_are_fields=told) for told in (False, True))
    for engine in ENGINES:
        model, rng = Model("afm", "field", engine), np.random.default_rng(0)
        params = model.init_params(rng, told, k=2)
        for refused in (
            lambda model=model, rng=rng: model.init_params(rng, closed),
            lambda model=model, params=params: model.forward(params, closed),
            lambda model=model, params=params: model.predict(params, closed),
        ):
            with pytest.raises(ValueError, match="these rows do not say which slot is which field"):
                refused()
        assert model.predict(params, told).shape == (2,)


def test_p_starts_at_the_mean_number_of_pairs():
    """One long row does not make it large."""
    rows = [[0, 1, 2]] * 9 + [list(range(21))]
    ragged, rng = Batch.from_lists(rows, n=21), np.random.default_rng(0)
    for attention in ("network", "uniform"):
        assert set(Model("afm", attention).init_params(rng, ragged)["p"]) == {np.float32((9 * 3 + 210) / 10)}
        fm_params = Model("fm").init_params(rng, ragged)
        assert set(Model("afm", attention).from_fm(fm_params, rng, ragged)["p"]) == {np.float32((9 * 3 + 210) / 10)}
        assert set(Model("afm", attention).init_params(rng, ragged, p=2.0)["p"]) == {2}
    assert set(Model("afm", "sum").init_params(rng, ragged)["p"]) == {1}
    assert set(Model("afm").init_params(rng, Batch.from_lists([[0], []], n=1))["p"]) == {1}


@pytest.mark.parametrize("engine", ENGINES)
def test_a_row_with_too_many_pairs_is_refused_before_anything_is_made(engine):
    batch, rng = Batch.from_lists([[0, 1], np.arange(20_000)]), np.random.default_rng(0)
    model = Model("afm", engine=engine)
    params, message = model.init_params(rng, batch, k=2), r"[1-3]99,9[89]0,00[01] pairs of features need about"
    with pytest.raises(ValueError, match=message):
        model.forward(params, batch)
    with pytest.raises(ValueError, match="pairs of features need about"):
        model.predict(params, batch)
    with pytest.raises(ValueError, match=message):
        train.fit(model, params, batch, np.zeros(2), rng=rng)
    with pytest.raises(ValueError, match="pairs of features need about"):            # its masks are not drawn either
        train.fit(model, params, batch, np.zeros(2), rng=rng, loss=train.Objective(keep={"pooled": 0.5}))


def test_the_dense_engine_predicts_fewer_rows_at_a_time_when_they_are_long(monkeypatch):
    batch, rng, seen = Batch.from_lists([np.arange(30)] * 7, n=30), np.random.default_rng(0), []
    model = Model("afm", engine="dense")
    params, forward = model.init_params(rng, batch, k=2, t=2), model.forward
    monkeypatch.setattr("afm_numpy.models.MOST", 3 * 30**2 // 2 * pair_bytes(params, model.shapes))
    monkeypatch.setattr(Model, "forward", lambda self, p, rows: seen.append(len(rows)) or forward(p, rows))
    whole = Model("afm").predict(params, batch)
    np.testing.assert_allclose(model.predict(params, batch), whole, rtol=1e-5)
    assert seen == [3, 3, 1]


@pytest.mark.parametrize("function", [
    pytest.param(afm.forward, id="brother-forward"),
    pytest.param(afm_once_per_pair.forward, id="brother-forward-of-the-engine"),
    pytest.param(afm_once_per_pair.predict, id="brother-predict-of-the-engine"),
])  # fmt: skip
def test_the_functions_under_a_model_ask_for_fields_too(function):
    closed, told = (Batch.from_lists([[0, 1], [2, 3]], n=4, slots_are_fields=told) for told in (False, True))
    params = Model("afm", "field").init_params(np.random.default_rng(0), told, k=2)
    function(params, told, attention="field")
    with pytest.raises(ValueError, match="these rows do not say which slot is which field"):
        function(params, closed, attention="field")


@pytest.mark.parametrize("name", [pytest.param(name, id=f"brother-{name}") for name in ("w0", "w", "V")])
def test_masked_parameters_are_refused(name):
    batch = Batch.from_lists([[0, 1]], n=2)
    params = Model("fm").init_params(np.random.default_rng(0), batch, k=2)
    params[name] = np.ma.masked_all_like(params[name])
    with pytest.raises(TypeError, match="masked values are not supported"):
        Model("fm").predict(params, batch)


@pytest.mark.parametrize("options, words", [
    pytest.param({"std": 1e300}, "row 0, factor 0: V is .*; it must be a finite float32", id="brother-large-std"),
    pytest.param({"std": 1e-60}, "row 0, factor 0: V is .*; it must not be so small", id="brother-small-std"),
    pytest.param({"p": 1e300}, "p is 1e.*; it must be a finite float32 number", id="brother-large-p"),
])  # fmt: skip
def test_initial_parameters_fit_into_their_dtype(options, words):
    with pytest.raises(ValueError, match=words):
        Model("afm").init_params(np.random.default_rng(0), Batch.from_lists([[0, 1]]), k=2, **options)


def test_brother_dropout_wants_a_generator():
    with pytest.raises(TypeError, match="rng must be a numpy.random.Generator, such as .*; got int"):
        dropout.draw(0, Batch.from_lists([[0, 1]]), 2, {"pooled": 0.5})


@models
@engines
@pytest.mark.parametrize("dy_hat, words", [
    pytest.param(np.ones(1), r"each of the 3 rows; got shape \(1,\)", id="brother-one-for-all-rows"),
    pytest.param(np.ones((3, 1)), r"each of the 3 rows; got shape \(3, 1\)", id="brother-column"),
    pytest.param([1.0, 1.0, 1.0], "dy_hat must be an array; got list", id="brother-list"),
    pytest.param(1.0, "dy_hat must be an array; got float", id="brother-number"),
    pytest.param(np.ma.array([1.0, 1.0, 1.0], mask=[0, 1, 0]), "masked values are not", id="brother-mask"),
])  # fmt: skip
def test_upstream_gradients_of_another_shape_are_not_spread(model, engine, dy_hat, words):
    model = dataclasses.replace(model, engine=engine)
    cache = model.forward(start(model), BATCH)[1]
    with pytest.raises((TypeError, ValueError), match=words):
        model.backward(dy_hat, cache)


@models
@engines
def test_brother_masks_come_in_a_dropout(model, engine):
    with pytest.raises(TypeError, match="drop must be a Dropout, such as dropout.draw makes; got dict"):
        dataclasses.replace(model, engine=engine).forward(start(model), BATCH, drop={"pooled": np.ones((3, 2))})


def test_brother_initial_parameters_of_an_array_and_of_empty_rows():
    with pytest.raises(TypeError, match="batch must be a Batch .*; got ndarray"):
        Model("fm").init_params(np.random.default_rng(0), np.eye(2))
    empty = Batch.from_lists([[], []], n=2)
    for model in MODELS:
        params = model.init_params(np.random.default_rng(0), dataclasses.replace(empty, slots_are_fields=True), k=2)
        assert (model.predict(params, dataclasses.replace(empty, slots_are_fields=True)) == 0).all()
