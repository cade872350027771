"""AFM: the vectorised code against the paper's loops, the identities between its modes, and every gradient."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from strategies import (
    as_float32,
    assert_not_wrong,
    assert_right,
    check_gradients,
    close,
    examples,
    failing,
    fixed_problem,
    frozen,
    make_batch,
    problems,
    signed,
    vanishing,
    x_as_parameter,
)

from afm_numpy import Batch, Model, RowGrad, afm, attention, fm, gradcheck, losses, optim, train
from afm_numpy.dropout import SITES, Dropout
from afm_numpy.params import ATTENTION, afm_shapes, pair_bytes
from afm_numpy.reference import afm_row

MODES = tuple(ATTENTION)
FM = Model("fm", engine="dense")
MODELS = {mode: Model("afm", mode, "dense") for mode in MODES}
SITE_SETS = [(), *((site,) for site in SITES), SITES]
any_mode = pytest.mark.parametrize("mode", MODES)
both_methods = pytest.mark.parametrize("method", ["complex", "central"])


def afm_problems(modes=MODES, **options):
    return st.sampled_from(modes).flatmap(lambda mode: problems(MODELS[mode], **options))


def term_sizes(problem):
    """(B,) the sum of the absolute values of all terms of eq. (6), which rounding errors are relative to."""
    params, batch, cache = problem.params, problem.batch, problem.forward()[1]
    pairs = np.abs(cache.a_kept[:, :, None] * cache.M).sum(axis=1)                   # (B, k)
    linear = np.abs(params["w0"]) + np.abs(params["w"][batch.idx] * batch.x).sum(axis=1)
    return linear + (pairs if problem.drop.pooled is None else pairs * problem.drop.pooled) @ np.abs(params["p"])


def arrays(grads):
    return {name: grad.values if isinstance(grad, RowGrad) else grad for name, grad in grads.items()}


def row_masks(drop, row):
    return {f"{site}_mask": None if mask is None else mask[row] for site, mask in drop._asdict().items()}


# ---- values --------------------------------------------------------------------------------------------


@any_mode
@pytest.mark.parametrize("sites", SITE_SETS)
def test_equals_the_loops_of_the_paper(mode, sites):
    """eq. (6)"""
    problem = fixed_problem(MODELS[mode], sites)
    rows = zip(problem.batch.idx, problem.batch.x, strict=True)
    want = [afm_row(problem.params, *row, mode, **row_masks(problem.drop, r)) for r, row in enumerate(rows)]
    close(problem.forward()[0], np.array(want), term_sizes(problem), 1e-12)


@any_mode
def test_equals_the_loops_of_the_paper_on_any_batch(mode):
    @given(problems(MODELS[mode]))
    @examples(100)
    def equal(problem):
        rows = zip(problem.batch.idx, problem.batch.x, strict=True)
        want = [afm_row(problem.params, *row, mode, **row_masks(problem.drop, r)) for r, row in enumerate(rows)]
        close(problem.forward()[0], np.array(want), term_sizes(problem), 1e-12)

    equal()


def test_interactions_pooling_and_projection_by_hand():
    """eq. (2), eq. (4) and the last term of eq. (6)"""
    E = np.array([[[1.0, 2.0], [3.0, 4.0], [0.0, 0.0]]])
    M = afm.interactions_forward(E)
    assert M.tolist() == [[[3, 8], [0, 0], [0, 0]]]
    pooled = afm.pooling_forward(np.array([[0.5, 7.0, 7.0]]), M)
    assert pooled.tolist() == [[1.5, 4.0]]
    assert afm.projection_forward(pooled, np.array([2.0, -1.0])).tolist() == [-1.0]


@any_mode
def test_cache_holds_the_naming_table(mode):
    problem = fixed_problem(MODELS[mode], SITES)
    batch, params, cache = problem.batch, problem.params, problem.forward()[1]
    B, m, P, k, t = 7, 4, 6, 5, 2
    shapes = {
        "w": (11,), "V": (11, k), "p": (k,), "E": (B, m, k), "M": (B, P, k), "a": (B, P), "a_kept": (B, P),
        "pooled": (B, k), "pooled_kept": (B, k),
    } | ({"Z": (B, P, t), "R": (B, P, t), "s": (B, P)} if mode == "network" else {})  # fmt: skip
    assert {name: getattr(cache, name).shape for name in shapes} == shapes
    assert (batch.mask.shape, batch.pair_i.shape, batch.pair_j.shape) == ((B, P), (P,), (P,))
    assert (cache.attention, cache.batch is batch, cache.drop is problem.drop) == (mode, True, True)
    for r in range(B):
        for q, (i, j) in enumerate(zip(batch.pair_i, batch.pair_j, strict=True)):
            m_p = params["V"][batch.idx[r, i]] * params["V"][batch.idx[r, j]] * batch.x[r, i] * batch.x[r, j]
            close(cache.M[r, q], m_p * problem.drop.interactions[r, q], 10.0, 1e-15)
            if mode == "network":
                Z = params["b"] + sum(params["W"][f] * cache.M[r, q, f] for f in range(k))
                close(cache.Z[r, q], Z, 100.0, 1e-15)
                close(cache.R[r, q], np.maximum(Z, 0), 100.0, 1e-15)
                if batch.mask[r, q]:
                    close(cache.s[r, q], params["h"] @ np.maximum(Z, 0), 100.0, 1e-15)
                else:
                    assert cache.s[r, q] == -np.inf
        close(cache.pooled[r], sum(cache.a_kept[r, q] * cache.M[r, q] for q in range(P)), 100.0, 1e-15)
    assert not cache.a[~batch.mask].any()
    close(cache.a_kept, cache.a * problem.drop.attention, np.abs(cache.a), 1e-15)
    close(cache.pooled_kept, cache.pooled * problem.drop.pooled, np.abs(cache.pooled), 1e-15)


def test_scores_exist_for_the_network_only():
    cache = fixed_problem(MODELS["field"]).forward()[1]
    assert not any(hasattr(cache, name) for name in ("Z", "R", "s"))


# ---- identities ----------------------------------------------------------------------------------------


def fm_pair_terms(problem):
    """FM's prediction and its pair term alone, (B,) each."""
    y_hat, _ = fm.forward(problem.params, problem.batch)
    return y_hat, y_hat - fm.linear_forward(problem.params["w0"], problem.params["w"], problem.batch)


