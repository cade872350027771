"""From a table of columns to a Batch: every column becomes one slot, every value a feature.

Dimensions: B rows of the table, m encoded columns (one slot each), n features.
"""

import json
import os
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy import sparse

from .._checks import check_choice, check_kind, check_size
from .._files import Path, atomic_write, open_regular
from .._types import Array
from ..batch import Batch
from .columns import Binned, Categorical, Column, Feature, Scaled, declared, from_fields, plain, to_fields
from .parameters import NotFittedError, Parameters
from .reading import Table, listing, read_columns, sequence

_FORMAT, _VERSION = "afm_numpy.encode.TableEncoder", 1


@dataclass(eq=False, repr=False)
class TableEncoder(Parameters):
    """Turns a table of columns into a `Batch`, one slot per column; fit it on the training part alone.

    A table is a mapping of column name to a flat array or list, a structured array, a pandas or polars data frame,
    or an Arrow table. Masked arrays are refused.

    - A categorical column has one feature id for each value that fit saw, with x = 1. It holds text, numbers
      or booleans, one of these. Whole numbers keep all their digits; a float of 2**53 or more is refused, because
      it may be an id that lost some (a pandas column of ids with holes keeps them as "Int64").
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
        Texts, numbers and truth values that count as missing, besides None, NaN and pandas' NA. Each stands for what
        is written alike, too: "-1" for -1, and True for "True".
    sparse_output : bool
        Give a SciPy matrix (B, n) in place of the Batch, which scikit-learn's ColumnTransformer can join with other
        columns. A matrix does not say which slot is which column, as attention "field" would need.

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

    categorical: Sequence[str] | None = None
    continuous: Sequence[str] | None = None
    ignored: Sequence[str] = ()
    scaling: str | dict[str, str] = "quantile"
    bins: int = 64
    min_count: int = 1
    missing: Sequence[object] = ("?", "")
    sparse_output: bool = False

    # ---- fit and transform ---------------------------------------------------------------------------

    def fit(self, table: Table, y: object = None) -> "TableEncoder":
        """Learn the categories, bins and scales of a table's columns. `y` is not used.

        Raises
        ------
        ValueError
            For a column that is declared twice, absent, without a value or of another length, for infinite
            values, an unknown scaling and sizes of zero. The message names the column, and the row.
        TypeError
            For a column whose values are not of one usable type.
        """
        scaling_of = declared(table, self.categorical, self.continuous, self.ignored, self.scaling)
        parameters = self._checked()
        cells = read_columns(table, scaling_of)
        if len(cells[0]) == 0:
            raise ValueError("the table has no rows; fit needs at least one")
        columns, missing = list[Column](), parameters["missing"]
        for (name, scaling), cell in zip(scaling_of.items(), cells, strict=True):
            if scaling is None:
                columns.append(Categorical.fit(name, cell, missing, self.min_count))
            elif scaling == "quantile":
                columns.append(Binned.fit(name, cell, self.bins, missing))
            else:
                columns.append(Scaled.fit(name, cell, scaling, missing))
        self._set(columns, parameters)
        return self

    def transform(self, table: Table) -> Any:
        """Encode the rows of a table.

        Returns
        -------
        Batch, or scipy.sparse.csr_array when `sparse_output` is set
            One slot per column, x in float64.

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
        cells, missing = read_columns(table, self.columns), self._fit_parameters["missing"]
        encoded = [column.encode(cell, missing) for column, cell in zip(self._columns, cells, strict=True)]
        local, x = (np.stack(part, axis=1) for part in zip(*encoded, strict=True))               # (B, m) each
        batch = Batch.from_padded(local + self._first[:-1], x, n=self.n)
        if not self._fit_parameters["sparse_output"]:
            return batch
        return sparse.csr_array((batch.values, batch.ids, batch.ends), batch.shape)

    def fit_transform(self, table: Table, y: object = None) -> Any:
        """Fit, then encode the same table."""
        return self.fit(table).transform(table)

    def _checked(self) -> dict[str, Any]:
        """The parameters as JSON holds them. Refuses what it cannot hold, and numbers that no fit can use."""
        check_size("bins", self.bins, least=2)
        check_size("min_count", self.min_count)
        check_kind("sparse_output", self.sparse_output, bool, "True or False")
        missing = sequence("missing", self.missing, "texts and numbers")
        return plain(self.get_params() | {"missing": [mark for mark in missing if mark == mark]})

    def _set(self, columns: list[Column], parameters: dict[str, Any]) -> None:
        """Number the features of the fitted columns."""
        self._columns, self._fit_parameters = tuple(columns), parameters
        features = [column.features() for column in self._columns]
        self._first = np.cumsum([0, *map(len, features)])                    # (m + 1,) first id of each column
        self._features = [feature for one in features for feature in one]

    # ---- what the ids stand for ----------------------------------------------------------------------

    def _fitted(self, name: str) -> Any:
        if not hasattr(self, "_columns"):
            raise NotFittedError("this TableEncoder is not fitted; call fit with a table first")
        return getattr(self, name)

    @property
    def columns(self) -> list[str]:
        """Names of the encoded columns, in slot order."""
        return [column.name for column in self._fitted("_columns")]

    @property
    def n(self) -> int:
        """Number of feature ids."""
        return len(self._fitted("_features"))

    def describe(self, id: int) -> Feature:
        """The `Feature` that an id stands for: a named tuple (column, role, value) that prints as its name.

        Examples
        --------
        >>> encoder = TableEncoder(categorical=["sex"]).fit({"sex": ["F", "M"]})
        >>> encoder.describe(1), str(encoder.describe(1))
        (Feature(column='sex', role='value', value='M'), 'sex=M')
        """
        features = self._fitted("_features")
        if isinstance(id, bool) or not isinstance(id, (int, np.integer)) or not 0 <= id < len(features):
            raise ValueError(f"id {id!r:.60} is out of range; ids run from 0 to {len(features) - 1}")
        return features[id]

    def feature_names(self) -> list[str]:
        """The names of all ids, in order."""
        return [str(feature) for feature in self._fitted("_features")]

    def ids(self, column: str, role: str | None = None) -> Array:
        """The ids of one column, all or those with a role: "value", "bin", "number", "missing", "unseen".

        Examples
        --------
        >>> encoder = TableEncoder().fit({"sex": ["F", "M"], "color": ["red", "red"]})
        >>> encoder.ids("color"), encoder.ids("color", "unseen")
        (array([4, 5, 6]), array([6]))
        """
        if column not in self.columns:
            raise ValueError(f"column {column!r} is not encoded; encoded are {listing(self.columns)}")
        check_choice("role", "value" if role is None else role, ("value", "bin", "number", "missing", "unseen"))
        found = (id for id, of in enumerate(self._features) if of.column == column and role in (None, of.role))
        return np.fromiter(found, np.intp)

    # ---- scikit-learn's conventions ------------------------------------------------------------------

    def get_feature_names_out(self, input_features: object = None) -> Array:
        """The names of all ids as an array of objects: the columns of the SciPy matrix that `sparse_output` gives."""
        return np.array(self.feature_names(), object)

    def set_output(self, *, transform: str | None = None) -> "TableEncoder":
        """Refuse data frames: they would hold a column for each category. "default" changes nothing."""
        if transform not in (None, "default"):
            raise ValueError(f"the output is a Batch or, with sparse_output=True, a SciPy matrix; not {transform!r}")
        return self

    # ---- to a file and back --------------------------------------------------------------------------

    def to_dict(self) -> dict[str, Any]:
        """The fitted encoder as plain dicts, lists, texts and numbers that JSON can hold."""
        columns = [to_fields(column) for column in self._fitted("_columns")]
        return {"format": _FORMAT, "version": _VERSION, "parameters": plain(self._fit_parameters), "columns": columns}

    @classmethod
    def from_dict(cls, data: Any) -> "TableEncoder":
        """The encoder that `to_dict` described; a `ValueError` for other data.

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
        names = list(cls().get_params())
        if not isinstance(parameters, dict) or parameters.keys() != set(names):
            raise ValueError(f"damaged TableEncoder: parameters should be a dict of {', '.join(names)}")
        if not isinstance(columns, list) or not columns:
            raise ValueError("damaged TableEncoder: columns should be a list")
        encoder = cls(**parameters)
        try:
            parameters = encoder._checked()
        except (TypeError, ValueError) as error:
            raise ValueError(f"damaged TableEncoder: {error}") from None
        encoder._set([from_fields(column, at) for at, column in enumerate(columns)], parameters)
        if len(set(encoder.columns)) < len(columns):
            raise ValueError(f"damaged TableEncoder: a column twice among {listing(encoder.columns)}")
        return encoder

    def save(self, path: Path) -> None:
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
        with atomic_write(path, "w") as file:
            file.write(json.dumps(self.to_dict(), allow_nan=False, indent=1))

    @classmethod
    def load(cls, path: Path) -> "TableEncoder":
        """Read a file that `save` wrote. A `ValueError` names a file that is something else."""
        with open_regular(path) as file:
            try:
                return cls.from_dict(json.loads(file.read().decode("utf-8-sig")))
            except (UnicodeDecodeError, RecursionError, json.JSONDecodeError):
                raise ValueError(f"{os.fspath(path)}: this is not a saved TableEncoder") from None
            except ValueError as error:
                raise ValueError(f"{os.fspath(path)}: {error}") from None
