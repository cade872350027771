"""Answers to 03 by a reader who had not seen the checks, and brothers of them; wrong ones with their hint."""

import numpy as np
import readers
from readers import bare_sides, both_sides, one_side

RIGHT, WRONG, R, W = readers.book()


def ij(E):
    return np.triu_indices(E.shape[1], 1)


def prod(E):
    i, j = ij(E)
    return E[:, i] * E[:, j]


def pp(score, pooled, y_pair):
    def pool_and_project(M, p):
        s, q = score(M, p), pooled(M, p)
        return {"M": M, "p": p, "part": s, "pooled": q, "y_pair": y_pair(M, p, s, q)}

    return pool_and_project


def S_(M, p):
    return M @ p


def Q_(M, p):
    return M.sum(axis=1)


def Y_(M, p, s, q):
    return q @ p


def pb(dpooled=None, dp=None, dM=None, dE=None, add=np.add.at):
    def pairs_backward(dy_hat, pooled, p, E):
        i, j = np.triu_indices(E.shape[1], 1)
        q = {"i": i, "j": j}
        q["dpooled"] = dpooled(dy_hat, p, pooled) if dpooled else dy_hat[:, None] * p
        q["dp"] = dp(dy_hat, p, pooled) if dp else dy_hat @ pooled
        q["dM"] = dM(q["dpooled"], len(i), E) if dM else np.repeat(q["dpooled"][:, None], len(i), axis=1)
        q["dE"] = dE(q["dM"], E, i, j) if dE else both_sides(q["dM"], E, i, j)
        return q

    return pairs_backward


