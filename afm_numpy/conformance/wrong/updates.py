"""Wrong variants: optimizers, their state, what a loop over batches forgets, loops in blocks."""

from collections.abc import Callable
from itertools import cycle, islice
from typing import Any

from ..literal.numbers import Value, each
from ..literal.trace import Trace
from ..literal.update import moving, state, stepped
from .registry import Seen, scaled, seen, wrong

PARAMETERS = ("w0", "w", "V", "p", "W", "b", "h", "field", "free")
STATE = "vel acc m1 m2"

wrong("UPDATE_UPHILL", "direction", lambda value: scaled(value, -1.0))
wrong("LEARNING_RATE_MISSING", "direction", lambda value, lr: scaled(value, 1 / lr))
wrong("LEARNING_RATE_DECAYS", "direction", lambda v, value: scaled(value, 1 / (v.step + 1)))
wrong("UPDATE_MISSING", "new", lambda old: old)
wrong("P_NOT_TRAINED", "new", lambda old, value, par: old if par == "p" else value)
wrong("W0_NOT_TRAINED", "new", lambda old, value, par: old if par == "w0" else value)
wrong("ATTENTION_NOT_TRAINED", "new", lambda old, value, par: old if par in ("W", "b", "h") else value)
wrong("STATE_LOST", STATE, lambda v, right, par, old: right(Seen(v, before=None, **{par: old})))
wrong("GRADIENT_CLIPPED", STATE + " direction",
      lambda v, right, par, g: right(Seen(v, **{"g_" + par: each(lambda z: max(-0.5, min(0.5, z)), g)})))
wrong("L2_DECOUPLED", "new", lambda v, par, value, old, lr, lam: stepped(
    v, par, lambda new, old: new - 2 * lr * lam * old, value, old
))

# ---- what belongs to the first batch, or to the one before ---------------------------------------------------------


def last_and_partial(v: Trace) -> bool:
    return v.step > 0 and len(v["y"]) < len(v.case["batches"][0]["y"])


def state_before(kind: str) -> Callable[..., Value]:
    return lambda v, par, value: v.before[f"{kind}_{par}"] if last_and_partial(v) else value


def with_that_before(name: str) -> Callable[..., Value]:
    return lambda v, value: each(lambda a, b: a + b, value, v.before[name]) if v.before else value


wrong("LAST_BATCH_DROPPED", "new", lambda v, old, value: old if last_and_partial(v) else value)
for kind in STATE.split():
    wrong("LAST_BATCH_DROPPED", kind, state_before(kind))
for par in PARAMETERS:
    wrong("GRADIENTS_ACCUMULATED", "g_" + par, with_that_before("g_" + par))
wrong("NETWORK_OF_FIRST_BATCH", "pre", seen(W=lambda v: v.case["params"]["W"]))
wrong("EMBEDDINGS_OF_FIRST_BATCH", "emb", seen(V=lambda v: v.case["params"]["V"]))
wrong("LABELS_OF_FIRST_BATCH", "loss_rows d_y_hat", seen(
    y=lambda v, y: list(islice(cycle(v.case["batches"][0].get("y", y)), len(y)))
))
wrong("ROWS_OF_FIRST_BATCH", "loss_data d_y_hat", lambda v, value, y, reduction: (
    value if reduction == "sum" else scaled(value, len(y) / len(v.case["batches"][0].get("y", y)))
))
wrong("MASKS_OF_FIRST_BATCH", "mask", seen(batch=lambda v: v.case["batches"][0]))
wrong("TOUCHED_FOR_EVER", "touched", lambda v, value: sorted({*value, *(v.before["touched"] if v.before else ())}))
wrong("LISTED_ZEROS_TOUCHED", "touched", lambda value, rows: sorted({*value, *(i for row in rows for i, _, _ in row)}))
wrong("L2_TOUCHED_ONLY", "touched", seen(scope="touched"))

# ---- loops in blocks of four ---------------------------------------------------------------------------------------


