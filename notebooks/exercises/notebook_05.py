"""Exercises of 05_trust.ipynb. Of the wrong code that the notebook hands out `check` tells only that it is unchanged."""

from collections.abc import Callable
from typing import Any

import numpy as np

from afm_numpy import attention as att
from afm_numpy._types import Array, Float
from afm_numpy.losses import sigmoid

from .exercise import Exercise
from .notebook_03 import added
from .notebook_04 import BACKWARD_SOFTMAX, LOWER, NETWORK, OF_LOWER, OF_NETWORK, UPPER, _arrays
from .slips import HANDED_OUT
from .steps import Steps

__all__ = ["EXERCISES"]


def central(line: Callable[..., Any], eps: float) -> Float:
    return (line(eps) - line(-eps)) / (2 * eps)


def cubic(z: Array) -> Float | complex:
    return (z**3).sum() + z.ravel()[0] * z.ravel()[-1]


def wave(z: Array) -> Float | complex:
    return np.sin(z).sum() * np.exp(z.ravel()[0])


def steep(z: Array) -> Float | complex:
    return np.sin(1e6 * z).sum()


def _complex_steps(f: Callable[..., Any], theta: Array, d: Array) -> tuple[Callable[..., Any], Array, Array]:
    """Inputs whose f refuses a real step from theta, however exact its slope may be."""

    def refusing(z: Array) -> Any:
        if not np.iscomplexobj(z) and not np.array_equal(z, theta):
            raise TypeError("f got real numbers; the complex step gives it complex ones")
        return f(z)

    return refusing, theta, d


def slopes(f: Callable[..., Any], theta: Array, eps: float = 1e-20) -> Array:
    """The slope along each entry, by the complex step."""
    steps = eps * 1j * np.eye(theta.size).reshape(-1, *theta.shape)
    return np.array([f(theta + step).imag for step in steps]).reshape(theta.shape) / eps


def _embeddings(seed: int, B: int, m: int, n: int, k: int) -> tuple[Array, ...]:
    rng = np.random.default_rng(seed)
    idx = np.stack([rng.permutation(n)[:m] for _ in range(B)])
    return rng.standard_normal(B), idx, rng.uniform(0.5, 2.0, (B, m)), rng.standard_normal((n, k))


def _layer(seed: int, B: int, P: int, k: int, t: int) -> tuple[Array, ...]:
    dpooled, M, W, h, Z = _arrays(seed, (B, k), (B, P, k), (k, t), t, (B, P, t))
    return dpooled, M, att.softmax_forward(np.maximum(Z, 0) @ h), Z, W, h


def _far(seed: int, P: int, t: int) -> tuple[Array, ...]:
    """Units far on and far off."""
    ds, z, h = _arrays(seed, P, (P, t), t)
    z[0, 0], z[1, -1] = 800.0, -800.0
    return ds, z, h
def _batches(rng: np.random.Generator, n: int, size: int) -> list[Array]:
    return np.split(rng.permutation(n), range(size, n, size))


def _used(parts: Any, name: str = "") -> Array:
    """What counts of batches: their sizes, each row once, whether they were shuffled, and whether by the given rng."""
    rows = np.concatenate([np.ravel(part) for part in parts])
    in_order = [len(part) > 1 and np.ptp(part) == len(part) - 1 for part in parts]         # neighbours stayed together
    own_seed = [np.array_equal(rows, np.random.default_rng(seed).permutation(len(rows))) for seed in (*range(8), 42)]
    return np.concatenate([[len(part) for part in parts], np.sort(rows), [(np.diff(rows) > 0).all(), any(in_order), any(own_seed)]])


def _cut(of: Callable[..., Any]) -> Callable[..., Any]:
    """Batches from of(order, start, size)."""
    return lambda rng, n, size: (
        lambda order: [of(order, start, size) for start in range(0, n, size)])(rng.permutation(n))


