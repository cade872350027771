"""Wrong variants: reading numbers and text, features, pairs, the linear part, interactions, FM."""

import math
import sys
from collections.abc import Callable, Iterable
from typing import Any

from ..literal.inputs import summed
from ..literal.numbers import Value, each, single
from ..literal.trace import Trace
from .registry import scaled, seen, wrong

# ---- reading -------------------------------------------------------------------------------------------------

wrong("READ_SINGLE_PRECISION", "echo", lambda value: each(single, value))
wrong("READ_SIX_DIGITS", "echo", lambda value: [float(f"{x:.6g}") for x in value])
wrong("DIGITS_LOST", "echo", lambda value: [float(f"{x:.15g}") for x in value])
wrong("READ_NEGATIVE_ZERO_LOST", "echo", lambda value: [x + 0.0 for x in value])
wrong("READ_SUBNORMALS_LOST", "echo",
      lambda value: [x if abs(x) >= sys.float_info.min else math.copysign(0.0, x) for x in value])


def tokens_are_features(v: Trace, n: int) -> Value:
    number: dict[str, int] = {}
    rows = [[number.setdefault(token, len(number)) for token in line.split()[1:]] for line in v.batch["text"]]
    return [[(i % n, 1.0, slot) for slot, i in enumerate(row)] for row in rows]


wrong("TEXT_TOKEN_IS_FEATURE", "rows", tokens_are_features, "text")
wrong("TEXT_IDS_FROM_ONE", "rows", lambda value, n: [[((i - 1) % n, x, s) for i, x, s in row] for row in value], "text")
wrong("TEXT_VALUE_IGNORED", "rows", lambda value: [[(i, 1.0, s) for i, x, s in row] for row in value], "text")
wrong("IDS_IN_SINGLE_PRECISION", "rows", lambda value: [[(int(single(i)), x, s) for i, x, s in row] for row in value])
wrong("LAST_ROW_LOST", "rows", lambda value: value[:-1] or value)

# ---- features ------------------------------------------------------------------------------------------------


def where(rows: Iterable[Any], keep: Callable[[int, Any], bool] = lambda i, x: bool(x != 0)) -> Value:
    """The entries (id, value, slot) of rows with keep(id, value): those that are not 0."""
    return [[entry for entry in row if keep(entry[0], entry[1])] for row in rows]


wrong("ZEROS_KEPT", "active", lambda rows: [summed(row) for row in rows])
wrong("NEGATIVE_ZERO_KEPT", "active",
      lambda rows: where(map(summed, rows), lambda i, x: x != 0 or math.copysign(1, x) < 0))
wrong("CANCELLED_KEPT", "active", lambda rows: [summed(row) for row in where(rows)])
wrong("DUPLICATES_KEPT", "active", lambda rows: where(rows))
wrong("DUPLICATES_LAST_WINS", "active",
      lambda rows: where([{entry[0]: entry for entry in row}.values() for row in rows]))
wrong("DUPLICATES_FIRST_WINS", "active", lambda rows: where(
    [[entry for e, entry in enumerate(row) if entry[0] not in [i for i, _, _ in row[:e]]] for row in rows]
))
wrong("ID_ZERO_IS_PADDING", "active", lambda value: where(value, lambda i, x: i != 0))
wrong("LAST_ID_LOST", "active", lambda value, n: where(value, lambda i, x: i != n - 1))
wrong("NEGATIVE_VALUES_DROPPED", "active", lambda value: where(value, lambda i, x: x > 0))
wrong("SMALL_VALUES_DROPPED", "active", lambda value: where(value, lambda i, x: abs(x) > 1e-6))
wrong("ROWS_TRUNCATED", "active", lambda value: [row[: min(map(len, value))] for row in value])
wrong("VALUES_IGNORED", "active_x", lambda value: [1.0] * len(value))
wrong("IDS_SHIFTED", "linear emb g_w g_V", seen(active_ids=lambda active_ids, n: [(i - 1) % n for i in active_ids]))
wrong("FIELD_OFFSETS_MISSING", "linear emb g_w g_V", seen(active_ids=lambda active_ids, field_dims: [
    i - sum(field_dims[: a % len(field_dims)]) for a, i in enumerate(active_ids)
]), "field_dims")

# ---- pairs ------------------------------------------------------------------------------------------------------

wrong("PAIRS_BOTH_WAYS", "pairs", lambda value: [pair for r, a, b in value for pair in ((r, a, b), (r, b, a))])
wrong("PAIRS_WITH_SELF", "pairs",
      lambda spans: [(r, a, b) for r, start, end in spans for a in range(start, end) for b in range(a, end)])
wrong("PAIRS_ADJACENT_ONLY", "pairs", lambda value: [(r, a, b) for r, a, b in value if b == a + 1])
wrong("PAIRS_OF_FIRST_ONLY", "pairs", lambda value, active_ptr: [
    (r, a, b) for r, a, b in value if a == active_ptr[r]
])
wrong("PAIRS_BEYOND_32", "pairs",
      lambda value, spans: [pair for r, _, _ in spans for pair in [pair for pair in value if pair[0] == r][:32]])

# ---- linear part and interactions ---------------------------------------------------------------------------------


def ones(active_x: Value) -> Value:
    return [1.0] * len(active_x)


wrong("LINEAR_WITHOUT_VALUE", "linear", seen(active_x=ones))
wrong("LINEAR_AVERAGED", "linear", lambda value, sizes: each(lambda z, size: z / max(size, 1), value, sizes))
wrong("LINEAR_MISSING", "y_hat", lambda value, linear: each(lambda z, a: z - a, value, linear))
wrong("W0_MISSING", "y_hat", lambda value, w0: [z - w0 for z in value])
wrong("W0_PER_FEATURE", "y_hat", lambda value, w0, sizes: each(lambda z, size: z + w0 * (size - 1), value, sizes))
wrong("OUTPUT_BIAS", "y_hat", lambda v, value, w0: [z + (w0 - v.case["params"]["w0"]) for z in value])
wrong("EMB_WITHOUT_VALUE", "emb", seen(active_x=ones))
wrong("PROD_IS_SUM", "prod", lambda emb, pairs: [each(lambda x, z: x + z, emb[a], emb[b]) for _, a, b in pairs])
wrong("PROD_IS_INNER", "prod", lambda value: [[sum(m)] * len(m) for m in value])
wrong("PROD_ONE_VALUE", "prod", lambda emb, pairs, V, active_ids: [
    each(lambda x, z: x * z, emb[a], V[active_ids[b]]) for _, a, b in pairs
])
wrong("PROD_MULTIPLIED_TWICE", "prod", lambda value, pairs, active_x: [
    scaled(m, active_x[a] * active_x[b]) for m, (_, a, b) in zip(value, pairs, strict=False)
])

# ---- FM -----------------------------------------------------------------------------------------------------------

wrong("FM_HALF_MISSING", "pooled", lambda value: scaled(value, 2.0), "fm")
wrong("FM_SQUARES_NOT_SUBTRACTED", "pooled", lambda sum_e: each(lambda s: 0.5 * s * s, sum_e), "fm")
wrong("FM_AVERAGED", "pooled", lambda value, sizes: [
    scaled(row, 1 / max(size * (size - 1) // 2, 1)) for row, size in zip(value, sizes, strict=False)
], "fm")
wrong("FM_SQUARES_WITHOUT_VALUE", "sum_e2", lambda emb, V, active_ids, spans, k: [
    [sum(emb[a][f] * V[active_ids[a]][f] for a in range(start, end)) for f in range(k)] for _, start, end in spans
])
