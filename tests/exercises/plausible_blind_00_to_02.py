"""Answers to 00 to 02 by a reader who had not seen the checks, and brothers of them; wrong ones with their hint."""

import math

import numpy as np
import readers
from readers import at_, sig

from afm_numpy import fm, optim

RIGHT, WRONG, R, W = readers.book()


def wrong(number, hint):
    return lambda answer: W(number, hint, answer)


def right(number):
    return lambda answer: R(number, answer)


def pair_sum(term):
    def pair_term(V, x):
        total = 0.0
        for i in range(len(x)):
            for j in range(i + 1, len(x)):
                total += term(V, x, i, j)
        return total

    return pair_term


def bi(E):
    return 0.5 * (E.sum(axis=1) ** 2 - (E**2).sum(axis=1))


def slope_by(step_down, quotient):
    def slopes(f, theta, eps=1e-5):
        slope = np.zeros_like(theta)
        for at in np.ndindex(theta.shape):
            up, down = theta.copy(), theta.copy()
            up[at] += eps
            down[at] -= step_down(eps)
            slope[at] = quotient(f, up, down, theta, eps)
        return slope

    return slopes


def softplus(z):
    return np.maximum(z, 0) + np.log1p(np.exp(-np.abs(z)))


def squared(a, y):
    return np.mean((a - y) ** 2)


def dsquared(a, y):
    return 2 * (a - y) / len(y)


def loop(rows_of, forward, upstream, total_of=lambda rows, loss: len(rows) * loss, shuffle=True):
    def fit(params, batch, y, optimizer, rng, epochs, batch_size):
        params = {name: value.copy() for name, value in params.items()}
        state, history = optim.init(optimizer, params), []
        for _ in range(epochs):
            order, total = (rng.permutation(len(y)) if shuffle else np.arange(len(y))), 0.0
            for start in range(0, len(y), batch_size):
                rows = rows_of(order, start, batch_size)
                y_hat, cache = forward(params, batch, rows)
                total += total_of(rows, squared(y_hat, y[rows]))
                grads = fm.backward(upstream(y_hat, y, rows), cache)
                optim.step(optimizer, params, grads, state)
            history.append(total / len(y))
        return params, history

    return fit


def NEXT(order, start, size):
    return order[start : start + size]


def FORWARD(params, batch, rows):
    return fm.forward(params, batch[rows])


def UP(y_hat, y, rows):
    return dsquared(y_hat, y[rows])


