"""Layers that were written after the gradient checker was finished, as other people write them: forward functions with
buffers, norms, integers, states, several outputs. Each backward function has two mistakes, chosen by its last argument.
"""

import numpy as np
from scipy.special import erf

RNG = np.random.default_rng(42)


def normal(*shape):
    return RNG.normal(size=shape)


def sigmoid(z):
    return 1 / (1 + np.exp(-z))


def gru(x, h, Wz, Uz, Wr, Ur, Wn, Un):
    z, r = sigmoid(x @ Wz + h @ Uz), sigmoid(x @ Wr + h @ Ur)
    n = np.tanh(x @ Wn + (r * h) @ Un)
    return (1 - z) * n + z * h, (x, h, Wz, Uz, Wr, Ur, Wn, Un, z, r, n)


def gru_backward(d, cache, mistake):
    x, h, Wz, Uz, Wr, Ur, Wn, Un, z, r, n = cache
    dn = d * (1 - z) * (1 - n**2)
    drh = dn @ Un.T
    dz = d * (h - n) * z * (1 - z)
    dr = drh * h * r * (1 if mistake == 2 else 1 - r)
    dh = d * z + dz @ Uz.T + dr @ Ur.T + (0 if mistake == 1 else drh * r)
    dx = dn @ Wn.T + dz @ Wz.T + dr @ Wr.T
    return dx, dh, x.T @ dz, h.T @ dz, x.T @ dr, h.T @ dr, x.T @ dn, (r * h).T @ dn


class BatchNorm:
    """With running statistics, in a buffer that is changed in place."""

    def __init__(self):
        self.mean, self.steps = np.zeros(5), 0

    def forward(self, x, gamma, beta):
        mean = x.mean(0)
        if not np.iscomplexobj(x):
            self.mean *= 0.9
            self.mean += 0.1 * mean
        self.steps += 1
        sd = np.sqrt(((x - mean) ** 2).mean(0) + 1e-5)
        return gamma * (x - mean) / sd + beta, ((x - mean) / sd, sd, gamma)

    def backward(self, d, cache, mistake):
        h, sd, gamma = cache
        dh, rows = d * gamma, len(h) - (mistake == 1)
        dx = dh - dh.sum(0) / rows - h * (dh * h).mean(0)
        return dx / (sd if mistake != 2 else np.sqrt(sd**2 + 1e-3)), (d * h).sum(0), d.sum(0)


def focal(logits, y):
    e = np.exp(logits - logits.max(1, keepdims=True))
    p = e / e.sum(1, keepdims=True)
    pt = p[np.arange(len(y)), y]
    return -((1 - pt) ** 2 * np.log(pt)).mean(), (p, y)


def focal_backward(d, cache, mistake):
    p, y = cache
    rows = np.arange(len(y))
    pt, dp = p[rows, y], np.zeros_like(p)
    slope = (0 if mistake == 2 else 2 * (1 - pt) * np.log(pt)) - (1 - pt) ** 2 / pt
    dp[rows, y] = d * slope / (1 if mistake == 1 else len(y))
    return p * (dp - (dp * p).sum(1, keepdims=True))


def cosine(a, b):
    return (a * b).sum(1) / (np.linalg.norm(a, axis=1) * np.linalg.norm(b, axis=1))


def cosine_backward(d, a, b, mistake):
    na, nb = np.linalg.norm(a, axis=1, keepdims=True), np.linalg.norm(b, axis=1, keepdims=True)
    c, d = cosine(a, b)[:, None], d[:, None]
    da = b / (na * nb) - (0 if mistake == 1 else c * a / na ** (1 if mistake == 2 else 2))
    return d * da, d * (a / (na * nb) - c * b / nb**2)


def pooling(x):
    windows = np.lib.stride_tricks.sliding_window_view(x, (2, 2), axis=(1, 2))[:, ::2, ::2]
    windows = windows.reshape(*windows.shape[:3], 4)
    best = windows.real.argmax(-1)
    return np.take_along_axis(windows, best[..., None], -1)[..., 0], (best, x.shape)


def pooling_backward(d, cache, mistake):
    best, shape = cache
    dx = np.zeros(shape)
    for n, i, j in np.ndindex(best.shape):
        u, v = divmod(best[n, i, j], 2)
        u, v = (v, u) if mistake == 1 else (u, v)
        dx[n, 2 * i + u, 2 * j + v] += d[n, i, j] / (2 if mistake == 2 else 1)
    return dx


def cumulative(x):
    return np.cumprod(x, 1), np.cumsum(x, 1)


def cumulative_backward(d, x, mistake):
    def to_the_end(a):
        return np.flip(np.cumsum(np.flip(a, 1), 1), 1)

    product, total = d[0] * np.cumprod(x, 1), d[1]
    dx = to_the_end(product) / x + (total if mistake == 1 else to_the_end(total))
    return dx + (product if mistake == 2 else 0)


WEIGHTS = normal(9)


def sorting(x):
    order = np.argsort(x.real)
    return WEIGHTS * x[order], order


def sorting_backward(d, order, mistake):
    if mistake == 1:
        return (d * WEIGHTS)[order]
    dx = np.zeros(len(order))
    dx[order] = d if mistake == 2 else d * WEIGHTS
    return dx


