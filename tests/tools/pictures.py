"""One small picture of every plot, from fixed numbers; `python tests/tools/pictures.py` stores them in tests/images.

test_plots.py draws them again and compares. They are without words, whose form changes from version to version of
matplotlib (test_plots.py compares the words themselves), and they are averaged over squares of 5 pixels first.
"""

import io
from pathlib import Path

import numpy as np
from matplotlib.figure import Figure
from matplotlib.image import imread

from afm_numpy import Batch, Model, explain, plots
from afm_numpy.gradcheck import Curve

IMAGES = Path(__file__).parents[1] / "images"
SQUARE = 5
TOLERANCE = 15                                                    # of 255 levels, in the worst square

HISTORY = [{"epoch": e, "loss": 1 / e, "valid_loss": abs(e - 3) / 4 + 0.3} for e in range(1, 7)]
OTHER = [{"epoch": e, "valid_loss": 1.2 / e + 0.1} for e in range(1, 5)]
EPS = 10.0 ** -np.arange(1, 16)
CURVE = Curve(EPS, {"central": EPS**2 + 1e-16 / EPS, "complex": np.maximum(EPS**2, 1e-16)})


def contributions():
    """Two rows of four features, the second with two of them, under weights by field."""
    batch = Batch.from_padded([[0, 1, 2, 3], [0, 1, 0, 0]], [[1, 1, 1, 1], [1, 1, 0, 0]], n=4)
    angle = np.arange(4.0)
    params = {"w0": np.array(0.5), "w": angle / 4, "V": np.stack([np.cos(2 * angle), np.sin(2 * angle)], axis=1),
              "p": np.array([1.0, 0.5]), "field": np.array([0.9, 0.1, 0.4, 0.2, 0.7, 0.3])}  # fmt: skip
    return explain.contributions(Model("afm", "field"), params, batch)


def points():
    """Nine vectors of three numbers in three groups."""
    angle = np.arange(9.0)
    return np.stack([np.cos(angle) * angle, np.sin(2 * angle), np.cos(3 * angle) / 2], axis=1)


def drawings():
    """Name of the plot -> (its arguments, its options), for every plot."""
    parts = contributions()
    mean, count = explain.field_attention(parts)
    names = ["red", "round", "ripe", "sweet"]
    return {
        "learning_curves": ((HISTORY,), {}),
        "convergence": (({"FM": HISTORY, "AFM": OTHER},), {}),
        "attention_map": ((mean, names), {"count": count}),
        "contribution_bars": ((parts, 0, names), {"top": 5}),
        "v_curve": ((CURVE,), {}),
        "embedding_map": ((points(), list("abcdefghi")), {"groups": ["x"] * 3 + ["y"] * 4 + ["z"] * 2}),
    }


def draw(name, args, options):
    """The bytes of a PNG."""
    figure, file = Figure(figsize=(4.8, 3.6)), io.BytesIO()
    getattr(plots, name)(*args, **options, ax=figure.add_axes((0.1, 0.1, 0.8, 0.8)))
    for ax in figure.axes:
        for side in ax.child_axes:
            side.tick_params(labelleft=False)
        ax.set(xlabel="", ylabel="", title="")
        ax.tick_params(which="both", labelbottom=False, labelleft=False, labelright=False)
        for words in [*ax.texts, *([ax.legend_] if ax.legend_ else [])]:
            words.set_visible(False)
    figure.savefig(file, format="png", dpi=50, metadata={"Software": None})
    return file.getvalue()


def difference(one, other):
    """How far the averages of the squares of two pictures are apart, in the worst square and color."""
    squares = []
    for png in (one, other):
        pixels = 255 * imread(io.BytesIO(png))[..., :3]
        height, width = (size // SQUARE for size in pixels.shape[:2])
        tiles = pixels[: height * SQUARE, : width * SQUARE].reshape(height, SQUARE, width, SQUARE, 3)
        squares.append(tiles.mean(axis=(1, 3)))
    return np.abs(squares[0] - squares[1]).max() if squares[0].shape == squares[1].shape else np.inf


if __name__ == "__main__":
    IMAGES.mkdir(exist_ok=True)
    for name, arguments in drawings().items():
        (IMAGES / f"{name}.png").write_bytes(draw(name, *arguments))
        print(IMAGES / f"{name}.png")
