"""Settings that work, chosen on validation rows, and the run that uses them.

Learning rates, dropout, L2 and starting values interact, so each model and each k has its own, searched on validation
rows, never on test rows. `tests/tools/search.py` is the search: one setting after the other takes the best of a few
values, and every run goes on until ten epochs bring nothing new. What it found, by test rows of three seeds:

    data                            k   FM                AFM
    bench.make_rows, every         16   .6042 +- .0008    .6035 +- .0002
    pair counts alike; RMSE        64   .6007 +- .0009    .6030 +- .0010
    clipped to [-1, 1]            256   .6016 +- .0006    .5998 +- .0005
    Adult in 64 bins, log loss      8   .2801 +- .0002    .2796 +- .0001
                                   16   .2813 +- .0006

With many factors small steps, small starting values and much dropout are best: at k = 256 lr .005, std .003, keep .2
for FM and .3 for AFM, against .01, .003, .5 and .01, .03, .5 at 64 (Adagrad; lambda 3e-4 on V, 1e-3 on w, everywhere).
Pooling with equal weights ("uniform") reaches what FM reaches with the same settings. Adult's best settings (Adam, lr
.001, L2 5e-5 on V; FM keep .7, std .03; AFM keep .9, std .01) take 80 to 120 epochs; `ADULT` has quicker ones, which
come within .0017 of them.
"""

from dataclasses import replace
from typing import Any, Literal, NamedTuple, TypeAlias

import numpy as np

from . import losses, optim, train
from ._checks import check_choice, check_size
from ._types import Array, Attention, Params
from .batch import Batch
from .datasets.adult import load_adult
from .encode.encoder import TableEncoder
from .models import Model
from .train import Objective

__all__ = ["ADULT", "PAPER_RMSE", "Parts", "Recipe", "adult_parts", "paper_recipes", "run", "uniform"]

Rows: TypeAlias = tuple[Batch, Array]  # features and targets


class Recipe(NamedTuple):
    """A model, and how it is trained."""

    model: Model
    start: dict[str, Any]  # arguments of `Model.init_params`
    loss: Objective
    fit: dict[str, Any]  # of `train.fit`: optimizer, batch_size, epochs
    watch: dict[str, Any]  # of `train.Watch`: what decides the best epoch


def _adult(kind: Literal["fm", "afm"], start: dict[str, Any], optimizer: optim.Optimizer, loss: Objective) -> Recipe:
    return Recipe(Model(kind), start, loss, {"optimizer": optimizer, "batch_size": 512, "epochs": 60}, {"patience": 4})


ADULT = {
    "quantile": {  # every continuous column cut into 64 bins
        "FM": _adult("fm", {"k": 8, "std": 0.01}, optim.Adam(0.001),
                     Objective("logistic", l2={"V": 5e-6, "w": 5e-5}, keep={"pooled": 0.9})),
        "AFM": _adult("afm", {"k": 8, "t": 16, "std": 0.1}, optim.Adagrad(0.03),
                      Objective("logistic", l2={"V": 5e-6, "w": 5e-6, "W": 5e-5}, keep={"pooled": 0.7})),
    },
    "standard": {  # every continuous column one feature with a scaled value
        "FM": _adult("fm", {"k": 16, "std": 0.01}, optim.Adam(0.003), Objective("logistic", keep={"pooled": 0.3})),
        "AFM": _adult("afm", {"k": 8, "t": 8, "std": 0.1, "p": 1.0}, optim.Adam(0.01),
                      Objective("logistic", keep={"pooled": 0.9})),
    },
}  # fmt: skip


# The paper's Table 2 at k = 256: model, then parameters in millions and test RMSE.
PAPER_RMSE = {
    "frappe": {"LibFM": (1.38, 0.3385), "AFM": (1.45, 0.3102)},
    "ml-tag": {"LibFM": (23.24, 0.4735), "AFM": (23.26, 0.4325)},
}


