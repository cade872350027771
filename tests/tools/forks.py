"""Run the tests of many mutants: everything is imported and collected once, then each mutant has a fork of the process.

    python tests/tools/forks.py PLAN RESULTS [argument of pytest ...]

PLAN is a JSON file with the tests of each mutant, in the order in which to run them, and the seconds of processor time
that they may take. RESULTS will hold the exit status for each mutant: 0 when all its tests passed, 1 when one failed, 3
when pytest itself broke down, a negative number for a signal. `mutation.py` makes the plan.
"""

import json
import os
import resource
import sys
from pathlib import Path

import pytest


class Forks:
    """A plugin of pytest that runs the tests of each mutant instead of those that were collected."""

    def __init__(self, plan):
        self.plan, self.results = plan, {}

    def pytest_runtestloop(self, session):
        if session.testsfailed:  # a file that cannot be imported: no mutant is to blame
            return True
        items = {item.nodeid: item for item in session.items}
        for mutant, (tests, seconds) in self.plan.items():
            sys.stdout.flush()
            fork = os.fork()
            if not fork:
                os._exit(run(session, mutant, [items[test] for test in tests if test in items], seconds))
            self.results[mutant] = os.waitstatus_to_exitcode(os.waitpid(fork, 0)[1])
        return True


def run(session, mutant, items, seconds):
    """The exit status of a mutant's tests. mutmut's code looks at the variable to know which change it is to make."""
    os.environ["MUTANT_UNDER_TEST"] = mutant
    resource.setrlimit(resource.RLIMIT_CPU, (seconds, seconds + 60))
    try:
        for item, following in zip(items, [*items[1:], None], strict=False):
            session.config.hook.pytest_runtest_protocol(item=item, nextitem=following)
            if session.testsfailed:
                return 1
    except BaseException:
        return 3
    return 0


if __name__ == "__main__":
    plan, results, *options = sys.argv[1:]
    sys.path[0] = os.getcwd()
    os.environ["MUTANT_UNDER_TEST"] = ""
    forks = Forks(json.loads(Path(plan).read_text(encoding="utf-8")))
    status = pytest.main(options, plugins=[forks])
    Path(results).write_text(json.dumps(forks.results), encoding="utf-8")
    sys.exit(0 if forks.results.keys() == forks.plan.keys() else status or 3)