@given(problems(MODELS["sum"], sites=()))
@examples(100)
def test_sum_pooling_with_p_of_1_is_fm(problem):
    """eq. (3)"""
    problem = problem._replace(params=problem.params | {"p": np.ones_like(problem.params["p"])})
    close(problem.forward()[0], fm.forward(problem.params, problem.batch)[0], 10 * term_sizes(problem), 1e-14)


@given(problems(MODELS["sum"], sites=("pooled",)))
@examples(30)
def test_sum_pooling_with_p_of_1_has_the_gradients_of_fm(problem):
    problem = problem._replace(params=problem.params | {"p": np.ones_like(problem.params["p"])})
    ours = problem.gradients()
    theirs = problem._replace(model=FM, params={n: problem.params[n] for n in ("w0", "w", "V")}).gradients()
    for name, grad in arrays(theirs).items():
        close(arrays(ours)[name], grad, max(1.0, np.abs(grad).max(initial=0)), 1e-13)


@given(problems(MODELS["uniform"], sites=()))
@examples(100)
def test_uniform_with_p_of_1_is_the_pair_term_of_fm_over_the_number_of_pairs(problem):
    problem = problem._replace(params=problem.params | {"p": np.ones_like(problem.params["p"])})
    y_fm, pair_term = fm_pair_terms(problem)
    count = problem.batch.mask.sum(axis=1)
    want = y_fm - pair_term + pair_term / np.maximum(count, 1)
    close(problem.forward()[0], want, 10 * term_sizes(problem), 1e-14)


@given(problems(FM, sites=(), equal=True), st.sampled_from(["uniform", "sum", "field", "free"]))
@examples(100)
def test_from_fm_predicts_as_fm_does_on_rows_of_equal_length(problem, mode):
    """Uniform weights with p = number of pairs (the default), or weights of 1 with p = 1."""
    batch = problem.batch
    pairs = batch.distinct_pairs() if mode == "free" else None
    params = afm.from_fm(problem.params, np.random.default_rng(0), batch.m, attention=mode, pairs=pairs)
    y_fm, _ = problem.forward()
    y_hat, _ = afm.forward(params, batch, attention=mode)
    close(y_hat, y_fm, 10 * term_sizes(problem._replace(model=MODELS[mode], params=params)), 1e-14)


def test_from_fm_keeps_fm_and_shares_nothing_with_it():
    fm_params = fixed_problem(FM).params
    params = afm.from_fm(fm_params, np.random.default_rng(0), m=4, t=3)
    assert {name: value.shape for name, value in params.items()} == {
        "w0": (), "w": (11,), "V": (11, 5), "p": (5,), "W": (5, 3), "b": (3,), "h": (3,),
    }  # fmt: skip
    assert {value.dtype.name for value in params.values()} == {"float64"}
    for name, value in fm_params.items():
        assert np.array_equal(params[name], value)
        assert not np.shares_memory(params[name], value)
    assert set(params["p"]) == {6.0}
    assert set(afm.from_fm(fm_params, np.random.default_rng(0), m=4, p=2.5)["p"]) == {2.5}


@any_mode
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_from_fm_has_the_dtype_of_fm(mode, dtype):
    fm_params = fm.init_params(np.random.default_rng(0), 3, 2, dtype=dtype)
    params = afm.from_fm(fm_params, np.random.default_rng(0), m=2, attention=mode, pairs=np.array([[0, 1]]))
    assert {value.dtype.name for name, value in params.items() if name != "pairs"} == {dtype}


def test_from_fm_accepts_a_plain_number_for_w0():
    fm_params = fixed_problem(FM).params | {"w0": 0.5}
    assert afm.from_fm(fm_params, np.random.default_rng(0), m=4)["w0"] == 0.5


