"""Right answers in forms that two readers handed in, and their brothers, and what the solution then does better.

`return locals()` gives results by name; a line may have the name of one of ours and hold something else.
"""

import math
from collections import defaultdict
from itertools import combinations

import numpy as np
from afm_numpy.exercises.exercise import find

from afm_numpy import attention as att
from afm_numpy import fm, losses, optim

ANSWERS = []


def handed_in(number, better=""):
    def add(answer):
        ANSWERS.append((number, answer, better))
        return answer

    return add


def listed(value):
    """Nested lists in the place of arrays, also inside tuples and dicts."""
    if isinstance(value, dict):
        return {name: listed(one) for name, one in value.items()}
    if isinstance(value, tuple):
        return tuple(map(listed, value))
    return value.tolist() if isinstance(value, np.ndarray) else value


# ---- the solution in another form ------------------------------------------------------------------------

for number, name in [
    ("00.1", "places"), ("01.2", "pooled"), ("01.3", "y_hat"), ("01.4", "dE"), ("01.5", "dw"), ("01.6", "dV"),
    ("01.7", "slope"), ("02.2", "dy_hat"), ("02.3", "value"), ("02.5", "dy_hat"), ("02.6", "theta_new"),
    ("02.7", "theta_new"), ("03.1", "M"), ("03.2", "part"), ("03.3", "dpooled"), ("03.4", "V_fm"), ("03.5", "dE"),
    ("03.6", "dM"), ("03.7", "dx"), ("04.1", "s"), ("04.2", "dot"), ("04.3", "s"), ("04.5", "a"), ("04.6", "ds"),
    ("04.7", "dpooled"), ("04.8", "dh"), ("04.9", "dM"), ("04.10", "dw"), ("04.11", "ds"), ("05.3", "measured"),
    ("05.4", "dV"), ("05.5", "dy_hat"), ("05.6", "ds"), ("05.7", "dh"), ("05.8", "dM"), ("05.9", "theta_new"),
    ("05.12", "dz"), ("06.1", "number"), ("06.2", "mean"), ("06.3", "prob"), ("06.4", "w_new"), ("07.3", "V_new"),
    ("07.4", "loss"), ("08.3", "dE"), ("08.4", "y"), ("08.5", "token"), ("08.6", "pooled"),
]:  # fmt: skip
    right = find(number).right
    handed_in(number, f"gives {name} as an array")(lambda *inputs, right=right: listed(right(*inputs)))
for number in ("03.2", "03.3", "04.1", "04.7", "04.8", "04.9", "05.3", "05.7"):
    right = find(number).right
    lines = f"gives {', '.join(right.lines)} by name"
    handed_in(number, lines)(lambda *inputs, right=right: tuple(right(*inputs).values()))
    handed_in(number, lines)(lambda *inputs, right=right: [*right(*inputs).values()])
for number in ("00.1", "02.2", "06.1", "09.1"):
    right = find(number).right
    form = find(number).names[0] + (" as a list" if number == "09.1" else " as an array")
    handed_in(number, f"gives {form}")(lambda *inputs, right=right: (entry for entry in right(*inputs)))
    handed_in(number, f"gives {form}")(lambda *inputs, right=right: dict(enumerate(right(*inputs))).values())
for number in ("01.1", "02.1", "02.4", "05.1", "05.11", "08.2"):
    [name], right = find(number).names, find(number).right
    handed_in(number, f"gives {name} as a plain number")(lambda *inputs, right=right: np.array([right(*inputs)]))
    handed_in(number)(lambda *inputs, right=right: np.array(right(*inputs)))
    handed_in(number)(lambda *inputs, right=right: float(right(*inputs)))
for number in ("02.7", "04.2", "04.10", "04.11", "05.9", "05.12", "07.2", "07.3", "08.4", "08.5", "08.6"):
    names, right = find(number).names, find(number).right
    handed_in(number)(lambda *inputs, right=right: [*right(*inputs)])
    handed_in(number, f"returns {', '.join(names)}, not by name")(
        lambda *inputs, right=right, names=names: dict(zip(names, right(*inputs), strict=True)))
for number in ("04.2", "07.2"):                                           # several results of one shape in one array
    handed_in(number)(lambda *inputs, right=find(number).right: np.array(right(*inputs)))
