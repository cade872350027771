import json

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from strategies import examples

from afm_numpy.encode.columns import (
    Binned,
    Categorical,
    Feature,
    Scaled,
    declared,
    from_fields,
    plain,
    to_fields,
)  # fmt: skip

FINITE = st.floats(-1e150, 1e150) | st.integers(-3, 3).map(float)
COLUMN = hnp.arrays(np.float64, st.integers(1, 60), elements=FINITE)
MISSING = ("?",)


def test_features_print_as_names():
    assert str(Feature("sex", "value", "F")) == "sex=F"
    assert str(Feature("age", "bin", "(17, 22]")) == "age in (17, 22]"
    assert str(Feature("age", "number")) == "age"
    assert str(Feature("age", "missing")) == "age missing"
    assert str(Feature("sex", "unseen")) == "sex unseen"


# ---- categorical -------------------------------------------------------------------------------------


TEXTS = st.lists(st.sampled_from("?") | st.text(max_size=2), max_size=12)


@examples(100)
@given(TEXTS.filter(lambda cells: set(cells) - {"?"}), TEXTS)
def test_categorical_gives_each_value_an_id(cells, others):
    column = Categorical.fit("c", np.array(cells, object), MISSING)
    known = sorted(set(cells) - {"?"})
    assert column.values == tuple(known)
    local, x = column.encode(np.array(cells + others, object), MISSING)
    assert local.dtype == np.intp and (x == 1).all()
    for cell, id in zip(cells + others, local, strict=True):
        feature = column.features()[id]
        role = "missing" if cell == "?" else "value" if cell in known else "unseen"
        assert feature == Feature("c", role, cell if role == "value" else None)


def test_categorical_does_not_depend_on_the_order_of_rows():
    cells = np.array(["b", "a", "c", "a"])
    assert Categorical.fit("c", cells, ()) == Categorical.fit("c", cells[::-1], ())


def test_rare_values_count_as_unseen():
    cells = np.array(["b", "a", "c", "a", "b"])
    column = Categorical.fit("c", cells, (), min_count=2)
    assert column.values == ("a", "b")
    assert column.encode(cells, ())[0].tolist() == [1, 0, 3, 0, 1]
    assert Categorical.fit("c", cells, (), min_count=9).values == ()


def test_whole_numbers_and_reals_are_one_type():
    """A column of whole numbers becomes one of reals as soon as a value is missing."""
    column = Categorical.fit("c", np.array([3, 1]), ())
    assert column.encode(np.array([1.0, np.nan, 3.0, 2.0]), ())[0].tolist() == [0, 2, 1, 3]


def test_booleans():
    column = Categorical.fit("c", np.array([True, False]), ())
    assert [str(feature) for feature in column.features()] == ["c=False", "c=True", "c missing", "c unseen"]


@pytest.mark.parametrize(
    ("fitted", "now", "message"),
    [
        (np.array(["1"]), np.array([1]), "column 'c' held text in fit and holds number now"),
        (np.array([1]), np.array(["1"]), "column 'c' held number in fit and holds text now"),
        (np.array([1]), np.array([True]), "column 'c' held number in fit and holds bool now"),
    ],
)
def test_categorical_of_another_type(fitted, now, message):
    with pytest.raises(TypeError, match=message):
        Categorical.fit("c", fitted, ()).encode(now, ())


def test_a_column_without_any_type_fits_all():
    column = Categorical.fit("c", np.array([1]), ())
    assert column.encode(np.array([None, np.nan], object), ())[0].tolist() == [1, 1]


# ---- scaled ------------------------------------------------------------------------------------------


