"""The checks that every border shares: what passes, what does not, and in which words."""

import os
import re
import sys

import numpy as np
import pytest
from scipy import sparse

from afm_numpy import Batch, Model
from afm_numpy._checks import (
    array,
    check_choice,
    check_dtype,
    check_kind,
    check_listed,
    check_number,
    check_size,
    check_table,
    flat_rows,
    row_values,
    whole,
)  # fmt: skip


def refused(error, message):
    return pytest.raises(error, match=f"^{re.escape(message)}$")


# ---- sizes, numbers, types -----------------------------------------------------------------------------


@pytest.mark.parametrize("size", [1, 7, np.int32(3), np.uint8(1), 10**12])
def test_a_size_is_a_whole_number_of_at_least_1(size):
    assert check_size("k", size) is None


@pytest.mark.parametrize("size", [0, -1, True, np.True_, 2.5, 2.0, "3", None, [3], np.array(3), float("nan")])
def test_what_is_no_size(size):
    with refused(ValueError, f"k must be an integer of at least 1; got {size!r}"):
        check_size("k", size)


def test_a_size_of_at_least_another_number():
    assert check_size("m", 2, 2) is None
    with refused(ValueError, "m must be an integer of at least 2; got 1"):
        check_size("m", 1, 2)


@pytest.mark.parametrize("number", [0, -2.5, np.float32(0.1), np.int8(3), 5e-324, sys.float_info.max])
def test_a_number(number):
    assert check_number("std", number, "a number") is None


@pytest.mark.parametrize("number", [
    float("nan"), float("inf"), -float("inf"), np.float32("inf"), 10**400, True, "1", None, 1j, [1.0], np.array(1.0),
])  # fmt: skip
def test_what_is_no_number(number):
    with refused(ValueError, f"std must be a number; got {number!r}"):
        check_number("std", number, "a number")


def test_a_number_out_of_its_range():
    assert check_number("lr", 0.1, "a number above 0", lambda lr: lr > 0) is None
    with refused(ValueError, "lr must be a number above 0; got 0"):
        check_number("lr", 0, "a number above 0", lambda lr: lr > 0)


def test_one_type_or_several():
    assert check_kind("y", 1.0, (int, float), "a number") is None
    with refused(TypeError, "y must be a number; got str"):
        check_kind("y", "1", (int, float), "a number")


@pytest.mark.parametrize("choices", [("mean", "sum"), {"mean": 1, "sum": 2}], ids=str)
def test_one_word_of_several(choices):
    assert check_choice("reduction", "sum", choices) is None
    for value in "none", "", "su", 3, None, ["sum"]:
        with refused(ValueError, f"unknown reduction {value!r}; choose from mean, sum"):
            check_choice("reduction", value, choices)


# ---- dtypes --------------------------------------------------------------------------------------------


@pytest.mark.parametrize("dtype", ["float32", np.float64, float, np.dtype("f4"), ">f8"])
def test_float32_and_float64(dtype):
    assert check_dtype(dtype) == np.dtype(dtype).newbyteorder("=")


@pytest.mark.parametrize("dtype, found", [
    (np.float16, "float16"), ("f2", "float16"), (int, "int64"), (complex, "complex128"), (object, "object"),
    ("nonsense", "'nonsense'"), (3, "3"),
    pytest.param(np.longdouble, str(np.dtype(np.longdouble)), marks=pytest.mark.skipif(
        np.dtype(np.longdouble) == np.float64, reason="long doubles are doubles here")),
])  # fmt: skip
def test_other_dtypes_are_refused(dtype, found):
    message = f"dtype must be float32 or float64; got {found}"
    with refused(TypeError, message):
        check_dtype(dtype)
    for make in [] if isinstance(dtype, int) or dtype == "nonsense" else (
        lambda: Batch.from_padded([[0]], dtype=dtype), lambda: Batch.from_lists([[0]], dtype=dtype),
        lambda: Batch.from_dense([[1.0]], dtype), lambda: row_values([1.0], 1, "y", dtype),
    ):  # fmt: skip
        with refused(TypeError, message):
            make()


