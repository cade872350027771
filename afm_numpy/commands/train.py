"""`afm-numpy train`: from a table or a libFM/libsvm text file to a saved model."""

import argparse
import signal
import sys
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from typing import Any, NamedTuple, TypeAlias

import numpy as np

from .. import losses, metrics, optim, saving, train
from .._files import check_output, printable
from .._types import Array, Params
from ..batch import Batch
from ..datasets.libfm import load_parts, make_form
from ..dropout import SITES
from ..encode import TableEncoder
from ..estimators.base import split
from ..models import Model
from ..params import ATTENTION
from . import options as kind
from . import table
from .options import check_inputs, form_of, labels, load_model, parser

Args: TypeAlias = argparse.Namespace

TABLE = ("target", "continuous", "ignore", "delimiter", "missing")
FIXED = ("model", "attention", "k", "t", "std", "optimizer", "lr", "loss", "id_base", "valid_fraction", "seed", *TABLE)
RUN = ("data", "out", "start_from", "resume", "quiet")  # options of one run, not of the training

EXAMPLES = """\
  afm-numpy train people.csv --target income --continuous age,hours --loss logistic --out income.npz
  afm-numpy train train.libfm --out fm.npz --model fm --k 64
  afm-numpy train train.libfm --valid valid.libfm --out afm.npz --loss logistic --keep-pooled 0.7
  afm-numpy train train.libfm --out afm.npz --start-from fm.npz       AFM from a trained FM
  afm-numpy train train.libfm --out afm.npz --resume afm.npz.last     go on after an interruption"""


class Data(NamedTuple):
    """Rows to train on and to choose the epoch with (None for none); of a table its encoder, and how to read it."""

    fit: tuple[Batch, Array]
    valid: tuple[Batch, Array] | None
    encoder: TableEncoder | None = None
    table: dict[str, Any] | None = None


def main(argv: list[str] | None = None) -> int:
    """Train, save, and print what was reached; returns the exit status."""
    args, saved = arguments(argv)
    data = rows(args, saved)
    if args.patience and not data.valid:
        raise ValueError("--patience needs rows that choose the epoch: give --valid, or a larger --valid-fraction")
    if args.loss == "squared" and np.isin(data.fit[1], (0, 1)).all():
        print("all targets are 0 or 1; --loss logistic is made for two classes", file=sys.stderr)
    begin, epochs = start(args, saved, data)
    keeper = _Keeper(args.out, begin)
    loss = train.Objective(
        args.loss, l2=named(args, "l2", ("w", "V", "W")), l2_scope=args.l2_scope, keep=named(args, "keep", SITES)
    )
    report = [name for name in metrics.of(args.loss) if data.valid and name != "log_loss"]    # which is the loss itself
    watch = train.Watch(data.valid, report=report, patience=args.patience, callback=keeper, verbose=not args.quiet)
    try:
        train.fit(
            begin.model.for_dropout(loss.keep), train.Progress(begin.params, begin.state), *data.fit, rng=begin.rng,
            loss=loss, optimizer=begin.optimizer, epochs=epochs, batch_size=args.batch_size, watch=watch,
        )  # fmt: skip
    except KeyboardInterrupt:
        raise KeyboardInterrupt(f"interrupted; {keeper.what()}") from None
    except train.Diverged as error:
        raise train.Diverged(f"{error}; {keeper.what()}") from None
    values = [f"{name} {value:.4f}" for name, value in keeper.row.items() if name == "loss" or "valid" in name]
    print("  ".join([f"best epoch {keeper.config['best_epoch']}", *(values or ["of the earlier run"])]))
    print(keeper.what())
    print(f"next: `afm-numpy evaluate {printable(args.out)} FILE`, and predict or explain in its place")
    return 0


