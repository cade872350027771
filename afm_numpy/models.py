"""Which functions a model's name stands for. No mathematics here."""

from dataclasses import dataclass

from . import afm, fm
from .dropout import Dropout
from .params import FM_SHAPES, afm_shapes, check_attention

__all__ = ["Model"]

KINDS = ("fm", "afm")
ENGINES = ("dense",)


@dataclass(frozen=True)
class Model:
    """FM or AFM, the way it weights the pairs, and the engine that evaluates it.

    Parameters
    ----------
    kind : {"afm", "fm"}
    attention : {"network", "field", "free", "uniform", "sum"}
        For AFM; ignored by FM.
    engine : {"dense"}
        "dense" is the readable code of `fm.py` and `afm.py`.

    Examples
    --------
    >>> import numpy as np
    >>> from afm_numpy import Batch
    >>> batch = Batch.from_lists([[0, 1, 2], [1, 3]], n=4)
    >>> model = Model("afm", attention="uniform")
    >>> params = model.init_params(np.random.default_rng(0), batch, k=2)
    >>> y_hat, cache = model.forward(params, batch)
    >>> sorted(model.backward(np.ones(2), cache))
    ['V', 'p', 'w', 'w0']
    """

    kind: str = "afm"
    attention: str = "network"
    engine: str = "dense"

    def __post_init__(self):
        for name, choices in (("kind", KINDS), ("engine", ENGINES)):
            if getattr(self, name) not in choices:
                raise ValueError(f"unknown {name} {getattr(self, name)!r}; choose from {', '.join(choices)}")
        check_attention(self.attention)

    @property
    def shapes(self):
        """Names and shapes of the parameters, as in `params.check_params`."""
        return FM_SHAPES if self.kind == "fm" else afm_shapes(self.attention)

    def init_params(self, rng, batch, k=8, t=16, **options):
        """Initial parameters for the features, slots and pairs of `batch`, the training rows.

        `options` are those of `fm.init_params` and `afm.init_params`: std, w0, dtype, and p for AFM.
        """
        if self.kind == "fm":
            return fm.init_params(rng, batch.n, k, **options)
        pairs = batch.distinct_pairs() if self.attention == "free" else None
        return afm.init_params(rng, batch.n, batch.m, k, t, attention=self.attention, pairs=pairs, **options)

    def forward(self, params, batch, drop=Dropout()):
        """y_hat (B,) and the cache for `backward`."""
        if self.kind == "fm":
            return fm.forward(params, batch, drop)
        return afm.forward(params, batch, self.attention, drop)

    def backward(self, dy_hat, cache, with_dx=False):
        """Gradients by parameter name."""
        return (fm if self.kind == "fm" else afm).backward(dy_hat, cache, with_dx)
