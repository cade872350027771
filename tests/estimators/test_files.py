"""Files of estimators: every part of them is compared with the others, and nothing is allocated on their word."""

import tracemalloc

import numpy as np
import pytest

from afm_numpy import Batch, optim, saving
from afm_numpy.encode import TableEncoder
from afm_numpy.estimators import AFMClassifier, AFMRegressor, FMClassifier, FMRegressor
from afm_numpy.saving import npz

X = Batch.from_lists([[i % 4, 4 + i % 3] for i in range(24)], n=7)
Y = np.arange(24) % 3
ALL = [FMRegressor, FMClassifier, AFMRegressor, AFMClassifier]


@pytest.fixture
def path(tmp_path):
    return tmp_path / "model.npz"


def parts_of(model, path):
    model.save(path)
    return npz.read(path, lambda header, arrays: (header, arrays))


def crafted(model, path, parameters=None, fitted=None, header=None, arrays=None):
    """The file of a model with other parts."""
    old_header, old_arrays = parts_of(model, path)
    config = old_header["config"]
    config = config | {"parameters": config["parameters"] | (parameters or {})}
    config["fitted"] = {name: value for name, value in (config["fitted"] | (fitted or {})).items() if value != "absent"}
    npz.write(path, old_header | {"config": config} | (header or {}), old_arrays | (arrays or {}))
    return path


def listed(*values, dtype="<i8"):
    return {"dtype": dtype, "values": list(values)}


THREE = FMClassifier(k=2, epochs=1).fit(X, Y)
AFM = AFMRegressor(k=2, t=3, epochs=1).fit(X, Y)


def test_what_is_crafted_without_a_change_loads(path):
    for model in (THREE, AFM):
        again = type(model).load(crafted(model, path))
        assert np.array_equal(again.predict(X), model.predict(X)) and again.get_params() == model.get_params()


@pytest.mark.parametrize(("model", "change", "words"), [
    pytest.param(THREE, {"fitted": {"classes_": listed(0, 1)}}, "3 models for 2 classes", id="A7-two-classes"),
    pytest.param(THREE, {"fitted": {"classes_": listed(0, 1, 2, 3)}}, "3 models for 4 classes", id="A7-four-classes"),
    pytest.param(THREE, {"fitted": {"classes_": listed()}}, "3 models for 0 classes", id="A7-no-class"),
    pytest.param(THREE, {"fitted": {"classes_": "absent"}}, "3 models for 0 classes", id="A7-classes-absent"),
    pytest.param(THREE, {"fitted": {"classes_": listed(0, 2, 1)}}, "do not ascend", id="A7-unsorted"),
    pytest.param(THREE, {"fitted": {"classes_": listed(0, 1, 1)}}, "do not ascend", id="A7-class-twice"),
    pytest.param(THREE, {"fitted": {"classes_": listed(0, 1, "x")}}, "not of type i", id="A7-mixed"),
    pytest.param(THREE, {"fitted": {"classes_": listed([0], [1], [2])}}, "not of type i", id="A7-nested"),
    pytest.param(THREE, {"fitted": {"classes_": listed(0, 1, 300, dtype="|u1")}}, "damaged", id="A7-overflow"),
    pytest.param(THREE, {"fitted": {"classes_": listed(0, 1, 2, dtype="S400000000")}}, "of type S", id="A7-S400000000"),
    pytest.param(THREE, {"fitted": {"classes_": listed(0, 1, 2, dtype="V9")}}, "not of type V", id="A7-void"),
    pytest.param(THREE, {"fitted": {"classes_": listed(0, 1, 2, dtype="(999,999)f8")}}, "not of type V", id="A7-shape"),
    pytest.param(THREE, {"fitted": {"classes_": {"dtype": "<i8"}}}, "damaged", id="A7-no-values"),
    pytest.param(AFM, {"fitted": {"classes_": listed(0, 1)}}, "1 models for 2 classes", id="A7-regressor-with-classes"),
    pytest.param(THREE, {"fitted": {"feature_names_in_": listed("a", "b", dtype="|O")}}, "2 of 7 feat", id="A7-names"),
    pytest.param(THREE, {"fitted": {"n_iter_": -1}}, "how many epochs", id="A7-epochs"),
    pytest.param(THREE, {"fitted": {"n_iter_": "many"}}, "how many epochs", id="A7-epochs-in-words"),
    pytest.param(THREE, {"fitted": {"history_": 3}}, "how many epochs", id="A7-history"),
    pytest.param(THREE, {"parameters": {"k": 10**9}}, "k, t, dtype, optimizer or attention", id="A7-k"),
    pytest.param(THREE, {"parameters": {"k": 3}}, "k, t, dtype, optimizer or attention", id="A7-other-k"),
    pytest.param(AFM, {"parameters": {"t": 10**9}}, "k, t, dtype, optimizer or attention", id="A7-t"),
    pytest.param(AFM, {"parameters": {"attention": "sum"}}, "does not hold the models", id="A7-attention"),
    pytest.param(AFM, {"parameters": {"dtype": "float32"}}, "k, t, dtype, optimizer", id="A7-dtype"),
    pytest.param(AFM, {"parameters": {"dtype": "float16"}}, "damaged", id="A12-float16"),
    pytest.param(AFM, {"parameters": {"optimizer": "adam"}}, "k, t, dtype, optimizer", id="A7-optimizer"),
    pytest.param(AFM, {"parameters": {"epochs": -1}}, "epochs must be an integer of at least 1", id="brother-epochs"),
    pytest.param(AFM, {"parameters": {"epochs": "5"}}, "epochs must be an integer", id="brother-epochs-in-text"),
    pytest.param(AFM, {"parameters": {"batch_size": 0}}, "batch_size must be an integer", id="brother-batch_size"),
    pytest.param(AFM, {"parameters": {"patience": 0}}, "patience must be an integer", id="brother-patience"),
    pytest.param(AFM, {"parameters": {"keep": 7}}, "keep.* must be the probability", id="brother-keep"),
    pytest.param(AFM, {"parameters": {"keep": {"x": 1}}}, "dropout|site", id="brother-keep-elsewhere"),
    pytest.param(AFM, {"parameters": {"l2_scope": "all"}}, "unknown l2_scope 'all'", id="brother-l2_scope"),
    pytest.param(THREE, {"fitted": {"history_": [1, "x"]}}, "how many epochs", id="brother-history-of-numbers"),
    pytest.param(AFM, {"parameters": {"std": "wide"}}, "std must be a finite number", id="A7-std"),
    pytest.param(AFM, {"parameters": {"q": 1}}, "damaged", id="A7-unknown-parameter"),
    pytest.param(AFM, {"header": {"model": {"kind": "afm", "engine": "dense"}}}, "not hold the models", id="A7-engine"),
    pytest.param(AFM, {"header": {"rng": None}}, "does not hold the models", id="A7-no-generator"),
    pytest.param(THREE, {"arrays": {
        "2/params/w": np.zeros(8), "2/params/V": np.zeros((8, 2)), "2/state/w/acc": np.zeros(8),
        "2/state/V/acc": np.zeros((8, 2)),
    }}, "differ in size", id="A7-sizes"),
])  # fmt: skip
def test_parts_that_do_not_belong_together(path, model, change, words):
    with pytest.raises(saving.FileFormatError, match=words):
        type(model).load(crafted(model, path, **change))


