"""The five ways to weight the pairs, each on its own: values, identities, and gradients for a random upstream."""

import mpmath
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from strategies import assert_right, close, examples, make_batch, make_pairs, signed

from afm_numpy import Batch, RowGrad, afm, attention, gradcheck
from afm_numpy.params import ATTENTION

P, k, t, B = 6, 5, 2, 4
MASK = np.array([[1, 1, 1, 1, 1, 1], [1, 1, 0, 1, 0, 0], [0, 0, 0, 1, 0, 0], [0, 0, 0, 0, 0, 0]], bool)  # (B, P)
seeds = st.integers(0, 2**32 - 1)


def network(seed=0):
    """M, W, b, h of size 1, with M = 0 where the pair is absent."""
    rng = np.random.default_rng(seed)
    return signed(rng, (B, P, k)) * MASK[:, :, None], signed(rng, (k, t)), signed(rng, t), signed(rng, t)


# ---- sum and uniform -----------------------------------------------------------------------------------


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_sum_and_uniform(dtype):
    a, uniform = attention.sum_forward(MASK, dtype), attention.uniform_forward(MASK, dtype)
    assert (a.dtype, uniform.dtype) == (dtype, dtype)
    assert np.array_equal(a, MASK)
    want = [[1 / 6] * 6, [1 / 3, 1 / 3, 0, 1 / 3, 0, 0], [0, 0, 0, 1, 0, 0], [0] * 6]
    assert np.array_equal(uniform, np.array(want, dtype))


# ---- field ---------------------------------------------------------------------------------------------


def test_field_weights_stand_where_the_pair_is_present():
    field = np.arange(1.0, 7.0)
    a = attention.field_forward(field, MASK)
    assert a.tolist() == [[1, 2, 3, 4, 5, 6], [1, 2, 0, 4, 0, 0], [0, 0, 0, 4, 0, 0], [0] * 6]


def test_field_gradient():
    rng = np.random.default_rng(0)
    da, field = signed(rng, (B, P)), signed(rng, P)
    grads = {"field": attention.field_backward(da, MASK)}
    report = gradcheck.check(
        lambda q: (da * attention.field_forward(q["field"], MASK)).sum(), {"field": field}, grads
    )
    assert_right(report)


# ---- free ----------------------------------------------------------------------------------------------


def test_free_weights_go_by_feature_pair_in_either_order():
    batch = Batch.from_lists([[3, 1, 0], [1, 3], [2, 3], []], n=4)
    pairs = np.array([[0, 1], [1, 3]])
    rows = attention.free_rows(pairs, batch)
    # slot pairs: (3, 1), (3, 0), (1, 0)
    assert rows.tolist() == [[1, -1, 0], [1, -1, -1], [-1, -1, -1], [-1, -1, -1]]
    a = attention.free_forward(np.array([5.0, 7.0]), rows, batch.mask)
    assert a.tolist() == [[7, 1, 5], [7, 0, 0], [1, 0, 0], [0, 0, 0]]                # never seen: 1; absent: 0


@pytest.mark.parametrize("pairs", [np.zeros((0, 2), int), np.array([[0, 5]]), np.array([[0, 1], [8, 9]])])
def test_tables_that_know_no_pair_of_the_batch(pairs):
    """An empty table, and features that the batch does not have: with n = 3, 0 n + 5 would be the pair (1, 2)."""
    batch = Batch.from_lists([[0, 2], [1, 2]], n=3)
    rows = attention.free_rows(pairs, batch)
    assert rows.tolist() == [[-1], [-1]]
    assert attention.free_forward(np.full(len(pairs), 7.0), rows, batch.mask).tolist() == [[1.0], [1.0]]
    grad = attention.free_backward(np.ones((2, 1)), rows, batch.mask)
    assert (grad.rows.size, grad.values.shape) == (0, (0,))


@pytest.mark.parametrize("dtype", [np.int16, np.int32, np.uint32, np.int64])
def test_tables_of_small_integers_do_not_wrap_around(dtype):
    batch = Batch.from_lists([[30000, 29999], [7, 30000]], n=100_000)
    pairs = np.array([[3, 4], [7, 30000], [29999, 30000]], dtype)
    assert attention.free_rows(pairs, batch).tolist() == [[2], [1]]


def test_pairs_of_the_largest_ids_are_told_apart():
    """i n + j is about 2^62 here: as floats, the numbers of these pairs would be one."""
    n = 2**31
    batch = Batch.from_lists([[n - 3, n - 1], [n - 3, n - 2]], n=n)
    for dtype in (np.int64, np.uint32):
        assert attention.free_rows(np.array([[n - 3, n - 2]], dtype), batch).tolist() == [[-1], [0]]


