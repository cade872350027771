"""Inputs of the FM cases, and of the cases with several steps."""

from collections.abc import Iterator
from typing import Any

from definitions import REAL, Y01, Y3, batch, case

from afm_numpy.conformance.literal.numbers import Case

CANCELLING = [[(0, 30.0), (1, -29.5), (2, 41.0), (5, -12.0)], [(3, 25.0), (4, 24.0)], [(2, 18.0), (6, -17.0)]]
TEXT = ["1.5 0:0.5 2:-1.5 5:2", "-0.8 1:1.25 4:0.75 6:0", "0.6 2:0.4 3:-0.8 6:1.6"]
STEPS = [
    batch([[(0, 0.5), (2, -1.5), (5, 2.0)], [(2, 1.2), (4, 0.75)]], [1.5, -0.8]),
    batch([[(1, 1.1), (4, -0.9)], [(4, 0.7), (6, 1.3)]], [0.4, 1.2]),
    batch([[(0, 0.8), (2, 0.6), (6, -1.4)]], [-1.1]),
]


def models() -> Iterator[Any]:
    yield case("30-fm", "FM with feature values", "4", batch(REAL, Y3), model="fm")
    few = [[], [(4, 1.5)], [(0, 0.5), (2, -1.5), (0, 0.25), (5, 2.0), (3, 0.0)]]
    yield case("31-fm-edges", "FM: empty row, single feature, zero, repeated id", "2", batch(few, Y3), model="fm")
    yield case(
        "32-fm-cancellation", "FM: large values whose squares nearly cancel", "4.2", batch(CANCELLING, Y3), model="fm"
    )
    masks = {"masks": {"pooled": [[1, 1], [0, 1], [1, 0]]}}
    yield case(
        "33-fm-dropout", "FM: dropout of the bi-interaction", "5", batch(REAL, Y3, **masks), model="fm", keep_pooled=0.8
    )
    yield case("34-fm-logistic", "FM: logistic loss, sum, L2", "6", batch(REAL, Y01), model="fm", loss="logistic",
               reduction="sum", lam_w=0.5, lam_V=0.2)  # fmt: skip
    yield case("35-sum-equals-fm", "attention sum with p = 1 is case 30 again", "4.3", batch(REAL, Y3), attention="sum",
               given={"p": [1.0, 1.0]})  # fmt: skip
    yield case("36-libsvm-text", "Rows given as libsvm text, ids from 0", "2.5", {"text": TEXT}, model="fm")


def steps() -> Iterator[Any]:
    fm = {"model": "fm"}
    yield case("37-momentum-3-steps", "SGD with momentum; rows that rest keep their velocity", "8.1", STEPS,
               **fm, optimizer="sgd", lr=0.1, momentum=0.7)  # fmt: skip
    yield case("38-adagrad-3-steps", "Adagrad from 0.5 over three batches, the last one smaller", "8.2", STEPS,
               **fm, optimizer="adagrad", lr=0.3, initial=0.5, eps=0.01)  # fmt: skip
    yield case("39-adam-3-steps", "Adam; rows that rest keep value and moments, the step count is global", "8.3", STEPS,
               **fm, optimizer="adam", lr=0.05, beta1=0.8, beta2=0.9, eps=0.01)  # fmt: skip


def cases() -> list[Case]:
    return [*models(), *steps()]
