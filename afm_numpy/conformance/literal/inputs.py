"""From raw rows to sparse vectors, pairs and dropout multipliers (SPEC.md, sections 2 and 5)."""

from itertools import accumulate, pairwise
from operator import mul
from typing import Any

from .numbers import Value, each
from .trace import Trace, rule


def raw_rows(v: Trace) -> Value:
    """Lists of (id, value, slot), as they stand in the case or in its libsvm text."""
    if "text" in v.batch:
        lines = [[token.split(":") for token in line.split()[1:]] for line in v.batch["text"]]
        return [[(int(i), v.ops.num(float(x)), slot) for slot, (i, x) in enumerate(line)] for line in lines]
    ids, x, ends = v.batch["ids"], v.batch["x"], pairwise(v.batch["row_ptr"])
    return [[(ids[e], v.ops.num(x[e]), e - start) for e in range(start, end)] for start, end in ends]


def labels(v: Trace) -> Value:
    texts = [line.split()[0] for line in v.batch.get("text", ())]
    return [v.ops.num(float(label)) for label in texts or v.batch["y"]]


def summed(row: Any) -> list[Any]:
    """The entries of a row, repeated ids summed; the first occurrence keeps its slot."""
    total: dict[int, Any] = {}
    slot_of: dict[int, int] = {}
    for i, x, slot in row:
        total[i] = total[i] + x if i in total else x
        slot_of.setdefault(i, slot)
    return [(i, x, slot_of[i]) for i, x in total.items()]


rule("echo", lambda v: list(v.case["floats"]))
rule("rows", raw_rows)
rule("y", labels)
rule("active", lambda rows: [[entry for entry in summed(row) if entry[1] != 0] for row in rows])
rule("active_ptr", lambda active: [0, *accumulate(map(len, active))])
rule("active_ids", lambda active: [i for row in active for i, _, _ in row])
rule("active_x", lambda active: [x for row in active for _, x, _ in row])
rule("active_slots", lambda active: [slot for row in active for _, _, slot in row])

# spans: (row, start, end), where the features of each row stand; sizes: how many they are
# pairs: (row, first, second), two of these places; of_row: the numbers of the pairs of each row
rule("spans", lambda active_ptr: [(r, start, end) for r, (start, end) in enumerate(pairwise(active_ptr))])
rule("sizes", lambda spans: [end - start for _, start, end in spans])
rule("pairs", lambda spans: [
    (r, a, b) for r, start, end in spans for a in range(start, end) for b in range(a + 1, end)
])
rule("pair_keys", lambda active_ids, pairs: [[r, active_ids[a], active_ids[b]] for r, a, b in pairs])
rule("of_row", lambda pairs, spans: [[q for q, pair in enumerate(pairs) if pair[0] == r] for r, _, _ in spans])


# ---- dropout: a multiplier for every entry, 1 where nothing is dropped --------------------------------------


def multipliers(v: Trace, par: str) -> Value:
    """0 or 1/keep for every entry of a site; None when it has no mask or the case is evaluation."""
    given = v.batch.get("masks", {}).get(par)
    if given is None or not v.config["train"]:
        return None
    scale = v.ops.div(v.ops.num(1), v.number("keep_" + par))
    return each(lambda kept: scale * kept, given)


rule("mask", multipliers)


def masked(v: Trace, site: str, value: Value) -> Value:
    """value times the multipliers of a site, row by row; a mask that is too short starts again."""
    mask = v["mask_" + site]
    if mask is None:
        return value
    return [each(mul, part, mask[i % len(mask)]) for i, part in enumerate(value)]
