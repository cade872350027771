"""Checking a layer: forward and backward functions as people write them."""

import layers
import numpy as np
import pytest

from afm_numpy import RowGrad
from afm_numpy.gradcheck import check_layer

both = pytest.mark.parametrize("method", ["complex", "central", None])


def statuses(report):
    return {name: entry.status for name, entry in report.entries.items()}


def normal(*shape, seed=0):
    return np.random.default_rng(seed).normal(size=shape)


def tanh_forward(x, W):
    y = np.tanh(x @ W)
    return y, (x, W, y)


def tanh_backward(dy, cache):
    x, W, y = cache
    dz = dy * (1 - y**2)
    return dz @ W.T, x.T @ dz


INPUTS = normal(4, 3), normal(3, 2, seed=1)


# ---- layers that people write --------------------------------------------------------------------------


@both
@pytest.mark.parametrize("name", layers.LAYERS)
def test_right_layers_and_their_mistakes(name, method):
    q, forward, backward, mistakes = layers.LAYERS[name](np.random.default_rng(3))

    def report(wrong):
        return check_layer(
            lambda **q: forward(q), lambda d, **q: backward(q, d, wrong), q,
            takes="inputs", method=method,
        )  # fmt: skip

    assert report("") and list(report("").entries) == list(q)
    for wrong in mistakes:
        found = statuses(report(wrong))
        assert "error" in found.values() and set(found.values()) <= {"ok", "error"}, wrong


def test_it_says_which_input_is_wrong():
    report = check_layer(tanh_forward, lambda d, c: (tanh_backward(d, c)[0], 1.001 * tanh_backward(d, c)[1]), INPUTS)
    assert statuses(report) == {"x": "ok", "W": "error"} and not report
    assert report["W"].error == pytest.approx(1e-3, rel=1e-2)


def test_an_upstream_gradient_is_drawn():
    """With ones the gradient of a softmax vanishes."""
    seen = []

    def backward(dp, p):
        seen.append(dp.copy())
        return layers.softmax_back(p, dp)

    def forward(s):
        return (layers.softmax(s),) * 2

    s = normal(3, 4)
    for options in ({}, {"rng": np.random.default_rng(5)}, {}):
        assert check_layer(forward, backward, s, **options)
    first, again, other, _, third, _ = seen
    assert first.shape == (3, 4) and np.std(first) > 0.3
    assert (first == again).all() and (first == third).all() and (first != other).all()
    assert np.abs(np.corrcoef(first.ravel(), s.ravel())[0, 1]) < 0.9        # not the numbers of default_rng(0)


# ---- what goes in and comes out ------------------------------------------------------------------------


def test_several_outputs_of_any_shape():
    def forward(x):
        return {"sum": x.sum(), "parts": [x[0] ** 2, np.exp(x)], "argmax": np.argmax(x.real)}, x

    def backward(d, x):
        dx = d["sum"] + d["parts"][1] * np.exp(x)
        dx[0] += d["parts"][0] * 2 * x[0]
        assert d["argmax"] == 0.0                                           # an integer has no gradient
        return dx

    assert check_layer(forward, backward, normal(4))
    assert not check_layer(forward, lambda d, x: backward({**d, "sum": 0}, x), normal(4))


def embed(ids, V):
    return V[ids], (ids, V)


def embed_backward(d, cache):
    ids, V = cache
    dV = np.zeros_like(V)
    np.add.at(dV, ids, d)
    return dV


IDS = np.array([1, 1, 4])


@pytest.mark.parametrize(
    "gradients",
    [lambda dV: dV, lambda dV: (dV,), lambda dV: (None, dV), lambda dV: [None, dV], lambda dV: {"V": dV},
     lambda dV: {"ids": None, "V": dV}, lambda dV: RowGrad(np.array([1, 4]), dV[[1, 4]])],
)  # fmt: skip
def test_an_input_of_integers_has_no_gradient(gradients):
    report = check_layer(embed, lambda d, c: gradients(embed_backward(d, c)), (IDS, normal(5, 2)))
    assert statuses(report) == {"V": "ok"}


