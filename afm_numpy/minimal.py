"""FM and AFM, the whole of it: forward, backward, losses, optimizers, training, a gradient check. NumPy alone.

    y_hat = w0 + sum_i w_i x_i + sum_{i<j} <v_i, v_j> x_i x_j      FM, eq. (1)

    m_p   = (v_i * v_j) x_i x_j        for each pair p = (i, j), i < j, of the row's features       eq. (2)
    s_p   = h . relu(W m_p + b)        the score of a pair, the paper's a'_ij                       eq. (5)
    a_p   = exp(s_p) / sum_q exp(s_q)  its attention: the weights of a row sum to 1                 eq. (5)
    y_hat = w0 + sum_i w_i x_i + p . sum_p a_p m_p                 AFM, eq. (6)

The equations are those of the AFM paper (Xiao et al., IJCAI 2017); FM is by Rendle (ICDM 2010). A row has m features:
their ids `idx` (B, m) and values `x` (B, m), none of them 0. The rest of the package gives the same numbers, and adds
rows of different lengths, dropout, other ways to weight the pairs, row-sparse gradients and speed.

Shapes: B rows, m features per row, P = m(m-1)/2 pairs, n features in all, k factors, t attention size.
W is stored (k, t), the paper's transposed. A cache holds what backward needs; d<name> is dL/d<name>.

    python -m afm_numpy.minimal                hides a pair in data, trains both models, and finds it
"""

import numpy as np

Array = np.ndarray
Params = dict[str, np.ndarray]
Arrays = tuple[np.ndarray, ...]


def init_params(rng: np.random.Generator, n: int, k: int, m: int = 0, t: int = 0, std: float = 0.01) -> Params:
    """FM's parameters, and with m and t AFM's. p starts at P because the softmax divides by about that number."""
    params = {"w0": np.array(0.0), "w": np.zeros(n), "V": std * rng.standard_normal((n, k))}
    if t:
        W, b = (np.sqrt(2 / (k + t)) * rng.standard_normal(shape) for shape in ((k, t), t))
        params |= {"p": np.full(k, m * (m - 1) / 2), "W": W, "b": b, "h": rng.standard_normal(t)}
    return params


# ---- the models, forward and backward ----------------------------------------------------------------


def fm_forward(params: Params, idx: Array, x: Array) -> tuple[Array, Arrays]:
    """y_hat (B,). The sum over pairs costs O(mk): sum_{i<j} e_i e_j = 1/2 [(sum_i e_i)^2 - sum_i e_i^2]."""
    w0, w, V = (params[name] for name in ("w0", "w", "V"))
    E = V[idx] * x[:, :, None]                                     # (B, m, k)  e_i = v_i x_i
    sum_e = E.sum(axis=1)                                          # (B, k)
    pooled = 0.5 * (sum_e * sum_e - (E * E).sum(axis=1))           # (B, k)
    y_hat = w0 + (w[idx] * x).sum(axis=1) + pooled.sum(axis=1)     # (B,)       eq. (1)
    return y_hat, (idx, x, w, E, sum_e)


def fm_backward(dy_hat: Array, cache: Arrays) -> Params:
    """The lines of fm_forward in reverse order. In the pairs, each e_i is multiplied by the sum of the others."""
    idx, x, w, E, sum_e = cache
    dE = dy_hat[:, None, None] * (sum_e[:, None, :] - E)           # (B, m, k)
    dV, dw = sum_by_id(dE * x[:, :, None], idx, len(w)), sum_by_id(dy_hat[:, None] * x, idx, len(w))
    return {"w0": dy_hat.sum(), "w": dw, "V": dV}


def sum_by_id(values: Array, idx: Array, n: int) -> Array:
    """(n, ...): the gradients (B, m, ...) of all places where an id stands, added up."""
    total = np.zeros((n, *values.shape[2:]), values.dtype)
    np.add.at(total, idx, values)                                  # total[idx] += values would keep one of them
    return total


