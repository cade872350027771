"""Exercises of 07_when_attention_helps.ipynb."""

import numpy as np

from .exercise import Exercise
from .steps import Steps, changed

rng = np.random.default_rng(107)
ERRORS = [tuple(0.6 + 0.1 * rng.standard_normal((2, S))) for S in (3, 7)]
V, P_VECTOR, W = rng.standard_normal((6, 4)), rng.standard_normal(4), rng.standard_normal((4, 3))
BASE, Y = rng.standard_normal((2, 5))
POOLED = rng.standard_normal((5, 4))
DROPOUT = [(BASE, POOLED, P_VECTOR, Y, 0.8), (BASE[:3], POOLED[:3], P_VECTOR, Y[:3], 0.3)]

PAIRED = Steps(
    "a b", "mean se",
    d=lambda a, b: a - b,
    mean=lambda d: d.mean(),
    sd=lambda d: d.std(ddof=1),
    root=lambda d: np.sqrt(len(d)),
    se=lambda sd, root: sd / root,
)  # fmt: skip
RESCALED = Steps(
    "V p W c", "V_new p_new W_new",
    V_new=lambda V, c: c * V,
    grown=lambda c: c**2,
    p_new=lambda p, grown: p / grown,
    W_new=lambda W, grown: W / grown,
)  # fmt: skip
EXPECTED_LOSS = Steps(
    "base pooled p y keep", "loss",
    terms=lambda pooled, p: pooled * p,
    mean=lambda base, terms, y: base + terms.sum(axis=1) - y,
    of_z=lambda keep: (1 - keep) / keep,
    squares=lambda terms: (terms**2).sum(axis=1),
    loss=lambda mean, of_z, squares: mean**2 + of_z * squares,
)  # fmt: skip

