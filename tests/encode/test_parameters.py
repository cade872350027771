"""Parameters as scikit-learn reads and changes them; what fit learns is none of them."""

from dataclasses import dataclass

import pytest

from afm_numpy.encode import TableEncoder
from afm_numpy.encode.parameters import Parameters
from afm_numpy.estimators import AFMClassifier, FMRegressor


@dataclass(eq=False, repr=False)
class Made(Parameters):
    size: int = 3
    names: tuple = ("a",)
    rate: float = 0.5


def test_parameters_are_the_fields_as_they_were_given():
    names = ("b",)
    made = Made(5, names=names)
    made.learnt_ = 7
    assert made.get_params() == made.get_params(deep=False) == {"size": 5, "names": names, "rate": 0.5}
    assert made.get_params()["names"] is names
    assert made.set_params(rate=1.5, size=4) is made and (made.size, made.names, made.rate) == (4, names, 1.5)
    assert made.set_params() is made and made.learnt_ == 7


def test_unknown_parameters():
    made = Made()
    with pytest.raises(ValueError, match=r"^Invalid parameter 'sizes' for Made. Valid parameters are: \['size', "):
        made.set_params(size=9, sizes=1)
    with pytest.raises(TypeError):
        Made(sizes=1)
    assert not hasattr(made, "sizes")


def test_repr_shows_what_was_changed():
    assert repr(Made()) == "Made()" and repr(Made(4)) == "Made(size=4)"
    assert repr(Made(rate=2.0, names=())) == "Made(names=(), rate=2.0)"


def test_two_with_the_same_parameters_are_not_equal():
    assert Made() != Made() and len({Made(), Made()}) == 2


def test_tags_of_scikit_learn():
    pytest.importorskip("sklearn")
    all_tags = [made.__sklearn_tags__() for made in (TableEncoder(), AFMClassifier(), FMRegressor())]
    assert [tags.estimator_type for tags in all_tags] == [None, "classifier", "regressor"]
    assert [tags.target_tags.required for tags in all_tags] == [False, True, True]
    assert [tags.input_tags.sparse for tags in all_tags] == [False, True, True]
    encoder, classifier, regressor = all_tags
    assert classifier.classifier_tags and not classifier.regressor_tags
    assert regressor.regressor_tags and not regressor.classifier_tags
    assert not encoder.classifier_tags and not encoder.regressor_tags


def test_clones_of_scikit_learn():
    base = pytest.importorskip("sklearn.base")
    for made in (TableEncoder(["a"], bins=9), AFMClassifier(k=3, attention="sum")):
        again = base.clone(made)
        assert again is not made and again.get_params() == made.get_params() and repr(again) == repr(made)
