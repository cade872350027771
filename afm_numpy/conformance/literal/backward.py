"""The gradients, written out by hand and loop by loop (SPEC.md, section 7).

`d_x` is the derivative of the loss with respect to the tensor x as it stands before its dropout mask.
"""

from typing import Any

from .forward import projection
from .inputs import masked, pairs_of, spans
from .numbers import Value
from .objective import sigmoid
from .trace import Trace, rule


@rule
def d_y_hat(v: Trace) -> Value:
    one, two = v.ops.num(1), v.ops.num(2)
    count = v.ops.div(one, v.ops.num(len(v["y_hat"]))) if v.config["reduction"] == "mean" else one
    if v.config["loss"] == "squared":
        return [count * (two * (z - t)) for z, t in zip(v["y_hat"], v["y"], strict=False)]
    return [count * (sigmoid(v, z) - t) for z, t in zip(v["y_hat"], v["y"], strict=False)]


@rule
def d_pooled(v: Trace) -> Value:
    p = projection(v)
    return masked(v, "pooled", [[dy * p[f] for f in range(len(p))] for dy in v["d_y_hat"]])


@rule
def d_attn(v: Trace) -> Value:
    g, M, k = v["d_pooled"], v["prod_drop"], v.config["k"]
    da = [v.ops.sum(g[r][f] * M[q][f] for f in range(k)) for q, (r, _, _) in enumerate(v["pairs"])]
    return masked(v, "attn", da)


@rule
def d_score(v: Trace) -> Value:
    a, da = v["attn"], v["d_attn"]
    ds = [None] * len(a)
    for r, _, _ in spans(v):
        mine = pairs_of(v, r)
        mean = v.ops.sum(a[q] * da[q] for q in mine)
        for q in mine:
            ds[q] = a[q] * (da[q] - mean)
    return ds


@rule
def d_pre(v: Trace) -> Value:
    h, zero = v.param("h"), v.ops.num(0)
    return [
        [ds * h[u] if z[u] > 0 else zero for u in range(len(h))] for ds, z in zip(v["d_score"], v["pre"], strict=False)
    ]


@rule
def d_prod(v: Trace) -> Value:
    """Both paths: through the pooling and, for the attention network, through the scores."""
    a, g, k = v["attn_drop"], v["d_pooled"], v.config["k"]
    dM = [[a[q] * g[r][f] for f in range(k)] for q, (r, _, _) in enumerate(v["pairs"])]
    if v.config["attention"] == "network":
        W, dZ = v.param("W"), v["d_pre"]
        dM = [
            [dM[q][f] + v.ops.sum(W[f][u] * dZ[q][u] for u in range(len(W[f]))) for f in range(k)]
            for q in range(len(dM))
        ]
    return masked(v, "pairs", dM)


@rule
def d_emb(v: Trace) -> Value:
    E, k, zero = v["emb"], v.config["k"], v.ops.num(0)
    if v.config["model"] == "fm":
        g, s = v["d_pooled"], v["sum_e"]
        return [
            [g[r][f] * (s[r][f] - E[a][f]) for f in range(k)] for r, start, end in spans(v) for a in range(start, end)
        ]
    dE = [[zero] * k for _ in E]
    for q, (_, a, b) in enumerate(v["pairs"]):
        for f in range(k):
            dE[a][f] = dE[a][f] + v["d_prod"][q][f] * E[b][f]
            dE[b][f] = dE[b][f] + v["d_prod"][q][f] * E[a][f]
    return dE


def l2_part(v: Trace, par: str, touched: Any = True) -> Value:
    """Factor of a parameter's own value in its gradient: 2 lam, or nothing."""
    return v.ops.num(2) * v.number("lam_" + par) if "lam_" + par in v.config and touched else None


@rule
def g_w0(v: Trace) -> Value:
    return v.ops.sum(v["d_y_hat"])


@rule
def g_w(v: Trace) -> Value:
    w = v.param("w")
    total = [v.ops.num(0)] * len(w)
    for r, start, end in spans(v):
        for a in range(start, end):
            i = v["active_ids"][a]
            total[i] = total[i] + v["d_y_hat"][r] * v["active_x"][a]
    factor = l2_part(v, "w")
    for i in v["touched"] if factor is not None else ():
        total[i] = total[i] + factor * w[i]
    return total


@rule
def g_V(v: Trace) -> Value:
    V, k = v.param("V"), v.config["k"]
    total = [[v.ops.num(0)] * k for _ in V]
    for a, (i, x) in enumerate(zip(v["active_ids"], v["active_x"], strict=False)):
        for f in range(k):
            total[i][f] = total[i][f] + v["d_emb"][a][f] * x
    factor = l2_part(v, "V")
    for i in v["touched"] if factor is not None else ():
        total[i] = [total[i][f] + factor * V[i][f] for f in range(k)]
    return total


@rule
def g_p(v: Trace) -> Value:
    rows = list(zip(v["d_y_hat"], v["pooled_drop"], strict=False))
    return [v.ops.sum(dy * row[f] for dy, row in rows) for f in range(v.config["k"])]


@rule
def g_W(v: Trace) -> Value:
    M, dZ, W = v["prod_drop"], v["d_pre"], v.param("W")
    total = [[v.ops.sum(M[q][f] * dZ[q][u] for q in range(len(M))) for u in range(len(W[f]))] for f in range(len(W))]
    factor = l2_part(v, "W")
    if factor is None:
        return total
    return [[total[f][u] + factor * W[f][u] for u in range(len(W[f]))] for f in range(len(W))]


@rule
def g_b(v: Trace) -> Value:
    return [v.ops.sum(row[u] for row in v["d_pre"]) for u in range(v.config["t"])]


@rule
def g_h(v: Trace) -> Value:
    both = list(zip(v["d_score"], v["hid"], strict=False))
    return [v.ops.sum(ds * row[u] for ds, row in both) for u in range(v.config["t"])]


def gathered(v: Trace, index: Any, size: int) -> Value:
    total = [v.ops.num(0)] * size
    for q, da in zip(index, v["d_attn"], strict=False):
        if q is not None:
            total[q] = total[q] + da
    return total


@rule
def g_field(v: Trace) -> Value:
    return gathered(v, v["field_index"], len(v.param("field")))


@rule
def g_free(v: Trace) -> Value:
    return gathered(v, v["free_index"], len(v.param("free")))
