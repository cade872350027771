"""RowGrad: dense and sparse say the same, and gradients add up."""

import numpy as np
import pytest

from afm_numpy.rowgrad import RowGrad, add_grads


@pytest.mark.parametrize("dtype", [np.float32, np.float64, np.complex128])
@pytest.mark.parametrize("tail", [(), (2,), (2, 3)])
def test_to_dense_puts_each_row_in_its_place(dtype, tail):
    values = np.arange(1, 1 + 2 * int(np.prod(tail))).reshape(2, *tail).astype(dtype)
    dense = RowGrad(np.array([1, 4]), values).to_dense(6)
    assert dense.shape == (6, *tail) and dense.dtype == dtype
    np.testing.assert_array_equal(dense[[1, 4]], values)
    assert not dense[[0, 2, 3, 5]].any()


def test_to_dense_without_rows_is_zero():
    assert RowGrad(np.zeros(0, np.intp), np.zeros((0, 2))).to_dense(3).tolist() == [[0.0, 0.0]] * 3


def test_to_dense_is_a_copy():
    grad = RowGrad(np.array([0]), np.array([1.0]))
    grad.to_dense(1)[0] = 5.0
    assert grad.values.tolist() == [1.0]


def test_to_dense_refuses_a_matrix_that_is_too_small():
    with pytest.raises(IndexError, match="index 4 is out of bounds"):
        RowGrad(np.array([4]), np.array([1.0])).to_dense(4)


def test_add_grads_adds_by_name_and_leaves_its_arguments_alone():
    rows = np.array([0, 2])
    grads = {"w": RowGrad(rows, np.array([1.0, 2.0])), "b": np.array([3.0]), "w0": np.float64(1.0)}
    total = add_grads(grads, {"w": RowGrad(rows, np.array([10.0, 20.0])), "b": np.array([30.0])})
    assert list(total) == ["w", "b", "w0"]
    assert isinstance(total["w"], RowGrad) and total["w"].rows is rows
    assert total["w"].values.tolist() == [11.0, 22.0] and total["b"].tolist() == [33.0] and total["w0"] == 1.0
    assert grads["w"].values.tolist() == [1.0, 2.0] and grads["b"].tolist() == [3.0]


def test_add_grads_refuses_a_name_that_has_no_gradient():
    with pytest.raises(KeyError, match="h"):
        add_grads({"b": np.ones(1)}, {"h": np.ones(1)})


def test_add_grads_of_some_rows_and_of_all():
    """A penalty on the whole table reaches rows that the batch does not touch."""
    total = add_grads({"w": RowGrad(np.array([0, 2]), np.array([1.0, 2.0]))}, {"w": np.array([10.0, 20.0, 30.0])})
    assert total["w"].tolist() == [11.0, 20.0, 32.0]
