import dataclasses
import tracemalloc

import numpy as np
import pytest

from afm_numpy import Batch, Model, explain, train
from afm_numpy.params import ATTENTION

MODELS = [Model("fm"), *(Model("afm", mode) for mode in ATTENTION)]


def problem(model):
    rng = np.random.default_rng(3)
    rows = [[0, 4, 7, 10], [2, 1, 6, 9], [3, 5, 8], [0, 5], [6], []]
    batch = Batch.from_lists(rows, [rng.normal(1.0, 0.5, len(row)) for row in rows], n=11, slots_are_fields=True)
    params = model.init_params(rng, batch, k=5, t=3, std=0.7, w0=0.3, dtype=float)
    params["w"] += rng.standard_normal(11)
    return params, batch


@pytest.mark.parametrize("model", MODELS, ids=lambda model: f"{model.kind}-{model.attention}")
def test_the_parts_add_up_to_the_prediction(model):
    params, batch = problem(model)
    parts = explain.contributions(model, params, batch, chunk=4)
    total = parts.bias + parts.linear.sum(axis=1) + parts.pair.sum(axis=1)
    np.testing.assert_allclose(total, parts.y_hat, rtol=1e-13)
    np.testing.assert_allclose(total, train.predict(model, params, batch), rtol=1e-13)
    np.testing.assert_allclose(parts.a * parts.score, parts.pair, rtol=1e-15)
    assert (parts.pair[~batch.mask] == 0).all()


def test_no_rows_give_empty_parts():
    model = Model("afm")
    params, batch = problem(model)
    parts = explain.contributions(model, params, batch[:0])
    assert parts.pair.shape == (0, 6) and parts.y_hat.shape == (0,)


def test_field_attention_averages_the_rows_that_have_the_pair():
    model = Model("afm")
    params, _ = problem(model)
    x = np.array([[1, 1, 1, 1], [1, 0, 1, 1], [0, 1, 1, 0], [0, 0, 0, 0], [0, 1, 0, 1], [0, 0, 1, 0]])
    idx = np.random.default_rng(0).integers(0, [3, 2, 2, 4], (6, 4)) + [0, 3, 5, 7]
    batch = Batch.from_padded(idx, x, n=11)
    parts = explain.contributions(model, params, batch)
    mean, count = explain.field_attention(parts)
    for p, (i, j) in enumerate(zip(batch.pair_i, batch.pair_j, strict=True)):
        rows = [r for r in range(len(batch)) if batch.mask[r, p]]
        assert count[i, j] == count[j, i] == len(rows)
        assert mean[i, j] == mean[j, i] == pytest.approx(np.mean([parts.a[r, p] for r in rows]), rel=1e-14)
    assert np.isnan(np.diag(mean)).all() and (np.diag(count) == 0).all()


def test_field_attention_of_a_pair_that_no_row_has_is_nan():
    model = Model("afm", "uniform")
    batch = Batch.from_padded([[0, 1, 2]], [[1.0, 1.0, 0.0]], n=3)
    params = model.init_params(np.random.default_rng(0), batch, k=1)
    mean, count = explain.field_attention(explain.contributions(model, params, batch))
    assert np.isnan(mean[0, 2]) and count[0, 2] == 0 and mean[0, 1] == 1.0


def test_table_lists_the_largest_pairs_first_and_sums_the_rest():
    model = Model("afm", "sum")
    params, batch = problem(model)
    parts = explain.contributions(model, params, batch)
    lines = explain.table(parts, row=0, top=2).splitlines()
    order = np.argsort(-np.abs(parts.pair[0]))
    assert len(lines) == 1 + 2 + 4
    for line, p in zip(lines[1:3], order, strict=False):
        assert line.endswith(f"{batch.idx[0, batch.pair_i[p]]} x {batch.idx[0, batch.pair_j[p]]}")
        assert float(line.split()[2]) == pytest.approx(parts.pair[0, p], abs=1e-4)
    assert lines[3].endswith("4 other pairs")
    assert float(lines[3].split()[0]) == pytest.approx(parts.pair[0, order[2:]].sum(), abs=1e-4)
    assert lines[-1].split() == [f"{parts.y_hat[0]:+.4f}", "prediction"]


def test_table_of_a_row_without_pairs_and_with_names():
    params, batch = problem(Model("fm"))
    parts = explain.contributions(Model("fm"), params, batch)
    assert len(explain.table(parts, row=5).splitlines()) == 4
    names = [f"feature {i}" for i in range(11)]
    assert "feature 0 x feature 5" in explain.table(parts, row=3, names=names)


