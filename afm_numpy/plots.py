"""Pictures of training, attention and gradient checks. Each function draws on `ax`, or new axes, and returns them.

Lines differ in style and marker as well as in color, and maps run from light to dark, so that the figures can be
read in black and white.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np

from ._checks import REAL, array, check_kind, check_listed, check_numbers
from ._files import Path, atomic_write, printable
from ._types import Array
from .explain import Contributions, largest
from .gradcheck import Curve

if TYPE_CHECKING:  # the command line starts without matplotlib
    from matplotlib.axes import Axes

__all__ = ["attention_map", "contribution_bars", "convergence", "embedding_map", "learning_curves", "v_curve"]

COLORS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#56B4E9", "#E69F00")  # Okabe and Ito
STYLES = ("-", "--", "-.", ":", (0, (5, 1, 1, 1, 1, 1)), (0, (1, 1)))
MARKERS = "osD^vx"

History: TypeAlias = Sequence[Mapping[str, Any]]  # of `train.fit`: a row for each epoch


def save(
    path: Path, draw: Callable[..., Any], *args: Any, size: tuple[float, float], title: str, **options: Any
) -> None:
    """Write what one of these functions draws as PNG, completely or not at all."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=size, layout="constrained")
    draw(*args, ax=figure.subplots(), **options).set_title(title)
    with atomic_write(path) as file:
        figure.savefig(file, format="png", dpi=110)


def _axes(ax: "Axes | None", **size: Any) -> "Axes":
    if ax is None:
        import matplotlib.pyplot as plt

        ax = plt.subplots(layout="constrained", **size)[1]
    if not hasattr(ax, "plot"):
        raise TypeError(f"ax must be the Axes of a figure; got {type(ax).__name__}")
    return ax