ERROR = Steps(
    "f theta by_hand",
    measured=lambda f, theta: slopes(f, theta),
    error=lambda measured, by_hand: np.abs(measured - by_hand).max() / np.abs(by_hand).max(),
)
FM_DV = Steps(
    "dy_hat idx x V", "dV",
    E=lambda V, idx, x: V[idx] * x[:, :, None],
    dE=lambda dy_hat, E: dy_hat[:, None, None] * (E.sum(axis=1, keepdims=True) - E),
    dV=LOWER.lines["dV"],
)  # fmt: skip
DM = Steps(
    "dpooled M a Z W h", "dM", da=UPPER.lines["da"], ds=lambda da, a: att.softmax_backward(da, a),
    dZ=NETWORK.lines["dZ"], dM=LOWER.lines["dM"],
)  # fmt: skip
ADAGRAD = Steps(
    "theta acc g lr", "theta_new acc_new",
    acc_new=lambda acc, g: acc + g**2,
    theta_new=lambda theta, acc_new, g, lr: theta - lr * g / (np.sqrt(acc_new) + 1e-8),
)  # fmt: skip
SOFTPLUS = Steps(
    "ds z h", "dz dh",
    dz=lambda ds, z, h: ds[:, None] * h * sigmoid(z),
    dh=lambda ds, z: ds @ np.logaddexp(0, z),
)  # fmt: skip
THETA, BY_HAND = _arrays(5, (3, 2), (3, 2))

