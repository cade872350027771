"""Using a trained model: predictions for any number of rows, and how good they are."""

from collections.abc import Sequence

from .. import metrics
from .._checks import check_kind, check_size, row_values
from .._types import Array, ArrayLike, Loss, Params
from ..batch import Batch
from ..models import Model
from ..params import check_params


def predict(model: Model, params: Params, batch: Batch, chunk: int = 4096) -> Array:
    """The raw output y_hat (B,) for any number of rows, `chunk` rows at a time.

    Examples
    --------
    >>> import numpy as np
    >>> from afm_numpy import Batch, Model
    >>> params = {"w0": np.array(0.5), "w": np.zeros(2), "V": np.ones((2, 1))}
    >>> predict(Model("fm"), params, Batch.from_lists([[0, 1], [1]], n=2)).tolist()
    [1.5, 0.5]
    """
    check_kind("model", model, Model, 'a Model, such as Model("fm")')
    check_kind("params", params, dict, "a dict of arrays, such as Result.params")
    check_kind("batch", batch, Batch, "a Batch (Batch.from_dense makes one of an array)")
    check_params(params, model.shapes)
    check_size("chunk", chunk)
    return model.predict(params, batch.astype(params["V"].dtype), chunk=chunk)


def evaluate(
    model: Model, params: Params, batch: Batch, y: ArrayLike, names: Sequence[str] | None = None, *,
    loss: Loss = "squared",
) -> dict[str, float]:  # fmt: skip
    """Metrics of a model on rows with known targets, by name.

    Parameters
    ----------
    model : Model
    params : dict
    batch : Batch
    y : (B,) array
        Targets, 0 or 1 for the logistic loss.
    names : sequence of str, optional
        All metrics of the loss when not given. One that does not exist for these rows is left out with a warning.
    loss : {"squared", "logistic"}
        The loss that the model was trained with. Metrics of the other loss are refused.

    Examples
    --------
    >>> import numpy as np
    >>> from afm_numpy import Batch, Model
    >>> params = {"w0": np.array(0.5), "w": np.zeros(2), "V": np.ones((2, 1))}
    >>> evaluate(Model("fm"), params, Batch.from_lists([[0, 1], [1]], n=2), np.array([1.5, 1.5]))
    {'rmse': 0.7071067811865476, 'mae': 0.5}
    """
    y_hat = predict(model, params, batch)
    return metrics.measure(loss, row_values(y, len(batch), "y"), y_hat, names)
