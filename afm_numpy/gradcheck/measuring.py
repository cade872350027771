"""Measure the slopes of one array, and look at a doubtful one again: is it a kink, a bad step, or rounding?"""

from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np

from .conditions import DOUBLE, usual_size
from .slopes import DEFAULTS, ROUNDINGS, SEED, SLOPES, Array, Flat, Function, Line, along, bend, jump, moved, sharpest
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
    gates: Function | None
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


def _measure(job: Job, name: str, g: Array, at: Any, probe: Any) -> Trial:
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
        return [_measure(job, name, g, at, at) for at in np.ndindex(g.shape)]
    chosen = np.union1d(rng.choice(g.size, min(samples, g.size), replace=False), np.abs(g).argmax())
    probes: dict[Any, Any] = {place(number, g.shape): place(number, g.shape) for number in chosen if samples}
    probes |= {f"direction {i}": rng.choice([-1.0, 1.0], g.shape) / np.sqrt(g.size) for i in range(directions)}
    if directions and 0 < np.abs(g).max() < np.inf:
        probes[ALONG] = (g / np.abs(g).max()) / np.linalg.norm(g / np.abs(g).max())
    return [_measure(job, name, g, at, probe) for at, probe in probes.items()]


def is_at_kink(job: Job, name: str, trial: Trial) -> bool:
    """Is this difference the work of a kink?"""
    if trial.difference == np.inf:
        return False
    if job.method == "complex":                               # the right slope lies between those of the two sides
        steps = (power * job.unit * max(1.0, usual_size(job.params[name])) for power in (5e4, 5e6, 5e8))
        return any(jump(trial.line, step, ROUNDINGS * job.unit) > trial.difference / 2 for step in steps)
    if job.gates is None:                                     # 1/10: two kinks may partly cancel
        return bend(trial.line, trial.step) > max(trial.difference / 10, 2 * job.floor(trial))
    states = [job.gates(moved(job.params, {name: trial.probe}, s)) for s in (-trial.step, 0.0, trial.step)]
    below, here, above = (state if isinstance(state, tuple) else (state,) for state in states)
    return any(np.any(b != h) or np.any(h != a) for b, h, a in zip(below, here, above, strict=True))


def closer(job: Job, name: str, trial: Trial) -> tuple[Trial, float]:
    """Measure again, with the best step, and see how far that may be off.

    All parameters move by a few roundings. What changes then in the slope is rounding, in f or in its derivative.
    """
    off, rng = 0.0, np.random.default_rng(SEED)
    if job.method == "central":
        numeric, step, off = sharpest(trial.line, trial.step, job.rounding * job.size)
        if not np.isfinite(numeric):
            return trial, 0.0
        trial = trial._replace(numeric=numeric, step=step)
    real = {key: theta for key, theta in job.params.items() if theta.dtype.kind == "f"}
    for _ in range(4):
        digits = {key: 4 * job.unit * theta * rng.choice([-1.0, 1.0], theta.shape) for key, theta in real.items()}
        near = moved(job.params, digits, 1.0)
        off = max(off, 8 * abs(SLOPES[job.method](along(job.f, near, {name: trial.probe}), trial.step) - trial.numeric))
    return trial, off


def central_agrees(job: Job, trial: Trial) -> bool:
    """Do central differences agree with the gradient? Then the complex step is wrong here."""
    slope = sharpest(trial.line, float(np.cbrt(job.unit)), job.rounding * job.size)[0]
    return abs(slope - trial.analytic) < trial.difference / 10
