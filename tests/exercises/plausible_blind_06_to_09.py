"""Answers to 06 to 09 by a reader who had not seen the checks, and brothers of them; wrong ones with their hint."""

import math
from itertools import pairwise

import numpy as np
import readers
from readers import at_, sig, sum_at

from afm_numpy import attention as att

RIGHT, WRONG, R, W = readers.book()


def drop(y=None, ds=None, dt=None, da_=None):
    def with_attention_dropout(s_q, t_q, pair_at, kept, dy):
        a = att.softmax_forward(s_q[pair_at])
        t = t_q[pair_at]
        y_ = (y or (lambda a, k, t: (a * k * t).sum(axis=1)))(a, kept, t)
        da = (da_ or (lambda a, k, t, dy: dy[:, None] * t * k))(a, kept, t, dy)
        d = (ds or (lambda da, a, k: att.softmax_backward(da, a)))(da, a, kept)
        v = (dt or (lambda a, k, dy, t: dy[:, None] * a * k))(a, kept, dy, t)
        return y_, sum_at(pair_at, d, len(s_q)), sum_at(pair_at, v, len(t_q))

    return with_attention_dropout


def tokens(idx, x):
    both = np.stack([idx.ravel(), x.ravel()], axis=1)
    known, token = np.unique(both, axis=0, return_inverse=True)
    return token.reshape(idx.shape), known[:, 0].astype(int), known[:, 1]


def pm(pooled=None, da=None, dE=None):
    def pooled_by_matrix(E, a, dpooled):
        B, m, k = E.shape
        i, j = np.triu_indices(m, 1)
        A = np.zeros((B, m, m))
        A[:, i, j] = A[:, j, i] = a
        g = dpooled[:, None]
        q = pooled(E, A) if pooled else 0.5 * (E * (A @ E)).sum(axis=1)
        G = (E * g) @ E.transpose(0, 2, 1)
        d = da(G, E, g, i, j) if da else G[:, i, j]
        e = dE(E, A, g) if dE else g * (A @ E)
        return q, d, e

    return pooled_by_matrix


def fp(of, ptr=pairwise):
    return lambda emb, active_ptr, k: [[of([e[f] for e in emb[a:b]]) for f in range(k)] for a, b in ptr(active_ptr)]


def rowsum(ids, grads):
    total = {}
    for i, g in zip(ids, grads, strict=False):
        total[i] = [a + b for a, b in zip(total.get(i, [0.0] * len(g)), g, strict=False)]
    return total


def ag(
    total=rowsum,
    step=lambda v, old, new, g, lr, eps: v - lr * g / (math.sqrt(new) + eps),
    acc_of=lambda a, g: a + g * g,
    copy=True,
    swap=False,
):
    def adagrad_rows(V, acc, ids, grads, lr, eps):
        if copy:
            V, acc = [list(r) for r in V], [list(r) for r in acc]
        for i, g in total(ids, grads).items() if callable(total) else zip(ids, grads, strict=False):
            for f, d in enumerate(g):
                old = acc[i][f]
                acc[i][f] = acc_of(old, d)
                V[i][f] = step(V[i][f], old, acc[i][f], d, lr, eps)
        return (acc, V) if swap else (V, acc)

    return adagrad_rows


def sigma(z):
    return 1 / (1 + math.exp(-z)) if z >= 0 else math.exp(z) / (1 + math.exp(z))


def lg(
    prob=sigma, loss=lambda z, y: max(z, 0) + math.log1p(math.exp(-abs(z))) - y * z, d=lambda s, y, z, B: (s - y) / B
):
    def logistic(y_hat, y):
        p = [prob(z) for z in y_hat]
        return (
            p,
            [loss(z, t) for z, t in zip(y_hat, y, strict=False)],
            [d(s, t, z, len(y)) for s, t, z in zip(p, y, y_hat, strict=False)],
        )

    return logistic


