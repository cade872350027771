"""Milliseconds of a step, rows per second and peak memory of all contenders, taking turns in one process."""

import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from typing import Any

import numpy as np

from ...batch import Batch
from .contenders import ENGINES, build, contenders
from .data import make_rows

PAUSE = 0.05  # seconds before each burst of calls: thread pools spin for a while after their work
BURST = 0.05  # seconds that a burst takes, if a call is shorter
BUSY = "import os\nparent = os.getppid()\nwhile os.getppid() == parent:\n    sum(range(100_000))"

Functions = dict[str, Callable[[], Any]]


def medians(
    functions: Functions, rounds: int,
    hold: Callable[[str], AbstractContextManager[None]] = lambda name: nullcontext(),
) -> dict[str, float]:  # fmt: skip
    """Milliseconds of each function: every round each of them makes a burst of calls; medians over the rounds.

    A burst is one call, or as many as take BURST seconds, after one that is not timed. So a step finds the caches as
    the step before it left them, as in training, and not as another contender did. `hold(name)` is a context that is
    held during a burst.
    """
    calls: dict[str, int] = {}
    times: dict[str, list[float]] = {name: [] for name in functions}
    for name, function in functions.items():
        with hold(name):
            function()                                                   # compiles, fills caches
            calls[name] = max(1, int(BURST / seconds(function, 1)))
    for _ in range(rounds):
        for name, function in functions.items():
            time.sleep(PAUSE)
            with hold(name):
                function()
                times[name].append(1e3 * seconds(function, calls[name]))
    return {name: float(np.median(taken)) for name, taken in times.items()}


def seconds(function: Callable[[], Any], calls: int) -> float:
    """The mean time of a call."""
    began = time.perf_counter()
    for _ in range(calls):
        function()
    return (time.perf_counter() - began) / calls


@contextmanager
def busy(count: int) -> Iterator[None]:
    """`count` processes that compute all the time; they end with this context, or with this process."""
    processes = [subprocess.Popen([sys.executable, "-c", BUSY]) for _ in range(count)]
    try:
        yield
    finally:
        for process in processes:
            process.kill()
            process.wait()


def products(batch: Batch, k: int, t: int) -> Callable[[], Any]:
    """The three matrix products over the distinct pairs: no evaluation that makes each of them once is faster."""
    rng = np.random.default_rng(0)
    D = len(batch.distinct_pairs())
    M, dZ, W = (rng.standard_normal(shape, np.float32) for shape in ((D, k), (D, t), (k, t)))
    Z, dW, dM = np.empty_like(dZ), np.empty_like(W), np.empty_like(M)
    return lambda: (np.matmul(M, W, out=Z), np.matmul(M.T, dZ, out=dW), np.matmul(dZ, W.T, out=dM))


def resident(field: str) -> float:
    """VmRSS, the resident set of this process, or VmHWM, its peak, in megabytes: Linux only."""
    with open("/proc/self/status") as file:
        return next(int(line.split()[1]) for line in file if line.startswith(field)) / 2**10


def peak_here(name: str, B: int, k: int, t: int, data: str = "app-log") -> float:
    """Megabytes that a contender adds to this process, at the peak of two steps; loading its library is not counted."""
    batch, y = make_rows(B, data=data)
    build(name, batch[:2], y[:2], 2, min(t, 2)).step()
    before = resident("VmRSS")
    contender = build(name, batch, y, k, t)
    with contender.hold():
        contender.step()
        contender.step()
    return resident("VmHWM") - before


def peak(name: str, B: int, k: int, t: int, data: str) -> float | None:
    """`peak_here` in a process of its own; None where the system does not tell."""
    code = f"from afm_numpy.commands import bench; print(bench.peak_here({name!r}, {B}, {k}, {t}, {data!r}))"
    env = os.environ | {"PYTHONPATH": os.pathsep.join(filter(None, sys.path))}
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, env=env)
    return float(run.stdout) if run.returncode == 0 else None


def measure(data: str, config: tuple[int, int, int], peers: bool, rounds: int, busy_processes: int) -> dict[str, Any]:
    """All figures of one size on one data set. The floor and the peers use the threads that they take by themselves."""
    B, k, t = config
    batch, y = make_rows(B, data=data)
    built = {}
    for name in contenders(batch, t, peers):
        contender = build(name, batch, y, k, t)
        try:
            contender.step()
        except Exception as error:
            if name in ENGINES:
                raise
            print(f"{name} cannot run here: {str(error):.200}", file=sys.stderr)      # no compiler, for example
        else:
            built[name] = contender
    steps: Functions = {name: contender.step for name, contender in built.items()}
    if t:
        steps["floor"] = products(batch, k, t)
    with busy(busy_processes):
        ms = medians(steps, rounds, lambda name: built[name].hold() if name in built else nullcontext())
        predict_ms = medians({name: contender.predict for name, contender in built.items()}, rounds)
    others = [ms[name] for name in built if name not in ENGINES]
    return {
        "data": data, "B": len(y), "k": k, "t": t, "busy": busy_processes,
        "floor_ms": ms.pop("floor", None),
        "step_ms": ms,
        "peak_mb": {name: peak(name, B, k, t, data) for name in built},
        "predicted_rows_per_s": {name: 1e3 * len(y) / taken for name, taken in predict_ms.items()},
        "best_peer_over_unique": min(others) / ms["unique"] if others else None,
    }  # fmt: skip
