"""The groups of options refuse what makes no sense where they are made."""

import re

import numpy as np
import pytest

from afm_numpy import Batch
from afm_numpy.train import Objective, Watch

BATCH, Y = Batch.from_lists([[0, 2], [1], [0, 1]], n=3), np.array([1.0, 0.0, 1.0])


@pytest.mark.parametrize("group, wrong, message", [
    (Objective, {"keep": 0.5}, TypeError('keep must be a dict, such as {"pooled": 0.5}; got float')),
    (Objective, {"keep": {"pooled": 1.5}}, ValueError("keep['pooled'] must be the probability to keep a unit")),
    (Objective, {"keep": {"pool": 0.5}}, ValueError("unknown dropout site 'pool'")),
    (Objective, {"l2": 0.1}, TypeError('l2 must be a dict, such as {"V": 1e-4}; got float')),
    (Objective, {"l2_scope": "all"}, ValueError("unknown l2_scope 'all'; choose from touched, table")),
    (Objective, {"loss": "hinge"}, ValueError("unknown loss 'hinge'")),
    (Objective, {"reduction": "none"}, ValueError("unknown reduction 'none'")),
    (Watch, {"report": "auc", "valid": (BATCH, Y)}, TypeError("report must be a list of names of metrics; got str")),
    (Watch, {"valid": BATCH}, TypeError("valid must be a pair (batch, y); got Batch")),
    (Watch, {"valid": (np.eye(3), Y)}, TypeError("the first part of valid must be a Batch; got ndarray")),
    (Watch, {"callback": 3}, TypeError("callback must be a function; got int")),
    (Watch, {"patience": 0, "valid": (BATCH, Y)}, ValueError("patience must be an integer of at least 1; got 0")),
    (Watch, {"patience": 3}, ValueError("patience, report and monitor need valid, the rows to judge every epoch by")),
])  # fmt: skip
def test_refused(group, wrong, message):
    with pytest.raises(type(message), match=re.escape(str(message))):
        group(**wrong)


def test_the_defaults_are_those_of_the_simple_call():
    assert Objective() == Objective("squared", {}, "touched", {}, "mean", None)
    assert Watch() == Watch(None, "loss", (), None, None, False, True)
