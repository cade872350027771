"""Answers to 06 to 09 that a reader may well give: the wrong ones with the hint that is allowed ("" is none)."""

import math

import numpy as np
from readers import sum_at

from afm_numpy import attention as att
from afm_numpy.losses import sigmoid


def matrix(E, a):
    i, j = np.triu_indices(E.shape[1], 1)
    A = np.zeros((len(E), E.shape[1], E.shape[1]))
    A[:, i, j] = A[:, j, i] = a
    return A, i, j


def pooled(half=0.5, da_factor=1, with_upstream=True, e=lambda E, AE, d: d * AE):
    def answer(E, a, dpooled):
        A, i, j = matrix(E, a)
        AE, up = A @ E, dpooled[:, None] if with_upstream else 1
        dA = (E * up) @ E.swapaxes(1, 2)
        return half * (E * AE).sum(axis=1), da_factor * dA[:, i, j], e(E, AE, dpooled[:, None])

    return answer


def in_rows(back=True, mask_in_softmax=False, size=None, masked_scores=False, exchanged=False):
    def answer(s_q, t_q, pair_at, kept, dy):
        s, t = s_q[pair_at] * (kept if masked_scores else 1), t_q[pair_at]
        a = att.softmax_forward(s)
        y, m = (kept * a * t).sum(axis=1), kept if back else 1
        ds = att.softmax_backward(dy[:, None] * m * t, a * kept if mask_in_softmax else a)
        D = size(s_q, dy, pair_at) if size else len(s_q)
        sums = sum_at(pair_at, ds, D), sum_at(pair_at, dy[:, None] * m * a, D)
        return y, *(sums[::-1] if exchanged else sums)

    return answer


def tokens(order=(0, 1), start=0, values=True):
    def answer(idx, x):
        slots = np.stack([idx.ravel(), x.ravel() if values else np.ones(x.size)])[list(order)]
        distinct, token = np.unique(slots, axis=1, return_inverse=True)
        feature, value = distinct[list(order)]
        return token.reshape(idx.shape) + start, feature, value

    return answer


def fm_pooled(formula):
    def answer(emb, active_ptr, k):
        rows = [emb[a:b] for a, b in zip(active_ptr, active_ptr[1:], strict=False)]
        return [[formula([e[f] for e in row]) for f in range(k)] for row in rows]

    return answer


def adagrad(step, summed=True):
    """One step on the rows that occur; step(v, g, old accumulator) -> new v, new accumulator."""

    def answer(V, acc, ids, grads, lr, eps):
        total = {}
        for i, g in zip(ids, grads, strict=True):
            total[i] = [a + b for a, b in zip(total.get(i, [0.0] * len(g)), g, strict=True)] if summed else g
        new_V, new_acc = [list(row) for row in V], [list(row) for row in acc]
        for i, g in total.items():
            both = [step(v, z, a, lr, eps) for v, z, a in zip(V[i], g, acc[i], strict=True)]
            new_V[i], new_acc[i] = ([pair[at] for pair in both] for at in (0, 1))
        return new_V, new_acc

    return answer


def logistic(loss=None, d=lambda s, t, B: (s - t) / B, prob=lambda z: float(sigmoid(np.array(z)))):
    def stable(z, t):
        return max(z, 0) - t * z + math.log1p(math.exp(-abs(z)))

    def answer(y_hat, y):
        s = [prob(z) for z in y_hat]
        rows = [(loss or stable)(z, t) for z, t in zip(y_hat, y, strict=True)]
        return s, rows, [d(p, t, len(y)) for p, t in zip(s, y, strict=True)]

    return answer


def each(right):
    return lambda got, want, tol: [right(a, b, tol) for a, b in zip(got, want, strict=True)]


def last_write(dR, at, U):
    dE = np.zeros((U, dR.shape[1]))
    dE[at] += dR
    return dE


def add_at(rows, U):
    def answer(dR, at, size):
        dE = np.zeros((U(dR, at, size), dR.shape[1]))
        np.add.at(dE, at, rows(dR, at))
        return dE

    return answer


