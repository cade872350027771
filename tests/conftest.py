import signal

import children
import numpy as np
import pytest
from hypothesis import Phase, settings

signal.signal(signal.SIGTERM, signal.default_int_handler)  # so that fixtures end what they began, as after Ctrl-C
np.seterr(all="raise", under="ignore")
settings.register_profile("mutation", phases=[Phase.explicit, Phase.generate])  # a failure is enough: do not shrink it
settings.register_profile("long", max_examples=100 * 200, print_blob=True)  # tests/fuzz: 200 times as many examples


@pytest.fixture(autouse=True)
def no_process_outlives_its_test():
    yield
    children.stop()
