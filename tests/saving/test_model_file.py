"""Saved models: everything comes back, training goes on bit by bit, and what does not fit is refused."""

import os
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from afm_numpy import Batch, Model, optim, saving, train
from afm_numpy.encode import TableEncoder
from afm_numpy.saving import npz

ROWS = [[0, 4, 6], [1, 4, 7], [2, 5, 6], [3, 5, 7], [0, 5, 7], [2, 4, 7]]
BATCH, Y = Batch.from_lists(ROWS, n=8, slots_are_fields=True), np.array([0.5, -1.0, 2.0, 0.0, 1.0, -0.5])
MODELS = [Model("fm"), *(Model("afm", name) for name in ("network", "field", "free", "uniform", "sum"))]
OPTIMIZERS = [optim.SGD(0.1, 0.9), optim.Adagrad(0.1, eps=1e-7), optim.Adam(1 / 3)]


@pytest.fixture
def path(tmp_path):
    return tmp_path / "model.npz"


def start(model=MODELS[1], seed=0, dtype=np.float32):
    rng = np.random.default_rng(seed)
    return model.init_params(rng, BATCH, k=3, t=2, std=0.5, dtype=dtype), rng


def fitted(model, optimizer, epochs, params, rng, state=None):
    return train.fit(
        model, train.Progress(params, state), BATCH, Y, rng=rng, optimizer=optimizer, epochs=epochs, batch_size=4,
        loss=train.Objective(l2={"V": 1e-3}, keep={"pooled": 0.7}), watch=train.Watch(warn=False),
    )  # fmt: skip


def same(one, other):
    """Equal to the bit, with dtypes and keys, whatever the nesting."""
    if isinstance(one, dict):
        return one.keys() == other.keys() and all(same(one[key], other[key]) for key in one)
    return np.array_equal(one, other) and np.asarray(one).dtype == np.asarray(other).dtype


# ---- what is saved comes back --------------------------------------------------------------------------


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("model", MODELS, ids=str)
def test_a_model_alone(path, model, dtype):
    params, _ = start(model, dtype=dtype)
    saving.save(path, model, params)
    saved = saving.load(path)
    assert saved.model == model and same(saved.params, params)
    assert saved[2:] == (None, None, None, None, None)
    assert np.array_equal(train.predict(saved.model, saved.params, BATCH), train.predict(model, params, BATCH))


@pytest.mark.parametrize("optimizer", OPTIMIZERS, ids=str)
@pytest.mark.parametrize("model", MODELS, ids=str)
def test_saved_after_epoch_3_and_continued_is_the_same_as_trained_through(path, model, optimizer):
    through = fitted(model, optimizer, 5, *start(model))
    params, rng = start(model)
    part = fitted(model, optimizer, 3, params, rng)
    saving.save(path, model, part.last.params, optimizer=optimizer, state=part.last.state, rng=rng)
    rng.random(100)                                         # what happens afterwards does not matter
    saved = saving.load(path)
    assert saved.optimizer == optimizer
    more = fitted(saved.model, saved.optimizer, 2, saved.params, saved.rng, saved.state)
    assert not same(more.params, part.params)
    assert same(more.params, through.params) and same(more.last.state, through.last.state)


def test_several_models(path):
    pairs = [start(seed=seed) for seed in range(3)]
    params, rngs = [one for one, _ in pairs], [rng for _, rng in pairs]
    states = [optim.init(OPTIMIZERS[2], one) | {"step": i} for i, one in enumerate(params)]
    saving.save(path, MODELS[1], params, optimizer=OPTIMIZERS[2], state=states, rng=rngs)
    saved = saving.load(path)
    assert len(saved.params) == len(saved.state) == len(saved.rng) == 3
    assert all(map(same, saved.params, params)) and all(map(same, saved.state, states))
    assert [rng.random() for rng in saved.rng] == [rng.random() for rng in rngs]
    with pytest.raises(ValueError, match="rng has 2 entries for 3 models"):
        saving.save(path, MODELS[1], params, rng=rngs[:2])


