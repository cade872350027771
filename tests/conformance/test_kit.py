import hashlib
import json
import re
from fnmatch import fnmatch

import pytest
import simulated_port
import writing
from tables import cases_table

from afm_numpy.commands.conformance import exported
from afm_numpy.conformance import kit
from afm_numpy.conformance.literal import Trace
from afm_numpy.conformance.literal.numbers import flatten

CASES = sorted((kit.HERE / "cases").glob("*.json"))


def test_sizes_of_the_kit():
    assert len(CASES) >= 30
    assert len(kit.load_mistakes()) >= 60
    assert sum(path.stat().st_size for path in exported()) <= 700_000


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
    assert writing.dump_case(case) == text
    assert list(case["expect"]) == [full for full, _, _ in kit.tensors(case)]
    for name, value in case["expect"].items():
        assert all(abs(z) <= 2**53 or isinstance(z, float) for z in flatten(value))
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
    assert vec == writing.vec_case(kit.parse_case(path.read_text()))
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


def test_results_and_mistakes_fit_their_schemas():
    jsonschema = pytest.importorskip("jsonschema")
    results, mistakes = (
        jsonschema.Draft202012Validator(json.loads((kit.HERE / "schema" / f"{name}.schema.json").read_text()))
        for name in ("results", "mistakes")
    )
    mistakes.validate(kit.load_mistakes())
    assert not mistakes.is_valid({"X": {"title": "no stage"}})
    cases = {name: case["expect"] for name, case in kit.load_cases().items()}
    full = {"kit": "1.1", "dtype": "float64", "cases": cases}
    short = {"case": "01-onehot", "values": {"y_hat": ["nan", None, 1]}, "skipped": {"36-libsvm-text": "no text"}}
    results.validate(full)
    results.validate([full, short, {"cases": {"01-onehot": {"emb": {"shape": [1, 2], "data": [1, -2.5]}}}}])
    for broken in ({"dtype": "float16"}, {"cases": {"one": {}}}, {"case": "01-onehot", "values": {"y_hat": ["x"]}}, []):
        assert not results.is_valid(broken)


# ---- the tables of the pages -----------------------------------------------------------------------------------


def test_the_table_says_what_each_case_is_for():
    assert cases_table(list(kit.load_cases().values())) in (kit.HERE / "PORTING.md").read_text()


