"""A gradient for some rows of a matrix: those that a batch touches. All other rows have gradient 0."""

from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

__all__ = ["RowGrad", "add_grads", "check_rows"]


class RowGrad(NamedTuple):
    """Gradient with respect to the rows of `w`, `V` or `free`; all other rows have gradient 0.

    Parameters
    ----------
    rows : (U,) intp array
        Distinct row numbers, ascending.
    values : (U, ...) array
        Gradient of each of these rows. Contributions of an id that a batch repeats are summed already.

    Examples
    --------
    >>> RowGrad(np.array([0, 2]), np.array([5.0, 7.0])).to_dense(4)
    array([5., 0., 7., 0.])
    """

    rows: npt.NDArray[np.intp]
    values: npt.NDArray[Any]

    def to_dense(self, n: int) -> npt.NDArray[Any]:
        """The full (n, ...) gradient."""
        check_rows(self.rows, n, "the RowGrad")
        if len(self.values) != self.rows.size:
            raise ValueError(f"the RowGrad names {self.rows.size} rows and has values for {len(self.values)}")
        dense: npt.NDArray[Any] = np.zeros((n, *self.values.shape[1:]), self.values.dtype)
        dense[self.rows] = self.values
        return dense


def check_rows(rows: Any, n: int, whose: str) -> None:
    """Refuse row numbers that do not ascend, or that a matrix of n rows does not have."""
    if not isinstance(rows, np.ndarray) or rows.ndim != 1 or rows.dtype.kind not in "iu":
        found = f"{rows.dtype} {rows.shape}" if isinstance(rows, np.ndarray) else type(rows).__name__
        raise TypeError(f"{whose} must name rows by a flat array of integers; got {found}")
    if (rows[1:] <= rows[:-1]).any():
        raise ValueError(f"{whose} must name each row once, in ascending order; sum repeated rows")
    if rows.size and not 0 <= rows[0] <= rows[-1] < n:
        raise ValueError(f"{whose} names rows {rows[0]} to {rows[-1]} of {n}")


def add_grads(grads: dict[str, Any], more: dict[str, Any]) -> dict[str, Any]:
    """Sum of two dicts of gradients. A name of `more` must be in `grads`; two RowGrads must have the same rows.

    Examples
    --------
    >>> add_grads({"b": np.ones(2), "h": np.ones(1)}, {"b": np.ones(2)})
    {'b': array([2., 2.]), 'h': array([1.])}
    """
    total = dict(grads)
    for name, grad in more.items():
        mine = grads[name]
        if isinstance(grad, RowGrad):
            if mine.rows is not grad.rows and not np.array_equal(mine.rows, grad.rows):
                raise ValueError(f"the gradients of {name} are of other rows: {mine.rows!r:.60} and {grad.rows!r:.60}")
            total[name] = RowGrad(grad.rows, mine.values + grad.values)
        else:
            total[name] = grad + (mine.to_dense(len(grad)) if isinstance(mine, RowGrad) else mine)
    return total
