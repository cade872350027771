"""Exercises of 01_factorization_machines.ipynb."""

import numpy as np

from . import Exercise

rng = np.random.default_rng(101)
E1, E2 = rng.standard_normal((2, 4, 3)), rng.standard_normal((3, 5, 2))
DY, DD1, DD2 = (rng.standard_normal(rows) for rows in (3, 2, 3))
IDX, X = np.array([[0, 3, 5, 2], [3, 1, 0, 0], [5, 3, 6, 1]]), rng.uniform(0.5, 2.0, (3, 4))
X[1, 2:] = 0.0                                            # two empty slots: idx 0, x 0


def dw_full(dy_hat, idx, x, n):
    return _added(idx, dy_hat[:, None] * x, n)


def spread(E):
    return E.shape[1] * (E**2).sum(axis=(1, 2)) - (E.sum(axis=1) ** 2).sum(axis=1)


def spread_backward(dD, E):
    return 2 * dD[:, None, None] * (E.shape[1] * E - E.sum(axis=1, keepdims=True))


def triples(E):
    return _triples_by_factor(E).sum(axis=1)


def _added(idx, values, n):
    dw = np.zeros(n)
    np.add.at(dw, idx, values)
    return dw


def _kept_once(dy_hat, idx, x, n):
    dw = np.zeros(n)
    dw[idx] += dy_hat[:, None] * x
    return dw


def _powers(E):
    return [np.sum(E**power, axis=1) for power in (1, 2, 3)]


def _triples_by_factor(E):
    s1, s2, s3 = _powers(E)
    return (s1**3 - 3 * s1 * s2 + 2 * s3) / 6


def _triples_without_s3(E):
    s1, s2, _ = _powers(E)
    return ((s1**3 - 3 * s1 * s2) / 6).sum(axis=1)


def _triples_one_s1_s2(E):
    s1, s2, _ = _powers(E)
    return ((s1**3 - s1 * s2) / 6).sum(axis=1)


EXERCISES = {
    "01.1": Exercise(
        7.0,
        names=("pair_term",),
        mistakes={
            "each pair is counted twice": 14.0,
            "the products of a feature with itself are counted as well": 25.0,
            "the values x are left out": 5.0,
        },
    ),
    "01.2": Exercise(
        dw_full,
        [(DY, IDX, X, 8)],
        ("dw",),
        {
            "not summed over repeated ids: use np.add.at": _kept_once,
            "the factor x is missing": lambda dy_hat, idx, x, n: _added(idx, dy_hat[:, None] * (x != 0), n),
            "the factor dy_hat is missing": lambda dy_hat, idx, x, n: _added(idx, x, n),
        },
    ),
    "01.3": Exercise(
        spread,
        [(E1,), (E2,)],
        ("D",),
        {
            "each pair is counted twice": lambda E: 2 * spread(E),
            "m - 1 in the place of m": lambda E: spread(E) - (E**2).sum(axis=(1, 2)),
            "not summed over the factors": lambda E: E.shape[1] * (E**2).sum(axis=1) - E.sum(axis=1) ** 2,
            "the factor m is missing": lambda E: spread(E) - (E.shape[1] - 1) * (E**2).sum(axis=(1, 2)),
        },
    ),
    "01.4": Exercise(
        spread_backward,
        [(DD1, E1), (DD2, E2)],
        ("dE",),
        {
            "the factor 2 is missing": lambda dD, E: spread_backward(dD, E) / 2,
            "the factor dD is missing": lambda dD, E: spread_backward(np.ones_like(dD), E),
            "the gradient of the square of the sum is dropped": lambda dD, E: 2 * dD[:, None, None] * E.shape[1] * E,
            "summed over the wrong axis: the sum runs over the slots": lambda dD, E: 2 * dD[:, None, None] * (
                E.shape[1] * E - E.sum(axis=2, keepdims=True)),
        },
    ),
    "01.5": Exercise(
        triples,
        [(E1,), (E2,)],
        ("T",),
        {
            "each triple is counted six times": lambda E: 6 * triples(E),
            "the term with s3 is dropped": _triples_without_s3,
            "terms with two equal indices are left": _triples_one_s1_s2,
            "not summed over the factors": _triples_by_factor,
        },
    ),
}  # fmt: skip
