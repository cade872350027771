"""The types that the annotations use. Shapes stand in the docstrings: NumPy's types do not hold them."""

from typing import Any, Literal, TypeAlias

import numpy as np
import numpy.typing as npt

from .rowgrad import RowGrad

Array: TypeAlias = npt.NDArray[Any]  # float or complex numbers, ids, or truth values: the docstring says which
ArrayLike: TypeAlias = npt.ArrayLike  # what NumPy makes an array of
DType: TypeAlias = npt.DTypeLike
Float: TypeAlias = float | np.floating[Any]

Params: TypeAlias = dict[str, Array]  # names and shapes: `params.afm_shapes`
Grads: TypeAlias = dict[str, Array | RowGrad]

Attention: TypeAlias = Literal["network", "field", "free", "uniform", "sum"]
Loss: TypeAlias = Literal["squared", "logistic"]
L2Scope: TypeAlias = Literal["touched", "table"]  # the rows of w and V that a step penalises
Reduction: TypeAlias = Literal["mean", "sum"]
Site: TypeAlias = Literal["interactions", "attention", "pooled"]  # where dropout masks go
