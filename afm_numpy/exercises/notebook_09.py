"""Exercises of 09_porting.ipynb: nested lists and `math`, as a port would have them."""

import math
from collections.abc import Callable, Sequence
from functools import partial
from itertools import pairwise
from typing import Any

from ..conformance import load_case
from . import Exercise

__all__ = ["EXERCISES"]

Floats = list[float]
Rows = list[list[float]]
Three = tuple[Floats, Floats, Floats]


def _expected(number: str, *names: str) -> list[Any]:
    return [load_case(number)["expect"][name] for name in names]


def right_numbers(got: Floats, want: Floats, tol: float) -> list[bool]:
    return [abs(a - b) <= tol for a, b in zip(got, want, strict=True)]


def fm_pooled(emb: Rows, active_ptr: Sequence[int], k: int, *, half: float = 0.5, own: float = 0.5, power: int = 2,
              all_rows: bool = False, more: int = 0) -> Rows:
    """The right stage for the defaults."""
    result = []
    for start, end in zip(active_ptr[:-1], active_ptr[1:], strict=True):
        columns = [[e[f] for e in (emb if all_rows else emb[start : end + more])] for f in range(k)]
        result.append([half * sum(e) ** power - own * sum(z * z for z in e) for e in columns])
    return result


def adagrad_rows(V: Rows, acc: Rows, ids: list[int], grads: Rows, lr: float, eps: float, *, summed: bool = True,
                 squared_sum: bool = True, inside: bool = False, old: bool = False,
                 kept: float = 1.0, power: float = 0.5) -> tuple[Rows, Rows]:
    """The right step for the defaults."""
    total: dict[int, Floats] = {}
    squares: dict[int, Floats] = {}
    for i, g in zip(ids, grads, strict=True):
        total[i] = [a + b for a, b in zip(total.get(i, [0.0] * len(g)), g, strict=True)] if summed else g
        squares[i] = [a + b * b for a, b in zip(squares.get(i, [0.0] * len(g)), g, strict=True)]
    new_V, new_acc = [list(row) for row in V], [list(row) for row in acc]
    for i, g in total.items():
        added = [z * z for z in g] if squared_sum else squares[i]
        new_acc[i] = [kept * a + z for a, z in zip(acc[i], added, strict=True)]
        used = acc[i] if old else new_acc[i]
        roots = [math.sqrt(a + eps) if inside else a**power + eps for a in used]
        new_V[i] = [v - lr * z / root for v, z, root in zip(V[i], g, roots, strict=True)]
    return new_V, new_acc


def logistic(y_hat: Floats, y: Floats, *, mean: bool = True, gate: bool = True, clip: float = 0.0) -> Three:
    """The right loss for the defaults."""
    prob = [1 / (1 + math.exp(-z)) if z >= 0 else math.exp(z) / (1 + math.exp(z)) for z in y_hat]
    both = list(zip(y_hat, y, strict=True))
    loss_rows = [(1 - t) * max(z, 0) + t * max(-z, 0) + math.log1p(math.exp(-abs(z))) for z, t in both]
    if clip:
        loss_rows = [-math.log(max(s if t else 1 - s, clip)) for s, t in zip(prob, y, strict=True)]
    share = len(y) if mean else 1
    return prob, loss_rows, [((s if gate else z) - t) / share for s, (z, t) in zip(prob, both, strict=True)]


def _other_loss(loss: Callable[..., Any]) -> Callable[..., Any]:
    """Right, but for the loss of a row with output z, label t and probability s, which is loss(z, t, s)."""
    def wrong(y_hat: Floats, y: Floats) -> Three:
        prob, _, d_y_hat = logistic(y_hat, y)
        return prob, [loss(z, t, s) for z, t, s in zip(y_hat, y, prob, strict=True)], d_y_hat

    return wrong


def _plain_exp(y_hat: Floats, y: Floats) -> Three:
    return [1 / (1 + math.exp(-z)) for z in y_hat], *logistic(y_hat, y)[1:]


