"""Wrong variants: outputs, losses, L2, metrics."""

import math
from collections.abc import Callable
from typing import Any

from ..literal.numbers import Value
from ..literal.objective import sigmoid, squares
from ..literal.trace import Layer, Rule, Trace
from .registry import Seen, scaled, wrong

wrong("SIGMOID_IN_MODEL", "y_hat")(lambda v, right: [sigmoid(v, z) for z in right(v)])
wrong("RELU_ON_OUTPUT", "y_hat")(lambda v, right: [z if z > 0 else 0.0 for z in right(v)])
wrong("PROB_IS_RAW", "prob")(lambda v, right: v["y_hat"])
wrong("SIGMOID_TWICE", "prob")(lambda v, right: [sigmoid(v, z) for z in right(v)])
wrong("RMSE_WITHOUT_ROOT", "rmse")(lambda v, right: right(v) * right(v))
wrong("RMSE_HALVED", "rmse")(lambda v, right: right(v) * math.sqrt(0.5))


@wrong("RMSE_CLIPPED", "rmse")
def _(v: Trace, right: Rule) -> Value:
    low, high = min(v["y"]), max(v["y"])
    return right(Seen(v, {"y_hat": [min(max(z, low), high) for z in v["y_hat"]]}))


# ---- losses ---------------------------------------------------------------------------------------------------


def for_loss(name: str) -> Layer:
    """A variant that concerns one loss alone."""
    return lambda layer: lambda v, right: layer(v, right) if v.config["loss"] == name else right(v)


wrong("SQUARED_HALVED", "loss_rows", "d_y_hat")(for_loss("squared")(lambda v, right: scaled(right(v), 0.5)))
wrong("SQUARED_HALVED_IN_LOSS_ONLY", "loss_rows")(for_loss("squared")(lambda v, right: scaled(right(v), 0.5)))
wrong("SQUARED_GRADIENT_WITHOUT_TWO", "d_y_hat")(for_loss("squared")(lambda v, right: scaled(right(v), 0.5)))
wrong("SQUARED_IS_ABSOLUTE", "loss_rows")(for_loss("squared")(
    lambda v, right: [abs(z - t) for z, t in zip(v["y_hat"], v["y"], strict=False)]
))


wrong("MEAN_IS_SUM", "loss_data", "d_y_hat")(wrong("GRADIENT_NOT_AVERAGED", "d_y_hat")(
    lambda v, right: right(Seen(v, reduction="sum"))
))


wrong("SUM_REDUCED_TO_MEAN", "loss_data", "d_y_hat")(lambda v, right: right(Seen(v, reduction="mean")))
wrong("LOSS_IS_ROOT", "loss_data")(lambda v, right: v.ops.sqrt(right(v)))
wrong("LOSS_GRADIENT_SIGN", "d_y_hat")(lambda v, right: scaled(right(v), -1.0))


@wrong("LOGISTIC_LABELS_PLUS_MINUS", "loss_rows")
@for_loss("logistic")
def _(v: Trace, right: Rule) -> Value:
    both = zip(v["y_hat"], v["y"], strict=False)
    return [max(-t * z, 0.0) + v.ops.log1p(v.ops.exp(-abs(t * z))) for z, t in both]


@wrong("LOGISTIC_LABELS_PLUS_MINUS", "d_y_hat")
@for_loss("logistic")
def _(v: Trace, right: Rule) -> Value:
    share = len(v["y"]) if v.config["reduction"] == "mean" else 1
    return [-t * sigmoid(v, -t * z) / share for z, t in zip(v["y_hat"], v["y"], strict=False)]


def cross_entropy(v: Trace, probs: list[Any]) -> Value:
    log = v.ops.log
    return [-(t * log(q) + (1 - t) * log(1 - q)) for q, t in zip(probs, v["y"], strict=False)]


wrong("LOGISTIC_LOG_OF_PROB", "loss_rows")(for_loss("logistic")(
    lambda v, right: cross_entropy(v, [sigmoid(v, z) for z in v["y_hat"]])
))


wrong("LOGISTIC_CLIPPED", "loss_rows")(for_loss("logistic")(
    lambda v, right: cross_entropy(v, [min(max(sigmoid(v, z), 1e-7), 1 - 1e-7) for z in v["y_hat"]])
))


wrong("LOGISTIC_EXP_OVERFLOW", "loss_rows")(for_loss("logistic")(
    lambda v, right: [v.ops.log(1 + v.ops.exp(z)) - t * z for z, t in zip(v["y_hat"], v["y"], strict=False)]
))


