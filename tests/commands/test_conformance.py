import json
import subprocess
import sys

import pytest
import simulated_port

from afm_numpy.commands import cli as command_line
from afm_numpy.commands import conformance as cli
from afm_numpy.conformance import kit, load_cases


@pytest.fixture
def write(tmp_path):
    def of(values, **more):
        path = tmp_path / "results.json"
        path.write_text(json.dumps({"kit": "1.0", "dtype": "float64", "cases": values, **more}))
        return str(path)

    return of


def everything():
    return {name: case["expect"] for name, case in load_cases().items()}


def test_a_full_right_file(write, capsys):
    assert cli.main(["check", write(everything())]) == 0
    assert capsys.readouterr().out == f"float64: {len(load_cases())} passed, 0 failed, 0 skipped\n"


def test_complete(write, capsys):
    part = {"01-onehot": {"y_hat": load_cases()["01-onehot"]["expect"]["y_hat"]}}
    assert cli.main(["check", write(part)]) == 0
    assert cli.main(["check", "--complete", write(part)]) == 1
    assert cli.main(["check", "--complete", write(everything())]) == 0
    capsys.readouterr()
    assert cli.main(["check", "--json", write(part)]) == 0
    report = json.loads(capsys.readouterr().out)
    assert report["passed_in_part"] == 1 and report["complete"] is False


def test_nothing_checked_is_no_success(write):
    assert cli.main(["check", write({}, skipped={"01-onehot": "later"})]) == 1


def test_all_shows_every_case_when_case_00_fails(write, capsys):
    values = everything() | {"00-selftest-floats": {"echo": [0.5] * 9}, "01-onehot": {"y_hat": [1, 2, 3]}}
    assert cli.main(["check", write(values)]) == 1
    assert "01-onehot" not in capsys.readouterr().out
    assert cli.main(["check", "--all", write(values)]) == 1
    assert "FAILED 01-onehot" in capsys.readouterr().out


def plain(value):
    """JSON has no NaN; the kit's result files write it as a string."""
    if isinstance(value, list):
        return [plain(part) for part in value]
    return value if value == value and abs(value) < float("inf") else repr(value)


@pytest.mark.parametrize("mistakes", [("ZEROS_KEPT",), ("IDS_SHIFTED", "SOFTMAX_OF_ONE"), ("EXP_WITHOUT_MAX",)])
def test_a_full_wrong_file(mistakes, write, capsys):
    values = {name: simulated_port.simulate(case, mistakes) for name, case in load_cases().items()}
    path = write({name: {t: plain(v) for t, v in case.items()} for name, case in values.items()})
    assert cli.main(["check", path]) == 1
    out = capsys.readouterr().out
    assert all(m in out for m in mistakes)


def test_json(write, capsys):
    case = load_cases()["03-explicit-zeros"]
    assert cli.main(["check", "--json", write({case["id"]: simulated_port.simulate(case, ("ZEROS_KEPT",))})]) == 1
    report = json.loads(capsys.readouterr().out)
    assert report["failed"] == 1 and report["ok"] is False
    assert report["named"][0]["ids"] == ["ZEROS_KEPT"] and report["named"][0]["alone"]
    (found,) = [c for c in report["cases"] if c["status"] == "failed"]
    assert found["wrong"][0]["tensor"] == "active_ptr" and "y_hat" in found["follows"]


def test_a_file_that_cannot_be_read(tmp_path, capsys):
    (tmp_path / "bad.json").write_text("{")
    assert cli.main(["check", str(tmp_path / "bad.json")]) == 2
    out, err = capsys.readouterr()
    assert out == "" and err.count("\n") == 1 and "is not JSON" in err


@pytest.mark.parametrize("argv", [[], ["check"], ["unknown"], ["export"], ["check", "--yaml", "x"]])
def test_wrong_arguments(argv, capsys):
    with pytest.raises(SystemExit, match="2"):
        cli.main(argv)
    out, err = capsys.readouterr()
    assert out == "" and err.startswith("afm-numpy conformance") and err.count("\n") == 1 and "--help)" in err


def test_help(capsys):
    with pytest.raises(SystemExit, match="0"):
        cli.main(["--help"])
    assert "export" in capsys.readouterr().out


