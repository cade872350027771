"""The gradient checker: it must accept right gradients, find wrong ones, and say when it cannot tell."""

from typing import NamedTuple

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from strategies import examples

from afm_numpy import gradcheck
from afm_numpy.gradcheck import check, v_curve

both = pytest.mark.parametrize("method", ["complex", "central"])
B, P, K, T = 3, 6, 5, 2


def attention(seed=0, scale=1.0):
    """Scores, softmax and a random upstream gradient: f(params), params, and backward(gate, jacobian)."""
    rng = np.random.default_rng(seed)
    M, da = rng.normal(size=(B, P, K)), rng.normal(size=(B, P))
    params = {"W": scale * rng.normal(size=(K, T)), "b": scale * rng.normal(size=T), "h": scale * rng.normal(size=T)}

    def forward(q):
        Z = M @ q["W"] + q["b"]
        R = np.where(Z.real > 0, Z, 0)
        s = R @ q["h"]
        e = np.exp(s - s.real.max(axis=1, keepdims=True))
        return Z, R, e / e.sum(axis=1, keepdims=True)

    def f(q):
        return (da * forward(q)[2]).sum()

    def backward(gate=True, diagonal=False, da=da):
        Z, R, a = forward(params)
        ds = a * (1 - a) * da if diagonal else a * (da - (a * da).sum(axis=1, keepdims=True))
        dZ = ds[:, :, None] * params["h"] * ((Z > 0) if gate else 1.0)
        return {"W": np.einsum("bpk,bpt->kt", M, dZ), "b": dZ.sum((0, 1)), "h": np.einsum("bp,bpt->t", ds, R)}

    return f, params, backward, lambda q: forward(q)[0] > 0, forward


def statuses(report):
    return {name: entry.status for name, entry in report.entries.items()}


# ---- right and wrong gradients -------------------------------------------------------------------------


@both
def test_a_right_gradient(method):
    f, params, backward, _, _ = attention()
    report = check(f, params, backward(), method=method)
    assert report.ok and report.raise_if_bad() is report
    assert (report.method, report.rtol) == (method, {"complex": 1e-12, "central": 1e-7}[method])
    for name, size in {"W": K * T, "b": T, "h": T}.items():
        entry = report[name]
        assert (entry.status, entry.coordinates, entry.size, entry.kinks, entry.note) == ("ok", size, size, 0, "")
        assert entry.error < {"complex": 1e-14, "central": 1e-9}[method]
        assert entry.analytic == backward()[name][entry.at] == pytest.approx(entry.numeric, rel=1e-6)


@both
@pytest.mark.parametrize(
    ("wrong", "names"),
    [({"gate": False}, "Wb"), ({"diagonal": True}, "Wbh")],
    ids=["missing ReLU gate", "diagonal softmax Jacobian"],
)
def test_a_wrong_backward_pass(method, wrong, names):
    f, params, backward, gates, _ = attention()
    for known in (None, gates):
        report = check(f, params, backward(**wrong), method=method, gates=known)
        assert not report.ok
        assert statuses(report) == {name: "error" if name in names else "ok" for name in "Wbh"}


@both
@pytest.mark.parametrize("name", ["W", "b", "h"])
def test_an_error_of_a_thousandth_in_the_largest_entry(method, name):
    f, params, backward, _, _ = attention()
    grads = backward()
    at = np.unravel_index(np.abs(grads[name]).argmax(), grads[name].shape)
    right, grads[name][at] = grads[name][at], 1.001 * grads[name][at]
    entry = check(f, params, grads, method=method)[name]
    assert (entry.status, entry.at) == ("error", at)
    assert entry.error == pytest.approx(1e-3, rel=2e-3)
    assert (entry.analytic, entry.numeric) == (1.001 * right, pytest.approx(right, rel=1e-6))


@both
def test_errors_are_measured_against_the_largest_entry_of_the_array(method):
    c = np.array([1.0, 1e3])

    def f(q):
        return (c * q["a"] ** 2).sum()

    entry = check(f, {"a": np.ones(2)}, {"a": 2 * c + np.array([1e-2, 0])}, method=method)["a"]
    assert (entry.status, entry.at, entry.error) == ("error", (0,), pytest.approx(1e-2 / 2e3, rel=1e-4))


@both
@pytest.mark.parametrize(("omega", "rtol"), [(300, 1e-6), (5000, 1e-3)])
def test_a_small_error_in_a_sharply_curved_function_is_no_kink(method, omega, rtol):
    theta = np.array([0.3, 0.7, 1.1])
    right = omega * np.cos(omega * theta)

    def f(q):
        return np.sin(omega * q["a"]).sum()

    assert check(f, {"a": theta}, {"a": right}, method=method, rtol=rtol).ok
    off = 1000 * rtol if omega == 300 else 10 * rtol                        # 0.1 % and 1 %
    entry = check(f, {"a": theta}, {"a": (1 + off) * right}, method=method, rtol=rtol)["a"]
    assert (entry.status, entry.kinks, entry.error) == ("error", 0, pytest.approx(off, rel=0.03))


