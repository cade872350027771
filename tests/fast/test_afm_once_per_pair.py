"""The fast engine against the dense one: every mode, every gradient, ragged rows, real values, pooled dropout."""

import tracemalloc

import mpmath
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from strategies import as_float32, examples, fixed_problem, frozen, make_batch, make_pairs, problems, signed

from afm_numpy import Batch, Model, RowGrad, afm, gradcheck, optim, train
from afm_numpy.dropout import Dropout
from afm_numpy.fast import afm_once_per_pair, pairs
from afm_numpy.fast.numbering import PairBatch, number_pairs
from afm_numpy.params import ATTENTION

MODES = list(ATTENTION)
TOLERANCE = 1e-12


def assert_same(actual, desired, tolerance=TOLERANCE):
    """Equal up to rounding, relative to the largest entry; for a RowGrad also the same rows."""
    if isinstance(desired, RowGrad):
        np.testing.assert_array_equal(actual.rows, desired.rows)
        actual, desired = actual.values, desired.values
    assert actual.shape == desired.shape and actual.dtype == desired.dtype
    np.testing.assert_allclose(actual, desired, rtol=0, atol=tolerance * max(1.0, np.abs(desired).max(initial=0)))


def in_float64(grad):
    return grad._replace(values=in_float64(grad.values)) if isinstance(grad, RowGrad) else np.asarray(grad, np.float64)


def assert_equal_to_dense(problem, batch=None, tolerance=TOLERANCE):
    _, params, plain, drop, dy_hat = problem
    attention = problem.model.attention
    y_dense, dense = afm.forward(params, plain, attention=attention, drop=drop)
    y_hat, cache = afm_once_per_pair.forward(params, plain if batch is None else batch, attention=attention, drop=drop)
    assert isinstance(cache, afm_once_per_pair.Cache)
    assert_same(y_hat, y_dense, tolerance)
    desired = afm.backward(dy_hat, dense, with_dx=True)
    actual = afm_once_per_pair.backward(dy_hat, cache, with_dx=True)
    assert actual.keys() == desired.keys()
    for name in desired:
        assert_same(actual[name], desired[name], tolerance)


@pytest.mark.parametrize("attention", MODES)
@given(data=st.data())
@examples(60)
def test_equal_to_dense(attention, data):
    problem = data.draw(problems(Model("afm", attention), sites=("pooled",)))
    assert_equal_to_dense(frozen(problem))


@pytest.mark.parametrize("attention", MODES)
@given(seed=st.integers(0, 2**32 - 1), equal=st.booleans(), values=st.integers(1, 3), drop=st.booleans())
@examples(15)
def test_selected_rows_equal_dense(attention, seed, equal, values, drop):
    """Rows selected from a numbered data set, with repeats, values that several rows share, and block borders."""
    rng = np.random.default_rng(seed)
    m, n = 6, 9
    data = make_batch(rng, [m] * 40 if equal else rng.integers(0, m + 1, 40), m, n)
    data = data.with_x(rng.integers(1, values + 1, data.x.shape) * 0.5)
    rows = rng.integers(0, 40, 25)
    problem = fixed_problem(Model("afm", attention))
    params = afm.init_params(rng, n, m, 4, 3, attention=attention, pairs=make_pairs(rng, data), std=1.0, dtype=float)
    pooled = rng.integers(0, 2, (25, 4)) * 2.0 if drop else None
    problem = problem._replace(params=params, batch=data[rows], drop=Dropout(pooled=pooled), dy_hat=signed(rng, 25))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(pairs, "BLOCK", 4)                      # blocks of about 64 pairs
        assert_equal_to_dense(problem, afm_once_per_pair.prepare(data)[rows])