def afm_forward(params: Params, idx: Array, x: Array) -> tuple[Array, Arrays]:
    """y_hat (B,); the attention is in the cache."""
    w0, w, V, p, W, b, h = (params[name] for name in ("w0", "w", "V", "p", "W", "b", "h"))
    i, j = np.triu_indices(idx.shape[1], 1)                        # (P,)       the pairs i < j
    E = V[idx] * x[:, :, None]                                     # (B, m, k)  e_i = v_i x_i
    M = E[:, i] * E[:, j]                                          # (B, P, k)  eq. (2)
    Z = M @ W + b                                                  # (B, P, t)
    R = np.where(Z.real > 0, Z, 0)                                 # (B, P, t)  relu; .real lets complex numbers pass
    s = R @ h                                                      # (B, P)
    e = np.exp(s - s.real.max(axis=1, keepdims=True))              # (B, P)     the largest is 1: nothing overflows
    a = e / e.sum(axis=1, keepdims=True)                           # (B, P)     eq. (5)
    pooled = (a[:, :, None] * M).sum(axis=1)                       # (B, k)     eq. (4)
    y_hat = w0 + (w[idx] * x).sum(axis=1) + pooled @ p             # (B,)       eq. (6)
    return y_hat, (idx, x, p, W, h, i, j, E, M, Z, R, a, pooled, w)


def afm_backward(dy_hat: Array, cache: Arrays) -> Params:
    """The lines of afm_forward in reverse order."""
    idx, x, p, W, h, i, j, E, M, Z, R, a, pooled, w = cache
    dp = dy_hat @ pooled                                           # (k,)
    dpooled = dy_hat[:, None] * p                                  # (B, k)
    da = (M * dpooled[:, None, :]).sum(axis=2)                     # (B, P)
    dM = a[:, :, None] * dpooled[:, None, :]                       # (B, P, k)  m_p is pooled: one way into it
    ds = a * (da - (a * da).sum(axis=1, keepdims=True))            # (B, P)     (diag(a) - a a^T) da
    dh = np.einsum("bp,bpt->t", ds, R)                             # (t,)
    dZ = ds[:, :, None] * h * (Z.real > 0)                           # (B, P, t)
    db = dZ.sum(axis=(0, 1))                                       # (t,)
    dW = np.einsum("bpk,bpt->kt", M, dZ)                           # (k, t)
    dM += dZ @ W.T                                                 # (B, P, k)  and it is scored: the other way
    dE = np.zeros(E.shape, dM.dtype)                               # (B, m, k)
    for q in range(len(i)):                                        #            a feature is in m - 1 pairs
        dE[:, i[q]] += dM[:, q] * E[:, j[q]]
        dE[:, j[q]] += dM[:, q] * E[:, i[q]]
    dV, dw = sum_by_id(dE * x[:, :, None], idx, len(w)), sum_by_id(dy_hat[:, None] * x, idx, len(w))
    return {"w0": dy_hat.sum(), "w": dw, "V": dV, "p": dp, "W": dW, "b": db, "h": dh}


# ---- losses: the mean over the rows, and its gradient dy_hat (B,) ---------------------------------------


def squared(y_hat: Array, y: Array) -> tuple[Array, Array]:
    """(y_hat - y)^2, eq. (7)."""
    return ((y_hat - y) ** 2).mean(), 2 * (y_hat - y) / len(y)


def logistic(y_hat: Array, y: Array) -> tuple[Array, Array]:
    """log(1 + exp(y_hat)) - y y_hat for y in {0, 1}; its slope is sigmoid(y_hat) - y. No exp of a large number."""
    z = np.where(y == 1, -y_hat, y_hat)                            # how far the prediction is on the wrong side
    small = np.exp(np.where(z.real > 0, -z, z))                    # exp(-|z|)
    wrong = np.where(z.real > 0, 1, small) / (1 + small)           # sigmoid(z); no digits are lost where it is small
    return (np.where(z.real > 0, z, 0) + np.log1p(small)).mean(), np.where(y == 1, -wrong, wrong) / len(y)


# ---- one step of an optimizer, and the training loop -------------------------------------------------


def sgd(theta: Array, g: Array, acc: Array, lr: float) -> None:
    theta -= lr * g


def adagrad(theta: Array, g: Array, acc: Array, lr: float) -> None:
    acc += g * g                                                   # large gradients so far: small steps from now on
    theta -= lr * g / (np.sqrt(acc) + 1e-10)


MODELS = {"fm": (fm_forward, fm_backward), "afm": (afm_forward, afm_backward)}
LOSSES = {"squared": squared, "logistic": logistic}
OPTIMIZERS = {"sgd": sgd, "adagrad": adagrad}


