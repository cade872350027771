"""Plots are compared with what they were given (curves, cells, bars, labels); pictures are compared as images."""

import copy

import numpy as np
import pictures
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
    batch = Batch.from_padded([[0, 1, 2, 3], [0, 1, 0, 0]], [[1, 1, 1, 1], [1, 1, 0, 0]], n=4)
    params = model.init_params(np.random.default_rng(0), batch, k=2, std=1.0, dtype=float)
    return explain.contributions(model, params, batch)


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


@pytest.mark.parametrize("scale, marked", [(1.0, True), (3.0, False)])
def test_attention_map_marks_the_even_share(ax, scale, marked):
    """1/3 of three pairs. Weights that are no shares, as those of sum pooling, have none."""
    mean = scale * np.array([[np.nan, 0.2, 0.5], [0.2, np.nan, 0.3], [0.5, 0.3, np.nan]])
    plots.attention_map(mean, list("abc"), ax=ax)
    sides = ax.figure.axes[1].child_axes
    assert len(sides) == marked
    assert not marked or sides[0].get_yticks().tolist() == [1 / 3]
    assert not marked or sides[0].get_yticklabels()[0].get_text() == "even\nshare"


def test_contribution_bars(ax, parts):
    assert plots.contribution_bars(parts, names=list("wxyz"), top=3, ax=ax) is ax
    order = np.argsort(-np.abs(parts.pair[0]))[:3]
    np.testing.assert_allclose([bar.get_width() for bar in ax.patches], parts.pair[0, order])
    i, j = parts.batch.pair_i[order[0]], parts.batch.pair_j[order[0]]
    assert ax.get_yticklabels()[0].get_text() == f"{'wxyz'[i]} × {'wxyz'[j]}"
    assert {bar.get_hatch() for bar in ax.patches if bar.get_width() < 0} <= {"//"}


def test_curves_stand_over_the_epochs_of_their_history(ax):
    """A history that goes on from an earlier run does not start at 1."""
    later = [row | {"epoch": 2 * row["epoch"] + 5} for row in HISTORY]
    plots.learning_curves(later, ax=ax)
    assert [list(line.get_xdata()) for line in ax.lines] == [[7, 9, 11, 13, 15], [7, 9, 11, 13, 15], [11]]
    other = Figure().subplots()
    plots.convergence({"FM": HISTORY, "AFM": later}, ax=other)
    assert [list(line.get_xdata()) for line in other.lines] == [[1, 2, 3, 4, 5], [7, 9, 11, 13, 15]]
    assert ax.get_xlabel() == other.get_xlabel() == "epoch"


def test_names_and_attention_stand_beside_their_bars_and_cells(ax, parts):
    order, pairs = explain.largest(parts, 0, list("wxyz"))
    plots.contribution_bars(parts, names=list("wxyz"), ax=ax)
    assert [tick.get_text() for tick in ax.get_yticklabels()] == [" × ".join(pair) for pair in pairs]
    assert [text.get_text() for text in ax.texts] == [f"a = {a:.3f}" for a in parts.attention[order]]
    heights = [bar.get_y() for bar in ax.patches]
    assert heights == sorted(heights) and ax.yaxis_inverted()                # the largest is on top
    other = Figure().subplots()
    plots.attention_map(np.eye(3), list("abc"), ax=other)
    for axis in (other.xaxis, other.yaxis):
        assert axis.get_ticklocs().tolist() == [0, 1, 2]
        assert [label.get_text() for label in axis.get_ticklabels()] == list("abc")


def test_names_are_drawn_as_they_are_written(parts):
    """No letter is taken for a formula or sent to a terminal."""
    names = ["$price_$", "a\nb", "\x1b[31m", r"\alpha$"]
    shown = ["$price_$", "a\\nb", "\\x1b[31m", r"\alpha$"]
    figure = Figure()
    bars, cells, points = figure.subplots(1, 3)
    plots.contribution_bars(parts, names=names, ax=bars)
    assert {tick.get_text() for tick in bars.get_yticklabels()} == {
        f"{shown[i]} × {shown[j]}" for i in range(4) for j in range(i + 1, 4)
    }
    plots.attention_map(np.eye(4), names, ax=cells)
    assert [tick.get_text() for tick in cells.get_xticklabels()] == shown
    plots.embedding_map(np.eye(4), names, ax=points)
    assert [text.get_text() for text in points.texts] == shown
    figure.canvas.draw()


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
    np.testing.assert_allclose([text.xy for text in ax.texts], points)


