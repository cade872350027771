"""What the notebooks share: the data of their story, settings that train its models, pictures and tables.

Viewers rate films. A rating depends on who watches which film, in which mood and in which company; six more facts of
each row mean nothing. The ratings are made up, so the truth is known: three pairs of facts matter.
"""

import base64
import io
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any, NamedTuple, TypeAlias

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.animation import PillowWriter
from matplotlib.patches import Rectangle

from afm_numpy import afm
from afm_numpy._types import Array, ArrayLike, Params
from afm_numpy.batch import Batch
from afm_numpy.datasets import Truth, make_interactions
from afm_numpy.models import Model
from afm_numpy.optim import Adam
from afm_numpy.plots import COLORS, MARKERS, STYLES, attention_map
from afm_numpy.recipes import Recipe, Rows, run
from afm_numpy.train import Objective, evaluate

if TYPE_CHECKING:
    from matplotlib.axes import Axes

FACTS = {
    "viewer": "Ann Bob Cem Dora Eli Fay Gus Hana".split(),
    "film": "Orbit Lagoon Heist Waltz Tundra Jester Comet Harvest Mirage Duel".split(),
    "mood": "happy sad tired curious bored".split(),
    "company": "alone partner friends family".split(),
    "weekday": "Mon Tue Wed Thu Fri Sat Sun".split(),
    "hour": [f"{hour} h" for hour in range(12, 24)],
    "phone": [f"phone {letter}" for letter in "ABCDEFGHIJKL"],
    "city": "Lima Oslo Kyiv Cairo Delhi Quito Tunis Perth".split(),
    "advert": "soap tea cars shoes bank toys wine bread beds bikes".split(),
    "weather": "sun rain snow fog wind hail storm clouds frost heat".split(),
}
NAMES = [f"{fact}={value}" for fact, values in FACTS.items() for value in values]
PLANTED = ((0, 1), (1, 2), (1, 3))  # viewer x film, film x mood, film x company

Point: TypeAlias = tuple[float, float]

_WATCH = {"report": ("rmse",), "monitor": "rmse", "patience": 30}


def _recipe(model: Model, lr: float, batch_size: int, loss: Objective, **start: Any) -> Recipe:
    fit = {"optimizer": Adam(lr), "batch_size": batch_size, "epochs": 600}
    return Recipe(model, {"std": 0.1, "dtype": float} | start, loss, fit, _WATCH)


_DROP = Objective(keep={"pooled": 0.9})
RECIPES = {
    "linear": _recipe(Model("fm"), 0.01, 100, Objective(), k=1, std=0.0),   # V starts at 0 and stays there
    "FM": _recipe(Model("fm"), 0.01, 100, _DROP, k=4),
    "uniform": _recipe(Model("afm", "uniform"), 0.01, 100, _DROP, k=4),
    "AFM": _recipe(Model("afm"), 0.02, 200, Objective(l2={"V": 0.045, "W": 0.01}), k=12, t=16),
}  # chosen for each model on the rows that choose


class Story(NamedTuple):
    """Ratings in three parts, each (Batch, y): to learn from, to choose the epoch, to test; and the truth."""

    fit: Rows
    choose: Rows
    test: Rows
    truth: Truth


def load(seed: int = 0, noise_facts: int = 6) -> Story:
    """800 ratings to learn from, 1,000 that choose the best epoch, 3,000 to test; about 5 on average.

    Examples
    --------
    >>> [len(y) for _, y in load()[:3]]
    [800, 1000, 3000]
    """
    sizes = [len(values) for values in FACTS.values()][: 4 + noise_facts]
    data = make_interactions(
        np.random.default_rng(seed), 4800, 4, sizes, importances=dict.fromkeys(PLANTED, 1.0), n_noise=noise_facts,
        noise=0.5, linear=0.5,
    )  # fmt: skip
    y = 5 + data.y
    fit, choose, test = [(data.batch[part], y[part]) for part in np.split(np.arange(4800), [800, 1800])]
    return Story(fit, choose, test, data.truth)


def true_ratings(data: Story, batch: Batch) -> Array:
    """The ratings of some rows without noise (B,)."""
    idx, (_, _, w, V) = batch.idx, data.truth
    return 5 + w[idx].sum(axis=1) + sum((V[idx[:, i]] * V[idx[:, j]]).sum(axis=1) for i, j in PLANTED)


