"""The page "What a green run means" is true: its tests exist, its figures come out again."""

import ast
import re
from pathlib import Path

import numerics
import numpy as np
import pytest

TESTS = Path(__file__).parent
PAGE = (TESTS / "README.md").read_text(encoding="utf-8")
NAMED = sorted(set(re.findall(r"`([\w/]+\.py)::(\w+)`", PAGE)))


@pytest.mark.parametrize("file, name", NAMED)
def test_the_test_exists(file, name):
    assert re.search(rf"^def {name}\(", (TESTS / file).read_text(encoding="utf-8"), re.M)


def test_the_files_exist_and_many_tests_are_named():
    files = set(re.findall(r"`([\w/]+\.(?:py|md))`", PAGE))
    assert {"tools/mutation.py", "tools/equivalent_mutants.md"} <= files
    roots = TESTS, TESTS.parent / "afm_numpy"
    assert not [file for file in files if not any((root / file).exists() for root in roots)]
    assert len(NAMED) > 35


@pytest.mark.parametrize("folder, allowed", [
    ("afm_numpy/minimal.py", set()),
    ("afm_numpy/reference.py", set()),
    ("afm_numpy/conformance/literal", {"literal"}),
    ("tests/tools/kit/oracle.py", {"oracle_update"}),
    ("tests/tools/kit/oracle_update.py", set()),
    ("tests/ports", set()),
])  # fmt: skip
def test_a_version_of_the_model_looks_only_at_what_its_row_allows(folder, allowed):
    path = TESTS.parent / folder
    files = [path] if path.is_file() else [file for file in path.glob("*.py") if "test_" not in file.name]
    assert files
    for file in files:
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
            if isinstance(node, ast.ImportFrom) and (node.level or node.module.startswith("afm_numpy")):
                beside = node.level == 1 and path.is_dir()
                assert beside or (node.module or node.names[0].name) in allowed, (file, node.lineno)
            assert not isinstance(node, ast.Import) or all("afm_numpy" not in name.name for name in node.names), file


def test_the_readme_leads_here():
    assert "(tests/README.md)" in (TESTS.parent / "README.md").read_text(encoding="utf-8")


@pytest.mark.parametrize("x", numerics.X)
def test_the_figures_of_float32(x):
    """The medians of 720 other rows, within a factor of two."""
    (row,) = re.findall(rf"^\| {x:,.0f} \| (.*) \|$", PAGE, re.M)
    medians = [float(cell.split(", ")[0].replace(",", "")) for cell in row.split(" | ")]
    result = numerics.measure(np.random.default_rng(5), rows=30, xs=(x,))
    paths = [path for path in numerics.PATHS if path != "in float64"]
    assert len(medians) == len(paths)
    for path, median in zip(paths, medians, strict=True):
        assert median / 2 < np.median(numerics.pooled(result, path)) < 2 * median, path
