"""Exercises of 05_trust.ipynb."""

from collections.abc import Callable
from typing import Any

import numpy as np

from .._types import Array, Float
from ..losses import sigmoid
from . import Exercise

__all__ = ["EXERCISES"]


def central(line: Callable[..., Any], eps: float) -> Float:
    return (line(eps) - line(-eps)) / (2 * eps)


def cubic(z: Array) -> Float | complex:
    return (z**3).sum() + z[0] * z[-1]


def wave(z: Array) -> Float | complex:
    return np.sin(z).sum() * np.exp(z[0])


def _complex_steps(f: Callable[..., Any], theta: Array, d: Array) -> tuple[Callable[..., Any], Array, Array]:
    """Inputs whose f refuses a real step from theta, however exact its slope may be."""

    def refusing(z: Array) -> Any:
        if not np.iscomplexobj(z) and not np.array_equal(z, theta):
            raise TypeError("f got real numbers; the complex step gives it complex ones")
        return f(z)

    return refusing, theta, d


def softplus_backward(ds: Array, z: Array, h: Array) -> tuple[Array, Array]:
    return ds[:, None] * h * sigmoid(z), ds @ np.logaddexp(0, z)


def _arrays(seed: int, *shapes: Any) -> tuple[Array, ...]:
    rng = np.random.default_rng(seed)
    return tuple(rng.standard_normal(shape) for shape in shapes)


EXERCISES = {
    "05.1": Exercise(
        lambda u, f, t: np.cbrt(3 * u * f / t),
        [(2.2e-16, 0.7, 0.4), (1.2e-7, 5.0, 0.3)],
        ("eps",),
        {
            "a square root instead of a cube root": lambda u, f, t: np.sqrt(3 * u * f / t),
            "the cube root of u alone: f and t count too": lambda u, f, t: np.cbrt(u),
            "the two terms are equal there, but their sum is not smallest": lambda u, f, t: np.cbrt(6 * u * f / t),
            "f and t are exchanged": lambda u, f, t: np.cbrt(3 * u * t / f),
            "f is missing": lambda u, f, t: np.cbrt(3 * u / t),
            "t is missing": lambda u, f, t: np.cbrt(3 * u * f),
            "the factor 3 is missing": lambda u, f, t: np.cbrt(u * f / t),
        },
    ),
    "05.2": Exercise(
        lambda f, theta, d: f(theta + 1e-20j * d).imag / 1e-20,
        [_complex_steps(cubic, *_arrays(1, 4, 4)), _complex_steps(wave, *_arrays(2, 3, 3))],
        ("slope",),
        {
            "not divided by eps, or a real step of 1e-20 that is lost in rounding": lambda f, theta, d: (
                f(theta + 1e-20j * d).imag
            ),
            "the real part, not the imaginary part": lambda f, theta, d: f(theta + 1e-20j * d).real / 1e-20,
            "d is forgotten": lambda f, theta, d: f(theta + 1e-20j).imag / 1e-20,
            "divided by 2 eps, as a central difference": lambda f, theta, d: f(theta + 1e-20j * d).imag / 2e-20,
            "the sign is wrong": lambda f, theta, d: -f(theta + 1e-20j * d).imag / 1e-20,
        },
    ),
    "05.3": Exercise(
        lambda line, eps: (4 * central(line, eps) - central(line, 2 * eps)) / 3,
        [(np.exp, 0.1), (lambda s: np.sin(1 + s), 0.2)],
        ("slope",),
        {
            "the error grows by 4, not by 2": lambda line, eps: 2 * central(line, eps) - central(line, 2 * eps),
            "an average does not cancel anything": lambda line, eps: (central(line, eps) + central(line, 2 * eps)) / 2,
            "the two are exchanged": lambda line, eps: (4 * central(line, 2 * eps) - central(line, eps)) / 3,
            "not divided by 3, so the slope does not stay": lambda line, eps: (
                4 * central(line, eps) - central(line, 2 * eps)
            ),
            "the wide difference is divided by 2 eps: its points are 4 eps apart": lambda line, eps: (
                4 * central(line, eps) - 2 * central(line, 2 * eps)) / 3,
            "the sign: the wide one is taken away": lambda line, eps: (
                4 * central(line, eps) + central(line, 2 * eps)) / 3,
            "the narrow difference alone": central,
        },
    ),
    "05.4": Exercise(
        softplus_backward,
        [_arrays(3, 4, (4, 3), 3), _arrays(4, 5, (5, 2), 2)],
        ("dz", "dh"),
        {
            "the sigmoid is missing": lambda ds, z, h: (
                ds[:, None] * h * np.ones_like(z),
                softplus_backward(ds, z, h)[1],
            ),
            "h is missing in dz": lambda ds, z, h: (ds[:, None] * sigmoid(z), softplus_backward(ds, z, h)[1]),
            "the gate of ReLU, not the slope of softplus": lambda ds, z, h: (
                ds[:, None] * h * (z > 0),
                softplus_backward(ds, z, h)[1],
            ),
            "the slope of the sigmoid, not of softplus": lambda ds, z, h: (
                ds[:, None] * h * sigmoid(z) * sigmoid(-z),
                softplus_backward(ds, z, h)[1],
            ),
            "the sigmoid of -z": lambda ds, z, h: (ds[:, None] * h * sigmoid(-z), softplus_backward(ds, z, h)[1]),
            "ds is missing in dz": lambda ds, z, h: (h * sigmoid(z), softplus_backward(ds, z, h)[1]),
            "relu(z) in the place of softplus(z)": lambda ds, z, h: (
                softplus_backward(ds, z, h)[0],
                ds @ np.maximum(z, 0),
            ),
            "the mean over the pairs in the place of the sum": lambda ds, z, h: (
                softplus_backward(ds, z, h)[0],
                softplus_backward(ds, z, h)[1] / len(ds),
            ),
            "z in the place of softplus(z)": lambda ds, z, h: (softplus_backward(ds, z, h)[0], ds @ z),
            "not summed over the pairs": lambda ds, z, h: (
                softplus_backward(ds, z, h)[0],
                ds[:, None] * np.logaddexp(0, z),
            ),
        },
    ),
}