@pytest.mark.parametrize("change, message", [
    ({"model": "afm"}, "model must be a Model; got str"), ({"params": None}, "params must be a dict of arrays"),
    ({"params": {}}, "params lacks 'w0'"), ({"batch": np.eye(11)}, "batch must be a Batch .*got ndarray"),
])  # fmt: skip
def test_contributions_refuse_other_things_by_name(change, message):
    params, batch = problem(Model("afm"))
    with pytest.raises((TypeError, ValueError), match=message):
        explain.contributions(**({"model": Model("afm"), "params": params, "batch": batch} | change))


def test_largest_wants_at_least_one_pair():
    params, batch = problem(Model("fm"))
    with pytest.raises(ValueError, match="top must be an integer of at least 1; got -1"):
        explain.largest(explain.contributions(Model("fm"), params, batch), 0, top=-1)


@pytest.mark.parametrize("wrong, error, message", [
    ({"row": "first"}, ValueError, "row must be an integer of at least 0; got 'first'"),
    ({"row": True}, ValueError, "row must be an integer of at least 0; got True"),
    ({"row": -1}, ValueError, "row must be an integer of at least 0; got -1"),
    ({"row": np.int64(-1)}, ValueError, "row must be an integer of at least 0; got "),
    ({"top": 0}, ValueError, "top must be an integer of at least 1; got 0"),
    ({"names": ["a"]}, ValueError, "1 names for 3 features; want one for each feature id"),
    ({"names": ["name", "a", "b", "c"]}, ValueError, "4 names for 3 features; want one for each feature id"),
])  # fmt: skip
def test_table_refuses_wrong_arguments(wrong, error, message):
    params = {"w0": np.array(0.0), "w": np.zeros(3), "V": np.ones((3, 1))}
    parts = explain.contributions(Model("fm"), params, Batch.from_lists([[0, 1, 2]], n=3))
    with pytest.raises(error, match=message):
        explain.table(parts, **wrong)
    with pytest.raises(TypeError, match="batch must be a Batch .*got ndarray"):
        explain.contributions(Model("fm"), params, np.eye(3))


def test_table_refuses_a_row_that_is_not_there():
    params, batch = problem(Model("fm"))
    parts = explain.contributions(Model("fm"), params, batch)
    for show in explain.table, explain.largest:
        with pytest.raises(ValueError, match="row 6 is out of range; there are 6 rows, counted from 0"):
            show(parts, row=6)


def test_rows_with_fewer_features_than_the_model_take_the_names_of_the_model():
    params, batch = problem(Model("fm"))
    parts = explain.contributions(Model("fm"), params, dataclasses.replace(batch[3], n=6))
    assert "f0 x f5" in explain.table(parts, 0, [f"f{i}" for i in range(11)])


def test_a_row_number_of_numpy_is_a_row_number():
    params, batch = problem(Model("fm"))
    parts = explain.contributions(Model("fm"), params, batch)
    for row in range(len(batch)):
        assert explain.table(parts, row) == explain.table(parts, np.int64(row))


# ---- names and fields ------------------------------------------------------------------------------------


def test_names_are_printed_with_their_control_characters_escaped():
    params = {"w0": np.array(0.0), "w": np.zeros(2), "V": np.ones((2, 1))}
    parts = explain.contributions(Model("fm"), params, Batch.from_lists([[0, 1]], n=2))
    names = ["a\x1b[31m\n  +9.0000  forged", "b\u2028c\r"]
    assert explain.largest(parts, 0, names)[1] == [tuple(names)]
    lines = explain.table(parts, 0, names).split("\n")
    assert len(lines) == 1 + 1 + 3 and all(line.isprintable() for line in lines)
    assert lines[1].endswith("a\\x1b[31m\\n  +9.0000  forged x b\\u2028c\\r")


def test_rows_that_were_closed_up_have_no_fields():
    """The mean over slots would mix fields without a word."""
    model, dense = Model("afm", "uniform"), np.array([[1.0, 1, 1], [0, 1, 1], [1, 0, 1]])
    for batch in (Batch.from_dense(dense), Batch.from_lists([[0, 1, 2], [1, 2], [0, 2]]),
                  Batch.from_lists([[0, 1, 2], [0, 1, 2]]), Batch.from_dense(np.ones((2, 3)))):       # of one size
        params = model.init_params(np.random.default_rng(0), batch, k=1)
        with pytest.raises(ValueError, match="these rows do not say which slot is which field"):
            explain.field_attention(explain.contributions(model, params, batch))
    batch = Batch.from_padded(np.tile(np.arange(3), (3, 1)), dense)
    mean, count = explain.field_attention(explain.contributions(model, params, batch))
    assert count.tolist() == [[0, 1, 2], [1, 0, 2], [2, 2, 0]]
    np.testing.assert_allclose(mean[[0, 0, 1], [1, 2, 2]], [1 / 3, 2 / 3, 2 / 3])


