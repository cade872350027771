"""Answers to 04_attention.ipynb that a reader may give: the wrong ones with the hint that is allowed ("" is none)."""

import numpy as np
from afm_numpy.exercises.exercise import find
from afm_numpy.exercises.steps import changed
from scipy.special import softmax as scipy_softmax


def wrong(number, **lines):
    return changed(find(number).right, **lines)


def attend(query, keys, values, width):
    distance = np.abs(keys - query) / width
    s = -0.5 * distance * distance
    a = scipy_softmax(s)
    y_hat = a @ values
    return locals()


def softmax_by_rows(s):
    a = np.zeros_like(s)
    for row, out in zip(s, a, strict=True):
        there = row > -np.inf
        if there.any():
            out[there] = scipy_softmax(row[there])
    return a


def network_by_einsum(ds, M, Z, R, h):
    dR = np.einsum("bp,t->bpt", ds, h)
    dZ = np.where(Z > 0, dR, 0)
    return {"dh": (ds[..., None] * R).sum((0, 1)), "dZ": dZ, "db": np.einsum("bpt->t", dZ),
            "dW": np.tensordot(M, dZ, ((0, 1), (0, 1)))}  # fmt: skip


def lower_in_loops(dpooled, a, dZ, W, E, idx, x, V):
    dM = np.einsum("bp,bk->bpk", a, dpooled) + np.einsum("bpt,kt->bpk", dZ, W)
    dE, dV = np.zeros_like(E), np.zeros_like(V)
    for pair, (i, j) in enumerate(zip(*np.triu_indices(E.shape[1], 1), strict=True)):
        dE[:, i] += dM[:, pair] * E[:, j]
        dE[:, j] += dM[:, pair] * E[:, i]
    for row in range(len(idx)):
        for slot in range(idx.shape[1]):
            dV[idx[row, slot]] += dE[row, slot] * x[row, slot]
    return locals()


def jacobians(da, a):
    return np.stack([(np.diag(r) - np.outer(r, r)) @ d for r, d in zip(a, da, strict=True)])


RIGHT = {
    "04.1": [attend, lambda query, keys, values, width: {"y_hat": attend(query, keys, values, width)["y_hat"],
                                                       **attend(query, keys, values, width)}],
    "04.2": [lambda query, keys, W, U, h: (np.array([key @ query for key in keys]) / len(query) ** 0.5,
                                           np.array([np.tanh(query @ W + key @ U) @ h for key in keys]))],
    "04.3": [lambda M, W, b, h: np.einsum("bpt,t->bp", np.clip(np.einsum("bpk,kt->bpt", M, W) + b, 0, None), h)],
    "04.4": [(0.25, 0.5, 0, 0.25), np.array([0.25, 0.5, 0.0, 0.25]), [0.25, 0.5, 0, 0.2501]],
    "04.5": [softmax_by_rows],
    "04.6": [jacobians, lambda da, a: a * da - a * np.einsum("bp,bp->b", a, da)[:, None]],
    "04.7": [lambda dy_hat, pooled, p, M: {"dpooled": np.outer(dy_hat, p), "dp": pooled.T @ dy_hat,
                                           "da": np.einsum("bpk,bk->bp", M, np.outer(dy_hat, p))}],
    "04.8": [network_by_einsum],
    "04.9": [lower_in_loops],
    "04.11": [lambda da, s, a, tau: (jacobians(da, a) / tau, -np.vdot(jacobians(da, a) / tau, s / tau))],
}  # fmt: skip

