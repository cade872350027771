"""Reading result files that a port wrote. Whatever is wrong with a file becomes one line, never a traceback.

JSON, one object or a list of them:
    {"kit": "1.0", "dtype": "float64", "case": "01-onehot", "values": {"emb": [...], ...}}
    {"kit": "1.0", "dtype": "float64", "cases": {"01-onehot": {"emb": [...]}, ...}, "skipped": {"39-adam": "no Adam"}}
or the same as text, in the manner of the .vec files:
    dtype float64 / case 01-onehot / tensor emb 2 8 2 0.29 0.409 ... / skip 39-adam-3-steps / end
Tensors are flat lists in row-major order, nested lists, or {"shape": [...], "data": [...]}. JSON has no NaN: a
number that is not finite is written as null or as a string, "nan", "inf" or "-inf".
"""

import json
import math
from dataclasses import dataclass, field
from pathlib import Path

from . import kit
from .literal.numbers import flatten, nest

MAX_BYTES = 8_000_000
MAX_NUMBERS = 100_000
MAX_DEPTH = 4
DTYPES = ("float64", "float32")
WORDS = {"nan": math.nan, "inf": math.inf, "-inf": -math.inf, "infinity": math.inf, "-infinity": -math.inf}


class ResultError(ValueError):
    """A result file that cannot be read."""


@dataclass
class Results:
    """What a port reported: case id to {tensor name: numbers}, and what it says it leaves out."""

    dtype: str = "float64"
    cases: dict = field(default_factory=dict)
    skipped: dict = field(default_factory=dict)
    capabilities: list | None = None


def read(paths):
    """Results of one port from one or several files."""
    total = None
    for path in map(Path, paths):
        try:
            part = read_text(load(path))
        except ResultError as error:
            raise ResultError(f"{path}: {error}") from None
        total = merged(total, part, path)
    return total


def load(path):
    try:
        if path.stat().st_size > MAX_BYTES:
            raise ResultError(f"{path.stat().st_size} bytes; a full result file has less than {MAX_BYTES}")
        return path.read_text(encoding="utf-8")
    except OSError as error:
        raise ResultError(f"cannot be read: {error.strerror}") from None
    except UnicodeDecodeError:
        raise ResultError("is not UTF-8 text") from None


def merged(total, part, path):
    if total is None:
        return part
    if part.dtype != total.dtype:
        raise ResultError(f"{path}: dtype {part.dtype}, but the files before have {total.dtype}")
    twice = sorted(total.cases.keys() & part.cases.keys())
    if twice:
        raise ResultError(f"{path}: case {twice[0]} was already reported by a file before")
    total.cases.update(part.cases)
    total.skipped.update(part.skipped)
    if part.capabilities is not None:
        total.capabilities = (total.capabilities or []) + part.capabilities
    return total


def read_text(text):
    """Results from the text of a file."""
    start = text.lstrip("\ufeff \t\r\n")[:1]
    if not start:
        raise ResultError("is empty")
    results = from_json(parsed(text.lstrip("\ufeff"))) if start in "{[" else from_vec(text)
    if not results.cases and not results.skipped:
        raise ResultError("has no case")
    return results


def parsed(text):
    """JSON without duplicate keys, NaN tokens or numbers beyond float64."""

    def once(pairs):
        keys = dict(pairs)
        if len(keys) < len(pairs):
            names = [key for key, _ in pairs]
            twice = next(name for name in names if names.count(name) > 1)
            raise ResultError(f"key {short(twice)} stands twice in one object")
        return keys

    def refused(token):
        raise ResultError(f'{token} is not JSON; write a number that is not finite as a string, "nan" or "inf"')

    def real(token):
        value = float(token)
        if math.isinf(value):
            raise ResultError(f"number {short(token)} is too large for float64")
        return value

    try:
        return json.loads(text, object_pairs_hook=once, parse_constant=refused, parse_float=real, parse_int=real_or_int)
    except json.JSONDecodeError as error:
        raise ResultError(f"is not JSON: {error.msg} at line {error.lineno}, column {error.colno}") from None
    except RecursionError:
        raise ResultError("is nested too deeply") from None


def real_or_int(token):
    if len(token) > 20:
        raise ResultError(f"number {short(token)} has too many digits")
    return int(token)


def short(value):
    text = repr(value)
    return text if len(text) <= 60 else text[:57] + "..."


def expect(value, kind, what):
    names = {dict: "an object", list: "a list", str: "a string"}
    if not isinstance(value, kind):
        raise ResultError(f"{what} should be {names[kind]}, not {short(value)}")
    return value


def from_json(data):
    blocks = data if isinstance(data, list) else [data]
    results = None
    for block in blocks:
        results = merged(results, one_block(expect(block, dict, "a result")), "the list")
    if results is None:
        raise ResultError("has no case")
    return results


