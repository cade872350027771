"""The command line: `afm-numpy COMMAND ...`, the same as `python -m afm_numpy COMMAND ...`.

Every command is a module beside this one, with `main(argv) -> exit status`; it is imported when it is called for.
Results go to standard output, progress and errors to standard error. A wrong argument or a wrong file ends with one
line and status 2.
"""

import os
import signal
import sys
from importlib import import_module

from .. import __version__
from .._files import printable

__all__ = ["COMMANDS", "main"]

COMMANDS = {
    "demo": "check the gradients, train FM and AFM on real data, explain a prediction, draw it",
    "train": "train a model on a libFM/libsvm text file and save it",
    "predict": "print the predictions of a saved model, row by row",
    "evaluate": "print the metrics of a saved model",
    "explain": "print which feature pairs made a prediction",
    "gradcheck": "compare every gradient with measured slopes",
    "fetch": "download a data set of the AFM paper",
    "bench": "time training steps and predictions, also beside PyTorch and JAX",
    "conformance": "check a port's results step by step, or write the conformance kit out",
    "playground": "see FM and AFM calculate, learn and break, on one page in the browser",
    "paper": "repeat the comparison of the AFM paper",
}


def main(argv=None):
    """Run one command and return its exit status: 0, 1 when a check failed, 2 for wrong input, 130 for Ctrl-C.

    Examples
    --------
    >>> main(["--version"]) == 0
    afm-numpy 0.1.0
    True
    """
    alone = argv is None                                # the process is ours
    argv = sys.argv[1:] if alone else argv
    if alone and signal.getsignal(signal.SIGINT) is signal.default_int_handler:
        signal.signal(signal.SIGINT, _interrupt_once)
    name = f"afm-numpy {argv[0]}" if argv and argv[0] in COMMANDS else "afm-numpy"
    try:
        if getattr(sys.stdout, "errors", None) == "strict" and hasattr(sys.stdout, "reconfigure"):
            sys.stdout.reconfigure(errors="backslashreplace")          # a file's name may be no text
        try:
            return _run(argv)
        finally:
            _flush()
    except (ValueError, TypeError, ArithmeticError, MemoryError, OSError) as error:
        if isinstance(error, BrokenPipeError):          # the reader, such as `head`, has gone: nothing to say
            return 1
        print(f"{name}: error: {_words(error)}", file=sys.stderr)
        return 2
    except KeyboardInterrupt as stop:
        if alone:                                       # also while Python takes itself down
            signal.signal(signal.SIGINT, signal.SIG_IGN)
        print(str(stop) or f"{name}: interrupted", file=sys.stderr)
        return 130


def _interrupt_once(number, frame):
    """The first Ctrl-C ends the command; a second one would only break into its last line, so nothing hears it."""
    signal.signal(number, lambda *_: None)
    raise KeyboardInterrupt


def _run(argv):
    if not argv or argv[0] in ("-h", "--help"):
        print(usage())
        return 0 if argv else 2
    if argv[0] == "--version":
        print(f"afm-numpy {__version__}")
        return 0
    command, *rest = argv
    if command not in COMMANDS:
        print(f"afm-numpy: unknown command {command!r}; choose from {', '.join(COMMANDS)}", file=sys.stderr)
        return 2
    return import_module(f".{command}", __package__).main(rest)


def _words(error):
    """An error in one line, without the number that the system gives it."""
    if isinstance(error, OSError) and error.filename is not None and error.strerror:
        return printable(f"{os.fsdecode(error.filename)}: {error.strerror}")
    return printable(str(error)) or type(error).__name__


def _flush():
    """Write out what was printed. What cannot be written goes nowhere: Python would complain again at its end."""
    try:
        if sys.stdout is not None:
            sys.stdout.flush()
    except OSError as error:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        raise OSError(error.errno, error.strerror, "standard output") from None


def usage():
    """The help text: all commands, a line each."""
    width = max(map(len, COMMANDS))
    lines = [f"  {name:{width}}  {text}" for name, text in COMMANDS.items()]
    return "\n".join(
        [
            "usage: afm-numpy COMMAND [options]      (the same as: python -m afm_numpy COMMAND [options])",
            "",
            "Factorization Machines and Attentional Factorization Machines in NumPy.",
            "",
            *lines,
            "",
            "afm-numpy COMMAND --help tells the options of a command.",
        ]
    )
