"""Factorization Machines and Attentional Factorization Machines in NumPy, with gradients derived by hand."""

from importlib import import_module
from types import ModuleType

from . import afm, attention, dropout, explain, fm, gradcheck, losses, metrics, optim, train
from .batch import Batch
from .models import Model
from .rowgrad import RowGrad

__version__ = "0.2.0"

_LATER = ("conformance", "datasets", "encode", "estimators", "plots", "recipes", "saving")  # imported when asked for

__all__ = ["Batch", "Model", "RowGrad", "afm", "attention", "dropout", "explain", "fm", "gradcheck", "losses",
           "metrics", "optim", "train", *_LATER]  # fmt: skip


def __getattr__(name: str) -> ModuleType:
    if name in _LATER:
        return import_module(f".{name}", __name__)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
