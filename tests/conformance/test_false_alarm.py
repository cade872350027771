"""Honest ports pass: float64 and float32, sums in any order. CONFORMANCE_RUNS=1000 makes the run long."""

import os

import pytest
import simulated_port

from afm_numpy.conformance import kit

RUNS = int(os.environ.get("CONFORMANCE_RUNS", "20"))


@pytest.mark.parametrize("which, ops", [(0, "Double"), (1, "Single")])
def test_no_false_alarm(which, ops):
    cases = [case for case in kit.load_cases().values() if not (which and "float64" in case["requires"])]
    for seed in range(RUNS):
        for case in cases:
            values = simulated_port.simulate(case, (), getattr(simulated_port, ops)(seed))
            error = simulated_port.largest_error(case, values, which)
            assert error <= 1, f"{case['id']}, run {seed}: {error:.2f} tolerances"
