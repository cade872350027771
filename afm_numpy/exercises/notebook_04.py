"""Exercises of 04_attention.ipynb."""

from collections.abc import Callable
from typing import Any

import numpy as np

from .. import attention as att
from .._types import Array, Params
from ..batch import Batch
from ..models import Model
from ..rowgrad import RowGrad
from ..train import objective
from . import Exercise

__all__ = ["EXERCISES"]


def _arrays(seed: int, *shapes: Any) -> tuple[Array, ...]:
    rng = np.random.default_rng(seed)
    return tuple(rng.standard_normal(shape) for shape in shapes)


def _softmax_inputs(seed: int, *shape: Any) -> tuple[Array, Array]:
    da, s = _arrays(seed, shape, shape)
    return da, att.softmax_forward(s)


def _temperature_inputs(seed: int, tau: float, *shape: Any) -> tuple[Array, Array, Array, float]:
    da, s = _arrays(seed, shape, shape)
    return da, s, att.softmax_forward(s / tau), tau


def _tanh_inputs(seed: int, B: int, P: int, t: int) -> tuple[Array, Array, Array]:
    ds, Z, h = _arrays(seed, (B, P), (B, P, t), t)
    return ds, np.tanh(Z), h


def _pooling_inputs(seed: int, B: int, P: int, k: int, t: int) -> tuple[Array, Array, Array, Array, Array, Array]:
    dpooled, M, W, b, h = _arrays(seed, (B, k), (B, P, k), (k, t), t, t)
    mask = np.ones((B, P), bool)
    mask[0, 2:] = mask[1, 1:] = False                                   # M is 0 where a pair is absent
    M *= mask[:, :, None]
    b[0] = -(M[-1, -1] @ W[:, 0])                                       # one Z is 0: what is the slope of ReLU there?
    a, cache = att.network_forward(M, W, b, h, mask)
    cache.Z[-1, -1, 0] = 0.0
    return dpooled, M, a, cache.Z, W, h


def _whole_inputs(seed: int, B: int, m: int, n: int, k: int, t: int) -> tuple[Params, Array, Array, Array, float]:
    rng = np.random.default_rng(seed)
    idx = np.stack([rng.permutation(n)[:m] for _ in range(B)])
    x = rng.uniform(0.5, 2.0, (B, m)) * rng.choice([-1.0, 1.0], (B, m))
    x[1, 2:] = x[2] = 0.0                                               # a short row, and an empty one
    idx = np.where(x != 0, idx, 0)
    shapes: dict[str, Any] = {"w0": (), "w": n, "V": (n, k), "p": k, "W": (k, t), "b": t, "h": t}
    q = {name: np.array(rng.standard_normal(shape)) for name, shape in shapes.items()}
    return q, idx, x, rng.standard_normal(B), 0.3


# ---- right answers that the package does not have as one function --------------------------------------


def temperature_backward(da: Array, s: Array, a: Array, tau: float) -> tuple[Array, float]:
    du = att.softmax_backward(da, a)
    return du / tau, -(du * s).sum() / tau**2


def tanh_backward(ds: Array, R: Array, h: Array) -> tuple[Array, Array, Array]:
    dZ = ds[:, :, None] * h * (1 - R**2)
    return dZ, dZ.sum(axis=(0, 1)), np.tensordot(ds, R, axes=2)


def loss_and_gradients(q: Params, idx: Array, x: Array, y: Array, lam: float) -> tuple[Any, ...]:
    n = len(q["w"])
    batch, model = Batch.from_padded(idx, x, n=n), Model("afm", engine="dense")
    data_loss, penalty, grads = objective(model, q, batch, y, l2={"W": lam})
    names = ("w0", "w", "V", "p", "W", "b", "h")
    dense = (grad.to_dense(n) if isinstance(grad, RowGrad) else grad for grad in map(grads.__getitem__, names))
    return data_loss + penalty, *dense


# ---- likely mistakes -----------------------------------------------------------------------------------


def _diagonal(da: Array, a: Array) -> Array:
    return a * (1 - a) * da