def test_embedding_map_of_one_dimension(ax):
    plots.embedding_map(np.array([[1.0], [2.0]]), ax=ax)
    assert ax.get_ylabel() == "second principal axis"


@pytest.mark.parametrize("draw, message", [
    (lambda parts: plots.learning_curves([]), "the history is empty: there is no epoch to draw"),
    (lambda parts: plots.learning_curves(HISTORY, keys=["auc"]), "the history has no auc; it has epoch, loss"),
    (lambda parts: plots.convergence({"FM": HISTORY, "AFM": []}), "the history of AFM is empty"),
    (lambda parts: plots.convergence({"FM": [*HISTORY, {"epoch": 6}]}), "the history of FM has no valid_loss"),
    (lambda parts: plots.attention_map(np.eye(1), ["a"], count=np.eye(3)), r"count has shape \(3, 3\)"),
    (lambda parts: plots.embedding_map(np.ones(3)), r"V must be a matrix .* got shape \(3,\) of float64"),
    (lambda parts: plots.embedding_map(np.ones((0, 2))), r"V must be a matrix .* got shape \(0, 2\)"),
    (lambda parts: plots.convergence({"FM": HISTORY}, key="auc"), "history of FM has no auc; it has epoch"),
    (lambda parts: plots.attention_map(np.eye(3), ["a"]), r"mean has shape \(3, 3\), but there are 1 names"),
    (lambda parts: plots.contribution_bars(parts, 2), "row 2 is out of range; there are 2 rows"),
    (lambda parts: plots.contribution_bars(parts, top=0), "top must be an integer of at least 1; got 0"),
    (lambda parts: plots.contribution_bars(parts, names=["a"]), "1 names for 4 features"),
    (lambda parts: plots.embedding_map(np.ones((3, 2)), ["a"]), "there are 1 names for the 3 rows of V"),
    (lambda parts: plots.embedding_map(np.array([[1.0], [np.nan]])), "row 1: V must be finite"),
    (lambda parts: plots.embedding_map(np.ones((3, 2)), groups=["a", "b"]), "there are 2 groups for the 3 rows of V"),
])  # fmt: skip
def test_what_cannot_be_drawn_is_refused_and_no_figure_is_made(draw, message, parts):
    import matplotlib.pyplot as plt

    with pytest.raises(ValueError, match=message):
        draw(parts)
    assert not plt.get_fignums()


@pytest.mark.parametrize("draw, message", [
    (lambda parts: plots.learning_curves({"loss": [1, 2]}), "the history must be a list of dicts, one for each epoch"),
    (lambda parts: plots.learning_curves([1.0, 2.0]), "the history must be a list of dicts"),
    (lambda parts: plots.convergence([HISTORY]), "histories must be a dict of names and histories; got list"),
    (lambda parts: plots.contribution_bars([]), "parts must be what explain.contributions returns; got list"),
    (lambda parts: plots.attention_map(np.eye(2), {"a", "b"}), "names must be a list of texts in the order of the f"),
    (lambda parts: plots.attention_map(np.eye(2), "ab"), "names must be a list of texts in the order of the fields; g"),
    (lambda parts: plots.embedding_map(np.eye(2), "ab"), "names must be a list of texts in the order of the rows of V"),
    (lambda parts: plots.embedding_map(np.eye(2), groups={0: "a", 1: "b"}), "groups must be a list .*; got dict"),
    (lambda parts: plots.attention_map(np.ma.array(np.eye(2), mask=np.eye(2)), ["a", "b"]), "masked values are not"),
    (lambda parts: plots.attention_map([["a", "b"]] * 2, ["a", "b"]), "mean must be real numbers; got <U1"),
    (lambda parts: plots.learning_curves(HISTORY, keys="loss"), "keys must be a list of texts in the order of the cur"),
    (lambda parts: plots.embedding_map(np.ma.array(np.eye(2), mask=np.eye(2))), "masked values are not supported"),
    (lambda parts: plots.v_curve({"a": 1}), "curve must be what gradcheck.v_curve returns; got dict"),
    (lambda parts: plots.embedding_map(np.eye(2), ax=Figure()), "ax must be the Axes of a figure; got Figure"),
])  # fmt: skip
def test_other_things_are_refused_by_name(draw, message, parts):
    with pytest.raises(TypeError, match=message):
        draw(parts)


