"""FM and AFM with scikit-learn's conventions, without importing scikit-learn."""

from .classes import AFMClassifier, AFMRegressor, FMClassifier, FMRegressor

__all__ = ["AFMClassifier", "AFMRegressor", "FMClassifier", "FMRegressor"]
