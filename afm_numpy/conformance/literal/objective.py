"""Losses, L2 and the two figures reported beside them (SPEC.md, section 6)."""

from collections.abc import Iterable
from typing import Any

from .numbers import Value
from .trace import Trace, rule


def sigmoid(v: Trace, z: Any) -> Value:
    one = v.ops.num(1)
    if z >= 0:
        return v.ops.div(one, one + v.ops.exp(-z))
    e = v.ops.exp(z)
    return v.ops.div(e, one + e)


@rule
def prob(v: Trace) -> Value:
    return [sigmoid(v, z) for z in v["y_hat"]]


@rule
def rmse(v: Trace) -> Value:
    errors = [(z - t) * (z - t) for z, t in zip(v["y_hat"], v["y"], strict=False)]
    return v.ops.sqrt(v.ops.div(v.ops.sum(errors), v.ops.num(len(errors))))


@rule
def loss_rows(v: Trace) -> Value:
    if v.config["loss"] == "squared":
        return [(z - t) * (z - t) for z, t in zip(v["y_hat"], v["y"], strict=False)]
    zero = v.ops.num(0)
    result = []
    for z, t in zip(v["y_hat"], v["y"], strict=False):
        size = -z if z < 0 else z
        gap = -t * z if z < 0 else (1 - t) * z  # max(z, 0) - t z, without an infinite difference
        result.append((gap if gap != 0 else zero) + v.ops.log1p(v.ops.exp(-size)))
    return result


@rule
def loss_data(v: Trace) -> Value:
    total = v.ops.sum(v["loss_rows"])
    return v.ops.div(total, v.ops.num(len(v["loss_rows"]))) if v.config["reduction"] == "mean" else total


@rule
def touched(v: Trace) -> Value:
    """The rows of w and V that are penalised and move: those of the batch, each once, or the whole table."""
    return list(range(v.config["n"])) if v.config.get("scope") == "all" else sorted(set(v["active_ids"]))


def squares(v: Trace, numbers: Iterable[Any]) -> Value:
    return v.ops.sum(z * z for z in numbers)


@rule
def loss_reg(v: Trace) -> Value:
    total = v.ops.num(0)
    if "lam_W" in v.config:
        total = total + v.number("lam_W") * squares(v, [z for row in v.param("W") for z in row])
    if "lam_w" in v.config:
        total = total + v.number("lam_w") * squares(v, [v.param("w")[i] for i in v["touched"]])
    if "lam_V" in v.config:
        total = total + v.number("lam_V") * squares(v, [z for i in v["touched"] for z in v.param("V")[i]])
    return total


@rule
def loss(v: Trace) -> Value:
    return v["loss_data"] + v["loss_reg"]
