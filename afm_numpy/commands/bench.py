"""Milliseconds of one training step, peak memory and rows per second: both engines, and PyTorch and JAX beside them.

    python -m afm_numpy bench                                  both engines on all sizes
    python -m afm_numpy bench --peers --config 4096,64,64      with whatever peer is installed, on one size
    python -m afm_numpy bench --json > bench.json              everything, and the machine
    python -m afm_numpy bench --plot bench.png

A step selects B rows in a new order, and is forward, backward and Adagrad in float32, with attention "network" (t > 0)
or FM (t = 0). All contenders of a size take turns in one process, so that a busy machine slows all of them alike;
medians are compared (see `medians`). The floor is the time of the three matrix products over the distinct pairs
alone. Peak memory is the growth of the resident set of a process of its own.
"""

import argparse
import json
import os
import platform
import re
import subprocess
import sys
import time
from importlib.util import find_spec

import numpy as np

from .. import Batch, Model, optim, plots, train
from .._files import check_output
from ..fast.threads import own_threads
from .options import parser, positive

__all__ = ["CONFIGS", "main", "make_rows"]

CONFIGS = (
    "4096,256,256", "4096,256,16", "4096,64,64", "4096,16,16", "128,16,16", "4096,256,0", "4096,64,0", "4096,16,0",
    "256,16,0",
)  # fmt: skip
ENGINES = ("unique", "dense")
EXAMPLES = """\
  afm-numpy bench --peers
  afm-numpy bench --config 4096,64,64 4096,64,0 --steps 15
  afm-numpy bench --json > bench.json"""
LR, EPS = 0.05, 1e-8
PAUSE = 0.05  # seconds before each burst of calls: thread pools spin for a while after their work
BURST = 0.05  # seconds that a burst takes, if a call is shorter


# ---- data: an app-usage log of ten categorical fields --------------------------------------------------------

FIELDS = {  # values of the field, and the exponent of their Zipf distribution
    "user": (957, 0.7), "item": (4082, 0.9), "daytime": (7, 0.2), "weekday": (7, 0.1), "weekend": (2, 0.6),
    "homework": (3, 1.2), "cost": (2, 1.0), "weather": (9, 0.7), "country": (80, 1.3), "city": (233, 1.1),
}  # fmt: skip
N = sum(size for size, _ in FIELDS.values())


def make_rows(n_rows, seed=0):
    """Rows with the field sizes and the share of repeated pairs of a context-aware log of app usage.

    Returns
    -------
    batch : Batch
        (n_rows, 10), a slot per field, 5,382 features.
    y : (n_rows,) float32 array
        -1 or 1; a third of the rows is positive.

    Examples
    --------
    >>> batch, y = make_rows(4096)
    >>> batch.idx.shape, batch.n, 38_000 < len(batch.distinct_pairs()) < 46_000
    ((4096, 10), 5382, True)
    """
    rng = np.random.default_rng(seed)

    def draw(field, count):
        size, exponent = FIELDS[field]
        share = np.arange(1, size + 1) ** -exponent
        return rng.choice(size, count, p=share / share.sum())

    columns = {field: draw(field, n_rows) for field in FIELDS}
    at_home = rng.random(n_rows) < 0.95                      # a user is mostly in one place
    for field in ("country", "city"):
        home = draw(field, FIELDS["user"][0])
        columns[field] = np.where(at_home, home[columns["user"]], columns[field])
    start = np.cumsum([0, *(size for size, _ in FIELDS.values())])[:-1]
    idx = np.stack(list(columns.values()), axis=1) + start
    taste = 0.6 * rng.standard_normal((N, 4))[idx]
    score = 0.5 * (taste.sum(axis=1) ** 2 - (taste**2).sum(axis=1)).sum(axis=1)
    noisy = score + rng.standard_normal(n_rows)
    return Batch.from_padded(idx, n=N, dtype=np.float32), np.where(noisy > np.quantile(noisy, 2 / 3), 1, -1).astype("f")


# ---- contenders: each a function that makes one step, and one that predicts ------------------------------------