def _curve(ax: "Axes", number: int, x: Any, y: Any, label: str) -> None:
    """Curve number 0, 1, 2, ... with a color, a line style and sparse markers of its own."""
    ax.plot(
        x, y, label=label, color=COLORS[number % len(COLORS)], linestyle=STYLES[number % len(STYLES)],
        marker=MARKERS[number % len(MARKERS)], markevery=max(len(y) // 8, 1), markersize=5,
    )  # fmt: skip


def _check_history(name: str, history: Any) -> None:
    """Refuse what is not a list of one dict for each epoch."""
    if isinstance(history, Mapping) or not all(isinstance(row, Mapping) and "epoch" in row for row in history):
        raise TypeError(f"{name} must be a list of dicts, one for each epoch, as train.fit returns it")
    if not history:
        raise ValueError(f"{name} is empty: there is no epoch to draw")


def _of_epochs(ax: "Axes", number: int, history: History, key: str, label: str) -> None:
    _curve(ax, number, [row["epoch"] for row in history], [row[key] for row in history], label)


def _epochs(ax: "Axes", label: str) -> None:
    """Whole epochs below, `label` at the side, and a legend."""
    ax.locator_params(axis="x", integer=True)
    ax.set(xlabel="epoch", ylabel=label)
    ax.legend()


def learning_curves(
    history: History, *, keys: Sequence[str] = ("loss", "valid_loss"), label: str = "loss", ax: "Axes | None" = None
) -> "Axes":
    """Loss of the training and the validation rows against the epoch; the best epoch is marked.

    Parameters
    ----------
    history : list of dict
        From `train.fit`.
    keys : sequence of str
        Which entries to draw; those that the history lacks are left out.
    label : str
        Of the vertical axis.
    """
    _check_history("the history", history)
    check_listed("keys", keys, "the curves")
    drawn = [key for key in keys if all(key in row for row in history)]
    if not drawn:
        raise ValueError(f"the history has no {' or '.join(keys)}; it has {', '.join(history[0])}")
    ax = _axes(ax, figsize=(6.4, 4.0))
    words = {"loss": "training rows (with dropout)", "valid_loss": "validation rows"}
    for number, key in enumerate(drawn):
        _of_epochs(ax, number, history, key, words.get(key, key))
    if "valid_loss" in drawn:
        best = min(history, key=lambda row: (np.isnan(row["valid_loss"]), row["valid_loss"]))
        label_of_best = f"best: epoch {best['epoch']}"
        ax.plot(best["epoch"], best["valid_loss"], "*", color="black", markersize=12, label=label_of_best)
    _epochs(ax, label)
    return ax


def convergence(
    histories: Mapping[str, History], *, key: str = "valid_loss", label: str | None = None, ax: "Axes | None" = None
) -> "Axes":
    """One curve a model: how fast and how far each one gets, as the paper's Figure 5.

    Parameters
    ----------
    histories : dict of str to list of dict
        Name of the model to its history.
    key : str
        The entry of the histories to draw.
    label : str, optional
        Of the vertical axis; the key when not given.
    """
    check_kind("histories", histories, Mapping, "a dict of names and histories")
    for name, history in histories.items():
        _check_history(f"the history of {name}", history)
        if not all(key in row for row in history):
            raise ValueError(f"the history of {name} has no {key}; it has {', '.join(history[0])}")
    ax = _axes(ax, figsize=(6.4, 4.0))
    for number, (name, history) in enumerate(histories.items()):
        _of_epochs(ax, number, history, key, name)
    _epochs(ax, label or key.replace("_", " "))
    return ax


def attention_map(
    mean: Array, names: Sequence[str], *, count: Array | None = None, ax: "Axes | None" = None
) -> "Axes":
    """Mean attention between fields as a map; darker is more. The scale marks 1/P, the even share of P pairs.

    Parameters
    ----------
    mean : (m, m) array
        From `explain.field_attention`; NaN stays white.
    names : sequence of str
        The fields.
    count : (m, m) array, optional
        Rows behind each mean; written into the cells when it differs between them.
    """
    check_listed("names", names, "the fields")
    m = len(names)
    mean, counts = array(mean), array(np.ones((m, m)) if count is None else count)
    for what, values in (("mean", mean), ("count", counts)):
        check_numbers(values.dtype, REAL, what)
        if values.shape != (m, m):
            raise ValueError(f"{what} has shape {values.shape}, but there are {m} names; want ({m}, {m})")
    ax = _axes(ax, figsize=(2.6 + 0.42 * m, 1.8 + 0.42 * m))
    image = ax.imshow(mean, cmap="cividis_r")
    scale = ax.figure.colorbar(image, ax=ax, label="mean attention (share of the row's pairs)", shrink=0.8)
    low, high = image.get_clim()
    if m > 1 and low <= 2 / (m * (m - 1)) <= high:
        scale.ax.secondary_yaxis("left").set_yticks([2 / (m * (m - 1))], ["even\nshare"])
    shown = [printable(str(name)) for name in names]
    ax.set_xticks(range(m), shown, rotation=60, ha="right", rotation_mode="anchor", parse_math=False)
    ax.set_yticks(range(m), shown, parse_math=False)
    if len(np.unique(counts[~np.eye(m, dtype=bool)])) > 1:
        dark = low + 0.6 * (high - low)
        for i, j in zip(*np.nonzero(counts), strict=True):
            color = "white" if mean[i, j] > dark else "black"
            ax.text(j, i, f"{counts[i, j]}", ha="center", va="center", fontsize=7, color=color)
    return ax


def contribution_bars(
    parts: Contributions, row: int = 0, names: Sequence[str] | None = None, *, top: int = 10, ax: "Axes | None" = None
) -> "Axes":
    """The largest pair contributions of one row as bars; the attention of each pair is written beside it.

    Parameters
    ----------
    parts : explain.Contributions
    row : int, counted from 0
    names : sequence of str, optional
        Name of each feature id.
    top : int
        How many pairs.
    """
    check_kind("parts", parts, Contributions, "what explain.contributions returns")
    order, labels = largest(parts, row, names, top)
    ax = _axes(ax, figsize=(8.0, 1.2 + 0.36 * max(len(order), 1)))
    values = parts.attention[order] * parts.scores[order]
    bars = ax.barh(range(len(order)), values, edgecolor="black")
    for bar, value in zip(bars, values, strict=True):
        bar.set(facecolor=COLORS[0] if value >= 0 else COLORS[1], hatch="" if value >= 0 else "//")
    ax.bar_label(bars, [f"a = {a:.3f}" for a in parts.attention[order]], padding=4, fontsize=9)
    shown = [" × ".join(map(printable, pair)) for pair in labels]
    ax.set_yticks(range(len(order)), shown, fontsize=9, parse_math=False)
    ax.invert_yaxis()
    ax.margins(x=0.5)
    ax.axvline(0, color="black", linewidth=0.8)
    ax.set(xlabel="contribution to the raw output, a × (p · m)")
    return ax


def v_curve(curve: Curve, *, ax: "Axes | None" = None) -> "Axes":
    """Error of a measured slope against the step, both axes logarithmic: the V of central differences.

    Parameters
    ----------
    curve : gradcheck.Curve
        From `gradcheck.v_curve`.
    """
    check_kind("curve", curve, Curve, "what gradcheck.v_curve returns")
    ax = _axes(ax, figsize=(6.4, 4.4))
    smallest = np.finfo(float).eps / 100
    for number, (name, error) in enumerate(curve.errors.items()):
        _curve(ax, number, curve.eps, np.maximum(error, smallest), name)
    ax.set(xscale="log", yscale="log", xlabel="step eps", ylabel="relative error of the slope")
    ax.legend(fontsize=9)
    return ax


def embedding_map(
    V: Array, names: Sequence[str] | None = None, *, groups: Sequence[str] | None = None, ax: "Axes | None" = None
) -> "Axes":
    """The embeddings on their first two principal axes: features that interact alike lie in one direction.

    Parameters
    ----------
    V : (n, k) array
    names : sequence of str, optional
        Text beside each point.
    groups : sequence of str, optional
        A group a point, such as its field: one color and marker each.
    """
    V = array(V)
    if V.ndim != 2 or V.dtype.kind not in "fiu" or not len(V):
        raise ValueError(f"V must be a matrix with a row of numbers for each point; got shape {V.shape} of {V.dtype}")
    for what, texts in (("names", names), ("groups", groups)):
        check_listed(what, texts, "the rows of V")
        if texts is not None and len(texts) != len(V):
            raise ValueError(f"there are {len(texts)} {what} for the {len(V)} rows of V")
    if not np.isfinite(V).all():
        raise ValueError(f"row {np.flatnonzero(~np.isfinite(V).all(axis=1))[0]}: V must be finite")
    ax = _axes(ax, figsize=(6.4, 5.4))
    centered = V - V.mean(axis=0, dtype=float)              # float16 has no singular values
    _, size, axes = np.linalg.svd(centered, full_matrices=False)
    points = np.zeros((len(V), 2))
    points[:, : min(2, len(axes))] = centered @ axes[:2].T
    share = size**2 / max((size**2).sum(), np.finfo(float).tiny)
    group_of = np.array([""] * len(V) if groups is None else list(groups))
    for number, group in enumerate(dict.fromkeys(group_of.tolist())):
        x, y = points[group_of == group].T
        marker, color = MARKERS[number % len(MARKERS)], COLORS[number % len(COLORS)]
        ax.scatter(x, y, s=24, marker=marker, color=color, label=group or None)
    for (x, y), name in zip(points, [] if names is None else names, strict=False):
        ax.annotate(
            printable(str(name)), (x, y), xytext=(3, 3), textcoords="offset points", fontsize=8, parse_math=False
        )
    ax.axhline(0, color="grey", linewidth=0.6)
    ax.axvline(0, color="grey", linewidth=0.6)
    ax.set(xlabel=f"first principal axis ({share[0]:.0%} of the variance)")
    ax.set(ylabel=f"second principal axis ({share[1]:.0%})" if len(share) > 1 else "second principal axis")
    if groups is not None and any(groups):
        ax.legend(fontsize=9)
    return ax
