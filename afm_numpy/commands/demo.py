"""`afm-numpy demo`: check every gradient, train FM and AFM on real data, compare, explain a prediction, draw."""

import argparse
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, Literal, get_args

import numpy as np

from .. import dropout, explain, gradcheck, losses, metrics, optim, plots, recipes, train
from .._files import printable
from .._types import Array, Attention, Grads, Params
from ..batch import Batch
from ..models import Model
from ..rowgrad import add_grads
from .options import check_folder, parser, positive, seed

EXAMPLES = """\
  afm-numpy demo
  afm-numpy demo --rows 3000 --epochs 3 --out pictures      a quick look
  afm-numpy demo --seed 1 --scaling standard"""

METRICS = ("log_loss", "auc", "accuracy")
PICTURES = ("learning_fm.png", "learning_afm.png", "attention.png", "v_curve.png")


def main(argv: list[str] | None = None) -> int:
    """Run the demo; returns the exit status."""
    options = parser("demo", "Check all gradients, train FM and AFM on Adult, explain one row, draw it all.", EXAMPLES)
    options.add_argument("--out", default="afm_numpy_demo", help="folder for the pictures (default: %(default)s)")
    options.add_argument("--seed", type=seed, default=0, help="of the split and the models (default: %(default)s)")
    options.add_argument(
        "--scaling", choices=recipes.ADULT, default="quantile",
        help="continuous columns as quantile bins or as scaled values (default: %(default)s)",
    )  # fmt: skip
    options.add_argument("--rows", type=positive, help="use only so many training rows, for a quick look")
    options.add_argument("--epochs", type=positive, help="at most so many epochs")
    options.add_argument("--quiet", action="store_true", help="no progress bars")
    args = options.parse_args(argv)
    if args.rows is not None and args.rows < 100:
        options.error(f"--rows must be at least 100, so that some are left to choose the epoch; got {args.rows}")
    check_folder(args.out, PICTURES)
    out = Path(args.out)
    out.mkdir(parents=True, exist_ok=True)

    gradients_ok = check_gradients()
    results, parts = train_on_adult(args)
    model, result = results["AFM"]
    show_person(model, result.params, parts)
    draw(results, parts, out)
    print(NEXT)
    return 0 if gradients_ok else 1


# ---- gradients -----------------------------------------------------------------------------------------


def small_problem(model: Model, rng: np.random.Generator) -> tuple[Callable[[Params], Any], Params, Grads]:
    """A little model with parameters of order 1, rows of different length with real values, and random targets.

    Returns the loss as a function of the parameters and of x, the parameters and x, and the gradients by hand.
    """
    rows = [[0, 4, 7, 10], [2, 1, 6, 9], [3, 5, 8, 10], [0, 5], [6], []]
    batch = Batch.from_lists(rows, [rng.normal(1.0, 0.5, len(row)) for row in rows], n=11, slots_are_fields=True)
    y = rng.integers(0, 2, len(batch)).astype(float)
    params = model.init_params(rng, batch, k=5, t=3, std=0.7, w0=0.3, dtype=float)
    params = {name: value + 0.3 * rng.standard_normal(value.shape) if value.dtype.kind == "f" else value
              for name, value in params.items()}  # fmt: skip
    drop = dropout.draw(rng, batch, 5, {"pooled": 0.8})
    l2 = {"V": 0.1, "w": 0.2} | ({"W": 0.3} if "W" in params else {})

    def loss(params: Params) -> Any:
        rows = batch.with_x(params["x"])
        y_hat, _ = model.forward(params, rows, drop=drop)
        return losses.logistic_forward(y_hat, y) + losses.l2_forward(params, l2, batch.touched)

    y_hat, cache = model.forward(params, batch, drop=drop)
    grads = model.backward(losses.logistic_backward(y_hat, y), cache, with_dx=True)
    return loss, params | {"x": batch.x}, add_grads(grads, losses.l2_backward(params, l2, batch.touched))


def check_gradients(seed: int = 0, method: Literal["complex", "central"] = "complex") -> bool:
    """Print one table of errors for FM and for AFM in every attention mode; True when all are right."""
    print("Every gradient of FM and AFM against measured slopes (logistic loss, dropout, L2, ragged rows)\n")
    ok = True
    for model in [Model("fm", engine="dense"), *(Model("afm", mode, engine="dense") for mode in get_args(Attention))]:
        report = gradcheck.check(*small_problem(model, np.random.default_rng(seed)), method=method)
        print(f"{model.kind.upper()}" + (f", attention {model.attention!r}" if model.kind == "afm" else ""))
        print(f"{report}\n")
        ok &= report.ok
    return ok


# ---- training ------------------------------------------------------------------------------------------


def models_of(scaling: str) -> dict[str, recipes.Recipe]:
    """FM and AFM, and what they have to be better than: no pairs (vectors that stay 0), and even attention."""
    fm, afm = recipes.ADULT[scaling].values()
    linear = fm._replace(start={"k": 1, "std": 0.0}, loss=train.Objective("logistic", l2={"w": 5e-5}),
                         fit=fm.fit | {"optimizer": optim.Adagrad(0.1)})  # fmt: skip
    return {"logistic regression": linear, "FM": fm, "AFM uniform": recipes.uniform(afm), "AFM": afm}


