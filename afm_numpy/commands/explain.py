"""`afm-numpy explain`: which feature pairs made the predictions of some rows."""

import numpy as np

from .. import explain
from ..datasets.unpack import pieces
from .options import add_data, batches, check_inputs, load_model, parser, positive

EXAMPLES = """\
  afm-numpy explain model.npz test.libfm --rows 1 5
  afm-numpy explain model.npz test.libfm --rows 3 --names names.txt --top 20"""

LARGEST = 1 << 28        # bytes of a file of names


def main(argv: list[str] | None = None) -> int:
    """Print the table of each row asked for; returns the exit status."""
    options = parser("explain", "Print what each feature pair adds to the prediction of some rows.", EXAMPLES)
    add_data(options)
    options.add_argument("--rows", type=positive, nargs="+", default=[1], metavar="R",
                         help="which rows of the file, counted from 1 (default: the first)")  # fmt: skip
    options.add_argument("--names", metavar="FILE", help="names of the features, one a line, in the order of their ids")
    options.add_argument("--top", type=positive, default=10, help="pairs to list (default: %(default)s)")
    args = options.parse_args(argv)
    check_inputs(args.model, args.data, args.names)
    saved = load_model(args.model)
    names = None
    if args.names:
        names = read_names(args.names, len(saved.params["w"]))
    elif saved.encoder is not None:
        names = saved.encoder.feature_names()
    wanted, first, found = sorted(set(args.rows)), 1, []
    for batch, y, _ in batches(args, saved, unlabelled=True):
        inside = [row for row in wanted if first <= row < first + len(batch)]
        for row in inside:
            parts = explain.contributions(saved.model, saved.params, batch[row - first])
            target = "" if np.isnan(y[row - first]) else f", y = {y[row - first]:g}"
            print(f"row {row}{target}\n{explain.table(parts, 0, names, args.top)}\n")
        found += inside
        first += len(batch)
        if found == wanted:
            return 0
    missing = [row for row in wanted if row not in found]
    raise ValueError(f"{args.data}: row {missing[0]} is not there; the file has {first - 1} rows")


def read_names(path: str, n: int) -> list[str]:
    """The names of n features, one a line. Only "\\n" ends a line, so that a name may hold any other character."""
    data = b""
    for piece in pieces(path, 1 << 18):
        data += piece
        if len(data) > LARGEST:
            raise ValueError(f"{path}: it has more than {LARGEST >> 20} MiB, which no list of names has")
    try:
        lines = data.decode("utf-8-sig").split("\n")
    except UnicodeDecodeError:
        raise ValueError(f"{path}: it is no text in UTF-8") from None
    names = [line.removesuffix("\r") for line in (lines if lines[-1] else lines[:-1])]
    if len(names) != n:
        header = "; is the first one a header?" if len(names) == n + 1 else ""
        raise ValueError(f"{path}: {len(names)} names, but the model has {n} features{header}")
    return names
