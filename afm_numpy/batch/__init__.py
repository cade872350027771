"""Rows of sparse features: `Batch`. Input is checked here, once, so the models can trust it."""

from .batch import Batch
from .ragged import slot_pairs

__all__ = ["Batch", "slot_pairs"]
