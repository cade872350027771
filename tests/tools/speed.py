"""What `afm-numpy bench` does not show of the fast engine's speed: whole epochs, other shapes of data, another library.

    python tests/tools/speed.py               all of it, some minutes; a ratio a line, and what it should be
    python tests/tools/speed.py epoch adult   these alone

Nothing here is a test: a busy machine must not fail a suite. Both sides of a ratio take turns in one process.
`modern` needs the package modern-fm.
"""

import sys
from functools import partial

import numpy as np
from scipy import sparse

from afm_numpy import Batch, Model, optim, train
from afm_numpy.commands import bench
from afm_numpy.recipes import adult_parts


def compare(what, one, other, goal, rounds=5):
    """Print the median milliseconds of two functions that take turns, and their ratio."""
    times = [[], []]
    for _ in range(rounds + 1):                                  # the first round warms up and is not counted
        for function, taken in zip((one, other), times, strict=True):
            taken.append(1e3 * bench.seconds(function, 1))
    a, b = (np.median(taken[1:]) for taken in times)
    print(f"{what:52} {a:9.1f} ms / {b:9.1f} ms = {a / b:5.2f}   {goal}", flush=True)


def stepper(batch, y, k, t, engine="unique"):
    """A function that makes a training step on some rows, all of them by default."""
    model, optimizer = Model("afm" if t else "fm", engine=engine), optim.Adagrad()
    params = model.init_params(np.random.default_rng(0), batch, k=k, t=t, std=0.1)
    prepared, state = model.prepare(batch), optim.init(optimizer, params)

    def step(rows=np.arange(len(batch))):
        optim.step(optimizer, params, train.objective(model, params, prepared[rows], y[rows])[2], state)

    return step


def fitter(batch, y, k, t, epochs, **options):
    """A function that trains a model with `fit`."""
    model = Model("afm" if t else "fm")
    params = model.init_params(np.random.default_rng(0), batch, k=k, t=t, dtype=np.float32)
    batch = model.prepare(batch)
    return lambda: train.fit(
        model, params, batch, y, rng=np.random.default_rng(0), epochs=epochs, batch_size=4096, **options
    )


def epoch():
    """An epoch of `fit`, with shuffling and batching, beside the sum of its steps."""
    batch, y = bench.make_rows(57_722)
    parts = np.array_split(np.random.default_rng(0).permutation(len(batch)), np.arange(4096, len(batch), 4096))
    for k, t in ((16, 0), (64, 0), (16, 16), (64, 64)):
        step = stepper(batch, y, k, t)
        steps = partial(lambda step: [step(rows) for _ in range(3) for rows in parts], step)
        compare(f"3 epochs of fit / their steps, k {k} t {t}", fitter(batch, y, k, t, 3), steps, "at most 1.25", 3)


def modern():
    """FM beside modern-fm, an engine in Rust: five epochs of Adagrad over 57,722 rows, and what it needs to begin."""
    import modern_fm

    batch, y = bench.make_rows(57_722)
    one = (np.ones(batch.idx.size, np.float32), batch.idx.ravel(), np.arange(len(batch) + 1) * batch.m)
    X = sparse.csr_matrix(one, (len(batch), batch.n))
    for k, goal in ((16, "at least 1.2"), (64, "at least 2"), (256, "at least 3")):
        theirs = modern_fm.FMRegressor(
            k, optimizer="adagrad", max_iter=5, batch_size=4096, l2_linear=0.0, l2_factors=0.0, random_state=0
        )
        model = Model("fm")
        params = model.init_params(np.random.default_rng(0), batch, k=k, dtype=np.float32)
        ours = partial(
            train.fit, model, params, batch, y, rng=np.random.default_rng(0), epochs=5, batch_size=4096
        )
        compare(f"modern-fm {modern_fm.__version__} / ours, 5 epochs, k {k}", partial(theirs.fit, X, y), ours, goal)


def features():
    """A step with ten million features beside one with ten thousand: the same rows, with their ids spread out."""
    batch, y = bench.make_rows(4096)
    for k, t in ((16, 0), (16, 16)):
        wide, narrow = (
            stepper(Batch.from_padded(batch.idx * (n // batch.n), n=n, dtype=np.float32), y, k, t)
            for n in (10_000_000, 10_000)
        )
        compare(f"n = 1e7 / n = 1e4, k {k} t {t}", wide, narrow, "at most 1.2", 15)


def ragged():
    """Rows of 2 to 60 features mixed, beside equal rows with about the same number of pairs."""
    rng = np.random.default_rng(0)
    sizes = rng.integers(2, 61, 1024)
    m = int(round((1 + np.sqrt(1 + 4 * (sizes * (sizes - 1)).mean())) / 2))

    def rows_of(sizes):
        share = np.arange(1, 2001) ** -0.9
        rows = [rng.choice(2000, size, replace=False, p=share / share.sum()) for size in sizes]
        return Batch.from_lists(rows, n=2000, dtype=np.float32)

    mixed, equal = rows_of(sizes), rows_of(np.full(1024, m))
    y = rng.standard_normal(1024).astype(np.float32)
    pairs = [int(batch.mask.sum()) for batch in (mixed, equal)]
    for k, t in ((16, 16), (64, 64)):
        what = f"2 to 60 features / {m} features ({pairs[0]}, {pairs[1]} pairs), k {k} t {t}"
        compare(what, stepper(mixed, y, k, t), stepper(equal, y, k, t), "at most 1.5")


def many():
    """Peak memory of a step with 100 features, 4,950 pairs, in each of 1,024 rows."""
    rng = np.random.default_rng(0)
    idx = np.stack([rng.permutation(5000)[:100] for _ in range(1024)])
    batch, y = Batch.from_padded(idx, n=5000, dtype=np.float32), rng.standard_normal(1024).astype(np.float32)
    before = bench.resident("VmRSS")
    step = stepper(batch, y, 16, 16)
    step()
    step()
    megabytes = bench.resident("VmHWM") - before
    print(f"{'m = 100, B = 1024, k = t = 16: peak memory':52} {megabytes:9.0f} MB   at most 2000")


def adult():
    """A step on Adult with its six real-valued columns as they are, beside the dense engine."""
    fit = adult_parts(scaling="standard").fit
    for B, k, t in map(bench.size_of, bench.CONFIGS):
        batch, y = fit[0][:B].astype(np.float32), fit[1][:B].astype(np.float32)
        unique, dense = (stepper(batch, y, k, t, engine) for engine in ("unique", "dense"))
        compare(f"Adult: unique / dense, B {B} k {k} t {t}", unique, dense, "at most 1", 7 if k < 256 else 3)


CHAPTERS = {chapter.__name__: chapter for chapter in (many, epoch, modern, features, ragged, adult)}  # memory first

if __name__ == "__main__":
    for name in sys.argv[1:] or CHAPTERS:
        CHAPTERS[name]()
