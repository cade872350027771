"""Wrong variants: the attention network, softmax, the other attentions, pooling, dropout."""

import math
from collections.abc import Callable
from typing import Any

from ..literal.forward import slot_pair, softmax
from ..literal.inputs import pairs_of, spans
from ..literal.numbers import Value
from ..literal.trace import Layer, Rule, Trace
from .registry import Seen, scaled, wrong


def column_major(W: Value) -> Value:
    """A (k, t) matrix whose numbers were read as (t, k)."""
    flat, k = [z for row in W for z in row], len(W)
    return [[flat[u * k + f] for u in range(len(W[0]))] for f in range(k)]


wrong("W_READ_TRANSPOSED", "pre")(lambda v, right: right(Seen(v, params={"W": column_major(v.param("W"))})))
wrong("BIAS_MISSING", "pre")(wrong("BIAS_AFTER_RELU", "pre")(
    lambda v, right: right(Seen(v, params={"b": [0.0] * len(v.param("b"))}))
))


wrong("BIAS_AFTER_RELU", "hid")(
    lambda v, right: [[z + b for z, b in zip(row, v.param("b"), strict=False)] for row in right(v)]
)


def hidden(activation: Callable[[Any], Any]) -> Layer:
    return lambda v, right: [[activation(z) for z in row] for row in v["pre"]]


wrong("RELU_MISSING", "hid")(hidden(lambda z: z))
wrong("RELU_LEAKY", "hid")(hidden(lambda z: z if z > 0 else 0.01 * z))
wrong("TANH_FOR_RELU", "hid")(lambda v, right: [[v.ops.tanh(z) for z in row] for row in v["pre"]])

SHIFT = 0.3


wrong("SCORE_BIAS", "score")(lambda v, right: [s + SHIFT for s in right(v)])
wrong("RELU_ON_SCORE", "score")(lambda v, right: [s if s > 0 else 0.0 for s in right(v)])
wrong("SCORE_AVERAGED", "score")(lambda v, right: scaled(right(v), 1 / v.config["t"]))
wrong("H_MISSING", "score")(lambda v, right: right(Seen(v, params={"h": [1.0] * v.config["t"]})))


# ---- softmax ----------------------------------------------------------------------------------------------------


def network(layer: Layer) -> Layer:
    """A variant of the softmax alone."""
    return lambda v, right: layer(v, right) if v.config.get("attention") == "network" else right(v)


def by_row(weigh: Callable[..., list[Any]]) -> Layer:
    """A softmax rule that looks at the scores of one row."""

    @network
    def layer(v: Trace, right: Rule) -> Value:
        result = [None] * len(v["score"])
        for r, _, _ in spans(v):
            mine = pairs_of(v, r)
            for q, a in zip(mine, weigh(v, [v["score"][q] for q in mine]) if mine else [], strict=True):
                result[q] = a
        return result

    return layer


def shares(v: Trace, powers: list[Any], total: Any = None) -> Value:
    total = v.ops.sum(powers) if total is None else total
    return [v.ops.div(power, total) for power in powers]


wrong("SOFTMAX_OF_ONE", "attn")(by_row(lambda v, s: [1.0] * len(s)))
wrong("SIGMOID_FOR_SOFTMAX", "attn")(by_row(lambda v, s: [v.ops.div(1.0, 1 + v.ops.exp(-z)) for z in s]))
wrong("EXP_WITHOUT_MAX", "attn")(by_row(lambda v, s: shares(v, [v.ops.exp(z) for z in s])))
wrong("SOFTMAX_WITHOUT_EXP", "attn")(by_row(lambda v, s: shares(v, s)))
wrong("SOFTMAX_SCALED", "attn")(by_row(lambda v, s: softmax(v, scaled(s, v.config["t"] ** -0.5))))
wrong("SOFTMAX_OVER_BATCH", "attn")(network(lambda v, right: softmax(v, v["score"])))


@wrong("SOFTMAX_SUM_OVER_BATCH", "attn")
@network
def _(v: Trace, right: Rule) -> Value:
    top: dict[int, Any] = {}
    for s, (r, _, _) in zip(v["score"], v["pairs"], strict=True):
        top[r] = max(s, top.get(r, s))
    return shares(v, [v.ops.exp(s - top[r]) for s, (r, _, _) in zip(v["score"], v["pairs"], strict=True)])