def arguments(argv: list[str] | None) -> tuple[Args, saving.Saved | None]:
    """The parsed command line, and the content of the file to resume or to start from.

    Options that are not given are those of the file. Inputs and outputs are checked here, before any other work.
    """
    options = parser("train", "Train FM or AFM on a table (CSV) or on libFM/libsvm text, and save the model.", EXAMPLES)
    add = options.add_argument
    add("data", metavar="DATA", help="training rows: with --target a table (CSV), else libFM/libsvm text; also packed")
    add("--out", required=True, metavar="MODEL", help="file for the best model; MODEL.last holds the last epoch")
    add("--target", metavar="COLUMN", help="DATA is a table with a header; the column to predict")
    add("--continuous", metavar="A,B", help="columns of numbers; all others hold categories, kept as text")
    add("--ignore", metavar="A,B", help="columns to leave out")
    add("--delimiter", type=kind.delimiter, default=",", help="between the cells of a table (default: a comma)")
    add("--missing", metavar="A,B", default="?", help="cells that count as missing, besides empty ones (default: ?)")
    add("--valid", metavar="FILE", help="rows that choose the best epoch")
    add("--valid-fraction", type=kind.not_negative, default=0.1, metavar="F",
        help="without --valid, hold out so many of the rows; 0: none (default: %(default)s)")  # fmt: skip
    add("--id-base", type=int, choices=(0, 1), default=0, help="id of the first feature (default: %(default)s)")
    add("--n", type=kind.positive, help="number of features (default: up to the largest id)")
    add("--model", choices=("fm", "afm"), default="afm", help="(default: %(default)s)")
    add("--attention", choices=ATTENTION, default="network", help="how AFM weights the pairs (default: %(default)s)")
    add("--k", type=kind.positive, default=16, help="factors (default: %(default)s)")
    add("--t", type=kind.positive, default=16, help="attention size (default: %(default)s)")
    add("--std", type=kind.positive_float, default=0.03, help="spread of the first V (default: %(default)s)")
    add("--start-from", metavar="FM_MODEL", help="start AFM from w0, w and V of a trained FM")
    add("--resume", metavar="MODEL.last", help="go on from the last epoch of an earlier run, with its options")
    add("--loss", choices=losses.LOSSES, default="squared", help="logistic: labels 0, 1 or -1, 1 (default %(default)s)")
    add("--optimizer", choices=optim.OPTIMIZERS, default="adagrad", help="(default: %(default)s)")
    add("--lr", type=kind.positive_float, help="learning rate (default: the optimizer's)")
    add("--epochs", type=kind.positive, default=20, help="at most (default: %(default)s)")
    add("--batch-size", type=kind.positive, default=1024, help="(default: %(default)s)")
    add("--patience", type=kind.positive, help="stop after so many epochs without a better one")
    for site in SITES:
        add(f"--keep-{site}", type=kind.fraction, default=1.0, metavar="P", help="chance to keep a unit (default: 1)")
    for name, what in (("w", "linear weights"), ("V", "factors"), ("W", "attention matrix")):
        add(f"--l2-{name}", type=kind.not_negative, default=0.0, metavar="LAM", help=f"L2 of the {what} (default: 0)")
    add("--l2-scope", choices=("touched", "table"), default="touched",
        help="rows of w and V that a step penalises: those of its batch, or all (default: %(default)s)")  # fmt: skip
    add("--seed", type=kind.seed, default=0, help="of the random generator (default: %(default)s)")
    add("--quiet", action="store_true", help="no progress bar")
    args = options.parse_args(argv)
    if args.start_from and args.resume:
        options.error("--start-from and --resume exclude each other")
    check_inputs(args.data, args.valid)
    inputs = [path for path in (args.data, args.valid, args.start_from) if path]
    check_output(args.out, inputs + ([args.resume] if args.resume else []))
    check_output(f"{args.out}.last", inputs)                # which may be the file to resume from
    saved = resumed(args.resume) if args.resume else load_model(args.start_from) if args.start_from else None
    if saved:
        of_fm = {name: saved.config[name] for name in ("loss", "id_base") if saved.config.get(name) is not None}
        before = saved.config["options"] if args.resume else of_fm | {"k": saved.params["V"].shape[1]}
        given = {name for name, value in before.items() if value is not None} & vars(args).keys() - set(RUN)
        options.set_defaults(**{name: str(before[name]) for name in given})
        args = options.parse_args(argv)
        for name in FIXED:
            if name in before and getattr(args, name) != before[name]:
                flag = "--" + name.replace("_", "-")
                was = f"with {flag} {before[name]}" if name in given else f"without {flag}"
                options.error(f"{flag} cannot change: {args.resume or args.start_from} was trained {was}")
    if saved and args.n not in (None, len(saved.params["w"])):
        options.error(f"--n cannot be {args.n}: the model that is trained on has {len(saved.params['w'])} features")
    if args.target is None and (args.continuous or args.ignore):
        options.error("--continuous and --ignore are for tables: name the column to predict with --target")
    if args.valid_fraction >= 1:
        options.error("--valid-fraction must be below 1")
    return args, saved


