"""From sparse vectors to the prediction, FM and AFM (SPEC.md, sections 3 and 4)."""

from operator import mul
from typing import Any

from .inputs import masked
from .numbers import Value, each
from .trace import Trace, rule


def slot_pair(m: int, i: int, j: int) -> int:
    """Number of slot pair (i, j), i < j, in lexicographic order."""
    return i * m - i * (i + 1) // 2 + j - i - 1


def free_index(v: Trace, pair_keys: Value) -> Value:
    """Position of every pair in the table of pairs seen in training, or None."""
    table = {tuple(pair): q for q, pair in enumerate(v.case["params"]["free_pairs"])}
    return [table.get((min(i, j), max(i, j))) for _, i, j in pair_keys]


def softmax(ops: Any, scores: list[Any]) -> list[Any]:
    top = max(scores)
    powers = [ops.exp(s - top) for s in scores]
    total = ops.sum(powers)
    return [ops.div(power, total) for power in powers]


def in_groups(groups: list[list[int]], numbers: list[Any], weigh: Any) -> list[Any]:
    """weigh(the numbers of a group) for every group of places."""
    result = list(numbers)
    for mine in groups:
        for q, a in zip(mine, weigh([numbers[q] for q in mine]) if mine else [], strict=True):
            result[q] = a
    return result


def attention(v: Trace, ops: Any, attention: str) -> Value:
    ones = [ops.num(1) for _ in v["pairs"]]
    if attention == "network":
        return in_groups(v["of_row"], v["score"], lambda s: softmax(ops, s))
    if attention == "uniform":
        return in_groups(v["of_row"], ones, lambda ones: [ops.div(one, ops.num(len(ones))) for one in ones])
    if attention == "field":
        return [v.param("field")[q] for q in v["field_index"]]
    if attention == "free":
        return each(lambda one, q: one if q is None else v.param("free")[q], ones, v["free_index"])
    return ones


def pooled(v: Trace, ops: Any, k: int) -> Value:
    if v.config["model"] == "fm":
        half = ops.num(0.5)
        return each(lambda s, s2: half * (s * s - s2), v["sum_e"], v["sum_e2"])
    a, M = v["attn_drop"], v["prod_drop"]
    return [[ops.sum(a[q] * M[q][f] for q in mine) for f in range(k)] for mine in v["of_row"]]


def by_row(ops: Any, spans: Value, E: Value, k: int) -> Value:
    """The sum over the features of each row."""
    return [[ops.sum(E[a][f] for a in range(start, end)) for f in range(k)] for _, start, end in spans]


def projection(v: Trace) -> Value:
    """p, which FM does not have: ones."""
    return [v.ops.num(1)] * v.config["k"] if v.config["model"] == "fm" else v.param("p")


rule("linear", lambda ops, w, active_ids, active_x, spans: [
    ops.sum(w[active_ids[a]] * active_x[a] for a in range(start, end)) for _, start, end in spans
])
rule("emb", lambda V, active_ids, active_x: [
    [z * x for z in V[i]] for i, x in zip(active_ids, active_x, strict=False)
])
rule("sum_e", lambda ops, emb, k, spans: by_row(ops, spans, emb, k))
rule("sum_e2", lambda ops, emb, k, spans: by_row(ops, spans, each(lambda e: e * e, emb), k))
rule("prod", lambda emb, pairs: [each(mul, emb[a], emb[b]) for _, a, b in pairs])
rule("prod_drop", lambda v, prod: masked(v, "pairs", prod))
rule("pre", lambda ops, W, b, prod_drop: [
    [ops.sum(W[f][u] * m[f] for f in range(len(W))) + b[u] for u in range(len(b))] for m in prod_drop
])
rule("hid", lambda ops, pre: each(lambda z: z if z > 0 else ops.num(0), pre))
rule("score", lambda ops, h, hid: [ops.sum(each(mul, h, row)) for row in hid])
rule("field_index", lambda active_slots, m, pairs: [
    slot_pair(m, active_slots[a], active_slots[b]) for _, a, b in pairs
])
rule("free_index", free_index)
rule("attn", attention)
rule("attn_drop", lambda v, attn: masked(v, "attn", attn))
rule("pooled", pooled)
rule("pooled_drop", lambda v, pooled: masked(v, "pooled", pooled))
rule("inter", lambda v, ops, pooled_drop: [ops.sum(each(mul, projection(v), row)) for row in pooled_drop])
rule("y_hat", lambda w0, linear, inter: each(lambda a, b: w0 + a + b, linear, inter))
