"""`afm-numpy explain`: which feature pairs made the predictions of some rows, or matter most over all rows."""

import argparse
import csv
import itertools
import sys

import numpy as np

from .. import explain, saving
from .._files import printable
from .._types import Array
from . import table
from .options import add_data, batches, check_inputs, load_model, parser, positive

EXAMPLES = """\
  afm-numpy explain model.npz test.libfm --rows 1 5
  afm-numpy explain model.npz test.libfm --rows 3 --names names.txt --top 20
  afm-numpy explain income.npz people.csv --overall --csv > overall.csv"""


CAUTION = """\
These are the sizes of what the model computed, not of causes. The split between fields and pairs is not unique: another
start gives nearly the same predictions, and other contributions. Notebook 06 shows it."""


def main(argv: list[str] | None = None) -> int:
    """Print the table of each row asked for, or one for all rows; returns the exit status."""
    options = parser("explain", "Print what each feature pair adds to the predictions.", EXAMPLES)
    add_data(options)
    options.add_argument("--rows", type=positive, nargs="+", default=[1], metavar="R",
                         help="which rows of the file, counted from 1 (default: the first)")  # fmt: skip
    options.add_argument("--names", metavar="FILE", help="names of the features, one a line, in the order of their ids")
    options.add_argument("--top", type=positive, default=10, help="pairs to list (default: %(default)s)")
    options.add_argument("--overall", action="store_true",
                         help="mean absolute contribution of each field and pair of fields, over all rows")  # fmt: skip
    options.add_argument("--csv", action="store_true", help="with --overall: all of them, as CSV")
    args = options.parse_args(argv)
    if args.csv and not args.overall:
        options.error("--csv goes with --overall")
    check_inputs(args.model, args.data, args.names)
    saved = load_model(args.model)
    if args.overall:
        overall(args, saved)
        return 0
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


def overall(args: argparse.Namespace, saved: saving.Saved) -> None:
    """Print the mean absolute contribution of each field and pair of fields."""
    sums: list[Array] = []
    count, m, slot_of = 0, None, np.full(len(saved.params["w"]), -1)
    for batch, _, _ in batches(args, saved, unlabelled=True):
        m = batch.m if m is None else m
        new = slot_of[batch.ids] < 0
        slot_of[batch.ids[new]] = batch.slot_of[new]
        moved = (slot_of[batch.ids] != batch.slot_of).any()
        if moved or batch.m != m or not (batch.slots_are_fields or (batch.sizes == m).all()):
            why = "have a feature in more than one slot" if moved else "differ in length"
            raise ValueError(f"{args.data}: its rows {why}, so a slot is not the same field in all of them")
        parts = explain.contributions(saved.model, saved.params, batch)
        sums.append(np.concatenate([np.abs(parts.linear).sum(0), np.abs(parts.pair).sum(0)]))
        count += len(batch)
    encoder = saved.encoder if args.id_base is None else None
    fields = [f"slot {j + 1}" for j in range(batch.m)] if encoder is None else encoder.columns
    named = [(name, "") for name in fields] + list(itertools.combinations(fields, 2))      # in the order of the pairs
    mean = np.sum(sums, axis=0) / count
    order = np.argsort(-mean, kind="stable")
    if args.csv:
        rows = csv.writer(sys.stdout, lineterminator="\n")
        rows.writerow(("field", "with_field", "mean_absolute_contribution"))
        rows.writerows((*named[at], f"{mean[at]:.6g}") for at in order)
        print(CAUTION, file=sys.stderr)
        return
    print(f"mean |contribution| in {count} rows")
    for at in order[: args.top]:
        print(f"{mean[at]:19.4f}  {' x '.join(printable(name) for name in named[at] if name)}")
    print(f"{mean[order[args.top :]].sum():19.4f}  {len(order[args.top :])} others together\n\n{CAUTION}")


def read_names(path: str, n: int) -> list[str]:
    """The names of n features, one a line. Only "\\n" ends a line, so that a name may hold any other character."""
    names = [line[:-1].removesuffix("\r") for line in itertools.islice(table.lines(path, "names"), n + 3)]
    names = names if names and names[-1] else names[:-1]
    if len(names) != n:
        header = "; is the first one a header?" if len(names) == n + 1 else ""
        raise ValueError(f"{path}: {len(names)} names, but the model has {n} features{header}")
    return names