def start(batch, k, t):
    """The same parameters for every contender."""
    return Model("afm" if t else "fm").init_params(np.random.default_rng(0), batch, k=k, t=t, std=0.1)


def ours(engine, batch, y, k, t):
    model, rng = Model("afm" if t else "fm", engine=engine), np.random.default_rng(1)
    params, prepared, optimizer = start(batch, k, t), model.prepare(batch), optim.Adagrad(LR, 0.0, EPS)
    state = optim.init(optimizer, params)

    @own_threads()
    def step():
        rows = rng.permutation(len(batch))
        optim.step(optimizer, params, train.objective(model, params, prepared[rows], y[rows])[2], state)

    return step, lambda: train.predict(model, params, batch)


def in_torch(sparse, batch, y, k, t):
    import torch
    from torch.nn import functional

    rng = np.random.default_rng(1)
    params = {name: torch.tensor(value) for name, value in start(batch, k, t).items()}
    tables = {
        name: torch.nn.Embedding.from_pretrained(params.pop(name).reshape(batch.n, -1), freeze=False, sparse=sparse)
        for name in ("w", "V")
    }
    params = {name: torch.nn.Parameter(value) for name, value in params.items()}
    learned = [*params.values(), *(table.weight for table in tables.values())]
    optimizer = torch.optim.Adagrad(learned, lr=LR, eps=EPS)
    idx, y = torch.tensor(batch.idx), torch.tensor(y)
    pair_i, pair_j = torch.tensor(batch.pair_i.copy()), torch.tensor(batch.pair_j.copy())

    def forward(idx):
        E = tables["V"](idx)
        if t:
            M = E[:, pair_i] * E[:, pair_j]
            a = functional.softmax(functional.relu(M @ params["W"] + params["b"]) @ params["h"], dim=1)
            pairs = (a[:, :, None] * M).sum(1) @ params["p"]
        else:
            pairs = 0.5 * ((E.sum(1) ** 2).sum(1) - (E**2).sum((1, 2)))
        return params["w0"] + tables["w"](idx).sum((1, 2)) + pairs

    def step():
        rows = torch.from_numpy(rng.permutation(len(y)))
        optimizer.zero_grad()
        ((forward(idx[rows]) - y[rows]) ** 2).mean().backward()
        optimizer.step()

    return step, torch.no_grad()(lambda: forward(idx))


def in_jax(batch, y, k, t):
    import jax
    import jax.numpy as jnp

    rng = np.random.default_rng(1)
    params = {name: jnp.array(value) for name, value in start(batch, k, t).items()}
    state = [params, {name: jnp.zeros_like(value) for name, value in params.items()}]
    idx, y = jnp.array(batch.idx), jnp.array(y)
    pair_i, pair_j = batch.pair_i, batch.pair_j

    def forward(params, idx):
        E = params["V"][idx]
        if t:
            M = E[:, pair_i] * E[:, pair_j]
            a = jax.nn.softmax(jax.nn.relu(M @ params["W"] + params["b"]) @ params["h"], axis=1)
            pairs = jnp.einsum("bp,bpk->bk", a, M) @ params["p"]
        else:
            pairs = 0.5 * ((E.sum(1) ** 2).sum(1) - (E**2).sum((1, 2)))
        return params["w0"] + params["w"][idx].sum(1) + pairs

    def adagrad(params, acc, rows):
        grads = jax.grad(lambda params: ((forward(params, idx[rows]) - y[rows]) ** 2).mean())(params)
        acc = {name: acc[name] + grads[name] ** 2 for name in acc}
        return {name: params[name] - LR * grads[name] / (jnp.sqrt(acc[name]) + EPS) for name in params}, acc

    one_step, predict = jax.jit(adagrad, donate_argnums=(0, 1)), jax.jit(forward)

    def step():
        state[:] = one_step(*state, rng.permutation(len(y)))
        jax.block_until_ready(state)

    return step, lambda: jax.block_until_ready(predict(state[0], idx))


