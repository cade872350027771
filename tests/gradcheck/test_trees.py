"""What people hand over: arrays in any container, dense or sparse, from any library; and what is refused."""

from collections import OrderedDict
from typing import NamedTuple

import numpy as np
import pytest
from scipy import sparse

from afm_numpy import RowGrad
from afm_numpy.gradcheck import check, v_curve
from afm_numpy.gradcheck.trees import flatten, is_single, place, read_grads, read_params

A, C = np.array([0.3, -0.7]), np.array([[1.0, 2.0], [3.0, 4.0]])


class Pair(NamedTuple):
    a: np.ndarray
    c: np.ndarray


class Foreign:
    """An array of another library."""

    def __init__(self, values):
        self.values = values

    def __array__(self, dtype=None, copy=None):
        return np.asarray(self.values, dtype)


def value(a, c):
    return np.sin(a).sum() * (c**2).sum()


DA, DC = np.cos(A) * (C**2).sum(), 2 * C * np.sin(A).sum()
FORMS = {
    "dict": ({"a": A, "c": C}, lambda q: value(q["a"], q["c"]), {"a": DA, "c": DC}, ["a", "c"]),
    "list": ([A, C], lambda q: value(*q), [DA, DC], ["0", "1"]),
    "tuple, gradients in a list": ((A, C), lambda q: value(*q), [DA, DC], ["0", "1"]),
    "named tuple": (Pair(A, C), lambda q: value(q.a, q.c), Pair(DA, DC), ["0", "1"]),
    "nested": ({"layers": [{"a": A}, {"c": C}]}, lambda q: value(q["layers"][0]["a"], q["layers"][1]["c"]),
               {"layers": [{"a": DA}, {"c": DC}]}, ["layers.0.a", "layers.1.c"]),
    "keys that are numbers": ({0: A, 1: C}, lambda q: value(q[0], q[1]), {0: DA, 1: DC}, ["0", "1"]),
    "ordered": (OrderedDict(a=A, c=C), lambda q: value(**q), OrderedDict(c=DC, a=DA), ["a", "c"]),
    "a callable": ({"a": A, "c": C}, lambda q: value(**q), lambda q: {
        "a": np.cos(q["a"]) * (q["c"] ** 2).sum(), "c": 2 * q["c"] * np.sin(q["a"]).sum()}, ["a", "c"]),
    "one array": (A, lambda q: np.sin(q).sum(), np.cos(A), ["params"]),
    "one array and a callable": (A, lambda q: np.sin(q).sum(), np.cos, ["params"]),
    "one number": (0.3, np.sin, np.cos(0.3), ["params"]),
    "a list of numbers": ([0.3, -0.7], lambda q: np.sin(q).sum(), list(np.cos(A)), ["params"]),
    "a list of lists": ({"c": [[1.0, 2], [3, 4.0]]}, lambda q: (q["c"] ** 2).sum(), {"c": 2 * C}, ["c"]),
    "numbers beside arrays": ([0.3, C], lambda q: value(np.array([1, 1]) * q[0], q[1]),
                              [2 * np.cos(0.3) * (C**2).sum(), 4 * C * np.sin(0.3)], ["0", "1"]),
    "a table in a list": ([A, np.array([0, 0, 1])], lambda q: np.sin(q[0])[q[1]].sum(), [np.cos(A) * [2, 1], None],
                          ["0"]),
    "a sparse gradient": ({"c": C}, lambda q: q["c"][0, 1] ** 2, {"c": sparse.csr_matrix([[0, 4.0], [0, 0]])}, ["c"]),
    "gradient of rows": ([C], lambda q: q[0][1].sum() ** 2, [RowGrad(np.array([1]), np.full((1, 2), 14.0))], ["0"]),
    "another library": ({"a": Foreign(A)}, lambda q: np.sin(q["a"]).sum(), {"a": Foreign(np.cos(A))}, ["a"]),
}  # fmt: skip


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("method", ["complex", "central"])
def test_what_is_taken(form, method):
    params, f, grads, names = FORMS[form]
    report = check(f, params, grads, method=method)
    assert report and list(report.entries) == names
    curve = v_curve(f, params, grads(params) if callable(grads) else grads, np.random.default_rng(0), eps=[1e-5])
    assert curve.errors["central float64"] < 1e-7


