"""Options that several commands share, and their types."""

import argparse
import math
import os
from tempfile import TemporaryFile

from .. import saving
from .._files import printable
from ..datasets import iter_libfm

__all__ = [
    "add_data", "batches", "check_file", "fraction", "load_model", "not_negative", "parser", "positive",
    "positive_float", "seed",
]  # fmt: skip


class _Parser(argparse.ArgumentParser):
    """Errors are one line."""

    def error(self, message):
        self.exit(2, f"{self.prog}: error: {printable(message)} (see {self.prog} --help)\n")


def parser(name, text, examples=""):
    """An argument parser for `afm-numpy NAME`; `examples` are shown below the options."""
    return _Parser(
        prog=f"afm-numpy {name}",
        description=text,
        epilog=examples and f"examples:\n{examples}",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )


def _number(kind, holds, what):
    def convert(text):
        try:
            value = kind(text)
        except ValueError:
            value = None
        if value is None or not holds(value):
            raise argparse.ArgumentTypeError(f"{text!r:.60} is not {what}")
        return value

    return convert


positive = _number(int, lambda value: 1 <= value <= 2**31, "a whole number of at least 1, and at most 2**31")
seed = _number(int, lambda value: value >= 0, "a whole number of at least 0")
positive_float = _number(float, lambda value: 0 < value <= 1e30, "a number above 0, and at most 1e30")
not_negative = _number(float, lambda value: 0 <= value <= 1e30, "a number of at least 0, and at most 1e30")
fraction = _number(float, lambda value: 0 < value <= 1, "a number above 0 and at most 1")


def add_data(options):
    """MODEL and DATA, for the commands that use a trained model."""
    options.add_argument("model", metavar="MODEL", help="a file that `afm-numpy train` wrote")
    options.add_argument("data", metavar="DATA", help="rows as libFM/libsvm text, plain or .gz")
    options.add_argument("--id-base", type=int, choices=(0, 1), help="first id (default: as in training)")


def check_file(path):
    """Refuse the name of a file to write before any work is done: its folder is missing or read-only, or it is one."""
    folder = os.path.dirname(os.path.realpath(path))
    if not path or os.path.isdir(path):
        raise ValueError(f"{path!r} is not the name of a file to write")
    if not os.path.isdir(folder):
        raise ValueError(f"cannot write {path}: there is no folder {folder}")
    try:
        with TemporaryFile(dir=folder):
            pass
    except OSError as error:
        raise OSError(error.errno, error.strerror, path) from None


def load_model(path):
    """The model that `afm-numpy train` or an estimator saved; its config is a dict with the loss."""
    saved = saving.load(path)
    config = saved.config if isinstance(saved.config, dict) else {}
    if "estimator" in config:
        config = config | {"loss": "logistic" if "Classifier" in str(config["estimator"]) else "squared"}
    if not isinstance(saved.params, dict):
        if len(saved.params) > 1:
            raise ValueError(f"{path}: it holds several models, one a class; the command line handles one")
        one = {name: getattr(saved, name) and getattr(saved, name)[0] for name in ("params", "state", "rng")}
        saved = saved._replace(**one)
    return saved._replace(config=config)


def batches(args, saved, size=4096):
    """The rows of DATA as (Batch, y), in memory that does not grow with the file."""
    id_base = saved.config.get("id_base", 0) if args.id_base is None else args.id_base
    by_field = saved.model.kind == "afm" and saved.model.attention == "field"
    m = (1 + math.isqrt(1 + 8 * saved.params["field"].size)) // 2 if by_field else None            # P = m (m - 1) / 2
    n, dtype = len(saved.params["w"]), saved.params["V"].dtype
    return iter_libfm(args.data, size, n=n, m=m, id_base=id_base, dtype=dtype)
