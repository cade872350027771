"""What training refuses; the rest of it is tested through `train.fit` in test_train.py."""

import copy
import re

import numpy as np
import pytest

from afm_numpy import Batch, Model, optim, train
from afm_numpy._fit_checks import check_state, training_rows

BATCH, Y = Batch.from_lists([[0, 2], [1], [0, 1]], n=3), np.array([1.0, 0.0, 1.0])
MODEL = Model("fm")
PARAMS = MODEL.init_params(np.random.default_rng(0), BATCH, k=2, dtype=float)


def fit(**changes):
    given = {"params": PARAMS, "batch": BATCH, "y": Y, "rng": np.random.default_rng(0), "epochs": 1} | changes
    return train.fit(MODEL, given.pop("params"), given.pop("batch"), given.pop("y"), **given)


@pytest.mark.parametrize("wrong, message", [
    ({"params": None}, "params must be a dict of arrays; got NoneType"),
    ({"batch": np.eye(3)}, "batch must be a Batch (Batch.from_dense makes one of an array); got ndarray"),
    ({"rng": 0}, "rng must be a numpy.random.Generator, such as numpy.random.default_rng(0); got int"),
    ({"keep": 0.5}, 'keep must be a dict, such as {"pooled": 0.5}; got float'),
    ({"l2": 0.1}, 'l2 must be a dict, such as {"V": 1e-4}; got float'),
    ({"report": "auc", "valid": (BATCH, Y)}, "report must be a list of metrics; got the text 'auc'"),
    ({"valid": BATCH}, "valid must be a pair (batch, y); got Batch"),
    ({"valid": (np.eye(3), Y)}, "the first part of valid must be a Batch; got ndarray"),
    ({"callback": 3}, "callback must be a function; got int"),
    ({"state": "adam"}, "state must be a dict, from Result.state or optim.init; got str"),
])  # fmt: skip
def test_arguments_of_a_wrong_type(wrong, message):
    with pytest.raises(TypeError, match=re.escape(message)):
        fit(**wrong)


def test_states_of_other_optimizers_and_other_parameters():
    state = optim.init(optim.Adagrad(), PARAMS)
    wide = optim.init(optim.Adagrad(), MODEL.init_params(np.random.default_rng(0), BATCH, k=5))
    afm = optim.init(optim.Adagrad(), Model("afm").init_params(np.random.default_rng(0), BATCH, k=2, t=2))
    missing = copy.deepcopy(state)
    del missing["V"]["acc"]
    for wrong, words in [
        (optim.init(optim.Adam(), PARAMS), "it has m, v of w0, not acc"),
        (optim.init(optim.SGD(), PARAMS), "it has v of w0, not acc"),
        (wide, "its acc of V has shape (3, 5), not (3, 2)"),
        (afm, "it holds step, w0, w, V, p, W, b, h, not step, w0, w, V"),
        ({}, "it holds nothing, not step, w0, w, V"),
        (missing, "it has nothing of V, not acc"),
    ]:
        with pytest.raises(ValueError, match=re.escape(f"state was not made by Adagrad for these parameters: {words}")):
            fit(state=wrong)
    assert fit(state=state).state["step"] == 1


def test_a_table_of_pairs_has_no_state():
    model = Model("afm", "free")
    params = model.init_params(np.random.default_rng(0), BATCH, k=2)
    check_state(optim.Adam(), params, optim.init(optim.Adam(), params))


def test_rows_get_the_dtype_of_the_parameters():
    params = {name: value.astype(np.float32) for name, value in PARAMS.items()}
    batch, y, weight = training_rows(MODEL, params, BATCH, [1, 0, 1], "logistic", [1, 2, 3])
    assert batch.x.dtype == y.dtype == weight.dtype == np.float32
    assert (y.tolist(), weight.tolist()) == ([1, 0, 1], [1, 2, 3])