handed_in("00.1", "gives places as integers")(lambda y_hat: find("00.1").right(y_hat) + 0.0)
handed_in("00.2")(6)
handed_in("00.2")(np.float32(6))
handed_in("00.2", "gives y_fm as a plain number")([6])
handed_in("00.2", "gives y_fm without an imaginary part")(6 + 0j)
handed_in("00.3")(([0.2, 0.6, 0.2], 9))
handed_in("00.3")(({"Bob Heist": 0.2, "Bob happy": 0.6, "Heist happy": 0.2}, 9))
handed_in("04.4", "returns attention, not by name")({(0, 1): 0.25, (0, 2): 0.5, (0, 3): 0.0, (1, 2): 0.25})
handed_in("08.1")([12.0, 6])
handed_in("09.4")(5.0)


# ---- other names, and ours for something else ------------------------------------------------------------


@handed_in("01.2", "returns pooled, not by name")
def halves_come_first(E):
    sum_e, sum_e2 = E.sum(1, keepdims=True), 0.5 * (E * E).sum(1)
    pooled = 0.5 * sum_e[:, 0] ** 2 - sum_e2
    return locals()


@handed_in("01.3", "returns y_hat, not by name")
def factors_first(w0, w, V, idx, x):
    E = V.T[:, idx] * x
    y_hat = w0 + (w[idx] * x).sum(axis=1) + 0.5 * (E.sum(2) ** 2 - (E**2).sum(2)).sum(0)
    return locals()


@handed_in("02.6", "returns theta_new, not by name")
def theta_again(theta, g, lr):
    theta = theta - lr * g
    return locals()


@handed_in("02.7", "returns theta_new, acc_new, not by name")
def acc_again(theta, g, acc, lr, eps):
    acc = acc + g**2
    root = np.sqrt(acc)
    theta = theta - lr * g / (root + eps)
    return locals()


@handed_in("02.8", "returns params, history, not by name")
def fit(params, batch, y, optimizer, rng, epochs, batch_size):
    params, history = {name: value.copy() for name, value in params.items()}, []
    state = optim.init(optimizer, params)
    for _ in range(epochs):
        order, total = rng.permutation(len(y)), 0.0
        for rows in np.split(order, range(batch_size, len(y), batch_size)):
            y_hat, cache = fm.forward(params, batch[rows])
            total += len(rows) * losses.squared_forward(y_hat, y[rows])
            optim.step(optimizer, params, fm.backward(losses.squared_backward(y_hat, y[rows]), cache), state)
        history.append(total / len(y))
    return locals()


@handed_in("03.4", "returns V_fm, not by name")
def absorb(V, p):
    root = np.sqrt(p)
    V_fm = -V * root
    return locals()


@handed_in("04.3", "returns s, not by name")
def relu_in_place(M, W, b, h):
    Z = M @ W + b
    Z[Z < 0] = 0
    s = Z @ h
    return locals()


@handed_in("04.3", "returns s, not by name")
def bias_comes_later(M, W, b, h):
    Z = M @ W
    R = np.maximum(Z + b, 0).swapaxes(1, 2)
    s = h @ R
    return locals()


@handed_in("04.5", "returns a, not by name")
def sums_of_0_become_1(s):
    top = np.maximum(s.max(axis=1, keepdims=True), -1e9)
    e = np.exp(s - top)
    total = e.sum(axis=1, keepdims=True)
    total[total == 0] = 1
    a = e / total
    return locals()


@handed_in("04.5", "returns a, not by name")
def rows_last(s):
    top = np.where(np.isinf(s).all(axis=1), 0, s.max(axis=1))
    e = np.exp(s.T - top)
    total = np.maximum(e.sum(axis=0), 1e-300)
    a = (e / total).T
    return locals()


@handed_in("04.10", "returns L, dw0, dw, dV, dp, dW, db, dh, not by name")
def scores_masked(q, idx, x, y, lam):
    i, j = np.triu_indices(idx.shape[1], 1)
    E = q["V"][idx] * x[:, :, None]
    M = E[:, i] * E[:, j]
    mask = x[:, i] * x[:, j]                                              # where it is not 0
    s = np.where(mask != 0, np.maximum(M @ q["W"] + q["b"], 0) @ q["h"], -np.inf)
    a = att.softmax_forward(s)
    L, dw0, dw, dV, dp, dW, db, dh = find("04.10").right(q, idx, x, y, lam)
    return locals()


