"""Which arrays a model has, and their shapes. A model's parameters are a plain dict of arrays.

Sizes: n features, k factors, t attention size, P slot pairs, F feature pairs seen in training.
An integer array is a table (the pairs that `free` is numbered by), not a parameter.
"""

import numpy as np

__all__ = ["ATTENTION", "FM_SHAPES", "afm_shapes", "check_attention", "check_params"]

FM_SHAPES = {"w0": "", "w": "n", "V": "nk"}

ATTENTION = {
    "sum": {},
    "uniform": {},
    "free": {"free": "F", "pairs": "F2"},
    "field": {"field": "P"},
    "network": {"W": "kt", "b": "t", "h": "t"},
}


def check_attention(attention):
    """Refuse a name that is not one of the five ways to weight the pairs."""
    if attention not in ATTENTION:
        raise ValueError(f"unknown attention {attention!r}; choose from {', '.join(ATTENTION)}")


def afm_shapes(attention):
    """Names and shapes of an AFM's arrays, for one way to weight the pairs.

    Examples
    --------
    >>> afm_shapes("network")
    {'w0': '', 'w': 'n', 'V': 'nk', 'p': 'k', 'W': 'kt', 'b': 't', 'h': 't'}
    """
    check_attention(attention)
    return {**FM_SHAPES, "p": "k", **ATTENTION[attention]}


def check_params(params, shapes, **known):
    """Refuse a dict that lacks an array or has one of another shape; arrays not named in `shapes` are ignored.

    Parameters
    ----------
    params : dict of str to array
    shapes : dict of str to str
        A letter a dimension, as in `afm_shapes`. A letter's size is set by its first array; a digit is itself.
    **known : int
        Sizes that are fixed beforehand.

    Returns
    -------
    dict of str to int
        The size of each letter.

    Raises
    ------
    ValueError
        With the array's name, its shape, and the shape that would be right.

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
    return sizes