RIGHT = {
    "06.1": [lambda values, edges: (values[:, None] > edges).sum(axis=1),
             lambda values, edges: np.digitize(values, edges, right=True)],
    "06.2": [lambda a, mask: np.nan_to_num(np.ma.masked_array(a, ~mask).mean(axis=0).filled(0)),
             lambda a, mask: [x[m].mean() if m.any() else 0.0 for x, m in zip(a.T, mask.T, strict=True)]],
    "06.3": [lambda y_hat, c: np.exp(y_hat - c) / (1 + np.exp(y_hat - c)),
             lambda y_hat, c: 0.5 * (1 + np.tanh((y_hat - c) / 2))],
    "06.4": [lambda w, V, field, c: w - (V * c).sum(axis=1) * ~field,
             lambda w, V, field, c: np.where(field, w, w - np.einsum("nk,k->n", V, c))],
    "07.1": [1.8, [1.803], np.hypot(np.sqrt(3), 0.5)],
    "07.2": [lambda a, b: [np.mean(a) - np.mean(b), np.sqrt(np.var(a - b, ddof=1) / len(a))],
             lambda a, b: np.array([(a - b).mean(), np.sqrt(np.cov(a - b) / a.size)])],
    "07.3": [lambda V, p, W, c: [V * c, p * c**-2.0, W * c**-2.0], lambda V, p, W, c: (c * V, p / c / c, W / c / c)],
    "07.4": [lambda base, pooled, p, y, keep: (base + pooled @ p - y) ** 2 + (1 / keep - 1) * pooled**2 @ p**2,
             lambda base, pooled, p, y, keep: [(b + q @ p - t) ** 2 + (1 - keep) / keep * sum((q * p) ** 2)
                                               for b, q, t in zip(base, pooled, y, strict=True)]],
    "08.1": [[12, 6], np.array([12, 6])],
    "08.2": [lambda prob, B: len(prob) - sum((1 - prob) ** B), lambda prob, B: -np.expm1(B * np.log1p(-prob)).sum()],
    "08.3": [lambda dR, at, U: (np.arange(U)[:, None] == at) @ dR,
             lambda dR, at, U: np.stack([np.bincount(at, column, minlength=U) for column in dR.T], axis=1)],
    "08.4": [in_rows()],
    "08.5": [tokens(), lambda idx, x: tuple(map(np.ndarray.tolist, tokens()(idx, x)))],
    "08.6": [pooled(), lambda E, a, dpooled: [value.tolist() for value in pooled()(E, a, dpooled)]],
    "09.1": [each(lambda a, b, tol: -tol <= a - b <= tol), each(lambda a, b, tol: not not (abs(b - a) <= tol))],
    "09.2": [fm_pooled(lambda e: sum(x * y for i, x in enumerate(e) for y in e[:i]))],
    "09.3": [adagrad(lambda v, g, a, lr, eps: (v - lr * g / (math.sqrt(a + g * g) + eps), a + g * g))],
    "09.4": [5.0, np.array([5])],
    "09.5": [logistic(), logistic(loss=lambda z, t: float(np.logaddexp(0, z)) - t * z)],
}  # fmt: skip

