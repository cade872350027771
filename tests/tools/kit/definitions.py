"""The inputs of every case. Expected values are added by generate.py.

All numbers are short decimals that every language reads alike. n, k, t, the rows of a batch and the number of
pairs differ, so that nothing transposed can pass.
"""

import math
from typing import Any

from afm_numpy.conformance.literal.numbers import Case, Value

N, K, T = 7, 2, 3


def wave(shape: tuple[int, ...], scale: Any, a: Any, c: Any) -> Value:
    """scale * sin(a i + c) to three decimals: a closed form in place of random numbers."""
    if len(shape) == 2:
        return [wave(shape[1:], scale, a, c + a * shape[1] * i) for i in range(shape[0])]
    return [round(scale * math.sin(a * i + c), 3) for i in range(shape[0])]


def params(names: list[str], n: int, k: int, t: int, **given: Any) -> dict[str, Any]:
    small = (n, k, t) == (N, K, T)
    made = {
        "w0": 0.3,
        "w": wave((n,), 0.6, 1.7, 0.4),
        "V": wave((n, k), 0.9, 1.3, 0.7),
        "p": [1.2, -0.7] if small else wave((k,), 1.2, 2.7, 0.9),
        "W": wave((k, t), 1.1, 2.1, 0.5),
        "b": [0.25, -0.15, 0.4] if small else wave((t,), 0.5, 1.9, 0.3),
        "h": [0.8, -1.3, 0.6] if small else wave((t,), 1.2, 2.3, 0.6),
        "field": [0.7, -0.4, 1.3, 0.55, -1.1, 0.9],
        "free": [0.6, -0.8, 1.4, 0.3, -0.5],
        "free_pairs": [[0, 2], [0, 5], [1, 4], [2, 5], [3, 6]],
    }
    return {name: given.get(name, made[name]) for name in names}


def batch(rows: Any, y: Any, **more: Any) -> Value:
    """A batch from rows of (id, x)."""
    ptr = [0]
    for row in rows:
        ptr.append(ptr[-1] + len(row))
    ids = [i for row in rows for i, _ in row]
    return {"row_ptr": ptr, "ids": ids, "x": [float(x) for row in rows for _, x in row], "y": y, **more}


def ones(*rows: Any) -> Value:
    return [[(i, 1.0) for i in row] for row in rows]


REAL = [[(0, 0.5), (2, -1.5), (5, 2.0)], [(1, 1.25), (4, 0.75)], [(2, 0.4), (6, 1.6)]]
HOT = ones((0, 2, 5), (1, 4), (3, 6))
Y3 = [1.5, -0.8, 0.6]
Y01 = [1.0, 0.0, 1.0]
NETWORK = ["w0", "w", "V", "p", "W", "b", "h"]
FM = ["w0", "w", "V"]


def case(
    name: str, title: str, spec: str, batches: Any, *, model: str = "afm", attention: str = "network",
    given: Any = None, **config: Any,
) -> Case:  # fmt: skip
    """A case without its expected values."""
    if isinstance(batches, dict):
        batches = [batches]
    full: dict[str, Any] = {"model": model, "n": N, "k": K}
    if model == "afm":
        full["attention"] = attention
        full.update({"t": T} if attention == "network" else {"m": 4} if attention == "field" else {})
    full.update({"loss": "squared", "reduction": "mean", "train": True})
    full.update(config)
    extra = {"network": ["W", "b", "h"], "field": ["field"], "free": ["free", "free_pairs"]}.get(attention, [])
    names = FM if model == "fm" else ["w0", "w", "V", "p"] + extra
    requires = [model] + ([attention] if model == "afm" else [])
    requires += ["logistic"] * (full["loss"] == "logistic") + ["l2"] * any(key.startswith("lam_") for key in full)
    requires += dict.fromkeys(f"dropout_{site}" for b in batches for site in b.get("masks", {}))
    requires += [full["optimizer"]] if "optimizer" in full else []
    requires += ["l2_whole_table"] * (full.get("scope") == "all")
    requires += ["text"] * any("text" in b for b in batches)
    return {
        "id": name,
        "title": title,
        "spec": spec,
        "flags": [],
        "requires": requires,
        "config": full,
        "params": params(names, full["n"], full["k"], full.get("t", T), **(given or {})),
        "batches": batches,
    }


FLOATS = [0.1, -0.0, 1.0, 0.30000000000000004, 5e-324, -2.5e-310, 1.7976931348623157e308, 1e23, 123456789.12345679]


def selftest() -> Value:
    return {
        "id": "00-selftest-floats",
        "title": "Numbers survive reading and writing bit by bit; run this first",
        "spec": "1.2",
        "flags": [],
        "requires": ["float64"],
        "config": {"model": "selftest"},
        "floats": FLOATS,
        "params": {},
        "batches": [{}],
    }


def all_cases() -> Value:
    """Every case of the kit, in order."""
    import definitions_afm
    import definitions_fm
    import definitions_more

    return [selftest(), *definitions_afm.cases(), *definitions_fm.cases(), *definitions_more.cases()]
