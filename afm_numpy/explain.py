"""Which pairs made a prediction: attention, interaction score and contribution of every feature pair.

    y_hat = w0 + sum_i w_i x_i + sum_p a_p (p . m_p)              eq. (6), pair by pair

For FM a_p is 1 and p is ones. The contributions add up to the prediction; they say what the model computed,
not what causes the outcome.
"""

from numbers import Integral
from typing import NamedTuple

import numpy as np

from . import afm
from ._checks import check_kind, check_size
from .batch import Batch

__all__ = ["Contributions", "contributions", "field_attention", "largest", "table"]


class Contributions(NamedTuple):
    """What each part adds to the predictions of B rows; P slot pairs (i, j), in lexicographic order.

    Parameters
    ----------
    batch : Batch
        The rows; `batch.idx[:, batch.pair_i]` and `batch.pair_j` are the features of the pairs.
    bias : float
        w0.
    linear : (B, m) array
        w_i x_i.
    a : (B, P) array
        Attention; 0 where the pair is absent.
    score : (B, P) array
        Interaction score p . m_p.
    pair : (B, P) array
        Contribution a_p (p . m_p).
    y_hat : (B,) array
        The prediction: bias + linear + pair, summed over the row.
    """

    batch: Batch
    bias: float
    linear: np.ndarray
    a: np.ndarray
    score: np.ndarray
    pair: np.ndarray
    y_hat: np.ndarray


def contributions(model, params, batch, chunk=1024):
    """Split the predictions of a model into the contributions of features and feature pairs.

    Parameters
    ----------
    model : Model
    params : dict
    batch : Batch
    chunk : int
        Rows at a time; bounds the memory.

    Returns
    -------
    Contributions

    Examples
    --------
    >>> from afm_numpy import Batch, Model
    >>> params = {"w0": np.array(0.5), "w": np.array([1.0, 2.0, 0.0]), "V": np.array([[1.0], [2.0], [3.0]])}
    >>> parts = contributions(Model("fm"), params, Batch.from_lists([[0, 1, 2]], n=3))
    >>> parts.linear.tolist(), parts.pair.tolist(), parts.y_hat.tolist()
    ([[1.0, 2.0, 0.0]], [[2.0, 3.0, 6.0]], [14.5])
    """
    check_kind("batch", batch, Batch, "a Batch")
    if model.kind == "fm":              # FM is AFM with sum pooling and a projection of ones
        params = params | {"p": np.ones(params["V"].shape[1], params["V"].dtype)}
    attention = "sum" if model.kind == "fm" else model.attention
    batch = Batch(batch.idx, batch.x, batch.n).astype(params["V"].dtype)
    parts = []
    for at in range(0, max(len(batch), 1), chunk):
        y_hat, cache = afm.forward(params, batch[at : at + chunk], attention=attention)
        parts.append((cache.a, cache.M @ params["p"], y_hat))
    a, score, y_hat = (np.concatenate(part) for part in zip(*parts, strict=True))
    return Contributions(batch, float(params["w0"]), params["w"][batch.idx] * batch.x, a, score, a * score, y_hat)


def field_attention(parts):
    """Mean attention between slots, and how many rows stand behind each mean.

    Parameters
    ----------
    parts : Contributions
        Of rows whose slots mean fields.

    Returns
    -------
    mean : (m, m) array
        Mean a_p over the rows that have the pair; symmetric, NaN on the diagonal and where no row has it.
    count : (m, m) int array
        The number of these rows.

    Examples
    --------
    >>> from afm_numpy import Batch, Model
    >>> model, batch = Model("afm", "uniform"), Batch.from_lists([[0, 1, 2], [0, 1]], n=3)
    >>> params = model.init_params(np.random.default_rng(0), batch, k=1, dtype=float)
    >>> mean, count = field_attention(contributions(model, params, batch))
    >>> mean[0].round(3).tolist(), count[0].tolist()
    ([nan, 0.667, 0.333], [0, 2, 1])
    """
    batch = parts.batch
    seen = batch.mask.sum(axis=0)
    mean, count = np.full((batch.m, batch.m), np.nan), np.zeros((batch.m, batch.m), np.intp)
    total = np.where(batch.mask, parts.a, 0).sum(axis=0, dtype=np.float64)
    for i, j in ((batch.pair_i, batch.pair_j), (batch.pair_j, batch.pair_i)):
        count[i, j] = seen
        mean[i, j] = np.divide(total, seen, out=np.full(seen.shape, np.nan), where=seen > 0)
    return mean, count


