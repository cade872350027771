import json
import math
import os

import pytest

from afm_numpy.conformance import ResultError, load_case, read
from afm_numpy.conformance.results import MAX_BYTES, read_text

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


def test_a_skip_has_a_reason_in_both_forms(reads):
    reason = "no Adam yet: later"
    text = f"kit 1.0\nskip 39-adam-3-steps {reason}\nskip 28-adam\ncase 01-onehot\ntensor y_hat 1 1 0.5\nend"
    skipped = {"39-adam-3-steps": reason, "28-adam": ""}
    assert reads(text).skipped == reads(json.dumps({**GOOD, "skipped": skipped})).skipped == skipped


def test_whole_numbers_and_exponents(reads):
    text = "case 01-onehot tensor y_hat 1 4 3 3.0 1E-3 +2.5e+00 end"
    assert reads(text).cases["01-onehot"]["y_hat"] == [3, 3.0, 0.001, 2.5]


def test_whole_numbers_as_javascript_writes_them(reads):
    text = '{"case": "01-onehot", "values": {"loss": -33160309755661440000, "rmse": 100000000000000000000}}'
    assert read_text(text).cases["01-onehot"] == {"loss": -3.316030975566144e19, "rmse": 1e20}
    with pytest.raises(ResultError, match="too large for float64"):
        read_text('{"case": "01-onehot", "values": {"loss": 1' + "0" * 400 + "}}")


def test_a_skipped_case_has_no_tensors(reads):
    for texts in (
        [json.dumps({**GOOD, "skipped": {"01-onehot": ""}})],
        ["skip 01-onehot\ncase 01-onehot tensor y_hat 1 1 0.1 end"],
        [json.dumps(GOOD), '{"skipped": {"01-onehot": ""}}'],
    ):
        with pytest.raises(ResultError, match="01-onehot is skipped and has tensors"):
            reads(*texts)


def test_both_forms_have_one_rule(reads):
    """What one form refuses, the other does too."""
    head, tail = "kit 1.0\ndtype float64\n", "case 01-onehot\ntensor y_hat 1 1 0.5\nend\n"
    reads(head + tail)
    for line, more, message in (
        ("dtype float64", '"dtype": "float64", "dtype": "float64"', "dtype.* twice"),
        ("kit 1.0", '"kit": "1.0", "kit": "1.0"', "kit.* twice"),
        ("capability lstm", '"capabilities": ["lstm"]', "capability 'lstm' is unknown; there are float64, afm"),
        ("capability FM", '"capabilities": ["FM"]', "capability 'FM' is unknown"),
        ("skip 99-no", '"skipped": {"99-no": ""}', "case '99-no' is not in kit"),
    ):
        with pytest.raises(ResultError, match=message):
            reads(head + line + "\n" + tail)
        with pytest.raises(ResultError, match=message):
            reads('{"case": "01-onehot", "values": {"y_hat": [0.5]}, ' + more + "}")
    for number in ("1e400", "-1e400"):
        with pytest.raises(ResultError, match="too large"):
            reads(tail.replace("0.5", number))
        with pytest.raises(ResultError, match="too large"):
            reads(values(f"[{number}]"))


LINES = {
    "after end": ("case 01-onehot\nend\ncase 02-real-values\nend\n", "line 3: 'case' stands after end"),
    "too few": ("case 01-onehot\ntensor y_hat 1 3 1 2\ntensor loss 0 2\nend",
                r"line 2: too few numbers for tensor 'y_hat': shape \(3,\), want 3, found 2"),
    "too few at the end": ("case 01-onehot\ntensor y_hat 1 3 1 2", "line 2: too few .* found 2"),
    "too many": ("case 01-onehot\ntensor y_hat 1 3 1 2 3 4\nend", "line 2: too many .* want 3, found 4"),
    "huge dimension": ("case 01-onehot\ntensor y_hat 2 1000000000 2 1",
                       "line 2: a dimension of tensor 'y_hat' is 1000000000; at most 100000 can be read"),
    "no ndim": ("case 01-onehot\n\ntensor loss 0.5", "line 3: ndim of tensor 'loss' should be a count, not '0.5'"),
    "a word": ("case 01-onehot\ntensor y_hat 1 3\n1 2,5 3\nend", "line 3: '2,5' is no number"),
    "an unknown case": ("kit 1.0\ncase 14-los-sum\nend", "line 2: case '14-los-sum' is not in kit"),
    "an unknown record": ("kit 1.0\ndtype float64\nresult 3\nend", "line 3: .*'result' is no record"),
    "another dtype": ("kit 1.0\ndtype float16\nend", "line 2: dtype should be"),
    "a tensor twice": ("case 01-onehot\ntensor loss 0 1\ntensor loss 0 1\nend", "line 3: tensor 'loss' .* twice"),
}  # fmt: skip


@pytest.mark.parametrize("kind", LINES)
def test_messages_about_a_text_name_the_line(kind, reads):
    text, message = LINES[kind]
    with pytest.raises(ResultError, match=message) as caught:
        reads(text)
    assert "\n" not in str(caught.value)


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


@pytest.mark.parametrize("shape", [[1_000_000_000, 0], [3000, 3000, 1, 0], [99_999, 99_999, 0]])
def test_a_shape_without_numbers_that_would_take_for_ever_is_refused(shape):
    values = {"emb": {"shape": shape, "data": []}}
    with pytest.raises(ResultError, match="too large"):
        read_text(json.dumps({"case": "01-onehot", "values": values}))
    if max(shape) <= 100_000:
        words = " ".join(map(str, [len(shape), *shape]))
        with pytest.raises(ResultError, match="too large"):
            read_text(f"case 01-onehot\ntensor emb {words}\nend\n")


def test_devices_and_pipes_are_not_read(tmp_path):
    os.mkfifo(tmp_path / "pipe")
    for path in ("/dev/zero", tmp_path / "pipe", tmp_path):
        with pytest.raises(ResultError, match="cannot be read"):
            read([path])
