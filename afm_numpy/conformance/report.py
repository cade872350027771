"""A report on all cases: text for people, a dict for programs."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any

from . import kit
from .checker import CaseReport, Root, check_case
from .naming import settle
from .results import Results

STATUSES = ("passed", "failed", "equivalent", "skipped")
SHOWN = 6
SELFTEST = "00-selftest-floats"


@dataclass
class KitReport:
    """What the checker found. `print(report)` tells it; `report.ok` says whether nothing failed."""

    dtype: str
    results: list[CaseReport]
    named: list[list[str]]  # groups of mistake ids; one id in a group if it was named alone
    others: int | None = None  # failed cases that are not shown
    expected: dict[str, str] = field(default_factory=dict)  # cases that may fail, and why

    @property
    def names(self) -> list[str]:
        """The named mistakes, the first wrong step of the calculation first."""
        return [m for group in self.named for m in group]

    @property
    def counts(self) -> dict[str, int]:
        return {status: sum(result.status == status for result in self.results) for status in STATUSES}

    @property
    def in_part(self) -> int:
        """How many of the passed cases lack tensors: what was not reported was not checked."""
        return sum(r.status == "passed" and r.reported < r.expected for r in self.results)

    @property
    def complete(self) -> bool:
        """Does the port conform: is everything reported, and right? Float32 need not do the cases for float64."""
        due = [r for r in self.results if self.dtype == "float64" or "float64" not in kit.load_case(r.id)["requires"]]
        due = [r for r in due if r.id not in self.expected]
        return self.ok and all(r.status != "skipped" and r.reported == r.expected for r in due)

    @property
    def ok(self) -> bool:
        failed = [r for r in self.results if r.status == "failed" and r.id not in self.expected]
        return not failed and self.counts["passed"] + self.counts["equivalent"] > 0

    def __str__(self) -> str:
        return self.text()

    def text(self, everything: bool = False) -> str:
        """The report in words. If case 00 failed only that is told, unless `everything` is asked for."""
        return "\n".join(lines(self if everything else of_selftest(self)))

    def as_dict(self) -> dict[str, Any]:
        """The report as plain data, for --json."""
        mistakes = kit.load_mistakes()
        cases = []
        for result in self.results:
            roots = [
                {"tensor": r.name, "problem": r.problem, "mistakes": sorted(r.mistakes), "together": r.together,
                 "in_this_alone": r.alone, "hint": r.hint, "report_next": r.narrow}
                for r in result.roots
            ]  # fmt: skip
            cases.append({
                "case": result.id, "status": result.status, "reason": result.reason, "reported": result.reported,
                "expected": result.expected, "wrong": roots, "follows": result.follows, "unknown": result.unknown,
            })  # fmt: skip
        named = [
            {"ids": group, "alone": len(group) == 1, "mistakes": [mistakes[m] for m in group]} for group in self.named
        ]
        return {
            "kit": kit.KIT_VERSION,
            "dtype": self.dtype,
            "ok": self.ok,
            "complete": self.complete,
            **self.counts,
            "passed_in_part": self.in_part,
            "names": self.names,
            "named": named,
            "expected": self.expected,
            "cases": cases,
        }


def check_results(
    results: Results, cases: Iterable[str] | None = None, *, expected: dict[str, str] | None = None
) -> KitReport:
    """Check what a port reported (`results.Results`) against the kit, or against some of its cases.

    `expected` holds cases that may fail, each with the reason: `results.read_expected`.
    """
    chosen = kit.load_cases() if cases is None else {case: kit.load_cases()[case] for case in cases}
    found: list[CaseReport] = []
    for name, case in chosen.items():
        reason = why_skipped(name, case, results)
        if reason:
            found.append(CaseReport(name, "skipped", reason, expected=len(kit.tensors(case))))
        else:
            found.append(check_case(case, results.cases[name], results.dtype))
    return KitReport(results.dtype, found, settle(found), expected=expected or {})


def why_skipped(name: str, case: dict[str, Any], results: Results) -> str:
    if name in results.skipped:
        reason = "".join(c if c.isprintable() else " " for c in str(results.skipped[name])[:80])
        return reason.strip() or "the port leaves it out"
    if "float64" in case["requires"] and results.dtype != "float64":
        return "needs float64"
    missing = [c for c in case["requires"] if results.capabilities is not None and c not in results.capabilities]
    if missing:
        return "needs " + ", ".join(missing)
    return "" if name in results.cases else "not reported"


def few(items: list[str], between: str = ", ") -> str:
    return between.join(items[:SHOWN]) + (" ..." if len(items) > SHOWN else "")


def lines(report: KitReport) -> Iterator[str]:
    mistakes = kit.load_mistakes()
    for result in report.results:
        if result.status in ("failed", "equivalent"):
            yield from of_case(result, set(report.names), report.expected.get(result.id))
    if report.named:
        yield "likely mistakes:"
    for group in report.named:
        for m in group:
            entry = mistakes[m]
            matches = [root for root in of_roots(report) if m in root.mistakes]
            cases = len({root.case for root in matches})
            tie = "" if len(group) == 1 else f", not told apart from {', '.join(x for x in group if x != m)}"
            yield f"  {m}: {entry['title']} (wrong tensors that it gives: {len(matches)}, cases: {cases}{tie})"
            yield f"    effect: {entry['effect']}"
            yield f"    right: {entry['fix']}"
            if "seen_in" in entry:
                yield f"    also seen in: {'; '.join(entry['seen_in'])}"
    unnamed = sum(not root.mistakes for root in of_roots(report))
    if unnamed:
        yield f"  wrong for a reason that is not in the catalogue: {unnamed} of {len(of_roots(report))}"
    yield summary(report)
    better = [r.id for r in report.results if r.id in report.expected and r.status in ("passed", "equivalent")]
    if better:
        yield f"  expected to fail, and right: {', '.join(better)}; take them out of the list"
    unknown = sorted({name for result in report.results for name in result.unknown})
    if unknown:
        yield f"  no tensors of the kit, ignored: {few(unknown)}"
    reasons: dict[str, list[str]] = {}
    for result in report.results:
        if result.status == "skipped":
            reasons.setdefault(result.reason, []).append(result.id)
    for reason, ids in reasons.items():
        yield f"  skipped, {reason}: {few(ids)}"


def of_selftest(report: KitReport) -> KitReport:
    """The report on case 00 alone if that failed: every other number went through the same reader and printer."""
    first = [r for r in report.results if r.id == SELFTEST and r.status == "failed"]
    if not first or report.counts["failed"] == 1:
        return report
    named = [group for group in report.named if any(m in root.mistakes for m in group for root in first[0].roots)]
    return KitReport(report.dtype, first, named, report.counts["failed"] - 1, report.expected)


def summary(report: KitReport) -> str:
    counts, part = report.counts, report.in_part
    if report.others is not None:
        return f"case 00 failed: fix it first; {report.others} more cases failed (--all shows them)"
    numbers = {"passed": counts["passed"] - part, "passed in part": part}
    numbers.update({status: counts[status] for status in STATUSES[1:]})
    always = ("passed", "failed", "skipped")
    text = ", ".join(f"{number} {status}" for status, number in numbers.items() if number or status in always)
    return f"{report.dtype}: {text}" + (" (not every tensor was reported)" if part else "")


def of_roots(report: KitReport) -> list[Root]:
    return [root for result in report.results for root in result.roots]


def of_case(result: CaseReport, named: set[str], why: str | None = None) -> Iterator[str]:
    yield f"{result.status.upper()} {result.id}" + (f", as expected{why and f': {why}'}" if why is not None else "")
    for root in result.roots[:SHOWN]:
        yield f"  wrong: {root.name}: {root.problem}"
        if root.mistakes:
            alone = ", in this tensor alone" if root.alone else ""
            likely = sorted(root.mistakes if root.together else root.mistakes & named or root.mistakes)
            yield f"    likely: {(' and ' if root.together else ' or ').join(likely)}{alone}"
        if root.hint:
            yield f"    {root.hint}"
        if root.narrow:
            yield f"    tensors before it are missing; report {', '.join(root.narrow[-SHOWN:])} to narrow down"
    if len(result.roots) > SHOWN:
        yield f"  and {len(result.roots) - SHOWN} more that are wrong by themselves"
    if result.follows:
        yield f"  follows from it: {few(result.follows, ' ')} ({len(result.follows)})"
    if result.status == "equivalent":
        yield "  the results are right: the difference has no effect"
