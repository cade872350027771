"""Wrong variants: dropout of the interactions, of the attention and of the pooled vector."""

from collections.abc import Callable

from ..literal.numbers import Value
from ..literal.trace import Layer, Rule, Trace
from .registry import Seen, scaled, wrong


def remasked(factor: Callable[[float], float]) -> Layer:
    def layer(v: Trace, right: Rule, site: str) -> Value:
        mask = right(v, site)
        return mask if mask is None else scaled(mask, factor(v.config["keep_" + site]))

    return layer


wrong("DROPOUT_UNSCALED", "mask")(remasked(lambda keep: keep))
wrong("DROPOUT_TIMES_KEEP", "mask")(remasked(lambda keep: keep * keep))
wrong("DROPOUT_RATE_FOR_KEEP", "mask")(remasked(lambda keep: keep / (1 - keep)))
wrong("DROPOUT_IN_EVALUATION", "mask")(lambda v, right, site: right(Seen(v, train=True), site))
wrong("DROPOUT_MISSING", "mask")(lambda v, right, site: None)
wrong("DROPOUT_NOT_IN_BACKWARD", "d_pooled", "d_attn", "d_prod")(
    lambda v, right: right(Seen(v, dict.fromkeys(("mask_pooled", "mask_attn", "mask_pairs"))))
)


@wrong("DROPOUT_UNSCALED_IN_BACKWARD", "d_pooled", "d_attn", "d_prod")
def _(v: Trace, right: Rule) -> Value:
    def unscaled(site: str) -> Value:
        mask = v["mask_" + site]
        return mask if mask is None else scaled(mask, v.config["keep_" + site])

    return right(Seen(v, {"mask_" + site: unscaled(site) for site in ("pooled", "attn", "pairs")}))


@wrong("ATTENTION_RENORMALISED", "attn_drop")
def _(v: Trace, right: Rule) -> Value:
    if v["mask_attn"] is None:
        return right(v)
    a, total = right(v), dict.fromkeys(range(len(v["y"])), 0.0)
    for z, (r, _, _) in zip(a, v["pairs"], strict=False):
        total[r] += z
    return [z / total[r] if total[r] else z for z, (r, _, _) in zip(a, v["pairs"], strict=False)]


wrong("PAIR_DROPOUT_MISSES_ATTENTION", "pre", "g_W")(lambda v, right: right(Seen(v, {"prod_drop": v["prod"]})))
wrong("PAIR_DROPOUT_MISSES_POOLING", "pooled", "d_attn")(
    lambda v, right: right(v) if v.config["model"] == "fm" else right(Seen(v, {"prod_drop": v["prod"]}))
)
wrong("GP_BEFORE_DROPOUT", "g_p")(lambda v, right: right(Seen(v, {"pooled_drop": v["pooled"]})))
