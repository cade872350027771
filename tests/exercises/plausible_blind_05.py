"""Answers to 05 by a reader who had not seen the checks, and brothers of them; wrong ones with their hint."""

import numpy as np
import readers
from readers import at_, nb, sb, sig

RIGHT, WRONG, R, W = readers.book()


def slope_along(f, theta, d):
    return f(theta + 1e-20j * d).imag / 1e-20


def ge(measured=None, error=None):
    def gradient_error(f, theta, by_hand):
        m = np.zeros(theta.shape)
        for at in np.ndindex(theta.shape):
            d = np.zeros(theta.shape)
            d[at] = 1
            m[at] = slope_along(f, theta, d)
        m = measured(m, f, theta) if measured else m
        return {
            "measured": m,
            "error": error(m, by_hand) if error else np.abs(m - by_hand).max() / np.abs(by_hand).max(),
        }

    return gradient_error


def fmdV(dE_of, scatter=at_, x_at=lambda x: x[:, :, None]):
    def fm_dV(dy_hat, idx, x, V):
        E = V[idx] * x[:, :, None]
        return scatter(V.shape, idx, dE_of(dy_hat, E) * x_at(x))

    return fm_dV


def OTHERS(d, E):
    return d[:, None, None] * (E.sum(axis=1, keepdims=True) - E)


def nb5(**change):
    inner = nb(**change)
    return lambda ds, M, Z, R, h: {k: v for k, v in inner(ds, M, Z, R, h).items()}


def ig(da_of, dM_of=None, ds_of=sb):
    def interactions_gradient(dpooled, M, a, Z, W, h):
        dM_pooling = a[:, :, None] * dpooled[:, None, :]
        da = da_of(M, dpooled, a)
        ds = ds_of(da, a)
        dZ = ds[:, :, None] * h * (Z > 0)
        return dM_of(dM_pooling, dZ, W) if dM_of else dM_pooling + dZ @ W.T

    return interactions_gradient


def DA(M, dq, a):
    return (M * dq[:, None]).sum(axis=2)


def ada(theta_of, acc_of=lambda acc, g: acc + g**2):
    def adagrad_step(theta, acc, g, lr):
        new = acc_of(acc, g)
        return theta_of(theta, acc, new, g, lr), new

    return adagrad_step


def bat(of):
    def batches(rng, n, size):
        return of(rng, n, size)

    return batches


def cen(line, e):
    return (line(e) - line(-e)) / (2 * e)