@pytest.mark.parametrize("attention", MODES)
def test_three_epochs_agree(attention):
    rng = np.random.default_rng(3)
    batch = make_batch(rng, rng.integers(1, 7, 300), 6, 12, ones=True)
    y = rng.standard_normal(300)
    start = Model("afm", attention).init_params(rng, batch, k=4, t=3, dtype=float, std=0.3)
    ends = [
        train.fit(
            Model("afm", attention, engine), start, batch, y, rng=np.random.default_rng(0), epochs=3, batch_size=64,
            loss=train.Objective(l2={"V": 1e-3, "w": 1e-3}, keep={"pooled": 0.8}), optimizer=optim.Adagrad(lr=0.05),
            watch=train.Watch(warn=False),
        ).params
        for engine in ("dense", "unique")
    ]  # fmt: skip
    for name in start:
        np.testing.assert_allclose(ends[1][name], ends[0][name], rtol=0, atol=1e-9 * np.abs(ends[0][name]).max())


@pytest.mark.parametrize("attention", MODES)
@pytest.mark.parametrize("span, chunk", [(1, 1), (40, 4), (1, 7), (1 << 24, 4096)])
def test_prediction_equals_dense_in_any_spans_and_chunks(attention, span, chunk, monkeypatch):
    monkeypatch.setattr(afm_once_per_pair, "SPAN", span)
    rng = np.random.default_rng(0)
    m, n = 6, 9
    data = make_batch(rng, rng.integers(0, m + 1, 25), m, n, ones=True)
    params = afm.init_params(rng, n, m, 4, 3, attention=attention, pairs=make_pairs(rng, data), std=1.0, dtype=float)
    params |= {"w0": np.array(0.7), "w": signed(rng, n)}
    for batch in (data, afm_once_per_pair.prepare(data), data[:0], afm_once_per_pair.prepare(data)[:0]):
        want = afm.forward(params, batch, attention=attention)[0]
        assert_same(afm_once_per_pair.predict(params, batch, attention=attention, chunk=chunk), want)
    want = afm.forward(params, data[:2], attention=attention)[0]
    assert_same(afm_once_per_pair.predict(params, data[:2], attention=attention), want)


def test_scores_of_a_thousand():
    problem = fixed_problem(Model("afm"))
    for sign in (1, -1):
        params = problem.params | {"h": 3000.0 * sign * np.abs(problem.params["h"])}
        want = afm.forward(params, problem.batch)
        assert_same(afm_once_per_pair.forward(params, problem.batch)[0], want[0])
        assert_same(afm_once_per_pair.predict(params, problem.batch), want[0])


@pytest.mark.parametrize("attention", MODES)
def test_types_mix_as_in_the_dense_engine(attention):
    """All are float32 but one; a complex one as in a complex step."""
    problem = as_float32(fixed_problem(Model("afm", attention), k=6))
    for dtype in (np.float64, np.complex64):
        for name in sorted({"x", *problem.params} - {"pairs"}):
            batch = problem.batch.astype(dtype) if name == "x" else problem.batch
            params = problem.params | ({} if name == "x" else {name: problem.params[name].astype(dtype)})
            y_dense, dense = afm.forward(params, batch, attention=attention)
            y_hat, cache = afm_once_per_pair.forward(params, batch, attention=attention)
            assert_same(y_hat, y_dense, 1e-5)
            if dtype == np.float64:
                desired = afm.backward(problem.dy_hat, dense, with_dx=True)
                actual = afm_once_per_pair.backward(problem.dy_hat, cache, with_dx=True)
                for grad, want in zip(map(in_float64, actual.values()), map(in_float64, desired.values()), strict=True):
                    assert_same(grad, want, 1e-4)


def test_what_is_numbered_and_when(monkeypatch):
    """At most MANY pairs."""
    batch = make_batch(np.random.default_rng(0), [4, 3, 0], 4, 8, ones=True)                    # 6 + 3 pairs
    for many, numbered in ((9, True), (8, False)):
        monkeypatch.setattr(afm_once_per_pair, "MANY", many)
        assert isinstance(afm_once_per_pair.prepare(batch), PairBatch) == numbered
        assert numbered or afm_once_per_pair.prepare(batch) is batch
    monkeypatch.undo()
    ready = number_pairs(batch)
    assert afm_once_per_pair.prepare(ready) is ready