def test_values_of_other_dtypes_are_read():
    for kind in ("f2", "f4", "f8", "g", "i1", "u8", "?"):
        assert row_values(np.array([1, 0], kind), 2, "y", np.float32).tolist() == [1.0, 0.0]


# ---- what would change a number in silence -------------------------------------------------------------

MASKED = {
    "an array": np.ma.array([1.0, 2.0], mask=[0, 1]),
    "a row of a list": [np.ma.array([1.0], mask=[1])],
    "a row of a tuple": ([3.0], np.ma.array([1.0], mask=[1])),
    "an entry": [1.0, np.ma.masked],
    "an entry of a row": [[1.0], [np.ma.masked]],
}


@pytest.mark.parametrize("values", MASKED.values(), ids=MASKED)
def test_masks_are_refused(values):
    for read in (array, lambda v: row_values(v, 2, "y"), Batch.from_dense, lambda v: flat_rows([v], "ids")):
        with refused(TypeError, "masked values are not supported; leave masked entries out, or fill them"):
            read(values)


def test_a_mask_that_hides_nothing_is_no_mask():
    assert array(np.ma.array([1.0, 2.0], mask=[0, 0])).tolist() == [1.0, 2.0]
    assert type(array(np.ma.array([1.0]))) is np.ndarray
    assert array([np.ma.array([1.0]), [2.0]]).tolist() == [[1.0], [2.0]]


@pytest.mark.parametrize("value, dtype, message", [
    (1e39, "f4", "row 1: y is 1e+39; it must be a finite float32 number"),
    (-1e39, "f4", "row 1: y is -1e+39; it must be a finite float32 number"),
    (np.nan, "f8", "row 1: y is nan; it must be a finite float64 number"),
    (1e-50, "f4", "row 1: y is 1e-50; it must not be so small: as a float32 number it is 0"),
    (-1e-50, "f4", "row 1: y is -1e-50; it must not be so small: as a float32 number it is 0"),
])  # fmt: skip
def test_numbers_that_the_dtype_cannot_hold(value, dtype, message):
    with refused(ValueError, message):
        row_values([1.0, value], 2, "y", dtype)


def test_the_smallest_numbers_stay():
    assert row_values([0.0, -0.0, 1e-45, 5e-324], 4, "y").tolist() == [0.0, -0.0, 1e-45, 5e-324]
    assert row_values([0.0, 1e-45], 2, "y", np.float32).tolist() == [0.0, np.float32(1e-45)]


@pytest.mark.parametrize("id_, words", [
    (2**63 + 1, "id 9223372036854775809 is too large"), (2**64 - 1, "id 18446744073709551615 is too large"),
    (2**63 - 1, "id 9223372036854775807 is out of range"),
])  # fmt: skip
def test_unsigned_ids_do_not_wrap(id_, words):
    with pytest.raises(ValueError, match=f"row 0, slot 1: {words}"):
        Batch.from_padded(np.array([[0, id_]], np.uint64), n=3)


def test_floats_are_ids_as_far_as_they_are_exact():
    assert whole(np.array([0.0, 2.0**53 - 1]), "slot").tolist() == [0, 2**53 - 1]
    for kind, bits in ((np.float64, 53), (np.float32, 24), (np.float16, 11), (np.longdouble, 53)):
        assert whole(np.array([2**bits - 1], kind), "slot").tolist() == [2**bits - 1]
        named = f"not an integer below 2**{bits}, from where {np.dtype(kind)} loses digits"
        with refused(ValueError, f"row 1, slot 0: id {kind(2**bits)} is {named}"):
            whole(np.array([[0.0], [2.0**bits]], kind), "slot")