@given(st.lists(st.integers(0, 5), max_size=4), seeds)
@examples(60)
def test_free_rows_equal_a_search_pair_by_pair(lengths, seed):
    rng = np.random.default_rng(seed)
    batch = make_batch(rng, lengths, m=5, n=8)
    pairs = make_pairs(rng, batch)
    place = {tuple(pair): row for row, pair in enumerate(pairs.tolist())}
    rows = attention.free_rows(pairs, batch)
    for r in range(len(batch)):
        for q, (i, j) in enumerate(zip(batch.pair_i, batch.pair_j, strict=True)):
            pair = tuple(sorted((int(batch.idx[r, i]), int(batch.idx[r, j]))))
            assert rows[r, q] == (place.get(pair, -1) if batch.mask[r, q] else -1)


def test_pairs_that_are_not_in_the_table():
    """An empty table has no pair, and a feature with itself is none, whatever stands in its place."""
    ids = np.arange(3)
    empty = attention.rows_of_pairs(np.zeros((0, 2), int), ids[:, None], ids)
    assert empty.tolist() == [[-1] * 3] * 3
    assert attention.rows_of_pairs(np.array([[0, 3]]), np.array([1, 0, 3]), np.array([1, 0, 0])).tolist() == [-1, -1, 0]


def test_free_gradient_sums_repeated_pairs_and_skips_unseen_ones():
    rng = np.random.default_rng(0)
    batch = Batch.from_lists([[0, 1, 2], [2, 0], [3, 1], [1, 2, 0], []], n=4)
    pairs = np.array([[0, 1], [0, 2], [0, 3], [1, 2]])                               # (1, 3) is unseen
    rows, da, free = attention.free_rows(pairs, batch), signed(rng, (5, 3)), signed(rng, 4)
    grad = attention.free_backward(da, rows, batch.mask)
    assert isinstance(grad, RowGrad)
    assert grad.rows.tolist() == [0, 1, 3]                                           # (0, 3) is in no row
    report = gradcheck.check(
        lambda q: (da * attention.free_forward(q["free"], rows, batch.mask)).sum(), {"free": free}, {"free": grad}
    )
    assert_right(report)
    assert attention.free_backward(da.astype(np.float32), rows, batch.mask).values.dtype == np.float32


def test_the_rows_of_the_free_gradient_ascend_whatever_the_order_of_the_rows():
    batch = Batch.from_lists([[2, 3], [0, 3], [0, 1], [2, 3]], n=4)
    rows = attention.free_rows(batch.distinct_pairs(), batch)
    grad = attention.free_backward(np.array([[1.0], [2.0], [4.0], [8.0]]), rows, batch.mask)
    assert grad.rows.tolist() == [0, 1, 2] and grad.values.tolist() == [4.0, 2.0, 9.0]


# ---- relu and softmax ----------------------------------------------------------------------------------


def test_relu_gates_on_the_real_part():
    assert attention.relu(np.array([-1.0, 0.0, 2.0])).tolist() == [0, 0, 2]
    assert attention.relu(np.array([-1 + 5j, 3j, 2 - 1j])).tolist() == [0, 0, 2 - 1j]


def test_relu_does_not_hide_what_is_no_number():
    assert np.isnan(attention.relu(np.array([np.nan, -1.0]))).tolist() == [True, False]


def test_relu_has_slope_zero_at_zero():
    """Z = 0 for every pair: the scores do not hear W and b, and M hears the direct path alone."""
    M, W, _, h = network()
    a, cache = attention.network_forward(0 * M, W, np.zeros(t), h, MASK)
    da = signed(np.random.default_rng(0), (B, P))
    assert not cache.Z.any()
    assert not any(grad.any() for grad in attention.network_backward(da, cache))


def test_softmax_by_hand():
    s = np.log(np.array([[1.0, 2.0, 5.0], [3.0, 1.0, 1.0]]))
    s[1, 2] = -np.inf
    close(attention.softmax_forward(s), np.array([[0.125, 0.25, 0.625], [0.75, 0.25, 0.0]]), 1.0, 1e-15)


@given(seeds, st.floats(-100, 100))
@examples(60)
def test_softmax_ignores_a_shift_of_a_row(seed, shift):
    s = np.where(MASK, 3 * np.random.default_rng(seed).standard_normal((B, P)), -np.inf)
    shifts = np.array([[shift], [-shift], [0.5 * shift], [1.0]])
    close(attention.softmax_forward(s + shifts), attention.softmax_forward(s), 1.0, 1e-13)