def test_an_epoch_without_a_loss_is_not_the_best(ax):
    plots.learning_curves([{"epoch": 1, "loss": 1.0, "valid_loss": np.nan}, *HISTORY[1:]], ax=ax)
    assert ax.lines[-1].get_xdata()[0] == 3


def test_axes_are_made_when_none_are_given():
    import matplotlib.pyplot as plt

    plt.switch_backend("Agg")
    ax = plots.learning_curves(HISTORY)
    assert ax.figure.number in plt.get_fignums()
    plt.close(ax.figure)


# ---- pictures ------------------------------------------------------------------------------------------


def test_every_plot_has_a_picture():
    assert set(pictures.drawings()) == set(plots.__all__) == {path.stem for path in pictures.IMAGES.iterdir()}


@pytest.mark.parametrize("name", plots.__all__)
def test_pictures_are_those_that_are_stored(name):
    drawn = pictures.draw(name, *pictures.drawings()[name])
    stored = (pictures.IMAGES / f"{name}.png").read_bytes()
    assert pictures.difference(drawn, stored) < pictures.TOLERANCE


def moved(value, at, by):
    """A copy of nested lists, dicts, tuples and arrays in which the number at a place is larger by `by`."""
    value = copy.deepcopy(value)
    *path, last = at
    target = value
    for key in path:
        target = getattr(target, key) if hasattr(target, str(key)) else target[key]
    target[last] += by
    return value


@pytest.mark.parametrize("name, at, by", [
    ("learning_curves", (0, 2, "loss"), 0.2),
    ("learning_curves", (0, 4, "valid_loss"), -0.4),          # another epoch is the best
    ("convergence", (0, "FM", 3, "valid_loss"), 0.15),
    ("convergence", (0, "AFM", 1, "valid_loss"), 0.15),
    ("attention_map", (0, (1, 0)), 0.3),
    ("contribution_bars", (0, "scores", 2), 3.0),
    ("v_curve", (0, 1, "central", 7), 1e-6),                  # curve.errors
    ("embedding_map", (0, (8, 0)), 3.0),
])  # fmt: skip
def test_a_changed_number_is_another_picture(name, at, by):
    args, options = pictures.drawings()[name]
    stored = (pictures.IMAGES / f"{name}.png").read_bytes()
    assert pictures.difference(pictures.draw(name, moved(args, at, by), options), stored) > pictures.TOLERANCE


@pytest.mark.parametrize("name", sorted(set(plots.__all__) - {"attention_map"}))
@pytest.mark.parametrize("what", ["COLORS", "nothing"])
def test_another_color_is_another_picture(name, what, monkeypatch):
    if what == "COLORS":
        monkeypatch.setattr(plots, "COLORS", plots.COLORS[::-1])
    drawn = pictures.draw(name, *pictures.drawings()[name])
    stored = (pictures.IMAGES / f"{name}.png").read_bytes()
    assert (pictures.difference(drawn, stored) > pictures.TOLERANCE) == (what == "COLORS")


def test_brother_lists_and_half_precision_are_drawn_as_arrays_are():
    mean, count = [[np.nan, 0.25], [0.25, np.nan]], [[0, 2], [2, 0]]
    drawn = plots.attention_map(mean, ["a", "b"], count=count).images[0].get_array()
    np.testing.assert_array_equal(drawn, mean)
    V = np.array([[300.0, -300.0], [-300.0, 300.0], [0.0, 1.0]])
    for kind in (np.float16, np.int16):
        found, want = (plots.embedding_map(one).collections[0].get_offsets() for one in (V.astype(kind), V))
        np.testing.assert_allclose(np.abs(found), np.abs(want), atol=1e-9)
