"""Model files: FileFormatError (a ValueError), or the model that was saved; what loads can also be used and saved."""

import io
import json
import tempfile
import warnings
import zipfile
from functools import cache, partial
from pathlib import Path

import numpy as np
from border import Refused, answer, drawn, folder
from hypothesis import given
from hypothesis import strategies as st

from afm_numpy import Batch, Model, optim, saving, train
from afm_numpy.encode import TableEncoder
from afm_numpy.saving import npz

UNSAID = train.Watch(warn=False)

ROWS = [[0, 4, 6], [1, 4, 7], [2, 5, 6], [3, 5, 7]]
BATCH, Y = Batch.from_lists(ROWS, n=8, slots_are_fields=True), np.array([0.5, -1.0, 2.0, 0.0])
KINDS = ("fm", "network", "field", "free", "several", "encoder")


@cache
def saved(kind):
    """The bytes of a model file, and what is in it."""
    model = Model("fm") if kind in ("fm", "encoder") else Model("afm", kind if kind in ("field", "free") else "network")
    rng = np.random.default_rng(5)
    parts = {}
    batch = BATCH
    if kind == "encoder":
        parts["encoder"] = TableEncoder(scaling={"age": "minmax"})
        batch = parts["encoder"].fit_transform({"sex": ["F", "M", "?"], "age": [20.0, 40.0, 31.7]})
    params = model.init_params(rng, batch, k=2, t=2, std=0.5)
    if kind in ("fm", "network", "free"):
        optimizer = {"fm": optim.SGD(0.1), "network": optim.Adagrad(), "free": optim.Adam()}[kind]
        result = train.fit(model, params, batch, Y, rng=rng, optimizer=optimizer, epochs=1, watch=UNSAID)
        parts |= {"optimizer": optimizer, "state": result.last.state, "rng": rng, "config": {"loss": "squared", "m": 3}}
        params = result.last.params
    if kind == "several":
        params = [params, model.init_params(rng, batch, k=2, t=2, std=0.5)]
        parts["rng"] = [np.random.default_rng(seed) for seed in range(2)]
    with tempfile.TemporaryDirectory() as here:
        path = Path(here) / "model.npz"
        saving.save(path, model, params, **parts)
        return path.read_bytes(), content(saving.load(path))


@cache
def members(kind):
    """(header, arrays) of a model file."""
    with np.load(io.BytesIO(saved(kind)[0])) as file:
        arrays = {name: file[name] for name in file.files}
    return json.loads(str(arrays.pop("header"))), arrays


def content(found):
    """What a `Saved` holds, as plain values that can be compared to the bit."""

    def plain(value):
        if isinstance(value, dict):
            return {name: plain(part) for name, part in value.items()}
        if isinstance(value, (list, tuple)) and not hasattr(value, "_asdict"):
            return [plain(part) for part in value]
        if isinstance(value, (np.ndarray, np.generic)):
            return (value.dtype.str, value.shape, value.tobytes())
        if isinstance(value, np.random.Generator):
            return value.bit_generator.state
        return value.to_dict() if isinstance(value, TableEncoder) else value

    return plain(tuple(found))


def load(data):
    """What is loaded from a file with this content."""
    with folder("model.npz") as here:
        path = here / "model.npz"
        path.write_bytes(data)
        found = answer(lambda: saving.load(path), saving.FileFormatError)
    if isinstance(found, Refused):
        assert str(path) in found.message and isinstance(found.error, ValueError)
    return found


