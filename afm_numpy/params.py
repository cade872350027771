"""Which arrays a model has, and their shapes. A model's parameters are a plain dict of arrays.

Sizes: n features, k factors, t attention size, P slot pairs, F feature pairs seen in training.
An integer array is a table (the pairs that `free` is numbered by), not a parameter.
"""

from collections.abc import Mapping
from typing import Any, TypeAlias

import numpy as np

from ._checks import array, check_choice, check_kind
from ._types import Array, ArrayLike, Params
from .batch import Batch
from .batch.ragged import check_pair_memory
from .dropout import SITES, Dropout, check_masks

__all__ = [
    "ATTENTION", "FM_SHAPES", "NORMALISED", "afm_shapes", "check_backward", "check_fields", "check_forward",
    "check_params", "pair_bytes", "pair_table",
]  # fmt: skip

Shapes: TypeAlias = Mapping[str, str]

FM_SHAPES = {"w0": "", "w": "n", "V": "nk"}

ATTENTION: dict[str, dict[str, str]] = {
    "sum": {},
    "uniform": {},
    "free": {"free": "F", "pairs": "F2"},
    "field": {"field": "P"},
    "network": {"W": "kt", "b": "t", "h": "t"},
}
NORMALISED = ("uniform", "network")  # they divide by the number of pairs, so p starts at that number


def afm_shapes(attention: str) -> dict[str, str]:
    """Names and shapes of an AFM's arrays, for one way to weight the pairs.

    Examples
    --------
    >>> afm_shapes("network")
    {'w0': '', 'w': 'n', 'V': 'nk', 'p': 'k', 'W': 'kt', 'b': 't', 'h': 't'}
    """
    check_choice("attention", attention, ATTENTION)
    return {**FM_SHAPES, "p": "k", **ATTENTION[attention]}


def check_params(params: Mapping[str, Any], shapes: Shapes, **known: int) -> dict[str, int]:
    """Refuse a dict that lacks an array or has one of another shape; arrays not named in `shapes` are ignored.

    Parameters
    ----------
    params : dict of str to array
    shapes : dict of str to str
        One letter for each dimension, as in `afm_shapes`: "nk" means shape (n, k). Equal letters must have equal
        sizes; "2" means exactly 2.
    **known : int
        Sizes that are fixed beforehand.

    Returns
    -------
    dict of str to int
        The size of each letter.

    Raises
    ------
    ValueError, TypeError
        With the array's name, its shape, and the shape that would be right; also for float16, which soon overflows.

    Examples
    --------
    >>> check_params({"w0": np.zeros(()), "w": np.zeros(3), "V": np.zeros((3, 2))}, FM_SHAPES)
    {'n': 3, 'k': 2}
    """
    sizes = dict(known)
    for name, letters in shapes.items():
        if name not in params:
            raise ValueError(f"params lacks {name!r}; it needs {', '.join(shapes)}")
        shape, fixed = np.shape(params[name]), sizes.copy()
        fits = len(shape) == len(letters)
        for letter, size in zip(letters, shape, strict=False):
            fits &= size == (int(letter) if letter.isdigit() else sizes.setdefault(letter, size))
        if not fits:
            legend = ", ".join(f"{letter} = {fixed[letter]}" for letter in letters if letter in fixed)
            raise ValueError(
                f"params[{name!r}] has shape {shape}; want ({', '.join(letters)})"
                + (f" with {legend}" if legend else "")
            )
        value = params[name]
        if isinstance(value, (float, int, np.generic, np.ma.MaskedArray)):
            value = array(value)                             # refuses masks
        if not isinstance(value, np.ndarray) or isinstance(value, np.matrix):
            raise TypeError(f"params[{name!r}] must be an array; got {type(value).__name__}")
        if value.dtype.kind not in "fciu" or value.dtype.itemsize < 4:       # float16 and int8 soon overflow
            raise TypeError(f"params[{name!r}] is {value.dtype}; it must be float32 or float64")
    return sizes


def check_forward(
    params: Params, batch: Batch, shapes: Shapes, drop: Dropout = Dropout(), *, padded: bool = False
) -> None:
    """Refuse what a forward pass cannot take: other parameters, too many features, slots that are no fields, masks
    of another shape, and with `padded` rows whose arrays (B, P, k) and (B, P, t) do not fit into memory.
    """
    check_kind("params", params, dict, "a dict of arrays")
    check_kind("batch", batch, Batch, "a Batch (Batch.from_dense makes one of an array)")
    check_fields(batch, shapes)
    P = batch.m * (batch.m - 1) // 2
    sizes = check_params(params, shapes, P=P)
    if batch.n > sizes["n"]:
        raise ValueError(f"the batch has n = {batch.n} features, but w and V have only {sizes['n']} rows")
    check_masks(drop, batch, sizes["k"], SITES if "p" in shapes else ("pooled",))
    if padded:
        check_pair_memory(len(batch) * P, pair_bytes(params, shapes))


def check_backward(dy_hat: Array, batch: Batch) -> None:
    """Refuse an upstream gradient that is not one number for each row: NumPy would spread it over the rows."""
    check_kind("dy_hat", dy_hat, np.ndarray, "an array")
    if array(dy_hat).shape != (len(batch),):
        raise ValueError(f"dy_hat must have one number for each of the {len(batch)} rows; got shape {dy_hat.shape}")


def pair_bytes(params: Params, shapes: Shapes) -> int:
    """What a pair takes in the arrays (B, P, k) and (B, P, t) of the forward and backward pass of `afm.py`."""
    t = params["h"].size if "h" in shapes else 0
    return int(4 * (params["V"].shape[1] + t + 2) * params["V"].itemsize)


def check_fields(batch: Batch, shapes: Shapes) -> None:
    """Refuse rows whose slots are no fields when the attention has weights for pairs of fields."""
    if "field" in shapes and not batch.slots_are_fields:
        raise ValueError(
            'attention "field" has a weight for every two fields, but these rows do not say which slot is which '
            "field. Make them with a TableEncoder or Batch.from_padded, with x = 0 where a field is absent; give "
            "an estimator a dense array; in a libFM file, give every row all its fields, an absent one as id:0"
        )


def pair_table(pairs: ArrayLike | None, n: int) -> Array:
    """A copy of the table for "free"; it is searched by halves, so its pairs must ascend."""
    if pairs is None:
        raise ValueError('attention "free" needs pairs, those of the training rows: Batch.distinct_pairs()')
    table = np.array(array(pairs))
    fits = table.ndim == 2 and table.shape[1] == 2 and table.dtype.kind in "iu"
    i, j = table.T.astype(np.int64) if fits else np.zeros((2, 1))
    if not fits or not ((0 <= i) & (i < j) & (j < n)).all() or not (np.diff(i * n + j) > 0).all():
        raise ValueError(f"pairs must be an (F, 2) array of ids i < j below {n}, in ascending order and each once")
    return table
