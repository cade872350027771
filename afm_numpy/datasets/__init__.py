"""Data to train on: Adult, the data sets of the AFM paper, libFM files, and synthetic data whose truth is known."""

from .adult import Adult, load_adult
from .download import FetchError
from .fetch import fetch_frappe, fetch_ml_tag, load_files
from .libfm import dump_libfm, iter_libfm, load_libfm
from .libfm_faults import LibfmError
from .synthetic import Interactions, Truth, make_interactions

__all__ = [
    "Adult", "FetchError", "Interactions", "LibfmError", "Truth", "dump_libfm", "fetch_frappe", "fetch_ml_tag",
    "iter_libfm", "load_adult", "load_files", "load_libfm", "make_interactions",
]  # fmt: skip
