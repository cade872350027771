"""BLAS is held to one thread while something uses it; its old number comes back: nested, overlapping, after errors.

And the blocks of large work on threads of our own: their order, their errors, how many threads there are.
"""

import os
import platform
import subprocess
import sys
import threading
import time
from contextlib import contextmanager

import numpy as np
import pytest
from threadpoolctl import threadpool_info, threadpool_limits

from afm_numpy import Batch, Model, train
from afm_numpy.fast import pairs, threads
from afm_numpy.fast.threads import blocks, cores, each_block, one_blas_thread, own_threads

BATCH = Batch.from_padded(np.arange(40).reshape(8, 5) % 11, n=20)
Y = np.arange(8.0)


def blas_threads():
    """The numbers of threads of all BLAS libraries: one number if they agree."""
    numbers = {library["num_threads"] for library in threadpool_info() if library["user_api"] == "blas"}
    assert len(numbers) == 1
    return numbers.pop()


@contextmanager
def threads_of_our_own(count):
    """`own_threads` on a machine with so many cores."""
    with pytest.MonkeyPatch.context() as patch, threadpool_limits(limits=count, user_api="blas"):
        patch.setattr(threads, "cores", lambda: count)
        with own_threads():
            yield


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
from afm_numpy.fast.threads import blocks, cores, each_block, one_blas_thread, own_threads
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
    monkeypatch.setattr(threads._Hold, "libraries", [library])
    monkeypatch.setattr(threads._Hold, "modules", len(sys.modules))

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

    params, watch = model.init_params(np.random.default_rng(0), BATCH, k=2), train.Watch(callback=callback, warn=False)
    train.fit(model, params, BATCH, Y, rng=np.random.default_rng(0), epochs=2, watch=watch)
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
        train.fit(model, params, BATCH, Y, rng=np.random.default_rng(0), watch=train.Watch(callback=callback))


# ---- blocks on threads of our own ------------------------------------------------------------------------


