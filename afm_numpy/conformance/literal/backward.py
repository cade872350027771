"""The gradients, written out by hand and loop by loop (SPEC.md, section 7).

`d_x` is the derivative of the loss with respect to the tensor x as it stands before its dropout mask.
"""

from operator import add, mul
from typing import Any

from .forward import projection
from .inputs import masked
from .numbers import Value, each
from .objective import sigmoid
from .trace import Trace, rule


def d_y_hat(v: Trace, ops: Any, y_hat: Value, y: Value, reduction: str) -> Value:
    count = ops.div(ops.num(1), ops.num(len(y_hat))) if reduction == "mean" else ops.num(1)
    if v.config["loss"] == "squared":
        return each(lambda z, t: count * (ops.num(2) * (z - t)), y_hat, y)
    return each(lambda z, t: count * (sigmoid(v, z) - t), y_hat, y)


def d_attn(v: Trace, ops: Any, d_pooled: Value, prod_drop: Value, pairs: Value) -> Value:
    da = [ops.sum(each(mul, d_pooled[r], m)) for m, (r, _, _) in zip(prod_drop, pairs, strict=False)]
    return masked(v, "attn", da)


def d_score(ops: Any, attn: Value, d_attn: Value, of_row: Value) -> Value:
    ds = list(attn)
    for mine in of_row:
        mean = ops.sum(attn[q] * d_attn[q] for q in mine)
        for q in mine:
            ds[q] = attn[q] * (d_attn[q] - mean)
    return ds


def d_pre(ops: Any, h: Value, d_score: Value, pre: Value) -> Value:
    both = zip(d_score, pre, strict=False)
    return [each(lambda weight, z, ds=ds: ds * weight if z > 0 else ops.num(0), h, row) for ds, row in both]


def d_prod(v: Trace, ops: Any, attn_drop: Value, d_pooled: Value, pairs: Value, attention: str) -> Value:
    """Both paths: through the pooling and, for the attention network, through the scores."""
    dM = [[a * g for g in d_pooled[r]] for a, (r, _, _) in zip(attn_drop, pairs, strict=False)]
    if attention == "network":
        W = v.param("W")
        paths = zip(dM, v["d_pre"], strict=False)
        dM = [[dm + ops.sum(each(mul, row, dz)) for dm, row in zip(dm_q, W, strict=False)] for dm_q, dz in paths]
    return masked(v, "pairs", dM)


def d_emb(v: Trace, ops: Any, emb: Value) -> Value:
    if v.config["model"] == "fm":
        places = [(r, a) for r, start, end in v["spans"] for a in range(start, end)]
        return [each(lambda g, s, e: g * (s - e), v["d_pooled"][r], v["sum_e"][r], emb[a]) for r, a in places]
    dE = [[ops.num(0)] * v.config["k"] for _ in emb]
    for (_, a, b), d in zip(v["pairs"], v["d_prod"], strict=False):
        for end, other in ((a, b), (b, a)):
            dE[end] = each(lambda total, d, e: total + d * e, dE[end], d, emb[other])
    return dE


def with_l2(v: Trace, par: str, total: list[Any]) -> list[Any]:
    """A gradient, and 2 lam times the parameter itself in every row that is penalised."""
    if "lam_" + par in v.config:
        factor, own = v.ops.num(2) * v.number("lam_" + par), v.param(par)
        for i in range(len(own)) if par == "W" else v["touched"]:
            total[i] = each(lambda g, z: g + factor * z, total[i], own[i])
    return total


def weighted(ops: Any, weights: Value, rows: Value, width: int) -> Value:
    """The sum of the rows, each times its weight."""
    both = list(zip(weights, rows, strict=False))
    return [ops.sum(weight * row[f] for weight, row in both) for f in range(width)]


def gathered(zero: Value, index: Value, parts: Value, size: int) -> Value:
    """The parts added up, numbers or rows, each at its index."""
    total = [zero] * size
    for q, part in zip(index, parts, strict=False):
        if q is not None:
            total[q] = each(add, total[q], part)
    return total


rule("d_y_hat", d_y_hat)
rule("d_pooled", lambda v, d_y_hat: masked(v, "pooled", [[dy * p for p in projection(v)] for dy in d_y_hat]))
rule("d_attn", d_attn)
rule("d_score", d_score)
rule("d_pre", d_pre)
rule("d_prod", d_prod)
rule("d_emb", d_emb)
rule("g_w0", lambda ops, d_y_hat: ops.sum(d_y_hat))
rule("g_w", lambda v, ops, active_ids, active_x, d_y_hat, spans, n: with_l2(v, "w", gathered(
    ops.num(0), active_ids, [d_y_hat[r] * active_x[a] for r, start, end in spans for a in range(start, end)], n
)))
rule("g_V", lambda v, ops, active_ids, active_x, d_emb, n, k: with_l2(v, "V", gathered(
    [ops.num(0)] * k, active_ids, [[d * x for d in dE] for x, dE in zip(active_x, d_emb, strict=False)], n
)))
rule("g_p", lambda ops, d_y_hat, pooled_drop, k: weighted(ops, d_y_hat, pooled_drop, k))
rule("g_W", lambda v, ops, prod_drop, d_pre, k, t: with_l2(v, "W", [
    [ops.sum(m[f] * dz[u] for m, dz in zip(prod_drop, d_pre, strict=False)) for u in range(t)] for f in range(k)
]))
rule("g_b", lambda ops, d_pre, t: [ops.sum(row[u] for row in d_pre) for u in range(t)])
rule("g_h", lambda ops, d_score, hid, t: weighted(ops, d_score, hid, t))
rule("g_field", lambda ops, field_index, d_attn, field: gathered(ops.num(0), field_index, d_attn, len(field)))
rule("g_free", lambda ops, free_index, d_attn, free: gathered(ops.num(0), free_index, d_attn, len(free)))
