"""The page as a file: made from its sources, small, alone; and its engine is the port that the kit checks."""

import json
import re
import subprocess

import pytest

from afm_numpy.conformance import check_results, kit, load_cases, load_mistakes, read
from afm_numpy.playground import PAGE, build

SOURCES = sorted(path for path in PAGE.parent.iterdir() if path.suffix in (".js", ".css", ".html") and path != PAGE)
PATCH = re.compile(r'^  ([A-Z_0-9]+): \{\s*from: "(.*?)",\s*to: "(.*?)"', re.MULTILINE | re.DOTALL)
PATCHES = {name: (old, new) for name, old, new in PATCH.findall(build.source("mistakes.js"))}


@pytest.fixture(scope="module")
def node():
    import shutil

    found = shutil.which("node")
    if not found:
        pytest.skip("node is not installed: the engine in the page was NOT checked")
    return found


def report(node, text, folder):
    """The kit's report on an engine."""
    (folder / "engine.js").write_text(text)
    with open(folder / "results.json", "w") as out:
        subprocess.run([node, folder / "engine.js", kit.HERE / "cases"], stdout=out, check=True, timeout=120)
    return check_results(read([folder / "results.json"]))


def test_the_page_is_what_its_sources_say():
    same = PAGE.read_text(encoding="utf-8") == build.build()
    assert same, "a source has changed: run python -m afm_numpy.playground.build"


def test_every_source_is_used():
    names = {path.stem for path in SOURCES if path.suffix == ".js"}
    assert names == {*build.SCRIPTS, "engine"}


def test_sources_are_short_and_the_page_is_small():
    lines = {path.name: path.read_text(encoding="utf-8").count("\n") for path in SOURCES}
    assert max(lines.values()) <= 300
    assert sum(lines.values()) - lines["engine.js"] <= 2000
    assert PAGE.stat().st_size <= 120_000


def test_the_page_needs_nothing_else():
    text = PAGE.read_text(encoding="utf-8")
    assert set(re.findall(r"https?://[^\s\"']*", text)) == {"http://www.w3.org/2000/svg"}       # a name, not an address
    assert text.count("<script>") == 1 and not re.search(r"<script\s|import\s*\(|\bfetch\(|@import|url\(", text)


def test_the_engine_in_the_page_passes_the_kit(node, tmp_path):
    result = report(node, build.engine(PAGE.read_text(encoding="utf-8")), tmp_path)
    assert result.complete and result.counts["passed"] == len(load_cases())


def test_there_are_mistakes_enough_and_all_are_read_here():
    assert len(PATCHES) >= 10 and PATCHES.keys() <= load_mistakes().keys()
    assert len(PATCHES) == build.source("mistakes.js").count("from: \"") - 1                    # one is in engineWith


@pytest.mark.parametrize("name", PATCHES)
def test_the_kit_names_each_mistake(name, node, tmp_path):
    engine, (old, new) = build.source("engine.js"), PATCHES[name]
    assert engine.count(old) == 1
    result = report(node, engine.replace(old, new), tmp_path)
    assert [name] in [sorted(group) for group in result.named], json.dumps(result.as_dict()["named"])[:500]
