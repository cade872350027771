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
        value = f(params)
        if isinstance(value, (tuple, list)):
            raise ValueError(f"f must return one real number, not a {type(value).__name__}")
        value = array(value)
    if kind is complex and value.dtype.kind != "c":
        raise TypeError(f"it returned {value.dtype}")
    if value.shape != () or value.dtype.kind not in (("f", "i", "u") if kind is float else ("c",)):
        raise ValueError(f"f must return one real number, not {value.dtype} of shape {value.shape}")
    return value


def along(f: Function, params: Flat, probes: Mapping[str, Any]) -> Line:
    """The function s -> f(params + s probes) of one variable: NaN where f refuses the moved parameters."""

    def line(s: Any) -> Any:
        q = moved(params, probes, s)
        try:
            return complex(value_of(f, q, complex)) if isinstance(s, complex) else float(value_of(f, q))
        except (ArithmeticError, LookupError, ValueError):
            if isinstance(s, complex) or s == 0:
                raise
            return np.nan
        except (TypeError, ComplexWarning) as error:
            if not isinstance(s, complex):
                raise
            what = f"f loses the imaginary part of {'/'.join(probes)}: {error}"
            raise Lost(f"{what}; mend f or use method='central'") from error

    return line