@both
def test_zeros_in_place_of_a_gradient(method):
    entry = check(lambda q: 1 + (q["a"] ** 2).sum(), {"a": np.ones(3)}, {"a": np.zeros(3)}, method=method)["a"]
    assert (entry.status, entry.error, entry.analytic) == ("error", pytest.approx(1.0), 0.0)


@both
def test_a_gradient_of_size_one_where_f_is_flat(method):
    entry = check(lambda q: 1 + 0 * q["a"].sum(), {"a": np.ones(2)}, {"a": np.array([0.0, 2.0])}, method=method)["a"]
    assert (entry.status, entry.at, entry.error, entry.numeric) == ("error", (1,), 1.0, 0.0)


@both
@examples(60)
@given(st.integers(0, 2**32 - 1), st.integers(1, 5), st.integers(1, 5))
def test_random_polynomials(method, seed, size, degree):
    rng = np.random.default_rng(seed)
    theta, c = rng.normal(size=size), rng.uniform(0.5, 2.0, size=(degree, size))
    powers = np.arange(1, degree + 1)[:, None]

    def f(q):
        return (c * q["a"] ** powers).sum() + q["z"]

    g = (c * powers * theta ** (powers - 1)).sum(axis=0)
    params = {"a": theta, "z": np.array(rng.normal())}
    assert set(statuses(check(f, params, {"a": g, "z": 1.0}, method=method)).values()) <= {"ok", "blind"}
    off = g * (1 + 1e-3 * (np.arange(size) == np.abs(g).argmax()))
    assert check(f, params, {"a": off, "z": 1.0}, method=method)["a"].status in {"error", "blind"}
    assert np.abs(g).max() < 1e-3 or check(f, params, {"a": off, "z": 1.0}, method=method)["a"].status == "error"


# ---- large arrays --------------------------------------------------------------------------------------


def large(n=300, k=7):
    V = np.random.default_rng(5).normal(size=(n, k))
    return lambda q: np.sin(q["V"]).sum(), {"V": V}, np.cos(V)


@both
def test_a_large_array_is_sampled_and_mixed(method):
    f, params, g = large()
    calls = []

    def counted(q):
        calls.append(1)
        return f(q)

    entry = check(counted, params, {"V": g}, method=method, rng=np.random.default_rng(0), samples=10, directions=3)["V"]
    assert (entry.status, entry.size, entry.directions) == ("ok", 2100, 3)
    assert entry.coordinates in (10, 11)                                    # the largest entry may be in the sample
    assert len(calls) == 1 + (entry.coordinates + 3) * (2 if method == "central" else 1)


@both
@pytest.mark.parametrize("seed", range(3))
def test_one_wrong_coordinate_outside_the_sample_shows_in_every_direction(method, seed):
    f, params, g = large()
    at = np.unravel_index(np.argsort(np.abs(g), axis=None)[1000], g.shape)  # not the largest
    g[at] += 0.01
    entry = check(f, params, {"V": g}, method=method, rng=np.random.default_rng(seed), samples=5, directions=1)["V"]
    assert (entry.status, entry.at) == ("error", "direction 0")
    assert abs(entry.analytic - entry.numeric) == pytest.approx(0.01 / np.sqrt(g.size), rel=1e-3)
    assert entry.error == pytest.approx(0.01 / np.sqrt(g.size) / np.abs(g).max(), rel=1e-3)


@both
def test_a_missing_gradient_outside_the_sample(method):
    entry = check(
        lambda q: q["a"][77] ** 2, {"a": np.ones(1000)}, {"a": np.zeros(1000)}, method=method, samples=2,
        rng=np.random.default_rng(0),
    )["a"]  # fmt: skip
    assert (entry.status, entry.at, entry.error) == ("error", "direction 0", np.inf)


def test_the_largest_entry_is_always_in_the_sample():
    f, params, g = large()
    at = np.unravel_index(np.abs(g).argmax(), g.shape)
    g[at] *= 1.5
    assert check(f, params, {"V": g}, rng=np.random.default_rng(0), samples=1, directions=0)["V"].at == at


def test_a_sample_has_no_entry_twice_and_by_default_40_entries_and_4_directions():
    f, params, g = large(n=100)
    assert check(f, params, {"V": g}, rng=np.random.default_rng(0), samples=700)["V"].coordinates == 700
    entry = check(f, params, {"V": g}, rng=np.random.default_rng(0))["V"]
    assert (entry.coordinates, entry.directions) == (40 + 1, 4)             # and the largest


