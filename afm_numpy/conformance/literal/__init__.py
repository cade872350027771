"""FM and AFM as plain loops, one rule per tensor: the checker's own evaluation, where a mistake can be switched on."""

from . import backward, forward, inputs, objective, update
from .trace import RULES, Trace

__all__ = ["RULES", "Trace", "backward", "forward", "inputs", "objective", "update"]
