"""One step of SGD, Adagrad and Adam (SPEC.md, section 8). Rows that the batch does not touch keep value and state."""

from collections.abc import Callable

from .numbers import Value, by_entry, entry
from .trace import Trace, rule


def moves(v: Trace, par: str, path: tuple[int, ...]) -> Value:
    """Does this entry take part in the step?"""
    if par in ("w", "V"):
        return path[0] in v["touched"]
    if par == "free":
        return path[0] in v["free_index"]
    return True


def old_state(v: Trace, kind: str, par: str, path: tuple[int, ...]) -> Value:
    """A state entry before this step: of the step before, or its initial value."""
    if v.before is not None:
        return entry(v.before[kind + "_" + par], path)
    return v.number("initial") if kind == "acc" else v.ops.num(0)


def state(v: Trace, kind: str, par: str, change: Callable[..., Value]) -> Value:
    """A state tensor after this step: change(old, gradient) where the entry moves, old elsewhere."""

    def one(path: tuple[int, ...]) -> Value:
        old = old_state(v, kind, par, path)
        return change(old, entry(v["g_" + par], path)) if moves(v, par, path) else old

    return by_entry(v.param(par), one)


@rule
def vel(v: Trace, par: str) -> Value:
    mu = v.number("momentum")
    return state(v, "vel", par, lambda old, g: mu * old + g)


@rule
def acc(v: Trace, par: str) -> Value:
    return state(v, "acc", par, lambda old, g: old + g * g)


@rule
def m1(v: Trace, par: str) -> Value:
    beta = v.number("beta1")
    return state(v, "m1", par, lambda old, g: beta * old + (1 - beta) * g)


@rule
def m2(v: Trace, par: str) -> Value:
    beta = v.number("beta2")
    return state(v, "m2", par, lambda old, g: beta * old + (1 - beta) * (g * g))


def correction(v: Trace, key: str) -> Value:
    """1 - beta^T, T the number of steps so far, this one included: one count for all rows."""
    beta, power = v.number(key), v.ops.num(1)
    for _ in range(v.step + 1):
        power = power * beta
    return 1 - power


@rule
def direction(v: Trace, par: str) -> Value:
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
def new(v: Trace, par: str) -> Value:
    old, lr, step = v.param(par), v.number("lr"), v["direction_" + par]
    return by_entry(
        old, lambda path: entry(old, path) - lr * entry(step, path) if moves(v, par, path) else entry(old, path)
    )


rule(correction)