def resumed(path: str) -> saving.Saved:
    """The content of a MODEL.last file."""
    saved = load_model(path)
    known = {"epoch", "best_epoch", "best", "options"} <= saved.config.keys()
    if saved.state is None or not known or not isinstance(saved.config["options"], dict):
        raise ValueError(f"{path}: it has no state to go on from; resume from a MODEL.last file")
    return saved


def named(args: Args, prefix: str, names: Iterable[str]) -> dict[str, float]:
    """The options --PREFIX-NAME that differ from doing nothing, as a dict."""
    idle = 1.0 if prefix == "keep" else 0.0
    values = {name: getattr(args, f"{prefix}_{name}") for name in names}
    return {name: value for name, value in values.items() if value != idle}


def rows(args: Args, saved: saving.Saved | None) -> Data:
    """The rows of DATA and --valid. Without --valid some rows of DATA are held out."""
    if args.target is not None:
        return table_rows(args, saved)
    form = form_of(saved, args.id_base, np.float32) if saved else make_form(args.n, None, args.id_base, np.float32)
    form = form._replace(fields=args.model == "afm" and args.attention == "field")
    paths = [path for path in (args.data, args.valid) if path]
    parts = load_parts(paths, form)
    y, *valid_y = labels(args.loss, *((path, part.y, part.line) for path, part in zip(paths, parts, strict=True)))
    if args.loss == "logistic" and (y == y[0]).all():
        raise ValueError(f"{args.data}: every row has the same label, but the logistic loss needs two classes")
    batch, *valid = (part.batch for part in parts)
    if args.valid:
        return Data((batch, y), (valid[0], valid_y[0]))
    fit, held = held_out(args, y)
    return Data((batch[fit], y[fit]), (batch[held], y[held]) if held.size else None)


def held_out(args: Args, y: Array) -> tuple[Array, Array]:
    """Which rows to train on, and which to choose the epoch with: some, or none."""
    if args.valid or int(args.valid_fraction * len(y)) == 0:
        return np.arange(len(y)), np.arange(0)
    strata = y if args.loss == "logistic" else np.zeros(len(y))
    return split(np.random.default_rng(args.seed), strata, args.valid_fraction)


def table_rows(args: Args, saved: saving.Saved | None) -> Data:
    """As `rows`, of tables. The encoder is fitted on the rows to train on, or it is that of the model to go on with."""
    continuous, ignored, missing = (table.names_in(getattr(args, name)) for name in ("continuous", "ignore", "missing"))
    named = [args.target, *continuous, *ignored]
    twice = [name for name in named if named.count(name) > 1]
    if twice:
        raise ValueError(f"--target, --continuous and --ignore name the column {twice[0]!r} twice")
    form = table.Form(args.delimiter, args.target, continuous, ignored, ("", *missing))
    encoder = saved and saved.encoder
    if saved and encoder is None:
        raise ValueError(f"{args.resume or args.start_from}: it was trained on libFM text, not on a table")
    if encoder is not None:
        form = table.form_of(encoder, args.delimiter, args.target)
    found, classes = next(table.read(args.data, form)), None
    form = form._replace(columns=[*found.columns])
    files = {args.data: found} | ({args.valid: next(table.read(args.valid, form))} if args.valid else {})
    if args.loss == "logistic":
        classes = (saved and table.about(saved)["classes"]) or table.classes_of(args.data, form, found)
        print(f"{args.target}: {classes[0]!r:.60} is 0, {classes[1]!r:.60} is 1", file=sys.stderr)
    y = {path: table.targets(path, form, rows, classes) for path, rows in files.items()}
    fit, held = held_out(args, y[args.data])
    if encoder is None:
        categorical = [name for name in found.columns if name not in continuous]
        encoder = TableEncoder(categorical, continuous, missing=form.missing)
        encoder.fit({name: column[fit] for name, column in found.columns.items()})
        counts = ", ".join(f"{name} ({len(encoder.ids(name, 'value'))})" for name in categorical)
        print(printable(f"categories: {counts or 'none'}; numbers: {', '.join(continuous) or 'none'}"), file=sys.stderr)
    batches = {path: encoder.transform(rows.columns).astype(np.float32) for path, rows in files.items()}
    batch, targets = batches[args.data], y[args.data]
    valid = (batch[held], targets[held]) if held.size else (batches[args.valid], y[args.valid]) if args.valid else None
    said = {"target": args.target, "delimiter": args.delimiter, "classes": classes}
    return Data((batch[fit], targets[fit]), valid, encoder, said)