def check_use(found):
    """Predict, train on, draw and save: what was accepted is a model."""
    for i, params in enumerate([found.params] if isinstance(found.params, dict) else found.params):
        n = len(params["w"])
        small = Batch.from_lists([[0, n - 1], [0], []] if n > 1 else [[0], []], n=n, slots_are_fields=True)
        if found.model.attention == "field" and found.model.kind == "afm":
            pairs = len(params["field"])
            m = round((1 + (1 + 8 * pairs) ** 0.5) / 2)
            assert m * (m - 1) // 2 == pairs, "a field for no number of slots"
            small = Batch.from_padded(np.arange(m)[None], n=max(n, m)) if m <= n else None
        if small is None or max(np.abs(value).max(initial=0) for value in params.values()) > 1e3:
            continue
        y_hat = answer(partial(train.predict, found.model, params, small))
        assert y_hat.shape == (len(small),) and np.isfinite(y_hat).all()
        state = found.state if isinstance(found.params, dict) or found.state is None else found.state[i]
        if state is not None and all((slot >= 0).all() for part in state.values() if part is not state["step"]
                                     for name, slot in part.items() if name in ("acc", "v")):  # fmt: skip
            options = {"rng": np.random.default_rng(0), "optimizer": found.optimizer, "epochs": 1, "watch": UNSAID}
            start = train.Progress(params, state)
            answer(partial(train.fit, found.model, start, small, np.zeros(len(small)), **options), train.Diverged)
    for rng in found.rng if isinstance(found.rng, list) else [found.rng] if found.rng else ():
        answer(partial(rng.permutation, 5))
    if found.encoder is not None:
        answer(found.encoder.feature_names)
    with folder("again.npz") as here:
        path = here / "again.npz"
        answer(lambda: saving.save(path, **found._asdict()))
        assert repr(content(answer(lambda: saving.load(path)))) == repr(content(found))


# ---- damage --------------------------------------------------------------------------------------------

edit = st.tuples(
    st.sampled_from(["flip", "flip", "byte", "cut", "drop", "twice", "tail", "zero"]),
    st.integers(0, 2**16),
    st.integers(0, 255),
)


def edited(data, edits):
    data = bytearray(data)
    for kind, at, value in edits:
        at = at % len(data) if data else 0
        if kind == "flip" and data:
            data[at] ^= 1 << value % 8
        elif kind == "byte" and data:
            data[at] = value
        elif kind == "cut":
            del data[at:]
        elif kind == "drop":
            del data[at : at + 1 + value]
        elif kind == "twice":
            data[at:at] = data[at : at + value]
        elif kind == "zero":
            data[at : at + value] = bytes(len(data[at : at + value]))
        elif kind == "tail":
            data += bytes([value]) * (value + 1)
    return bytes(data)


@drawn(60)
@given(st.sampled_from(KINDS), st.lists(edit, min_size=1, max_size=3))
def test_damaged_files(kind, edits):
    """Refused, or the same model to the bit: checksums cover all that matters."""
    whole, inside = saved(kind)
    found = load(edited(whole, edits))
    assert isinstance(found, Refused) or repr(content(found)) == repr(inside)


# ---- headers and arrays that nobody wrote --------------------------------------------------------------

json_value = st.recursive(
    st.none() | st.booleans() | st.integers(-3, 9) | st.floats(allow_nan=False, allow_infinity=False)
    | st.sampled_from(["", "fm", "afm", "free", "adam", "PCG64", "x" * 300, 2**128, -(2**70), 10**30, 1e300, 0.0,
                       "afm_numpy.model", "afm_numpy.encode.TableEncoder", "missing", "\x00", "\u2028"]),
    lambda inner: st.lists(inner, max_size=3)
    | st.dictionaries(st.sampled_from(["step", "kind", "lr", "state", "name", "columns", "a\nb"]), inner, max_size=3),
    max_leaves=5,
)  # fmt: skip


def places(value, before=()):
    """The paths of everything in nested dicts and lists."""
    yield before
    inside = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for name, part in inside:
        yield from places(part, (*before, name))


