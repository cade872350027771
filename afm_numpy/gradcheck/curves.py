"""The V-curve: how the error of a measured slope falls and rises with the step."""

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import numpy as np

from .._checks import check_choice, check_kind
from .slopes import SLOPES, Array, along
from .trees import flatten, read_grads, read_params


class Curve(NamedTuple):
    """Relative error against the step: `eps` (N,), and `errors`, a dict from a label to an array (N,)."""

    eps: Array
    errors: dict[str, Array]


def v_curve(
    f: Callable[[Any], Any], params: Any, grads: Any, rng: np.random.Generator, *, eps: Any = None, directions: int = 4,
    curves: Sequence[str] = ("one-sided float64", "central float32", "central float64", "complex float64"),
) -> Curve:  # fmt: skip
    """The V-curve: error of a measured slope against the step, for each method and floating-point type.

    Slopes are taken along random unit vectors through all parameters at once. The error is the worst difference from
    the given gradient, over the largest slope. A float32 curve hands float32 arrays to f.

    Parameters
    ----------
    f, params, grads, rng, directions : as for `check`
    eps : (N,) array, optional
        Steps; by default 46 from 1e-16 to 0.1.
    curves : sequence of str
        A method and a type each, with a space between.

    Returns
    -------
    Curve

    Examples
    --------
    >>> x = np.array([0.3, 0.4])
    >>> curve = v_curve(lambda q: np.sin(q["x"]).sum(), {"x": x}, {"x": np.cos(x)}, np.random.default_rng(0))
    >>> bool(curve.errors["complex float64"][0] < 1e-15 < 1e-3 < curve.errors["central float64"][0])
    True
    """
    check_kind("rng", rng, np.random.Generator, "a numpy.random.Generator")
    leaves, build = flatten(params)
    flat = read_params(leaves)
    by_hand, _ = read_grads(flatten(grads)[0], flat)
    eps = np.logspace(-16, -1, 46) if eps is None else np.asarray(eps, np.float64)
    width = np.sqrt(sum(g.size for g in by_hand.values()))
    probes = [{name: rng.choice([-1.0, 1.0], g.shape) / width for name, g in by_hand.items()}
              for _ in range(directions)]  # fmt: skip
    exact = np.array([sum(np.sum(g * probe[name]) for name, g in by_hand.items()) for probe in probes])
    if not (np.isfinite(exact).all() and exact.any()):
        raise ValueError(f"the gradient must be finite and not 0: its slopes along the directions are {exact}")
    errors = {}
    for label in curves:
        check_choice("curve", label, [f"{method} {dtype}" for method in SLOPES for dtype in ("float32", "float64")])
        method, dtype = label.split()
        cast = {name: theta.astype(dtype) if name in by_hand else theta for name, theta in flat.items()}
        lines = [along(lambda q: f(build(q)), cast, probe) for probe in probes]
        slopes = [[SLOPES[method](line, float(h)) for line in lines] for h in eps]
        errors[label] = np.abs(np.array(slopes) - exact).max(axis=1) / np.abs(exact).max()
    return Curve(eps, errors)