@given(seeds)
@examples(60)
def test_rows_sum_to_one_or_to_zero(seed):
    M, W, b, h = network(seed)
    a, _ = attention.network_forward(M, W, b, h, MASK)
    close(a.sum(axis=1), np.array([1.0, 1.0, 1.0, 0.0]), 1.0, 1e-14)
    assert (a[MASK] > 0).all()
    assert not a[~MASK].any()


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("lead", [0.0, 5.0, 12.0, 30.0, 80.0])
def test_softmax_and_its_gradient_keep_their_digits_when_one_pair_has_almost_all(dtype, lead):
    """1 - a_p subtracts nearly equal numbers: with a lead of 30, ds of the first pair would be noise."""
    rng, unit = np.random.default_rng(0), float(np.finfo(dtype).eps) / 2
    s = rng.uniform(-1, 1, (20, 4)).astype(dtype)
    s[np.arange(20), rng.integers(4, size=20)] += dtype(lead)
    da = (rng.uniform(0.5, 1.5, (20, 4)) * [1, 3, 9, 27]).astype(dtype)
    a = attention.softmax_forward(s)
    ds = attention.softmax_backward(da, a)
    assert a.dtype == ds.dtype == dtype
    with mpmath.workdps(60):
        for row in range(20):
            e = [mpmath.exp(mpmath.mpf(float(v))) for v in s[row]]
            exact = [v / sum(e) for v in e]
            for p in range(4):
                size = abs(s[row] - s[row].max()).max()                        # an exponent's rounding: inherent
                assert abs(float(a[row, p]) - exact[p]) <= (8 + size) * unit * exact[p]
                terms = [exact[q] * (mpmath.mpf(float(da[row, p])) - float(da[row, q])) for q in range(4)]
                error = abs(float(ds[row, p]) - exact[p] * sum(terms))
                assert error <= (20 + 2 * size) * unit * exact[p] * sum(map(abs, terms))


@pytest.mark.parametrize("sign", [1.0, -1.0])
@pytest.mark.parametrize("dtype", [np.float32, np.float64, np.complex128])
def test_scores_of_a_thousand(sign, dtype):
    s = np.array([[1000.0, -1000.0, 0.0], [-1000.0, -1000.0, -np.inf], [1000.0, 1000.0, 999.0], [-np.inf] * 3])
    s = np.where(np.isfinite(s), sign * s, s)
    a = attention.softmax_forward(s.astype(dtype))
    assert a.dtype == dtype
    close(a.sum(axis=1), np.array([1, 1, 1, 0]), 1.0, 1e-6)
    assert a[0].tolist() == ([1, 0, 0] if sign > 0 else [0, 1, 0])
    assert a[1].tolist() == [0.5, 0.5, 0]


# ---- the network ---------------------------------------------------------------------------------------


def test_network_by_hand():
    """eq. (5)"""
    M = np.array([[[1.0, 2.0], [3.0, -1.0]]])                                        # (1, 2, 2)
    W = np.array([[1.0, 0.0, -1.0], [1.0, 2.0, 0.0]])                                # (2, 3)
    b, h = np.array([-1.0, 1.0, 0.5]), np.array([1.0, -1.0, 4.0])
    a, cache = attention.network_forward(M, W, b, h, np.ones((1, 2), bool))
    assert cache.Z.tolist() == [[[2, 5, -0.5], [1, -1, -2.5]]]
    assert cache.R.tolist() == [[[2, 5, 0], [1, 0, 0]]]
    assert cache.s.tolist() == [[-3, 1]]
    close(a, np.array([[1, np.exp(4)]]) / (1 + np.exp(4)), 1.0, 1e-15)


def test_shapes_in_the_cache():
    a, cache = attention.network_forward(*network(), MASK)
    assert [getattr(cache, name).shape for name in ("M", "W", "h", "Z", "R", "s", "a")] == [
        (B, P, k), (k, t), (t,), (B, P, t), (B, P, t), (B, P), (B, P),
    ]  # fmt: skip
    assert a is cache.a
    assert np.array_equal(cache.s == -np.inf, ~MASK)


@pytest.mark.parametrize("method", ["complex", "central"])
@pytest.mark.parametrize("seed", range(3))
def test_network_gradients(seed, method):
    params = dict(zip(("M", "W", "b", "h"), network(seed), strict=True))
    da = signed(np.random.default_rng(seed + 100), (B, P))

    def run(q):
        return attention.network_forward(q["M"], q["W"], q["b"], q["h"], MASK)

    cache = run(params)[1]
    grads = dict(zip(("M", "W", "b", "h"), attention.network_backward(da, cache), strict=True))
    report = gradcheck.check(lambda q: (da * run(q)[0]).sum(), params, grads, method=method)
    assert_right(report)
    assert not grads["M"][~MASK].any()


