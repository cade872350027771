"""Inputs of the AFM cases: features, attention, losses, L2, dropout."""

from collections.abc import Iterator
from typing import Any

from definitions import HOT, REAL, Y01, Y3, batch, case, ones

from afm_numpy.conformance.literal.numbers import Case

MASK_PAIRS = [[1, 0], [1, 1], [0, 1], [1, 1], [0, 1]]
RAGGED = [[(0, 0.5), (2, -1.5), (5, 2.0), (6, 0.3)], [(1, 1.25), (4, 0.75)], [(2, 0.4), (3, -0.8), (6, 1.6)]]
# the first two rows score about 1000, the pair of the last row about -1000
STEEP = {"b": [1000.0, -0.15, -0.3], "h": [1.0, -1.3, -8900.0]}
ALL_NEGATIVE = {"h": [-0.8, -1.3, -0.6], "b": [1.25, 0.85, 1.4]}
V_ZERO = [[0.58, 0.819], [0.0, 0.0], [-0.144, -0.9], [-0.338, 0.719], [0.723, -0.332], [-0.9, -0.15], [0.82, 0.588]]
FREE_ROWS = [[(0, 0.5), (2, -1.5), (5, 2.0)], [(1, 1.25), (4, 0.75)], [(6, 0.4), (3, -0.8), (2, 1.6)]]
FIELD_ROWS = [
    [(0, 0.5), (2, 0.0), (4, 2.0), (5, -0.7)],
    [(1, 1.25), (3, 0.75), (4, 0.6), (6, 0.0)],
    [(1, 1.1), (2, -0.9)],
]


def features() -> Iterator[Any]:
    yield case("01-onehot", "One-hot rows: the plain case", "3", batch(ones((0, 2, 5), (1, 4), (2, 6)), Y3))
    yield case("02-real-values", "Feature values other than 1", "2.3", batch(REAL, Y3))
    zeros = [
        [(0, 0.5), (1, 0.0), (2, -1.5), (5, 2.0)],
        [(1, 1.25), (4, 0.75), (6, -0.0)],
        [(3, 0.0), (2, 0.4), (6, 1.6)],
    ]
    yield case("03-explicit-zeros", "Listed zeros, 0 and -0.0, are no features", "2.2", batch(zeros, Y3))
    twice = [[(0, 0.5), (2, -1.5), (0, 0.7), (5, 2.0)], [(1, 1.25), (4, 0.75), (1, -1.25), (6, 1.1)], [(3, 0.4)]]
    yield case("04-duplicate-ids", "Repeated ids are summed; one pair of them cancels", "2.1", batch(twice, Y3))
    few = [[], [(4, 1.5)], [(0, 0.5), (2, -1.5), (5, 2.0)]]
    yield case("05-empty-and-single", "An empty row, a row with one feature", "2.4", batch(few, Y3))
    yield case(
        "06-scores-1e3", "Scores near 1000 and -1000", "3.3", batch(ones((0, 2, 5), (1, 4), (2, 3)), Y3), given=STEEP
    )
    yield case(
        "07-relu-at-zero",
        "Pre-activations that are exactly 0",
        "7.3",
        batch(ones((0, 1, 2), (1, 4), (3, 5)), Y3),
        given={"V": V_ZERO, "b": [0.0, 0.0, 0.0]},
    )
    yield case("08-negative-scores", "Every score is negative", "3.3", batch(REAL, Y3), given=ALL_NEGATIVE)
    yield case("09-ragged", "Rows of four and of two features", "2.4", batch(RAGGED[:2], Y3[:2]))
    edge = [[(0, 0.9), (6, -1.2), (3, 0.7)], [(0, 1.4), (6, 0.8)], [(6, 1.1), (1, 0.6)]]
    yield case(
        "10-first-and-last-id",
        "Ids 0 and n-1 are ordinary; ids need not ascend",
        "2.1",
        batch(edge, Y3),
        attention="sum",
    )
    again = [[(2, 0.9), (5, 1.2), (3, 0.7)], [(2, 1.4), (5, 0.8)], [(5, -1.1), (2, 0.6)]]
    yield case(
        "11-batch-repeats", "One id in every row: its contributions add up", "7.5", batch(again, Y3), attention="sum"
    )


