"""RowGrad: dense and sparse say the same, and gradients add up."""

import numpy as np
import pytest

from afm_numpy import losses, optim
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
    with pytest.raises(ValueError, match="the RowGrad names rows 4 to 4 of 4"):
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


@pytest.mark.parametrize("rows, error, words", [
    pytest.param([1], TypeError, "must name rows by a flat array of integers; got list", id="brother-list"),
    pytest.param(np.array([1.0]), TypeError, r"flat array of integers; got float64 \(1,\)", id="brother-floats"),
    pytest.param(np.array([True]), TypeError, r"flat array of integers; got bool \(1,\)", id="brother-mask"),
    pytest.param(np.array([[1]]), TypeError, r"flat array of integers; got int64 \(1, 1\)", id="brother-column"),
    pytest.param(np.array([1, 1]), ValueError, "must name each row once, in ascending order", id="brother-repeated"),
    pytest.param(np.array([2, 1]), ValueError, "must name each row once, in ascending order", id="brother-descending"),
    pytest.param(np.array([-1]), ValueError, "names rows -1 to -1 of 3", id="brother-negative"),
    pytest.param(np.array([1, 3]), ValueError, "names rows 1 to 3 of 3", id="brother-beyond"),
])  # fmt: skip
def test_wrong_rows_are_refused(rows, error, words):
    """Wherever rows are named: a negative one would count from the end, a mask would select others."""
    params = {"w": np.ones(3)}
    state, grad = optim.init(optim.SGD(), params), RowGrad(rows, np.ones(len(rows)))
    for use in (
        lambda: grad.to_dense(3), lambda: optim.step(optim.SGD(), params, {"w": grad}, state),
        lambda: losses.l2_forward(params, {"w": 0.1}, rows), lambda: losses.l2_backward(params, {"w": 0.1}, rows),
    ):  # fmt: skip
        with pytest.raises(error, match=words):
            use()
    assert state["step"] == 0 and (params["w"] == 1).all()


def test_brother_values_of_another_number_of_rows():
    with pytest.raises(ValueError, match="the RowGrad names 2 rows and has values for 1"):
        RowGrad(np.array([1, 2]), np.ones(1)).to_dense(3)


def test_brother_gradients_of_other_rows_are_not_added():
    mine, other = (RowGrad(np.array([row]), np.ones((1, 2))) for row in (0, 1))
    with pytest.raises(ValueError, match=r"^the gradients of V are of other rows: array\(\[0\]\) and array\(\[1\]\)$"):
        add_grads({"V": mine}, {"V": other})
    same = RowGrad(np.array([0]), np.ones((1, 2)))
    assert add_grads({"V": mine}, {"V": same})["V"].values.tolist() == [[2.0, 2.0]]