def test_gradients_that_vanish_by_mathematics():
    """One pair in a row: a = 1 whatever its score. All units on in every pair: b shifts all scores alike."""
    M, W, b, h = network()
    da = signed(np.random.default_rng(0), (B, P))
    single = MASK & (np.cumsum(MASK, axis=1) == 1)
    _, cache = attention.network_forward(M, W, b, h, single)
    assert not any(grad.any() for grad in attention.network_backward(da, cache))
    _, cache = attention.network_forward(M, W, b + 10, h, MASK)
    assert (cache.Z > 0).all()
    dM, dW, db, dh = attention.network_backward(da, cache)
    close(db, np.zeros(t), np.abs(h), 1e-14)
    assert min(np.abs(dM).max(), np.abs(dW).max(), np.abs(dh).max()) > 0.01


@pytest.mark.parametrize("name", ["M", "W", "b", "h"])
def test_one_complex_argument_is_enough(name):
    params = dict(zip(("M", "W", "b", "h"), network(), strict=True))
    a, _ = attention.network_forward(**params | {name: params[name].astype(complex)}, mask=MASK)
    assert a.dtype == np.complex128
    close(a, attention.network_forward(**params, mask=MASK)[0], 1.0, 1e-15)


def test_float32_stays_float32():
    M, W, b, h = (value.astype(np.float32) for value in network())
    _, cache = attention.network_forward(M, W, b, h, MASK)
    assert {value.dtype.name for value in cache} == {"float32"}
    da = signed(np.random.default_rng(0), (B, P)).astype(np.float32)
    assert {grad.dtype.name for grad in attention.network_backward(da, cache)} == {"float32"}
    assert attention.field_forward(b[[0, 0, 0, 1, 1, 1]], MASK).dtype == np.float32
    assert attention.field_backward(da, MASK).dtype == np.float32
    assert attention.free_forward(b, np.where(MASK, 1, -1), MASK).dtype == np.float32


# ---- one of the five, by name --------------------------------------------------------------------------


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_each_mode_by_its_name(dtype):
    """attend_forward and attend_backward are the pair of the mode, with its parameters and their names."""
    rng = np.random.default_rng(0)
    batch = Batch.from_lists([[0, 1, 2], [2, 1], [0, 3, 1], [3], []], n=4, dtype=dtype)
    M, W, b, h = (signed(rng, shape).astype(dtype) for shape in ((5, 3, k), (k, t), t, t))
    params = {"W": W, "b": b, "h": h, "field": signed(rng, 3).astype(dtype), "free": signed(rng, 2).astype(dtype)}
    params["pairs"], mask, da = np.array([[0, 1], [1, 2]]), batch.mask, signed(rng, (5, 3)).astype(dtype)
    rows = attention.free_rows(params["pairs"], batch)
    a, cache = attention.network_forward(M, W, b, h, mask)
    dM, *rest = attention.network_backward(da, cache)
    want = {
        "sum": (mask.astype(dtype), 0, {}),
        "uniform": (attention.uniform_forward(mask, dtype), 0, {}),
        "field": (np.where(mask, params["field"], 0), 0, {"field": attention.field_backward(da, mask)}),
        "free": (attention.free_forward(params["free"], rows, mask), 0,
                 {"free": attention.free_backward(da, rows, mask)}),
        "network": (a, dM, dict(zip(("W", "b", "h"), rest, strict=True))),
    }  # fmt: skip
    for mode, (weights, through, gradients) in want.items():
        got, attend = attention.attend_forward(mode, params, M, batch)
        np.testing.assert_array_equal(got, weights, err_msg=mode)
        assert got.dtype == dtype
        dM, grads = attention.attend_backward(mode, da, attend, batch)
        np.testing.assert_array_equal(dM, through, err_msg=mode)
        assert list(grads) == list(gradients)
        for name, grad in grads.items():
            for one, other in zip(*map(np.atleast_1d, (grad, gradients[name])), strict=True):
                np.testing.assert_array_equal(one, other, err_msg=name)


def test_another_mode_is_refused():
    with pytest.raises(ValueError, match="unknown attention 'mean'; choose from sum, uniform, free, field, network$"):
        attention.attend_forward("mean", {}, np.zeros((1, 1, k)), Batch.from_lists([[0, 1]]))


def test_a_mode_without_a_case_does_not_fall_through_to_another(monkeypatch):
    """mypy says it first: see CONTRIBUTING."""
    batch = Batch.from_lists([[0, 1]])
    params = afm.init_params(np.random.default_rng(0), n=2, m=2, k=1)
    monkeypatch.setitem(ATTENTION, "sixth", ATTENTION["network"])
    with pytest.raises(TypeError, match="cannot unpack non-iterable NoneType"):
        afm.forward(params, batch, attention="sixth")
    assert attention.attend_backward("sixth", np.ones((1, 1)), None, batch) is None