def objective() -> Iterator[Any]:
    yield case("12-l2-attention", "L2 on W, once per batch", "6.3", batch(ones((0, 2), (1, 4), (6,)), Y3), lam_W=0.7)
    again = [[(2, 0.9), (5, 1.2), (3, 0.7)], [(2, 1.4), (5, 0.8)], [(5, -1.1)]]
    yield case(
        "13-l2-all",
        "L2 on W, w and V: touched rows, each once",
        "6.3",
        batch(again, Y3),
        lam_W=0.3,
        lam_w=0.5,
        lam_V=0.2,
    )
    yield case(
        "14-loss-sum", "Sum over the rows in place of the mean", "6.2", batch(REAL, Y3), model="fm", reduction="sum"
    )
    yield case(
        "15-logistic",
        "Logistic loss from the raw output",
        "6.1",
        batch(REAL, Y01),
        attention="uniform",
        loss="logistic",
    )
    huge = {"w": [900.0, -850.0, 0.3, -0.2, 0.1, 0.5, -0.6]}
    rows = batch(ones((0, 2), (0, 3), (1, 2), (1, 3)), [1.0, 0.0, 0.0, 1.0])
    yield case("16-logistic-800", "Logistic loss at outputs beyond 745 in size, right and wrong", "6.1", rows,
               attention="sum", loss="logistic", reduction="sum", given=huge)  # fmt: skip
    yield case("17-metrics", "RMSE of raw predictions", "6.4", batch(REAL, [0.2, -0.1, 0.1]), model="fm", metrics=True)


def dropout() -> Iterator[Any]:
    rows = batch(REAL, Y3)
    pooled = {**rows, "masks": {"pooled": [[1, 1], [0, 1], [1, 0]]}}
    yield case("18-dropout-pooled", "Dropout of the pooled vector", "5", pooled, attention="sum", keep_pooled=0.8)
    pairs = {**rows, "masks": {"pairs": MASK_PAIRS}}
    yield case("19-dropout-pairs", "Dropout of the interactions", "5", pairs, keep_pairs=0.7)
    attn = {**rows, "masks": {"attn": [1, 0, 1, 1, 0]}}
    yield case("20-dropout-attention", "Dropout of the attention, not renormalised", "5", attn, keep_attn=0.6)
    every = {**rows, "masks": {"pooled": [[1, 1], [0, 1], [1, 0]], "pairs": MASK_PAIRS, "attn": [1, 0, 1, 1, 0]}}
    keeps: Any = {"keep_pooled": 0.8, "keep_pairs": 0.7, "keep_attn": 0.6}
    yield case(
        "21-dropout-evaluation",
        "Masks are given but this is evaluation: nothing is dropped",
        "5",
        every,
        attention="sum",
        train=False,
        **keeps,
    )


def attentions() -> Iterator[Any]:
    yield case("22-attention-sum", "attention sum", "3.2", batch(REAL, Y3), attention="sum")
    yield case("23-attention-uniform", "attention uniform", "3.2", batch(REAL, Y3), attention="uniform")
    yield case(
        "24-attention-free",
        "attention free, with pairs never seen in training",
        "3.2",
        batch(FREE_ROWS, Y3),
        attention="free",
    )
    yield case(
        "25-attention-field",
        "attention field: slots stay when a zero leaves",
        "3.2",
        batch(FIELD_ROWS, Y3),
        attention="field",
    )


def updates() -> Iterator[Any]:
    sgd: Any = {"optimizer": "sgd", "lr": 0.1}
    yield case("26-sgd", "One step of SGD", "8.1", batch(HOT[:1], Y3[:1]), **sgd)
    ada: Any = {"optimizer": "adagrad", "lr": 0.2, "initial": 0.05, "eps": 0.1}
    yield case("27-adagrad", "One step of Adagrad with a large eps", "8.2", batch(REAL[:1], Y3[:1]), **ada)
    adam: Any = {"optimizer": "adam", "lr": 0.05, "beta1": 0.8, "beta2": 0.9, "eps": 0.1}
    yield case("28-adam", "One step of Adam with a large eps", "8.3", batch(REAL[:1], Y3[:1]), **adam)
    rows = [batch(FREE_ROWS[:2], Y3[:2]), batch(FREE_ROWS[1:], Y3[1:])]
    yield case("29-free-two-steps", "Free weights: only the pairs of the batch move", "8", rows, attention="free",
               optimizer="sgd", lr=0.1, momentum=0.6)  # fmt: skip


def cases() -> list[Case]:
    return [*features(), *objective(), *dropout(), *attentions(), *updates()]
