"""Which functions a model's name stands for. No mathematics here."""

from dataclasses import dataclass, replace

import numpy as np

from . import afm, fm
from .dropout import PAIR_SITES, Dropout
from .fast import afm_once_per_pair, fm_once_per_feature
from .fast.threads import one_blas_thread
from .params import FM_SHAPES, afm_shapes, check_attention

__all__ = ["Model"]

KINDS = ("fm", "afm")
ENGINES = {"unique": {"fm": fm_once_per_feature, "afm": afm_once_per_pair}, "dense": {"fm": fm, "afm": afm}}


@dataclass(frozen=True)
class Model:
    """FM or AFM, the way it weights the pairs, and the engine that evaluates it.

    Parameters
    ----------
    kind : {"afm", "fm"}
    attention : {"network", "field", "free", "uniform", "sum"}
        For AFM; ignored by FM.
    engine : {"unique", "dense"}
        "dense" is the readable code of `fm.py` and `afm.py`; "unique" computes the same numbers once per
        distinct pair of features, which is faster.

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
    engine: str = "unique"

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
        return afm.init_params(rng, batch.n, batch.m, k, t, **self._weights_of(batch), **options)

    def from_fm(self, fm_params, rng, batch, t=16, p=None):
        """Initial parameters of an AFM with w0, w and V of a trained FM; see `afm.from_fm`."""
        if self.kind == "fm":
            raise ValueError("from_fm starts an AFM; this model is an FM")
        return afm.from_fm(fm_params, rng, batch.m, t, p=p, **self._weights_of(batch))

    def _weights_of(self, batch):
        return {"attention": self.attention, "pairs": batch.distinct_pairs() if self.attention == "free" else None}

    @property
    def functions(self):
        """The module that has this model's forward and backward."""
        return ENGINES[self.engine][self.kind]

    def for_dropout(self, keep):
        """This model with the engine that dropout with these probabilities needs.

        Dropout of single pairs gives every pair of every row a mask of its own, so nothing is shared between rows:
        that needs the dense engine.
        """
        of_pairs = self.kind == "afm" and any(keep.get(site, 1.0) < 1.0 for site in PAIR_SITES)
        return replace(self, engine="dense") if of_pairs and self.engine != "dense" else self

    def prepare(self, batch):
        """The same rows, numbered for the fast engine: once for a data set, before batches are selected."""
        return batch if self.engine == "dense" else self.functions.prepare(batch)

    def forward(self, params, batch, *, drop=Dropout()):
        """y_hat (B,) and the cache for `backward`."""
        if self.kind == "fm":
            return self.functions.forward(params, batch, drop=drop)
        return self.functions.forward(params, batch, attention=self.attention, drop=drop)

    def backward(self, dy_hat, cache, *, with_dx=False):
        """Gradients by parameter name."""
        return self.functions.backward(dy_hat, cache, with_dx=with_dx)

    @one_blas_thread()
    def predict(self, params, batch, *, chunk=4096):
        """y_hat (B,) of any number of rows, `chunk` rows at a time."""
        if self.functions is afm_once_per_pair:
            return afm_once_per_pair.predict(params, batch, attention=self.attention, chunk=chunk)
        parts = [self.forward(params, batch[at : at + chunk])[0] for at in range(0, len(batch), chunk)]
        return np.concatenate(parts) if parts else np.zeros(0, params["V"].dtype)
