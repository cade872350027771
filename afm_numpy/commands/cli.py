"""The command line: `afm-numpy COMMAND ...`, the same as `python -m afm_numpy COMMAND ...`.

Every command is a module beside this one, with `main(argv) -> exit status`. Only the one that is called is imported.
Results go to standard output; progress, warnings and errors go to standard error. A wrong argument or a wrong file
ends with one line and status 2.
"""

import difflib
import os
import signal
import sys
import warnings
from importlib import import_module
from types import FrameType
from typing import Any

from .. import __version__
from .._files import printable

COMMANDS = {
    "demo": "check the gradients, train FM and AFM on real data, explain a prediction, draw it",
    "train": "train a model on a table (CSV) or a libFM/libsvm text file, and save it",
    "predict": "print the predictions of a saved model, row by row",
    "evaluate": "print the metrics of a saved model",
    "explain": "print which feature pairs made a prediction",
    "gradcheck": "compare every gradient with measured slopes",
    "fetch": "download a data set of the AFM paper",
    "bench": "time training steps and predictions, also beside PyTorch and JAX",
    "conformance": "check a port's results step by step, or write the conformance kit out",
    "course": "copy the notebooks of the course into a folder and open the first",
    "playground": "see FM and AFM calculate, learn and break, on one page in the browser",
    "paper": "repeat the comparison of the AFM paper",
}


SPELLED = {"-v": "--version", "version": "--version", "-?": "--help", "/?": "--help", "help": "--help"}


def main(argv: list[str] | None = None) -> int:
    """Run one command and return its exit status: 0, 1 when a check failed, 2 for wrong input, 130 for Ctrl-C.

    Examples
    --------
    >>> main(["--version"]) == 0
    afm-numpy 0.2.0
    True
    """
    alone = argv is None                                # the process is ours
    argv = sys.argv[1:] if argv is None else argv
    if alone and signal.getsignal(signal.SIGINT) is signal.default_int_handler:
        signal.signal(signal.SIGINT, _interrupt_once)
    name = f"afm-numpy {argv[0]}" if argv and argv[0] in COMMANDS else "afm-numpy"
    try:
        if getattr(sys.stdout, "errors", None) == "strict" and hasattr(sys.stdout, "reconfigure"):
            sys.stdout.reconfigure(errors="backslashreplace")          # a file's name may be no text
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("always", UserWarning)
                warnings.showwarning = lambda message, *_: print(f"{name}: {printable(str(message))}", file=sys.stderr)
                return _run(argv)
        finally:
            _flush()
    except (ValueError, TypeError, ArithmeticError, MemoryError, OSError) as error:
        if isinstance(error, BrokenPipeError):          # the reader, such as `head`, has gone: nothing to say
            return 1
        print(f"{name}: error: {words(error)}", file=sys.stderr)
        return 2
    except KeyboardInterrupt as stop:
        if alone:                                       # also while Python takes itself down
            signal.signal(signal.SIGINT, signal.SIG_IGN)
        print(str(stop) or f"{name}: interrupted", file=sys.stderr)
        return 130


def _interrupt_once(number: int, frame: FrameType | None) -> None:
    """End the command at the first Ctrl-C. Later ones are ignored: they would only break into its last line."""
    signal.signal(number, lambda *_: None)
    raise KeyboardInterrupt


def _run(argv: list[str]) -> int:
    if not argv or argv[0] in ("-h", "--help"):
        print(usage())
        return 0 if argv else 2
    if argv[0] == "--version":
        print(f"afm-numpy {__version__}")
        return 0
    command, *rest = argv
    if command not in COMMANDS:
        word = command.lower()
        near = [SPELLED[word]] if word in SPELLED else difflib.get_close_matches(word, COMMANDS, 1)
        hint = f"did you mean {near[0]}?" if near else f"choose from {', '.join(COMMANDS)}"
        print(f"afm-numpy: unknown command {printable(repr(command))}; {hint}", file=sys.stderr)
        return 2
    module: Any = import_module(f".{command}", __package__)
    return int(module.main(rest))


def words(error: BaseException) -> str:
    """An error as one line, without the error number of the operating system."""
    if isinstance(error, OSError) and error.filename is not None and error.strerror:
        return printable(f"{os.fsdecode(error.filename) or repr('')}: {error.strerror}")
    return printable(str(error)) or type(error).__name__


def _flush() -> None:
    """Write out what was printed. If that fails, discard it, so that Python does not report the error a second time."""
    try:
        if sys.stdout is not None:
            sys.stdout.flush()
    except OSError as error:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        raise OSError(error.errno, error.strerror, "standard output") from None


def usage() -> str:
    """The help text, with one line for each command."""
    width = max(map(len, COMMANDS))
    lines = "\n".join(f"  {name:{width}}  {text}" for name, text in COMMANDS.items())
    return f"""\
usage: afm-numpy COMMAND [options]      (the same as: python -m afm_numpy COMMAND [options])

Factorization Machines and Attentional Factorization Machines in NumPy.

{lines}

afm-numpy COMMAND --help tells the options of a command."""
