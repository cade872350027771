"""How often the first name is right: every mistake of the forward pass, in a port by hand and in one with autograd.

    python tests/tools/first_names.py [EVERY]       prints the table of tests/README.md; EVERY: each n-th mistake

A mistake counts as named if it stands in the first group: mistakes that the reported tensors cannot tell apart are one.
"""

import sys

import simulated_port

from afm_numpy.conformance import kit
from afm_numpy.conformance.checker import FAULTS, check_case
from afm_numpy.conformance.compare import fitted, same
from afm_numpy.conformance.literal.derivative import twin
from afm_numpy.conformance.naming import has_twin, settle
from afm_numpy.conformance.wrong import layers

REPORTED = {
    "everything": lambda name: True,
    "predictions and gradients": lambda name: name == "y_hat" or name.startswith("g_"),
    "predictions": lambda name: name == "y_hat",
}
WHO = ("by hand", "autograd")


def forward_mistakes():
    """Mistakes with a forward pass of their own, that change a result in at least one case."""
    return [m for m, entry in kit.load_mistakes().items() if has_twin(m) and not entry.get("equivalent")]


def simulate(case, mistake, who):
    if who == "by hand":
        return simulated_port.simulate(case, (mistake,))
    values, chain = {}, twin(case, layers((mistake,)), [{} for _ in case["batches"]])
    for full, step, name in kit.tensors(case):
        try:
            values[full] = simulated_port.plain(chain[step][name])
        except FAULTS:
            continue
    return values


def ports(mistake, who):
    """What the port reports for every case, by case id."""
    found = {}
    for case in kit.load_cases().values():
        if case["config"]["model"] in ("fm", "afm"):
            try:
                found[case["id"]] = simulate(case, mistake, who)
            except FAULTS:
                continue  # the port crashes here
    return found


def first_group(values, what):
    """The first names for a port that reports some of its tensors, or None if nothing is wrong."""
    results = []
    for case, tensors in values.items():
        chosen = {full: value for full, value in tensors.items() if REPORTED[what](full.rpartition("/")[2])}
        results.append(check_case(kit.load_case(case), chosen))
    groups = settle(results)
    return (groups or [[]])[0] if any(result.roots for result in results) else None


def the_same(values, group, what):
    """Would a port with the mistake that is named first report the very same?"""
    def kept(tensors):
        return {full: value for full, value in tensors.items() if REPORTED[what](full.rpartition("/")[2])}

    for who in WHO if group else ():
        other = ports(group[0], who)
        pairs = [(kept(values[case]), kept(other.get(case, {})), kit.load_case(case)) for case in values]
        if all(near(a, b, case) for a, b, case in pairs):
            return True
    return False


def near(a, b, case):
    return a.keys() == b.keys() and all(
        (got := fitted(a[name], b[name])) is not None and same(got, b[name], 10 * case["tol"].get(name, [0])[0])
        for name in a
    )


def measure(mistakes):
    """{(who, what): (named first, detected, the rest)}."""
    table = {(who, what): [0, 0, []] for who in WHO for what in REPORTED}
    for mistake in mistakes:
        for who in WHO:
            values = ports(mistake, who)
            for what in REPORTED:
                group = first_group(values, what)
                if group is not None:
                    line, right = table[who, what], mistake in group or the_same(values, group, what)
                    line[0] += right
                    line[1] += 1
                    line[2] += [] if right else [(mistake, group)]
    return table


if __name__ == "__main__":
    chosen = forward_mistakes()[:: int(sys.argv[1]) if len(sys.argv) > 1 else 1]
    print("| reported | " + " | ".join(WHO) + " |\n|---|---|---|")
    table = measure(chosen)
    for what in REPORTED:
        cells = [f"{table[who, what][0]} of {table[who, what][1]}" for who in WHO]
        print(f"| {what} | " + " | ".join(cells) + " |")
    for key, (_, _, rest) in table.items():
        for mistake, group in rest:
            print(f"  {', '.join(key)}: {mistake} is called {' or '.join(group[:3]) or 'nothing'}", file=sys.stderr)
