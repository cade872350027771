"""Naming mistakes: a mistake is named when its wrong variant gives the port's own wrong numbers.

A mistake that gives the value of a root tensor is a candidate. A mistake of the forward pass is one for gradients too,
if they are the derivatives of the wrong forward pass: that is what automatic differentiation reports. A candidate is
ruled out if it would also make a tensor wrong that the port has right. Of those left, the one that explains most roots
is named, then the one that explains most of the rest, and so on. Roots that no single mistake gives are tried with two,
which must both matter. Last come mistakes that were ruled out because of other tensors: the port makes them in this one
alone. A mistake that gives few of the wrong tensors of one name, while most of them stay without a name, is a
coincidence and not named. The names are listed in the order of the calculation, the first wrong step first.
"""

import itertools
import math
from collections import Counter
from collections.abc import Callable, Iterator
from typing import Any

from . import kit
from .checker import CaseCheck, CaseReport, Root
from .compare import fitted, largest, same, stretched
from .literal.numbers import Value, flatten, single
from .wrong import WRONG

CLEAR = 10  # a mistake shows in a tensor if it moves it by this many tolerances
TRIES = 3000  # variants tried in all, which keeps the worst report below two seconds
TWINS = 400  # forward passes that are differentiated
TWO = 200  # and of two mistakes together
CHANCE = 4  # of that many wrong tensors of one name a mistake gives at least one, or it gives them by chance
FEW = 20  # mistakes whose contradictions are all looked for
BACKWARD = ("d_", "g_", "vel_", "acc_", "m1_", "m2_", "new_")
OTHER = ("echo", "vel", "acc", "m1", "m2", "new", "direction", "correction")  # no part of a forward pass
LOSS_ONLY = ("SQUARED_HALVED_IN_LOSS_ONLY", "L2_NOT_IN_LOSS")  # the gradients are those of the right loss
LOSSES = {m for m, rules in WRONG.items() if set(rules) & {"loss_rows", "loss_data", "loss_reg", "loss"}}


def base(full: str) -> str:
    return full.rpartition("/")[2]


def has_twin(mistake: str) -> bool:
    """Is a rule of the forward pass wrong, so that automatic differentiation differentiates the mistake?"""
    rules = () if mistake in LOSS_ONLY else WRONG.get(mistake, ())
    return any(not rule.startswith(BACKWARD) and rule not in OTHER for rule in rules)


