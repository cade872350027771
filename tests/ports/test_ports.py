"""Four ports in other languages pass every case of the kit."""

import shutil
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import pytest

from afm_numpy.conformance import check_results, kit, load_cases, read

HERE = Path(__file__).parent
CASES = kit.HERE / "cases"
ENGINE = kit.HERE.parent / "playground" / "engine.js"           # the port in JavaScript, and the playground's engine


def output(command, path):
    with open(path, "w") as out:
        subprocess.run([str(word) for word in command], stdout=out, check=True, timeout=120)
    return check_results(read([path]))


def passes(report, count):
    assert report.ok, str(report)
    assert report.counts["passed"] == count
    assert all(result.reported == result.expected for result in report.results if result.status == "passed")


def need(program):
    found = shutil.which(program)
    if not found:
        pytest.skip(f"{program} is not installed: its port was NOT checked")
    return found


def test_python(tmp_path):
    passes(output([sys.executable, HERE / "port.py", CASES], tmp_path / "results.json"), len(load_cases()))


def test_python_needs_the_standard_library_only(tmp_path):
    run = [sys.executable, "-I", "-S", HERE / "port.py", CASES]
    passes(output(run, tmp_path / "results.json"), len(load_cases()))


def test_c(tmp_path):
    gcc = need("gcc")
    flags = ["-std=c11", "-Wall", "-Wextra", "-Werror", "-pedantic", "-O1", "-ffp-contract=off"]
    subprocess.run([gcc, *flags, "-o", str(tmp_path / "port"), str(HERE / "port.c"), "-lm"], check=True)
    passes(output([tmp_path / "port", *sorted(CASES.glob("*.vec"))], tmp_path / "results.txt"), len(load_cases()))


def test_javascript(tmp_path):
    passes(output([need("node"), ENGINE, CASES], tmp_path / "results.json"), len(load_cases()))


@pytest.mark.parametrize("dtype", ["float64", "float32"])
def test_torch(dtype, tmp_path):
    if find_spec("torch") is None:
        pytest.skip("torch is not installed: its port was NOT checked")
    skipped = dtype == "float32"  # the self test of float64 numbers
    run = [sys.executable, HERE / "port_torch.py", CASES, dtype]
    passes(output(run, tmp_path / "results.json"), len(load_cases()) - skipped)


def test_a_wrong_port_fails(tmp_path):
    """The ports are checked in earnest: a mistake in one of them is found and named."""
    text = (HERE / "port.py").read_text()
    assert text.count("math.exp(s - max(scores))") == 1
    (tmp_path / "port.py").write_text(text.replace("math.exp(s - max(scores))", "(s - max(scores) + 1) ** 2"))
    report = output([sys.executable, tmp_path / "port.py", CASES], tmp_path / "results.json")
    assert report.counts["failed"] > 10
    assert {root.name for result in report.results for root in result.roots if "/" not in root.name} == {"attn"}