@given(afm_problems(("network", "field", "free")))
@examples(40)
def test_learned_weights_of_no_effect_give_the_unlearned_modes(problem):
    """h = 0 makes the network uniform; field or free weights of 1 are sum pooling."""
    mode = problem.model.attention
    changed = {"h": 0 * problem.params["h"]} if mode == "network" else {mode: np.ones_like(problem.params[mode])}
    problem = problem._replace(params=problem.params | changed)
    plain = problem._replace(model=MODELS["uniform" if mode == "network" else "sum"])
    close(problem.forward()[0], plain.forward()[0], term_sizes(problem), 1e-13)


@given(afm_problems([mode for mode in MODES if mode != "field"], sites=("pooled",)), st.randoms(use_true_random=False))
@examples(60)
def test_the_order_of_the_slots_and_empty_slots_do_not_matter(problem, random):
    """In no mode but "field", whose weights belong to slots. Each row has an order of its own."""
    batch = problem.batch
    m = batch.m + 2
    order = np.array([random.sample(range(m), m) for _ in range(len(batch))])
    idx = np.take_along_axis(np.pad(batch.idx, ((0, 0), (0, 2))), order, axis=1)
    x = np.take_along_axis(np.pad(batch.x, ((0, 0), (0, 2))), order, axis=1)
    moved = problem._replace(batch=Batch.from_padded(idx, x, batch.n))
    close(moved.forward()[0], problem.forward()[0], 10 * term_sizes(problem), 1e-14)


def test_field_weights_belong_to_slots():
    problem = fixed_problem(MODELS["field"])
    moved = problem._replace(batch=Batch.from_padded(problem.batch.idx[:, ::-1], problem.batch.x[:, ::-1], 11))
    assert np.abs(moved.forward()[0] - problem.forward()[0])[0] > 0.1
    # the pairs of the reversed slots, in their order
    pairs = list(zip(problem.batch.pair_i, problem.batch.pair_j, strict=True))
    turned = [pairs.index((3 - j, 3 - i)) for i, j in pairs]
    back = moved._replace(params=problem.params | {"field": problem.params["field"][turned]})
    close(back.forward()[0], problem.forward()[0], term_sizes(problem), 1e-13)


@given(problems(MODELS["network"]))
@examples(60)
def test_attention_sums_to_one_or_to_zero(problem):
    cache = problem.forward()[1]
    close(cache.a.sum(axis=1), problem.batch.mask.any(axis=1).astype(float), 1.0, 1e-14)
    assert not cache.a[~problem.batch.mask].any()


@given(afm_problems())
@examples(30)
def test_masks_of_ones_change_nothing(problem):
    B, P, k = problem.forward()[1].M.shape
    plain = problem._replace(drop=Dropout())
    masked = problem._replace(drop=Dropout(np.ones((B, P, k)), np.ones((B, P)), np.ones((B, k))))
    close(masked.forward()[0], plain.forward()[0], term_sizes(plain), 1e-14)
    ones = arrays(masked.gradients())
    for name, grad in arrays(plain.gradients()).items():
        close(ones[name], grad, max(1.0, np.abs(grad).max(initial=0)), 1e-13)


# ---- rows without a pair -------------------------------------------------------------------------------


@any_mode
@pytest.mark.parametrize("rows", [[], [[]], [[], []], [[1]], [[1], []]])
def test_batches_without_a_pair(mode, rows):
    batch = Batch.from_lists(rows, n=3, slots_are_fields=True)
    m = max(batch.m, 1)
    params = afm.init_params(
        np.random.default_rng(0), 3, m, 2, 4, attention=mode, pairs=batch.distinct_pairs(), std=1.0, dtype=float
    )
    params["w"] = np.array([100.0, 10.0, 1.0])
    y_hat, cache = afm.forward(params, batch, attention=mode)
    assert y_hat.tolist() == [10.0 if row else 0.0 for row in rows]
    assert not cache.pooled.any()
    grads = afm.backward(np.ones(len(rows)), cache, with_dx=True)
    assert set(grads) == {*params, "x"} - {"pairs"}
    for name in set(grads) - {"w0", "w", "x"}:
        assert not np.any(arrays(grads)[name]), name


def test_empty_and_single_rows_among_others():
    problem = fixed_problem(MODELS["network"])
    y_hat, cache = problem.forward()
    w0, w = problem.params["w0"], problem.params["w"]
    empty, single = 3, 5
    slot = np.flatnonzero(problem.batch.present[single])[0]
    assert y_hat[empty] == w0
    close(y_hat[single], w0 + w[problem.batch.idx[single, slot]] * problem.batch.x[single, slot], 3.0, 1e-15)
    assert not cache.pooled[[empty, single]].any()


# ---- gradients -----------------------------------------------------------------------------------------


@both_methods
@any_mode
@pytest.mark.parametrize("sites", SITE_SETS)
def test_gradients_when_none_vanishes(mode, sites, method):
    problem = fixed_problem(MODELS[mode], sites)
    report = check_gradients(problem, method)
    assert_right(report)
    assert {name: entry.status for name, entry in report.entries.items()} == dict.fromkeys(
        set(problem.params) - {"pairs"} | {"x"}, "ok"
    )
    assert report.rtol <= {"complex": 1e-12, "central": 1e-7}[method]


@any_mode
def test_gradients_of_any_problem_by_complex_step(mode):
    @given(problems(MODELS[mode]))
    @examples(70)
    def right(problem):
        assert_not_wrong(check_gradients(problem, "complex", vanishing(problem)))

    right()


