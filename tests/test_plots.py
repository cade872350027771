"""Plots are compared with what they were given (curves, cells, bars, labels); pictures are compared as images."""

import io

import numpy as np
import pytest
from matplotlib.colors import to_rgba
from matplotlib.figure import Figure

from afm_numpy import Batch, Model, explain, plots
from afm_numpy.gradcheck import Curve

HISTORY = [{"epoch": e, "loss": 1 / e, "valid_loss": abs(e - 3) + 1.0} for e in range(1, 6)]


@pytest.fixture
def ax():
    return Figure(figsize=(5, 4), layout="constrained").subplots()


@pytest.fixture
def parts():
    model = Model("afm", "field")
    batch = Batch.from_lists([[0, 1, 2, 3], [3, 2]], n=4)
    params = model.init_params(np.random.default_rng(0), batch, k=2, std=1.0, dtype=float)
    return explain.contributions(model, params, batch)


def image(ax):
    """The picture as an array of gray values."""
    stream = io.BytesIO()
    ax.figure.savefig(stream, format="rgba", dpi=50)
    width, height = (int(50 * size) for size in ax.figure.get_size_inches())
    pixels = np.frombuffer(stream.getvalue(), np.uint8).reshape(height, width, 4)
    return pixels[:, :, :3].astype(float).mean(axis=2)


def test_learning_curves_draw_the_history_and_mark_the_best_epoch(ax):
    assert plots.learning_curves(HISTORY, ax=ax) is ax
    train, valid, best = ax.lines
    assert train.get_ydata().tolist() == [row["loss"] for row in HISTORY]
    assert valid.get_ydata().tolist() == [row["valid_loss"] for row in HISTORY]
    assert (best.get_xdata()[0], best.get_ydata()[0]) == (3, 1.0)
    assert ax.get_xlabel() == "epoch" and ax.get_ylabel() == "loss"
    assert train.get_linestyle() != valid.get_linestyle() and train.get_marker() != valid.get_marker()


def test_learning_curves_without_validation(ax):
    plots.learning_curves([{"epoch": 1, "loss": 2.0}], ax=ax)
    assert len(ax.lines) == 1


def test_convergence_has_one_curve_a_model(ax):
    assert plots.convergence({"FM": HISTORY, "AFM": HISTORY[:2]}, ax=ax) is ax
    assert [line.get_label() for line in ax.lines] == ["FM", "AFM"]
    assert [len(line.get_xdata()) for line in ax.lines] == [5, 2]
    assert ax.get_ylabel() == "valid loss"


def test_attention_map_shows_the_means_and_the_counts_when_they_differ(ax, parts):
    mean, count = explain.field_attention(parts)
    assert plots.attention_map(mean, list("abcd"), count=count, ax=ax) is ax
    np.testing.assert_array_equal(ax.images[0].get_array().filled(np.nan), mean)
    assert [tick.get_text() for tick in ax.get_yticklabels()] == list("abcd")
    assert sorted(text.get_text() for text in ax.texts) == sorted(str(c) for c in count[count > 0])


def test_attention_map_leaves_equal_counts_out(ax):
    mean, count = np.array([[np.nan, 0.5], [0.5, np.nan]]), np.array([[0, 7], [7, 0]])
    plots.attention_map(mean, ["a", "b"], count=count, ax=ax)
    assert not ax.texts


def test_attention_map_is_darker_where_attention_is_larger(ax):
    mean = np.array([[np.nan, 0.1, 0.9], [0.1, np.nan, 0.5], [0.9, 0.5, np.nan]])
    plots.attention_map(mean, list("abc"), ax=ax)
    gray = [np.mean(to_rgba(ax.images[0].cmap(ax.images[0].norm(value)))[:3]) for value in (0.1, 0.5, 0.9)]
    assert gray[0] > gray[1] > gray[2]


def test_contribution_bars(ax, parts):
    assert plots.contribution_bars(parts, names=list("wxyz"), top=3, ax=ax) is ax
    order = np.argsort(-np.abs(parts.pair[0]))[:3]
    np.testing.assert_allclose([bar.get_width() for bar in ax.patches], parts.pair[0, order])
    i, j = parts.batch.pair_i[order[0]], parts.batch.pair_j[order[0]]
    assert ax.get_yticklabels()[0].get_text() == f"{'wxyz'[i]} × {'wxyz'[j]}"
    assert {bar.get_hatch() for bar in ax.patches if bar.get_width() < 0} <= {"//"}


def test_v_curve_axes_are_logarithmic_and_zero_errors_stay_visible(ax):
    curve = Curve(np.array([1e-8, 1e-4]), {"central": np.array([1e-8, 1e-9]), "complex step": np.array([0.0, 1e-16])})
    assert plots.v_curve(curve, ax=ax) is ax
    assert ax.get_xscale() == ax.get_yscale() == "log"
    assert (ax.lines[1].get_ydata() > 0).all()


def test_embedding_map_puts_points_on_their_principal_axes(ax):
    V = np.array([[3.0, 0.0, 0.0], [-3.0, 0.0, 0.0], [0.0, 1.0, 0.0], [0.0, -1.0, 0.0]])
    assert plots.embedding_map(V, list("abcd"), groups=["x", "x", "y", "y"], ax=ax) is ax
    points = np.concatenate([dots.get_offsets() for dots in ax.collections])
    np.testing.assert_allclose(np.abs(points), np.abs(V[:, :2]), atol=1e-12)
    assert "90%" in ax.get_xlabel() and [text.get_text() for text in ax.texts] == list("abcd")


def test_embedding_map_of_one_dimension(ax):
    plots.embedding_map(np.array([[1.0], [2.0]]), ax=ax)
    assert ax.get_ylabel() == "second principal axis"


def test_axes_are_made_when_none_are_given():
    import matplotlib.pyplot as plt

    plt.switch_backend("Agg")
    ax = plots.learning_curves(HISTORY)
    assert ax.figure.number in plt.get_fignums()
    plt.close(ax.figure)


@pytest.mark.parametrize("change", [0.0, 0.5])
def test_the_picture_shows_a_change_of_the_data(change):
    """Equal data give equal pixels; a moved point does not."""
    figures = [Figure(figsize=(5, 4), layout="constrained").subplots() for _ in range(2)]
    moved = [dict(row, loss=row["loss"] + change * (row["epoch"] == 3)) for row in HISTORY]
    plots.learning_curves(HISTORY, ax=figures[0])
    plots.learning_curves(moved, ax=figures[1])
    difference = np.abs(image(figures[0]) - image(figures[1])).max()
    assert (difference > 50) == (change > 0)