def objective(model: str, loss: str, params: Params, rows: Arrays, lam: float = 0.0) -> tuple[Array, Params]:
    """The mean loss of some rows (idx, x, y) plus lam ||W||^2, eq. (8), and the gradients of all parameters."""
    idx, x, y = rows
    forward, backward = MODELS[model]
    y_hat, cache = forward(params, idx, x)
    value, dy_hat = LOSSES[loss](y_hat, y)
    grads = backward(dy_hat, cache)
    if lam:
        value, grads["W"] = value + lam * (params["W"] ** 2).sum(), grads["W"] + 2 * lam * params["W"]
    return value, grads


def complex_step(model: str, loss: str, params: Params, rows: Arrays, lam: float = 0.0) -> float:
    """The largest error of the gradients, in parts of the largest slope of the same array. A slope of f is
    Im f(theta + i eps) / eps: nothing is subtracted, so it is exact to the last digits.
    """
    worst, (_, grads) = 0.0, objective(model, loss, params, rows, lam)
    for name, theta in params.items():
        slopes = np.zeros(theta.shape)
        for at in np.ndindex(theta.shape):
            moved = theta.astype(complex)
            moved[at] += 1e-20j
            slopes[at] = objective(model, loss, params | {name: moved}, rows, lam)[0].imag / 1e-20
        worst = max(worst, np.abs(grads[name] - slopes).max() / np.abs(slopes).max())
    return worst


def train(
    model: str, loss: str, params: Params, rows: Arrays, rng: np.random.Generator, optimizer: str = "adagrad",
    lr: float = 0.05, lam: float = 0.0, epochs: int = 20, batch_size: int = 128,
) -> None:  # fmt: skip
    """Mini-batches in a new order each epoch. Changes the arrays of params."""
    acc = {name: np.full_like(theta, 1e-8) for name, theta in params.items()}
    for _ in range(epochs):
        order = rng.permutation(len(rows[0]))
        for at in range(0, len(order), batch_size):
            some = order[at : at + batch_size]
            _, grads = objective(model, loss, params, tuple(part[some] for part in rows), lam)
            for name, g in grads.items():
                OPTIMIZERS[optimizer](params[name], g, acc[name], lr)


def demo(seed: int = 0, m: int = 5, values: int = 6, B: int = 3000) -> tuple[list[int], list[int]]:
    """Hide a pair of fields and find it: y is about +1 or -1. The two together decide which; neither does alone."""
    rng = np.random.default_rng(seed)
    hidden = sorted(rng.permutation(m)[:2].tolist())
    signs = rng.permuted(np.tile([1, -1], (2, values // 2)), axis=1)       # (2, values)
    chosen = rng.integers(values, size=(B, m))
    y = signs[[0, 1], chosen[:, hidden]].prod(axis=1) + 0.1 * rng.standard_normal(B)
    idx, x = chosen + values * np.arange(m), np.ones((B, m))
    print(f"Fields {hidden[0]} and {hidden[1]} together decide y, up to noise of size 0.1. The models are not told.")
    for model, t in (("fm", 0), ("afm", 8)):
        params, few = init_params(rng, m * values, 8, m, t, std=1.0), (idx[:20], x[:20], y[:20])
        print(f"{model}: its gradients have an error of {complex_step(model, 'squared', params, few):.0e}.")
        params = init_params(rng, m * values, 8, m, t, std=0.1)
        train(model, "squared", params, (idx[1000:], x[1000:], y[1000:]), rng)
        y_hat, cache = MODELS[model][0](params, idx[:1000], x[:1000])
        print(f"{model}: on new rows it is off by {np.square(y_hat - y[:1000]).mean() ** 0.5:.2f}; a constant by 1.")
    i, j, M, a = cache[5], cache[6], cache[8], cache[11]           # AFM's
    effect = (a * (M @ params["p"])).std(axis=0)                   # (P,)       how much each pair moves y_hat
    best, next_best = effect.argsort()[:-3:-1]
    print(f"afm: fields {i[best]} and {j[best]} move it by {effect[best]:.2f}, other pairs by {effect[next_best]:.2f}.")
    return hidden, [int(i[best]), int(j[best])]


if __name__ == "__main__":
    demo()