def test_encoder_and_config(path):
    encoder = TableEncoder(continuous=["age"], categorical=["sex"], scaling="minmax", missing=("?", -1, None))
    table = {"sex": ["F", "M", "?"], "age": [20.0, 40.0, 31.7]}
    batch = encoder.fit_transform(table)
    model = Model("fm")
    params = model.init_params(np.random.default_rng(0), batch, k=2)
    config = {"file": "ä.libfm", "epochs": np.int64(3), "lr": np.float32(0.5), "none": None, "list": [1.5, "x", True]}
    saving.save(path, model, params, encoder=encoder, config=config)
    saved = saving.load(path)
    assert saved.config == config
    assert saved.encoder.feature_names() == encoder.feature_names()
    assert np.array_equal(saved.encoder.transform(table).x, batch.x)
    with pytest.raises(ValueError, match=f"the encoder has {batch.n} features, but the model 8"):
        saving.save(path, MODELS[1], start()[0], encoder=encoder)


def test_numpy_reads_it_alone(path):
    params, _ = start()
    saving.save(path, MODELS[1], params)
    with np.load(path, allow_pickle=False) as file:
        assert np.array_equal(file["params/V"], params["V"])
        assert '"afm_numpy.model"' in str(file["header"])


def test_arrays_in_any_memory_order(path):
    params, _ = start()
    params["V"], params["W"] = np.asfortranarray(params["V"]), params["W"][:, ::-1]
    saving.save(path, MODELS[1], params)
    assert same(saving.load(path).params, params)


@pytest.mark.parametrize("kind", [np.random.PCG64, np.random.PCG64DXSM])
def test_generators(path, kind):
    rng = np.random.Generator(kind(5))
    rng.integers(10, size=3, dtype=np.uint8)                # half of a number is kept for later
    rng.standard_normal(dtype=np.float32)
    saving.save(path, MODELS[0], start(MODELS[0])[0], rng=rng)
    again = saving.load(path).rng
    assert again.bit_generator.state == rng.bit_generator.state
    assert np.array_equal(again.permutation(50), rng.permutation(50))


# ---- what does not fit is not written ------------------------------------------------------------------


def with_array(name, value):
    return lambda params: params | {name: value}


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda params: {name: params[name] for name in params if name != "h"}, "params lacks 'h'"),
        (with_array("w", np.zeros(7, np.float32)), "params\\['V'\\] has shape"),
        (with_array("b", np.zeros(2)), "params\\['b'\\] holds float64; want float32 or float64, and one"),
        (with_array("b", np.zeros(2, int)), "params\\['b'\\] holds int64"),
        (with_array("p", np.float32([1, np.nan, 1])), "params\\['p'\\] is not finite"),
        (with_array("w0", np.float32(np.inf)), "params\\['w0'\\] is not finite"),
    ],
)
def test_parameters_that_do_not_fit(path, change, words):
    path.write_bytes(b"old")
    with pytest.raises(ValueError, match=words) as error:
        saving.save(path, MODELS[1], change(start()[0]))
    assert not isinstance(error.value, saving.FileFormatError)
    assert path.read_bytes() == b"old" and os.listdir(path.parent) == ["model.npz"]


def test_what_a_model_does_not_have_is_not_left_out(path):
    """An AFM saved as an FM would come back without its attention."""
    with pytest.raises(ValueError, match="params has 'p', 'W', 'b', 'h', which Model.kind='fm'.* does not have"):
        saving.save(path, Model("fm"), start()[0])
    with pytest.raises(ValueError, match="params has 'P'"):
        saving.save(path, MODELS[1], start()[0] | {"P": np.ones(3)})


def test_masked_parameters_are_refused(path):
    params = start()[0]
    with pytest.raises(TypeError, match="masked values are not supported"):
        saving.save(path, MODELS[1], params | {"w": np.ma.array(params["w"], mask=np.arange(8) == 1)})


@pytest.mark.skipif(np.finfo(np.longdouble).bits == 64, reason="long doubles are float64 here")
def test_long_doubles_differ_between_machines(path):
    params = {name: value.astype(np.longdouble) for name, value in start()[0].items()}
    with pytest.raises(ValueError, match="holds float[0-9]+; want float32 or float64"):
        saving.save(path, MODELS[1], params)


@pytest.mark.parametrize(
    "pairs", [[[0, 8]], [[-1, 2]], [[3, 3]], [[4, 2]], [[0, 4], [0, 4]], [[1, 4], [0, 6]], [[0.0, 4.0]]]
)
def test_a_table_of_pairs_that_does_not_fit(path, pairs):
    params, _ = start(MODELS[3])
    params |= {"pairs": np.array(pairs), "free": np.ones(len(pairs), np.float32)}
    with pytest.raises(ValueError, match="ids i < j below 8, in ascending order"):
        saving.save(path, MODELS[3], params)


