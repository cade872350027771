"""Command lines: an exit status that is documented, one line for an error, and files that are complete or not there."""

import atexit
import bz2
import contextlib
import io
import json
import lzma
import os
import re
import tempfile
from functools import cache, partial
from pathlib import Path

import numpy as np
import pytest
from border import Refused, answer, check_message, drawn
from hypothesis import example, given
from hypothesis import strategies as st

from afm_numpy import Batch, Model, saving
from afm_numpy.commands import cli
from afm_numpy.datasets import dump_libfm

FILES = """train.libfm valid.libfm signs.libfm bare.libfm wide.libfm bad.libfm empty.libfm
    cut.gz rows.bz2 rows.xz afm.npz afm.npz.last fm.npz
    fm.npz.last field.npz plain.npz several.npz broken.npz port.json names.txt here none table.csv odd.csv
    table.npz""".split()
JUNK = """x 0 -1 1.5 nan inf 1e400 -- - \x00 \udcff \u221e @x --k * None""".split() + ["", "a\nb", "9" * 400]


@cache
def data():
    """A folder with the files of FILES that exist; commands run in new folders beside them."""
    here = tempfile.TemporaryDirectory()
    atexit.register(here.cleanup)
    folder, rng = Path(here.name), np.random.default_rng(0)
    batch = Batch.from_padded(rng.integers(0, 4, (24, 3)) + [0, 4, 8], n=12)
    y = (rng.random(24) < 0.5).astype(float)
    dump_libfm(folder / "train.libfm", batch, y)
    dump_libfm(folder / "valid.libfm", batch[:9], y[:9])
    dump_libfm(folder / "signs.libfm", batch, 2 * y - 1)
    (folder / "wide.libfm").write_text("1 0:1 99:1\n0 98:1\n")
    (folder / "bad.libfm").write_text("1 0:1\n0 3:x\n")
    (folder / "empty.libfm").write_text("\n")
    (folder / "bare.libfm").write_text("".join(f"{i % 4}:1 {4 + i % 3}:1 11:1\n" for i in range(9)))
    (folder / "cut.gz").write_bytes(b"\x1f\x8b\x08")
    (folder / "rows.bz2").write_bytes(bz2.compress((folder / "valid.libfm").read_bytes()))
    (folder / "rows.xz").write_bytes(lzma.compress((folder / "valid.libfm").read_bytes()))
    (folder / "table.csv").write_text("a,b,c,y\n" + '1,x,"p,\n",0\n,?,q,1\n2,x,q,1\n' * 8)
    (folder / "odd.csv").write_text('a;b;c;y\n1;"x;2;NA\n')
    (folder / "here").mkdir()
    (folder / "names.txt").write_text("\n".join(f"name {i}" for i in range(12)))
    (folder / "broken.npz").write_bytes(b"PK\x03\x04")
    (folder / "port.json").write_text('{"case": "01-onehot", "values": {"y_hat": [1, 2, 3]}}')
    for name, kind in (("fm.npz", ["fm"]), ("afm.npz", ["afm"]), ("field.npz", ["afm", "--attention", "field"])):
        argv = ["train", folder / "train.libfm", "--out", folder / name, "--k", 2, "--t", 2, "--epochs", 1, "--loss",
                "logistic",
                "--quiet", "--model", *kind]  # fmt: skip
        assert run(argv)[0] == 0
    assert run(["train", folder / "table.csv", "--target", "y", "--continuous", "a", "--loss", "logistic", "--out",
                folder / "table.npz", "--k", 2, "--epochs", 1, "--quiet"])[0] == 0  # fmt: skip
    params = Model("fm").init_params(rng, batch, k=2)
    saving.save(folder / "plain.npz", Model("fm"), params)
    saving.save(folder / "several.npz", Model("fm"), [params, params])
    return here


def run(argv):
    """(status, standard output, standard error) of a command line, with streams as strict as those of a terminal."""
    out, err = io.BytesIO(), io.BytesIO()
    stdout = io.TextIOWrapper(out, encoding="utf-8", errors="strict", write_through=True)
    stderr = io.TextIOWrapper(err, encoding="utf-8", errors="backslashreplace", write_through=True)
    with contextlib.redirect_stdout(stdout), contextlib.redirect_stderr(stderr):
        try:
            status = cli.main([str(arg) for arg in argv])
        except SystemExit as end:  # argparse's way to say 0 or 2
            status = end.code
    return status, out.getvalue().decode(), err.getvalue().decode()


