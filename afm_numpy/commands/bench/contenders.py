"""Who is timed: both engines, PyTorch in four ways, and JAX. Each makes the same steps from the same parameters.

A step selects all rows in a new order, and is forward, backward and Adagrad in float32, with the squared loss.
"""

from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from importlib.util import find_spec
from typing import Any, NamedTuple

import numpy as np

from ... import optim, train
from ..._types import Array, Params
from ...batch import Batch
from ...fast.numbering import number_pairs
from ...fast.threads import own_threads
from ...models import Model
from ...train.loop import one_step

ENGINES = ("unique", "dense")
LR, EPS = 0.05, 1e-8


class Contender(NamedTuple):
    """What is timed, and what is held while it is."""

    step: Callable[[], object]
    predict: Callable[[], Any]
    hold: Callable[[], AbstractContextManager[None]] = nullcontext


def contenders(batch: Batch, t: int, peers: bool) -> list[str]:
    """Names of those that can run on some rows: engines, and peers that are installed."""
    names = list(ENGINES)
    if peers and find_spec("torch"):
        names += ["torch", "torch compile"]
        names += [] if t else ["torch sparse"]
        names += ["torch once per pair"] if t and batch.width else []
    return names + (["jax"] if peers and find_spec("jax") else [])


def build(name: str, batch: Batch, y: Array, k: int, t: int) -> Contender:
    """A contender, ready for its first step."""
    params = Model("afm" if t else "fm").init_params(np.random.default_rng(0), batch, k=k, t=t, std=0.1)
    if name in ENGINES:
        return ours(name, params, batch, y)
    return in_jax(params, batch, y) if name == "jax" else in_torch(name.removeprefix("torch").strip(), params, batch, y)


def ours(engine: Any, params: Params, batch: Batch, y: Array) -> Contender:
    """An engine of this package, as `fit` and `predict` call it."""
    model, rng = Model("afm" if "W" in params else "fm", engine=engine), np.random.default_rng(1)
    prepared, optimizer = model.prepare(batch), optim.Adagrad(LR, 0.0, EPS)
    state, goal = optim.init(optimizer, params), train.Objective("squared")

    def step() -> None:
        rows = rng.permutation(len(batch))
        one_step(
            model, params, prepared[rows], y[rows], None, rng=rng, goal=goal, optimizer=optimizer, state=state
        )

    return Contender(step, lambda: train.predict(model, params, batch), own_threads)


def in_torch(way: str, start: Params, batch: Batch, y: Array) -> Contender:
    """PyTorch: as one writes it, compiled, with sparse gradients of the tables, or once for each distinct pair."""
    import torch
    from torch.nn import functional

    rng = np.random.default_rng(1)
    params = {name: torch.tensor(value) for name, value in start.items()}
    tables = {
        name: torch.nn.Embedding.from_pretrained(
            params.pop(name).reshape(batch.n, -1), freeze=False, sparse=way == "sparse"
        )
        for name in ("w", "V")
    }
    params = {name: torch.nn.Parameter(value) for name, value in params.items()}
    learned = [*params.values(), *(table.weight for table in tables.values())]
    optimizer = torch.optim.Adagrad(learned, lr=LR, eps=EPS)
    idx, x, target, mask = (torch.tensor(array) for array in (batch.idx, batch.x[:, :, None], y, batch.mask))
    pair_i, pair_j = torch.tensor(batch.pair_i.copy()), torch.tensor(batch.pair_j.copy())
    ones, full = bool((batch.values == 1).all()), bool(batch.mask.all())

    def scores_of(M: Any) -> Any:
        return functional.relu(M @ params["W"] + params["b"]) @ params["h"]

    def pairs_of(E: Any, rows: Any) -> Any:
        if not start.keys() >= {"W"}:
            return 0.5 * ((E.sum(1) ** 2).sum(1) - (E**2).sum((1, 2)))
        M = E[:, pair_i] * E[:, pair_j]
        s = scores_of(M) if full else scores_of(M).masked_fill(~mask[rows], -torch.inf)
        return (functional.softmax(s, dim=1)[:, :, None] * M).sum(1) @ params["p"]

    def forward(rows: Any) -> Any:
        E, w = tables["V"](idx[rows]), tables["w"](idx[rows])
        if not ones:
            E, w = E * x[rows], w * x[rows]
        return params["w0"] + w.sum((1, 2)) + pairs_of(E, rows)

    def forward_once_per_pair(rows: Any) -> Any:
        used, place = torch.unique(pair[rows], return_inverse=True)
        E = tables["V"](feature) * value[:, None]
        M = E[first[used]] * E[second[used]]
        a = functional.softmax(scores_of(M)[place], dim=1)
        w = tables["w"](idx[rows]) if ones else tables["w"](idx[rows]) * x[rows]
        return params["w0"] + w.sum((1, 2)) + (a * (M @ params["p"])[place]).sum(1)

    if way == "once per pair":
        numbered = number_pairs(batch)
        pair = torch.tensor(numbered.pair.reshape(len(batch), -1))
        feature, value, first, second = map(torch.tensor, (numbered.feature, numbered.value, *numbered.tokens))
        forward = forward_once_per_pair
    predicted = torch.compile(forward) if way == "compile" else forward

    def step() -> None:
        rows = torch.from_numpy(rng.permutation(len(y)))
        optimizer.zero_grad()
        ((predicted(rows) - target[rows]) ** 2).mean().backward()
        optimizer.step()

    return Contender(step, torch.no_grad()(lambda: predicted(slice(None))))


def in_jax(start: Params, batch: Batch, y: Array) -> Contender:
    """JAX, compiled as a whole."""
    import jax
    import jax.numpy as jnp

    rng = np.random.default_rng(1)
    params = {name: jnp.array(value) for name, value in start.items()}
    state = [params, {name: jnp.zeros_like(value) for name, value in params.items()}]
    idx, x, target, mask = map(jnp.array, (batch.idx, batch.x, y, batch.mask))
    pair_i, pair_j = batch.pair_i, batch.pair_j
    ones, full = bool((batch.values == 1).all()), bool(batch.mask.all())

    def forward(params: Any, rows: Any) -> Any:
        E, w = params["V"][idx[rows]], params["w"][idx[rows]]
        if not ones:
            E, w = E * x[rows][:, :, None], w * x[rows]
        if "W" in params:
            M = E[:, pair_i] * E[:, pair_j]
            s = jax.nn.relu(M @ params["W"] + params["b"]) @ params["h"]
            a = jax.nn.softmax(s if full else jnp.where(mask[rows], s, -jnp.inf), axis=1)
            pairs = jnp.einsum("bp,bpk->bk", a, M) @ params["p"]
        else:
            pairs = 0.5 * ((E.sum(1) ** 2).sum(1) - (E**2).sum((1, 2)))
        return params["w0"] + w.sum(1) + pairs

    def adagrad(params: Any, acc: Any, rows: Any) -> Any:
        grads = jax.grad(lambda params: ((forward(params, rows) - target[rows]) ** 2).mean())(params)
        acc = {name: acc[name] + grads[name] ** 2 for name in acc}
        return {name: params[name] - LR * grads[name] / (jnp.sqrt(acc[name]) + EPS) for name in params}, acc

    one_step = jax.jit(adagrad, donate_argnums=(0, 1))
    predict = jax.jit(lambda params: forward(params, slice(None)))

    def step() -> None:
        state[:] = one_step(*state, rng.permutation(len(y)))
        jax.block_until_ready(state)

    return Contender(step, lambda: jax.block_until_ready(predict(state[0])))
