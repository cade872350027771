"""Small problems to train on, and `fit` with all options as plain arguments."""

import dataclasses

import numpy as np

from afm_numpy import Batch, Model
from afm_numpy.train import Objective, Watch, fit

FM, AFM, DENSE = Model("fm"), Model("afm"), Model("afm", engine="dense")
LOSSES = ["squared", "logistic"]


def problem(B=10, seed=0, loss="squared"):
    """Ragged rows over 7 features (one empty), targets, weights."""
    rng = np.random.default_rng(seed)
    ids = [rng.permutation(7)[:length] for length in [*rng.integers(1, 4, B - 1), 0]]
    batch = Batch.from_lists(ids, [rng.uniform(0.5, 1.5, row.size) for row in ids], n=7, slots_are_fields=True)
    y = rng.standard_normal(B)
    return batch, (y > 0).astype(float) if loss == "logistic" else y, rng.integers(1, 4, B).astype(float)


def start(model, batch, seed=1, **options):
    return model.init_params(np.random.default_rng(seed), batch, k=3, t=2, **{"std": 0.5, "dtype": float, **options})


def train(model, batch, y, *, seed=2, params=None, **settings):
    """`fit` from a seed, with the fields of Objective and Watch among its arguments; a poor fit is not said."""
    params = start(model, batch) if params is None else params
    settings = {"epochs": 3, "batch_size": 4, "warn": False, **settings}
    groups = []
    for group in (Objective, Watch):
        fields = {field.name for field in dataclasses.fields(group)} & settings.keys()
        groups.append(group(**{name: settings.pop(name) for name in fields}))
    return fit(model, params, batch, y, rng=np.random.default_rng(seed), loss=groups[0], watch=groups[1], **settings)


def same_bits(one, other):
    assert one.keys() == other.keys()
    return all(one[name].tobytes() == other[name].tobytes() for name in one)
