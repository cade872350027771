"""The kit's files: cases as JSON and as whitespace text (.vec), the catalogue of mistakes, the manifest."""

import functools
import json
import re
from pathlib import Path

from .literal.numbers import flatten, nest, shape_of

HERE = Path(__file__).parent
KIT_VERSION = "1.0"
SPEC_VERSION = "1.0"

INTEGER = ("active_ptr", "active_ids", "active_slots", "pair_keys")
BY_PAIR = ("pair_keys", "prod", "prod_drop", "pre", "hid", "score", "attn", "attn_drop")
BY_PAIR += ("d_attn", "d_score", "d_pre", "d_prod")
BY_FEATURE = ("active_ids", "active_x", "active_slots", "emb", "d_emb")
OUTCOMES = ("y_hat", "prob", "rmse", "loss", "new", "g")
STATE = {"sgd": ("vel",), "adagrad": ("acc",), "adam": ("m1", "m2")}


def parameters(config):
    """Names of the parameters of a model, in the order of the kit."""
    if config["model"] == "fm":
        return ["w0", "w", "V"]
    return ["w0", "w", "V", "p"] + {"network": ["W", "b", "h"], "field": ["field"], "free": ["free"]}.get(
        config["attention"], []
    )


def step_tensors(case, step=0):
    """Names of the tensors of one step, in the order in which they are computed."""
    config = case["config"]
    if config["model"] == "selftest":
        return ["echo"]
    masks = case["batches"][step].get("masks", {}) if config["train"] else {}
    fm, mode = config["model"] == "fm", config.get("attention")
    names = ["active_ptr", "active_ids", "active_x"] + ["active_slots"] * (mode == "field")
    names += ["pair_keys"] * (not fm) + ["linear", "emb"]
    if fm:
        names += ["sum_e", "sum_e2"]
    else:
        names += ["prod"] + ["prod_drop"] * ("pairs" in masks)
        names += ["pre", "hid", "score"] * (mode == "network")
        names += ["attn"] + ["attn_drop"] * ("attn" in masks)
    names += ["pooled"] + ["pooled_drop"] * ("pooled" in masks) + ["inter", "y_hat"]
    names += ["prob"] * (config["loss"] == "logistic") + ["rmse"] * config.get("metrics", False)
    names += ["loss_rows", "loss_data", "loss_reg", "loss", "d_y_hat", "d_pooled"]
    if not fm:
        names += ["d_attn"] + ["d_score", "d_pre"] * (mode == "network") + ["d_prod"]
    names += ["d_emb"] + ["g_" + name for name in parameters(config)]
    for name in parameters(config) if "optimizer" in config else ():
        kinds = STATE[config["optimizer"]] if config["optimizer"] != "sgd" or "momentum" in config else ()
        names += [f"{kind}_{name}" for kind in kinds] + ["new_" + name]
    return names


def prefix(case, step):
    """Tensor names of a case with several steps begin with s0/, s1/ ..."""
    return f"s{step}/" if len(case["batches"]) > 1 else ""


def tensors(case):
    """All (full name, step, name) of a case, in order. Cases with several steps leave the inner tensors out."""
    steps = range(len(case["batches"]))
    kept = ("attn", "y_hat", "loss", "g", "vel", "acc", "m1", "m2", "new") if len(steps) > 1 else None
    return [
        (prefix(case, s) + name, s, name)
        for s in steps
        for name in step_tensors(case, s)
        if kept is None or name in kept or name.partition("_")[0] in kept
    ]


def is_outcome(name):
    """Is the tensor a result (prediction, loss, gradient, update) and not an intermediate?"""
    return name in OUTCOMES or name.partition("_")[0] in OUTCOMES


# ---- one case as JSON and as .vec -------------------------------------------------------------------------


def packed(value):
    return {"shape": list(shape_of(value)), "data": flatten(value)}


def unpacked(tensor):
    return nest(tensor["data"], tuple(tensor["shape"]))


