import re
from types import SimpleNamespace

import pytest

from afm_numpy import fm
from afm_numpy.commands import demo


def test_demo_checks_trains_explains_and_draws(tmp_path, capsys):
    folder = tmp_path / "pictures"
    assert demo.main(["--rows", "1000", "--epochs", "2", "--seeds", "2", "--quiet", "--out", str(folder)]) == 0
    captured = capsys.readouterr()
    assert captured.err == ""
    out = captured.out
    assert out.count("all gradients are right") == 6 and "NOT" not in out
    for name in ("FM", "AFM"):
        cells = re.search(rf"^{name} +(0\.\d+) \(0\.\d+\) +(0\.\d+) \(0\.\d+\) +(0\.\d+) \(0\.\d+\)$", out, re.M)
        assert cells and float(cells[1]) < 0.6 and float(cells[2]) > 0.7
    assert "The first person of the test part" in out and " x " in out and "prediction" in out
    names = ["attention.png", "learning_afm.png", "learning_fm.png", "v_curve.png"]
    assert sorted(path.name for path in folder.iterdir()) == names
    assert ", ".join(names) in out
    for name in names:
        assert (tmp_path / "pictures" / name).read_bytes()[:8] == b"\x89PNG\r\n\x1a\n"


def test_a_wrong_gradient_makes_the_demo_fail(monkeypatch, capsys):
    right = fm.bi_interaction_backward
    monkeypatch.setattr(fm, "bi_interaction_backward", lambda *args: 1.001 * right(*args))
    assert not demo.check_gradients()
    assert "NOT all gradients are right" in capsys.readouterr().out


@pytest.mark.parametrize("right, status", [(True, 0), (False, 1)])
def test_the_exit_status_is_that_of_the_gradients(right, status, tmp_path, monkeypatch):
    monkeypatch.setattr(demo, "check_gradients", lambda: right)
    monkeypatch.setattr(demo, "train_on_adult", lambda args: ({"AFM": (None, SimpleNamespace(params=None))}, None))
    monkeypatch.setattr(demo, "show_person", lambda *args: None)
    monkeypatch.setattr(demo, "draw", lambda *args: None)
    assert demo.main(["--out", str(tmp_path)]) == status


@pytest.mark.parametrize("name", demo.PICTURES)
def test_a_picture_that_cannot_be_written_is_refused_before_anything_is_trained(name, tmp_path, monkeypatch):
    """A8"""
    (tmp_path / "out" / name).mkdir(parents=True)
    monkeypatch.setattr(demo, "check_gradients", lambda: pytest.fail("the work began"))
    with pytest.raises(OSError, match=name):
        demo.main(["--out", str(tmp_path / "out")])
    (tmp_path / "file").touch()
    for folder in ("file", "file/folder"):
        with pytest.raises(NotADirectoryError):
            demo.main(["--out", str(tmp_path / folder)])


@pytest.mark.parametrize(
    "wrong", [["--seeds", "0"], ["--rows", "5"], ["--epochs", "x"], ["--scaling", "log"], ["extra"]]
)
def test_wrong_arguments_end_with_status_2_and_one_line_more_than_the_usage(wrong, capsys):
    with pytest.raises(SystemExit) as end:
        demo.main(wrong)
    assert end.value.code == 2
    assert "error: " in capsys.readouterr().err.splitlines()[-1]
