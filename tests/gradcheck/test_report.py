"""The verdict is a verdict: in an if, in an assertion, on a terminal, in a notebook."""

import html.parser
import re
import subprocess
import sys

import numpy as np
import pytest

from afm_numpy.gradcheck import Entry, Report, check

THETA = {"long_name": np.array([1.0, 2.0]), "c": np.array(3.0), "z": np.array(0.0), "y": np.array(0.0)}


def f(q):
    return q["c"] * (q["long_name"] ** 2).sum() + q["z"] ** 2 + q["y"] ** 2


WRONG = check(f, THETA, {"long_name": 6.006 * THETA["long_name"], "c": 5, "z": 0, "y": 0}, allow_blind=["z"])
RIGHT = check(lambda q: q["a"].sum(), {"a": np.ones((2, 3))}, {"a": np.ones((2, 3))})


def test_the_table():
    assert str(WRONG) == "\n".join([
        "method complex, tolerance 1e-12 of the largest entry: NOT all gradients are right",
        "parameter  status  rel. error  at    analytic  numeric  checked  directions  kinks",
        "long_name  error      1.0e-03  (1,)    12.012       12   2 of 2           0      0",
        "c          ok         0.0e+00  ()           5        5   1 of 1           0      0",
        "z          zero       0.0e+00  ()           0        0   1 of 1           0      0",
        "y          blind      0.0e+00  ()           0        0   1 of 1           0      0",
        "long_name: the gradient or f is wrong here",
        "y: too small beside f to tell from rounding noise: use parameters of size 1 and a random upstream gradient, "
        "or allow_blind=('y',) if it vanishes by mathematics",
    ])  # fmt: skip
    assert repr(WRONG) == str(WRONG)
    title = str(RIGHT).splitlines()[0]
    assert title == "method complex, tolerance 1e-12 of the largest entry: all gradients are right"


def test_true_or_false():
    assert RIGHT and RIGHT.ok and RIGHT["a"]
    assert not WRONG and not WRONG.ok
    assert [bool(entry) for entry in WRONG.entries.values()] == [False, True, True, False]
    assert [bool(WRONG["c"]._replace(status=status)) for status in (
        "ok", "float32", "zero", "error", "kink", "blind", "unused", "random", "mutates"
    )] == [True] * 3 + [False] * 6  # fmt: skip


def entry_of(name, status="ok", note=""):
    return Entry(name, status, 0.5, (), 1.25, 2.5, 3, 2, 1, 0, note)


@pytest.mark.parametrize("options", [(), ("-vv",)])
def test_pytest_shows_the_table(options, tmp_path):
    (tmp_path / "test_it.py").write_text(
        "import numpy as np\n"
        "from afm_numpy.gradcheck import check\n"
        "def test_bare():\n"
        "    assert check(lambda q: (q['W'] ** 2).sum(), {'W': np.ones(3)}, {'W': np.full(3, 2.002)})\n"
        "def test_named():\n"
        "    report = check(lambda q: (q['W'] ** 2).sum(), {'W': np.ones(3)}, {'W': np.full(3, 2.003)})\n"
        "    assert report\n"
    )  # fmt: skip
    done = subprocess.run([sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", *options, str(tmp_path)],
                          capture_output=True, text=True)  # fmt: skip
    assert done.returncode == 1
    for slope in ("2.002", "2.003"):
        assert re.search(
            r"^E .*assert method complex, tolerance 1e-12 of the largest entry: NOT all gradients are right\n"
            r"E  +parameter  status  rel. error  at    analytic  numeric  checked  directions  kinks\n"
            rf"E  +W          error      1.\de-03  \(0,\)     {slope}        2   3 of 3           0      0\n"
            r"E  +W: the gradient or f is wrong here", done.stdout, re.M,
        ), done.stdout  # fmt: skip


def test_the_text_is_an_ordinary_text_otherwise():
    assert repr(WRONG) == str(WRONG) == f"{WRONG!r}"
    assert repr(WRONG).replace("o", "O", 2) == str(WRONG).replace("o", "O", 2)
    assert repr(WRONG).replace("\n", "\\n") == str(WRONG).replace("\n", "\n~")   # as pytest keeps lines
    assert len(repr(WRONG)) == 1                                            # so it does not shorten them


class Table(html.parser.HTMLParser):
    """Rows of (tag, text); refuses tags that are not closed."""

    def __init__(self, text):
        super().__init__()
        self.open, self.rows, self.text = [], [], ""
        self.feed(text)
        assert not self.open

    def handle_starttag(self, tag, attrs):
        self.rows += [[]] if tag == "tr" else []
        self.open += [tag] if tag != "br" else []

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        self.text += data
        if self.open[-1] in ("td", "th"):
            self.rows[-1].append((self.open[-1], data))


def test_in_a_notebook():
    table = Table(WRONG._repr_html_())
    assert table.text.startswith("✗ NOT all gradients are right (method complex, tolerance")
    assert [tag for tag, _ in table.rows[0]] == ["th"] * 9
    assert [[*{tag for tag, _ in row}] for row in table.rows[1:]] == [["th"], ["td"], ["td"], ["th"]]
    assert [row[0][1] for row in table.rows[1:]] == ["✗", "✓", "✓", "✗"]
    texts = ["✗", "long_name", "error", "1.0e-03", "(1,)", "12.012", "12", "2 of 2", "0", "0"]
    assert [text for _, text in table.rows[1]] == texts
    assert "y: too small" in table.text
    assert Table(RIGHT._repr_html_()).text.startswith("✓ all gradients are right")


def test_the_whole_page_of_a_notebook():
    entries = entry_of("é"), entry_of("b", "kink", "1 < 2"), entry_of("c", note="3")
    report = Report("central", 1e-7, {entry.name: entry for entry in entries})
    heads = "".join(f"<th>{text}</th>" for text in (
        "", "parameter", "status", "rel. error", "at", "analytic", "numeric", "checked", "directions", "kinks"
    ))  # fmt: skip
    good, bad, last = (
        "".join(f"<{tag}>{text}</{tag}>" for text in (*texts, "5.0e-01", "()", "1.25", "2.5", "2 of 3", "1", "0"))
        for tag, texts in (("td", ("✓", "é", "ok")), ("th", ("✗", "b", "kink")), ("td", ("✓", "c", "ok")))
    )
    assert report._repr_html_() == (
        "<p><b>✗ NOT all gradients are right</b> (method central, tolerance 1e-07 of the largest entry)</p>"
        f"<table><tr>{heads}</tr><tr>{good}</tr><tr>{bad}</tr><tr>{last}</tr></table><p>b: 1 &lt; 2<br>c: 3</p>"
    )


def test_names_cannot_do_anything():
    name = "<b>\x1b[2J\nw"
    report = check(lambda q: q[name] ** 2, {name: 1.0}, {name: 3.0})
    for text in (str(report), repr(report), report._repr_html_()):
        assert "\x1b" not in text and r"\x1b[2J\nw" in text
    assert "<b>\\x1b" not in report._repr_html_() and "&lt;b&gt;" in report._repr_html_()
    assert len(str(report).splitlines()) == 4
