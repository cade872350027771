"""The kit's files: its cases and which tensors they have, the catalogue of mistakes, the manifest."""

import functools
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

from .literal.numbers import Case, Value, nest

HERE = Path(__file__).parent
KIT_VERSION = "1.1"
SPEC_VERSION = "1.1"

INTEGER = ("active_ptr", "active_ids", "active_slots", "pair_keys")
BY_PAIR = tuple("pair_keys prod prod_drop pre hid score attn attn_drop d_attn d_score d_pre d_prod".split())
BY_FEATURE = ("active_ids", "active_x", "active_slots", "emb", "d_emb")
OUTCOMES = ("y_hat", "prob", "rmse", "loss", "new", "g")
STATE = {"sgd": ("vel",), "adagrad": ("acc",), "adam": ("m1", "m2")}


class ResultError(ValueError):
    """A result file, or a file of the kit itself, that cannot be read."""


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


# ---- reading the installed kit --------------------------------------------------------------------------------


def unpacked(tensor: Value) -> Value:
    return nest(tensor["data"], tuple(tensor["shape"]))


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


def read(path: Path, parse: Callable[[str], Any] = json.loads) -> Any:
    try:
        return parse(path.read_text(encoding="utf-8"))
    except (OSError, LookupError, TypeError, ValueError):
        raise ResultError(f"{path} is missing or damaged; export the kit again") from None


@functools.cache
def load_cases() -> dict[str, Case]:
    """All cases of the installed kit, by id."""
    return {name: read(HERE / "cases" / f"{name}.json", parse_case) for name in read(HERE / "MANIFEST.json")["titles"]}


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
    return {name: at for at, name in enumerate(read(HERE / "MANIFEST.json")["order"])}


@functools.cache
def load_mistakes() -> dict[str, Any]:
    """The catalogue: mistake id to its entry."""
    return read(HERE / "mistakes.json")