def largest(parts, row, names=None):
    """The pairs of one row, the largest contribution first: their places, and the names of the two features.

    Parameters
    ----------
    parts : Contributions
    row : int
    names : sequence of str, optional
        Name of each feature id; the ids themselves when not given.

    Returns
    -------
    order : (N,) array
        Columns of `parts.pair`, of the N pairs that the row has.
    labels : list of (str, str)

    Examples
    --------
    >>> from afm_numpy import Batch, Model
    >>> params = {"w0": np.array(0.0), "w": np.zeros(3), "V": np.array([[1.0], [2.0], [3.0]])}
    >>> parts = contributions(Model("fm"), params, Batch.from_lists([[0, 1, 2]], n=3))
    >>> largest(parts, 0)
    (array([2, 1, 0]), [('1', '2'), ('0', '2'), ('0', '1')])
    """
    batch = parts.batch
    if not isinstance(row, Integral):
        raise TypeError(f"row must be an integer; got {row!r:.60}")
    if not -len(batch) <= row < len(batch):
        raise ValueError(f"row {row} is out of range; there are {len(batch)} rows")
    if names is not None and len(names) < batch.n:
        raise ValueError(f"{len(names)} names for {batch.n} features; want one for each feature id")
    present = np.flatnonzero(batch.mask[row])
    order = present[np.argsort(-np.abs(parts.pair[row, present]), kind="stable")]
    ends = batch.idx[row, batch.pair_i[order]], batch.idx[row, batch.pair_j[order]]
    return order, [tuple(str(id) if names is None else str(names[id]) for id in ids) for ids in zip(*ends, strict=True)]


def table(parts, row=0, names=None, top=10):
    """One row's prediction as text: its largest pair contributions, and how the parts add up.

    Parameters
    ----------
    parts : Contributions
    row : int
    names : sequence of str, optional
        Name of each feature id, such as `TableEncoder.feature_names()`.
    top : int
        How many pairs to list; the others are one line.

    Examples
    --------
    >>> from afm_numpy import Batch, Model
    >>> params = {"w0": np.array(0.5), "w": np.array([1.0, 2.0, 0.0]), "V": np.array([[1.0], [2.0], [3.0]])}
    >>> parts = contributions(Model("fm"), params, Batch.from_lists([[0, 1, 2]], n=3))
    >>> print(table(parts, names=["red", "round", "ripe"], top=1))
    attention      score  contribution  pair
       1.0000    +6.0000       +6.0000  round x ripe
                               +5.0000  2 other pairs
                               +3.0000  linear terms
                               +0.5000  bias w0
                              +14.5000  prediction
    """
    check_size("top", top)
    order, labels = largest(parts, row, names)
    lines = ["attention      score  contribution  pair"]
    for p, (first, second) in zip(order[:top], labels, strict=False):
        numbers = f"{parts.a[row, p]:9.4f} {parts.score[row, p]:+10.4f} {parts.pair[row, p]:+13.4f}"
        lines.append(f"{numbers}  {first} x {second}")
    rest = order[top:]
    sums = [(parts.pair[row, rest].sum(), f"{len(rest)} other pairs")] if len(rest) else []
    sums += [(parts.linear[row].sum(), "linear terms"), (parts.bias, "bias w0"), (parts.y_hat[row], "prediction")]
    return "\n".join(lines + [f"{value:+34.4f}  {label}" for value, label in sums])
