import webbrowser

import pytest

from afm_numpy.commands import cli
from afm_numpy.playground import PAGE


def test_out_writes_the_page(tmp_path, capsys):
    path = tmp_path / "page.html"
    assert cli.main(["playground", "--out", str(path)]) == 0
    assert path.read_bytes() == PAGE.read_bytes()
    assert capsys.readouterr().out == f"{path}\n"


def test_out_refuses_a_folder_that_is_not_there(tmp_path, capsys):
    assert cli.main(["playground", "--out", str(tmp_path / "none" / "page.html")]) == 2
    assert "No such file or directory" in capsys.readouterr().err


@pytest.mark.parametrize("found", [True, False])
def test_opens_the_page_in_the_browser_or_says_where_it_is(found, monkeypatch, capsys):
    asked = []
    monkeypatch.setattr(webbrowser, "open", lambda url: asked.append(url) or found)
    assert cli.main(["playground"]) == (0 if found else 1)
    out, err = capsys.readouterr()
    assert asked == [PAGE.as_uri()] and out == f"{PAGE}\n"
    assert ("found no browser" in err) is not found
