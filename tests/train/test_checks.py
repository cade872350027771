"""What training refuses; the rest of it is tested through `train.fit` in test_fitting.py."""

import copy
import re

import numpy as np
import pytest

from afm_numpy import Batch, Model, optim, train
from afm_numpy.train.checks import check_state, training_rows, weights

BATCH, Y = Batch.from_lists([[0, 2], [1], [0, 1]], n=3), np.array([1.0, 0.0, 1.0])
MODEL = Model("fm")
PARAMS = MODEL.init_params(np.random.default_rng(0), BATCH, k=2, dtype=float)


def fit(**changes):
    given = {"params": PARAMS, "batch": BATCH, "y": Y, "rng": np.random.default_rng(0), "epochs": 1} | changes
    if "watch" not in given:
        given["watch"] = train.Watch(warn=False)
    return train.fit(MODEL, given.pop("params"), given.pop("batch"), given.pop("y"), **given)


@pytest.mark.parametrize("wrong, message", [
    ({"params": None}, "params must be a dict of arrays, or a Progress; got NoneType"),
    ({"batch": np.eye(3)}, "batch must be a Batch (Batch.from_dense makes one of an array); got ndarray"),
    ({"rng": 0}, "rng must be a numpy.random.Generator, such as numpy.random.default_rng(0); got int"),
    ({"watch": (BATCH, Y)}, "watch must be a Watch, such as Watch(valid=(batch, y), patience=4); got tuple"),
    ({"params": train.Progress(PARAMS, "adam")}, "state must be a dict, from Result.last or optim.init; got str"),
])  # fmt: skip
def test_arguments_of_a_wrong_type(wrong, message):
    with pytest.raises(TypeError, match=re.escape(message)):
        fit(**wrong)


def test_states_of_other_optimizers_and_other_parameters():
    state = optim.init(optim.Adagrad(), PARAMS)
    wide = optim.init(optim.Adagrad(), MODEL.init_params(np.random.default_rng(0), BATCH, k=5, dtype=float))
    afm = optim.init(optim.Adagrad(), Model("afm").init_params(np.random.default_rng(0), BATCH, k=2, t=2))
    single = optim.init(optim.Adagrad(), MODEL.init_params(np.random.default_rng(0), BATCH, k=2))
    missing = copy.deepcopy(state)
    del missing["V"]["acc"]
    for wrong, words in [
        (optim.init(optim.Adam(), PARAMS),
         "the state of w0 does not fit: it holds {m: float64 (), v: float64 ()}, Adagrad makes {acc: float64 ()}"),
        (optim.init(optim.SGD(), PARAMS), "of w0 does not fit: it holds {v: float64 ()}, Adagrad makes {acc:"),
        (wide, "it holds {acc: float64 (3, 5)}, Adagrad makes {acc: float64 (3, 2)}"),
        (afm, "state belongs to other parameters: it holds ['step', 'w0', 'w', 'V', 'p', 'W', 'b', 'h'], not"),
        (single, "it holds {acc: float32 ()}, Adagrad makes {acc: float64 ()}"),
        ({}, "it holds [], not ['step', 'w0', 'w', 'V']"),
        (missing, "the state of V does not fit: it holds {}, Adagrad makes {acc: float64 (3, 2)}"),
    ]:
        with pytest.raises(ValueError, match=re.escape(words)):
            fit(params=train.Progress(PARAMS, wrong))
    assert fit(params=train.Progress(PARAMS, state)).last.state["step"] == 1


@pytest.mark.parametrize("step", [pytest.param(step, id=f"brother-{step}") for step in (-3, 1.5, "3", None, True)])
def test_the_step_of_a_state_is_a_count(step):
    state = optim.init(optim.Adam(), PARAMS) | {"step": step}
    with pytest.raises(ValueError, match=f"the step of the state must be an integer of at least 0; got {step!r}"):
        fit(params=train.Progress(PARAMS, state), optimizer=optim.Adam())


def test_a_table_of_pairs_has_no_state():
    model = Model("afm", "free")
    params = model.init_params(np.random.default_rng(0), BATCH, k=2)
    check_state(optim.Adam(), params, optim.init(optim.Adam(), params))


def test_rows_get_the_dtype_of_the_parameters():
    params = {name: value.astype(np.float32) for name, value in PARAMS.items()}
    batch, y = training_rows(MODEL, params, BATCH, [1, 0, 1], "logistic")
    weight = weights("weight", [1, 2, 3], 3, np.float32)
    assert batch.x.dtype == y.dtype == weight.dtype == np.float32
    assert (y.tolist(), weight.tolist()) == ([1, 0, 1], [1, 2, 3])


@pytest.mark.parametrize("name, value, words", [
    pytest.param("V", np.full((3, 2), np.nan), "params['V'] holds a number that is NaN or infinite", id="brother-NaN"),
    pytest.param("w", np.zeros(3, np.float32), "params must have one dtype; 'w' is float32, and 'V' is float64",
                 id="brother-mixed"),
])  # fmt: skip
def test_parameters_that_cannot_be_trained(name, value, words):
    with pytest.raises((TypeError, ValueError), match=re.escape(words)):
        fit(params=PARAMS | {name: value})


@pytest.mark.parametrize("inner, words", [
    pytest.param(3, "the state of w must be a dict of arrays; got int", id="brother-number"),
    pytest.param({"acc": np.full(3, np.inf)}, "the state of w holds a number that is NaN or infinite",
                 id="brother-infinite"),
    pytest.param({"acc": None}, "it holds {}, Adagrad makes {acc: float64 (3,)}", id="brother-nothing"),
])  # fmt: skip
def test_states_that_hold_something_else(inner, words):
    state = optim.init(optim.Adagrad(), PARAMS) | {"w": inner}
    with pytest.raises((TypeError, ValueError), match=re.escape(words)):
        fit(params=train.Progress(PARAMS, state))


def test_brother_other_entries_of_the_parameters_are_left_alone():
    """Those of an AFM, or a note, beside the arrays of an FM."""
    result = fit(params=PARAMS | {"note": "of Monday", "p": np.ones(2)})
    assert result.params.keys() == PARAMS.keys()


def test_brother_a_model_is_no_name():
    for call in (lambda: train.fit("fm", PARAMS, BATCH, Y, rng=np.random.default_rng(0)),
                 lambda: train.predict("fm", PARAMS, BATCH)):  # fmt: skip
        with pytest.raises(TypeError, match="model must be a Model, such as .*; got str"):
            call()
    with pytest.raises(TypeError, match="params must be a dict of arrays, such as Result.params; got Result"):
        train.predict(MODEL, fit(), BATCH)