@examples(100)
@given(COLUMN, st.sampled_from(["none", "minmax", "standard"]))
@example(np.array([1e150, 4e-284, -1e150]), "standard")
def test_scaled_column(values, scaling):
    column = Scaled.fit("c", values, scaling)
    if ((values != column.shift) & ((values - column.shift) / column.scale == 0)).any():
        with pytest.raises(ValueError, match="that the scaled value is 0: scale it before"):
            column.encode(values)
        return
    local, x = column.encode(np.append(values, np.nan))
    assert local.tolist() == [0] * len(values) + [1]
    assert x[-1] == 1 and np.isfinite(x).all()
    x = x[:-1]
    if scaling == "none":
        assert np.array_equal(x, values)
    elif np.ptp(values) == 0:
        assert (x == 0).all()
    elif scaling == "minmax":
        assert x.min() == 0 and x.max() == 1
    else:
        spread = np.abs(values).max() / np.ptp(values)                       # digits lost where values are close
        np.testing.assert_allclose(x.mean(), 0, atol=1e-13 * (1 + spread))
        np.testing.assert_allclose(x.std(), 1, rtol=1e-13 * (1 + spread))
    np.testing.assert_allclose(x * column.scale + column.shift, values, rtol=1e-9, atol=1e-12 * np.abs(values).max())


def test_scaled_values_by_hand():
    values = np.array([2.0, 4.0, 9.0])
    assert Scaled.fit("c", values, "minmax").encode(np.array([9.0, 16.0, -5.0]))[1].tolist() == [1, 2, -1]
    standard = Scaled.fit("c", values, "standard").encode(np.array([5.0, 9.0]))[1]
    np.testing.assert_allclose(standard, [0, 4 / np.sqrt(26 / 3)], rtol=1e-15)
    assert [feature.role for feature in Scaled.fit("c", values, "none").features()] == ["number", "missing"]


def test_values_far_beyond_those_of_fit_become_infinite():
    """Batch refuses them and names the place."""
    assert Scaled("c", 0.0, 1e-10).encode(np.array([1e300, 1.0]))[1].tolist() == [np.inf, 1e10]


def test_a_scaled_value_that_would_be_0_is_refused():
    message = "^column 'c', row 1: 1e-50 is so near to 0.0 that the scaled value is 0: scale it before$"
    with pytest.raises(ValueError, match=message):
        Scaled("c", 0.0, 1e300).encode(np.array([1.0, 1e-50]))


def test_missing_values_do_not_move_the_scale():
    with_holes = Scaled.fit("c", np.array([2.0, np.nan, 4.0, -9, 9.0]), "standard", missing=(-9,))
    assert with_holes == Scaled.fit("c", np.array([2.0, 4.0, 9.0]), "standard")


def test_standard_scaling_of_very_small_and_large_values():
    assert Scaled.fit("c", np.array([0.0, 5e-324]), "standard").scale > 0
    assert Scaled.fit("c", np.array([0.0, 2e200]), "standard") == Scaled("c", 1e200, 1e200)


# ---- binned ------------------------------------------------------------------------------------------


@examples(100)
@given(COLUMN, st.integers(2, 9))
def test_bins_are_filled_ordered_and_few(values, bins):
    column = Binned.fit("c", values, bins)
    local, x = column.encode(values)
    n_bins = len(column.features()) - 1
    assert (x == 1).all()
    assert set(local.tolist()) == set(range(n_bins)) or not values.any()     # no bin is empty
    assert n_bins - column.own_zero <= bins
    assert column.own_zero == (2 * np.sum(values == 0) > len(values))
    rest = values[values != 0] if column.own_zero else values
    ordered = column.encode(np.sort(rest))[0]
    assert (np.diff(ordered) >= 0).all()
    assert all(type(edge) is float for edge in column.edges)


def test_bins_hold_equal_shares_when_values_differ():
    column = Binned.fit("c", np.random.default_rng(0).normal(size=640), bins=64)
    values = np.random.default_rng(0).normal(size=640)
    counts = np.bincount(column.encode(values)[0])
    assert len(counts) == 64 and counts.min() >= 9 and counts.max() <= 11


def test_few_values_get_a_bin_each():
    column = Binned.fit("c", np.array([4, 1, 2, 2, 4]), bins=64)
    assert column.edges == (1.5, 3.0)
    assert [str(feature) for feature in column.features()] == [
        "c in (-inf, 1.5]",
        "c in (1.5, 3]",
        "c in (3, inf)",
        "c missing",
    ]
    assert column.encode(np.array([-1e300, 1.5, 1.6, 3, 3.1, 1e300, np.nan]))[0].tolist() == [0, 0, 1, 1, 2, 2, 3]