W("00.1", "one place too far: the best", lambda y_hat: np.argsort(y_hat)[-2:-5:-1])
W("00.1", "the place of each film in the", lambda y: np.argsort(np.argsort(y))[-3:])
W("00.1", "the places of four: keep three", lambda y: np.argsort(-y)[:4])
W("00.1", "True and False for each film, not", lambda y: y >= np.sort(y)[-3])
W("00.1", "", lambda y: [np.argmax(y)] * 3)
W("00.2", "the linear weights are left out", 7)
W("00.2", "the sign of a product, 1 * 1 - 1", 10)
W("00.2", "the mean of the pairs in the", 4 + 2 / 3)
W("00.2", "", 2.5)
W("00.2", "w0 is counted twice", 11)
W("00.2", "the signs of the products are lost", 4 + 2 + 4 + 2)
W("00.2", "the pairs are left out, as in the", 4)
W("00.2", "one of the linear weights is left", 5)
W("00.3", "the constant w0 is left out, or", ([0.2, 0.6, 0.2], 4))
W("00.3", "the two entries of p are exchanged", ([0.2, 0.6, 0.2], -7))
W(
    "00.3",
    "log 3 in the place of exp(log 3)",
    ([1 / (2 + math.log(3)), math.log(3) / (2 + math.log(3)), 1 / (2 + math.log(3))], 5),
)
W("00.3", "the sign of a product: 1 * -3 is", ([0.2, 0.6, 0.2], 4 + 14 + 9))
W("00.3", "the sum of the pairs is divided", ([0.2, 0.6, 0.2], 4 + 5 / 3))
W("00.3", "", ([1 / 4, 1 / 2, 1 / 4], 4 + 15 - 7.5))
W("01.1", "only the first factor: V[i] @", pair_sum(lambda V, x, i, j: V[i, 0] * V[j, 0] * x[i] * x[j]))
W("01.1", "x[i] + x[j] in the place of their", pair_sum(lambda V, x, i, j: V[i] @ V[j] * (x[i] + x[j])))
W("01.1", "V[i] @ V[i]: the vector of j is", pair_sum(lambda V, x, i, j: V[i] @ V[i] * x[i] * x[j]))
W("01.1", "each vector is added up before", pair_sum(lambda V, x, i, j: V[i].sum() * V[j].sum() * x[i] * x[j]))
W("01.1", "x[i] twice: x[j] is the other", pair_sum(lambda V, x, i, j: V[i] @ V[j] * x[i] * x[i]))
W("01.1", "the distance of the two vectors", pair_sum(lambda V, x, i, j: ((V[i] - V[j]) ** 2).sum() * x[i] * x[j]))
W("01.1", "x[j] twice: x[i] is the other", pair_sum(lambda V, x, i, j: V[i] @ V[j] * x[j] * x[j]))
W("01.1", "", pair_sum(lambda V, x, i, j: V.T[i % V.shape[1]] @ V.T[j % V.shape[1]] * x[i] * x[j]))
W("01.1", "", pair_sum(lambda V, x, i, j: (x[i] * V[i] + x[j] * V[j]).sum()))
W("01.2", "the mean in the place of both sums", lambda E: 0.5 * (E.mean(axis=1) ** 2 - (E**2).mean(axis=1)))
W("01.2", "cubed: the sum is squared", lambda E: 0.5 * (E.sum(axis=1) ** 3 - (E**2).sum(axis=1)))
W("01.2", "divided by the number of slots", lambda E: (E.sum(axis=1) ** 2 - (E**2).sum(axis=1)) / E.shape[1])
W("01.2", "the root of the sum is too much", lambda E: 0.5 * np.sqrt(np.abs(E.sum(axis=1) ** 2 - (E**2).sum(axis=1))))
W("01.2", "only the first two slots: every", lambda E: E[:, 0] * E[:, 1])
W(
    "01.3",
    "all entries of linear are added",
    lambda w0, w, V, idx, x: w0 + (w[idx] * x).sum() + bi(V[idx] * x[:, :, None]).sum(axis=1),
)
W(
    "01.3",
    "the pairs of all rows are added",
    lambda w0, w, V, idx, x: w0 + (w[idx] * x).sum(axis=1) + bi(V[idx] * x[:, :, None]).sum(),
)
W(
    "01.3",
    "x counts twice as a factor in E",
    lambda w0, w, V, idx, x: w0 + (w[idx] * x).sum(axis=1) + bi(V[idx] * x[:, :, None] ** 2).sum(axis=1),
)
W(
    "01.3",
    "idx is not used in linear: the",
    lambda w0, w, V, idx, x: w0 + x @ w[: x.shape[1]] + bi(V[idx] * x[:, :, None]).sum(axis=1),
)
W(
    "01.3",
    "a factor 1/2 at pairs in y_hat is",
    lambda w0, w, V, idx, x: w0 + (w[idx] * x).sum(axis=1) + 0.5 * bi(V[idx] * x[:, :, None]).sum(axis=1),
)
W(
    "01.3",
    "bi_interaction is averaged over",
    lambda w0, w, V, idx, x: w0 + (w[idx] * x).sum(axis=1) + bi(V[idx] * x[:, :, None]).mean(axis=1),
)
W(
    "01.3",
    "all of w is added up: a row holds",
    lambda w0, w, V, idx, x: w0 + w.sum() + bi(V[idx] * x[:, :, None]).sum(axis=1),
)
R("01.4", lambda d, E: np.einsum("b,bik->bik", d, E.sum(axis=1, keepdims=True) - E))
W("01.4", "e_i itself in the place of the", lambda d, E: d[:, None, None] * E)
W("01.4", "half of e_i is taken away: all of", lambda d, E: d[:, None, None] * (E.sum(axis=1, keepdims=True) - 0.5 * E))
W("01.4", "brackets: dy_hat multiplies both", lambda d, E: d[:, None, None] * E.sum(axis=1, keepdims=True) - E)
W(
    "01.4",
    "the mean of the others in the",
    lambda d, E: d[:, None, None] * (E.sum(axis=1, keepdims=True) - E) / (E.shape[1] - 1),
)
W("01.4", "e_i is added: it must be taken", lambda d, E: d[:, None, None] * (E.sum(axis=1, keepdims=True) + E))
W("01.4", "the sum of all, once a row: each", lambda d, E: d[:, None] * E.sum(axis=1))
W("01.4", "only the next slot: all others", lambda d, E: d[:, None, None] * np.roll(E, -1, axis=1))
W(
    "01.5",
    "averaged over the slots that hold",
    lambda d, idx, x, n: at_(n, idx, d[:, None] * x) / np.maximum(at_(n, idx, np.ones(x.shape)), 1),
)
W("01.5", "all of dy_hat is added up first", lambda d, idx, x, n: at_(n, idx, d.sum() * x))
W("01.5", "dy_hat squared: it is a factor", lambda d, idx, x, n: at_(n, idx, d[:, None] ** 2 * x))
W("01.5", "", lambda d, idx, x, n: np.zeros_like(x))
W(
    "01.6",
    "x is added up over its row: each",
    lambda dE, idx, x, n: at_((n, dE.shape[2]), idx, dE * x.sum(axis=1)[:, None, None]),
)
W(
    "01.6",
    "some rows are right: look at what",
    lambda dE, idx, x, n: at_(
        (n, dE.shape[2]), idx, np.broadcast_to((dE * x[:, :, None]).sum(axis=2, keepdims=True), dE.shape)
    ),
)
W("01.6", "x of another slot: the slots", lambda dE, idx, x, n: at_((n, dE.shape[2]), idx, dE * x[:, ::-1, None]))
W(
    "01.6",
    "some rows are right: look at what",
    lambda dE, idx, x, n: at_(
        (n, dE.shape[2]), (np.broadcast_to(np.arange(len(idx))[:, None], idx.shape),), dE * x[:, :, None]
    ),
)


