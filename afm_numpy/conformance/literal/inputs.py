"""From raw rows to sparse vectors, pairs and dropout multipliers (SPEC.md, sections 2 and 5)."""

from typing import Any

from .numbers import Value
from .trace import Trace, convert, rule


@rule
def rows(v: Trace) -> Value:
    """Raw rows: lists of (id, value, slot), as they stand in the case or in its libsvm text."""
    if "text" in v.batch:
        lines = [[token.split(":") for token in line.split()[1:]] for line in v.batch["text"]]
        return [[(int(i), v.ops.num(float(x)), slot) for slot, (i, x) in enumerate(line)] for line in lines]
    ptr, ids, x = v.batch["row_ptr"], v.batch["ids"], v.batch["x"]
    return [
        [(ids[e], v.ops.num(x[e]), e - start) for e in range(start, end)]
        for start, end in zip(ptr, ptr[1:], strict=False)
    ]


@rule
def y(v: Trace) -> Value:
    if "text" in v.batch:
        return [v.ops.num(float(line.split()[0])) for line in v.batch["text"]]
    return [v.ops.num(label) for label in v.batch["y"]]


@rule
def active(v: Trace) -> Value:
    """Rows as sparse vectors: repeated ids summed, zeros dropped; the first occurrence keeps its slot."""
    result = []
    for row in v["rows"]:
        total: dict[int, Any] = {}
        slot_of: dict[int, int] = {}
        for i, x, slot in row:
            total[i] = total[i] + x if i in total else x
            slot_of.setdefault(i, slot)
        result.append([(i, x, slot_of[i]) for i, x in total.items() if x != 0])
    return result


@rule
def active_ptr(v: Trace) -> Value:
    ptr = [0]
    for row in v["active"]:
        ptr.append(ptr[-1] + len(row))
    return ptr


@rule
def active_ids(v: Trace) -> Value:
    return [i for row in v["active"] for i, _, _ in row]


@rule
def active_x(v: Trace) -> Value:
    return [x for row in v["active"] for _, x, _ in row]


@rule
def active_slots(v: Trace) -> Value:
    return [slot for row in v["active"] for _, _, slot in row]


@rule
def echo(v: Trace) -> Value:
    return list(v.case["floats"])


def spans(v: Trace) -> Value:
    """(row, start, end) of every row in the active tensors."""
    ptr = v["active_ptr"]
    return [(r, ptr[r], ptr[r + 1]) for r in range(len(ptr) - 1)]


@rule
def pairs(v: Trace) -> Value:
    """(row, first, second): positions in the active tensors, first before second."""
    return [(r, a, b) for r, start, end in spans(v) for a in range(start, end) for b in range(a + 1, end)]


@rule
def pair_keys(v: Trace) -> Value:
    ids = v["active_ids"]
    return [[r, ids[a], ids[b]] for r, a, b in v["pairs"]]


def pairs_of(v: Trace, r: int) -> Value:
    return [p for p, (row, _, _) in enumerate(v["pairs"]) if row == r]


# ---- dropout: a multiplier for every entry, 1 where nothing is dropped --------------------------------------


@rule
def mask(v: Trace, site: str) -> Value:
    """Multipliers of a dropout site, 0 or 1/keep; None when the site has no mask or the case is evaluation."""
    given = v.batch.get("masks", {}).get(site)
    if given is None or not v.config["train"]:
        return None
    scale = v.ops.div(v.ops.num(1), v.number("keep_" + site))
    return convert(given, lambda kept: scale * kept)


def masked(v: Trace, site: str, value: Value) -> Value:
    """value times the multipliers of a site, row by row; a mask that is too short starts again."""
    mask = v["mask_" + site]
    if mask is None:
        return value
    return [times(part, mask[i % len(mask)]) for i, part in enumerate(value)]


def times(value: Value, factor: Value) -> Value:
    if isinstance(value, list):
        return [times(a, b) for a, b in zip(value, factor, strict=False)]
    return value * factor
