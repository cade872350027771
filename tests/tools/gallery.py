"""Draw the README's picture of all plots: python tests/tools/gallery.py [--out tests/tools/gallery.png] [--rows 8000]

Two small models learn UCI Adult in about a quarter of a minute; every function of `afm_numpy.plots` draws one panel.
"""

import argparse
import sys
from pathlib import Path

import numpy as np
from matplotlib.figure import Figure

from afm_numpy import Model, explain, gradcheck, plots, recipes
from afm_numpy.commands.demo import small_problem

PERSON = 11                                                       # of the test part: the row that is explained


def trained(rows, epochs=None):
    """Data, and for FM and AFM the recipe's model with its result."""
    parts = recipes.adult_parts(rows=rows)
    changes = {"epochs": epochs} if epochs else {}
    models = recipes.ADULT["quantile"].items()
    return parts, {name: (one.model, recipes.run(one, parts.fit, parts.valid, **changes)) for name, one in models}


def draw(parts, results):
    """The figure: one panel for each plot."""
    model, result = results["AFM"]
    names = parts.encoder.feature_names()
    shares = explain.contributions(model, result.params, parts.test[0][:4000])
    mean, count = explain.field_attention(shares)
    columns = ["education", "marital-status"]
    ids = {column: parts.encoder.ids(column, "value") for column in columns}
    values = [names[id].partition("=")[2] for column in columns for id in ids[column]]
    groups = [column for column in columns for _ in ids[column]]
    loss, params, grads = small_problem(Model("afm", engine="dense"), np.random.default_rng(0))
    curve = gradcheck.v_curve(loss, params, grads, rng=np.random.default_rng(0))

    figure = Figure(figsize=(16, 8.6), layout="constrained")
    top, bottom = figure.subfigures(2, 1, height_ratios=[3.6, 5])
    panels = [*top.subfigures(1, 3), *bottom.subfigures(1, 3, width_ratios=[4.5, 6, 4])]
    learning, convergence, v_curve, attention, bars, embedding = (panel.subplots() for panel in panels)
    plots.learning_curves(result.history, label="logistic loss", ax=learning).set_title("learning_curves")
    histories = {name: result.history for name, (_, result) in results.items()}
    plots.convergence(histories, label="loss of the validation rows", ax=convergence).set_title("convergence")
    plots.v_curve(curve, ax=v_curve).set_title("v_curve")
    plots.attention_map(mean, parts.encoder.columns, count=count, ax=attention).set_title("attention_map")
    plots.contribution_bars(shares, PERSON, names, top=8, ax=bars).set_title("contribution_bars")
    V = result.params["V"][np.concatenate(list(ids.values()))]
    plots.embedding_map(V, values, groups=groups, ax=embedding).set_title("embedding_map")
    return figure


def main(argv=None):
    options = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    options.add_argument("--out", default=Path(__file__).with_suffix(".png"), help="(default: %(default)s)")
    options.add_argument("--rows", type=int, default=8000, help="of the training part (default: %(default)s)")
    args = options.parse_args(argv)
    draw(*trained(args.rows)).savefig(args.out, dpi=72)
    print(args.out)


if __name__ == "__main__":
    sys.exit(main())
