"""The idea: along a line, a function of many numbers is a function of one number, and its slope can be measured.

Along a unit vector d, a function of the parameters theta has one variable, line(s) = f(theta + s d). Its slope at 0
is the inner product of the gradient and d: one coordinate, or a random mix of all. It can be measured:

    central     (line(eps) - line(-eps)) / (2 eps)    off by eps^2 line'''/6, and by about u |f| / eps
    complex     Im line(i eps) / eps                  off by eps^2 line'''/6: take eps = 1e-20
    one-sided   (line(eps) - line(0)) / eps           off by eps line''/2, and by about u |f| / eps: see `v_curve`

u is the unit roundoff (2.2e-16 for float64). A difference of two nearly equal numbers loses digits; the complex step
(Squire and Trapp 1998) subtracts nothing, but all of f must accept complex numbers.
"""

import warnings
from collections.abc import Callable, Mapping
from itertools import pairwise
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt
from numpy.exceptions import ComplexWarning

from .._checks import array

Array: TypeAlias = npt.NDArray[Any]
Flat: TypeAlias = dict[str, Array]                     # names and arrays; the float arrays are what is checked
Function: TypeAlias = Callable[[Flat], Any]
Line: TypeAlias = Callable[[Any], Any]                 # a float for a float, a complex number for a complex one

SLOPES: dict[str, Callable[[Line, float], float]] = {
    "central": lambda line, eps: (line(eps) - line(-eps)) / (2 * eps),
    "complex": lambda line, eps: line(1j * eps).imag / eps,
    "one-sided": lambda line, eps: (line(eps) - line(0.0)) / eps,
}
DEFAULTS = {"central": (float(np.cbrt(np.finfo(float).eps)), 1e-7), "complex": (1e-20, 1e-12)}  # eps, rtol
SEED = 20170819  # an unusual one: if our numbers were those of the layer, its gradient could vanish
ROUNDINGS = 32  # a value of f is trusted to this many units of roundoff


class Lost(TypeError):
    """f made a real number of a complex one, so the complex step cannot be used."""


def moved(params: Flat, probes: Mapping[str, Any], s: Any) -> Flat:
    """params + s probes in fresh arrays, complex if s is; a probe is an array or a coordinate (its unit vector)."""
    fresh = dict(params)
    for name, theta in params.items():
        if theta.dtype.kind == "f":
            dtype = np.result_type(theta.dtype, np.complex64) if isinstance(s, complex) else theta.dtype
            fresh[name] = np.array(theta, dtype)
            if isinstance(probes.get(name), tuple):
                fresh[name][probes[name]] += s
            elif name in probes:
                fresh[name] += s * probes[name]
    return fresh


def value_of(f: Function, params: Flat, kind: type = float) -> Any:
    """f(params), if it is one number of the kind float or complex."""
    with warnings.catch_warnings(), np.errstate(all="ignore"):
        warnings.simplefilter("error", ComplexWarning)
        value = array(f(params))
    if kind is complex and value.dtype.kind != "c":
        raise TypeError(f"it returned {value.dtype}")
    if value.shape != () or value.dtype.kind not in (("f", "i", "u") if kind is float else ("c",)):
        raise ValueError(f"f must return one real number, not {value.dtype} of shape {value.shape}")
    return value


def along(f: Function, params: Flat, probes: Mapping[str, Any]) -> Line:
    """The function s -> f(params + s probes) of one variable."""

    def line(s: Any) -> Any:
        q = moved(params, probes, s)
        if not isinstance(s, complex):
            return float(value_of(f, q))
        try:
            return complex(value_of(f, q, complex))
        except (TypeError, ComplexWarning) as error:
            what = f"f loses the imaginary part of {'/'.join(probes)}: {error}"
            raise Lost(f"{what}; mend f or use method='central'") from error

    return line


def bend(line: Line, eps: float) -> float:
    """About 0 on a smooth line; at least 2/3 of the error that one kink within eps gives the central difference.

    D(s) = (line(s) - 2 line(0) + line(-s)) / s, the slope to the right minus the slope to the left, is
    proportional to s on a smooth line. A kink at distance c with a jump J adds J max(0, 1 - c/s). Then
    D(eps) = 2 D(eps/2) fails, except for c = eps/3, where D(eps/2) = 2 D(eps/4) fails: hence three scales.
    The central difference is off by J (1 - c/eps) / 2.
    """
    d1, d2, d4 = ((line(s) - 2 * line(0.0) + line(-s)) / s for s in (eps, eps / 2, eps / 4))
    return max(abs(d1 - 2 * d2), abs(d2 - 2 * d4))


def jump(line: Line, s: float, noise: float) -> float:
    """The slope to the right minus the slope to the left, if there is a kink at 0 itself; else 0.

    On a smooth line 2 D(s/2) - D(s) is about 0, with D as for `bend`; a kink at 0 gives J at every small s, and
    rounding, `noise` times f, gives less at 16 s. A complex step sees one branch only, so this takes real steps.
    """
    here, found = line(0.0), []
    for step in (s, 16 * s):
        left, right = line(-step), line(step)
        d1, d2 = (right - 2 * here + left) / step, (line(step / 2) - 2 * here + line(-step / 2)) / (step / 2)
        found.append(abs(2 * d2 - d1))
        if found[0] <= noise * max(abs(here), abs(right - left) / (2 * step)) / s:
            return 0.0
    return found[1] if abs(found[1] - found[0]) < 0.2 * found[1] else 0.0


def sharpest(line: Line, eps: float, noise: float) -> tuple[float, float, float]:
    """The central difference with the best step, from 256 eps downwards; that step; and how far it may be off.

    c(h) = slope + a h^2 + ..., so (16 c(h/4) - c(h)) / 15 is off by about h^4 only. The step is good where c(h)
    and c(h/4) agree and the noise of f, divided by the step, is small.
    """
    steps = [eps * 4.0**power for power in range(4, -11, -1)]
    c = {h: SLOPES["central"](line, h) for h in steps}
    found = [((16 * c[h] - c[wide]) / 15, h, abs(c[h] - c[wide]) + noise / h) for wide, h in pairwise(steps)]
    return min(found, key=lambda slope: slope[2] if np.isfinite(slope[2]) else np.inf)