def test_the_function_sees_the_containers_that_were_handed_over():
    seen = []
    grads = {"p": ([np.ones(2)], (0 * C, 0 * C))}
    check(lambda q: seen.append(q) or q["p"].a[0].sum(), {"p": Pair([A], (C, C))}, grads)
    assert type(seen[0]["p"]) is Pair and type(seen[0]["p"].a) is list and type(seen[0]["p"].c) is tuple


def test_torch_and_jax():
    torch, jax = pytest.importorskip("torch"), pytest.importorskip("jax")
    params = {"a": torch.tensor(A), "c": jax.numpy.asarray(C)}
    report = check(lambda q: value(**q), params, {"a": torch.tensor(DA), "c": jax.numpy.asarray(DC)})
    assert [entry.status for entry in report.entries.values()] == ["ok", "float32" if report["c"].note else "ok"]
    with pytest.raises(TypeError, match="parameter 'a' cannot be read as an array: .*requires grad"):
        check(lambda q: q["a"].sum(), {"a": torch.ones(2, requires_grad=True)}, {"a": np.ones(2)})


@pytest.mark.parametrize(
    ("params", "grads", "error", "message"),
    [
        ([A, C], [DA], ValueError, "'1' has no gradient"),
        ([A], [DA, DC], ValueError, "'1' has a gradient but is no parameter"),
        ({"a": A}, DA, ValueError, "'a' has no gradient"),
        ({"a": A}, {"a": None}, ValueError, "'a' has no gradient"),
        ({"a": {"b": A}, "a.b": A}, {}, ValueError, r"two arrays would have the same name; the names are \['a.b'\]"),
        ({"a": None}, {"a": A}, TypeError, "parameter 'a' must hold real numbers, .* not NoneType$"),
        ({"a": np.ma.masked_array([1.0, 2], [0, 1])}, {"a": A}, TypeError, "parameter 'a' cannot .*: masked values"),
        ({"a": A}, {"a": np.ma.masked_array([1.0, 2], [0, 1])}, TypeError, "the gradient of 'a' cannot .*: masked"),
        ({"a": A}, {"a": sparse.csr_matrix(C)}, ValueError, r"gradient of 'a' must .* shape \(2,\), .* \(2, 2\)"),
        ("abc", A, TypeError, "parameter 'params' must hold real numbers, .* not str$"),
        ({}, {}, ValueError, r"no parameter to check: none of \[\] is an array of floats"),
        (A, np.ones, TypeError, None),
    ],
)
def test_what_is_refused(params, grads, error, message):
    with pytest.raises(error, match=message):
        check(lambda q: 1.0, params, grads)


def test_a_gradient_function_that_writes_into_its_argument_does_no_harm():
    def grads(q):
        q *= 0
        return np.cos(A)

    assert check(lambda q: np.sin(q).sum(), A, grads) and A[0] == 0.3


def test_flatten_and_build():
    arrays, build = flatten(({"b": 1.5}, Pair(A, [C, None])))
    assert list(arrays) == ["0.b", "1.0", "1.1.0", "1.1.1"]
    assert build({name: name for name in arrays}) == ({"b": "0.b"}, Pair("1.0", ["1.1.0", "1.1.1"]))
    assert flatten(A, "out")[0].keys() == flatten({"": A}, "out")[0].keys() == {"out"}
    with pytest.raises(ValueError, match=r"^two arrays would have the same name; the names are \['a.b', 'c'\]$"):
        flatten({"a": {"b": A}, "a.b": A, "c": C})


def test_the_place_of_a_number():
    assert place(5, (2, 3)) == (1, 2) and place(np.intp(0), ()) == () and type(place(np.intp(1), (2,))[0]) is int


def test_parameters_become_float64_and_tables_stay():
    small, table = np.ones(2, np.float32), np.array([3], np.uint8)
    given = {"a": small, "b": 1.5, "c": [True, False], "d": table, "e": [1, 2], "f": A}
    params = read_params(given)
    types = [np.float64, np.float64, bool, np.uint8, int, np.float64]
    assert list(params) == list(given) and [theta.dtype for theta in params.values()] == types
    assert params["a"].tolist() == [1, 1] and params["c"].tolist() == [True, False] and params["f"] is not A


