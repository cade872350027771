"""Mistakes of kinds that the catalogue did not have: of forty, at least 38 make a port fail.

CONFORMANCE_LONG=1 tries all of them; otherwise every fifth.
"""

import os
import subprocess

import outside
import test_ports


def variants(path, edits):
    text = path.read_text()
    for title, old, new in edits:
        assert text.count(old) == 1, title
        yield title, text.replace(old, new)


def survives(command, path):
    """Does the kit pass the port? A port that crashes or writes no result does not pass."""
    try:
        return test_ports.output(command, path).complete
    except (subprocess.CalledProcessError, subprocess.TimeoutExpired, ValueError):
        return False


def test_the_edits_are_forty_and_their_ports_pass_without_them():
    assert len(outside.C) == len(outside.JAVASCRIPT) == 20


def test_at_most_two_of_forty_pass(tmp_path):
    alive, step = [], 1 if os.environ.get("CONFORMANCE_LONG") else 5
    gcc, node = test_ports.need("gcc"), test_ports.need("node")
    for title, text in variants(test_ports.HERE / "port.c", outside.C[::step]):
        (tmp_path / "port.c").write_text(text)
        subprocess.run([gcc, "-std=c11", "-w", "-o", tmp_path / "port", tmp_path / "port.c", "-lm"], check=True)
        alive += [title] * survives([tmp_path / "port", *sorted(test_ports.CASES.glob("*.vec"))], tmp_path / "out")
    for title, text in variants(test_ports.ENGINE, outside.JAVASCRIPT[::step]):
        (tmp_path / "engine.js").write_text(text)
        alive += [title] * survives([node, tmp_path / "engine.js", test_ports.CASES], tmp_path / "out")
    assert len(alive) <= (2 if step == 1 else 0), alive
