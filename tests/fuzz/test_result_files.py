"""Result files of ports: ResultError (a ValueError) of one line, or the numbers that stand in the file; and the report.

The oracle reads JSON by `json.loads` and the text form by splitting it into words, and knows what was written.
"""

import json
import math
import re
from functools import cache

from border import Refused, answer, drawn, folder
from hypothesis import example, given
from hypothesis import strategies as st

from afm_numpy.conformance import ResultError, kit, read
from afm_numpy.conformance.literal.numbers import flatten
from afm_numpy.conformance.report import check_results

CASES = sorted(kit.load_cases())
NUMERIC = {"nan": math.nan, "inf": math.inf, "-inf": -math.inf, "infinity": math.inf, "-infinity": -math.inf}


def numbers(value):
    """The numbers in nested lists of JSON, in order; ValueError for anything else."""
    if isinstance(value, list):
        return [number for part in value for number in numbers(part)]
    if value is None:
        return [math.nan]
    if isinstance(value, str):
        return [NUMERIC[value.lower()]]
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        raise ValueError(value)
    return [float(value)]


def literal(text):
    """{case: {tensor: numbers}} of a text that was accepted."""
    text = text.lstrip("\ufeff")
    found = {}
    if text.lstrip()[:1] in ("{", "["):
        blocks = json.loads(text)
        for block in blocks if isinstance(blocks, list) else [blocks]:
            cases = dict(block.get("cases", {}))
            if "case" in block:
                cases[block["case"]] = block.get("values", {})
            for case, tensors in cases.items():
                tensors = tensors["values"] if isinstance(tensors.get("values"), dict) else tensors
                found[case] = {
                    name: numbers(value["data"] if isinstance(value, dict) else value)
                    for name, value in tensors.items()
                }
        return found
    words, case = text.split(), None
    words = words[: words.index("end")] if "end" in words else words
    while words:
        word = words.pop(0)
        if word == "case":
            case = words.pop(0)
            found[case] = {}
        elif word == "tensor":
            name, ndim = words.pop(0), int(words.pop(0))
            size = math.prod([int(words.pop(0)) for _ in range(ndim)])
            found[case][name] = [
                math.nan if "nan" in token.lower() else float(token) for token in [words.pop(0) for _ in range(size)]
            ]
        else:
            words.pop(0)
    return found


def flat(results):
    """The same of what was read."""
    return {
        case: {name: [float(z) for z in flatten(value)] for name, value in tensors.items()}
        for case, tensors in results.cases.items()
    }


def check(data, expected=None, reported=True):
    """Read a file with this content; what is accepted is what stands in it, and can be reported."""
    data = data.encode("utf-8", "surrogatepass") if isinstance(data, str) else data
    with folder("port.json") as here:
        path = here / "port.json"
        path.write_bytes(data)
        results = answer(lambda: read([path]), ResultError)
    if isinstance(results, Refused):
        assert results.message.startswith(f"{path}: ") and isinstance(results.error, ValueError)
        assert expected is None, results
        return None
    found = flat(results)
    assert repr(found) == repr(literal(data.decode()))
    if expected is not None:
        assert repr(found) == repr(expected)
    if not reported:
        return results
    report = answer(lambda: check_results(results, [*results.cases, *results.skipped][:4]))
    text = answer(lambda: str(report))
    assert all(line.isprintable() for line in text.split("\n"))
    json.dumps(answer(report.as_dict), allow_nan=False)
    return report


# ---- what a port may write -----------------------------------------------------------------------------

real = st.integers(-9, 9).map(float) | st.floats(-9, 9) | st.floats() | st.integers(-9, 9)
name = st.sampled_from(["y_hat", "emb", "loss", "pair_keys", "active_ids", "active_ptr", "g_V", "foo", "s0/y_hat", ""])
tensor = st.one_of(
    real, st.lists(real, max_size=6), st.lists(st.lists(real, min_size=2, max_size=2), max_size=3),
    st.lists(st.lists(st.lists(real, min_size=1, max_size=1), min_size=2, max_size=2), max_size=2),
)  # fmt: skip
named = st.dictionaries(name, tensor, max_size=3)
ported = st.dictionaries(st.sampled_from(CASES), named, min_size=1, max_size=2)
forms = st.sampled_from(["cases", "values", "list", "one", "shape", "text"])


def as_json(value, words):
    """A number that is not finite as null or as a word."""
    if isinstance(value, list):
        return [as_json(part, words) for part in value]
    if math.isfinite(value):
        return value
    return None if value != value and words else str(value)


def written(cases, form, words=True, dtype="float64"):
    """A result file in one of its forms."""
    cases = {case: {name: as_json(value, words) for name, value in tensors.items()} for case, tensors in cases.items()}
    if form == "text":
        lines = [f"kit 1.0 dtype {dtype}"]
        for case, tensors in cases.items():
            lines.append(f"case {case}")
            for name, value in tensors.items():
                flat = flatten(value)
                shape = [len(flat)] if isinstance(value, list) else []
                lines.append(
                    " ".join(map(str, ["tensor", name, len(shape), *shape, *("nan" if z is None else z for z in flat)]))
                )
        return "\n".join([*lines, "end", ""])
    if form == "shape":
        cases = {
            case: {name: {"shape": [len(flatten(value))], "data": value} if isinstance(value, list) else value
                   for name, value in tensors.items()}
            for case, tensors in cases.items()
        }  # fmt: skip
    if form == "values":
        cases = {case: {"values": tensors} for case, tensors in cases.items()}
    head = {"kit": "1.0", "dtype": dtype}
    blocks = [head | {"case": case, "values": tensors} for case, tensors in cases.items()]
    if form == "one":
        return json.dumps(head | {"cases": dict(list(cases.items())[1:])} | blocks[0])
    return json.dumps(blocks if form == "list" else head | {"cases": cases})