@any_mode
def test_gradients_of_any_problem_by_central_differences(mode):
    @given(problems(MODELS[mode]))
    @examples(30)
    def right(problem):
        assert_not_wrong(check_gradients(problem, "central", vanishing(problem)))

    right()


@both_methods
@any_mode
@pytest.mark.parametrize("loss", ["squared", "logistic"])
@pytest.mark.parametrize("l2", [False, True])
def test_gradients_of_the_objective(mode, loss, l2, method):
    problem = fixed_problem(MODELS[mode], SITES)
    params, batch, drop = problem.params, problem.batch, problem.drop
    y, lam = np.arange(7) % 2.0, {}
    if l2:
        lam = {"w": 0.3, "V": 0.7} | ({"W": 0.9} if mode == "network" else {})

    def value(params):
        y_hat = afm.forward(params, batch, attention=mode, drop=drop)[0]
        return losses.get(loss).forward(y_hat, y) + losses.l2_forward(params, lam, batch.touched)

    data_loss, penalty, grads = train.objective(problem.model, params, batch, y, loss=loss, l2=lam, drop=drop)
    assert data_loss + penalty == value(params)
    assert (penalty > 0) == l2
    assert_right(gradcheck.check(value, params, grads, method=method))


@any_mode
def test_gradients_touch_the_rows_of_the_batch_and_no_other(mode):
    batch = Batch.from_lists([[5, 2], [], [2], [2, 5, 3]], n=7, slots_are_fields=True)      # 0: empty slots
    pairs = np.array([[0, 1], [2, 5], [5, 6]])
    params = afm.init_params(np.random.default_rng(0), 7, 3, 4, 2, attention=mode, pairs=pairs, std=1.0, dtype=float)
    grads = afm.backward(np.ones(4), afm.forward(params, batch, attention=mode)[1], with_dx=True)
    assert grads["w"].rows.tolist() == grads["V"].rows.tolist() == [2, 3, 5]
    assert (grads["w"].values.shape, grads["V"].values.shape) == ((3,), (3, 4))
    assert not grads["x"][~batch.present].any()
    if mode == "free":
        assert isinstance(grads["free"], RowGrad)
        assert grads["free"].rows.tolist() == [1]


def test_a_pair_that_never_occurs_keeps_its_weight():
    """The paper's case against free weights: no data, no gradient."""
    batch = Batch.from_lists([[0, 1], [0, 2]], n=3)
    pairs = np.array([[0, 1], [0, 2], [1, 2]])
    params = afm.init_params(np.random.default_rng(0), 3, 2, 4, attention="free", pairs=pairs, std=1.0, dtype=float)
    grads = afm.backward(np.ones(2), afm.forward(params, batch, attention="free")[1])
    step = optim.SGD(lr=0.1, momentum=0.0)
    optim.step(step, params, grads, optim.init(step, params))
    assert params["free"][2] == 1.0
    assert (params["free"][:2] != 1.0).all()


@any_mode
def test_dx_is_returned_on_request_only(mode):
    problem = fixed_problem(MODELS[mode])
    cache = problem.forward()[1]
    names = set(problem.params) - {"pairs"}
    assert set(afm.backward(problem.dy_hat, cache)) == names
    assert set(afm.backward(problem.dy_hat, cache, with_dx=True)) == names | {"x"}


# ---- wrong gradients must be found ---------------------------------------------------------------------

right_backward, right_pooling, right_interactions = afm.backward, afm.pooling_backward, afm.interactions_backward
right_network, right_attend = attention.network_backward, attention.attend_backward
right_projection = afm.projection_backward
right_free, right_field = attention.free_backward, attention.field_backward
right_linear = fm.linear_backward


def without_mask(site):
    def wrong(dy_hat, cache, *, with_dx):
        return right_backward(dy_hat, cache._replace(drop=cache.drop._replace(**{site: None})), with_dx=with_dx)

    return wrong


def one_sided(dM, E):
    """Only the first feature of a pair receives its gradient."""
    dE = np.zeros_like(E)
    for i, block in afm._blocks(E.shape[1]):
        dE[:, i] = (dM[:, block] * E[:, i + 1 :]).sum(axis=1)
    return dE


def network_with(change):
    """network_backward with one line changed: `change` gets its values by name and returns them."""

    def wrong(da, cache):
        v = dict(zip(("dM", "dW", "db", "dh"), right_network(da, cache), strict=True))
        ds = attention.softmax_backward(da, cache.a)
        v |= change(ds, ds[:, :, None] * cache.h * (cache.Z > 0), cache)
        return v["dM"], v["dW"], v["db"], v["dh"]

    return wrong


def from_dZ(dZ, cache):
    M, W = cache.M, cache.W
    return {"dM": dZ @ W.T, "dW": np.tensordot(M, dZ, axes=((0, 1), (0, 1))), "db": dZ.sum(axis=(0, 1))}


def overwriting_free(da, rows, mask):
    """G[rows] += g, which keeps one contribution of a repeated pair."""
    grad = right_free(da, rows, mask)
    dense = np.zeros(rows.max() + 1)
    seen = mask & (rows >= 0)
    dense[rows[seen]] += da[seen]
    return RowGrad(grad.rows, dense[grad.rows])