EXERCISES = {
    "07.1": Exercise(np.sqrt(3.25), names=("sd_of_y",), rtol=2e-3, mistakes={
        "that is the variance: take the root": 3.25,
        "the noise is missing": np.sqrt(3),
        "standard deviations do not add, variances do": 3.5,
        "the standard deviation of the noise is 0.5, its variance is 0.25": np.sqrt(3.5),
        "the mean of the four standard deviations: variances add": 3.5 / 4,
        "the noise is added to the root: add variances, then take the root": np.sqrt(3) + 0.5,
        "the noise is taken away: variances add": np.sqrt(2.75),
        "two pairs and the noise: there are three pairs": 1.5,
        "four pairs and the noise: there are three pairs": np.sqrt(4.25),
        "3 is squared: the variance of each pair is 1, and there are three": np.sqrt(9.25),
        "one pair and the noise: there are three pairs": np.sqrt(1.25),
        "the noise alone: that is the best possible error": 0.5,
        "the mean of the pairs in the place of their sum": np.sqrt(1.25 / 3 + 0.25),
    }),
    "07.2": Exercise(PAIRED, ERRORS, mistakes={
        "the two spreads are taken apart: form the differences first": lambda a, b: (
            (a - b).mean(), np.sqrt((a.var(ddof=1) + b.var(ddof=1)) / len(a))),
        "not divided by the root of S": changed(PAIRED, root=lambda: 1),
        "divided by S, not by its root": changed(PAIRED, root=lambda d: len(d)),
        "the root of S - 1: that is for ddof=1, here it is the root of S": changed(PAIRED, root=lambda d: np.sqrt(len(d) - 1)),
        "the spread of a alone: form the differences first": lambda a, b: ((a - b).mean(), a.std(ddof=1) / np.sqrt(len(a))),
        "multiplied by the root of S, not divided": changed(PAIRED, root=lambda d: 1 / np.sqrt(len(d))),
        "a relative difference of the means: d is a - b": lambda a, b: (a.mean() / b.mean() - 1, PAIRED(a, b)[1]),
        "the root of 3: there are S data sets": changed(PAIRED, root=lambda: np.sqrt(3)),
        "the difference of two standard errors: form the differences first": lambda a, b: (
            (a - b).mean(), (a.std(ddof=1) - b.std(ddof=1)) / np.sqrt(len(a))),
        "ddof=1 is missing": changed(PAIRED, sd=lambda d: d.std()),
        "the sign: the difference is a - b": lambda a, b: PAIRED(b, a),
        "absolute values: the sign of a difference counts": changed(PAIRED, d=lambda a, b: np.abs(a - b)),
        "the median in the place of the mean": changed(PAIRED, mean=lambda d: np.median(d)),
        "the variance: the standard error has its root": changed(PAIRED, sd=lambda d: d.var(ddof=1)),
        "a relative difference: d is a - b": changed(PAIRED, d=lambda a, b: (a - b) / b),
    }),
    "07.3": Exercise(RESCALED, [(V, P_VECTOR, W, 0.5), (V, P_VECTOR, W, 3.0)], mistakes={
        "an interaction holds two embeddings, so it grows by c squared": changed(RESCALED, grown=lambda c: c),
        "W must change as well, or the attention changes": changed(RESCALED, W_new=lambda W: W),
        "p must change as well, or the output changes": changed(RESCALED, p_new=lambda p: p),
        "the wrong way: what V gains, p and W must lose": changed(RESCALED, grown=lambda c: c**-2),
        "V itself is multiplied by c": changed(RESCALED, V_new=lambda V: V),
        "c to the power 4: W and p each make up for m alone": changed(RESCALED, grown=lambda c: c**4),
        "c squared is taken away: divide by it": changed(RESCALED, p_new=lambda p, grown: p - grown, W_new=lambda W, grown: W - grown),
        "W must lose what V gains": changed(RESCALED, W_new=lambda W, grown: W * grown),
        "c is added to V: multiply": changed(RESCALED, V_new=lambda V, c: V + c),
        "p must lose what V gains": changed(RESCALED, p_new=lambda p, grown: p * grown),
        "the root of c: an interaction holds two embeddings": changed(RESCALED, grown=lambda c: c**0.5),
    }),
    "07.4": Exercise(EXPECTED_LOSS, DROPOUT, mistakes={
        "the variance is missing: this is the loss without dropout": changed(EXPECTED_LOSS, of_z=lambda: 0),
        "the variance of z alone: z is divided by keep": changed(EXPECTED_LOSS, of_z=lambda keep: (1 - keep) * keep),
        "variances add, so square each term before the sum": changed(
            EXPECTED_LOSS, squares=lambda terms: terms.sum(axis=1) ** 2),
        "1/keep is the mean of the square of z/keep, not yet its variance": changed(EXPECTED_LOSS, of_z=lambda keep: 1 / keep),
        "the variance is not divided by keep": changed(EXPECTED_LOSS, of_z=lambda keep: 1 - keep),
        "keep counts twice: z itself has the variance keep (1 - keep)": changed(
            EXPECTED_LOSS, of_z=lambda keep: (1 - keep) / keep**2),
        "1/keep is forgotten in both parts": changed(
            EXPECTED_LOSS, mean=lambda base, terms, y, keep: base + keep * terms.sum(axis=1) - y,
            of_z=lambda keep: keep * (1 - keep)),
        "the mean of z/keep is 1: it is not divided once more": changed(
            EXPECTED_LOSS, mean=lambda base, terms, y, keep: base + terms.sum(axis=1) / keep - y),
        "1 - keep counts twice": changed(EXPECTED_LOSS, of_z=lambda keep: (1 - keep) ** 2 / keep),
        "p is missing in the mean": changed(EXPECTED_LOSS, mean=lambda base, pooled, y: base + pooled.sum(axis=1) - y),
        "the mean is not squared": changed(EXPECTED_LOSS, loss=lambda mean, of_z, squares: mean + of_z * squares),
        "the root of the variance: the variance itself is added": changed(
            EXPECTED_LOSS, loss=lambda mean, of_z, squares: mean**2 + np.sqrt(of_z * squares)),
        "p is not squared in the variance": changed(EXPECTED_LOSS, squares=lambda pooled, p: pooled**2 @ p),
        "base has no variance: no z multiplies it": changed(
            EXPECTED_LOSS, squares=lambda terms, base: base**2 + (terms**2).sum(axis=1)),
        "keep and 1 - keep are exchanged": changed(EXPECTED_LOSS, keep=lambda keep: 1 - keep),
        "the variance is taken away, not added": changed(EXPECTED_LOSS, of_z=lambda keep: (keep - 1) / keep),
        "the mean over the factors in the place of the sum": changed(
            EXPECTED_LOSS, squares=lambda terms: (terms**2).mean(axis=1)),
        "the mean over the rows: the loss of each row is asked for": lambda *args: EXPECTED_LOSS(*args).mean(),
        "the factor p is missing in the variance": changed(
            EXPECTED_LOSS, squares=lambda pooled: (pooled**2).sum(axis=1)),
        "1/keep is forgotten: the mean of z/keep is 1": changed(
            EXPECTED_LOSS, mean=lambda base, terms, y, keep: base + keep * terms.sum(axis=1) - y),
        "the variance alone: the square of the mean is missing": changed(EXPECTED_LOSS, mean=lambda y: 0 * y),
    }),
}  # fmt: skip
