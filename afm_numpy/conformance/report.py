"""A report on all cases: text for people, a dict for programs."""

from dataclasses import dataclass

from . import kit
from .checker import CaseResult, check_case
from .naming import settle

STATUSES = ("passed", "failed", "equivalent", "skipped")
SHOWN = 6


@dataclass
class Report:
    """What the checker found. `print(report)` tells it; `report.ok` says whether nothing failed."""

    dtype: str
    results: list
    named: list  # groups of mistake ids; one id in a group if it was named alone

    @property
    def counts(self):
        return {status: sum(result.status == status for result in self.results) for status in STATUSES}

    @property
    def ok(self):
        return self.counts["failed"] == 0 and self.counts["passed"] + self.counts["equivalent"] > 0

    def __str__(self):
        return "\n".join(lines(self))

    def as_dict(self):
        """The report as plain data, for --json."""
        mistakes = kit.load_mistakes()
        cases = []
        for result in self.results:
            roots = [
                {"tensor": r.name, "problem": r.problem, "mistakes": sorted(r.mistakes), "report_next": r.narrow}
                for r in result.roots
            ]
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
            **self.counts,
            "named": named,
            "cases": cases,
        }


def check_results(results, cases=None):
    """Check what a port reported (`results.Results`) against the kit, or against some of its cases."""
    cases = kit.load_cases() if cases is None else {case: kit.load_cases()[case] for case in cases}
    found = []
    for name, case in cases.items():
        reason = why_skipped(name, case, results)
        if reason:
            found.append(CaseResult(name, results.dtype, "skipped", reason, expected=len(kit.tensors(case))))
        else:
            found.append(check_case(case, results.cases[name], results.dtype))
    return Report(results.dtype, found, settle(found))


def why_skipped(name, case, results):
    if name in results.skipped:
        return str(results.skipped[name])[:80] or "the port leaves it out"
    if "float64" in case["requires"] and results.dtype != "float64":
        return "needs float64"
    missing = [c for c in case["requires"] if results.capabilities is not None and c not in results.capabilities]
    if missing:
        return "needs " + ", ".join(missing)
    return "" if name in results.cases else "not reported"


def lines(report):
    mistakes = kit.load_mistakes()
    for result in report.results:
        if result.status in ("failed", "equivalent"):
            yield from of_case(result, {m for group in report.named for m in group})
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
    counts = report.counts
    part = sum(r.status == "passed" and r.reported < r.expected for r in report.results)
    text = ", ".join(f"{counts[status]} {status}" for status in STATUSES if counts[status] or status != "equivalent")
    yield f"{report.dtype}: {text}" + (f" ({part} passed in part: not every tensor was reported)" if part else "")
    unknown = sorted({name for result in report.results for name in result.unknown})
    if unknown:
        yield f"  no tensors of the kit, ignored: {', '.join(unknown[:SHOWN])}{' ...' if len(unknown) > SHOWN else ''}"
    reasons = {}
    for result in report.results:
        if result.status == "skipped":
            reasons.setdefault(result.reason, []).append(result.id)
    for reason, names in reasons.items():
        yield f"  skipped, {reason}: {', '.join(names[:SHOWN])}{' ...' if len(names) > SHOWN else ''}"


def of_roots(report):
    return [root for result in report.results for root in result.roots]


def of_case(result, named):
    yield f"{result.status.upper()} {result.id}"
    for root in result.roots[:SHOWN]:
        yield f"  wrong: {root.name}: {root.problem}"
        if root.mistakes:
            yield f"    likely: {' or '.join(sorted(root.mistakes & named or root.mistakes))}"
        if root.narrow:
            yield f"    tensors before it are missing; report {', '.join(root.narrow[-SHOWN:])} to narrow down"
    if len(result.roots) > SHOWN:
        yield f"  and {len(result.roots) - SHOWN} more that are wrong by themselves"
    if result.follows:
        shown = " ".join(result.follows[:SHOWN]) + (" ..." if len(result.follows) > SHOWN else "")
        yield f"  follows from it: {shown} ({len(result.follows)})"
    if result.status == "equivalent":
        yield "  the results are right: the difference has no effect"
