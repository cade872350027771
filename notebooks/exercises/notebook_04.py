"""Exercises of 04_attention.ipynb."""

from collections.abc import Callable
from typing import Any

import numpy as np

from afm_numpy import attention as att
from afm_numpy._types import Array, Params

from .exercise import Exercise
from .notebook_03 import BACKWARD, OF_PROJECTION, OF_SIDES, added, sides
from .steps import Steps

__all__ = ["EXERCISES"]


# ---- inputs ----------------------------------------------------------------------------------------------


def _arrays(seed: int, *shapes: Any) -> tuple[Array, ...]:
    rng = np.random.default_rng(seed)
    return tuple(rng.standard_normal(shape) for shape in shapes)


def _scores(seed: int, B: int, P: int) -> tuple[Array]:
    """Scores of a short row, an empty row, and rows far above and below; -inf where a pair is absent."""
    (s,) = _arrays(seed, (B, P))
    s[0, 2:], s[1], s[2], s[3] = -np.inf, -np.inf, s[2] + 900, s[3] - 900
    s[2, -1] -= 6000                                               # far apart in one row
    return (s,)


def _weights(seed: int, *shape: int) -> tuple[Array, Array]:
    da, s = _arrays(seed, shape, shape)
    return da, att.softmax_forward(s)


def _tempered(seed: int, B: int, P: int) -> tuple[Any, ...]:
    (da, s), tau = _arrays(seed, (B, P), (B, P)), 0.7 * seed
    return da, s, att.softmax_forward(s / tau), tau


def _network(seed: int, B: int, P: int, k: int, t: int) -> tuple[Array, ...]:
    ds, M, W, b, h = _arrays(seed, (B, P), (B, P, k), (k, t), t, t)
    Z = M @ W + b
    Z[-1, -1, 0] = 0.0                                                  # what is the slope of ReLU there?
    return ds, M, Z, np.maximum(Z, 0), h


def _whole(seed: int, B: int, m: int, n: int, k: int, t: int) -> tuple[Params, Array, Array, Array, float]:
    rng = np.random.default_rng(seed)
    idx = np.stack([rng.permutation(n)[:m] for _ in range(B)])
    x = rng.uniform(0.5, 2.0, (B, m)) * rng.choice([-1.0, 1.0], (B, m))
    x[1, 2:] = x[2] = 0.0                                               # a short row, and an empty one
    idx = np.where(x != 0, idx, 0)
    shapes: dict[str, Any] = {"w0": (), "w": n, "V": (n, k), "p": k, "W": (k, t), "b": t, "h": t}
    q = {name: np.array(rng.standard_normal(shape)) for name, shape in shapes.items()}
    return q, idx, x, rng.standard_normal(B), 0.3


