"""Is this gradient right? Compare it with slopes that are measured, not derived. No model is known here.

Open `slopes.py` first: it is the idea, in a hundred lines. `checking.py` checks a function, `layers.py` a forward and a
backward function, and `curves.py` draws the error against the step. `conditions.py` knows when a check cannot be
trusted, `trees.py` names the arrays that people hand over, and `report.py` shows what was found.
"""

from .checking import check
from .curves import Curve, v_curve
from .layers import check_layer
from .report import Entry, Report
from .slopes import DEFAULTS

__all__ = ["DEFAULTS", "Curve", "Entry", "Report", "check", "check_layer", "v_curve"]
