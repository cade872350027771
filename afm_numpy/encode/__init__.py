"""From tables of columns to rows of features: `TableEncoder`."""

from .columns import Feature
from .encoder import TableEncoder
from .parameters import NotFittedError

__all__ = ["Feature", "NotFittedError", "TableEncoder"]