def causal_attention(q, k, v):
    s = np.einsum("bhid,bhjd->bhij", q, k) / np.sqrt(q.shape[-1])
    s = np.where(np.tril(np.ones(s.shape[-2:], bool)), s, -np.inf)
    e = np.exp(s - s.max(-1, keepdims=True))
    a = e / e.sum(-1, keepdims=True)
    return np.einsum("bhij,bhjd->bhid", a, v), (q, k, v, a)


def causal_attention_backward(d, cache, mistake):
    q, k, v, a = cache
    da = np.einsum("bhid,bhjd->bhij", d, v)
    ds = a * (da - (a * da).sum(-2 if mistake == 1 else -1, keepdims=True))
    ds = ds / (1 if mistake == 2 else np.sqrt(q.shape[-1]))
    return np.einsum("bhij,bhjd->bhid", ds, k), np.einsum("bhij,bhid->bhjd", ds, q), np.einsum("bhij,bhid->bhjd", a, d)


def log_determinant(A):
    return np.linalg.slogdet(A @ A.T + np.eye(len(A)))[1]


def log_determinant_backward(d, A, mistake):
    inverse = np.linalg.inv(A @ A.T + (0.9 if mistake == 2 else 1) * np.eye(len(A)))
    return d * (1 if mistake == 1 else 2) * inverse @ A


STARTS = np.array([0, 3, 3, 6])                                             # the second bag is empty


def bags(ids, V, a):
    rows = V[ids] * a[:, None]
    return np.array([rows[i:j].sum(0) for i, j in zip(STARTS, STARTS[1:], strict=False)]), (ids, V, a)


def bags_backward(d, cache, mistake):
    ids, V, a = cache
    d, dV = np.repeat(d, np.diff(STARTS), axis=0), np.zeros_like(V)
    if mistake == 1:
        dV[ids] += d * a[:, None]
    else:
        np.add.at(dV, ids, d * a[:, None])
    da = (d * V[ids]).sum(1)
    return None, dV, da[::-1] if mistake == 2 else da


def circular_convolution(x, k):
    return np.fft.irfft(np.fft.rfft(x) * np.fft.rfft(k), n=len(x))


def circular_convolution_backward(d, x, k, mistake):
    turn = np.conj if mistake != 1 else np.asarray
    dx, dk = (np.fft.irfft(np.fft.rfft(d) * turn(np.fft.rfft(other)), n=len(x)) for other in (k, x))
    return dx, dk * (2 if mistake == 2 else 1)


def leaky(x):
    out = np.empty(x.shape)
    out[:] = x
    out[out < 0] *= 0.01
    return out, x < 0


def leaky_backward(d, negative, mistake):
    dx = d.copy()
    dx[~negative if mistake == 2 else negative] *= 0.0 if mistake == 1 else 0.01
    return dx


def triplet(a, p, n):
    margin = ((a - p) ** 2).sum(1) - ((a - n) ** 2).sum(1) + 1
    return np.maximum(margin, 0).sum(), (a, p, n, margin > 0)


def triplet_backward(d, cache, mistake):
    a, p, n, active = cache
    m = d * (np.ones_like(active) if mistake == 1 else active)[:, None]
    return 2 * m * (n - p), -2 * m * (a - p), 2 * m * (n - a if mistake == 2 else a - n)


def gelu(x):
    return x * (1 + erf(x / np.sqrt(2))) / 2


def gelu_backward(d, x, mistake):
    density = np.exp(-x * x / 2) / np.sqrt(2 if mistake == 2 else 2 * np.pi)
    return d * ((1 + erf(x / np.sqrt(2))) / 2 + (1 if mistake == 1 else x) * density)


norm = BatchNorm()
LAYERS = {
    "GRU step": (gru, gru_backward, (normal(4, 3), normal(4, 2), *(normal(*s) for s in [(3, 2), (2, 2)] * 3)), "cache"),
    "batch norm": (norm.forward, norm.backward, (2 + 3 * normal(7, 5), normal(5), normal(5)), "cache"),
    "focal loss": (focal, focal_backward, (normal(6, 4), RNG.integers(0, 4, 6)), "cache"),
    "cosine": (cosine, cosine_backward, (normal(5, 3), normal(5, 3)), "inputs"),
    "max pooling": (pooling, pooling_backward, (normal(2, 4, 6),), "cache"),
    "cumprod, cumsum": (cumulative, cumulative_backward, (1 + 0.3 * normal(3, 6),), "inputs"),
    "sorting": (sorting, sorting_backward, (normal(9),), "cache"),
    "causal attention": (causal_attention, causal_attention_backward, [normal(2, 2, 4, 3) for _ in range(3)], "cache"),
    "log determinant": (log_determinant, log_determinant_backward, (normal(4, 5),), "inputs"),
    "bags of embeddings": (bags, bags_backward, (np.array([0, 2, 2, 5, 1, 2]), normal(6, 3), normal(6)), "cache"),
    "circular convolution": (circular_convolution, circular_convolution_backward, (normal(8), normal(8)), "inputs"),
    "leaky ReLU": (leaky, leaky_backward, (normal(4, 5),), "cache"),
    "triplet loss": (triplet, triplet_backward, (normal(6, 3), normal(6, 3), normal(6, 3)), "cache"),
    "GELU by erf": (gelu, gelu_backward, (normal(3, 4),), "inputs"),
}
