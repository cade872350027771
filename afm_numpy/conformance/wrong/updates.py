"""Wrong variants: optimizers, their state, and what a loop over batches forgets."""

from collections.abc import Callable

from ..literal.numbers import Value, by_entry, entry
from ..literal.trace import Layer, Rule, Trace
from ..literal.update import moves
from .registry import Seen, scaled, wrong


def optimizer(*names: str) -> Layer:
    """A variant that concerns some optimizers alone."""
    return lambda layer: (
        lambda v, right, *args: layer(v, right, *args) if v.config["optimizer"] in names else right(v, *args)
    )


def combined(rule: Callable[..., Value], *tensors: Value) -> Value:
    """Nested lists whose entries are rule(entry of each tensor)."""
    return by_entry(tensors[0], lambda path: rule(*(entry(tensor, path) for tensor in tensors)))


wrong("UPDATE_UPHILL", "direction")(lambda v, right, par: scaled(right(v, par), -1.0))
wrong("LEARNING_RATE_MISSING", "direction")(lambda v, right, par: scaled(right(v, par), 1 / v.config["lr"]))


def frozen(name: str) -> Layer:
    return lambda v, right, par: v.param(par) if par == name else right(v, par)


wrong("P_NOT_TRAINED", "new")(frozen("p"))
wrong("W0_NOT_TRAINED", "new")(frozen("w0"))
wrong("ATTENTION_NOT_TRAINED", "new")(lambda v, right, par: v.param(par) if par in ("W", "b", "h") else right(v, par))


@wrong("STATE_LOST", "vel", "acc", "m1", "m2")
def _(v: Trace, right: Rule, par: str) -> Value:
    seen = Seen(v)
    seen.before = None
    seen.params = {par: v.param(par)}
    return right(seen, par)


def last_and_partial(v: Trace) -> Value:
    return v.step > 0 and len(v["y"]) < len(v.case["batches"][0]["y"])


wrong("LAST_BATCH_DROPPED", "new")(lambda v, right, par: v.param(par) if last_and_partial(v) else right(v, par))


@wrong("LAST_BATCH_DROPPED", "vel", "acc", "m1", "m2")
def _(v: Trace, right: Rule, par: str) -> Value:
    kind = {"sgd": "vel", "adagrad": "acc"}.get(v.config["optimizer"])
    if not last_and_partial(v) or kind is None:
        return right(v, par)
    return v.before[kind + "_" + par]


# ---- SGD with momentum -------------------------------------------------------------------------------------------


wrong("MOMENTUM_MISSING", "vel")(lambda v, right, par: v["g_" + par])


@wrong("MOMENTUM_DAMPED", "vel")
def _(v: Trace, right: Rule, par: str) -> Value:
    mu = v.config["momentum"]
    old = v.before["vel_" + par] if v.before else by_entry(v.param(par), lambda path: 0.0)
    mixed = combined(lambda z, g: mu * z + (1 - mu) * g, old, v["g_" + par])
    return by_entry(mixed, lambda path: entry(mixed if moves(v, par, path) else old, path))


@wrong("MOMENTUM_NESTEROV", "direction")
@optimizer("sgd")
def _(v: Trace, right: Rule, par: str) -> Value:
    mu = v.config.get("momentum", 0.0)
    return combined(lambda g, z: g + mu * z, v["g_" + par], right(v, par)) if mu else right(v, par)


def everywhere(v: Trace, right: Rule, par: str) -> Value:
    """The rule with every row of w and V taking part."""
    seen = Seen(v, {"touched": range(v.config["n"])})
    if par == "free":
        seen.tensors["free_index"] = range(len(v.param("free")))
    return right(seen, par)


wrong("MOMENTUM_DENSE", "vel", "new")(optimizer("sgd")(everywhere))
wrong("ADAM_DENSE", "m1", "m2", "new")(optimizer("adam")(everywhere))


@wrong("MOMENTUM_TIMES_LR", "vel")
def _(v: Trace, right: Rule, par: str) -> Value:
    mu, lr = v.config["momentum"], v.config["lr"]
    old = v.before["vel_" + par] if v.before else by_entry(v.param(par), lambda path: 0.0)
    new = combined(lambda z, g: mu * z + lr * g, old, v["g_" + par])
    return by_entry(new, lambda path: entry(new if moves(v, par, path) else old, path))


wrong("MOMENTUM_TIMES_LR", "direction")(optimizer("sgd")(
    lambda v, right, par: scaled(right(v, par), 1 / v.config["lr"]) if "momentum" in v.config else right(v, par)
))


# ---- Adagrad ------------------------------------------------------------------------------------------------------


def adagrad_step(formula: Callable[..., Value]) -> Layer:
    """Another formula for the step, from the gradient, the accumulator and eps."""

    @optimizer("adagrad")
    def layer(v: Trace, right: Rule, par: str) -> Value:
        eps = v.config["eps"]
        return combined(lambda g, acc: formula(v, g, acc, eps), v["g_" + par], v["acc_" + par])

    return layer


