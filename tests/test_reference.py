"""The literal loops, checked by hand: they are what the vectorised code is tested against."""

from math import exp

import numpy as np
import pytest
from strategies import fixed_problem

from afm_numpy import Model
from afm_numpy.reference import afm_row, fm_row, linear_row, score

# e = [1, 2], [4, -1], [3, 2] for features 0, 2, 1 with x = 1, 0.5, -1
PARAMS = {
    "w0": 0.5, "w": [1.0, 2.0, 4.0, 100.0], "V": [[1.0, 2.0], [-3.0, -2.0], [8.0, -2.0], [50.0, 60.0]],
    "p": [1.0, 10.0],
    "W": [[1.0, 0.0, 0.5], [0.0, 1.0, 0.25]], "b": [0.0, 1.0, -2.0], "h": [0.25, -1.0, 0.125],
}  # fmt: skip
IDX, X = [0, 2, 1], [1.0, 0.5, -1.0]
LINEAR = 0.5 + 1.0 + 2.0 - 2.0
M = [[4.0, -2.0], [3.0, 4.0], [12.0, -2.0]]                      # pairs (0, 2), (0, 1), (2, 1)


def project(weights, interactions=M, keep=(1.0, 1.0)):
    pooled = [sum(a * m[f] for a, m in zip(weights, interactions, strict=True)) for f in range(2)]
    return LINEAR + 1.0 * pooled[0] * keep[0] + 10.0 * pooled[1] * keep[1]


def test_linear_part():
    assert linear_row(PARAMS, IDX, X) == LINEAR


def test_fm():
    assert fm_row(PARAMS, IDX, X) == LINEAR + (4 + 3 + 12) + (-2 + 4 - 2)
    assert fm_row(PARAMS, IDX, X, pooled_mask=[0.0, 2.0]) == LINEAR + 2 * (-2 + 4 - 2)


def test_score():
    # Z = [4, -1, -0.5] and [3, 5, 0.5]
    assert score(PARAMS, M[0]) == 1.0
    assert score(PARAMS, M[1]) == 0.75 - 5.0 + 0.0625


def test_afm_sum_and_uniform():
    assert afm_row(PARAMS, IDX, X, "sum") == project([1, 1, 1])
    assert abs(afm_row(PARAMS, IDX, X, "uniform") - project([1 / 3] * 3)) < 1e-14


def test_afm_field():
    assert afm_row({**PARAMS, "field": [2.0, 3.0, 5.0]}, IDX, X, "field") == project([2, 3, 5])


def test_afm_free_finds_pairs_in_either_order_and_gives_unseen_ones_1():
    params = {**PARAMS, "pairs": [[0, 1], [1, 2], [1, 3]], "free": [2.0, 3.0, 5.0]}
    assert afm_row(params, IDX, X, "free") == project([1, 2, 3])


def test_afm_network():
    scores = [1.0, -4.1875, 12 * 0.25 + (6 - 0.5 - 2) * 0.125]           # Z of the last: [12, -1, 3.5]
    total = sum(exp(s) for s in scores)
    assert afm_row(PARAMS, IDX, X) == pytest.approx(project([exp(s) / total for s in scores]), rel=1e-14)


def test_afm_network_with_scores_of_a_thousand():
    params = {**PARAMS, "h": [250.0, 0.0, 0.0]}                          # scores 1000, 750, 3000
    assert afm_row(params, IDX, X) == project([0, 0, 1])
    assert afm_row({**params, "h": [-250.0, 0.0, 0.0]}, IDX, X) == pytest.approx(project([0, 1, 0]), rel=1e-14)


def test_masks():
    masks = {"interactions_mask": [[2.0, 0.0], [0.0, 2.0], [2.0, 2.0]], "attention_mask": [0.0, 4.0, 4.0],
             "pooled_mask": [0.0, 5.0]}  # fmt: skip
    dropped = [[8.0, 0.0], [0.0, 8.0], [24.0, -4.0]]
    assert afm_row(PARAMS, IDX, X, "sum", masks["interactions_mask"]) == project([1, 1, 1], dropped)
    assert afm_row(PARAMS, IDX, X, "sum", attention_mask=masks["attention_mask"]) == project([0, 4, 4])
    assert afm_row(PARAMS, IDX, X, "sum", pooled_mask=masks["pooled_mask"]) == project([1, 1, 1], keep=(0.0, 5.0))
    assert afm_row(PARAMS, IDX, X, "sum", **masks) == project([0, 4, 4], dropped, (0.0, 5.0))
    scores = [score(PARAMS, m) for m in dropped]                         # the network sees the dropped interactions
    total = sum(exp(s) for s in scores)
    want = project([exp(s) / total for s in scores], dropped)
    assert afm_row(PARAMS, IDX, X, "network", masks["interactions_mask"]) == pytest.approx(want, rel=1e-14)


@pytest.mark.parametrize("attention", ["sum", "uniform", "field", "free", "network"])
def test_empty_slots_take_no_part(attention):
    """The masks and field weights of a slot pair keep their place when a slot is empty."""
    params = {**PARAMS, "field": [7.0, 2.0, 7.0, 7.0, 3.0, 7.0], "pairs": [[0, 2]], "free": [2.0]}
    mask = [9.0, 1.0, 9.0, 9.0, 0.5, 9.0]                                # slot pairs 1 and 4 are (0, 2) and (2, 3)
    got = afm_row(params, [0, 0, 2, 1], [1.0, 0.0, 0.5, 0.0], attention, attention_mask=mask)
    want = {"field": 2.0, "free": 2.0}.get(attention, 1.0)
    assert got == 0.5 + 1.0 + 2.0 + want * (4 - 20)


@pytest.mark.parametrize("attention", ["sum", "uniform", "field", "free", "network"])
def test_rows_without_a_pair(attention):
    params = {**PARAMS, "field": [2.0], "pairs": [], "free": []}
    assert afm_row(params, [], [], attention) == 0.5
    assert afm_row(params, [2, 0], [0.5, 0.0], attention) == 2.5


def test_fm_is_afm_with_sum_pooling_and_p_of_1():
    problem = fixed_problem(Model("afm", "sum", "dense"))
    params = {**problem.params, "p": np.ones(5)}
    for idx, x in zip(problem.batch.idx, problem.batch.x, strict=True):
        assert afm_row(params, idx, x, "sum") == pytest.approx(fm_row(params, idx, x), rel=1e-13)


def test_unknown_attention_is_refused():
    with pytest.raises(ValueError, match="unknown attention 'softmax'; choose from sum, uniform, free, field, network"):
        afm_row(PARAMS, IDX, X, "softmax")
