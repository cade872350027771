"""From a table of columns to a Batch: every column becomes one slot, every value a feature.

Dimensions: B rows of the table, m encoded columns (one slot each), n features.
"""

import inspect
import json
import os
from collections.abc import Hashable, Iterable
from dataclasses import asdict
from numbers import Integral

import numpy as np

from .._files import atomic_write
from ..batch import Batch
from .columns import Binned, Categorical, Feature, Scaled, declared
from .reading import quoted, read_columns

__all__ = ["Feature", "NotFittedError", "TableEncoder"]

_FORMAT, _VERSION = "afm_numpy.encode.TableEncoder", 1
_KINDS = {"categorical": Categorical, "scaled": Scaled, "binned": Binned}
_PARAMETERS = ("categorical", "continuous", "ignored", "scaling", "bins", "min_count", "missing")


class NotFittedError(ValueError):
    """Something was used before it was fitted."""


class TableEncoder:
    """Turns a table of columns into a `Batch`, one slot per column; fit it on the training part alone.

    A table is a mapping of column name to a flat array, a structured array, or a pandas or polars data frame.

    - A categorical column has one feature id for each value that fit saw, with x = 1. It holds text, numbers
      or booleans, one of these.
    - A continuous column is cut into quantile bins, each a feature id with x = 1, or it is one feature id
      whose x is the scaled value. A scaled value of exactly 0 leaves its slot empty.
    - Every column has an id for missing values (x = 1). Every categorical column has one for values that
      fit did not see. The outer bins are open, and scaled values may leave the range that fit saw.

    Slots follow the declarations: the categorical columns, then the continuous ones, each in the order given.
    When neither is declared, the table's order holds and the dtype decides: numbers are continuous, all else
    (text, objects, booleans, pandas categories) is categorical.

    Parameters
    ----------
    categorical, continuous : sequence of str, optional
        Names of the columns to encode. When one of them is given, no other column is read.
    ignored : sequence of str
        Names of columns to leave out.
    scaling : {"quantile", "standard", "minmax", "none"} or dict of column name to these
        For continuous columns; a column that the dict does not name gets "quantile". "standard" is
        (value - mean) / standard deviation, "minmax" maps the smallest value to 0 and the largest to 1.
    bins : int
        Quantile bins per column, at most. An edge lies midway between two values of fit, and no bin is empty.
        When more than half of a column's values are 0, the bins are those of the other values, and 0 has one
        of its own besides.
    min_count : int
        A category that fit sees less often counts as unseen, so that the id for unseen values is trained too.
    missing : sequence
        Values that count as missing, besides None, NaN and pandas' NA.

    Examples
    --------
    >>> table = {"sex": ["F", "M", "?", "F"], "age": [30, 41, 25, 67]}
    >>> encoder = TableEncoder(categorical=["sex"], continuous=["age"], bins=2)
    >>> encoder.fit_transform(table).idx.tolist()
    [[0, 4], [1, 5], [2, 4], [0, 5]]
    >>> encoder.feature_names()
    ['sex=F', 'sex=M', 'sex missing', 'sex unseen', 'age in (-inf, 35.5]', 'age in (35.5, inf)', 'age missing']
    >>> encoder.transform({"sex": ["X"], "age": [float("nan")]}).idx.tolist()
    [[3, 6]]
    """

    def __init__(
        self, categorical=None, continuous=None, ignored=(), scaling="quantile", bins=64, min_count=1, missing=("?", "")
    ):
        self.categorical, self.continuous, self.ignored = categorical, continuous, ignored
        self.scaling, self.bins, self.min_count, self.missing = scaling, bins, min_count, missing

    # ---- fit and transform ---------------------------------------------------------------------------

    def fit(self, table, y=None):
        """Learn the categories, bins and scales of a table's columns. `y` is not used.

        Raises
        ------
        ValueError
            For a column that is declared twice, absent, without a value or of another length, for infinite
            values, an unknown scaling and sizes of zero. The message names the column, and the row.
        TypeError
            For a column whose values are not of one usable type.

        Examples
        --------
        >>> TableEncoder(scaling="standard").fit({"age": [20, 40]}).n
        2
        """
        for name, least in (("bins", 2), ("min_count", 1)):
            value = getattr(self, name)
            if not isinstance(value, Integral) or value < least:
                raise ValueError(f"{name} must be an integer of at least {least}; got {value!r}")
        if isinstance(self.missing, str):
            raise TypeError(f"missing must be a list of values; got the text {self.missing!r}")
        if not isinstance(self.missing, Iterable) or not all(isinstance(value, Hashable) for value in self.missing):
            raise TypeError(f"missing must be a list of texts and numbers; got {self.missing!r:.60}")
        scaling_of = declared(table, self.categorical, self.continuous, self.ignored, self.scaling)
        cells = read_columns(table, scaling_of)
        if len(cells[0]) == 0:
            raise ValueError("the table has no rows; fit needs at least one")
        columns = []
        for (name, scaling), cell in zip(scaling_of.items(), cells, strict=True):
            if scaling is None:
                columns.append(Categorical.fit(name, cell, self.missing, self.min_count))
            elif scaling == "quantile":
                columns.append(Binned.fit(name, cell, self.bins, self.missing))
            else:
                columns.append(Scaled.fit(name, cell, scaling, self.missing))
        self._set(columns)
        return self

    def transform(self, table):
        """Encode the rows of a table.

        Returns
        -------
        Batch
            idx and x (B, m), one slot per column, x in float64.

        Raises
        ------
        NotFittedError
            Before fit.
        ValueError, TypeError
            As fit, and when a column holds another type than in fit.

        Examples
        --------
        >>> TableEncoder(scaling="minmax").fit({"age": [20, 40]}).transform({"age": [30.0, np.nan]}).x.tolist()
        [[0.5], [1.0]]
        """
        cells = read_columns(table, self.columns)
        encoded = [column.encode(cell, self.missing) for column, cell in zip(self._columns, cells, strict=True)]
        local, x = (np.stack(part, axis=1) for part in zip(*encoded, strict=True))               # (B, m) each
        return Batch.from_padded(local + self._first[:-1], x, n=self.n)

    def fit_transform(self, table, y=None):
        """Fit, then encode the same table."""
        return self.fit(table).transform(table)

    def _set(self, columns):
        """Number the features of the fitted columns."""
        self._columns = tuple(columns)
        features = [column.features() for column in self._columns]
        self._first = np.cumsum([0, *map(len, features)])                    # (m + 1,) first id of each column
        self._features = sum(features, [])

    # ---- what the ids stand for ----------------------------------------------------------------------

    def _fitted(self, name):
        if not hasattr(self, "_columns"):
            raise NotFittedError("this TableEncoder is not fitted; call fit with a table first")
        return getattr(self, name)

    @property
    def columns(self):
        """Names of the encoded columns, in slot order."""
        return [column.name for column in self._fitted("_columns")]

    @property
    def n(self):
        """Number of feature ids."""
        return len(self._fitted("_features"))

    def describe(self, id):
        """The `Feature` that an id stands for: a named tuple (column, role, value) that prints as its name.

        Examples
        --------
        >>> encoder = TableEncoder(categorical=["sex"]).fit({"sex": ["F", "M"]})
        >>> encoder.describe(1), str(encoder.describe(1))
        (Feature(column='sex', role='value', value='M'), 'sex=M')
        """
        features = self._fitted("_features")
        if not isinstance(id, Integral) or not 0 <= id < len(features):
            raise ValueError(f"id {id!r} is out of range; ids run from 0 to {len(features) - 1}")
        return features[id]

    def feature_names(self):
        """The names of all ids, in order."""
        return [str(feature) for feature in self._fitted("_features")]

    def ids(self, column, role=None):
        """The ids of one column, all or those with a role: "value", "bin", "number", "missing", "unseen".

        Examples
        --------
        >>> encoder = TableEncoder().fit({"sex": ["F", "M"], "color": ["red", "red"]})
        >>> encoder.ids("color"), encoder.ids("color", "unseen")
        (array([4, 5, 6]), array([6]))
        """
        if column not in self.columns:
            raise ValueError(f"column {column!r} is not encoded; encoded are {quoted(self.columns)}")
        slot = self.columns.index(column)
        ids = range(self._first[slot], self._first[slot + 1])
        return np.array([id for id in ids if role in (None, self._features[id].role)], np.intp)

    # ---- parameters, as scikit-learn calls them ------------------------------------------------------

    def __repr__(self):
        default = inspect.signature(type(self)).parameters
        changed = {name: value for name, value in self.get_params().items() if value is not default[name].default}
        return f"{type(self).__name__}({', '.join(f'{name}={value!r}' for name, value in changed.items())})"

    def get_params(self, deep=True):
        """The constructor's arguments."""
        return {name: getattr(self, name) for name in _PARAMETERS}

    def set_params(self, **params):
        """Change the constructor's arguments; what was fitted stays until the next fit."""
        for name, value in params.items():
            if name not in _PARAMETERS:
                raise ValueError(f"unknown parameter {name!r}; known are {', '.join(_PARAMETERS)}")
            setattr(self, name, value)
        return self

    def __sklearn_tags__(self):
        from sklearn.utils import Tags, TargetTags

        return Tags(estimator_type=None, target_tags=TargetTags(required=False))

    # ---- to a file and back --------------------------------------------------------------------------

    def to_dict(self):
        """The fitted encoder as plain dicts, lists, texts and numbers that JSON can hold."""
        kind_of = {cls: kind for kind, cls in _KINDS.items()}
        columns = [{"kind": kind_of[type(column)]} | asdict(column) for column in self._fitted("_columns")]
        head = {"format": _FORMAT, "version": _VERSION}
        return head | _plain({"parameters": self.get_params(), "columns": columns})

    @classmethod
    def from_dict(cls, data):
        """The encoder that `to_dict` described.

        Raises
        ------
        ValueError
            When `data` is something else, of another version, or incomplete.

        Examples
        --------
        >>> encoder = TableEncoder().fit({"sex": ["F", "M"]})
        >>> TableEncoder.from_dict(encoder.to_dict()).feature_names() == encoder.feature_names()
        True
        """
        if not isinstance(data, dict) or data.get("format") != _FORMAT:
            raise ValueError("this is not a saved TableEncoder")
        if data.get("version") != _VERSION:
            raise ValueError(f"a TableEncoder of version {data.get('version')!r}; version {_VERSION} is understood")
        parameters, columns = data.get("parameters"), data.get("columns")
        if not isinstance(parameters, dict) or parameters.keys() != set(_PARAMETERS):
            raise ValueError(f"damaged TableEncoder: parameters should be a dict of {', '.join(_PARAMETERS)}")
        if not isinstance(parameters["missing"], list) or not all(map(_is_cell, parameters["missing"])):
            raise ValueError("damaged TableEncoder: missing should be a list of values")
        if not isinstance(columns, list) or not columns:
            raise ValueError("damaged TableEncoder: columns should be a list")
        encoder = cls(**parameters)
        encoder._set([_restored(column, at) for at, column in enumerate(columns)])
        return encoder

    def save(self, path):
        """Write a JSON file. It appears complete or not at all: a new file takes the place of the old one.

        Examples
        --------
        >>> import os, tempfile
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     path = os.path.join(folder, "encoder.json")
        ...     TableEncoder().fit({"sex": ["F", "M"]}).save(path)
        ...     TableEncoder.load(path).columns
        ['sex']
        """
        text = json.dumps(self.to_dict(), allow_nan=False, indent=1)
        with atomic_write(path, "w") as file:
            file.write(text)

    @classmethod
    def load(cls, path):
        """Read a file that `save` wrote. A `ValueError` names a file that is something else."""
        with open(path, encoding="utf-8") as file:
            try:
                return cls.from_dict(json.load(file))
            except UnicodeDecodeError:
                raise ValueError(f"{os.fspath(path)}: this is not a saved TableEncoder") from None
            except ValueError as error:
                raise ValueError(f"{os.fspath(path)}: {error}") from None


# ---- helpers -----------------------------------------------------------------------------------------


def _plain(value):
    """As JSON holds it: lists for tuples and arrays, NaN in them left out, Python numbers for NumPy's."""
    if isinstance(value, dict):
        return {key: _plain(item) for key, item in value.items()}
    if value is None or isinstance(value, (str, bool, int, float)):
        return value
    return value.item() if isinstance(value, np.generic) else [_plain(item) for item in value if item == item]


def _is_cell(value):
    return value is None or isinstance(value, (str, bool, int, float))


def _restored(fields, at):
    """A fitted column from what `to_dict` made of it."""
    try:
        fields = {name: tuple(value) if isinstance(value, list) else value for name, value in fields.items()}
        column = _KINDS[fields.pop("kind")](**fields)
        good = column.is_sound()
    except (AttributeError, KeyError, TypeError):
        good = False
    if not good:
        raise ValueError(f"damaged TableEncoder: column {at} is not what fit makes")
    return column
