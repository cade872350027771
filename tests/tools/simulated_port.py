"""Simulated ports: the literal rules in float64 or float32, sums in shuffled order, any set of mistakes switched on."""

import math
import random

import numpy as np

from afm_numpy.conformance import kit
from afm_numpy.conformance.checker import FAULTS, check_case
from afm_numpy.conformance.literal import Trace
from afm_numpy.conformance.literal.numbers import Floats, flatten
from afm_numpy.conformance.naming import settle
from afm_numpy.conformance.wrong import layers


class Double(Floats):
    """Float64 whose sums run in an order of their own."""

    def __init__(self, seed):
        self.random = random.Random(seed)

    def sum(self, terms):
        terms = list(terms)
        self.random.shuffle(terms)
        return Floats.sum(terms)


class Single(Double):
    """The same in float32."""

    num = np.float32

    def sum(self, terms):
        terms = list(terms)
        self.random.shuffle(terms)
        total = np.float32(0)
        for term in terms:
            total = np.float32(total + term)
        return total

    @staticmethod
    def div(a, b):
        return np.float32(a) / np.float32(b)

    exp, log, log1p, sqrt = (staticmethod(lambda z, f=f: f(np.float32(z))) for f in (np.exp, np.log, np.log1p, np.sqrt))


def simulate(case, mistakes=(), ops=Floats):
    """What a port with these mistakes reports for a case; it stops reporting where it would crash."""
    before, values, switched = None, {}, layers(mistakes)
    with np.errstate(all="ignore"):
        for full, step, name in kit.tensors(case):
            if before is None or before.step != step:
                before = Trace(case, step, before, switched, ops=ops)
            try:
                values[full] = plain(before[name])
            except FAULTS:
                continue
    return values


def plain(value):
    if isinstance(value, list):
        return [plain(part) for part in value]
    return value if isinstance(value, int) else float(value)


def diagnose(mistakes, dtype="float64", cases=None, seed=0):
    """Check a simulated port; returns the case results and the named groups."""
    ops = Single(seed) if dtype == "float32" else Floats
    chosen = [case for name, case in kit.load_cases().items() if cases is None or name[:2] in cases]
    chosen = [case for case in chosen if dtype == "float64" or "float64" not in case["requires"]]
    results = [check_case(case, simulate(case, mistakes, ops), dtype) for case in chosen]
    return results, settle(results)


def largest_error(case, values, which):
    """The largest error of any reported tensor, in tolerances; infinite for a wrong shape or NaN."""
    worst = 0.0
    for full, got in values.items():
        got, want = flatten(got), flatten(case["expect"][full])
        if len(got) != len(want):
            return math.inf
        tol = case["tol"].get(full, [0, 0])[which]
        for a, b in zip(got, want, strict=True):
            if a != a or math.isinf(a):
                return math.inf
            if a != b or math.copysign(1, a) != math.copysign(1, b) and not tol:
                worst = max(worst, abs(a - b) / tol if tol else math.inf)
    return worst
