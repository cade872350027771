"""Synthetic categorical data with planted pair importances, to ask when attention helps.

Dimensions: B rows, m = n_fields + n_noise slots, P = m(m-1)/2 slot pairs, n features, k factors.
"""

from collections.abc import Mapping, Sequence
from numbers import Integral
from typing import NamedTuple, get_args

import numpy as np

from .._checks import check_choice, check_kind, check_number, check_size
from .._types import Array, Loss
from ..batch import Batch


class Truth(NamedTuple):
    """What the targets of `make_interactions` were made from."""

    score: Array
    importance: Array
    w: Array
    V: Array


class Interactions(NamedTuple):
    """What `make_interactions` returns: rows, their targets, and the truth behind them."""

    batch: Batch
    y: Array
    truth: Truth


def make_interactions(
    rng: np.random.Generator, n_rows: int, n_fields: int = 5, field_size: int | Sequence[int] = 10, *,
    importances: Mapping[tuple[int, int], float] | None = None, n_noise: int = 0, k: int = 4, loss: Loss = "squared",
    noise: float = 0.1, linear: float = 0.0,
) -> Interactions:  # fmt: skip
    """Rows of categorical fields in which some pairs of fields matter more than others.

    Every row holds one value of each field, drawn uniformly, and the noise-free score is

        score = sum_i w_i + sum_{f<g} importance_fg <v_i, v_j>          i, j: the row's values of fields f, g

    An importance is the standard deviation that the pair adds to the score, up to the luck of the draw of V.
    The latent vectors sum to zero within each field, so no pair hides a linear effect. Noise fields come
    last; they have no linear effect and all their pairs weigh 0.

    Parameters
    ----------
    rng : numpy.random.Generator
        Where all random numbers come from: first w and V, then the rows, then the targets.
    n_rows, n_fields : int
        Rows, and fields that may matter (at least 2).
    field_size : int or sequence of int
        Values per field (at least 2), or of each field, the noise fields included. The features are numbered field by
        field: with one size, value v of field f has the id ``f * field_size + v``.
    importances : mapping of (int, int) to float, optional
        The importance of pairs of fields, numbered from 0; pairs that are not named weigh 0. By default
        neighbours matter: (0, 1) weighs 1, (1, 2) weighs 1/2, (2, 3) weighs 1/3, and so on.
    n_noise : int
        Number of noise fields.
    k : int
        Size of the latent vectors.
    loss : {"squared", "logistic"}
        Targets: the score plus normal noise, or 1 with probability 1 / (1 + exp(-score)) and else 0.
    noise : float
        Standard deviation of the noise that is added to the score, for the squared loss only.
    linear : float
        Standard deviation of w in the fields that are not noise fields.

    Returns
    -------
    Interactions
        Named tuple of the ``batch`` (B, m), the targets ``y`` (B,) and the ``truth``: ``score`` (B,),
        ``importance`` (P,) in the order of ``batch.pair_i`` and ``batch.pair_j``, ``w`` (n,) and ``V`` (n, k).

    Raises
    ------
    ValueError
        For sizes out of range, an unknown loss, or a pair that is not a pair of two fields that may matter.

    Examples
    --------
    >>> data = make_interactions(np.random.default_rng(0), 100, n_fields=3, importances={(0, 2): 1.5}, n_noise=1)
    >>> data.batch.idx.shape, data.truth.importance.tolist()
    ((100, 4), [0.0, 1.5, 0.0, 0.0, 0.0, 0.0])
    """
    least_of = [("n_rows", n_rows, 1), ("n_fields", n_fields, 2), ("k", k, 1), ("n_noise", n_noise, 0)]
    each = list(field_size) if isinstance(field_size, Sequence) else [field_size]
    for name, size, least in least_of + [("field_size", size, 2) for size in each]:
        check_size(name, size, least)
    for name, value in (("noise", noise), ("linear", linear)):
        check_number(name, value, "a finite number of at least 0", lambda value: value >= 0)
    check_choice("loss", loss, get_args(Loss))
    check_kind("rng", rng, np.random.Generator, "a numpy.random.Generator, such as numpy.random.default_rng(0)")
    m = n_fields + n_noise
    if len(each) not in (1, m):
        raise ValueError(f"field_size has {len(each)} sizes; want one size, or one for each of the {m} fields")
    strength = _strength(importances, n_fields, m)                           # (m, m), above the diagonal

    sizes = np.broadcast_to(np.array(each), m)
    first = sizes.cumsum() - sizes                                           # (m,) id of the first value
    field = np.repeat(np.arange(m), sizes)                                   # (n,)

    w = linear * rng.normal(size=len(field))                                 # (n,)
    w[field >= n_fields] = 0.0
    V = rng.normal(size=(len(field), k))                                     # (n, k)
    V -= (np.add.reduceat(V, first) / sizes[:, None])[field]
    V *= np.sqrt(sizes / (sizes - 1))[field, None] / k**0.25                 # <v_i, v_j> has variance 1

    idx = rng.integers(sizes, size=(n_rows, m)) + first
    batch = Batch.from_padded(idx, n=len(field))
    score = w[idx].sum(axis=1)                                               # (B,)
    for f, g in np.argwhere(strength):
        score += strength[f, g] * (V[idx[:, f]] * V[idx[:, g]]).sum(axis=1)
    if loss == "squared":
        y = score + noise * rng.normal(size=n_rows)
    else:
        y = (rng.logistic(size=n_rows) < score).astype(float)                # P(logistic < s) = sigmoid(s)
    return Interactions(batch, y, Truth(score, strength[batch.pair_i, batch.pair_j], w, V))


def _strength(importances: Mapping[tuple[int, int], float] | None, n_fields: int, m: int) -> Array:
    """The importances as a matrix, row < column."""
    if importances is None:
        importances = {(f, f + 1): 1 / (f + 1) for f in range(n_fields - 1)}
    strength = np.full((m, m), np.nan)
    for pair, value in importances.items():
        fields = sorted(pair) if isinstance(pair, tuple) else [pair]
        known = all(isinstance(field, Integral) and 0 <= field < n_fields for field in fields)
        if not known or len(set(fields)) != 2:
            raise ValueError(f"importances: {pair!r} is not a pair of two different fields among 0 to {n_fields - 1}")
        if not np.isfinite(value):
            raise ValueError(f"importances: the pair {pair!r} weighs {value!r}; it must be a finite number")
        if not np.isnan(strength[tuple(fields)]):
            raise ValueError(f"importances: the pair {pair!r} is given twice")
        strength[tuple(fields)] = value
    return np.nan_to_num(strength)
