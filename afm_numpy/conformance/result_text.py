"""Result files as text: records of words. Every message names the line."""

import math
from collections.abc import Callable
from typing import Any, NoReturn

from . import kit
from .kit import ResultError

MAX_NUMBERS = 100_000
MAX_DEPTH = 4
DTYPES = ("float64", "float32")
RECORDS = ("kit", "dtype", "capability", "skip", "case", "tensor", "end")


def short(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= 60 else text[:57] + "..."


# ---- what both forms check --------------------------------------------------------------------------------


def known_dtype(word: str) -> str:
    if word not in DTYPES:
        raise ResultError(f"dtype should be float64 or float32, not {short(word)}")
    return word


def known_kit(version: str) -> str:
    if str(version).split(".")[0] != kit.KIT_VERSION.split(".")[0]:
        raise ResultError(f"was made for kit {short(version)}, this is kit {kit.KIT_VERSION}; export and run again")
    return version


def known_case(name: str) -> str:
    if name not in kit.load_cases():
        raise ResultError(f"case {short(name)} is not in kit {kit.KIT_VERSION}")
    return name


def known_capability(word: str) -> str:
    if word not in kit.all_capabilities():
        raise ResultError(f"capability {short(word)} is unknown; there are {', '.join(kit.all_capabilities())}")
    return word


# ---- the text form -----------------------------------------------------------------------------------------


class Words:
    """The words of a text, one after the other, and the lines they stand in."""

    def __init__(self, text: str) -> None:
        self.words: list[str] = []
        self.lines: list[int] = []
        self.at = 0
        for n, line in enumerate(text.split("\n"), 1):
            found = line.split()
            self.words += found
            self.lines += [n] * len(found)

    def fail(self, message: object, at: int | None = None) -> NoReturn:
        """A ResultError with the line of word `at`, or of the last word taken."""
        at = self.at - 1 if at is None else at
        raise ResultError(f"line {self.lines[at]}: {message}")

    def take(self, what: str) -> str:
        if self.at == len(self.words):
            raise ResultError(f"ends where {what} should stand")
        self.at += 1
        return self.words[self.at - 1]

    def take_known(self, what: str, known: Callable[[str], str]) -> str:
        word = self.take(what)
        try:
            return known(word)
        except ResultError as error:
            self.fail(error)

    def take_line(self) -> str:
        """The rest of the line of the last word."""
        first, line = self.at, self.lines[self.at - 1]
        while self.at < len(self.words) and self.lines[self.at] == line:
            self.at += 1
        return " ".join(self.words[first : self.at])

    def take_count(self, what: str, largest: int) -> int:
        token = self.take(what)
        if not token.isdigit() or not token.isascii():
            self.fail(f"{what} should be a count, not {short(token)}")
        if int(token[:9]) > largest:
            self.fail(f"{what} is {token[:30]}; at most {largest} can be read")
        return int(token)

    def take_tensor(self) -> tuple[str, list[int], list[float]]:
        """(name, shape, numbers)."""
        at, name = self.at - 1, self.take("a tensor name")
        shape = [
            self.take_count(f"a dimension of tensor {short(name)}", MAX_NUMBERS)
            for _ in range(self.take_count(f"ndim of tensor {short(name)}", MAX_DEPTH))
        ]
        size, first = math.prod(shape), self.at
        tokens = self.words[first : first + size]
        found = next((i for i, token in enumerate(tokens) if token in RECORDS), len(tokens))
        want = f"tensor {short(name)}: shape {tuple(shape)}, want {size}, found"
        if found < size:
            self.fail(f"too few numbers for {want} {found}", at)
        self.at += size
        if self.at < len(self.words) and self.words[self.at] not in RECORDS:
            more = next((i for i, w in enumerate(self.words[self.at :]) if w in RECORDS), len(self.words) - self.at)
            self.fail(f"too many numbers for {want} {size + more}", at)
        return name, shape, [self.number(i) for i in range(first, first + size)]

    def number(self, at: int) -> float:
        """A number as C prints it; "-nan" and "nan(...)" are NaN."""
        token = self.words[at]
        if token.lower().lstrip("+-").startswith("nan"):
            return math.nan
        try:
            whole = token.lstrip("-").isdigit() and len(token) < 18 and token != "-0"
            value: float = int(token) if whole else float(token)
        except ValueError:
            self.fail(f"{short(token)} is no number", at)
        if math.isinf(value) and "inf" not in token.lower():
            self.fail(f"number {short(token)} is too large for float64", at)
        return value


def from_text(text: str) -> dict[str, Any]:
    """The same block that the JSON form has, from records of words up to `end`."""
    words, tensors = Words(text), None
    block: dict[str, Any] = {"cases": {}, "skipped": {}}

    def once(key: str, value: Any, where: dict[str, Any], what: str) -> Any:
        if key in where:
            words.fail(f"{what} stands twice")
        where[key] = value
        return value

    while (key := words.take("a record or end")) != "end":
        if key in ("dtype", "kit"):
            once(key, words.take_known(key, {"dtype": known_dtype, "kit": known_kit}[key]), block, key)
        elif key == "capability":
            block.setdefault("capabilities", []).append(words.take_known(key, known_capability))
        elif key == "skip":
            case = words.take_known("a case", known_case)
            once(case, words.take_line(), block["skipped"], f"skip {case}")
        elif key == "case":
            case = words.take_known("a case", known_case)
            tensors = once(case, {}, block["cases"], f"case {case}")
        elif key == "tensor" and tensors is not None:
            name, shape, data = words.take_tensor()
            once(name, {"shape": shape, "data": data}, tensors, f"tensor {short(name)} of {case}")
        elif key == "tensor":
            words.fail("a tensor stands before any case")
        else:
            words.fail(f"is neither JSON nor a result text: {short(key)} is no record ({', '.join(RECORDS)})")
    if words.at < len(words.words):
        words.at += 1
        words.fail(f"{short(words.words[words.at - 1])} stands after end, which is the last word of the file")
    return block
