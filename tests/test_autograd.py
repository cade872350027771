"""Every gradient against PyTorch's and JAX's automatic differentiation, in float64 to 1e-12 of the largest entry.

The forward pass is written once more, from the paper, row by row and pair by pair, with nothing of the package in it;
the frameworks derive the rest. Where a framework is not installed its tests are skipped; CI installs both.
"""

from itertools import combinations

import numpy as np
import pytest
from strategies import fixed_problem, signed

from afm_numpy import Model, RowGrad, losses
from afm_numpy.dropout import SITES
from afm_numpy.models import ENGINES
from afm_numpy.params import ATTENTION
from afm_numpy.rowgrad import add_grads

LAM = {"W": 0.3, "w": 0.2, "V": 0.1}
SCOPE = {"squared": "table", "logistic": "touched"}          # of L2: every model is tried with both
CASES = [("fm", None, sites, loss) for sites in ((), ("pooled",)) for loss in losses.LOSSES]
CASES += [
    ("afm", mode, sites, loss)
    for mode in ATTENTION for sites in ((), SITES, *((site,) for site in SITES)) for loss in losses.LOSSES
]  # fmt: skip


def name_of(value):
    return "+".join(value) if isinstance(value, tuple) and value else value or "none"


# ---- the paper, for any library of arrays ----------------------------------------------------------------


def predict_row(xp, theta, attention, idx, x, mask):
    """eq. (6) of a row, or eq. (1) when attention is None; `mask` holds the row's dropout masks by site."""
    slots = np.flatnonzero(mask["present"])
    linear = theta["w0"] + (theta["w"][idx[slots]] * x[slots]).sum()
    number = {pair: at for at, pair in enumerate(combinations(range(len(idx)), 2))}
    pairs = list(combinations(slots.tolist(), 2))
    if not pairs:
        return linear
    i, j = np.array(pairs).T
    at = np.array([number[pair] for pair in pairs])                                                     # (P,)
    m = theta["V"][idx[i]] * theta["V"][idx[j]] * (x[i] * x[j])[:, None] * mask["interactions"][at]     # eq. (2)
    if attention in (None, "sum"):
        a = xp.ones_like(m[:, 0])                                                                       # eq. (3)
    elif attention == "uniform":
        a = xp.ones_like(m[:, 0]) / len(pairs)
    elif attention == "field":
        a = theta["field"][at]
    elif attention == "free":
        row = {tuple(pair): row for row, pair in enumerate(theta["pairs"].tolist())}
        known = [row.get(tuple(sorted(pair))) for pair in zip(idx[i].tolist(), idx[j].tolist(), strict=True)]
        a = xp.stack([xp.ones_like(m[0, 0]) if f is None else theta["free"][f] for f in known])
    else:                                                                                               # eq. (5)
        z = m @ theta["W"] + theta["b"]
        e = xp.exp(xp.where(z > 0, z, 0.0) @ theta["h"])
        a = e / e.sum()
    pooled = ((a * mask["attention"][at])[:, None] * m).sum(0)                                          # eq. (4)
    return linear + (theta.get("p", 1.0) * pooled * mask["pooled"]).sum()


def loss_of_row(xp, loss, y_hat, y):
    """eq. (7), or minus the logarithm of the probability that the model gives to y."""
    return (y_hat - y) ** 2 if loss == "squared" else -xp.log(1.0 / (1.0 + xp.exp(-y_hat if y == 1 else y_hat)))


def objective(xp, theta, attention, idx, masks, loss, y, weight):
    """The weighted mean of the loss, and the penalty of eq. (8) on W, and on w and V in one of the two scopes."""
    total = 0.0
    for r in range(len(y)):
        mask = {site: values[r] for site, values in masks.items()}
        y_hat = predict_row(xp, theta, attention, idx[r], theta["x"][r], mask)
        total = total + weight[r] / sum(weight) * loss_of_row(xp, loss, y_hat, y[r])
    rows = np.array(sorted(set(idx[masks["present"]].tolist())))
    assert rows.size < len(theta["w"])
    rows = slice(None) if SCOPE[loss] == "table" else rows
    total = total + LAM["w"] * (theta["w"][rows] ** 2).sum() + LAM["V"] * (theta["V"][rows] ** 2).sum()
    return total + LAM["W"] * (theta["W"] ** 2).sum() if "W" in theta else total