@right("01.7")
def slopes_2(f, theta, eps=1e-5):
    slope = np.zeros_like(theta)
    for at in np.ndindex(theta.shape):
        up, down = theta.copy(), theta.copy()
        up[at] += eps
        down[at] -= eps
        slope[at] = (f(up) - f(down)) / (up[at] - down[at])
    return slope


W("01.7", "down by 2 eps: each of the two", slope_by(lambda e: 2 * e, lambda f, u, d, t, e: (f(u) - f(d)) / (2 * e)))
W("01.7", "the two are added: subtract", slope_by(lambda e: e, lambda f, u, d, t, e: (f(u) + f(d)) / (2 * e)))
W("01.7", "down by 1 in the place of eps", slope_by(lambda e: 1, lambda f, u, d, t, e: (f(u) - f(d)) / (2 * e)))


@wrong("01.7", "1e-5 is written out for one of")
def slopes_1(f, theta, eps=1e-5):
    slope = np.zeros_like(theta)
    for at in np.ndindex(theta.shape):
        up, down = theta.copy(), theta.copy()
        up[at] += 1e-5
        down[at] -= eps
        slope[at] = (f(up) - f(down)) / (2 * eps)
    return slope


W("01.7", "one step alone: up and down are", slope_by(lambda e: e, lambda f, u, d, t, e: (f(t) - f(d)) / e))
W(
    "01.7",
    "a second derivative: the slope is",
    slope_by(lambda e: e, lambda f, u, d, t, e: (f(u) - 2 * f(t) + f(d)) / e**2),
)
W("02.1", "the squares are subtracted", lambda a, y: np.mean(a**2 - y**2))
W("02.1", "divided by B - 1, not by B", lambda a, y: ((a - y) ** 2).sum() / (len(y) - 1))
W("02.1", "the mean of the errors is taken", lambda a, y: np.var(a - y))
W("02.1", "the largest in the place of the", lambda a, y: np.max((a - y) ** 2))
W("02.1", "the median in the place of the", lambda a, y: np.median((a - y) ** 2))
W("02.2", "still squared: with the 2 the", lambda a, y: 2 * (a - y) ** 2 / len(y))
W("02.2", "multiplied by B, not divided", lambda a, y: 2 * (a - y) * len(y))
W("02.2", "a factor y_hat is too much, or a", lambda a, y: 2 * (a - y) * a / len(y))
W("02.2", "the absolute value of dy_hat is", lambda a, y: 2 * np.abs(a - y) / len(y))
W("02.2", "only the sign of the error: that", lambda a, y: np.sign(a - y) / len(y))
W("02.2", "a mean in the place of a sum", lambda a, y: 2 * (a - y) / len(y) ** 2)
W("02.2", "divided by the root of B", lambda a, y: 2 * (a - y) / np.sqrt(len(y)))
W("02.2", "the third power: the derivative", lambda a, y: 2 * (a - y) ** 3 / len(y))
W("02.2", "the gradient of the root: this", lambda a, y: (a - y) / len(y) / np.sqrt(np.mean((a - y) ** 2)))
R("02.3", lambda z: np.where(z > 0, z, 0) + np.log1p(np.exp(np.where(z > 0, -z, z))))
R("02.3", lambda z: np.where(z > 0, z + np.log1p(np.exp(-np.abs(z))), np.log1p(np.exp(-np.abs(z)))))
W("02.3", "log(1 + u) loses the digits of a", lambda z: np.maximum(z, 0) + np.log(1 + np.exp(-np.abs(z))))
W("02.3", "that is the form for z > 0: for z", lambda z: z + np.log1p(np.exp(-z)))
W("02.3", "that is the sigmoid, the slope of", lambda z: sig(z))
W("02.3", "1 is added twice: log1p adds it", lambda z: np.maximum(z, 0) + np.log1p(1 + np.exp(-np.abs(z))))
W("02.3", "z is clipped at 30: a large z", lambda z: np.log1p(np.exp(np.clip(z, -30, 30))))
W("02.3", "the logarithm is taken away, not", lambda z: np.maximum(z, 0) - np.log1p(np.exp(-np.abs(z))))
W("02.3", "", lambda z: np.maximum(z, 0) + np.log1p(np.exp(-np.abs(z))) / np.log(2))
W("02.3", "log1p of expm1: log1p takes exp", lambda z: np.maximum(z, 0) + np.log1p(np.expm1(-np.abs(z))))
W("02.3", "max(z, 0), not max(z, 1)", lambda z: np.maximum(z, 1) + np.log1p(np.exp(-np.abs(z))))
W("02.4", "y is missing, as if it were 1", lambda a, y: softplus(-a).mean())
W("02.4", "y does not go into softplus", lambda a, y: softplus(a - y).mean())
W("02.4", "the labels are exchanged: y_hat", lambda a, y: np.mean(softplus(a) - (1 - y) * a))
W("02.4", "the squared loss of the", lambda a, y: np.mean((sig(a) - y) ** 2))
W("02.4", "the sigmoid in the place of", lambda a, y: np.mean(sig(a) - y * a))
W("02.4", "only the rows with y = 0 count", lambda a, y: np.mean((1 - y) * softplus(a)))
W("02.4", "y y_hat is taken away, and does", lambda a, y: np.mean(softplus(y * a)))
R("02.5", lambda a, y: (np.exp(-np.logaddexp(0, -a)) - y) / len(y))
W("02.5", "the slope of the sigmoid is too", lambda a, y: (sig(a) - y) * sig(a) * (1 - sig(a)) / len(y))
W("02.5", "the derivative of y y_hat is y", lambda a, y: (sig(a) - y * a) / len(y))
W("02.5", "the sigmoid is taken twice", lambda a, y: (sig(sig(a)) - y) / len(y))
W("02.5", "the slope of the sigmoid, not the", lambda a, y: sig(a) * (1 - sig(a)) / len(y))
W("02.5", "exp overflows: losses.sigmoid", lambda a, y: (np.exp(a) / (1 + np.exp(a)) - y) / len(y))
W("02.5", "0 or 1 in the place of the", lambda a, y: ((a > 0) - y) / len(y))
W("02.5", "that is for the squared loss of", lambda a, y: 2 * (sig(a) - y) * sig(a) * (1 - sig(a)) / len(y))
W("02.5", "tanh in the place of the sigmoid", lambda a, y: (np.tanh(a) - y) / len(y))
W("02.5", "y is no factor of the sigmoid", lambda a, y: (sig(a) - y * sig(a)) / len(y))
W("02.5", "the logarithm of the sigmoid", lambda a, y: (np.log(sig(a)) - y) / len(y))
W("02.6", "only the sign of g", lambda t, g, lr: t - lr * np.sign(g))
W("02.6", "g is divided by its length", lambda t, g, lr: t - lr * g / np.linalg.norm(g))
W("02.6", "g and theta are exchanged", lambda t, g, lr: g - lr * t)
W("02.6", "the mean over all entries of g in", lambda t, g, lr: t - lr * g.mean())
W("02.6", "theta shrinks as well: only the", lambda t, g, lr: (1 - lr) * t - lr * g)
W(
    "02.7",
    "all entries of acc_new are added",
    lambda t, g, acc, lr, eps: (t - lr * g / (np.sqrt((acc + g**2).sum()) + eps), acc + g**2),
)
W(
    "02.7",
    "acc fades: that is RMSprop",
    lambda t, g, acc, lr, eps: (t - lr * g / (np.sqrt(0.9 * acc + 0.1 * g**2) + eps), 0.9 * acc + 0.1 * g**2),
)
W(
    "02.7",
    "acc holds the sum of the squares",
    lambda t, g, acc, lr, eps: (t - lr * g / (np.sqrt(acc + g**2) + eps), np.sqrt(acc + g**2)),
)
W(
    "02.7",
    "eps is squared, in the root",
    lambda t, g, acc, lr, eps: (t - lr * g / np.sqrt((acc + g**2) + eps**2), acc + g**2),
)
W(
    "02.7",
    "a cube root: it is a square root",
    lambda t, g, acc, lr, eps: (t - lr * g / (np.cbrt(acc + g**2) + eps), acc + g**2),
)
W(
    "02.7",
    "lr does not go into acc",
    lambda t, g, acc, lr, eps: (t - lr * g / (np.sqrt(acc + lr * g**2) + eps), acc + lr * g**2),
)
W(
    "02.7",
    "the square is taken away: add it",
    lambda t, g, acc, lr, eps: (t - lr * g / (np.sqrt(np.abs(acc - g**2)) + eps), acc - g**2),
)
W(
    "02.7",
    "the squares of a column are added",
    lambda t, g, acc, lr, eps: (t - lr * g / (np.sqrt(acc + (g**2).sum(axis=0)) + eps), acc + (g**2).sum(axis=0)),
)
W("02.8", "", loop(lambda o, s, b: o[s:b] if s < b else o[:1], FORWARD, UP))
W("02.8", "one row too few: the end of a", loop(lambda o, s, b: o[s : s + b - 1], FORWARD, UP))
W("02.8", "one row: a batch holds batch_size", loop(lambda o, s, b: o[s : s + 1], FORWARD, UP))
W("02.8", "y_hat in the place of dy_hat: use", loop(NEXT, FORWARD, lambda a, y, r: a))
W("02.8", "", loop(NEXT, FORWARD, lambda a, y, r: dsquared(a, y[: len(r)])))
W("02.8", "", loop(NEXT, lambda p, b, r: fm.forward(p, b[: len(r)]), UP))
W("02.8", "ones in the place of dy_hat: use", loop(NEXT, FORWARD, lambda a, y, r: np.ones(len(r))))
W("02.8", "divided by all rows, not by those", loop(NEXT, FORWARD, lambda a, y, r: 2 * (a - y[r]) / len(y)))
W("02.8", "every second or third row: the", loop(lambda o, s, b: o[s // b :: max(1, -(-len(o) // b))], FORWARD, UP))
W("02.8", "the loss in the place of dy_hat", loop(NEXT, FORWARD, lambda a, y, r: np.full(len(r), squared(a, y[r]))))
W("02.8", "the slope of another loss: use", loop(NEXT, FORWARD, lambda a, y, r: (sig(a) - y[r]) / len(r)))
W("02.8", "", loop(lambda o, s, b: o[s + 1 : s + 1 + b], FORWARD, UP))
W("02.8", "from the end: the order is gone", loop(lambda o, s, b: o[::-1][s : s + b], FORWARD, UP))
W("02.8", "one row too many: the end of a", loop(lambda o, s, b: o[s : s + b + 1], FORWARD, UP))
W("02.8", "half of dy_hat: use", loop(NEXT, FORWARD, lambda a, y, r: 0.5 * dsquared(a, y[r])))
W("02.8", "twice dy_hat: use squared_backward", loop(NEXT, FORWARD, lambda a, y, r: 2 * dsquared(a, y[r])))
W("02.8", "only the sign of the error: use", loop(NEXT, FORWARD, lambda a, y, r: np.sign(a - y[r]) / len(r)))
W("02.8", "the targets in the place of", loop(NEXT, FORWARD, lambda a, y, r: y[r]))
W("02.8", "", loop(NEXT, FORWARD, lambda a, y, r: 2 * (a - y[: len(r)]) / len(r)))
W("02.8", "", loop(lambda o, s, b: o[2 * s : 2 * s + b] if 2 * s < len(o) else o[:1], FORWARD, UP))