def replaced(value, path, new, how):
    """A copy with one place put, deleted or added to."""
    if not path:
        if how == "add" and isinstance(value, dict):
            return value | {"extra": new}
        return value + [new] if how == "add" and isinstance(value, list) else new
    name, *rest = path
    copy = dict(value) if isinstance(value, dict) else list(value)
    if not rest and how == "delete":
        del copy[name]
    else:
        copy[name] = replaced(copy[name], rest, new, how)
    return copy


def packed(header, arrays, raw=()):
    """A model file by NumPy alone."""
    file = io.BytesIO()
    text = header if isinstance(header, str) else json.dumps(header)
    np.savez(file, header=np.array(text), **arrays)
    with warnings.catch_warnings(), zipfile.ZipFile(file, "a") as archive:
        warnings.simplefilter("ignore")  # a name that stands twice
        for name, part in raw:
            archive.writestr(name, part)
    return file.getvalue()


@drawn(60)
@given(st.sampled_from(KINDS), st.data(), json_value, st.sampled_from(["put", "put", "delete", "add"]))
def test_other_headers(kind, data, new, how):
    header, arrays = members(kind)
    for _ in range(data.draw(st.integers(1, 2))):
        path = data.draw(st.sampled_from(sorted(places(header), key=repr)))
        header = replaced(header, path, new, how)
        if not isinstance(header, (dict, list)):
            break
    found = load(packed(header, arrays))
    if not isinstance(found, Refused):
        check_use(found)


DTYPES = "? b i2 i4 i8 u1 u8 f2 f4 f8 >f4 >i8 g c8 S3 U3 O M8[s] V4".split()
shape = st.lists(st.integers(0, 9), max_size=3).map(tuple)


def of_bytes(dtype, shape, content):
    dtype = np.dtype(dtype)
    if dtype.hasobject:
        return np.full(shape, None, object)
    size = int(np.prod(shape)) * dtype.itemsize
    return np.frombuffer(((content or b"\0") * (size + 1))[:size], dtype).reshape(shape)


odd_array = st.tuples(st.sampled_from(DTYPES), shape, st.binary(max_size=16)).map(lambda parts: of_bytes(*parts))


@drawn(60)
@given(st.sampled_from(KINDS), st.data())
def test_other_arrays(kind, data):
    header, arrays = members(kind)
    arrays = dict(arrays)
    for _ in range(data.draw(st.integers(1, 2))):
        name = data.draw(
            st.sampled_from([*sorted(arrays), "params/extra", "state/V/x", "header.npy", "", "a\nb", "../x"])
        )
        how = data.draw(st.sampled_from(["odd", "odd", "cast", "shape", "value", "drop"]))
        old = arrays.get(name)
        if how == "odd" or old is None or old.dtype.kind not in "fi":
            arrays[name] = data.draw(odd_array)
        elif how == "drop":
            del arrays[name]
        elif how == "cast":
            with np.errstate(all="ignore"):
                arrays[name] = old.astype(data.draw(st.sampled_from("f2 f4 f8 >f4 i4 i8 >i8 u8 g c8 U9".split())))
        elif how == "shape":
            arrays[name] = old.T if data.draw(st.booleans()) else old[..., None] if old.ndim else np.stack([old] * 2)
        elif old.size:
            arrays[name] = old.copy()
            at, values = data.draw(st.integers(0, old.size - 1)), [0, -1, np.nan, np.inf, -np.inf, 1e30]
            value = data.draw(st.sampled_from([0, -1, 1, 3, 100] if old.dtype.kind == "i" else values))
            with np.errstate(all="ignore"):
                arrays[name].flat[at] = value
    found = load(packed(header, arrays))
    if not isinstance(found, Refused):
        check_use(found)


descr = st.sampled_from(
    ["'<f8'", "'<f4'", "'|O'", "'<U2'", "[('a', '<f8')]", "'<i8'", "'nonsense'", "1", "('<f8', 2)", "(" * 99]
)
npy_shape = st.sampled_from(
    ["()", "(2,)", "(2L,)", "(-1,)", "(10**12,)", "(1000000000000,)", "(True,)", "(2.0,)", "2", "None", "(2, 2"]
)
version = st.sampled_from([b"\x01\x00", b"\x01\x00", b"\x02\x00", b"\x03\x00", b"\x09\x00"])


