"""One step of SGD, Adagrad and Adam (SPEC.md, section 8). Rows that the batch does not touch keep value and state."""

from collections.abc import Callable

from .numbers import Value, each
from .trace import Trace, rule


def moving(v: Trace, par: str) -> Value:
    """The rows of a parameter that take part in the step; None for all of them."""
    return v["touched"] if par in ("w", "V") else v["free_index"] if par == "free" else None


def stepped(v: Trace, par: str, change: Callable[..., Value], old: Value, new: Value) -> Value:
    """change(old, new) for every entry that takes part in the step; the others stay old."""
    rows = moving(v, par)
    if rows is None:
        return each(change, old, new)
    return [each(change, *both) if i in rows else both[0] for i, both in enumerate(zip(old, new, strict=True))]


def state(v: Trace, kind: str, par: str, change: Callable[..., Value]) -> Value:
    """A state tensor after this step, from that of the step before, or from its initial value, and the gradient."""
    if v.before is not None:
        old = v.before[kind + "_" + par]
    else:
        old = each(lambda z: v.number("initial") if kind == "acc" else v.ops.num(0), v.param(par))
    return stepped(v, par, change, old, v["g_" + par])


def correction(v: Trace, par: str) -> Value:
    """1 - beta^T, T the number of steps so far, this one included: one count for all rows."""
    beta, power = v.number(par), v.ops.num(1)
    for _ in range(v.step + 1):
        power = power * beta
    return 1 - power


def direction(v: Trace, par: str, optimizer: str) -> Value:
    """What lr multiplies, for every entry."""
    if optimizer == "sgd":
        return v["vel_" + par] if "momentum" in v.config else v["g_" + par]
    eps, div, sqrt = v.number("eps"), v.ops.div, v.ops.sqrt
    if optimizer == "adagrad":
        return each(lambda g, s: div(g, sqrt(s) + eps), v["g_" + par], v["acc_" + par])
    c1, c2 = v["correction_beta1"], v["correction_beta2"]
    return each(lambda m, s: div(div(m, c1), sqrt(div(s, c2)) + eps), v["m1_" + par], v["m2_" + par])


rule("vel", lambda v, par: state(v, "vel", par, lambda old, g: v.number("momentum") * old + g))
rule("acc", lambda v, par: state(v, "acc", par, lambda old, g: old + g * g))
rule("m1", lambda v, par: state(
    v, "m1", par, lambda old, g: v.number("beta1") * old + (1 - v.number("beta1")) * g
))
rule("m2", lambda v, par: state(
    v, "m2", par, lambda old, g: v.number("beta2") * old + (1 - v.number("beta2")) * (g * g)
))
rule("correction", correction)
rule("direction", direction)
rule("new", lambda v, par, old, direction: stepped(
    v, par, lambda old, step: old - v.number("lr") * step, old, direction
))
