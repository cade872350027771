"""The executable wrong variant of every mistake in mistakes.json: layers over the rules of literal/."""

from . import attention, backward, features, objective, updates
from .registry import WRONG, layers

__all__ = ["WRONG", "attention", "backward", "features", "layers", "objective", "updates"]
