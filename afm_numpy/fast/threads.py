"""Threads of the fast engine: BLAS, the library of the matrix products, is held to one, and large work has its own.

A BLAS with two threads waits, in every small product, for the thread that has no core. One busy process beside
ours then slows a training step up to two hundred times. With one thread there is nobody to wait for.

Large work is cut into blocks, and a few Python threads take one block after the other: a thread whose core is
busy only takes fewer. The thread that calls is one of them, the others live as long as one call of `fit` or `predict`.
NumPy and SciPy let other threads run while they compute. What a block is does not depend on the number of threads, and
the results are handed out in the order of the blocks: the sums have the same bits on any number of threads.
"""

import os
import sys
import threading
from collections import deque
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from contextvars import ContextVar
from functools import lru_cache
from itertools import pairwise
from pathlib import Path
from typing import NamedTuple, TypeVar

import numpy as np
from threadpoolctl import LibController, ThreadpoolController

LARGE = 1 << 25  # operations above which some work is worth several threads: about ten milliseconds
QUOTA = Path("/sys/fs/cgroup/cpu.max")  # of the control group, on Linux
T = TypeVar("T")


# ---- BLAS is held to one thread --------------------------------------------------------------------------


class _Hold:
    """The state of `one_blas_thread`. The limit belongs to the process, so this is used as it is, without objects."""

    lock = threading.Lock()
    users = 0
    modules = -1  # how many modules were imported when `libraries` was made
    libraries: list[LibController] = []
    before: list[tuple[LibController, int]] = []  # the numbers of threads to go back to


def _set_threads(numbers: list[tuple[LibController, int]]) -> list[tuple[LibController, int]]:
    """Set numbers of threads, and return those before.

    Newer versions of threadpoolctl obey one thread alone, unless it gives up control.
    """
    before = [(library, library.get_num_threads()) for library, _ in numbers]
    for library, threads in numbers:
        give_up = getattr(library, "clear_controlling_thread", lambda force: None)
        give_up(force=True)
        library.set_num_threads(threads)
        give_up(force=True)
    return before


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
    with _Hold.lock:
        if _Hold.users == 0 and _Hold.modules != len(sys.modules):   # an import may have loaded another library
            _Hold.libraries = ThreadpoolController().select(user_api="blas").lib_controllers
            _Hold.modules = len(sys.modules)
        before = _set_threads([(library, 1) for library in _Hold.libraries])
        _Hold.before = _Hold.before if _Hold.users else before
        _Hold.users += 1
    try:
        yield
    finally:
        own = [one for one in before if getattr(one[0], "threading_layer", None) == "openmp"]    # one in every thread
        with _Hold.lock:
            _Hold.users -= 1
            _set_threads(own if _Hold.users else _Hold.before)


# ---- large work on threads of our own --------------------------------------------------------------------


class _Pool(NamedTuple):
    """The threads of one call of `fit` or `predict`: how many, and those beside the one that calls."""

    threads: int
    others: ThreadPoolExecutor


_pool: ContextVar[_Pool | None] = ContextVar("_pool", default=None)


@lru_cache
def cores() -> int:
    """The cores that this process may use: by its affinity, and by the quota of its control group."""
    count = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    try:
        quota, period = QUOTA.read_text().split()
        return count if quota == "max" else max(1, min(count, int(quota) // int(period)))
    except (OSError, ValueError):
        return count


@lru_cache
def keep_memory() -> None:
    """Let the memory of freed arrays, up to 31 MB each, stay with this process: new arrays then cost no page faults.

    The GNU C library gives back a freed block above a threshold, which it raises to the largest block freed so far
    (mallopt(3), M_MMAP_THRESHOLD). Nothing is written to this one, and elsewhere it does no harm.
    """
    np.empty(31 << 20, np.uint8)


@contextmanager
def own_threads() -> Iterator[None]:
    """Hold BLAS to one thread, and let large work in `each_block` have threads of its own.

    There are as many threads as cores, unless BLAS was limited to fewer: by a variable of the environment, by the user,
    or by joblib for its workers. Several uses at once share the cores.
    """
    keep_memory()
    with one_blas_thread():
        count = max(1, min([cores(), *(threads for _, threads in _Hold.before)]) // _Hold.users)
        one_each = [(library, 1) for library in _Hold.libraries]
        with ThreadPoolExecutor(max(1, count - 1), "afm_numpy", _set_threads, (one_each,)) as others:
            outer = _pool.set(_Pool(count, others) if count > 1 else None)
            try:
                yield
            finally:
                _pool.reset(outer)


def blocks(whole: slice, step: int) -> list[slice]:
    """Slices of about the same length, at most `step` or 64, that cover `whole`."""
    size = whole.stop - whole.start
    count = -(-size // max(step, 64))
    ends = [whole.start + size * part // max(count, 1) for part in range(count + 1)]
    return [slice(*pair) for pair in pairwise(ends)]


def each_block(function: Callable[[slice], T], size: int, step: int, work: int) -> Iterator[T]:
    """The results of function(block) for `blocks(size, step)`, in their order; on several threads for much `work`.

    `work` counts the operations on numbers; what it is split into does not depend on the number of threads. Few
    blocks are in work at a time, so that few results wait in memory.

    Examples
    --------
    >>> list(each_block(lambda block: block.start, size=150, step=64, work=150))
    [0, 50, 100]
    """
    parts, pool = blocks(slice(0, size), step), _pool.get()
    if pool is None or len(parts) == 1 or work < LARGE:
        yield from map(function, parts)
        return
    results: deque[Future[T]] = deque(Future() for _ in parts)
    left, errors = deque(zip(parts, results, strict=True)), np.geterr()

    def work_on_one() -> None:
        """Work on the first block that nobody has begun. Nobody waits for such a block: in a forked child, where the
        other threads are missing, the caller does them all."""
        try:
            part, result = left.popleft()
        except IndexError:
            return
        try:
            with np.errstate(**errors):                      # they may be different in every thread
                result.set_result(function(part))
        except BaseException as error:
            result.set_exception(error)

    for _ in range(pool.threads):
        pool.others.submit(work_on_one)
    while results:
        if not results[0].done():
            work_on_one()
        yield results.popleft().result()
        pool.others.submit(work_on_one)