@pytest.mark.parametrize("value", [2**53, -(2**53), 2**62 + 1, -(2**63), 2**63 - 1, np.uint64(2**64 - 1)])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_whole_numbers_that_no_float_holds_are_refused(value, dtype):
    given = np.array([[0, 0], [0, value]], np.uint64 if value > 2**63 else np.int64)
    want = f"{value}; it must lie within 2**53, because a float loses digits of larger integers"
    with refused(ValueError, f"row 1: y is {want}"):
        row_values(given[:, 1], 2, "y", dtype)
    with refused(ValueError, f"row 1, column 1: x is {want}"):
        Batch.from_dense(given, dtype)
    for entries in sparse.csr_array(given), sparse.csc_matrix(given), sparse.coo_array(given):
        with refused(ValueError, f"row 1, column 1: x is {want}"):
            Batch.from_scipy(entries, dtype)
    for make in (Batch.from_padded, Batch.from_lists):
        with refused(ValueError, f"row 1, slot 1: x is {want}"):
            make([[0, 1], [0, 1]], given, dtype=dtype)


def test_whole_numbers_that_a_float_holds_stay():
    for kind in "i8", "u8", "i1":
        largest = min(2**53 - 1, np.iinfo(kind).max)
        assert row_values(np.array([0, largest], kind), 2, "y").tolist() == [0, largest]
    assert row_values([-(2**53) + 1, 5], 2, "y").tolist() == [-(2**53) + 1, 5]
    assert row_values([2**24 + 1], 1, "y", np.float32).tolist() == [2**24]                     # rounded, as 0.1 is
    assert row_values([2.0**60], 1, "y").tolist() == [2**60]                                   # a float is what it is


def test_truth_values_are_values_but_no_ids():
    assert Batch.from_padded([[0, 1]], [[True, False]]).x.tolist() == [[1.0, 0.0]]
    assert Batch.from_dense([[True, False]]).x.tolist() == [[1.0]]
    for ids in [[0, True]], ([0, np.True_],), np.array([[True]]):
        with refused(TypeError, "ids must be integers; got bool"):
            Batch.from_padded(ids)


def test_one_number_is_no_row():
    for name, values in ("idx", (3,)), ("x", ([[0]], 3)):
        with refused(ValueError, f"{name} must be a 2-d array (rows, slots); got shape ()"):
            Batch.from_padded(*values)


def test_what_is_no_list_in_order():
    for values in ("abc", b"abc", {"a": 1}, {"a", "b"}):
        kind = type(values).__name__
        with refused(TypeError, f"names must be a list of texts in the order of the ids; got {kind}"):
            check_listed("names", values, "the ids")
    assert check_listed("names", ["a"], "the ids") is check_listed("names", ("a",), "the ids") is None


def test_rows_of_lists_are_no_targets():
    with refused(ValueError, "y must have one value for each of the 2 rows; got lists of values"):
        row_values([[1.0], [1.0, 2.0]], 2, "y")


def test_a_table_larger_than_the_memory_is_refused(monkeypatch):
    """An id near 2**31 makes one: the size is known before anything is allocated."""
    monkeypatch.setattr(os, "sysconf", {"SC_PAGE_SIZE": 4096, "SC_PHYS_PAGES": 2**20}.get)            # 4 GB
    check_table(2**26 - 1, 7)
    check_table(2**26, 7)
    with refused(ValueError, "n = 67,108,865 features and k = 7 factors need 4 GB, and this machine has 4 GB. n is at "
                 "least the largest id + 1: number the features from 0 on, without gaps"):  # fmt: skip
        check_table(2**26 + 1, 7)
    with pytest.raises(ValueError, match="n = 2,147,483,648 features and k = 8 factors need 144 GB"):
        Model("fm").init_params(np.random.default_rng(0), Batch.from_lists([[2**31 - 1]]))
    monkeypatch.delattr(os, "sysconf")                       # as in Windows
    check_table(2**40, 8)
