"""One column of a table: how it becomes feature ids and values. `encode.TableEncoder` puts columns together.

Each kind is fitted on the cells of the training part, a flat array with B entries; it turns cells into
(local id, x) and lists what its local ids, 0 to size - 1, stand for.
"""

import math
from collections import Counter
from collections.abc import Hashable, Iterable
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from .reading import column_names, is_number, numbers, tokens

__all__ = ["Binned", "Categorical", "Feature", "Scaled", "declared"]

_SCALINGS = ("quantile", "standard", "minmax", "none")


class Feature(NamedTuple):
    """What one feature id stands for.

    `role` is "value" (a category), "bin" (an interval of numbers), "number" (x is the scaled value),
    "missing" or "unseen". `value` is the category, the interval as text, or None.

    Examples
    --------
    >>> print(Feature("sex", "value", "Male"), Feature("age", "bin", "(17, 22]"), Feature("sex", "missing"), sep="; ")
    sex=Male; age in (17, 22]; sex missing
    """

    column: str
    role: str
    value: object = None

    def __str__(self):
        ending = {"value": f"={self.value}", "bin": f" in {self.value}", "number": ""}
        return self.column + ending.get(self.role, f" {self.role}")


# ---- kinds of columns --------------------------------------------------------------------------------


@dataclass(frozen=True)
class Categorical:
    """One id for each value (sorted), then one for missing and one for unseen values; x = 1.

    Examples
    --------
    >>> column = Categorical.fit("sex", np.array(["M", "F", "?"]), missing=("?",))
    >>> column.encode(np.array(["F", "X"]), missing=("?",))
    (array([0, 3]), array([1., 1.]))
    """

    name: str
    type: str
    values: tuple

    @classmethod
    def fit(cls, name, cells, missing, min_count=1):
        """Keep the values that occur at least `min_count` times."""
        cells, token, type_ = tokens(name, cells, missing)
        count = Counter(token[cell] for cell in cells)
        del count[None]
        if not count:
            raise _no_value(name, cells)
        return cls(name, type_, tuple(sorted(value for value in count if count[value] >= min_count)))

    def is_sound(self):
        """Whether the fields are what `fit` makes: sorted values of one type."""
        kinds = {"text": (str,), "bool": (bool,), "number": (int, float)}[self.type]
        pairs = zip(self.values, self.values[1:], strict=False)
        return (
            isinstance(self.name, str) and isinstance(self.values, tuple)
            and all(type(value) in kinds for value in self.values) and all(a < b for a, b in pairs)
        )  # fmt: skip

    def encode(self, cells, missing):
        """(B,) local ids and (B,) x."""
        cells, token, type_ = tokens(self.name, cells, missing)
        if type_ not in (self.type, None):
            raise TypeError(f"column {self.name!r} held {self.type} in fit and holds {type_} now")
        local_of = {value: i for i, value in enumerate((*self.values, None))}
        local = {cell: local_of.get(value, len(local_of)) for cell, value in token.items()}
        return np.fromiter((local[cell] for cell in cells), np.intp, len(cells)), np.ones(len(cells))

    def features(self):
        """One `Feature` per local id."""
        values = [Feature(self.name, "value", value) for value in self.values]
        return [*values, Feature(self.name, "missing"), Feature(self.name, "unseen")]


@dataclass(frozen=True)
class Scaled:
    """One id whose x is (value - shift) / scale, and one for missing values with x = 1.

    Examples
    --------
    >>> Scaled.fit("age", np.array([20, 40]), "minmax").encode(np.array([30, np.nan]))
    (array([0, 1]), array([0.5, 1. ]))
    """

    name: str
    shift: float
    scale: float

    @classmethod
    def fit(cls, name, cells, scaling, missing=()):
        """Scaling is "none", "minmax" or "standard". A constant column, once scaled, is 0."""
        values = _known_numbers(name, cells, missing)
        low, high = float(values.min()), float(values.max())
        if scaling == "none":
            return cls(name, 0.0, 1.0)
        if not math.isfinite(high - low):
            raise ValueError(f"column {name!r} runs from {low} to {high}; their difference is beyond float64")
        if low == high or scaling == "minmax":
            return cls(name, low, (high - low) or 1.0)
        unit = math.ldexp(1.0, math.frexp(max(-low, high))[1] - 1)           # a power of 2: squares stay finite
        mean, deviation = float(unit * np.mean(values / unit)), float(unit * np.std(values / unit))
        return cls(name, mean, deviation or high - low)

    def is_sound(self):
        """Whether the fields are what `fit` makes: finite numbers, and no division by 0."""
        reals = type(self.shift) is type(self.scale) is float
        return isinstance(self.name, str) and reals and math.isfinite(self.shift) and 0 < self.scale < math.inf

    def encode(self, cells, missing=()):
        """(B,) local ids and (B,) x."""
        values = numbers(self.name, cells, missing)
        absent = np.isnan(values)
        with np.errstate(over="ignore"):                     # Batch refuses an infinite x and names the place
            x = (values - self.shift) / self.scale
        return absent.astype(np.intp), np.where(absent, 1.0, x)

    def features(self):
        """One `Feature` per local id."""
        return [Feature(self.name, "number"), Feature(self.name, "missing")]


