"""Wrong variants: the attention network, softmax, the other attentions, pooling, dropout."""

import math
from collections.abc import Callable
from typing import Any

from ..literal.forward import in_groups, slot_pair, softmax
from ..literal.inputs import masked
from ..literal.numbers import Value, each, flatten
from ..literal.trace import Trace
from .registry import scaled, seen, wrong


def column_major(W: Value) -> Value:
    """A (k, t) matrix whose numbers were read as (t, k)."""
    k, flat = len(W), flatten(W)
    return [[flat[u * k + f] for u in range(len(W[0]))] for f in range(k)]


wrong("W_READ_TRANSPOSED", "pre", seen(W=column_major))
wrong("BIAS_MISSING", "pre", seen(b=lambda t: [0.0] * t))
wrong("BIAS_AFTER_RELU", "pre", seen(b=lambda t: [0.0] * t))
wrong("BIAS_AFTER_RELU", "hid", lambda value, b: [each(lambda z, bias: z + bias, row, b) for row in value])
wrong("RELU_MISSING", "hid", lambda pre: pre)
wrong("RELU_LEAKY", "hid", lambda pre: each(lambda z: z if z > 0 else 0.01 * z, pre))
wrong("RELU_IN_PLACE", "pre", lambda value: each(lambda z: z if z > 0 else 0.0 * z, value))
wrong("TANH_FOR_RELU", "hid", lambda pre, ops: each(ops.tanh, pre))
wrong("SCORE_BIAS", "score", lambda value: [s + 0.3 for s in value])
wrong("RELU_ON_SCORE", "score", lambda value: [s if s > 0 else 0.0 for s in value])
wrong("SCORES_CLIPPED", "score", lambda value: [max(-50.0, min(50.0, s)) for s in value])
wrong("SCORE_AVERAGED", "score", lambda value, t: scaled(value, 1 / t))
wrong("H_MISSING", "score", seen(h=lambda t: [1.0] * t))


# ---- softmax ----------------------------------------------------------------------------------------------------


def by_row(mistake: str, weigh: Callable[[Trace, list[Any]], list[Any]]) -> None:
    """A softmax that looks at the scores of one row."""
    wrong(mistake, "attn", lambda v, score, of_row: in_groups(of_row, score, lambda s: weigh(v, s)), "network")


def shares(v: Trace, powers: list[Any]) -> Value:
    total = v.ops.sum(powers)
    return [v.ops.div(power, total) for power in powers]


def longest(v: Trace) -> int:
    """The number of pairs of the row that has most."""
    return max(map(len, v["of_row"]))


def across_rows(v: Trace, score: Value, of_row: Value) -> Value:
    columns = [[mine[place] for mine in of_row if place < len(mine)] for place in range(longest(v))]
    return in_groups(columns, score, lambda s: softmax(v.ops, s))


def padded(v: Trace, s: list[Any], score: Any) -> Value:
    return softmax(v.ops, s + [score] * (longest(v) - len(s)))[: len(s)]


by_row("SOFTMAX_OF_ONE", lambda v, s: [1.0] * len(s))
by_row("SIGMOID_FOR_SOFTMAX", lambda v, s: [v.ops.div(1.0, 1 + v.ops.exp(-z)) for z in s])
by_row("EXP_WITHOUT_MAX", lambda v, s: shares(v, [v.ops.exp(z) for z in s]))
by_row("SOFTMAX_WITHOUT_EXP", shares)
by_row("SOFTMAX_SCALED", lambda v, s: softmax(v.ops, scaled(s, v.config["t"] ** -0.5)))
by_row("SOFTMAX_BATCH_MAX", lambda v, s: shares(v, [v.ops.exp(z - max(v["score"])) for z in s]))
by_row("SOFTMAX_PADDED_WITH_ZERO", lambda v, s: padded(v, s, 0.0))
by_row("SOFTMAX_PADDED_PAIRS", lambda v, s: padded(v, s, v.ops.sum(
    h * max(b, 0.0) for h, b in zip(v.param("h"), v.param("b"), strict=True)
)))
wrong("SOFTMAX_MASKS_ID_ZERO", "attn", lambda v, score, pairs, active_ids, of_row: in_groups(
    of_row, [s if active_ids[a] and active_ids[b] else -1e9 for s, (_, a, b) in zip(score, pairs, strict=True)],
    lambda s: softmax(v.ops, s),
), "network")
wrong("SOFTMAX_OVER_BATCH", "attn", lambda ops, score: softmax(ops, score), "network")
wrong("SOFTMAX_SUM_OVER_BATCH", "attn", lambda v, score, of_row: shares(
    v, in_groups(of_row, score, lambda s: [v.ops.exp(z - max(s)) for z in s])
), "network")
wrong("SOFTMAX_ACROSS_ROWS", "attn", across_rows, "network")

# ---- the attentions that are no network ---------------------------------------------------------------------------

wrong("UNIFORM_NOT_DIVIDED", "attn", lambda value: [1.0] * len(value), "uniform")
wrong("UNIFORM_COUNTS_PADDING", "attn", lambda v, value: [1 / longest(v)] * len(value), "uniform")
wrong("UNIFORM_COUNTS_SLOTS", "attn",
      lambda pairs, rows: [1 / math.comb(len(rows[r]), 2) for r, _, _ in pairs], "uniform")
