"""From tables of columns to rows of features: `TableEncoder`."""

from .columns import Feature
from .encoder import NotFittedError, TableEncoder

__all__ = ["Feature", "NotFittedError", "TableEncoder"]
