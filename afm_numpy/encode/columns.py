"""One column of a table: how it becomes feature ids and values. `encode.TableEncoder` puts columns together.

Each kind is fitted on the cells of the training part, a flat array with B entries; it turns cells into
(local id, x) and lists what its local ids, 0 to size - 1, stand for.
"""

import math
from collections import Counter
from collections.abc import Iterable, Mapping, Set
from contextlib import suppress
from dataclasses import asdict, dataclass
from itertools import pairwise
from typing import Any, NamedTuple, TypeAlias

import numpy as np

from .._types import Array
from .reading import Table, column_names, is_number, listing, numbers, plain_values, sequence

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

    def __str__(self) -> str:
        ending = {"value": f"={self.value}", "bin": f" in {self.value}", "number": ""}
        return self.column + ending.get(self.role, f" {self.role}")


# ---- kinds of columns --------------------------------------------------------------------------------


@dataclass(frozen=True)
class Categorical:
    """One id for each value (sorted), then one for missing and one for unseen values; x = 1."""

    name: str
    type: str
    values: tuple[Any, ...]

    @classmethod
    def fit(cls, name: str, cells: Array, missing: Iterable[object], min_count: int = 1) -> "Categorical":
        """Keep the values that occur at least `min_count` times."""
        values, type_ = plain_values(f"column {name!r}", cells, missing)
        count: Counter[Any] = Counter(values)
        del count[None]
        if type_ is None:
            raise _no_value(name, cells)
        return cls(name, type_, tuple(sorted(value for value in count if count[value] >= min_count)))

    def is_sound(self) -> bool:
        """Whether the fields are what `fit` makes: sorted values of one type."""
        kinds = {"text": (str,), "bool": (bool,), "number": (int, float)}[self.type]
        return (
            isinstance(self.values, tuple) and all(type(value) in kinds for value in self.values)
            and all(value - value == 0 and not value.is_integer() for value in self.values if type(value) is float)
            and all(a < b for a, b in pairwise(self.values))
        )  # fmt: skip

    def encode(self, cells: Array, missing: Iterable[object]) -> tuple[Array, Array]:
        """(B,) local ids and (B,) x."""
        values, type_ = plain_values(f"column {self.name!r}", cells, missing)
        if type_ not in (self.type, None):
            raise TypeError(f"column {self.name!r} held {self.type} in fit and holds {type_} now")
        local_of = {value: i for i, value in enumerate((*self.values, None))}
        local = (local_of.get(value, len(local_of)) for value in values)
        return np.fromiter(local, np.intp), np.ones(len(values))

    def features(self) -> list[Feature]:
        """One `Feature` per local id."""
        values = [Feature(self.name, "value", value) for value in self.values]
        return [*values, Feature(self.name, "missing"), Feature(self.name, "unseen")]


@dataclass(frozen=True)
class Scaled:
    """One id whose x is (value - shift) / scale, and one for missing values with x = 1."""

    name: str
    shift: float
    scale: float

    @classmethod
    def fit(cls, name: str, cells: Array, scaling: str, missing: Iterable[object] = ()) -> "Scaled":
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

    def is_sound(self) -> bool:
        """Whether the fields are what `fit` makes: finite numbers, and no division by 0."""
        return type(self.shift) is type(self.scale) is float and math.isfinite(self.shift) and 0 < self.scale < math.inf

    def encode(self, cells: Array, missing: Iterable[object] = ()) -> tuple[Array, Array]:
        """(B,) local ids and (B,) x."""
        values = numbers(self.name, cells, missing)
        absent = np.isnan(values)
        with np.errstate(over="ignore"):                     # Batch refuses an infinite x and names the place
            x = (values - self.shift) / self.scale
        lost = np.flatnonzero((x == 0) & (values != self.shift))
        if lost.size:
            near = f"{values[lost[0]]} is so near to {self.shift}"
            raise ValueError(f"column {self.name!r}, row {lost[0]}: {near} that the scaled value is 0: scale it before")
        return absent.astype(np.intp), np.where(absent, 1.0, x)

    def features(self) -> list[Feature]:
        """One `Feature` per local id."""
        return [Feature(self.name, "number"), Feature(self.name, "missing")]