@pytest.mark.parametrize("sites", [(), ("pooled",), ("interactions",), ("attention",)])
@pytest.mark.parametrize("attention", ["network", "field"])
def test_dropout_on_single_pairs_takes_the_dense_code(sites, attention):
    problem = fixed_problem(Model("afm", attention), sites)
    given = {"attention": attention, "drop": problem.drop}
    y_hat, cache = afm_once_per_pair.forward(problem.params, problem.batch, **given)
    assert_same(y_hat, afm.forward(problem.params, problem.batch, **given)[0])
    assert isinstance(cache, afm.Cache) == (sites in (("interactions",), ("attention",)))
    assert "x" not in afm_once_per_pair.backward(problem.dy_hat, cache)
    assert "x" in afm_once_per_pair.backward(problem.dy_hat, cache, with_dx=True)


def test_no_rows_are_numbered_and_masks_of_another_shape_are_refused():
    assert isinstance(afm_once_per_pair.prepare(Batch.from_lists([], n=3)), PairBatch)
    problem = fixed_problem(Model("afm"))
    with pytest.raises(ValueError, match="pooled"):
        afm_once_per_pair.forward(problem.params, problem.batch, drop=Dropout(pooled=np.ones((2, 9))))


def test_field_weights_do_not_fit_rows_of_another_length():
    problem = fixed_problem(Model("afm", "field"))
    for call in afm_once_per_pair.forward, afm_once_per_pair.predict:
        with pytest.raises(ValueError, match=r"params\['field'\] has shape \(7,\); want \(P\) with P = 6"):
            call(problem.params | {"field": np.ones(7)}, problem.batch, attention="field")


@pytest.mark.parametrize("attention", MODES)
def test_complex_step(attention):
    problem = fixed_problem(Model("afm", attention), ("pooled",))
    theta = {**problem.params, "x": problem.batch.x}

    def call(theta):
        batch = problem.batch.with_x(theta["x"])
        return problem.dy_hat @ problem.model.forward(theta, batch, drop=problem.drop)[0]

    assert gradcheck.check(call, theta, problem.gradients(), method="complex")


def test_same_bits_twice():
    problem = fixed_problem(Model("afm"))
    first, second = problem.gradients(), problem.gradients()
    assert all(np.array_equal(*map(np.asarray, pair)) for pair in zip(first["V"], second["V"], strict=True))
    assert np.array_equal(first["W"], second["W"])


def test_float32_stays():
    rng = np.random.default_rng(0)
    batch = make_batch(rng, [4] * 30, 4, 8).astype(np.float32)
    for attention in MODES:
        model = Model("afm", attention)
        params = model.init_params(rng, batch, k=3, t=2)
        y_hat, cache = model.forward(params, batch)
        assert afm_once_per_pair.predict(params, batch, attention=attention).dtype == np.float32
        grads = model.backward(np.ones(30, np.float32), cache, with_dx=True)
        values = [grad.values if isinstance(grad, RowGrad) else grad for grad in grads.values()]
        assert {y_hat.dtype, *(value.dtype for value in values)} == {np.dtype(np.float32)}


# ---- one long row costs the pairs that it has ------------------------------------------------------------


def peak_of_an_epoch(lengths, attention, keep):
    """The most bytes that `fit` and `predict` hold at a time on rows of these lengths."""
    rng = np.random.default_rng(0)
    batch = Batch.from_lists([rng.permutation(400)[:length] for length in lengths], n=400, dtype=np.float32)
    y, model = rng.standard_normal(len(batch)).astype(np.float32), Model("afm", attention)
    params = model.init_params(rng, batch, k=8, t=8)
    tracemalloc.start()
    try:
        loss, watch = train.Objective(keep=keep), train.Watch(warn=False)
        params = train.fit(model, params, batch, y, rng=rng, epochs=1, loss=loss, watch=watch).params
        assert np.isfinite(train.predict(model, params, batch)).all()
        return tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


@pytest.mark.parametrize("attention, keep", [("network", {}), ("network", {"pooled": 0.5}), ("free", {}), ("sum", {})])
def test_a_long_row_costs_the_pairs_that_it_has(attention, keep):
    """2,000 rows of 5 features have as many pairs as one of 200; padded to 200 they would have 40 million."""
    short = peak_of_an_epoch([5] * 2000, attention, keep)
    long = peak_of_an_epoch([5] * 2000 + [200], attention, keep)
    both = peak_of_an_epoch([5] * 4000, attention, keep)
    assert long < 3 * short + 20e6 and long < 3 * both + 20e6