def start(args: Args, saved: saving.Saved | None, data: Data) -> tuple[saving.Saved, int]:
    """What training begins with, fresh, warm or resumed, and how many epochs are to go."""
    kept = {name: value for name, value in vars(args).items() if name not in RUN}
    config = {"loss": args.loss, "id_base": args.id_base, "table": data.table, "options": kept}
    if saved and args.resume:
        before = saved.config
        left = args.epochs - before["epoch"]
        if left < 1:
            raise ValueError(f"{args.resume}: {before['epoch']} epochs are done already; give more with --epochs")
        return saved._replace(config=config | best_before(args, before)), left
    optimizer = optim.get(args.optimizer, **({} if args.lr is None else {"lr": args.lr}))
    rng, model = np.random.default_rng(args.seed), Model(args.model, args.attention)
    batch, y = data.fit
    if saved:
        if model.kind != "afm" or saved.model.kind != "fm":
            raise ValueError(f"--start-from makes an AFM from an FM; {args.start_from} holds {saved.model.kind}")
        params = model.from_fm(saved.params, rng, batch, args.t)
    else:
        params = model.init_params(rng, batch, args.k, args.t, std=args.std, w0=losses.best_constant(args.loss, y))
    config |= {"epoch": 0, "best_epoch": 0, "best": None}
    return saving.Saved(model, params, data.encoder, optimizer, None, rng, config), args.epochs


def best_before(args: Args, config: dict[str, Any]) -> dict[str, Any]:
    """Epochs done, and which was the best; the best from here on when --out does not hold it, or other rows choose."""
    before, known = {name: config[name] for name in ("epoch", "best_epoch", "best")}, False
    if args.valid == config["options"].get("valid"):
        with suppress(OSError, ValueError):
            known = load_model(args.out).config.get("best") == before["best"]
    return before if known else before | {"best_epoch": 0, "best": None}


@contextmanager
def unbroken() -> Iterator[None]:
    """Let Ctrl-C wait until the block has ended, so that no file is written in part."""
    waiting: list[bool] = []
    before = signal.signal(signal.SIGINT, lambda *_: waiting.append(True))
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)
    if waiting and callable(before):
        before(signal.SIGINT, None)


class _Keeper:
    """After each epoch: MODEL when it is the best so far, and MODEL.last with all that going on needs."""

    def __init__(self, out: str, begin: saving.Saved) -> None:
        self.out, self.begin, self.config, self.start = out, begin, begin.config, begin.config["epoch"]
        self.row: dict[str, float] = {}                     # of the best epoch, when it is one of this run

    def __call__(self, row: dict[str, float], params: Params, state: dict[str, Any]) -> None:
        with unbroken():
            epoch = self.config["epoch"] + 1
            score = row.get("valid_loss", -epoch)           # without validation rows the last epoch is the best
            better = self.config["best"] is None or score < self.config["best"]
            self.config |= {"epoch": epoch} | ({"best": score, "best_epoch": epoch} if better else {})
            last = self.begin._replace(params=params, state=state)
            if better:
                self.row = row
                saving.save(self.out, **last._replace(optimizer=None, state=None, rng=None)._asdict())
            saving.save(f"{self.out}.last", **last._asdict())

    def what(self) -> str:
        """What is on the disk, in words."""
        if self.config["epoch"] == self.start:
            return "nothing was saved, because no epoch was finished"
        out = printable(self.out)
        return f"saved {out} (epoch {self.config['best_epoch']}) and {out}.last (epoch {self.config['epoch']})"
