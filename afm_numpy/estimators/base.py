"""What the estimators share: parameters, training, explanations and files. `classes.py` has the classes to use."""

import copy
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, ClassVar, Literal, TypeVar

import numpy as np

from .. import _checks, explain, losses, optim, saving, train
from .._files import Path
from .._types import Array, Attention, DType, L2Scope, Loss, Params
from ..encode import TableEncoder
from ..encode.parameters import Parameters
from ..models import Model
from ..saving import npz
from ..train import fitting
from ..train.checks import weights
from . import files, inputs

Estimator = TypeVar("Estimator", bound="FMBase")


@dataclass(kw_only=True, eq=False, repr=False)
class FMBase(Parameters):
    """FM as an estimator. A subclass has the loss, and says what the targets mean."""

    _loss: ClassVar[Loss]

    k: int = 8
    std: float = 0.01
    optimizer: Any = "adagrad"
    lr: float | None = None
    epochs: int = 20
    batch_size: int | Literal["auto"] = "auto"
    keep: float | dict[str, float] = 1.0
    l2: float | dict[str, float] = 1e-4
    l2_scope: L2Scope = "touched"
    early_stopping: bool = False
    validation_fraction: float = 0.1
    patience: int = 4
    warm_start: bool = False
    random_state: Any = None
    dtype: DType = "float64"
    verbose: bool = False

    # ---- training --------------------------------------------------------------------------------------

    def _targets(self, y: Any, n_rows: int, dtype: DType, fresh: bool, classes: Any) -> tuple[Array, Array | None]:
        """What to learn of each row (B,): a number, or the number of its class; and the classes (C,)."""
        raise NotImplementedError

    @property
    def _model(self) -> Model:
        return Model("fm")

    @property
    def _own(self) -> dict[str, Any]:
        """Options of the initial parameters that FM does not have."""
        return {}

    def fit(self: Estimator, X: Any, y: Any, sample_weight: Any = None) -> Estimator:
        """Train on rows X and targets y.

        Parameters
        ----------
        X : Batch, scipy sparse matrix or array, or 2-d array
            B rows of n features.
        y : (B,) array
        sample_weight : (B,) array, optional
            Weights of the rows. A row of weight 0 is as good as absent.

        Returns
        -------
        self
        """
        fresh = not (self.warm_start and hasattr(self, "params_"))
        self._train(X, y, sample_weight, fresh, self.epochs, self.early_stopping)
        return self

    def _train(
        self, X: Any, y: Any, sample_weight: Any, fresh: bool, epochs: int, early_stopping: bool = False,
        classes: Any = None, partial: bool = False,
    ) -> None:  # fmt: skip
        """Train a model, or one for each of more than two classes. The estimator changes when all of them are done."""
        dtype = self._check_parameters()
        if not fresh:
            self._check_continues()
        batch, names = inputs.rows(self, X, fitted=not fresh)
        target, known = self._targets(y, len(batch), dtype, fresh, classes)
        weight = weights("sample_weight", sample_weight, len(batch), dtype)
        count = 1 if known is None or len(known) == 2 else len(known)
        split_rng, *rngs = _generators(self.random_state, 1 + count)
        rows = np.arange(len(batch)) if weight is None else np.flatnonzero(weight)
        if known is not None and not partial and (lost := set(range(len(known))) - set(target[rows].tolist())):
            raise ValueError(f"the class {known.tolist()[min(lost)]!r:.60} has no row of weight above 0")
        held = rows[:0]
        if early_stopping:
            strata = np.zeros(len(rows)) if known is None else target[rows]
            rows, held = (rows[part] for part in split(split_rng, strata, self.validation_fraction))
        batch, valid_batch = batch[rows], batch[held]
        weight = None if weight is None else weight[rows]
        goal = self._goal(weight)
        batch_size = min(max(len(batch) // 64, 64), 512) if self.batch_size == "auto" else self.batch_size
        results: list[train.Result] = []
        rngs = rngs if fresh else copy.deepcopy(self.rngs_)
        for c, rng in enumerate(rngs):
            y = target if known is None else (target == (c if count != 1 else 1)).astype(dtype)         # (B,)
            judged: Any = {"valid": (valid_batch, y[held]), "patience": self.patience} if early_stopping else {}
            watch = train.Watch(verbose=self.verbose, warn=not (partial or any(r.poor for r in results)), **judged)
            y = y[rows]
            start = None if fresh else train.Progress(self.params_[c], self.states_[c])
            if start is None:
                w0 = losses.best_constant(self._loss, y, weight)
                options = {"k": self.k, "std": self.std, "w0": w0, "dtype": dtype} | self._own
                start = train.Progress(self._model.init_params(rng, batch, **options), None)
            results.append(fitting.run(
                self._model, start, batch, y, rng=rng, goal=goal, optimizer=self._optimizer, epochs=epochs,
                batch_size=batch_size, watch=watch,
            ))  # fmt: skip
        before = 0 if fresh else self.n_iter_
        vars(self).pop("feature_names_in_", None)
        if names is not None:
            self.feature_names_in_ = names
        if known is not None:
            self.classes_ = known
        self.n_features_in_: int = batch.n if fresh else self.n_features_in_
        self.model_: Model = self._model
        self.params_: list[Params] = [result.params for result in results]
        self.states_: list[Any] = [result.last.state for result in results]
        self.rngs_: list[np.random.Generator] = rngs
        self.n_iter_: int = before + max(len(result.history) for result in results)
        self.history_: list[dict[str, Any]] = [
            ({"class": self.classes_[c]} if count != 1 else {}) | row | {"epoch": before + row["epoch"]}
            for c, result in enumerate(results) for row in result.history
        ]  # fmt: skip

    def _goal(self, weight: Array | None = None) -> train.Objective:
        return train.Objective(
            self._loss, l2_scope=self.l2_scope, weight=weight,
            l2=self.l2 if isinstance(self.l2, dict) else {"w": self.l2, "V": self.l2},
            keep=self.keep if isinstance(self.keep, dict) else {"pooled": self.keep},
        )  # fmt: skip

    def _check_parameters(self) -> Any:
        """Check the constructor's arguments, as far as the rows do not matter for it; return the dtype."""
        for name, value in self.get_params().items():
            if name in ("early_stopping", "warm_start", "verbose"):
                _checks.check_kind(name, value, (bool, np.bool_, int), "True or False")
            elif name in ("epochs", "patience") or (name == "batch_size" and value != "auto"):
                _checks.check_size(name, value)
            elif name in _NUMBERS and not isinstance(value, _NUMBERS[name]):
                _checks.check_number(name, value, "a finite number")
        if self.std < 0:
            raise ValueError(f"std must not be negative; got {self.std}")
        self._goal()
        return _checks.check_dtype(self.dtype)

    def _check_continues(self) -> None:
        """Refuse to go on from parameters that other constructor arguments made."""
        params, state = self.params_[0], self.states_[0]
        sizes = {"k": params["V"].shape[1]} | ({"t": params["W"].shape[1]} if "W" in params else {})
        found = params["V"].dtype, self.model_.attention, set(state["w0"])
        same = all(getattr(self, name) == size for name, size in sizes.items())
        if not same or found != (np.dtype(self.dtype), self._model.attention, set(self._optimizer.start)):
            raise ValueError("k, t, dtype, optimizer or attention has changed, so training cannot go on; fit afresh")

    @property
    def _optimizer(self) -> Any:
        return optim.get(self.optimizer, **({} if self.lr is None else {"lr": self.lr}))

    def _each_raw(self, X: Any) -> Iterator[Array]:
        """y_hat (B,) of every model in turn."""
        batch, _ = inputs.rows(self, X, fitted=True)
        return (train.predict(self.model_, params, batch) for params in self.params_)

    # ---- explanations ----------------------------------------------------------------------------------

    def contributions(self, X: Any, label: object = None) -> explain.Contributions:
        """What each feature and each pair adds to the predictions, with the attention on the pairs.

        Parameters
        ----------
        X : as in fit
        label : optional
            The class, when there are more than two. With two, the parts add up to the logit of the second.

        Returns
        -------
        explain.Contributions
        """
        (batch, _), c = inputs.rows(self, X, fitted=True), 0
        if len(self.params_) != 1:
            classes = self.classes_.tolist()
            if isinstance(label, (bool, np.bool_)) or label not in classes:
                raise ValueError(f"label must be one of the classes, {classes}; got {label!r}")
            c = classes.index(label)
        elif label is not None:
            raise ValueError(f"label is for more than two classes; got {label!r}")
        return explain.contributions(self.model_, self.params_[c], batch)

    def explain(self, X: Any, row: int = 0, *, names: Any = None, top: int = 10, label: object = None) -> None:
        """Print the largest contributions to the prediction of one row of X.

        Rows count from 0. `names` are those of the feature ids, such as `TableEncoder.feature_names()`; the column
        names of a data frame are known.
        """
        names = getattr(self, "feature_names_in_", None) if names is None else names
        print(explain.table(self.contributions(X, label), row, names, top))

    # ---- files -----------------------------------------------------------------------------------------

    def save(self, path: Path, encoder: TableEncoder | None = None) -> None:
        """Write the fitted estimator to a file that `load` and `saving.load` read. Training can go on from it.

        A random_state that is a generator is not kept; how far each model's own generator has come is.
        """
        inputs.check_fitted(self)
        self._check_parameters()                             # `load` refuses what these refuse
        self._check_continues()
        saving.save(
            path, self._model, self.params_, encoder=encoder, optimizer=self._optimizer, state=self.states_,
            rng=self.rngs_, config=files.described(self),
        )  # fmt: skip

    @classmethod
    def load(cls: type[Estimator], path: Path) -> Estimator:
        """The estimator that `save` wrote. An encoder in the file becomes the attribute `encoder_`."""
        return npz.read(path, lambda header, arrays: files.restored(cls, saving.assemble(header, arrays)))


@dataclass(kw_only=True, eq=False, repr=False)
class AFMBase(FMBase):
    """AFM as an estimator: it adds how the pairs are weighted."""

    t: int = 16
    attention: Attention = "network"
    p: float | None = None

    @property
    def _model(self) -> Model:
        return Model("afm", self.attention).for_dropout(self.keep if isinstance(self.keep, dict) else {})

    @property
    def _own(self) -> dict[str, Any]:
        return {"t": self.t, "p": self.p}


_NONE = type(None)
_NUMBERS: dict[str, Any] = {"std": (), "lr": _NONE, "p": _NONE, "keep": dict, "l2": dict, "validation_fraction": ()}


def _generators(random_state: Any, count: int) -> list[np.random.Generator]:
    """Independent generators from an int, a RandomState, a Generator or None."""
    if isinstance(random_state, (np.random.RandomState, np.random.Generator)):
        random_state = int.from_bytes(random_state.bytes(16), "little")
    try:
        if isinstance(random_state, bool):
            raise TypeError
        seeds = np.random.SeedSequence(random_state)
    except (TypeError, ValueError):
        raise ValueError(
            f"random_state must be None, a whole number of at least 0, or a generator; got {random_state!r:.60}"
        ) from None
    return [np.random.default_rng(seed) for seed in seeds.spawn(count)]


def split(rng: np.random.Generator, strata: Array, fraction: float) -> tuple[Array, Array]:
    """Row numbers to train on and to validate on, with the same share of every stratum in both.

    The first row of a stratum is always one to train on, so that no class is missing there.
    """
    order = rng.permutation(len(strata))
    order = order[np.lexsort([strata[order]])]                # equal ones stay in the order of the draw
    held = np.diff(np.floor(np.arange(len(order) + 1) * fraction)) > 0
    first = np.diff(strata[order], prepend=np.nan) != 0
    held = (held | np.roll(held & first, -1)) & ~first
    if fraction >= 1 or held.all() or not held.any():
        raise ValueError(
            f"validation_fraction={fraction!r} of {len(order)} rows leaves no row to train on or none to validate on"
        )
    return order[~held], order[held]
