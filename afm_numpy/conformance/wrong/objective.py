"""Wrong variants: outputs, losses, L2, metrics."""

import math
from collections.abc import Callable
from typing import Any

from ..literal.numbers import Value, each, flatten
from ..literal.objective import sigmoid, squares
from ..literal.trace import Rule, Trace
from .registry import Seen, scaled, seen, wrong

# ---- outputs and metrics ------------------------------------------------------------------------------------------

wrong("SIGMOID_IN_MODEL", "y_hat", lambda v, value: [sigmoid(v, z) for z in value])
wrong("RELU_ON_OUTPUT", "y_hat", lambda value: [z if z > 0 else 0.0 for z in value])
wrong("OUTPUT_CLIPPED", "y_hat", lambda value: [max(-30.0, min(30.0, z)) for z in value])
wrong("PROB_IS_RAW", "prob", lambda y_hat: y_hat)
wrong("SIGMOID_TWICE", "prob", lambda v, value: [sigmoid(v, z) for z in value])
wrong("RMSE_WITHOUT_ROOT", "rmse", lambda value: value * value)
wrong("RMSE_HALVED", "rmse", lambda value: value * math.sqrt(0.5))
wrong("RMSE_CLIPPED", "rmse", seen(y_hat=lambda y, y_hat: [min(max(z, min(y)), max(y)) for z in y_hat]))

# ---- losses -------------------------------------------------------------------------------------------------------

wrong("SQUARED_HALVED", "loss_rows d_y_hat", lambda value: scaled(value, 0.5), "squared")
wrong("SQUARED_HALVED_IN_LOSS_ONLY", "loss_rows", lambda value: scaled(value, 0.5), "squared")
wrong("SQUARED_GRADIENT_WITHOUT_TWO", "d_y_hat", lambda value: scaled(value, 0.5), "squared")
wrong("SQUARED_IS_ABSOLUTE", "loss_rows", lambda y_hat, y: each(lambda z, t: abs(z - t), y_hat, y), "squared")
wrong("MEAN_IS_SUM", "loss_data d_y_hat", seen(reduction="sum"))
wrong("GRADIENT_NOT_AVERAGED", "d_y_hat", seen(reduction="sum"))
wrong("SUM_REDUCED_TO_MEAN", "loss_data d_y_hat", seen(reduction="mean"))
wrong("LOSS_IS_ROOT", "loss_data", lambda value, ops: ops.sqrt(value))
wrong("LOSS_GRADIENT_SIGN", "d_y_hat", lambda value: scaled(value, -1.0))


def share(v: Trace) -> int:
    """What the loss of a row is divided by."""
    return len(v["y"]) if v.config["reduction"] == "mean" else 1


def logistic_loss(mistake: str, of_one: Callable[[Trace, Any, Any], Any], rule: str = "loss_rows") -> None:
    """The logistic loss of a row, or its derivative, by another formula: of_one(trace, y_hat, y)."""
    wrong(mistake, rule, lambda v, y_hat, y: each(lambda z, t: of_one(v, z, t), y_hat, y), "logistic")


def cross_entropy(v: Trace, q: Any, t: Any) -> Value:
    return -(t * v.ops.log(q) + (1 - t) * v.ops.log(1 - q))


logistic_loss("LOGISTIC_LABELS_PLUS_MINUS",
              lambda v, z, t: max(-t * z, 0.0) + v.ops.log1p(v.ops.exp(-abs(t * z))))
logistic_loss("LOGISTIC_LABELS_PLUS_MINUS", lambda v, z, t: -t * sigmoid(v, -t * z) / share(v), "d_y_hat")
logistic_loss("LOGISTIC_WITHOUT_LOG1P", lambda v, z, t: (max(z, 0.0) - t * z) + v.ops.log(1 + v.ops.exp(-abs(z))))
logistic_loss("LOGISTIC_BRACKET_SPLIT", lambda v, z, t: (max(z, 0.0) + v.ops.log1p(v.ops.exp(-abs(z)))) - t * z)
logistic_loss("LOGISTIC_LOG_OF_PROB", lambda v, z, t: cross_entropy(v, sigmoid(v, z), t))
logistic_loss("LOGISTIC_CLIPPED", lambda v, z, t: cross_entropy(v, min(max(sigmoid(v, z), 1e-7), 1 - 1e-7), t))
logistic_loss("LOGISTIC_EXP_OVERFLOW", lambda v, z, t: v.ops.log(1 + v.ops.exp(z)) - t * z)
logistic_loss("LOGISTIC_GRADIENT_WITHOUT_SIGMOID", lambda v, z, t: (z - t) / share(v), "d_y_hat")