def contenders(t, peers):
    """Names of those that can run: engines, and peers that are installed."""
    names = list(ENGINES)
    if peers and find_spec("torch"):
        names += ["torch"] if t else ["torch", "torch sparse"]
    if peers and find_spec("jax"):
        names += ["jax"]
    return names


def build(name, batch, y, k, t):
    if name in ENGINES:
        return ours(name, batch, y, k, t)
    return in_jax(batch, y, k, t) if name == "jax" else in_torch(name == "torch sparse", batch, y, k, t)


# ---- measuring -----------------------------------------------------------------------------------------------


def medians(functions, rounds):
    """Milliseconds of each function: every round each of them makes a burst of calls; medians over the rounds.

    A burst is one call, or as many as take BURST seconds, after one that is not timed: as in training, a step then
    finds the caches as the step before it left them, not as another contender did.
    """
    calls, times = {}, {name: [] for name in functions}
    for name, function in functions.items():
        function()                                                       # compiles, fills caches
        calls[name] = max(1, int(BURST / seconds(function, 1)))
    for _ in range(rounds):
        for name, function in functions.items():
            time.sleep(PAUSE)
            function()
            times[name].append(1e3 * seconds(function, calls[name]))
    return {name: float(np.median(taken)) for name, taken in times.items()}


def seconds(function, calls):
    """The mean time of a call."""
    began = time.perf_counter()
    for _ in range(calls):
        function()
    return (time.perf_counter() - began) / calls


def products(batch, k, t):
    """The three matrix products over the distinct pairs: no evaluation that makes each of them once is faster."""
    rng = np.random.default_rng(0)
    D = len(batch.distinct_pairs())
    M, dZ, W = (rng.standard_normal(shape, np.float32) for shape in ((D, k), (D, t), (k, t)))
    Z, dW, dM = np.empty_like(dZ), np.empty_like(W), np.empty_like(M)
    return lambda: (np.matmul(M, W, out=Z), np.matmul(M.T, dZ, out=dW), np.matmul(dZ, W.T, out=dM))


def resident(field):
    """VmRSS, the resident set of this process, or VmHWM, its peak, in megabytes: Linux only."""
    with open("/proc/self/status") as file:
        return next(int(line.split()[1]) for line in file if line.startswith(field)) / 2**10


def peak_here(name, B, k, t):
    """Megabytes that a contender adds to this process, at the peak of two steps; loading its library is not counted."""
    batch, y = make_rows(B)
    build(name, *make_rows(2), 2, min(t, 2))[0]()
    before = resident("VmRSS")
    step, _ = build(name, batch, y, k, t)
    step()
    step()
    return resident("VmHWM") - before


def peak(name, B, k, t):
    """`peak_here` in a process of its own; None where the system does not tell."""
    code = f"from afm_numpy.commands import bench; print(bench.peak_here({name!r}, {B}, {k}, {t}))"
    path = os.pathsep.join(filter(None, sys.path))
    env = os.environ | {"PYTHONPATH": path}
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, env=env)
    return float(run.stdout) if run.returncode == 0 else None


def measure(config, peers, rounds):
    """All figures of one size: a dict."""
    B, k, t = config
    batch, y = make_rows(B)
    names = contenders(t, peers)
    built = {name: build(name, batch, y, k, t) for name in names}
    floor = {"floor": products(batch, k, t)} if t else {}
    ms = medians({name: step for name, (step, _) in built.items()} | floor, rounds)
    predict_ms = medians({name: predict for name, (_, predict) in built.items()}, rounds)
    others = [ms[name] for name in names if name not in ENGINES]
    return {
        "B": B, "k": k, "t": t,
        "floor_ms": ms.pop("floor", None),
        "step_ms": ms,
        "peak_mb": {name: peak(name, B, k, t) for name in names},
        "predicted_rows_per_s": {name: 1e3 * B / taken for name, taken in predict_ms.items()},
        "best_peer_over_unique": min(others) / ms["unique"] if others else None,
    }  # fmt: skip


# ---- showing -------------------------------------------------------------------------------------------------


