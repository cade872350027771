import re
from pathlib import Path

import gallery

from afm_numpy import plots

ROOT = Path(__file__).parents[1]


def test_the_gallery_shows_every_plot(tmp_path, monkeypatch, capsys):
    drawn = []
    for name in plots.__all__:
        def plot(*args, name=name, plot=getattr(plots, name), **options):
            drawn.append(name)
            return plot(*args, **options)

        monkeypatch.setattr(plots, name, plot)
    trained = gallery.trained
    monkeypatch.setattr(gallery, "trained", lambda rows: trained(rows, epochs=2))
    assert gallery.main(["--rows", "500", "--out", str(tmp_path / "gallery.png")]) is None
    assert sorted(drawn) == sorted(plots.__all__)
    assert (tmp_path / "gallery.png").read_bytes()[:8] == b"\x89PNG\r\n\x1a\n"
    assert capsys.readouterr().out == f"{tmp_path / 'gallery.png'}\n"


def test_the_page_of_features_shows_it():
    page = (ROOT / "docs" / "features.md").read_text(encoding="utf-8")
    (image,) = re.findall(r"!\[[^]]*\]\(\.\./([^)]*)\)", page)
    assert image == "tests/tools/gallery.png" and (ROOT / image).stat().st_size < 200_000
    (script,) = re.findall(r"`python (tests/tools/gallery.py)`", page)
    assert (ROOT / script).exists()
