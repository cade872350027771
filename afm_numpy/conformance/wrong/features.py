"""Wrong variants: reading numbers and text, features, pairs, the linear part, interactions, FM."""

import math
import struct
from collections.abc import Callable
from typing import Any

from ..literal.inputs import spans
from ..literal.numbers import Value
from ..literal.trace import Layer, Rule, Trace
from .registry import Seen, scaled, wrong

# ---- reading -------------------------------------------------------------------------------------------------


@wrong("READ_SINGLE_PRECISION", "echo")
def _(v: Trace, right: Rule) -> Value:
    def single(x: Any) -> Value:
        return math.copysign(math.inf, x) if abs(x) > 3.4028235e38 else struct.unpack("f", struct.pack("f", x))[0]

    return [single(x) for x in right(v)]


def printed(digits: int) -> Layer:
    return lambda v, right: [float(f"{x:.{digits}g}") for x in right(v)]


wrong("READ_SIX_DIGITS", "echo")(printed(6))
wrong("DIGITS_LOST", "echo")(printed(15))
wrong("READ_NEGATIVE_ZERO_LOST", "echo")(lambda v, right: [x + 0.0 for x in right(v)])
wrong("READ_SUBNORMALS_LOST", "echo")(
    lambda v, right: [x if abs(x) >= 2.2250738585072014e-308 else math.copysign(0.0, x) for x in right(v)]
)


def from_text(change: Callable[..., Value]) -> Layer:
    def layer(v: Trace, right: Rule) -> Value:
        return change(v, right(v)) if "text" in v.batch else right(v)

    return layer


wrong("TEXT_IDS_FROM_ONE", "rows")(
    from_text(lambda v, rows: [[((i - 1) % v.config["n"], x, s) for i, x, s in row] for row in rows])
)
wrong("TEXT_VALUE_IGNORED", "rows")(
    from_text(lambda v, rows: [[(i, v.ops.num(1), s) for i, x, s in row] for row in rows])
)


@wrong("TEXT_TOKEN_IS_FEATURE", "rows")
def _(v: Trace, right: Rule) -> Value:
    if "text" not in v.batch:
        return right(v)
    number: dict[str, int] = {}
    rows = [[number.setdefault(token, len(number)) for token in line.split()[1:]] for line in v.batch["text"]]
    return [[(i % v.config["n"], v.ops.num(1), s) for s, i in enumerate(row)] for row in rows]


# ---- features ------------------------------------------------------------------------------------------------


def summed(row: Any, keep: Callable[[Any], bool]) -> Value:
    """The sparse vector of a row, with a rule of its own for what stays."""
    total: dict[int, Any] = {}
    slot_of: dict[int, int] = {}
    for i, x, slot in row:
        total[i] = total[i] + x if i in total else x
        slot_of.setdefault(i, slot)
    return [(i, x, slot_of[i]) for i, x in total.items() if keep(x)]


wrong("ZEROS_KEPT", "active")(lambda v, right: [summed(row, lambda x: True) for row in v["rows"]])
wrong("NEGATIVE_ZERO_KEPT", "active")(
    lambda v, right: [summed(row, lambda x: x != 0 or math.copysign(1, x) < 0) for row in v["rows"]]
)
wrong("CANCELLED_KEPT", "active")(
    lambda v, right: [summed([entry for entry in row if entry[1] != 0], lambda x: True) for row in v["rows"]]
)
wrong("DUPLICATES_KEPT", "active")(lambda v, right: [[entry for entry in row if entry[1] != 0] for row in v["rows"]])


@wrong("DUPLICATES_LAST_WINS", "active")
def _(v: Trace, right: Rule) -> Value:
    return [[entry for entry in {entry[0]: entry for entry in row}.values() if entry[1] != 0] for row in v["rows"]]


@wrong("DUPLICATES_FIRST_WINS", "active")
def _(v: Trace, right: Rule) -> Value:
    rows = [{entry[0]: entry for entry in reversed(row)} for row in v["rows"]]
    return [
        [row[i] for i in dict.fromkeys(e[0] for e in raw) if row[i][1] != 0]
        for row, raw in zip(rows, v["rows"], strict=True)
    ]


wrong("ID_ZERO_IS_PADDING", "active")(lambda v, right: [[entry for entry in row if entry[0] != 0] for row in right(v)])
wrong("LAST_ID_LOST", "active")(
    lambda v, right: [[entry for entry in row if entry[0] != v.config["n"] - 1] for row in right(v)]
)
wrong("NEGATIVE_VALUES_DROPPED", "active")(
    lambda v, right: [[entry for entry in row if entry[1] > 0] for row in right(v)]
)


@wrong("ROWS_TRUNCATED", "active")
def _(v: Trace, right: Rule) -> Value:
    rows = right(v)
    return [row[: min(map(len, rows))] for row in rows]


