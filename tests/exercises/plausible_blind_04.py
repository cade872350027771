"""Answers to 04 by a reader who had not seen the checks, and brothers of them; wrong ones with their hint."""

import numpy as np
import readers
from readers import at_, bare_sides, both_sides, nb, one_side, own_sides, sb, sig

from afm_numpy import attention as att

RIGHT, WRONG, R, W = readers.book()


def wrong(number, hint):
    return lambda answer: W(number, hint, answer)


def at3(s, a=None, y=None):
    def attend(query, keys, values, width):
        s_ = s(query, keys, width)
        a_ = (a or (lambda s: np.exp(s) / np.exp(s).sum()))(s_)
        return {"s": s_, "a": a_, "y_hat": (y or (lambda a, v: (a * v).sum()))(a_, values)}

    return attend


def SC(q, k, w):
    return -0.5 * ((q - k) / w) ** 2


def DOT(q, K):
    return K @ q / np.sqrt(len(q))


def ADD(q, K, W_, U, h):
    return np.tanh(q @ W_ + K @ U) @ h


def two(dot, add):
    return lambda query, keys, W, U, h: (dot(query, keys), add(query, keys, W, U, h))


def relu(z):
    return np.maximum(z, 0)


def plain_softmax(s):
    e = np.exp(s)
    return e / e.sum(axis=1, keepdims=True)


def ub(dpooled=None, dp=None, da=None):
    def upper_backward(dy_hat, pooled, p, M):
        q = {"dpooled": dpooled(dy_hat, pooled, p) if dpooled else dy_hat[:, None] * p}
        q["dp"] = dp(dy_hat, pooled, p) if dp else dy_hat @ pooled
        q["da"] = da(M, q["dpooled"], p, dy_hat) if da else (M * q["dpooled"][:, None]).sum(axis=2)
        return q

    return upper_backward


def lb(dM=None, dE=None, dV=None):
    def lower_backward(dpooled, a, dZ, W, E, idx, x, V):
        i, j = np.triu_indices(E.shape[1], 1)
        q = {"i": i, "j": j}
        q["dM"] = dM(dpooled, a, dZ, W) if dM else a[:, :, None] * dpooled[:, None] + dZ @ W.T
        q["dE"] = (dE or both_sides)(q["dM"], E, i, j)
        q["dV"] = dV(q["dE"], idx, x, V) if dV else at_(V.shape, idx, q["dE"] * x[:, :, None])
        return q

    return lower_backward