EXERCISES = {
    "05.1": Exercise(lambda u, f, t: np.cbrt(3 * u * f / t), [(2.2e-16, 0.7, 0.4), (1.2e-7, 5.0, 0.3)], ("eps",), {
        "a square root instead of a cube root": lambda u, f, t: np.sqrt(3 * u * f / t),
        "the cube root of u alone: f and t count too": lambda u: np.cbrt(u),
        "upside down: t is below": lambda u, f, t: np.cbrt(t / (3 * u * f)),
        "3 belongs under the root": lambda u, f, t: 3 * np.cbrt(u * f / t),
        "** 1 / 3 is a third of the power 1: brackets around 1 / 3": lambda u, f, t: u * f / t,
        "the error there, not the step": lambda u, f, t: np.cbrt(3 * u * f / t) ** 2 * t / 6 + u * f / np.cbrt(3 * u * f / t),
        "a fourth root instead of a cube root": lambda u, f, t: (3 * u * f / t) ** 0.25,
        "divided by 3, not multiplied": lambda u, f, t: np.cbrt(u * f / (3 * t)),
        "2 in the place of 3": lambda u, f, t: np.cbrt(2 * u * f / t),
        "6e-6 is the step of one function: it depends on u, f and t": lambda u, f, t: 6e-6,
        "the two terms are equal there, but their sum is not smallest": lambda u, f, t: np.cbrt(6 * u * f / t),
        "f and t are exchanged": lambda u, f, t: np.cbrt(3 * u * t / f),
        "the root is missing": lambda u, f, t: 3 * u * f / t,
        "the cube in the place of the root": lambda u, f, t: (3 * u * f / t) ** 3,
        "f is missing": lambda u, t: np.cbrt(3 * u / t),
        "t is missing": lambda u, f: np.cbrt(3 * u * f),
        "the factor 3 is missing": lambda u, f, t: np.cbrt(u * f / t),
    }),
    "05.2": Exercise(
        lambda f, theta, d: f(theta + 1e-20j * d).imag / 1e-20,
        [_complex_steps(f, theta, d) for f, (theta, d) in (
            (cubic, _arrays(1, 4, 4)), (wave, _arrays(2, 3, 3)), (wave, (_arrays(2, 3)[0], -_arrays(2, 3, 3)[1])),
            (steep, _arrays(3, 2, 2)))],
        ("slope",), {
            "not divided by eps, or a real part or a real step in which 1e-20 is lost": lambda f, theta, d: (
                f(theta + 1e-20j * d).imag),
            "the real part, not the imaginary part": lambda f, theta, d: f(theta + 1e-20j * d).real / 1e-20,
            "d is a factor once more": lambda f, theta, d: f(theta + 1e-20j * d).imag / 1e-20 * d.sum(),
            **{f"a step of {eps:g} is too large for the last digits": lambda f, theta, d, eps=eps: (
                f(theta + eps * 1j * d).imag / eps) for eps in (1e-1, 1e-2, 1e-3, 1e-6, 1e-8)},
            "a slope may be negative: no absolute value": lambda f, theta, d: abs(f(theta + 1e-20j * d).imag) / 1e-20,
            "the first entry of d alone": lambda f, theta, d: f(theta + 1e-20j * d * (np.arange(d.size) == 0)).imag / 1e-20,
            "d is multiplied by theta: add it": lambda f, theta, d: f(theta * (1 + 1e-20j * d)).imag / 1e-20,
            "the size, not the imaginary part": lambda f, theta, d: abs(f(theta + 1e-20j * d)) / 1e-20,
            "d is forgotten": lambda f, theta: f(theta + 1e-20j).imag / 1e-20,
            "divided by 2 eps, as a central difference": lambda f, theta, d: f(theta + 1e-20j * d).imag / 2e-20,
            "the sign is wrong": lambda f, theta, d: -f(theta + 1e-20j * d).imag / 1e-20,
        }),
    "05.3": Exercise(ERROR, [(cubic, THETA, slopes(cubic, THETA) + 1e-3 * BY_HAND), (wave, THETA, -np.abs(BY_HAND))], mistakes={
        "all entries are moved at once, not one after the other": {
            "measured": lambda f, theta: np.full(theta.shape, f(theta + 1e-20j).imag / 1e-20)},
        "by_hand is not measured": {"measured": lambda by_hand: by_hand},
        "divided by the largest measured entry, not by the largest of by_hand": {
            "error": lambda measured, by_hand: np.abs(measured - by_hand).max() / np.abs(measured).max()},
        "divided by the smallest entry": {
            "error": lambda measured, by_hand: np.abs(measured - by_hand).max() / np.abs(by_hand).min()},
        "the median of the differences: take the largest": {
            "error": lambda measured, by_hand: np.median(np.abs(measured - by_hand)) / np.abs(by_hand).max()},
        "divided by the mean entry: divide by the largest": {
            "error": lambda measured, by_hand: np.abs(measured - by_hand).max() / np.abs(by_hand).mean()},
        "divided by the sum of the entries: divide by the largest": {
            "error": lambda measured, by_hand: np.abs(measured - by_hand).max() / np.abs(by_hand).sum()},
        "divided by both: divide by the largest of by_hand alone": {
            "error": lambda measured, by_hand: np.abs(measured - by_hand).max() / (
                np.abs(measured).max() + np.abs(by_hand).max())},
        "norms in the place of the largest entries": {
            "error": lambda measured, by_hand: np.linalg.norm(measured - by_hand) / np.linalg.norm(by_hand)},
        "the difference of the largest entries: take the largest difference": {
            "error": lambda measured, by_hand: (
                np.abs(np.abs(measured).max() - np.abs(by_hand).max()) / np.abs(by_hand).max())},
        "a number for each entry: take the largest": {
            "error": lambda measured, by_hand: np.abs(measured - by_hand) / np.abs(by_hand).max()},
        "the smallest difference: take the largest": {
            "error": lambda measured, by_hand: np.abs(measured - by_hand).min() / np.abs(by_hand).max()},
        "the sum of the differences: take the largest": {
            "error": lambda measured, by_hand: np.abs(measured - by_hand).sum() / np.abs(by_hand).max()},
        "the difference may be negative: its absolute values are missing": {
            "error": lambda measured, by_hand: (measured - by_hand).max() / np.abs(by_hand).max()},
        "by_hand may be negative: its absolute values are missing": {
            "error": lambda measured, by_hand: np.abs(measured - by_hand).max() / by_hand.max()},
        "the direction keeps its old entries: set it back to 0": {
            "measured": lambda f, theta: slopes(f, theta).cumsum().reshape(theta.shape)},
        "not divided by eps": {"measured": lambda f, theta: slopes(f, theta) * 1e-20},
        "not divided by the largest entry": {"error": lambda measured, by_hand: np.abs(measured - by_hand).max()},
        "each entry is divided by itself; divide by the largest entry": {
            "error": lambda measured, by_hand: np.abs((measured - by_hand) / by_hand).max()},
        "the absolute values are missing": {
            "error": lambda measured, by_hand: (measured - by_hand).max() / by_hand.max()},
        "the mean difference hides a single wrong entry: take the largest": {
            "error": lambda measured, by_hand: np.abs(measured - by_hand).mean() / np.abs(by_hand).max()},
    }),
    "05.4": Exercise(FM_DV, [_embeddings(6, 4, 3, 5, 2), _embeddings(7, 3, 4, 6, 5)], mistakes={
        "e_i itself is still in the sum": {"dE": lambda dy_hat, E: (
            dy_hat[:, None, None] * E.sum(axis=1, keepdims=True) + 0 * E)},
        HANDED_OUT: OF_LOWER["not summed over repeated ids: use np.add.at"],
        "added up over all features: each has its own": {"dV": lambda dE, x, V: 0 * V + (dE * x[:, :, None]).sum(axis=(0, 1))},
        "twice too large": {"dV": lambda dE, x, idx, V: 2 * added(V.shape, idx, dE * x[:, :, None])},
        "the mean of what a feature gets, not the sum": {"dV": lambda dE, x, idx, V: (
            added(V.shape, idx, dE * x[:, :, None]) / np.maximum(np.bincount(idx.ravel(), minlength=len(V)), 1)[:, None])},
        "e_i in the place of the sum of the others": {"dE": lambda dy_hat, E: dy_hat[:, None, None] * E},
        "x is missing in E": {"E": lambda V, idx: V[idx]},
        "dy_hat is missing": {"dE": lambda E: E.sum(axis=1, keepdims=True) - E},
        "the factor x is missing in the last line": {"dV": lambda dE, idx, V: added(V.shape, idx, dE)},
        "x counts twice in E": {"E": lambda V, idx, x: V[idx] * x[:, :, None] ** 2},
    }),
    "05.5": Exercise(lambda y_hat, y: (sigmoid(y_hat) - y) / len(y), [
        (_arrays(i, B)[0], np.arange(B) % 2.0) for i, B in ((8, 5), (9, 3))], ("dy_hat",), {
            HANDED_OUT: lambda y_hat, y: (sigmoid(y_hat) - y) / len(y) * sigmoid(y_hat) * sigmoid(-y_hat),
            "now the measured gradient is smaller, and each entry by another factor": lambda y_hat, y: (
                (sigmoid(y_hat) - y) / len(y) / sigmoid(y_hat)),
            "the measured gradient is still larger, each entry by another factor": lambda y_hat, y: (
                (sigmoid(y_hat) - y) / len(y) * sigmoid(y_hat)),
            "the measured gradient is still larger, and each entry by another factor": lambda y_hat, y: (
                (sigmoid(y_hat) - y) / len(y) * sigmoid(-y_hat)),
            "now the measured gradient is smaller, each entry by another factor": lambda y_hat, y: (
                (sigmoid(y_hat) - y) / len(y) / sigmoid(y_hat) / sigmoid(-y_hat)),
            "the error is squared": lambda y_hat, y: (sigmoid(y_hat) - y) ** 2 / len(y),
            "a constant does not mend what is another factor for each entry": lambda y_hat, y: (
                4 * (sigmoid(y_hat) - y) / len(y) * sigmoid(y_hat) * sigmoid(-y_hat)),
            "twice too large": lambda y_hat, y: 2 * (sigmoid(y_hat) - y) / len(y),
            "1/B is missing": lambda y_hat, y: sigmoid(y_hat) - y,
            "the sigmoid of -y_hat": lambda y_hat, y: (sigmoid(-y_hat) - y) / len(y),
            "rounded: the error is that of the probability": lambda y_hat, y: (np.round(sigmoid(y_hat)) - y) / len(y),
            "the sigmoid is missing": lambda y_hat, y: (y_hat - y) / len(y),
            "the slope of the sigmoid without the error": lambda y_hat, y: (
                sigmoid(y_hat) * sigmoid(-y_hat) / len(y)),
        }),
    "05.6": Exercise(att.softmax_backward, [
        (_arrays(i, (B, P))[0], att.softmax_forward(*_arrays(i + 9, (B, P)))) for i, B, P in ((3, 4, 4), (4, 3, 5))],
        ("ds",), BACKWARD_SOFTMAX | {HANDED_OUT: lambda da, a: a * (da - (a * da).sum(axis=1))}),
    "05.7": Exercise(NETWORK, [(ds, M, Z, np.maximum(Z, 0), h) for ds, M, Z, h in (
        _arrays(i, (B, 6), (B, 6, 5), (B, 6, t), t) for i, B, t in ((11, 3, 2), (12, 4, 7)))],
        mistakes={label: lines for label, lines in OF_NETWORK.items() if "Z in the" not in label} | {
            HANDED_OUT: OF_NETWORK["Z in the place of R"],
            "the absolute value does not mend it": {"dh": lambda ds, Z: np.einsum("bp,bpt->t", ds, np.abs(Z))},
            "dh is a mean: h serves every pair of every row": {
                "dh": lambda ds, R: np.einsum("bp,bpt->t", ds, R) / len(ds)},
            "h is no factor of dh": {"dh": lambda ds, R, h: np.einsum("bp,bpt->t", ds, R * h)},
        }),
    "05.8": Exercise(DM, [_layer(7, 3, 6, 5, 2), _layer(8, 4, 5, 3, 7)], mistakes={
        "the path through the attention is dropped, or M is missing in da, which makes ds 0": {
            "da": lambda M: 0 * M[:, :, 0]},
        "the path through the pooling is dropped": OF_LOWER["the path through the pooling is dropped"],
        HANDED_OUT: {"da": lambda dpooled, M, a: a * (M * dpooled[:, None]).sum(axis=2)},
        "the two paths add up": OF_LOWER["the two paths add up"],
        "the mean over the factors in da": {"da": lambda dpooled, M: (M * dpooled[:, None]).mean(axis=2)},
        **{f"{label}, in ds": {"ds": wrong} for label, wrong in BACKWARD_SOFTMAX.items()},
        "dpooled is missing in da": {"da": lambda M: M.sum(axis=2)},
        "a is missing in dM": OF_LOWER["a is missing in dM"],
        "the backward of the softmax is missing": {"ds": lambda da: da},
        "the gate of ReLU is missing": OF_NETWORK["the gate of ReLU is missing"],
        "h is missing": OF_NETWORK["h is missing"],
    }),
    "05.9": Exercise(ADAGRAD, [
        (THETA, 0 * THETA, BY_HAND, 0.3), (BY_HAND[0], THETA[0] ** 2, THETA[1], 0.1),
        (THETA, 0 * THETA, 1e-4 * BY_HAND, 0.3)], mistakes={
        "eps stands inside the root": {
            "theta_new": lambda theta, acc_new, g, lr: theta - lr * g / np.sqrt(acc_new + 1e-8)},
        "eps is missing": {"theta_new": lambda theta, acc_new, g, lr: theta - lr * g / np.sqrt(acc_new)},
        "the sign of the step: it goes up the slope": {"lr": lambda lr: -lr},
        HANDED_OUT: {"theta_new": lambda theta, acc, g, lr: theta - lr * g / (np.sqrt(acc) + 1e-8)},
        "a larger eps hides it: the first step still has another length": {
            "theta_new": lambda theta, acc, g, lr: theta - lr * g / (np.sqrt(acc) + 1)},
        "something else than acc is under the root": {
            "theta_new": lambda theta, acc_new, g, lr: theta - lr * g / np.sqrt(acc_new + 1)},
        "half of acc is under the root: all of it": {
            "theta_new": lambda theta, acc_new, g, lr: theta - lr * g / (np.sqrt(acc_new / 2) + 1e-8)},
        "the square of g is added twice": {
            "theta_new": lambda theta, acc_new, g, lr: theta - lr * g / (np.sqrt(acc_new + g**2) + 1e-8)},
        "acc forgets the steps before": {"acc_new": lambda g: g**2},
        "the root of the last square alone: acc has them all": {
            "theta_new": lambda theta, g, lr: theta - lr * g / (np.abs(g) + 1e-8)},
        "only the sign of g: acc has all squares": {"theta_new": lambda theta, g, lr: theta - lr * np.sign(g)},
        "not divided: that is plain gradient descent": {"theta_new": lambda theta, g, lr: theta - lr * g},
        "acc itself comes back, not the new one": lambda theta, acc, g, lr: (ADAGRAD(theta, acc, g, lr)[0], acc),
        "acc is returned as it came": {"acc_new": lambda acc: acc},
        "g is not squared in acc": {"acc_new": lambda acc, g: acc + np.abs(g)},
        "the root is missing": {"theta_new": lambda theta, acc_new, g, lr: theta - lr * g / (acc_new + 1e-8)},
    }),
    "05.10": Exercise(_batches, [(np.random.default_rng(101), 40, 16), (np.random.default_rng(102), 27, 9)], ("batches",), {
        "the last, smaller batch is left out": lambda rng, n, size: (
            np.split(rng.permutation(n), range(size, n, size))[: n // size]),
        "not shuffled": lambda n, size: np.split(np.arange(n), range(size, n, size)),
        HANDED_OUT: lambda rng, n, size: [rng.permutation(n)[at : at + size] for at in range(0, n, size)],
        "one row too many at the end of each batch": _cut(lambda order, start, size: order[start : start + size + 1]),
        "a batch ends at start + size, not at size": _cut(lambda order, start, size: order[start:size]),
        "each row is drawn anew, so that it may come twice": lambda rng, n, size: [
            rng.integers(n, size=min(size, n - start)) for start in range(0, n, size)],
        "equal parts: all batches but the last have `size` rows": lambda rng, n, size: (
            np.array_split(rng.permutation(n), -(-n // size))),
        "the last batch is filled up: it may be smaller": lambda rng, n, size: np.split(
            np.resize(rng.permutation(n), -(-n // size) * size), -(-n // size)),
        "an empty batch is too much at the end": lambda rng, n, size: [*_batches(rng, n, size), []],
        "neighbours stay together: shuffle all rows before they are cut": lambda rng, n, size: [
            rng.permutation(np.arange(n)[start : start + size]) for start in range(0, n, size)],
        "a seed of its own: every epoch gets the same order": lambda n, size: _batches(np.random.default_rng(0), n, size),
    }, same=_used),
    "05.11": Exercise(
        lambda line, eps: (4 * central(line, eps) - central(line, 2 * eps)) / 3,
        [(np.exp, 0.1), (lambda s: np.sin(1 + s), 0.2)], ("slope",), {
            "the error grows by 4, not by 2": lambda line, eps: 2 * central(line, eps) - central(line, 2 * eps),
            "an average does not cancel anything": lambda line, eps: (central(line, eps) + central(line, 2 * eps)) / 2,
            "the two are averaged: c drops out of their difference": lambda line, eps: (
                4 * central(line, eps) + central(line, 2 * eps)) / 5,
            "3 and 2: the error grows by 4, so 4 and 3": lambda line, eps: (3 * central(line, eps) - central(line, 2 * eps)) / 2,
            "16 and 15: that cancels the term after this one": lambda line, eps: (
                16 * central(line, eps) - central(line, 2 * eps)) / 15,
            "the narrow one has the larger weight: here the other": lambda line, eps: (
                4 * central(line, eps) - central(line, eps / 2)) / 3,
            "the difference of the two alone: the slope has gone as well": lambda line, eps: (
                central(line, eps) - central(line, 2 * eps)),
            "the wide one is taken away, not added": lambda line, eps: (central(line, eps) + 4 * central(line, 2 * eps)) / 5,
            "half a step: c is smaller, but still there": lambda line, eps: central(line, eps / 2),
            "the two are exchanged": lambda line, eps: (4 * central(line, 2 * eps) - central(line, eps)) / 3,
            "not divided by 3, so the slope does not stay": lambda line, eps: (
                4 * central(line, eps) - central(line, 2 * eps)),
            "the wide difference is divided by 2 eps: its points are 4 eps apart": lambda line, eps: (
                4 * central(line, eps) - 2 * central(line, 2 * eps)) / 3,
            "the sign: the wide one is taken away": lambda line, eps: (
                4 * central(line, eps) + central(line, 2 * eps)) / 3,
            "the narrow difference alone": central,
            "the wide difference alone": lambda line, eps: central(line, 2 * eps),
            "a one-sided difference": lambda line, eps: (line(eps) - line(0)) / eps,
        }),
    "05.12": Exercise(SOFTPLUS, [_arrays(3, 4, (4, 3), 3), _arrays(4, 5, (5, 2), 2), _far(5, 3, 2)], mistakes={
        "exp(z) overflows: np.logaddexp does not": {"dh": lambda ds, z: ds @ np.log(1 + np.exp(z))},
        "exp(z) overflows: no exponent may be positive": {"dz": lambda ds, z, h: ds[:, None] * h * np.exp(z) / (1 + np.exp(z))},
        "dh is added up over the units: they stay": {"dh": lambda ds, z: (ds[:, None] * np.logaddexp(0, z)).sum(axis=1)},
        "the sigmoid is squared": {"dz": lambda ds, z, h: ds[:, None] * h * sigmoid(z) ** 2},
        "softplus in the place of its slope": {"dz": lambda ds, z, h: ds[:, None] * h * np.logaddexp(0, z)},
        "the slope in the place of softplus": {"dh": lambda ds, z: ds @ sigmoid(z)},
        "tanh in the place of the sigmoid": {"dz": lambda ds, z, h: ds[:, None] * h * np.tanh(z)},
        "exp alone: the sigmoid is exp(z) / (1 + exp(z))": {"dz": lambda ds, z, h: ds[:, None] * h * np.exp(z)},
        "ds is missing in dh": {"dh": lambda z: np.logaddexp(0, z).sum(axis=0)},
        "the sigmoid is missing": {"dz": lambda ds, z, h: ds[:, None] * h * np.ones_like(z)},
        "h is missing in dz": {"dz": lambda ds, z: ds[:, None] * sigmoid(z)},
        "the gate of ReLU, not the slope of softplus": {"dz": lambda ds, z, h: ds[:, None] * h * (z > 0)},
        "the slope of the sigmoid, not of softplus": {
            "dz": lambda ds, z, h: ds[:, None] * h * sigmoid(z) * sigmoid(-z)},
        "the sigmoid of -z": {"dz": lambda ds, z, h: ds[:, None] * h * sigmoid(-z)},
        "ds is missing in dz": {"dz": lambda z, h: h * sigmoid(z)},
        "relu(z) in the place of softplus(z)": {"dh": lambda ds, z: ds @ np.maximum(z, 0)},
        "the mean over the pairs in the place of the sum": {"dh": lambda ds, z: ds @ np.logaddexp(0, z) / len(ds)},
        "z in the place of softplus(z)": {"dh": lambda ds, z: ds @ z},
    }),
}  # fmt: skip