def test_the_same_generator_gives_the_same_report():
    f, params, g = large()
    reports = [check(f, params, {"V": g}, rng=np.random.default_rng(seed)) for seed in (4, 4, 6)]
    assert reports[0] == reports[1] != reports[2]


def test_a_large_array_needs_a_generator_and_a_small_one_does_not():
    f, params, g = large()
    with pytest.raises(ValueError, match=r"'V' has 2100 entries, more than full=400: give an rng, or a larger full"):
        check(f, params, {"V": g})
    assert check(f, params, {"V": g}, full=2100)["V"].coordinates == 2100


def test_a_scalar_can_be_mixed_too():
    entry = check(
        lambda q: q["w0"] ** 2, {"w0": np.array(3.0)}, {"w0": 6.0}, full=0, rng=np.random.default_rng(0)
    )["w0"]
    assert (entry.status, entry.coordinates, entry.directions) == ("ok", 1, 4)


# ---- kinks ---------------------------------------------------------------------------------------------

STEP = gradcheck.DEFAULTS["central"][0]


def relu(u, jump=1.0):
    """relu(theta - c) and a smooth part, its first kink at u steps from theta; the other two are far away."""
    theta = np.array([0.5, 0.8, -0.4])
    c = theta + np.array([u * STEP, -0.3, 0.3])

    def f(q):
        return (jump * np.where((q["a"] - c).real > 0, q["a"] - c, 0) + np.sin(q["a"])).sum()

    return f, {"a": theta}, {"a": jump * (theta > c) + np.cos(theta)}, lambda q: q["a"] > c


@pytest.mark.parametrize("u", [-0.9, -0.5, -1 / 3, -0.25, -1 / 6, 0, 1 / 6, 0.2, 0.25, 1 / 3, 0.4, 0.5, 2 / 3, 0.99])
@pytest.mark.parametrize("jump", [1.0, -0.02])
@pytest.mark.parametrize("known", [True, False])
def test_a_kink_within_the_step_is_set_aside(u, jump, known):
    f, params, grads, gates = relu(u, jump)
    entry = check(f, params, grads, method="central", gates=gates if known else None)["a"]
    assert (entry.status, entry.coordinates, entry.kinks) == ("ok", 2, 1)
    assert entry.error < 1e-9
    assert check(f, params, grads).ok                                       # a complex step crosses no kink
    assert check(f, params, grads)["a"].kinks == 0


@pytest.mark.parametrize("known", [True, False])
def test_a_kink_beyond_the_step_spoils_nothing(known):
    f, params, grads, gates = relu(1.1)
    gates = gates if known else None
    assert check(f, params, grads, method="central", gates=gates)["a"].kinks == 0
    grads["a"][0] *= 1.001
    entry = check(f, params, grads, method="central", gates=gates)["a"]
    assert (entry.status, entry.at, entry.kinks) == ("error", (0,), 0)


@pytest.mark.parametrize("known", [True, False])
def test_a_kink_does_not_excuse_the_other_coordinates(known):
    f, params, grads, gates = relu(0.3)
    grads["a"][2] *= 1.001
    entry = check(f, params, grads, method="central", gates=gates if known else None)["a"]
    assert (entry.status, entry.at, entry.kinks) == ("error", (2,), 1)


@pytest.mark.parametrize("known", [True, False])
def test_where_most_slopes_are_kinks_nothing_is_checked(known):
    theta = np.array([0.2 * STEP, -0.3 * STEP, 0.7])

    def f(q):
        return np.maximum(q["a"], 0).sum() + np.sin(q["z"])

    gates = (lambda q: (q["a"] > 0, q["z"] > 5)) if known else None
    params, grads = {"a": theta, "z": np.array(1.0)}, {"a": 1.0 * (theta > 0), "z": np.cos(1.0)}
    report = check(f, params, grads, method="central", gates=gates)
    assert statuses(report) == {"a": "kink", "z": "ok"} and not report.ok
    assert (report["a"].coordinates, report["a"].kinks) == (1, 2)
    assert "move the parameters" in report["a"].note
    alone = check(f, {**params, "a": theta[:2]}, {**grads, "a": grads["a"][:2]}, method="central", gates=gates)["a"]
    assert (alone.status, alone.at, alone.coordinates) == ("kink", "-", 0)
    assert (alone.analytic, alone.numeric, alone.error) == (0.0, 0.0, 0.0)


def test_directions_that_all_cross_a_kink_check_nothing():
    theta = np.zeros(500)
    theta[400:] = 1.0
    weight = np.where(theta == 0, 1.0, 2.0)

    def f(q):                                                               # a kink in the sum of the first 400
        total = (weight * q["a"]).sum()
        return total + np.abs((q["a"] * (theta == 0)).sum() - 0.01 * STEP)

    g = weight - (theta == 0)
    entry = check(f, {"a": theta}, {"a": g}, method="central", rng=np.random.default_rng(1), samples=3)["a"]
    assert (entry.status, entry.directions) == ("kink", 0)


