"""The conformance kit: known answers with every intermediate, and a checker that names the mistake.

SPEC.md is the normative text, PORTING.md tells in which order to build a port. `check` compares the tensors of one
case, `check_results` a whole port, `check_torch` and `check_jax` a model of these frameworks without a port.
"""

from typing import Any

from .frameworks import check_jax, check_torch
from .kit import KIT_VERSION, SPEC_VERSION, ResultError, load_case, load_cases, load_mistakes
from .report import KitReport, check_results
from .results import Results, one_block, read

__all__ = [
    "KIT_VERSION", "KitReport", "ResultError", "Results", "SPEC_VERSION", "check",
    "check_jax", "check_results", "check_torch", "load_case", "load_cases", "load_mistakes", "read",
]  # fmt: skip


def check(case_id: str, values: dict[str, Any], *, dtype: str = "float64") -> KitReport:
    """Check tensors of one case.

    Parameters
    ----------
    case_id : str
        A case, by its name or its number: "03-explicit-zeros" or "03".
    values : dict
        Tensor name to numbers: arrays, nested lists, or flat lists in row-major order. An array must have
        the right shape. Any of the case's tensors.
    dtype : str
        "float64" or "float32": which of the stored tolerances to use.

    Returns
    -------
    KitReport
        `print` tells what is wrong and which mistake it looks like; `.ok` is True when nothing is.

    Raises
    ------
    ResultError
        For an unknown tensor form or dtype; the message says where.

    Examples
    --------
    >>> case = load_case("05")
    >>> print(check("05", {"y_hat": case["expect"]["y_hat"]}))
    float64: 0 passed, 1 passed in part, 0 failed, 0 skipped (not every tensor was reported)
    """
    case = load_case(case_id)["id"]
    plain = {name: _plain(value) for name, value in values.items()}
    return check_results(one_block({"case": case, "values": plain, "dtype": dtype}), [case])


def _plain(value: Any) -> Any:
    """Arrays with their shape, and NumPy scalars, also inside lists, as plain numbers."""
    if isinstance(value, (list, tuple)):
        return [_plain(part) for part in value]
    if getattr(value, "shape", ()):
        return {"shape": list(value.shape), "data": value.reshape(-1).tolist()}
    return value.tolist() if hasattr(value, "tolist") else value