def places(*usual):
    """A file of FILES, mostly one of `usual`, as seen from a folder beside them."""
    return st.sampled_from([*usual, *usual, *usual, *FILES]).map(lambda name: f"../{name}") | st.sampled_from(JUNK)


def values(*usual):
    return st.sampled_from([*usual, *usual, *usual]) | st.sampled_from([*usual, *JUNK])


out = values("out.npz", "none/out.npz", "../here", "/dev/null", "x" * 300, "o\u00e9\udcff.npz", "../train.libfm")
whole, real = values("1", "2", "3"), values("0", "0.5", "1", "1e-3")
train = {
    "--valid": places("valid.libfm"), "--valid-fraction": real, "--id-base": values("0", "1"),
    "--n": values("12", "13", "3", "4294967296"), "--model": values("fm", "afm"), "--k": values("1", "2", "4294967296"),
    "--attention": values("network", "field", "free", "uniform", "sum"), "--t": values("1", "2", "4294967296"),
    "--std": real, "--start-from": places("fm.npz"), "--resume": places("fm.npz.last", "afm.npz.last"),
    "--loss": values("squared", "logistic"), "--optimizer": values("sgd", "adagrad", "adam"),
    "--lr": real | st.just("1e30"),
    "--batch-size": values("1", "7", "100", "99999999999999999999"), "--patience": whole, "--keep-interactions": real,
    "--keep-attention": real, "--keep-pooled": real, "--l2-w": real, "--l2-V": real, "--l2-W": real | st.just("1e300"),
    "--continuous": values("a", "a,b", "c"), "--ignore": values("b", '"a",', "c"), "--delimiter": values(",", ";"),
    "--target": values("y", "a"), "--missing": values("?", "NA,1"),
    "--seed": values("0", "1", "99999999999999999999"), "--quiet": None, "--k=2": None, "--no-such": None, "-h": None,
}  # fmt: skip
TRAIN = [({"--out": out, "--epochs": whole}, train, [places("train.libfm", "rows.xz", "signs.libfm")])]
MODEL = [places("fm.npz", "afm.npz", "field.npz", "table.npz"),
         places("valid.libfm", "rows.bz2", "bare.libfm", "table.csv")]  # fmt: skip
id_base = {"--id-base": values("0", "1"), "--target": values("y", "a"), "--delimiter": values(",", ";"), "-h": None}
COMMANDS = {
    "train": TRAIN[0],
    "predict": ({}, {"--probability": None, **id_base}, MODEL),
    "evaluate": ({}, {"--metric": values("auc", "rmse", "log_loss", "accuracy"), "--json": None, **id_base}, MODEL),
    "table": ({"--out": out, "--target": values("y", "y", "a")}, train, [places("table.csv", "table.csv", "odd.csv")]),
    "explain": ({}, {"--overall": None, "--csv": None, "--rows": whole, "--names": places("names.txt"), "--top": whole,
                     **id_base}, MODEL),
    "fetch": ({"--cache": st.just("../train.libfm")}, {"--quiet": None, "-h": None}, [values("frappe", "ml-tag")]),
    "conformance": ({}, {"--json": None, "-h": None}, [values("check"), places("port.json", "here")]),
    "paper": ({"--data": places("here", "none")}, {"--k": values("16"), "--train": places("train.libfm")},
              [values("frappe")]),
    "demo": ({"--rows": st.sampled_from(JUNK)}, {"--seed": whole, "--quiet": None, "-h": None}, []),
    "bench": ({"--config": st.sampled_from([*JUNK, "1,2", "1,2,x"])}, {"--json": None, "--seed": whole}, []),
}  # fmt: skip


@st.composite
def command_lines(draw, command):
    """The arguments that a command needs, in any order, some more, and now and then one less."""
    needed, optional, positional = COMMANDS[command]
    pieces = [[draw(one)] for one in positional] + [[option, draw(value)] for option, value in needed.items()]
    for option in draw(st.lists(st.sampled_from(sorted(optional)), max_size=3)):
        pieces.append([option] if optional[option] is None else [option, draw(optional[option])])
    if draw(st.integers(0, 9)) == 0 and command not in ("demo", "bench", "fetch"):
        del pieces[draw(st.integers(0, len(pieces) - 1))]
    if command == "conformance":
        return [command, *sum(pieces, [])]  # its own command comes first
    command = "train" if command == "table" else command
    return [command, *sum(draw(st.permutations(pieces)), [])]


