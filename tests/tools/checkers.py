"""Gradient checkers side by side: right and wrong gradients of layers that people write.

    python tests/tools/checkers.py            the table of tests/README.md, in some minutes
    python tests/tools/checkers.py --ours     our column alone, and every case that it does not decide

Each case is a function of a dict of arrays, sum(dout * layer(q)) with random dout, and a gradient by hand. A right one
is computed in float64 or float32. A wrong one has one mistake: at least 1e-6 of the largest entry in float64, 1e-3 in
float32. A tool that is not installed is named and left out.
"""

import argparse
import sys
import time
import warnings
import zlib
from importlib.util import find_spec
from typing import NamedTuple

import numpy as np
from layers import AT, AT_ANY_SIZE, LAYERS, NEAR

from afm_numpy import gradcheck

SCALES = (1e-6, 1e-3, 1e3, 1e6)


class Case(NamedTuple):
    """A function, a point, and a gradient that is right or wrong."""

    name: str
    f: object
    params: dict
    grads: dict
    right: bool
    at_kink: bool = False


def off_by(amount):
    return lambda g, rng: g * (1 + amount)


def one_entry(g, rng):
    wrong = g.copy()
    wrong[np.unravel_index(np.abs(g).argmax(), g.shape)] *= 1.01
    return wrong


GENERIC = {
    "missing factor": off_by(1.0), "sign": off_by(-2.0), "0.1 % off": off_by(2e-3), "one entry": one_entry,
    "forgotten": lambda g, rng: 0 * g, "reversed": lambda g, rng: np.flip(g), "1e-5 off": off_by(1e-5),
}  # fmt: skip


def point(layer, name, dtype, inside=1.0, outside=1.0):
    """The function, the parameters, the backward pass and its mistakes, at one point."""
    rng = np.random.default_rng(zlib.crc32(name.encode()))
    q, forward, backward, mistakes = layer(rng)
    q = {key: (inside * value).astype(dtype) for key, value in q.items()}
    dout = outside * rng.normal(size=np.shape(forward(q)))
    return lambda q: (dout * forward(q)).sum(), q, lambda q, wrong="": backward(q, dout.astype(dtype), wrong), mistakes


def apart(wrong, right):
    """The largest difference over the largest entry, of the array where it is largest."""
    return max(np.abs(wrong[k] - right[k]).max() / max(np.abs(right[k]).max(), 1e-300) for k in right)


def cases():
    """The grid, the same in every run."""
    for dtype, least in (("float64", 1e-6), ("float32", 1e-3)):
        for name, layer in {**LAYERS, **NEAR, **AT}.items():
            scales = [(1.0, 1.0), *((1.0, s) for s in SCALES), *((s, 1.0) for s in SCALES if name in AT_ANY_SIZE)]
            scales = scales if name in LAYERS else scales[:1]
            if dtype == "float32" and name in NEAR:
                continue                                                    # a float32 cannot stand there
            for inside, outside in scales:
                where = f"{name}, {dtype}, inputs x {inside:g}, output x {outside:g}"
                f, q, backward, mistakes = point(layer, name, dtype, inside, outside)
                exact = backward({key: value.astype(float) for key, value in q.items()})
                right = {k: np.asarray(g, dtype) for k, g in backward(q).items()}
                yield Case(f"right: {where}", f, q, right, True, name in AT)
                wrongs = {mistake: backward(q, mistake) for mistake in mistakes}
                if inside == outside == 1:
                    rng, stale = np.random.default_rng(1), {k: (1.01 * v).astype(dtype) for k, v in q.items()}
                    wrongs["stale input"] = backward(stale)
                    for i, (mistake, change) in enumerate(GENERIC.items()):
                        key = list(right)[i % len(right)]
                        wrongs[f"{key} {mistake}"] = {**right, key: change(right[key], rng)}
                for mistake, wrong in wrongs.items():
                    wrong = {k: np.asarray(g, dtype) for k, g in wrong.items()}
                    if apart(wrong, exact) >= least:
                        yield Case(f"{mistake}: {where}", f, q, wrong, False, name in AT)


# ---- the checkers: each says True, False, or None when it cannot tell ------------------------------------


def ours(method):
    def run(case):
        report = gradcheck.check(case.f, case.params, case.grads, method=method)
        wrong = any(entry.status == "error" for entry in report.entries.values())
        return True if report.ok else False if wrong else None

    return run