def test_zero_has_its_own_bin_only_when_more_than_half_are_zero():
    column = Binned.fit("c", np.array([0, 0, 0, 5, -7, np.nan]), bins=2)
    assert column == Binned("c", (-1.0,), True)
    assert column.encode(np.array([0.0, -0.0, 1e-9, -2.0, 5.0, np.nan]))[0].tolist() == [2, 2, 1, 0, 1, 3]
    assert not Binned.fit("c", np.array([0, 0, 5, -7]), bins=2).own_zero
    assert Binned.fit("c", np.array([0, 0]), bins=2) == Binned("c", (), True)


def test_adjacent_floats_are_told_apart():
    values = 1.0 + np.finfo(float).eps * np.arange(3)                        # the middle rounds down, then up
    assert Binned.fit("c", values, bins=3).encode(values)[0].tolist() == [0, 1, 2]
    large = np.array([1.7e308, 1.75e308])
    assert Binned.fit("c", large, bins=2).encode(large)[0].tolist() == [0, 1]


# ---- to plain dicts and back -------------------------------------------------------------------------


COLUMNS = {
    "text": Categorical("c", "text", ("a", "b", "bb")), "empty": Categorical("c", "text", ()),
    "bool": Categorical("c", "bool", (False, True)), "number": Categorical("c", "number", (-1, 0.5, 2**70)),
    "scaled": Scaled("c", -1.5, 0.5), "binned": Binned("c", (-1.0, 0.0, 2.5), True), "one bin": Binned("c", (), False),
}  # fmt: skip


@pytest.mark.parametrize("column", COLUMNS.values(), ids=COLUMNS)
def test_fields_and_back(column):
    assert column.is_sound() is True
    fields = to_fields(column)
    assert fields["kind"] == type(column).__name__.lower() and fields["name"] == "c"
    assert json.loads(json.dumps(fields)) == fields
    assert from_fields(fields, 0) == column and type(from_fields(fields, 0)) is type(column)
    assert from_fields(fields, 0).features() == column.features()


@pytest.mark.parametrize(("kind", "change"), [
    ("text", {"values": ["a", 1]}), ("text", {"values": ["b", "a"]}), ("text", {"values": ["a", "a"]}),
    ("text", {"values": "ab"}), ("text", {"values": None}), ("text", {"type": "TEXT"}), ("text", {"type": "number"}),
    ("text", {"values": [None]}), ("bool", {"values": [0, 1]}), ("bool", {"values": [True, False]}),
    ("bool", {"type": "number"}), ("number", {"values": [1, True]}), ("number", {"values": [float("nan")]}),
    ("number", {"values": [1, float("inf")]}), ("number", {"values": [-float("inf"), 1]}),
    ("number", {"values": [2, 1.5]}),
    ("number", {"values": [[1]]}), ("scaled", {"shift": 1}), ("scaled", {"scale": 2}), ("scaled", {"scale": 0.0}),
    ("scaled", {"scale": -1.0}), ("scaled", {"scale": float("inf")}), ("scaled", {"scale": float("nan")}),
    ("scaled", {"shift": float("inf")}), ("scaled", {"shift": float("nan")}), ("scaled", {"shift": "1"}),
    ("binned", {"edges": [1, 2]}), ("binned", {"edges": [1.0, 1.0]}), ("binned", {"edges": [2.0, 1.0]}),
    ("binned", {"edges": [1.0, float("inf")]}), ("binned", {"edges": [-float("inf")]}), ("binned", {"edges": 1.0}),
    ("binned", {"edges": [float("nan")]}), ("binned", {"edges": ["1"]}), ("binned", {"own_zero": 1}),
    ("binned", {"own_zero": None}), ("binned", {"kind": "scaled"}), ("binned", {"kind": "Binned"}),
    ("scaled", {"kind": ["scaled"]}), ("scaled", {"kind": None}), ("scaled", {"name": 3}), ("text", {"name": ["c"]}),
    ("scaled", {"more": 1}),
])  # fmt: skip
def test_fields_that_no_fit_makes(kind, change):
    fields = to_fields(COLUMNS[kind])
    with pytest.raises(ValueError, match="^damaged TableEncoder: column 7 is not what fit makes$"):
        from_fields(fields | change, 7)
    for name in fields:
        with pytest.raises(ValueError, match="column 0 is not what fit makes"):
            from_fields({other: value for other, value in fields.items() if other != name}, 0)
    for other in (None, 3, "text", [], {}):
        with pytest.raises(ValueError, match="column 0 is not what fit makes"):
            from_fields(other, 0)


