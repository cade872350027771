"""One case of a port: which tensors are wrong, which of them by themselves, and which mistake makes them so.

A tensor is right when it agrees with the kit. A wrong tensor is a *root* when its own rule, applied to the port's
own numbers before it, does not give it; otherwise it follows from what is wrong before it. So two mistakes are
seen apart even when one comes after the other. A tensor that was not reported is calculated from those that were.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from . import kit
from .compare import fitted, problem, same, stretched
from .literal import Trace
from .literal.derivative import twin
from .literal.numbers import Case, Value, flatten, nest, shape_of
from .order import aligned
from .wrong import WRONG, layers

FAULTS = (ArithmeticError, AttributeError, LookupError, TypeError, ValueError)


@dataclass(eq=False)
class Root:
    """A tensor that is wrong by itself."""

    case: str
    name: str
    problem: str
    narrow: list[str]  # tensors before it that were not reported
    hint: str = ""
    mistakes: set[str] = field(default_factory=set)  # those that give the port's value
    together: bool = False  # the mistakes give it together, none of them alone
    alone: bool = False  # the mistakes are in this tensor only: elsewhere the port does not make them


@dataclass(eq=False)
class CaseReport:
    """What was found in one case."""

    id: str
    status: str  # "passed", "failed", "equivalent", "skipped"
    reason: str = ""
    reported: int = 0
    expected: int = 0
    roots: list[Root] = field(default_factory=list)
    follows: list[str] = field(default_factory=list)
    unknown: list[str] = field(default_factory=list)
    check: Any = None


class CaseCheck:
    """The tensors of one case as a port reported them, each beside what its own rule gives."""

    def __init__(self, case: Case, values: dict[str, Value], dtype: str) -> None:
        self.case, self.which = case, 1 if dtype == "float32" else 0
        self.where = {full: (step, name) for full, step, name in kit.tensors(case)}
        values, self.ordered = aligned(case, values)  # ordered: those whose order the port told
        self.values = {full: values[full] for full in self.where if full in values}
        self.accepted: list[dict[str, Value]] = [{} for _ in case["batches"]]
        self.local: dict[str, Value] = {}
        self.needs: dict[str, set[tuple[int, str, str]]] = {}
        self.rules: dict[str, set[str]] = {}
        self.problems: dict[str, str | None] = {}
        self.evaluate()
        wrong = [full for full in self.problems if self.problems[full] is not None]
        self.root_names = [full for full in wrong if not self.agrees(full, self.local[full])] or wrong[:1]

    def tol(self, full: str, which: int | None = None) -> float:
        return self.case["tol"].get(full, (0.0, 0.0))[self.which if which is None else which]

    def evaluate(self) -> None:
        trace: Trace | None = None
        for full, (step, name) in self.where.items():
            if trace is None or trace.step != step:
                trace = Trace(self.case, step, trace)
            if full not in self.values:
                continue
            want, got = self.case["expect"][full], self.values[full]
            self.problems[full] = problem(got, want, self.tol(full), self.place(full))
            value = calculated(trace, name)
            self.local[full] = want if value is None else value
            self.needs[full] = trace.needs.get(name, {(step, name, name)})
            self.rules[full] = {rule for _, rule, _ in self.needs[full]}
            given = {name: self.usable(trace, step, name, got)}
            if name == "pair_keys":
                given["pairs"] = given[name] and positions(trace, given[name])
            if None not in given.values():
                for key, tensor in given.items():
                    trace.give(key, tensor)
                self.accepted[step].update(given)

    def usable(self, trace: Trace, step: int, name: str, got: Value) -> Value:
        """The port's tensor if later rules can be applied to it, else None. Counts of its own are allowed."""
        if name == "pair_keys":
            numbers = flatten(got)
            return nest(numbers, (len(numbers) // 3, 3)) if len(numbers) % 3 == 0 and whole(numbers) else None
        if name == "active_ptr":
            return got if self.ragged(trace, step, got) else None
        if name in ("active_ids", "active_x", "active_slots"):
            inside = name != "active_ids" or whole(got) and all(z < self.case["config"]["n"] for z in got)
            fits = isinstance(got, list) and len(got) == trace["active_ptr"][-1]
            return got if fits and inside else None
        return fitted(got, self.local[kit.prefix(self.case, step) + name])

    def ragged(self, trace: Trace, step: int, ptr: Value) -> bool:
        """Do the port's row pointers fit the features it reports?"""
        here = kit.prefix(self.case, step)
        sizes = {len(flatten(self.values.get(here + name, trace[name]))) for name in ("active_ids", "active_x")}
        fits = whole(ptr) and len(ptr) == len(trace["y"]) + 1 and ptr[0] == 0 and list(ptr) == sorted(ptr)
        return fits and sizes == {ptr[-1]}

    def agrees(self, full: str, value: Value) -> bool:
        got = fitted(self.values[full], value)
        want = self.case["expect"][full]
        return got is not None and same(got, value, stretched(self.tol(full), value, want))

    def variant(self, mistakes: tuple[str, ...], differentiated: bool = False) -> Callable[[str], Value]:
        """A function: full tensor name to its value with mistakes switched on, on the port's own numbers.

        `differentiated`: the gradients are the derivatives of the wrong forward pass, and not those of the right one.
        """
        chain: list[Trace] = []
        switched = layers(mistakes)
        if differentiated:
            try:
                chain = twin(self.case, switched, self.accepted)
            except FAULTS:
                return lambda full: None
        for step, given in enumerate(() if differentiated else self.accepted):
            chain.append(Trace(self.case, step, chain[-1] if chain else None, switched, given))

        def value(full: str) -> Value:
            step, name = self.where[full]
            if name == "pair_keys":  # `pairs` was read from the port's keys, so it would give them back
                own = {key: z for key, z in self.accepted[step].items() if key not in ("pairs", name)}
                return calculated(Trace(self.case, step, None, switched, own), name)
            return calculated(chain[step], name, differentiated)

        return value

    def may_change(self, mistake: str, full: str) -> bool:
        """Does a mistake stand in a rule that ran for this tensor?"""
        return not self.rules[full].isdisjoint(WRONG[mistake])

    def unreported(self, full: str) -> list[str]:
        """Tensors of the kit that the value was calculated through because the port did not give them.

        Of the steps before only the one next to it counts, and of that the parameters and the state it leaves.
        """
        here, base = (int(full[1 : full.index("/")]) if "/" in full else 0), full.rpartition("/")[2]
        before = [
            kit.prefix(self.case, step) + name
            for step, _, name in self.needs[full]
            if step == here or step == here - 1 and (name.startswith("new_") or name == base)
        ]
        return [name for name in self.where if name in before and name not in self.values and name != full]

    def hint(self, full: str) -> str:
        """Are the rows of the tensor right, but in another order that the port did not tell?"""
        here, base = full[: full.rfind("/") + 1], full.rpartition("/")[2]
        key = {**dict.fromkeys(kit.BY_FEATURE, "active_ids"), **dict.fromkeys(kit.BY_PAIR, "pair_keys")}.get(base, base)
        want = self.case["expect"][full]
        got = fitted(self.values[full], want)
        if key == base or full in self.ordered or got is None:
            return ""
        right = same(sorted(got), sorted(want), self.tol(full))
        return f"the rows are right, in another order: report {here}{key} too" if right else ""

    def place(self, full: str) -> Callable[[int], str]:
        """A function: number of an entry in row-major order to its place in words: "row 1, ids 2 and 5, unit 3"."""
        step, name = self.where[full]

        def words(i: int) -> str:
            path: list[int] = []
            for size in reversed(shape_of(self.case["expect"][full])):
                i, at = divmod(i, size)
                path.insert(0, at)
            return ", ".join(kit.axis_words(name, Trace(self.case, step), path)) or "its only entry"

        return words


def calculated(trace: Trace, name: str, given: bool = False) -> Value:
    """The value of a rule on a port's numbers, or None if it cannot be applied to them."""
    try:
        value = trace[name] if given else trace.compute(name)
    except FAULTS:
        return None
    return None if None in flatten(value) else value


def whole(numbers: Value) -> bool:
    """Whole numbers from 0 that can be used as indices?"""
    return isinstance(numbers, list) and all(isinstance(z, int) and 0 <= z < 2**53 for z in numbers)


def positions(trace: Trace, keys: Value) -> list[tuple[int, int, int]] | None:
    """(row, first, second) positions of pair keys (row, id, id), or None if a key is of no active feature."""
    ids, free = trace["active_ids"], dict[Any, list[tuple[int, int, int]]]()
    for r, start, end in trace["spans"]:
        for a in range(start, end):
            for b in range(start, end):
                free.setdefault((r, ids[a], ids[b]), []).append((r, a, b))
    result = []
    for key in map(tuple, keys):
        places = free.get(key)
        if not places:
            return None
        in_order = [place for place in places if place[1] < place[2]] or places
        result.append(in_order[0])
        if len(places) > 1:
            places.remove(in_order[0])
    return result


def check_case(case: Case, values: dict[str, Value], dtype: str = "float64") -> CaseReport:
    """Compare the tensors that a port reports for one case; mistakes are named afterwards, over all cases."""
    check = CaseCheck(case, values, dtype)
    result = CaseReport(case["id"], "passed", reported=len(check.values), expected=len(check.where), check=check)
    result.unknown = sorted(name for name in values if name.rpartition("/")[2] not in kit.all_names())
    for full in check.root_names:
        found = Root(case["id"], full, check.problems[full] or "", check.unreported(full), check.hint(full))
        result.roots.append(found)
    result.follows = [full for full, text in check.problems.items() if text and full not in check.root_names]
    if not check.values:
        result.status, result.reason = "skipped", "no tensor of this case was reported"
    elif result.roots and without_update(check):
        result.status, result.reason, result.roots = "skipped", "needs s0/new_*: the next batch begins from them", []
    elif result.roots:
        result.status = "failed"
    return result


def without_update(check: CaseCheck) -> bool:
    """Are the later steps those of a port that has no optimizer yet, and is everything right otherwise?"""
    if len(check.case["batches"]) == 1 or any("/new_" in name for name in check.values):
        return False
    value = check.variant(("UPDATE_MISSING",))
    return all(not full.startswith("s0/") and check.agrees(full, value(full)) for full in check.root_names)
