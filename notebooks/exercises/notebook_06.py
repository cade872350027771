"""Exercises of 06_adult_income.ipynb."""

import numpy as np

from afm_numpy.losses import sigmoid

from .exercise import Exercise
from .steps import Steps, changed

rng = np.random.default_rng(106)
EDGES = np.array([10.0, 20.0, 25.0, 40.0])
VALUES = np.array([10.0, 10.5, 25.0, 3.0, 41.0, 20.0, 40.0, 26.0]), np.array([24.5, 50.0, 20.0])
A = rng.uniform(0.1, 0.9, (7, 5)), rng.uniform(0.1, 0.9, (4, 3))            # also behind the mask: it must be used
MASKS = rng.random((7, 5)) < 0.6, rng.random((4, 3)) < 0.7
MASKS[0][:, 2] = False                                                      # a pair that no row has
Y_HAT, C = rng.standard_normal((2, 6))
W, V, SHIFT = rng.standard_normal(9), rng.standard_normal((9, 4)), rng.standard_normal(4)

BIN_OF = Steps("values edges", "number", number=lambda values, edges: np.searchsorted(edges, values, side="left"))
MEAN_PRESENT = Steps(
    "a mask", "mean",
    total=lambda a, mask: np.where(mask, a, 0).sum(axis=0),
    count=lambda mask: np.maximum(mask.sum(axis=0), 1),
    mean=lambda total, count: total / count,
)  # fmt: skip
PROB_WITHOUT = Steps("y_hat c", "prob", rest=lambda y_hat, c: y_hat - c, prob=lambda rest: sigmoid(rest))
ABSORB = Steps(
    "w V field c", "w_new",
    gained=lambda V, c: V @ c,
    outside=lambda gained, field: np.where(field, 0, gained),
    w_new=lambda w, outside: w - outside,
)  # fmt: skip