def dump_case(case):
    """JSON text of a case, one tensor on a line."""
    head = {key: case[key] for key in ("id", "title", "spec", "flags", "requires", "config")}
    lines = [f'"{key}": {compact(value)}' for key, value in head.items()]
    if "floats" in case:
        lines.append(f'"floats": {compact(case["floats"])}')
    lines.append(block("params", {name: packed(value) for name, value in case["params"].items()}))
    batches = []
    for batch in case["batches"]:
        batch = dict(batch)
        if "masks" in batch:
            batch["masks"] = {site: packed(value) for site, value in batch["masks"].items()}
        batches.append(compact(batch))
    lines.append('"batches": [\n' + ",\n".join(batches) + "\n]")
    expect = {}
    for name, value in case["expect"].items():
        tol = case["tol"].get(name)
        tensor = packed(value)
        expect[name] = {"shape": tensor["shape"], **({"tol": tol} if tol else {}), "data": tensor["data"]}
    lines.append(block("expect", expect))
    return "{\n" + ",\n".join(lines) + "\n}\n"


def compact(value):
    """JSON without blanks, numbers as short as they can be: 1 for 1.0 and 2e-6 for 2e-06, but -0.0 stays."""
    return shortened(json.dumps(value, allow_nan=False, separators=(",", ":")))


def shortened(text):
    return re.sub(r"e([-+])0(?=\d)", r"e\1", re.sub(r"(?<![-.\w])(-?)(\d+)\.0(?=[,\]\s}]|$)", whole, text))


def whole(match):
    return match[0] if match[0] == "-0.0" else match[1] + match[2]


def block(key, tensors):
    body = [f"{json.dumps(name)}: {compact(tensor)}" for name, tensor in tensors.items()]
    return f'"{key}": {{\n' + ",\n".join(body) + "\n}"


def parse_case(text):
    """A case from its JSON text; tensors become nested lists."""
    case = json.loads(text)
    case["params"] = {name: unpacked(tensor) for name, tensor in case["params"].items()}
    for batch in case["batches"]:
        if "masks" in batch:
            batch["masks"] = {site: unpacked(tensor) for site, tensor in batch["masks"].items()}
    case["tol"] = {name: tensor["tol"] for name, tensor in case["expect"].items() if "tol" in tensor}
    case["expect"] = {name: unpacked(tensor) for name, tensor in case["expect"].items()}
    return case


def vec_case(case):
    """The same case as whitespace text: records `set`, `text`, `param`, `input`, `expect`, then `end`."""
    lines = [f"vec {KIT_VERSION}", f"case {case['id']}"]
    lines += [f"set {key} {json.dumps(value).strip(chr(34))}" for key, value in case["config"].items()]
    lines.append(f"set steps {len(case['batches'])}")
    if "floats" in case:
        lines += record("input floats", case["floats"])
    for name, value in case["params"].items():
        lines += record("param " + name, value)
    for step, batch in enumerate(case["batches"]):
        here = "input " + prefix(case, step)
        for name, value in batch.items():
            if name == "text":
                lines += [f"text {len(value)}", *value]
            elif name == "masks":
                for site, mask in value.items():
                    lines += record(here + "mask_" + site, mask)
            else:
                lines += record(here + name, value)
    for name, value in case["expect"].items():
        lines += record("expect " + name, value, case["tol"].get(name, [0, 0]))
    return "\n".join(lines) + "\nend\n"


def record(head, value, tol=None):
    shape = shape_of(value)
    words = [head, len(shape), *shape] + [compact(number) for number in tol or ()]
    return [" ".join(map(str, words)), " ".join(compact(number) for number in flatten(value))]


# ---- reading the installed kit --------------------------------------------------------------------------------


@functools.cache
def load_cases():
    """All cases of the installed kit, by id."""
    paths = sorted((HERE / "cases").glob("*.json"))
    return {path.stem: parse_case(path.read_text(encoding="utf-8")) for path in paths}


def load_case(case_id):
    """One case, by its name or its number.

    Examples
    --------
    >>> load_case("03")["id"]
    '03-explicit-zeros'
    """
    found = [case for name, case in load_cases().items() if name == case_id or name[:2] == case_id]
    if len(found) != 1:
        raise ValueError(f"no case {case_id!r}: the kit has {', '.join(load_cases())}")
    return found[0]


@functools.cache
def all_names():
    """The names of all tensors of all cases, without the prefix of a step."""
    return {
        name for case in load_cases().values() for s in range(len(case["batches"])) for name in step_tensors(case, s)
    }


@functools.cache
def all_capabilities():
    """The words that `requires` of the cases uses."""
    return list(dict.fromkeys(word for case in load_cases().values() for word in case["requires"]))


@functools.cache
def load_mistakes():
    """The catalogue: mistake id to its entry."""
    return json.loads((HERE / "mistakes.json").read_text(encoding="utf-8"))