def _dM(dpooled: Array, M: Array, a: Array, Z: Array, W: Array, h: Array, *,
        softmax: Callable[..., Array] = att.softmax_backward, gate: bool = True, pooling: bool = True,
        network: bool = True, with_h: bool = True) -> Array:
    ds = softmax((M * dpooled[:, None]).sum(axis=2), a)
    dZ = ds[:, :, None] * (h if with_h else np.ones_like(h)) * ((Z > 0) if gate else 1)
    return pooling * (a[:, :, None] * dpooled[:, None]) + network * (dZ @ W.T)


def _whole(q: Params, idx: Array, x: Array, y: Array, lam: float, *, kept: float = 1.0, summed: float = 1.0,
           by_id: Callable[..., Any] = np.add.at, w_by_id: Callable[..., Any] = np.add.at,
           pairs: Callable[..., Any] = np.add.at, sides: int = 2, half: float = 1.0, x_in_V: bool = True,
           empty: bool = False, w2: float = 2.0, **of_dM: Any) -> tuple[Any, ...]:
    """loss_and_gradients with one mistake: the right answer for the defaults."""
    V, p, W, h, (i, j) = q["V"], q["p"], q["W"], q["h"], np.triu_indices(idx.shape[1], 1)
    E = V[idx] * x[:, :, None]
    M = E[:, i] * E[:, j]
    mask = (x[:, i] != 0) & (x[:, j] != 0)
    a, cache = att.network_forward(M, W, q["b"], h, mask | empty)
    pooled = (a[:, :, None] * M).sum(axis=1)
    y_hat = q["w0"] + (q["w"][idx] * x).sum(axis=1) + pooled @ p
    dy_hat = 2 * kept * (y_hat - y) * (summed / len(y))
    dpooled = dy_hat[:, None] * p
    ds = of_dM.get("softmax", att.softmax_backward)((M * dpooled[:, None]).sum(axis=2), a)
    dZ = ds[:, :, None] * h * ((cache.Z > 0) if of_dM.get("gate", True) else 1)
    dM = _dM(dpooled, M, a, cache.Z, W, h, **of_dM)
    dw, dV, dE = np.zeros_like(q["w"]), np.zeros_like(V), np.zeros_like(E)
    for side, other in ((i, j), (j, i))[:sides]:
        slots: Any = np.s_[:, side]
        pairs(dE, slots, dM * E[:, other])
    w_by_id(dw, idx, dy_hat[:, None] * x)
    by_id(dV, idx, dE * (x[:, :, None] if x_in_V else (x != 0)[:, :, None]))
    dW = np.tensordot(M, dZ, axes=((0, 1), (0, 1))) + half * w2 * lam * W
    loss = ((y_hat - y) ** 2).sum() * summed / len(y) + half * lam * (W**2).sum()
    return loss, dy_hat.sum(), dw, dV, dy_hat @ pooled, dW, dZ.sum(axis=(0, 1)), np.tensordot(ds, cache.R, axes=2)


def _kept_once(total: Array, at: Any, values: Array) -> None:
    total[at] += values