def test_a_gradient_of_nan_is_not_excused_by_a_kink():
    f, params, grads, gates = relu(0.5)
    grads["a"][0] = np.nan
    entry = check(f, params, grads, method="central", gates=gates)["a"]
    assert (entry.status, entry.at, entry.kinks) == ("error", (0,), 0)


def test_a_complex_step_takes_the_side_of_a_kink_that_f_takes():
    params, grads = {"a": np.zeros(3)}, {"a": np.ones(3)}
    assert check(lambda q: np.where(q["a"].real > 0, q["a"], 0).sum(), params, grads)["a"].status == "error"
    assert check(lambda q: np.where(q["a"].real < 0, 0, q["a"]).sum(), params, grads).ok


def test_noise_is_not_taken_for_a_kink():
    rng = np.random.default_rng(0)
    theta, c = rng.normal(size=60), rng.normal(size=60)

    def f(q):
        return 1e4 + (c * np.sin(q["a"])).sum()

    entry = check(f, {"a": theta}, {"a": c * np.cos(theta) + 1.4e-5}, method="central")["a"]
    assert (entry.status, entry.kinks) == ("error", 0)


def test_a_kink_below_the_noise_floor_is_blind():
    params, grads = {"a": np.array([0.3 * STEP])}, {"a": np.array([1e-7])}

    def f(q):
        return 1e4 + 1e-7 * np.maximum(q["a"], 0).sum()

    assert check(f, params, grads, method="central", gates=lambda q: q["a"] > 0)["a"].status == "blind"


def test_a_gate_may_be_one_boolean():
    f, params, grads, gates = relu(0.5)
    grads["a"][0] += 1
    entry = check(f, params, grads, method="central", gates=lambda q: gates(q)[0])["a"]
    assert (entry.status, entry.kinks) == ("ok", 1)


def test_the_gate_functions_see_moved_copies_of_real_numbers():
    f, params, grads, gates = relu(0.5)
    seen = []
    check(f, params, grads, method="central", gates=lambda q: seen.append(q["a"]) or gates(q))
    assert [(a - params["a"])[0] / STEP for a in seen] == pytest.approx([-1, 0, 1])
    assert all(a.dtype == float and (a[1:] == params["a"][1:]).all() for a in seen)


# ---- blindness -----------------------------------------------------------------------------------------


@both
def test_an_upstream_gradient_of_ones_is_blind(method):
    """Rows of a softmax sum to 1: dW is 0 up to rounding, and so would be many a wrong dW."""
    _, params, backward, _, forward = attention()

    def f(q):
        return forward(q)[2].sum()

    for grads in (backward(da=np.ones((B, P))), {name: 0 * value for name, value in params.items()}):
        report = check(f, params, grads, method=method)
        assert statuses(report) == {"W": "blind", "b": "blind", "h": "blind"} and not report.ok
        for words in ("random upstream gradient", "parameters of size 1", "allow_blind=('W',)"):
            assert words in report["W"].note
        partly = check(f, params, grads, method=method, allow_blind=("W", "h"))
        assert statuses(partly) == {"W": "zero", "b": "blind", "h": "zero"} and not partly.ok
        assert check(f, params, grads, method=method, allow_blind="Wbh").ok
    bad = {**grads, "b": np.array([0.0, 1e-6])}
    assert check(f, params, bad, method=method, allow_blind="Wbh")["b"].status == "error"


@both
def test_the_noise_floor_holds_where_f_is_zero_by_accident(method):
    _, params, backward, _, forward = attention()

    def f(q):
        return forward(q)[2].sum() - B + 5 * q["z"].sum()

    grads = {**backward(da=np.ones((B, P))), "z": np.full(2, 5.0)}
    report = check(f, {**params, "z": np.zeros(2)}, grads, method=method)
    assert statuses(report) == {"W": "blind", "b": "blind", "h": "blind", "z": "ok"}


def test_tiny_parameters_are_blind():
    """dW and db are 1e-9 times f at h = 1e-9: central differences cannot see them, the complex step can."""
    f, params, backward, _, _ = attention()
    params["h"] *= 1e-9
    report = check(f, params, backward(), method="central")
    assert statuses(report) == {"W": "blind", "b": "blind", "h": "ok"} and not report.ok
    assert check(f, params, backward(), method="central", allow_blind="b")["b"].status in ("blind", "zero")
    assert check(f, params, backward()).ok
    params["h"] *= 1e-9
    assert statuses(check(f, params, backward())) == {"W": "blind", "b": "blind", "h": "ok"}


