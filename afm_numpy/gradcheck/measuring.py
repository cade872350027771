"""Measure the slopes of one array, and look at a doubtful one again: is it a kink, a bad step, or rounding?"""

from dataclasses import dataclass, replace
from functools import cache
from itertools import pairwise
from typing import Any, NamedTuple

import numpy as np

from .conditions import DOUBLE, everywhere, usual_size
from .slopes import DEFAULTS, ROUNDINGS, SEED, SLOPES, Array, Flat, Function, Line, along, moved
from .trees import place

ALONG = "along the gradient"


class Trial(NamedTuple):
    """A slope that was measured, and the slope that the gradient gives."""

    at: Any  # a coordinate (a tuple), or the name of a direction
    probe: Any  # the same coordinate, or the direction
    line: Line
    step: float
    size: float  # of the parameter, at least 1
    analytic: float
    numeric: float

    @property
    def difference(self) -> float:
        """Infinite where a slope is not finite."""
        return abs(self.numeric - self.analytic) if np.isfinite(self.numeric - self.analytic) else np.inf

    @property
    def height(self) -> float:
        """Size of the slope that the gradient gives, if it is finite."""
        return abs(self.analytic) if np.isfinite(self.analytic) else 0.0


@dataclass(frozen=True)
class Job:
    """What is checked, and how."""

    f: Function
    params: Flat
    method: str
    eps: float | None
    rtol: float
    unit: float  # roundoff of f: that of float64, or of float32
    size: float = 0.0  # of f
    steepest: float = 0.0  # of the measured slopes

    @property
    def rounding(self) -> float:
        """How far rounding may move f, relative to its size. In float32 there is no room for a wide margin."""
        return ROUNDINGS * DOUBLE if self.unit == DOUBLE else 4 * self.unit

    def floor(self, trial: "Trial") -> float:
        """What rounding may add to a slope. The further the parameter moves, the less."""
        return self.rounding * max(self.size / (trial.step if self.method == "central" else trial.size), self.steepest)


def measure(job: Job, name: str, g: Array, at: Any, probe: Any) -> Trial:
    """Measure one slope: at a coordinate, or along a unit vector."""
    theta, line = job.params[name], along(job.f, job.params, {name: probe})
    size = max(1.0, float(abs(theta[at]) if isinstance(at, tuple) else np.abs(theta).mean()))
    step = size * (job.eps or {"complex": DEFAULTS["complex"][0], "central": float(np.cbrt(job.unit))}[job.method])
    with np.errstate(all="ignore"):
        analytic = float(g[at]) if isinstance(at, tuple) else float(np.sum(g * probe))
    return Trial(at, probe, line, step, size, analytic, SLOPES[job.method](line, step))


def trials_of(job: Job, name: str, g: Array, full: int, samples: int, directions: int, rng: Any) -> list[Trial]:
    """Every entry of a small array. Of a large one: the largest, a sample, random directions, and its own direction."""
    if g.size <= full:
        return [measure(job, name, g, at, at) for at in np.ndindex(g.shape)]
    chosen = np.union1d(rng.choice(g.size, min(samples, g.size), replace=False), np.abs(g).argmax())
    probes: dict[Any, Any] = {place(number, g.shape): place(number, g.shape) for number in chosen if samples}
    probes |= {f"direction {i}": rng.choice([-1.0, 1.0], g.shape) / np.sqrt(g.size) for i in range(directions)}
    if directions and 0 < np.abs(g).max() < np.inf:
        probes[ALONG] = (g / np.abs(g).max()) / np.linalg.norm(g / np.abs(g).max())
    return [measure(job, name, g, at, probe) for at, probe in probes.items()]


def corner(line: Line, s: float) -> float:
    """The slope to the right minus the slope to the left, if there is a kink at 0; about 0 on a smooth line.

    D(s) = (line(s) - 2 line(0) + line(-s)) / s is that difference measured, and proportional to s on a smooth line. A
    kink at distance c with a jump J adds J max(0, 1 - c/s), and then D(s) differs from 2 D(s/2).
    """
    wide, near = ((line(t) - 2 * line(0.0) + line(-t)) / t for t in (s, s / 2))
    return abs(wide - 2 * near)


def bend(line: Line, eps: float) -> float:
    """About 0 on a smooth line; at least 2/3 of the error that one kink within eps gives the central difference.

    That error is J (1 - c/eps) / 2. A kink at c = eps/3 shows at eps/2 only: hence two corners.
    """
    return max(corner(line, eps), corner(line, eps / 2))