def sizes(case):
    """Of every batch: (rows, pairs of the longest row)."""
    for step in range(len(case["batches"])):
        ptr = Trace(case, step)["active_ptr"]
        lengths = [end - start for start, end in zip(ptr, ptr[1:], strict=False)]
        yield len(lengths), max(m * (m - 1) // 2 for m in lengths)


def test_no_gap_is_left():
    """What ports get wrong out of sight of small cases; every line stands in some case."""
    cases = [case for case in kit.load_cases().values() if case["config"]["model"] in ("fm", "afm")]
    network = [case for case in cases if case["config"].get("attention") == "network"]
    long = [case for case in network if len(case["batches"]) > 1]
    assert {case["config"]["optimizer"] for case in long if "l2" in case["requires"]} == {"sgd", "adagrad", "adam"}
    assert {case["config"]["loss"] for case in long} == {"squared", "logistic"}
    assert {case["config"]["reduction"] for case in long if "lam_W" in case["config"]} == {"mean", "sum"}
    assert {case["config"].get("scope") for case in cases if "optimizer" in case["config"]} == {None, "all"}
    assert any(case["config"].get("attention") == "free" and "adam" in case["requires"] for case in cases)
    assert {5, 9} <= {case["config"]["k"] for case in network} and {1, 5} <= {case["config"]["t"] for case in network}
    assert any(most > 64 for case in long for _, most in sizes(case))
    assert any(rows == 1 for case in long for rows, _ in sizes(case))
    assert any(most == 0 for case in long for _, most in sizes(case))
    whole = [case for case in network if "optimizer" not in case["config"]]  # with every intermediate
    assert {rows == 1 for case in whole for rows, _ in sizes(case)} == {True, False}
    assert {most == 0 for case in whole for _, most in sizes(case)} == {True, False}
    batches = [batch for case in cases if case["config"]["train"] for batch in case["batches"]]
    assert {len(batch["masks"]) for batch in batches if "masks" in batch} == {1, 2, 3}
    large = kit.load_case("43")["batches"][0]["ids"]
    assert max(large) > 2**30 and {2**24, 2**24 + 1} <= set(large)


def test_cases_of_fixed_fields():
    fields = [case for case in kit.load_cases().values() if "field_dims" in case["config"]]
    network = [case for case in fields if case["config"].get("attention") == "network"]
    assert len(fields) >= 6 and len(network) >= 3
    assert {case["config"]["loss"] for case in network} == {"squared", "logistic"}
    assert sum(len(case["batches"]) > 1 for case in network) >= 2
    for case in fields:
        config = case["config"]
        starts = [sum(config["field_dims"][:f]) for f in range(len(config["field_dims"]) + 1)]
        assert starts[-1] == config["n"]
        for batch in case["batches"]:
            assert set(batch["x"]) == {1.0} and len(batch["y"]) >= 3
            assert batch["row_ptr"] == list(range(0, len(batch["ids"]) + 1, len(starts) - 1))
            for e, i in enumerate(batch["ids"]):
                f = e % (len(starts) - 1)
                assert starts[f] <= i < starts[f + 1]
            assert set(batch["ids"]) == set(range(config["n"])) or config.get("optimizer") in (None, "sgd", "adagrad")


def expectations():
    text = (kit.HERE / "DEVIATIONS.md").read_text().split("## Which cases they can run")[1]
    for line in text.splitlines():
        cells = [cell.strip() for cell in line.split("|")]
        if len(cells) == 6 and re.match(r"\d\d", cells[2]):
            yield cells[1], set(cells[2].split(", ")), re.findall(r"([A-Z0-9_]+) \(([\d, ]+)\)", cells[3])


def test_what_public_code_is_expected_to_fail():
    """The table has the implementations of the first one, and each mistake shows in each case that is named for it."""
    rows = list(expectations())
    first = re.findall(r"^\| (.+?) @", (kit.HERE / "DEVIATIONS.md").read_text(), flags=re.M)
    assert len(rows) == 17 and all(any(name.startswith(row[0].split()[0]) for name in first) or row[0] in ("lambdaji",)
                                   for row in rows)  # fmt: skip
    for name, can_run, wrong in rows:
        for mistake, numbers in wrong:
            for number in numbers.split(", "):
                case = kit.load_case(number)
                error = simulated_port.largest_error(case, simulated_port.simulate(case, (mistake,)), 0)
                assert number in can_run and error > 10, (name, mistake, number)


def test_references_between_the_files():
    spec, porting = ((kit.HERE / name).read_text() for name in ("SPEC.md", "PORTING.md"))
    headings = re.findall(r"^#+ (\d+(?:\.\d+)?)\.? ", spec, flags=re.M)
    for case in kit.load_cases().values():
        section, _, item = case["spec"].partition(".")
        assert section in headings
        body = spec.split(f"## {section}. ")[1].split("\n## ")[0]
        assert not item or case["spec"] in headings or re.search(rf"^{item}\. ", body, flags=re.M), case["spec"]
    numbers = {path.stem[:2] for path in CASES}
    rows = [line.split("|")[3] for line in order_of(porting) if re.match(r"\| \d+ \|", line)]
    named = set(re.findall(r"\b\d\d\b", " ".join(rows)))
    assert named == numbers


def order_of(porting):
    """The lines of the table "Order"."""
    return porting.split("## Order")[1].split("\n## ")[0].splitlines()


def porting_steps():
    """(cases, names of tensors, does the step ask for those before too, new words of `requires`) of every step."""
    for line in order_of((kit.HERE / "PORTING.md").read_text()):
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


def test_titles_and_requires_stand_in_the_manifest_and_in_vec():
    manifest = json.loads((kit.HERE / "MANIFEST.json").read_text())
    for name, case in kit.load_cases().items():
        assert manifest["titles"][name] == case["title"] and manifest["requires"][name] == case["requires"]
        lines = (kit.HERE / "cases" / f"{name}.vec").read_text().splitlines()
        assert f"title {case['title']}" in lines
        assert " ".join(["requires", str(len(case["requires"])), *case["requires"]]) in lines


def test_which_entries_move_is_a_parent_of_every_state():
    parents = json.loads((kit.HERE / "MANIFEST.json").read_text())["parents"]
    for name in ("vel_*", "acc_*", "m1_*", "m2_*", "new_*"):
        assert {"active_ids", "pair_keys", "g_*"} <= set(parents[name])