def every_label(right: Rule, v: Trace, y: Value) -> Value:
    """A rule of the rows applied B times, each time with one label for all rows: y of shape (B, 1) was broadcast."""
    return [right(Seen(v, y=[label] * len(y))) for label in y]


wrong("LABELS_BROADCAST", "loss_rows", every_label)
wrong("LABELS_BROADCAST", "loss_data", seen(loss_rows=lambda loss_rows: flatten(loss_rows)))
wrong("LABELS_BROADCAST", "d_y_hat", lambda right, v, y: [
    sum(column) / share(v) for column in zip(*every_label(right, v, y), strict=True)
])

# ---- L2 -----------------------------------------------------------------------------------------------------------

GRADIENTS = "g_w g_V g_W"


def weighed(mistake: str, rules: str, factor: Callable[[Trace], float], only: str = "") -> None:
    """L2 with another weight: `factor` times the right one."""

    def variant(v: Trace, right: Rule) -> Value:
        return right(Seen(v, **{key: lam * factor(v) for key, lam in v.config.items() if key.startswith("lam_")}))

    wrong(mistake, rules, variant, only)


weighed("L2_HALVED", "loss_reg " + GRADIENTS, lambda v: 0.5)
weighed("L2_TIMES_ROWS", "loss_reg " + GRADIENTS, lambda v: len(v["y"]))
weighed("L2_OVER_ROWS", "loss_reg " + GRADIENTS, lambda v: 1 / len(v["y"]))
weighed("L2_IN_EVERY_ROW", "loss_reg " + GRADIENTS, lambda v: len(v["y"]) if v.config["reduction"] == "sum" else 1)
weighed("L2_GRADIENT_WITHOUT_TWO", GRADIENTS, lambda v: 0.5)
weighed("L2_IGNORED", "loss_reg " + GRADIENTS, lambda v: 0.0)
weighed("L2_NOT_IN_GRADIENT", GRADIENTS, lambda v: 0.0)
weighed("L2_DECOUPLED", GRADIENTS, lambda v: 0.0, "optimizer")
wrong("L2_NOT_IN_LOSS", "loss", lambda loss_data: loss_data)
wrong("L2_ALL_ROWS", "loss_reg g_w g_V", seen(touched=lambda n: list(range(n))))
wrong("L2_PER_OCCURRENCE", "loss_reg g_w g_V", seen(touched=lambda active_ids: active_ids))
wrong("L2_ON_BIASES", "loss_reg", lambda v, value, b, h, lam_W: value + lam_W * squares(v, b + h), "lam_W")
wrong("L2_ON_BIASES", "g_b", lambda value, b, lam_W: each(lambda g, z: g + 2 * lam_W * z, value, b), "lam_W")
wrong("L2_ON_BIASES", "g_h", lambda value, h, lam_W: each(lambda g, z: g + 2 * lam_W * z, value, h), "lam_W")
wrong("L2_ON_V_FOR_W", "loss_reg " + GRADIENTS,
      seen(lam_V=lambda v, lam_W: lam_W + v.config.get("lam_V", 0.0), lam_W=0.0), "lam_W")


def norm(v: Trace, W: Value) -> Any:
    return v.ops.sqrt(squares(v, flatten(W)))


wrong("L2_NOT_SQUARED", "loss_reg",
      lambda v, value, W, lam_W: value + lam_W * (norm(v, W) - squares(v, flatten(W))), "lam_W")
wrong("L2_NOT_SQUARED", "g_W", seen(lam_W=lambda v, W, lam_W: lam_W / (2 * norm(v, W))), "lam_W")
wrong("L1_FOR_L2", "loss_reg",
      lambda value, w, touched, lam_w: value + lam_w * sum(abs(w[i]) - w[i] * w[i] for i in touched), "lam_w")
wrong("L1_FOR_L2", "g_w", lambda value, w, touched, lam_w: [
    g + lam_w * (math.copysign(1.0, w[i]) - 2 * w[i]) if i in touched else g for i, g in enumerate(value)
], "lam_w")