@handed_in("05.5", "returns dy_hat, not by name")
def signs(y_hat, y):
    s = 2 * y - 1
    out = -s / (1 + np.exp(s * y_hat)) / len(y)
    return locals()


@handed_in("05.8", "returns dM, not by name")
def da_holds_a(dpooled, M, a, Z, W, h):
    da = a * (M * dpooled[:, None]).sum(2)
    ds = da - a * da.sum(axis=1, keepdims=True)
    dM = a[:, :, None] * dpooled[:, None] + (ds[:, :, None] * h * (Z > 0)) @ W.T
    return locals()


@handed_in("05.9", "returns theta_new, acc_new, not by name")
def names_of_the_cell(theta, acc, g, lr):
    acc = acc + g**2
    theta = theta - lr * g / (np.sqrt(acc) + 1e-8)
    return locals()


@handed_in("05.10", "returns batches, not by name")
def name_of_the_cell(rng, n, size):
    order = rng.permutation(n)
    parts = [order[start : start + size] for start in range(0, n, size)]
    return locals()


@handed_in("05.10", "returns batches, not by name")
def name_of_the_task(rng, n, size):
    order = rng.permutation(n)
    batches = tuple(order[start : start + size].tolist() for start in range(0, n, size))
    return locals()


@handed_in("05.10", "gives batches as a list")
def one_by_one(rng, n, size):
    order = rng.permutation(n)
    for start in range(0, n, size):
        yield order[start : start + size]


@handed_in("06.2", "returns mean, not by name")
def absent_pairs_count_0(a, mask):
    columns = [a[mask[:, pair], pair] for pair in range(a.shape[1])]      # of different lengths
    count, total = mask.sum(axis=0), np.array([column.sum() for column in columns])
    mean = total / np.where(count == 0, 1, count)
    return locals()


@handed_in("06.3", "returns prob, not by name")
def rest_turned_round(y_hat, c):
    rest = c - y_hat
    prob = 1 / (1 + np.exp(rest))
    return locals()


@handed_in("06.4", "returns w_new, not by name")
def only_outside(w, V, field, c):
    gained = np.where(field, 0, -(V @ c))
    w_new = w + gained
    return locals()


@handed_in("07.2", "returns mean, se, not by name")
def d_turned_round(a, b):
    d = b - a
    mean, sd = -d.mean(), d.std(ddof=1)
    se = sd / np.sqrt(len(d))
    return locals()


@handed_in("07.4", "returns loss, not by name")
def mean_of_the_prediction(base, pooled, p, y, keep):
    mean = base + pooled @ p
    squares = ((p * pooled) ** 2).sum(axis=1) * (1 / keep - 1)
    loss = (mean - y) ** 2 + squares
    return locals()


@handed_in("08.4", "returns y, ds_q, dt_q, not by name")
def a_is_what_is_kept(s_q, t_q, pair_at, kept, dy):
    soft, t = att.softmax_forward(s_q[pair_at]), t_q[pair_at]
    a, da = soft * kept, dy[:, None] * t
    y, ds_q, dt_q = (a * t).sum(1), np.zeros_like(s_q), np.zeros_like(t_q)
    np.add.at(ds_q, pair_at, att.softmax_backward(da * kept, soft))
    np.add.at(dt_q, pair_at, dy[:, None] * a)
    return locals()


@handed_in("08.6", "returns pooled, da, dE, not by name")
def half_the_matrix(E, a, dpooled):
    i, j = np.triu_indices(E.shape[1], 1)
    A = np.zeros((len(E), E.shape[1], E.shape[1]))
    A[:, i, j] = A[:, j, i] = a / 2
    AE = A @ E
    pooled, dE = (E * AE).sum(axis=1), 2 * AE * dpooled[:, None]
    da = (E[:, i] * E[:, j] * dpooled[:, None]).sum(axis=2)
    return locals()