def unseen_into_last_row(da, rows, mask):
    """G[rows] += g with the -1 of unseen pairs, which is the last row."""
    dense = np.zeros(rows.max() + 1)
    np.add.at(dense, rows[mask], da[mask])
    return RowGrad(np.arange(dense.size), dense)


def leaking_linear(dlinear, w, batch):
    """Empty slots count as feature 0 with x = 1. (In V nothing can leak: their pairs have a = 0 and M = 0.)"""
    dw0, _, dx = right_linear(dlinear, w, batch)
    dense = np.zeros(batch.n)
    np.add.at(dense, batch.idx, dlinear[:, None] * np.where(batch.present, batch.x, 1.0))
    return dw0, RowGrad(np.arange(batch.n), dense), dx


def projection_with(pick):
    return lambda dout, pooled, p: pick(dout, pooled, p, *right_projection(dout, pooled, p))


EVERY = {"V", "x", "W", "b", "h"}                # what stands behind the attention
# name: attention, module, function to replace, its wrong version, the gradients that must be found wrong
WRONG = {
    # the interactions
    "one-sided pair gradient": ("network", afm, "interactions_backward", one_sided, {"V", "x"}),
    "e_i instead of e_j": (
        "network", afm, "interactions_backward", lambda dM, E: E * right_interactions(dM, np.ones_like(E)), {"V", "x"}),
    "empty slots go to row 0": ("network", fm, "linear_backward", leaking_linear, {"w"}),
    "dV without x": (
        "network", fm, "embed_backward", lambda dE, batch: RowGrad(batch.touched, batch.sum_by_row(dE)), {"V"}),
    # the pooling
    "direct path missing": (
        "network", afm, "pooling_backward", lambda dpooled, a, M: (right_pooling(dpooled, a, M)[0], 0 * M), {"V", "x"}),
    "direct path without a": (
        "field", afm, "pooling_backward",
        lambda dpooled, a, M: (right_pooling(dpooled, a, M)[0], dpooled[:, None] * (a != 0)[:, :, None]), {"V", "x"}),
    "da without upstream": (
        "network", afm, "pooling_backward",
        lambda dpooled, a, M: (M.sum(axis=2), right_pooling(dpooled, a, M)[1]), EVERY),
    "attention path detached": (
        "network", attention, "attend_backward", lambda *args: (0, right_attend(*args)[1]), {"V", "x"}),
    # the projection
    "dp with the vector before dropout": (
        "network", afm, "backward",
        lambda dy_hat, cache, **x: right_backward(dy_hat, cache._replace(pooled_kept=cache.pooled), **x),
        {"p"}),
    "dp without upstream": (
        "network", afm, "projection_backward",
        projection_with(lambda dout, pooled, p, dpooled, dp: (dpooled, pooled.sum(axis=0))), {"p"}),
    "dp is a mean": (
        "network", afm, "projection_backward",
        projection_with(lambda dout, pooled, p, dpooled, dp: (dpooled, dp / len(dout))), {"p"}),
    "dpooled without p": (
        "network", afm, "projection_backward",
        projection_with(lambda dout, pooled, p, dpooled, dp: (np.repeat(dout[:, None], len(p), axis=1), dp)), EVERY),
    # dropout
    "interactions mask forgotten": ("network", afm, "backward", without_mask("interactions"), {"V", "x"}),
    "attention mask forgotten": ("network", afm, "backward", without_mask("attention"), EVERY),
    "attention mask forgotten (field)": ("field", afm, "backward", without_mask("attention"), {"field"}),
    "pooled mask forgotten": ("network", afm, "backward", without_mask("pooled"), EVERY),
    "a before its dropout pools": (
        "network", afm, "backward",
        lambda dy_hat, cache, **x: right_backward(dy_hat, cache._replace(a_kept=cache.a), **x), {"V", "x"}),
    # the softmax
    "diagonal softmax Jacobian": ("network", attention, "softmax_backward", lambda da, a: a * (1 - a) * da, EVERY),
    "softmax Jacobian without a": (
        "network", attention, "softmax_backward",
        lambda da, a: (a > 0) * (da - (a * da).sum(axis=1, keepdims=True)), EVERY),
    "softmax over the batch": (
        "network", attention, "softmax_backward", lambda da, a: a * (da - (a * da).sum(axis=0)), EVERY),
    "softmax subtracts the mean": (
        "network", attention, "softmax_backward", lambda da, a: a * (da - da.mean(axis=1, keepdims=True)), EVERY),
    # the network
    "ReLU gate missing": (
        "network", attention, "network_backward",
        network_with(lambda ds, dZ, cache: from_dZ(ds[:, :, None] * cache.h * np.ones_like(cache.Z), cache)),
        {"V", "x", "W", "b"}),
    "dZ without h": (
        "network", attention, "network_backward",
        network_with(lambda ds, dZ, cache: from_dZ(ds[:, :, None] * (cache.Z > 0), cache)), {"V", "x", "W", "b"}),
    "dh with Z": (
        "network", attention, "network_backward",
        network_with(lambda ds, dZ, cache: {"dh": np.tensordot(ds, cache.Z, axes=2)}), {"h"}),
    "dh without upstream": (
        "network", attention, "network_backward",
        network_with(lambda ds, dZ, cache: {"dh": cache.R.sum(axis=(0, 1))}), {"h"}),
    "db is a mean": (
        "network", attention, "network_backward",
        network_with(lambda ds, dZ, cache: {"db": dZ.sum(axis=1).mean(axis=0)}), {"b"}),
    "dW keeps the first row of the batch": (
        "network", attention, "network_backward",
        network_with(lambda ds, dZ, cache: {"dW": cache.M[0].T @ dZ[0]}), {"W"}),
    "W transposed (k = t)": (
        "network", attention, "network_backward", network_with(lambda ds, dZ, cache: {"dM": dZ @ cache.W}), {"V", "x"}),
    "dW transposed (k = t)": (
        "network", attention, "network_backward",
        network_with(lambda ds, dZ, cache: {"dW": np.tensordot(dZ, cache.M, axes=((0, 1), (0, 1)))}), {"W"}),
    # the other modes
    "dfield is a mean": (
        "field", attention, "field_backward", lambda da, mask: right_field(da, mask) / len(da), {"field"}),
    "dfree keeps one of repeated pairs": ("free", attention, "free_backward", overwriting_free, {"free"}),
    "unseen pairs go to the last row": ("free", attention, "free_backward", unseen_into_last_row, {"free"}),
}  # fmt: skip


