"""The story of the notebooks: its data, its models, and the helpers that print and draw."""

import base64
import doctest

import matplotlib.pyplot as plt
import numpy as np
import pytest

from afm_numpy import Batch, afm, explain
from afm_numpy.exercises import story

PARAMS = afm.init_params(np.random.default_rng(0), n=11, m=4, k=5, t=3, std=1.0, dtype=float)


@pytest.fixture(autouse=True)
def close_figures():
    yield
    plt.close("all")


@pytest.fixture(scope="module")
def data():
    return story.load()


def test_examples():
    assert doctest.testmod(story).failed == 0 < doctest.testmod(story).attempted


def test_only_the_planted_pairs_matter(data):
    batch = data.fit[0]
    pairs = zip(batch.pair_i.tolist(), batch.pair_j.tolist(), strict=True)
    assert {pair for pair, weight in zip(pairs, data.truth.importance, strict=True) if weight} == set(story.PLANTED)
    assert batch.n == len(story.NAMES) == len(set(story.NAMES)) and batch.m == len(story.FACTS)
    assert not data.truth.w[story.NAMES.index("weekday=Mon") :].any()


def test_the_parts_share_no_row_and_have_ratings_around_5(data):
    assert [len(y) for _, y in data[:3]] == [800, 1000, 3000]
    assert all(4 < y.mean() < 6 and 1 < y.std() < 3 for _, y in data[:3])


def test_the_true_ratings_have_no_noise(data):
    batch, y = data.test
    assert story.true_ratings(data, batch) == pytest.approx(5 + data.truth.score[1800:])
    assert np.std(y - story.true_ratings(data, batch)) == pytest.approx(0.5, rel=0.05)


def test_the_facts_that_mean_nothing_can_be_left_out():
    assert story.load(noise_facts=0).fit[0].idx.max() == story.NAMES.index("company=family")


def test_attention_helps_and_finds_the_planted_pairs(data):
    linear, fm, afm = (story.trained(data, name, starts=1) for name in ("linear", "FM", "AFM"))
    assert not linear.params["V"].any() and len(linear.history) > linear.epoch
    assert afm.test < 0.9 * fm.test and fm.test < 0.6 * linear.test and fm.fit < 0.5
    mean, _ = explain.field_attention(explain.contributions(afm.model, afm.params, data.test[0]))
    top = np.argsort(-mean[np.triu_indices(10, 1)])[:3]
    assert {(int(i), int(j)) for i, j in np.transpose(np.triu_indices(10, 1))[top]} == set(story.PLANTED)


def test_of_two_starts_the_choosing_rows_take_one(data):
    assert story.trained(data, "linear", starts=2).choose <= story.trained(data, "linear", starts=1).choose


def test_rows_have_the_facts_that_are_named():
    batch = story.rows(film=["Orbit", "Duel"], viewer="Bob", mood=["sad", "tired"])
    names = [[story.NAMES[i] for i in row] for row in batch.idx]
    assert names[0][:4] == ["viewer=Bob", "film=Orbit", "mood=sad", "company=alone"]
    assert names[1][:3] == ["viewer=Bob", "film=Duel", "mood=tired"] and batch.idx.shape == (2, 10)


def test_a_table_stands_in_columns(capsys):
    story.table(["model", "n", "error"], [("linear", 3, 1.5), ("FM", 12, np.float64(0.25))], digits=2)
    assert capsys.readouterr().out == "model    n  error\nlinear   3   1.50\nFM      12   0.25\n"


def test_a_picture_carries_its_text_and_its_figure_is_closed():
    plt.plot([1, 2], **story.look(1))
    shown = story.picture("a line that rises")
    data, metadata = shown._repr_mimebundle_()
    assert base64.b64decode(data["image/png"]).startswith(b"\x89PNG") and data["text/plain"] == "a line that rises"
    assert metadata["image/png"]["alt"] == "a line that rises" and not plt.get_fignums()


def test_a_moving_picture_draws_each_frame_and_carries_its_text():
    drawn = []
    moving = story.motion(lambda ax, frame: drawn.append(frame) or ax.plot([0, frame]), [1, 2, 3], "a line that rises")
    assert drawn[-3:] == [1, 2, 3] and not plt.get_fignums()
    data, _ = moving._repr_mimebundle_()
    code = data["text/html"].partition("base64,")[2].partition('"')[0]
    assert base64.b64decode(code).startswith(b"GIF89a")
    assert data["text/plain"] == "a line that rises" and 'alt="a line that rises"' in data["text/html"]


def test_the_map_outlines_the_planted_pairs_on_both_sides():
    ax = story.pair_map(np.eye(10))
    frames = {(patch.get_x() + 0.5, patch.get_y() + 0.5) for patch in ax.patches}
    assert frames == {pair for i, j in story.PLANTED for pair in ((i, j), (j, i))}
    assert [label.get_text() for label in ax.get_xticklabels()] == list(story.FACTS)


def test_tiles_show_size_as_area_and_sign_as_filling():
    ax = plt.axes()
    story.tiles(ax, [[4.0, -1.0]], 3, 5, "E", ["row"])
    _, large, small = ax.patches
    assert large.get_width() == 2 * small.get_width() == 0.85 and small.get_facecolor() == (1, 1, 1, 1)
    assert large.get_x() == pytest.approx(3.075) and [text.get_text() for text in ax.texts] == ["E", "row"]


def test_the_picture_of_afm_has_every_array():
    story.afm_picture(PARAMS, Batch.from_lists([[1, 4, 6, 9]], n=11))
    texts = " ".join(text.get_text() for text in plt.gca().texts)
    assert all(name in texts for name in ("E (m, k)", "M (P, k)", "R (P, t)", "scores", "attention", "pooled", "4, 9"))


def test_an_arrow_points_and_has_its_text_in_the_middle():
    ax = plt.axes()
    story.arrow(ax, (0, 0), (4, 2), "softmax", (0, 1))
    assert [(text.get_text(), text.get_position()) for text in ax.texts] == [("", (0, 0)), ("softmax", (2.0, 2.0))]