@handed_in("09.2", "returns pooled, not by name")
def name_of_the_skeleton(emb, active_ptr, k):
    result = []
    for start, end in zip(active_ptr, active_ptr[1:], strict=False):
        mine = emb[start:end]
        result.append([(sum(e[f] for e in mine) ** 2 - sum(e[f] ** 2 for e in mine)) / 2 for f in range(k)])
    return locals()


@handed_in("09.3", "returns new_V, new_acc, not by name")
def total_by_entry(V, acc, ids, grads, lr, eps):
    new_V, new_acc, total = [row[:] for row in V], [row[:] for row in acc], defaultdict(float)
    for i, row in zip(ids, grads, strict=True):
        for f, g in enumerate(row):
            total[i, f] += g
    for (i, f), g in total.items():
        new_acc[i][f] += g**2
        root = math.sqrt(new_acc[i][f])
        new_V[i][f] -= lr * g / (root + eps)
    return locals()


@handed_in("09.5", "returns prob, loss_rows, d_y_hat, not by name")
def by_tanh(y_hat, y):
    prob = [0.5 * (1 + math.tanh(z / 2)) for z in y_hat]
    loss_rows = [max(z, 0.0) - z * t + math.log1p(math.exp(-abs(z))) for z, t in zip(y_hat, y, strict=True)]
    d_y_hat = [(p - t) / len(y) for p, t in zip(prob, y, strict=True)]
    return locals()


# ---- something calculated anew from the other arguments --------------------------------------------------


@handed_in("03.3")
def pooled_from_E(dy_hat, pooled, p, E):
    i, j = np.triu_indices(E.shape[1], 1)
    return find("03.3").right(dy_hat, (E[:, i] * E[:, j]).sum(axis=1), p, E)


@handed_in("04.11")
def a_from_s(da, s, a, tau):
    return find("04.11").right(da, s, att.softmax_forward(s / tau), tau)


@handed_in("04.11")
def s_from_a(da, s, a, tau):
    du = att.softmax_backward(da, a)
    return du / tau, -(du * np.log(a)).sum() / tau                        # du sums to 0 in each row


@handed_in("05.8")
def a_from_Z(dpooled, M, a, Z, W, h):
    return find("05.8").right(dpooled, M, att.softmax_forward(np.maximum(Z, 0) @ h), Z, W, h)


handed_in("04.8")(lambda ds, M, Z, R, h: find("04.8").right(ds, M, Z, np.maximum(Z, 0), h))
handed_in("05.7")(lambda ds, M, Z, R, h: find("05.7").right(ds, M, Z, np.maximum(Z, 0), h))
handed_in("04.9")(lambda dpooled, a, dZ, W, E, idx, x, V: find("04.9").right(
    dpooled, a, dZ, W, V[idx] * x[:, :, None], idx, x, V))  # fmt: skip


# ---- loops, and arguments that are changed ---------------------------------------------------------------


@handed_in("01.2")
def pair_by_pair(E):
    return sum(E[:, i] * E[:, j] for i, j in combinations(range(E.shape[1]), 2))


@handed_in("03.1")
def fills_zeros(E):
    M = np.zeros((len(E), math.comb(E.shape[1], 2), E.shape[2]))
    for at, (i, j) in enumerate(combinations(range(E.shape[1]), 2)):
        M[:, at] = E[:, i] * E[:, j]
    return M


@handed_in("03.2")
def number_by_number(M, p):
    part = np.array([[float(row @ p) for row in rows] for rows in M])
    pooled = M.sum(axis=1)
    y_pair = part.sum(axis=1)
    return locals()


@handed_in("04.6")
def row_by_row(da, a):
    ds = np.zeros_like(a)
    for r in range(len(a)):
        ds[r] = (np.diag(a[r]) - np.outer(a[r], a[r])) @ da[r]
    return ds


@handed_in("02.6", "leaves its arguments as they are")
def sgd_in_place(theta, g, lr):
    theta -= lr * g
    return theta


@handed_in("05.9", "leaves its arguments as they are")
def adagrad_in_place(theta, acc, g, lr):
    acc += g * g
    theta -= lr * g / (np.sqrt(acc) + 1e-8)
    return theta, acc


@handed_in("06.4", "leaves its arguments as they are")
def absorbed_in_place(w, V, field, c):
    w[~field] -= V[~field] @ c
    return w