def control_problem(name):
    """Dropout at every site; for the controls that only a square W lets run, k = t; for free, repeated pairs."""
    mode = WRONG[name][0]
    problem = fixed_problem(MODELS[mode], SITES, **({"k": 5, "t": 5} if "k = t" in name else {}))
    if mode != "free":
        return problem
    batch = Batch.from_lists([[0, 1, 2], [2, 0], [3, 1], [1, 2, 0], [3, 2], [0, 1], []], n=4)
    rng = np.random.default_rng(0)
    pairs = np.array([[0, 1], [0, 2], [1, 2]])                           # (1, 3) and (2, 3) are unseen
    shapes = {"w0": (), "w": 4, "V": (4, 5), "p": 5, "free": 3}
    params = {key: np.asarray(signed(rng, shape)) for key, shape in shapes.items()} | {"pairs": pairs}
    return problem._replace(params=params, batch=batch, drop=Dropout())


def test_there_are_many_controls_and_the_right_backward_passes_each_of_them():
    assert len(WRONG) >= 15
    for name in WRONG:
        assert_right(check_gradients(control_problem(name)))


@both_methods
@pytest.mark.parametrize("name", WRONG)
def test_a_wrong_backward_is_found(monkeypatch, name, method):
    _, module, function, wrong, guilty = WRONG[name]
    monkeypatch.setattr(module, function, wrong)
    report = check_gradients(control_problem(name), method)
    assert not report.ok
    assert failing(report) == guilty
    if name == "empty slots go to row 0":
        assert report["w"].at == (0,)


def test_a_wrong_penalty_is_found(monkeypatch):
    """2 lam W without the 2: the data loss alone would hide it."""
    problem = fixed_problem(MODELS["network"])
    params, batch, y, lam = problem.params, problem.batch, np.zeros(7), {"W": 0.5}

    def value(params):
        return losses.squared_forward(afm.forward(params, batch)[0], y) + losses.l2_forward(params, lam, batch.touched)

    monkeypatch.setattr(losses, "l2_backward", lambda params, lam, rows: {"W": lam["W"] * params["W"]})
    grads = train.objective(problem.model, params, batch, y, l2=lam)[2]
    assert failing(gradcheck.check(value, params, grads)) == {"W"}


# ---- numbers -------------------------------------------------------------------------------------------


def all_finite(problem):
    y_hat, cache = problem.forward()
    values = [y_hat, cache.a, cache.pooled, *arrays(problem.gradients()).values()]
    return all(np.isfinite(value).all() for value in values)


@any_mode
@pytest.mark.parametrize("scale", [1e-30, 1e30, "both"])
def test_tiny_and_huge_values_stay_finite(mode, scale):
    problem = fixed_problem(MODELS[mode])
    factor = np.where(np.arange(4) % 2, 1e-30, 1e30) if scale == "both" else scale
    problem = problem._replace(batch=Batch.from_padded(problem.batch.idx, problem.batch.x * factor, 11))
    assert all_finite(problem)
    rows = zip(problem.batch.idx, problem.batch.x, strict=True)
    want = np.array([afm_row(problem.params, *row, mode) for row in rows])
    close(problem.forward()[0], want, term_sizes(problem), 1e-12)


@pytest.mark.parametrize("sign", [1.0, -1.0])
def test_scores_of_a_thousand(sign):
    """Rows whose scores are all about 1000 or -1000, and rows that have both."""
    problem = fixed_problem(MODELS["network"])
    W = np.zeros((5, 2))
    W[0] = 1.0, -1.0
    h = np.array([sign, 1.0]) * 1000 / np.abs(problem.forward()[1].M[:, :, 0]).max()
    problem = problem._replace(params=problem.params | {"W": W, "b": np.zeros(2), "h": h})
    cache = problem.forward()[1]
    assert np.isclose(np.abs(cache.s[problem.batch.mask]).max(), 1000)
    assert all_finite(problem)
    close(cache.a.sum(axis=1), problem.batch.mask.any(axis=1).astype(float), 1.0, 1e-14)
    rows = zip(problem.batch.idx, problem.batch.x, strict=True)
    close(problem.forward()[0], np.array([afm_row(problem.params, *row) for row in rows]), term_sizes(problem), 1e-12)


