"""The same seed gives the same bits, whatever number of threads BLAS is given; a golden run.

Run as a script, this file trains every model in both engines and writes the parameters to the file it is given.
"""

import hashlib
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from threadpoolctl import threadpool_info

import afm_numpy
from afm_numpy import Batch, Model, optim, train
from afm_numpy.models import ENGINES
from afm_numpy.params import ATTENTION

MODELS = [Model("fm", engine=engine) for engine in ENGINES]
MODELS += [Model("afm", attention, engine) for attention in ATTENTION for engine in ENGINES]
DTYPES = ("float64", "float32")

# The losses of ten epochs of `golden`, and the SHA-256 of its parameters in units of 1e-6.
GOLDEN = {
    "fm": ([
        0.9233356280621, 0.7259661078952, 0.7679671107139, 0.6616712224969, 0.6921711274884,
        0.6413418326181, 0.5856449538223, 0.6342072798139, 0.6177355222054, 0.6186433636546,
    ], "e8a5423aa4c496ef7bba12bd2e33f1952994f0012d8132675898a12debf7d53b"),
    "afm": ([
        0.9633048430771, 0.6989290981899, 0.7466569287981, 0.6896429078652, 0.6422090162293,
        0.5956817431691, 0.6667620679122, 0.6425296709736, 0.6232422651987, 0.5969540479202,
    ], "156c45ad92e3e8c0c6ef96c8197eff18aeaa775c2498f3068d8c3f3be0fd332a"),
}  # fmt: skip


def named(model):
    return "-".join([model.kind, *([model.attention] if model.kind == "afm" else []), model.engine])


# ---- the same seed, the same bits ------------------------------------------------------------------------


def trained(model, dtype):
    """Two epochs on 1000 rows: matrices of a size for which BLAS takes all its threads."""
    rng = np.random.default_rng(1)
    rows = [rng.choice(40, rng.integers(2, 11), replace=False) for _ in range(1000)]
    batch = Batch.from_lists(rows, n=40, slots_are_fields=True)
    y = rng.integers(0, 2, 1000).astype(float)
    params = model.init_params(rng, batch, k=16, t=16, std=0.3, dtype=dtype)
    return train.fit(
        model, params, batch, y, rng=rng, optimizer=optim.Adagrad(lr=0.05), epochs=2, batch_size=200,
        loss=train.Objective("logistic", l2={"V": 1e-4}, keep={"pooled": 0.8}), watch=train.Watch(warn=False),
    ).last.params  # fmt: skip


def everything():
    """All parameters of all models, by name, and the numbers of threads that BLAS libraries say they use."""
    arrays = {
        f"{named(model)} {dtype} {name}": value
        for model in MODELS for dtype in DTYPES for name, value in trained(model, dtype).items()
    }  # fmt: skip
    return arrays | {"threads": [library["num_threads"] for library in threadpool_info()]}


@pytest.fixture(scope="module")
def elsewhere(tmp_path_factory):
    """The same in a process of its own, by number of threads; `again` starts another one."""
    folder, results = tmp_path_factory.mktemp("determinism"), {}

    def run(threads, again=0):
        if (threads, again) not in results:
            path = folder / f"{threads}-{again}.npz"
            paths = [Path(afm_numpy.__file__).parents[1], Path(__file__).parent, Path(__file__).parent / "tools"]
            env = {**os.environ, "PYTHONPATH": os.pathsep.join(map(str, paths)), "PYTHONHASHSEED": str(again)}
            env |= dict.fromkeys(("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS", "MKL_NUM_THREADS"), str(threads))
            subprocess.run([sys.executable, __file__, path], env=env, check=True, timeout=60)
            with np.load(path) as file:
                results[threads, again] = dict(file)
        return results[threads, again]

    return run


def assert_same_bits(first, second):
    assert first.keys() == second.keys()
    assert [name for name in first if first[name].tobytes() != second[name].tobytes()] == []


@pytest.mark.parametrize("threads", [1, 2])
def test_same_bits_in_another_process(threads, elsewhere):
    """Two processes with another seed of Python's hashes each; 12 models, float32 and float64."""
    assert_same_bits(elsewhere(threads), elsewhere(threads, again=1))


@pytest.mark.parametrize("model", MODELS, ids=named)
def test_same_bits_in_one_process(model):
    assert_same_bits(*(trained(model, "float32") for _ in range(2)))


def test_same_bits_with_another_number_of_blas_threads(elsewhere):
    """`fit` holds BLAS to one thread and puts back what the environment asked for."""
    one, two = dict(elsewhere(1)), dict(elsewhere(2))
    assert one.pop("threads").tolist() == [1] * len(two["threads"]) and set(two.pop("threads")) == {2}
    assert_same_bits(one, two)


# ---- a run that is written down --------------------------------------------------------------------------


def golden(model):
    """Ten epochs of 64 rows in float64, with dropout, L2 and Adagrad."""
    rng = np.random.default_rng(33)
    rows = np.stack([rng.integers(0, 3, 64) + 3 * slot for slot in range(4)], axis=1)
    x = np.where(np.arange(4) < 3, 1.0, rng.choice([0.5, 2.0], rows.shape))
    batch = Batch.from_padded(rows, x, n=12)
    y = rng.integers(0, 2, 64).astype(float)
    params = model.init_params(rng, batch, k=3, std=0.5, dtype=float, **({} if model.kind == "fm" else {"t": 2}))
    return train.fit(
        model, params, batch, y, rng=rng, optimizer=optim.Adagrad(lr=0.1), epochs=10, batch_size=16,
        loss=train.Objective("logistic", l2={"w": 1e-3, "V": 1e-3}, keep={"pooled": 0.75}),
    )  # fmt: skip


def units(params):
    """Every parameter in units of 1e-6, not yet rounded."""
    return np.concatenate([1e6 * params[name].ravel() for name in sorted(params)])


def test_the_generator_draws_what_the_golden_run_was_drawn_from():
    """NumPy may change its streams one day: then this fails as well, and the golden run is to be written anew."""
    rng = np.random.default_rng(33)
    assert rng.integers(0, 3, 8).tolist() == [2, 1, 1, 1, 2, 2, 0, 0]
    assert rng.permutation(6).tolist() == [3, 5, 1, 0, 4, 2]
    assert rng.choice([0.5, 2.0], 6).tolist() == [0.5, 0.5, 2.0, 2.0, 0.5, 0.5]
    assert rng.standard_normal(3).round(6).tolist() == [-0.680979, 1.016826, -1.456768]
    assert rng.random(3, dtype=np.float32).astype(float).round(6).tolist() == [0.120928, 0.015436, 0.944622]


@pytest.mark.parametrize("model", [m for m in MODELS if m.attention == "network"], ids=named)
def test_golden_run(model):
    """Losses to 1e-12, and the same parameters after rounding to six decimals.

    The rounding is safe: versions of NumPy, BLAS kernels and numbers of threads move a parameter by about 1e-15,
    and none lies within 1e-8 of an edge.
    """
    result = golden(model)
    losses, digest = GOLDEN[model.kind]
    np.testing.assert_allclose([row["loss"] for row in result.history], losses, rtol=1e-12)
    exact = units(result.last.params)
    rounded = np.rint(exact)
    assert np.abs(exact - rounded).max() < 0.5 - 0.01
    assert hashlib.sha256(rounded.astype("<i8").tobytes()).hexdigest() == digest


if __name__ == "__main__":
    np.savez(sys.argv[1], **everything())
