"""Calculates the conformance kit anew and compares it with the files of the package, byte for byte. Needs mpmath.

    python tests/tools/kit/regenerate.py [DIR]      with DIR the files are written there, and nothing is compared

The expected values come from the oracle. The tolerances are measured, and rounded up to one digit. All arithmetic is
mpmath's, and the pseudo-random jitter is a congruential generator that is written out here. So the same bytes come out
on every machine. They did with Python 3.10, 3.11, 3.12 and 3.13 and with mpmath 1.3.0 and 1.4.1.
"""

import hashlib
import sys
import tempfile
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import oracle
import writing
from definitions import all_cases

from afm_numpy.conformance import kit
from afm_numpy.conformance.literal import Trace
from afm_numpy.conformance.literal.numbers import Case, Value, flatten

RUNS = 24
BITS = (53, 24)  # float64, float32
FACTOR = 16


class Jitter:
    """A linear congruential generator (Knuth's MMIX constants); enough to shuffle and to nudge."""

    def __init__(self, seed: int) -> None:
        self.state = seed * 7919 + 1

    def below(self, n: int) -> Value:
        self.state = (self.state * 6364136223846793005 + 1442695040888963407) % 2**64
        return (self.state >> 33) % n

    def shuffled(self, items: Any) -> Value:
        items = list(items)
        for i in range(len(items) - 1, 0, -1):
            j = self.below(i + 1)
            items[i], items[j] = items[j], items[i]
        return items


class Rounded:
    """mpmath at a given number of bits, inputs nudged by up to one unit in the last place, sums in random order."""

    def __init__(self, bits: int, seed: int) -> None:
        from mpmath import mp

        self.mp, self.bits, self.jitter, self.nudges = mp, bits, Jitter(seed), dict[float, int]()
        self.exp, self.log, self.log1p, self.sqrt = mp.exp, mp.log, mp.log1p, mp.sqrt

    def num(self, value: Value) -> Value:
        return self.mp.mpf(value) + 0

    def nudged(self, value: Value) -> Value:
        if isinstance(value, list):
            return [self.nudged(part) for part in value]
        nudge = self.nudges.setdefault(abs(value), self.jitter.below(3) - 1)  # x and -x still cancel
        return self.num(value) * (1 + nudge * self.mp.mpf(2) ** (1 - self.bits))

    def sum(self, terms: Iterable[Any]) -> Value:
        total = self.num(0)
        for term in self.jitter.shuffled(terms):
            total = total + term
        return total

    def div(self, a: Any, b: Any) -> Value:
        return a / b


def double_sum(v: Trace, below: Callable[..., Value]) -> Value:
    """FM's pair term the other honest way: the sum over pairs."""
    if v.config["model"] != "fm":
        return below(v)
    E, k = v["emb"], v.config["k"]
    return [
        [v.ops.sum(E[a][f] * E[b][f] for r2, a, b in v["pairs"] if r2 == r) for f in range(k)]
        for r in range(len(v["y"]))
    ]


def honest_run(case: Case, bits: int, seed: int) -> Value:
    """Every tensor of a case as an honest port with a short mantissa computes it."""
    from mpmath import mp

    with mp.workprec(bits):
        ops = Rounded(bits, seed)
        params = {name: v if name == "free_pairs" else ops.nudged(v) for name, v in case["params"].items()}
        batches = [{**b, **({"x": ops.nudged(b["x"])} if "x" in b else {})} for b in case["batches"]]
        case = {**case, "params": params, "batches": batches}
        layers = {"pooled": (double_sum,)} if seed % 2 else {}
        before, values = None, {}
        for step in range(len(batches)):
            before = Trace(case, step, before, layers, ops=ops)
            here = kit.prefix(case, step)
            values.update({here + name: before[name] for name in kit.step_tensors(case, step)})
        return values


def measured(case: Case) -> Value:
    """Tolerances [float64, float32] of every tensor of real numbers."""
    from mpmath import mp, mpf

    worst = {name: [mpf(0), mpf(0)] for name, _, base in kit.tensors(case) if base not in kit.INTEGER}
    for which, bits in enumerate(BITS):
        for seed in range(RUNS):
            values = honest_run(case, bits, seed)
            for name, dev in worst.items():
                both = zip(flatten(values[name]), flatten(case["expect"][name]), strict=True)
                with mp.workprec(80):
                    dev[which] = max([dev[which], *(abs(got - mpf(want)) for got, want in both)])
    return {name: [tolerance(case["expect"][name], dev[w], BITS[w]) for w in (0, 1)] for name, dev in worst.items()}


def tolerance(want: Value, deviation: Any, bits: int) -> Value:
    largest = max([abs(float(value)) for value in flatten(want)], default=0.0)
    floor = 1e-290 if bits == 53 else 1e-30
    return rounded_up(FACTOR * float(deviation) + 4 * 2.0 ** (1 - bits) * largest + floor)


def rounded_up(value: Value) -> Value:
    """The next number with one decimal digit."""
    digit, exponent = f"{value:.0e}".split("e")
    here = float(f"{digit}e{exponent}")
    return here if here >= value else float(f"{int(digit) + 1}e{exponent}")