wrong("ADAGRAD_EPS_INSIDE_ROOT", "direction")(adagrad_step(lambda v, g, acc, eps: g / v.ops.sqrt(acc + eps)))
wrong("ADAGRAD_WITHOUT_ROOT", "direction")(adagrad_step(lambda v, g, acc, eps: g / (acc + eps)))
wrong("ADAGRAD_OLD_ACCUMULATOR", "direction")(
    adagrad_step(lambda v, g, acc, eps: g / (v.ops.sqrt(max(acc - g * g, 0.0)) + eps))
)
wrong("ADAGRAD_EPS_MISSING", "direction")(adagrad_step(lambda v, g, acc, eps: v.ops.div(g, v.ops.sqrt(acc))))
wrong("ADAGRAD_FROM_ZERO", "acc")(
    lambda v, right, par: right(v, par) if v.before else combined(lambda z: z - v.config["initial"], right(v, par))
)


@wrong("ADAGRAD_PER_OCCURRENCE", "acc")
def _(v: Trace, right: Rule, par: str) -> Value:
    if par not in ("w", "V"):
        return right(v, par)
    acc = combined(lambda z, g: z - g * g, right(v, par), v["g_" + par])
    ptr = v["active_ptr"]
    for r in range(len(ptr) - 1):
        for a in range(ptr[r], ptr[r + 1]):
            i, x = v["active_ids"][a], v["active_x"][a]
            if par == "w":
                acc[i] += (v["d_y_hat"][r] * x) ** 2
            else:
                acc[i] = [z + (d * x) ** 2 for z, d in zip(acc[i], v["d_emb"][a], strict=False)]
    return acc


@wrong("ADAGRAD_PER_ROW", "acc")
def _(v: Trace, right: Rule, par: str) -> Value:
    acc = right(v, par)
    return [[sum(row) / len(row)] * len(row) for row in acc] if par == "V" else acc


wrong("ADAGRAD_ABSOLUTE", "acc")(
    lambda v, right, par: combined(lambda z, g: z - g * g + abs(g), right(v, par), v["g_" + par])
)


@wrong("ADAGRAD_DECAYED", "acc")
def _(v: Trace, right: Rule, par: str) -> Value:
    def one(path: tuple[int, ...]) -> Value:
        new, g = entry(acc, path), entry(v["g_" + par], path)
        return 0.9 * (new - g * g) + 0.1 * g * g if moves(v, par, path) else new

    acc = right(v, par)
    return by_entry(acc, one)


# ---- Adam ----------------------------------------------------------------------------------------------------------


wrong("ADAM_UNCORRECTED", "correction")(lambda v, right, key: 1.0)
wrong("ADAM_STEP_COUNT_AHEAD", "correction")(lambda v, right, key: 1 - v.config[key] ** (v.step + 2))


def adam_step(formula: Callable[..., Value]) -> Layer:
    """Another formula for the step, from the moments, their corrections and eps."""

    @optimizer("adam")
    def layer(v: Trace, right: Rule, par: str) -> Value:
        c1, c2, eps = v["correction_beta1"], v["correction_beta2"], v.config["eps"]
        return combined(lambda m, s: formula(v, m, s, c1, c2, eps), v["m1_" + par], v["m2_" + par])

    return layer


wrong("ADAM_EPS_INSIDE_ROOT", "direction")(adam_step(lambda v, m, s, c1, c2, eps: m / c1 / v.ops.sqrt(s / c2 + eps)))
wrong("ADAM_EPS_UNCORRECTED", "direction")(
    adam_step(lambda v, m, s, c1, c2, eps: m / c1 * v.ops.sqrt(c2) / (v.ops.sqrt(s) + eps))
)
wrong("ADAM_WITHOUT_ROOT", "direction")(adam_step(lambda v, m, s, c1, c2, eps: m / c1 / (s / c2 + eps)))
wrong("ADAM_BETAS_SWAPPED", "m1", "m2", "correction")(
    lambda v, right, name: right(Seen(v, beta1=v.config["beta2"], beta2=v.config["beta1"]), name)
)


@wrong("ADAM_STEP_COUNT_PER_ROW", "direction")
@optimizer("adam")
def _(v: Trace, right: Rule, par: str) -> Value:
    def one(path: tuple[int, ...]) -> Value:
        count, trace = 0, v
        while trace is not None:
            count += moves(trace, par, path)
            trace = trace.before
        c1, c2 = 1 - v.config["beta1"] ** max(count, 1), 1 - v.config["beta2"] ** max(count, 1)
        m, s = entry(v["m1_" + par], path), entry(v["m2_" + par], path)
        return m / c1 / (v.ops.sqrt(s / c2) + v.config["eps"])

    return by_entry(v.param(par), one)


wrong("ADAM_SECOND_MOMENT_FROM_FIRST", "m2")(lambda v, right, par: right(Seen(v, {"g_" + par: v["m1_" + par]}), par))
