"""`afm-numpy explain`: which feature pairs made the predictions of some rows."""

from .. import explain
from .options import add_data, batches, load_model, parser, positive

EXAMPLES = """\
  afm-numpy explain model.npz test.libfm --rows 1 5
  afm-numpy explain model.npz test.libfm --rows 3 --names names.txt --top 20"""


def main(argv=None):
    """Print the table of each row asked for; returns the exit status."""
    options = parser("explain", "Print what each feature pair adds to the prediction of some rows.", EXAMPLES)
    add_data(options)
    options.add_argument("--rows", type=positive, nargs="+", default=[1], metavar="R",
                         help="which rows of the file, counted from 1 (default: the first)")  # fmt: skip
    options.add_argument("--names", metavar="FILE", help="names of the features, one a line, in the order of their ids")
    options.add_argument("--top", type=positive, default=10, help="pairs to list (default: %(default)s)")
    args = options.parse_args(argv)
    saved = load_model(args.model)
    names = None
    if args.names:
        with open(args.names, encoding="utf-8") as file:
            try:
                names = file.read().splitlines()
            except UnicodeDecodeError:
                raise ValueError(f"{args.names}: it is no text in UTF-8") from None
        if len(names) < len(saved.params["w"]):
            raise ValueError(f"{args.names}: {len(names)} names, but the model has {len(saved.params['w'])} features")
    elif saved.encoder is not None:
        names = saved.encoder.feature_names()
    wanted, first, found = sorted(set(args.rows)), 1, []
    for batch, y in batches(args, saved):
        inside = [row for row in wanted if first <= row < first + len(batch)]
        for row in inside:
            parts = explain.contributions(saved.model, saved.params, batch[row - first])
            print(f"row {row}, y = {y[row - first]:g}\n{explain.table(parts, 0, names, args.top)}\n")
        found += inside
        first += len(batch)
        if found == wanted:
            return 0
    missing = [row for row in wanted if row not in found]
    raise ValueError(f"{args.data}: row {missing[0]} is not there; the file has {first - 1} rows")