@wrong("LOGISTIC_GRADIENT_WITHOUT_SIGMOID", "d_y_hat")
@for_loss("logistic")
def _(v: Trace, right: Rule) -> Value:
    share = len(v["y"]) if v.config["reduction"] == "mean" else 1
    return [(z - t) / share for z, t in zip(v["y_hat"], v["y"], strict=False)]


# ---- L2 -------------------------------------------------------------------------------------------------------------

GRADIENTS = ("g_w", "g_V", "g_W")


def lambdas(v: Trace, factor: float) -> Value:
    return {key: value * factor for key, value in v.config.items() if key.startswith("lam_")}


def weighed(factor: Callable[[Trace], float]) -> Layer:
    """L2 with another weight."""
    return lambda v, right: right(Seen(v, **lambdas(v, factor(v))))


wrong("L2_HALVED", "loss_reg", *GRADIENTS)(weighed(lambda v: 0.5))
wrong("L2_TIMES_ROWS", "loss_reg", *GRADIENTS)(weighed(lambda v: len(v["y"])))
wrong("L2_OVER_ROWS", "loss_reg", *GRADIENTS)(weighed(lambda v: 1 / len(v["y"])))
wrong("L2_GRADIENT_WITHOUT_TWO", *GRADIENTS)(weighed(lambda v: 0.5))
wrong("L2_IGNORED", "loss_reg", *GRADIENTS)(weighed(lambda v: 0.0))
wrong("L2_NOT_IN_GRADIENT", *GRADIENTS)(weighed(lambda v: 0.0))
wrong("L2_NOT_IN_LOSS", "loss")(lambda v, right: v["loss_data"])
wrong("L2_ALL_ROWS", "loss_reg", "g_w", "g_V")(lambda v, right: right(Seen(v, {"touched": list(range(v.config["n"]))})))
wrong("L2_PER_OCCURRENCE", "loss_reg", "g_w", "g_V")(
    lambda v, right: right(Seen(v, {"touched": list(v["active_ids"])}))
)


@wrong("L2_ON_BIASES", "loss_reg")
def _(v: Trace, right: Rule) -> Value:
    if "lam_W" not in v.config:
        return right(v)
    return right(v) + v.config["lam_W"] * squares(v, v.param("b") + v.param("h"))


def biases(par: str) -> Layer:
    def layer(v: Trace, right: Rule) -> Value:
        lam = v.config.get("lam_W", 0.0)
        return [g + 2 * lam * z for g, z in zip(right(v), v.param(par), strict=False)]

    return layer


wrong("L2_ON_BIASES", "g_b")(biases("b"))
wrong("L2_ON_BIASES", "g_h")(biases("h"))


@wrong("L2_ON_V_FOR_W", "loss_reg", *GRADIENTS)
def _(v: Trace, right: Rule) -> Value:
    config = dict(v.config)
    lam = config.pop("lam_W", None)
    if lam is None:
        return right(v)
    seen = Seen(v, lam_V=lam + config.get("lam_V", 0.0))
    del seen.config["lam_W"]
    return right(seen)


def norm_of_W(v: Trace) -> Value:
    return v.ops.sqrt(squares(v, [z for row in v.param("W") for z in row]))


@wrong("L2_NOT_SQUARED", "loss_reg")
def _(v: Trace, right: Rule) -> Value:
    if "lam_W" not in v.config:
        return right(v)
    norm = norm_of_W(v)
    return right(v) + v.config["lam_W"] * (norm - norm * norm)


wrong("L2_NOT_SQUARED", "g_W")(
    lambda v, right: right(Seen(v, lam_W=v.config["lam_W"] / (2 * norm_of_W(v)))) if "lam_W" in v.config else right(v)
)


@wrong("L1_FOR_L2", "loss_reg")
def _(v: Trace, right: Rule) -> Value:
    if "lam_w" not in v.config:
        return right(v)
    w = [v.param("w")[i] for i in v["touched"]]
    return right(v) + v.config["lam_w"] * sum(abs(z) - z * z for z in w)


@wrong("L1_FOR_L2", "g_w")
def _(v: Trace, right: Rule) -> Value:
    g, w, lam = list(right(v)), v.param("w"), v.config.get("lam_w", 0.0)
    for i in v["touched"]:
        g[i] += lam * (math.copysign(1.0, w[i]) - 2 * w[i])
    return g