def flat(case):
    """The function and the gradient of one long vector."""
    shapes = {key: np.shape(value) for key, value in case.params.items()}
    cuts = np.cumsum([int(np.prod(shape)) for shape in shapes.values()])[:-1]

    def f(vector):
        parts = np.split(np.asarray(vector), cuts)
        return case.f({key: part.reshape(shape) for (key, shape), part in zip(shapes.items(), parts, strict=True)})

    def join(arrays):
        return np.concatenate([np.ravel(arrays[key]) for key in shapes])

    return f, join(case.params), join(case.grads)


def scipy_check(case):
    from scipy.optimize import check_grad

    f, x, g = flat(case)
    return bool(check_grad(f, lambda _: g.astype(float), x.astype(float)) < 1e-6)


def statsmodels_check(case):
    from statsmodels.tools.numdiff import approx_fprime_cs

    f, x, g = flat(case)
    return bool(np.allclose(approx_fprime_cs(x.astype(float), f), g, rtol=1e-7))


def autograd_check(case):
    from autograd.extend import defvjp, primitive
    from autograd.test_util import check_grads

    f, x, g = flat(case)
    layer = primitive(lambda x: float(f(x)))
    defvjp(layer, lambda out, x: lambda d: d * g.astype(float))
    return passes(lambda: check_grads(layer, modes=["rev"], order=1)(x.astype(float)))


def jax_check(case):
    import jax
    from jax.test_util import check_grads

    jax.config.update("jax_enable_x64", True)
    f, x, g = flat(case)
    out = jax.ShapeDtypeStruct((), x.dtype)
    layer = jax.custom_vjp(lambda x: jax.pure_callback(lambda x: np.asarray(f(np.asarray(x, float)), x.dtype), out, x))
    layer.defvjp(lambda x: (layer(x), None), lambda _, d: (d * g,))
    return passes(lambda: check_grads(layer, (jax.numpy.asarray(x),), order=1, modes=["rev"]))


def torch_check(case):
    import torch

    f, x, g = flat(case)

    class Layer(torch.autograd.Function):
        @staticmethod
        def forward(ctx, x):
            return torch.tensor(f(x.detach().numpy().astype(float)), dtype=x.dtype)

        @staticmethod
        def backward(ctx, d):
            return d * torch.from_numpy(g)

    return passes(lambda: torch.autograd.gradcheck(Layer.apply, (torch.tensor(x, requires_grad=True),)))


def passes(check):
    try:
        check()
    except Exception:                                                       # each library has its own
        return False
    return True


CHECKERS = {
    "ours, complex": (ours("complex"), "numpy"), "ours, central": (ours("central"), "numpy"),
    "scipy.optimize.check_grad < 1e-6": (scipy_check, "scipy"),
    "statsmodels, complex step, rtol 1e-7": (statsmodels_check, "statsmodels"),
    "autograd check_grads": (autograd_check, "autograd"), "JAX check_grads": (jax_check, "jax"),
    "PyTorch gradcheck": (torch_check, "torch"),
}  # fmt: skip


class Score(NamedTuple):
    """How often a checker was wrong, and which cases it did not decide."""

    false_alarms: list
    misses: list
    undecided: list
    seconds: float


def score(check, grid):
    alarms, misses, undecided, start = [], [], [], time.perf_counter()
    for case in grid:
        verdict = check(case)
        (undecided if verdict is None else alarms if case.right and not verdict else
         misses if verdict and not case.right else []).append(case)  # fmt: skip
    return Score(alarms, misses, undecided, time.perf_counter() - start)


def main(argv=None):
    options = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    options.add_argument("--ours", action="store_true", help="our checker alone")
    args = options.parse_args(argv)
    warnings.simplefilter("ignore")
    grid = list(cases())
    print(f"{sum(case.right for case in grid)} right gradients, {sum(not case.right for case in grid)} wrong ones\n")
    print("| checker | false alarms | misses | cannot tell | seconds |\n|---|---|---|---|---|")
    for name, (check, package) in CHECKERS.items():
        if args.ours and package != "numpy":
            continue
        if find_spec(package) is None:
            print(f"| {name} | {package} is not installed | | | |")
            continue
        with np.errstate(all="ignore"):
            result = score(check, grid)
        counts = " | ".join(str(len(found)) for found in result[:3])
        print(f"| {name} | {counts} | {result.seconds:.0f} |", flush=True)
        if args.ours:
            for word, found in zip(("FALSE ALARM", "MISS", "cannot tell"), result[:3], strict=True):
                for case in found:
                    print(f"{word}: {case.name}", file=sys.stderr)


if __name__ == "__main__":
    main()
