"""What the notebooks claim about training was tried on other seeds; tests/README.md says how often it held."""

import re
from pathlib import Path

import claims
import pytest

README = (Path(__file__).parent / "README.md").read_text("utf-8")
ROWS = re.findall(r"^\| ([\d, ]+) \| (.+) \| (\d+) of (\d+) \| (\d+) of (\d+) \|$", README, re.M)


def test_the_table_has_every_claim_and_each_holds_nine_times_in_ten():
    assert [(notebook, text) for notebook, text, *_ in ROWS] == [(c.notebook, c.text) for c in claims.CLAIMS.values()]
    for (_, text, holds, of, fresh, of_fresh), claim in zip(ROWS, claims.CLAIMS.values(), strict=True):
        assert int(of) == int(of_fresh) == claim.seeds, text
        assert min(int(holds), int(fresh)) >= 0.9 * claim.seeds, text


@pytest.mark.parametrize("name", ["01.unseen_pairs", "01.unseen_pairs_of_others"])
def test_a_claim_uses_the_functions_of_its_notebook(name):
    holds, numbers = claims.CLAIMS[name].holds(1)
    assert holds and set(numbers) == {"linear", "pairs", "FM"}


def test_a_run_goes_on_where_it_stopped(tmp_path, capsys, monkeypatch):
    calls = []
    found = {f"99.{name}": claims.Claim("99", name, lambda s, n=name: (calls.append((n, s)) or s != 2, {"s": s}), 3)
             for name in ("a", "b")}  # fmt: skip
    monkeypatch.setattr(claims, "CLAIMS", found)
    path = tmp_path / "claims.jsonl"
    claims.run(path, "99.a")
    claims.run(path)
    assert calls == [("a", 1), ("a", 2), ("a", 3), ("b", 1), ("b", 2), ("b", 3)]
    assert claims.table(path).splitlines()[2:] == ["| 99 | a | 2 of 3 | 0 of 0 |", "| 99 | b | 2 of 3 | 0 of 0 |"]
    capsys.readouterr()


def test_of_a_notebook_only_definitions_are_taken():
    names = vars(claims.notebook("07"))
    assert callable(names["fit"]) and names["USEFUL"] == 4
    assert not {"data", "rmse"} & set(names)