EXERCISES = {
    "06.1": Exercise(BIN_OF, [(values, EDGES) for values in VALUES], mistakes={
        "a value on an edge belongs to the bin below it: mind `side`": lambda values, edges: np.searchsorted(
            edges, values, side="right"),
        "one too many: the first bin has the number 0": lambda *args: BIN_OF(*args) + 1,
        "one too few: a value above the first edge is in bin 1": lambda *args: BIN_OF(*args) - 1,
        "the edge, not the number of the bin": lambda values, edges: edges[np.minimum(np.searchsorted(edges, values), 3)],
        "the place of each value in the order": lambda values: np.argsort(np.argsort(values)),
        "tens are counted: the edges are given": lambda values, edges: np.ceil(values / 10),
        "counted from the top, and one too few": lambda *args: len(EDGES) - 1 - BIN_OF(*args),
        "the last bin is cut off: it has the number of the edges": lambda *args: np.minimum(BIN_OF(*args), len(EDGES) - 1),
        "exchanged: a place for each edge, and in values that are not sorted": lambda values, edges: (
            np.searchsorted(values, edges)),
        "one number for all values: each has its own": lambda values, edges: (edges < values.mean()).sum(),
        "bins of equal width: the edges are given": lambda values, edges: np.floor(
            (values - values.min()) / (np.ptp(values) + 1e-9) * (len(edges) + 1)),
        "the number of the nearest edge, not of the bin": lambda values, edges: np.abs(values[:, None] - edges).argmin(axis=1),
        "counted from the top: count the edges below the value": lambda *args: len(EDGES) - BIN_OF(*args),
        "exchanged: this is a place for each edge; asked is one for each value": lambda values, edges: (
            np.searchsorted(np.sort(values), edges)),
    }),
    "06.2": Exercise(MEAN_PRESENT, list(zip(A, MASKS, strict=True)), mistakes={
        "divided by all rows, also by those that lack the pair": changed(MEAN_PRESENT, count=lambda a: len(a)),
        "the sum, not divided": changed(MEAN_PRESENT, count=lambda: 1),
        "divided twice by the number of rows": changed(MEAN_PRESENT, count=lambda mask: np.maximum(mask.sum(axis=0), 1) ** 2),
        "the largest, not the mean": lambda a, mask: np.where(mask, a, 0).max(axis=0),
        "the median, not the mean": lambda a, mask: np.array([
            np.median(one[there]) if there.any() else 0 for one, there in zip(a.T, mask.T, strict=True)]),
        "the share of the rows that have the pair": lambda a, mask: mask.mean(axis=0),
        "divided by all present pairs: each pair has its own count": changed(MEAN_PRESENT, count=lambda mask: mask.sum()),
        "divided by one row too many: + 1 is no guard against 0": changed(
            MEAN_PRESENT, count=lambda mask: mask.sum(axis=0) + 1),
        "only rows that have all pairs: a row counts for those that it has": lambda a, mask: (
            a[mask.all(axis=1)].mean(axis=0) if mask.all(axis=1).any() else 0 * a[0]),
        "rows without the pair are counted": lambda a, mask: a.mean(axis=0),
        "a need not be 0 behind the mask: leave absent pairs out of the sum": changed(
            MEAN_PRESENT, total=lambda a: a.sum(axis=0)),
        "wrong axis: the mean runs over the rows": lambda a, mask: MEAN_PRESENT(a.T, mask.T),
        "one mean over all pairs: each pair has its own": lambda a, mask: a[mask].mean(),
        "these are the pairs that are absent": changed(MEAN_PRESENT, mask=lambda mask: ~mask),
        "a pair that no row has gets 0: do not divide by 0": changed(
            MEAN_PRESENT, count=lambda mask: np.where(mask.any(axis=0), mask.sum(axis=0), np.nan)),
    }),
    "06.3": Exercise(PROB_WITHOUT, [(Y_HAT, C)], mistakes={
        "probabilities do not add: subtract before the sigmoid": lambda y_hat, c: sigmoid(y_hat) - sigmoid(c),
        "c is log-odds, not a probability: subtract it before the sigmoid": lambda y_hat, c: sigmoid(y_hat) - c,
        "the sigmoid is missing": changed(PROB_WITHOUT, prob=lambda rest: rest),
        "c is added instead of taken away": changed(PROB_WITHOUT, c=lambda c: -c),
        "that is how much the probability changes": lambda y_hat, c: sigmoid(y_hat) - sigmoid(y_hat - c),
        "c is not taken away": changed(PROB_WITHOUT, rest=lambda y_hat: y_hat),
        "the probability of the other class: the sign in front of y_hat, or 1 minus it": lambda y_hat, c: sigmoid(c - y_hat),
        "these are the odds: the probability is odds / (1 + odds)": changed(PROB_WITHOUT, prob=lambda rest: np.exp(rest)),
        "c is log-odds: take it from y_hat, with one sigmoid": lambda y_hat, c: sigmoid(sigmoid(y_hat) - c),
        "tanh in the place of the sigmoid": changed(PROB_WITHOUT, prob=lambda rest: np.tanh(rest)),
        "0 or 1: a probability lies between": changed(PROB_WITHOUT, prob=lambda rest: 1.0 * (rest > 0)),
        "probabilities do not multiply: subtract before the sigmoid": lambda y_hat, c: sigmoid(y_hat) * sigmoid(-c),
        "probabilities do not divide: subtract before the sigmoid": lambda y_hat, c: sigmoid(y_hat) / sigmoid(c),
        "that is the probability of c alone": lambda y_hat, c: sigmoid(c),
        "a product of odds is a sum of log-odds: subtract, do not divide": changed(
            PROB_WITHOUT, rest=lambda y_hat, c: y_hat / c),
    }),
    "06.4": Exercise(ABSORB, [(W, V, np.arange(9) < 3, SHIFT), (W, V, np.isin(np.arange(9), (5, 6)), SHIFT)], mistakes={
        "features of the field itself never meet each other: their w stays": changed(
            ABSORB, outside=lambda gained: gained),
        "w is not changed": lambda w: 1 * w,
        "the field's own w changes as well: it must stay": changed(
            ABSORB, outside=lambda gained, field, c: np.where(field, gained + c @ c, gained)),
        "multiplied: what the shift adds is to be taken away": lambda w, V, field, c: w * np.where(field, 1, V @ c),
        "the field's own w changes, the others stay": changed(ABSORB, outside=lambda field, c: np.where(field, c @ c, 0)),
        "the v_j of other fields are not shifted": changed(ABSORB, gained=lambda V, c: (V + c) @ c),
        "c is not used: the length of v_j": changed(ABSORB, gained=lambda V, c: (V**2).sum(axis=1)),
        "a product may be negative: no absolute value": changed(ABSORB, gained=lambda V, c: np.abs(V @ c)),
        "c is added up without v_j": changed(ABSORB, gained=lambda V, c: 0 * V[:, 0] + c.sum()),
        "the sign: the linear weights must take away what the shift adds": changed(ABSORB, c=lambda c: -c),
        "the other way round: the features outside the field change": changed(ABSORB, field=lambda field: ~field),
        "the change of w alone; it is to be added to w": changed(ABSORB, w=lambda w: 0 * w),
        "the mean over the factors: an inner product is their sum": changed(ABSORB, gained=lambda V, c: V @ c / len(c)),
        "the old v_j without c": changed(ABSORB, gained=lambda V: V.sum(axis=1)),
        "twice: a pair (i, j) of the field and another one is there once": changed(ABSORB, c=lambda c: 2 * c),
    }),
}  # fmt: skip
