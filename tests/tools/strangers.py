"""Layers by somebody who had not seen the grid: forward and backward passes, and mistakes of the usual kind.

    python tests/tools/strangers.py                 false alarms, misses, "cannot tell" of `check` and `check_layer`
    python tests/tools/strangers.py GRU maxout      of two layers

`LAYERS` gives for each name: a function that draws the inputs, `forward(*inputs) -> (out, cache)`,
`backward(dout, cache, wrong="")`, and the mistakes that `wrong` may name. `KINKS` has points at a kink and beside it.
`ANY_SIZE` names the layers whose inputs may be scaled as well as their outputs.
"""

import sys
from typing import Any, NamedTuple

import numpy as np

from afm_numpy.gradcheck import check, check_layer

SCALES = (1e-6, 1e-3, 1e3, 1e6)


class Layer(NamedTuple):
    """A layer, and the names of what can go wrong in its backward pass."""

    inputs: Any  # rng -> tuple of arrays
    forward: Any
    backward: Any
    mistakes: tuple


# ---- normalisation -------------------------------------------------------------------------------------


def rms_norm(x, gamma):
    r = 1 / np.sqrt((x * x).mean(-1, keepdims=True) + 1e-6)
    return gamma * x * r, (x, gamma, r)


def rms_norm_backward(dy, cache, wrong=""):
    x, gamma, r = cache
    d = dy if wrong == "gamma left out" else dy * gamma
    own = r**2 if wrong == "r squared" else r**3
    mean = (d * x).sum(-1, keepdims=True) if wrong == "sum for mean" else (d * x).mean(-1, keepdims=True)
    dx = d * r if wrong == "r as a constant" else d * r - x * own * mean
    return dx, (dy * x * r).sum((0, 1))


