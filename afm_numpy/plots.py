"""Pictures of training, attention and gradient checks. Each function draws on `ax` and returns it.

Lines differ in style and marker as well as in color, and maps run from light to dark, so that the figures can be
read in black and white.
"""

import numpy as np

from ._checks import check_size
from ._files import atomic_write
from .explain import largest

__all__ = ["attention_map", "contribution_bars", "convergence", "embedding_map", "learning_curves", "v_curve"]

COLORS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#56B4E9", "#E69F00")  # Okabe and Ito
STYLES = ("-", "--", "-.", ":", (0, (5, 1, 1, 1, 1, 1)), (0, (1, 1)))
MARKERS = "osD^vx"


def save(figure, path, dpi=110):
    """Write a figure as PNG, completely or not at all."""
    with atomic_write(path) as file:
        figure.savefig(file, format="png", dpi=dpi)


def _axes(ax, **size):
    if ax is None:
        import matplotlib.pyplot as plt

        ax = plt.subplots(layout="constrained", **size)[1]
    return ax


def _look(number, points):
    """Color, line style and sparse markers of curve number 0, 1, 2, ..."""
    return {
        "color": COLORS[number % len(COLORS)],
        "linestyle": STYLES[number % len(STYLES)],
        "marker": MARKERS[number % len(MARKERS)],
        "markevery": max(points // 8, 1),
        "markersize": 5,
    }


def _epochs(ax, label):
    """Whole epochs below, `label` at the side, and a legend."""
    ax.xaxis.get_major_locator().set_params(integer=True)
    ax.set(xlabel="epoch", ylabel=label)
    ax.legend()


def learning_curves(history, *, keys=("loss", "valid_loss"), label="loss", ax=None):
    """Loss of the training and the validation rows against the epoch; the best epoch is marked.

    Parameters
    ----------
    history : list of dict
        From `train.fit`.
    keys : sequence of str
        Which entries to draw; those that the history lacks are left out.
    label : str
        Of the vertical axis.
    ax : matplotlib Axes, optional

    Returns
    -------
    matplotlib Axes
    """
    if not history:
        raise ValueError("the history is empty: there is no epoch to draw")
    drawn = [key for key in keys if key in history[0]]
    if not drawn:
        raise ValueError(f"the history has no {' or '.join(keys)}; it has {', '.join(history[0])}")
    ax = _axes(ax, figsize=(6.4, 4.0))
    epochs = [row["epoch"] for row in history]
    words = {"loss": "training rows (with dropout)", "valid_loss": "validation rows"}
    for number, key in enumerate(drawn):
        values = [row[key] for row in history]
        ax.plot(epochs, values, label=words.get(key, key), **_look(number, len(values)))
        if key == "valid_loss":
            best = int(np.argmin(values))
            ax.plot(epochs[best], values[best], "*", color="black", markersize=12, label=f"best: epoch {epochs[best]}")
    _epochs(ax, label)
    return ax


def convergence(histories, *, key="valid_loss", label=None, ax=None):
    """One curve a model: how fast and how far each one gets, as the paper's Figure 5.

    Parameters
    ----------
    histories : dict of str to list of dict
        Name of the model to its history.
    key : str
        The entry of the histories to draw.
    label : str, optional
        Of the vertical axis; the key when not given.
    ax : matplotlib Axes, optional

    Returns
    -------
    matplotlib Axes
    """
    for name, history in histories.items():
        if not history or key not in history[0]:
            found = ", ".join(history[0]) if history else "no epoch"
            raise ValueError(f"the history of {name} has no {key}; it has {found}")
    ax = _axes(ax, figsize=(6.4, 4.0))
    for number, (name, history) in enumerate(histories.items()):
        values = [row[key] for row in history]
        ax.plot([row["epoch"] for row in history], values, label=name, **_look(number, len(values)))
    _epochs(ax, label or key.replace("_", " "))
    return ax


def attention_map(mean, names, *, count=None, ax=None):
    """Mean attention between fields as a map; darker is more.

    Parameters
    ----------
    mean : (m, m) array
        From `explain.field_attention`; NaN stays white.
    names : sequence of str
        The fields.
    count : (m, m) array, optional
        Rows behind each mean; written into the cells when it differs between them.
    ax : matplotlib Axes, optional

    Returns
    -------
    matplotlib Axes
    """
    m = len(names)
    if np.shape(mean) != (m, m):
        raise ValueError(f"mean has shape {np.shape(mean)}, but there are {m} names; want ({m}, {m})")
    ax = _axes(ax, figsize=(2.6 + 0.42 * m, 1.8 + 0.42 * m))
    image = ax.imshow(mean, cmap="cividis_r")
    ax.figure.colorbar(image, ax=ax, label="mean attention (share of the row's pairs)", shrink=0.8)
    ax.set_xticks(range(m), names, rotation=60, ha="right", rotation_mode="anchor")
    ax.set_yticks(range(m), names)
    if count is not None and len(np.unique(count[~np.eye(m, dtype=bool)])) > 1:
        dark = np.nanmin(mean) + 0.6 * (np.nanmax(mean) - np.nanmin(mean))
        for i, j in zip(*np.nonzero(count), strict=True):
            color = "white" if mean[i, j] > dark else "black"
            ax.text(j, i, f"{count[i, j]}", ha="center", va="center", fontsize=7, color=color)
    return ax


def contribution_bars(parts, row=0, names=None, *, top=10, ax=None):
    """The largest pair contributions of one row as bars; the attention of each pair is written beside it.

    Parameters
    ----------
    parts : explain.Contributions
    row : int
    names : sequence of str, optional
        Name of each feature id.
    top : int
        How many pairs.
    ax : matplotlib Axes, optional

    Returns
    -------
    matplotlib Axes
    """
    check_size("top", top)
    order, labels = (found[:top] for found in largest(parts, row, names))
    ax = _axes(ax, figsize=(8.0, 1.2 + 0.36 * max(len(order), 1)))
    values = parts.pair[row, order]
    bars = ax.barh(range(len(order)), values, edgecolor="black")
    for bar, value in zip(bars, values, strict=True):
        bar.set(facecolor=COLORS[0] if value >= 0 else COLORS[1], hatch="" if value >= 0 else "//")
    ax.bar_label(bars, [f"a = {a:.3f}" for a in parts.a[row, order]], padding=4, fontsize=9)
    ax.set_yticks(range(len(order)), [" × ".join(pair) for pair in labels], fontsize=9)
    ax.invert_yaxis()
    ax.margins(x=0.5)
    ax.axvline(0, color="black", linewidth=0.8)
    ax.set(xlabel="contribution to the raw output, a × (p · m)")
    return ax


def v_curve(curve, *, ax=None):
    """Error of a measured slope against the step, both axes logarithmic: the V of central differences.

    Parameters
    ----------
    curve : gradcheck.Curve
        From `gradcheck.v_curve`.
    ax : matplotlib Axes, optional

    Returns
    -------
    matplotlib Axes
    """
    ax = _axes(ax, figsize=(6.4, 4.4))
    smallest = np.finfo(float).eps / 100
    for number, (name, error) in enumerate(curve.errors.items()):
        ax.plot(curve.eps, np.maximum(error, smallest), label=name, **_look(number, len(error)))
    ax.set(xscale="log", yscale="log", xlabel="step eps", ylabel="relative error of the slope")
    ax.legend(fontsize=9)
    return ax


def embedding_map(V, names=None, *, groups=None, ax=None):
    """The embeddings on their first two principal axes: features that interact alike lie in one direction.

    Parameters
    ----------
    V : (n, k) array
    names : sequence of str, optional
        Text beside each point.
    groups : sequence of str, optional
        A group a point, such as its field: one color and marker each.
    ax : matplotlib Axes, optional

    Returns
    -------
    matplotlib Axes
    """
    for what, texts in (("names", names), ("groups", groups)):
        if texts is not None and len(texts) != len(V):
            raise ValueError(f"there are {len(texts)} {what} for the {len(V)} rows of V")
    ax = _axes(ax, figsize=(6.4, 5.4))
    centered = V - V.mean(axis=0)
    _, size, axes = np.linalg.svd(centered, full_matrices=False)
    points = np.zeros((len(V), 2))
    points[:, : min(2, len(axes))] = centered @ axes[:2].T
    share = size**2 / max((size**2).sum(), np.finfo(float).tiny)
    groups = np.array([""] * len(V) if groups is None else list(groups))
    for number, group in enumerate(dict.fromkeys(groups)):
        of = groups == group
        marker, color = MARKERS[number % len(MARKERS)], COLORS[number % len(COLORS)]
        ax.scatter(*points[of].T, s=24, marker=marker, color=color, label=group or None)
    for point, name in zip(points, [] if names is None else names, strict=False):
        ax.annotate(str(name), point, xytext=(3, 3), textcoords="offset points", fontsize=8)
    ax.axhline(0, color="grey", linewidth=0.6)
    ax.axvline(0, color="grey", linewidth=0.6)
    ax.set(xlabel=f"first principal axis ({share[0]:.0%} of the variance)")
    ax.set(ylabel=f"second principal axis ({share[1]:.0%})" if len(share) > 1 else "second principal axis")
    if any(groups):
        ax.legend(fontsize=9)
    return ax
