"""Exercises of 01_factorization_machines.ipynb."""

from collections.abc import Callable
from typing import Any

import numpy as np

from afm_numpy._types import Array, Float

from .exercise import Exercise
from .steps import Steps, changed

__all__ = ["EXERCISES"]

rng = np.random.default_rng(101)
E1, E2 = rng.standard_normal((3, 7, 5)), rng.standard_normal((2, 5, 11))   # no two sizes alike, or one apart
DY, DE, DD2 = rng.standard_normal(3), rng.standard_normal((3, 4, 5)), rng.standard_normal(2)
W0, W, V = np.array(0.7), rng.standard_normal(8), rng.standard_normal((8, 5))
IDX, X = np.array([[0, 3, 5, 2], [3, 1, 0, 0], [5, 3, 6, 1]]), rng.uniform(0.5, 2.0, (3, 4))
X[1, 2:] = 0.0                                            # two empty slots: idx 0, x 0
VALUES = np.array([0.5, 0.0, -2.0, 1.5, 0.0, 1.0, 3.0, 0.0])


def pair_term(V: Array, x: Array, first: int = 1, power: int = 1) -> Float:
    """The right sum for the defaults; `first` = 0 pairs a feature with itself, `power` = 0 leaves x out."""
    products = (V @ V.T) * np.outer(x**power, x**power)
    return np.triu(products, first).sum()


def over_pairs(term: Callable[..., Any]) -> Callable[[Array, Array], Any]:
    """The double sum of term(v_i, v_j, x_i, x_j)."""
    return lambda V, x: sum(term(V[i], V[j], x[i], x[j]) for i in range(len(x)) for j in range(i + 1, len(x)))
def added(idx: Array, slot: Array, n: int) -> Array:
    total = np.zeros((n, *slot.shape[2:]))
    np.add.at(total, idx, slot)
    return total


def kept_once(idx: Array, slot: Array, n: int) -> Array:
    total = np.zeros((n, *slot.shape[2:]))
    total[idx] += slot
    return total


def added_by_id(name: str, given: str, values: Array) -> Exercise:
    """The exercise with the gradient of rows that a batch picks: `given` of each slot, times x, added up by id."""
    right = Steps("up idx x n", name, slot=lambda up, x: (up.T * x.T).T, **{name: added})
    mistakes = {
        "not summed over repeated ids: use np.add.at": changed(right, **{name: kept_once}),
        "the factor x is missing": changed(right, x=lambda x: 1.0 * (x != 0)),
        "the factor x is missing: an empty slot must add nothing": changed(right, x=lambda x: np.ones_like(x)),
        f"the factor {given} is missing": changed(right, up=lambda up: np.ones_like(up)),
        f"{given} or x needs [:, None] or [:, :, None]": changed(right, slot=lambda up, x: up * x),
        "the sign": changed(right, up=lambda up: -up),
        f"{given} squared: it is a factor once": changed(right, up=lambda up: up**2),
        "x squared: x is a factor once": changed(right, x=lambda x: x**2),
        "divided by x": changed(right, x=lambda x: np.divide(1.0, x, where=x != 0, out=np.zeros_like(x))),
        f"averaged over the rows: the mean is in {given} already": changed(right, up=lambda up: up / len(up)),
        "averaged over the slots that hold the feature: they add up": lambda up, idx, x, n: (
            right(up, idx, x, n).T / np.maximum(np.bincount(idx.ravel(), minlength=n), 1)).T,
        f"all of {given} is added up first: each row has its own": changed(right, up=lambda up: 0 * up + up.sum()),
        "x is added up over its row: each slot has its own": changed(
            right, x=lambda x: 0 * x + x.sum(axis=1, keepdims=True)),
        "x of another slot: the slots stand in the same order": changed(right, x=lambda x: x[:, ::-1]),
        "the gradient of each slot, not yet added up by feature": changed(right, **{name: lambda slot: slot}),
    }
    return Exercise(right, [(values, IDX, X, 8)], mistakes=mistakes)


def slopes(
    f: Callable[[Array], Float], theta: Array, eps: float, *, down: float = 1.0, over: float = 2.0, low: float = -1.0
) -> Array:
    """The central difference for the defaults; `down` is how far it steps back, `over` what it divides by."""
    steps = eps * np.eye(theta.size).reshape(-1, *theta.shape)
    each = [(f(theta + step) + low * f(theta - down * step)) / (over * eps) for step in steps]
    return np.array(each).reshape(theta.shape)


