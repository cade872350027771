"""The kit's files: cases as JSON and as whitespace text (.vec), the catalogue of mistakes, the manifest."""

import functools
import json
import re
from pathlib import Path
from typing import Any

from .literal.numbers import Case, Value, flatten, nest, shape_of

HERE = Path(__file__).parent
KIT_VERSION = "1.1"
SPEC_VERSION = "1.1"

INTEGER = ("active_ptr", "active_ids", "active_slots", "pair_keys")
BY_PAIR = tuple("pair_keys prod prod_drop pre hid score attn attn_drop d_attn d_score d_pre d_prod".split())
BY_FEATURE = ("active_ids", "active_x", "active_slots", "emb", "d_emb")
OUTCOMES = ("y_hat", "prob", "rmse", "loss", "new", "g")
STATE = {"sgd": ("vel",), "adagrad": ("acc",), "adam": ("m1", "m2")}


def parameters(config: dict[str, Any]) -> list[str]:
    """Names of the parameters of a model, in the order of the kit."""
    if config["model"] != "afm":
        return ["w0", "w", "V"]
    return ["w0", "w", "V", "p"] + {"network": ["W", "b", "h"], "field": ["field"], "free": ["free"]}.get(
        config["attention"], []
    )


def step_tensors(case: Case, step: int = 0) -> list[str]:
    """Names of the tensors of one step, in the order in which they are computed."""
    config = case["config"]
    if config["model"] == "selftest":
        return ["echo"]
    if config["model"] == "rows":
        return ["active_ptr", "active_ids", "active_x", "pair_keys"]
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


def prefix(case: Case, step: int) -> str:
    """Tensor names of a case with several steps begin with s0/, s1/ ..."""
    return f"s{step}/" if len(case["batches"]) > 1 else ""


def tensors(case: Case) -> list[tuple[str, int, str]]:
    """All (full name, step, name) of a case, in order. Cases with several steps leave the inner tensors out."""
    steps = range(len(case["batches"]))
    kept = ("attn", "y_hat", "loss", "g", "vel", "acc", "m1", "m2", "new") if len(steps) > 1 else None
    return [
        (prefix(case, s) + name, s, name)
        for s in steps
        for name in step_tensors(case, s)
        if kept is None or name in kept or name.partition("_")[0] in kept
    ]


def is_outcome(name: str) -> bool:
    """Is the tensor a result (prediction, loss, gradient, update) and not an intermediate?"""
    return name in OUTCOMES or name.partition("_")[0] in OUTCOMES


PARAMETER_AXES = {"w": ["id"], "V": ["id", "factor"], "W": ["factor", "unit"], "p": ["factor"]}


def axis_words(name: str, trace: Any, path: list[int]) -> list[str]:
    """The place of an entry of a tensor in words, axis by axis."""
    kind, _, par = name.partition("_")
    if kind in ("g", "vel", "acc", "m1", "m2", "new"):
        axes = PARAMETER_AXES.get(par, ["unit"] if par in ("b", "h") else ["weight"])
        return [f"{axis} {at}" for axis, at in zip(axes, path, strict=False)]
    rest = [f"{'unit' if name in ('pre', 'hid', 'd_pre') else 'factor'} {at}" for at in path[1:]]
    if path and name in BY_PAIR:
        r, i, j = trace["pair_keys"][path[0]]
        return [f"row {r}", f"ids {i} and {j}"] + rest * (name != "pair_keys")
    if path and name in BY_FEATURE:
        row = next(r for r, end in enumerate(trace["active_ptr"][1:]) if path[0] < end)
        return [f"row {row}", f"id {trace['active_ids'][path[0]]}", *rest]
    return [f"{'number' if name in ('echo', 'active_ptr') else 'row'} {at}" for at in path[:1]] + rest


# ---- one case as JSON and as .vec -------------------------------------------------------------------------


def packed(value: Value) -> dict[str, Any]:
    return {"shape": list(shape_of(value)), "data": flatten(value)}


def unpacked(tensor: Value) -> Value:
    return nest(tensor["data"], tuple(tensor["shape"]))


def dump_case(case: Case) -> str:
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


def compact(value: Value) -> str:
    """JSON without blanks, numbers as short as they can be: 1 for 1.0 and 2e-6 for 2e-06, but -0.0 stays."""
    return shortened(json.dumps(value, allow_nan=False, separators=(",", ":")))


def shortened(text: str) -> str:
    return re.sub(r"e([-+])0(?=\d)", r"e\1", re.sub(r"(?<![-.\w])(-?)(\d+)\.0(?=[,\]\s}]|$)", whole, text))


def whole(match: re.Match[str]) -> str:
    return match[0] if match[0] == "-0.0" else match[1] + match[2]


def block(key: str, tensors: dict[str, Any]) -> str:
    body = [f"{json.dumps(name)}: {compact(tensor)}" for name, tensor in tensors.items()]
    return f'"{key}": {{\n' + ",\n".join(body) + "\n}"


def parse_case(text: str) -> Case:
    """A case from its JSON text; tensors become nested lists."""
    case = json.loads(text)
    case["params"] = {name: unpacked(tensor) for name, tensor in case["params"].items()}
    for batch in case["batches"]:
        if "masks" in batch:
            batch["masks"] = {site: unpacked(tensor) for site, tensor in batch["masks"].items()}
    case["tol"] = {name: tensor["tol"] for name, tensor in case["expect"].items() if "tol" in tensor}
    case["expect"] = {name: unpacked(tensor) for name, tensor in case["expect"].items()}
    return case


def vec_case(case: Case) -> str:
    """The same case as whitespace text: a record for each entry, then `end`."""
    words = case["requires"]
    lines = [f"vec {KIT_VERSION}", f"case {case['id']}", f"title {case['title']}"]
    lines.append(" ".join(["requires", str(len(words)), *words]))
    lines += [f"set {key} {compact(value).strip(chr(34) + '[]')}" for key, value in case["config"].items()]
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


def record(head: str, value: Value, tol: list[float] | None = None) -> list[str]:
    shape = shape_of(value)
    words = [head, len(shape), *shape] + [compact(number) for number in tol or ()]
    return [" ".join(map(str, words)), " ".join(compact(number) for number in flatten(value))]


# ---- reading the installed kit --------------------------------------------------------------------------------


@functools.cache
def load_cases() -> dict[str, Case]:
    """All cases of the installed kit, by id."""
    paths = sorted((HERE / "cases").glob("*.json"))
    return {path.stem: parse_case(path.read_text(encoding="utf-8")) for path in paths}


def load_case(case_id: str) -> Case:
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
def all_names() -> set[str]:
    """The names of all tensors of all cases, without the prefix of a step."""
    return {
        name for case in load_cases().values() for s in range(len(case["batches"])) for name in step_tensors(case, s)
    }


@functools.cache
def all_capabilities() -> list[str]:
    """The words that `requires` of the cases uses."""
    return list(dict.fromkeys(word for case in load_cases().values() for word in case["requires"]))


@functools.cache
def tensor_order() -> dict[str, int]:
    """The place of every tensor in the calculation."""
    names = json.loads((HERE / "MANIFEST.json").read_text(encoding="utf-8"))["order"]
    return {name: at for at, name in enumerate(names)}


@functools.cache
def load_mistakes() -> dict[str, Any]:
    """The catalogue: mistake id to its entry."""
    return json.loads((HERE / "mistakes.json").read_text(encoding="utf-8"))
