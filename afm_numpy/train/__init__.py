"""Training FM and AFM by mini-batches: `fit`, and what it is made of.

`loop.py` is the loop itself; `fitting.py` adds validation, history, stopping and going on; `settings.py` groups the
options; `checks.py` refuses wrong input before the first step; `showing.py` shows progress; `predicting.py` uses a
trained model.
"""

from .fitting import fit
from .loop import objective, one_epoch
from .predicting import evaluate, predict
from .settings import Diverged, Objective, PoorFit, Progress, Result, Watch

__all__ = [
    "Diverged", "Objective", "PoorFit", "Progress", "Result", "Watch", "evaluate", "fit", "objective", "one_epoch",
    "predict",
]  # fmt: skip
