"""One step of SGD, Adagrad and Adam (SPEC.md, section 8). Rows that the batch does not touch keep value and state."""

from .numbers import by_entry, entry
from .trace import rule


def moves(v, par, path):
    """Does this entry take part in the step?"""
    if par in ("w", "V"):
        return path[0] in v["touched"]
    if par == "free":
        return path[0] in v["free_index"]
    return True


def old_state(v, kind, par, path):
    """A state entry before this step: of the step before, or its initial value."""
    if v.before is not None:
        return entry(v.before[kind + "_" + par], path)
    return v.number("initial") if kind == "acc" else v.ops.num(0)


def state(v, kind, par, change):
    """A state tensor after this step: change(old, gradient) where the entry moves, old elsewhere."""

    def one(path):
        old = old_state(v, kind, par, path)
        return change(old, entry(v["g_" + par], path)) if moves(v, par, path) else old

    return by_entry(v.param(par), one)


@rule
def vel(v, par):
    mu = v.number("momentum")
    return state(v, "vel", par, lambda old, g: mu * old + g)


@rule
def acc(v, par):
    return state(v, "acc", par, lambda old, g: old + g * g)


@rule
def m1(v, par):
    beta = v.number("beta1")
    return state(v, "m1", par, lambda old, g: beta * old + (1 - beta) * g)


@rule
def m2(v, par):
    beta = v.number("beta2")
    return state(v, "m2", par, lambda old, g: beta * old + (1 - beta) * (g * g))


def correction(v, key):
    """1 - beta^T, T the number of steps so far, this one included: one count for all rows."""
    beta, power = v.number(key), v.ops.num(1)
    for _ in range(v.step + 1):
        power = power * beta
    return 1 - power


@rule
def direction(v, par):
    """What lr multiplies, for every entry."""
    kind = v.config["optimizer"]
    if kind == "sgd":
        return v["vel_" + par] if "momentum" in v.config else v["g_" + par]
    eps = v.number("eps")
    if kind == "adagrad":
        g, acc = v["g_" + par], v["acc_" + par]
        return by_entry(g, lambda path: v.ops.div(entry(g, path), v.ops.sqrt(entry(acc, path)) + eps))
    c1, c2 = v["correction_beta1"], v["correction_beta2"]
    first, second = v["m1_" + par], v["m2_" + par]
    return by_entry(
        first,
        lambda path: v.ops.div(v.ops.div(entry(first, path), c1), v.ops.sqrt(v.ops.div(entry(second, path), c2)) + eps),
    )


@rule
def new(v, par):
    old, lr, step = v.param(par), v.number("lr"), v["direction_" + par]
    return by_entry(
        old, lambda path: entry(old, path) - lr * entry(step, path) if moves(v, par, path) else entry(old, path)
    )


rule(correction)
