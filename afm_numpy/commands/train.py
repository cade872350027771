"""`afm-numpy train`: from a libFM/libsvm text file to a saved model."""

import argparse
import signal
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import Any, TypeAlias

import numpy as np

from .. import losses, metrics, optim, saving, train
from .._files import check_output, printable
from .._types import Array, Params
from ..batch import Batch
from ..datasets.libfm import load_part, make_form
from ..dropout import SITES
from ..estimators.base import split
from ..models import Model
from ..params import ATTENTION
from . import options as kind
from .options import check_inputs, form_of, labels, load_model, parser

Args: TypeAlias = argparse.Namespace
Rows: TypeAlias = tuple[Batch, Array]

FIXED = ("model", "attention", "k", "t", "std", "optimizer", "lr", "loss", "id_base", "valid_fraction", "seed")
RUN = ("data", "out", "start_from", "resume", "quiet")  # options of one run, not of the training

EXAMPLES = """\
  afm-numpy train train.libfm --out fm.npz --model fm --k 64
  afm-numpy train train.libfm --valid valid.libfm --out afm.npz --loss logistic --keep-pooled 0.7
  afm-numpy train train.libfm --out afm.npz --start-from fm.npz       AFM from a trained FM
  afm-numpy train train.libfm --out afm.npz --resume afm.npz.last     go on after an interruption"""


def main(argv: list[str] | None = None) -> int:
    """Train, save, and print what was reached; returns the exit status."""
    args, saved = arguments(argv)
    (batch, y), valid = rows(args, saved)
    if args.patience and not valid:
        raise ValueError("--patience needs rows that choose the epoch: give --valid, or a larger --valid-fraction")
    model, params, rng, optimizer, state, epochs, best = start(args, saved, batch, y)
    kept = {name: value for name, value in vars(args).items() if name not in RUN}
    config = {"loss": args.loss, "id_base": args.id_base, "options": kept}
    loss = train.Objective(
        args.loss, l2=named(args, "l2", ("w", "V", "W")), l2_scope=args.l2_scope, keep=named(args, "keep", SITES)
    )
    keeper = _Keeper(args, model, optimizer, rng, config, best)
    watch = train.Watch(
        valid, report=metrics.of(args.loss) if valid else (), patience=args.patience, callback=keeper,
        verbose=not args.quiet,
    )  # fmt: skip
    try:
        train.fit(
            model.for_dropout(loss.keep), train.Progress(params, state), batch, y, rng=rng, loss=loss,
            optimizer=optimizer, epochs=epochs, batch_size=args.batch_size, watch=watch,
        )  # fmt: skip
    except KeyboardInterrupt:
        raise KeyboardInterrupt(f"interrupted; {keeper.what()}") from None
    except train.Diverged as error:
        raise train.Diverged(f"{error}; {keeper.what()}") from None
    values = [f"{name} {value:.4f}" for name, value in keeper.row.items() if name == "loss" or "valid" in name]
    print("  ".join([f"best epoch {keeper.best_epoch}", *(values or ["of the earlier run"])]))
    print(keeper.what())
    return 0


def arguments(argv: list[str] | None) -> tuple[Args, saving.Saved | None]:
    """The parsed command line, and the content of the file to resume or to start from.

    Options that are not given are those of the file. Inputs and outputs are checked here, before any other work.
    """
    options = parser("train", "Train FM or AFM on a libFM/libsvm text file and save the model.", EXAMPLES)
    add = options.add_argument
    add("data", metavar="DATA", help="training rows as libFM/libsvm text, plain or .gz, .bz2, .xz")
    add("--out", required=True, metavar="MODEL", help="file for the best model; MODEL.last holds the last epoch")
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
    saved = load_model(args.start_from) if args.start_from else None
    if args.resume:
        saved = resumed(args.resume)
        before = {name: value for name, value in saved.config["options"].items() if value is not None}
        options.set_defaults(**{name: str(before[name]) for name in before.keys() & vars(args).keys() - set(RUN)})
        args = options.parse_args(argv)
        for name in FIXED:
            if name in before and getattr(args, name) != before[name]:
                flag = "--" + name.replace("_", "-")
                options.error(f"{flag} cannot change: {args.resume} was trained with {flag} {before[name]}")
    if saved and args.n not in (None, len(saved.params["w"])):
        options.error(f"--n cannot be {args.n}: the model that is trained on has {len(saved.params['w'])} features")
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


