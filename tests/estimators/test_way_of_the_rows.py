"""The rows cross few borders on their way from `fit` to the first gradient, and none of them twice."""

import sys

import numpy as np
import pytest
from scipy import sparse

from afm_numpy import Batch
from afm_numpy.estimators import AFMClassifier, AFMRegressor, FMClassifier, FMRegressor

LOOKERS = {"_checks", "params", "dropout", "models"}  # they refuse rows, or read their sizes, and make no Batch of them


def calls_with_rows(model, X, y):
    """The calls that get the rows, X or a Batch, until the first gradient: pairs of a module and what came back.

    Methods of the rows, such as batch[...], do not count: the rows are where they were. The folders `batch` and `fast`
    count as one module each, because each has one door: the class Batch, and the functions of an engine.
    """
    calls, running = [], {}

    def watch(frame, event, result):
        code, module = frame.f_code, frame.f_globals.get("__name__", "")
        if event == "return" and frame in running:
            running.pop(frame)[1] = result
        if event != "call" or not module.startswith("afm_numpy."):
            return
        if code.co_name == "backward":
            sys.setprofile(None)
        arguments = code.co_varnames[: code.co_argcount]
        rows = [name for name in arguments if frame.f_locals[name] is X or isinstance(frame.f_locals[name], Batch)]
        if rows and rows[0] != "self":
            room, *rest = module.split(".")[1:]
            running[frame] = [room if room in ("batch", "fast") else ".".join([room, *rest]), None]
            calls.append(running[frame])

    sys.setprofile(watch)
    try:
        model.fit(X, y)
    finally:
        sys.setprofile(None)
    return calls


@pytest.mark.parametrize("make", [np.array, sparse.csr_array, Batch.from_dense])
@pytest.mark.parametrize("cls", [FMRegressor, FMClassifier, AFMRegressor, AFMClassifier])
def test_the_way_of_the_rows(cls, make):
    """Six modules hand the rows on. None is met again once it was left, but for the engine: it numbers all rows, the
    loop selects some of them, and then the two take turns.
    """
    X, y = make(np.eye(6) + 1.0), np.arange(6) % 2
    calls = calls_with_rows(cls(epochs=1, random_state=0), X, y)
    for module, result in calls:
        assert module not in LOOKERS or not isinstance(result, Batch), module
    way = [module for module, _ in calls if module not in LOOKERS]
    way = [module for at, module in enumerate(way) if at == 0 or module != way[at - 1]]
    want = ["estimators.base", "estimators.inputs", "batch", "train.fitting", "fast", "train.loop", "fast"]
    assert way == [module for module in want if module != "batch" or not isinstance(X, Batch)]
