"""Predictions of many rows, and metrics of them."""

import math
import re

import numpy as np
import pytest
from training import AFM, DENSE, FM, LOSSES, problem, start

from afm_numpy import Batch, metrics
from afm_numpy.train import evaluate, predict

BATCH, TARGETS, _ = problem(loss="logistic")
WIDE = Batch.from_lists([[0, 8]], n=9)


@pytest.mark.parametrize("model", [FM, AFM], ids=["fm", "afm"])
@pytest.mark.parametrize("chunk", [1, 3, 10, 11, np.int64(4)])
def test_chunks_make_no_difference(model, chunk):
    batch, y, _ = problem()
    params = start(model, batch)
    want = model.forward(params, batch)[0]
    np.testing.assert_allclose(predict(model, params, batch, chunk=chunk), want, rtol=1e-14)
    np.testing.assert_allclose(predict(model, params, batch), want, rtol=1e-14)


def test_predict_works_in_the_dtype_of_the_parameters():
    batch, _, _ = problem()
    for dtype in (np.float32, np.float64, np.complex128):
        params = {name: value.astype(dtype) for name, value in start(DENSE, batch).items()}
        assert predict(DENSE, params, batch).dtype == dtype
        assert predict(DENSE, params, batch[:0]).dtype == dtype and predict(DENSE, params, batch[:0]).shape == (0,)


def test_predict_refused():
    params = start(FM, BATCH)
    for chunk in (0, -1, 2.0):
        with pytest.raises(ValueError, match=f"chunk must be an integer of at least 1; got {chunk}"):
            predict(FM, params, BATCH, chunk=chunk)
    with pytest.raises(ValueError, match="params lacks 'V'; it needs w0, w, V"):
        predict(FM, {"w0": params["w0"], "w": params["w"]}, BATCH)
    with pytest.raises(ValueError, match="the batch has n = 9 features, but w and V have only 7 rows"):
        predict(FM, params, WIDE)


@pytest.mark.parametrize("loss", LOSSES)
def test_evaluate_is_the_metrics_of_the_predictions(loss):
    batch, y, _ = problem(loss=loss)
    params = start(AFM, batch)
    y_hat = predict(AFM, params, batch)
    want = {name: metrics.get(name).of(y, y_hat) for name in metrics.of(loss)}
    assert evaluate(AFM, params, batch, y.tolist(), loss=loss) == want
    for name, value in want.items():
        assert evaluate(AFM, params, batch, y, [name], loss=loss) == {name: value}


def test_evaluate_leaves_out_a_metric_that_does_not_exist():
    params = start(FM, BATCH)
    with pytest.warns(metrics.UndefinedMetric, match="every row has the label 1, so there is no AUC") as said:
        assert list(evaluate(FM, params, BATCH, np.ones(10), loss="logistic")) == ["log_loss", "accuracy"]
    assert len(said) == 1


def test_evaluate_refused():
    params = start(FM, BATCH)
    with pytest.raises(TypeError, match="names must be a list of names of metrics; got str"):
        evaluate(FM, params, BATCH, TARGETS, "auc")
    with pytest.raises(TypeError, match=re.escape("batch must be a Batch (Batch.from_dense makes one of an array)")):
        evaluate(FM, params, np.eye(10), TARGETS, ["rmse"])
    with pytest.raises(ValueError, match=re.escape("y must have one value for each of the 10 rows; got shape (9,)")):
        evaluate(FM, params, BATCH, TARGETS[:9], ["rmse"])
    with pytest.raises(ValueError, match="unknown metric 'f1'"):
        evaluate(FM, params, BATCH, TARGETS, ["f1"])
    with pytest.raises(ValueError, match="unknown loss 'hinge'"):
        evaluate(FM, params, BATCH, TARGETS, loss="hinge")
    with pytest.raises(ValueError, match="row 0: y is nan"):
        evaluate(FM, params, BATCH, np.full(10, math.nan), ["mae"])
    with pytest.raises(ValueError, match="log_loss is for models of the logistic loss; this one has the squared loss"):
        evaluate(FM, params, BATCH, TARGETS, ["log_loss"])