def full(
    q,
    idx,
    x,
    y,
    lam,
    *,
    sum_loss=False,
    no_pen=False,
    pen_half=False,
    mask=True,
    net=True,
    gate=True,
    keepown=False,
    scatter=at_,
    x_in=True,
    dW_pen=True,
    scale=1.0,
    db_mean=False,
    w0mean=False,
    uniform=False,
    xw=True,
    names=False,
    dv_x=True,
    axis0=False,
    penall=False,
    maskmul=False,
    dWt=False,
    two=2.0,
    maskx=True,
    order=None,
    W_read=lambda W: W,
    pen_root=False,
):
    B, m = idx.shape
    i, j = np.triu_indices(m, 1)
    E = q["V"][idx] * (x[:, :, None] if x_in else 1)
    M = E[:, i] * E[:, j]
    mask_ = (x[:, i] != 0) & (x[:, j] != 0)
    Z = M @ q["W"] + q["b"]
    R_ = np.maximum(Z, 0)
    s = R_ @ q["h"]
    sm = np.where(mask_, s, -np.inf) if mask else s
    if maskmul:
        sm = s * mask_
    if axis0:
        top = sm.max(axis=0, keepdims=True)
        e = np.exp(sm - np.where(np.isinf(top), 0, top))
        a = e / np.maximum(e.sum(axis=0, keepdims=True), 1e-300)
    else:
        a = att.softmax_forward(sm)
    if uniform:
        a = mask_ / np.maximum(mask_.sum(axis=1, keepdims=True), 1)
    pooled = (a[:, :, None] * M).sum(axis=1)
    y_hat = q["w0"] + (q["w"][idx] * (x if xw else 1)).sum(axis=1) + pooled @ q["p"]
    pen = 0 if no_pen else lam * (q["W"] ** 2).sum() * (0.5 if pen_half else 1)
    if penall:
        pen = lam * sum((value**2).sum() for value in q.values())
    if pen_root:
        pen = lam * np.linalg.norm(q["W"])
    L = (((y_hat - y) ** 2).sum() if sum_loss else ((y_hat - y) ** 2).mean()) + pen
    dy_hat = two * (y_hat - y) / (1 if sum_loss else B)
    dpooled = dy_hat[:, None] * q["p"]
    dp = dy_hat @ pooled
    da = (M * dpooled[:, None]).sum(axis=2)
    ds = a * da if keepown else a * (da - (a * da).sum(axis=1, keepdims=True))
    if uniform:
        ds = 0 * ds
    dh = np.einsum("bp,bpt->t", ds, R_)
    dZ = ds[:, :, None] * q["h"] * ((Z > 0) if gate else 1)
    db = dZ.mean(axis=(0, 1)) if db_mean else dZ.sum(axis=(0, 1))
    dW = np.einsum("bpk,bpt->kt", M, dZ) + (2 * lam * q["W"] * (0.5 if pen_half else 1) if dW_pen and not no_pen else 0)
    if dWt:
        dW = dW.T
    dM = a[:, :, None] * dpooled[:, None] + (dZ @ q["W"].T if net else 0)
    dE = both_sides(dM, E, i, j)
    dV = scatter(q["V"].shape, idx, dE * (x[:, :, None] if dv_x else 1))
    dw0 = dy_hat.mean() if w0mean else dy_hat.sum()
    dw = scatter(q["w"].shape, idx, dy_hat[:, None] * (x if xw else np.ones_like(x)))
    mask = mask_
    if names:
        return {
            n: v
            for n, v in dict(
                E=E,
                M=M,
                mask=mask_,
                Z=Z,
                R=R_,
                s=s,
                a=a,
                pooled=pooled,
                y_hat=y_hat,
                L=L,
                dy_hat=dy_hat,
                dw0=dw0,
                dw=dw,
                dp=dp,
                dpooled=dpooled,
                da=da,
                ds=ds,
                dh=dh,
                dZ=dZ,
                db=db,
                dW=dW,
                dM=dM,
                dE=dE,
                dV=dV,
            ).items()
        }
    if order:
        return order(L, dw0, dw, dV, dp, dW, db, dh)
    return L, dw0, dw, dV, dp, dW, db, dh


def F(**change):
    return lambda q, idx, x, y, lam: full(q, idx, x, y, lam, **change)


def sm(f):
    def softmax(s):
        return f(s.copy())

    return softmax