def paper_recipes(k: int, settings: Literal["ours", "authors"] = "ours") -> dict[str, Recipe]:
    """Recipes for targets -1 and 1 and the squared loss, as in the paper's experiments, with k factors.

    "ours" were chosen for each model and each k on the validation rows of a real app log, with L2 on the whole table
    and training to the end: FM reached .505, .467 and .469 at k = 16, 64 and 256, AFM .477, .449 and .445. "authors"
    are those of the README of their code. It has a factor 1/2 in the loss and in L2, ours in neither, so their lambda
    is ours.
    "AFM from FM" starts from the parameters of the trained "FM".

    Examples
    --------
    >>> [name for name in paper_recipes(16)]
    ['FM', 'sum pooling', 'field a_ij', 'free a_ij', 'AFM', 'AFM from FM']
    """
    check_choice("settings", settings, ("ours", "authors"))
    loss = Objective(keep={"pooled": 0.7}, reduction="sum")
    watch: dict[str, Any] = {"report": ("rmse",), "monitor": "rmse"}
    start: dict[str, Any] = {"k": k, "std": 0.03 if settings == "ours" else 0.01}
    afm_start = start
    more: dict[str, Any] = {"t": 16 if settings == "ours" or k <= 16 else 8}
    if settings == "ours":
        # found as mean(e^2) + lam / 2 ||V||^2 on 1024 rows; the sum is 1024 times the mean, and so is its penalty
        simple = loss = afm_loss = replace(loss, l2={"V": 3e-5 * 1024 / 2, "w": 1e-4 * 1024 / 2}, l2_scope="table")
        afm_fit = {"optimizer": optim.Adagrad(0.05), "batch_size": 1024, "epochs": 400}
        fit = afm_fit | {"optimizer": optim.Adagrad(0.1 if 16 < k < 256 else 0.05)}
        afm_start = start | {"std": 0.01 if k >= 256 else 0.03}
        watch = watch | {"patience": 10}
    else:
        simple = replace(loss, keep={"pooled": 0.5})
        fit = {"optimizer": optim.Adagrad(0.01), "batch_size": 4096, "epochs": 100}
        more["p"] = 1.0
        afm_fit = fit | {"optimizer": optim.Adagrad(0.1)}
        afm_loss = replace(simple, l2={"W": 100.0 if k <= 16 else 2.0})
    modes: dict[str, Attention] = {"sum pooling": "sum", "field a_ij": "field", "free a_ij": "free"}
    afm = Recipe(Model("afm"), afm_start | more, afm_loss, afm_fit, watch)
    return {
        "FM": Recipe(Model("fm"), start, loss, fit, watch),
        **{name: Recipe(Model("afm", mode), start, simple, afm_fit, watch) for name, mode in modes.items()},
        "AFM": afm,
        "AFM from FM": afm,
    }


def uniform(recipe: Recipe) -> Recipe:
    """An AFM's recipe with every pair at the same weight: no network, so no t and no penalty on W.

    Examples
    --------
    >>> uniform(ADULT["standard"]["AFM"]).start
    {'k': 8, 'std': 0.1, 'p': 1.0}
    """
    start = {name: value for name, value in recipe.start.items() if name != "t"}
    l2 = {name: lam for name, lam in recipe.loss.l2.items() if name != "W"}
    return recipe._replace(model=Model("afm", "uniform"), start=start, loss=replace(recipe.loss, l2=l2))


class Parts(NamedTuple):
    """A data set in three parts, each (Batch, y), and the encoder that was fitted on the first."""

    fit: Rows
    valid: Rows
    test: Rows
    encoder: TableEncoder


def adult_parts(seed: int = 0, scaling: str = "quantile", rows: int | None = None) -> Parts:
    """UCI Adult encoded: 90 % of the published training rows to fit, 10 % to choose, and the published test rows.

    The seed decides which training rows choose. `scaling` is that of the continuous columns, as in
    `encode.TableEncoder`. `rows` takes only so many of the training rows, for a quick look.

    Examples
    --------
    >>> parts = adult_parts(rows=1000)
    >>> [len(part[0]) for part in parts[:3]]
    [900, 100, 16281]
    """
    if rows is not None:
        check_size("rows", rows, least=10)
    adult = load_adult()
    order = np.random.default_rng(seed).permutation(len(adult.y_train))[:rows]
    cut = len(order) // 10
    encoder = TableEncoder(categorical=adult.categorical, continuous=adult.continuous, scaling=scaling)
    encoder.fit({name: column[order[cut:]] for name, column in adult.train.items()})

    def part(table: dict[str, Array], y: Array, at: Any) -> Rows:
        return encoder.transform({name: column[at] for name, column in table.items()}).astype(np.float32), y[at]

    return Parts(
        part(adult.train, adult.y_train, order[cut:]),
        part(adult.train, adult.y_train, order[:cut]),
        part(adult.test, adult.y_test, slice(None)),
        encoder,
    )


def run(
    recipe: Recipe, fit: Rows, valid: Rows, *, seed: int = 0, fm_params: Params | None = None, verbose: bool = False,
    **changes: Any,
) -> train.Result:  # fmt: skip
    """Train a recipe's model from a seed, on the rows of `fit`; those of `valid` choose the epoch.

    AFM starts from w0, w and V of `fm_params`, a trained FM, when they are given. `changes` are arguments of
    `train.fit` that replace the recipe's, such as epochs.

    Examples
    --------
    >>> parts = adult_parts(rows=500)
    >>> result = run(ADULT["quantile"]["FM"], parts.fit, parts.valid, epochs=2)
    >>> [row["epoch"] for row in result.history]
    [1, 2]
    """
    rng = np.random.default_rng(seed)
    if fm_params is None:
        w0 = losses.best_constant(recipe.loss.loss, fit[1])
        params = recipe.model.init_params(rng, fit[0], w0=w0, **recipe.start)
    else:
        options = {name: recipe.start[name] for name in ("t", "p") if name in recipe.start}
        params = recipe.model.from_fm(fm_params, rng, fit[0], **options)
    settings = {"loss": recipe.loss} | recipe.fit | changes
    watch = train.Watch(valid, verbose=verbose, **recipe.watch)
    return train.fit(recipe.model, params, *fit, rng=rng, watch=watch, **settings)
