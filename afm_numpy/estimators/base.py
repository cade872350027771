"""What the estimators share: parameters, training, explanations and files. `estimators.py` has the classes to use."""

import inspect
from dataclasses import replace
from numbers import Real

import numpy as np

from .. import _checks, explain, losses, optim, saving, train
from ..models import Model
from ..saving import npz
from . import inputs

__all__ = ["AFMBase", "FMBase"]


class FMBase:
    """FM as an estimator. A subclass says which loss it has, and what the targets mean: `_type`, `_loss`, `_heads`."""

    def __init__(
        self, *, k=8, std=0.01, optimizer="adagrad", lr=None, epochs=20, batch_size="auto", keep=1.0, l2=1e-4,
        l2_scope="touched", early_stopping=False, validation_fraction=0.1, patience=4, warm_start=False,
        random_state=None, dtype="float64", verbose=False,
    ):  # fmt: skip
        vars(self).update({name: value for name, value in locals().items() if name != "self"})

    # ---- parameters ------------------------------------------------------------------------------------

    @classmethod
    def _names(cls):
        return list(inspect.signature(cls).parameters)

    def get_params(self, deep=True):
        """The constructor's arguments, by name."""
        return {name: getattr(self, name) for name in self._names()}

    def set_params(self, **params):
        """Change the constructor's arguments; what was fitted stays until the next fit."""
        for name, value in params.items():
            if name not in self._names():
                raise ValueError(
                    f"Invalid parameter {name!r} for estimator {type(self).__name__}. "
                    f"Valid parameters are: {self._names()}."
                )
            setattr(self, name, value)
        return self

    def __repr__(self):
        default = inspect.signature(type(self)).parameters
        changed = {name: value for name, value in self.get_params().items() if value is not default[name].default}
        return f"{type(self).__name__}({', '.join(f'{name}={value!r}' for name, value in changed.items())})"

    def __sklearn_tags__(self):
        from sklearn.utils import ClassifierTags, InputTags, RegressorTags, Tags, TargetTags

        tags = Tags(estimator_type=self._type, target_tags=TargetTags(required=True), input_tags=InputTags(sparse=True))
        tags.classifier_tags = ClassifierTags() if self._type == "classifier" else None
        tags.regressor_tags = RegressorTags() if self._type == "regressor" else None
        return tags

    # ---- training --------------------------------------------------------------------------------------

    @property
    def _model(self):
        return Model("fm")

    def _start(self, rng, batch, w0):
        return self._model.init_params(rng, batch, k=self.k, std=self.std, w0=w0, dtype=np.dtype(self.dtype))

    def _rows(self, X, fresh=False):
        if not fresh:
            inputs.check_fitted(self)
        return inputs.rows(self, X, np.dtype(self.dtype), fresh, slots=self._model.attention == "field")

    def fit(self, X, y, sample_weight=None):
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
        return self._train(X, y, sample_weight, fresh, self.epochs, self.early_stopping)

    def _train(self, X, y, weight, fresh, epochs, early_stopping=False, classes=None, partial=False):
        """Train one model for each row of the targets that `_heads` makes of y."""
        self._check_parameters()
        batch = self._rows(X, fresh)
        heads = self._heads(y, len(batch), fresh, classes)                                    # (C, B)
        if weight is not None:
            weight = inputs.weights(weight, len(batch))
            batch, heads, weight = batch[weight != 0], heads[:, weight != 0], weight[weight != 0]
        split_rng, *rngs = _generators(self.random_state, 1 + len(heads))
        if fresh:
            w0 = [losses.best_constant(self._loss, y, weight) for y in heads]
            self.params_ = [self._start(rng, batch, value) for rng, value in zip(rngs, w0, strict=True)]
            self.states_ = [optim.init(self._optimizer, params) for params in self.params_]
            self.rngs_, self.n_iter_ = rngs, 0
        self._check_continues()
        batch_size = int(np.clip(len(batch) // 64, 64, 512)) if self.batch_size == "auto" else self.batch_size
        loss = train.Objective(
            self._loss,
            l2=self.l2 if isinstance(self.l2, dict) else {"w": self.l2, "V": self.l2},
            l2_scope=self.l2_scope,
            keep=self.keep if isinstance(self.keep, dict) else {"pooled": self.keep},
        )
        watch = train.Watch(verbose=self.verbose, warn=not partial)
        fit = slice(None)
        if early_stopping:
            strata = np.arange(1, 1 + len(heads)) @ heads if self._type == "classifier" else np.zeros(len(batch))
            fit, held = _split(split_rng, strata, self.validation_fraction)
        if weight is not None:
            loss = replace(loss, weight=weight[fit])
        results = []
        for y, params, state, rng in zip(heads, self.params_, self.states_, self.rngs_, strict=True):
            if early_stopping:
                watch = replace(watch, valid=(batch[held], y[held]), patience=self.patience)
            results.append(train.fit(
                self._model, train.Progress(params, state), batch[fit], y[fit], rng=rng, loss=loss,
                optimizer=self._optimizer, epochs=epochs, batch_size=batch_size, watch=watch,
            ))  # fmt: skip
        self.params_, self.states_ = [r.params for r in results], [r.last.state for r in results]
        before, self.n_iter_ = self.n_iter_, self.n_iter_ + max(len(r.history) for r in results)
        self.history_ = [
            ({"class": self.classes_[c]} if len(results) > 1 else {}) | row | {"epoch": before + row["epoch"]}
            for c, result in enumerate(results) for row in result.history
        ]  # fmt: skip
        return self

    def _check_parameters(self):
        """Refuse texts and the like where a number is wanted. Ranges are checked where the numbers are used."""
        for name, value in self.get_params().items():
            if name in ("k", "t"):
                _checks.check_size(name, value)
            elif name in _NUMBERS and not isinstance(value, _NUMBERS[name]):
                if isinstance(value, bool) or not isinstance(value, Real) or not np.isfinite(value):
                    raise ValueError(f"{name} must be a finite number; got {value!r:.60}")
        if self.std < 0:
            raise ValueError(f"std must not be negative; got {self.std}")

    def _check_continues(self):
        """Refuse to go on from parameters that other constructor arguments made."""
        params, state = self.params_[0], self.states_[0]
        found = params["V"].shape[1], params["V"].dtype, set(params), set(state["w0"])
        if found != (self.k, np.dtype(self.dtype), set(self._model.shapes), set(self._optimizer.start)):
            raise ValueError("k, dtype, optimizer or attention has changed, so training cannot go on; fit afresh")

    @property
    def _optimizer(self):
        return optim.get(self.optimizer, **({} if self.lr is None else {"lr": self.lr}))

    def _raw(self, X):
        """y_hat of every head: (C, B)."""
        batch = self._rows(X)
        return np.stack([train.predict(self._model, params, batch) for params in self.params_])

    # ---- explanations ----------------------------------------------------------------------------------

    def contributions(self, X, label=None):
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
        batch, c = self._rows(X), 0
        if len(self.params_) > 1:
            classes = self.classes_.tolist()
            if label not in classes:
                raise ValueError(f"label must be one of the classes, {classes}; got {label!r}")
            c = classes.index(label)
        elif label is not None:
            raise ValueError(f"label is for more than two classes; got {label!r}")
        return explain.contributions(self._model, self.params_[c], batch)

    def explain(self, X, row=0, *, names=None, top=10, label=None):
        """Print the largest contributions to the prediction of one row of X.

        `names` are those of the feature ids, such as `TableEncoder.feature_names()`; the column names of a data
        frame are known.
        """
        names = getattr(self, "feature_names_in_", None) if names is None else names
        print(explain.table(self.contributions(X, label), row, names, top))

    # ---- files -----------------------------------------------------------------------------------------

    def save(self, path, encoder=None):
        """Write the fitted estimator to a file that `load` and `saving.load` read. Training can go on from it.

        A random_state that is a generator is not kept; how far each model's own generator has come is.
        """
        inputs.check_fitted(self)
        parameters = self.get_params() | {"dtype": np.dtype(self.dtype).name}
        if not isinstance(self.optimizer, str):
            parameters["optimizer"] = None                  # the file holds the optimizer itself
        if isinstance(self.random_state, (np.random.Generator, np.random.RandomState)):
            parameters["random_state"] = None
        fitted = {name: getattr(self, name) for name in ("n_iter_", "history_")}
        fitted |= {name: _described(getattr(self, name)) for name in _ARRAYS if hasattr(self, name)}
        config = {"estimator": type(self).__name__, "parameters": parameters, "fitted": fitted}
        saving.save(
            path, self._model, self.params_, encoder=encoder, optimizer=self._optimizer, state=self.states_,
            rng=self.rngs_, config=config,
        )  # fmt: skip

    @classmethod
    def load(cls, path):
        """The estimator that `save` wrote. An encoder in the file becomes the attribute `encoder_`."""
        return npz.read(path, lambda header, arrays: cls._restored(saving.assemble(header, arrays)))

    @classmethod
    def _restored(cls, saved):
        if not isinstance(saved.config, dict) or saved.config.get("estimator") != cls.__name__:
            raise ValueError(f"it does not hold an estimator of class {cls.__name__}")
        self = cls(**saved.config["parameters"])
        if self.optimizer is None:
            self.optimizer = saved.optimizer
        self.params_, self.states_, self.rngs_ = saved.params, saved.state, saved.rng
        fitted = saved.config["fitted"]
        self.n_iter_, self.history_ = fitted["n_iter_"], fitted["history_"]
        for name in fitted.keys() & set(_ARRAYS):
            setattr(self, name, np.array(fitted[name]["values"], fitted[name]["dtype"]))
        self.n_features_in_ = len(self.params_[0]["w"])
        if saved.encoder is not None:
            self.encoder_ = saved.encoder
        return self


class AFMBase(FMBase):
    """AFM as an estimator: it adds how the pairs are weighted."""

    def __init__(
        self, *, k=8, t=16, attention="network", p=None, std=0.01, optimizer="adagrad", lr=None, epochs=20,
        batch_size="auto", keep=1.0, l2=1e-4, l2_scope="touched", early_stopping=False, validation_fraction=0.1,
        patience=4, warm_start=False, random_state=None, dtype="float64", verbose=False,
    ):  # fmt: skip
        vars(self).update({name: value for name, value in locals().items() if name != "self"})

    @property
    def _model(self):
        return Model("afm", self.attention).for_dropout(self.keep if isinstance(self.keep, dict) else {})

    def _start(self, rng, batch, w0):
        p = self.p
        if p is None and self.attention in ("uniform", "network"):
            present = batch.sizes
            p = max(1.0, float((present * (present - 1) / 2).mean()))       # the mean number of pairs in a row
        options = {"std": self.std, "w0": w0, "p": p, "dtype": np.dtype(self.dtype)}
        return self._model.init_params(rng, batch, k=self.k, t=self.t, **options)


_ARRAYS = ("classes_", "feature_names_in_")
_NUMBERS = {"std": (), "lr": type(None), "p": type(None), "keep": dict, "l2": dict, "validation_fraction": ()}


def _described(array):
    return {"dtype": array.dtype.str, "values": array.tolist()}


def _generators(random_state, count):
    """Independent generators from an int, a RandomState, a Generator or None."""
    if isinstance(random_state, np.random.RandomState):
        random_state = random_state.randint(2**32, size=4, dtype=np.uint32)
    elif isinstance(random_state, np.random.Generator):
        random_state = random_state.integers(2**32, size=4, dtype=np.uint32)
    try:
        seeds = np.random.SeedSequence(random_state)
    except (TypeError, ValueError):
        raise ValueError(
            f"random_state must be None, a whole number of at least 0, or a generator; got {random_state!r:.60}"
        ) from None
    return [np.random.default_rng(seed) for seed in seeds.spawn(count)]


def _split(rng, strata, fraction):
    """Row numbers to train on and to validate on, with the same share of every stratum in both."""
    order = rng.permutation(len(strata))
    order = order[np.argsort(strata[order], kind="stable")]
    held = np.diff(np.floor(np.arange(len(order) + 1) * fraction)) > 0
    if not 0 < fraction < 1 or held.all() or not held.any():
        raise ValueError(
            f"validation_fraction={fraction!r} of {len(order)} rows leaves no row to train on or none to validate on"
        )
    return order[~held], order[held]