@drawn(40)
@given(ported, forms, st.booleans(), st.sampled_from(["float64", "float32"]), st.integers(0, 9))
def test_right_files_are_read(cases, form, words, dtype, often):
    """Whatever the form: the same numbers, to the bit."""
    expected = {
        case: {name: [float(z) for z in flatten(value)] for name, value in tensors.items()}
        for case, tensors in cases.items()
    }
    if form == "text" and any("" in tensors for tensors in cases.values()):
        form = "cases"
    if form == "one":
        expected = dict([*list(expected.items())[1:], *list(expected.items())[:1]])
    check(written(cases, form, words, dtype), expected, reported=often == 0)


# ---- damaged files, and anything that JSON can hold ----------------------------------------------------

scalar = st.one_of(
    st.none(), st.booleans(), st.integers(-3, 12), st.floats(), st.just(10**19), st.just(10**21),
    st.sampled_from(["", "nan", "INF", "1", "y_hat", "01-onehot", "2.0", "a\nb", "\x1b[2J", "\ud800", "x" * 50]),
)  # fmt: skip
key = st.sampled_from(
    ["kit", "dtype", "case", "cases", "values", "skipped", "capabilities", "shape", "data", *CASES[:3], "y_hat"]
)
value = st.recursive(
    scalar,
    lambda inner: st.one_of(
        st.lists(inner, max_size=4),
        st.dictionaries(key | scalar.filter(lambda z: isinstance(z, str)), inner, max_size=4),
    ),
)
block = st.fixed_dictionaries({}, optional={
    "kit": scalar | st.just("1.7"), "dtype": scalar | st.just("float64"), "case": scalar | st.sampled_from(CASES),
    "values": named | value, "cases": ported | value, "capabilities": value, "extra": value,
    "skipped": value | st.dictionaries(st.sampled_from(CASES), scalar, max_size=3)})  # fmt: skip


def with_tokens(value):
    """JSON text, with NaN and Infinity as Python writes them."""
    return json.dumps(value)


@drawn(60)
@given(block.map(with_tokens) | st.lists(block, max_size=3).map(with_tokens) | value.map(with_tokens))
def test_any_json(text):
    check(text)


LETTERS = '{}[]",:0123456789.eE+-nulltrue \n\t\\\u00e9\ufeff\ud800\x00'

edit = st.tuples(
    st.integers(0, 2**16),
    st.sampled_from(["put", "drop", "cut", "twice"]),
    st.sampled_from(
        list('{}[]",:.-+eE0129 \n') + ["null", "true", "NaN", "1e400", "\x00", "nan", "end", "case", "tensor"]
    ),
)


def edited(text, edits):
    for at, kind, piece in edits:
        at %= len(text) + 1
        if kind == "put":
            text = text[:at] + piece + text[at:]
        elif kind == "drop":
            text = text[:at] + text[at + len(piece) :]
        elif kind == "cut":
            text = text[:at]
        else:
            text = text[: at + 9] + text[at:]
    return text


@drawn(60)
@given(ported, forms, st.lists(edit, min_size=1, max_size=3))
@example({"01-onehot": {"active_ids": 0}}, "cases", [])  # one number where a list should be
@example({"01-onehot": {"active_ids": 1, "active_ptr": []}}, "cases", [])
def test_damaged_files(cases, form, edits):
    check(edited(written(cases, form), edits))


@drawn(40)
@given(
    st.binary(max_size=60)
    | st.text(LETTERS, max_size=60).map(lambda t: t.encode("utf-8", "surrogatepass"))
    | st.lists(
        st.sampled_from(
            [
                "case",
                "tensor",
                "skip",
                "kit",
                "dtype",
                "capability",
                "end",
                "1",
                "0",
                "-1",
                "1e5",
                "nan",
                "nan(0x7)",
                "y_hat",
                "99999999999",
                "²",
                "float64",
                *CASES[:4],
            ]
        ),
        max_size=20,
    ).map(lambda words: " ".join(words).encode())
)
def test_any_bytes(data):
    check(data)


# ---- the report is not green for a wrong number --------------------------------------------------------


@cache
def answers(case):
    return {name: flatten(value) for name, value in kit.load_cases()[case]["expect"].items()}


@drawn(20)
@given(st.sampled_from(CASES), st.data())
def test_one_wrong_number_is_seen(case, data):
    """The kit's own answers pass; with one number off by more than its tolerance they fail, and the tensor is named.

    Green is only a wrong tensor that is no result, and of which the report says that it changes none (SPEC.md, 9).
    """
    values = answers(case)
    assert check(written({case: values}, "cases")).ok
    name = data.draw(st.sampled_from([name for name in values if values[name]]))
    at = data.draw(st.integers(0, len(values[name]) - 1))
    size = max(1.0, *(abs(z) for z in values[name]))
    off = data.draw(st.sampled_from([1.0, -1.0, 1e-3, math.nan, math.inf])) * size
    changed = list(values[name])
    changed[at] += off if re.search("ids|ptr|keys|slots", name) is None or off != off else math.copysign(1, off)
    report = check(written({case: values | {name: changed}}, "cases"))
    equivalent = [result.status for result in report.results] == ["equivalent"]
    assert not report.ok or (equivalent and not kit.is_outcome(name.rpartition("/")[2]))
    assert name in [root.name for result in report.results for root in result.roots] or name in str(report)