@both
def test_zeros_in_place_of_a_small_gradient_are_an_error(method):
    f, params, backward, _, _ = attention()
    params["h"] *= 1e-6
    assert statuses(check(f, params, {**backward(), "W": np.zeros((K, T))}, method=method))["W"] == "error"


def test_a_difference_that_may_be_noise_is_blind_even_where_the_gradient_is_not():
    def f(q):
        return 1e4 + (q["a"] ** 2).sum()

    entry = check(f, {"a": np.ones(3)}, {"a": np.full(3, 2 + 1e-6)}, method="central", allow_blind=("a",))["a"]
    assert (entry.status, entry.error < 1e-5) == ("blind", True)
    assert check(f, {"a": np.ones(3)}, {"a": np.full(3, 2.002)}, method="central")["a"].status == "error"


def test_a_tie_is_no_error_and_no_kink():
    """All numbers are powers of two: the noise floor of a is 1, the difference is 1 of 2."""

    def f(q):
        return 2.0**47 + 2 * q["a"]

    for rtol, status in ((0.5, "ok"), (0.125, "blind"), (0.25, "blind")):
        assert check(f, {"a": 0.0}, {"a": 1.0}, rtol=rtol)["a"].status == status
    entry = check(
        lambda q: 1.5 * q["a"], {"a": 0.0}, {"a": 1.0}, method="central", eps=2.0**-10, rtol=0.5,
        gates=lambda q: q["a"] > 0,
    )["a"]  # fmt: skip
    assert (entry.status, entry.kinks) == ("ok", 0)


def test_where_everything_is_zero_nothing_is_right():
    def status(**options):
        return check(lambda q: 0 * q["a"], {"a": 1.0}, {"a": 0.0}, **options)["a"].status

    assert (status(), status(allow_blind=("a",))) == ("blind", "zero")


def test_an_empty_array_is_not_checked():
    report = check(lambda q: q["a"].sum() + q["z"], {"a": np.zeros((0, 2)), "z": 1.0}, {"a": np.zeros((0, 2)), "z": 1})
    assert statuses(report) == {"a": "blind", "z": "ok"}
    assert (report["a"].at, report["a"].error, report["a"].size) == ("-", 0.0, 0)


# ---- complex numbers that get lost ---------------------------------------------------------------------


@pytest.mark.parametrize(
    "f",
    [
        lambda q: float(q["a"].sum()),
        lambda q: (q["a"].astype(np.float64) ** 2).sum(),
        lambda q: (q["a"].real ** 2).sum(),
        lambda q: np.abs(q["a"]).sum(),
    ],
)
def test_a_function_that_turns_complex_numbers_into_real_ones(f):
    with pytest.raises(TypeError, match=r"f loses the imaginary part of a: .*; mend f or use method='central'"):
        check(f, {"a": np.ones(2)}, {"a": np.ones(2)})


@pytest.mark.parametrize("lose", [np.real, np.abs, np.conj])
def test_a_function_that_loses_the_imaginary_part_of_one_parameter(lose):
    def f(q):
        return (lose(q["a"]) * q["z"]).sum()

    params, grads = {"a": np.ones(2), "z": np.ones(2)}, {"a": np.ones(2), "z": np.ones(2)}
    report = check(f, params, grads)
    assert statuses(report) == {"a": "error", "z": "ok"}
    assert "does f lose the imaginary part of a " in report["a"].note
    assert check(f, params, grads, method="central").ok


def test_the_message_names_all_that_moved_and_what_came_back():
    with pytest.raises(TypeError, match="^f loses the imaginary part of a/z: it returned float64; mend f"):
        v_curve(
            lambda q: (q["a"] + q["z"]).real, {"a": 1.0, "z": 1.0}, {"a": 1.0, "z": 1.0}, np.random.default_rng(0),
            curves=["complex float64"],
        )  # fmt: skip


def test_a_step_that_is_too_large_is_named():
    entry = check(lambda q: np.exp(q["a"]).sum(), {"a": np.ones(2)}, {"a": np.exp(np.ones(2))}, eps=1e-2)["a"]
    assert entry.status == "error" and "is eps too large?" in entry.note


def test_errors_of_f_itself_pass_through():
    with pytest.raises(TypeError, match="^mine$"):
        check(lambda q: (_ for _ in ()).throw(TypeError("mine")), {"a": np.ones(2)}, {"a": np.ones(2)})


# ---- NaN and infinity ----------------------------------------------------------------------------------


@both
@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
def test_a_gradient_that_is_not_finite(method, bad):
    f, params, g = large(20)
    g[3, 4] = bad
    for full in (400, 0):
        entry = check(f, params, {"V": g}, method=method, full=full, rng=np.random.default_rng(0))["V"]
        assert (entry.status, entry.at, entry.error) == ("error", (3, 4), np.inf)
        assert np.array_equal(entry.analytic, bad, equal_nan=True)