def bowl(theta: Array) -> Float:
    """Not even in any entry, and so flat that only a central difference is right to seven digits."""
    return np.sum(np.sin(theta) * np.arange(1.0, theta.size + 1.0).reshape(theta.shape))


BI = Steps(
    "E", "pooled",
    sum_e=lambda E: E.sum(axis=1),
    sum_e2=lambda E: (E * E).sum(axis=1),
    pooled=lambda sum_e, sum_e2: 0.5 * (sum_e * sum_e - sum_e2),
)  # fmt: skip
FORWARD = Steps(
    "w0 w V idx x", "y_hat",
    E=lambda V, idx, x: V[idx] * x[:, :, None],
    linear=lambda w, idx, x: (w[idx] * x).sum(axis=1),
    pairs=lambda E: BI(E).sum(axis=1),
    y_hat=lambda w0, linear, pairs: w0 + linear + pairs,
)  # fmt: skip
DE_OF = Steps("dy_hat E", "dE", others=lambda E: E.sum(axis=1, keepdims=True) - E,
              dE=lambda dy_hat, others: dy_hat[:, None, None] * others)  # fmt: skip

EXERCISES = {
    "01.1": Exercise(
        pair_term,
        [(V, VALUES), (E2[0], VALUES[:5])],
        ("total",),
        {
            "the values x are missing": lambda V, x: pair_term(V, x, power=0),
            "x is squared: each of the two values is a factor once": lambda V, x: pair_term(V, x, power=2),
            "a feature is paired with itself: j begins at i + 1": lambda V, x: pair_term(V, x, first=0),
            "each pair is counted twice: j begins at i + 1": lambda V, x: 2 * pair_term(V, x),
            "only one of the two values: x[i] * x[j]": lambda V, x: np.triu((V @ V.T) * x[:, None], 1).sum(),
            "only x[j]: both values are factors": lambda V, x: np.triu((V @ V.T) * x, 1).sum(),
            "the products of the values alone: V is missing": lambda V, x: np.triu(np.outer(x, x), 1).sum(),
            "the element-wise product is not added up: use @": over_pairs(lambda v, w, x, z: v * w * x * z),
            "only the first factor: V[i] @ V[j] takes them all": over_pairs(lambda v, w, x, z: v[0] * w[0] * x * z),
            "x[i] + x[j] in the place of their product": over_pairs(lambda v, w, x, z: v @ w * (x + z)),
            "V[i] @ V[i]: the vector of j is missing": over_pairs(lambda v, w, x, z: v @ v * x * z),
            "V[j] @ V[j] in the place of V[i] @ V[j]": over_pairs(lambda v, w, x, z: w @ w * x * z),
            "x[j] twice: x[i] is the other factor": over_pairs(lambda v, w, x, z: v @ w * z * z),
            "the distance of the two vectors, not their product": over_pairs(lambda v, w, x, z: ((v - w) ** 2).sum() * x * z),
            "each vector is added up before the two meet": over_pairs(lambda v, w, x, z: v.sum() * w.sum() * x * z),
            "x[i] twice: x[j] is the other factor": over_pairs(lambda v, w, x, z: v @ w * x * x),
            "the sum of the two vectors in the place of their product": over_pairs(
                lambda v, w, x, z: (v + w).sum() * x * z),
            "the last pair in the place of the sum: total += ...": lambda V, x: V[-2] @ V[-1] * x[-2] * x[-1],
        },
    ),
    "01.2": Exercise(
        BI,
        [(E1,), (E2,)],
        mistakes={
            "the factor 1/2 is missing": changed(BI, pooled=lambda sum_e, sum_e2: sum_e**2 - sum_e2),
            "the sign: sum_e comes first": changed(BI, pooled=lambda sum_e, sum_e2: 0.5 * (sum_e2 - sum_e**2)),
            "sum_e is not squared": changed(BI, pooled=lambda sum_e, sum_e2: 0.5 * (sum_e - sum_e2)),
            "sum_e2 is added, not subtracted": changed(BI, pooled=lambda sum_e, sum_e2: 0.5 * (sum_e**2 + sum_e2)),
            "brackets: both parts are halved": changed(BI, pooled=lambda sum_e, sum_e2: 0.5 * sum_e**2 - sum_e2),
            "this squares the sum: square first, then add up": changed(BI, sum_e2=lambda E: E.sum(axis=1) ** 2),
            "the squares are not added up over the slots": changed(BI, sum_e2=lambda E: E * E),
            "e is not squared in sum_e2": changed(BI, sum_e2=lambda E: E.sum(axis=1)),
            "sum_e2 is not subtracted": changed(BI, sum_e2=lambda E: 0.0),
            "summed over the factors: the slots are axis 1": changed(BI, E=lambda E: E.swapaxes(1, 2)),
            "summed over the rows of the batch: the slots are axis 1": changed(BI, E=lambda E: E.swapaxes(0, 1)),
            "the mean in the place of the sum": changed(BI, sum_e=lambda E: E.mean(axis=1)),
            "the mean in the place of both sums": changed(
                BI, sum_e=lambda E: E.mean(axis=1), sum_e2=lambda E: (E * E).mean(axis=1)),
            "divided by the number of slots: the factor is 1/2": lambda E: 2 * BI(E) / E.shape[1],
            "cubed: the sum is squared": changed(BI, pooled=lambda sum_e, sum_e2: 0.5 * (sum_e**3 - sum_e2)),
            "only the first two slots: every two meet": lambda E: E[:, 0] * E[:, 1],
            "the root of the sum is too much": changed(BI, pooled=lambda sum_e, sum_e2: 0.5 * np.sqrt(np.abs(sum_e**2 - sum_e2))),
            "the factors are added up as well: keep a vector for each row": lambda E: BI(E).sum(axis=1),
        },
    ),
    "01.3": Exercise(
        FORWARD,
        [(W0, W, V, IDX, X)],
        mistakes={
            "x needs a third axis: x[:, :, None]": lambda V, idx, x: V[idx] * x,
            "not summed over the slots: w[idx] * x is (B, m)": lambda w, idx, x: w[idx] * x + np.zeros(len(x)),
            "w must be picked by the ids: w[idx]": lambda w, x: w * x,
            "the values x are missing in E": changed(FORWARD, E=lambda V, idx: V[idx]),
            "the values x are missing in the linear part": changed(FORWARD, linear=lambda w, idx: w[idx].sum(axis=1)),
            "the constant w0 is missing": changed(FORWARD, w0=lambda w0: 0.0),
            "the linear part is missing": changed(FORWARD, linear=lambda w0: 0.0),
            "the pairs are missing": changed(FORWARD, y_hat=lambda w0, linear: w0 + linear),
            "bi_interaction gives a vector for each row: add up its factors": changed(
                FORWARD, y_hat=lambda w0, linear, E: w0 + linear[:, None] + BI(E)),
            "w0 is counted once for each slot": changed(FORWARD, w0=lambda w0, x: x.shape[1] * w0),
            "bi_interaction is averaged over the factors: add them up": changed(FORWARD, pairs=lambda E: BI(E).mean(axis=1)),
            "all of w is added up: a row holds w[idx] * x": changed(FORWARD, linear=lambda w: w.sum()),
            "the pairs of all rows are added up: each row has its own": changed(
                FORWARD, y_hat=lambda w0, linear, E: w0 + linear + BI(E).sum()),
            "summed over the whole batch: each row has its own prediction": changed(
                FORWARD, y_hat=lambda w0, linear, E: w0 + linear.sum() + BI(E).sum()),
        },
    ),
    "01.4": Exercise(
        DE_OF,
        [(DY, E1), (DD2, E2)],
        mistakes={
            "e_i itself is not taken away: the sum runs over the others": changed(
                DE_OF, others=lambda E: E.sum(axis=1, keepdims=True) + 0 * E),
            "e_i itself is not taken away from the sum": changed(DE_OF, others=lambda E: E.sum(axis=1, keepdims=True)),
            "dy_hat needs [:, None, None]": lambda dy_hat, E: dy_hat * (E.sum(axis=1, keepdims=True) - E),
            "only the part of the squares: the sum over the others is missing": changed(DE_OF, others=lambda E: -E),
            "e_i itself in the place of the sum of the others": changed(DE_OF, others=lambda E: E),
            "e_i is added: it must be taken away": changed(DE_OF, others=lambda E: E.sum(axis=1, keepdims=True) + E),
            "the sum of all, once a row: each slot has a gradient of its own": lambda dy_hat, E: dy_hat[:, None] * E.sum(axis=1),
            "only the next slot: all others push": changed(DE_OF, others=lambda E: np.roll(E, -1, axis=1)),
            "half of e_i is taken away: all of it must go": changed(
                DE_OF, others=lambda E: E.sum(axis=1, keepdims=True) - E / 2),
            "brackets: dy_hat multiplies both parts": lambda dy_hat, E: (
                dy_hat[:, None, None] * E.sum(axis=1, keepdims=True) - E),
            "the mean of the others in the place of their sum": changed(
                DE_OF, others=lambda E: (E.sum(axis=1, keepdims=True) - E) / (E.shape[1] - 1)),
            "the mean of all in the place of their sum": changed(
                DE_OF, others=lambda E: E.mean(axis=1, keepdims=True) - E),
            "dy_hat is missing": changed(DE_OF, dy_hat=lambda dy_hat: np.ones_like(dy_hat)),
            "the sign: the sum of the others, not minus it": changed(DE_OF, dy_hat=lambda dy_hat: -dy_hat),
            "half of it: the 1/2 goes away with the 2 of the square": changed(DE_OF, dy_hat=lambda dy_hat: dy_hat / 2),
            "twice: the 2 of the square goes away with the 1/2": changed(DE_OF, dy_hat=lambda dy_hat: 2 * dy_hat),
            "e_i is taken away twice": changed(DE_OF, others=lambda E: E.sum(axis=1, keepdims=True) - 2 * E),
            "keepdims=True is missing: the sum meets every slot": changed(DE_OF, others=lambda E: E.sum(axis=1) - E),
            "e_i is not taken away, and keepdims=True is missing": changed(DE_OF, others=lambda E: E.sum(axis=1)),
            "summed over the factors: the slots are axis 1": changed(
                DE_OF, others=lambda E: E.sum(axis=2, keepdims=True) - E),
            "summed over the rows of the batch: the slots are axis 1": changed(
                DE_OF, others=lambda E: E.sum(axis=0, keepdims=True) - E),
        },
    ),
    "01.5": added_by_id("dw", "dy_hat", DY),
    "01.6": added_by_id("dV", "dE", DE),
    "01.7": Exercise(
        lambda f, theta, eps=1e-5: slopes(f, theta, eps),
        [(bowl, W[:3], 1e-5), (bowl, V[:2, :3], 3e-5)],
        ("slope",),
        {
            "2 eps below: the two points are 2 eps apart": lambda f, theta, eps: slopes(f, theta, eps, over=1.0),
            "not divided by the step": lambda f, theta, eps: 2 * eps * slopes(f, theta, eps),
            "the sign: up minus down": lambda f, theta, eps: -slopes(f, theta, eps),
            "down goes up as well: the difference is 0": lambda f, theta, eps: 0 * theta,
            "go down by eps, too": lambda f, theta, eps: slopes(f, theta, eps, down=0.0, over=1.0),
            "go down by eps, too: one side alone": lambda f, theta, eps: slopes(f, theta, eps, down=0.0),
            "down by 2 eps: each of the two moves by eps": lambda f, theta, eps: slopes(f, theta, eps, down=2.0),
            "one step alone: up and down are needed": lambda f, theta, eps: (
                2 * slopes(f, theta, eps) - slopes(f, theta, eps, down=0.0, over=1.0)),
            "a second derivative: the slope is the difference of up and down": lambda f, theta, eps: (
                2 / eps * (slopes(f, theta, eps, down=0.0, over=1.0) - slopes(f, theta, eps))),
            "the two are added: subtract": lambda f, theta, eps: slopes(f, theta, eps, low=1.0),
            "down by 1 in the place of eps": lambda f, theta, eps: slopes(f, theta, eps, down=1 / eps),
            "1e-5 is written out where eps belongs": lambda f, theta, eps: slopes(f, theta, 1e-5) * 1e-5 / eps,
            "1e-5 is written out for one of the steps": lambda f, theta, eps: (
                slopes(f, theta, 1e-5, down=eps / 1e-5) * 1e-5 / eps),
            "brackets: divide by (2 * eps)": lambda f, theta, eps: eps**2 * slopes(f, theta, eps),
        },
    ),
}  # fmt: skip