def _mean_loss(y_hat: Floats, y: Floats) -> tuple[Floats, float, Floats]:
    prob, loss_rows, d_y_hat = logistic(y_hat, y)
    return prob, sum(loss_rows) / len(y), d_y_hat


def _signed(y_hat: Floats, y: Floats) -> Three:
    """Labels taken as -1 and 1."""
    prob, _, d_y_hat = logistic(y_hat, y)
    loss_rows = [max(-z * t, 0) + math.log1p(math.exp(-abs(z * t))) for z, t in zip(y_hat, y, strict=True)]
    return prob, loss_rows, d_y_hat


def _other_class(y_hat: Floats, y: Floats) -> Three:
    prob, loss_rows, d_y_hat = logistic(y_hat, y)
    return [1 - s for s in prob], loss_rows, d_y_hat


def _without_yz(y_hat: Floats, y: Floats) -> Three:
    prob, _, d_y_hat = logistic(y_hat, y)
    return prob, logistic(y_hat, [0.0] * len(y))[1], d_y_hat


def _half(y_hat: Floats, y: Floats) -> Three:
    prob, loss_rows, d_y_hat = logistic(y_hat, y, mean=False)
    return prob, loss_rows, [d / 2 for d in d_y_hat]


def _divided_rows(y_hat: Floats, y: Floats) -> Three:
    prob, loss_rows, d_y_hat = logistic(y_hat, y)
    return prob, [z / len(y) for z in loss_rows], d_y_hat


def _sloped(y_hat: Floats, y: Floats) -> Three:
    prob, loss_rows, d_y_hat = logistic(y_hat, y)
    return prob, loss_rows, [d * s * (1 - s) for d, s in zip(d_y_hat, prob, strict=True)]


def _one_by_one(
    V: Rows, acc: Rows, ids: list[int], grads: Rows, lr: float, eps: float
) -> tuple[Rows, Rows]:
    """One step of Adagrad for each contribution."""
    for i, g in zip(ids, grads, strict=True):
        V, acc = adagrad_rows(V, acc, [i], [g], lr, eps)
    return V, acc


def _plain_sgd(
    V: Rows, acc: Rows, ids: list[int], grads: Rows, lr: float, eps: float
) -> tuple[Rows, Rows]:
    """Gradient steps of plain SGD on the rows."""
    new_V, (_, new_acc) = [list(row) for row in V], adagrad_rows(V, acc, ids, grads, lr, eps)
    for i, g in zip(ids, grads, strict=True):
        new_V[i] = [v - lr * z for v, z in zip(new_V[i], g, strict=True)]
    return new_V, new_acc


def _right_if(right: Callable[..., Any]) -> Callable[..., Any]:
    """The list of right(got, want, tol) for each pair of numbers."""
    return lambda got, want, tol: [right(a, b, tol) for a, b in zip(got, want, strict=True)]


_INF = math.inf
_V = [[0.3, -0.2, 0.9], [1.1, 0.4, -0.5], [-0.7, 0.6, 0.2], [0.8, -1.3, 0.1]]
_ACC = [[0.1, 0.2, 0.3], [0.4, 0.1, 0.2], [0.3, 0.3, 0.1], [0.2, 0.1, 0.4]]
_GRADS = [[0.5, -0.4, 0.3], [0.2, 0.7, -0.6], [0.9, 0.1, 0.8], [-0.3, 0.6, 0.4], [0.7, -0.8, 0.2]]

_RIGHT = "line {} makes {}, which is right: look at a tensor that is wrong by itself"
_FOLLOWS = "line {} makes {}, which follows from a wrong tensor before it: report that one, too"
_LINES = {
    **{line: _RIGHT.format(line, name) for line, name in ((1, "d_score"), (2, "d_score"), (3, "d_pre"), (9, "g_h"))},
    4: "line 4 does what step 8 does: it is right, although the tensor that it helps to make is not",
    0: "lines are counted from 1",
    10: "the last line is 9",
    **{line: _FOLLOWS.format(line, name) for line, name in ((6, "d_emb"), (7, "d_emb"), (8, "g_V"))},
}

