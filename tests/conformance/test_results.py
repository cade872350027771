import json
import math

import pytest

from afm_numpy.conformance import ResultError, load_case, read
from afm_numpy.conformance.results import MAX_BYTES

GOOD = {"kit": "1.0", "dtype": "float64", "case": "01-onehot", "values": {"y_hat": [0.1, 0.2, 0.3]}}


@pytest.fixture
def reads(tmp_path):
    def of(*texts):
        paths = []
        for i, text in enumerate(texts):
            paths.append(tmp_path / f"r{i}.json")
            paths[-1].write_bytes(text if isinstance(text, bytes) else text.encode())
        return read(paths)

    return of


def test_the_forms_are_one(reads):
    forms = [
        json.dumps(GOOD),
        json.dumps([GOOD]),
        json.dumps({"cases": {"01-onehot": {"y_hat": [0.1, 0.2, 0.3]}}}),
        json.dumps({"cases": {"01-onehot": {"values": {"y_hat": {"shape": [3], "data": [0.1, 0.2, 0.3]}}}}}),
        "kit 1.0\ndtype float64\ncase 01-onehot tensor y_hat 1 3\n0.1 0.2 0.3\nend\n",
        "\ufeff" + json.dumps(GOOD),
    ]
    for form in forms:
        assert reads(form).cases == {"01-onehot": {"y_hat": [0.1, 0.2, 0.3]}}, form


def test_files_are_put_together(reads):
    other = {**GOOD, "case": "02-real-values"}
    results = reads(json.dumps(GOOD), json.dumps(other))
    assert list(results.cases) == ["01-onehot", "02-real-values"]
    with pytest.raises(ResultError, match="already reported"):
        reads(json.dumps(GOOD), json.dumps(GOOD))
    with pytest.raises(ResultError, match="dtype"):
        reads(json.dumps(GOOD), json.dumps({**other, "dtype": "float32"}))


def test_numbers_that_are_not_finite(reads):
    values = reads(json.dumps({**GOOD, "values": {"y_hat": [None, "inf", "-Infinity"]}})).cases["01-onehot"]["y_hat"]
    assert math.isnan(values[0]) and values[1:] == [math.inf, -math.inf]
    values = reads("case 01-onehot tensor y_hat 1 4 -nan nan(0x7) inf -inf end").cases["01-onehot"]["y_hat"]
    assert all(map(math.isnan, values[:2])) and values[2:] == [math.inf, -math.inf]


def test_negative_zero_survives(reads):
    for text in ("case 00-selftest-floats tensor echo 1 1 -0 end", json.dumps({**GOOD, "values": {"echo": [-0.0]}})):
        (values,) = reads(text).cases.values()
        assert math.copysign(1, values["echo"][0]) == -1


def values(text):
    return json.dumps(GOOD).replace("[0.1, 0.2, 0.3]", text)


MALFORMED = {
    "empty": "",
    "blank": " \n",
    "truncated": json.dumps(GOOD)[:-9],
    "truncated text": "case 01-onehot tensor y_hat 1 3 0.1",
    "no end": "case 01-onehot tensor y_hat 1 1 0.1",
    "NaN": values("[NaN, 1, 2]"),
    "Infinity": values("[1, -Infinity, 2]"),
    "1e400": values("[1e400, 1, 2]"),
    "a huge integer": values("[" + "9" * 5000 + "]"),
    "duplicate keys": '{"case": "01-onehot", "case": "02-real-values", "values": {}}',
    "duplicate tensors": '{"case": "01-onehot", "values": {"y_hat": [1], "y_hat": [1]}}',
    "a million cases": '{"cases": {' + ",".join(f'"{i}":{{}}' for i in range(1_000_000)) + "}}",
    "a million good cases": "[" + ",".join([json.dumps(GOOD)] * 100_000) + "]",
    "too large": " " * (MAX_BYTES + 1),
    "deep": "[" * 100_000,
    "deep tensor": values("[" * 50 + "1" + "]" * 50),
    "a number": "3",
    "a string": '"case"',
    "null": "[null]",
    "no case": "{}",
    "an empty list": "[]",
    "words": "Segmentation fault",
    "binary": bytes(range(256)),
    "not UTF-8": b'{"case": "\xff"}',
    "ragged": values("[[1, 2], [3]]"),
    "mixed": values("[1, [2], 3]"),
    "a word": values('["one", 2, 3]'),
    "a bool": values("[true, 2, 3]"),
    "an object": values('[{"a": 1}]'),
    "a tensor that is a string": values('"0.1"'),
    "wrong shape": values('{"shape": [2, 2], "data": [1, 2, 3]}'),
    "a negative shape": values('{"shape": [-1, -3], "data": [1, 2, 3]}'),
    "no data": values('{"shape": [3]}'),
    "values is a list": '{"case": "01-onehot", "values": [1]}',
    "cases is a list": '{"cases": ["01-onehot"]}',
    "a case is a number": '{"cases": {"01-onehot": 3}}',
    "case is a list": '{"case": ["01-onehot"], "values": {}}',
    "an unknown case": '{"case": "77-no-such", "values": {}}',
    "an unknown dtype": '{"dtype": "float16", "case": "01-onehot", "values": {}}',
    "dtype is a list": '{"dtype": ["float64"], "case": "01-onehot", "values": {}}',
    "another kit": '{"kit": "7.1", "case": "01-onehot", "values": {}}',
    "kit is a list": '{"kit": [[]], "case": "01-onehot", "values": {}}',
    "skipped is a list": '{"skipped": [], "case": "01-onehot", "values": {}}',
    "capabilities are numbers": '{"capabilities": [1], "case": "01-onehot", "values": {}}',
    "a huge count": "case 01-onehot tensor y_hat 1 999999999999999999999 0.1 end",
    "many dimensions": "case 01-onehot tensor y_hat 99 1 1 1 1 1 1 end",
    "a tensor before a case": "tensor y_hat 1 1 0.1 end",
    "a long name": '{"case": "01-onehot", "values": {"' + "y" * 100 + '": [1]}}',
}


@pytest.mark.parametrize("kind", MALFORMED)
def test_malformed_files_give_one_line(kind, reads):
    with pytest.raises(ResultError) as caught:
        reads(MALFORMED[kind])
    message = str(caught.value)
    assert "\n" not in message and 10 < len(message) < 300


def test_files_that_cannot_be_opened(tmp_path):
    for path in (tmp_path / "none.json", tmp_path):
        with pytest.raises(ResultError, match="cannot be read"):
            read([path])


def test_random_damage_is_survived(reads):
    """Cut and changed result files are read or refused, nothing else happens."""
    import random

    whole = json.dumps({"case": "05-empty-and-single", "values": load_case("05")["expect"]})
    rng = random.Random(0)
    for _ in range(200):
        at = rng.randrange(len(whole))
        text = rng.choice([whole[:at], whole[:at] + rng.choice('{}[]",:x0-e') + whole[at + 1 :], whole[at:]])
        try:
            reads(text)
        except ResultError as error:
            assert "\n" not in str(error)