def whole_blocks(row: list[Any]) -> list[Any]:
    return row if len(row) < 4 else row[: len(row) // 4 * 4]


wrong("BLOCK_REST_LOST", "inter", seen(pooled_drop=lambda pooled_drop: [
    whole_blocks(row) + [0.0] * 3 for row in pooled_drop
]))
wrong("BLOCK_REST_LOST", "pre", seen(W=lambda W: whole_blocks(W)))

# ---- SGD with momentum ---------------------------------------------------------------------------------------------

every_row = seen(touched=lambda n: range(n), free_index=lambda v: range(len(v.case["params"].get("free", ()))))

wrong("MOMENTUM_MISSING", "vel", lambda g: g)
wrong("MOMENTUM_DAMPED", "vel", lambda v, par, momentum: state(
    v, "vel", par, lambda old, g: momentum * old + (1 - momentum) * g
))
wrong("MOMENTUM_TIMES_LR", "vel",
      lambda v, par, momentum, lr: state(v, "vel", par, lambda old, g: momentum * old + lr * g))
wrong("MOMENTUM_TIMES_LR", "direction", lambda value, lr: scaled(value, 1 / lr), "momentum")
wrong("MOMENTUM_NESTEROV", "direction",
      lambda g, value, momentum: each(lambda g, vel: g + momentum * vel, g, value), "momentum")
wrong("MOMENTUM_DENSE", "vel new", every_row, "sgd")

# ---- Adagrad -------------------------------------------------------------------------------------------------------


def adagrad_step(mistake: str, formula: Callable[..., Any]) -> None:
    """Another formula for the step: formula(ops, gradient, accumulator, eps)."""
    wrong(mistake, "direction", lambda ops, g, acc, eps: each(lambda g, s: formula(ops, g, s, eps), g, acc), "adagrad")


def per_occurrence(v: Trace, value: Value, par: str, g: Value) -> Value:
    if par not in ("w", "V"):
        return value
    acc = each(lambda z, g: z - g * g, value, g)
    for r, start, end in v["spans"]:
        for a in range(start, end):
            i, x = v["active_ids"][a], v["active_x"][a]
            part = v["d_y_hat"][r] if par == "w" else v["d_emb"][a]
            acc[i] = each(lambda d, z, x=x: z + (d * x) ** 2, part, acc[i])
    return acc


adagrad_step("ADAGRAD_EPS_INSIDE_ROOT", lambda ops, g, s, eps: g / ops.sqrt(s + eps))
adagrad_step("ADAGRAD_WITHOUT_ROOT", lambda ops, g, s, eps: g / (s + eps))
adagrad_step("ADAGRAD_OLD_ACCUMULATOR", lambda ops, g, s, eps: g / (ops.sqrt(max(s - g * g, 0.0)) + eps))
adagrad_step("ADAGRAD_EPS_MISSING", lambda ops, g, s, eps: ops.div(g, ops.sqrt(s)))
wrong("ADAGRAD_FROM_ZERO", "acc", lambda v, value, initial: value if v.before else each(lambda z: z - initial, value))
wrong("ADAGRAD_PER_OCCURRENCE", "acc", per_occurrence)
wrong("ADAGRAD_PER_ROW", "acc",
      lambda value, par: [[sum(row) / len(row)] * len(row) for row in value] if par == "V" else value)
wrong("ADAGRAD_ABSOLUTE", "acc", lambda value, g: each(lambda z, g: z - g * g + abs(g), value, g))
wrong("ADAGRAD_DECAYED", "acc", lambda v, par: state(v, "acc", par, lambda old, g: 0.9 * old + 0.1 * g * g))
wrong("ADAGRAD_INITIAL_FOR_TABLES_ONLY", "acc",
      lambda v, value, par, right: value if v.before or par in ("w", "V") else right(Seen(v, initial=0.0)))

# ---- Adam ----------------------------------------------------------------------------------------------------------


def adam_step(mistake: str, formula: Callable[..., Any]) -> None:
    """Another formula for the step: formula(ops, first moment, second moment, their corrections, eps)."""
    wrong(mistake, "direction", lambda ops, m1, m2, correction_beta1, correction_beta2, eps: each(
        lambda m, s: formula(ops, m, s, correction_beta1, correction_beta2, eps), m1, m2
    ), "adam")


def count_per_row(v: Trace, par: str, value: Value, beta1: float, beta2: float, eps: float) -> Value:
    if moving(v, par) is None:
        return value
    rows, trace = list[int](), v
    while trace is not None:
        rows, trace = [*rows, *set(moving(trace, par))], trace.before
    result = []
    for i, (m, s) in enumerate(zip(v["m1_" + par], v["m2_" + par], strict=True)):
        c1, c2 = (1 - beta ** max(rows.count(i), 1) for beta in (beta1, beta2))
        result.append(each(lambda m, s, c1=c1, c2=c2: m / c1 / (v.ops.sqrt(s / c2) + eps), m, s))
    return result


wrong("ADAM_UNCORRECTED", "correction", lambda: 1.0)
wrong("ADAM_STEP_COUNT_AHEAD", "correction", lambda v, par: 1 - v.config[par] ** (v.step + 2))
wrong("ADAM_STEP_COUNT_PER_ROW", "direction", count_per_row, "adam")
wrong("ADAM_SECOND_MOMENT_UNCORRECTED", "direction", seen(correction_beta2=1.0), "adam")
adam_step("ADAM_EPS_INSIDE_ROOT", lambda ops, m, s, c1, c2, eps: m / c1 / ops.sqrt(s / c2 + eps))
adam_step("ADAM_EPS_UNCORRECTED", lambda ops, m, s, c1, c2, eps: m / c1 * ops.sqrt(c2) / (ops.sqrt(s) + eps))
adam_step("ADAM_WITHOUT_ROOT", lambda ops, m, s, c1, c2, eps: m / c1 / (s / c2 + eps))
wrong("ADAM_BETAS_SWAPPED", "m1 m2 correction", seen(beta1=lambda beta2: beta2, beta2=lambda beta1: beta1))
wrong("ADAM_SECOND_MOMENT_FROM_FIRST", "m2", lambda v, right, par, m1: right(Seen(v, **{"g_" + par: m1})))
wrong("ADAM_DENSE", "m1 m2 new", every_row, "adam")
wrong("FREE_DENSE", "m1 m2 new", lambda v, right, par, value: every_row(v, right) if par == "free" else value, "adam")
