"""BLAS is held to one thread while something uses it; its old number comes back: nested, overlapping, after errors."""

import subprocess
import sys
import threading

import numpy as np
import pytest
from threadpoolctl import threadpool_info, threadpool_limits

from afm_numpy import Batch, Model, train
from afm_numpy.fast import threads
from afm_numpy.fast.threads import one_blas_thread

BATCH = Batch.from_padded(np.arange(40).reshape(8, 5) % 11, n=20)
Y = np.arange(8.0)


def blas_threads():
    """The numbers of threads of all BLAS libraries: one number if they agree."""
    numbers = {library["num_threads"] for library in threadpool_info() if library["user_api"] == "blas"}
    assert len(numbers) == 1
    return numbers.pop()


@pytest.fixture(autouse=True)
def two_threads():
    """Every test finds BLAS with two threads, whatever the environment says, and must leave it so."""
    with threadpool_limits(limits=2, user_api="blas"):
        assert blas_threads() == 2
        yield
        assert blas_threads() == 2


def test_held_and_put_back():
    with one_blas_thread():
        assert blas_threads() == 1


def test_nested_uses_end_with_the_outer_one():
    with one_blas_thread():
        with one_blas_thread():
            assert blas_threads() == 1
        assert blas_threads() == 1


def test_put_back_after_an_error():
    for error in (ValueError, KeyboardInterrupt):
        with pytest.raises(error), one_blas_thread():
            raise error


def test_a_function_can_be_wrapped():
    @one_blas_thread()
    def work(fail):
        assert blas_threads() == 1
        return 1 / (not fail)

    assert work(fail=False) == 1
    assert blas_threads() == 2
    with pytest.raises(ZeroDivisionError):
        work(fail=True)


def test_what_was_set_in_between_is_found_again():
    for number in (1, 2):
        with threadpool_limits(limits=number, user_api="blas"):
            with one_blas_thread():
                assert blas_threads() == 1
            assert blas_threads() == number


def test_overlapping_threads():
    """The first use ends while the second goes on: the limit stays until the second ends."""
    entered, may_leave = threading.Event(), threading.Event()

    def second():
        with one_blas_thread():
            entered.set()
            may_leave.wait(10)

    thread = threading.Thread(target=second)
    with one_blas_thread():
        thread.start()
        assert entered.wait(10)
    assert blas_threads() == 1
    may_leave.set()
    thread.join()


def test_many_threads_at_once():
    seen, start = [], threading.Barrier(8)

    def work():
        start.wait(10)
        for _ in range(20):
            with one_blas_thread():
                seen.append(blas_threads())

    workers = [threading.Thread(target=work) for _ in range(8)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    assert seen == [1] * 160


def test_one_controller_serves_until_a_library_may_have_been_loaded(monkeypatch):
    made = []

    def counted():
        made.append(1)
        return real()

    real = threads.ThreadpoolController
    monkeypatch.setattr(threads, "ThreadpoolController", counted)
    with one_blas_thread():
        pass
    made.clear()
    for _ in range(3):
        with one_blas_thread():
            pass
    assert made == []
    monkeypatch.setitem(sys.modules, "afm_numpy_test_newly_imported", threading)
    for _ in range(3):
        with one_blas_thread():
            pass
    assert made == [1]


def test_a_library_that_is_loaded_later_is_held_too():
    """NumPy and SciPy bring a BLAS each; the one of SciPy is loaded by scipy.linalg."""
    code = """
from threadpoolctl import threadpool_info
from afm_numpy.fast.threads import one_blas_thread
def blas():
    return [library["num_threads"] for library in threadpool_info() if library["user_api"] == "blas"]
with one_blas_thread():
    print(blas())
import scipy.linalg
with one_blas_thread():
    print(blas())
"""
    out = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60).stdout
    first, second = map(eval, out.splitlines())
    assert set(first) == set(second) == {1} and len(second) >= len(first) >= 1


class PerThread:
    """An OpenBLAS with OpenMP: every thread has a number of its own."""

    threading_layer = "openmp"

    def __init__(self):
        self.numbers = threading.local()

    def get_num_threads(self):
        return getattr(self.numbers, "value", 4)

    def set_num_threads(self, number):
        self.numbers.value = number


def test_a_library_with_a_number_for_every_thread(monkeypatch):
    library, seen = PerThread(), []
    with one_blas_thread():
        pass
    monkeypatch.setattr(threads._hold, "libraries", [library])
    monkeypatch.setattr(threads._hold, "modules", len(sys.modules))

    def work():
        seen.append(library.get_num_threads())
        with one_blas_thread():
            seen.append(library.get_num_threads())
            with one_blas_thread():
                seen.append(library.get_num_threads())
            seen.append(library.get_num_threads())
        seen.append(library.get_num_threads())

    with one_blas_thread():
        thread = threading.Thread(target=work)
        thread.start()
        thread.join()
    assert seen == [4, 1, 1, 1, 4] and library.get_num_threads() == 4


@pytest.mark.parametrize("model", [Model("fm"), Model("afm"), Model("afm", engine="dense")], ids=str)
def test_training_and_prediction_hold_it(model):
    seen = []

    def callback(row, params, state):
        seen.append(blas_threads())
        assert len(train.predict(model, params, BATCH)) == 8                     # ends inside the training's use
        seen.append(blas_threads())

    params = model.init_params(np.random.default_rng(0), BATCH, k=2)
    train.fit(model, params, BATCH, Y, rng=np.random.default_rng(0), epochs=2, callback=callback)
    assert seen == [1] * 4


@pytest.mark.parametrize("kind", ["fm", "afm"])
def test_prediction_holds_it(kind, monkeypatch):
    model, seen = Model(kind), []
    functions = type(model).functions.fget
    params = model.init_params(np.random.default_rng(0), BATCH, k=2)
    monkeypatch.setattr(Model, "functions", property(lambda self: seen.append(blas_threads()) or functions(self)))
    train.predict(model, params, BATCH)
    assert seen and set(seen) == {1}


def test_an_interrupted_training_puts_it_back():
    def callback(row, params, state):
        assert blas_threads() == 1
        raise KeyboardInterrupt

    model = Model("afm")
    params = model.init_params(np.random.default_rng(0), BATCH, k=2)
    with pytest.raises(KeyboardInterrupt):
        train.fit(model, params, BATCH, Y, rng=np.random.default_rng(0), callback=callback)