W("06.1", "exchanged: a place for each edge", lambda v, e: np.searchsorted(v, e))
W("06.1", "the last bin is cut off: it has", lambda v, e: np.minimum(np.searchsorted(e, v), len(e) - 1))
W("06.1", "one number for all values: each", lambda v, e: (e < v.mean()).sum())
W(
    "06.1",
    "bins of equal width: the edges",
    lambda v, e: np.floor((v - v.min()) / (np.ptp(v) + 1e-9) * (len(e) + 1)).astype(int),
)
W("06.1", "the number of the nearest edge", lambda v, e: np.abs(v[:, None] - e).argmin(axis=1))
W("06.1", "the edge, not the number of the", lambda v, e: e[np.minimum(np.searchsorted(e, v), len(e) - 1)])
W("06.1", "the place of each value in the", lambda v, e: np.argsort(np.argsort(v)))
W("06.1", "tens are counted: the edges are", lambda v, e: np.ceil(v / 10).astype(int))
W("06.1", "counted from the top, and one too", lambda v, e: len(e) - (v[:, None] > e).sum(axis=1) - 1)
W("06.2", "divided by all present pairs", lambda a, m: (a * m).sum(axis=0) / m.sum())
W("06.2", "divided by one row too many: + 1", lambda a, m: (a * m).sum(axis=0) / (m.sum(axis=0) + 1))
W(
    "06.2",
    "only rows that have all pairs: a",
    lambda a, m: a[m.all(axis=1)].mean(axis=0) if m.all(axis=1).any() else np.zeros(a.shape[1]),
)
W(
    "06.2",
    "the median, not the mean",
    lambda a, m: np.array([np.median(a[m[:, q], q]) if m[:, q].any() else 0 for q in range(a.shape[1])]),
)
W("06.2", "the largest, not the mean", lambda a, m: np.where(m, a, 0).max(axis=0))
W("06.2", "the share of the rows that have", lambda a, m: m.mean(axis=0))
W("06.2", "", lambda a, m: np.where(m, a, 0).mean(axis=0) / np.maximum(m.mean(), 1e-9))
W("06.2", "divided twice by the number of", lambda a, m: (a * m).sum(axis=0) / np.maximum(m.sum(axis=0), 1) ** 2)
W("06.3", "probabilities do not divide", lambda y, c: sig(y) / sig(c))
W("06.3", "these are the odds: the", lambda y, c: np.exp(y - c))
W("06.3", "the probability of the other", lambda y, c: 1 - sig(y - c))
W("06.3", "the mean over all entries of c in", lambda y, c: sig(y - c.mean()))
W("06.3", "probabilities do not multiply", lambda y, c: sig(y) * (1 - sig(c)))
W("06.3", "tanh in the place of the sigmoid", lambda y, c: np.tanh(y - c))
W("06.3", "0 or 1: a probability lies between", lambda y, c: (y > c) * 1.0)
W("06.3", "c is log-odds: take it from", lambda y, c: sig(sig(y) - c))
W("06.3", "", lambda y, c: sig(y) / (1 + sig(c)))
W("06.4", "the field's own w changes as", lambda w, V, f, c: w - np.where(f, V @ c + c @ c, V @ c))
W("06.4", "a factor 1/2 at V is too much, or", lambda w, V, f, c: w - 0.5 * np.where(f, 0, V @ c))
W("06.4", "c is added up without v_j", lambda w, V, f, c: w - np.where(f, 0, c.sum()))
W("06.4", "w is not changed", lambda w, V, f, c: w)
W("06.4", "multiplied: what the shift adds", lambda w, V, f, c: w * np.where(f, 1, V @ c))
W("06.4", "the field's own w changes, the", lambda w, V, f, c: w - np.where(f, c @ c, 0))
W("06.4", "the v_j of other fields are not", lambda w_, V, f, c: w_ - np.where(f, 0, (V + c) @ c))
W("06.4", "a product may be negative: no", lambda w_, V, f, c: w_ - np.where(f, 0, np.abs(V @ c)))
W("06.4", "", lambda w_, V, f, c: np.where(f, w_, w_ / (1 + V @ c)))
W("06.4", "c is not used: the length of v_j", lambda w_, V, f, c: w_ - np.where(f, 0, (V**2).sum(axis=1)))
W("07.1", "the mean of the four standard", 3.5 / 4)
W("07.1", "two pairs and the noise: there", 2.25**0.5)
W("07.1", "four pairs and the noise: there", 4.25**0.5)
W("07.1", "3 is squared: the variance of", 9.25**0.5)
W("07.1", "", 1.75)
W("07.1", "the noise is added to the root", 3**0.5 + 0.5)
W("07.1", "the noise is taken away", 2.75**0.5)
W("07.1", "", 2.0)
W("07.2", "the root of S - 1: that is for", lambda a, b: ((a - b).mean(), (a - b).std(ddof=1) / np.sqrt(len(a) - 1)))
W(
    "07.2",
    "the difference of two standard",
    lambda a, b: (a.mean() - b.mean(), (a.std(ddof=1) - b.std(ddof=1)) / np.sqrt(len(a))),
)
W("07.2", "a sum in the place of a mean in", lambda a, b: ((a - b).sum(), (a - b).std(ddof=1) / np.sqrt(len(a))))
W("07.2", "the results stand in another", lambda a, b: ((a - b).std(ddof=1) / np.sqrt(len(a)), (a - b).mean()))
W("07.2", "the root of 3: there are S data", lambda a, b: ((a - b).mean(), (a - b).std(ddof=1) / np.sqrt(3)))
W("07.2", "the spread of a alone: form the", lambda a, b: ((a - b).mean(), a.std(ddof=1) / np.sqrt(len(a))))
W("07.2", "multiplied by the root of S, not", lambda a, b: ((a - b).mean(), (a - b).std(ddof=1) * np.sqrt(len(a))))
W("07.2", "a relative difference of the", lambda a, b: (a.mean() / b.mean() - 1, (a - b).std(ddof=1) / np.sqrt(len(a))))
W("07.3", "c divides in V_new where it", lambda V, p, W, c: (V / c, p * c**2, W * c**2))
W("07.3", "a factor c is too much in W_new", lambda V, p, W, c: (c * V, p / c**2, W / c))
W("07.3", "c counts twice as a factor in", lambda V, p, W, c: (c**2 * V, p / c**2, W / c**2))
W("07.3", "the results stand in another", lambda V, p, W, c: (p / c**2, c * V, W / c**2))
W("07.3", "a factor c is too much in p_new", lambda V, p, W, c: (c * V, p / c, W / c**2))
W("07.3", "c squared is taken away: divide", lambda V, p, W, c: (c * V, p - c**2, W - c**2))
W("07.3", "c is added to V: multiply", lambda V, p, W, c: (V + c, p / c**2, W / c**2))
W("07.3", "p must lose what V gains", lambda V, p, W, c: (c * V, p * c**2, W / c**2))
W("07.3", "W must lose what V gains", lambda V, p, W, c: (c * V, p / c**2, W * c**2))
W(
    "07.4",
    "1/keep is the mean of the square",
    lambda b, q, p, y, k: (b + q @ p - y) ** 2 + ((p * q) ** 2).sum(axis=1) / k,
)
W(
    "07.4",
    "the variance is not divided by",
    lambda b, q, p, y, k: (b + q @ p - y) ** 2 + ((p * q) ** 2).sum(axis=1) * (1 - k),
)
W(
    "07.4",
    "1/keep is forgotten in both parts",
    lambda b, q, p, y, k: (b + k * (q @ p) - y) ** 2 + ((p * q) ** 2).sum(axis=1) * k * (1 - k),
)
W(
    "07.4",
    "p is not squared in the variance",
    lambda b, q, p, y, k: (b + q @ p - y) ** 2 + (p * q**2).sum(axis=1) * (1 - k) / k,
)
W(
    "07.4",
    "keep counts twice: z itself has",
    lambda b, q, p, y, k: (b + q @ p - y) ** 2 + ((p * q) ** 2).sum(axis=1) * (1 - k) / k**2,
)
W(
    "07.4",
    "base has no variance: no z",
    lambda b, q, p, y, k: (b + q @ p - y) ** 2 + (b**2 + ((p * q) ** 2).sum(axis=1)) * (1 - k) / k,
)
W(
    "07.4",
    "base is missing, as if it were 0",
    lambda b, q, p, y, k: (q @ p - y) ** 2 + ((p * q) ** 2).sum(axis=1) * (1 - k) / k,
)
W(
    "07.4",
    "one part is twice as large as it",
    lambda b, q, p, y, k: (b + q @ p - y) ** 2 + 2 * ((p * q) ** 2).sum(axis=1) * (1 - k) / k,
)
W(
    "07.4",
    "the root of the variance: the",
    lambda b, q, p, y, k: (b + q @ p - y) ** 2 + np.sqrt(((p * q) ** 2).sum(axis=1) * (1 - k) / k),
)
W("07.4", "the mean is not squared", lambda b, q, p, y, k: (b + q @ p - y) + ((p * q) ** 2).sum(axis=1) * (1 - k) / k)
W(
    "07.4",
    "p is missing in the mean",
    lambda b, q, p, y, k: (b + q.sum(axis=1) - y) ** 2 + ((p * q) ** 2).sum(axis=1) * (1 - k) / k,
)
W(
    "07.4",
    "1 - keep counts twice",
    lambda b, q, p, y, k: (b + q @ p - y) ** 2 + ((p * q) ** 2).sum(axis=1) * (1 - k) ** 2 / k,
)
W(
    "07.4",
    "the mean of z/keep is 1: it is",
    lambda b, q, p, y, k: (b + q @ p / k - y) ** 2 + ((p * q) ** 2).sum(axis=1) * (1 - k) / k,
)
W("08.1", "", (5, 12))
W("08.1", "three is the number of distinct", (12, 3))
W("08.1", "equal rows count as well: there", (9, 5))
W("08.1", "four rows of three pairs: twelve", (16, 5))
W("08.1", "four rows of three pairs: twelve", (16, 8))
W("08.1", "eight are too many: (5, 7), (2", (12, 8))
W("08.1", "in all rows every pair counts", (6, 6))
W("08.2", "that is the probability of at", lambda p, B: 1 - np.prod((1 - p) ** B))
W("08.2", "these are all pairs that exist", lambda p, B: len(p))
W("08.2", "these stand in exactly one row", lambda p, B: (B * p * (1 - p) ** (B - 1)).sum())
W("08.2", "one row is left out: B - 1", lambda p, B: (1 - (1 - p) ** (B - 1)).sum())
W("08.2", "multiplied by B: the rows are in", lambda p, B: B * (1 - (1 - p) ** B).sum())
W("08.2", "", lambda p, B: (B * p - p**B).sum())
W("08.2", "rounded: an expected number need", lambda p, B: round((1 - (1 - p) ** B).sum()))
W("08.2", "twice as many rows", lambda p, B: (1 - (1 - p) ** (2 * B)).sum())
W("08.2", "", lambda p, B: (1 - (p) ** B).sum() / 2)
W("08.2", "", lambda p, B: (1 - (1 - p) * B).sum())
W("08.3", "dE is summed over axis 0, all", lambda dR, at, U: np.repeat(dR.sum(axis=0)[None], U, axis=0))
W(
    "08.3",
    "added up as if equal numbers",
    lambda dR, at, U: np.add.reduceat(np.r_[dR, np.zeros((1, dR.shape[1]))], np.clip(np.arange(U), 0, len(dR))),
)
W("08.3", "dR is missing, as if it were 1", lambda dR, at, U: at_((U, dR.shape[1]), at, np.ones_like(dR)))
W(
    "08.3",
    "the largest of the repeats: their",
    lambda dR, at, U: np.array(
        [dR[at == u].max(axis=0) if (at == u).any() else np.zeros(dR.shape[1]) for u in range(U)]
    ),
)
W(
    "08.3",
    "multiplied by the number of",
    lambda dR, at, U: at_((U, dR.shape[1]), at, dR) * np.bincount(at, minlength=U)[:, None],
)
W(
    "08.3",
    "in order of appearance: row u of",
    lambda dR, at, U: np.array([dR[at == u].sum(axis=0) for u in dict.fromkeys(at.tolist())]),
)
W("08.3", "at is sorted, dR is not", lambda dR, at, U: at_((U, dR.shape[1]), np.sort(at), dR))
W("08.4", "kept is missing, as if it were 1", drop(y=lambda a, k, t: (a * t).sum(axis=1)))
W("08.4", "kept is missing in da, as if it", drop(da_=lambda a, k, t, dy: dy[:, None] * t))
W("08.4", "kept is missing, as if it were 1", drop(dt=lambda a, k, dy, t: dy[:, None] * a))
W("08.4", "a mean in the place of a sum in", drop(y=lambda a, k, t: (a * k * t).mean(axis=1)))
W("08.4", "dy is missing, as if it were 1", drop(dt=lambda a, k, dy, t: a * k))
W("08.4", "a factor t_q is too much in dt_q", drop(dt=lambda a, k, dy, t: dy[:, None] * a * k * t))
W("08.4", "t is missing in da, as if it were", drop(da_=lambda a, k, t, dy: dy[:, None] * k))
W("08.4", "a factor a is too much in da, or", drop(da_=lambda a, k, t, dy: dy[:, None] * t * k * a))
W(
    "08.4",
    "the softmax runs over the",
    lambda s_q, t_q, pair_at, kept, dy: (
        lambda a: (
            (a * kept * t_q[pair_at]).sum(axis=1),
            sum_at(pair_at, att.softmax_backward(dy[:, None] * t_q[pair_at] * kept, a), len(s_q)),
            sum_at(pair_at, dy[:, None] * a * kept, len(t_q)),
        )
    )((np.exp(s_q) / np.exp(s_q).sum())[pair_at]),
)
W("08.4", "", drop(y=lambda a, k, t: (att.softmax_forward(t) * k * a).sum(axis=1)))
R(
    "08.5",
    lambda idx, x: (lambda k, t: (t.reshape(idx.shape), k.real.astype(int), k.imag))(
        *np.unique(idx.ravel() + 1j * x.ravel(), return_inverse=True)
    ),
)
W("08.5", "these are idx and x: each", lambda idx, x: (tokens(idx, x)[0], idx, x))
W(
    "08.5",
    "different tokens may have the",
    lambda idx, x: (lambda k, f, t: (t.reshape(idx.shape), idx.ravel()[f], x.ravel()[f]))(
        *np.unique(idx + x, return_index=True, return_inverse=True)
    ),
)
W(
    "08.5",
    "every slot is a token of its own",
    lambda idx, x: (np.arange(idx.size).reshape(idx.shape), idx.ravel(), x.ravel()),
)
W(
    "08.5",
    "the values of a feature descend",
    lambda idx, x: (lambda t, f, v: (lambda o: (np.argsort(o)[t], f[o], v[o]))(np.lexsort((-v, f))))(*tokens(idx, x)),
)
W("08.5", "rounded: different values are", lambda idx, x: tokens(idx, np.round(x)))
W("08.5", "the feature is not the number of", lambda idx, x: (idx, *tokens(idx, x)[1:]))
W(
    "08.5",
    "features descend: they are to",
    lambda idx, x: (lambda t, f, v: (len(f) - 1 - t, f[::-1], v[::-1]))(*tokens(idx, x)),
)
W(
    "08.5",
    "",
    lambda idx, x: (tokens(idx, x)[0], tokens(idx, x)[1], np.array([x[idx == f][0] for f in tokens(idx, x)[1]])),
)
W("08.5", "", lambda idx, x: (tokens(idx, x)[0], tokens(idx, x)[1], np.searchsorted(np.unique(x), tokens(idx, x)[2])))
W("08.6", "summed over the factors: the", pm(lambda E, A: 0.5 * (E * (A @ E)).sum(axis=2)))
W("08.6", "E is missing in pooled, as if it", pm(lambda E, A: 0.5 * (A @ E).sum(axis=1)))
W("08.6", "a mean in the place of a sum in", pm(lambda E, A: 0.5 * (E * (A @ E)).mean(axis=1)))
W("08.6", "half of A in dE: e_i meets the", pm(dE=lambda E, A, g: g * (np.triu(A) @ E)))
W("08.6", "A is multiplied by dpooled: E is", pm(dE=lambda E, A, g: A @ (g + 0 * E)))
W("08.6", "the diagonal of the matrix: take", pm(da=lambda G, E, g, i, j: G[:, i, i]))
W(
    "08.6",
    "dpooled counts twice as a factor",
    pm(da=lambda G, E, g, i, j: ((E * g) @ (E * g).transpose(0, 2, 1))[:, i, j]),
)
W("08.6", "the weights are squared in dE", pm(dE=lambda E, A, g: g * (A**2 @ E)))
W("08.6", "the sum of two embeddings, not", pm(da=lambda G, E, g, i, j: ((E[:, i] + E[:, j]) * g).sum(axis=2)))
W("08.6", "each side is added up first", pm(lambda E, A: 0.5 * (E.sum(axis=1) * (A @ E).sum(axis=1))))
R("09.1", lambda got, want, tol: [int(abs(g - w) <= tol) for g, w in zip(got, want, strict=False)])
W("09.1", "these are the differences", lambda got, want, tol: [abs(g - w) for g, w in zip(got, want, strict=False)])
W(
    "09.1",
    "twice tol is too much",
    lambda got, want, tol: [abs(g - w) <= 2 * tol for g, w in zip(got, want, strict=False)],
)
W("09.1", "the answer for the first number", lambda got, want, tol: [abs(got[0] - want[0]) <= tol] * len(got))
W(
    "09.1",
    "the difference is squared, tol is",
    lambda got, want, tol: [(g - w) ** 2 <= tol for g, w in zip(got, want, strict=False)],
)
W(
    "09.1",
    "a number may be too large as well",
    lambda got, want, tol: [0 <= w - g <= tol for g, w in zip(got, want, strict=False)],
)
W(
    "09.1",
    "NaN is never right, not even",
    lambda got, want, tol: [abs(g - w) <= tol or (g != g and w != w) for g, w in zip(got, want, strict=False)],
)
W(
    "09.1",
    "",
    lambda got, want, tol: [
        round(g, 1) == round(w, 1) if math.isfinite(g) and math.isfinite(w) else False
        for g, w in zip(got, want, strict=False)
    ],
)
W(
    "09.1",
    "a number that is too small by",
    lambda got, want, tol: [w - tol < g <= w + tol for g, w in zip(got, want, strict=False)],
)
W(
    "09.2",
    "the last of each row is left out",
    fp(lambda e: 0.5 * (sum(e) ** 2 - sum(v * v for v in e)), lambda ptr: [(a, b - 1) for a, b in pairwise(ptr)]),
)
W("09.2", "this is the sum of the entries", fp(lambda e: sum(e)))
W(
    "09.2",
    "the pointer behind a row is a",
    fp(lambda e: 0.5 * (sum(e) ** 2 - sum(v * v for v in e)), lambda ptr: [(a, a + b) for a, b in pairwise(ptr)]),
)
W("09.2", "only neighbours: every two meet", fp(lambda e: sum(u * v for u, v in pairwise(e))))
W(
    "09.2",
    "the last row is missing: its end",
    lambda emb, ptr, k: fp(lambda e: 0.5 * (sum(e) ** 2 - sum(v * v for v in e)))(emb, ptr, k)[:-1],
)
W("09.2", "the first of each row is left out", fp(lambda e: 0.5 * (sum(e[1:]) ** 2 - sum(v * v for v in e[1:]))))
W(
    "09.2",
    "divided by the number of features",
    fp(lambda e: 0.5 * (sum(e) ** 2 - sum(v * v for v in e)) / max(len(e), 1)),
)
W("09.2", "an entry may be negative: no", fp(lambda e: abs(0.5 * (sum(e) ** 2 - sum(v * v for v in e)))))
W(
    "09.3",
    "only the rows that occur: all",
    lambda V, acc, ids, grads, lr, eps: (
        lambda new: ([new[0][i] for i in sorted(set(ids))], [new[1][i] for i in sorted(set(ids))])
    )(ag()(V, acc, ids, grads, lr, eps)),
)
W("09.3", "the gradient is not squared", ag(acc_of=lambda a, g: a + abs(g)))
W("09.3", "the square is added twice", ag(acc_of=lambda a, g: a + 2 * g * g))
W(
    "09.3",
    "the first gradient of a repeated",
    ag(total=lambda ids, grads: dict(reversed(list(zip(ids, grads, strict=False))))),
)
W(
    "09.3",
    "the mean of all gradients for",
    ag(total=lambda ids, grads: {i: [sum(c) / len(grads) for c in zip(*grads, strict=False)] for i in set(ids)}),
)
R(
    "09.5",
    lambda y_hat, y: (
        [0.5 + 0.5 * math.tanh(z / 2) if z > -30 else math.exp(z) for z in y_hat],
        lg()(y_hat, y)[1],
        lg()(y_hat, y)[2],
    ),
)
W("09.5", "the probability is clipped at", lg(prob=lambda z: min(max(sigma(z), 1e-7), 1 - 1e-7)))
W("09.5", "log(1 + u) loses the digits of a", lg(loss=lambda z, y: max(z, 0) + math.log(1 + math.exp(-abs(z))) - y * z))
W(
    "09.5",
    "z is clipped at 30: the loss of",
    lg(
        loss=lambda z, y: math.log1p(math.exp(min(max(z, -30), 30))) - y * z, prob=lambda z: sigma(min(max(z, -30), 30))
    ),
)
W("09.5", "tanh in the place of the sigmoid", lg(prob=lambda z: math.tanh(z)))
W("09.5", "the labels are exchanged in the", lg(d=lambda s, y, z, B: (s - (1 - y)) / B))
W("09.5", "for z < 0 the exponent in the", lg(loss=lambda z, y: abs(z) + math.log1p(math.exp(-abs(z))) - y * z))
