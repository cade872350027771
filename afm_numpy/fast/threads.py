"""Threads of the fast engine: BLAS, the library of the matrix products, is held to one thread.

A BLAS with two threads waits, in every small product, for the thread that has no core. One busy process beside
ours then slows a training step up to two hundred times. With one thread there is nobody to wait for.
"""

import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager

from threadpoolctl import LibController, ThreadpoolController

__all__ = ["one_blas_thread"]


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