def train_on_adult(args: argparse.Namespace) -> tuple[dict[str, tuple[Model, train.Result]], recipes.Parts]:
    """Train all models, print their test metrics and what these say, and return the results and the data."""
    parts = recipes.adult_parts(args.seed, args.scaling, args.rows)
    changes = {"verbose": not args.quiet} | ({"epochs": args.epochs} if args.epochs else {})
    (batch, y), results, y_hats = parts.test, {}, {}
    for name, recipe in models_of(args.scaling).items():
        start = time.perf_counter()
        print(f"Training {name} on UCI Adult ({len(parts.fit[1])} rows)", flush=True)
        result = recipes.run(recipe, parts.fit, parts.valid, seed=args.seed, **changes)
        results[name], y_hats[name] = (recipe.model, result), train.predict(recipe.model, result.params, batch)
        seconds = time.perf_counter() - start
        print(f"  best epoch {result.best_epoch} of {len(result.history)}, {seconds:.0f} s", flush=True)
    print(f"\nUCI Adult, the {len(y)} published test rows\n{'':19}  log loss       AUC  accuracy")
    for name, y_hat in y_hats.items():
        print(f"{name:19} " + " ".join(f"{metrics.get(metric).of(y, y_hat):9.4f}" for metric in METRICS))
    print(meaning(y, {name: np.logaddexp(0, np.where(y == 1, -y_hat, y_hat)) for name, y_hat in y_hats.items()}))
    return results, parts


def meaning(y: Array, loss_of: dict[str, Array]) -> str:
    """What the table says, in words; `loss_of` is each model's log loss of every test row."""

    def compared(name: str, other: str) -> tuple[float, str]:
        gain = loss_of[other] - loss_of[name]                           # the same rows: paired
        mean, error = float(gain.mean()), 2 * float(gain.std()) / len(gain) ** 0.5
        words = f"{abs(mean):.4f} (+- {error:.4f}) {'below' if mean > 0 else 'above'}"
        return (0.0 if abs(mean) < max(error, 0.001) else mean), words

    constant = metrics.log_loss(y, np.full(len(y), losses.best_constant("logistic", y)))
    (pairs, of_pairs), (attention, of_attention) = compared("FM", "logistic regression"), compared("AFM", "AFM uniform")
    verdict = ("nothing that can be told from chance", "something for the better", "something for the worse")
    return f"""
What the numbers say
- Log loss is the mean of -log(the probability given to what was true). Without a model, from the share of people above
  50,000 alone ({y.mean():.1%}), it is {constant:.4f}. AUC is how often someone above gets a higher probability than
  someone below.
- FM's log loss lies {of_pairs} that of logistic regression, which has no pairs
  (+- is twice the standard error). So pairs change {verdict[int(np.sign(pairs))]} here.
- AFM's lies {of_attention} that of AFM uniform, whose attention is even. So attention
  changes {verdict[int(np.sign(attention))]} here. It helps where few of many pairs matter:
  notebook 07 plants such pairs."""


def show_person(model: Model, params: Params, parts: recipes.Parts, among: int = 1000) -> None:
    """Print which pairs decided a prediction: of the person for whom pairs with race or sex come latest."""
    batch, y = parts.test
    shares = explain.contributions(model, params, batch[:among])
    column = [parts.encoder.describe(id).column for id in range(parts.encoder.n)]
    pairs = [explain.largest(shares, row, column)[1] for row in range(among)]
    row = max(range(among), key=lambda row: [bool({"race", "sex"} & set(pair)) for pair in pairs[row]].index(True))
    print(f"""
Person {row + 1} of the test part: AFM gives {losses.sigmoid(shares.y_hat[row]):.1%} for an income above 50,000.
The truth is {"above" if y[row] else "not above"}.
The pairs that moved the prediction most (attention x score = contribution, in log-odds). They are what the model
computed, not causes. The model may use race and sex, which are columns of this data: notebook 06 says more. Of the
first {among:,} people this is the one for whom they come latest.
""")
    print(explain.table(shares, row, parts.encoder.feature_names()))


NEXT = """
Next
  afm-numpy playground    one row calculates, learns and breaks, on a page in the browser
  afm-numpy course        the notebooks, from 00 on
  afm-numpy train people.csv --target income --loss logistic --out model.npz    a table of your own"""


# ---- pictures ------------------------------------------------------------------------------------------


def draw(results: dict[str, tuple[Model, train.Result]], parts: recipes.Parts, out: Path) -> None:
    """Write the four pictures into the folder `out` and print their names."""
    for name in ("FM", "AFM"):
        result = results[name][1]
        plots.save(out / f"learning_{name.lower()}.png", plots.learning_curves, result.history, size=(6.4, 4.2),
                   label="logistic loss", title=f"{name} on UCI Adult")  # fmt: skip
    model, result = results["AFM"]
    mean, count = explain.field_attention(explain.contributions(model, result.params, parts.test[0][:4000]))
    plots.save(out / "attention.png", plots.attention_map, mean, parts.encoder.columns, count=count, size=(8.6, 7.6),
               title="AFM's mean attention between the fields of Adult")  # fmt: skip
    loss, params, grads = small_problem(Model("afm", engine="dense"), np.random.default_rng(0))
    curve = gradcheck.v_curve(loss, params, grads, rng=np.random.default_rng(0))
    plots.save(out / "v_curve.png", plots.v_curve, curve, size=(6.4, 4.6), title="AFM: error of a measured slope")
    print(f"\nPictures in {printable(str(out))}: " + ", ".join(sorted(path.name for path in out.glob("*.png"))))
