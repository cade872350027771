"""Rounding in float32, measured against float64 on the same numbers: how it grows with m, k and the size of x.

    python tests/tools/numerics.py            10,080 drawn rows, and the tables of tests/README.md; a few seconds

A row has m features. One has the value X, as an unscaled column would; the others have values of size 1, V and the
attention network have entries of size 1, p is 1. Errors are relative to the sum of the absolute values of the terms
that make up the number, so that a sum which happens to be near zero does not count as lost digits. The unit is
u = 2^-24, the rounding of one float32 operation.
"""

from itertools import product

import numpy as np

from afm_numpy import Batch, afm, fm
from afm_numpy.fast import fm_once_per_feature

M, K, X = (2, 4, 8, 16, 32, 64), (1, 4, 16, 64), (1.0, 10.0, 1e2, 1e3, 1e4, 1e5)
ROWS = 70  # of each m, k and X: 10,080 in all
U = 2.0**-24
PATHS = ("identity", "its gradient", "fast engine", "in float64", "pair by pair", "gradient", "attention")
BOUNDS = (("identity", "condition"), ("fast engine", "condition"), ("its gradient", "slope"), ("attention", "score"))


def draw(rng, m, k, x, rows):
    """AFM's parameters and a batch in which no feature occurs twice: float32 numbers, held in float64."""
    values = rng.choice([-1.0, 1.0], (rows, m)) * rng.uniform(0.5, 1.5, (rows, m))
    values[:, 0] = x
    params = afm.init_params(rng, rows * m, m, k, 4, std=1.0, p=1.0)
    batch = Batch.from_padded(np.arange(rows * m).reshape(rows, m), values.astype(np.float32), rows * m)
    return {name: value.astype(float) for name, value in params.items()}, batch


def errors(rng, m, k, x, rows):
    """Errors of the paths (rows,), in units of u; and what amplifies them.

    `condition`: sum of the squares (v_if x_i)^2 over the sum of |m_f| of the pairs; the identity subtracts the former.
    `slope`: the largest |v_if x_i| over the sum of those of the other features, for its gradient.
    `score`: the largest score of eq. (5), with absolute values; the exponential turns its error into a relative one.
    """
    params, batch = draw(rng, m, k, x, rows)
    single = {name: value.astype(np.float32) for name, value in params.items()}
    narrow, ones = batch.astype(np.float32), np.ones(rows)

    y, cache = afm.forward(params, batch, attention="sum")                     # exact, as far as float32 can tell
    dV = afm.backward(ones, cache)["V"].values.reshape(rows, m, k)
    E, size = np.abs(cache.E), np.abs(cache.M).sum(axis=(1, 2))
    others = E.sum(axis=1, keepdims=True) - E                        # (rows, m, k)
    dV_size = others * np.abs(batch.x)[:, :, None]

    def of_gradient(module, cache):
        got = module.backward(ones.astype(np.float32), cache)["V"].values.reshape(rows, m, k)
        return (np.abs(got - dV) / dV_size).max(axis=(1, 2))

    found = {"condition": (E * E).sum(axis=(1, 2)) / size, "slope": (E / others).max(axis=(1, 2))}
    got, cache = fm.forward(single, narrow)
    found["identity"], found["its gradient"] = np.abs(got - y) / size / U, of_gradient(fm, cache) / U
    found["in float64"] = np.abs(fm.forward(params, batch)[0] - y) / size / U
    found["fast engine"] = np.abs(fm_once_per_feature.forward(single, narrow)[0] - y) / size / U
    got, cache = afm.forward(single, narrow, attention="sum")
    found["pair by pair"], found["gradient"] = np.abs(got - y) / size / U, of_gradient(afm, cache) / U

    y, cache = afm.forward(params, batch)
    size = (cache.a[:, :, None] * np.abs(cache.M)).sum(axis=(1, 2))
    Z = np.abs(cache.M) @ np.abs(params["W"]) + np.abs(params["b"])
    found["score"] = (Z @ np.abs(params["h"])).max(axis=1)
    found["attention"] = np.abs(afm.forward(single, narrow)[0] - y) / size / U
    return found


def measure(rng, rows=ROWS, ms=M, ks=K, xs=X):
    """{(m, k, X): errors}"""
    return {cell: errors(rng, *cell, rows) for cell in product(ms, ks, xs)}


def pooled(result, path):
    """The errors of one path over all rows."""
    return np.concatenate([found[path] for found in result.values()])


def worst(result, path, cause):
    """The largest error of a path over 1 + what amplifies it."""
    return (pooled(result, path) / (1 + pooled(result, cause))).max()


def table(result, axis, keep=lambda m, k, x: True):
    """Median and 99th percentile of each path, by the values of one axis of (m, k, X)."""
    lines = [" " * 7 + "".join(f"{path:>17}" for path in PATHS)]
    for value in sorted({cell[axis] for cell in result}):
        part = {cell: found for cell, found in result.items() if cell[axis] == value and keep(*cell)}
        chosen = [pooled(part, path) for path in PATHS]
        lines.append(f"{value:7.0f}" + "".join(f"{np.median(e):9.2g}{np.quantile(e, 0.99):8.2g}" for e in chosen))
    return "\n".join(lines)


def main():
    result = measure(np.random.default_rng(0))
    print(f"{len(result) * ROWS:,} rows; error in units of u = 2^-24: median, 99th percentile")
    print("\nby X, the largest value of a row\n" + table(result, 2))
    print("\nby m, where X = 1\n" + table(result, 0, lambda m, k, x: x == 1))
    print("\nby k, where X = 1\n" + table(result, 1, lambda m, k, x: x == 1))
    print("\nlargest over all rows")
    for path, cause in BOUNDS:
        print(f"{path:>14} / (1 + {cause:9}) {worst(result, path, cause):6.2g}")
    for path in ("pair by pair", "gradient"):
        print(f"{path:>14}{pooled(result, path).max():24.2g}")


if __name__ == "__main__":
    main()
