"""Exercises of 09_porting.ipynb: nested lists and `math`, as a port would have them."""

import math
from collections.abc import Callable
from itertools import pairwise
from typing import Any

import numpy as np

from afm_numpy._types import Array
from afm_numpy.conformance import load_case
from afm_numpy.losses import sigmoid

from .exercise import Exercise
from .steps import Steps, changed

__all__ = ["EXERCISES"]


def _right_if(right: Callable[..., Any]) -> Callable[..., Any]:
    """The list of right(got, want, tol) for each pair of numbers."""
    return lambda got, want, tol: [right(a, b, tol) for a, b in zip(got, want, strict=True)]


def _halves(formula: Callable[..., Any]) -> Callable[..., Any]:
    """formula(sum of the entries, sum of their squares) for every row and factor."""
    return lambda rows, k: [
        [formula(sum(e[f] for e in row), sum(e[f] * e[f] for e in row)) for f in range(k)] for row in rows
    ]


def _summed(V: Any, ids: list[int], grads: Any) -> Array:
    """(n, k): all gradients of a row added."""
    total = np.zeros(np.shape(V))
    np.add.at(total, ids, grads)
    return total


def _last(V: Any, ids: list[int], grads: Any) -> Array:
    total = np.zeros(np.shape(V))
    total[ids] = grads
    return total


def _loss(loss: Callable[..., Any]) -> Callable[..., Any]:
    """loss(z, t, s) of each row with output z, label t and probability s."""
    return lambda y_hat, y, prob: [loss(z, t, s) for z, t, s in zip(y_hat, y, prob, strict=True)]


def _clipped(clip: float) -> Callable[..., Any]:
    return lambda y_hat: np.clip(sigmoid(np.array(y_hat)), clip, 1 - clip)
right_numbers = _right_if(lambda a, b, tol: abs(a - b) <= tol)
FM_POOLED = Steps(
    "emb active_ptr k", "pooled",
    rows=lambda emb, active_ptr: [emb[start:end] for start, end in pairwise(active_ptr)],
    pooled=_halves(lambda s, q: (s * s - q) / 2),
)  # fmt: skip
ADAGRAD = Steps(
    "V acc ids grads lr eps", "new_V new_acc",
    total=_summed,
    squares=lambda total: total**2,
    new_acc=lambda acc, squares: np.asarray(acc) + squares,
    root=lambda new_acc, eps: np.sqrt(new_acc) + eps,
    new_V=lambda V, lr, total, root: np.asarray(V) - lr * total / root,
)  # fmt: skip
LOGISTIC = Steps(
    "y_hat y", "prob loss_rows d_y_hat",
    prob=lambda y_hat: sigmoid(np.array(y_hat)),
    loss_rows=_loss(lambda z, t, s: (1 - t) * max(z, 0) + t * max(-z, 0) + math.log1p(math.exp(-abs(z)))),
    d_rows=lambda prob, y: prob - np.array(y),
    d_y_hat=lambda d_rows: d_rows / len(d_rows),
)  # fmt: skip


def _one_by_one(V: Any, acc: Any, ids: list[int], grads: Any, lr: float, eps: float) -> tuple[Any, Any]:
    """One step of Adagrad for each contribution."""
    for i, g in zip(ids, grads, strict=True):
        V, acc = ADAGRAD(V, acc, [i], [g], lr, eps)
    return V, acc


_INF = math.inf
_V = [[0.3, -0.2, 0.9], [1.1, 0.4, -0.5], [-0.7, 0.6, 0.2], [0.8, -1.3, 0.1]]
_ACC = [[0.1, 0.2, 0.3], [0.4, 0.1, 0.2], [0.3, 0.3, 0.1], [0.2, 0.1, 0.4]]
_GRADS = [[0.5, -0.4, 0.3], [0.2, 0.7, -0.6], [0.9, 0.1, 0.8], [-0.3, 0.6, 0.4], [0.7, -0.8, 0.2]]
_NUMBERS = [
    ([1.0, math.nan, 2.015, -3.0, _INF, 0.999, 120.0, 1.004, 1.0, 0.132, 5.05],
     [1.0, 1.0, 2.0, 3.0, 1.0, 1.0, 100.0, 1.006, _INF, 0.125, 5.0], 0.01),
    ([_INF, -_INF, _INF, 1.5, 1.0, -2.25, 1002.0, 0.375, 1e10 + 2, 7.0, -9.0, math.nan],
     [_INF, -_INF, -_INF, 1.0, 1.5, -2.75, 1000.0, 0.125, 1e10, 7.0, 9.0, math.nan], 0.5),
]  # fmt: skip
_MADE_BY = {1: "d_score", 2: "d_score", 3: "d_pre", 6: "d_emb", 7: "d_emb", 8: "g_V", 9: "g_h"}
_WHY = {1: "is right: look at a tensor that is wrong by itself", 0: "follows from a wrong tensor: report that one, too"}
_LINES = {at: f"line {at} makes {name}, which {_WHY[at not in (6, 7, 8)]}" for at, name in _MADE_BY.items()}
_LINES[4] = "line 4 does what step 8 does: it is right, although the tensor that it helps to make is not"
_LINES |= {0: "lines are counted from 1", 10: "the last line is 9"}
_FM = [load_case(number) for number in ("30", "31")]
_LOSS = [load_case(number) for number in ("15", "16")]
_CLIPS = (1e-5, 1e-6, 1e-7, 1e-8, 1e-9, 1e-10, 1e-12, 1e-15, 1e-16, math.exp(-100), 1e-300)