def test_one_array_a_dict_and_nested_inputs():
    def forward(x, params):
        return np.tanh(x * params["scale"] + params["more"][0]), (x, params)

    def backward(d, cache):
        x, params = cache
        dz = d * (1 - np.tanh(x * params["scale"] + params["more"][0]) ** 2)
        return dz * params["scale"], {"scale": dz * x, "more": [dz]}

    inner = {"scale": normal(3, seed=1), "more": [normal(3, seed=2)]}
    names = ["x", "params.scale", "params.more.0"]
    report = check_layer(forward, backward, (normal(3), inner))
    assert report and list(report.entries) == names
    named = check_layer(forward, lambda d, c: dict(zip(("x", "params"), backward(d, c), strict=True)),
                        {"x": normal(3), "params": inner})  # fmt: skip
    assert named and list(named.entries) == names
    alone = check_layer(lambda z: z**2, lambda d, z: 2 * z * d, normal(3), takes="inputs")
    assert alone and list(alone.entries) == ["z"]
    many = check_layer(lambda *z: z[0] * z[1], lambda d, a, b: (d * b, d * a), [normal(3), normal(3)], takes="inputs")
    assert many and list(many.entries) == ["input 0", "input 1"]


def test_a_function_that_does_not_say_the_names_of_its_arguments():
    class Outer:
        __signature__ = "unknown"

        def __call__(self, a, b):
            return np.add.outer(a, b)

    report = check_layer(Outer(), lambda d, a, b: (d.sum(1), d.sum(0)), (normal(3), normal(2)), takes="inputs")
    assert report and list(report.entries) == ["input 0", "input 1"]


@pytest.mark.parametrize(("forward", "asked", "method"), [
    ("tanh", {}, "complex"), ("tanh", {"method": "complex"}, "complex"), ("tanh", {"method": "central"}, "central"),
    ("buffer", {}, "central"), ("buffer", {"method": "central"}, "central"),
])  # fmt: skip
def test_options_are_handed_on(forward, asked, method):
    forward = tanh_forward if forward == "tanh" else with_buffer
    report = check_layer(forward, tanh_backward, INPUTS, full=0, samples=2, directions=1, rtol=1e-3, **asked)
    assert (report.method, report.rtol, report["x"].directions) == (method, 1e-3, 2)
    assert report["x"].coordinates in (2, 3)


def test_a_gradient_that_may_vanish():
    vanishing = check_layer(lambda x: x - x, lambda d, x: 0 * d, normal(3), takes="inputs", allow_blind=["x"])
    assert statuses(vanishing) == {"x": "zero"}


@pytest.mark.parametrize(
    ("backward", "options", "error", "message"),
    [
        (tanh_backward, {"takes": "nothing"}, ValueError, "unknown takes 'nothing'; choose from cache, inputs"),
        (tanh_backward, {"rng": 0}, TypeError, "rng must be a numpy.random.Generator; got int"),
        (lambda d, c: d, {}, ValueError, "backward must give a gradient for each of x, W; it gave 1"),
        (lambda d, c: (d,) * 3, {}, ValueError, "backward must give a gradient for each of x, W; it gave 3"),
        (lambda d, c: (None, c[1]), {}, ValueError, "'x' has no gradient"),
        (lambda d, c: (d, d), {}, ValueError, r"gradient of 'x' must be real with shape \(4, 3\), .* \(4, 2\)"),
    ],
)
def test_what_is_refused(backward, options, error, message):
    with pytest.raises(error, match=message):
        check_layer(tanh_forward, backward, INPUTS, **options)


def test_a_forward_function_without_a_cache():
    for given, kind in ((normal(3), "ndarray"), ((normal(3),) * 3, "tuple"), ([normal(3), None], "list")):
        message = rf"^with takes='cache' forward must give a tuple \(out, cache\), not {kind}$"
        with pytest.raises(TypeError, match=message):
            check_layer(lambda x, given=given: given, lambda d, c: d, normal(3))


