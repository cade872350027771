"""Wrong variants: the backward pass, from the loss to the scatter into the rows of w and V."""

from collections.abc import Callable
from typing import Any

from ..literal.inputs import spans
from ..literal.numbers import Value
from ..literal.trace import Layer, Rule, Trace
from .attention import column_major
from .registry import Seen, scaled, wrong

wrong("D_POOLED_WITHOUT_P", "d_pooled")(lambda v, right: right(Seen(v, params={"p": [1.0] * v.config["k"]})))
wrong("D_ATTN_WITHOUT_P", "d_attn")(
    lambda v, right: right(Seen(v, {"d_pooled": [[dy] * v.config["k"] for dy in v["d_y_hat"]]}))
)
wrong("JACOBIAN_DIAGONAL_ONLY", "d_score")(
    lambda v, right: [a * (1 - a) * da for a, da in zip(v["attn"], v["d_attn"], strict=False)]
)
wrong("JACOBIAN_MISSING", "d_score")(lambda v, right: list(v["d_attn"]))
wrong("JACOBIAN_WITHOUT_MEAN", "d_score")(
    lambda v, right: [a * da for a, da in zip(v["attn"], v["d_attn"], strict=False)]
)


@wrong("JACOBIAN_OVER_BATCH", "d_score")
def _(v: Trace, right: Rule) -> Value:
    a, da = v["attn"], v["d_attn"]
    mean = sum(x * z for x, z in zip(a, da, strict=False))
    return [x * (z - mean) for x, z in zip(a, da, strict=False)]


def gated(gate: Callable[[Any], float]) -> Layer:
    def layer(v: Trace, right: Rule) -> Value:
        h = v.param("h")
        return [[ds * h[u] * gate(z[u]) for u in range(len(h))] for ds, z in zip(v["d_score"], v["pre"], strict=False)]

    return layer


wrong("RELU_GATE_MISSING", "d_pre")(gated(lambda z: 1.0))
wrong("RELU_GATE_OPEN_AT_ZERO", "d_pre")(gated(lambda z: 1.0 if z >= 0 else 0.0))
wrong("D_PRE_WITHOUT_H", "d_pre")(lambda v, right: right(Seen(v, params={"h": [1.0] * v.config["t"]})))
wrong("ATTENTION_DETACHED", "d_prod")(lambda v, right: right(Seen(v, attention="sum")))


@wrong("POOLING_PATH_MISSING", "d_prod")
def _(v: Trace, right: Rule) -> Value:
    return right(Seen(v, {"attn_drop": [0.0] * len(v["attn"])})) if v.config["attention"] == "network" else right(v)


wrong("D_PROD_WITHOUT_ATTENTION", "d_prod")(lambda v, right: right(Seen(v, {"attn_drop": [1.0] * len(v["attn"])})))


@wrong("D_PROD_W_TRANSPOSED", "d_prod")
def _(v: Trace, right: Rule) -> Value:
    return right(Seen(v, params={"W": column_major(v.param("W"))})) if v.config["attention"] == "network" else right(v)


def pair_gradient(add: Callable[..., None]) -> Layer:
    """d_emb of AFM with another rule for what a pair gives to its two features."""

    def layer(v: Trace, right: Rule) -> Value:
        if v.config["model"] == "fm":
            return right(v)
        E = v["emb"]
        dE = [[0.0] * v.config["k"] for _ in E]
        for q, (_, a, b) in enumerate(v["pairs"]):
            for f in range(v.config["k"]):
                add(dE, E, v["d_prod"][q][f], a, b, f)
        return dE

    return layer


def first_only(dE: Value, E: Value, d: Any, a: Any, b: Any, f: int) -> None:
    dE[a][f] += d * E[b][f]


def own_factor(dE: Value, E: Value, d: Any, a: Any, b: Any, f: int) -> None:
    dE[a][f] += d * E[a][f]
    dE[b][f] += d * E[b][f]


def last_pair_wins(dE: Value, E: Value, d: Any, a: Any, b: Any, f: int) -> None:
    dE[a][f] = d * E[b][f]
    dE[b][f] = d * E[a][f]


wrong("PAIR_GRADIENT_ONE_SIDED", "d_emb")(pair_gradient(first_only))
wrong("PAIR_GRADIENT_OWN_FACTOR", "d_emb")(pair_gradient(own_factor))
wrong("PAIR_GRADIENT_OVERWRITES", "d_emb")(pair_gradient(last_pair_wins))


@wrong("FM_SELF_TERM_MISSING", "d_emb")
def _(v: Trace, right: Rule) -> Value:
    if v.config["model"] != "fm":
        return right(v)
    g, s, k = v["d_pooled"], v["sum_e"], v.config["k"]
    return [[g[r][f] * s[r][f] for f in range(k)] for r, start, end in spans(v) for _ in range(start, end)]


wrong("DW_WITHOUT_VALUE", "g_w")(wrong("DV_WITHOUT_VALUE", "g_V")(
    lambda v, right: right(Seen(v, {"active_x": [1.0] * len(v["active_x"])}))
))


def last_of_each(v: Trace) -> Value:
    return {i: a for a, i in enumerate(v["active_ids"])}


def row_of(v: Trace, a: Any) -> Value:
    return next(r for r, start, end in spans(v) if start <= a < end)


@wrong("SCATTER_OVERWRITES", "g_w")
def _(v: Trace, right: Rule) -> Value:
    g = list(right(v))
    for i, last in last_of_each(v).items():
        for a, j in enumerate(v["active_ids"]):
            if j == i and a != last:
                g[i] -= v["d_y_hat"][row_of(v, a)] * v["active_x"][a]
    return g


@wrong("SCATTER_OVERWRITES", "g_V")
def _(v: Trace, right: Rule) -> Value:
    g = [list(row) for row in right(v)]
    for i, last in last_of_each(v).items():
        for a, j in enumerate(v["active_ids"]):
            if j == i and a != last:
                g[i] = [z - d * v["active_x"][a] for z, d in zip(g[i], v["d_emb"][a], strict=False)]
    return g


@wrong("SCATTER_AVERAGES", "g_w", "g_V")
def _(v: Trace, right: Rule) -> Value:
    ids = v["active_ids"]
    return [scaled(row, 1 / max(ids.count(i), 1)) for i, row in enumerate(right(v))]


wrong("W0_GRADIENT_AVERAGED", "g_w0")(lambda v, right: right(v) / len(v["y"]))
wrong("GP_WITHOUT_UPSTREAM", "g_p")(lambda v, right: right(Seen(v, {"d_y_hat": [1.0] * len(v["y"])})))
wrong("GH_FROM_PRE", "g_h")(lambda v, right: right(Seen(v, {"hid": v["pre"]})))
wrong("GB_AVERAGED", "g_b")(lambda v, right: scaled(right(v), 1 / max(len(v["pairs"]), 1)))


@wrong("GW_TRANSPOSED", "g_W")
def _(v: Trace, right: Rule) -> Value:
    g = right(v)
    k, t = len(g), len(g[0])
    flat = [g[f][u] for u in range(t) for f in range(k)]
    return [flat[f * t : (f + 1) * t] for f in range(k)]