def rows(**facts: str | Sequence[str]) -> Batch:
    """Rows with these facts; a fact with a list of values makes one row of each, and what is not named stays the first.

    Examples
    --------
    >>> batch = rows(viewer="Bob", film=["Orbit", "Duel"])
    >>> [NAMES[i] for i in batch.idx[1, :3]]
    ['viewer=Bob', 'film=Duel', 'mood=happy']
    """
    texts = np.broadcast_arrays(*[np.atleast_1d(facts.get(fact, values[0])) for fact, values in FACTS.items()])
    idx = [[NAMES.index(f"{fact}={text}") for text in column] for fact, column in zip(FACTS, texts, strict=True)]
    return Batch.from_padded(np.transpose(idx), n=len(NAMES))


class Trained(NamedTuple):
    """A model after training: its parameters at the best epoch, and the root mean squared errors there."""

    model: Model
    params: Params
    epoch: int
    fit: float
    choose: float
    test: float
    history: list[dict[str, Any]]


def trained(data: Story, name: str, starts: int = 2) -> Trained:
    """Train a model of RECIPES to the end from several random starts; the choosing rows decide for one of them.

    About one start of AFM in twenty gets stuck and is no better than FM, hence more than one.
    """
    recipe, runs = RECIPES[name], []
    for seed in range(starts):
        result = run(recipe, data.fit, data.choose, seed=seed)
        best = min(result.history, key=lambda row: row["valid_rmse"])
        fit, choose, test = (evaluate(recipe.model, result.params, *part, ("rmse",))["rmse"] for part in data[:3])
        runs.append(Trained(recipe.model, result.params, best["epoch"], fit, choose, test, result.history))
    return min(runs, key=lambda trained: trained.choose)


# ---- tables and pictures -------------------------------------------------------------------------------


def table(head: Sequence[str], lines: Iterable[Sequence[object]], digits: int = 3) -> None:
    """Print rows of texts and numbers under their heads, in columns.

    Examples
    --------
    >>> table(["model", "error"], [("linear", 1.53), ("FM", 0.739)])
    model   error
    linear  1.530
    FM      0.739
    """
    cells = [list(head)] + [[f"{c:.{digits}f}" if isinstance(c, float) else str(c) for c in line] for line in lines]
    widths = [max(map(len, column)) for column in zip(*cells, strict=True)]
    for line in cells:
        sides = [line[0].ljust(widths[0]), *(c.rjust(w) for c, w in zip(line[1:], widths[1:], strict=True))]
        print("  ".join(sides).rstrip())


@dataclass(frozen=True)
class Picture:
    """A figure with a text that says what it shows, for readers who do not see it. Jupyter shows it below its cell."""

    data: dict[str, str]  # by kind of content
    alt: str

    def _repr_mimebundle_(self, include: Any = None, exclude: Any = None) -> tuple[dict[str, str], dict[str, Any]]:
        return self.data | {"text/plain": self.alt}, {kind: {"alt": self.alt} for kind in self.data}


def picture(alt: str) -> Picture:
    """The current figure, closed, with its text. It belongs on the last line of a cell."""
    file, figure = io.BytesIO(), plt.gcf()
    figure.savefig(file, format="png", dpi=90)
    plt.close(figure)
    return Picture({"image/png": base64.b64encode(file.getvalue()).decode()}, alt)


def motion(
    draw: Callable[["Axes", Any], object], frames: Iterable[Any], alt: str, size: Point = (5.4, 4.4)
) -> Picture:
    """A moving picture, one frame a second: `draw(ax, frame)` draws each on empty axes."""
    figure, writer = plt.figure(figsize=size, layout="constrained"), PillowWriter(fps=1)
    with TemporaryDirectory() as folder:
        with writer.saving(figure, f"{folder}/motion.gif", dpi=64):
            for frame in frames:
                figure.clear()
                draw(figure.subplots(), frame)
                writer.grab_frame()
        plt.close(figure)
        code = base64.b64encode((Path(folder) / "motion.gif").read_bytes()).decode()
    return Picture({"text/html": f'<img src="data:image/gif;base64,{code}" alt="{alt}">'}, alt)


def look(number: int) -> dict[str, Any]:
    """Color, line style and marker of curve number 0, 1, 2, ...: to be told apart without color, too."""
    return {"color": COLORS[number], "linestyle": STYLES[number], "marker": MARKERS[number], "markersize": 5}