def raw_array(descr, shape, order, version, content):
    """The bytes of a .npy file, as anybody could write them."""
    text = f"{{'descr': {descr}, 'fortran_order': {order}, 'shape': {shape}, }}".ljust(117) + "\n"
    return (
        b"\x93NUMPY"
        + version
        + len(text).to_bytes(2 if version == b"\x01\x00" else 4, "little")
        + text.encode()
        + content
    )


raw = st.one_of(
    st.builds(
        raw_array,
        descr,
        npy_shape,
        st.sampled_from(["False", "True", "0"]),
        version,
        st.sampled_from([b"", bytes(8), bytes(16), b"\0\0\xc0\x7f" * 4]),
    ),
    st.binary(max_size=80),
)
member = st.sampled_from(
    ["params/V.npy", "params/w0.npy", "header.npy", "header", "x.npy", "x/", "params/V", "../../x.npy", "a\nb"]
)


@drawn(60)
@given(
    st.lists(st.tuples(member, raw), min_size=1, max_size=3), st.sampled_from([None, *KINDS]),
    st.sampled_from([zipfile.ZIP_STORED] * 3 + [zipfile.ZIP_DEFLATED, zipfile.ZIP_BZIP2]), st.binary(max_size=20),
    st.lists(edit, max_size=1),
)  # fmt: skip
def test_foreign_archives(parts, kind, compression, comment, edits):
    """Zip files with anything in them, alone or in place of parts of a model."""
    file = io.BytesIO()
    header, arrays = members(kind) if kind else ({}, {})
    whole = {name.removesuffix(".npy"): part for name, part in parts} if kind else {}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        with zipfile.ZipFile(file, "w", compression) as archive:
            archive.comment = comment
            for name, array in {**arrays, "header": np.array(json.dumps(header))}.items() if kind else ():
                if name not in whole:
                    inside = io.BytesIO()
                    np.save(inside, array)
                    archive.writestr(f"{name}.npy", inside.getvalue())
            for name, part in parts:
                archive.writestr(name, part)
    found = load(edited(file.getvalue(), edits))
    if not isinstance(found, Refused):
        check_use(found)


@drawn(20)
@given(
    st.binary(max_size=200),
    st.sampled_from([b"", b"PK\x03\x04", b"PK\x05\x06" + bytes(18), b"\x93NUMPY\x01\0", b"\x80\x04"]),
)
def test_any_bytes(content, start):
    assert isinstance(load(start + content), Refused)


# ---- what save refuses ---------------------------------------------------------------------------------

wrong = st.one_of(json_value, odd_array, st.sampled_from([object, {1, 2}, 1j, np.nan, np.random.default_rng(0), b"x"]))


@drawn(30)
@given(
    st.sampled_from(["fm", "network", "free"]),
    st.sampled_from(["params", "V", "state", "rng", "optimizer", "config", "encoder", "acc"]),
    wrong,
)
def test_wrong_parts_to_save(kind, part, value):
    """Nothing is written then; what was there stays."""
    with folder("model.npz") as here:
        path = here / "model.npz"
        path.write_bytes(saved(kind)[0])
        parts = answer(lambda: saving.load(path))._asdict()
        if part == "V":
            parts["params"] = parts["params"] | {"V": value}
        elif part == "acc":
            parts["state"] = parts["state"] | {"V": value}
        else:
            parts[part] = value
        path.write_bytes(b"old")
        done = answer(lambda: saving.save(path, **parts), ValueError, TypeError)
        if isinstance(done, Refused):
            assert path.read_bytes() == b"old"
        else:
            answer(lambda: saving.load(path))
    assert npz.FileFormatError is saving.FileFormatError
