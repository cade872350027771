"""The paper's equations, row by row, as literal loops. Slow on purpose: the vectorised code is tested against it.

A row is two lists: the feature ids `idx` and their values `x`, one entry a slot; a slot with x = 0 is empty.
Parameters are the same dict of arrays as elsewhere. Masks of dropout are given, one entry a unit, or None.
"""

from collections.abc import Mapping, Sequence
from math import exp
from typing import Any

__all__ = ["afm_row", "fm_row"]

Params = Mapping[str, Any]
Row = Sequence[Any]


def linear_row(params: Params, idx: Row, x: Row) -> float:
    """w0 + sum_i w_i x_i."""
    return float(params["w0"]) + sum(float(params["w"][i]) * float(x_i) for i, x_i in zip(idx, x, strict=True))


def fm_row(params: Params, idx: Row, x: Row, pooled_mask: Row | None = None) -> float:
    """FM, eq. (1), as the double sum: w0 + sum_i w_i x_i + sum_{i<j} <v_i, v_j> x_i x_j.

    Examples
    --------
    >>> fm_row({"w0": 1, "w": [0, 0, 0], "V": [[1], [2], [3]]}, [0, 1, 2], [1, 1, 1])     # 1 + 2 + 3 + 6
    12.0
    """
    V = params["V"]
    total = linear_row(params, idx, x)
    for i in range(len(idx)):
        for j in range(i + 1, len(idx)):
            for f in range(len(V[0])):
                keep = 1.0 if pooled_mask is None else float(pooled_mask[f])
                total += keep * float(V[idx[i]][f]) * float(V[idx[j]][f]) * float(x[i]) * float(x[j])
    return total


def afm_row(
    params: Params, idx: Row, x: Row, attention: str = "network",
    interactions_mask: Row | None = None, attention_mask: Row | None = None, pooled_mask: Row | None = None,
) -> float:  # fmt: skip
    """AFM, eq. (6), with the attention of eq. (5) or one of its four simpler relatives.

    Examples
    --------
    >>> params = {"w0": 1, "w": [0, 0, 0], "V": [[1], [2], [3]], "p": [1]}
    >>> afm_row(params, [0, 1, 2], [1, 1, 1], attention="sum")
    12.0
    """
    V, p = params["V"], params["p"]
    k = len(p)

    # eq. (2): the interactions of the pairs whose features are both present
    pairs, m = [], []
    slots = [(i, j) for i in range(len(idx)) for j in range(i + 1, len(idx))]
    for slot_pair, (i, j) in enumerate(slots):
        if x[i] != 0 and x[j] != 0:
            keep = [1.0] * k if interactions_mask is None else interactions_mask[slot_pair]
            pairs.append((slot_pair, int(idx[i]), int(idx[j])))
            m.append([
                float(V[idx[i]][f]) * float(V[idx[j]][f]) * float(x[i]) * float(x[j]) * float(keep[f])
                for f in range(k)
            ])  # fmt: skip

    # eq. (5): the weight of each pair
    if attention == "sum":
        a = [1.0 for _ in pairs]
    elif attention == "uniform":
        a = [1.0 / len(pairs) for _ in pairs]
    elif attention == "field":
        a = [float(params["field"][slot_pair]) for slot_pair, _, _ in pairs]
    elif attention == "free":
        weight = {(int(i), int(j)): float(value) for (i, j), value in zip(params["pairs"], params["free"], strict=True)}
        a = [weight.get((min(i, j), max(i, j)), 1.0) for _, i, j in pairs]
    elif attention == "network":
        scores = [score(params, m_p) for m_p in m]
        e = [exp(s - max(scores)) for s in scores]
        a = [e_p / sum(e) for e_p in e]
    else:
        raise ValueError(f"unknown attention {attention!r}; choose from sum, uniform, free, field, network")
    if attention_mask is not None:
        a = [a_p * float(attention_mask[slot_pair]) for a_p, (slot_pair, _, _) in zip(a, pairs, strict=True)]

    # eq. (4) and eq. (6): pooling and projection
    total = linear_row(params, idx, x)
    for f in range(k):
        pooled = sum(a_p * m_p[f] for a_p, m_p in zip(a, m, strict=True))
        total += float(p[f]) * pooled * (1.0 if pooled_mask is None else float(pooled_mask[f]))
    return total


def score(params: Params, m_p: Row) -> float:
    """a'_p = h . relu(W m_p + b), eq. (5), for one interaction m_p; W is stored (k, t)."""
    W, b, h = params["W"], params["b"], params["h"]
    total = 0.0
    for u in range(len(h)):
        z = float(b[u]) + sum(float(W[f][u]) * m_p[f] for f in range(len(m_p)))
        total += float(h[u]) * max(z, 0.0)
    return total