def group_norm(x, gamma, beta):
    n, c, length = x.shape
    g = x.reshape(n, 2, c // 2 * length)
    centred = g - g.mean(-1, keepdims=True)
    rstd = 1 / np.sqrt((centred**2).mean(-1, keepdims=True) + 1e-5)
    xhat = (centred * rstd).reshape(x.shape)
    return xhat * gamma[:, None] + beta[:, None], (xhat, rstd, gamma)


def group_norm_backward(dy, cache, wrong=""):
    xhat, rstd, gamma = cache
    shape = xhat.shape if wrong == "instance norm" else (xhat.shape[0], 2, -1)
    d, h = ((a.reshape(shape)) for a in (dy * gamma[:, None], xhat))
    mean = 0 if wrong == "mean as a constant" else d.mean(-1, keepdims=True)
    dx = (d - mean - h * (d * h).mean(-1, keepdims=True)).reshape(xhat.shape[0], 2, -1) * rstd
    dgamma = (dy * xhat).sum((0, 2))
    return dx.reshape(xhat.shape), dgamma / len(dy) if wrong == "mean over the batch" else dgamma, dy.sum((0, 2))


def weight_norm(x, v, g):
    norm = np.sqrt((v**2).sum(0))
    u = v / norm
    return x @ (g * u), (x, u, g, norm)


def weight_norm_backward(dy, cache, wrong=""):
    x, u, g, norm = cache
    dW = x.T @ dy
    dg = (dW * u).sum(0)
    dv = g / norm * (dW - (0 if wrong == "no projection" else u * dg))
    if wrong == "divided by the norm twice":
        dv = dv / norm
    return dy @ (g * u).T, dv, (dg * g if wrong == "times g" else dg)


# ---- steps of networks ---------------------------------------------------------------------------------


def sigmoid(z):
    return 1 / (1 + np.exp(-z))


def gru(x, h, Wx, Wh, b):
    """Wx (3, n, k), Wh (3, k, k), b (3, k): update, reset, new."""
    z = sigmoid(x @ Wx[0] + h @ Wh[0] + b[0])
    r = sigmoid(x @ Wx[1] + h @ Wh[1] + b[1])
    n = np.tanh(x @ Wx[2] + (r * h) @ Wh[2] + b[2])
    return (1 - z) * n + z * h, (x, h, Wx, Wh, z, r, n)


def gru_backward(dy, cache, wrong=""):
    x, h, Wx, Wh, z, r, n = cache
    dn, dz, dh = dy * (1 - z), dy * (h - n), dy * z
    an = dn if wrong == "tanh gate" else dn * (1 - n * n)
    drh = an @ Wh[2].T
    az = dz * z * (1 - z)
    ar = drh * (1 if wrong == "h left out" else h) * r * (1 - r)
    if wrong != "reset path":
        dh = dh + drh * r
    dh = dh + az @ Wh[0].T + ar @ Wh[1].T
    acts = np.stack([az, ar, an])
    hs = [h, h, h if wrong == "stale h" else r * h]
    dWh = np.stack([hi.T @ a for hi, a in zip(hs, acts, strict=True)])
    dx = sum(a @ W.T for a, W in zip(acts, Wx, strict=True))
    return dx, dh, np.stack([x.T @ a for a in acts]), dWh, acts.sum(1)


def attention(q, k, v):
    """Causal: position i sees positions up to i."""
    s = q @ k.swapaxes(-1, -2) / np.sqrt(q.shape[-1])
    s = np.where(np.tri(len(q[0]), dtype=bool), s, -np.inf)
    e = np.exp(s - s.real.max(-1, keepdims=True))
    a = e / e.sum(-1, keepdims=True)
    return a @ v, (q, k, v, a)


def attention_backward(dy, cache, wrong=""):
    q, k, v, a = cache
    da = dy @ v.swapaxes(-1, -2)
    own = (a * da).sum(-2 if wrong == "wrong axis" else -1, keepdims=True)
    ds = a * (da if wrong == "own term lost" else da - own)
    if wrong != "root of d":
        ds = ds / np.sqrt(q.shape[-1])
    if wrong == "mask of ones":
        ds = ds + 0.01 * np.triu(da, 1)
    return ds @ k, (ds if wrong == "not transposed" else ds.swapaxes(-1, -2)) @ q, a.swapaxes(-1, -2) @ dy


def prelu(x, W, slope):
    z = x @ W
    return np.where(z > 0, z, slope * z), (x, W, slope, z)


def prelu_backward(dy, cache, wrong=""):
    x, W, slope, z = cache
    gate = x @ W <= 0 if wrong == "other side" else z > 0
    dz = dy if wrong == "no gate" else np.where(gate, dy, slope * dy)
    low = z if wrong == "all of z" else np.where(z > 0, 0, z)
    return dz @ W.T, x.T @ dz, (dy * low).sum(0)


def maxout(x, W, b):
    z = np.einsum("ni,cij->ncj", x, W) + b
    best = z.real.argmax(1)
    return np.take_along_axis(z, best[:, None], 1)[:, 0], (x, W, best)


def maxout_backward(dy, cache, wrong=""):
    x, W, best = cache
    if wrong == "always the first":
        best = 0 * best
    one = (np.arange(W.shape[0])[None, :, None] == best[:, None]).astype(dy.dtype)
    dz = dy[:, None] * (0 * one + 1 / len(W) if wrong == "shared" else one)
    db = dz.sum(0)
    return np.einsum("ncj,cij->ni", dz, W), np.einsum("ni,ncj->cij", x, dz), db[::-1] if wrong == "b reversed" else db


def gelu_mlp(x, W1, W2, keep=np.array([1, 0, 2, 1, 0, 1])):
    z = x @ W1
    t = np.tanh(0.7978845608 * (z + 0.044715 * z**3))
    r = 0.5 * z * (1 + t) * keep
    return r @ W2, (x, W1, W2, z, t, r, keep)


def gelu_mlp_backward(dy, cache, wrong=""):
    x, W1, W2, z, t, r, keep = cache
    inner = 0.7978845608 * (1 + (1 if wrong == "3 lost" else 3) * 0.044715 * z**2)
    slope = 0.5 * (1 + t) + (0 if wrong == "product rule" else 0.5 * z * (1 - t**2) * inner)
    dz = dy @ W2.T * slope * (1 if wrong == "dropout lost" else keep)
    return dz @ W1.T, x.T @ dz, r.T @ dy


# ---- convolutions and pools ----------------------------------------------------------------------------


def dilated(x, w, b):
    """x (n, c, length), w (d, c, 3), dilation 2, no padding."""
    length = x.shape[2] - 4
    cols = np.stack([x[:, :, 2 * j : 2 * j + length] for j in range(3)], -1)
    return np.einsum("nclj,dcj->ndl", cols, w) + b[:, None], (x, w, cols)


def dilated_backward(dy, cache, wrong=""):
    x, w, cols = cache
    dx = np.zeros_like(x)
    for j in range(3):
        at = j if wrong == "dilation lost" else 2 * j
        part = np.einsum("ndl,dc->ncl", dy, w[:, :, 2 - j if wrong == "flipped" else j])
        if wrong == "last part alone":
            dx[:, :, at : at + dy.shape[2]] = part
        else:
            dx[:, :, at : at + dy.shape[2]] += part
    db = dy.sum(0).mean(-1) if wrong == "mean for b" else dy.sum((0, 2))
    return dx, np.einsum("ndl,nclj->dcj", dy, cols), db


def transposed(x, w):
    """x (n, c, length), w (c, d, 3), stride 2."""
    out = np.zeros((len(x), w.shape[1], 2 * x.shape[2] + 1), np.result_type(x, w))
    for j in range(3):
        out[:, :, j : j + 2 * x.shape[2] : 2] += np.einsum("ncl,cd->ndl", x, w[:, :, j])
    return out, (x, w)


def transposed_backward(dy, cache, wrong=""):
    x, w = cache
    step = 1 if wrong == "stride 1" else 2
    dx, dw = np.zeros_like(x), np.zeros_like(w)
    for j in range(3):
        part = dy[:, :, j : j + step * x.shape[2] : step]
        dx += np.einsum("ndl,cd->ncl", part, w[:, :, (j + 1) % 3 if wrong == "shifted" else j])
        dw[:, :, j] = np.einsum("ncl,ndl->cd", x, part) / (len(x) if wrong == "mean for w" else 1)
    return dx, dw


def max_pool(x):
    n, h, w = x.shape
    t = x.reshape(n, h // 2, 2, w // 2, 2).swapaxes(2, 3).reshape(n, h // 2, w // 2, 4)
    best = t.real.argmax(-1)
    return np.take_along_axis(t, best[..., None], -1)[..., 0], (x.shape, best)


def max_pool_backward(dy, cache, wrong=""):
    (n, h, w), best = cache
    one = (np.arange(4) == best[..., None]).astype(dy.dtype)
    if wrong == "average":
        one = 0 * one + 0.25
    if wrong == "last corner":
        one = one[..., ::-1]
    dx = (dy[..., None] * one).reshape(n, h // 2, w // 2, 2, 2).swapaxes(2, 3).reshape(n, h, w)
    return dx[:, ::-1] if wrong == "upside down" else dx


def grid_sample(image, at):
    """Linear interpolation: image (length, c), at (n,) positions."""
    low = np.floor(at.real).astype(int)
    t = (at - low)[:, None]
    return (1 - t) * image[low] + t * image[low + 1], (image, low, t)


def grid_sample_backward(dy, cache, wrong=""):
    image, low, t = cache
    d = np.zeros(image.shape, dy.dtype)
    if wrong == "repeats overwrite":
        d[low] += (1 - t) * dy
        d[low + 1] += t * dy
    else:
        np.add.at(d, low, (t if wrong == "weights swapped" else 1 - t) * dy)
        np.add.at(d, low + 1, (1 - t if wrong == "weights swapped" else t) * dy)
    slope = image[low + 1] - (0 if wrong == "lower one lost" else image[low])
    return d, (dy * slope).sum(1)


# ---- algebra -------------------------------------------------------------------------------------------


def bilinear(x, A, y, b):
    return np.einsum("ni,kij,nj->nk", x, A, y) + b, (x, A, y)


def bilinear_backward(dy, cache, wrong=""):
    x, A, y = cache
    At = A.swapaxes(1, 2) if wrong == "A transposed" else A
    dx = np.einsum("nk,kij,nj->ni", dy, At, x if wrong == "x for y" else y)
    dA = np.einsum("nk,ni,nj->kij", dy, x, y)
    if wrong == "symmetrised":
        dA = (dA + dA.swapaxes(1, 2)) / 2
    return dx, dA, np.einsum("nk,kij,ni->nj", dy, A, x), dy.sum(0)


def quaternion(q, v):
    """Rotate v (n, 3) by the unit quaternion of q (n, 4), scalar first."""
    norm = np.sqrt((q**2).sum(1, keepdims=True))
    u = q / norm
    w, a = u[:, :1], u[:, 1:]
    t = 2 * np.cross(a, v)
    return v + w * t + np.cross(a, t), (u, v, t, norm)


def quaternion_backward(dy, cache, wrong=""):
    u, v, t, norm = cache
    w, a = u[:, :1], u[:, 1:]
    dt = w * dy + (np.cross(a, dy) if wrong == "order" else np.cross(dy, a))
    dw = (dy * t).sum(1, keepdims=True)
    da = np.cross(t, dy) + (1 if wrong == "2 lost" else 2) * np.cross(v, dt)
    dv = dy + (0 if wrong == "v once" else 2 * np.cross(dt, a))
    du = np.concatenate([dw, da], 1)
    dq = du if wrong == "no normalisation" else (du - u * (u * du).sum(1, keepdims=True)) / norm
    return dq, dv


def log_det(S):
    """log det of S S' + I by Cholesky: a complex matrix is taken as Hermitian, so no complex step works."""
    A = S @ S.T + np.eye(len(S))
    L = np.linalg.cholesky(A)
    return 2 * np.log(np.diag(L)).sum(), (S, A)


def log_det_backward(dy, cache, wrong=""):
    S, A = cache
    inverse = np.linalg.inv(A)
    if wrong == "diagonal":
        inverse = np.diag(np.diag(inverse))
    d = inverse @ (S.T if wrong == "transposed" else S)
    return dy * d * (1 if wrong == "half" else 2)


def solve(A, b):
    x = np.linalg.solve(A, b)
    return x, (A, x)


def solve_backward(dx, cache, wrong=""):
    A, x = cache
    db = np.linalg.solve(A if wrong == "not transposed" else A.T, dx)
    dA = db[:, None] * x if wrong == "sign" else -db[:, None] * x
    return dA.T if wrong == "dA transposed" else dA, db


def power_spectrum(x, w):
    """|fft(x)|^2 weighted: .real and .imag of a complex x are something else."""
    F = np.fft.fft(x)
    return (F.real**2 + F.imag**2) * w, (F, w)


def power_spectrum_backward(dy, cache, wrong=""):
    F, w = cache
    n = 1 if wrong == "n lost" else F.shape[-1]
    back = np.fft.ifft(dy * w * (F.conj() if wrong == "conjugated" else F)).real
    return (1 if wrong == "2 lost" else 2) * n * back, (dy * abs(F) ** 2).sum(0)


# ---- losses --------------------------------------------------------------------------------------------


def crf(emit, trans, start):
    """log Z of a chain: emit (T, s), trans (s, s) from row to column."""
    a, kept = start + emit[0], []
    for e in emit[1:]:
        m = a[:, None] + trans
        top = m.real.max(0)
        kept.append((m, a))
        a = top + np.log(np.exp(m - top).sum(0)) + e
    top = a.real.max()
    return top + np.log(np.exp(a - top).sum()), (emit, kept, a)


def softmax(z, axis):
    e = np.exp(z - z.max(axis, keepdims=True))
    return e / e.sum(axis, keepdims=True)


def crf_backward(dy, cache, wrong=""):
    emit, kept, a = cache
    da, demit, dtrans = dy * softmax(a, 0), np.zeros_like(emit), 0
    for i in range(len(emit) - 1, 0, -1):
        demit[i] = da
        m, _ = kept[i - 1]
        dm = softmax(m, 1 if wrong == "wrong axis" else 0) * da
        dtrans = dm if wrong == "last step alone" else dtrans + dm
        da = dm.sum(0 if wrong == "columns" else 1)
    demit[0] = da
    return demit, dtrans, 0 * da if wrong == "start forgotten" else da


def triplet(a, p, n):
    """mean max(0, |a - p|^2 - |a - n|^2 + 1)"""
    gap = ((a - p) ** 2).sum(1) - ((a - n) ** 2).sum(1) + 1
    return np.where(gap > 0, gap, 0).mean(), (a, p, n, gap)


def triplet_backward(dy, cache, wrong=""):
    a, p, n, gap = cache
    d = dy / (1 if wrong == "sum" else len(a)) * np.ones_like(gap) * (1 if wrong == "no margin" else gap > 0)
    d = d[:, None]
    da = 2 * d * ((a - p) - (a - n)) if wrong != "a once" else 2 * d * (a - p)
    return da, -2 * d * (a - p), (-2 if wrong == "sign of n" else 2) * d * (a - n)


def focal(logits, label=np.array([0, 2, 1, 2, 0])):
    """mean -(1 - p)^2 log p"""
    e = np.exp(logits - logits.real.max(1, keepdims=True))
    prob = e / e.sum(1, keepdims=True)
    p = prob[np.arange(len(label)), label]
    return (-((1 - p) ** 2) * np.log(p)).mean(), (prob, p, label)


def focal_backward(dy, cache, wrong=""):
    prob, p, label = cache
    dp = -((1 - p) ** 2) / p + (0 if wrong == "weight is constant" else 2 * (1 - p) * np.log(p))
    if wrong == "cubed":
        dp = dp * (1 - p)
    d = -prob * p[:, None]
    if wrong != "own class":
        d[np.arange(len(label)), label] += p
    return dy / (1 if wrong == "sum" else len(label)) * dp[:, None] * d


def huber(x, y):
    r = x - y
    small = abs(r.real) < 0.7
    return np.where(small, r * r / 2, 0.7 * np.sign(r.real) * r - 0.245).sum(1), (r, small)


def huber_backward(dy, cache, wrong=""):
    r, small = cache
    far = 1.0 if wrong == "delta lost" else 0.7
    d = r if wrong == "squared" else np.where(small, r, far * np.sign(r) if wrong != "no sign" else far)
    return dy[:, None] * d, dy[:, None] * (d if wrong == "sign of y" else -d)


def cosine(x, y):
    nx, ny = (np.sqrt((a * a).sum(1, keepdims=True)) for a in (x, y))
    ux, uy = x / nx, y / ny
    c = (ux * uy).sum(1, keepdims=True)
    return c[:, 0], (ux, uy, nx, ny, c)


def cosine_backward(dy, cache, wrong=""):
    ux, uy, nx, ny, c = cache
    d = dy[:, None]
    dx = d * (uy - (0 if wrong == "no projection" else c * ux)) / (1 if wrong == "norm lost" else nx)
    return dx, d * ((uy if wrong == "own one" else ux) - c * uy) / ny


def poisson(eta, w, k=np.array([0, 3, 1, 2, 7])):
    mu = np.exp(eta)
    return (w * (mu - k * eta)).sum(), (mu, eta, w, k)


def poisson_backward(dy, cache, wrong=""):
    mu, eta, w, k = cache
    d = (mu + k) if wrong == "sign of k" else (mu - (0 if wrong == "k lost" else k))
    return dy * d * (1 if wrong == "w lost" else w), dy * (mu - k * eta)


def shrink(x, t):
    """Soft threshold by columns."""
    size = np.where(x.real > 0, x, -x)
    on = size.real > t.real
    return np.where(on, np.where(x.real > 0, 1, -1) * (size - t), 0), (x, on)


def shrink_backward(dy, cache, wrong=""):
    x, on = cache
    d = dy if wrong == "no gate" else dy * on
    return d * np.sign(x) if wrong == "sign" else d, (d if wrong == "t by value" else -d * np.sign(x)).sum(0)


def normal(*shapes, size=1.0):
    return lambda rng: tuple(size * rng.normal(size=shape) for shape in shapes)


LAYERS = {
    "RMS norm": Layer(normal((2, 3, 5), 5), rms_norm, rms_norm_backward,
                      ("gamma left out", "r squared", "sum for mean", "r as a constant")),
    "group norm": Layer(normal((2, 4, 3), 4, 4), group_norm, group_norm_backward,
                        ("mean as a constant", "instance norm", "mean over the batch")),
    "weight norm": Layer(normal((4, 3), (3, 5), 5), weight_norm, weight_norm_backward,
                         ("no projection", "divided by the norm twice", "times g")),
    "GRU": Layer(normal((2, 3), (2, 4), (3, 3, 4), (3, 4, 4), (3, 4)), gru, gru_backward,
                 ("tanh gate", "h left out", "reset path", "stale h")),
    "causal attention": Layer(normal((2, 4, 3), (2, 4, 3), (2, 4, 3)), attention, attention_backward,
                              ("wrong axis", "own term lost", "root of d", "mask of ones", "not transposed")),
    "PReLU": Layer(normal((4, 3), (3, 5), 5), prelu, prelu_backward, ("other side", "no gate", "all of z")),
    "maxout": Layer(normal((4, 3), (3, 3, 5), (3, 5)), maxout, maxout_backward,
                    ("always the first", "shared", "b reversed")),
    "GELU with dropout": Layer(normal((4, 3), (3, 6), (6, 2)), gelu_mlp, gelu_mlp_backward,
                               ("3 lost", "product rule", "dropout lost")),
    "dilated convolution": Layer(normal((2, 2, 9), (3, 2, 3), 3), dilated, dilated_backward,
                                 ("dilation lost", "flipped", "last part alone", "mean for b")),
    "transposed convolution": Layer(normal((2, 2, 4), (2, 3, 3)), transposed, transposed_backward,
                                    ("stride 1", "shifted", "mean for w")),
    "max pool": Layer(normal((2, 4, 6)), max_pool, max_pool_backward, ("average", "last corner", "upside down")),
    "linear sampling": Layer(lambda rng: (rng.normal(size=(6, 3)), rng.uniform(0.1, 4.9, 7)), grid_sample,
                             grid_sample_backward, ("repeats overwrite", "weights swapped", "lower one lost")),
    "bilinear form": Layer(normal((3, 4), (2, 4, 4), (3, 4), 2), bilinear, bilinear_backward,
                           ("A transposed", "x for y", "symmetrised")),
    "quaternion": Layer(normal((3, 4), (3, 3)), quaternion, quaternion_backward,
                        ("order", "2 lost", "v once", "no normalisation")),
    "log det": Layer(normal((4, 4)), log_det, log_det_backward, ("diagonal", "transposed", "half")),
    "solve": Layer(lambda rng: (rng.normal(size=(4, 4)) + 4 * np.eye(4), rng.normal(size=4)), solve, solve_backward,
                   ("not transposed", "sign", "dA transposed")),
    "power spectrum": Layer(normal((2, 6), 6), power_spectrum, power_spectrum_backward,
                            ("n lost", "conjugated", "2 lost")),
    "CRF": Layer(normal((5, 3), (3, 3), 3), crf, crf_backward,
                 ("wrong axis", "last step alone", "columns", "start forgotten")),
    "triplet loss": Layer(normal((6, 3), (6, 3), (6, 3)), triplet, triplet_backward,
                          ("sum", "no margin", "a once", "sign of n")),
    "focal loss": Layer(normal((5, 3)), focal, focal_backward, ("weight is constant", "cubed", "own class", "sum")),
    "Huber": Layer(normal((3, 4), (3, 4)), huber, huber_backward, ("delta lost", "squared", "no sign", "sign of y")),
    "cosine": Layer(normal((4, 3), (4, 3)), cosine, cosine_backward, ("no projection", "norm lost", "own one")),
    "Poisson": Layer(normal(5, 5), poisson, poisson_backward, ("sign of k", "k lost", "w lost")),
    "soft threshold": Layer(lambda rng: (rng.normal(size=(5, 4)), rng.uniform(0.3, 0.9, 4)), shrink, shrink_backward,
                            ("no gate", "sign", "t by value")),
}  # fmt: skip
ANY_SIZE = ("RMS norm", "weight norm", "dilated convolution", "transposed convolution", "max pool", "bilinear form",
            "quaternion", "solve", "power spectrum", "PReLU", "maxout", "cosine")  # fmt: skip


# ---- points at kinks and close to them: which inputs have no gradient there -----------------------------


def tie(gap):
    """Each window of the pool has its two largest values `gap` apart."""

    def inputs(rng):
        x = rng.normal(size=(2, 4, 6))
        x[:, ::2, ::2] = 3.0
        x[:, ::2, 1::2] = 3.0 + gap
        return (x,)

    return inputs


def on_the_margin(gap):
    def inputs(rng):
        a, p, n = (rng.integers(-2, 3, (6, 3)).astype(float) for _ in range(3))
        n = a + [3.0, 0.0, 0.0]
        p = a + [2.0, 2.0, 0.0]
        p[:, 0] += gap
        return a, p, n

    return inputs


def rows_of_zero(gap):
    def inputs(rng):
        x, W, slope = rng.normal(size=(4, 3)), rng.normal(size=(3, 5)), rng.uniform(0.1, 0.9, 5)
        x[1:3] = gap
        return x, W, slope

    return inputs


def alike(gap):
    def inputs(rng):
        x, W, b = rng.normal(size=(4, 3)), rng.normal(size=(3, 3, 5)), rng.normal(size=(3, 5))
        W[1], b[1], b[2] = W[0], b[0] + gap, -9.0
        return x, W, b

    return inputs


def whole_positions(gap):
    return lambda rng: (rng.normal(size=(6, 3)), np.array([1.0, 2, 3, 2, 1, 4, 3]) + gap)


def on_the_threshold(gap):
    def inputs(rng):
        t = rng.uniform(0.3, 0.9, 4)
        return np.concatenate([[t + gap, -t - gap], rng.normal(size=(3, 4))]), t

    return inputs


KINKS = {  # a function of the distance, and the inputs that have no gradient at distance 0
    "max pool": (tie, "x"), "triplet loss": (on_the_margin, "a p n"), "PReLU": (rows_of_zero, "x"),
    "maxout": (alike, "x W b"), "linear sampling": (whole_positions, "at"),
    "soft threshold": (on_the_threshold, "x t"),
}  # fmt: skip


class Case(NamedTuple):
    """A gradient of a layer, right or wrong, at one point."""

    name: str
    layer: Layer
    wrong: str
    inputs: dict
    dtype: str
    outside: float
    dout: Any
    kinks: tuple  # the inputs that have no gradient here
    near: bool

    @property
    def right(self):
        return not self.wrong

    def forward(self, *args):
        """As somebody writes it who computes in this type."""
        args = args if self.dtype == "float64" else [a.astype(self.dtype) for a in args]
        y, cache = self.layer.forward(*args)
        return np.asarray(self.outside, self.dtype) * y, cache

    def backward(self, dout, cache):
        return self.layer.backward((self.outside * dout).astype(self.dtype), cache, self.wrong)

    def f(self, q):
        """The loss, in the type of q."""
        return (self.outside * self.dout * self.layer.forward(*q.values())[0]).sum()

    def grads(self):
        cache = self.layer.forward(*self.inputs.values())[1]
        return dict(zip(self.inputs, as_tuple(self.backward(self.dout, cache)), strict=True))


def as_tuple(answer):
    return answer if isinstance(answer, tuple) else (answer,)


def apart(wrong, right):
    """The largest difference over the largest entry, of the array where it is largest."""
    return max(np.abs(wrong[k] - right[k]).max() / max(np.abs(right[k]).max(), 1e-300) for k in right)


def cases(names=LAYERS):
    """The same in every run."""
    for dtype, least in (("float64", 1e-6), ("float32", 1e-3)):
        for name in names:
            layer, keys = LAYERS[name], LAYERS[name].forward.__code__.co_varnames
            points = [(1.0, s, None) for s in (1.0, *SCALES)]
            points += [(s, 1.0, None) for s in SCALES if name in ANY_SIZE]
            if name in KINKS and dtype == "float64":
                points += [(1.0, 1.0, gap) for gap in (0.0, 1e-9, -1e-9, 1e-4)]
            for inside, outside, gap in points:
                rng = np.random.default_rng(len(name))
                draw, kinks = (layer.inputs, "") if gap is None else (KINKS[name][0](gap), KINKS[name][1])
                inputs = {keys[i]: (inside * value).astype(dtype) for i, value in enumerate(draw(rng))}
                dout = rng.normal(size=np.shape(layer.forward(*inputs.values())[0]))
                where = f"{name}, {dtype}, inputs x {inside:g}, output x {outside:g}, kink at {gap}"
                common = inputs, dtype, outside, dout, kinks.split() if gap == 0 else (), bool(gap)
                plain = {key: value.astype(float) for key, value in inputs.items()}
                exact = Case("", layer, "", plain, "float64", *common[2:]).grads()
                for wrong in ("", *layer.mistakes):
                    case = Case(f"{wrong or 'right'}: {where}", layer, wrong, *common)
                    off = apart(case.grads(), exact)
                    if off >= least if wrong else off < 1e-4:
                        yield case


def verdict(case, how):
    """The report of `check` with a method, or of `check_layer`; "lost" where no complex step is possible."""
    if how == "check_layer":
        return check_layer(case.forward, case.backward, tuple(case.inputs.values()))
    try:
        return check(case.f, case.inputs, case.grads(), method=how)
    except TypeError as error:
        if "imaginary" not in str(error):
            raise
        return "lost"


class Score(NamedTuple):
    """The cases that went wrong, each with what was found."""

    alarms: list
    misses: list
    undecided: list
    lost: list


def score(grid, how):
    found = Score([], [], [], [])
    for case in grid:
        report = verdict(case, how)
        if report == "lost":
            found.lost.append((case, {}))
            continue
        statuses = {entry.name: entry.status for entry in report.entries.values()}
        if "error" in statuses.values():
            which = found.alarms if case.right else []
        else:
            which = found.undecided if not report else found.misses if case.wrong else []
        which.append((case, statuses))
    return found


def main(names):
    grid = list(cases(names or LAYERS))
    print(f"{sum(case.right for case in grid)} right gradients, {sum(not case.right for case in grid)} wrong ones\n")
    print("| asked with | false alarms | misses | cannot tell | no complex step |\n|---|---|---|---|---|")
    for how in ("complex", "central", "check_layer"):
        found = score(grid, how)
        print(f"| {how} | {' | '.join(str(len(part)) for part in found)} |", flush=True)
        for what, part in found._asdict().items():
            for case, statuses in part:
                print(f"{how}, {what}: {case.name} {statuses}", file=sys.stderr)


if __name__ == "__main__":
    main(sys.argv[1:])
