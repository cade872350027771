"""Two tensors: the same shape, numbers that are finite, and values that agree."""

import math

import pytest

from afm_numpy.conformance.compare import difference, fitted, largest, problem, same, same_number, stretched
from afm_numpy.conformance.literal.numbers import Declared

INF, NAN = math.inf, math.nan
TABLE = [[1.0, 2.0, 3.0], [4.0, 5.0, 6.0]]


def test_the_largest_is_that_of_the_finite_numbers():
    assert largest([1.0, -3.0, 2.0]) == 3 and largest([-0.5, INF, NAN, -INF]) == 0.5
    assert largest([]) == largest([NAN]) == 0.0 and type(largest([])) is float


@pytest.mark.parametrize(
    ("got", "like", "expected"),
    [
        (TABLE, TABLE, TABLE),
        ([1.0, 2.0, 3.0, 4.0, 5.0, 6.0], TABLE, TABLE),                     # a flat list may stand for any shape
        (Declared([1.0, 2.0, 3.0, 4.0, 5.0, 6.0]), TABLE, None),            # unless its shape was declared
        (Declared([1.0, 2.0]), [3.0, 4.0], [1.0, 2.0]),
        ([[1.0, 2.0], [3.0, 4.0], [5.0, 6.0]], TABLE, None),
        ([1.0, 2.0], TABLE, None),
        ([1.0], 5.0, 1.0),
        (1.0, 5.0, 1.0),
        (1.0, [5.0], None),
        ([[1.0]], 5.0, None),
        ([], [[], []], [[], []]),
        ([[], []], [], []),
        (Declared([]), [[]], [[]]),
        ([], 5.0, None),
        ([1.0], [], None),
    ],
)
def test_the_shape_that_was_asked_for(got, like, expected):
    assert fitted(got, like) == expected


@pytest.mark.parametrize(
    ("a", "b", "tol", "expected"),
    [
        (2.0, 2.0, 0.0, True),
        (0.0, -0.0, 0.0, False),                                            # exactly means the sign of 0 too
        (0.0, -0.0, 0.5, True),
        (-0.0, -0.0, 0.0, True),
        (1.0, 1.5, 0.5, True),
        (1.0, 1.75, 0.5, False),
        (1.75, 1.0, 0.5, False),
        (-0.25, 0.25, 0.25, False),
        (NAN, NAN, 0.0, True),
        (NAN, 1.0, 9.0, False),
        (1.0, NAN, 9.0, False),
        (INF, INF, 0.0, True),
        (INF, -INF, 9.0, False),
        (INF, 1.0, 9.0, False),
    ],
)
def test_two_numbers(a, b, tol, expected):
    assert same_number(a, b, tol) is expected
    assert same([[1.0], [a]], [[1.0], [b]], tol) is expected and same([a], [b], tol) is expected


def test_tensors_of_two_sizes_are_not_compared():
    with pytest.raises(ValueError, match="zip"):
        same([1.0], [1.0, 2.0], 0.5)
    with pytest.raises(ValueError, match="zip"):
        same([1.0, 2.0], [1.0], 0.5)


def test_what_is_wrong_is_said():
    six = [1.0, 2.0, 3.0, 4.0, 5.0, 6.0]
    assert problem(TABLE, TABLE, 0.0) is problem(six, TABLE, 0.0) is None
    assert problem(TABLE, [[1, 2, 3], [4, 5, 6.5]], 0.5) is None
    assert problem([TABLE], TABLE, 1.0) == "got shape (1, 2, 3), want (2, 3)"
    assert problem(1.0, TABLE, 1.0) == "got shape (), want (2, 3)"
    assert problem([1.0, 2.0, INF, 4.0, NAN, 6.0], TABLE, 9.0) == "2 of 6 numbers are not finite, the first at 2: inf"
    assert problem([1.5, 2.0, 3.25, 4.0, 5.0, 1.0], TABLE, 0.25) == (
        "2 of 6 numbers are wrong, the worst at 5: got 1, want 6"
    )
    assert problem([5.0, 2.0], [6.0, 4.0], 0.25) == "2 of 2 numbers are wrong, the worst at 1: got 2, want 4"
    assert problem([2.0, 5.0], [4.0, 6.0], 0.25) == "2 of 2 numbers are wrong, the worst at 0: got 2, want 4"
    assert problem(1.0, 1 + 2**-40, 2**-42).endswith("want 1.0000000000009095, off by 9.1e-13 where 2.3e-13 is allowed")
    words = "row {}".format
    assert problem([1.0, NAN], [1.0, 2.0], 0.5, words) == "1 of 2 numbers are not finite, the first at row 1: nan"
    assert problem([1.0, 3.0], [1.0, 2.0], 0.5, words) == (
        "1 of 2 numbers are wrong, the worst at row 1: got 3, want 2"
    )


def test_as_many_digits_as_tell_two_numbers_apart():
    assert difference(1 / 3, 2 / 3, 0.1) == "got 0.333333333, want 0.666666667"
    assert difference(1.0, 1 + 2**-40, 2**-42) == (
        "got 1, want 1.0000000000009095, off by 9.1e-13 where 2.3e-13 is allowed"
    )


def test_numbers_that_have_grown_may_be_further_off():
    assert stretched(0.5, [1.0, -2.0], [4.0]) == 2.0                          # they have not grown
    assert stretched(0.5, [1.0, -12.0], [[4.0], [-3.0]]) == 6.0
    assert stretched(0.5, 3.0, [0.0]) == 6.0 and stretched(0.5, NAN, NAN) == 2.0
