import subprocess
import sys

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
    assert captured.out == "" and captured.err.count("\n") == 1 and "unknown command 'dmeo'" in captured.err


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
    assert out.stdout == "afm-numpy 0.1.0\n"