def contents(folder):
    return {path: path.is_file() and path.read_bytes() for path in Path(folder).iterdir()}


# What may be said besides an error, before it or without one.
NOTES = re.compile(
    r"epoch \d+ of \d+: loss .*|labels -1 and 1 are taken as 0 and 1|all targets are 0 or 1; .*|"
    "(These are|start gives) .*|.*: '.*' is 0, '.*' is 1|"
    "categories: .*; numbers: .*|afm-numpy [a-z]+: every row has the label .* is no AUC.*"
)


def check(argv):
    """Run a command line in a new folder, and judge what it says and leaves behind."""
    here, before = data().name, os.getcwd()
    with tempfile.TemporaryDirectory(dir=here) as folder, pytest.MonkeyPatch.context() as patch:
        patch.setenv("AFM_NUMPY_BASE_URL", "ftp://nowhere")  # refused before anything is sent
        outside = contents(here)
        os.chdir(folder)
        try:
            done = answer(lambda: run(argv))
        finally:
            os.chdir(before)
        assert contents(here) == outside, "files outside were made, removed or changed"
        left = set(os.listdir(folder))
        assert not [name for name in left if name.endswith(".tmp")], left
        for name in left:
            if name.endswith((".npz", ".npz.last")):
                answer(partial(saving.load, os.path.join(folder, name)))
    assert not isinstance(done, Refused)
    status, text, error = done
    assert status in (0, 1, 2), done
    said = [line for line in re.split(r"[\n\r]", error) if line.strip()]
    lines = [line for line in said if not NOTES.fullmatch(line)]
    if status == 2:
        assert lines, "an error without a word"
        if lines[0].startswith("usage: "):  # argparse alone shows the usage first
            return status, text, left
        assert len(lines) == 1, lines
        last = lines[-1]
        assert re.match(r"afm-numpy( [a-z-]+)*: |python -m afm_numpy conformance[a-z ]*: error: |\S*: ", last), lines
        if "invalid choice" not in last and "unrecognized arguments" not in last:
            check_message(last)
        assert not (left and argv[0] != "conformance"), (left, error)
    else:
        assert argv[0] == "conformance" or not lines and len(said) == len(set(said)), said
    return status, text, left


@drawn(30)
@given(command_lines("train") | command_lines("table"))
@example(["train", "../train.libfm", "--resume", "../fm.npz.last", "--epochs", "2", "--out", "out.npz", "--lr", "0.05"])
@example(["train", "../train.libfm", "--resume", "../fm.npz.last", "--epochs", "2", "--out", "out.npz"])  # no better
def test_train(argv):
    status, text, left = check(argv)
    if status == 0 and "usage:" not in text:
        assert "saved " in text and len(left) in (0, 2)


@drawn(40)
@given(st.sampled_from(["predict", "evaluate", "explain"]).flatmap(command_lines))
def test_use_of_models(argv):
    status, text, left = check(argv)
    assert not left
    if status == 0 and "usage:" not in text:
        if argv[0] == "predict":
            assert len(text.splitlines()) in (9, 24) and all(np.isfinite(float(line)) for line in text.splitlines())
        elif "--json" in argv:
            assert json.loads(text)["rows"] in (9, 24)
        else:
            first = "rows " if argv[0] == "evaluate" else ("row ", "field,", "mean |contribution|")
            assert text.startswith(first)


@drawn(30)
@given(st.sampled_from(["fetch", "conformance", "paper", "demo", "bench"]).flatmap(command_lines))
def test_other_commands(argv):
    check(argv)


@drawn(20)
@given(
    st.lists(st.sampled_from([*JUNK, "--help", "--version", "-h", "trainn", "help", "predict", "evaluate"]), max_size=4)
)
def test_any_words(argv):
    status, text, left = check(argv) if argv else (*run(argv)[:2], set())
    assert not left and (status == 2 or text)