wrong("VALUES_IGNORED", "active_x")(lambda v, right: [v.ops.num(1) for _ in right(v)])
wrong("IDS_SHIFTED", "linear", "emb", "g_w", "g_V")(
    lambda v, right: right(Seen(v, {"active_ids": [(i - 1) % v.config["n"] for i in v["active_ids"]]}))
)


# ---- pairs ------------------------------------------------------------------------------------------------------


wrong("PAIRS_BOTH_WAYS", "pairs")(lambda v, right: [pair for r, a, b in right(v) for pair in ((r, a, b), (r, b, a))])
wrong("PAIRS_WITH_SELF", "pairs")(
    lambda v, right: [(r, a, b) for r, start, end in spans(v) for a in range(start, end) for b in range(a, end)]
)
wrong("PAIRS_ADJACENT_ONLY", "pairs")(lambda v, right: [(r, a, b) for r, a, b in right(v) if b == a + 1])


@wrong("PAIRS_OF_FIRST_ONLY", "pairs")
def _(v: Trace, right: Rule) -> Value:
    ptr = v["active_ptr"]
    return [(r, a, b) for r, a, b in right(v) if a == ptr[r]]


# ---- linear part and interactions ---------------------------------------------------------------------------------


wrong("LINEAR_WITHOUT_VALUE", "linear")(
    lambda v, right: right(Seen(v, {"active_x": [v.ops.num(1)] * len(v["active_x"])}))
)
wrong("LINEAR_AVERAGED", "linear")(
    lambda v, right: [z / max(end - start, 1) for z, (_, start, end) in zip(right(v), spans(v), strict=False)]
)
wrong("LINEAR_MISSING", "y_hat")(lambda v, right: [z - a for z, a in zip(right(v), v["linear"], strict=False)])
wrong("W0_MISSING", "y_hat")(lambda v, right: [z - v.param("w0") for z in right(v)])


@wrong("W0_PER_FEATURE", "y_hat")
def _(v: Trace, right: Rule) -> Value:
    return [z + v.param("w0") * (end - start - 1) for z, (_, start, end) in zip(right(v), spans(v), strict=False)]


wrong("OUTPUT_BIAS", "y_hat")(lambda v, right: [z + (v.param("w0") - v.case["params"]["w0"]) for z in right(v)])
wrong("EMB_WITHOUT_VALUE", "emb")(lambda v, right: right(Seen(v, {"active_x": [v.ops.num(1)] * len(v["active_x"])})))


@wrong("PROD_IS_SUM", "prod")
def _(v: Trace, right: Rule) -> Value:
    E = v["emb"]
    return [[x + z for x, z in zip(E[a], E[b], strict=False)] for _, a, b in v["pairs"]]


wrong("PROD_IS_INNER", "prod")(lambda v, right: [[sum(m)] * len(m) for m in right(v)])


@wrong("PROD_ONE_VALUE", "prod")
def _(v: Trace, right: Rule) -> Value:
    V, E, ids = v.param("V"), v["emb"], v["active_ids"]
    return [[x * z for x, z in zip(E[a], V[ids[b]], strict=False)] for _, a, b in v["pairs"]]


@wrong("PROD_MULTIPLIED_TWICE", "prod")
def _(v: Trace, right: Rule) -> Value:
    x = v["active_x"]
    return [scaled(m, x[a] * x[b]) for m, (_, a, b) in zip(right(v), v["pairs"], strict=False)]


# ---- FM -----------------------------------------------------------------------------------------------------------


def in_fm(change: Callable[..., Value]) -> Layer:
    def layer(v: Trace, right: Rule) -> Value:
        return change(v, right(v)) if v.config["model"] == "fm" else right(v)

    return layer


wrong("FM_HALF_MISSING", "pooled")(in_fm(lambda v, value: scaled(value, 2.0)))
wrong("FM_SQUARES_NOT_SUBTRACTED", "pooled")(in_fm(lambda v, value: [[0.5 * s * s for s in row] for row in v["sum_e"]]))


@wrong("FM_AVERAGED", "pooled")
@in_fm
def _(v: Trace, value: Value) -> Value:
    sizes = [(end - start) * (end - start - 1) // 2 for _, start, end in spans(v)]
    return [scaled(row, 1 / max(size, 1)) for row, size in zip(value, sizes, strict=False)]


@wrong("FM_SQUARES_WITHOUT_VALUE", "sum_e2")
def _(v: Trace, right: Rule) -> Value:
    E, V, ids, k = v["emb"], v.param("V"), v["active_ids"], v.config["k"]
    return [[sum(E[a][f] * V[ids[a]][f] for a in range(start, end)) for f in range(k)] for _, start, end in spans(v)]