def test_fields_that_share_their_features_are_fields_when_no_slot_is_empty():
    model, batch = Model("afm", "uniform"), Batch.from_padded([[0, 1], [1, 0]])        # home and away
    params = model.init_params(np.random.default_rng(0), batch, k=1)
    mean, count = explain.field_attention(explain.contributions(model, params, batch))
    assert mean[0, 1] == 1.0 and count[0, 1] == 2


# ---- rows of very different lengths ----------------------------------------------------------------------


@pytest.mark.parametrize("model", MODELS, ids=lambda model: f"{model.kind}-{model.attention}")
@pytest.mark.parametrize("chunk", [1, 30, 10**6])
def test_groups_of_rows_make_no_difference(model, chunk):
    rng = np.random.default_rng(1)
    x = (rng.random((12, 7)) < rng.random((12, 1))) * rng.uniform(1, 2, (12, 7))       # empty slots anywhere
    batch = Batch.from_padded(np.argsort(rng.random((12, 7))), x, n=7)
    params = model.init_params(rng, batch, k=3, t=2, std=0.7, dtype=float)
    parts = explain.contributions(model, params, batch, chunk=chunk)
    dense = Model(model.kind, model.attention, engine="dense")
    y_hat, cache = dense.forward(params, batch)
    np.testing.assert_allclose(parts.y_hat, y_hat, rtol=1e-12)
    if model.kind == "afm":
        np.testing.assert_allclose(parts.a, np.where(batch.mask, cache.a, 0), rtol=1e-12)
        np.testing.assert_allclose(parts.score, np.where(batch.mask, cache.M @ params["p"], 0), rtol=1e-12, atol=1e-15)


def test_one_long_row_costs_what_it_holds():
    """2,000 rows of 5 and one of 300: padded, each array of pairs would have 90 million numbers, or 718 MB."""
    rng = np.random.default_rng(0)
    rows = [rng.choice(400, 5, replace=False) for _ in range(2000)] + [rng.permutation(400)[:300]]
    model, batch = Model("afm"), Batch.from_lists(rows, n=400)
    params = model.init_params(rng, batch, k=4, t=4, dtype=float)
    tracemalloc.start()
    parts = explain.contributions(model, params, batch)
    explain.table(parts, 2000)
    explain.largest(parts, 0)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert parts.attention.size == 2000 * 10 + 300 * 299 // 2
    assert peak < 100e6


@pytest.mark.parametrize("names", [
    pytest.param({0: "a", 1: "b"}, id="brother-dict"), pytest.param({"a", "b"}, id="brother-set"),
    pytest.param("ab", id="brother-text"), pytest.param(b"ab", id="brother-bytes"),
])  # fmt: skip
def test_names_without_an_order_are_refused(names):
    parts = explain.contributions(*_one_pair())
    with pytest.raises(TypeError, match=f"a list of texts in the order of the ids; got {type(names).__name__}"):
        explain.table(parts, 0, names)


def test_brother_names_go_by_place_whatever_the_index_of_a_series():
    pandas = pytest.importorskip("pandas")
    parts = explain.contributions(*_one_pair())
    assert explain.largest(parts, 0, pandas.Series(["a", "b"], index=[1, 0]))[1] == [("a", "b")]
    assert explain.largest(parts, 0, (letter for letter in "ab"))[1] == [("a", "b")]


def _one_pair():
    batch = Batch.from_lists([[0, 1]], n=2)
    return Model("fm"), Model("fm").init_params(np.random.default_rng(0), batch, k=1), batch


def test_brother_linear_terms_of_one_long_row_cost_what_they_hold():
    batch = Batch.from_lists([[0, 1]] * 20_000 + [list(range(1000))], n=1000)
    params = Model("fm").init_params(np.random.default_rng(0), batch, k=1, dtype=float)
    tracemalloc.start()
    parts = explain.contributions(Model("fm"), params, batch)
    text = explain.table(parts, 3)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 1e8 < batch.idx.nbytes                                     # (20_001, 1000) numbers are 160 MB
    assert text.count("\n") == 4 and f"{parts.linear[3].sum():+.4f}  linear terms" in text


def test_brother_only_the_pairs_that_are_listed_get_names():
    batch = Batch.from_lists([list(range(1500))], n=1500)
    parts = explain.contributions(Model("fm"), Model("fm").init_params(np.random.default_rng(0), batch, k=1), batch)
    assert len(explain.largest(parts, 0, top=2)[1]) == 2 and len(explain.largest(parts, 0)[0]) == 1500 * 1499 // 2
    tracemalloc.start()
    text = explain.table(parts, 0, top=2)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert "1124248 other pairs" in text and peak < 50e6                   # a name for each pair: 110 MB
