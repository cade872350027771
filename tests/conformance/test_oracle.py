"""The expected values come from an implementation that shares nothing with the checker's rules or the models."""

import ast
import os
from pathlib import Path

import definitions
import oracle as oracle_module
import oracle_update
import pytest
import regenerate

from afm_numpy.conformance import kit
from afm_numpy.conformance.literal import Trace
from afm_numpy.conformance.literal.numbers import flatten

CASES = {name: case for name, case in kit.load_cases().items() if "floats" not in case}


def test_the_oracle_imports_nothing_of_the_package():
    for module in (oracle_module, oracle_update):
        tree = ast.parse(Path(module.__file__).read_text())
        modules = [node.module or "" for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)]
        modules += [name.name for node in ast.walk(tree) if isinstance(node, ast.Import) for name in node.names]
        assert set(modules) <= {"mpmath", "oracle_update", "collections.abc", "typing"}


@pytest.mark.parametrize("name", CASES)
def test_the_rules_agree_with_the_stored_values(name):
    case, before = CASES[name], None
    for full, step, tensor in kit.tensors(case):
        if before is None or before.step != step:
            before = Trace(case, step, before)
        got, want = flatten(before[tensor]), flatten(case["expect"][full])
        size = max([1.0, *map(abs, want)])
        assert len(got) == len(want)
        assert all(abs(a - b) <= 1e-13 * size for a, b in zip(got, want, strict=True)), full


def test_a_pair_of_a_feature_with_itself_gives_it_two_gradients():
    trace = Trace(kit.load_case("22"), given={"pairs": [(0, 1, 1)], "d_prod": [[2.0, -3.0]]})
    assert trace["d_emb"][1] == [2 * d * e for d, e in zip([2.0, -3.0], trace["emb"][1], strict=True)]


@pytest.mark.parametrize("number", ["01", "05", "07", "20", "29", "34", "39", "42", "43", "50"])
def test_the_oracle_gives_the_stored_values_to_the_last_bit(number):
    pytest.importorskip("mpmath")
    case = kit.load_case(number)
    inputs = next(c for c in definitions.all_cases() if c["id"] == case["id"])
    values = oracle_module.run(inputs)
    assert {name: values[name] for name in case["expect"]} == case["expect"]


@pytest.mark.skipif("CONFORMANCE_LONG" not in os.environ, reason="CONFORMANCE_LONG=1: `.ci/run` regenerates the kit")
def test_regenerating_gives_the_same_bytes(capsys):
    pytest.importorskip("mpmath")
    assert regenerate.main() == 0
    out = capsys.readouterr().out
    assert out == f"{2 * len(kit.load_cases()) + 1} of {2 * len(kit.load_cases()) + 1} files are the same\n"


def test_a_file_that_differs_is_told(tmp_path, capsys):
    (tmp_path / "MANIFEST.json").write_text("{}")
    assert regenerate.compared(tmp_path) == 1
    assert "MANIFEST.json differs" in capsys.readouterr().out