@dataclass(frozen=True)
class Binned:
    """One id for each interval (low, high] between the edges, one for 0 where it is frequent, one for missing cells."""

    name: str
    edges: tuple[float, ...]
    own_zero: bool

    @classmethod
    def fit(cls, name: str, cells: Array, bins: int, missing: Iterable[object] = ()) -> "Binned":
        """At most `bins` quantile bins, each with a value in it; where more than half are 0, one more for 0.

        An edge lies in the middle between the last value of a bin and the first value of the next.
        """
        values = _known_numbers(name, cells, missing)
        own_zero = bool(np.mean(values == 0) > 0.5)
        if own_zero:
            values = values[values != 0]
        if values.size == 0:
            return cls(name, (), own_zero)
        values = np.sort(values)
        shares = np.linspace(0, 1, min(bins, values.size) + 1)[1:-1]
        last = np.unique(values[(shares * (values.size - 1)).astype(np.intp)])       # the last value of each bin
        last = last[last < values[-1]]
        known = np.unique(values)
        first = known[np.searchsorted(known, last, side="right")]            # the first value of the next bin
        middle = last / 2 + first / 2
        edges = np.where(middle < first, np.maximum(middle, last), last)
        return cls(name, tuple(edges.tolist()), own_zero)

    def is_sound(self) -> bool:
        """Whether the fields are what `fit` makes: ascending finite edges."""
        reals = isinstance(self.edges, tuple) and all(type(edge) is float for edge in self.edges)
        ascending = reals and all(a < b for a, b in pairwise((-math.inf, *self.edges, math.inf)))
        return type(self.own_zero) is bool and ascending

    def encode(self, cells: Array, missing: Iterable[object] = ()) -> tuple[Array, Array]:
        """(B,) local ids and (B,) x."""
        values = numbers(self.name, cells, missing)
        local = np.searchsorted(self.edges, values)
        if self.own_zero:
            local[values == 0] = len(self.edges) + 1
        local[np.isnan(values)] = len(self.edges) + 1 + self.own_zero
        return local, np.ones(len(values))

    def features(self) -> list[Feature]:
        """One `Feature` per local id."""
        ends = ["-inf", *(repr(edge).removesuffix(".0") for edge in self.edges), "inf"]
        bins = [f"({low}, {high}]".replace("inf]", "inf)") for low, high in pairwise(ends)] + ["{0}"] * self.own_zero
        return [*(Feature(self.name, "bin", text) for text in bins), Feature(self.name, "missing")]


Column: TypeAlias = Categorical | Scaled | Binned
_KINDS: dict[str, type[Column]] = {"categorical": Categorical, "scaled": Scaled, "binned": Binned}


def to_fields(column: Column) -> dict[str, Any]:
    """A fitted column as a dict that JSON can hold."""
    return plain({"kind": type(column).__name__.lower()} | asdict(column))


def plain(value: Any) -> Any:
    """As JSON holds it: lists for sequences and arrays, Python numbers for NumPy's."""
    if isinstance(value, dict):
        return {key: plain(item) for key, item in value.items()}
    if value is None or isinstance(value, (str, bool, int, float)):
        return value
    return value.item() if isinstance(value, np.generic) else [plain(item) for item in value]


def from_fields(fields: Any, at: int) -> Column:
    """The column that `to_fields` described; `at` is its place, for the message that refuses anything else."""
    with suppress(AttributeError, KeyError, TypeError):
        fields = {name: tuple(value) if isinstance(value, list) else value for name, value in fields.items()}
        column = _KINDS[fields.pop("kind")](**fields)
        if isinstance(column.name, str) and column.is_sound():
            return column
    raise ValueError(f"damaged TableEncoder: column {at} is not what fit makes")


# ---- declarations ------------------------------------------------------------------------------------


def declared(
    table: Table, categorical: Any = None, continuous: Any = None, ignored: Any = (), scaling: Any = "quantile"
) -> dict[str, str | None]:
    """What `encode.TableEncoder` does with each column: its name -> None (categorical) or a scaling, in slot order."""
    given = {"categorical": categorical, "continuous": continuous, "ignored": ignored}
    lists = {                                                # a set has no order, and slots have one
        place: [] if names is None else sequence(place, names, "column names", Set) for place, names in given.items()
    }
    for name, count in Counter(sum(lists.values(), [])).items():
        if count > 1:
            places = " and ".join(place for place, names in lists.items() for other in names if other == name)
            raise ValueError(f"column {name!r} is declared {count} times: {places}")
    known = column_names(table)
    absent = [name for name in lists["ignored"] if name not in known]
    if absent:
        raise ValueError(f"ignored: the table has no column {listing(absent)}; its columns are {listing(known)}")
    names, continuous = lists["categorical"] + lists["continuous"], lists["continuous"]
    if given["categorical"] is None and given["continuous"] is None:
        names = [name for name in known if name not in lists["ignored"]]
        continuous = [name for name in names if is_number(table[name], name)]
    if not names:
        raise ValueError("no column to encode: the table has none, or none is declared, or all are ignored")
    scaling = scaling if isinstance(scaling, Mapping) else dict.fromkeys(continuous, scaling)
    for name, value in scaling.items():
        if name not in continuous:
            raise ValueError(f"scaling names {name!r}, which is not a continuous column")
        if value not in _SCALINGS:
            raise ValueError(f"unknown scaling {value!r} for column {name!r}; known are {', '.join(_SCALINGS)}")
    return {name: scaling.get(name, "quantile") if name in continuous else None for name in names}


# ---- helpers -----------------------------------------------------------------------------------------


def _no_value(name: str, cells: Array) -> ValueError:
    return ValueError(f"column {name!r} has no value in the {len(cells)} rows of fit; leave it out")


def _known_numbers(name: str, cells: Array, missing: Iterable[object]) -> Array:
    """The numbers among the cells, at least one."""
    values = numbers(name, cells, missing)
    known = values[~np.isnan(values)]
    if known.size == 0:
        raise _no_value(name, values)
    return known