@pytest.mark.parametrize(("out", "message"), [
    (lambda x: np.fft.rfft(x), r"not 'out' \(complex128\)$"),
    (lambda x: {"y": x, "z": x + 1j}, r"not 'z' \(complex128\)$"),
    (lambda x: (x > 0).astype(int), "it gave none$"), (lambda x: None, "it gave none$"),
    (lambda x: [x, np.where(x > x.min(), x, -np.inf)], r"not '1' \(float64\)$"),
])  # fmt: skip
def test_outputs_that_cannot_be_checked(out, message):
    """They would have no upstream gradient, and a wrong backward pass would pass."""
    with pytest.raises(ValueError, match=r"^forward must give finite real floats \(of complex .*\): " + message):
        check_layer(out, lambda d, x: 0 * x, normal(3), takes="inputs")


def test_an_output_that_is_no_array():
    class Graph:
        def __array__(self, *args, **options):
            raise RuntimeError("detach it first")

    with pytest.raises(TypeError, match="^the output 'out' cannot be read as an array: detach it first$"):
        check_layer(lambda x: Graph(), lambda d, x: d, normal(3), takes="inputs")


def test_gradients_that_are_yielded_and_gradients_by_wrong_names():
    def backward(d, cache):
        yield from tanh_backward(d, cache)

    assert check_layer(tanh_forward, backward, INPUTS)
    message = "for each of x, W; it gave dx, dW. If an input needs none, let a lambda hand it over$"
    with pytest.raises(ValueError, match=message):
        check_layer(tanh_forward, lambda d, c: dict(zip(("dx", "dW"), tanh_backward(d, c), strict=True)), INPUTS)


def test_a_part_that_the_complex_step_loses_is_checked_by_central_differences():
    """With the norm as a constant the gradient would be right."""
    report = check_layer(by_norm, lambda d, x: d / np.linalg.norm(x), normal(4), takes="inputs")
    assert statuses(report) == {"x": "error"} and report.method == "central"


def test_a_backward_function_that_gives_no_numbers_is_wrong_and_not_random():
    report = check_layer(tanh_forward, lambda d, c: (np.full((4, 3), np.nan), tanh_backward(d, c)[1]), INPUTS)
    assert statuses(report) == {"x": "error", "W": "ok"}


def test_a_wrong_gradient_is_reported_by_the_complex_step():
    report = check_layer(tanh_forward, lambda d, c: (tanh_backward(d, c)[0], 2 * tanh_backward(d, c)[1]), INPUTS)
    assert statuses(report) == {"x": "ok", "W": "error"} and report.method == "complex"


def test_one_generator_draws_for_central_differences_too():
    class Counted(np.random.Generator):
        calls = 0

        def choice(self, *args, **options):
            self.calls += 1
            return super().choice(*args, **options)

    def calls(**options):
        rng = Counted(np.random.PCG64(0))
        check_layer(with_buffer, tanh_backward, INPUTS, rng=rng, full=0, samples=2, directions=1, **options)
        return rng.calls

    assert calls() > calls(method="central") > 0                            # the complex step had drawn some before


def test_one_generator_draws_all():
    rng, one_less = np.random.default_rng(0), np.random.default_rng(0)
    check_layer(tanh_forward, tanh_backward, INPUTS, rng=rng, full=0, samples=2, directions=1)
    one_less.normal(size=(4, 2))                                            # the upstream gradient
    assert rng.bit_generator.state != one_less.bit_generator.state


# ---- a backward function that is not pure ----------------------------------------------------------------


def writes_into(target):
    def backward(d, cache):
        grads = tanh_backward(d, cache)
        {"dout": d, "cache": cache[2], "inputs": cache[0]}[target][...] *= 1.5
        return grads

    return backward