class Namer:
    """Candidates, contradictions and the choice among them, over the cases of one port."""

    def __init__(self, results: list[CaseReport]) -> None:
        self.checks: dict[str, CaseCheck] = {result.id: result.check for result in results if result.check is not None}
        self.roots = [root for result in results for root in result.roots]
        self.tries, self.two_tries, self.twins = TRIES, TWO, TWINS
        self.variants: dict[Any, Callable[[str], Value]] = {}
        self.elsewhere: dict[str, set[str]] = {}  # mistake to the tensors it contradicts
        self.known: dict[str, set[str]] = {}  # tensor to the mistakes that gave its value in a case before

    def variant(self, case: str, mistakes: tuple[str, ...], differentiated: bool = False) -> Callable[[str], Value]:
        key = (case, mistakes, differentiated)
        if key not in self.variants:
            self.twins -= differentiated
            if differentiated and self.twins < 0:
                return lambda full: None
            self.variants[key] = self.checks[case].variant(mistakes, differentiated)
        return self.variants[key]

    def gives(self, root: Root, mistakes: tuple[str, ...], differentiated: bool = False) -> bool:
        """Do the mistakes give the port's value of this root?"""
        check = self.checks[root.case]
        value = self.variant(root.case, mistakes, differentiated)(root.name)
        return value is not None and differs(check, root.name, value, 1) and check.agrees(root.name, value)

    def candidates(self, root: Root, out: set[str], before: set[str]) -> set[str]:
        """Mistakes that give the value: those known from another case, or else all that can change the tensor."""
        check = self.checks[root.case]
        known = self.known.setdefault(base(root.name), set())
        found = {m for m in known - out if check.may_change(m, root.name) and self.gives(root, (m,))}
        found |= look(check, root) - out
        if base(root.name).startswith(BACKWARD) or root.name[:1] == "s" and root.name[1:2] > "0":
            twins = {m for m in before - out if has_twin(m) and self.gives(root, (m,), True)}
            if not twins and not found:
                twins = {m for m in LOSSES - out if self.gives(root, (m,), True)}
            found = twins or found
        if found or self.tries <= 0:
            return found
        possible = [m for m in WRONG if m not in out and check.may_change(m, root.name)]
        self.tries -= len(possible)
        found = {m for m in possible if self.gives(root, (m,))}
        known |= found
        return found

    def contradictions(self, mistakes: tuple[str, ...], differentiated: bool = False) -> Iterator[str]:
        """Names of tensors that the port has right and the mistakes would make wrong, found one by one."""
        for case, check in self.checks.items():
            for full in check.local:
                touched = differentiated or any(check.may_change(m, full) for m in mistakes)
                if full in check.root_names or not touched:
                    continue
                value = self.variant(case, mistakes, differentiated)(full)
                if value is not None and differs(check, full, value, CLEAR) and not check.agrees(full, value):
                    yield base(full)

    def contradicted(self, *mistakes: str) -> bool:
        """Would they make a tensor wrong that the port has right? Gradients may be derived by hand or automatically."""
        wrong = list(itertools.islice(self.contradictions(mistakes), FEW))
        twin = len(mistakes) == 1 and has_twin(mistakes[0]) and all(name.startswith(BACKWARD) for name in wrong)
        return bool(wrong) and (not twin or next(self.contradictions(mistakes, True), None) is not None)

    def name(self) -> list[list[str]]:
        """Fill root.mistakes; return the groups of named mistakes, the first step of the calculation first.

        A group has one mistake if it was named alone, several if the roots do not tell them apart.
        """
        out, found = set[str](), set[str]()
        ruled_out: dict[Root, set[str]] = {root: set() for root in self.roots}
        forward = [root for root in self.roots if not base(root.name).startswith(BACKWARD)]
        for root in forward + [root for root in self.roots if root not in forward]:
            root.mistakes = self.candidates(root, out, {m for earlier in forward for m in earlier.mistakes})
        while fresh := {m for root in self.roots for m in root.mistakes} - found:
            found |= fresh
            out |= {m for m in fresh if m in WRONG and m not in LOOKS and self.contradicted(m)}
            for root in self.roots:
                ruled_out[root].update(root.mistakes & out)
                root.mistakes = root.mistakes - out or (self.candidates(root, out, found) if root.mistakes else set())
        self.drop_coincidences()
        groups = self.cover([root for root in self.roots if root.mistakes])
        named = [m for group in groups for m in group]
        for root in self.roots:
            if not root.mistakes:
                root.mistakes = self.two(root, named)
                root.together = bool(root.mistakes)
                groups += [[m] for m in sorted(root.mistakes) if m not in named]
                named += [m for m in root.mistakes if m not in named]
        for root in self.roots:
            if not root.mistakes:
                root.mistakes = self.in_this_tensor(root, ruled_out[root])
                root.alone = bool(root.mistakes)
        self.drop_coincidences()
        for root in self.roots:
            root.hint = root.hint or ("" if root.mistakes else likeness(self.checks[root.case], root.name))
        groups += self.cover([root for root in self.roots if root.alone and root.mistakes.isdisjoint(named)])
        places = {}  # what is named in one tensor alone comes last
        for root in reversed(self.roots):
            at = list(self.checks[root.case].where).index(root.name)
            for m in root.mistakes:
                begins = min((kit.tensor_order().get(rule, -1) for rule in WRONG.get(m, ())), default=-1)
                places[m] = (root.alone, at, begins)
        return sorted(groups, key=lambda group: places[group[0]])

    def drop_coincidences(self) -> None:
        """Take a mistake from the tensors of one name if it gives few of them and the others have no name."""
        for roots in ([r for r in self.roots if base(r.name) == name] for name in {base(r.name) for r in self.roots}):
            silent = sum(not root.mistakes for root in roots)
            given = Counter(m for root in roots for m in root.mistakes)
            for root in roots:
                if not root.together:
                    root.mistakes = {m for m in root.mistakes if CHANCE * given[m] >= given[m] + silent}
                    root.alone = root.alone and bool(root.mistakes)

    def in_this_tensor(self, root: Root, ruled_out: set[str]) -> set[str]:
        """Of the mistakes that give the root but contradict other tensors, those that contradict the fewest."""
        for m in sorted(ruled_out - self.elsewhere.keys())[: max(FEW - len(self.elsewhere), 0)]:
            self.elsewhere[m] = set(self.contradictions((m,)))
        names = {m: self.elsewhere[m] for m in ruled_out & self.elsewhere.keys()}
        names = {m: found for m, found in names.items() if base(root.name) not in found}
        fewest = min(map(len, names.values()), default=0)
        return {m for m, found in names.items() if len(found) == fewest}

    def cover(self, roots: list[Root]) -> list[list[str]]:
        groups, left = [], list(roots)
        while left:
            explains: dict[str, list[Root]] = {}
            for root in left:
                for m in root.mistakes:
                    explains.setdefault(m, []).append(root)
            most = max(len(found) for found in explains.values())
            group = sorted((m for m, found in explains.items() if len(found) == most), key=self.claims)
            group = [m for m in group if explains[m] == explains[group[0]]]
            groups.append(group)
            left = [root for root in left if root not in explains[group[0]]]
        return groups

    def claims(self, mistake: str) -> tuple[int, int, str]:
        """How many wrong tensors the mistake claims that were not reported, then how many rules it breaks at all."""
        seen = {base(name) for check in self.checks.values() for name in check.values}
        rules = WRONG.get(mistake, {})
        return sum(rule in kit.all_names() and rule not in seen for rule in rules), len(rules), mistake

    def two(self, root: Root, named: list[str]) -> set[str]:
        """Two mistakes that together give a root; those already named are tried first."""
        touching = [m for m in WRONG if self.checks[root.case].may_change(m, root.name)]
        touching.sort(key=lambda m: m not in named)
        for both in itertools.permutations(touching, 2):
            if self.two_tries == 0 or "finite" in root.problem:
                break
            self.two_tries -= 1
            if self.gives(root, both) and not any(self.gives(root, (m,)) for m in both):
                if not self.contradicted(*both):
                    return set(both)
        return set()