W("05.1", "upside down: t is below", lambda u, f, t: (t / (3 * u * f)) ** (1 / 3))
W("05.1", "** 1 / 3 is a third of the power", lambda u, f, t: (3 * u * f / t) ** 1 / 3)
W(
    "05.1",
    "the error there, not the step",
    lambda u, f, t: (lambda e: e**2 * t / 6 + u * f / e)((3 * u * f / t) ** (1 / 3)),
)
W("05.1", "6e-6 is the step of one function", lambda u, f, t: 6e-6)
W("05.1", "3 belongs under the root", lambda u, f, t: 3 * (u * f / t) ** (1 / 3))
W("05.1", "a fourth root instead of a cube", lambda u, f, t: (3 * u * f / t) ** 0.25)
W("05.1", "2 in the place of 3", lambda u, f, t: (2 * u * f / t) ** (1 / 3))
W("05.1", "divided by 3, not multiplied", lambda u, f, t: np.cbrt(u * f / (3 * t)))
R("05.2", lambda f, th, d: -f(th - 1e-20j * d).imag / 1e-20)
W("05.2", "a step of 0.001 is too large for", lambda f, th, d: f(th + 1e-3j * d).imag / 1e-3)
W("05.2", "not divided by eps, or a real", lambda f, th, d: ((f(th + 1e-20j * d) - f(th)) / 1e-20).real)
W("05.2", "d is divided by its length", lambda f, th, d: f(th + 1e-20j * d / np.linalg.norm(d)).imag / 1e-20)
W("05.2", "d is a factor once more", lambda f, th, d: f(th + 1e-20j * d).imag / 1e-20 * d.sum())
W("05.2", "a slope may be negative: no", lambda f, th, d: abs(f(th + 1e-20j * d).imag) / 1e-20)
W("05.2", "d is multiplied by theta: add it", lambda f, th, d: f(th * (1 + 1e-20j * d)).imag / 1e-20)
W("05.2", "the first entry of d alone", lambda f, th, d: f(th + 1e-20j * d * (np.arange(d.size) == 0)).imag / 1e-20)
W("05.3", "norms in the place of the largest", ge(error=lambda m, g: np.linalg.norm(m - g) / np.linalg.norm(g)))
W("05.3", "by_hand may be negative: its", ge(error=lambda m, g: np.abs(m - g).max() / g.max()))
W(
    "05.3",
    "the difference of the largest",
    ge(error=lambda m, g: abs(np.abs(m).max() - np.abs(g).max()) / np.abs(g).max()),
)
W("05.3", "a number for each entry: take the", ge(error=lambda m, g: np.abs(m - g) / np.abs(g).max()))
W("05.3", "the direction keeps its old", ge(measured=lambda m, f, th: np.cumsum(m.ravel()).reshape(m.shape)))
W("05.3", "a factor theta is too much in", ge(measured=lambda m, f, th: m * th))
W("05.3", "the smallest difference: take the", ge(error=lambda m, g: np.abs(m - g).min() / np.abs(g).max()))
W("05.3", "the sum of the differences: take", ge(error=lambda m, g: np.abs(m - g).sum() / np.abs(g).max()))
W("05.3", "error is squared", ge(error=lambda m, g: ((m - g) ** 2).max() / (g**2).max()))
W("05.3", "the median of the differences", ge(error=lambda m, g: np.median(np.abs(m - g)) / np.abs(g).max()))
W("05.3", "divided by the mean entry: divide", ge(error=lambda m, g: np.abs(m - g).max() / np.abs(g).mean()))
W(
    "05.3",
    "divided by both: divide by the",
    ge(error=lambda m, g: np.abs(m - g).max() / (np.abs(m).max() + np.abs(g).max())),
)
W("05.3", "", ge(error=lambda m, g: np.abs(m - g).max() / np.ptp(g)))
W("05.3", "divided by the sum of the", ge(error=lambda m, g: np.abs(m - g).max() / np.abs(g).sum()))
W(
    "05.4",
    "the mean of what a feature gets",
    fmdV(OTHERS, lambda shape, idx, v: at_(shape, idx, v) / np.maximum(at_(shape[0], idx, 1.0), 1)[:, None]),
)
W(
    "05.4",
    "added up over all features: each",
    fmdV(OTHERS, lambda shape, idx, v: np.repeat(v.sum(axis=(0, 1))[None], shape[0], 0)),
)
W("05.4", "", lambda d, idx, x, V: at_(V.shape, idx, OTHERS(d, V[idx] * x[:, :, None]) * x[:, :, None] * V[idx]))
W("05.5", "this still gives what the code", lambda a, y: (sig(a) - y) / len(y) * sig(a) * (1 - sig(a)))
W("05.5", "the measured gradient is still", lambda a, y: (sig(a) - y) / len(y) * sig(a))
W("05.5", "the measured gradient is still", lambda a, y: (sig(a) - y) / len(y) * (1 - sig(a)))
W("05.5", "now the measured gradient is", lambda a, y: (sig(a) - y) / len(y) / (sig(a) * (1 - sig(a))))
W("05.5", "a constant does not mend what is", lambda a, y: 4 * (sig(a) - y) / len(y) * sig(a) * (1 - sig(a)))
W("05.5", "now the measured gradient is", lambda a, y: (sig(a) - y) / len(y) / sig(a))
W("05.5", "the error is squared", lambda a, y: (sig(a) - y) ** 2 / len(y))
W("05.6", "this still gives what the code", lambda da, a: a * (da - (a * da).sum(axis=1)))
W("05.6", "the sum of da over the rows, not", lambda da, a: a * (da - da.sum(axis=0)))
W("05.7", "this still gives what the code", nb5(dh=lambda ds, Z, R: np.einsum("bp,bpt->t", ds, Z)))
W("05.7", "the absolute value does not mend", nb5(dh=lambda ds, Z, R: np.einsum("bp,bpt->t", ds, np.abs(Z))))
W("05.7", "dh is a mean: h serves every pair", nb5(dh=lambda ds, Z, R: np.einsum("bp,bpt->t", ds, R) / len(ds)))
W(
    "05.7",
    "h is no factor of dh",
    lambda ds, M, Z, R, h: {**nb()(ds, M, Z, R, h), "dh": np.einsum("bp,bpt->t", ds, R * h)},
)
W("05.7", "no result is called", lambda ds, M, Z, R, h: {"h": nb()(ds, M, Z, R, h)["dh"]})
W("05.7", "", nb5(dh=lambda ds, Z, R: np.einsum("bp,bpt->t", ds, R) * 0 + np.einsum("bp,bpt->t", ds, (Z > 0) * R * R)))
W("05.8", "this still gives what the code", ig(lambda M, dq, a: (a[:, :, None] * dq[:, None] * M).sum(axis=2)))
W("05.8", "the term a a^T is dropped, in ds", ig(DA, None, lambda da, a: a * da))
W("05.8", "a is missing in front of the", ig(DA, None, lambda da, a: da - (a * da).sum(axis=1, keepdims=True)))
W("05.8", "the mean over the factors in da", ig(lambda M, dq, a: (M * dq[:, None]).mean(axis=2)))
W("05.8", "the two paths add up", ig(DA, lambda dMp, dZ, W: dMp - dZ @ W.T))
W("05.8", "", ig(DA, lambda dMp, dZ, W: dMp + dMp * (dZ @ W.T)))
W("05.9", "this still gives what the code", ada(lambda t, old, new, g, lr: t - lr * g / (np.sqrt(old) + 1e-8)))
W("05.9", "a larger eps hides it: the first", ada(lambda t, old, new, g, lr: t - lr * g / (np.sqrt(old) + 1)))
W("05.9", "the square of g is added twice", ada(lambda t, old, new, g, lr: t - lr * g / (np.sqrt(new + g**2) + 1e-8)))
W("05.9", "something else than acc is under", ada(lambda t, old, new, g, lr: t - lr * g / np.sqrt(new + 1)))
W("05.9", "half of acc is under the root", ada(lambda t, old, new, g, lr: t - lr * g / (np.sqrt(new / 2) + 1e-8)))
W("05.9", "", ada(lambda t, old, new, g, lr: t - lr * g / (np.sqrt(old) + np.abs(g) + 1e-8)))
R("05.10", bat(lambda rng, n, size: np.split(rng.permutation(n), range(size, n, size))))
R("05.10", lambda rng, n, size: np.split(rng.choice(n, n, replace=False), range(size, n, size)))
R("05.10", lambda rng, n, size: np.split(np.argsort(rng.random(n)), range(size, n, size)))
R("05.10", lambda rng, n, size: np.split(rng.permuted(np.arange(n)), range(size, n, size)))
W(
    "05.10",
    "this still gives what the code",
    bat(lambda rng, n, size: [rng.permutation(n)[s : s + size] for s in range(0, n, size)]),
)
W(
    "05.10",
    "each row is drawn anew, so that",
    bat(lambda rng, n, size: [rng.integers(0, n, min(size, n - s)) for s in range(0, n, size)]),
)
W(
    "05.10",
    "equal parts: all batches but the",
    bat(lambda rng, n, size: np.array_split(rng.permutation(n), -(-n // size))),
)
W(
    "05.10",
    "neighbours stay together: shuffle",
    bat(lambda rng, n, size: [rng.permutation(np.arange(s, min(s + size, n))) for s in range(0, n, size)]),
)
W(
    "05.10",
    "a batch ends at start + size, not",
    bat(lambda rng, n, size: (lambda o: [o[s:size] for s in range(0, n, size)])(rng.permutation(n))),
)
W(
    "05.10",
    "the last batch is filled up: it",
    bat(
        lambda rng, n, size: (lambda o: [np.resize(o, -(-n // size) * size)[s : s + size] for s in range(0, n, size)])(
            rng.permutation(n)
        )
    ),
)
W(
    "05.10",
    "a seed of its own: every epoch",
    bat(
        lambda rng, n, size: (lambda o: [o[s : s + size] for s in range(0, n, size)])(
            np.random.default_rng(0).permutation(n)
        )
    ),
)
W(
    "05.10",
    "an empty batch is too much at the",
    lambda rng, n, size: (lambda o: [o[s : s + size] for s in range(0, n + size, size)])(rng.permutation(n)),
)
W("05.11", "the two are averaged: c drops out", lambda line, e: (4 * cen(line, e) + cen(line, 2 * e)) / 5)
W("05.11", "half a step: c is smaller, but", lambda line, e: cen(line, e / 2))
W("05.11", "3 and 2: the error grows by 4, so", lambda line, e: (3 * cen(line, e) - cen(line, 2 * e)) / 2)
W("05.11", "16 and 15: that cancels the term", lambda line, e: (16 * cen(line, e) - cen(line, 2 * e)) / 15)
W("05.11", "the narrow one has the larger", lambda line, e: (4 * cen(line, e) - cen(line, e / 2)) / 3)
W("05.11", "the wide one is taken away, not", lambda line, e: (cen(line, e) + 4 * cen(line, 2 * e)) / 5)
W("05.11", "the difference of the two alone", lambda line, e: cen(line, e) - cen(line, 2 * e))
R("05.12", lambda ds, z, h: (np.outer(ds, h) * np.exp(-np.logaddexp(0, -z)), ds @ np.logaddexp(z, 0)))
W(
    "05.12",
    "softplus in the place of its slope",
    lambda ds, z, h: (ds[:, None] * h * np.logaddexp(0, z), ds @ np.logaddexp(0, z)),
)
W(
    "05.12",
    "exp(z) overflows: no exponent may",
    lambda ds, z, h: (ds[:, None] * h * np.exp(z) / (1 + np.exp(z)), ds @ np.log(1 + np.exp(z))),
)
W("05.12", "the results stand in another", lambda ds, z, h: (ds @ np.logaddexp(0, z), ds[:, None] * h * sig(z)))
W("05.12", "the slope in the place of softplus", lambda ds, z, h: (ds[:, None] * h * sig(z), ds @ sig(z)))
W("05.12", "the sigmoid is squared", lambda ds, z, h: (ds[:, None] * h * sig(z) ** 2, ds @ np.logaddexp(0, z)))
W(
    "05.12",
    "dh is added up over the units",
    lambda ds, z, h: (ds[:, None] * h * sig(z), (ds[:, None] * np.logaddexp(0, z)).sum(axis=1)),
)
