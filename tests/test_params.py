"""The arrays that a model has: names and shapes, and what is refused."""

import re

import numpy as np
import pytest

from afm_numpy.params import ATTENTION, FM_SHAPES, afm_shapes, check_params, pair_table

SIZES = {"n": 11, "k": 5, "t": 2, "P": 6, "F": 7, "2": 2}


def arrays(shapes):
    return {name: np.zeros([SIZES[letter] for letter in letters]) for name, letters in shapes.items()}


@pytest.mark.parametrize("attention, own", [
    ("sum", ""), ("uniform", ""), ("free", "free pairs"), ("field", "field"), ("network", "W b h"),
])  # fmt: skip
def test_names_of_each_attention(attention, own):
    assert set(afm_shapes(attention)) == {"w0", "w", "V", "p", *own.split()}


def test_there_are_five_ways_to_weight_the_pairs():
    assert set(ATTENTION) == {"sum", "uniform", "free", "field", "network"}


def test_unknown_attention_is_refused():
    for attention in ("softmax", 17, None, ["sum"], np.zeros(2)):
        message = f"unknown attention {attention!r}; choose from sum, uniform, free, field, network"
        with pytest.raises(ValueError, match=re.escape(message)):
            afm_shapes(attention)


@pytest.mark.parametrize("shapes", [FM_SHAPES, *map(afm_shapes, ATTENTION)])
def test_sizes_are_read_from_the_arrays(shapes):
    letters = {letter for word in shapes.values() for letter in word if letter != "2"}
    assert check_params(arrays(shapes), shapes) == {letter: SIZES[letter] for letter in letters}


def test_other_arrays_are_ignored_and_numbers_count_as_arrays():
    params = {"w0": 1.0, "w": np.zeros(1), "V": np.zeros((1, 4)), "more": None}
    assert check_params(params, FM_SHAPES) == {"n": 1, "k": 4}


@pytest.mark.parametrize("value, words", [
    pytest.param([0.0], "must be an array; got list", id="brother-list"),
    pytest.param(np.zeros(1, object), "is object; it must be float32 or float64", id="brother-objects"),
    pytest.param(np.array(["0"]), "is <U1; it must be float32 or float64", id="brother-text"),
    pytest.param(np.zeros(1, np.float16), "is float16; it must be float32 or float64", id="brother-float16"),
    pytest.param(np.zeros(1, np.int8), "is int8; it must be float32 or float64", id="brother-squares-that-wrap"),
    pytest.param(np.zeros(1, bool), "is bool; it must be", id="brother-truth-values"),
])  # fmt: skip
def test_arrays_of_another_kind(value, words):
    with pytest.raises(TypeError, match=re.escape(f"params['w'] {words}")):
        check_params({"w0": 1.0, "w": value, "V": np.zeros((1, 4))}, FM_SHAPES)


def test_brother_a_matrix_multiplies_in_another_way():
    with pytest.warns(PendingDeprecationWarning, match="matrix subclass"):
        V = np.matrix([[1.0, 2.0]])
    with pytest.raises(TypeError, match=r"params\['V'\] must be an array; got matrix"):
        check_params({"w0": 1.0, "w": np.zeros(1), "V": V}, FM_SHAPES)


@pytest.mark.parametrize("name", afm_shapes("network"))
def test_a_missing_array_is_named(name):
    shapes = afm_shapes("network")
    params = arrays(shapes)
    del params[name]
    with pytest.raises(ValueError, match=f"params lacks '{name}'; it needs w0, w, V, p, W, b, h"):
        check_params(params, shapes)


@pytest.mark.parametrize("attention, name, shape, message", [
    ("sum", "w0", (1,), "params['w0'] has shape (1,); want ()"),
    ("sum", "w", (), "params['w'] has shape (); want (n)"),
    ("sum", "w", (11, 1), "params['w'] has shape (11, 1); want (n)"),
    ("sum", "V", (10, 5), "params['V'] has shape (10, 5); want (n, k) with n = 11"),
    ("sum", "V", (11,), "params['V'] has shape (11,); want (n, k) with n = 11"),
    ("sum", "p", (4,), "params['p'] has shape (4,); want (k) with k = 5"),
    ("network", "W", (2, 5), "params['W'] has shape (2, 5); want (k, t) with k = 5"),
    ("network", "b", (5,), "params['b'] has shape (5,); want (t) with t = 2"),
    ("network", "h", (3,), "params['h'] has shape (3,); want (t) with t = 2"),
    ("free", "pairs", (7, 3), "params['pairs'] has shape (7, 3); want (F, 2) with F = 7"),
    ("free", "pairs", (6, 2), "params['pairs'] has shape (6, 2); want (F, 2) with F = 7"),
    ("field", "field", (5,), "params['field'] has shape (5,); want (P) with P = 6"),
])  # fmt: skip
def test_a_wrong_shape_is_named_with_the_right_one(attention, name, shape, message):
    shapes = afm_shapes(attention)
    params = arrays(shapes) | {name: np.zeros(shape)}
    with pytest.raises(ValueError, match=re.escape(message) + "$"):
        check_params(params, shapes, P=6)


# ---- the table of "free" -------------------------------------------------------------------------------


@pytest.mark.parametrize("pairs", [np.zeros((0, 2), int), [[0, 1]], [[0, 1], [0, 2], [1, 2]], np.array([[3, 4]], "u1")])
def test_the_table_of_pairs_is_copied(pairs):
    table = pair_table(pairs, 5)
    assert table.tolist() == np.asarray(pairs).tolist() and not np.shares_memory(table, pairs)


def test_the_largest_ids_do_not_wrap():
    n = 2**31
    assert len(pair_table(np.array([[n - 3, n - 2], [n - 3, n - 1], [n - 2, n - 1]], np.uint32), n)) == 3


@pytest.mark.parametrize("pairs", [
    [[0, 2], [0, 1]], [[0, 1], [0, 1]], [[1, 2], [0, 3]], [[1, 0]], [[1, 1]], [[-1, 1]], [[0, 5]],        # order, ids
    [[0.0, 1.0]], [[0, 1, 2]], [0, 1], [["0", "1"]], np.zeros((2, 0), int), 7,                             # arrays
])  # fmt: skip
def test_another_table_is_refused(pairs):
    """A search by halves in a table that does not ascend finds nothing, or another pair."""
    message = "pairs must be an (F, 2) array of ids i < j below 5, in ascending order and each once"
    with pytest.raises(ValueError, match=re.escape(message)):
        pair_table(pairs, 5)
