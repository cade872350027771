import hashlib
import json
import re
from fnmatch import fnmatch

import pytest

from afm_numpy.commands.conformance import EXPORTED
from afm_numpy.conformance import kit
from afm_numpy.conformance.literal import Trace

CASES = sorted((kit.HERE / "cases").glob("*.json"))


def exported_files():
    paths = [kit.HERE / name for name in EXPORTED]
    return [path for top in paths for path in (top.rglob("*") if top.is_dir() else [top]) if path.is_file()]


def test_sizes_of_the_kit():
    assert len(CASES) >= 30
    assert len(kit.load_mistakes()) >= 60
    assert sum(path.stat().st_size for path in exported_files()) <= 400_000


def test_manifest_fits_the_files():
    manifest = json.loads((kit.HERE / "MANIFEST.json").read_text())
    files = {
        f"cases/{path.name}": hashlib.sha256(path.read_bytes()).hexdigest() for path in (kit.HERE / "cases").iterdir()
    }
    assert manifest["files"] == files
    assert (manifest["kit_version"], manifest["spec_version"]) == (kit.KIT_VERSION, kit.SPEC_VERSION)
    assert manifest["cases"] == len(CASES) and manifest["mistakes"] == len(kit.load_mistakes())
    order = manifest["order"]
    for name, parents in manifest["parents"].items():
        assert all(order.index(p) < order.index(name) for p in parents if p in order and p != name), name


@pytest.mark.parametrize("path", CASES, ids=lambda path: path.stem)
def test_each_case(path):
    text = path.read_text(encoding="utf-8")
    case = kit.parse_case(text)
    assert case["id"] == path.stem
    assert kit.dump_case(case) == text
    assert list(case["expect"]) == [full for full, _, _ in kit.tensors(case)]
    for name, value in case["expect"].items():
        assert all(abs(z) <= 2**53 or isinstance(z, float) for z in kit.flatten(value))
        base = name.rpartition("/")[2]
        assert (name in case["tol"]) == (base not in kit.INTEGER)
        assert base == "echo" or all(tol > 0 for tol in case["tol"].get(name, [1]))
    config = case["config"]
    sizes = [config[key] for key in ("n", "k", "t") if key in config]
    assert len(set(sizes)) == len(sizes)


def records(text):
    """{(kind, name): (shape, tolerances, numbers)} of a .vec file, read with split() as a port would."""
    found, lines = {}, text.split("\n")
    for i, line in enumerate(lines):
        words = line.split()
        if words and words[0] in ("param", "input", "expect"):
            ndim = int(words[2])
            shape, tol = [int(z) for z in words[3 : 3 + ndim]], [float(z) for z in words[3 + ndim :]]
            found[words[0], words[1]] = shape, tol, [float(z) for z in lines[i + 1].split()]
    return found


@pytest.mark.parametrize("path", CASES, ids=lambda path: path.stem)
def test_vec_holds_the_same_numbers(path):
    case, vec = json.loads(path.read_text()), path.with_suffix(".vec").read_text()
    assert vec == kit.vec_case(kit.parse_case(path.read_text()))
    found = records(vec)
    for kind, group in (("param", "params"), ("expect", "expect")):
        for name, tensor in case[group].items():
            shape, tol, data = found.pop((kind, name))
            assert (shape, data) == (tensor["shape"], tensor["data"])
            assert kind == "param" or tol == tensor.get("tol", [0, 0])
            assert [str(z) for z in data] == [str(float(z)) for z in tensor["data"]]  # -0.0 too
    assert all(kind == "input" for kind, _ in found)


def test_cases_fit_the_schema():
    jsonschema = pytest.importorskip("jsonschema")
    schema = json.loads((kit.HERE / "schema" / "case.schema.json").read_text())
    checker = jsonschema.Draft202012Validator(schema)
    for path in CASES:
        checker.validate(json.loads(path.read_text()))
    broken = json.loads(CASES[1].read_text())
    broken["config"]["attention"] = "softmax"
    assert not checker.is_valid(broken)


def test_references_between_the_files():
    spec, porting = ((kit.HERE / name).read_text() for name in ("SPEC.md", "PORTING.md"))
    headings = re.findall(r"^#+ (\d+(?:\.\d+)?)\.? ", spec, flags=re.M)
    for case in kit.load_cases().values():
        section, _, item = case["spec"].partition(".")
        assert section in headings
        body = spec.split(f"## {section}. ")[1].split("\n## ")[0]
        assert not item or case["spec"] in headings or re.search(rf"^{item}\. ", body, flags=re.M), case["spec"]
    numbers = {path.stem[:2] for path in CASES}
    rows = [line.split("|")[3] for line in porting.splitlines() if re.match(r"\| \d+ \|", line)]
    named = set(re.findall(r"\b\d\d\b", " ".join(rows)))
    assert named == numbers


def porting_steps():
    """(cases, names of tensors, does the step ask for those before too, new words of `requires`) of every step."""
    for line in (kit.HERE / "PORTING.md").read_text().splitlines():
        if re.match(r"\| \d+ \|", line):
            _, _, _, run, tensors, new, _ = line.split("|")
            names = [word for word in re.findall(r"[\w*]+", tensors) if word in kit.all_names() or word.endswith("*")]
            cases = [kit.load_case(number) for number in re.findall(r"\d\d", run)]
            yield cases, names, bool(re.search(r"\b(the|all)\b", tensors)), re.findall(r"\w+", new)


def among(name, patterns):
    return any(fnmatch(name, pattern) for pattern in patterns)


def test_the_porting_order_needs_only_what_was_built():
    """Every tensor that a step asks for comes from tensors built up to it, and every case from words built up to it."""
    words, built = set(), []
    for at, (cases, new, before_too, more) in enumerate(porting_steps(), 1):
        words.update(more)
        built += new
        asked = built if before_too else new
        found = set()
        for case in cases:
            assert at <= 2 or set(case["requires"]) <= words, (at, case["id"])  # before that only rows are compared
            trace = None
            for step in range(len(case["batches"])):
                trace, names = Trace(case, step, trace), kit.step_tensors(case, step)
                for name in (name for name in names if among(name, asked)):
                    trace.compute(name)
                    lost = [n for s, _, n in trace.needs[name] if s == step and n in names and not among(n, built)]
                    assert not lost, (at, case["id"], name, lost)
                    found.add((case["id"], name))
        assert {case for case, _ in found} == {case["id"] for case in cases}, at
        assert all(any(fnmatch(name, pattern) for _, name in found) for pattern in new), at
    assert words == set(kit.all_capabilities())
    assert all(among(name, built) for name in kit.all_names())


def test_the_table_of_config_keys_is_that_of_the_schema():
    spec = (kit.HERE / "SPEC.md").read_text()
    table = spec.split("| key of config")[1].split("\n\n")[0]
    keys = set(re.findall(r"`(\w+)`", " ".join(line.split("|")[1] for line in table.splitlines()[2:])))
    config = json.loads((kit.HERE / "schema" / "case.schema.json").read_text())["properties"]["config"]
    patterns = list(config["patternProperties"])
    assert all(key in config["properties"] or any(re.fullmatch(p, key) for p in patterns) for key in keys)
    used = {key for case in kit.load_cases().values() for key in case["config"]} | {"steps"}
    assert keys == used


@pytest.mark.parametrize("wanted", ["3", "99", "", "03-expl"])
def test_an_unknown_case_is_refused(wanted):
    with pytest.raises(ValueError, match="no case"):
        kit.load_case(wanted)
