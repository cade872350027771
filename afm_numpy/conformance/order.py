"""Features and pairs that a port lists in an order of its own: put into the kit's order by the keys it reports."""

from typing import Any

from . import kit
from .literal import Trace
from .literal.numbers import Case, Value, flatten


def integers(value: Value) -> Value:
    """Whole floats, such as 3.0, as integers."""
    if isinstance(value, list):
        return type(value)(map(integers, value))
    return int(value) if isinstance(value, float) and value.is_integer() else value


def aligned(case: Case, values: dict[str, Value]) -> tuple[dict[str, Value], set[str]]:
    """Values in the kit's order, and the names of the tensors whose order the port told.

    Features are known by `active_ids`, pairs by `pair_keys`, with the prefix of their step if there are several.
    """
    values = {n: integers(value) if n.rpartition("/")[2] in kit.INTEGER else value for n, value in values.items()}
    told: set[str] = set()
    for step in range(len(case["batches"])):
        here, tensors = kit.prefix(case, step), kit.step_tensors(case, step)
        for key, group, ends in (("active_ids", kit.BY_FEATURE, features), ("pair_keys", kit.BY_PAIR, pairs)):
            if here + key not in values or key not in tensors:
                continue
            told.update(here + name for name in group)
            trace = Trace(case, step)
            right = {name: trace[name] for name in ("active_ptr", key)}
            want, got = ends(right), ends({name: values.get(here + name, right[name]) for name in right})
            if want is None or got is None or sorted(got) != sorted(want) or len(set(got)) != len(got):
                continue
            order = [got.index(item) for item in want]
            for name in group if got != want else ():
                if here + name in values:
                    values[here + name] = moved(values[here + name], order)
            if key == "pair_keys":  # a pair is the same pair with its ids the other way round
                values[here + key] = right[key]
    return values, told


def moved(value: Value, order: list[int]) -> Value:
    """The rows of a tensor in another order; left alone if it has another number of rows."""
    numbers, size = flatten(value), len(order)
    if not numbers or len(numbers) % size:
        return value
    width = len(numbers) // size
    rows = [numbers[q * width : (q + 1) * width] for q in order]
    return type(value)([row[0] for row in rows] if width == 1 else rows)


def features(tensors: dict[str, Value]) -> list[Any] | None:
    """(row, id) of every feature, or None if ids and row pointers do not fit the batch."""
    ids, ptr = flatten(tensors["active_ids"]), flatten(tensors["active_ptr"])
    whole = all(isinstance(z, int) and z >= 0 for z in ptr)
    if not whole or ptr[:1] != [0] or ptr != sorted(ptr) or len(ids) != ptr[-1]:
        return None
    return [(r, ids[a]) for r in range(len(ptr) - 1) for a in range(ptr[r], ptr[r + 1])]


def pairs(tensors: dict[str, Value]) -> list[Any] | None:
    """(row, smaller id, larger id) of every pair, or None."""
    numbers = flatten(tensors["pair_keys"])
    if len(numbers) % 3:
        return None
    return [(numbers[q], *sorted(numbers[q + 1 : q + 3])) for q in range(0, len(numbers), 3)]
