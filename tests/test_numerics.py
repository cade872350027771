"""What tests/README.md and fm.py say about float32, on 360 of the rows that numerics.py draws by the thousand."""

import numpy as np
import pytest
from numerics import BOUNDS, main, measure, pooled, worst


@pytest.fixture(scope="module")
def result():
    return measure(np.random.default_rng(3), rows=20, ms=(2, 8, 32), ks=(1, 16), xs=(1.0, 1e3, 1e5))


@pytest.mark.parametrize("path, cause", BOUNDS)
def test_errors_stay_within_20_roundings_times_what_amplifies_them(result, path, cause):
    assert 0 < worst(result, path, cause) < 20


def test_the_identity_loses_digits_in_proportion_to_the_largest_x(result):
    one, thousand, more = (
        np.median(pooled({cell: found for cell, found in result.items() if cell[2] == x}, "identity"))
        for x in (1.0, 1e3, 1e5)
    )
    assert one < 1 and 10 < thousand < 300 and 30 < more / thousand < 300


@pytest.mark.parametrize("path, most", [("pair by pair", 8), ("gradient", 40), ("in float64", 0.01)])
def test_the_remedies_do_not(result, path, most):
    """The double sum in float32, its gradient, and the identity in float64, for values up to 100,000."""
    assert 0 < pooled(result, path).max() < most


def test_more_slots_or_factors_do_not_hurt(result):
    part = {cell: found for cell, found in result.items() if cell[2] == 1.0}
    for axis, (small, large) in ((0, (2, 32)), (1, (1, 16))):
        few, many = (pooled({c: f for c, f in part.items() if c[axis] == size}, "identity") for size in (small, large))
        assert np.median(many) < np.median(few)


def test_the_command_prints_its_tables(monkeypatch, capsys):
    monkeypatch.setattr("numerics.measure", lambda rng: measure(rng, rows=2, ms=(2,), ks=(1,), xs=(1.0, 10.0)))
    main()
    out = capsys.readouterr().out
    assert all(f"\nby {axis}, " in out for axis in "Xmk") and "pair by pair" in out