@both
@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_a_function_that_is_not_finite_next_to_the_point(method, bad):
    def f(q):
        return (q["a"] ** 2).sum() * (1 if q["a"][1] == 1 else bad)

    with np.errstate(invalid="ignore"):
        entry = check(f, {"a": np.ones(3)}, {"a": np.full(3, 2.0)}, method=method)["a"]
    assert (entry.status, entry.at, entry.error) == ("error", (1,), np.inf)


@both
def test_a_function_that_is_not_finite_at_the_point(method):
    with pytest.raises(ValueError, match=r"f\(params\) is nan"):
        check(lambda q: q["a"].sum() * np.nan, {"a": np.ones(2)}, {"a": np.ones(2)}, method=method)


def test_a_gradient_with_both_infinities():
    f, params, g = large()
    g[3, 4], g[5, 6] = np.inf, -np.inf
    entry = check(f, params, {"V": g}, rng=np.random.default_rng(0))["V"]
    assert (entry.status, entry.at, entry.directions) == ("error", (3, 4), 4)


def test_a_parameter_that_is_not_finite():
    with pytest.raises(ValueError, match=r"parameter 'a' is not finite at \(1, 0\)"):
        check(lambda q: 1.0, {"a": np.array([[1.0, 2.0], [np.inf, 3.0]])}, {"a": np.ones((2, 2))})


# ---- arguments -----------------------------------------------------------------------------------------


class Rows(NamedTuple):
    rows: np.ndarray
    values: np.ndarray

    def to_dense(self, n):
        dense = np.zeros((n, *self.values.shape[1:]))
        dense[self.rows] = self.values
        return dense


@both
def test_row_gradients_and_integer_tables(method):
    params = {"V": np.arange(12.0).reshape(6, 2), "rows": np.array([4, 1]), "flags": np.array([True, False])}
    seen = []

    def f(q):
        seen.append(q)
        return (q["V"][q["rows"]] ** 2).sum()

    grads = {"V": Rows(params["rows"], 2 * params["V"][params["rows"]])}
    assert check(f, params, grads, method=method)["V"].coordinates == 12
    assert all(q["rows"] is params["rows"] and q["flags"] is params["flags"] for q in seen)
    assert {q["V"].dtype for q in seen[1:]} == {np.dtype(complex if method == "complex" else float)}


@both
def test_nothing_is_changed_even_by_a_function_that_writes_into_its_argument(method):
    params = {"a": np.ones(3), "z": np.ones(2)}
    before = {name: value.copy() for name, value in params.items()}

    def f(q):
        q["z"] *= 3
        return (q["a"] ** 2).sum() + q["z"].sum()

    grads = {"a": 2 * np.ones(3), "z": 3 * np.ones(2)}
    assert check(f, params, grads, method=method).ok
    assert all(np.array_equal(params[name], before[name]) for name in params)
    assert all(value.flags.writeable for value in params.values())


def test_every_float_parameter_is_complex_in_a_complex_step():
    def f(q):
        out = np.empty_like(q["z"])                                         # a buffer of the type of z
        out[:] = q["a"] ** 2
        return out.sum() + q["z"].sum()

    assert check(f, {"a": np.ones(2), "z": np.ones(2)}, {"a": 2 * np.ones(2), "z": np.ones(2)}).ok


def test_float32_parameters_are_checked_in_float64():
    theta = np.array([0.3, 0.7], np.float32)
    report = check(lambda q: np.sin(q["a"]).sum(), {"a": theta}, {"a": np.cos(theta.astype(float))})
    assert report.ok
    assert not check(lambda q: np.sin(q["a"]).sum(), {"a": theta}, {"a": np.cos(theta)}).ok


def test_the_step_grows_with_the_parameter():
    seen = []
    check(lambda q: seen.append(q["a"][0]) or q["a"].sum(), {"a": np.array([1e6])}, {"a": np.ones(1)}, method="central")
    assert sorted(np.array(seen) - 1e6) == pytest.approx([-1e6 * STEP, 0, 1e6 * STEP])
    seen.clear()
    check(lambda q: seen.append(q["a"][0]) or q["a"].sum(), {"a": np.ones(1)}, {"a": np.ones(1)}, eps=1e-30)
    assert seen[1] == 1 + 1e-30j


ONE = {"a": np.ones((2, 3))}