def jump(line: Line, s: float, noise: float) -> float:
    """The slope to the right minus the slope to the left, if there is a kink at 0 itself; else 0.

    Such a kink has the same corner at s and at 16 s, while rounding, `noise` times f, gives less at 16 s. The corner of
    a kink beside 0 is gone at the smallest s that rounding leaves.
    """
    line = cache(line)
    near, rounding = corner(line, s), noise * max(abs(line(0.0)), abs(SLOPES["central"](line, s))) / s
    if near <= rounding or abs((far := corner(line, 16 * s)) - near) >= 0.2 * far:
        return 0.0
    return far if corner(line, max(s * 8 * rounding / near, s / 4096)) > near / 2 else 0.0


def sharpest(line: Line, eps: float, noise: float, most: float) -> tuple[float, float, float]:
    """The central difference with the best step, from 256 eps or `most` downwards; the step; and how far it may be off.

    c(h) = slope + a h^2 + ..., so (16 c(h/4) - c(h)) / 15 is off by about h^4 only. The step is good where c(h)
    and c(h/4) agree and the noise of f, divided by the step, is small. `most` is the usual size of the parameters.
    It is too long where the sides differ more, the shorter it is: f has a peak in between.
    """
    line, steps = cache(line), [h for power in range(4, -11, -1) if (h := eps * 4.0**power) <= max(most, eps / 4096)]
    c = {h: SLOPES["central"](line, h) for h in steps}
    sides = {h: abs(line(h) - 2 * line(0.0) + line(-h)) / h for h in steps}
    found = [((16 * c[h] - c[wide]) / 15, h, abs(c[h] - c[wide]) + noise / h)
             for wide, h in pairwise(steps) if not sides[h] > 2 * sides[wide] + 4 * noise / h]  # fmt: skip
    return min(found, key=lambda slope: slope[2] if np.isfinite(slope[2]) else np.inf, default=(np.nan, eps, np.inf))


def is_at_kink(job: Job, name: str, trial: Trial) -> bool:
    """Is this difference the work of a kink, or of several in one place, which may cancel each other in part?"""
    if trial.difference == np.inf:
        return False
    theta = job.params[name]
    if job.method == "complex":                               # the slopes on both sides, some roundings away
        side = 64 * job.unit * usual_size(theta) * (1.0 if isinstance(trial.probe, tuple) else np.sqrt(theta.size))
        slopes = [trial.line(s * side + 1j * trial.step).imag / trial.step for s in (-2, -1, 1, 2)]
        left, across, right = np.abs(np.diff(slopes))         # rounding moves all of them
        return bool(across > max(10 * left, 10 * right, trial.difference / 100, job.floor(trial)))
    size = bend(trial.line, trial.step)                       # close to the point only a kink bends as much
    part = 100 if bend(trial.line, trial.step / 16) > size / 2 else 10
    return size > max(trial.difference / part, 2 * job.floor(trial))


def closer(job: Job, name: str, trial: Trial) -> tuple[Trial, float]:
    """Measure again, with the best step, and see how far that may be off.

    All parameters move by a few roundings. What changes then in the slope is rounding, in f or in its derivative.
    """
    off, rng = 0.0, np.random.default_rng(SEED)
    if job.method == "central":
        numeric, step, off = sharpest(trial.line, trial.step, job.rounding * job.size, usual_size(job.params[name]))
        if not np.isfinite(numeric):
            return trial, np.inf
        off = max(off, job.rounding * abs(trial.line(step)) / step)           # f may be much larger there
    else:
        step = min(trial.step, 1e-30 * trial.size)
        numeric = SLOPES["complex"](trial.line, step)
    trial = trial._replace(numeric=numeric, step=step)
    real = {key: theta for key, theta in job.params.items() if theta.dtype.kind == "f"}
    for _ in range(4):
        digits = {key: theta * rng.choice([-4.0, 4.0], theta.shape) * job.unit for key, theta in real.items()}
        near = moved(job.params, digits, 1.0)
        off = max(off, 8 * abs(SLOPES[job.method](along(job.f, near, {name: trial.probe}), trial.step) - trial.numeric))
    return trial, off


def is_at_edge(job: Job, name: str, trial: Trial) -> bool:
    """Is f not finite on one side, or within the step? Then the slope says nothing about the gradient."""
    side = 64 * DOUBLE * usual_size(job.params[name])
    around = trial.numeric, trial.line(side), trial.line(-side)
    return bool(np.isfinite(trial.analytic) and not np.isfinite(around).all())


def central_agrees(job: Job, name: str, trial: Trial) -> bool:
    """Do central differences agree with the gradient, beyond doubt? Then the complex step is wrong here."""
    central, off = closer(replace(job, method="central"), name, trial._replace(step=float(np.cbrt(job.unit))))
    return central.difference + off < trial.difference / 10


def kinked(f: Function, params: Flat, unit: float) -> set[str]:
    """Names of the arrays at which f has a kink exactly at this point."""
    way = everywhere(params)

    def bends(probe: Flat) -> bool:
        return jump(along(f, params, probe), 5e4 * unit, ROUNDINGS * unit) > 0

    return {name for name in way if bends({name: way[name]})} if bends(way) else set()
