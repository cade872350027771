"""Options that several commands share, and their types."""

import argparse

import numpy as np

from .. import saving
from ..datasets import iter_libfm

__all__ = ["add_data", "batches", "fraction", "load_model", "not_negative", "parser", "positive", "positive_float"]


def parser(name, text, examples=""):
    """An argument parser for `afm-numpy NAME`; `examples` are shown below the options."""
    return argparse.ArgumentParser(
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
            raise argparse.ArgumentTypeError(f"{text!r} is not {what}")
        return value

    return convert


positive = _number(int, lambda value: value >= 1, "a whole number of at least 1")
positive_float = _number(float, lambda value: 0 < value < np.inf, "a number above 0")
not_negative = _number(float, lambda value: 0 <= value < np.inf, "a number of at least 0")
fraction = _number(float, lambda value: 0 < value <= 1, "a number above 0 and at most 1")


def add_data(options):
    """MODEL and DATA, for the commands that use a trained model."""
    options.add_argument("model", metavar="MODEL", help="a file that `afm-numpy train` wrote")
    options.add_argument("data", metavar="DATA", help="rows as libFM/libsvm text, plain or .gz")
    options.add_argument("--id-base", type=int, choices=(0, 1), help="first id (default: as in training)")


def load_model(args):
    """The saved model, with the settings of `afm-numpy train` in its config."""
    saved = saving.load(args.model)
    if not isinstance(saved.params, dict):
        raise ValueError(f"{args.model}: it holds several models, one a class; the command line handles one")
    return saved


def batches(args, saved, size=4096):
    """The rows of DATA as (Batch, y), in memory that does not grow with the file."""
    config = saved.config if isinstance(saved.config, dict) else {}
    id_base = config.get("id_base", 0) if args.id_base is None else args.id_base
    m = config.get("m") if saved.model.attention == "field" else None
    n, dtype = len(saved.params["w"]), saved.params["V"].dtype
    return iter_libfm(args.data, size, n=n, m=m, id_base=id_base, dtype=dtype)