@pytest.mark.parametrize(
    ("params", "grads", "error", "message"),
    [
        (ONE, {}, ValueError, "^'a' has no gradient$"),
        (ONE, {**ONE, "c": 1.0}, ValueError, "'c' has a gradient but is no parameter"),
        ({**ONE, "t": np.arange(2)}, {**ONE, "t": np.zeros(2)}, ValueError, "'t' has a gradient but is no parameter"),
        ({"t": np.arange(2)}, {}, ValueError, r"no parameter to check: none of \['t'\] is an array of floats"),
        (ONE, {"a": np.ones((3, 2))}, ValueError, r"gradient of 'a' must be real with shape \(2, 3\), .*\(3, 2\)"),
        (ONE, {"a": 1.0}, ValueError, r"gradient of 'a' must be real with shape \(2, 3\), not float64 \(\)"),
        (ONE, {"a": 1j * np.ones((2, 3))}, ValueError, "gradient of 'a' must be real .* not complex128"),
        ({"a": 1.0}, {"a": Rows(np.array([0]), np.ones(1))}, ValueError, r"gradient of 'a' must .* \(\), .* \(1,\)"),
        ({"a": 1j * np.ones(2)}, {"a": np.ones(2)}, TypeError, "parameter 'a' must hold real numbers, .* complex128"),
        ({"a": np.array(["x"])}, {"a": np.ones(1)}, TypeError, "parameter 'a' must hold real numbers, .* <U1"),
    ],
)
def test_parameters_and_gradients_that_do_not_fit(params, grads, error, message):
    with pytest.raises(error, match=message):
        check(lambda q: q["a"].sum(), params, grads)


@pytest.mark.parametrize(
    ("f", "message"),
    [
        (lambda q: q["a"], r"f must return one real number, not float64 of shape \(2, 3\)"),
        (lambda q: q["a"].sum() * 1j, r"f must return one real number, not complex128 of shape \(\)"),
        (lambda q: None, "f must return one real number, not object"),
        (lambda q: q["a"].sum() if q["a"].dtype == float else q["a"], r"not complex128 of shape \(2, 3\)"),
    ],
)
def test_functions_that_return_no_real_number(f, message):
    with pytest.raises(ValueError, match=message):
        check(f, ONE, ONE)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"method": "forward"}, r"method must be one of \['central', 'complex'\], not 'forward'"),
        ({"eps": 0}, "eps must be positive"),
        ({"eps": np.nan}, "eps must be positive"),
        ({"rtol": np.nan}, "rtol between 0 and 1"),
        ({"rtol": 0.0}, "rtol between 0 and 1"),
        ({"rtol": 1.0}, "rtol between 0 and 1"),
    ],
)
def test_options_that_make_no_sense(options, message):
    with pytest.raises(ValueError, match=message):
        check(lambda q: q["a"].sum(), ONE, ONE, **options)


def test_a_function_may_return_an_integer():
    assert check(lambda q: 7, {"a": np.ones(2)}, {"a": np.zeros(2)}, method="central")["a"].status == "blind"


# ---- the table -----------------------------------------------------------------------------------------


def test_the_table():
    theta = {"long_name": np.array([1.0, 2.0]), "c": np.array(3.0), "z": np.array(0.0), "y": np.array(0.0)}

    def f(q):
        return q["c"] * (q["long_name"] ** 2).sum() + q["z"] ** 2 + q["y"] ** 2

    report = check(f, theta, {"long_name": 6.006 * theta["long_name"], "c": 5, "z": 0, "y": 0}, allow_blind=["z"])
    assert str(report) == "\n".join([
        "method complex, tolerance 1e-12 of the largest entry: NOT all gradients are right",
        "parameter  status  rel. error  at    analytic  numeric  checked  directions  kinks",
        "long_name  error      1.0e-03  (1,)    12.012       12   2 of 2           0      0",
        "c          ok         0.0e+00  ()           5        5   1 of 1           0      0",
        "z          zero       0.0e+00  ()           0        0   1 of 1           0      0",
        "y          blind      0.0e+00  ()           0        0   1 of 1           0      0",
        "long_name: the gradient or f is wrong here",
        "y: too small to tell from rounding noise: use parameters of size 1 and a random upstream gradient, "
        "or allow_blind=('y',) if it vanishes by mathematics",
    ])  # fmt: skip
    with pytest.raises(AssertionError, match="gradient check failed\nmethod complex(.|\n)*long_name  error"):
        report.raise_if_bad()
    title = str(check(lambda q: q["a"].sum(), ONE, ONE)).splitlines()[0]
    assert title == "method complex, tolerance 1e-12 of the largest entry: all gradients are right"


# ---- the V-curve ---------------------------------------------------------------------------------------