W(
    "03.1",
    "the pairs of the factors, not of",
    lambda E: E[:, :, np.triu_indices(E.shape[2], 1)[0]] * E[:, :, np.triu_indices(E.shape[2], 1)[1]],
)
W(
    "03.1",
    "",
    lambda E: (
        E[:, np.triu_indices(E.shape[2], 1)[0] % E.shape[1]] * E[:, np.triu_indices(E.shape[2], 1)[1] % E.shape[1]]
    ),
)
W("03.1", "the difference of the two", lambda E: E[:, ij(E)[0]] - E[:, ij(E)[1]])
W("03.1", "the axes stand in another order", lambda E: prod(E).transpose(0, 2, 1))
W(
    "03.1",
    "neighbours are missing: the pairs",
    lambda E: E[:, np.triu_indices(E.shape[1], 2)[0]] * E[:, np.triu_indices(E.shape[1], 2)[1]],
)
W("03.1", "half the sum of the two vectors", lambda E: (E[:, ij(E)[0]] + E[:, ij(E)[1]]) / 2)
W("03.1", "e_i and e_j are both e_j", lambda E: E[:, ij(E)[1]] ** 2)
W(
    "03.1",
    "pairs of rows: E[:, i] takes the",
    lambda E: E[np.triu_indices(len(E), 1)[0]] * E[np.triu_indices(len(E), 1)[1]],
)
W("03.1", "only the pairs of slot 0: every", lambda E: E[:, :1] * E[:, 1:])
W("03.2", "pooled is summed over the", pp(S_, lambda M, p: M.sum(axis=2), lambda M, p, s, q: q.sum(axis=1)))
W("03.2", "a wrong axis of M in pooled: axes", pp(S_, lambda M, p: M.sum(axis=0), Y_))
W(
    "03.2",
    "a factor p is too much in pooled",
    pp(S_, lambda M, p: (M * p).sum(axis=1), lambda M, p, s, q: q.sum(axis=1)),
)
W("03.2", "a factor p is too much in pooled", pp(S_, lambda M, p: (M * p).sum(axis=1), Y_))
W("03.2", "summed over axis 0, which should", pp(S_, Q_, lambda M, p, s, q: (q @ p).sum()))
W("03.2", "a mean in the place of a sum in", pp(S_, Q_, lambda M, p, s, q: s.mean(axis=1)))
W("03.2", "part is squared", pp(lambda M, p: (M @ p) ** 2, Q_, Y_))
W("03.2", "the first pair alone", pp(S_, Q_, lambda M, p, s, q: s[:, 0]))
W("03.2", "the largest, not the sum", pp(S_, lambda M, p: M.max(axis=1), Y_))
W("03.2", "pooled @ p in the place of the", pp(lambda M, p: (M.sum(axis=1) @ p)[:, None] + 0 * M[:, :, 0], Q_, Y_))
W("03.3", "dy_hat is missing in dpooled, as", pb(lambda d, p, q: np.tile(p, (len(d), 1))))
W("03.3", "p in the place of pooled in dp", pb(dp=lambda d, p, q: d.sum() * p))
W("03.3", "all entries of dy_hat are added", pb(dp=lambda d, p, q: d.sum() * q.sum(axis=0)))
W("03.3", "M is no factor of dM: a sum hands", pb(dM=lambda q, P, E: q[:, None] * prod(E)))
W("03.3", "E is missing in dE, as if it were", pb(dE=bare_sides))
W("03.3", "e_i itself is still in the sum", pb(dE=lambda dM, E, i, j: dM[:, :1] * E.sum(axis=1, keepdims=True) + 0 * E))
W("03.3", "not repeated: one axis has the", pb(dM=lambda q, P, E: q[:, None]))
W("03.3", "the other side of the product", pb(dE=lambda dM, E, i, j: both_sides(dM, E, i, j) - one_side(dM, E, i, j)))
W("03.3", "", pb(dE=lambda dM, E, i, j: dM.sum(axis=1, keepdims=True) * E))
R("03.4", lambda V, p: (V * np.sqrt(p))[:, ::-1])
W("03.4", "the root of V in the place of", lambda V, p: np.sqrt(np.abs(V)) * p)
W("03.4", "a matrix product adds up the", lambda V, p: V @ np.sqrt(p))
W("03.4", "half of p in the place of its root", lambda V, p: V * (p / 2))
W("03.4", "the mean over all entries of p in", lambda V, p: V * np.sqrt(p.mean()))
W("03.4", "all entries of p are added up", lambda V, p: V * np.sqrt(p.sum()))
W("03.4", "the root is added, not multiplied", lambda V, p: V + np.sqrt(p))
W("03.4", "exp(p / 2) in the place of the", lambda V, p: V * np.exp(p / 2))
W("03.4", "p along the features: it has a", lambda V, p: V * np.sqrt(np.resize(p, len(V)))[:, None])
W("03.4", "", lambda V, p: V * np.log(p + 1))
R("03.5", lambda dT, E: dT[:, None] * np.stack([E[:, [1, 2]].prod(1), E[:, [0, 2]].prod(1), E[:, [0, 1]].prod(1)], 1))
W("03.5", "only the next of the other two", lambda dT, E: dT[:, None] * np.roll(E, -1, axis=1))
W("03.5", "E is missing, as if it were 1", lambda dT, E: np.repeat(dT[:, None], 3, axis=1))
W(
    "03.5",
    "the gradient of one feature is",
    lambda dT, E: np.stack([dT * E[:, 1] * E[:, 2], dT * E[:, 0] * E[:, 2], dT * E[:, 0] * E[:, 2]], axis=1),
)
W(
    "03.5",
    "divided by an entry that is 0, or",
    lambda dT, E: dT[:, None] * E.prod(axis=1, keepdims=True) / np.where(E == 0, 1, E),
)
W("03.5", "", lambda dT, E: np.stack([dT * E[:, 1] * E[:, 2], dT * E.prod(axis=1), dT * E[:, 0] * E[:, 1]], 1))
W("03.5", "e_i itself in the place of the", lambda dT, E: dT[:, None] * E)
W(
    "03.6",
    "counted over the rows: each row",
    lambda d, mask: d[:, None] * mask[:, :, None] / np.maximum(mask.sum(axis=0), 1)[None, :, None],
)
W(
    "03.6",
    "multiplied by the number of",
    lambda d, mask: d[:, None] * mask[:, :, None] * mask.sum(axis=1)[:, None, None],
)
W(
    "03.6",
    "absent and present pairs are",
    lambda d, mask: d[:, None] * ~mask[:, :, None] / np.maximum(mask.sum(axis=1), 1)[:, None, None],
)
W(
    "03.6",
    "divided by one pair too many: + 1",
    lambda d, mask: d[:, None] * mask[:, :, None] / (mask.sum(axis=1) + 1)[:, None, None],
)
W("03.6", "mask is not used", lambda d, mask: np.repeat(d[:, None], mask.shape[1], 1) / mask.shape[1])
W(
    "03.6",
    "divided by the root of the number",
    lambda d, mask: d[:, None] * mask[:, :, None] / np.sqrt(np.maximum(mask.sum(axis=1), 1))[:, None, None],
)
W(
    "03.6",
    "divided by one pair too few",
    lambda d, m: d[:, None] * m[:, :, None] / np.maximum(m.sum(axis=1) - 1, 1)[:, None, None],
)
W(
    "03.6",
    "divided twice by the number of",
    lambda d, m: d[:, None] * m[:, :, None] / np.maximum(m.sum(axis=1), 1)[:, None, None] ** 2,
)
W(
    "03.6",
    "only the first pair gets its share",
    lambda d, m: (
        d[:, None] * (m & (np.cumsum(m, axis=1) == 1))[:, :, None] / np.maximum(m.sum(axis=1), 1)[:, None, None]
    ),
)
W("03.6", "divided by the largest number of", lambda d, m: d[:, None] * m[:, :, None] / m.sum(axis=1).max())
W("03.7", "x in the place of v: that is the", lambda dE, V, idx, x: (dE * x[:, :, None]).sum(axis=2))
W("03.7", "idx is not used: the first ones", lambda dE, V, idx, x: (dE * V[: x.shape[1]]).sum(axis=2))
W("03.7", "each side is added up first", lambda dE, V, idx, x: dE.sum(axis=2) * V[idx].sum(axis=2))
W("03.7", "x is no factor of dx, and not", lambda dE, V, idx, x: (dE * V[idx]).sum(axis=2) * x**2)
W("03.7", "", lambda dE, V, idx, x: (dE * V[idx]).sum(axis=2).sum(axis=1, keepdims=True) + 0 * x)