@pytest.mark.parametrize(("target", "name"), [("dout", "dout"), ("cache", "cache[2]"), ("inputs", "cache[0]")])
def test_a_backward_function_that_changes_what_it_was_given(target, name):
    report = check_layer(tanh_forward, writes_into(target), INPUTS)
    assert statuses(report) == {"x": "mutates", "W": "mutates"} and not report
    assert f"backward changes the array '{name}'" in report["x"].note


def test_a_backward_function_that_draws():
    rng = np.random.default_rng(0)

    def backward(d, cache):
        return tuple(g * (rng.random(g.shape) < 0.5) for g in tanh_backward(d, cache))

    report = check_layer(tanh_forward, backward, INPUTS, method="central")
    assert statuses(report) == {"x": "random", "W": "random"} and report.method == "central"
    message = "two calls of backward with the same numbers differ: let it draw nothing, and change or add to nothing"
    assert report["x"].note == report["W"].note == message
    assert check_layer(tanh_forward, backward, INPUTS).method == "complex"


def test_a_backward_function_that_adds_to_what_it_returns():
    """Both answers are one array: it is copied before the second call."""
    total = np.zeros((3, 2))

    def backward(d, cache):
        dx, dW = tanh_backward(d, cache)
        total[...] += dW
        return dx, total

    report = check_layer(tanh_forward, backward, INPUTS)
    assert statuses(report) == {"x": "random", "W": "random"} and "change or add to nothing" in report["W"].note


def test_a_forward_function_that_draws_or_changes_its_input():
    rng = np.random.default_rng(0)
    report = check_layer(lambda x: x * (rng.random(3) < 0.5), lambda d, x: d, normal(3), takes="inputs")
    assert statuses(report) == {"x": "random"}

    def forward(x):
        x *= 2
        return x, None

    x = normal(3)
    assert statuses(check_layer(forward, lambda d, c: 2 * d, x)) == {"x": "mutates"}
    assert (x == normal(3)).all()


# ---- forward functions that cannot carry complex numbers, or float64 --------------------------------------


def with_buffer(x, W):
    y = np.zeros((4, 2))
    y[...] = np.tanh(x @ W)
    return y, (x, W, y)


def by_norm(x):
    return x / np.linalg.norm(x)                                            # loses the imaginary part of the norm only


def by_norm_backward(d, x):
    r = np.linalg.norm(x)
    return d / r - (d * x).sum() * x / r**3


def test_central_differences_where_a_complex_step_cannot_go():
    report = check_layer(with_buffer, tanh_backward, INPUTS)
    assert report and report.method == "central"
    assert not check_layer(with_buffer, lambda d, c: tanh_backward(2 * d, c), INPUTS)
    with pytest.raises(TypeError, match="f loses the imaginary part of x"):
        check_layer(with_buffer, tanh_backward, INPUTS, method="complex")
    report = check_layer(by_norm, by_norm_backward, normal(4), takes="inputs")
    assert report and report.method == "central"
    with pytest.raises(TypeError, match="f loses the imaginary part of x"):
        check_layer(by_norm, by_norm_backward, normal(4), takes="inputs", method="complex")
    wrong = check_layer(by_norm, lambda d, x: 1.001 * by_norm_backward(d, x), normal(4), takes="inputs")
    assert statuses(wrong) == {"x": "error"}


@both
def test_a_layer_in_float32(method):
    def forward(x, W):
        y = np.tanh(x.astype(np.float32) @ W.astype(np.float32))
        return y, (x.astype(np.float32), W.astype(np.float32), y)

    assert statuses(check_layer(forward, tanh_backward, INPUTS, method=method)) == {"x": "float32", "W": "float32"}
    wrong = check_layer(forward, lambda d, c: tanh_backward(1.002 * d, c), INPUTS, method=method)
    assert statuses(wrong) == {"x": "error", "W": "error"}
    clean = check_layer(tanh_forward, tanh_backward, [np.float32(value) for value in INPUTS], method=method)
    assert statuses(clean) == {"x": "ok", "W": "ok"}                        # the same code, run in float64
