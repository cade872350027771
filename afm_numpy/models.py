"""Chooses forward and backward for a model; the formulas are in fm.py and afm.py."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from functools import partial
from typing import Any, Literal, Protocol

import numpy as np

from . import afm, fm
from ._checks import check_choice, check_kind
from ._types import Array, Attention, Grads, Params
from .batch import Batch
from .batch.ragged import MOST, check_pair_memory
from .dropout import PAIR_SITES, Dropout
from .fast import afm_once_per_pair, fm_once_per_feature
from .fast.threads import own_threads
from .params import ATTENTION, FM_SHAPES, NORMALISED, afm_shapes, check_fields, pair_bytes

__all__ = ["Model"]

KINDS = ("fm", "afm")
ENGINES = {"unique": {"fm": fm_once_per_feature, "afm": afm_once_per_pair}, "dense": {"fm": fm, "afm": afm}}


class Forward(Protocol):
    def __call__(self, params: Params, batch: Batch, *, drop: Dropout = ...) -> tuple[Array, Any]: ...


class Backward(Protocol):
    def __call__(self, dy_hat: Array, cache: Any, *, with_dx: bool = ...) -> Grads: ...


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

    kind: Literal["afm", "fm"] = "afm"
    attention: Attention = "network"
    engine: Literal["unique", "dense"] = "unique"

    def __post_init__(self) -> None:
        check_choice("kind", self.kind, KINDS)
        check_choice("engine", self.engine, ENGINES)
        check_choice("attention", self.attention, ATTENTION)

    @property
    def shapes(self) -> dict[str, str]:
        """Names and shapes of the parameters, as in `params.check_params`."""
        return FM_SHAPES if self.kind == "fm" else afm_shapes(self.attention)

    def init_params(self, rng: np.random.Generator, batch: Batch, k: int = 8, t: int = 16, **options: Any) -> Params:
        """Initial parameters for the features, slots and pairs of `batch`, the training rows.

        `options` are those of `fm.init_params` and `afm.init_params`: std, w0, dtype, and p for AFM. For attention
        "uniform" and "network", p starts at the mean number of pairs in a row: m(m-1)/2 when no slot is empty.
        """
        check_kind("batch", batch, Batch, "a Batch (Batch.from_dense makes one of an array)")
        if self.kind == "fm":
            return fm.init_params(rng, batch.n, k, **options)
        own = self._weights_of(batch, options.pop("p", None))
        return afm.init_params(rng, batch.n, max(batch.m, 1), k, t, **own, **options)

    def from_fm(
        self, fm_params: Params, rng: np.random.Generator, batch: Batch, t: int = 16, p: float | None = None
    ) -> Params:
        """Initial parameters of an AFM with w0, w and V of a trained FM; see `afm.from_fm`."""
        if self.kind == "fm":
            raise ValueError("from_fm starts an AFM; this model is an FM")
        return afm.from_fm(fm_params, rng, batch.m, t, **self._weights_of(batch, p))

    def _weights_of(self, batch: Batch, p: float | None) -> dict[str, Any]:
        check_fields(batch, self.shapes)
        if p is None and self.attention in NORMALISED and len(batch):
            p = max(1.0, float(batch.pair_counts.mean()))
        pairs = batch.distinct_pairs() if self.attention == "free" else None
        return {"attention": self.attention, "pairs": pairs, "p": p}

    @property
    def functions(self) -> Any:
        """The module that has this model's forward and backward."""
        return ENGINES[self.engine][self.kind]

    @property
    def _options(self) -> dict[str, Any]:
        return {} if self.kind == "fm" else {"attention": self.attention}

    @property
    def forward(self) -> Forward:
        """`forward(params, batch, drop=Dropout())` of the engine: y_hat (B,), and the cache for `backward`.

        The dense engine keeps every intermediate in the cache, by the names of the paper: see `fm.Cache` and
        `afm.Cache`. The fast engine never makes the arrays (B, m, k) and (B, P, k); its caches have what its own
        backward needs, once for each distinct feature or pair, and their fields are described in `fast`. To look at
        attention or interactions row by row, take `Model(..., engine="dense")` or `explain.contributions`.

        It raises a ValueError for parameters that do not fit the batch, for pairs that do not fit into memory, and
        for attention "field" when the slots of the rows are not fields.
        """
        return partial(self.functions.forward, **self._options)

    @property
    def backward(self) -> Backward:
        """`backward(dy_hat, cache, with_dx=False)` of the engine: gradients by parameter name."""
        return self.functions.backward

    @property
    def prepare(self) -> Callable[[Batch], Batch]:
        """`prepare(batch)` numbers the rows for the fast engine: once for a data set, before batches are selected."""
        return getattr(self.functions, "prepare", lambda batch: batch)

    def check_memory(self, params: Params, batch: Batch, rows: int) -> None:
        """Refuse to evaluate `rows` rows at a time when the padded arrays of the dense AFM would be too large."""
        if self.functions is afm:
            check_pair_memory(min(rows, len(batch)) * (batch.m * (batch.m - 1) // 2), pair_bytes(params, self.shapes))

    def for_dropout(self, keep: Mapping[Any, float]) -> "Model":
        """This model, with the dense engine when single pairs are dropped out.

        The fast engine computes a pair once for all rows that hold it. With a mask of its own, the pair differs from
        row to row, so that nothing can be shared.
        """
        if self.kind == "fm" and keep.keys() - {"pooled"}:
            raise ValueError(f"FM has dropout at the site pooled only; got {', '.join(keep)}")
        of_pairs = self.kind == "afm" and any(keep.get(site, 1.0) < 1.0 for site in PAIR_SITES)
        return replace(self, engine="dense") if of_pairs and self.engine != "dense" else self

    @own_threads()
    def predict(self, params: Params, batch: Batch, *, chunk: int = 4096) -> Array:
        """y_hat (B,) of any number of rows, `chunk` rows at a time; fewer when their arrays would be too large."""
        if self.engine == "unique":
            y_hat: Array = self.functions.predict(params, batch, chunk=chunk, **self._options)
            return y_hat
        if self.kind == "afm":
            chunk = max(1, min(chunk, MOST // max(1, batch.m**2 // 2 * pair_bytes(params, self.shapes))))
        parts = [self.forward(params, batch[at : at + chunk].narrowed())[0] for at in range(0, len(batch), chunk)]
        return np.concatenate([np.zeros(0, params["V"].dtype), *parts])