def test_plain_values_for_json():
    given = {"a": (1, np.int8(2), [np.float64(0.5), None]), "b": np.array(["x", "y"]), "c": True, "d": "text", "e": {3}}
    assert plain(given) == {"a": [1, 2, [0.5, None]], "b": ["x", "y"], "c": True, "d": "text", "e": [3]}
    assert type(plain(np.int8(2))) is int and type(plain(np.bool_(True))) is bool


@pytest.mark.parametrize("fit", [
    lambda cells: Categorical.fit("age", cells, ()), lambda cells: Scaled.fit("age", cells, "none"),
    lambda cells: Scaled.fit("age", cells, "standard"), lambda cells: Binned.fit("age", cells, 2),
])  # fmt: skip
def test_messages_name_the_column(fit):
    """In fit and in encode; what is fitted knows its name."""
    column = fit(np.array([1.0, 2.0, 4.0]))
    assert column.name == "age" and {feature.column for feature in column.features()} == {"age"}
    for use in (fit, lambda cells: column.encode(cells, ())):
        with pytest.raises(ValueError, match="column 'age', row 1: inf is not finite"):
            use(np.array([1.0, np.inf]))


def test_features_of_every_kind_by_hand():
    assert [tuple(feature) for feature in COLUMNS["binned"].features()] == [
        ("c", "bin", "(-inf, -1]"), ("c", "bin", "(-1, 0]"), ("c", "bin", "(0, 2.5]"), ("c", "bin", "(2.5, inf)"),
        ("c", "bin", "{0}"), ("c", "missing", None),
    ]  # fmt: skip
    assert [tuple(feature) for feature in COLUMNS["one bin"].features()] == [
        ("c", "bin", "(-inf, inf)"), ("c", "missing", None),
    ]  # fmt: skip
    assert [tuple(feature) for feature in COLUMNS["scaled"].features()] == [
        ("c", "number", None), ("c", "missing", None),
    ]  # fmt: skip
    assert [tuple(feature) for feature in COLUMNS["bool"].features()] == [
        ("c", "value", False), ("c", "value", True), ("c", "missing", None), ("c", "unseen", None),
    ]  # fmt: skip


def test_ids_are_integers():
    for column in COLUMNS.values():
        cell = {"text": "a", "bool": True}.get(getattr(column, "type", "number"), 1.0)
        local, x = column.encode(np.array([cell]), ())
        assert local.dtype == np.intp and x.dtype == np.float64 and local.shape == x.shape == (1,)


def test_a_column_that_cannot_be_read_is_named():
    with pytest.raises(TypeError, match="^column 'b' cannot be read: it is a set; give an array or a list$"):
        declared({"a": [1], "b": {1}})


def test_scales_of_extreme_columns():
    for values in ([-1.5e308, 1.5e308], [-1e308, 1e308]):
        for scaling in ("minmax", "standard"):
            with pytest.raises(ValueError, match="column 'c' runs from -.* to .*; their difference is beyond float64"):
                Scaled.fit("c", np.array(values), scaling)
        assert Scaled.fit("c", np.array(values), "none") == Scaled("c", 0.0, 1.0)
    for large in (np.array([1e308, 1.5e308]), np.array([-1.5e308, -1e308])):     # their sum is beyond float64
        assert np.isfinite(Scaled.fit("c", large, "standard").encode(large)[1]).all()
        assert Scaled.fit("c", large, "minmax").encode(large)[1].tolist() == [0.0, 1.0]
    for sign in (1, -1):                                     # squares of 1e200 are beyond float64
        values = sign * np.array([1e200, 3e200, 2e200])
        x = Scaled.fit("c", values, "standard").encode(values)[1]
        np.testing.assert_allclose(x, sign * np.array([-1, 1, 0]) * 1.5**0.5)
    assert Scaled.fit("c", np.array([-4e200, 0.0]), "standard") == Scaled("c", -2e200, 2e200)
    tiny = np.array([5e-324, 1e-323])                        # their deviation is 0 in floats
    assert Scaled.fit("c", tiny, "standard").encode(tiny)[1].tolist() in ([0.0, 1.0], [-1.0, 0.0])
    for scaling in ("standard", "minmax"):
        assert Scaled.fit("c", np.array([7.0, 7.0]), scaling) == Scaled("c", 7.0, 1.0)


