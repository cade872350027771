"""What several commands share: options and their types, and what is refused before any work is done."""

import argparse
import difflib
import itertools
import math
import os
import stat
import sys
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any, NoReturn

import numpy as np

from .. import losses, saving
from .._files import Path as FilePath
from .._files import check_output, printable
from .._types import Array, DType
from ..datasets.libfm import Part, iter_parts, make_form
from ..datasets.libfm_faults import Form, LibfmError
from . import table


class _Parser(argparse.ArgumentParser):
    """Errors are one line; an option that does not exist gets a suggestion."""

    def error(self, message: str) -> NoReturn:
        word = message.removeprefix("unrecognized arguments: ").split()[:1]
        near = difflib.get_close_matches("".join(word), self._option_string_actions, 1)
        hint = f"; did you mean {near[0]}?" if near and message.startswith("unrec") else ""
        self.exit(2, f"{self.prog}: error: {printable(message)}{hint} (see {self.prog} --help)\n")


def parser(name: str, text: str, examples: str = "") -> argparse.ArgumentParser:
    """An argument parser for `afm-numpy NAME`; `examples` are shown below the options."""
    return _Parser(
        prog=f"afm-numpy {name}",
        description=text,
        epilog=examples and f"examples:\n{examples}",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )


def _number(kind: Callable[[str], Any], holds: Callable[[Any], bool], what: str) -> Callable[[str], Any]:
    def convert(text: str) -> Any:
        try:
            value = kind(text)
        except ValueError:
            value = None
        if value is None or not holds(value):
            raise argparse.ArgumentTypeError(f"{text!r:.60} is not {what}")
        return value

    return convert


positive = _number(int, lambda value: 1 <= value <= 2**31, "a whole number of at least 1, and at most 2**31")
count = _number(int, lambda value: 0 <= value <= 2**31, "a whole number of at least 0, and at most 2**31")
seed = _number(int, lambda value: value >= 0, "a whole number of at least 0")
positive_float = _number(float, lambda value: 0 < value <= 1e30, "a number above 0, and at most 1e30")
not_negative = _number(float, lambda value: 0 <= value <= 1e30, "a number of at least 0, and at most 1e30")
delimiter = _number(
    lambda text: {"\\t": "\t", "tab": "\t"}.get(text, text), lambda text: len(text) == 1 and text not in '"\r\n',
    "one character, such as ';' or tab",
)
fraction = _number(float, lambda value: 0 < value <= 1, "a number above 0 and at most 1")


def add_data(options: argparse.ArgumentParser) -> None:
    """MODEL and DATA, for the commands that use a trained model."""
    options.add_argument("model", metavar="MODEL", help="a file that `afm-numpy train` wrote")
    options.add_argument("data", metavar="DATA", help="rows as in training, a table (CSV) or libFM/libsvm text, plain "
                         "or packed (.gz, .bz2, .xz); they need no target unless it is compared with")  # fmt: skip
    options.add_argument("--id-base", type=int, choices=(0, 1),
                         help="DATA is libFM/libsvm text with this first id (default: as in training)")  # fmt: skip
    options.add_argument("--delimiter", type=delimiter, help="between the cells of a table (default: as in training)")
    options.add_argument("--target", metavar="COLUMN", help="of a table, to compare with (default: as in training)")


# ---- files ---------------------------------------------------------------------------------------------


def check_inputs(*paths: str | None) -> None:
    """Refuse an input that standard output would be added to, and one that is named twice, such as DATA for --valid."""
    named = [path for path in paths if path and os.path.exists(path)]
    try:
        out = os.fstat(sys.stdout.fileno())
    except (OSError, ValueError, AttributeError):            # it is no file
        out = None
    for path in named:
        if out and stat.S_ISREG(out.st_mode) and os.path.samestat(out, os.stat(path)):
            raise ValueError(f"the output is written to {printable(path)}, which is also an input; choose another name")
    for one, other in itertools.combinations(named, 2):
        if os.path.samefile(one, other):
            why = "as two inputs" if os.path.isfile(one) else "but it is a pipe, which can be read only once"
            raise ValueError(f"{printable(other)} is named twice, {why}")


def check_folder(folder: str, names: Iterable[str], inputs: Iterable[FilePath] = ()) -> None:
    """Refuse a folder in which files of these names cannot be written. It may have to be made first."""
    path = Path(folder)
    while not os.path.lexists(path):
        path, names = path.parent, [path.name]
    for name in names:
        check_output(path / name, inputs)


def load_model(path: str) -> saving.Saved:
    """The model that `afm-numpy train` or an estimator saved; its config is a dict with the loss."""
    saved = saving.load(path)
    config = saved.config if isinstance(saved.config, dict) else {}
    if "estimator" in config:
        config = config | {"loss": "logistic" if "Classifier" in str(config["estimator"]) else "squared"}
    if config.get("loss") not in [None, *losses.LOSSES]:
        raise ValueError(f"{path}: it was trained with an unknown loss, {config['loss']!r:.40}")
    if not isinstance(saved.params, dict):
        if len(saved.params) > 1:
            raise ValueError(f"{path}: it holds several models, one a class; the command line handles one")
        one = {name: getattr(saved, name) and getattr(saved, name)[0] for name in ("params", "state", "rng")}
        saved = saved._replace(**one)
    return saved._replace(config=config)


def batches(args: argparse.Namespace, saved: saving.Saved, unlabelled: bool = False) -> Iterator[Part]:
    """The rows of DATA, in memory that does not grow with the file. The label of an `unlabelled` row is NaN."""
    check_inputs(args.model, args.data)
    if saved.encoder is not None and args.id_base is None:
        return table.parts(args.data, saved, saved.encoder, args.delimiter, args.target, unlabelled)
    id_base = saved.config.get("id_base", 0) if args.id_base is None else args.id_base
    return iter_parts(args.data, 4096, form_of(saved, id_base, saved.params["V"].dtype)._replace(unlabelled=unlabelled))


def form_of(saved: saving.Saved, id_base: int, dtype: DType) -> Form:
    """The rows that a model takes: its features, and for attention by fields the slots that it was trained with."""
    fields = saved.model.kind == "afm" and saved.model.attention == "field"
    m = (1 + math.isqrt(1 + 8 * saved.params["field"].size)) // 2 if fields else None              # P = m (m - 1) / 2
    return make_form(len(saved.params["w"]), m, id_base, dtype, fields=fields)


def labels(loss: str | None, *parts: tuple[str, Array, Array]) -> list[Array]:
    """The targets of files (path, y, lines), as the loss wants them: for the logistic loss -1 and 1 become 0 and 1.

    A label that does not fit is refused with its line.
    """
    if loss != "logistic":
        return [y for _, y, _ in parts]
    signs = {path for path, y, _ in parts if (y == -1).any()}
    for path, y, line in parts:
        bad = (y != 1) & (y != (-1 if path in signs else 0))
        if bad.any():
            row = int(np.argmax(bad))
            wanted = "-1 or 1, as other lines have" if path in signs else "0 or 1, or -1 or 1"
            raise LibfmError(path, int(line[row]), f"the label {y[row]:g}", f"{wanted}; the loss is logistic")
    if signs:
        print("labels -1 and 1 are taken as 0 and 1", file=sys.stderr)
    return [np.maximum(y, 0) for _, y, _ in parts]
