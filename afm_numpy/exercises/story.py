"""What the notebooks share: the data of their story, settings that train its models, pictures and tables.

Viewers rate films. A rating depends on who watches which film, in which mood and in which company; six more facts of
each row mean nothing. The ratings are made up, so the truth is known: three pairs of facts matter.
"""

import base64
import io
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple, TypeAlias

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.patches import Rectangle

from .._types import Array, ArrayLike, Params
from ..batch import Batch
from ..datasets import Truth, make_interactions
from ..models import Model
from ..optim import Adam
from ..plots import COLORS, MARKERS, STYLES, attention_map
from ..recipes import Recipe, Rows, run
from ..train import Objective, evaluate

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

    png: bytes
    alt: str

    def _repr_mimebundle_(self, include: Any = None, exclude: Any = None) -> tuple[dict[str, str], dict[str, Any]]:
        data = {"image/png": base64.b64encode(self.png).decode(), "text/plain": self.alt}
        return data, {"image/png": {"alt": self.alt}}


def picture(alt: str) -> Picture:
    """The current figure, closed, with its text. It belongs on the last line of a cell."""
    file, figure = io.BytesIO(), plt.gcf()
    figure.savefig(file, format="png", dpi=90)
    plt.close(figure)
    return Picture(file.getvalue(), alt)


def look(number: int) -> dict[str, Any]:
    """Color, line style and marker of curve number 0, 1, 2, ...: to be told apart without color, too."""
    return {"color": COLORS[number], "linestyle": STYLES[number], "marker": MARKERS[number], "markersize": 5}


def pair_map(mean: Array, ax: "Axes | None" = None, planted: Iterable[tuple[int, int]] = PLANTED) -> "Axes":
    """Mean attention of every two facts, from `explain.field_attention`, with the planted pairs outlined."""
    ax = attention_map(mean, list(FACTS)[: len(mean)], ax=ax)
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
    for (r, c), value in np.ndenumerate(values / np.abs(values).max()):
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
