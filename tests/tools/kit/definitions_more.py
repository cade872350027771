"""Inputs of the cases 40 and up: sizes beyond one block, several steps of the network, both scopes of L2, fields."""

from collections.abc import Iterator
from typing import Any

from definitions import REAL, Y01, Y3, batch, case, ones, wave
from definitions_afm import FREE_ROWS
from definitions_fm import STEPS

from afm_numpy.conformance.literal.numbers import Case

SGD: Any = {"optimizer": "sgd", "lr": 0.1}
ADAGRAD: Any = {"optimizer": "adagrad", "lr": 0.2, "initial": 0.3, "eps": 0.01}
ADAM: Any = {"optimizer": "adam", "lr": 0.05, "beta1": 0.8, "beta2": 0.9, "eps": 0.01}
L2: Any = {"lam_W": 0.07, "lam_w": 0.05, "lam_V": 0.03}
MIDDLE: Any = {"n": 9, "k": 5, "t": 3}
FIELDS: Any = {"n": 7, "k": 2, "t": 5, "field_dims": [2, 3, 2]}
LONG = list(enumerate(wave((12,), 1.3, 2.9, 0.8)))  # 66 pairs
RAGGED = [[(8, 0.7), (1, -1.2), (4, 0.9), (6, 1.4), (3, -0.6)], [(0, 1.1), (8, 0.4), (5, -0.8)], [(2, 0.9), (7, 1.3)]]
FOUR = [[(0, 0.8), (3, -0.5), (8, 1.2)], [(4, 1.5)], [(1, 0.6), (4, -1.1)], [(7, 0.9), (2, 0.4), (5, 1.7), (6, -0.3)]]
NO_PAIR = [[(4, 1.5)], [], [(1, -0.7), (2, 0.0)]]
LARGE = [
    [(16777216, 0.5), (16777217, 1.5), (3, -2.0), (16777217, 0.25)],
    [(2147483646, 1.0), (33554433, 0.75)],
    [(0, 1.0), (16777219, -1.0), (16777219, 1.0)],
]


def sizes() -> Iterator[Case]:
    yield case("40-wide", "k and t beyond eight and four: the end of a block counts", "3.1",
               batch([RAGGED[1], RAGGED[2]], Y3[:2]), n=10, k=9, t=5)  # fmt: skip
    yield case("41-one-row", "A batch of one row", "3", batch([RAGGED[0][1:]], [1.0]), loss="logistic", n=9,
               k=5, t=4)  # fmt: skip
    yield case("42-no-pair", "A batch without a pair: the network has nothing to do", "2.4", batch(NO_PAIR, Y3),
               lam_W=0.4, **MIDDLE)  # fmt: skip
    rows = case("43-large-ids", "Ids beyond 2^24 and near 2^31: rows and pairs only", "2", batch(LARGE, Y3))
    rows.update(config={"model": "rows", "n": 2**31 - 1}, params={}, requires=[])
    yield rows


def masks() -> Iterator[Case]:
    several: Any = {"pairs": [[1, 0, 1, 1, 1], [1, 1, 0, 1, 1], [0, 1, 1, 1, 0], [1, 1, 1, 0, 1], [1, 0, 1, 0, 1]],
               "attn": [1, 1, 0, 1, 1], "pooled": [[1, 1, 0, 1, 1], [0, 1, 1, 1, 1], [1, 0, 1, 0, 1]]}  # fmt: skip
    keeps: Any = {"keep_pairs": 0.7, "keep_attn": 0.6, "keep_pooled": 0.8}
    yield case("44-masks-three-sites", "Masks at all three sites, a sum, L2 on W", "5",
               batch(REAL, Y3, masks=several), reduction="sum", lam_W=0.3, **keeps, **MIDDLE)  # fmt: skip
    first = batch(REAL, Y3, masks={site: several[site] for site in ("pairs", "attn")})
    second = batch(FOUR[2:3] + REAL[:1], [0.3, -0.9], masks={"attn": [0, 1, 1, 1], "pairs": several["pairs"][:0:-1]})
    yield case("45-masks-two-steps", "Masks at two sites, others in the second step", "5", [first, second],
               keep_pairs=0.7, keep_attn=0.6, **SGD, **MIDDLE)  # fmt: skip


