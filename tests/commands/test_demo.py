import re
from types import SimpleNamespace

import numpy as np
import pytest

from afm_numpy import explain, fm, recipes
from afm_numpy.commands import cli, demo


def test_demo_checks_trains_explains_and_draws(tmp_path, capsys):
    folder = tmp_path / "pictures"
    assert demo.main(["--rows", "1000", "--epochs", "2", "--seed", "2", "--quiet", "--out", str(folder)]) == 0
    captured = capsys.readouterr()
    assert captured.err == ""
    out = captured.out
    assert out.count("all gradients are right") == 6 and "NOT" not in out
    for name in ("logistic regression", "FM", "AFM uniform", "AFM"):
        cells = re.search(rf"^{name} +(0\.\d+) +(0\.\d+) +(0\.\d+)$", out, re.M)
        assert cells and float(cells[1]) < 0.6 and float(cells[2]) > 0.7
    person = re.search(r"^Person (\d+) of the test part: AFM gives \d+\.\d% for an income above 50,000\.\n"
                       r"The truth is (not )?above\.$(.*?)^ +[+-][\d.]+  81 other pairs$", out, re.M | re.S)
    assert not re.search("race|sex", person[3].split("pair\n")[1].splitlines()[0])
    assert out.endswith(demo.NEXT + "\n")
    words = [line.split()[1] for line in demo.NEXT.splitlines() if "afm-numpy" in line]
    assert words == ["playground", "course", "train"] and set(words) <= set(cli.COMMANDS)
    names = ["attention.png", "learning_afm.png", "learning_fm.png", "v_curve.png"]
    assert sorted(path.name for path in folder.iterdir()) == names
    assert ", ".join(names) in out
    for name in names:
        assert (tmp_path / "pictures" / name).read_bytes()[:8] == b"\x89PNG\r\n\x1a\n"


@pytest.mark.parametrize("fm, afm, said", [
    (0.0, 0.0, ["0.5000 (+- 0.0000) below", "for the better", "0.0000 (+- 0.0000) above", "nothing that can be told"]),
    (0.9, 0.5, ["0.4000 (+- 0.0000) above", "for the worse", "0.0000 (+- 0.0000) above", "nothing that can be told"]),
    (0.5, 0.4, ["0.0000 (+- 0.0000) above", "nothing that can be told", "0.1000 (+- 0.0000) below", "for the better"]),
    (0.5, 0.7, ["0.0000 (+- 0.0000) above", "nothing that can be told", "0.2000 (+- 0.0000) above", "for the worse"]),
])  # fmt: skip
def test_the_words_follow_the_numbers(fm, afm, said):
    rows = np.ones(100)
    y = np.arange(100) % 4 == 0
    even = afm if fm == 0 else 0.5
    text = demo.meaning(y * 1.0, {"logistic regression": rows / 2, "FM": fm * rows, "AFM uniform": even * rows,
                                  "AFM": afm * rows})  # fmt: skip
    assert "above\n  50,000 alone (25.0%), it is 0.5623" in text
    places = [text.index(words) for words in said]
    assert places == sorted(places) or len(set(said)) < 4


def test_what_noise_can_make_is_not_told_as_a_difference():
    rng = np.random.default_rng(0)
    rows = rng.random(1000)
    noisy = rows + 0.1 * rng.standard_normal(1000)
    loss_of = {"logistic regression": rows, "FM": rows - 0.01, "AFM uniform": rows, "AFM": noisy}
    text = demo.meaning(np.arange(1000) % 2 * 1.0, loss_of)
    assert text.count("something for the better") == 1 and text.count("nothing that can be told from chance") == 1


def test_the_person_is_one_for_whom_race_and_sex_come_late(capsys):
    parts = recipes.adult_parts(rows=500)
    model = recipes.ADULT["quantile"]["FM"].model
    params = model.init_params(np.random.default_rng(0), parts.fit[0], k=4, std=0.3)
    demo.show_person(model, params, parts, among=50)
    late = []
    shares = explain.contributions(model, params, parts.test[0][:50])
    for row in range(50):
        pairs = explain.largest(shares, row, parts.encoder.feature_names())[1]
        late.append(min(at for at, pair in enumerate(pairs) if any(name[:4] in ("race", "sex=") for name in pair)))
    assert len(set(late)) > 1 and f"Person {late.index(max(late)) + 1} of the test part" in capsys.readouterr().out


def test_logistic_regression_has_no_vectors():
    """Vectors of FM that start at 0 have a gradient of 0."""
    parts = recipes.adult_parts(rows=500)
    result = recipes.run(demo.models_of("quantile")["logistic regression"], parts.fit, parts.valid, epochs=3)
    assert not result.params["V"].any() and result.params["w"].any()


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
    "wrong", [["--seed", "-1"], ["--rows", "5"], ["--epochs", "x"], ["--scaling", "log"], ["extra"]]
)
def test_wrong_arguments_end_with_status_2_and_one_line_more_than_the_usage(wrong, capsys):
    with pytest.raises(SystemExit) as end:
        demo.main(wrong)
    assert end.value.code == 2
    assert "error: " in capsys.readouterr().err.splitlines()[-1]