def machine():
    names = ("numpy", "scipy", "torch", "jax")
    versions = {name: sys.modules[name].__version__ for name in names if name in sys.modules}
    return {"cores": os.cpu_count(), "system": platform.platform(), "python": platform.python_version(), **versions}


def lines(results):
    """The figures as text, a line per contender."""
    yield f"{'B,k,t':>13} {'':12} {'ms/step':>9} {'x unique':>8} {'x floor':>8} {'peak MB':>8} {'rows/s predicted':>17}"
    for result in results:
        ms, floor = result["step_ms"], result["floor_ms"]
        size = f"{result['B']},{result['k']},{result['t']}"
        for name, taken in ms.items():
            megabytes = result["peak_mb"][name]
            yield (
                f"{size:>13} {name:12} {taken:9.2f} {taken / ms['unique']:8.2f} "
                f"{f'{taken / floor:.2f}' if floor else '-':>8} {'-' if megabytes is None else f'{megabytes:.0f}':>8} "
                f"{result['predicted_rows_per_s'][name]:17,.0f}"
            )
            size = ""


def draw(results, path):
    """Bars of milliseconds per step on a logarithmic scale, with the floor as a line."""
    from matplotlib.figure import Figure

    names = list(dict.fromkeys(name for result in results for name in result["step_ms"]))
    figure = Figure(figsize=(1.6 + 1.1 * len(results), 4.5), layout="constrained")
    ax = figure.subplots()
    width = 0.8 / len(names)
    for number, name in enumerate(names):
        at = [place for place, result in enumerate(results) if name in result["step_ms"]]
        ax.bar(
            [place + (number - (len(names) - 1) / 2) * width for place in at],
            [results[place]["step_ms"][name] for place in at], width, label=name,
            color=plots.COLORS[number % len(plots.COLORS)],
            hatch=["", "//", "..", "xx", "\\\\"][number % 5], edgecolor="white",
        )  # fmt: skip
    for place, result in enumerate(results):
        if result["floor_ms"]:
            label = None if ax.lines else "matrix products alone"
            ax.plot([place - 0.45, place + 0.45], 2 * [result["floor_ms"]], color="black", label=label)
    sizes = [f"AFM\nB {r['B']}\nk {r['k']}\nt {r['t']}" if r["t"] else f"FM\nB {r['B']}\nk {r['k']}" for r in results]
    ax.set_xticks(range(len(results)), sizes)
    ax.set(yscale="log", ylabel="milliseconds per training step", title="One training step (less is better)")
    ax.legend()
    plots.save(figure, path, dpi=150)


def size_of(text):
    """B,k,t as three integers, for argparse."""
    if not re.fullmatch(r"[1-9]\d*,[1-9]\d*,\d+", text):
        raise argparse.ArgumentTypeError(f"{text!r:.60} is not B,k,t: rows and factors of at least 1, t of at least 0")
    return tuple(map(int, text.split(",")))


def main(argv=None):
    """Measure, print, draw; return 0."""
    options = parser("bench", __doc__.splitlines()[0], EXAMPLES)
    options.add_argument("--config", nargs="+", type=size_of, metavar="B,k,t", help="rows, factors, attention; t 0: FM")
    options.add_argument("--steps", type=positive, default=7, help="rounds; medians are over them (default 7)")
    options.add_argument("--peers", action="store_true", help="measure PyTorch and JAX too, where installed")
    options.add_argument("--json", action="store_true", help="print JSON instead of the table")
    options.add_argument("--plot", metavar="PNG", help="write a picture of the milliseconds per step")
    args = options.parse_args(argv)
    if args.plot is not None:
        check_output(args.plot)
    results = []
    for config in args.config or map(size_of, CONFIGS):
        print(f"measuring B,k,t = {','.join(map(str, config))}", file=sys.stderr)
        results.append(measure(config, args.peers, args.steps))
    print(json.dumps({"machine": machine(), "results": results}, indent=1) if args.json else "\n".join(lines(results)))
    if args.plot is not None:
        draw(results, args.plot)
    return 0


if __name__ == "__main__":
    sys.exit(main())
