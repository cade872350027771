"""Dropout masks: where they go, what they hold, and what is refused."""

import re

import numpy as np
import pytest

from afm_numpy import Batch, afm, fm
from afm_numpy.dropout import SITES, Dropout, check_keep, draw
from afm_numpy.fast import afm_once_per_pair, fm_once_per_feature

BATCH = Batch.from_lists([[0, 1, 2, 3], [4], []])
SHAPES = {"interactions": (3, 6, 5), "attention": (3, 6), "pooled": (3, 5)}


def test_no_dropout_by_default():
    assert Dropout() == (None, None, None)
    assert draw(np.random.default_rng(0), BATCH, 5, {}) == Dropout()


@pytest.mark.parametrize("site", SITES)
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_a_mask_holds_zero_and_one_over_keep(site, dtype):
    drop = draw(np.random.default_rng(0), BATCH.astype(dtype), 5, {site: 0.8})
    mask = getattr(drop, site)
    assert mask.shape == SHAPES[site] and mask.dtype == dtype
    assert set(mask.ravel().tolist()) == {0.0, float(dtype(1.25))}
    assert [getattr(drop, other) for other in SITES if other != site] == [None, None]


def test_keep_is_the_share_that_is_kept_and_the_mean_stays_one():
    mask = draw(np.random.default_rng(1), BATCH[np.zeros(400, int)], 50, {"pooled": 0.9}).pooled  # 20 000 units
    assert (mask > 0).mean() == pytest.approx(0.9, abs=0.01)   # 5 standard deviations
    assert mask.mean() == pytest.approx(1.0, abs=0.012)


def test_keep_of_one_draws_nothing_and_leaves_the_generator_alone():
    rng = np.random.default_rng(2)
    assert draw(rng, BATCH, 5, dict.fromkeys(SITES, 1.0)) == Dropout()
    assert rng.random() == np.random.default_rng(2).random()


def test_the_masks_follow_from_the_generator():
    keep = {"pooled": 0.5, "interactions": 0.5}
    one, same, other = (draw(np.random.default_rng(seed), BATCH, 5, keep) for seed in (3, 3, 4))
    np.testing.assert_array_equal(one.pooled, same.pooled)
    np.testing.assert_array_equal(one.interactions, same.interactions)
    assert (one.interactions != other.interactions).any()


@pytest.mark.parametrize("batch", [BATCH[:0], Batch.from_lists([[], []]), Batch.from_lists([[1]])])
def test_batches_without_rows_slots_or_pairs(batch):
    drop = draw(np.random.default_rng(0), batch, 2, dict.fromkeys(SITES, 0.5))
    B, P = batch.mask.shape
    assert (drop.interactions.shape, drop.attention.shape, drop.pooled.shape) == ((B, P, 2), (B, P), (B, 2))


@pytest.mark.parametrize("keep, message", [
    ({"pooling": 0.5}, "unknown dropout site 'pooling'; choose from interactions, attention, pooled"),
    ({"pooled": 0.0}, "keep['pooled'] must be the probability to keep a unit, in (0, 1]; got 0.0"),
    ({"pooled": 0.5, "attention": 1.01},
     "keep['attention'] must be the probability to keep a unit, in (0, 1]; got 1.01"),
    ({"interactions": -0.5}, "keep['interactions'] must be the probability to keep a unit, in (0, 1]; got -0.5"),
    ({"pooled": float("nan")}, "keep['pooled'] must be the probability to keep a unit, in (0, 1]; got nan"),
    ({"pooled": "0.5"}, "keep['pooled'] must be the probability to keep a unit, in (0, 1]; got '0.5'"),
    ({"pooled": True}, "keep['pooled'] must be the probability to keep a unit, in (0, 1]; got True"),
])  # fmt: skip
def test_refused(keep, message):
    for call in (check_keep, lambda keep: draw(np.random.default_rng(0), BATCH, 5, keep)):
        with pytest.raises(ValueError, match=re.escape(message)):
            call(keep)


@pytest.mark.parametrize("model", [fm, fm_once_per_feature, afm, afm_once_per_pair], ids=lambda model: model.__name__)
@pytest.mark.parametrize("mask", [np.ones(4), np.ones((1, 4)), np.ones((2, 1)), np.ones((2, 4, 1)), 1.0], ids=np.shape)
def test_a_mask_of_another_shape_is_refused(model, mask):
    """It would be spread over the rows or the factors without a word."""
    batch = Batch.from_lists([[0, 1, 2], [1]], n=3)
    params = afm.init_params(np.random.default_rng(0), n=3, m=3, k=4, t=2)
    with pytest.raises(ValueError, match=r"the dropout mask for pooled must have shape \(2, 4\); got "):
        model.forward(params, batch, drop=Dropout(pooled=mask))


@pytest.mark.parametrize("model", [fm, fm_once_per_feature], ids=lambda model: model.__name__)
@pytest.mark.parametrize("drop", [Dropout(attention=np.ones((2, 3))), Dropout(interactions=np.ones((2, 3, 4)))])
def test_fm_refuses_masks_for_the_sites_of_afm(model, drop):
    batch, params = Batch.from_lists([[0, 1, 2], [1]], n=3), fm.init_params(np.random.default_rng(0), n=3, k=4)
    with pytest.raises(ValueError, match="this model has dropout at the site pooled only; got a mask for "):
        model.forward(params, batch, drop=drop)


@pytest.mark.parametrize("change, words", [
    pytest.param({"keep": 0.5}, "keep must be a dict, such as .*; got float", id="brother-number"),
    pytest.param({"batch": np.eye(2)}, "batch must be a Batch .*; got ndarray", id="brother-array"),
    pytest.param({"k": 2.0}, "k must be an integer of at least 1; got 2.0", id="brother-k"),
])  # fmt: skip
def test_what_masks_are_drawn_from(change, words):
    given = {"rng": np.random.default_rng(0), "batch": Batch.from_lists([[0, 1]]), "k": 2, "keep": {"pooled": 0.5}}
    with pytest.raises((TypeError, ValueError), match=words):
        draw(*(given | change).values())
