"""Wrong variants: the backward pass, from the loss to the scatter into the rows of w and V."""

from collections.abc import Callable
from operator import mul
from typing import Any

from ..literal.numbers import Value, each, nest
from .attention import column_major
from .features import ones
from .registry import scaled, seen, wrong

# ---- softmax and network ------------------------------------------------------------------------------------------

wrong("D_POOLED_WITHOUT_P", "d_pooled", seen(p=lambda k: [1.0] * k))
wrong("D_ATTN_WITHOUT_P", "d_attn", seen(d_pooled=lambda d_y_hat, k: [[dy] * k for dy in d_y_hat]))
wrong("JACOBIAN_DIAGONAL_ONLY", "d_score", lambda attn, d_attn: each(lambda a, da: a * (1 - a) * da, attn, d_attn))
wrong("JACOBIAN_MISSING", "d_score", lambda d_attn: d_attn)
wrong("JACOBIAN_WITHOUT_MEAN", "d_score", lambda attn, d_attn: each(mul, attn, d_attn))
wrong("JACOBIAN_OVER_BATCH", "d_score", lambda attn, d_attn: each(
    lambda a, da: a * (da - sum(each(mul, attn, d_attn))), attn, d_attn
))
wrong("JACOBIAN_OF_MASKED_ATTENTION", "d_score", seen(attn=lambda attn_drop: attn_drop))
wrong("ATTENTION_CUT", "d_score", lambda attn: [0.0] * len(attn))


def gated(mistake: str, gate: Callable[[Any], float]) -> None:
    """ReLU with another slope."""
    wrong(mistake, "d_pre", lambda d_score, pre, h: [
        each(lambda weight, z, ds=ds: ds * weight * gate(z), h, row) for ds, row in zip(d_score, pre, strict=False)
    ])


gated("RELU_GATE_MISSING", lambda z: 1.0)
gated("RELU_GATE_OPEN_AT_ZERO", lambda z: 1.0 if z >= 0 else 0.0)
wrong("HIDDEN_DETACHED", "d_pre", lambda pre: scaled(pre, 0.0))
wrong("D_PRE_WITHOUT_H", "d_pre", seen(h=lambda t: [1.0] * t))
wrong("ATTENTION_DETACHED", "d_prod", seen(attention="sum"))
wrong("POOLING_PATH_MISSING", "d_prod", seen(attn_drop=lambda attn: [0.0] * len(attn)), "network")
wrong("D_PROD_WITHOUT_ATTENTION", "d_prod", seen(attn_drop=lambda attn: [1.0] * len(attn)))
wrong("D_PROD_W_TRANSPOSED", "d_prod", seen(W=column_major), "network")

# ---- pairs --------------------------------------------------------------------------------------------------------


def pair_gradient(mistake: str, give: Callable[[Any, Any], tuple[Any, Any]], adds: bool = True) -> None:
    """give(e, f): the factors that a pair's gradient has on the way to its features e and f."""

    def d_emb(emb: Value, pairs: Value, d_prod: Value) -> Value:
        dE = [[0.0] * len(row) for row in emb]
        for (_, *ends), d in zip(pairs, d_prod, strict=False):
            for f in range(len(d)):
                for a, factor in zip(ends, give(*(emb[end][f] for end in ends)), strict=True):
                    dE[a][f] = (dE[a][f] if adds else 0.0) + d[f] * factor
        return dE

    wrong(mistake, "d_emb", d_emb, "afm")


pair_gradient("PAIR_GRADIENT_ONE_SIDED", lambda e, f: (f, 0.0))
pair_gradient("PAIR_GRADIENT_OWN_FACTOR", lambda e, f: (e, f))
pair_gradient("PAIR_GRADIENT_OVERWRITES", lambda e, f: (f, e), adds=False)
wrong("FM_SELF_TERM_MISSING", "d_emb", lambda d_pooled, sum_e, spans: [
    each(lambda d, s: d * s, d_pooled[r], sum_e[r]) for r, start, end in spans for _ in range(start, end)
], "fm")

# ---- scatter ------------------------------------------------------------------------------------------------------


def last_of_each(ids: Value, numbers: Value) -> Value:
    """The numbers, 0 where the id comes again."""
    return [0.0 if i in ids[a + 1 :] else z for a, (i, z) in enumerate(zip(ids, numbers, strict=False))]


wrong("DW_WITHOUT_VALUE", "g_w", seen(active_x=ones))
wrong("DV_WITHOUT_VALUE", "g_V", seen(active_x=ones))
wrong("SCATTER_OVERWRITES", "g_w g_V", seen(active_x=lambda active_ids, active_x: last_of_each(active_ids, active_x)))
wrong("WEIGHT_GRADIENT_OVERWRITES", "g_free", seen(d_attn=lambda free_index, d_attn: last_of_each(free_index, d_attn)))
wrong("WEIGHT_GRADIENT_OVERWRITES", "g_field",
      seen(d_attn=lambda field_index, d_attn: last_of_each(field_index, d_attn)))
wrong("NETWORK_GRADIENT_OVERWRITES", "g_W g_b g_h", seen(
    d_pre=lambda d_pre: scaled(d_pre[:-1], 0.0) + d_pre[-1:],
    d_score=lambda d_score: scaled(d_score[:-1], 0.0) + d_score[-1:],
))
wrong("SCATTER_AVERAGES", "g_w g_V", lambda value, active_ids: [
    scaled(row, 1 / max(active_ids.count(i), 1)) for i, row in enumerate(value)
])
wrong("PADDING_ROW_NOT_TRAINED", "g_w g_V", lambda value: [scaled(value[0], 0.0), *value[1:]])
wrong("W0_GRADIENT_AVERAGED", "g_w0", lambda value, y: value / len(y))
wrong("GP_WITHOUT_UPSTREAM", "g_p", seen(d_y_hat=lambda y: [1.0] * len(y)))
wrong("GH_FROM_PRE", "g_h", seen(hid=lambda pre: pre))
wrong("GB_AVERAGED", "g_b", lambda value, pairs: scaled(value, 1 / max(len(pairs), 1)))
wrong("GW_TRANSPOSED", "g_W", lambda value, k, t: nest([value[f][u] for u in range(t) for f in range(k)], (k, t)))
