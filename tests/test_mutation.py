"""The list of equivalent mutants is about the code as it is, and the tests' page counts it right."""

import json
import re
import signal
import subprocess
import sys
from collections import Counter
from functools import partial
from pathlib import Path

import mutation
import pytest

PAGE = Path(__file__).with_name("README.md").read_text(encoding="utf-8")
LISTED = list(mutation.listed())


@pytest.mark.parametrize("module", mutation.MODULES)
def test_every_listed_mutant_changes_a_line_of_the_module(module):
    code = mutation.source(module)
    plain = mutation.changed("-" + line for line in code.splitlines())[0]
    for mutant in LISTED:
        if mutation.module_of(mutant) == module:
            assert mutant.old in plain and mutant.new != mutant.old, mutant
            assert f"def {mutant.function.split('.')[-1]}(" in code, mutant


def test_the_list_names_no_mutant_twice_and_gives_a_reason_for_each():
    assert max(Counter(LISTED).values()) == 1
    text = Path(mutation.__file__).with_name("equivalent_mutants.md").read_text(encoding="utf-8")
    headings, reasons = re.findall("^### ", text, re.M), re.findall(r"^### `.+`\n\n(.{20,})\n\n```diff\n- ", text, re.M)
    assert len(headings) == len(reasons) > 0


def test_the_table_in_the_tests_page_counts_the_list_and_leaves_no_mutant_out():
    rows = re.findall(r"^\| `([\w/]+)\.py` \| (\d+|-) \| (\d+|-) \| (\d+) \|$", PAGE, re.M)
    assert {row[0] for row in rows} == set(mutation.MODULES)
    count = Counter(map(mutation.module_of, LISTED))
    assert None not in count
    for module, mutants, killed, equivalent in rows:
        assert int(equivalent) == count[module], module
        assert mutants == killed == "-" or int(mutants) == int(killed) + int(equivalent), module


def test_each_mutant_has_a_fork_and_no_other_mutant_hears_of_it(tmp_path):
    code = """
import os
seen = []
def test_a():
    seen.append(os.environ["MUTANT_UNDER_TEST"])
    assert len(seen) == 1 and seen != ["noticed"]
def test_b():
    assert seen != ["late"]
def test_c():
    while seen == ["endless"]:
        pass
    if seen == ["broken"]:
        raise KeyboardInterrupt
"""
    (tmp_path / "test_it.py").write_text(code)
    tests = [f"test_it.py::test_{letter}" for letter in "abc"]
    want = {"noticed": 1, "late": 1, "endless": -signal.SIGXCPU, "equivalent": 0, "broken": 3}
    plan = {mutant: (tests, 2) for mutant in want} | {"untested": ([], 2)}
    (tmp_path / "plan").write_text(json.dumps(plan))
    forks = [sys.executable, Path(mutation.__file__).with_name("forks.py"), "plan", "results", "-pno:cacheprovider"]
    subprocess.run([*forks, "test_it.py"], cwd=tmp_path, check=True, capture_output=True)
    assert json.loads((tmp_path / "results").read_text()) == want | {"untested": 0}
    (tmp_path / "test_it.py").write_text("import nothing_of_this_name")
    assert subprocess.run([*forks, "test_it.py"], cwd=tmp_path, capture_output=True).returncode


def test_decorators_move_behind_the_methods():
    code = "class C:\n    @property\n    def p(self):\n        return 1\n\n    @classmethod\n    def c(cls): ...\n"
    moved = mutation.undecorated(code)
    assert "@property" not in moved and "        return 1\n    p = property(p)\n" in moved and "@classmethod" in moved


def test_changed_lines_lose_comments_and_spaces():
    assert mutation.changed(["-    a = 1   # (B,)", "+    a =  2   # (B,)", "     b = 3"]) == ("a = 1", "a = 2")


def test_a_revision_that_git_does_not_know_means_all_modules():
    assert mutation.since("no-such-revision") == list(mutation.MODULES)


def test_changed_modules_are_found_by_their_files_and_their_tests(tmp_path, monkeypatch):
    monkeypatch.setattr(mutation, "ROOT", tmp_path)
    git = partial(subprocess.run, cwd=tmp_path, check=True, capture_output=True)
    for name in ("afm_numpy/fm.py", "afm_numpy/models.py", "tests/test_losses.py"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text("")
    git(["git", "init"])
    git(["git", "add", "."])
    git(["git", "-c", "user.name=a", "-c", "user.email=a@b", "commit", "-m", "start"])
    assert mutation.since("HEAD") == list(mutation.MODULES)                      # nothing changed: a sample of all
    for name in ("afm_numpy/fm.py", "afm_numpy/models.py", "tests/test_losses.py"):
        (tmp_path / name).write_text("changed")
    assert mutation.since("HEAD") == ["fm", "losses"]