@wrong("SOFTMAX_ACROSS_ROWS", "attn")
@network
def _(v: Trace, right: Rule) -> Value:
    result: list[Any] = [None] * len(v["score"])
    groups: dict[int, list[int]] = {}
    for r, _, _ in spans(v):
        for place, q in enumerate(pairs_of(v, r)):
            groups.setdefault(place, []).append(q)
    for mine in groups.values():
        for q, a in zip(mine, softmax(v, [v["score"][q] for q in mine]), strict=True):
            result[q] = a
    return result


def longest(v: Trace) -> Value:
    return max(len(pairs_of(v, r)) for r, _, _ in spans(v))


wrong("SOFTMAX_PADDED_WITH_ZERO", "attn")(by_row(lambda v, s: softmax(v, s + [0.0] * (longest(v) - len(s)))[: len(s)]))


@wrong("SOFTMAX_BATCH_MAX", "attn")
@network
def _(v: Trace, right: Rule) -> Value:
    top = max(v["score"], default=0.0)
    return by_row(lambda v, s: shares(v, [v.ops.exp(z - top) for z in s]))(v, right)


# ---- the attentions that are no network ---------------------------------------------------------------------------


def only(mode: str) -> Layer:
    def decorate(change: Callable[..., Value]) -> Layer:
        return lambda v, right: change(v, right(v)) if v.config.get("attention") == mode else right(v)

    return decorate


def pair_counts(v: Trace) -> Value:
    return [len(pairs_of(v, r)) for r, _, _ in v["pairs"]]


wrong("UNIFORM_NOT_DIVIDED", "attn")(only("uniform")(lambda v, a: [1.0] * len(a)))
wrong("UNIFORM_COUNTS_PADDING", "attn")(only("uniform")(lambda v, a: [1 / longest(v)] * len(a)))
wrong("SUM_IS_MEAN", "attn")(only("sum")(lambda v, a: [z / c for z, c in zip(a, pair_counts(v), strict=False)]))
wrong("FREE_UNSEEN_IS_ZERO", "attn")(only("free")(
    lambda v, a: [0.0 if q is None else z for z, q in zip(a, v["free_index"], strict=False)]
))


@wrong("FREE_NORMALISED", "attn")
@only("free")
def _(v: Trace, a: Any) -> Value:
    result = [None] * len(a)
    for r, _, _ in spans(v):
        mine = pairs_of(v, r)
        for q, z in zip(mine, softmax(v, [a[q] for q in mine]) if mine else [], strict=True):
            result[q] = z
    return result


@wrong("FIELD_BY_POSITION", "field_index")
def _(v: Trace, right: Rule) -> Value:
    ptr, m = v["active_ptr"], v.config["m"]
    return [slot_pair(m, min(a, b) - ptr[r], max(a, b) - ptr[r]) for r, a, b in v["pairs"]]


@wrong("FIELD_COLUMN_ORDER", "field_index")
def _(v: Trace, right: Rule) -> Value:
    slots = v["active_slots"]
    ends = [sorted((slots[a], slots[b])) for _, a, b in v["pairs"]]
    return [j * (j - 1) // 2 + i for i, j in ends]


# ---- pooling ------------------------------------------------------------------------------------------------------


@wrong("EMPTY_ROW_IS_NAN", "pooled")
def _(v: Trace, right: Rule) -> Value:
    sizes = [end - start for _, start, end in spans(v)]
    return [row if size > 1 else [math.nan] * len(row) for row, size in zip(right(v), sizes, strict=False)]


wrong("POOLED_AVERAGED", "pooled")(network(
    lambda v, right: [scaled(row, 1 / max(len(pairs_of(v, r)), 1)) for r, row in enumerate(right(v))]
))


@wrong("POOLED_MAX", "pooled")
def _(v: Trace, right: Rule) -> Value:
    if v.config["model"] == "fm":
        return right(v)
    a, M, k = v["attn_drop"], v["prod_drop"], v.config["k"]
    return [[max((a[q] * M[q][f] for q in pairs_of(v, r)), default=0.0) for f in range(k)] for r, _, _ in spans(v)]


wrong("P_MISSING", "inter")(lambda v, right: right(Seen(v, params={"p": [1.0] * v.config["k"]})))
