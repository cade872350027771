"""Rows to time: data sets by name, drawn with the field sizes and the share of repeated pairs of real ones."""

from typing import Any

import numpy as np

from ..._types import Array
from ...batch import Batch
from ...recipes import adult_parts

# The number of values of each field, and the exponent of their Zipf distribution.
FIELDS: dict[str, dict[str, tuple[int, float]]] = {
    "app-log": {
        "user": (957, 0.7), "item": (4082, 0.9), "daytime": (7, 0.2), "weekday": (7, 0.1), "weekend": (2, 0.6),
        "homework": (3, 1.2), "cost": (2, 1.0), "weather": (9, 0.7), "country": (80, 1.3), "city": (233, 1.1),
    },
    "clicks": {f"number {i}": (40, 0.5) for i in range(13)}
    | {f"category {i}": (int(size), 1.15) for i, size in enumerate(np.geomspace(10, 64_800, 26))},
    "tags": {"user": (17_000, 0.8), "item": (23_000, 0.8), "tag": (50_000, 0.8)},
}  # fmt: skip
DATA = (*FIELDS, "adult")


def make_rows(n_rows: int, seed: int = 0, data: str = "app-log") -> tuple[Batch, Array]:
    """Rows of one of the data sets, in float32.

    - app-log: ten fields with 5,382 ids, a log of app usage; 22 % of the pairs are distinct in 4,096 rows.
    - clicks: 39 fields with 220,000 ids, as in logs of clicks on advertisements; 72 % are distinct in 512 rows.
    - tags: users, items and tags, 90,000 ids; nearly all pairs are distinct.
    - adult: the training rows of UCI Adult, six of its fourteen columns real-valued, at most 29,305 rows.

    Returns
    -------
    batch : Batch
        A slot for each field.
    y : (n_rows,) float32 array
        -1 or 1; about a third of the rows is positive, a quarter of Adult's.

    Examples
    --------
    >>> batch, y = make_rows(4096)
    >>> batch.idx.shape, batch.n, 38_000 < len(batch.distinct_pairs()) < 46_000
    ((4096, 10), 5382, True)
    """
    rng = np.random.default_rng(seed)
    if data == "adult":
        rows, labels = adult_parts(scaling="standard").fit
        return rows[:n_rows].astype(np.float32), np.where(labels[:n_rows] > 0, 1, -1).astype("f")
    fields = FIELDS[data]

    def draw(field: str, count: int) -> Array:
        size, exponent = fields[field]
        share = np.arange(1, size + 1) ** -exponent
        return rng.choice(size, count, p=share / share.sum())

    columns = {field: draw(field, n_rows) for field in fields}
    if data == "app-log":
        at_home = rng.random(n_rows) < 0.95                  # a user is mostly in one place
        for field in ("country", "city"):
            home = draw(field, fields["user"][0])
            columns[field] = np.where(at_home, home[columns["user"]], columns[field])
    *start, n = np.cumsum([0, *(size for size, _ in fields.values())]).tolist()
    idx: Any = np.stack(list(columns.values()), axis=1) + start
    taste = 0.6 * rng.standard_normal((n, 4))[idx]
    score = 0.5 * (taste.sum(axis=1) ** 2 - (taste**2).sum(axis=1)).sum(axis=1)
    noisy = score + rng.standard_normal(n_rows)
    return Batch.from_padded(idx, n=n, dtype=np.float32), np.where(noisy > np.quantile(noisy, 2 / 3), 1, -1).astype("f")