def _lower(seed: int, B: int, m: int, n: int, k: int, t: int) -> tuple[Array, ...]:
    q, idx, x, *_ = _whole(seed, B, m, n, k, t)
    dpooled, a, dZ = _arrays(seed, (B, k), (B, m * (m - 1) // 2), (B, m * (m - 1) // 2, t))
    return dpooled, np.abs(a), dZ, q["W"], q["V"][idx] * x[:, :, None], idx, x, q["V"]


# ---- solutions, line by line -----------------------------------------------------------------------------


def _entry(name: str) -> Callable[[Params], Array]:
    return lambda q: q[name]


ATTEND = Steps(
    "query keys values width",
    s=lambda query, keys, width: -(((query - keys) / width) ** 2) / 2,
    a=lambda s: np.exp(s) / np.exp(s).sum(),
    y_hat=lambda a, values: (a * values).sum(),
)
TWO = Steps(
    "query keys W U h", "dot additive",
    dot=lambda query, keys: keys @ query / np.sqrt(len(query)),
    additive=lambda query, keys, W, U, h: np.tanh(query @ W + keys @ U) @ h,
)  # fmt: skip
SCORES = Steps("M W b h", "s", Z=lambda M, W, b: M @ W + b, R=lambda Z: np.maximum(Z, 0), s=lambda R, h: R @ h)
SOFTMAX = Steps(
    "s", "a",
    top=lambda s: np.where(np.isinf(s).all(axis=1, keepdims=True), 0, s.max(axis=1, keepdims=True)),
    e=lambda s, top: np.exp(s - top),
    total=lambda e: e.sum(axis=1, keepdims=True),
    a=lambda e, total: e / np.where(total == 0, 1, total),
)  # fmt: skip
UPPER = Steps(
    "dy_hat pooled p M",
    **{name: BACKWARD.lines[name] for name in ("dpooled", "dp")},
    da=lambda dpooled, M: (M * dpooled[:, None]).sum(axis=2),
)
NETWORK = Steps(
    "ds M Z R h",
    dh=lambda ds, R: np.einsum("bp,bpt->t", ds, R),
    dZ=lambda ds, h, Z: ds[:, :, None] * h * (Z > 0),
    db=lambda dZ: dZ.sum(axis=(0, 1)),
    dW=lambda M, dZ: np.einsum("bpk,bpt->kt", M, dZ),
)
LOWER = Steps(
    "dpooled a dZ W E idx x V",
    dM=lambda dpooled, a, dZ, W: a[:, :, None] * dpooled[:, None] + dZ @ W.T,
    dE=lambda dM, E: sides(dM, E),
    dV=lambda dE, x, idx, V: added(V.shape, idx, dE * x[:, :, None]),
)
WHOLE = Steps(
    "q idx x y lam", "L dw0 dw dV dp dW db dh",
    **{name: _entry(name) for name in ("w0", "w", "V", "p", "W", "b", "h")},
    E=lambda V, idx, x: V[idx] * x[:, :, None],
    M=lambda E: E[:, np.triu_indices(E.shape[1], 1)[0]] * E[:, np.triu_indices(E.shape[1], 1)[1]],
    mask=lambda x: np.stack([x[:, slots] != 0 for slots in np.triu_indices(x.shape[1], 1)]).all(axis=0),
    **SCORES.lines,
    a=lambda s, mask: att.softmax_forward(np.where(mask, s, -np.inf)),
    pooled=lambda a, M: (a[:, :, None] * M).sum(axis=1),
    y_hat=lambda w0, w, idx, x, pooled, p: w0 + (w[idx] * x).sum(axis=1) + pooled @ p,
    L=lambda y_hat, y, lam, W: ((y_hat - y) ** 2).mean() + lam * (W**2).sum(),
    dy_hat=lambda y_hat, y: 2 * (y_hat - y) / len(y),
    dw0=lambda dy_hat: dy_hat.sum(),
    dw=lambda w, idx, dy_hat, x: added(w.shape, idx, dy_hat[:, None] * x),
    **UPPER.lines,
    ds=lambda da, a: att.softmax_backward(da, a),
    **{**NETWORK.lines, "dW": lambda M, dZ, lam, W: np.einsum("bpk,bpt->kt", M, dZ) + 2 * lam * W},
    **LOWER.lines,
)  # fmt: skip
TEMPERATURE = Steps(
    "da s a tau", "ds dtau",
    du=lambda da, a: att.softmax_backward(da, a),
    ds=lambda du, tau: du / tau,
    dtau=lambda du, s, tau: -(du * s).sum() / tau**2,
)  # fmt: skip

# ---- likely mistakes: the lines that are other lines -----------------------------------------------------

BACKWARD_SOFTMAX = {
    "only the diagonal of the Jacobian": lambda da, a: a * (1 - a) * da,
    "the term a a^T is dropped": lambda da, a: a * da,
    "the mean of da over all rows": lambda da, a: a * (da - da.mean()),
    "da itself is missing in the bracket": lambda da, a: a * (a * da).sum(axis=1, keepdims=True),
    "a is missing in front of the bracket": lambda da, a: da - (a * da).sum(axis=1, keepdims=True),
    "the plain mean of da, not the mean weighted by a": lambda da, a: a * (da - da.mean(axis=1, keepdims=True)),
    "summed over the wrong axis: the sum runs over the pairs of a row": lambda da, a: a * (da - (a * da).sum(axis=0)),
    "summed over the whole batch: each row has its own sum": lambda da, a: a * (da - (a * da).sum()),
    "da itself is missing": lambda da, a: -a * (a * da).sum(axis=1, keepdims=True),
    "a in the place of the average": lambda da, a: a * (da - a),
    "the sum of da over the rows, not the average of a row": lambda da, a: a * (da - da.sum(axis=0)),
    "1 - a stands in front of the bracket: a": lambda da, a: (1 - a) * (da - (a * da).sum(axis=1, keepdims=True)),
    "a and da are exchanged": lambda da, a: da * (a - (a * da).sum(axis=1, keepdims=True)),
    "the largest of da, not its average": lambda da, a: a * (da - da.max(axis=1, keepdims=True)),
    "da is squared in the average": lambda da, a: a * (da - (a * da**2).sum(axis=1, keepdims=True)),
    "brackets: a multiplies both parts": lambda da, a: a * da - (a * da).sum(axis=1, keepdims=True),
    "a counts twice in the second part": lambda da, a: a * da - a**2 * (a * da).sum(axis=1, keepdims=True),
    "a (1 - a) stands in front of the bracket: a alone": lambda da, a: (
        a * (1 - a) * (da - (a * da).sum(axis=1, keepdims=True))),
    "the sum of da, not the sum weighted by a": lambda da, a: a * (da - da.sum(axis=1, keepdims=True)),
    "the mean of a da in the place of its sum": lambda da, a: a * (da - (a * da).mean(axis=1, keepdims=True)),
    "the sign in the bracket: the sum is taken away": lambda da, a: a * (da + (a * da).sum(axis=1, keepdims=True)),
}
OF_UPPER = {
    **OF_PROJECTION,
    "dy_hat is missing": {"dpooled": lambda pooled, p: p + 0 * pooled},
    "the sums are multiplied: multiply first, then sum": {
        "dp": lambda dy_hat, pooled: dy_hat.sum() * pooled.sum(axis=0)},
    "the mean over the factors, not the sum": {"da": lambda dpooled, M: (M * dpooled[:, None]).mean(axis=2)},
    "dp is added up over the factors: they stay, the rows go": {"dp": lambda dy_hat, pooled: (dy_hat[:, None] * pooled).sum(axis=1)},
    "pooled minus p in the place of p": {"dpooled": lambda dy_hat, pooled, p: dy_hat[:, None] * (pooled - p)},
    "added, not multiplied": {"dpooled": lambda dy_hat, p: dy_hat[:, None] + p},
    "M is missing in da": {"da": lambda dpooled, M: dpooled.sum(axis=1)[:, None] + 0 * M[:, :, 0]},
    "dpooled is missing in da": {"da": lambda M: M.sum(axis=2)},
    "p is missing in da: take dpooled": {"da": lambda dy_hat, M: dy_hat[:, None] * M.sum(axis=2)},
    "dpooled is added up: dp needs pooled": {"dp": lambda dpooled: dpooled.sum(axis=0)},
    "dpooled of all rows is added up: each row has its own": {"da": lambda dpooled, M: M @ dpooled.sum(axis=0)},
    "da is summed over the pairs, not over the factors": {"da": lambda dpooled, M: (M * dpooled[:, None]).sum(axis=1)},
}
OF_NETWORK = {
    "Z in the place of R": {"dh": lambda ds, Z: np.einsum("bp,bpt->t", ds, Z)},
    "the gate in the place of R": {"dh": lambda ds, R: np.einsum("bp,bpt->t", ds, R > 0)},
    "the gate is upside down": {"dZ": lambda ds, h, Z: ds[:, :, None] * h * (Z < 0)},
    "Z in the place of the gate: its slope is 1 or 0": {"dZ": lambda ds, h, Z: ds[:, :, None] * h * Z},
    "ds is missing in dh": {"dh": lambda R: R.sum(axis=(0, 1))},
    "the gate of ReLU is missing": {"dZ": lambda ds, h: ds[:, :, None] * h},
    "R in the place of the gate: its slope is 1 or 0": {"dZ": lambda ds, h, R: ds[:, :, None] * h * R},
    "h is missing": {"dZ": lambda ds, Z: ds[:, :, None] * (Z > 0)},
    "ds is missing in dZ": {"dZ": lambda h, Z: h * (Z > 0)},
    "the gate of h: the units are switched by Z": {"dZ": lambda ds, h: ds[:, :, None] * (h * (h > 0))},
    "db is summed over the units: they stay, rows and pairs go": {"db": lambda dZ: dZ.sum(axis=2)},
    "the sums are multiplied in dW: multiply first, then sum": {
        "dW": lambda M, dZ: np.outer(M.sum(axis=(0, 1)), dZ.sum(axis=(0, 1)))},
    "db is the mean over rows and pairs, not the sum": {"db": lambda dZ: dZ.mean(axis=(0, 1))},
}
OF_LOWER = {
    "the path through the attention is dropped": {"dM": lambda dpooled, a: a[:, :, None] * dpooled[:, None]},
    "the path through the pooling is dropped": {"dM": lambda dZ, W: dZ @ W.T},
    "the two paths add up": {"dM": lambda dpooled, a, dZ, W: a[:, :, None] * dpooled[:, None] - dZ @ W.T},
    "the two paths are multiplied: they add up": {
        "dM": lambda dpooled, a, dZ, W: a[:, :, None] * dpooled[:, None] * (dZ @ W.T)},
    "a is a factor of the first path alone": {
        "dM": lambda dpooled, a, dZ, W: a[:, :, None] * (dpooled[:, None] + dZ @ W.T)},
    "e_i itself: each side gets the gradient times the other side": {"dE": lambda dM, E: sides(dM, E, own=True)},
    "the first side twice: the other embedding of a pair gets a gradient, too": {"dE": lambda dM, E: 2 * sides(dM, E, both=False)},
    "the mean of what a feature gets, not the sum": {"dV": lambda dE, x, idx, V: (
        added(V.shape, idx, dE * x[:, :, None]) / np.maximum(np.bincount(idx.ravel(), minlength=len(V)), 1)[:, None])},
    "the gradient of each slot, not yet added up by feature": {"dV": lambda dE, x: dE * x[:, :, None]},
    "a is missing in dM": {"dM": lambda dpooled, dZ, W: dpooled[:, None] + dZ @ W.T},
    **OF_SIDES,
    "not summed over repeated ids: use np.add.at": {
        "dV": lambda dE, x, idx, V: added(V.shape, idx, dE * x[:, :, None], False)},
    "the factor x is missing": {"dV": lambda dE, x, idx, V: added(V.shape, idx, dE * (x != 0)[:, :, None])},
}  # fmt: skip
OF_WHOLE = {
    "the loss is summed over the rows, not averaged": {
        "L": lambda y_hat, y, lam, W: ((y_hat - y) ** 2).sum() + lam * (W**2).sum()},
    "the penalty is missing in L": {"L": lambda y_hat, y: ((y_hat - y) ** 2).mean()},
    "1/B is missing in dy_hat": {"dy_hat": lambda y_hat, y: 2 * (y_hat - y)},
    "the mean of the squares of W, not their sum": {
        "L": lambda y_hat, y, lam, W: ((y_hat - y) ** 2).mean() + lam * (W**2).mean()},
    "tanh in the place of ReLU": {"R": lambda Z: np.tanh(Z)},
    "id 0 may be a feature: only x tells which slots are empty": {"mask": lambda idx: WHOLE.lines["mask"](idx)},
    "absent pairs take part in the softmax": {"mask": lambda M: np.ones(M.shape[:2], bool)},
    "the softmax runs over the rows: the pairs of a row are axis 1": {"a": lambda s, mask: att.softmax_forward(
        np.where(mask, s, -np.inf).T).T},
    **{f"{label}, in ds": {"ds": wrong} for label, wrong in BACKWARD_SOFTMAX.items() if "diagonal" not in label},
    "the penalty is on W alone": {"L": lambda y_hat, y, lam, q: (
        ((y_hat - y) ** 2).mean() + lam * sum((value**2).sum() for value in q.values()))},
    "the absolute values of W, not its squares": {"L": lambda y_hat, y, lam, W: (
        ((y_hat - y) ** 2).mean() + lam * np.abs(W).sum())},
    "the norm of W, not its square": {"L": lambda y_hat, y, lam, W: (
        ((y_hat - y) ** 2).mean() + lam * np.sqrt((W**2).sum()))},
    "dV and dp are exchanged: dV comes first": lambda *args: tuple(WHOLE(*args)[at] for at in (0, 1, 2, 4, 3, 5, 6, 7)),
    "the factor 2 of the squared loss is missing": {"dy_hat": lambda y_hat, y: (y_hat - y) / len(y)},
    "only the diagonal of the softmax Jacobian": {"ds": BACKWARD_SOFTMAX["only the diagonal of the Jacobian"]},
    "not summed over repeated ids in dw: use np.add.at": {
        "dw": lambda w, idx, dy_hat, x: added(w.shape, idx, dy_hat[:, None] * x, False)},
    "the penalty is lambda, not lambda/2, times the sum of the squares": {"lam": lambda lam: lam / 2},
    "the gradient of the penalty is missing": {"dW": NETWORK.lines["dW"]},
    "the factor 2 of the penalty is missing": {
        "dW": lambda M, dZ, lam, W: np.einsum("bpk,bpt->kt", M, dZ) + lam * W},
}  # fmt: skip

EXERCISES = {
    "04.1": Exercise(ATTEND, [(1.3, *_arrays(1, 6, 6), 0.4), (-0.2, *_arrays(2, 4, 4), 2.5)], mistakes={
        "the minus sign is missing: the nearest key must score highest": {
            "s": lambda query, keys, width: ((query - keys) / width) ** 2 / 2},
        "the distance itself, not its square": {"s": lambda query, keys, width: -np.abs(query - keys) / width},
        "half the distance itself, not its square": {"s": lambda query, keys, width: -np.abs(query - keys) / width / 2},
        "exp is missing: the scores are divided by their sum": {"a": lambda s: s / s.sum()},
        "divided by the root of the sum of the squares, not by the sum": {"a": lambda s: np.exp(s) / np.linalg.norm(np.exp(s))},
        "divided by the number of keys, not by the sum": {"a": lambda s: np.exp(s) / len(s)},
        "exp belongs to the next line": {"s": lambda query, keys, width: np.exp(-(((query - keys) / width) ** 2) / 2)},
        "divided by the largest, not by the sum": {"a": lambda s: np.exp(s - s.max())},
        "added, not multiplied": {"y_hat": lambda a, values: (a + values).sum()},
        "exp(s) in the place of the weights: a is divided by the sum": {
            "y_hat": lambda s, values: (np.exp(s) * values).sum()},
        "the scores in the place of the weights": {"y_hat": lambda s, values: (s * values).sum()},
        "the exponential of the sum, not the sum of the exponentials": {"a": lambda s: np.exp(s) / np.exp(s.sum())},
        "the value of the nearest key alone": {"y_hat": lambda a, values: values[np.argmax(a)]},
        "not squared": {"s": lambda query, keys, width: -(query - keys) / width / 2},
        "the factor 1/2 is missing": {"s": lambda query, keys, width: -(((query - keys) / width) ** 2)},
        "width belongs inside the square": {"s": lambda query, keys, width: -((query - keys) ** 2) / width / 2},
        "width is missing": {"s": lambda query, keys: -((query - keys) ** 2) / 2},
        "not divided by the sum: the weights must sum to 1": {"a": lambda s: np.exp(s)},
        "the plain mean: the weights are not used": {"y_hat": lambda values: values.mean()},
        "the mean of the products: the weights sum to 1 already": {"y_hat": lambda a, values: (a * values).mean()},
    }),
    "04.2": Exercise(TWO, [_arrays(i, d, (R, d), (d, 3), (d, 3), 3) for i, d, R in ((3, 5, 4), (4, 2, 6))], mistakes={
        "not divided by the root of the length": {"dot": lambda query, keys: keys @ query},
        "divided by the length, not by its root": {"dot": lambda query, keys: keys @ query / len(query)},
        "divided by the root of the number of keys": {"dot": lambda query, keys: keys @ query / np.sqrt(len(keys))},
        "ReLU in the place of tanh": {"additive": lambda query, keys, W, U, h: np.maximum(query @ W + keys @ U, 0) @ h},
        "divided by the length of the query, not by the root of the number of its entries": {
            "dot": lambda query, keys: keys @ query / np.linalg.norm(query)},
        "divided by the lengths of the vectors: that is the cosine": {"dot": lambda query, keys: (
            keys @ query / np.linalg.norm(query) / np.linalg.norm(keys, axis=1))},
        "tanh of each part: add first": {
            "additive": lambda query, keys, W, U, h: (np.tanh(query @ W) + np.tanh(keys @ U)) @ h},
        "h is missing: the units are only added up": {
            "additive": lambda query, keys, W, U: np.tanh(query @ W + keys @ U).sum(axis=1)},
        "tanh is missing": {"additive": lambda query, keys, W, U, h: (query @ W + keys @ U) @ h},
        "h multiplies tanh, and does not go into it": {
            "additive": lambda query, keys, W, U, h: np.tanh(query @ W + keys @ U + h).sum(axis=1)},
        "tanh belongs to the other score": {"dot": lambda query, keys: np.tanh(keys @ query / np.sqrt(len(query)))},
        "the sigmoid in the place of tanh": {
            "additive": lambda query, keys, W, U, h: 1 / (1 + np.exp(-(query @ W + keys @ U))) @ h},
        "the two are multiplied: add them": {
            "additive": lambda query, keys, W, U, h: np.tanh((query @ W) * (keys @ U)) @ h},
        "multiplied by the root of the length, not divided": {"dot": lambda query, keys: keys @ query * np.sqrt(len(query))},
        "tanh comes before h": {"additive": lambda query, keys, W, U, h: np.tanh((query @ W + keys @ U) @ h)},
        "W belongs to the query and U to the keys": {
            "additive": lambda query, keys, W, U, h: np.tanh(query @ U + keys @ W) @ h},
        "the query is missing: it shifts every key": {"additive": lambda keys, U, h: np.tanh(keys @ U) @ h},
    }),
    "04.3": Exercise(SCORES, [_arrays(5, (2, 6, 3), (3, 4), 4, 4), _arrays(6, (4, 3, 5), (5, 2), 2, 2)], mistakes={
        "b is missing": {"Z": lambda M, W: M @ W},
        "summed over the pairs, not over the units": {"s": lambda R, h: (R * h).sum(axis=1)},
        "ReLU is missing": {"R": lambda Z: Z},
        "tanh in the place of ReLU": {"R": lambda Z: np.tanh(Z)},
        "b is taken away, not added": {"Z": lambda M, W, b: M @ W - b},
        "ReLU of the score: it belongs to the hidden units": {"s": lambda Z, h: np.maximum(Z @ h, 0)},
        "ReLU of the score as well: a score may be negative": {"s": lambda R, h: np.maximum(R @ h, 0)},
        "b is added behind ReLU": {"R": lambda M, W, b: np.maximum(M @ W, 0) + b},
        "a leak of 0.01 below 0: ReLU has none": {"R": lambda Z: np.where(Z > 0, Z, 0.01 * Z)},
        "the sigmoid in the place of ReLU": {"R": lambda Z: 1 / (1 + np.exp(-Z))},
        "the absolute value in the place of ReLU": {"R": lambda Z: np.abs(Z)},
        "the smaller one: max(Z, 0) cuts what is below 0": {"R": lambda Z: np.minimum(Z, 0)},
        "h is missing: the units are only added up": {"s": lambda R: R.sum(axis=2)},
    }),
    "04.4": Exercise([1 / 4, 1 / 2, 0, 1 / 4], names=("attention",), mistakes={
        "the absent pair takes part as if its score were 0: leave it out": [0, 0, 1, 0],
        "the absent pair takes part as if its score were -50: leave it out": [1 / 5, 2 / 5, 1 / 5, 1 / 5],
        "not divided by the sum": [1, 2, 0, 1],
        "the logarithm is not undone: exp(log 2) is 2": np.array([1, 1 + np.log(2), 0, 1]) / (3 + np.log(2)),
        "these weights sum to 4/5, not to 1": [1 / 5, 2 / 5, 0, 1 / 5],
        "the weights do not sum to 1": [1 / 3, 2 / 3, 0, 1 / 3],
        "the weights do not sum to 1, and s_1 is larger": [1 / 2, 1 / 2, 0, 1 / 2],
        "the absent pair has a share": [1 / 4, 1 / 2, 1 / 8, 1 / 8],
        "equal weights, and the absent pair has one": [1 / 4, 1 / 4, 1 / 4, 1 / 4],
        "these are the scores: take their softmax": [-50, np.log(2) - 50, 0, -50],
        "log 2 in the place of exp(log 2), which is 2": np.array([1, np.log(2), 0, 1]) / (2 + np.log(2)),
        "exp(2) in the place of exp(log 2), which is 2": np.array([1, np.exp(2), 0, 1]) / (2 + np.exp(2)),
        "the largest score has the largest weight": [2 / 5, 1 / 5, 0, 2 / 5],
        "exp(-50) is small, but not 0, and only the ratios count": [0, 0, 0, 0],
        "equal weights: the scores are not used": [1 / 3, 1 / 3, 0, 1 / 3],
    }, same=lambda result, name: np.squeeze(result)),
    "04.5": Exercise(SOFTMAX, [_scores(7, 4, 5), _scores(8, 6, 3)], rtol=1e-9, mistakes={
        "a tiny number is added to the sum of every row: only a sum of 0 becomes 1": {
            "a": lambda e, total: e / (total + 1e-8)},
        "keepdims=True is missing: one number for each row has shape (B, 1)": lambda s: s - s.max(axis=1),
        "a row without a pair becomes NaN: mind -inf - (-inf), and 0 / 0": {
            "top": lambda s: s.max(axis=1, keepdims=True)},
        "the largest score of all rows: a row far below it becomes 0 / 0": {"top": lambda s: s.max()},
        "the exponentials as they stand: exp(900) is infinite, and 0 / 0 in a row without a pair": {
            "top": lambda s: 0 * len(s), "a": lambda e, total: e / total},
        "the smallest score or the mean is subtracted, not the largest: exp is infinite far above it": {"top": lambda s: np.where(
            np.isinf(s).all(axis=1), 0, np.min(s, axis=1, initial=1e9, where=np.isfinite(s)))[:, None]},
        "0 is subtracted where all scores are below it: then exp(-900) is 0": {
            "top": lambda s: np.maximum(s.max(axis=1, keepdims=True), 0)},
        "the logarithm of the weights": {"a": lambda s, top, e, total: np.where(
            np.isinf(s), 0, s - top - np.log(np.maximum(total, 1e-300)))},
        "a row without a pair gets weights: they must be 0": {
            "a": lambda e, total: np.where(total == 0, 1 / e.shape[1], e / np.where(total == 0, 1, total))},
        "the sign of the scores": {"s": lambda s: np.where(np.isinf(s), s, -s)},
        "all weight to the largest: the others get exp(s - largest)": {"e": lambda s, top: 1.0 * (s == top)},
        "summed over all rows: each row has its own sum": {"a": lambda e: e / e.sum()},
        "over the rows: the pairs are axis 1": {
            "top": lambda s: np.where(np.isinf(s).all(axis=0), 0, s.max(axis=0)),
            "total": lambda e: e.sum(axis=0, keepdims=True)},
        "nothing is subtracted, and 0 in the place of NaN does not help": {
            "top": lambda s: 0 * len(s), "a": lambda e, total: np.nan_to_num(e / total)},
        "nothing is subtracted: exp(900) is infinite": {"top": lambda s: 0 * len(s)},
        "summed over the rows: the pairs are axis 1": {"total": lambda e: e.sum(axis=0, keepdims=True)},
        "not divided by the sum": {"a": lambda e: e},
        "absent pairs take part: exp(-inf) is 0, and must stay 0": {"s": lambda s: np.where(np.isinf(s), 0, s)},
    }),
    "04.6": Exercise(
        att.softmax_backward, [_weights(1, 3, 6), _weights(2, 5, 4)], ("ds",), mistakes=BACKWARD_SOFTMAX | {
            "keepdims=True is missing: the average must have shape (B, 1)": lambda da, a: da - (a * da).sum(axis=1)}),
    "04.7": Exercise(
        UPPER, [_arrays(9, 4, (4, 3), 3, (4, 6, 3)), _arrays(10, 2, (2, 5), 5, (2, 3, 5))], mistakes=OF_UPPER),
    "04.8": Exercise(NETWORK, [_network(11, 3, 6, 5, 2), _network(12, 4, 5, 3, 7)], mistakes=OF_NETWORK | {
        "the slope of ReLU at 0 is 0: take Z > 0": {"dZ": lambda ds, h, Z: ds[:, :, None] * h * (Z >= 0)},
    }),
    "04.9": Exercise(LOWER, [_lower(13, 4, 5, 9, 3, 2), _lower(14, 5, 4, 8, 2, 3)], mistakes=OF_LOWER),
    "04.10": Exercise(
        WHOLE, [_whole(9, 4, 5, 9, 3, 2), _whole(10, 5, 4, 8, 2, 3)],
        mistakes=OF_WHOLE | OF_UPPER | OF_NETWORK | OF_LOWER),
    "04.11": Exercise(
        TEMPERATURE, [_tempered(1, 3, 6), _tempered(2, 5, 4)],
        mistakes={
            "the softmax is skipped: da in the place of du": {"du": lambda da: da},
            "the average is missing in the backward of the softmax": {"du": lambda da, a: a * da},
            "ds lacks the division by tau": {"ds": lambda du: du},
            "ds is multiplied by tau, not divided": {"ds": lambda du, tau: du * tau},
            "the minus of the derivative of 1/tau is missing": {"dtau": lambda du, s, tau: (du * s).sum() / tau**2},
            "divided by tau once: the derivative of 1/tau has tau^2": {
                "dtau": lambda du, s, tau: -(du * s).sum() / tau},
            "ds in the place of du in dtau: one factor 1/tau too much": {
                "dtau": lambda ds, s, tau: -(ds * s).sum() / tau**2},
            "da in the place of du in dtau": {"dtau": lambda da, s, tau: -(da * s).sum() / tau**2},
            "a in the place of s in dtau": {"dtau": lambda du, a, tau: -(du * a).sum() / tau**2},
            "s is missing in dtau": {"dtau": lambda du, tau: -du.sum() / tau**2},
            "dtau is not summed over all rows and pairs": {"dtau": lambda du, s, tau: -du * s / tau**2},
            "tau to the third, and a minus is missing": {"dtau": lambda du, s, tau: (du * s).sum() / tau**3},
            "the absolute value: the minus stays": {"dtau": lambda du, s, tau: np.abs(du * s).sum() / tau**2},
            "tau divides a in the softmax's backward: it divides the result": {
                "ds": lambda da, a, tau: att.softmax_backward(da, a / tau)},
            "dtau is the mean, not the sum": {"dtau": lambda du, s, tau: -(du * s).mean() / tau**2},
        }),
}  # fmt: skip