def test_another_kind_of_model_under_the_name_of_an_estimator(path):
    header, arrays = parts_of(AFM, path)
    header["config"]["estimator"] = "FMRegressor"
    for name in ("t", "attention", "p"):
        del header["config"]["parameters"][name]
    npz.write(path, header, arrays)
    with pytest.raises(saving.FileFormatError, match="does not hold the models that a FMRegressor .* has"):
        FMRegressor.load(path)


@pytest.mark.parametrize("cls", ALL)
def test_a_model_without_an_estimator(path, cls):
    saving.save(path, AFM._model, AFM.params_[0])
    with pytest.raises(saving.FileFormatError, match=f"does not hold an estimator of class {cls.__name__}"):
        cls.load(path)


def test_one_long_label_does_not_make_all_long(path):
    """NumPy pads: 100,000 texts of which one has a million letters would take 400 GB."""
    values = ["", "a" * 10**6, *(f"b{i:06}" for i in range(10**5))]
    tracemalloc.start()
    try:
        with pytest.raises(saving.FileFormatError, match="its classes_ would need [0-9]{12} bytes"):
            FMClassifier.load(crafted(THREE, path, fitted={"classes_": listed(*values, dtype="<U9")}))
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert peak < 100 << 20


@pytest.mark.parametrize("labels", [
    ["a", "bbbb", "c"], [False, True], [-1, 1], [1.0, 2.0, 4.0], pytest.param([2**63 + 1, 2**63 + 2], id="S1-unsigned"),
    np.array(["x", "yy", "z"], object), np.array(["x", "y"], "U40"),
    pytest.param([2**60 + 1, 2**60 + 2], id="S1-large"),
    pytest.param([-1, 2**63 + 1], id="S1-both-signs"), pytest.param(["a\0", "a", "\x1b[31m"], id="A13-control"),
])  # fmt: skip
def test_labels_come_back(path, labels):
    y = np.array(labels)[np.arange(24) % len(labels)] if isinstance(labels, np.ndarray) else (labels * 12)[:24]
    model = FMClassifier(epochs=1).fit(X, y)
    model.save(path)
    again = FMClassifier.load(path)
    assert again.classes_.tolist() == model.classes_.tolist() == sorted(set(np.array(y, object).tolist()))
    assert again.classes_.dtype.kind == model.classes_.dtype.kind
    assert again.predict(X).tolist() == model.predict(X).tolist() and again.score(X, y) == model.score(X, y)


def test_encoder_and_optimizer_come_back(path):
    encoder = TableEncoder().fit({"a": ["x", "y", "z", "u", "v"]})
    model = FMRegressor(optimizer=optim.Adam(0.1, beta1=0.5), epochs=1).fit(X, Y)
    model.save(path, encoder=encoder)
    again = FMRegressor.load(path)
    assert again.optimizer == model.optimizer and again.encoder_.feature_names() == encoder.feature_names()


@pytest.mark.parametrize("changed", [
    pytest.param({name: value}, id=f"brother-{name}")
    for name, value in [("k", 9), ("epochs", 0), ("keep", 7.0), ("dtype", "float32"), ("l2_scope", "all")]
])  # fmt: skip
def test_what_could_not_be_read_again_is_not_saved(changed, tmp_path):
    model = FMRegressor(epochs=1).fit(np.eye(4), np.arange(4.0)).set_params(**changed)
    with pytest.raises(ValueError, match="epochs|keep|has changed|l2_scope"):
        model.save(tmp_path / "m.npz")
    assert not list(tmp_path.iterdir())
