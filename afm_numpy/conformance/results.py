"""Reading result files that a port wrote. Whatever is wrong with a file becomes one line, never a traceback.

The form is that of PORTING.md, "The result file": JSON, one object or a list of them, or the same as words.
"""

import json
import math
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NoReturn

from .._files import open_regular
from . import kit
from .kit import ResultError
from .literal.numbers import Declared, Value, flatten, nest
from .result_text import MAX_DEPTH, MAX_NUMBERS, from_text, known_capability, known_case, known_dtype, known_kit, short

MAX_BYTES = 8_000_000
WORDS = {"nan": math.nan, "inf": math.inf, "-inf": -math.inf, "infinity": math.inf, "-infinity": -math.inf}


@dataclass
class Results:
    """What a port reported: case id to {tensor name: numbers}, and what it says it leaves out."""

    dtype: str = "float64"
    cases: dict[str, dict[str, Value]] = field(default_factory=dict)
    skipped: dict[str, str] = field(default_factory=dict)
    capabilities: list[str] | None = None


def read(paths: Iterable[str | Path]) -> Results:
    """Results of one port from one or several files."""
    total = None
    for path in map(Path, paths):
        try:
            part = read_text(load(path))
        except ResultError as error:
            raise ResultError(f"{path}: {error}") from None
        total = merged(total, part, path)
    return total or Results()


def load(path: Path) -> str:
    try:
        with open_regular(path) as file:
            data = file.read(MAX_BYTES + 1)
        if len(data) > MAX_BYTES:
            raise ResultError(f"{path.stat().st_size} bytes; a full result file has less than {MAX_BYTES}")
        return data.decode("utf-8").replace("\r\n", "\n")
    except OSError as error:
        raise ResultError(f"cannot be read: {error.strerror}") from None
    except UnicodeDecodeError:
        raise ResultError("is not UTF-8 text") from None


def merged(total: Results | None, part: Results, path: object) -> Results:
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
    return apart(total)


def read_text(text: str) -> Results:
    """Results from the text of a file."""
    start = text.lstrip("\ufeff \t\r\n")[:1]
    if not start:
        raise ResultError("is empty")
    results = from_json(parsed(text.lstrip("\ufeff"))) if start in "{[" else one_block(from_text(text.lstrip("\ufeff")))
    if not results.cases and not results.skipped:
        raise ResultError("has no case")
    return results


def parsed(text: str) -> Any:
    """JSON without duplicate keys, NaN tokens or numbers beyond float64."""

    def once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        keys = dict(pairs)
        if len(keys) < len(pairs):
            names = [key for key, _ in pairs]
            twice = next(name for name in names if names.count(name) > 1)
            raise ResultError(f"key {short(twice)} stands twice in one object")
        return keys

    def refused(token: str) -> NoReturn:
        raise ResultError(f'{token} is not JSON; write a number that is not finite as a string, "nan" or "inf"')

    def real(token: str) -> float:
        value = float(token)
        if math.isinf(value):
            raise ResultError(f"number {short(token)} is too large for float64")
        return value

    def real_or_int(token: str) -> float:
        return int(token) if len(token) <= 20 else real(token)  # JavaScript writes all 21 digits of 1e20

    try:
        return json.loads(text, object_pairs_hook=once, parse_constant=refused, parse_float=real, parse_int=real_or_int)
    except json.JSONDecodeError as error:
        raise ResultError(f"is not JSON: {error.msg} at line {error.lineno}, column {error.colno}") from None
    except RecursionError:
        raise ResultError("is nested too deeply") from None


def expect(value: Any, kind: type, what: str) -> Any:
    names: dict[type, str] = {dict: "an object", list: "a list", str: "a string"}
    if not isinstance(value, kind):
        raise ResultError(f"{what} should be {names[kind]}, not {short(value)}")
    return value


def from_json(data: Any) -> Results:
    blocks = data if isinstance(data, list) else [data]
    results = None
    for block in blocks:
        results = merged(results, one_block(expect(block, dict, "a result")), "the list")
    if results is None:
        raise ResultError("has no case")
    return results


def one_block(block: dict[str, Any]) -> Results:
    skipped = expect(block.get("skipped", {}), dict, "skipped")
    results = Results(dtype=known_dtype(block.get("dtype", "float64")), skipped=skipped)
    known_kit(block.get("kit", kit.KIT_VERSION))
    if "capabilities" in block:
        words = expect(block["capabilities"], list, "capabilities")
        results.capabilities = [known_capability(expect(word, str, "a capability")) for word in words]
    cases = dict(expect(block.get("cases", {}), dict, "cases"))
    if "case" in block:
        cases[expect(block["case"], str, "case")] = block.get("values", {})
    for case in [*cases, *results.skipped]:
        known_case(case)
    for case, tensors in cases.items():
        tensors = expect(tensors, dict, f"case {case}")
        if isinstance(tensors.get("values"), dict):
            tensors = tensors["values"]
        long = next((name for name in tensors if len(name) > 40), None)
        if long:
            raise ResultError(f"tensor name {short(long)} is too long")
        results.cases[case] = {name: tensor(value, f"{case} {name}") for name, value in tensors.items()}
    return apart(results)


def apart(results: Results) -> Results:
    """A case is reported or skipped, not both."""
    both = sorted(results.cases.keys() & results.skipped.keys())
    if both:
        raise ResultError(f"case {both[0]} is skipped and has tensors; a case that is reported is not skipped")
    return results


def tensor(value: Value, what: str) -> Value:
    """Numbers as nested lists of float or int; whole floats stay what they are."""
    if isinstance(value, dict):
        shape, data = value.get("shape"), expect(value.get("data"), list, f"data of {what}")
        numbers = flatten(numeric(data, what, 0))
        return shaped(numbers, shape, what)
    return numeric(value, what, 0)


def shaped(numbers: list[float], shape: Any, what: str) -> Value:
    ok = isinstance(shape, list) and len(shape) <= MAX_DEPTH and all(type(z) is int and z >= 0 for z in shape)
    if not ok or math.prod(shape) != len(numbers):
        raise ResultError(f"shape {short(shape)} of {what} does not fit its {len(numbers)} numbers")
    if math.prod(z for z in shape if z) > MAX_NUMBERS:  # [1000000000, 0] has no number, and a billion lists
        raise ResultError(f"shape {short(shape)} of {what} is too large")
    return Declared(nest(numbers, tuple(shape))) if shape else numbers[0]


def numeric(value: Value, what: str, depth: int) -> Value:
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


def read_expected(path: str | Path) -> dict[str, str]:
    """Cases that may fail: a case on each line, by name or number, then why. Empty lines and "#" lines do not count."""
    found = {}
    try:
        for number, line in enumerate(load(Path(path)).split("\n"), 1):
            word, _, why = line.strip().partition(" ")
            if word and not word.startswith("#"):
                try:
                    found[kit.load_case(word)["id"]] = why.strip(" #")
                except ValueError as error:
                    raise ResultError(f"line {number}: {error}") from None
    except ResultError as error:
        raise ResultError(f"{path}: {error}") from None
    return found
