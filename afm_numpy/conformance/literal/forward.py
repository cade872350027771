"""From sparse vectors to the prediction, FM and AFM (SPEC.md, sections 3 and 4)."""

from typing import Any

from .inputs import masked, pairs_of, spans
from .numbers import Value
from .trace import Trace, rule


@rule
def linear(v: Trace) -> Value:
    w, ids, x = v.param("w"), v["active_ids"], v["active_x"]
    return [v.ops.sum(w[ids[a]] * x[a] for a in range(start, end)) for _, start, end in spans(v)]


@rule
def emb(v: Trace) -> Value:
    V = v.param("V")
    return [[entry * x for entry in V[i]] for i, x in zip(v["active_ids"], v["active_x"], strict=False)]


@rule
def prod(v: Trace) -> Value:
    E = v["emb"]
    return [[ei * ej for ei, ej in zip(E[a], E[b], strict=False)] for _, a, b in v["pairs"]]


@rule
def prod_drop(v: Trace) -> Value:
    return masked(v, "pairs", v["prod"])


@rule
def pre(v: Trace) -> Value:
    W, b = v.param("W"), v.param("b")
    return [[v.ops.sum(W[f][u] * m[f] for f in range(len(W))) + b[u] for u in range(len(b))] for m in v["prod_drop"]]


@rule
def hid(v: Trace) -> Value:
    return [[z if z > 0 else v.ops.num(0) for z in row] for row in v["pre"]]


@rule
def score(v: Trace) -> Value:
    h = v.param("h")
    return [v.ops.sum(h[u] * row[u] for u in range(len(h))) for row in v["hid"]]


def slot_pair(m: int, i: int, j: int) -> Value:
    """Number of slot pair (i, j), i < j, in lexicographic order."""
    return i * m - i * (i + 1) // 2 + j - i - 1


@rule
def field_index(v: Trace) -> Value:
    slots, m = v["active_slots"], v.config["m"]
    return [slot_pair(m, slots[a], slots[b]) for _, a, b in v["pairs"]]


@rule
def free_index(v: Trace) -> Value:
    """Position of every pair in the table of pairs seen in training, or None."""
    table = {tuple(pair): q for q, pair in enumerate(v.case["params"]["free_pairs"])}
    return [table.get((min(i, j), max(i, j))) for _, i, j in v["pair_keys"]]


@rule
def attn(v: Trace) -> Value:
    mode, one = v.config["attention"], v.ops.num(1)
    count = len(v["pairs"])
    if mode == "sum":
        return [one] * count
    if mode == "field":
        field = v.param("field")
        return [field[q] for q in v["field_index"]]
    if mode == "free":
        free = v.param("free")
        return [one if q is None else free[q] for q in v["free_index"]]
    result = [None] * count
    for r, _, _ in spans(v):
        mine = pairs_of(v, r)
        if mode == "uniform":
            for p in mine:
                result[p] = v.ops.div(one, v.ops.num(len(mine)))
        elif mine:
            for p, value in zip(mine, softmax(v, [v["score"][p] for p in mine]), strict=True):
                result[p] = value
    return result


def softmax(v: Trace, scores: list[Any]) -> Value:
    top = max(scores)
    powers = [v.ops.exp(s - top) for s in scores]
    total = v.ops.sum(powers)
    return [v.ops.div(power, total) for power in powers]


@rule
def attn_drop(v: Trace) -> Value:
    return masked(v, "attn", v["attn"])


@rule
def sum_e(v: Trace) -> Value:
    E, k = v["emb"], v.config["k"]
    return [[v.ops.sum(E[a][f] for a in range(start, end)) for f in range(k)] for _, start, end in spans(v)]


@rule
def sum_e2(v: Trace) -> Value:
    E, k = v["emb"], v.config["k"]
    return [[v.ops.sum(E[a][f] * E[a][f] for a in range(start, end)) for f in range(k)] for _, start, end in spans(v)]


@rule
def pooled(v: Trace) -> Value:
    if v.config["model"] == "fm":
        half = v.ops.num(0.5)
        return [
            [half * (s * s - s2) for s, s2 in zip(*both, strict=False)]
            for both in zip(v["sum_e"], v["sum_e2"], strict=False)
        ]
    a, M, k = v["attn_drop"], v["prod_drop"], v.config["k"]
    return [[v.ops.sum(a[p] * M[p][f] for p in pairs_of(v, r)) for f in range(k)] for r, _, _ in spans(v)]


@rule
def pooled_drop(v: Trace) -> Value:
    return masked(v, "pooled", v["pooled"])


def projection(v: Trace) -> Value:
    """p, which FM does not have: ones."""
    return [v.ops.num(1)] * v.config["k"] if v.config["model"] == "fm" else v.param("p")


@rule
def inter(v: Trace) -> Value:
    p = projection(v)
    return [v.ops.sum(p[f] * row[f] for f in range(len(p))) for row in v["pooled_drop"]]


@rule
def y_hat(v: Trace) -> Value:
    w0 = v.param("w0")
    return [w0 + a + b for a, b in zip(v["linear"], v["inter"], strict=False)]