@pytest.mark.parametrize(
    ("leaves", "error", "message"),
    [
        ({"W": [[1.0, 2.0], [3.0, np.nan]]}, ValueError, r"parameter 'W' is not finite at \(1, 1\)"),
        ({"W": 1j}, TypeError, r"parameter 'W' must hold real numbers, or integers \(a table\), not complex"),
        ({"W": "relu"}, TypeError, r"parameter 'W' must hold real numbers, or integers \(a table\), not str"),
        ({"W": np.array(["x"])}, TypeError, r"parameter 'W' must hold real numbers, or integers \(a table\), not <U1"),
        ({"t": [1], "b": [True]}, ValueError, r"no parameter to check: none of \['b', 't'\] is an array of floats"),
        ({}, ValueError, r"no parameter to check: none of \[\] is an array of floats"),
    ],
)
def test_parameters_that_are_refused(leaves, error, message):
    with pytest.raises(error, match=f"^{message}$"):
        read_params(leaves)


def test_float32_is_known_by_the_name_of_its_type():
    class Tensor:
        dtype = "torch.float32"

    assert [is_single(leaf) for leaf in (np.ones(2, np.float32), np.float32(1), Tensor())] == [True] * 3
    assert [is_single(leaf) for leaf in (A, 0.5, [0.5], "float32", None)] == [False] * 5


class Rows:
    """A gradient that knows its shape but for the number of rows."""

    def __init__(self, *shape):
        self.shape, self.asked = shape, []

    def to_dense(self, n):
        self.asked.append(n)
        return np.full(self.shape, 2.0)


PARAMS = {"table": np.arange(3), "a": A, "C": np.zeros((4, 2)), "w0": np.array(0.5), "u": A, "i": A}


def test_gradients_become_float64_and_their_type_is_kept():
    rows, single = Rows(4, 2), Rows()
    whole, small = np.array([1, 2], np.uint8), np.ones(2, np.float32)
    grads = {"i": [-1, 2], "u": whole, "w0": single, "C": rows, "a": small, "table": None}
    dense, singles = read_grads(grads, PARAMS)
    assert rows.asked == [4] and single.asked == [1]
    assert list(dense) == ["a", "C", "w0", "u", "i"] and {g.dtype for g in dense.values()} == {np.dtype(np.float64)}
    assert singles == {"a"}
    assert dense["i"].tolist() == [-1, 2] and dense["u"].tolist() == [1, 2] and dense["C"].tolist() == [[2, 2]] * 4
    assert read_grads({"a": A}, {"a": A})[0]["a"] is not A


@pytest.mark.parametrize(
    ("change", "error", "message"),
    [
        ({"a": None}, ValueError, "'a' has no gradient. If it needs none, let a lambda hand it over"),
        ({"table": A}, ValueError, r"'table' has a gradient but is no parameter \(float array in params\)"),
        ({"z": None}, ValueError, r"'z' has a gradient but is no parameter \(float array in params\)"),
        ({"a": C}, ValueError, r"the gradient of 'a' must be real with shape \(2,\), not float64 \(2, 2\)"),
        ({"a": 1j * A}, ValueError, r"the gradient of 'a' must be real with shape \(2,\), not complex128 \(2,\)"),
        ({"a": np.float16(A)}, ValueError, r"the gradient of 'a' must be real with shape \(2,\), not float16 \(2,\)"),
        ({"a": None, "da": A, "dC": A}, ValueError, r"'a' has no gradient, but \['da', 'dC'\] have"),
        ({"a": [True, False]}, ValueError, r"the gradient of 'a' must be real with shape \(2,\), not bool \(2,\)"),
        ({"a": np.ma.masked_array([1.0, 2], [0, 1])}, TypeError, "the gradient of 'a' cannot be read as an array: .*"),
    ],
)
def test_gradients_that_are_refused(change, error, message):
    with pytest.raises(error, match=f"^{message}$"):
        read_grads({"a": A, "C": np.zeros((4, 2)), "w0": 1.0, "u": A, "i": A} | change, PARAMS)