@given(afm_problems())
@examples(60)
def test_float32_in_float32_out(problem):
    problem = as_float32(problem)
    y_hat, cache = problem.forward()
    assert y_hat.dtype == np.float32
    names = "E", "M", "a", "a_kept", "pooled", "pooled_kept"
    assert {getattr(cache, name).dtype.name for name in names} == {"float32"}
    for name, grad in arrays(problem.gradients()).items():
        assert grad.dtype == np.float32, name


@any_mode
def test_one_complex_argument_is_enough(mode):
    problem = fixed_problem(MODELS[mode], SITES)
    theta, call = x_as_parameter(problem)
    for name in set(theta) - {"pairs"}:
        y_hat = call(theta | {name: theta[name].astype(complex)})[0]
        assert y_hat.dtype == np.complex128, name
        close(y_hat, problem.forward()[0], term_sizes(problem), 1e-14)


@any_mode
def test_nothing_is_written_to_and_a_cache_serves_twice(mode):
    problem, other = frozen(fixed_problem(MODELS[mode], SITES)), fixed_problem(MODELS[mode], seed=1)
    cache, _ = problem.forward()[1], other.forward()
    held = [*cache, *(cache.attend if mode == "network" else [cache.attend])]
    for value in held:
        if isinstance(value, np.ndarray):
            value.flags.writeable = False
    first, second = (arrays(afm.backward(problem.dy_hat, cache, with_dx=True)) for _ in range(2))
    for name, grad in arrays(problem.gradients()).items():
        assert np.array_equal(first[name], grad)
        assert np.array_equal(second[name], grad)


# ---- parameters, and bad input -------------------------------------------------------------------------


@any_mode
def test_initial_parameters(mode):
    pairs = np.array([[0, 1], [2, 5]])
    params = afm.init_params(np.random.default_rng(3), 4000, 4, 6, 5, attention=mode, pairs=pairs, w0=0.5)
    own = {
        "free": {"free": (2,), "pairs": (2, 2)},
        "field": {"field": (6,)},
        "network": {"W": (6, 5), "b": (5,), "h": (5,)},
    }
    assert {name: value.shape for name, value in params.items()} == {
        "w0": (), "w": (4000,), "V": (4000, 6), "p": (6,), **own.get(mode, {}),
    }  # fmt: skip
    assert {value.dtype.name for name, value in params.items() if name != "pairs"} == {"float32"}
    assert (params["w0"], params["w"].any()) == (0.5, False)
    assert abs(params["V"].std() / 0.01 - 1) < 0.02
    assert set(params["p"]) == {6.0 if mode in ("uniform", "network") else 1.0}
    if mode in ("field", "free"):
        assert set(params[mode]) == {1.0}


def test_initial_attention_network():
    params = afm.init_params(np.random.default_rng(3), 1, 4, 200, 300, p=2.5, std=0.5, dtype=np.float64)
    assert set(params["p"]) == {2.5}
    assert abs(params["V"].std() / 0.5 - 1) < 0.15
    assert abs(params["W"].std() / np.sqrt(2 / 500) - 1) < 0.02
    assert abs(params["b"].std() / np.sqrt(2 / 500) - 1) < 0.15
    assert abs(params["h"].std() - 1) < 0.15
    assert {value.dtype.name for value in params.values()} == {"float64"}
    again = afm.init_params(np.random.default_rng(3), 1, 4, 200, 300, p=2.5, std=0.5, dtype=np.float64)
    assert all(np.array_equal(params[name], again[name]) for name in params)


def test_the_attention_size_is_16_by_default():
    rng = np.random.default_rng(0)
    assert afm.init_params(rng, 3, 4, 2)["h"].size == afm.from_fm(fm.init_params(rng, 3, 2), rng, 4)["h"].size == 16


def test_rows_of_one_slot_start_with_p_of_1():
    assert set(afm.init_params(np.random.default_rng(0), 3, 1, 2)["p"]) == {1.0}


def test_p_is_a_number_whatever_its_type():
    for p in 2**60, np.int64(2**60), 2.0**60, np.float32(2**60):
        params = afm.init_params(np.random.default_rng(0), 3, 2, 2, attention="sum", p=p)
        assert params["p"].tolist() == [2.0**60] * 2 and params["p"].dtype == np.float32