EXERCISES = {
    "09.1": Exercise(
        right_numbers,
        [
            ([1.0, math.nan, 2.05, -3.0, _INF, 0.999, 120.0, 1.004, 1.0, 0.132],
             [1.0, 1.0, 2.0, 3.0, 1.0, 1.0, 100.0, 1.006, _INF, 0.125], 0.01),
            ([_INF, -_INF, _INF, 1.5, 1.0, -2.25, 1002.0, 0.375, 1e10 + 2, 7.0, -9.0, math.nan],
             [_INF, -_INF, -_INF, 1.0, 1.5, -2.75, 1000.0, 0.125, 1e10, 7.0, 9.0, math.nan], 0.5),
        ],
        ("result",),
        {
            "NaN passes, because a comparison with it is never true": _right_if(lambda a, b, tol: not abs(a - b) > tol),
            "a number that is far too small passes: take the size of the difference": _right_if(
                lambda a, b, tol: a - b <= tol),
            "the question was which numbers are right, not which are wrong": _right_if(
                lambda a, b, tol: not abs(a - b) <= tol),
            "True and False are exchanged, but for NaN": _right_if(lambda a, b, tol: abs(a - b) > tol),
            "infinity passes where infinity is wanted": _right_if(lambda a, b, tol: abs(a - b) <= tol or a == b),
            "a number that is off by exactly tol is still right": _right_if(lambda a, b, tol: abs(a - b) < tol),
            "tol is not relative: it is not multiplied by the number": _right_if(
                lambda a, b, tol: abs(a - b) <= tol * abs(b)),
            "tol does not grow with the number": _right_if(lambda a, b, tol: abs(a - b) <= tol * max(1, abs(b))),
            "math.isclose has a relative tolerance as well, 1e-9 unless told otherwise": _right_if(
                lambda a, b, tol: math.isclose(a, b, abs_tol=tol)),
            "only equal numbers are right here: a number may be off by tol": _right_if(lambda a, b, tol: a == b),
            "rounded first: close numbers may be rounded to different ones": _right_if(
                lambda a, b, tol: round(a, 2) == round(b, 2)),
            "one answer for all numbers: give a list": lambda got, want, tol: all(right_numbers(got, want, tol)),
        },
    ),
    "09.2": Exercise(
        fm_pooled,
        [(*_expected(number, "emb", "active_ptr"), load_case(number)["config"]["k"]) for number in ("30", "31")],
        ("pooled",),
        {
            "the half is missing": lambda *args: fm_pooled(*args, half=1.0, own=1.0),
            "the half is for the whole bracket, not for its first term only": lambda *args: fm_pooled(*args, own=1.0),
            "the squares are not subtracted: a feature is paired with itself": lambda *args: fm_pooled(*args, own=0.0),
            "the squares are added, not subtracted": lambda *args: fm_pooled(*args, own=-0.5),
            "the sum is not squared": lambda *args: fm_pooled(*args, power=1),
            "the end of a row is not in the row": lambda *args: fm_pooled(*args, more=1),
            "summed over the whole batch, not over each row": lambda *args: fm_pooled(*args, all_rows=True),
            "the half stands inside the square": lambda *args: fm_pooled(*args, half=0.25),
            "the empty row is an empty list: it has k numbers, too": lambda emb, active_ptr, k: [
                fm_pooled(emb, ends, k)[0] if ends[0] < ends[1] else [] for ends in pairwise(active_ptr)],
            "an empty row is left out: it has k numbers, too": lambda emb, active_ptr, k: fm_pooled(
                emb, sorted(set(active_ptr)), k),
        },
    ),
    "09.3": Exercise(
        adagrad_rows,
        [(_V, _ACC, [2, 0, 2, 3, 2], _GRADS, 0.1, 0.05), (_V, _ACC, [1, 1, 0], _GRADS[:3], 0.3, 0.01)],
        ("new_V", "new_acc"),
        {
            "only the last gradient of a repeated id is kept": lambda *args: adagrad_rows(*args, summed=False),
            "each contribution is squared by itself: first add up": lambda *args: adagrad_rows(
                *args, squared_sum=False),
            "the sign of the step: it goes up the slope": lambda V, acc, ids, grads, lr, eps: adagrad_rows(
                V, acc, ids, grads, -lr, eps),
            "eps is missing": lambda V, acc, ids, grads, lr, eps: adagrad_rows(V, acc, ids, grads, lr, 0.0),
            "lr is missing": lambda V, acc, ids, grads, lr, eps: adagrad_rows(V, acc, ids, grads, 1.0, eps),
            "new_V and new_acc are exchanged": lambda *args: adagrad_rows(*args)[::-1],
            "eps stands inside the root": lambda *args: adagrad_rows(*args, inside=True),
            "the root is that of the accumulator before the addition": lambda *args: adagrad_rows(*args, old=True),
            "the root is missing": lambda *args: adagrad_rows(*args, power=1.0),
            "the old accumulator is lost: the square is added to it": lambda *args: adagrad_rows(*args, kept=0.0),
            "not divided by the root: that is plain SGD": _plain_sgd,
            "one step for each contribution: add up first, then make one step": _one_by_one,
        },
    ),
    "09.4": Exercise(5, names=("wrong_line",), mistakes={text: line for line, text in _LINES.items()}),
    "09.5": Exercise(
        logistic,
        [(*_expected(number, "y_hat"), load_case(number)["batches"][0]["y"]) for number in ("15", "16")],
        ("prob", "loss_rows", "d_y_hat"),
        {
            "labels are 0 and 1 here, not -1 and 1": _signed,
            **{f"the probability is clipped inside the logarithm, at {clip:.3g}": partial(logistic, clip=clip)
               for clip in (1e-5, 1e-6, 1e-7, 1e-8, 1e-9, 1e-10, 1e-12, 1e-15, 1e-16, math.exp(-100), 1e-300)},
            **{f"the probability is clipped inside the logarithm, at {clip} and 1 - {clip}": _other_loss(
                   lambda z, t, s, clip=clip: -math.log(max(s, clip) if t else 1 - min(s, 1 - clip)))
               for clip in (1e-15, 1e-16)},
            "math.exp of a large number overflows: notebook 02 has forms that do not": _plain_exp,
            "the logarithm of 0: notebook 02 has a form of the loss that never takes it": _other_loss(
                lambda z, t, s: -math.log(s if t else 1 - s)),
            "max(z, 0) is missing in the loss": _other_loss(lambda z, t, s: math.log1p(math.exp(-abs(z))) - t * z),
            "for z < 0 the exponent in the loss is positive": _other_loss(
                lambda z, t, s: max(z, 0) - t * z + math.log1p(math.exp(-z))),
            "for z > 0 the exponent in the loss is positive": _other_loss(
                lambda z, t, s: max(z, 0) - t * z + math.log1p(math.exp(z))),
            "the sign of y z in the loss": _other_loss(
                lambda z, t, s: max(z, 0) + t * z + math.log1p(math.exp(-abs(z)))),
            "the mean over the rows: loss_rows has the loss of each row": _mean_loss,
            "the factor 2 belongs to the squared loss": lambda y_hat, y: (
                *logistic(y_hat, y)[:2], [2 * d for d in logistic(y_hat, y)[2]]),
            "divided by 2, not by the number of rows": _half,
            "not divided by B": lambda *args: logistic(*args, mean=False),
            "the sigmoid is missing in the gradient": lambda *args: logistic(*args, gate=False),
            "y z is missing in the loss": _without_yz,
            "this is the probability of the other class": _other_class,
            "1/B belongs to the gradient of the mean; loss_rows has the loss of each row": _divided_rows,
            "the slope of the sigmoid is too much: it cancels": _sloped,
        },
    ),
}  # fmt: skip