@examples(100)
@given(COLUMN, st.integers(2, 99))
def test_bins_are_those_of_quantiles(values, bins):
    """The last value of each bin is the lower quantile, as NumPy computes it."""
    column = Binned.fit("c", values, bins)
    rest = values[values != 0] if column.own_zero else values
    if rest.size:
        last = np.unique(np.quantile(rest, np.linspace(0, 1, bins + 1)[1:-1], method="lower"))
        last = last[last < rest.max()]
        assert len(column.edges) == len(last)
        assert np.searchsorted(column.edges, last, side="left").tolist() == list(range(len(last)))


# ---- no value, declarations --------------------------------------------------------------------------


@pytest.mark.parametrize(
    "fit",
    [
        lambda cells: Categorical.fit("c", cells, MISSING),
        lambda cells: Scaled.fit("c", cells, "standard", MISSING),
        lambda cells: Binned.fit("c", cells, 4, MISSING),
    ],
)
def test_column_without_a_value(fit):
    with pytest.raises(ValueError, match="column 'c' has no value in the 3 rows of fit; leave it out"):
        fit(np.array(["?", None, np.nan], object))


TABLE = {"a": np.array([1.0]), "b": np.array(["x"]), "c": np.array([2])}


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        ({}, {"a": "quantile", "b": None, "c": "quantile"}),
        ({"ignored": ["a"]}, {"b": None, "c": "quantile"}),
        ({"categorical": ["c", "b"], "scaling": "none"}, {"c": None, "b": None}),
        ({"continuous": ["c", "a"], "categorical": ["b"], "scaling": "none"}, {"b": None, "c": "none", "a": "none"}),
        ({"scaling": {"a": "minmax"}}, {"a": "minmax", "b": None, "c": "quantile"}),
    ],
)
def test_declared(arguments, expected):
    found = declared(TABLE, **arguments)
    assert found == expected and list(found) == list(expected)


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        ({"categorical": "abc"}, TypeError, "categorical must be a list of column names; got 'abc'"),
        ({"categorical": {"b", "c"}}, TypeError, "categorical must be a list of column names; got {'"),
        ({"continuous": frozenset("a")}, TypeError, "continuous must be a list of column names; got frozenset"),
        ({"categorical": ["b", "b"]}, ValueError, "column 'b' is declared 2 times: categorical and categorical"),
        ({"categorical": ["b"], "continuous": ["b"]}, ValueError, "declared 2 times: categorical and continuous"),
        ({"continuous": ["a"], "ignored": ["a"]}, ValueError, "'a' is declared 2 times: continuous and ignored"),
        ({"ignored": ["a", "b", "c"]}, ValueError, "^no column to encode: the table has none, .* all are ignored$"),
        ({"ignored": ["d", "a"]}, ValueError, "^ignored: the table has no column 'd'; its columns are 'a', 'b', 'c'$"),
        ({"categorical": []}, ValueError, "no column to encode"),
        ({"scaling": "log"}, ValueError, "'log' for column 'a'; known are quantile, standard, minmax, none"),
        ({"scaling": {"c": "log"}}, ValueError, "unknown scaling 'log' for column 'c'"),
        ({"scaling": {"b": "none"}}, ValueError, "scaling names 'b', which is not a continuous column"),
    ],
)
def test_bad_declarations(arguments, error, message):
    with pytest.raises(error, match=message):
        declared(TABLE, **arguments)
