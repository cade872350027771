"""Models in files: `save` and `load`."""

from .model_file import Saved, assemble, load, save
from .npz import FileFormatError

__all__ = ["FileFormatError", "Saved", "assemble", "load", "save"]