def rows(args: Args, saved: saving.Saved | None) -> tuple[Rows, Rows | None]:
    """Training and validation rows, each (Batch, y); None when no row is to choose."""
    form = form_of(saved, args.id_base, np.float32) if saved else make_form(args.n, None, args.id_base, np.float32)
    form = form._replace(fields=args.model == "afm" and args.attention == "field")
    part = load_part(args.data, form)
    files = [(args.data, part)]
    if args.valid:
        form = form._replace(m=part.batch.m if form.fields else None)
        files.append((args.valid, load_part(args.valid, form)))
    y, *valid_y = labels(args.loss, *((path, part.y, part.line) for path, part in files))
    if args.loss == "logistic" and (y == y[0]).all():
        raise ValueError(f"{args.data}: every row has the same label, but the logistic loss needs two classes")
    if args.valid:
        n = max(part.batch.n for _, part in files)
        batch, valid = (replace(part.batch, n=n) for _, part in files)
        return (batch, y), (valid, valid_y[0])
    if int(args.valid_fraction * len(y)) == 0:
        return (part.batch, y), None
    strata = y if args.loss == "logistic" else np.zeros(len(y))
    fit, held = split(np.random.default_rng(args.seed), strata, args.valid_fraction)
    return (part.batch[fit], y[fit]), (part.batch[held], y[held])


def start(
    args: Args, saved: saving.Saved | None, batch: Batch, y: Array
) -> tuple[Model, Params, np.random.Generator, Any, Any, int, dict[str, Any]]:
    """Model, parameters, generator, optimizer, its state, epochs to go and the best score: fresh, warm or resumed."""
    if saved and args.resume:
        left = args.epochs - saved.config["epoch"]
        if left < 1:
            raise ValueError(f"{args.resume}: {saved.config['epoch']} epochs are done already; give more with --epochs")
        return saved.model, saved.params, saved.rng, saved.optimizer, saved.state, left, best_before(args, saved.config)
    optimizer = optim.get(args.optimizer, **({} if args.lr is None else {"lr": args.lr}))
    rng, model = np.random.default_rng(args.seed), Model(args.model, args.attention)
    if saved:
        if model.kind != "afm" or saved.model.kind != "fm":
            raise ValueError(f"--start-from makes an AFM from an FM; {args.start_from} holds {saved.model.kind}")
        params = model.from_fm(saved.params, rng, batch, args.t)
    else:
        w0 = losses.best_constant(args.loss, y)
        params = model.init_params(rng, batch, args.k, args.t, std=args.std, w0=w0)
    return model, params, rng, optimizer, None, args.epochs, {"epoch": 0, "best_epoch": 0, "best": None}


def best_before(args: Args, config: dict[str, Any]) -> dict[str, Any]:
    """Epoch and score of the best model so far, and the model itself when it has to be written to --out, too."""
    fixed = {name: config["options"].get(name) for name in FIXED}
    for path in (args.out, args.resume.removesuffix(".last")):
        try:
            found = load_model(path)
        except (OSError, ValueError):
            continue
        options = found.config.get("options") or {}
        if found.config.get("epoch") == config["best_epoch"] and fixed == {name: options.get(name) for name in FIXED}:
            return config | {"model": None if path == args.out else found}
    return config | {"best_epoch": 0, "best": None}         # it is nowhere to be found: the best from here on


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

    def __init__(
        self, args: Args, model: Model, optimizer: Any, rng: np.random.Generator, config: dict[str, Any],
        before: dict[str, Any],
    ) -> None:  # fmt: skip
        self.out, self.model, self.optimizer, self.rng, self.config = args.out, model, optimizer, rng, config
        self.done, self.best_epoch, self.best = before["epoch"], before["best_epoch"], before["best"]
        self.start, self.before = self.done, before.get("model")
        self.row: dict[str, float] = {}                     # of the best epoch, when it is one of this run

    def __call__(self, row: dict[str, float], params: Params, state: dict[str, Any]) -> None:
        with unbroken():
            self.save(row, params, state)

    def save(self, row: dict[str, float], params: Params, state: dict[str, Any]) -> None:
        """Write one file, or both."""
        self.done += 1
        score = row.get("valid_loss", -self.done)           # without validation rows the last epoch is the best
        if self.best is None or score < self.best:
            self.best, self.best_epoch, self.row = score, self.done, row
            saving.save(self.out, self.model, params, config=self.config | {"epoch": self.done})
        elif self.before:
            saving.save(self.out, self.model, self.before.params, config=self.before.config)
        self.before = None
        config = self.config | {"epoch": self.done, "best_epoch": self.best_epoch, "best": self.best}
        saving.save(
            f"{self.out}.last", self.model, params, optimizer=self.optimizer, state=state, rng=self.rng, config=config
        )

    def what(self) -> str:
        """What is on the disk, in words."""
        if self.done == self.start:
            return "nothing was saved, because no epoch was finished"
        out = printable(self.out)
        return f"saved {out} (epoch {self.best_epoch}) and {out}.last (epoch {self.done})"
