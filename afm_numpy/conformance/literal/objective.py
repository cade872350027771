"""Losses, L2 and the two figures reported beside them (SPEC.md, section 6)."""

from collections.abc import Iterable
from typing import Any

from .numbers import Value, each, flatten
from .trace import Trace, rule


def sigmoid(v: Trace, z: Any) -> Any:
    one = v.ops.num(1)
    if z >= 0:
        return v.ops.div(one, one + v.ops.exp(-z))
    e = v.ops.exp(z)
    return v.ops.div(e, one + e)


def squared_errors(y_hat: Value, y: Value) -> Value:
    return each(lambda z, t: (z - t) * (z - t), y_hat, y)


def logistic(v: Trace, z: Any, t: Any) -> Any:
    size = -z if z < 0 else z
    gap = -t * z if z < 0 else (1 - t) * z  # max(z, 0) - t z, without an infinite difference
    return (gap if gap != 0 else v.ops.num(0)) + v.ops.log1p(v.ops.exp(-size))


def mean(ops: Any, numbers: list[Any]) -> Any:
    return ops.div(ops.sum(numbers), ops.num(len(numbers)))


def squares(v: Trace, numbers: Iterable[Any]) -> Any:
    return v.ops.sum(z * z for z in numbers)


def penalty(v: Trace) -> Any:
    total = v.ops.num(0)
    for par in ("W", "w", "V"):
        if "lam_" + par in v.config:
            own = v.param(par)
            rows = own if par == "W" else [own[i] for i in v["touched"]]
            total = total + v.number("lam_" + par) * squares(v, flatten(rows))
    return total


rule("prob", lambda v, y_hat: [sigmoid(v, z) for z in y_hat])
rule("rmse", lambda ops, y_hat, y: ops.sqrt(mean(ops, squared_errors(y_hat, y))))
rule("loss_rows", lambda v, y_hat, y: (
    squared_errors(y_hat, y) if v.config["loss"] == "squared" else each(lambda z, t: logistic(v, z, t), y_hat, y)
))
rule("loss_data", lambda ops, loss_rows, reduction: mean(ops, loss_rows) if reduction == "mean" else ops.sum(loss_rows))
# the rows of w and V that are penalised and move: those of the batch, each once, or the whole table
rule("touched", lambda v, n, active_ids: list(range(n)) if v.config.get("scope") == "all" else sorted(set(active_ids)))
rule("loss_reg", penalty)
rule("loss", lambda loss_data, loss_reg: loss_data + loss_reg)