W("04.1", "half the distance itself, not its", at3(lambda q, k, w: -0.5 * np.abs(q - k) / w))
W("04.1", "width divides in s where it", at3(lambda q, k, w: -0.5 * ((q - k) * w) ** 2))
W("04.1", "divided by the number of keys", at3(SC, lambda s: np.exp(s) / len(s)))
W("04.1", "exp is missing: the scores are", at3(SC, lambda s: s / s.sum()))
W("04.1", "the sign of s is wrong in a", at3(SC, lambda s: np.exp(-s) / np.exp(-s).sum()))
W("04.1", "added, not multiplied", at3(SC, None, lambda a, v: (a + v).sum()))
W("04.1", "", at3(lambda q, k, w: -0.5 * (q - k) ** 2 / (1 + w**2)))
W("04.1", "the exponential of the sum, not", at3(SC, lambda s: np.exp(s) / np.exp(s.sum())))
W("04.1", "", at3(SC, None, lambda a, v: (np.log(a) * v).sum()))
W("04.2", "a softmax is taken of dot, which", two(lambda q, K: np.exp(DOT(q, K)) / np.exp(DOT(q, K)).sum(), ADD))
W("04.2", "the results stand in another", lambda query, keys, W, U, h: (ADD(query, keys, W, U, h), DOT(query, keys)))
W("04.2", "W in the place of U in additive", two(DOT, lambda q, K, W_, U, h: np.tanh(q @ W_ + K @ W_) @ h))
W("04.2", "divided by the lengths of the", two(lambda q, K: K @ q / np.linalg.norm(q) / np.linalg.norm(K, axis=1), ADD))
W("04.2", "the sigmoid in the place of tanh", two(DOT, lambda q, K, W_, U, h: sig(q @ W_ + K @ U) @ h))
W("04.2", "the two are multiplied: add them", two(DOT, lambda q, K, W_, U, h: np.tanh((q @ W_) * (K @ U)) @ h))
W("04.2", "multiplied by the root of the", two(lambda q, K: K @ q * np.sqrt(len(q)), ADD))
W("04.2", "tanh belongs to the other score", two(lambda q, K: np.tanh(K @ q / np.sqrt(len(q))), ADD))
W("04.2", "h multiplies tanh, and does not", two(DOT, lambda q, K, W_, U, h: np.tanh(q @ W_ + K @ U + h).sum(axis=1)))
W("04.3", "a softmax is taken of s, which", lambda M, W, b, h: att.softmax_forward(relu(M @ W + b) @ h))
W("04.3", "a mean in the place of a sum in", lambda M, W, b, h: (relu(M @ W + b) * h).mean(axis=2))
W("04.3", "ReLU of the score as well: a", lambda M, W, b, h: relu(relu(M @ W + b) @ h))
W("04.3", "the sigmoid in the place of ReLU", lambda M, W, b, h: sig(M @ W + b) @ h)
W("04.3", "b and h are exchanged", lambda M, W, b, h: relu(M @ W + h) @ b)
W(
    "04.3",
    "a leak of 0.01 below 0: ReLU has",
    lambda M, W, b, h: np.where(M @ W + b > 0, M @ W + b, 0.01 * (M @ W + b)) @ h,
)
R("04.4", [[0.25, 0.5, 0, 0.25]])
R("04.4", np.array([[0.25], [0.5], [0], [0.25]]))
W("04.4", "equal weights, and the absent", [1 / 4, 1 / 4, 1 / 4, 1 / 4])
W("04.4", "these are the scores: take their", [-50, -50 + np.log(2), 0, -50])
W(
    "04.4",
    "log 2 in the place of exp(log 2)",
    [1 / (2 + np.log(2)), np.log(2) / (2 + np.log(2)), 0, 1 / (2 + np.log(2))],
)
W("04.4", "exp(-50) is small, but not 0, and", [0, 0, 0, 0])
W("04.4", "exp(2) in the place of exp(log", [1 / (2 + np.e**2), np.e**2 / (2 + np.e**2), 0, 1 / (2 + np.e**2)])
W("04.4", "the largest score has the largest", [2 / 5, 1 / 5, 0, 2 / 5])
W("04.4", "the weights do not sum to 1", [1 / 3, 2 / 3, 0, 1 / 3])
W("04.4", "the absent pair has a share", [1 / 4, 1 / 2, 1 / 8, 1 / 8])
W("04.4", "the weights do not sum to 1, and", [1 / 2, 1 / 2, 0, 1 / 2])
R(
    "04.5",
    lambda s: np.nan_to_num(
        __import__("scipy").special.softmax(np.where(np.isfinite(s).any(1, keepdims=True), s, 0), 1)
        * np.isfinite(s).any(1, keepdims=True)
    ),
)


@wrong("04.5", "over the rows: the pairs are axis")
def softmax_1(s):
    top = s.max(axis=0, keepdims=True)
    top = np.where(np.isinf(top), 0, top)
    e = np.exp(s - top)
    total = e.sum(axis=0, keepdims=True)
    return e / np.where(total == 0, 1, total)


@wrong("04.5", "summed over all rows: each row")
def softmax_2(s):
    top = s.max(axis=1, keepdims=True)
    e = np.exp(s - np.where(np.isinf(top), 0, top))
    return e / e.sum()


@wrong("04.5", "entries that should not be 0 are 0")
def softmax_3(s):
    s = np.where(np.isinf(s), np.nan, s)
    low = np.nan_to_num(np.nanmin(np.c_[s, np.full(len(s), 1e9)], axis=1, keepdims=True))
    e = np.nan_to_num(np.exp(s - low))
    total = e.sum(axis=1, keepdims=True)
    return e / np.where(total == 0, 1, total)


@wrong("04.5", "some rows are right: look at what")
def softmax_4(s):
    top = np.maximum(s.max(axis=1, keepdims=True), -1e300)
    e = np.exp(s - top)
    return e / (e.sum(axis=1, keepdims=True) + 1e-3)


@wrong("04.5", "0 is subtracted where all scores")
def softmax_5(s):
    top = np.maximum(s.max(axis=1, keepdims=True), 0)
    e = np.exp(s - top)
    total = e.sum(axis=1, keepdims=True)
    return e / np.where(total == 0, 1, total)