def complete(case: Case, mistakes: dict[str, Any]) -> Value:
    """A case with flags, expected values and tolerances."""
    case = {**case, "flags": sorted(key for key, entry in mistakes.items() if case["id"][:2] in entry["cases"])}
    if "floats" in case:
        return {**case, "expect": {"echo": case["floats"]}, "tol": {"echo": [0.0, 0.0]}}
    values = oracle.run(case)
    case["expect"] = {name: values[name] for name, _, _ in kit.tensors(case)}
    return {**case, "tol": measured(case)}


def generate(folder: Path) -> None:
    """Write cases/*.json, cases/*.vec and MANIFEST.json below `folder`."""
    mistakes = kit.load_mistakes()
    (folder / "cases").mkdir(parents=True, exist_ok=True)
    cases = [complete(case, mistakes) for case in all_cases()]
    for case in cases:
        for suffix, text in ((".json", writing.dump_case(case)), (".vec", writing.vec_case(case))):
            (folder / "cases" / (case["id"] + suffix)).write_text(text, encoding="utf-8", newline="\n")
    write_manifest(folder, cases, mistakes)


def write_manifest(folder: Path, cases: list[Case], mistakes: dict[str, Any]) -> None:
    files = {}
    for path in sorted((folder / "cases").iterdir()):
        files["cases/" + path.name] = hashlib.sha256(path.read_bytes()).hexdigest()
    manifest = {
        "kit_version": kit.KIT_VERSION,
        "spec_version": kit.SPEC_VERSION,
        "generator": "tests/tools/kit/regenerate.py",
        "cases": len(cases),
        "mistakes": len(mistakes),
        "titles": {case["id"]: case["title"] for case in cases},
        "requires": {case["id"]: case["requires"] for case in cases},
        "order": tensor_order(cases),
        "parents": tensor_parents(cases),
        "files": files,
    }
    lines = [f'"{key}": {one_by_line(value)}' for key, value in manifest.items()]
    text = "{\n" + ",\n".join(lines) + "\n}\n"
    (folder / "MANIFEST.json").write_text(text, encoding="utf-8", newline="\n")


def one_by_line(value: Value) -> Value:
    """JSON with the entries of a dict on lines of their own."""
    if not isinstance(value, dict):
        return writing.compact(value)
    return "{\n" + ",\n".join(f'"{key}": {writing.compact(part)}' for key, part in value.items()) + "\n}"


def tensor_order(cases: list[Case]) -> Value:
    """Every tensor name once, in an order that all cases keep; `acc_*` stands for that tensor of every parameter."""
    longest = sorted((kit.step_tensors(case, 0) for case in cases), key=len, reverse=True)
    order: list[str] = []
    for names in longest:
        at = 0
        for name in dict.fromkeys(map(starred, names)):
            if name in order:
                at = max(at, order.index(name) + 1)
            else:
                order.insert(at, name)
                at += 1
    return order


def starred(name: str) -> str:
    kind = name.partition("_")[0]
    return kind + "_*" if kind in ("vel", "acc", "m1", "m2", "new") else name


class Asked(Trace):
    """A trace that remembers which tensors a rule asks for."""

    asked: list[str]

    def __getitem__(self, name: str) -> Value:
        self.asked.append(name)
        return super().__getitem__(name)

    def param(self, name: str) -> Value:
        self.asked.append(name)
        return super().param(name)


def tensor_parents(cases: list[Case]) -> Value:
    """For every tensor the tensors and parameters it is computed from, over all cases."""
    parents: dict[str, list[str]] = {}
    for case in cases:
        names = kit.step_tensors(case, 0)
        trace = Asked(case)
        trace.asked = []
        given = {name: trace[name] for name in names}
        for name in names:
            alone = Asked(case, given={key: value for key, value in given.items() if key != name})
            alone.asked = []
            alone.compute(name)
            known = set(names) | set(case["params"])
            found = [key for key in alone.asked if key in known and key != name]
            if starred(name) != name:
                par = name.partition("_")[2]
                found = [{par: "*", "g_" + par: "g_*"}.get(key, starred(key)) for key in found]
            parents.setdefault(starred(name), []).extend(found)
    states = [name for name in ("vel_*", "acc_*", "m1_*", "m2_*") if name in parents]
    for name in states:  # which entries move is the same for all of them
        parents[name] = [key for other in states for key in parents[other]]
    place = {name: at for at, name in enumerate(tensor_order(cases))}  # parameters first, then as they are calculated
    return {name: sorted(set(keys), key=lambda key: (place.get(key, -1), key)) for name, keys in parents.items()}


def compared(folder: Path) -> int:
    """1 if a file below `folder` is another than that of the package, and which; otherwise 0."""
    new = {path.relative_to(folder): path.read_bytes() for path in folder.rglob("*") if path.is_file()}
    differ = sorted(str(name) for name, text in new.items() if not same_bytes(kit.HERE / name, text))
    for name in differ:
        print(f"{name} differs")
    print(f"{len(new) - len(differ)} of {len(new)} files are the same")
    return 1 if differ else 0


def same_bytes(path: Path, text: bytes) -> bool:
    return path.is_file() and path.read_bytes() == text


def main(folder: str = "") -> int:
    if folder:
        generate(Path(folder))
        return 0
    with tempfile.TemporaryDirectory() as temporary:
        generate(Path(temporary))
        return compared(Path(temporary))


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