EXERCISES = {
    "09.1": Exercise(right_numbers, _NUMBERS, ("result",), {
        "NaN passes, because a comparison with it is never true": _right_if(lambda a, b, tol: not abs(a - b) > tol),
        "a number that is far too small passes: take the size of the difference": _right_if(
            lambda a, b, tol: a - b <= tol),
        "the question was which numbers are right, not which are wrong": _right_if(
            lambda a, b, tol: not abs(a - b) <= tol),
        "True and False are exchanged, but for NaN": _right_if(lambda a, b, tol: abs(a - b) > tol),
        "infinity passes where infinity is wanted": _right_if(lambda a, b, tol: abs(a - b) <= tol or a == b),
        "a number that is off by exactly tol is still right": _right_if(lambda a, b, tol: abs(a - b) < tol),
        "these are the differences: compare them with tol": _right_if(lambda a, b, tol: abs(a - b)),
        "twice tol is too much": _right_if(lambda a, b, tol: abs(a - b) <= 2 * tol),
        "a number that is too small by exactly tol is still right": _right_if(lambda a, b, tol: b - tol < a <= b + tol),
        "the difference is squared, tol is not": _right_if(lambda a, b, tol: (a - b) ** 2 <= tol),
        "a number may be too large as well": _right_if(lambda a, b, tol: 0 <= b - a <= tol),
        "NaN is never right, not even where NaN is wanted": _right_if(lambda a, b, tol: abs(a - b) <= tol or (a != a and b != b)),
        "the answer for the first number stands for all": lambda got, want, tol: (
            [abs(got[0] - want[0]) <= tol] * len(got)),
        "tol is not relative: it is not multiplied by the number": _right_if(
            lambda a, b, tol: abs(a - b) <= tol * abs(b)),
        "tol does not grow with the number": _right_if(lambda a, b, tol: abs(a - b) <= tol * max(1, abs(b))),
        "math.isclose has a relative tolerance as well, 1e-9 unless told otherwise": _right_if(
            lambda a, b, tol: math.isclose(a, b, abs_tol=tol)),
        "only equal numbers are right here: a number may be off by tol": _right_if(lambda a, b, tol: a == b),
        "rounded first: close numbers may be rounded to different ones": _right_if(
            lambda a, b, tol: round(a, 2) == round(b, 2)),
        "one answer for all numbers: give a list": lambda got, want, tol: all(right_numbers(got, want, tol)),
    }),
    "09.2": Exercise(
        FM_POOLED, [(*(case["expect"][name] for name in ("emb", "active_ptr")), case["config"]["k"]) for case in _FM],
        mistakes={
            "the half is missing": changed(FM_POOLED, pooled=_halves(lambda s, q: s * s - q)),
            "the half is for the whole bracket, not for its first term only": changed(
                FM_POOLED, pooled=_halves(lambda s, q: s * s / 2 - q)),
            "the squares are not subtracted: a feature is paired with itself": changed(
                FM_POOLED, pooled=_halves(lambda s, q: s * s / 2)),
            "the squares are added, not subtracted, or a feature is paired with itself": changed(FM_POOLED, pooled=_halves(lambda s, q: (s * s + q) / 2)),
            "the sum is not squared": changed(FM_POOLED, pooled=_halves(lambda s, q: (s - q) / 2)),
            "the end of a row is not in the row": changed(
                FM_POOLED, rows=lambda emb, active_ptr: [emb[a : b + 1] for a, b in pairwise(active_ptr)]),
            "the last of each row is left out: a slice ends before its end": changed(
                FM_POOLED, rows=lambda emb, active_ptr: [emb[a : b - 1] for a, b in pairwise(active_ptr)]),
            "the pointer behind a row is a place, not its length": changed(
                FM_POOLED, rows=lambda emb, active_ptr: [emb[a : a + b] for a, b in pairwise(active_ptr)]),
            "the first of each row is left out": changed(
                FM_POOLED, rows=lambda emb, active_ptr: [emb[a + 1 : b] for a, b in pairwise(active_ptr)]),
            "divided by the number of features of the row": lambda emb, active_ptr, k: [
                [value / max(end - start, 1) for value in row]
                for row, (start, end) in zip(FM_POOLED(emb, active_ptr, k), pairwise(active_ptr), strict=True)],
            "an entry may be negative: no absolute value": changed(FM_POOLED, pooled=_halves(lambda s, q: abs(s * s - q) / 2)),
            "this is the sum of the entries": changed(FM_POOLED, pooled=_halves(lambda s, q: s)),
            "only neighbours: every two meet": changed(FM_POOLED, pooled=lambda rows, k: [
                [sum(a[f] * b[f] for a, b in pairwise(row)) for f in range(k)] for row in rows]),
            "the last row is missing: its end is the last pointer": changed(
                FM_POOLED, active_ptr=lambda active_ptr: active_ptr[:-1]),
            "summed over the whole batch, not over each row": changed(
                FM_POOLED, rows=lambda emb, active_ptr: [emb for _ in active_ptr[1:]]),
            "the half stands inside the square": changed(FM_POOLED, pooled=_halves(lambda s, q: (s / 2) ** 2 - q / 2)),
            "the empty row is an empty list: it has k numbers, too": lambda emb, active_ptr, k: [
                row if start < end else []
                for row, (start, end) in zip(FM_POOLED(emb, active_ptr, k), pairwise(active_ptr), strict=True)],
            "an empty row is left out: it has k numbers, too": changed(
                FM_POOLED, active_ptr=lambda active_ptr: sorted(set(active_ptr))),
        }),
    "09.3": Exercise(
        ADAGRAD, [(_V, _ACC, [2, 0, 2, 3, 2], _GRADS, 0.1, 0.05), (_V, _ACC, [1, 1, 0], _GRADS[:3], 0.3, 0.01)],
        keeps=True,
        mistakes={
            "only the last gradient of a repeated id is kept": changed(ADAGRAD, total=_last),
            "each contribution is squared by itself: first add up": changed(
                ADAGRAD, squares=lambda V, ids, grads: _summed(V, ids, np.square(grads))),
            "the sign of the step: it goes up the slope": changed(ADAGRAD, lr=lambda lr: -lr),
            "only the rows that occur: all rows are asked for": lambda V, acc, ids, *rest: tuple(
                value[sorted(set(ids))] for value in ADAGRAD(V, acc, ids, *rest)),
            "the mean of all gradients for each id: every id has its own": changed(
                ADAGRAD, total=lambda V, ids, grads: _last(V, ids, np.mean(grads, axis=0))),
            "the first gradient of a repeated id is kept: add them all": changed(
                ADAGRAD, total=lambda V, ids, grads: _last(V, ids[::-1], grads[::-1])),
            "the square is added twice": changed(ADAGRAD, squares=lambda total: 2 * total**2),
            "the gradient is not squared": changed(ADAGRAD, squares=lambda total: np.abs(total)),
            "the mean of the gradients of an id: its complete gradient is their sum": changed(
                ADAGRAD, total=lambda V, ids, grads: (
                    _summed(V, ids, grads) / np.maximum(np.bincount(ids, minlength=len(V)), 1)[:, None])),
            "eps is missing": changed(ADAGRAD, eps=lambda: 0.0),
            "lr is missing": changed(ADAGRAD, lr=lambda: 1.0),
            "new_V and new_acc are exchanged": lambda *args: ADAGRAD(*args)[::-1],
            "eps stands inside the root": changed(ADAGRAD, root=lambda new_acc, eps: np.sqrt(new_acc + eps)),
            "the root is that of the accumulator before the addition": changed(
                ADAGRAD, root=lambda acc, eps: np.sqrt(acc) + eps),
            "the root is missing": changed(ADAGRAD, root=lambda new_acc, eps: new_acc + eps),
            "the old accumulator is lost: the square is added to it": changed(
                ADAGRAD, new_acc=lambda acc, squares: np.where(squares > 0, squares, acc)),
            "not divided by the root: that is plain SGD": changed(ADAGRAD, root=lambda: 1.0),
            "one step for each contribution: add up first, then make one step": _one_by_one,
        }),
    "09.4": Exercise(5, names=("wrong_line",), mistakes={text: line for line, text in _LINES.items()}),
    "09.5": Exercise(
        LOGISTIC, [
            *((case["expect"]["y_hat"], case["batches"][0]["y"]) for case in _LOSS), ([-36.0, -38.0], [0.0, 0.0])], mistakes={
            "log(1 + u) loses the digits of a tiny u: log1p keeps them": changed(
                LOGISTIC, loss_rows=_loss(lambda z, t, s: max(z, 0) + math.log(1 + math.exp(-abs(z))) - t * z)),
            **{f"the probability is clipped at {clip:g}: it may be smaller": changed(LOGISTIC, prob=_clipped(clip))
               for clip in (1e-5, 1e-6, 1e-7, 1e-8, 1e-9, 1e-10, 1e-12, 1e-15)},
            "z is clipped at 30: the loss of 800 is not that of 30": changed(
                LOGISTIC, prob=lambda y_hat: sigmoid(np.clip(y_hat, -30, 30)),
                loss_rows=_loss(lambda z, t, s: math.log1p(math.exp(min(max(z, -30), 30))) - t * z)),
            "labels are 0 and 1 here, not -1 and 1": changed(
                LOGISTIC, loss_rows=_loss(lambda z, t, s: max(-z * t, 0) + math.log1p(math.exp(-abs(z * t))))),
            **{f"the probability is clipped inside the logarithm, at {clip:.3g}": changed(
                   LOGISTIC, loss_rows=_loss(lambda z, t, s, clip=clip: -math.log(max(s if t else 1 - s, clip))))
               for clip in _CLIPS},
            **{f"the probability is clipped inside the logarithm, at {clip} and 1 - {clip}": changed(
                   LOGISTIC, loss_rows=_loss(
                       lambda z, t, s, clip=clip: -math.log(max(s, clip) if t else 1 - min(s, 1 - clip))))
               for clip in (1e-15, 1e-16)},
            "math.exp of a large number overflows: notebook 02 has forms that do not": changed(
                LOGISTIC, prob=lambda y_hat: [1 / (1 + math.exp(-z)) for z in y_hat]),
            "the logarithm of 0: notebook 02 has a form of the loss that never takes it": changed(
                LOGISTIC, loss_rows=_loss(lambda z, t, s: -math.log(s if t else 1 - s))),
            "max(z, 0) is missing in the loss": changed(
                LOGISTIC, loss_rows=_loss(lambda z, t, s: math.log1p(math.exp(-abs(z))) - t * z)),
            "for z < 0 the exponent in the loss is positive, or |z| stands where max(z, 0) belongs": changed(
                LOGISTIC, loss_rows=_loss(lambda z, t, s: max(z, 0) - t * z + math.log1p(math.exp(-z)))),
            "for z > 0 the exponent in the loss is positive": changed(
                LOGISTIC, loss_rows=_loss(lambda z, t, s: max(z, 0) - t * z + math.log1p(math.exp(z)))),
            "the sign of y z in the loss": changed(
                LOGISTIC, loss_rows=_loss(lambda z, t, s: max(z, 0) + t * z + math.log1p(math.exp(-abs(z))))),
            "the mean over the rows: loss_rows has the loss of each row": lambda *args: tuple(
                np.mean(value) if at == 1 else value for at, value in enumerate(LOGISTIC(*args))),
            "the factor 2 belongs to the squared loss": changed(
                LOGISTIC, d_y_hat=lambda d_rows: 2 * d_rows / len(d_rows)),
            "divided by 2, not by the number of rows": changed(LOGISTIC, d_y_hat=lambda d_rows: d_rows / 2),
            "not divided by B": changed(LOGISTIC, d_y_hat=lambda d_rows: d_rows),
            "the labels are exchanged in the gradient": changed(LOGISTIC, d_rows=lambda prob, y: prob - (1 - np.array(y))),
            "tanh in the place of the sigmoid": changed(LOGISTIC, prob=lambda y_hat: np.tanh(y_hat)),
            "the sigmoid is missing in the gradient": changed(LOGISTIC, d_rows=lambda y_hat, y: np.subtract(y_hat, y)),
            "y z is missing in the loss": changed(
                LOGISTIC, loss_rows=_loss(lambda z, t, s: max(z, 0) + math.log1p(math.exp(-abs(z))))),
            "this is the probability of the other class": lambda *args: (1 - LOGISTIC(*args)[0], *LOGISTIC(*args)[1:]),
            "1/B belongs to the gradient of the mean; loss_rows has the loss of each row": lambda y_hat, y: tuple(
                np.divide(value, len(y) if at == 1 else 1) for at, value in enumerate(LOGISTIC(y_hat, y))),
            "the slope of the sigmoid is too much: it cancels": changed(
                LOGISTIC, d_rows=lambda prob, y: (prob - np.array(y)) * prob * (1 - prob)),
        }, same=lambda value, name: (                                     # tiny ones count, too
            np.where(np.abs(value) < 1e-9, (1e16 if name == "loss_rows" else 3e7) * np.asarray(value), value))),
}  # fmt: skip
