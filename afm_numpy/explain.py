"""Which pairs made a prediction: attention, interaction score and contribution of every feature pair.

    y_hat = w0 + sum_i w_i x_i + sum_p a_p (p . m_p)              eq. (6), pair by pair

For FM a_p is 1 and p is ones. The contributions add up to the prediction; they say what the model computed,
not what causes the outcome.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np

from ._checks import check_kind, check_listed, check_size
from ._files import printable
from ._types import Array, Attention, Params
from .batch import Batch
from .fast import afm_once_per_pair
from .fast.afm_once_per_pair import spans
from .models import Model
from .params import check_forward

__all__ = ["Contributions", "contributions", "field_attention", "largest", "table"]

CHUNK = 1 << 22  # numbers, pairs of rows times factors, that are computed at a time


@dataclass(frozen=True, eq=False)
class Contributions:
    """What each part adds to the predictions of B rows.

    The features and the O pairs that the rows really have stand one after the other, so a long row costs what it
    holds. `linear` shows w_i x_i as a (B, m) array. `a`, `score` and `pair` show the pairs as (B, P) arrays, 0 where a
    row does not have the pair; column p is the slot pair `batch.pair_i[p]`, `batch.pair_j[p]`.

    Parameters
    ----------
    batch : Batch
        The rows.
    bias : float
        w0.
    terms : (S,) array
        w_i x_i of each filled slot.
    y_hat : (B,) array
        The prediction: bias + linear + pair, summed over the row.
    ends : (B+1,) array
        Where the pairs of each row start, and where those of the last row end.
    first, second : (O,) arrays
        The slots i < j of each pair.
    attention, scores : (O,) arrays
        Attention a_p and interaction score p . m_p.
    """

    batch: Batch
    bias: float
    terms: Array
    y_hat: Array
    ends: Array
    first: Array
    second: Array
    attention: Array
    scores: Array

    @cached_property
    def linear(self) -> Array:
        """(B, m) linear terms w_i x_i."""
        return self.batch.padded(self.terms)

    @cached_property
    def a(self) -> Array:
        """(B, P) attention a_p."""
        return self._padded(self.attention)

    @cached_property
    def score(self) -> Array:
        """(B, P) interaction score p . m_p."""
        return self._padded(self.scores)

    @cached_property
    def pair(self) -> Array:
        """(B, P) contribution a_p (p . m_p)."""
        return self._padded(self.attention * self.scores)

    def ranked(self, row: int) -> Array:
        """Which of the O pairs are those of a row, the largest contribution first."""
        check_size("row", row, least=0)
        if row >= len(self.batch):
            raise ValueError(f"row {row} is out of range; there are {len(self.batch)} rows, counted from 0")
        span = slice(*self.ends[row : row + 2])
        return span.start + np.argsort(-np.abs(self.attention[span] * self.scores[span]), kind="stable")

    def _padded(self, values: Array) -> Array:
        B, m, i, j = len(self.batch), self.batch.m, self.first, self.second
        padded = np.zeros((B, m * (m - 1) // 2), values.dtype)
        padded[np.repeat(np.arange(B), np.diff(self.ends)), i * (2 * m - i - 1) // 2 + j - i - 1] = values
        return padded


def contributions(model: Model, params: Params, batch: Batch, chunk: int = CHUNK) -> Contributions:
    """Split the predictions of a model into the contributions of features and feature pairs.

    About `chunk` numbers are computed at a time, in the fast engine: memory and time grow with the pairs that the
    rows have, not with the longest row.

    Examples
    --------
    >>> from afm_numpy import Batch, Model
    >>> params = {"w0": np.array(0.5), "w": np.array([1.0, 2.0, 0.0]), "V": np.array([[1.0], [2.0], [3.0]])}
    >>> parts = contributions(Model("fm"), params, Batch.from_lists([[0, 1, 2]], n=3))
    >>> parts.linear.tolist(), parts.pair.tolist(), parts.y_hat.tolist()
    ([[1.0, 2.0, 0.0]], [[2.0, 3.0, 6.0]], [14.5])
    """
    check_kind("model", model, Model, "a Model")
    check_size("chunk", chunk)
    check_forward(params, batch, model.shapes)
    k, dtype = params["V"].shape[1], params["V"].dtype
    if model.kind == "fm":              # FM is AFM with sum pooling and a projection of ones
        params = params | {"p": np.ones(k, dtype)}
    attention: Attention = "sum" if model.kind == "fm" else model.attention
    batch = replace(batch.astype(dtype), n=max(batch.n, len(params["w"])))                  # labels of all features
    parts = []
    for rows in spans(batch, max(1, chunk // k)):
        y_hat, cache = afm_once_per_pair.forward(params, batch[rows], attention=attention)
        slot = cache.batch.slot_of
        parts.append((y_hat, *(slot.take(side) for side in cache.batch.sides), cache.a, cache.t))
    y_hat, first, second, a, scores = map(np.concatenate, zip(*parts, strict=True))
    ends = np.append(0, batch.pair_counts.cumsum())
    terms = params["w"].take(batch.ids) * batch.values
    return Contributions(batch, float(params["w0"]), terms, y_hat, ends, first, second, a, scores)


def field_attention(parts: Contributions) -> tuple[Array, Array]:
    """Mean attention between fields, and how many rows stand behind each mean.

    Slots must stand for fields, also where a row lacks some: see `Batch.slots_are_fields`.

    Returns
    -------
    mean : (m, m) array
        Mean a_p over the rows that have the pair; symmetric, NaN on the diagonal and where no row has it.
    count : (m, m) int array
        The number of these rows.

    Raises
    ------
    ValueError
        When rows lack features and were closed up, so that one slot means another field in each row.

    Examples
    --------
    >>> from afm_numpy import Batch, Model
    >>> model, batch = Model("afm", "uniform"), Batch.from_padded([[0, 1, 2], [0, 1, 0]], [[1, 1, 1], [1, 1, 0]])
    >>> params = model.init_params(np.random.default_rng(0), batch, k=1, dtype=float)
    >>> mean, count = field_attention(contributions(model, params, batch))
    >>> mean[0].round(3).tolist(), count[0].tolist()
    ([nan, 0.667, 0.333], [0, 2, 1])
    """
    batch, m = parts.batch, parts.batch.m
    if not batch.slots_are_fields:
        raise ValueError(
            "these rows do not say which slot is which field. A TableEncoder and Batch.from_padded keep every field in "
            "its slot; for other rows say it: from_lists(..., slots_are_fields=True)"
        )
    at = parts.first * m + parts.second
    count = np.bincount(at, minlength=m * m).reshape(m, m)
    with np.errstate(invalid="ignore"):
        mean = np.bincount(at, parts.attention, m * m).reshape(m, m) / count                          # 0 / 0 is NaN
    upper = np.triu_indices(m, 1)
    mean[upper[::-1]], count[upper[::-1]] = mean[upper], count[upper]
    return mean, count


def largest(
    parts: Contributions, row: int, names: Sequence[str] | None = None, top: int | None = None
) -> tuple[Array, list[tuple[str, str]]]:
    """The pairs of one row, the largest contribution first: which of the O they are, and their features' names.

    Parameters
    ----------
    parts : Contributions
    row : int, counted from 0
    names : sequence of str, optional
        Name of each feature id; the ids themselves when not given.
    top : int, optional
        How many pairs; all N that the row has when not given.

    Returns
    -------
    order : (N,) array
        Places in `parts.attention` and `parts.scores`.
    labels : list of (str, str)

    Examples
    --------
    >>> from afm_numpy import Batch, Model
    >>> params = {"w0": np.array(0.0), "w": np.zeros(3), "V": np.array([[1.0], [2.0], [3.0]])}
    >>> parts = contributions(Model("fm"), params, Batch.from_lists([[0, 1, 2]], n=3))
    >>> largest(parts, 0)
    (array([2, 1, 0]), [('1', '2'), ('0', '2'), ('0', '1')])
    """
    if top is not None:
        check_size("top", top)
    batch, order = parts.batch, parts.ranked(row)[:top]
    check_listed("names", names, "the ids")
    names = names if names is None else list(names)          # by place: a pandas Series may count in another way
    if names is not None and len(names) != batch.n:
        raise ValueError(f"{len(names)} names for {batch.n} features; want one for each feature id")
    named = [str(id if names is None else names[id]) for id in batch[[row]].idx[0]]
    ends = zip(parts.first[order], parts.second[order], strict=True)
    return order, [(named[i], named[j]) for i, j in ends]


def table(parts: Contributions, row: int = 0, names: Sequence[str] | None = None, top: int = 10) -> str:
    """One row's prediction as text: its largest pair contributions, and how the parts add up.

    Parameters
    ----------
    parts : Contributions
    row : int, counted from 0
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
    order, labels = largest(parts, row, names, top)
    lines = ["attention      score  contribution  pair"]
    for label, a, score in zip(labels, parts.attention[order], parts.scores[order], strict=True):
        lines.append(f"{a:9.4f} {score:+10.4f} {a * score:+13.4f}  {' x '.join(map(printable, label))}")
    rest = parts.ranked(row)[top:]
    sums = [(float(parts.attention[rest] @ parts.scores[rest]), f"{len(rest)} other pairs")] if len(rest) else []
    terms = parts.terms[slice(*parts.batch.ends[row : row + 2])]
    sums += [(terms.sum(), "linear terms"), (parts.bias, "bias w0"), (parts.y_hat[row], "prediction")]
    return "\n".join(lines + [f"{value:+34.4f}  {label}" for value, label in sums])