# ---- the frameworks --------------------------------------------------------------------------------------


@pytest.fixture(params=["torch", "jax"])
def differentiate(request):
    """(f, arrays) -> f's value and its gradients; f is given the library, its arrays, and how to make one."""
    if request.param == "torch":
        torch = pytest.importorskip("torch", reason="gradients are compared with PyTorch where it is installed")

        def with_torch(f, arrays):
            leaves = {name: torch.tensor(value, requires_grad=True) for name, value in arrays.items()}
            value = f(torch, leaves, torch.tensor)
            value.backward()
            return value.item(), {name: leaf.grad.numpy() for name, leaf in leaves.items()}

        yield with_torch
    else:
        jax = pytest.importorskip("jax", reason="gradients are compared with JAX where it is installed")

        def with_jax(f, arrays):
            value, grads = jax.value_and_grad(lambda leaves: f(jax.numpy, leaves, jax.numpy.asarray))(arrays)
            return float(value), {name: np.asarray(grad) for name, grad in grads.items()}

        before = jax.config.jax_enable_x64
        jax.config.update("jax_enable_x64", True)
        yield with_jax
        jax.config.update("jax_enable_x64", before)


# ---- ours ------------------------------------------------------------------------------------------------


def value_and_grads(problem, loss, y, weight):
    """The objective and all gradients of it, dense, that of x included."""
    lam = {name: value for name, value in LAM.items() if name in problem.params}
    y_hat, cache = problem.forward()
    value = losses.LOSSES[loss].forward(y_hat, y, weight=weight)
    grads = problem.model.backward(losses.LOSSES[loss].backward(y_hat, y, weight=weight), cache, with_dx=True)
    rows = None if SCOPE[loss] == "table" else problem.batch.touched
    grads = add_grads(grads, losses.l2_backward(problem.params, lam, rows))
    dense = {n: g.to_dense(len(problem.params[n])) if isinstance(g, RowGrad) else g for n, g in grads.items()}
    return value + losses.l2_forward(problem.params, lam, rows), dense, cache


@pytest.mark.parametrize("kind, attention, sites, loss", CASES, ids=name_of)
def test_gradients_equal_automatic_differentiation(kind, attention, sites, loss, differentiate):
    model = Model(kind, attention or "network")
    problem = fixed_problem(model, sites)
    rng = np.random.default_rng(1)
    B, m, k = *problem.batch.x.shape, problem.params["V"].shape[1]
    y = rng.permutation([0.0, 1.0, 1.0, 0.0, 1.0, 0.0, 1.0]) if loss == "logistic" else signed(rng, B)
    weight = rng.uniform(0.5, 1.5, B)
    ones = {"interactions": np.ones((B, m * (m - 1) // 2, k)), "attention": np.ones((B, m * (m - 1) // 2)),
            "pooled": np.ones((B, k))}  # fmt: skip
    masks = ones | {site: mask for site, mask in problem.drop._asdict().items() if mask is not None}
    tables = {name: value for name, value in problem.params.items() if name == "pairs"}
    arrays = {name: value for name, value in problem.params.items() if name != "pairs"} | {"x": problem.batch.x}

    def f(xp, leaves, asarray):
        given = {site: asarray(mask) for site, mask in masks.items()} | {"present": problem.batch.present}
        return objective(xp, leaves | tables, attention, problem.batch.idx, given, loss, y.tolist(), weight.tolist())

    want, want_grads = differentiate(f, arrays)
    for engine in ENGINES:
        model = Model(kind, model.attention, engine)
        value, grads, cache = value_and_grads(problem._replace(model=model), loss, y, weight)
        fast = engine == "unique" and not {"interactions", "attention"} & set(sites)
        assert type(cache).__module__.startswith("afm_numpy.fast.") == fast
        assert value == pytest.approx(want, rel=1e-13)
        assert grads.keys() == want_grads.keys()
        for name, grad in grads.items():
            assert np.abs(grad - want_grads[name]).max() <= 1e-12 * np.abs(want_grads[name]).max(), (engine, name)
