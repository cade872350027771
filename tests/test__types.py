"""The names in the annotations are those that the code knows."""

from typing import get_args

from afm_numpy import _types
from afm_numpy.dropout import SITES
from afm_numpy.losses import LOSSES
from afm_numpy.params import ATTENTION


def test_literals_list_what_exists():
    assert set(get_args(_types.Attention)) == set(ATTENTION)
    assert get_args(_types.Loss) == tuple(LOSSES)
    assert get_args(_types.Site) == SITES
