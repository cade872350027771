"""Threads of the fast engine: BLAS, the library of the matrix products, is held to one, and large work has its own.

A BLAS with two threads waits, in every small product, for the thread that has no core. One busy process beside
ours then slows a training step up to two hundred times. With one thread there is nobody to wait for.

Large work is cut into blocks, and a pool of Python threads takes one block after the other: a thread whose core is
busy only takes fewer. NumPy and SciPy let other threads run while they compute. What a block is does not depend on
the number of threads, and the results are handed out in the order of the blocks: the sums have the same bits on any
number of threads.
"""

import os
import sys
import threading
from collections import deque
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from functools import cached_property, lru_cache
from pathlib import Path
from typing import TypeVar

import numpy as np
from threadpoolctl import LibController, ThreadpoolController

__all__ = ["blocks", "cores", "each_block", "one_blas_thread", "own_threads"]

LARGE = 1 << 25  # operations above which some work is worth several threads: about ten milliseconds
QUOTA = Path("/sys/fs/cgroup/cpu.max")  # of the control group, on Linux
T = TypeVar("T")


class _Hold:
    """The state of `one_blas_thread`. The limit belongs to the process, so there is one such object."""

    def __init__(self) -> None:
        self.lock = threading.Lock()
        self.users = 0
        self.modules = -1  # how many modules were imported when `libraries` was made
        self.libraries: list[LibController] = []
        self.before: list[tuple[LibController, int]] = []  # the numbers of threads to go back to

    def enter(self) -> None:
        with self.lock:
            if self.users == 0:
                if self.modules != len(sys.modules):  # an import may have loaded another library
                    self.libraries = ThreadpoolController().select(user_api="blas").lib_controllers
                    self.modules = len(sys.modules)
                self.before = limit([library for library in self.libraries if not per_thread(library)])
            self.users += 1

    def leave(self) -> None:
        with self.lock:
            self.users -= 1
            if self.users == 0:
                put_back(self.before)


def per_thread(library: LibController) -> bool:
    """An OpenBLAS that was built with OpenMP has a limit of its own in every thread."""
    return getattr(library, "threading_layer", None) == "openmp"


def limit(libraries: list[LibController]) -> list[tuple[LibController, int]]:
    """Set the libraries to one thread; return their numbers of threads before."""
    before = [(library, library.get_num_threads()) for library in libraries]
    put_back([(library, 1) for library in libraries])
    return before


def put_back(numbers: list[tuple[LibController, int]]) -> None:
    """Set numbers of threads. Newer versions of threadpoolctl obey one thread alone, unless it gives up control."""
    for library, threads in numbers:
        give_up = getattr(library, "clear_controlling_thread", lambda force: None)
        give_up(force=True)
        library.set_num_threads(threads)
        give_up(force=True)


_hold = _Hold()


@contextmanager
def one_blas_thread() -> Iterator[None]:
    """Hold every BLAS library of this process to one thread, and put the old numbers back at the end.

    The limit holds for the whole process. Uses may be nested and may overlap in several threads: the first one sets
    the limit, the last one to end puts the old numbers back, after an exception too.

    Examples
    --------
    >>> from threadpoolctl import threadpool_info
    >>> with one_blas_thread():
    ...     {library["num_threads"] for library in threadpool_info() if library["user_api"] == "blas"}
    {1}
    """
    _hold.enter()
    own = limit([library for library in _hold.libraries if per_thread(library)])
    try:
        yield
    finally:
        put_back(own)
        _hold.leave()


# ---- large work on threads of our own --------------------------------------------------------------------

_own = threading.local()  # .pool: the pool of the call of `fit` or `predict` that this thread is in


@lru_cache
def cores() -> int:
    """The cores that this process may use: by its affinity, and by the quota of its control group."""
    count = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    try:
        quota, period = QUOTA.read_text().split()
        return count if quota == "max" else max(1, min(count, int(quota) // int(period)))
    except (OSError, ValueError):
        return count


class Pool:
    """Threads for the large work of one call. None is started before there is such work."""

    def __init__(self, count: int) -> None:
        self.count = count

    @cached_property
    def threads(self) -> ThreadPoolExecutor:
        return ThreadPoolExecutor(self.count, "afm_numpy")

    def close(self) -> None:
        if "threads" in vars(self):
            self.threads.shutdown(cancel_futures=True)


@contextmanager
def own_threads() -> Iterator[None]:
    """Hold BLAS to one thread, and give large work in `each_block` a pool of threads, which ends here too.

    There are as many threads as cores, unless BLAS was limited to fewer: by a variable of the environment, by the user,
    or by joblib for its workers. Several uses at once share the cores.
    """
    with one_blas_thread():
        limits = [threads for _, threads in _hold.before]
        outer, _own.pool = getattr(_own, "pool", None), Pool(max(1, min([cores(), *limits]) // _hold.users))
        try:
            yield
        finally:
            _own.pool.close()
            _own.pool = outer


def blocks(size: int, step: int) -> list[slice]:
    """Slices of about the same length, at most `step` or 64, that cover 0 to `size`."""
    count = -(-size // max(step, 64))
    return [slice(size * part // count, size * (part + 1) // count) for part in range(count)]


def each_block(function: Callable[[slice], T], size: int, step: int, work: int) -> Iterator[T]:
    """The results of function(block) for `blocks(size, step)`, in their order; on several threads for much `work`.

    `work` counts the operations on numbers; what it is split into does not depend on the number of threads. Few
    blocks are in work at a time, so that few results wait in memory.

    Examples
    --------
    >>> list(each_block(lambda block: block.start, size=150, step=64, work=150))
    [0, 50, 100]
    """
    pool, parts = getattr(_own, "pool", None), blocks(size, step)
    if pool is None or pool.count == 1 or len(parts) == 1 or work < LARGE:
        yield from map(function, parts)
        return
    errors = np.geterr()

    def in_thread(part: slice) -> T:
        with one_blas_thread(), np.errstate(**errors):               # both may be different in every thread
            return function(part)

    waiting: deque[Future[T]] = deque()
    for part in parts:
        waiting.append(pool.threads.submit(in_thread, part))
        if len(waiting) > pool.count:
            yield waiting.popleft().result()
    while waiting:
        yield waiting.popleft().result()
