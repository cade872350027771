"""Is this gradient right? Compare it with slopes that are measured, not derived. No model is known here.

Open `slopes.py` first: it is the idea, in a hundred lines. `measuring.py` measures the slopes of an array,
`checking.py` judges them, and `layers.py` does both for a forward and a backward function. `conditions.py` knows when a
check cannot be trusted, `trees.py` names the arrays that people hand over, `report.py` shows what was found, and
`curves.py` draws the error against the step.
"""

from .checking import check
from .curves import Curve, v_curve
from .layers import check_layer
from .report import Entry, Report
from .slopes import DEFAULTS

__all__ = ["DEFAULTS", "Curve", "Entry", "Report", "check", "check_layer", "v_curve"]