WRONG = {
    "06.1": [
        (lambda values, edges: np.searchsorted(edges, values, side="right"), "mind `side`"),
        (lambda values, edges: np.digitize(values, edges), "mind `side`"),
        (lambda values, edges: (values[:, None] >= edges).sum(axis=1), "mind `side`"),
        (lambda values, edges: np.searchsorted(edges, values) + 1, "the first bin has the number 0"),
        (lambda values, edges: np.searchsorted(edges, values) - 1, "one too few"),
        (lambda values, edges: (values[:, None] < edges).sum(axis=1), ""),
    ],
    "06.2": [
        (lambda a, mask: (a * mask).mean(axis=0), "divided by all rows"),
        (lambda a, mask: a.sum(axis=0) / np.maximum(mask.sum(axis=0), 1), "behind the mask"),
        (lambda a, mask: a.mean(axis=0), "rows without the pair are counted"),
        (lambda a, mask: (a * mask).sum(axis=0), "not divided"),
        (lambda a, mask: (a * mask).sum(axis=1) / np.maximum(mask.sum(axis=1), 1), "wrong axis"),
        (lambda a, mask: (a * mask).sum() / mask.sum(), "each pair has its own"),
    ],
    "06.3": [
        (lambda y_hat, c: sigmoid(y_hat) - sigmoid(c), "subtract before the sigmoid"),
        (lambda y_hat, c: sigmoid(y_hat) - c, "log-odds, not a probability"),
        (lambda y_hat, c: y_hat - c, "the sigmoid is missing"),
        (lambda y_hat, c: sigmoid(y_hat + c), "added instead of taken away"),
        (lambda y_hat, c: 1 / (1 + np.exp(y_hat - c)), "the sign in front of y_hat"),
        (lambda y_hat, c: sigmoid(y_hat), "not taken away"),
    ],
    "06.4": [
        (lambda w, V, field, c: w - V @ c, "never meet each other"),
        (lambda w, V, field, c: w + np.where(field, 0, V @ c), "the sign"),
        (lambda w, V, field, c: w - np.where(field, V @ c, 0), "the other way round"),
        (lambda w, V, field, c: -np.where(field, 0, V @ c), "to be added to w"),
        (lambda w, V, field, c: w - 2 * np.where(field, 0, V @ c), "twice"),
        (lambda w, V, field, c: w - np.where(field, 0, V.sum(axis=1)), "without c"),
    ],
    "07.1": [
        (3.25, "take the root"), (math.sqrt(3), "the noise is missing"), (3.5, "do not add, variances do"),
        (math.sqrt(3.5), "its variance is 0.25"), (math.sqrt(1.25), "three pairs"), (0.5, "the noise alone"),
        (2.0, ""),
    ],
    "07.2": [
        (lambda a, b: ((a - b).mean(), np.sqrt(a.var(ddof=1) / len(a) + b.var(ddof=1) / len(b))), "taken apart"),
        (lambda a, b: ((a - b).mean(), (a - b).std(ddof=1)), "root of S"),
        (lambda a, b: ((a - b).mean(), (a - b).std() / np.sqrt(len(a))), "ddof=1"),
        (lambda a, b: ((b - a).mean(), (a - b).std(ddof=1) / np.sqrt(len(a))), "the sign"),
        (lambda a, b: ((a - b).mean(), (a - b).std(ddof=1) / len(a)), "by its root"),
        (lambda a, b: (np.median(a - b), (a - b).std(ddof=1) / np.sqrt(len(a))), "median"),
    ],
    "07.3": [
        (lambda V, p, W, c: (c * V, p / c, W / c), "grows by c squared"),
        (lambda V, p, W, c: (c * V, p / c**2, W), "the attention changes"),
        (lambda V, p, W, c: (c * V, p, W / c**2), "the output changes"),
        (lambda V, p, W, c: (c * V, p * c**2, W * c**2), "the wrong way"),
        (lambda V, p, W, c: (V, p / c**2, W / c**2), "multiplied by c"),
        (lambda V, p, W, c: (c * V, p / c**4, W / c**4), "power 4"),
    ],
    "07.4": [
        (lambda base, pooled, p, y, keep: (base + pooled @ p - y) ** 2, "variance is missing"),
        (lambda base, pooled, p, y, keep: (base + pooled @ p - y) ** 2 + keep * (1 - keep) * pooled**2 @ p**2,
         "divided by keep"),
        (lambda base, pooled, p, y, keep: (base + pooled @ p - y) ** 2 + (1 - keep) / keep * (pooled @ p) ** 2,
         "square each term"),
        (lambda base, pooled, p, y, keep: (base + keep * (pooled @ p) - y) ** 2
         + (1 - keep) / keep * ((pooled * p) ** 2).sum(axis=1), "mean of z/keep is 1"),
        (lambda base, pooled, p, y, keep: ((base + pooled @ p - y) ** 2
         + (1 - keep) / keep * ((pooled * p) ** 2).sum(axis=1)).mean(), "each row"),
        (lambda base, pooled, p, y, keep: (base + pooled @ p - y) ** 2
         + (1 - keep) / keep * (pooled**2).sum(axis=1), "factor p is missing"),
    ],
    "08.1": [
        ((12, 12), "counts once"), ((12, 9), "share single pairs"), ((12, 7), "another one"), ((3, 6), "four rows"),
        ((24, 12), "no order"), ((12, 5), "one pair too few"),
    ],
    "08.2": [
        (lambda prob, B: B * prob.sum(), "every repeat is counted"),
        (lambda prob, B: ((1 - prob) ** B).sum(), "no row holds"),
        (lambda prob, B: (1 - prob**B).sum(), "none may hold it"),
        (lambda prob, B: prob.sum(), "B is missing"),
        (lambda prob, B: 1 - ((1 - prob) ** B).sum(), "at the end"),
        (lambda prob, B: (1 - (1 - prob) ** B).mean(), "sum is asked for"),
    ],
    "08.3": [
        (last_write, "not summed over repeated numbers"),
        (lambda dR, at, U: dR[at], "gathered once more"),
        (lambda dR, at, U: dR, "nothing is summed"),
        (add_at(lambda dR, at: dR, lambda dR, at, U: at.max() + 1), "even the last"),
        (add_at(lambda dR, at: dR, lambda dR, at, U: len(dR)), "not of dR"),
        (add_at(lambda dR, at: dR / np.bincount(at)[at][:, None], lambda dR, at, U: U), "the mean of the repeats"),
    ],
    "08.4": [
        (in_rows(back=False), "missing on the way back"),
        (in_rows(mask_in_softmax=True), "as it was before the mask"),
        (in_rows(masked_scores=True), "the scores as well"),
        (in_rows(exchanged=True), "exchanged"),
        (in_rows(size=lambda s_q, dy, pair_at: len(dy)), "number of rows"),
        (lambda s_q, t_q, pair_at, kept, dy: in_rows()(s_q, t_q, pair_at, kept > -1, dy), "the mask is missing"),
    ],
    "08.5": [
        (tokens(values=False), "values are not used"),
        (tokens(order=(1, 0)), "the feature comes first"),
        (tokens(start=1), "counted from 0"),
        (lambda idx, x: (tokens()(idx, x)[0], idx.ravel(), x.ravel()), "list of the slots"),
        (lambda idx, x: tuple(tokens()(idx, x)[at] for at in (0, 2, 1)), "exchanged"),
        (lambda idx, x: (tokens()(idx, x)[0].ravel(), *tokens()(idx, x)[1:]), "in another shape"),
    ],
    "08.6": [
        (pooled(half=1.0), "1/2 is missing"), (pooled(da_factor=0.5), "add up"),
        (pooled(with_upstream=False), "dpooled"), (pooled(e=lambda E, AE, d: 0.5 * d * AE), "no 1/2 here"),
        (pooled(e=lambda E, AE, d: AE), "dpooled is missing in dE"),
        (pooled(e=lambda E, AE, d: d * E), "A is missing"),
    ],
    "09.1": [
        (each(lambda a, b, tol: not abs(a - b) > tol), "NaN passes"),
        (each(lambda a, b, tol: abs(a - b) < tol), "exactly tol"),
        (each(lambda a, b, tol: a - b <= tol), "size of the difference"),
        (each(lambda a, b, tol: abs(a - b) <= tol * abs(b)), "not relative"),
        (each(lambda a, b, tol: a == b or abs(a - b) <= tol), "infinity"),
        (lambda got, want, tol: all(abs(a - b) <= tol for a, b in zip(got, want, strict=True)), "give a list"),
    ],
    "09.2": [
        (fm_pooled(lambda e: sum(e) ** 2 - sum(z * z for z in e)), "the half is missing"),
        (fm_pooled(lambda e: sum(e) ** 2 / 2 - sum(z * z for z in e)), "whole bracket"),
        (fm_pooled(lambda e: sum(e) ** 2 / 2), "paired with itself"),
        (fm_pooled(lambda e: (sum(e) ** 2 + sum(z * z for z in e)) / 2), "are added"),
        (fm_pooled(lambda e: (sum(e) - sum(z * z for z in e)) / 2), "not squared"),
        (lambda emb, active_ptr, k: fm_pooled(lambda e: (sum(e) ** 2 - sum(z * z for z in e)) / 2)(
            emb, sorted(set(active_ptr)), k), "left out"),
    ],
    "09.3": [
        (adagrad(lambda v, g, a, lr, eps: (v - lr * g / (math.sqrt(a + g * g) + eps), a + g * g), summed=False),
         "last"),
        (adagrad(lambda v, g, a, lr, eps: (v + lr * g / (math.sqrt(a + g * g) + eps), a + g * g)), "up the slope"),
        (adagrad(lambda v, g, a, lr, eps: (v - lr * g / math.sqrt(a + g * g + eps), a + g * g)), "inside the root"),
        (adagrad(lambda v, g, a, lr, eps: (v - lr * g / (math.sqrt(a) + eps), a + g * g)), "before the addition"),
        (adagrad(lambda v, g, a, lr, eps: (v - lr * g, a + g * g)), "plain SGD"),
        (adagrad(lambda v, g, a, lr, eps: (v - lr * g / (abs(g) + eps), g * g)), "old accumulator is lost"),
        (adagrad(lambda v, g, a, lr, eps: (v - lr * g / math.sqrt(a + g * g), a + g * g)), "eps is missing"),
    ],
    "09.4": [(4, "line 4"), (2, "look at a tensor that is wrong by itself"), (6, "follows"), (8, "follows"),
             (0, "from 1"), (9, "look at a tensor")],
    "09.5": [
        (logistic(prob=lambda z: 1 / (1 + math.exp(-z))), "overflows"),
        (logistic(loss=lambda z, t: math.log(1 + math.exp(z)) - t * z), "OverflowError"),
        (logistic(d=lambda s, t, B: s - t), "not divided by B"),
        (logistic(d=lambda s, t, B: 2 * (s - t) / B), "belongs to the squared loss"),
        (logistic(d=lambda s, t, B: (s - t) * s * (1 - s) / B), "it cancels"),
        (logistic(loss=lambda z, t: max(z, 0) + math.log1p(math.exp(-abs(z)))), "y z is missing"),
    ],
}  # fmt: skip
