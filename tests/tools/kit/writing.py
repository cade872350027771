"""A case of the kit as JSON and as whitespace text (.vec)."""

import json
import re
from typing import Any

from afm_numpy.conformance import kit
from afm_numpy.conformance.literal.numbers import Case, Value, flatten, shape_of


def packed(value: Value) -> dict[str, Any]:
    return {"shape": list(shape_of(value)), "data": flatten(value)}


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


def vec_case(case: Case) -> str:
    """The same case as whitespace text: a record for each entry, then `end`."""
    words = case["requires"]
    lines = [f"vec {kit.KIT_VERSION}", f"case {case['id']}", f"title {case['title']}"]
    lines.append(" ".join(["requires", str(len(words)), *words]))
    lines += [f"set {key} {compact(value).strip(chr(34) + '[]')}" for key, value in case["config"].items()]
    lines.append(f"set steps {len(case['batches'])}")
    if "floats" in case:
        lines += record("input floats", case["floats"])
    for name, value in case["params"].items():
        lines += record("param " + name, value)
    for step, batch in enumerate(case["batches"]):
        here = "input " + kit.prefix(case, step)
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
