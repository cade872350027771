import subprocess
import sys
import warnings

import pytest

from afm_numpy.commands import cli


def status(argv):
    """The exit status, whether `main` returns it or argparse ends the process with it."""
    try:
        return cli.main(argv)
    except SystemExit as end:
        return end.code


def test_help_lists_every_command(capsys):
    assert cli.main(["--help"]) == 0
    out = capsys.readouterr().out
    assert all(f"  {name} " in out for name in cli.COMMANDS)


def test_no_command_is_an_error_with_the_usage(capsys):
    assert cli.main([]) == 2
    assert "usage:" in capsys.readouterr().out


def test_unknown_command_is_one_line_and_status_2(capsys):
    assert cli.main(["dmeo"]) == 2
    captured = capsys.readouterr()
    assert captured.out == "" and captured.err == "afm-numpy: unknown command 'dmeo'; did you mean demo?\n"


@pytest.mark.parametrize("word, meant", [
    ("trian", "did you mean train?"), ("Predict", "did you mean predict?"), ("help", "did you mean --help?"),
    ("-V", "did you mean --version?"), ("-v", "did you mean --version?"), ("version", "did you mean --version?"),
    ("xyz", "choose from demo, train, "), ("a\nb", "choose from demo, train, "),
])  # fmt: skip
def test_a_word_that_is_no_command_gets_a_suggestion(word, meant, capsys):
    assert cli.main([word]) == 2
    err = capsys.readouterr().err
    assert meant in err and err.count("\n") == 1


def test_an_option_that_does_not_exist_gets_a_suggestion(capsys):
    assert status(["train", "data", "--out", "m", "--epocs", "3"]) == 2
    assert "unrecognized arguments: --epocs 3; did you mean --epochs? (see" in capsys.readouterr().err
    assert status(["train", "data", "--out", "m", "--qqq"]) == 2
    assert "did you mean" not in capsys.readouterr().err


def test_warnings_are_one_line_without_a_place_in_our_code(monkeypatch, capsys):
    monkeypatch.setattr("afm_numpy.commands.gradcheck.main", lambda rest: warnings.warn("so\nit is", stacklevel=1) or 0)
    assert cli.main(["gradcheck"]) == 0
    assert capsys.readouterr().err == "afm-numpy gradcheck: so\\nit is\n"


@pytest.mark.parametrize("command", cli.COMMANDS)
def test_every_command_has_help(command, capsys):
    assert status([command, "--help"]) == 0
    assert "usage: " in capsys.readouterr().out


@pytest.mark.parametrize("command", cli.COMMANDS)
def test_every_command_refuses_an_unknown_option(command, capsys):
    assert status([command, "--no-such-option"]) == 2
    assert capsys.readouterr().out == ""


def test_errors_become_one_line(capsys, tmp_path):
    file = tmp_path / "file"
    file.write_text("")
    assert cli.main(["demo", "--out", str(file / "folder"), "--quiet"]) == 2
    assert capsys.readouterr().err == f"afm-numpy demo: error: {file / 'folder'}: Not a directory\n"


def test_module_and_console_script_are_the_same_command():
    out = subprocess.run([sys.executable, "-m", "afm_numpy", "--version"], capture_output=True, text=True, check=True)
    assert out.stdout == "afm-numpy 0.2.0\n"
