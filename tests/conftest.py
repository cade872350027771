import signal

import children
import numpy as np
import pytest
from hypothesis import Phase, settings

signal.signal(signal.SIGTERM, signal.default_int_handler)  # so that fixtures end what they began, as after Ctrl-C
np.seterr(all="raise", under="ignore")
settings.register_profile("same", derandomize=True, database=None, deadline=None)  # the same examples in every run
settings.load_profile("same")
settings.register_profile("mutation", settings(), phases=[Phase.explicit, Phase.generate])  # a failure is enough
settings.register_profile("long", max_examples=100 * 200, derandomize=False, print_blob=True)  # 200 times as many, new


def pytest_collection_modifyitems(items):
    """The notebooks run first: with two processes a long test at the end keeps one of them waiting."""
    items.sort(key=lambda item: "test_fresh_run_with_solutions" not in item.name)


@pytest.fixture(autouse=True)
def no_process_outlives_its_test():
    yield
    children.stop()