@dataclass(frozen=True)
class Binned:
    """One id for each interval (low, high] between the edges, one for the value 0 where it is frequent, one
    for missing values; x = 1.

    Examples
    --------
    >>> column = Binned.fit("gain", np.array([0, 0, 0, 0, 7, 8, 9]), bins=2)
    >>> [feature.value for feature in column.features()]
    ['(-inf, 8.5]', '(8.5, inf)', '{0}', None]
    >>> column.encode(np.array([0.0, 7.5, 1e9, np.nan]))[0]
    array([2, 0, 1, 3])
    """

    name: str
    edges: tuple
    own_zero: bool

    @classmethod
    def fit(cls, name, cells, bins, missing=()):
        """At most `bins` quantile bins, each with a value in it; where more than half are 0, one more for 0.

        An edge lies in the middle between the last value of a bin and the first value of the next.
        """
        values = _known_numbers(name, cells, missing)
        own_zero = bool(np.mean(values == 0) > 0.5)
        if own_zero:
            values = values[values != 0]
        if values.size == 0:
            return cls(name, (), own_zero)
        steps = np.linspace(0, 1, bins + 1)[1:-1]
        last = np.unique(np.quantile(values, steps, method="lower"))         # the last value of each bin
        last = last[last < values.max()]
        known = np.unique(values)
        first = known[np.searchsorted(known, last, side="right")]            # the first value of the next bin
        middle = last / 2 + first / 2
        edges = np.where((last <= middle) & (middle < first), middle, last)
        return cls(name, tuple(edges.tolist()), own_zero)

    def is_sound(self):
        """Whether the fields are what `fit` makes: ascending finite edges."""
        reals = isinstance(self.edges, tuple) and all(type(edge) is float for edge in self.edges)
        ascending = reals and all(a < b for a, b in zip((-math.inf, *self.edges), (*self.edges, math.inf), strict=True))
        return isinstance(self.name, str) and type(self.own_zero) is bool and ascending

    def encode(self, cells, missing=()):
        """(B,) local ids and (B,) x."""
        values = numbers(self.name, cells, missing)
        local = np.searchsorted(self.edges, values, side="left")
        if self.own_zero:
            local[values == 0] = len(self.edges) + 1
        local[np.isnan(values)] = len(self.edges) + 1 + self.own_zero
        return local, np.ones(len(values))

    def features(self):
        """One `Feature` per local id."""
        ends = [repr(edge).removesuffix(".0") for edge in self.edges]
        lows, highs = ["-inf", *ends], [*(f"{end}]" for end in ends), "inf)"]
        bins = [f"({low}, {high}" for low, high in zip(lows, highs, strict=True)] + ["{0}"] * self.own_zero
        return [*(Feature(self.name, "bin", text) for text in bins), Feature(self.name, "missing")]


# ---- declarations ------------------------------------------------------------------------------------


def declared(table, categorical=None, continuous=None, ignored=(), scaling="quantile"):
    """What `encode.TableEncoder` does with each column: its name -> None (categorical) or a scaling, in slot order.

    Examples
    --------
    >>> declared({"age": np.array([30, 41]), "sex": np.array(["F", "M"])}, scaling="minmax")
    {'age': 'minmax', 'sex': None}
    """
    infer = categorical is None and continuous is None
    lists = {"categorical": categorical, "continuous": continuous, "ignored": ignored}
    for place, names in lists.items():
        if isinstance(names, str):
            raise TypeError(f"{place} must be a list of column names; got the text {names!r}")
        if not (names is None or isinstance(names, Iterable)):
            raise TypeError(f"{place} must be a list of column names; got {names!r:.60}")
        lists[place] = [] if names is None else list(names)
        if not all(isinstance(name, Hashable) for name in lists[place]):
            raise TypeError(f"{place} must hold column names, which are text; got {lists[place]!r:.60}")
    for name, count in Counter(sum(lists.values(), [])).items():
        if count > 1:
            places = " and ".join(place for place, names in lists.items() for other in names if other == name)
            raise ValueError(f"column {name!r} is declared {count} times: {places}")
    names, continuous = lists["categorical"] + lists["continuous"], lists["continuous"]
    if infer:
        names = [name for name in column_names(table) if name not in lists["ignored"]]
        continuous = [name for name in names if is_number(table[name], name)]
    if not names:
        raise ValueError("no column to encode: the table has none, or none is declared, or all are ignored")
    scaling = scaling if isinstance(scaling, dict) else dict.fromkeys(continuous, scaling)
    for name, value in scaling.items():
        if name not in continuous:
            raise ValueError(f"scaling names {name!r}, which is not a continuous column")
        if value not in _SCALINGS:
            raise ValueError(f"unknown scaling {value!r} for column {name!r}; known are {', '.join(_SCALINGS)}")
    return {name: scaling.get(name, "quantile") if name in continuous else None for name in names}


# ---- helpers -----------------------------------------------------------------------------------------


def _no_value(name, cells):
    return ValueError(f"column {name!r} has no value in the {len(cells)} rows of fit; leave it out")


def _known_numbers(name, cells, missing):
    """The numbers among the cells, at least one."""
    values = numbers(name, cells, missing)
    known = values[~np.isnan(values)]
    if known.size == 0:
        raise _no_value(name, values)
    return known
