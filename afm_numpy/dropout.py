"""Dropout masks. They are drawn here and given to the forward pass: the same inputs always give the same output."""

from collections.abc import Mapping
from typing import NamedTuple

import numpy as np

from ._checks import check_choice, check_kind, check_number, check_size
from ._types import Array
from .batch import Batch

__all__ = ["PAIR_SITES", "SITES", "Dropout", "check_keep", "check_masks", "draw", "mask_shapes"]


class Dropout(NamedTuple):
    """Masks of inverted dropout: an entry is 0 (dropped) or 1/keep. None leaves a site alone.

    Parameters
    ----------
    interactions : (B, P, k) array, optional
        Multiplies the interactions m_p, before both attention and pooling (the paper's wording). AFM only.
    attention : (B, P) array, optional
        Multiplies a_p after the softmax. The paper advises against it; some public code does it. AFM only.
    pooled : (B, k) array, optional
        Multiplies the pooled vector (the authors' code); for FM the bi-interaction vector.
    """

    interactions: Array | None = None
    attention: Array | None = None
    pooled: Array | None = None


SITES = Dropout._fields
PAIR_SITES = SITES[:2]  # a pair has another mask in every row, so that the fast engine cannot share it between rows


def check_keep(keep: Mapping[str, float]) -> None:
    """Refuse unknown sites and probabilities outside (0, 1]."""
    check_kind("keep", keep, Mapping, 'a dict, such as {"pooled": 0.5}')
    for site, probability in keep.items():
        check_choice("dropout site", site, SITES)
        words = "the probability to keep a unit, in (0, 1]"
        check_number(f"keep[{site!r}]", probability, words, lambda probability: 0 < probability <= 1)


def mask_shapes(batch: Batch, k: int) -> dict[str, tuple[int, ...]]:
    """The shape of the mask of each site."""
    B, P = len(batch), batch.m * (batch.m - 1) // 2
    return {"interactions": (B, P, k), "attention": (B, P), "pooled": (B, k)}


def check_masks(drop: Dropout, batch: Batch, k: int, sites: tuple[str, ...]) -> None:
    """Refuse masks of another shape, because NumPy would use them for several rows, and masks for an unknown site."""
    check_kind("drop", drop, Dropout, "a Dropout, such as dropout.draw makes")
    for site, shape in mask_shapes(batch, k).items():
        mask = getattr(drop, site)
        if mask is not None and site not in sites:
            raise ValueError(f"this model has dropout at the site {', '.join(sites)} only; got a mask for {site}")
        if mask is not None and np.shape(mask) != shape:
            raise ValueError(f"the dropout mask for {site} must have shape {shape}; got {np.shape(mask)}")


def draw(rng: np.random.Generator, batch: Batch, k: int, keep: Mapping[str, float]) -> Dropout:
    """Draw the masks of one batch.

    Parameters
    ----------
    rng : numpy.random.Generator
    batch : Batch
    k : int
        Number of factors.
    keep : dict of str to float
        Probability to keep a unit, in (0, 1], for each site that has dropout. 1 draws nothing.

    Returns
    -------
    Dropout

    Examples
    --------
    >>> from afm_numpy import Batch
    >>> draw(np.random.default_rng(0), Batch.from_lists([[0, 1]], n=2), 4, {"pooled": 0.5}).pooled.tolist()
    [[0.0, 0.0, 0.0, 2.0]]
    """
    check_keep(keep)
    check_kind("batch", batch, Batch, "a Batch (Batch.from_dense makes one of an array)")
    check_size("k", k)
    check_kind("rng", rng, np.random.Generator, "a numpy.random.Generator, such as numpy.random.default_rng(0)")
    shapes, masks = mask_shapes(batch, k), {}
    for site in SITES:
        probability = keep.get(site, 1.0)
        if probability < 1.0:
            kept = rng.random(shapes[site], dtype=np.float32) < probability
            masks[site] = kept * batch.dtype.type(1.0 / probability)
    return Dropout(**masks)
