"""The executable wrong variant of every mistake in mistakes.json: layers over the rules of literal/."""

from . import attention, backward, dropout, features, loops, objective, updates
from .registry import WRONG, layers

__all__ = ["WRONG", "attention", "backward", "dropout", "features", "layers", "loops", "objective", "updates"]
