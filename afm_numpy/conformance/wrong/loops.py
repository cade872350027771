"""Wrong variants: what loops over batches and blocks forget, and what frameworks do behind one's back."""

import struct

from ..literal.inputs import masked, pairs_of, spans
from ..literal.numbers import Value, by_entry, entry, flatten
from ..literal.trace import Layer, Rule, Trace
from ..literal.update import moves
from .registry import Seen, scaled, wrong
from .updates import combined, everywhere, optimizer

PARAMETERS = ("w0", "w", "V", "p", "W", "b", "h", "field", "free")

# ---- state that is stale or kept too long ----------------------------------------------------------------------

wrong("UPDATE_MISSING", "new")(lambda v, right, par: v.param(par))


def accumulated(name: str) -> Layer:
    return lambda v, right: combined(lambda a, b: a + b, right(v), v.before[name]) if v.before else right(v)


def first_batch(*names: str) -> Layer:
    """A rule that goes on with parameters as they were before the first step."""
    return lambda v, right: right(Seen(v, params={name: v.case["params"][name] for name in names}))


for par in PARAMETERS:
    wrong("GRADIENTS_ACCUMULATED", "g_" + par)(accumulated("g_" + par))
wrong("NETWORK_OF_FIRST_BATCH", "pre")(first_batch("W"))
wrong("EMBEDDINGS_OF_FIRST_BATCH", "emb")(first_batch("V"))


@wrong("LABELS_OF_FIRST_BATCH", "loss_rows", "d_y_hat")
def _(v: Trace, right: Rule) -> Value:
    first = v.case["batches"][0].get("y", v["y"])
    return right(Seen(v, {"y": [first[r % len(first)] for r in range(len(v["y"]))]}))


@wrong("ROWS_OF_FIRST_BATCH", "loss_data", "d_y_hat")
def _(v: Trace, right: Rule) -> Value:
    if v.config["reduction"] == "sum":
        return right(v)
    return scaled(right(v), len(v["y"]) / len(v.case["batches"][0].get("y", v["y"])))


@wrong("MASKS_OF_FIRST_BATCH", "mask")
def _(v: Trace, right: Rule, site: str) -> Value:
    seen = Seen(v)
    seen.batch = v.case["batches"][0]
    return right(seen, site)


wrong("TOUCHED_FOR_EVER", "touched")(lambda v, right: sorted({*right(v), *(v.before["touched"] if v.before else ())}))
wrong("L2_TOUCHED_ONLY", "touched")(lambda v, right: right(Seen(v, scope="touched")))


# ---- blocks, widths, early exits -------------------------------------------------------------------------------


def whole_blocks(size: int) -> int:
    return size if size < 4 else size // 4 * 4


@wrong("BLOCK_REST_LOST", "inter")
def _(v: Trace, right: Rule) -> Value:
    return right(Seen(v, {"pooled_drop": [row[: whole_blocks(len(row))] + [0.0] * 3 for row in v["pooled_drop"]]}))


wrong("BLOCK_REST_LOST", "pre")(
    lambda v, right: right(Seen(v, params={"W": v.param("W")[: whole_blocks(v.config["k"])]}))
)
wrong("PAIRS_BEYOND_32", "pairs")(
    lambda v, right: [pair for r, _, _ in spans(v) for pair in [pair for pair in right(v) if pair[0] == r][:32]]
)
wrong("IDS_IN_SINGLE_PRECISION", "rows")(
    lambda v, right: [[(int(struct.unpack("f", struct.pack("f", i))[0]), x, s) for i, x, s in row] for row in right(v)]
)
wrong("LAST_ROW_LOST", "rows")(lambda v, right: right(v)[:-1] or right(v))


@wrong("ROW_WITHOUT_PAIR_IS_W0", "y_hat")
def _(v: Trace, right: Rule) -> Value:
    lone = [v.config["model"] == "afm" and not pairs_of(v, r) for r in range(len(v["y"]))]
    return [v.param("w0") if alone else z for z, alone in zip(right(v), lone, strict=False)]


wrong("FREE_UNSORTED", "free_index")(
    lambda v, right: [q if i < j else None for q, (_, i, j) in zip(right(v), v["pair_keys"], strict=True)]
)


# ---- frameworks ------------------------------------------------------------------------------------------------


wrong("LABELS_BROADCAST", "loss_rows")(lambda v, right: [right(Seen(v, {"y": [y] * len(v["y"])})) for y in v["y"]])
wrong("LABELS_BROADCAST", "loss_data")(lambda v, right: right(Seen(v, {"loss_rows": flatten(v["loss_rows"])})))


@wrong("LABELS_BROADCAST", "d_y_hat")
def _(v: Trace, right: Rule) -> Value:
    share = len(v["y"]) if v.config["reduction"] == "mean" else 1
    each = [right(Seen(v, {"y": [y] * len(v["y"])})) for y in v["y"]]
    return [sum(column) / share for column in zip(*each, strict=True)]


wrong("ATTENTION_CUT", "d_score")(lambda v, right: [0.0] * len(v["attn"]))
wrong("RELU_IN_PLACE", "pre")(lambda v, right: [[z if z > 0 else 0.0 * z for z in row] for row in right(v)])


def in_place(site: str) -> Layer:
    return lambda v, right: masked(v, site, right(v))


for tensor, site in (("prod", "pairs"), ("pooled", "pooled")):
    wrong("DROPOUT_IN_PLACE", tensor)(in_place(site))
    wrong("DROPOUT_IN_PLACE", tensor + "_drop")(lambda v, right, tensor=tensor: v[tensor])


@wrong("GRADIENT_CLIPPED", "vel", "acc", "m1", "m2", "direction")
def _(v: Trace, right: Rule, par: str) -> Value:
    clipped = by_entry(v["g_" + par], lambda path: max(-0.5, min(0.5, entry(v["g_" + par], path))))
    return right(Seen(v, {"g_" + par: clipped}), par)


wrong("L2_DECOUPLED", "g_w", "g_V", "g_W")(
    lambda v, right: right(Seen(v, lam_w=0.0, lam_V=0.0, lam_W=0.0)) if "optimizer" in v.config else right(v)
)


@wrong("L2_DECOUPLED", "new")
def _(v: Trace, right: Rule, par: str) -> Value:
    new, old, decay = right(v, par), v.param(par), 2 * v.config["lr"] * v.config.get("lam_" + par, 0.0)
    return by_entry(new, lambda path: entry(new, path) - (decay * entry(old, path) if moves(v, par, path) else 0.0))


@wrong("L2_IN_EVERY_ROW", "loss_reg", "g_w", "g_V", "g_W")
def _(v: Trace, right: Rule) -> Value:
    rows = len(v["y"]) if v.config["reduction"] == "sum" else 1
    return right(Seen(v, **{key: lam * rows for key, lam in v.config.items() if key.startswith("lam_")}))


# ---- optimizers ------------------------------------------------------------------------------------------------


@wrong("ADAM_SECOND_MOMENT_UNCORRECTED", "direction")
@optimizer("adam")
def _(v: Trace, right: Rule, par: str) -> Value:
    seen = Seen(v, {"correction_beta2": 1.0})
    return right(seen, par)


wrong("ADAGRAD_INITIAL_FOR_TABLES_ONLY", "acc")(
    lambda v, right, par: right(v, par) if v.before or par in ("w", "V") else right(Seen(v, initial=0.0), par)
)
wrong("FREE_DENSE", "m1", "m2", "new")(optimizer("adam")(
    lambda v, right, par: everywhere(v, right, par) if par == "free" else right(v, par)
))