def test_export_writes_what_a_porter_needs(tmp_path, capsys):
    target = tmp_path / "a" / "kit"
    assert cli.main(["export", str(target)]) == 0
    assert cli.main(["export", str(target)]) == 0  # again
    files = ["SPEC.md", "PORTING.md", "DEVIATIONS.md", "MANIFEST.json", "mistakes.json", "schema/case.schema.json"]
    assert all((target / name).is_file() for name in files)
    for path in (kit.HERE / "cases").iterdir():
        assert (target / "cases" / path.name).read_bytes() == path.read_bytes()
    assert [path.name for path in target.rglob("*.py")] == ["check.py"]
    assert "begin with PORTING.md" in capsys.readouterr().out


def test_export_to_a_place_that_cannot_be_written(tmp_path, capsys):
    (tmp_path / "file").write_text("")
    assert command_line.main(["conformance", "export", str(tmp_path / "file")]) == 2
    assert capsys.readouterr().err == f"afm-numpy conformance: error: {tmp_path / 'file'}: File exists\n"


def standalone(folder, *words):
    """check.py of an exported kit, without this package and without any other."""
    run = [sys.executable, "-S", "-I", str(folder / "check.py"), *map(str, words)]
    done = subprocess.run(run, capture_output=True, text=True, timeout=120, cwd=folder)
    return done.returncode, done.stdout, done.stderr


def test_an_exported_kit_checks_by_itself(tmp_path, write, capsys):
    assert cli.main(["export", str(tmp_path / "kit")]) == 0
    values = {"01-onehot": simulated_port.simulate(load_cases()["01-onehot"], ("SOFTMAX_OF_ONE",))}
    for words in (["--complete", write(everything())], [write(values)], ["--json", write(values)]):
        capsys.readouterr()
        status = cli.main(["check", *words])
        assert standalone(tmp_path / "kit", *words) == (status, *capsys.readouterr())
    assert "SOFTMAX_OF_ONE" in standalone(tmp_path / "kit", write(values))[1]
    status, out, err = standalone(tmp_path / "kit", tmp_path / "missing.json")
    assert (status, out, err.count("\n")) == (2, "", 1)


@pytest.mark.parametrize("name", ["cases/01-onehot.json", "cases/57-nearly-nothing.json", "mistakes.json",
                                  "MANIFEST.json"])  # fmt: skip
@pytest.mark.parametrize("damage", ["missing", "cut", "empty"])
def test_a_damaged_kit_is_no_verdict(name, damage, tmp_path, write):
    """The files beside check.py are read, and it says which of them is not as it was written."""
    assert cli.main(["export", str(tmp_path / "kit")]) == 0
    path = tmp_path / "kit" / name
    text = {"cut": path.read_text()[:400], "empty": ""}.get(damage)
    path.unlink() if text is None else path.write_text(text)
    status, out, err = standalone(tmp_path / "kit", write({"01-onehot": {"y_hat": [0.0, 0.0, 0.0]}}))
    assert (status, out) == (2, "") and err.count("\n") == 1 and name in err and "export the kit again" in err


def test_the_exported_licence_is_the_projects():
    assert (kit.HERE / "LICENSE").read_text() == (kit.HERE.parent.parent / "LICENSE").read_text()


def test_expected_failures_of_a_file(tmp_path, write, capsys):
    wrong = write({"01-onehot": {"y_hat": [0.0, 0.0, 0.0]}, "02-real-values": load_cases()["02-real-values"]["expect"]})
    (tmp_path / "expected.txt").write_text("# what we know\n\n01 the bias is missing\n02-real-values\n")
    assert cli.main(["check", wrong]) == 1
    assert cli.main(["check", wrong, "--expected", str(tmp_path / "expected.txt")]) == 0
    out = capsys.readouterr().out
    assert "FAILED 01-onehot, as expected: the bias is missing" in out and "right: 02-real-values; take" in out
    (tmp_path / "expected.txt").write_text("02\n")
    assert cli.main(["check", wrong, "--expected", str(tmp_path / "expected.txt")]) == 1
    for text, message in (("99 no such case\n", "line 1: no case '99'"), ("01\nxx\n", "line 2: no case 'xx'")):
        (tmp_path / "expected.txt").write_text(text)
        capsys.readouterr()
        assert cli.main(["check", wrong, "--expected", str(tmp_path / "expected.txt")]) == 2
        assert message in capsys.readouterr().err