def test_states_and_generators_that_do_not_fit(path):
    params, _ = start()
    state = optim.init(optim.Adam(), params)
    with pytest.raises(ValueError, match="state needs the optimizer"):
        saving.save(path, MODELS[1], params, state=state)
    with pytest.raises(ValueError, match="acc of w0 must have shape"):
        saving.save(path, MODELS[1], params, state=state, optimizer=optim.Adagrad())
    with pytest.raises(ValueError, match="m of V must have shape \\(8, 3\\)"):
        wrong = state | {"V": state["V"] | {"m": np.zeros((3, 8), np.float32)}}
        saving.save(path, MODELS[1], params, state=wrong, optimizer=optim.Adam())
    with pytest.raises(ValueError, match="v of b is not finite"):
        wrong = state | {"b": state["b"] | {"v": np.float32([0, np.inf])}}
        saving.save(path, MODELS[1], params, state=wrong, optimizer=optim.Adam())
    for optimizer, slot in ((optim.Adam(), "v"), (optim.Adagrad(), "acc")):
        wrong = optim.init(optimizer, params)
        wrong["h"][slot][1] = -1e-9
        with pytest.raises(ValueError, match=f"{slot} of h is a sum of squares and must not be negative"):
            saving.save(path, MODELS[1], params, state=wrong, optimizer=optimizer)
    with pytest.raises(ValueError, match="step count is -1"):
        saving.save(path, MODELS[1], params, state=state | {"step": -1}, optimizer=optim.Adam())
    with pytest.raises(ValueError, match="MT19937 cannot be kept; use numpy.random.default_rng"):
        saving.save(path, MODELS[1], params, rng=np.random.Generator(np.random.MT19937(0)))
    with pytest.raises((ValueError, TypeError)):
        saving.save(path, MODELS[1], params, config={"a": object()})
    with pytest.raises(TypeError, match="cannot hold a dict with the key 7; its keys must be text"):
        saving.save(path, MODELS[1], params, config={"names": [{7: "Ann"}]})
    assert os.listdir(path.parent) == []


# ---- files that are something else ---------------------------------------------------------------------


def rewritten(path, change=lambda header: header, arrays=None):
    """A file of `save` whose header and arrays were changed afterwards."""
    params, rng = start()
    state = optim.init(optim.Adagrad(), params)
    saving.save(path, MODELS[1], params, optimizer=optim.Adagrad(), state=state, rng=rng)
    header, content = npz.read(path, lambda *parts: parts)
    npz.write(path, change(header) or header, content | (arrays or {}))
    return path


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda header: [1], "does not say that it is a model"),
        (lambda header: {"format": "other"}, "does not say that it is a model"),
        (lambda header: header.update(version=2), "version 2; this afm_numpy reads version 1"),
        (lambda header: header.update(model={"kind": "rnn"}), "unknown kind 'rnn'"),
        (lambda header: header.update(model={"kind": "afm", "attention": "field"}), "params lacks 'field'"),
        (lambda header: header.update(model={"kind": "afm", "attention": "sum"}), "holds .*, which this model"),
        (lambda header: header.update(model="afm"), "its header holds 'afm' as model"),
        (lambda header: header.update(model={"kind": "fm", "size": 3}), "its header holds {.*} as model"),
        (lambda header: header.pop("config") and None, "its header lacks config"),
        (lambda header: header.update(count=10**12), "entries for"),
        (lambda header: header.update(count=10**12, step=None, rng=None), "params lacks"),
        (lambda header: header.update(count="1"), "its header holds '1' as count"),
        (lambda header: header.update(count=0, step=[], rng=[]), "it holds 0 models"),
        (lambda header: header.update(step=["1"]), "step count"),
        (lambda header: header.update(optimizer={"optimizer": "adagrad", "lr": -1}), "lr must be a number above 0"),
        (lambda header: header.update(optimizer={"optimizer": "system"}), "unknown optimizer"),
        (lambda header: header.update(optimizer=None), "needs the optimizer"),
        (lambda header: header.update(encoder={"format": "x"}), "TableEncoder"),
        (lambda header: header["rng"][0].update(bit_generator="MT19937"), "cannot be kept"),
        (lambda header: header["rng"][0].update(bit_generator="os.system"), "cannot be kept"),
        (lambda header: header["rng"][0].update(state={"state": -1, "inc": 1}), "whole numbers from 0"),
    ],
)
def test_headers_that_do_not_fit_are_refused(path, change, words):
    rewritten(path, change)
    with pytest.raises(saving.FileFormatError, match=words) as error:
        saving.load(path)
    assert str(path) in str(error.value)