@pytest.mark.parametrize("change, message", [
    ({"n": 0}, "n must be an integer of at least 1; got 0"),
    ({"m": 0}, "m must be an integer of at least 1; got 0"),
    ({"m": 2.5}, "m must be an integer of at least 1; got 2.5"),
    ({"k": 0}, "k must be an integer of at least 1; got 0"),
    ({"t": 0}, "t must be an integer of at least 1; got 0"),
    ({"t": "3"}, "t must be an integer of at least 1; got '3'"),
    ({"p": float("nan")}, "p must be a finite number; got nan"),
    ({"p": "1"}, "p must be a finite number; got '1'"),
    ({"attention": 17}, "unknown attention 17; choose from sum, uniform, free, field, network"),
    ({"attention": "softmax"}, "unknown attention 'softmax'; choose from sum, uniform, free, field, network"),
    ({"attention": "free"}, r'^attention "free" needs pairs, those of the training rows: Batch.distinct_pairs\(\)$'),
])  # fmt: skip
def test_sizes_and_modes_that_make_no_model_are_refused(change, message):
    with pytest.raises(ValueError, match=message):
        afm.init_params(np.random.default_rng(0), **{"n": 3, "m": 4, "k": 2, "t": 5} | change)
    if "n" not in change and "k" not in change:
        fm_params = fm.init_params(np.random.default_rng(0), 3, 2)
        with pytest.raises(ValueError, match=message):
            afm.from_fm(fm_params, np.random.default_rng(0), **{"m": 4, "t": 5} | change)


def test_from_fm_refuses_what_is_no_fm():
    with pytest.raises(ValueError, match="params lacks 'V'; it needs w0, w, V"):
        afm.from_fm({"w0": np.array(0.0), "w": np.zeros(3)}, np.random.default_rng(0), m=4)


def test_unknown_attention_is_refused():
    problem = fixed_problem(MODELS["sum"])
    message = "unknown attention 'softmax'; choose from sum, uniform, free, field, network"
    with pytest.raises(ValueError, match=message):
        afm.forward(problem.params, problem.batch, attention="softmax")
    with pytest.raises(ValueError, match=message):
        attention.attend_forward("softmax", problem.params, problem.forward()[1].M, problem.batch)


@pytest.mark.parametrize("mode, change, message", [
    ("network", {"p": None}, "params lacks 'p'; it needs w0, w, V, p, W, b, h"),
    ("network", {"h": None}, "params lacks 'h'; it needs w0, w, V, p, W, b, h"),
    ("field", {"field": None}, "params lacks 'field'; it needs w0, w, V, p, field"),
    ("free", {"pairs": None}, "params lacks 'pairs'; it needs w0, w, V, p, free, pairs"),
    ("sum", {"p": np.zeros(4)}, r"params\['p'\] has shape \(4,\); want \(k\) with k = 5"),
    ("network", {"W": np.zeros((2, 5))}, r"params\['W'\] has shape \(2, 5\); want \(k, t\) with k = 5"),
    ("network", {"b": np.zeros(3)}, r"params\['b'\] has shape \(3,\); want \(t\) with t = 2"),
    ("network", {"h": np.zeros((2, 1))}, r"params\['h'\] has shape \(2, 1\); want \(t\) with t = 2"),
    ("field", {"field": np.zeros(10)}, r"params\['field'\] has shape \(10,\); want \(P\) with P = 6"),
    ("free", {"pairs": np.zeros((1, 2), int)}, r"params\['pairs'\] has shape \(1, 2\); want \(F, 2\) with F = \d+"),
    ("uniform", {"w": np.zeros(10), "V": np.zeros((10, 5))},
     "the batch has n = 11 features, but w and V have only 10 rows"),
])  # fmt: skip
def test_parameters_that_do_not_fit_are_refused(mode, change, message):
    problem = fixed_problem(MODELS[mode])
    params = {name: value for name, value in (problem.params | change).items() if value is not None}
    with pytest.raises(ValueError, match=message):
        afm.forward(params, problem.batch, attention=mode)


@any_mode
def test_the_padded_pairs_are_checked_against_the_memory(mode, monkeypatch):
    def refuse(pairs, each):
        raise ValueError(f"{pairs} pairs of {each} bytes")

    problem = fixed_problem(MODELS[mode])
    monkeypatch.setattr("afm_numpy.params.check_pair_memory", refuse)
    with pytest.raises(ValueError, match=f"^{7 * 6} pairs of {pair_bytes(problem.params, afm_shapes(mode))} bytes$"):
        afm.forward(problem.params, problem.batch, attention=mode)


@any_mode
@pytest.mark.parametrize("site", SITES)
def test_a_mask_of_another_shape_is_refused_at_once(mode, site):
    problem = fixed_problem(MODELS[mode], SITES)
    drop = problem.drop._replace(**{site: getattr(problem.drop, site)[:1]})
    with pytest.raises(ValueError, match=rf"^the dropout mask for {site} must have shape \(7, .*\); got \(1, "):
        afm.forward(problem.params, problem.batch, attention=mode, drop=drop)


def test_field_weights_do_not_fit_rows_of_another_length():
    problem = fixed_problem(MODELS["field"])
    batch = make_batch(np.random.default_rng(0), [3, 2], m=3, n=11)
    with pytest.raises(ValueError, match=r"params\['field'\] has shape \(6,\); want \(P\) with P = 3"):
        afm.forward(problem.params, batch, attention="field")


def test_a_start_of_p_that_float32_cannot_hold_is_refused_by_its_name():
    with pytest.raises(ValueError, match="^row 0: p is 1e\\+39"):
        afm.init_params(np.random.default_rng(0), n=2, m=2, k=2, p=1e39)