# ---- what shows at size only -----------------------------------------------------------------------------


def test_all_of_many_rows_equal_dense():
    """5,000 rows in blocks as they come: the last ones count as the first ones do."""
    rng = np.random.default_rng(0)
    batch = Batch.from_padded(rng.integers(0, 30, (5000, 4)) + 30 * np.arange(4), rng.choice([1.0, 0.5], (5000, 4)))
    model = Model("afm")
    params = model.init_params(rng, batch, k=3, t=2, std=0.5, dtype=float)
    want, dense = afm.forward(params, batch)
    got, cache = model.forward(params, model.prepare(batch))
    assert_same(got, want)
    assert_same(model.predict(params, batch, chunk=999), want)
    dy_hat = rng.standard_normal(5000)
    grads, want_grads = model.backward(dy_hat, cache), afm.backward(dy_hat, dense)
    for name in want_grads:
        assert_same(grads[name], want_grads[name], 1e-10)


# ---- digits ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("lead", [0, 5, 16, 30])
def test_the_gradient_of_the_softmax_keeps_its_digits_when_one_pair_has_almost_all(dtype, lead):
    """1 - a_p subtracts nearly equal numbers: with a lead of 30, ds of the first pair would be noise."""
    rng, unit, B = np.random.default_rng(0), float(np.finfo(dtype).eps) / 2, 20
    batch = Batch.from_padded(np.arange(3 * B).reshape(B, 3), dtype=dtype)                      # no pair repeats
    model = Model("afm")
    _, cache = model.forward(model.init_params(rng, batch, k=2, t=2, dtype=dtype), batch)
    s = rng.uniform(-1, 1, (B, 3)).astype(dtype)
    s[np.arange(B), rng.integers(3, size=B)] += dtype(lead)
    da = (rng.uniform(0.5, 1.5, (B, 3)) * [1, 3, 9]).astype(dtype)
    a = afm_once_per_pair.weights_forward("network", {}, cache.batch, s.ravel(), None, np.arange(3 * B))
    place = cache.batch.local.pair_at
    ds = afm_once_per_pair.weights_backward(da.ravel(), cache._replace(a=a))[0][place].reshape(B, 3)
    assert a.dtype == ds.dtype == dtype
    with mpmath.workdps(60):
        for row in range(B):
            e = [mpmath.exp(mpmath.mpf(float(v))) for v in s[row]]
            exact = [v / sum(e) for v in e]
            for p in range(3):
                size = abs(s[row] - s[row].max()).max()                        # an exponent's rounding: inherent
                terms = [exact[q] * (mpmath.mpf(float(da[row, p])) - float(da[row, q])) for q in range(3)]
                error = abs(float(ds[row, p]) - exact[p] * sum(terms))
                assert error <= (20 + 2 * size) * unit * exact[p] * sum(map(abs, terms))


def test_memory_of_a_wide_attention_network_is_counted(monkeypatch):
    """The gate of each pair takes t bytes: 1,000 for t = 1,000."""
    batch, model = Batch.from_padded(np.arange(40).reshape(4, 10)), Model("afm")                # 180 pairs
    monkeypatch.setattr(afm_once_per_pair, "check_pair_memory", lambda pairs, each: seen.append((pairs, each)))
    for t, each in ((8, 159), (1000, 1151)):
        seen = []
        model.forward(model.init_params(np.random.default_rng(0), batch, k=2, t=t), batch)
        assert seen == [(180, each)]


# ---- blocks ----------------------------------------------------------------------------------------------


