"""Is this gradient right? Compare it with slopes that are measured, not derived.

Along a unit vector d, a function of the parameters theta has one variable, line(s) = f(theta + s d). Its slope at 0
is the inner product of the gradient and d: one coordinate, or a random mix of all. It can be measured:

    central     (line(eps) - line(-eps)) / (2 eps)    off by eps^2 line'''/6, and by about u |f| / eps
    complex     Im line(i eps) / eps                  off by eps^2 line'''/6: take eps = 1e-20
    one-sided   (line(eps) - line(0)) / eps           off by eps line''/2, and by about u |f| / eps: see `v_curve`

u is the unit roundoff (2.2e-16 for float64). A difference of two nearly equal numbers loses digits; the complex step
(Squire and Trapp 1998) subtracts nothing, but all of f must accept complex numbers. No model is known here.
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any, NamedTuple

import numpy as np
from numpy.exceptions import ComplexWarning

__all__ = ["Curve", "Entry", "Report", "check", "v_curve"]

SLOPES = {
    "central": lambda line, eps: (line(eps) - line(-eps)) / (2 * eps),
    "complex": lambda line, eps: line(1j * eps).imag / eps,
    "one-sided": lambda line, eps: (line(eps) - line(0.0)) / eps,
}
DEFAULTS = {"central": (float(np.cbrt(np.finfo(float).eps)), 1e-7), "complex": (1e-20, 1e-12)}  # eps, rtol
ROUNDINGS = 32  # a value of f is trusted to this many units of roundoff
NOTES = {
    "error": "the gradient or f is wrong here",
    "misled": "central differences agree with this gradient: does f lose the imaginary part of {name} (abs, conj, a "
    "cast to real), or is eps too large?",
    "kink": "most slopes cross a kink within the step: move the parameters, or use method='complex'",
    "blind": "too small to tell from rounding noise: use parameters of size 1 and a random upstream gradient, or "
    "allow_blind=({name!r},) if it vanishes by mathematics",
}


class Entry(NamedTuple):
    """What was found for one parameter. `status` is ok, error, blind, kink, or zero (it vanishes, and may)."""

    name: str
    status: str
    error: float  # worst difference / largest entry of the array
    at: Any  # its coordinate (a tuple), or the name of a direction
    analytic: float
    numeric: float
    size: int
    coordinates: int  # compared
    directions: int  # compared
    kinks: int  # set aside, because f has a kink within the step
    note: str


@dataclass(frozen=True)
class Report:
    """Result of `check`: ``print(report)`` is a table, ``report["W"]`` an `Entry`, ``report.ok`` the verdict."""

    method: str
    rtol: float
    entries: dict

    def __getitem__(self, name):
        return self.entries[name]

    @property
    def ok(self):
        """True when every gradient was checked and is right."""
        return all(e.status in ("ok", "zero") for e in self.entries.values())

    def raise_if_bad(self):
        """Return the report if `ok`, else raise an AssertionError that shows it."""
        if not self.ok:
            raise AssertionError(f"gradient check failed\n{self}")
        return self

    def __str__(self):
        rows = [("parameter", "status", "rel. error", "at", "analytic", "numeric", "checked", "directions", "kinks")]
        for e in self.entries.values():
            numbers = f"{e.error:.1e}", str(e.at), f"{e.analytic:.8g}", f"{e.numeric:.8g}"
            rows.append((e.name, e.status, *numbers, f"{e.coordinates} of {e.size}", str(e.directions), str(e.kinks)))
        widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
        table = ["  ".join(map("{:{}{}}".format, row, "<<><>>>>>", widths)) for row in rows]
        notes = [f"{e.name}: {e.note}" for e in self.entries.values() if e.note]
        verdict = "all gradients are right" if self.ok else "NOT all gradients are right"
        title = f"method {self.method}, tolerance {self.rtol:.0e} of the largest entry: {verdict}"
        return "\n".join([title, *table, *notes])


def _index(flat, shape):
    return tuple(map(int, np.unravel_index(flat, shape)))


def _prepare(params, grads):
    """params with float64 copies of the float arrays, and their gradients, dense; refuses what does not fit."""
    params, dense = {name: np.asarray(theta) for name, theta in params.items()}, {}
    for name, theta in params.items():
        if theta.dtype.kind not in "fiub":
            raise TypeError(f"parameter {name!r} must hold real numbers, or integers (a table), not {theta.dtype}")
        if not np.isfinite(theta).all():
            raise ValueError(f"parameter {name!r} is not finite at {_index(np.isfinite(theta).argmin(), theta.shape)}")
    real = {name: theta.astype(np.float64) for name, theta in params.items() if theta.dtype.kind == "f"}
    if not real:
        raise ValueError(f"no parameter to check: none of {sorted(params)} is an array of floats")
    for name in [*real, *grads]:
        if name not in grads or name not in real:
            what = "has no gradient" if name in real else "has a gradient but is no parameter (float array in params)"
            raise ValueError(f"{name!r} {what}")
        g, shape = grads[name], real[name].shape
        g = np.asarray(g.to_dense(shape[0] if shape else 1) if hasattr(g, "to_dense") else g)
        if g.shape != shape or g.dtype.kind not in "fiu":
            raise ValueError(f"the gradient of {name!r} must be real with shape {shape}, not {g.dtype} {g.shape}")
        dense[name] = g.astype(np.float64)
    return {**params, **real}, dense


def _moved(params, probes, s):
    """params + s probes in fresh arrays, complex if s is; a probe is an array or a coordinate (its unit vector)."""
    moved = dict(params)
    for name, theta in params.items():
        if theta.dtype.kind == "f":
            dtype = np.result_type(theta.dtype, np.complex64) if isinstance(s, complex) else theta.dtype
            moved[name] = np.array(theta, dtype)
            if isinstance(probes.get(name), tuple):
                moved[name][probes[name]] += s
            elif name in probes:
                moved[name] += s * probes[name]
    return moved


def _line(f, params, probes):
    """The function s -> f(params + s probes) of one variable; a float for a float s, complex for a complex s."""

    def line(s):
        kind = type(s)
        try:
            value = np.asarray(f(_moved(params, probes, s)))
            if kind is complex and value.dtype.kind != "c":
                raise TypeError(f"it returned {value.dtype}")
        except (TypeError, ComplexWarning) as error:
            if kind is float:
                raise
            what = f"f loses the imaginary part of {'/'.join(probes)}: {error}"
            raise TypeError(f"{what}; mend f or use method='central'") from error
        if value.shape != () or value.dtype.kind not in ("fiu" if kind is float else "c"):
            raise ValueError(f"f must return one real number, not {value.dtype} of shape {value.shape}")
        return kind(value)

    return line


def _bend(line, eps):
    """About 0 on a smooth line; at least 2/3 of the error that one kink within eps gives the central difference.

    D(s) = (line(s) - 2 line(0) + line(-s)) / s, the slope to the right minus the slope to the left, is
    proportional to s on a smooth line. A kink at distance c with a jump J adds J max(0, 1 - c/s). Then
    D(eps) = 2 D(eps/2) fails, except for c = eps/3, where D(eps/2) = 2 D(eps/4) fails: hence three scales.
    The central difference is off by J (1 - c/eps) / 2.
    """
    d1, d2, d4 = ((line(s) - 2 * line(0.0) + line(-s)) / s for s in (eps, eps / 2, eps / 4))
    return max(abs(d1 - 2 * d2), abs(d2 - 2 * d4))


class _Trial(NamedTuple):
    at: Any  # a coordinate (a tuple) or the name of a direction
    probe: Any  # the same coordinate, or the direction
    line: Callable
    eps: float
    analytic: float
    numeric: float
    difference: float  # |numeric - analytic|, infinite where either is not finite


def _trial(f, params, name, g, method, eps, at, signs=None):
    """Measure one slope: at a coordinate, or along the unit vector of entries of one size with the given signs."""
    if signs is None:
        probe, size, analytic = at, abs(params[name][at]), float(g[at])
    else:
        probe, size = signs / np.sqrt(g.size), np.abs(params[name]).mean()
        with np.errstate(all="ignore"):
            analytic = float(np.sum(g * probe))
    line, eps = _line(f, params, {name: probe}), eps * max(1.0, float(size))
    numeric = SLOPES[method](line, eps)
    difference = abs(numeric - analytic)
    return _Trial(at, probe, line, eps, analytic, numeric, difference if difference < np.inf else np.inf)


def _trials(measure, name, g, full, samples, directions, rng):
    """All coordinates of a small array; the largest, a sample and random directions of a large one."""
    if g.size <= full:
        return [measure(at) for at in np.ndindex(g.shape)]
    if rng is None:
        raise ValueError(f"{name!r} has {g.size} entries, more than full={full}: give an rng, or a larger full")
    chosen = np.union1d(rng.choice(g.size, min(samples, g.size), replace=False), np.abs(g).argmax())
    mixed = [measure(f"direction {i}", rng.choice([-1.0, 1.0], g.shape)) for i in range(directions)]
    return [*(measure(_index(flat, g.shape)) for flat in chosen), *mixed]


def _at_kink(params, name, gates, floor, trial):
    """Does a gate differ between theta - eps, theta and theta + eps? Without gates: does f bend there?"""
    if gates is None:  # 1/10: two kinks may partly cancel
        return _bend(trial.line, trial.eps) > max(trial.difference / 10, floor)
    states = [gates(_moved(params, {name: trial.probe}, s)) for s in (-trial.eps, 0.0, trial.eps)]
    below, here, above = (state if isinstance(state, tuple) else (state,) for state in states)
    return any(np.any(b != h) or np.any(h != a) for b, h, a in zip(below, here, above, strict=True))


def _judge(name, trials, g, rtol, noise, at_kink, may_vanish):
    """The `Entry` of one parameter, from its slopes."""
    largest = np.abs(g).max(initial=0.0, where=np.isfinite(g))
    kept = [t for t in trials if not (max(rtol * largest, noise) < t.difference < np.inf and at_kink(t))]
    tried, left = ([sum(isinstance(t.at, kind) for t in some) for kind in (tuple, str)] for some in (trials, kept))
    largest = max([largest, *(abs(t.numeric) for t in kept if isinstance(t.at, tuple) and np.isfinite(t.numeric))])
    worst = max(kept, key=lambda t: t.difference, default=_Trial("-", None, None, 0.0, 0.0, 0.0, 0.0))
    if worst.difference > max(rtol * largest, noise):
        status = "error"
        usual = SLOPES["central"](worst.line, DEFAULTS["central"][0])
        note = NOTES["misled" if abs(usual - worst.analytic) < worst.difference / 10 else "error"]
    elif any(2 * few < many for few, many in zip(left, tried, strict=True)):
        status, note = "kink", NOTES["kink"]
    elif largest <= noise or worst.difference > rtol * largest:
        status, note = ("zero", "") if may_vanish and largest <= noise else ("blind", NOTES["blind"])
    else:
        status, note = "ok", ""
    error = worst.difference / largest if largest else worst.difference and np.inf
    found = float(error), worst.at, worst.analytic, worst.numeric
    return Entry(name, status, *found, g.size, *left, len(trials) - len(kept), note.format(name=name))


def check(
    f, params, grads, *, method="complex", eps=None, rtol=None, rng=None, full=400, samples=40, directions=4,
    gates=None, allow_blind=(),
):  # fmt: skip
    """Compare hand-made gradients with measured slopes, parameter by parameter.

    Parameters
    ----------
    f : callable
        ``f(params)`` gives a real number; with method "complex" also a complex one for complex arrays.
    params : dict of arrays
        Float arrays are parameters (used as float64); integer arrays are tables and handed on as they are.
    grads : dict
        For each parameter an array of its shape, or an object with ``to_dense(n)``.
    method : {"complex", "central"}
    eps, rtol : float, optional
        Step, times max(1, |theta|): by default 1e-20, or the cube root of u for central differences.
        Allowed difference over the largest entry of the array: by default 1e-12, or 1e-7.
    rng, full, samples, directions : numpy.random.Generator, int, int, int
        Up to `full` entries are all checked. Of a larger array, which needs `rng`: the largest entry, `samples` random
        ones, and random directions that mix all entries, so that an entry outside the sample shows too.
    gates : callable, optional
        ``gates(params)`` gives the states of the ReLUs (Z > 0), an array or a tuple of them. Central differences set
        a wrong slope aside if one of them switches within the step; without `gates`, if the values of f show a kink.
    allow_blind : collection of names
        Gradients that may vanish: status "zero" instead of "blind" if all of it is below the noise floor.

    Returns
    -------
    Report
        "error": the worst difference exceeds both rtol times the largest entry and the noise floor, 32 roundings of
        f (over eps for central differences). "kink": more than half of the slopes were set aside. "blind": the
        largest entry is below the noise floor, or the difference is and exceeds the tolerance. Else "ok".

    Raises
    ------
    ValueError, TypeError
        Names, shapes or types do not fit, params or f(params) is not finite, or f makes complex numbers real.

    Examples
    --------
    >>> theta = {"a": np.array([1.0, 2.0]), "c": np.array(3.0)}
    >>> grads = {"a": 6.006 * theta["a"], "c": np.array(5.0)}  # the first is 0.1 % too large
    >>> print(check(lambda q: q["c"] * (q["a"] ** 2).sum(), theta, grads))
    method complex, tolerance 1e-12 of the largest entry: NOT all gradients are right
    parameter  status  rel. error  at    analytic  numeric  checked  directions  kinks
    a          error      1.0e-03  (1,)    12.012       12   2 of 2           0      0
    c          ok         0.0e+00  ()           5        5   1 of 1           0      0
    a: the gradient or f is wrong here
    """
    if method not in DEFAULTS:
        raise ValueError(f"method must be one of {sorted(DEFAULTS)}, not {method!r}")
    eps, rtol = DEFAULTS[method][0] if eps is None else float(eps), DEFAULTS[method][1] if rtol is None else float(rtol)
    if not (eps > 0 and 0 < rtol < 1):
        raise ValueError(f"eps must be positive and rtol between 0 and 1, not {eps} and {rtol}")
    params, grads = _prepare(params, grads)
    start = _line(f, params, {})(0.0)
    if not np.isfinite(start):
        raise ValueError(f"f(params) is {start}")
    trials = {}
    for name, g in grads.items():
        measure = partial(_trial, f, params, name, g, method, eps)
        trials[name] = _trials(measure, name, g, full, samples, directions, rng)
    scale = max([abs(start), *(abs(t.numeric) for ts in trials.values() for t in ts if np.isfinite(t.numeric))])
    noise = ROUNDINGS * np.finfo(float).eps * scale / (eps if method == "central" else 1.0)
    entries = {}
    for name, g in grads.items():  # a bend adds up about six roundings; an imaginary step crosses no kink
        at_kink = partial(_at_kink, params, name, gates, 2 * noise) if method == "central" else lambda t: False
        entries[name] = _judge(name, trials[name], g, rtol, noise, at_kink, name in allow_blind)
    return Report(method, rtol, entries)


class Curve(NamedTuple):
    """Relative error against the step: `eps` (N,), and `errors`, a dict from a label to an array (N,)."""

    eps: np.ndarray
    errors: dict


def v_curve(f, params, grads, rng, *, eps=None, directions=4,
            curves=("one-sided float64", "central float32", "central float64", "complex float64")):  # fmt: skip
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
    params, grads = _prepare(params, grads)
    eps = np.logspace(-16, -1, 46) if eps is None else np.asarray(eps, np.float64)
    width = np.sqrt(sum(g.size for g in grads.values()))
    probes = [{name: rng.choice([-1.0, 1.0], g.shape) / width for name, g in grads.items()} for _ in range(directions)]
    exact = np.array([sum(np.sum(g * probe[name]) for name, g in grads.items()) for probe in probes])
    if not (np.isfinite(exact).all() and exact.any()):
        raise ValueError(f"the gradient must be finite and not 0: its slopes along the directions are {exact}")
    errors = {}
    for label in curves:
        method, _, dtype = label.partition(" ")
        if method not in SLOPES or dtype not in ("float32", "float64"):
            raise ValueError(f"a curve is one of {sorted(SLOPES)} and float32 or float64, not {label!r}")
        cast = {name: theta.astype(dtype) if name in grads else theta for name, theta in params.items()}
        slopes = [[SLOPES[method](_line(f, cast, probe), float(h)) for probe in probes] for h in eps]
        errors[label] = np.abs(np.array(slopes) - exact).max(axis=1) / np.abs(exact).max()
    return Curve(eps, errors)