def test_the_v_curve():
    f, params, backward, _, _ = attention()
    curve = v_curve(f, {**params, "table": np.arange(3)}, backward(), np.random.default_rng(0))
    eps, errors = curve
    assert list(errors) == ["one-sided float64", "central float32", "central float64", "complex float64"]
    assert eps.shape == (46,) and eps[[0, -1]] == pytest.approx([1e-16, 0.1], rel=1e-15, abs=0)
    best = {label: eps[error.argmin()] for label, error in errors.items()}
    for label, low, high, error in [                                        # u^(1/2), u^(1/3), and anything small
        ("one-sided float64", 1e-9, 1e-7, 1e-6),
        ("central float32", 1e-3, 1e-1, 1e-3),
        ("central float64", 1e-7, 1e-4, 1e-9),
    ]:
        assert low <= best[label] <= high and errors[label].min() < error
        assert errors[label][0] > 0.01 and errors[label][-1] > 10 * errors[label].min()
    assert errors["complex float64"][eps < 1e-8].max() < 1e-14
    assert errors["central float32"].min() > 100 * errors["central float64"].min() > 1e-12

    def rise(label, low, high):                                             # the power of eps
        inside = (eps > low) & (eps < high)
        return np.polyfit(np.log10(eps[inside]), np.log10(errors[label][inside]), 1)[0]

    assert rise("central float64", 1e-4, 1e-1) == pytest.approx(2, abs=0.2)
    assert rise("complex float64", 1e-6, 1e-1) == pytest.approx(2, abs=0.2)
    assert rise("one-sided float64", 1e-6, 1e-2) == pytest.approx(1, abs=0.1)
    assert rise("central float64", 1e-14, 1e-7) == pytest.approx(-1, abs=0.2)


def test_a_v_curve_of_chosen_steps_and_types():
    f, params, backward, _, _ = attention()
    kinds, steps = set(), [1e-3, 1e-8]

    def spy(q):
        return kinds.add(q["W"].dtype) or f(q)

    labels = ["central float32", "complex float32"]
    curve = v_curve(spy, params, backward(), np.random.default_rng(0), eps=steps, curves=labels, directions=2)
    assert curve.eps.tolist() == steps and list(curve.errors) == labels
    assert kinds == {np.dtype(np.float32), np.dtype(np.complex64)}
    assert curve.errors["complex float32"][1] < 1e-6
    scaled = v_curve(lambda q: 8 * f(q), params, {name: 8 * g for name, g in backward().items()},
                     np.random.default_rng(0), eps=steps, curves=labels, directions=2)  # fmt: skip
    assert all(np.array_equal(curve.errors[label], scaled.errors[label]) for label in labels)
    again = v_curve(f, params, backward(), np.random.default_rng(0), eps=steps, curves=labels, directions=2)
    assert all(np.array_equal(curve.errors[label], again.errors[label]) for label in labels)


def test_a_v_curve_walks_along_unit_vectors_through_all_parameters():
    params, seen = {"a": np.zeros((2, 3)), "z": np.zeros(3)}, []

    def f(q):
        seen.append(np.concatenate([q["a"].ravel(), q["z"]]))
        return q["a"].sum() + q["z"].sum()

    grads = {"a": np.ones((2, 3)), "z": np.ones(3)}
    for directions, count in ({"directions": 2}, 2), ({}, 4):
        seen.clear()
        v_curve(f, params, grads, np.random.default_rng(0), eps=[0.1], curves=["central float64"], **directions)
        assert len(seen) == 2 * count
        assert np.abs(seen) == pytest.approx(0.1 / 3)


def test_a_v_curve_hands_on_integer_tables_and_gives_its_steps_as_floats():
    rows = np.array([1, 1, 0])
    curve = v_curve(
        lambda q: q["a"][q["rows"]].sum(), {"a": np.ones(2), "rows": rows}, {"a": np.array([1.0, 2.0])},
        np.random.default_rng(0), eps=[1], curves=["central float32"],
    )  # fmt: skip
    assert curve.eps.dtype == np.float64 and curve.errors["central float32"] < 1e-6


def test_a_wrong_gradient_gives_a_flat_curve():
    f, params, backward, _, _ = attention()
    curve = v_curve(f, params, backward(diagonal=True), np.random.default_rng(0), eps=[1e-20, 1e-10])
    assert curve.errors["complex float64"].min() > 1e-3


@pytest.mark.parametrize("bad", [0.0, np.nan])
def test_no_v_curve_of_a_gradient_that_is_zero_or_not_finite(bad):
    with pytest.raises(ValueError, match="the gradient must be finite and not 0"):
        v_curve(lambda q: q["a"].sum(), ONE, {"a": np.full((2, 3), bad)}, np.random.default_rng(0))


@pytest.mark.parametrize("label", ["central", "forward float64", "central float16"])
def test_a_curve_that_does_not_exist(label):
    with pytest.raises(ValueError, match=f"float32 or float64, not '{label}'"):
        v_curve(lambda q: q["a"].sum(), ONE, ONE, np.random.default_rng(0), curves=[label])