def network_steps() -> Iterator[Case]:
    batches = [batch([LONG, [(4, 0.9), (9, -1.2), (4, 0.3)], [(7, 1.1)]], Y01), batch([LONG[2:6]], [0.0])]
    yield case("46-network-adam", "Network, Adam, L2, logistic: a row of 66 pairs, then a batch of one row", "8.3",
               batches, loss="logistic", n=12, k=2, t=1, **ADAM, **L2)  # fmt: skip
    batches = [batch(RAGGED[:2], Y3[:2]), batch(FOUR, [0.3, -0.9, 1.2, 0.7])]
    yield case("47-network-adagrad", "Network, Adagrad, L2, a sum; the second batch is larger", "8.2", batches,
               reduction="sum", n=9, k=3, t=2, **ADAGRAD, **L2)  # fmt: skip
    batches = [batch(RAGGED, Y3), batch(NO_PAIR[:2], Y3[:2])]
    yield case("48-network-momentum", "Network, momentum, L2 on the whole table; then a batch without a pair", "6.3",
               batches, scope="all", momentum=0.6, n=9, k=2, t=3, **SGD, **L2)  # fmt: skip


def other_steps() -> Iterator[Case]:
    batches = [batch(FREE_ROWS[:2], Y3[:2]), batch(FREE_ROWS[1:], Y3[1:])]
    yield case("49-free-adam", "Free weights under Adam: pairs that rest keep weight and moments", "8", batches,
               attention="free", **ADAM)  # fmt: skip
    yield case("50-l2-whole-table", "FM, Adam, L2 on the whole table: every row moves", "6.3", STEPS[:2], model="fm",
               scope="all", lam_w=0.05, lam_V=0.03, **ADAM)  # fmt: skip


def fixed_fields() -> Iterator[Case]:
    """One feature of every field, x = 1; every id stands in every batch, so a dense step is the same as a lazy one."""
    y, y01 = [1.5, -0.8, 0.6, 0.2], [1.0, 0.0, 1.0, 1.0]
    first, second = ones((0, 2, 5), (1, 3, 6), (0, 4, 6), (1, 2, 6)), ones((1, 4, 5), (0, 3, 5), (1, 2, 6), (0, 4, 6))
    yield case("51-fields-network", "Fixed fields, one-hot: network", "3", batch(first, y), **FIELDS)
    both = [batch(first, y), batch(second[1:], y[1:])]
    yield case("52-fields-network-sgd", "Fixed fields, one-hot: network, two steps of SGD", "8.1", both, **SGD,
               **FIELDS)  # fmt: skip
    both = [batch(first, y01), batch(second, y01[::-1])]
    yield case("53-fields-network-adam", "Fixed fields, one-hot: network, logistic, two steps of Adam", "8.3", both,
               loss="logistic", **ADAM, **FIELDS)  # fmt: skip
    fm = {name: size for name, size in FIELDS.items() if name != "t"}
    yield case("54-fields-fm-logistic", "Fixed fields, one-hot: FM, logistic", "4", batch(first, y01), model="fm",
               loss="logistic", **fm)  # fmt: skip
    yield case("55-fields-fm-adagrad", "Fixed fields, one-hot: FM, two steps of Adagrad", "8.2",
               [batch(first, y), batch(second, y)], model="fm", **ADAGRAD, **fm)  # fmt: skip
    yield case("56-fields-sum", "Fixed fields, one-hot: attention sum", "3.2", batch(second, y), attention="sum", **fm)


def nearly_nothing() -> Iterator[Case]:
    first = batch([[(0, 0.8), (3, -1.5), (1, 0.0), (2, 1.1), (4, 3e-7)]], [1.5])
    batches = [first, batch([[(4, 2e-7)]], [-0.8])]
    yield case("57-nearly-nothing", "Listed zeros rest, tiny numbers count", "2.2", batches, n=5,
               lam_w=0.05, lam_V=0.03, given={"h": [840.0, -735.0, 560.0]}, **SGD)  # fmt: skip


def rows_as_they_stand() -> Iterator[Case]:
    """Rows whose slots, repeated ids and zeros tell apart what may be counted in them; k = 1."""
    rows = [[(4, 0.5), (1, -1.2), (4, 0.4), (0, 0.0), (6, 0.8)], [(2, 1e-20), (5, 1.3), (3, -0.7)]]
    rows.append([(6, 1.1), (2, 0.4)])
    field = {"field": wave((10,), 1.2, 1.7, 0.8)}
    yield case("58-field-slots", "Slots of short rows, a repeated id, a value of 1e-20", "3.2", batch(rows, Y3),
               attention="field", m=5, k=1, given=field)  # fmt: skip
    rows = [[(0, 0.5), (3, 0.0), (5, 2.0), (0, 0.4), (6, -1.2)], [(1, 0.8), (4, -0.6)]]
    yield case("59-uniform-sure", "uniform: zeros and repeats are not counted; sure predictions", "6.1",
               batch(rows, [1.0, 1.0]), attention="uniform", loss="logistic", k=1, given={"w0": 33.0})  # fmt: skip


def cases() -> list[Case]:
    groups = sizes, masks, network_steps, other_steps, fixed_fields, nearly_nothing, rows_as_they_stand
    return [one for group in groups for one in group()]