WRONG = {
    "04.1": [
        (wrong("04.1", s=lambda query, keys, width: -np.abs(query - keys) / width), "the distance itself, not"),
        (wrong("04.1", s=lambda query, keys, width: -((query - keys) ** 2) / (2 * width)), "inside the square"),
        (wrong("04.1", s=lambda query, keys, width: np.exp(-(((query - keys) / width) ** 2) / 2)), "exp belongs to"),
        (wrong("04.1", a=lambda s: np.exp(s) / np.exp(s).max()), "divided by the largest, not"),
        (wrong("04.1", a=lambda s: np.exp(s) / np.linalg.norm(np.exp(s))), "the root of the sum"),
        (wrong("04.1", y_hat=lambda a, values: values[np.argmax(a)]), "the value of the nearest"),
        (wrong("04.1", y_hat=lambda a, values: a * values), "not summed over axis 0"),
    ],
    "04.2": [
        (lambda query, keys, W, U, h: (keys @ query, np.tanh(query @ W + keys @ U) @ h), "not divided by the root"),
        (wrong("04.2", dot=lambda query, keys: keys @ query / np.sqrt(np.sum(query**2))), "the length of the query"),
        (wrong("04.2", dot=lambda query, keys: (keys * query).sum() / np.sqrt(len(query))), "has shape ()"),
        (wrong("04.2", additive=lambda query, keys, W, U, h: np.maximum(query @ W + keys @ U, 0) @ h), "ReLU in the"),
        (wrong("04.2", additive=lambda query, keys, W, U, h: (np.tanh(query @ W) + np.tanh(keys @ U)) @ h), "tanh of"),
        (wrong("04.2", additive=lambda query, keys, W, U, h: np.tanh(query @ W + keys @ U).sum(axis=1)), "h is"),
        (wrong("04.2", additive=lambda query, keys, W, U, h: np.tanh((query + keys) @ U) @ h), "U in the place of W"),
    ],
    "04.3": [
        (lambda M, W, b, h: (M @ W + b) @ h, "ReLU is missing"),
        (lambda M, W, b, h: np.maximum(M @ W, 0) @ h, "b is missing"),
        (lambda M, W, b, h: np.tanh(M @ W + b) @ h, "tanh in the place of ReLU"),
        (lambda M, W, b, h: np.maximum(M @ W + b, 0).mean(axis=2), ""),
        (lambda M, W, b, h: np.maximum(M @ W + b, 0) * h, "not summed over axis 2"),
        (lambda M, W, b, h: np.maximum((M @ W + b) @ h, 0), "belongs to the hidden units"),
        (lambda M, W, b, h: np.maximum(M @ W - b, 0) @ h, "b is taken away, not added"),
    ],
    "04.4": [
        ([0.2, 0.4, 0.2, 0.2], "as if its score were -50"),
        ([1 / 3, 1 / 3, 0, 1 / 3], "equal weights"),
        ([0.25, 0.5, 0.25, 0], "another order"),
        ([-50, np.log(2) - 50, 0, -50], "take their softmax"),
        ([1 / 3, 2 / 3, 0, 1 / 3], "do not sum to 1"),
        ([0.25, 0.5, 0.25], "has the wrong length"),
    ],
    "04.5": [
        (lambda s: np.exp(s) / np.exp(s).sum(axis=1, keepdims=True), "the exponentials as they"),
        (lambda s: scipy_softmax(s, axis=1), "a row without a pair becomes NaN"),
        (lambda s: scipy_softmax(np.maximum(s, -1e9), axis=1), "a row without a pair gets weights"),
        (lambda s: softmax_by_rows(s) / np.maximum((s > -np.inf).sum(1, keepdims=True), 1), "some rows are right"),
        (lambda s: softmax_by_rows(s.T).T, "the pairs are axis 1"),
        (lambda s: np.exp(s - s.max()) / np.maximum(np.exp(s - s.max()).sum(1, keepdims=True), 1e-300), "score of all"),
    ],
    "04.6": [
        (lambda da, a: a * (1 - a) * da, "only the diagonal"),
        (lambda da, a: a * (da - np.mean(da)), "the mean of da over all"),
        (lambda da, a: a * (da - a.sum(axis=1, keepdims=True)), ""),
        (lambda da, a: -jacobians(da, a), "the sign is wrong"),
        (lambda da, a: a * da - a * a * da, "only the diagonal"),
        (lambda da, a: da - (a * da).sum(axis=1, keepdims=True), "in front of the bracket"),
        (lambda da, a: (a * da).sum(axis=1, keepdims=True) * a, "da itself is missing in the"),
    ],
    "04.7": [
        (wrong("04.7", dpooled=lambda dy_hat, p, M: dy_hat[:, None] * p / M.shape[1]), "the length of axis 1 of M"),
        (wrong("04.7", dpooled=lambda dy_hat, p: dy_hat[:, None] * p**2), "p counts twice"),
        (wrong("04.7", dp=lambda dy_hat, pooled: pooled.sum(axis=0) * dy_hat.sum()), "the sums are multiplied:"),
        (wrong("04.7", dp=lambda dy_hat, pooled, p: (dy_hat @ pooled) * p), "a factor p is too much in dp"),
        (wrong("04.7", da=lambda M, p: M @ p), "a factor dy_hat is missing in da"),
        (wrong("04.7", da=lambda dpooled, M: (M * dpooled[:, None]).mean(axis=2)), "the mean over the factors,"),
        (wrong("04.7", da=lambda dpooled, M: M * dpooled[:, None]), "not summed over axis 2"),
    ],
    "04.8": [
        (wrong("04.8", dh=lambda ds, R: np.einsum("bp,bpt->bt", ds, R)), "not summed over axis 0"),
        (wrong("04.8", dh=lambda ds, R: np.einsum("bp,bpt->t", ds, R > 0)), "the gate in the place of R"),
        (wrong("04.8", dZ=lambda ds, h, R: ds[:, :, None] * h * (R >= 0)), "the gate of ReLU is missing"),
        (wrong("04.8", dZ=lambda ds, h, Z: ds[:, :, None] * h * (Z < 0)), "the gate is upside down"),
        (wrong("04.8", dZ=lambda ds, h, Z: ds[:, :, None] * h * Z), "Z in the place of the gate:"),
        (wrong("04.8", db=lambda dZ: dZ.sum(axis=1)), "not summed over axis 0"),
        (wrong("04.8", dW=lambda M, dZ: np.einsum("bpk,bpt->tk", M, dZ)), "transposed"),
    ],
    "04.9": [
        (wrong("04.9", dM=lambda dpooled, a: a[:, :, None] * dpooled[:, None]), "through the attention is dropped"),
        (wrong("04.9", dM=lambda dpooled, a, dZ, W: a[:, :, None] * dpooled[:, None] - dZ @ W.T), "the two paths add"),
        (wrong("04.9", dE=lambda dM, E: 2 * find("04.9").right.lines["dE"](dM, E)), "twice too large"),
        (wrong("04.9", dE=lambda dM, E: dM.sum(1, keepdims=True) * (E.sum(1, keepdims=True) - E)), "some rows"),
        (wrong("04.9", dV=lambda dE, x, idx, V: np.zeros_like(V)), "all zero"),
        (wrong("04.9", dV=lambda dE, x: dE * x[:, :, None]), "has shape"),
        (wrong("04.9", x=lambda x: (x != 0) * 1.0), "the factor x is missing"),
    ],
    "04.10": [
        (wrong("04.10", L=lambda y_hat, y: ((y_hat - y) ** 2).mean()), "the penalty is missing in L"),
        (wrong("04.10", dy_hat=lambda y_hat, y: 2 * (y_hat - y)), "1/B is missing in dy_hat"),
        (wrong("04.10", dw=lambda w, idx, dy_hat, x: np.bincount(idx.ravel(), minlength=len(w)) * dy_hat.sum()), ""),
        (wrong("04.10", dp=lambda dy_hat, pooled: dy_hat @ pooled / len(dy_hat)), "the mean over the rows"),
        (wrong("04.10", dW=lambda M, dZ, lam, W: np.einsum("bpk,bpt->kt", M, dZ) + lam * W), "factor 2 of the penalty"),
        (wrong("04.10", db=lambda dZ: 0 * dZ.sum(axis=(0, 1))), "all zero"),
        (lambda q, idx, x, y, lam: find("04.10").right(q, idx, x, y, lam)[:7], "should give 8 results"),
    ],
    "04.11": [
        (wrong("04.11", ds=lambda du, tau: du / tau**2), "tau counts twice"),
        (wrong("04.11", ds=lambda du: -du), ""),
        (wrong("04.11", dtau=lambda du, s, tau: (du * s).sum() / tau**2), "the minus"),
        (wrong("04.11", dtau=lambda da, s, tau: -(da * s).sum() / tau**2), "da in the place of du in"),
        (wrong("04.11", dtau=lambda du, s, tau: -(du * s).sum(axis=1) / tau**2), "not summed over axis 0"),
        (wrong("04.11", dtau=lambda du, a, tau: -(du * a).sum() / tau**2), "a in the place of s in dtau"),
    ],
}