@pytest.mark.parametrize(
    ("arrays", "words"),
    [
        ({"params/V": np.zeros((9, 3), np.float32)}, "has shape"),
        ({"params/V": np.full((8, 3), np.nan, np.float32)}, "not finite"),
        ({"params/V": np.full((8, 3), "x")}, "(want|must be) float32 or float64"),
        ({"params/extra": np.zeros(2)}, "holds params/extra"),
        ({"state/V/acc": np.zeros((8, 1), np.float32)}, "acc of V must have shape"),
    ],
)
def test_arrays_that_do_not_fit_are_refused(path, arrays, words):
    rewritten(path, arrays=arrays)
    with pytest.raises(saving.FileFormatError, match=words):
        saving.load(path)


@pytest.mark.parametrize("shapes", [
    pytest.param({"w": (0,), "V": (0, 3)}, id="A7-no-feature"),
    pytest.param({"V": (8, 0), "p": (0,), "W": (0, 2)}, id="A7-no-factor"),
    pytest.param({"W": (3, 0), "b": (0,), "h": (0,)}, id="A7-no-attention-size"),
    pytest.param({"w": (10**9,), "V": (10**9, 0), "p": (0,), "W": (0, 2)}, id="A7-a-billion-of-nothing"),
])  # fmt: skip
def test_sizes_of_zero_are_refused(path, shapes):
    """An array without numbers may have any shape: the file does not have to be long for it."""
    params = start()[0] | {name: np.zeros(shape, np.float32) for name, shape in shapes.items() if 0 in shape}
    with pytest.raises(ValueError, match="its sizes n, k and t must be at least 1|has shape"):
        saving.save(path, MODELS[1], params)


def test_field_weights_for_no_number_of_slots_are_refused(path):
    params, _ = start(MODELS[2])
    for pairs, good in ((0, True), (3, True), (6, True), (2, False), (5, False)):
        changed = params | {"field": np.ones(pairs, np.float32)}
        if good:
            saving.save(path, MODELS[2], changed)
        else:
            with pytest.raises(ValueError, match=f"field'.* has {pairs} numbers, which is no number of slot pairs"):
                saving.save(path, MODELS[2], changed)


@pytest.mark.skipif(os.name != "posix", reason="needs FIFOs")
def test_only_regular_files_are_read(path):
    os.mkfifo(path)
    for name in (path, "/dev/zero"):
        with pytest.raises(OSError, match="Not a regular file, so it is not read"):
            saving.load(name)
    with pytest.raises(OSError, match="Not a regular file"):
        saving.save(path, Model("fm"), start(Model("fm"))[0])
    with pytest.raises(OSError, match="name of a folder"):
        saving.save(f"{path}2/", Model("fm"), start(Model("fm"))[0])


def test_foreign_files_are_refused(path):
    np.savez(path, weights=np.zeros(3))
    with pytest.raises(saving.FileFormatError, match="no header"):
        saving.load(path)
    path.write_text("1 3:1 5:1\n")
    with pytest.raises(saving.FileFormatError, match="or only a part of, an .npz file"):
        saving.load(path)
    with pytest.raises(FileNotFoundError):
        saving.load(path.parent / "absent.npz")


@settings(max_examples=200, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_a_damaged_file_is_refused_or_reads_as_before(path, data):
    if not path.exists() or not (path.parent / "whole").exists():
        rewritten(path)
        (path.parent / "whole").write_bytes(path.read_bytes())
    content = bytearray((path.parent / "whole").read_bytes())
    for at in data.draw(st.lists(st.integers(0, len(content) - 1), min_size=1, max_size=3)):
        content[at] ^= data.draw(st.sampled_from([1 << bit for bit in range(8)]))
    path.write_bytes(bytes(content[: data.draw(st.one_of(st.just(len(content)), st.integers(0, len(content))))]))
    try:
        saved = saving.load(path)
    except saving.FileFormatError:
        return
    assert saved.model == MODELS[1] and same(saved.params, start()[0])


def test_the_engine_is_kept(path):
    model = replace(MODELS[1], engine="dense")
    saving.save(path, model, start()[0])
    assert saving.load(path).model.engine == "dense"