def differs(check: CaseCheck, full: str, value: Value, factor: float) -> bool:
    """Does a variant's value differ from the right rule's by more than `factor` tolerances?"""
    local = check.local[full]
    got = fitted(value, local)
    return got is None or not same(got, local, factor * check.tol(full))


def likeness(check: CaseCheck, full: str) -> str:
    """How the numbers of a tensor without a name differ from those that its rule gives, if it can be said."""
    local, got = check.local[full], flatten(check.values[full])
    want, tol = flatten(local), CLEAR * stretched(check.tol(full), got, local)
    if not tol or not all(map(math.isfinite, got)) or len(got) != len(want) or same(got, want, tol):
        return ""
    place = max(range(len(got)), key=lambda i: abs(want[i]))
    factor, gap = got[place] / (want[place] or math.inf), got[0] - want[0]
    telling = sum(abs(z) > tol for z in want) > 1 or round(factor, 6) in (-1, 0, 0.5, 2)
    if telling and same(got, [factor * z for z in want], tol):
        return f"every number is {factor:.6g} times the right one" if abs(factor) > 1e-9 else "every number is 0"
    return f"every number is off by {gap:.6g}" if len(got) > 1 and same(got, [gap + z for z in want], tol) else ""


# ---- mistakes that are known by how the numbers look -----------------------------------------------------------

LOOKS = ("SCORE_BIAS", "SHAPE_CHANGED", "READ_SINGLE_PRECISION", "DIGITS_LOST", "READ_SIX_DIGITS")


def look(check: CaseCheck, root: Root) -> set[str]:
    """What the numbers of a root look like beside those that its rule gives."""
    local, got = check.local[root.name], fitted(check.values[root.name], check.local[root.name])
    if got is None:
        flat = fitted(list(flatten(check.values[root.name])), local)
        return {"SHAPE_CHANGED"} if flat is not None and same(flat, local, check.tol(root.name)) else set()
    both = list(zip(flatten(got), flatten(local), strict=True))
    tol = check.tol(root.name)
    gaps = [a - b for a, b in both]
    if root.name == "score" and gaps and abs(gaps[0]) > CLEAR * tol and all(abs(z - gaps[0]) <= 4 * tol for z in gaps):
        return {"SCORE_BIAS"}
    if check.which or not tol or not all(abs(a - b) <= 1e-5 * max(1.0, abs(b)) for a, b in both):
        return set()
    loose = stretched(check.tol(root.name, 1), local, check.case["expect"][root.name])
    if all(abs(a - b) <= loose and abs(single(a) - a) <= 1e-9 * abs(a) for a, b in both):
        root.hint = "it is right in single precision: from this step on numbers are float32"
        return {"READ_SINGLE_PRECISION"}
    want = flatten(check.case["expect"][root.name])
    printed = list(zip(flatten(got), want, strict=False))  # what was printed was right
    for digits in range(15, 5, -1) if len(want) == len(both) else ():
        allowed = 10.0 ** (1 - digits)
        if all(float(f"{a:.{digits}g}") == a and abs(a - b) <= allowed * abs(b) + tol for a, b in printed):
            return {"READ_SIX_DIGITS" if digits == 6 else "DIGITS_LOST"}
    if max(map(abs, gaps), default=0.0) > 1e-9 * largest(flatten(local)) and all(abs(gap) <= loose for gap in gaps):
        root.hint = root.hint or "it is right in single precision: are some of the numbers before it float32?"
    return set()


def settle(results: list[CaseReport]) -> list[list[str]]:
    """Name the mistakes over all cases, and turn failures that change no result into "equivalent"."""
    mistakes = kit.load_mistakes()
    groups = Namer(results).name()
    for result in results:
        wrong = [root.name for root in result.roots] + result.follows
        harmless = not any(kit.is_outcome(base(name)) for name in wrong)
        explained = all(
            not root.alone and any(mistakes[m].get("equivalent") for m in root.mistakes) for root in result.roots
        )
        if result.status == "failed" and harmless and explained:
            result.status = "equivalent"
    return groups