def test_blocks_cover_everything_once():
    for size, step in [(0, 64), (1, 64), (64, 64), (65, 64), (1000, 100), (1000, 1), (63, 1000)]:
        parts = blocks(slice(7, 7 + size), step)
        assert [i for part in parts for i in range(7 + size)[part]] == list(range(7, 7 + size))
        lengths = {part.stop - part.start for part in parts}
        assert not parts or (max(lengths) <= max(step, 64) and max(lengths) - min(lengths) <= 1)
        assert len(parts) == -(-size // max(step, 64))


@pytest.mark.parametrize("count", [1, 2, 3])
@pytest.mark.parametrize("large", [False, True])
def test_results_come_in_the_order_of_the_blocks(count, large, monkeypatch):
    """Later blocks are done first; only large work leaves the thread that asks."""
    seen = set()

    def one(block):
        time.sleep(0.002 * (block.start == 0))
        seen.add(threading.current_thread().name)
        return block.start

    with threads_of_our_own(count):
        found = list(each_block(one, 640, 64, work=threads.LARGE - (not large)))
    assert found == list(range(0, 640, 64))
    main = threading.current_thread().name
    assert (seen == {main}) == (count == 1 or not large)
    assert len(seen) <= count


def test_few_blocks_are_ahead_of_the_one_that_is_taken():
    started = []
    with threads_of_our_own(2):
        results = each_block(lambda block: started.append(block), 6400, 64, work=threads.LARGE)
        next(results)
        time.sleep(0.05)
        assert len(started) <= 4
        assert len(list(results)) == 99


def test_without_a_pool_the_caller_works_alone():
    names = {threading.current_thread().name}
    assert set(each_block(lambda block: threading.current_thread().name, 640, 64, threads.LARGE)) == names


@pytest.mark.parametrize("count", [1, 2])
def test_an_error_in_a_block_reaches_the_caller(count):
    def one(block):
        return 1 / (block.start - 128)

    before = threading.active_count()
    with pytest.raises(ZeroDivisionError), threads_of_our_own(count):
        list(each_block(one, 640, 64, threads.LARGE))
    assert threading.active_count() == before


def test_floating_point_errors_are_treated_as_the_caller_says():
    def one(block):
        return np.float64(1e300) * np.full(2, 1e300)

    with threads_of_our_own(2):
        with np.errstate(over="ignore"):
            assert np.isinf(list(each_block(one, 640, 64, threads.LARGE))).all()
        with np.errstate(over="raise"), pytest.raises(FloatingPointError):
            list(each_block(one, 640, 64, threads.LARGE))


def count():
    """How many threads large work may have here."""
    return getattr(threads._pool.get(), "threads", 1)


def test_threads_live_for_one_call_and_outer_numbers_come_back():
    before = threading.active_count()
    with threads_of_our_own(2):
        with threads_of_our_own(3):
            assert count() == 1                                        # two uses share them
        assert count() == 2
        for _ in range(3):                                             # the same threads for every round of blocks
            list(each_block(lambda block: time.sleep(0.001), 640, 64, threads.LARGE))
            assert threading.active_count() == before + 1
    assert threading.active_count() == before and count() == 1


def test_a_round_that_is_given_up_begins_no_more_blocks():
    started = []
    with threads_of_our_own(2):
        results = each_block(lambda block: started.append(block), 6400, 64, threads.LARGE)
        next(results)
        results.close()
    assert len(started) <= 4


def test_how_many_threads_there_are(monkeypatch):
    monkeypatch.setattr(threads, "cores", lambda: 5)
    with threadpool_limits(limits=2, user_api="blas"), own_threads():
        assert count() == 2                                          # what BLAS was limited to
        with own_threads():
            assert count() == 1                                      # two uses share them
    monkeypatch.setattr(threads, "cores", lambda: 1)
    with own_threads():
        assert count() == 1


@pytest.mark.parametrize("text, found", [
    ("max 100000", 8), ("200000 100000", 2), ("50000 100000", 1), ("9900000 100000", 8), ("", 8), ("nonsense", 8),
])  # fmt: skip
def test_cores_by_affinity_and_quota(text, found, tmp_path, monkeypatch):
    path = tmp_path / "cpu.max"
    path.write_text(text)
    monkeypatch.setattr(threads, "QUOTA", path)
    monkeypatch.setattr(threads.os, "sched_getaffinity", lambda pid: set(range(8)), raising=False)
    cores.cache_clear()
    assert cores() == found
    monkeypatch.setattr(threads, "QUOTA", tmp_path / "none")
    cores.cache_clear()
    assert cores() == 8
    monkeypatch.delattr(threads.os, "sched_getaffinity")
    monkeypatch.setattr(threads.os, "cpu_count", lambda: 4)
    cores.cache_clear()
    assert cores() == 4
    cores.cache_clear()


@pytest.mark.parametrize("attention", ["network", "free"])
@pytest.mark.parametrize("sites", [{}, {"pooled": 0.5}])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_the_same_bits_on_any_number_of_threads(attention, sites, dtype, monkeypatch):
    """Small blocks, so that there are many; every one of them on a thread of its own."""
    monkeypatch.setattr(threads, "LARGE", 1)
    monkeypatch.setattr(pairs, "BLOCK", 512)
    rng = np.random.default_rng(0)
    batch = Batch.from_padded(rng.integers(0, 12, (300, 6)) + 12 * np.arange(6), rng.uniform(0.5, 2, (300, 6)))
    y, model = rng.standard_normal(300).astype(dtype), Model("afm", attention)
    start = model.init_params(rng, batch, k=6, t=3, std=0.3, dtype=dtype)
    ends, used = [], set()
    real = threads.np.errstate

    def counted(**kinds):
        used.add(threading.current_thread().name)
        return real(**kinds)

    monkeypatch.setattr(threads.np, "errstate", counted)
    for count in (1, 2, 3):
        monkeypatch.setattr(threads, "cores", lambda count=count: count)
        with threadpool_limits(limits=count, user_api="blas"):
            result = train.fit(
                model, start, batch, y, rng=np.random.default_rng(1), epochs=2, batch_size=100,
                loss=train.Objective(keep=sites), watch=train.Watch(warn=False),
            )  # fmt: skip
            ends.append(result.last.params | {"y_hat": train.predict(model, result.last.params, batch)})
    assert len(used) > 1
    for name in ends[0]:
        assert ends[0][name].tobytes() == ends[1][name].tobytes() == ends[2][name].tobytes(), name


def test_training_works_in_a_forked_child():
    """A pool that was made before the fork would wait for threads that the child does not have."""
    code = """
import os, sys
import numpy as np
from afm_numpy import Batch, Model, train
from afm_numpy.fast import pairs, threads
threads.LARGE, pairs.BLOCK = 1, 512
batch = Batch.from_padded(np.arange(4000).reshape(800, 5) % 37, n=40)
model = Model("afm")
params = model.init_params(np.random.default_rng(0), batch, k=2)
def work():
    train.fit(model, params, batch, np.ones(800), rng=np.random.default_rng(0), epochs=1)
work()
pid = os.fork()
if pid == 0:
    work()
    os._exit(7)
sys.exit(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]))
"""
    assert subprocess.run([sys.executable, "-W", "ignore", "-c", code], timeout=60).returncode == 7


def test_training_goes_on_in_a_child_that_was_forked_in_the_middle_of_it():
    code = """
import os, sys
import numpy as np
from afm_numpy import Batch, Model, train
from afm_numpy.fast import pairs, threads
threads.LARGE, pairs.BLOCK, threads.cores = 1, 512, lambda: 2
batch = Batch.from_padded(np.arange(4000).reshape(800, 5) % 37, n=40)
model = Model("afm")
params = model.init_params(np.random.default_rng(0), batch, k=2)
child = 0
def callback(row, params, state):
    global child
    if row["epoch"] == 1:
        child = os.fork()
watch = train.Watch(callback=callback, warn=False)
result = train.fit(model, params, batch, np.ones(800), rng=np.random.default_rng(0), epochs=3, watch=watch)
print(result.history[-1]["loss"], flush=True)
if child == 0:
    os._exit(7)
sys.exit(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))
"""
    command, environment = [sys.executable, "-W", "ignore", "-c", code], os.environ | {"OPENBLAS_NUM_THREADS": "2"}
    ended = subprocess.run(command, env=environment, stdout=subprocess.PIPE, text=True, timeout=60)
    assert ended.returncode == 7 and len(set(ended.stdout.split())) == 1 and ended.stdout.count("\n") == 2


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="the threshold is one of the GNU C library")
def test_a_new_array_costs_no_page_faults():
    """Ten arrays of 1 MB are 2,560 pages, each time when they are given back together and asked for again."""
    code = """
import resource
import numpy as np
from afm_numpy.fast.threads import own_threads
with own_threads():
    before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
    for _ in range(100):
        arrays = [np.ones(1 << 17) for _ in range(10)]
        del arrays
    print(resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before)
"""
    out = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60).stdout
    assert int(out) < 10_000