def one_block(block):
    results = Results(dtype=block.get("dtype", "float64"), skipped=expect(block.get("skipped", {}), dict, "skipped"))
    if results.dtype not in DTYPES:
        raise ResultError(f"dtype should be float64 or float32, not {short(results.dtype)}")
    version = block.get("kit", kit.KIT_VERSION)
    if str(version).split(".")[0] != kit.KIT_VERSION.split(".")[0]:
        raise ResultError(f"was made for kit {short(version)}, this is kit {kit.KIT_VERSION}; export and run again")
    if "capabilities" in block:
        results.capabilities = [
            expect(c, str, "a capability") for c in expect(block["capabilities"], list, "capabilities")
        ]
    cases = dict(expect(block.get("cases", {}), dict, "cases"))
    if "case" in block:
        cases[expect(block["case"], str, "case")] = block.get("values", {})
    known = kit.load_cases()
    for case in [*cases, *results.skipped]:
        if case not in known:
            raise ResultError(f"case {short(case)} is not in kit {kit.KIT_VERSION}")
    for case, tensors in cases.items():
        tensors = expect(tensors, dict, f"case {case}")
        if isinstance(tensors.get("values"), dict):
            tensors = tensors["values"]
        results.cases[case] = {short_name(name): tensor(value, f"{case} {name}") for name, value in tensors.items()}
    return results


def short_name(name):
    if len(name) > 40:
        raise ResultError(f"tensor name {short(name)} is too long")
    return name


def tensor(value, what):
    """Numbers as nested lists of float or int; whole floats stay what they are."""
    if isinstance(value, dict):
        shape, data = value.get("shape"), expect(value.get("data"), list, f"data of {what}")
        numbers = flatten(numeric(data, what, 0))
        return shaped(numbers, shape, what)
    return numeric(value, what, 0)


def shaped(numbers, shape, what):
    ok = isinstance(shape, list) and len(shape) <= MAX_DEPTH and all(type(z) is int and z >= 0 for z in shape)
    if not ok or math.prod(shape) != len(numbers):
        raise ResultError(f"shape {short(shape)} of {what} does not fit its {len(numbers)} numbers")
    return nest(numbers, tuple(shape))


def numeric(value, what, depth):
    if isinstance(value, list):
        if depth == MAX_DEPTH or len(value) > MAX_NUMBERS:
            raise ResultError(f"{what} has too many dimensions or numbers")
        parts = [numeric(part, what, depth + 1) for part in value]
        sizes = {len(part) if isinstance(part, list) else None for part in parts}
        if len(sizes) > 1:
            raise ResultError(f"{what} has lists of different lengths")
        return parts
    if value is None:
        return math.nan
    if isinstance(value, str) and value.lower() in WORDS:
        return WORDS[value.lower()]
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        raise ResultError(f"{what} holds {short(value)}, which is no number")
    return value


# ---- the text form ------------------------------------------------------------------------------------------------


def from_vec(text):
    """Results from records of words: dtype, kit, capability, skip, case, tensor, end."""
    words, block, at, case = text.split(), {"cases": {}, "skipped": {}}, 0, None

    def word(what):
        nonlocal at
        if at >= len(words):
            raise ResultError(f"ends where {what} should stand")
        at += 1
        return words[at - 1]

    def count(what):
        token = word(what)
        if not token.isdigit() or int(token[:9]) > MAX_NUMBERS:
            raise ResultError(f"{what} should be a count, not {short(token)}")
        return int(token)

    while (key := word("a record or end")) != "end":
        if key in ("dtype", "kit"):
            block[key] = word(key)
        elif key == "capability":
            block.setdefault("capabilities", []).append(word(key))
        elif key == "skip":
            block["skipped"][word(key)] = "the port leaves it out"
        elif key == "case":
            case = word(key)
            if case in block["cases"]:
                raise ResultError(f"case {short(case)} stands twice")
            block["cases"][case] = {}
        elif key == "tensor" and case is not None:
            name, shape = word("a tensor name"), [count("a dimension") for _ in range(min(count("ndim"), MAX_DEPTH))]
            if name in block["cases"][case]:
                raise ResultError(f"tensor {short(name)} of {case} stands twice")
            size = math.prod(shape)
            if at + size > len(words):
                raise ResultError(f"ends inside tensor {short(name)} of {case}")
            block["cases"][case][name] = {"shape": shape, "data": [number(token) for token in words[at : at + size]]}
            at += size
        else:
            raise ResultError(f"is neither JSON nor a result text: {short(key)} is no record")
    return one_block(block)


def number(token):
    """A number as C prints it; "-nan" and "nan(...)" are NaN."""
    if token.lower().lstrip("+-").startswith("nan"):
        return math.nan
    try:
        return int(token) if token.lstrip("-").isdigit() and len(token) < 18 and token != "-0" else float(token)
    except ValueError:
        raise ResultError(f"{short(token)} is no number") from None