def test_sums_over_several_blocks(monkeypatch):
    """600 distinct pairs in blocks of 60, and in parts of 150 with three blocks each: nothing is left out."""
    monkeypatch.setattr(pairs, "BLOCK", 60)
    rng = np.random.default_rng(0)
    batch, model = Batch.from_padded(np.arange(300).reshape(60, 5)), Model("afm")
    params = model.init_params(rng, batch, k=2, t=2, std=1.0, dtype=float)
    y_dense, dense = afm.forward(params, batch)
    y_hat, cache = afm_once_per_pair.forward(params, batch)
    assert_same(y_hat, y_dense)
    grads, want = afm_once_per_pair.backward(np.ones(60), cache), afm.backward(np.ones(60), dense)
    for name in want:
        assert_same(grads[name], want[name])


@pytest.mark.parametrize("block, forward, backward", [(1 << 18, 52428, 52428), (12, 2, 24), (6, 1, 16), (3, 0, 8)])
def test_how_large_blocks_and_work_are(monkeypatch, block, forward, backward):
    """A pair takes k + 1 = 3 times t + 1 = 5 operations of the product with C, and 16 for each of its k + 1 factors.

    Blocks of the backward pass have twice as many pairs as there are tokens (12), but at most 8 BLOCK numbers.
    """
    asked, real = [], pairs.each_block
    monkeypatch.setattr(pairs, "BLOCK", block)
    monkeypatch.setattr(pairs, "each_block", lambda *args: asked.append(args[1:]) or real(*args))
    batch, model = Batch.from_padded(np.arange(12).reshape(4, 3)), Model("afm")
    _, cache = afm_once_per_pair.forward(model.init_params(np.random.default_rng(0), batch, k=2, t=4), batch)
    afm_once_per_pair.backward(np.ones(4, np.float32), cache)
    work = 12 * (15 + 48)
    assert asked == [(12, forward, work), (12, backward, work)]


# ---- prediction in spans ---------------------------------------------------------------------------------


@pytest.mark.parametrize("sizes, most, want", [
    ([3, 1, 4, 2, 0, 3], 4, [(0, 3), (3, 6)]), ([3, 1, 4, 2, 0, 3], 1, [(0, 1), (1, 3), (3, 4), (4, 6)]),
    ([2, 2], 1, [(0, 1), (1, 2)]), ([2, 2], 2, [(0, 2)]), ([0, 1], 1, [(0, 2)]), ([], 1, [(None, 0)]),
])  # fmt: skip
def test_spans_of_rows_with_about_as_many_pairs(sizes, most, want):
    """3, 0, 6, 1, 0 and 3 pairs: a span ends with the row that fills it."""
    batch = Batch.from_lists([range(size) for size in sizes], n=5)
    assert [(span.start, span.stop) for span in afm_once_per_pair.spans(batch, most)] == want


@pytest.mark.parametrize("attention", MODES)
@pytest.mark.parametrize("chunk", [1, 3, 4096])
def test_prediction_in_several_spans_and_chunks(attention, chunk, monkeypatch):
    monkeypatch.setattr(afm_once_per_pair, "SPAN", 10)
    problem = fixed_problem(Model("afm", attention))
    want = afm.forward(problem.params, problem.batch, attention=attention)[0]
    spans, cut = afm_once_per_pair.spans(problem.batch, 10), []
    monkeypatch.setattr(afm_once_per_pair, "number_pairs", lambda rows: cut.append(len(rows)) or number_pairs(rows))
    assert_same(afm_once_per_pair.predict(problem.params, problem.batch, attention=attention, chunk=chunk), want)
    assert cut == [len(problem.batch[span]) for span in spans] and len(cut) > 1
    monkeypatch.setattr(afm_once_per_pair, "spans", None)                     # what is numbered is not cut
    numbered = number_pairs(problem.batch)
    assert_same(afm_once_per_pair.predict(problem.params, numbered, attention=attention, chunk=chunk), want)


def test_prediction_goes_by_4096_rows(monkeypatch):
    seen, real = [], afm_once_per_pair.weights_forward
    monkeypatch.setattr(afm_once_per_pair, "weights_forward", lambda *args: seen.append(len(args[2])) or real(*args))
    batch, model = Batch.from_padded(np.arange(8194).reshape(4097, 2) % 7), Model("afm", "sum")
    afm_once_per_pair.predict(model.init_params(np.random.default_rng(0), batch, k=1), batch, attention="sum")
    assert seen == [4096, 1]