EXERCISES = {
    "04.1": Exercise(
        [1 / 4, 1 / 2, 0, 1 / 4],
        names=("attention",),
        mistakes={
            "the absent pair takes part as if its score were 0: leave it out": [0, 0, 1, 0],
            "the absent pair takes part as if its score were -50: leave it out": [1 / 5, 2 / 5, 1 / 5, 1 / 5],
            "not divided by the sum": [1, 2, 0, 1],
            "the logarithm is not undone: exp(log 2) is 2": np.array([1, 1 + np.log(2), 0, 1]) / (3 + np.log(2)),
            "equal weights: the scores are not used": [1 / 3, 1 / 3, 0, 1 / 3],
        },
    ),
    "04.2": Exercise(
        att.softmax_backward,
        [_softmax_inputs(1, 3, 6), _softmax_inputs(2, 5, 4)],
        ("ds",),
        {
            "only the diagonal of the Jacobian": _diagonal,
            "the term a a^T is dropped": lambda da, a: a * da,
            "a is missing in front of the bracket": lambda da, a: da - (a * da).sum(axis=1, keepdims=True),
            "the plain mean of da, not the mean weighted by a": lambda da, a: a * (da - da.mean(axis=1, keepdims=True)),
            "summed over the wrong axis: the sum runs over the pairs of a row": lambda da, a: a * (
                da - (a * da).sum(axis=0)),
            "summed over the whole batch: each row has its own sum": lambda da, a: a * (da - (a * da).sum()),
            "the sum of da, not the sum weighted by a": lambda da, a: a * (da - da.sum(axis=1, keepdims=True)),
            "the mean of a da in the place of its sum": lambda da, a: a * (da - (a * da).mean(axis=1, keepdims=True)),
            "the sign in the bracket: the sum is taken away": lambda da, a: a * (
                da + (a * da).sum(axis=1, keepdims=True)),
            "the derivative of a sigmoid, with 1 - a": lambda da, a: a * (1 - a) * (
                da - (a * da).sum(axis=1, keepdims=True)),
        },
    ),
    "04.3": Exercise(
        temperature_backward,
        [_temperature_inputs(3, 0.7, 3, 6), _temperature_inputs(4, 2.5, 5, 4)],
        ("ds", "dtau"),
        {
            "ds lacks the division by tau": lambda da, s, a, tau: (
                att.softmax_backward(da, a), temperature_backward(da, s, a, tau)[1]),
            "ds is multiplied by tau, not divided": lambda da, s, a, tau: (
                att.softmax_backward(da, a) * tau, temperature_backward(da, s, a, tau)[1]),
            "the minus of the derivative of 1/tau is missing": lambda da, s, a, tau: (
                temperature_backward(da, s, a, tau)[0], -temperature_backward(da, s, a, tau)[1]),
            "divided by tau once: the derivative of 1/tau has tau^2": lambda da, s, a, tau: (
                temperature_backward(da, s, a, tau)[0], tau * temperature_backward(da, s, a, tau)[1]),
            "ds in the place of du in dtau: one factor 1/tau too much": lambda da, s, a, tau: (
                temperature_backward(da, s, a, tau)[0], temperature_backward(da, s, a, tau)[1] / tau),
            "s is missing in dtau": lambda da, s, a, tau: (
                temperature_backward(da, s, a, tau)[0], -att.softmax_backward(da, a).sum() / tau**2),
            "dtau is not summed over all rows and pairs": lambda da, s, a, tau: (
                temperature_backward(da, s, a, tau)[0], -att.softmax_backward(da, a) * s / tau**2),
            "dtau is the mean, not the sum": lambda da, s, a, tau: (
                temperature_backward(da, s, a, tau)[0], temperature_backward(da, s, a, tau)[1] / s.size),
            "the softmax is skipped: da in the place of du": lambda da, s, a, tau: (
                temperature_backward(da, s, a, tau)[0], -(da * s).sum() / tau**2),
        },
    ),
    "04.4": Exercise(
        tanh_backward,
        [_tanh_inputs(5, 3, 6, 2), _tanh_inputs(6, 2, 5, 4)],
        ("dZ", "db", "dh"),
        {
            "the slope of tanh is missing": lambda ds, R, h: (
                ds[:, :, None] * h * np.ones_like(R), *tanh_backward(ds, R, h)[1:]),
            "the gate of ReLU, not the slope of tanh": lambda ds, R, h: (
                ds[:, :, None] * h * (R > 0), *tanh_backward(ds, R, h)[1:]),
            "R is tanh(Z) already: the slope is 1 - R^2": lambda ds, R, h: (
                ds[:, :, None] * h * (1 - np.tanh(R) ** 2), *tanh_backward(ds, R, h)[1:]),
            "h is missing": lambda ds, R, h: (ds[:, :, None] * (1 - R**2), *tanh_backward(ds, R, h)[1:]),
            "ds is missing": lambda ds, R, h: (h * (1 - R**2), *tanh_backward(ds, R, h)[1:]),
            "the slope of tanh is 1 - R^2, not 1 - R": lambda ds, R, h: (
                ds[:, :, None] * h * (1 - R), *tanh_backward(ds, R, h)[1:]),
            "R (1 - R) is the slope of the sigmoid": lambda ds, R, h: (
                ds[:, :, None] * h * R * (1 - R), *tanh_backward(ds, R, h)[1:]),
            "db is the mean over rows and pairs, not the sum": lambda ds, R, h: (
                tanh_backward(ds, R, h)[0], tanh_backward(ds, R, h)[0].mean(axis=(0, 1)), tanh_backward(ds, R, h)[2]),
            "dh is not summed over the rows": lambda ds, R, h: (
                *tanh_backward(ds, R, h)[:2], np.einsum("bp,bpt->bt", ds, R)),
            "db is not summed over the rows": lambda ds, R, h: (
                tanh_backward(ds, R, h)[0], tanh_backward(ds, R, h)[0].sum(axis=1), tanh_backward(ds, R, h)[2]),
            "dh lacks ds": lambda ds, R, h: (*tanh_backward(ds, R, h)[:2], R.sum(axis=(0, 1))),
        },
    ),
    "04.5": Exercise(
        _dM,
        [_pooling_inputs(7, 3, 6, 5, 2), _pooling_inputs(8, 4, 5, 3, 7)],
        ("dM",),
        {
            "the path through the attention is dropped, or M is missing in da, which makes ds 0": lambda *args: _dM(
                *args, network=False),
            "the path through the pooling is dropped": lambda *args: _dM(*args, pooling=False),
            "the gate of ReLU is missing": lambda *args: _dM(*args, gate=False),
            "h is missing": lambda *args: _dM(*args, with_h=False),
            "only the diagonal of the softmax Jacobian": lambda *args: _dM(*args, softmax=_diagonal),
            "the slope of ReLU at 0 is 0: take Z > 0": lambda dpooled, M, a, Z, W, h: _dM(
                dpooled, M, a, np.where(Z == 0, 1, Z), W, h),
            "the backward of the softmax is missing": lambda *args: _dM(*args, softmax=lambda da, a: da),
            "W is missing": lambda dpooled, M, a, Z, W, h: _dM(dpooled, M, a, Z, np.ones_like(W), h),
        },
    ),
    "04.6": Exercise(
        loss_and_gradients,
        [_whole_inputs(9, 4, 5, 9, 3, 2), _whole_inputs(10, 6, 4, 8, 2, 3)],
        ("L", "dw0", "dw", "dV", "dp", "dW", "db", "dh"),
        {
            "the loss is summed over the rows, not averaged": lambda *args: _whole(*args, summed=len(args[1])),
            "absent pairs take part in the softmax": lambda *args: _whole(*args, empty=True),
            "the factor 2 of the squared loss is missing": lambda *args: _whole(*args, kept=0.5),
            "the path through the attention is dropped": lambda *args: _whole(*args, network=False),
            "the path through the pooling is dropped": lambda *args: _whole(*args, pooling=False),
            "the gate of ReLU is missing": lambda *args: _whole(*args, gate=False),
            "only the diagonal of the softmax Jacobian": lambda *args: _whole(*args, softmax=_diagonal),
            "not summed over repeated ids: use np.add.at": lambda *args: _whole(*args, by_id=_kept_once),
            "not summed over repeated ids in dw: use np.add.at": lambda *args: _whole(*args, w_by_id=_kept_once),
            "dE[:, i] += ... keeps one pair of a slot, np.add.at adds them all": lambda *args: _whole(
                *args, pairs=_kept_once),
            "one side of the product: both embeddings of a pair get a gradient": lambda *args: _whole(*args, sides=1),
            "the penalty is lambda, not lambda/2, times the sum of the squares": lambda *args: _whole(*args, half=0.5),
            "the factor x is missing": lambda *args: _whole(*args, x_in_V=False),
            "the gradient of the penalty is missing": lambda *args: _whole(*args, w2=0.0),
            "the factor 2 of the penalty is missing": lambda *args: _whole(*args, w2=1.0),
        },
    ),
}  # fmt: skip