def pair_map(mean: Array, ax: "Axes | None" = None, planted: Iterable[tuple[int, int]] = PLANTED) -> "Axes":
    """Mean attention of every two facts, from `explain.field_attention`, with the planted pairs outlined."""
    ax = attention_map(mean, list(FACTS)[: len(mean)], ax=ax)
    ax.images[0].set(cmap="Blues", clim=(0, np.nanmax(mean)))              # little attention is pale
    for i, j in planted:
        for corner in ((i - 0.5, j - 0.5), (j - 0.5, i - 0.5)):
            ax.add_patch(Rectangle(corner, 1, 1, fill=False, edgecolor=COLORS[1], linewidth=3))
    return ax


def tiles(ax: "Axes", values: ArrayLike, left: float, middle: float, title: str, names: Sequence[str] = ()) -> None:
    """An array as squares from x = left, its middle at y = middle: area is size, a hollow square is negative."""
    values = np.atleast_2d(values)
    height, width = values.shape
    top = middle + height / 2
    ax.add_patch(Rectangle((left, top - height), width, height, fill=False, linewidth=0.8))
    for (r, c), value in np.ndenumerate(values / (np.abs(values).max() or 1.0)):
        edge, face = (COLORS[0], COLORS[0]) if value > 0 else (COLORS[1], "white")
        side = 0.85 * np.sqrt(abs(value))
        corner = (left + c + 0.5 - side / 2, top - r - 0.5 - side / 2)
        ax.add_patch(Rectangle(corner, side, side, edgecolor=edge, facecolor=face))
    ax.text(left + width / 2, top + 0.3, title, ha="center", va="bottom")
    for r, name in enumerate(names):
        ax.text(left - 0.3, top - r - 0.5, name, ha="right", va="center", fontsize=9)


def arrow(ax: "Axes", start: Point, end: Point, text: str = "", shift: Point = (0, 0.3), **how: Any) -> None:
    """An arrow with a text near its middle."""
    style = {"arrowstyle": "-|>", "facecolor": "black", "shrinkA": 0, "shrinkB": 0}
    ax.annotate("", end, start, arrowprops=style)
    x, y = np.add(np.add(start, end) / 2, shift)
    ax.text(x, y, text, **({"ha": "center", "va": "bottom"} | how))


def afm_picture(params: Params, row: Batch) -> None:
    """Every array of AFM for one row, from the embeddings to the prediction."""
    y_hat, cache = afm.forward(params, row)
    ax = plt.subplots(figsize=(9.6, 5.0), layout="constrained")[1]
    tiles(ax, cache.E[0], 3, 5, "E (m, k)\n$e_i = v_i x_i$", [f"feature {i}" for i in row.idx[0]])
    tiles(ax, cache.M[0], 13, 5, "M (P, k)\n$m_{ij} = e_i \\odot e_j$", [f"{i}, {j}" for i, j in row.distinct_pairs()])
    tiles(ax, cache.R[0], 23, 5, "R (P, t)\n$\\mathrm{relu}(m W + b)$")
    tiles(ax, cache.s[0][:, None], 30, 5, "s (P)\nscores")
    tiles(ax, cache.a[0][:, None], 37, 5, "a (P)\nattention")
    tiles(ax, cache.pooled, 13, -3, "", ["pooled (k)"])
    tiles(ax, (params["w"][row.idx] * row.x).T, 7, -6.5, "$w_i x_i$")
    arrow(ax, (8.2, 5), (11, 5), "eq. (2)")
    arrow(ax, (18.3, 5), (22.7, 5), "$W, b$\neq. (5)")
    arrow(ax, (26.3, 5), (29.7, 5), "$h$\neq. (5)")
    arrow(ax, (31.3, 5), (36.7, 5), "softmax\neq. (5)")
    arrow(ax, (15.5, 1.8), (15.5, -2.3))
    arrow(ax, (37.5, 1.8), (18.3, -2.7), "$\\sum a_{ij} m_{ij}$\neq. (4)", (-7, 0.2), va="center")
    arrow(ax, (18.3, -3.3), (31, -5), "$p\\,\\cdot$ pooled, eq. (6)", (1.5, 0.3), ha="left")
    arrow(ax, (8.3, -7.2), (31, -5.8), "$w_0 + \\sum w_i x_i$", (0, -0.4), va="top")
    ax.text(31.5, -5.4, f"$\\hat y$ = {y_hat[0]:.2f}", va="center", fontsize=12, bbox={"facecolor": "white"})
    ax.set(xlim=(-1.5, 39.5), ylim=(-9.2, 10.8), aspect="equal")
    ax.axis("off")