@wrong("04.5", "nothing is subtracted, and 0 in")
def softmax_6(s):
    with np.errstate(all="ignore"):
        return np.nan_to_num(plain_softmax(s))


W(
    "04.5",
    "the sign of the scores",
    sm(
        lambda s: (
            lambda u: (lambda e: e / np.where(e.sum(1, keepdims=True) == 0, 1, e.sum(1, keepdims=True)))(
                np.exp(u - np.where(np.isinf(u.max(1)), 0, u.max(1))[:, None])
            )
        )(np.where(np.isinf(s), -np.inf, -s))
    ),
)
W(
    "04.5",
    "the smallest score or the mean is",
    sm(
        lambda s: (
            lambda u: (lambda e: e / np.where(e.sum(1, keepdims=True) == 0, 1, e.sum(1, keepdims=True)))(np.exp(s - u))
        )(np.nan_to_num(np.where(np.isinf(s), np.nan, s)).mean(1, keepdims=True))
    ),
)
W("04.5", "all weight to the largest: the", sm(lambda s: np.isfinite(s) * (s == s.max(1, keepdims=True)) * 1.0))
W(
    "04.5",
    "the logarithm of the weights",
    lambda s: (
        lambda top: np.where(
            np.isinf(s), 0, s - top - np.log(np.maximum(np.exp(s - top).sum(1, keepdims=True), 1e-300))
        )
    )(np.where(np.isinf(s).all(1, keepdims=True), 0, s.max(1, keepdims=True))),
)
W("04.6", "brackets: a multiplies both parts", lambda da, a: a * da - (a * da).sum(axis=1, keepdims=True))
W("04.6", "a counts twice in the second part", lambda da, a: a * da - a**2 * (a * da).sum(axis=1, keepdims=True))
W("04.6", "a (1 - a) stands in front of the", lambda da, a: a * (1 - a) * (da - (a * da).sum(axis=1, keepdims=True)))
W("04.6", "da is squared in the average", lambda da, a: a * (da - (a * da**2).sum(axis=1, keepdims=True)))
W("04.6", "a and da are exchanged", lambda da, a: da * (a - (a * da).sum(axis=1, keepdims=True)))
W("04.6", "1 - a stands in front of the", lambda da, a: (1 - a) * (da - (a * da).sum(axis=1, keepdims=True)))
W("04.6", "the largest of da, not its average", lambda da, a: a * (da - da.max(axis=1, keepdims=True)))
W("04.6", "da itself is missing", lambda da, a: -a * (a * da).sum(axis=1, keepdims=True))
W("04.6", "a in the place of the average", lambda da, a: a * (da - a))
W("04.7", "p is missing in da: take dpooled", ub(da=lambda M, dq, p, d: d[:, None] * M.sum(axis=2)))
W("04.7", "a factor dy_hat is missing in da", ub(da=lambda M, dq, p, d: M @ p))
W("04.7", "dpooled of all rows is added up", ub(da=lambda M, dq, p, d: M @ dq.sum(axis=0)))
W("04.7", "a factor pooled is too much in", ub(lambda d, q, p: d[:, None] * q * p))
W("04.7", "dpooled is added up: dp needs", ub(dp=lambda d, q, p: (d[:, None] * p).sum(axis=0)))
W("04.7", "added, not multiplied", ub(lambda d, q, p: d[:, None] + p))
W("04.7", "pooled minus p in the place of p", ub(lambda d, q, p: d[:, None] * (q - p)))
W("04.7", "dp is added up over the factors", ub(dp=lambda d, q, p: (d[:, None] * q).sum(axis=1)))
W("04.8", "a mean in the place of a sum in", nb(dh=lambda ds, Z, R: np.einsum("bp,bpt->t", ds, R) / len(ds)))
W("04.8", "the gate of h: the units are", nb(dZ=lambda ds, Z, R, h: ds[:, :, None] * h * (h > 0)))
W("04.8", "db is summed over the units: they", nb(db=lambda dZ: dZ.sum(axis=2)))
W("04.8", "a mean in the place of a sum in", nb(dW=lambda M, dZ: np.einsum("bpk,bpt->kt", M, dZ) / len(M)))
W("04.8", "the sums are multiplied in dW", nb(dW=lambda M, dZ: np.outer(M.sum(axis=(0, 1)), dZ.sum(axis=(0, 1)))))
W("04.8", "", nb(dW=lambda M, dZ: np.einsum("bpk,bpt->kt", M, (dZ != 0) * 1.0)))
W("04.9", "the two paths are multiplied", lb(lambda dq, a, dZ, W: a[:, :, None] * dq[:, None] * (dZ @ W.T)))
W("04.9", "a is a factor of the first path", lb(lambda dq, a, dZ, W: a[:, :, None] * (dq[:, None] + dZ @ W.T)))
W("04.9", "e_i itself: each side gets the", lb(dE=own_sides))
W("04.9", "E is missing in dE, as if it were", lb(dE=bare_sides))
W("04.9", "x is missing in dV, as if it were", lb(dV=lambda dE, idx, x, V: at_(V.shape, idx, dE)))
W("04.9", "V is added in dV, which is too", lb(dV=lambda dE, idx, x, V: V + at_(V.shape, idx, dE * x[:, :, None])))
W(
    "04.9",
    "a factor V is too much in dV, or",
    lb(dV=lambda dE, idx, x, V: at_(V.shape, idx, dE * V[idx] * x[:, :, None])),
)
W("04.9", "the gradient of each slot, not", lb(dV=lambda dE, idx, x, V: dE * x[:, :, None]))
W("04.9", "the end is missing", lb(dV=lambda dE, idx, x, V: at_(V.shape, idx, dE * x[:, :, None])[:-1]))
W("04.9", "", lb(lambda dq, a, dZ, W: a[:, :, None] * dq[:, None] + (dZ @ W.T) @ W @ W.T))
W("04.9", "the first side twice: the other", lb(dE=lambda dM, E, i, j: 2 * one_side(dM, E, i, j)))
W("04.10", "the softmax runs over the rows", F(axis0=True, names=False))
W("04.10", "the term a a^T is dropped, in ds", F(keepown=True, names=False))
W("04.10", "the softmax runs over the rows", F(axis0=True, names=True))
W("04.10", "the term a a^T is dropped, in ds", F(keepown=True, names=True))
W("04.10", "the penalty is on W alone", F(penall=True))
W("04.10", "the norm of W, not its square", F(pen_root=True))
W("04.10", "x is missing in E, as if it were 1", F(x_in=False, names=True))
W("04.10", "x is missing in y_hat, as if it", F(xw=False, names=True))
W("04.10", "s is missing in a, as if it were 1", F(uniform=True, names=True))
W("04.10", "a mean in the place of a sum in", F(w0mean=True))
W("04.10", "dV and dp are exchanged: dV comes", F(order=lambda L, w0, w, V, p, W_, b, h: (L, w0, w, p, V, W_, b, h)))
W("04.10", "all zero", lambda *a: (lambda r: (*r[:6], 0 * r[6], r[7]))(full(*a)))
W(
    "04.10",
    "the absolute values of W, not its",
    lambda *a: (lambda r: (r[0] - a[4] * (a[0]["W"] ** 2).sum() + a[4] * np.abs(a[0]["W"]).sum(), *r[1:]))(full(*a)),
)
W(
    "04.11",
    "tau counts twice as a factor in ds",
    lambda da, s, a, tau: (sb(da, a) / tau**2, -(sb(da, a) * s).sum() / tau**2),
)
W("04.11", "the results stand in another", lambda da, s, a, tau: (-(sb(da, a) * s).sum() / tau**2, sb(da, a) / tau))
W(
    "04.11",
    "a mean in the place of a sum in",
    lambda da, s, a, tau: (sb(da, a) / tau, -(sb(da, a) * s).sum(axis=1).mean() / tau**2),
)
W("04.11", "the average is missing in the", lambda da, s, a, tau: (a * da / tau, -(a * da * s).sum() / tau**2))
W(
    "04.11",
    "the absolute value: the minus",
    lambda da, s, a, tau: (sb(da, a) / tau, np.abs(sb(da, a) * s).sum() / tau**2),
)
W("04.11", "tau to the third, and a minus is", lambda da, s, a, tau: (sb(da, a) / tau, (sb(da, a) * s).sum() / tau**3))
W("04.11", "", lambda da, s, a, tau: (sb(da, a / tau), -(sb(da, a) * s).sum() / tau**2))
