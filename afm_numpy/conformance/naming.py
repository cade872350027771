"""Naming mistakes: a mistake is named when its wrong variant gives the port's own wrong numbers.

A mistake that gives the value of a root tensor is a candidate. It is ruled out if it would also make a tensor
wrong that the port has right. Of those left, the one that explains most roots is named, then the one that
explains most of the rest, and so on. Roots that no single mistake gives are tried with two, which must both
matter. Last come mistakes that were ruled out because of other tensors: the port makes them in this one alone.
"""

import itertools

from . import kit
from .compare import fitted, same
from .literal.numbers import flatten
from .wrong import WRONG

CLEAR = 10  # a mistake shows in a tensor if it moves it by this many tolerances
TRIES = 4000  # variants tried in all, which keeps the worst report below two seconds
TWO = 200  # and of two mistakes together
FEW = 20  # mistakes whose contradictions are all looked for


class Namer:
    """Candidates, contradictions and the choice among them, over the cases of one port."""

    def __init__(self, results):
        self.checks = {result.id: result.check for result in results if result.check is not None}
        self.roots = [root for result in results for root in result.roots]
        self.variants, self.tries, self.two_tries = {}, TRIES, TWO
        self.elsewhere = {}  # mistake to the tensors it contradicts
        self.known = {}  # tensor to the mistakes that gave its value in a case before

    def variant(self, case, mistakes):
        key = (case, mistakes)
        if key not in self.variants:
            self.variants[key] = self.checks[case].variant(mistakes)
        return self.variants[key]

    def gives(self, root, mistakes):
        """Do the mistakes give the port's value of this root?"""
        check = self.checks[root.case]
        value = self.variant(root.case, mistakes)(root.name)
        return value is not None and differs(check, root.name, value, 1) and check.agrees(root.name, value)

    def candidates(self, root, out=frozenset()):
        """Mistakes that give the value: those known from another case, or else all that can change the tensor."""
        check = self.checks[root.case]
        known = self.known.setdefault(root.name.rpartition("/")[2], set())
        found = {m for m in known - out if check.may_change(m, root.name) and self.gives(root, (m,))}
        if root.name == "score" and constant_shift(check, root.name):
            found.add("SCORE_BIAS")
        if found or self.tries <= 0:
            return found
        possible = [m for m in WRONG if m not in out and check.may_change(m, root.name)]
        self.tries -= len(possible)
        found = {m for m in possible if self.gives(root, (m,))}
        known |= found
        return found

    def contradictions(self, mistakes):
        """Names of tensors that the port has right and the mistakes would make wrong, found one by one."""
        for case, check in self.checks.items():
            for full in check.local:
                if full in check.root_names or not any(check.may_change(m, full) for m in mistakes):
                    continue
                value = self.variant(case, mistakes)(full)
                if value is not None and differs(check, full, value, CLEAR) and not check.agrees(full, value):
                    yield full.rpartition("/")[2]

    def contradicted(self, *mistakes):
        """Would the mistakes make a tensor wrong that the port has right?"""
        return next(self.contradictions(mistakes), None) is not None

    def name(self):
        """Fill root.mistakes; return the groups of named mistakes, most telling first.

        A group has one mistake if it was named alone, several if the roots do not tell them apart.
        """
        out, found, ruled_out = set(), set(), {root: set() for root in self.roots}
        for root in self.roots:
            root.mistakes = self.candidates(root)
        while fresh := {m for root in self.roots for m in root.mistakes} - found:
            found |= fresh
            out |= {m for m in fresh if m != "SCORE_BIAS" and self.contradicted(m)}
            for root in self.roots:
                ruled_out[root].update(root.mistakes & out)
                root.mistakes = root.mistakes - out or (self.candidates(root, out) if root.mistakes else set())
        groups = self.cover([root for root in self.roots if root.mistakes])
        named = [m for group in groups for m in group]
        for root in self.roots:
            if not root.mistakes:
                root.mistakes = self.two(root, named)
                groups += [[m] for m in sorted(root.mistakes) if m not in named]
                named += [m for m in root.mistakes if m not in named]
        for root in self.roots:
            if not root.mistakes:
                root.mistakes = self.in_this_tensor(root, ruled_out[root])
                root.alone = bool(root.mistakes)
        groups += self.cover([root for root in self.roots if root.alone and root.mistakes.isdisjoint(named)])
        return groups

    def in_this_tensor(self, root, ruled_out):
        """Of the mistakes that give the root but contradict other tensors, those that contradict the fewest."""
        for m in sorted(ruled_out - self.elsewhere.keys())[: max(FEW - len(self.elsewhere), 0)]:
            self.elsewhere[m] = set(self.contradictions((m,)))
        names = {m: self.elsewhere[m] for m in ruled_out & self.elsewhere.keys()}
        names = {m: found for m, found in names.items() if root.name.rpartition("/")[2] not in found}
        fewest = min(map(len, names.values()), default=0)
        return {m for m, found in names.items() if len(found) == fewest}

    def cover(self, roots):
        groups, left = [], list(roots)
        while left:
            explains = {}
            for root in left:
                for m in root.mistakes:
                    explains.setdefault(m, []).append(root)
            most = max(len(found) for found in explains.values())
            group = sorted(m for m, found in explains.items() if len(found) == most)
            group = [m for m in group if explains[m] == explains[group[0]]]
            groups.append(group)
            left = [root for root in left if root not in explains[group[0]]]
        return groups

    def two(self, root, named):
        """Two mistakes that together give a root; those already named are tried first."""
        touching = [m for m in WRONG if self.checks[root.case].may_change(m, root.name)]
        touching.sort(key=lambda m: m not in named)
        for first, second in itertools.permutations(touching, 2):
            if self.two_tries == 0 or "finite" in root.problem:
                break
            self.two_tries -= 1
            both = (first, second)
            if self.gives(root, both) and not any(self.gives(root, (m,)) for m in both):
                if not self.contradicted(*both):
                    return set(both)
        return set()


def differs(check, full, value, factor):
    """Does a variant's value differ from the right rule's by more than `factor` tolerances?"""
    local = check.local[full]
    got = fitted(value, local)
    return got is None or not same(got, local, factor * check.tol(full))


def constant_shift(check, full):
    """Is the port's tensor the right one plus one constant?"""
    local = check.local[full]
    got = fitted(check.values[full], local)
    if got is None or not flatten(local):
        return False
    gaps = [a - b for a, b in zip(flatten(got), flatten(local), strict=True)]
    return all(abs(gap - gaps[0]) <= 4 * check.tol(full) for gap in gaps) and abs(gaps[0]) > CLEAR * check.tol(full)


def settle(results):
    """Name the mistakes over all cases, and turn failures that change no result into "equivalent"."""
    mistakes = kit.load_mistakes()
    groups = Namer(results).name()
    for result in results:
        wrong = [root.name for root in result.roots] + result.follows
        harmless = not any(kit.is_outcome(name.rpartition("/")[2]) for name in wrong)
        explained = all(
            not root.alone and any(mistakes[m].get("equivalent") for m in root.mistakes) for root in result.roots
        )
        if result.status == "failed" and harmless and explained:
            result.status = "equivalent"
    return groups
