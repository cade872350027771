"""The data set Adult (Census Income), embedded in the package."""

import gzip
from importlib.resources import files
from typing import NamedTuple

import numpy as np

from .._types import Array

_N_TRAIN = 32_561
_CONTINUOUS = ("age", "fnlwgt", "education-num", "capital-gain", "capital-loss", "hours-per-week")


class Adult(NamedTuple):
    """What `load_adult` returns: two tables of columns, their targets, and the kinds of the columns."""

    train: dict[str, Array]
    y_train: Array
    test: dict[str, Array]
    y_test: Array
    categorical: list[str]
    continuous: list[str]


def load_adult() -> Adult:
    """People of the 1994 US census and whether they earn more than 50,000 dollars a year.

    The 14 columns keep their published names and order: 8 are categorical (text) and 6 continuous
    (integers). An unknown value of workclass, occupation or native-country is the text ``"?"`` as published,
    which `encode.TableEncoder` takes as missing.

    Source: Becker, B. and Kohavi, R. (1996), Adult [Dataset], UCI Machine Learning Repository,
    https://doi.org/10.24432/C5XW20, licence CC BY 4.0.

    Returns
    -------
    Adult
        Named tuple of ``train`` and ``test``, each a dict of column name to a (B,) array, with 32,561 and
        16,281 rows; ``y_train`` and ``y_test``, (B,) int arrays, 1 where the income is above 50,000;
        ``categorical`` and ``continuous``, the names of the columns of each kind.

    Examples
    --------
    >>> adult = load_adult()
    >>> adult.train["age"][:3], adult.train["education"][:3]
    (array([39, 50, 38]), array(['Bachelors', 'Bachelors', 'HS-grad'], dtype='<U12'))
    >>> len(adult.y_train), len(adult.y_test)
    (32561, 16281)
    """
    packed = files(__package__).joinpath("data", "adult.txt.gz").read_bytes()
    columns = {}
    for line in gzip.decompress(packed).decode().splitlines():
        name, *values = line.split(",")
        columns[name] = np.array(values, dtype=np.int64 if name in _CONTINUOUS else None)
    y = (columns.pop("income") == ">50K").astype(np.int64)
    return Adult(
        train={name: column[:_N_TRAIN] for name, column in columns.items()},
        y_train=y[:_N_TRAIN],
        test={name: column[_N_TRAIN:] for name, column in columns.items()},
        y_test=y[_N_TRAIN:],
        categorical=[name for name in columns if name not in _CONTINUOUS],
        continuous=list(_CONTINUOUS),
    )