wrong("SUM_IS_MEAN", "attn", lambda of_row, value: in_groups(of_row, value, lambda s: scaled(s, 1 / len(s))), "sum")
wrong("FREE_UNSEEN_IS_ZERO", "attn",
      lambda value, free_index: each(lambda z, q: 0.0 if q is None else z, value, free_index), "free")
wrong("FREE_NORMALISED", "attn", lambda v, value, of_row: in_groups(of_row, value, lambda s: softmax(v.ops, s)), "free")
wrong("FREE_UNSORTED", "free_index",
      lambda value, pair_keys: [q if i < j else None for q, (_, i, j) in zip(value, pair_keys, strict=True)])


def places(spans: Value) -> list[int]:
    return [a - start for _, start, end in spans for a in range(start, end)]


def field_index(mistake: str, number: Callable[[int, int, int], int]) -> None:
    """Another number of a slot pair: number(entries of the row, smaller slot, larger slot)."""
    wrong(mistake, "field_index", lambda pairs, active_slots, rows: [
        number(len(rows[r]), *sorted((active_slots[a], active_slots[b]))) for r, a, b in pairs
    ])


wrong("FIELD_BY_POSITION", "field_index", seen(active_slots=places))
field_index("FIELD_SIZE_OF_ROW", slot_pair)
field_index("FIELD_COLUMN_ORDER", lambda m, i, j: j * (j - 1) // 2 + i)
wrong("SLOTS_OF_KEPT", "active_slots", places)
wrong("SLOTS_OF_DISTINCT", "active_slots", lambda active, rows: [
    list(dict.fromkeys(i for i, _, _ in raw)).index(i) for row, raw in zip(active, rows, strict=True) for i, _, _ in row
])

# ---- pooling ------------------------------------------------------------------------------------------------------

wrong("EMPTY_ROW_IS_NAN", "pooled", lambda value, sizes: [
    row if size > 1 else [math.nan] * len(row) for row, size in zip(value, sizes, strict=False)
])
wrong("POOLED_AVERAGED", "pooled", lambda value, of_row: [
    scaled(row, 1 / max(len(mine), 1)) for row, mine in zip(value, of_row, strict=False)
], "network")
wrong("POOLED_MAX", "pooled", lambda attn_drop, prod_drop, of_row, k: [
    [max((attn_drop[q] * prod_drop[q][f] for q in mine), default=0.0) for f in range(k)] for mine in of_row
], "afm")
wrong("P_MISSING", "inter", seen(p=lambda k: [1.0] * k))
wrong("EMPTY_ROW_IS_ZERO", "y_hat", lambda value, sizes: each(lambda z, size: z if size else 0.0, value, sizes))
wrong("ROW_WITHOUT_PAIR_IS_W0", "y_hat",
      lambda value, w0, of_row: [z if mine else w0 for z, mine in zip(value, of_row, strict=True)], "afm")

# ---- dropout ------------------------------------------------------------------------------------------------------


def remasked(mistake: str, factor: Callable[[float], float]) -> None:
    """Dropout whose multipliers are `factor` (a function of keep) times the right ones."""
    wrong(mistake, "mask", lambda v, value, par: value and scaled(value, factor(v.config["keep_" + par])))


remasked("DROPOUT_UNSCALED", lambda keep: keep)
remasked("DROPOUT_TIMES_KEEP", lambda keep: keep * keep)
remasked("DROPOUT_SCALED_TWICE", lambda keep: 1 / keep)
remasked("DROPOUT_RATE_FOR_KEEP", lambda keep: keep / (1 - keep))
wrong("DROPOUT_MASK_INVERTED", "mask",
      lambda v, value, par: value and each(lambda z: 1 / v.config["keep_" + par] - z, value))
wrong("DROPOUT_IN_EVALUATION", "mask", seen(train=True))
wrong("DROPOUT_MISSING", "mask", lambda: None)
wrong("DROPOUT_NOT_IN_BACKWARD", "d_pooled d_attn d_prod", seen(mask_pooled=None, mask_attn=None, mask_pairs=None))


def unscaled(site: str) -> Callable[[Trace], Value]:
    return lambda v: v["mask_" + site] and scaled(v["mask_" + site], v.config["keep_" + site])


wrong("DROPOUT_UNSCALED_IN_BACKWARD", "d_pooled d_attn d_prod",
      seen(mask_pooled=unscaled("pooled"), mask_attn=unscaled("attn"), mask_pairs=unscaled("pairs")))
wrong("DROPOUT_IN_PLACE", "prod", lambda v, value: masked(v, "pairs", value))
wrong("DROPOUT_IN_PLACE", "pooled", lambda v, value: masked(v, "pooled", value))
wrong("DROPOUT_IN_PLACE", "prod_drop", lambda prod: prod)
wrong("DROPOUT_IN_PLACE", "pooled_drop", lambda pooled: pooled)
wrong("ATTENTION_RENORMALISED", "attn_drop", lambda value, mask_attn, of_row: (
    in_groups(of_row, value, lambda s: [z / sum(s) for z in s] if sum(s) else s) if mask_attn else value
))
wrong("PAIR_DROPOUT_MISSES_ATTENTION", "pre g_W", seen(prod_drop=lambda prod: prod))
wrong("PAIR_DROPOUT_MISSES_POOLING", "pooled d_attn", seen(prod_drop=lambda prod: prod), "afm")
wrong("GP_BEFORE_DROPOUT", "g_p", seen(pooled_drop=lambda pooled: pooled))
