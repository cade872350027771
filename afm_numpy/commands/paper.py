"""`afm-numpy paper`: the paper's experiment, Table 2 beside ours, and the learning curves."""

import argparse
import time
from pathlib import Path

import numpy as np

from .. import metrics, plots, recipes, train
from .._files import printable
from .._types import Params
from ..datasets import load_files
from ..datasets.fetch import Files
from ..models import Model
from .options import check_folder, check_inputs, parser, positive

EXAMPLES = """\
  afm-numpy fetch frappe --cache data && afm-numpy paper frappe --data data/frappe
  afm-numpy paper ml-tag --data data/ml-tag --k 16 --recipe authors
  afm-numpy paper frappe --train a.libfm --valid b.libfm --test c.libfm --k 16 --seeds 3"""


def main(argv: list[str] | None = None) -> int:
    """Train every model of the comparison and print the table; returns the exit status."""
    args = arguments(argv)
    paths = files(args)
    check_inputs(*map(str, paths))
    check_folder(args.out, ["convergence.png"], paths)
    fields = not args.models or "field a_ij" in args.models
    parts = load_files(paths, id_base=args.id_base, dtype=np.float32, fields=fields)
    for name, (_, y) in parts._asdict().items():
        if len(np.unique(y)) < 2:
            raise ValueError(f"every row of the {name} part has the target {y[0]:g}, so there is nothing to tell apart")
    out = Path(args.out)
    out.mkdir(parents=True, exist_ok=True)
    print("rows: " + ", ".join(f"{name} {len(y)}" for name, (_, y) in parts._asdict().items())
          + f"; {parts.train[0].n} features, at most {parts.train[0].m} in a row")  # fmt: skip
    scores: dict[str, list[dict[str, float]]] = {}
    histories: dict[str, list[dict[str, float]]] = {}
    for seed in range(args.seeds):
        fm_params: Params | None = None
        for name, recipe in recipes.paper_recipes(args.k, args.recipe).items():
            if args.models and name not in args.models and name != "FM":
                continue
            start = time.perf_counter()
            changes = {"epochs": args.epochs} if args.epochs else {}
            warm = fm_params if name == "AFM from FM" else None
            result = recipes.run(recipe, parts.train, parts.valid, seed=seed, fm_params=warm,
                                 verbose=not args.quiet, **changes)  # fmt: skip
            fm_params = result.params if name == "FM" else fm_params
            seconds = time.perf_counter() - start
            row = score(recipe.model, result.params, parts) | {"epochs": result.best_epoch, "seconds": seconds}
            scores.setdefault(name, []).append(row)
            histories[name] = result.history
            print(f"seed {seed}  {name:12} test RMSE {row['rmse']:.4f}, {seconds:.0f} s", flush=True)
    print("\n" + table(args, scores))
    plots.save(out / "convergence.png", plots.convergence, histories, key="valid_rmse", label="validation RMSE",
               size=(6.4, 4.4), title="Convergence")  # fmt: skip
    print(f"\nlearning curves (last seed): {printable(str(out / 'convergence.png'))}")
    return 0


def arguments(argv: list[str] | None) -> argparse.Namespace:
    """The parsed command line."""
    options = parser("paper", "Repeat the AFM paper's comparison on libFM files with targets -1 and 1.", EXAMPLES)
    add = options.add_argument
    add("name", choices=recipes.PAPER_RMSE, help="which column of the paper's Table 2 to print beside ours")
    add("--data", metavar="DIR", help="folder with NAME.train.libfm, NAME.validation.libfm and NAME.test.libfm")
    for part in ("train", "valid", "test"):
        add(f"--{part}", metavar="FILE", help=f"the {part} rows, instead of --data")
    add("--id-base", type=int, choices=(0, 1), default=0, help="id of the first feature (default: %(default)s)")
    add("--k", type=int, choices=(16, 64, 256), default=64, help="factors (default: %(default)s)")
    add("--recipe", choices=("ours", "authors"), default="ours", help="whose settings (default: %(default)s)")
    add("--models", nargs="+", choices=recipes.paper_recipes(16), metavar="NAME", help="only these, and FM")
    add("--seeds", type=positive, default=1, help="train so often and average (default: %(default)s)")
    add("--epochs", type=positive, help="at most so many (default: the recipe's)")
    add("--out", default="afm_numpy_paper", metavar="DIR", help="folder for the picture (default: %(default)s)")
    add("--quiet", action="store_true", help="no progress bars")
    args = options.parse_args(argv)
    given = [args.train, args.valid, args.test]
    if bool(args.data) == any(given) or (any(given) and not all(given)):
        options.error("give --data DIR, or all of --train, --valid and --test")
    return args


def files(args: argparse.Namespace) -> Files:
    """Paths of the three parts."""
    if args.data:
        found = Files(*(Path(args.data) / f"{args.name}.{part}.libfm" for part in ("train", "validation", "test")))
        missing = [path.name for path in found if not path.is_file()]
        if missing:
            fetch = f"`afm-numpy fetch {args.name} --cache FOLDER` puts them into FOLDER/{args.name}"
            raise ValueError(f"{args.data} has no {', '.join(missing)}; {fetch}")
        return found
    return Files(args.train, args.valid, args.test)


def score(model: Model, params: Params, parts: Files) -> dict[str, float]:
    """Test metrics; predictions are also clipped to the range of the training targets, as the authors do."""
    (_, y_train), _, (batch, y) = parts
    y_hat = train.predict(model, params, batch)
    clipped = np.clip(y_hat, y_train.min(), y_train.max())
    return {
        "rmse": float(metrics.rmse(y, y_hat)),
        "clipped": float(metrics.rmse(y, clipped)),
        "auc": float(metrics.auc(y > np.median(np.unique(y)), y_hat)),
        "params": sum(value.size for value in params.values() if value.dtype.kind == "f"),
    }


def table(args: argparse.Namespace, scores: dict[str, list[dict[str, float]]]) -> str:
    """The paper's Table 2 and ours as one text."""
    lines = [f"{'':22}{'parameters':>12}{'RMSE':>18}{'RMSE clipped':>18}{'AUC':>8}{'epochs':>8}{'seconds':>9}"]
    for name, (millions, rmse) in recipes.PAPER_RMSE[args.name].items():
        lines.append(f"{'paper, k = 256: ' + name:22}{millions:>11.2f}M{'':18}{rmse:>18.4f}")
    for name, rows in scores.items():
        mean = {key: np.mean([row[key] for row in rows]) for key in rows[0]}
        cells = []
        for key in ("rmse", "clipped"):
            spread = f" +- {np.std([row[key] for row in rows]):.4f}" if len(rows) > 1 else ""
            cells.append(f"{mean[key]:.4f}{spread}")
        lines.append(
            f"{f'k = {args.k}: ' + name:22}{mean['params'] / 1e6:>11.2f}M{cells[0]:>18}{cells[1]:>18}"
            f"{mean['auc']:>8.4f}{mean['epochs']:>8.1f}{mean['seconds']:>9.1f}"
        )
    return "\n".join(lines)
