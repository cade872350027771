"""Random problems for the tests of the models: batches, parameters of size 1, dropout masks; and the checks they share.

All dimensions of a problem differ, so that a sum over the wrong axis cannot go unseen. Rows are ragged, with empty
slots anywhere, and may hold no feature or one. Entries have magnitude 0.5 to 1.5, so that no gradient is small unless
it must be.
"""

from itertools import product
from typing import NamedTuple

import numpy as np
from hypothesis import assume, settings
from hypothesis import strategies as st

from afm_numpy import Batch, Model, gradcheck
from afm_numpy.dropout import SITES, Dropout, draw
from afm_numpy.params import FM_SHAPES, afm_shapes

# for each m the possible (B, n, k, t): all different, and different from m and P = m(m-1)/2, which leaves out m = 3.
SIZES = {
    m: [
        (B, n, k, t)
        for B, k, t, n in product((2, 1, 3, 4), (2, 1, 3, 7), (3, 1, 2, 4), (7, 8, 11))
        if len({B, m, m * (m - 1) // 2, n, k, t}) == 6
    ]
    for m in (4, 5, 2, 1)
}


def examples(count):
    """Settings of a property: `count` examples, by the profile of conftest.py."""
    return settings(max_examples=count)


# ---- problems ------------------------------------------------------------------------------------------


class Problem(NamedTuple):
    """A model, its input, and what flows back into it."""

    model: Model
    params: dict
    batch: Batch
    drop: Dropout
    dy_hat: np.ndarray  # (B,)

    def forward(self):
        return self.model.forward(self.params, self.batch, drop=self.drop)

    def gradients(self):
        """All gradients of dy_hat . y_hat, that of x included."""
        return self.model.backward(self.dy_hat, self.forward()[1], with_dx=True)


def signed(rng, shape=()):
    """Numbers of either sign with magnitude 0.5 to 1.5."""
    return rng.choice([-1.0, 1.0], shape) * rng.uniform(0.5, 1.5, shape)


def make_batch(rng, lengths, m, n, ones=False):
    """A row of each length: ids in any order, in any of the m slots."""
    idx, x = np.zeros((len(lengths), m), int), np.zeros((len(lengths), m))
    for row, length in enumerate(lengths):
        slots = rng.permutation(m)[:length]
        idx[row, slots] = rng.permutation(n)[:length]
        x[row, slots] = 1.0 if ones else signed(rng, length)
    return Batch.from_padded(idx, x, n)


def make_pairs(rng, batch):
    """A table for "free": most pairs of the batch (the others stay unseen), and pairs that it does not hold."""
    held = {tuple(map(int, pair)) for pair in batch.distinct_pairs()}
    table = [pair for pair in sorted(held) if rng.random() < 0.8]
    others = {(i, j) for i in range(batch.n) for j in range(i + 1, batch.n)} - held
    table += [pair for pair in sorted(others) if rng.random() < 0.2]
    return np.array(sorted(table), int).reshape(-1, 2)


def make_params(rng, shapes, batch, k, t):
    """Every array of `shapes`, with entries of size 1."""
    sizes = {"n": batch.n, "P": batch.m * (batch.m - 1) // 2, "k": k, "t": t}
    pairs = {}
    if "pairs" in shapes:
        pairs["pairs"] = make_pairs(rng, batch)
        sizes["F"] = len(pairs["pairs"])
    real = {name: letters for name, letters in shapes.items() if name != "pairs"}
    return {name: np.asarray(signed(rng, [sizes[c] for c in letters])) for name, letters in real.items()} | pairs


def make_problem(rng, model, lengths, m, n, k, t, sites=(), ones=False):
    batch = make_batch(rng, lengths, m, n, ones)
    params = make_params(rng, FM_SHAPES if model.kind == "fm" else afm_shapes(model.attention), batch, k, t)
    drop = draw(rng, batch, k, dict.fromkeys(sites, 0.7))
    return Problem(model, params, batch, drop, signed(rng, len(lengths)))


@st.composite
def problems(draw, model, sites=SITES, equal=False):
    """Any problem of a model; `sites` are those that dropout may use, `equal` fills every slot."""
    m = draw(st.sampled_from((4, 5, 4, 5, 4, 5, 2, 1)))                      # few without a choice of pairs
    B, n, k, t = draw(st.sampled_from(SIZES[m]))
    full = st.just(m)
    lengths = draw(st.lists(full if equal else full | st.integers(0, m), min_size=B, max_size=B))
    used = draw(st.lists(st.sampled_from(sites), unique=True)) if sites else ()
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    return make_problem(rng, model, lengths, m, n, k, t, used, ones=draw(st.booleans()))


def fixed_problem(model, sites=(), *, k=5, t=2, seed=0):
    """B, m, P, k, t, n = 7, 4, 6, 5, 2, 11 and row lengths from 0 to 4: no gradient of it vanishes, ids repeat."""
    return make_problem(np.random.default_rng(seed), model, [4, 3, 4, 0, 2, 1, 4], 4, 11, k, t, sites)


# ---- checks --------------------------------------------------------------------------------------------


def close(actual, desired, size, tolerance):
    """Assert |actual - desired| <= tolerance * size, element by element; size is that of the terms summed."""
    assert np.shape(actual) == np.shape(desired)
    error = np.abs(np.asarray(actual) - desired)
    assert (error <= tolerance * np.asarray(size)).all(), f"off by {error} with terms of size {size}"


def frozen(problem):
    """The same problem in arrays that cannot be written to."""
    batch = problem.batch
    arrays = [batch.idx, batch.x, problem.dy_hat, *problem.params.values()]
    for array in [*arrays, *(mask for mask in problem.drop if mask is not None)]:
        array.flags.writeable = False
    return problem


def as_float32(problem):
    """The same problem in single precision, with another k than 5.

    On CPUs with AVX-512 OpenBLAS now and then sets a false flag "invalid" in float32 (B, 5) @ (5,): tests raise on it.
    """
    assert problem.params["V"].shape[1] != 5

    def cast(array):
        return array.astype(np.float32) if array is not None and array.dtype == np.float64 else array

    return Problem(
        problem.model, {name: cast(value) for name, value in problem.params.items()}, problem.batch.astype(np.float32),
        Dropout(*map(cast, problem.drop)), cast(problem.dy_hat),
    )  # fmt: skip


def vanishing(problem):
    """Gradients that are zero by mathematics: the batch has no feature, no pair, or no row with two pairs.

    The last one is about the network: a softmax over one pair is 1, whatever its score.
    """
    pairs = problem.batch.mask.sum(axis=1)
    own = set(problem.params) - {"w0", "w", "V", "p", "pairs"}
    names = set() if problem.batch.present.any() else {"w", "x"}
    if not pairs.any():
        names |= {"V", "p", *own} & set(problem.params)
    if "W" in own and pairs.max(initial=0) < 2:
        names |= own
    return names


def x_as_parameter(problem):
    """Parameters and x in one dict, and the function that calls the model with them; empty slots stay empty."""
    theta = {**problem.params, "x": problem.batch.x}

    def call(theta):
        batch = problem.batch.with_x(theta["x"])
        return problem.model.forward(theta, batch, drop=problem.drop)

    return theta, call


def check_gradients(problem, method="complex", allow_blind=()):
    """Check every parameter and x against dy_hat . y_hat, with a random dy_hat."""
    theta, call = x_as_parameter(problem)
    return gradcheck.check(
        lambda theta: problem.dy_hat @ call(theta)[0], theta, problem.gradients(), method=method,
        allow_blind=allow_blind,
    )  # fmt: skip


def assert_right(report):
    """Every gradient was checked and is right."""
    assert report.ok, f"gradient check failed\n{report}"


def assert_not_wrong(report):
    """No gradient is wrong; an example on which noise or a kink leaves one undecided is discarded."""
    assert not failing(report), f"gradient check failed\n{report}"
    assume(report.ok)


def failing(report):
    """Names of the wrong gradients."""
    return {name for name, entry in report.entries.items() if entry.status == "error"}
