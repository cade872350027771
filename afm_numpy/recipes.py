"""Settings that work, chosen on validation rows, and the run that uses them.

Learning rates, dropout, L2 and starting values interact; these were searched on validation rows, never on test rows.
"""

from typing import NamedTuple

import numpy as np

from . import losses, optim, train
from .datasets.adult import load_adult
from .encode.encoder import TableEncoder
from .models import Model

__all__ = ["ADULT", "PAPER_RMSE", "Parts", "Recipe", "adult_parts", "paper_recipes", "run"]


class Recipe(NamedTuple):
    """A model, how its parameters start, and how it is trained."""

    model: Model
    start: dict
    fit: dict


_LOGISTIC = {"loss": "logistic", "batch_size": 512, "epochs": 60, "patience": 4}

ADULT = {
    "quantile": {  # every continuous column cut into 64 bins
        "FM": Recipe(
            Model("fm"),
            {"k": 8, "std": 0.01},
            _LOGISTIC | {"optimizer": optim.Adam(0.001), "keep": {"pooled": 0.9}, "l2": {"V": 5e-6, "w": 5e-5}},
        ),
        "AFM": Recipe(
            Model("afm"),
            {"k": 8, "t": 16, "std": 0.1},
            _LOGISTIC
            | {"optimizer": optim.Adagrad(0.03), "keep": {"pooled": 0.7}, "l2": {"V": 5e-6, "w": 5e-6, "W": 5e-5}},
        ),
    },
    "standard": {  # every continuous column one feature with a scaled value
        "FM": Recipe(
            Model("fm"),
            {"k": 16, "std": 0.01},
            _LOGISTIC | {"optimizer": optim.Adam(0.003), "keep": {"pooled": 0.3}},
        ),
        "AFM": Recipe(
            Model("afm"),
            {"k": 8, "t": 8, "std": 0.1, "p": 1.0},
            _LOGISTIC | {"optimizer": optim.Adam(0.01), "keep": {"pooled": 0.9}},
        ),
    },
}


# The paper's Table 2 at k = 256: model, then parameters in millions and test RMSE.
PAPER_RMSE = {
    "frappe": {"LibFM": (1.38, 0.3385), "AFM": (1.45, 0.3102)},
    "ml-tag": {"LibFM": (23.24, 0.4735), "AFM": (23.26, 0.4325)},
}


def paper_recipes(k, settings="ours"):
    """Recipes for targets -1 and 1 and the squared loss, as in the paper's experiments.

    Parameters
    ----------
    k : int
        Factors.
    settings : {"ours", "authors"}
        "ours" were chosen on the validation rows of an app log at k = 64, the same for FM and AFM. "authors" are
        those of the README of their code: half a square on both sides, so that their lambda is ours.

    Returns
    -------
    dict of str to Recipe
        "AFM from FM" starts from the parameters of the trained "FM".

    Examples
    --------
    >>> [name for name in paper_recipes(16)]
    ['FM', 'sum pooling', 'field a_ij', 'free a_ij', 'AFM', 'AFM from FM']
    """
    common = {"loss": "squared", "reduction": "sum", "report": ("rmse",), "monitor": "rmse"}
    if settings == "ours":
        of_mean = 1024 / 2                                  # half a square beside the mean, seen from the sum
        fit = common | {
            "optimizer": optim.Adagrad(0.05), "batch_size": 1024, "epochs": 80, "patience": 4,
            "keep": {"pooled": 0.7}, "l2": {"V": 3e-5 * of_mean, "w": 1e-4 * of_mean},
        }  # fmt: skip
        start, afm_start, afm_fit = {"k": k, "std": 0.03}, {"t": 16}, fit
    elif settings == "authors":
        fit = common | {
            "optimizer": optim.Adagrad(0.01), "batch_size": 4096, "epochs": 100, "keep": {"pooled": 0.7},
        }  # fmt: skip
        lam, t = (100.0, 16) if k <= 16 else (2.0, 8)
        start, afm_start = {"k": k, "std": 0.01}, {"t": t, "p": 1.0}
        afm_fit = fit | {"optimizer": optim.Adagrad(0.1), "keep": {"pooled": 0.5}, "l2": {"W": lam}}
    else:
        raise ValueError(f"unknown settings {settings!r}; choose from ours, authors")
    simple_fit = afm_fit | {"l2": {name: lam for name, lam in afm_fit["l2"].items() if name != "W"}}
    modes = {"sum pooling": "sum", "field a_ij": "field", "free a_ij": "free"}
    return {
        "FM": Recipe(Model("fm"), start, fit),
        **{name: Recipe(Model("afm", mode), start, simple_fit) for name, mode in modes.items()},
        "AFM": Recipe(Model("afm"), start | afm_start, afm_fit),
        "AFM from FM": Recipe(Model("afm"), start | afm_start, afm_fit),
    }


class Parts(NamedTuple):
    """A data set in three parts, each (Batch, y), and the encoder that was fitted on the first."""

    fit: tuple
    valid: tuple
    test: tuple
    encoder: TableEncoder


def adult_parts(seed=0, scaling="quantile", rows=None):
    """UCI Adult encoded: 90 % of the published training rows to fit, 10 % to choose, and the published test rows.

    Parameters
    ----------
    seed : int
        Decides which training rows choose.
    scaling : {"quantile", "standard", "minmax", "none"}
        Of the continuous columns; see `encode.TableEncoder`.
    rows : int, optional
        Only so many of the training rows, for a quick look.

    Returns
    -------
    Parts

    Examples
    --------
    >>> parts = adult_parts(rows=1000)
    >>> [len(part[0]) for part in parts[:3]]
    [900, 100, 16281]
    """
    adult = load_adult()
    order = np.random.default_rng(seed).permutation(len(adult.y_train))[:rows]
    cut = len(order) // 10
    encoder = TableEncoder(categorical=adult.categorical, continuous=adult.continuous, scaling=scaling)
    encoder.fit({name: column[order[cut:]] for name, column in adult.train.items()})

    def part(table, y, at):
        return encoder.transform({name: column[at] for name, column in table.items()}).astype(np.float32), y[at]

    return Parts(
        part(adult.train, adult.y_train, order[cut:]),
        part(adult.train, adult.y_train, order[:cut]),
        part(adult.test, adult.y_test, slice(None)),
        encoder,
    )


def run(recipe, fit, valid, *, seed=0, fm_params=None, **changes):
    """Train a recipe's model from a seed.

    Parameters
    ----------
    recipe : Recipe
    fit, valid : (Batch, y)
        The rows to learn from, and those that choose the epoch.
    seed : int
    fm_params : dict, optional
        Start AFM from w0, w and V of this trained FM.
    **changes
        Arguments of `train.fit` that replace the recipe's, such as epochs or verbose.

    Returns
    -------
    train.Result

    Examples
    --------
    >>> parts = adult_parts(rows=500)
    >>> result = run(ADULT["quantile"]["FM"], parts.fit, parts.valid, epochs=2)
    >>> [row["epoch"] for row in result.history]
    [1, 2]
    """
    rng = np.random.default_rng(seed)
    settings = recipe.fit | changes
    if fm_params is None:
        w0 = losses.best_constant(settings["loss"], fit[1])
        params = recipe.model.init_params(rng, fit[0], w0=w0, **recipe.start)
    else:
        options = {name: recipe.start[name] for name in ("t", "p") if name in recipe.start}
        params = recipe.model.from_fm(fm_params, rng, fit[0], **options)
    return train.fit(recipe.model, params, *fit, rng=rng, valid=valid, **settings)
