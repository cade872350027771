"""Checking a function: it must accept right gradients, find wrong ones, and say when it cannot tell."""

from typing import NamedTuple

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from layers import B, K, P, T, attention_scores
from strategies import examples

from afm_numpy import gradcheck
from afm_numpy.gradcheck import Entry, Report, check
from afm_numpy.gradcheck.checking import _nearer, _sort_out, unmeasured
from afm_numpy.gradcheck.conditions import DOUBLE, SINGLE
from afm_numpy.gradcheck.measuring import Job, trials_of

both = pytest.mark.parametrize("method", ["complex", "central"])
STEP = gradcheck.DEFAULTS["central"][0]


def large(n=300, k=7):
    V = np.random.default_rng(5).normal(size=(n, k))
    return lambda q: np.sin(q["V"]).sum(), {"V": V}, np.cos(V)


def statuses(report):
    return {name: entry.status for name, entry in report.entries.items()}


# ---- right and wrong gradients -------------------------------------------------------------------------


@both
def test_a_right_gradient(method):
    f, params, backward, _, _ = attention_scores()
    report = check(f, params, backward(), method=method)
    assert report and report.ok
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
    f, params, backward, _, _ = attention_scores()
    report = check(f, params, backward(**wrong), method=method)
    assert not report.ok
    assert statuses(report) == {name: "error" if name in names else "ok" for name in "Wbh"}


@both
@pytest.mark.parametrize("name", ["W", "b", "h"])
def test_an_error_of_a_thousandth_in_the_largest_entry(method, name):
    f, params, backward, _, _ = attention_scores()
    grads = backward()
    at = np.unravel_index(np.abs(grads[name]).argmax(), grads[name].shape)
    right, grads[name][at] = grads[name][at], 1.001 * grads[name][at]
    entry = check(f, params, grads, method=method)[name]
    assert (entry.status, entry.at, entry.note) == ("error", at, "the gradient or f is wrong here")
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
    def f(q):
        return 1 + np.where(q["a"].real > 1.5, q["a"], 0).sum()

    entry = check(f, {"a": np.ones(2)}, {"a": np.array([0.0, 2.0])}, method=method)["a"]
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


@both
def test_a_slight_error_may_be_rounding_and_the_note_says_so(method):
    factor = {"complex": 1e-10, "central": 9e-7}[method]
    for off, said in ((factor, True), (1e-5, False)):
        entry = check(lambda a: (a**2).sum(), np.ones(2), np.full(2, 2 + 2 * off), method=method)["params"]
        assert entry.status == "error" and ("f is ill-conditioned and needs a larger rtol" in entry.note) is said


@both
@pytest.mark.parametrize("n", [4, 6, 8])
def test_an_ill_conditioned_matrix_makes_no_gradient_wrong(method, n):
    """The inverse has poles 1e-9 beside the point, and a long step jumps over them."""
    A = 1 / (np.arange(n)[:, None] + np.arange(n) + 1.0)                    # Hilbert's
    x, y = np.random.default_rng(0).normal(size=(2, n))
    B = np.linalg.inv(A)
    grads = -np.outer(B.T @ x, B @ y)
    assert check(lambda A: x @ np.linalg.inv(A) @ y, A, grads, method=method)["params"].status != "error"
    wrong = check(lambda A: x @ np.linalg.inv(A) @ y, A, 1.01 * grads, method=method)
    assert n == 8 or wrong["params"].status == "error"


# ---- blindness -----------------------------------------------------------------------------------------


@both
def test_an_upstream_gradient_of_ones_is_blind(method):
    """Rows of a softmax sum to 1: dW is 0 up to rounding, and so would be many a wrong dW."""
    _, params, backward, _, forward = attention_scores()

    def f(q):
        return forward(q)[2].sum()

    for grads in (backward(da=np.ones((B, P))), {name: 0 * value for name, value in params.items()}):
        report = check(f, params, grads, method=method)
        assert statuses(report) == {"W": "blind", "b": "blind", "h": "blind"} and not report.ok
        for words in ("random upstream gradient", "parameters of size 1", "allow_blind=('W',)"):
            assert words in report["W"].note
        partly = check(f, params, grads, method=method, allow_blind=("W", "h"))
        assert statuses(partly) == {"W": "zero", "b": "blind", "h": "zero"} and not partly.ok
        assert check(f, params, grads, method=method, allow_blind=list("Wbh")).ok
    bad = {**grads, "b": np.array([0.0, 1e-6])}
    assert check(f, params, bad, method=method, allow_blind=list("Wbh"))["b"].status == "error"


@both
def test_the_noise_floor_holds_where_f_is_zero_by_accident(method):
    _, params, backward, _, forward = attention_scores()

    def f(q):
        return forward(q)[2].sum() - B + 5 * q["z"].sum()

    grads = {**backward(da=np.ones((B, P))), "z": np.full(2, 5.0)}
    report = check(f, {**params, "z": np.zeros(2)}, grads, method=method)
    assert statuses(report) == {"W": "blind", "b": "blind", "h": "blind", "z": "ok"}


def test_tiny_parameters_are_blind():
    """dW and db are 1e-9 times f at h = 1e-9: central differences cannot see them, the complex step can."""
    f, params, backward, _, _ = attention_scores()
    params["h"] *= 1e-9
    report = check(f, params, backward(), method="central")
    assert statuses(report) == {"W": "blind", "b": "blind", "h": "ok"} and not report.ok
    assert check(f, params, backward(), method="central", allow_blind="b")["b"].status in ("blind", "zero")
    assert check(f, params, backward()).ok
    params["h"] *= 1e-9
    assert statuses(check(f, params, backward())) == {"W": "blind", "b": "blind", "h": "ok"}


@both
def test_zeros_in_place_of_a_small_gradient_are_an_error(method):
    f, params, backward, _, _ = attention_scores()
    params["h"] *= 1e-6
    assert statuses(check(f, params, {**backward(), "W": np.zeros((K, T))}, method=method))["W"] == "error"


def test_a_name_that_is_not_there_may_not_vanish():
    params = {"a": np.ones(2), "c": 1.0}
    for names, shown in (("w", "'w'"), (["a", "w", "d"], "'d', 'w'"), ("ac", "'ac'")):
        with pytest.raises(ValueError, match=rf"^allow_blind names \[{shown}\]; the parameters are \['a', 'c'\]$"):
            check(lambda q: q["a"].sum() * q["c"], params, {"a": np.ones(2), "c": 2.0}, allow_blind=names)


def test_one_name_is_not_its_letters():
    params, grads = {"w0": 1.0, "w": 2.0, "0": 3.0}, {"w0": 0.0, "w": 0.0, "0": 0.0}
    report = check(lambda q: (q["w0"] + q["w"] + q["0"]) * 0 + 1, params, grads, allow_blind="w0")
    assert statuses(report) == {"w0": "zero", "w": "unused", "0": "unused"}


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
    entry = check(lambda q: 1.5 * q["a"], {"a": 0.0}, {"a": 1.0}, method="central", eps=2.0**-10, rtol=0.5)["a"]
    assert (entry.status, entry.kinks) == ("ok", 0)


def test_a_gradient_as_large_as_the_noise_is_blind():
    for size, status in ((2.0**47, "blind"), (2.0**46, "ok")):
        assert check(lambda q, size=size: size + q["a"], {"a": 0.0}, {"a": 1.0})["a"].status == status


def test_a_report_of_what_is_not_measured():
    entry = Entry("a", "random", 0.0, "-", 0.0, 0.0, 3, 0, 0, 0, "why")
    assert unmeasured("central", {"a": np.zeros(3)}, "random", "why") == Report("central", 1e-7, {"a": entry})


def test_a_right_slope_does_not_clear_a_doubtful_one():
    """The largest entry is right. The other one is off by 2.5e-7, which may be rounding noise."""
    c = np.array([2.0, 1.0])
    f, grads = lambda q: 1e3 + (c * q["a"] ** 2).sum(), {"a": [4, 2 + 1e-6]}
    entry = check(f, {"a": np.ones(2)}, grads, method="central")["a"]
    assert (entry.status, entry.at, entry.error) == ("blind", (1,), pytest.approx(2.5e-7, rel=0.2))


@pytest.mark.parametrize(("size", "status"), [(2.0**48, "blind"), (2.0**47, "ok")])
def test_the_direction_along_the_gradient_must_rise_above_the_noise(size, status):
    """The noise floor is 2 or 1. The slope along the gradient is 2, those in random directions are 1."""
    g = np.array([2.0, 0, 0, 0])
    entry = check(lambda q: size + (g * q["a"]).sum(), {"a": 0 * g}, {"a": g}, full=0, samples=0)["a"]
    assert (entry.status, entry.directions) == (status, 3)


@pytest.mark.parametrize(("rtol", "status"), [(0.5, "ok"), (0.499, "blind")])
def test_along_the_gradient_a_tie_is_right(rtol, status):
    """The noise floor is 1, as large as the entries. Along the gradient the slope is 1 and should be 2."""
    g = np.repeat([1.0, 0.0], [4, 12])
    f, options = lambda q: 2.0**47 + (g * q["a"]).sum() / 2, {"full": 0, "samples": 0, "rtol": rtol}
    entry = check(f, {"a": 0 * g}, {"a": g}, **options)["a"]
    assert (entry.status, "the direction along the gradient agrees" in entry.note) == (status, status == "ok")


def test_where_everything_is_zero_nothing_is_right():
    def found(**options):
        return check(lambda q: 0 * q["a"], {"a": 1.0}, {"a": 0.0}, **options)["a"]

    assert (found().status, found().note[:21]) == ("unused", "f does not depend on ")
    assert (found(allow_blind=("a",)).status, found(allow_blind=("a",)).note) == ("zero", "")


def test_a_small_function_has_a_low_noise_floor():
    entry = check(lambda q: 1e-15 * (q["a"] ** 2).sum(), {"a": np.ones(2)}, {"a": np.full(2, 2e-15)})["a"]
    assert entry.status == "ok"


def test_up_to_400_entries_are_all_measured():
    params = {"a": np.ones(400), "c": np.ones(401)}
    report = check(lambda q: q["a"].sum() + q["c"].sum(), params, params)
    assert (report["a"].coordinates, report["a"].directions, report["c"].directions) == (400, 0, 3)
    assert 40 <= report["c"].coordinates <= 41 and report.ok


def test_an_empty_array_is_not_checked():
    report = check(lambda q: q["a"].sum() + q["z"], {"a": np.zeros((0, 2)), "z": 1.0}, {"a": np.zeros((0, 2)), "z": 1})
    assert statuses(report) == {"a": "blind", "z": "ok"}
    assert (report["a"].at, report["a"].error, report["a"].size) == ("-", 0.0, 0)
    assert report["a"].note == "the array is empty: there is nothing to check"


# ---- kinks, looked at again ----------------------------------------------------------------------------


@pytest.mark.parametrize(("usual", "double", "single"), [
    (1.0, 1.0, 1.0), (1e-3, 0.2, 1e-3), (5e-3, 1.0, 5e-3), (100.0, 1.0, 1.0), (1e3, 0.1, 1.0), (0.5, 1.0, 0.5),
])  # fmt: skip
def test_how_much_closer_the_second_look_is(usual, double, single):
    for unit, near in ((DOUBLE, double), (SINGLE, single)):
        job = Job(None, {"a": np.full(3, usual)}, "central", None, 1e-7, unit)
        assert _nearer(job, "a") == pytest.approx(near)


def test_a_second_look_takes_the_smaller_step():
    """A kink lies between the two steps. A corner at the point itself leaves the slope between its sides: 0."""
    theta = np.array([1e-3])

    def f(q):
        x = q["a"][0] - theta[0]
        return abs(x) + 100 * max(x - 0.5 * STEP, 0.0)

    job = Job(f, {"a": theta}, "central", None, 1e-7, DOUBLE)
    trials = trials_of(job, "a", np.zeros(1), 400, 0, 0, None)
    assert trials[0].numeric == pytest.approx(25)
    kept, wrong = _sort_out(job, "a", trials, 1e-7, 0.0)
    assert [trial.at for trial in kept] == [(0,)] and wrong is None


@pytest.mark.parametrize(("off", "status"), [(5e-8, "kink"), (2e-7, "error")])
def test_where_the_complex_step_is_lost_at_a_kink_central_differences_have_their_own_tolerance(off, status):
    entry = check(lambda q: np.abs(q["a"]).sum(), {"a": np.array([0.0, 1.0])}, {"a": [0.0, 1 + off]})["a"]
    assert entry.status == status


def test_a_complex_step_beside_a_kink_is_left_out_at_once():
    job = Job(lambda q: q["a"][0] - 1 if q["a"][0].real > 1 - 1e-15 else 0.0 * q["a"][0], {"a": np.ones(1)}, "complex",
              None, 1e-12, DOUBLE)  # fmt: skip
    trials = trials_of(job, "a", np.zeros(1), 400, 0, 0, None)
    assert trials[0].numeric == 1 and _sort_out(job, "a", trials, 1e-12, 0.0) == ([], None)


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
        assert (entry.status, entry.at, entry.error) == ("kink", (1,), np.inf)
        assert entry.note.startswith("f is not finite on one side (sqrt or log of 0), or within the step")


@both
def test_where_f_is_not_finite_on_one_side_the_other_entries_are_looked_at(method):
    def f(q):
        return np.sqrt(q["a"][0]) + (q["a"][1:] ** 2).sum()

    params = {"a": np.array([0.0, 1, -1])}
    entry = check(f, params, {"a": np.array([0.0, 2, -2])}, method=method)["a"]
    assert entry.status == "kink" and "f is not finite on one side" in entry.note
    entry = check(f, params, {"a": np.array([0.0, 2, -2.01])}, method=method)["a"]
    assert (entry.status, entry.at) == ("error", (2,))
    small = check(lambda q: np.log(q["a"]), {"a": 1e-12}, {"a": 1e12}, method=method)["a"]
    assert small.status == ("ok" if method == "complex" else "kink")


@both
def test_a_function_that_is_not_finite_at_the_point(method):
    with pytest.raises(ValueError, match=r"f\(params\) is nan"):
        check(lambda q: q["a"].sum() * np.nan, {"a": np.ones(2)}, {"a": np.ones(2)}, method=method)


def test_a_gradient_with_both_infinities():
    f, params, g = large()
    g[3, 4], g[5, 6] = np.inf, -np.inf
    entry = check(f, params, {"V": g}, rng=np.random.default_rng(0))["V"]
    assert (entry.status, entry.at, entry.directions) == ("error", (3, 4), 2)


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
    assert all(q["rows"] is params["rows"] and q["flags"] is params["flags"] for q in seen[2:])
    real, steps = seen[-2:], seen[7:-2] if method == "complex" else seen[7:]
    assert {q["V"].dtype for q in steps} == {np.dtype(complex if method == "complex" else float)}
    assert {q["V"].dtype for q in real} == {np.dtype(float)}                # the complex step is not trusted alone


@both
def test_nothing_is_changed_even_by_a_function_that_writes_into_its_argument(method):
    params = {"a": np.ones(3), "z": np.ones(2), "rows": np.arange(2)}
    before = {name: value.copy() for name, value in params.items()}

    def f(q):
        q["z"] *= 3
        q["rows"] += 1
        return (q["a"] ** 2).sum() + q["z"].sum()

    grads = {"a": 2 * np.ones(3), "z": 3 * np.ones(2)}
    report = check(f, params, grads, method=method)
    assert statuses(report) == {"a": "mutates", "z": "mutates"} and "f changes z, rows: " in report["a"].note
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
    assert (report["a"].status, report["a"].note) == ("ok", "")
    entry = check(lambda q: np.sin(q["a"]).sum(), {"a": theta}, {"a": np.cos(theta)})["a"]
    assert (entry.status, entry.error < 1e-6) == ("float32", True)


def test_float32_parameters_excuse_a_gradient_that_was_made_of_them():
    """Not one that is made of the parameters in float64, which a callable gets."""
    theta = np.array([0.3, 0.7], np.float32)
    off = np.cos(theta.astype(float)) + [0, 1e-8]

    def entry(grads, **options):
        return check(lambda q: np.sin(q["a"]).sum(), {"a": theta}, grads, **options)["a"]

    found = entry({"a": off})
    note = "right to 1e-08; the parameters are float32, which can show 3e-04 at best"
    assert (found.status, found.note, found.at) == ("float32", note, (1,))
    assert entry(lambda q: {"a": off}).status == "error"
    assert entry({"a": off.astype(np.float32)}).note.endswith("; the gradient is float32, which can show 3e-04 at best")


def test_float32_is_not_said_where_the_error_is_the_tolerance():
    entry = check(lambda q: 4095 * q["a"], {"a": np.float32(1)}, {"a": 4096.0}, rtol=2.0**-12)["a"]
    assert (entry.status, entry.error) == ("ok", 2.0**-12)


def test_a_result_in_float32_is_said_even_where_it_is_exact():
    def f(q):
        total = 2 * q["a"].sum()
        return total.astype(np.complex64 if total.dtype.kind == "c" else np.float32)

    entry = check(f, {"a": np.ones(2)}, {"a": np.full(2, 2.0)}, eps=2.0**-60)["a"]
    assert (entry.status, entry.error) == ("float32", 0.0)
    assert entry.note == "right to 0e+00; the result of f is float32, which can show 3e-04 at best"


@both
def test_a_callable_gets_the_parameters_as_they_were_given(method):
    seen = []

    def grads(q):
        seen.append(q)
        return [2 * q[0]]

    params = [np.array([0.3, -0.7], np.float32), np.array([2, 1])]
    assert check(lambda q: (q[0] ** 2).sum(), params, grads, method=method)["0"].status == "ok"
    assert len(seen) == 1 and type(seen[0]) is list and seen[0][0].dtype == float
    assert np.array_equal(seen[0][0], params[0]) and seen[0][1].tolist() == [2, 1]


def test_the_step_grows_with_the_parameter():
    seen = []
    check(lambda q: seen.append(q["a"][0]) or q["a"].sum(), {"a": np.array([1e6])}, {"a": np.ones(1)}, method="central")
    assert sorted(np.array(seen[7:]) - 1e6) == pytest.approx([-1e6 * STEP, 1e6 * STEP])
    seen.clear()
    check(lambda q: seen.append(q["a"][0]) or q["a"].sum(), {"a": np.ones(1)}, {"a": np.ones(1)}, eps=1e-30)
    assert seen[7] == 1 + 1e-30j and np.abs(np.array(seen[8:]) - 1) == pytest.approx([STEP, STEP])


ONE = {"a": np.ones((2, 3))}


@pytest.mark.parametrize(
    ("params", "grads", "error", "message"),
    [
        (ONE, {}, ValueError, "^'a' has no gradient. If it needs none, let a lambda hand it over$"),
        (ONE, {**ONE, "c": 1.0}, ValueError, "'c' has a gradient but is no parameter"),
        ({**ONE, "t": np.arange(2)}, {**ONE, "t": np.zeros(2)}, ValueError, "'t' has a gradient but is no parameter"),
        ({"t": np.arange(2)}, {}, ValueError, r"no parameter to check: none of \['t'\] is an array of floats"),
        (ONE, {"a": np.ones((3, 2))}, ValueError, r"gradient of 'a' must be real with shape \(2, 3\), .*\(3, 2\)"),
        (ONE, {"a": 1.0}, ValueError, r"gradient of 'a' must be real with shape \(2, 3\), not float64 \(\)"),
        (ONE, {"a": 1j * np.ones((2, 3))}, ValueError, "gradient of 'a' must be real .* not complex128"),
        (ONE, {"a": np.ones((2, 3), np.float16)}, ValueError, "gradient of 'a' must be real .* not float16"),
        (ONE, {"da": ONE["a"], "a": None}, ValueError, r"^'a' has no gradient, but \['da'\] have$"),
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
        (lambda q: (q["a"].sum(), q["a"]), "f must return one real number, not a tuple$"),
        (lambda q: [q["a"].sum()], "f must return one real number, not a list$"),
        (lambda q: q["a"].sum() if q["a"].dtype == float else q["a"], r"not complex128 of shape \(2, 3\)"),
    ],
)
def test_functions_that_return_no_real_number(f, message):
    with pytest.raises(ValueError, match=message):
        check(f, ONE, ONE)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"method": "forward"}, r"unknown method .forward.; choose from central, complex"),
        ({"eps": 0}, "eps must be positive"),
        ({"eps": np.nan}, "eps must be positive"),
        ({"eps": 2.0**-52, "method": "central"}, "eps must be positive .central differences: above 2e-16, which is ro"),
        ({"full": -1}, "full must be an integer of at least 0; got -1"),
        ({"samples": 0.5}, "samples must be an integer of at least 0; got 0.5"),
        ({"directions": None}, "directions must be an integer of at least 0; got None"),
        ({"full": 5, "samples": 0, "directions": 0}, "^samples and directions are both 0: nothing of a large array wo"),
        ({"rtol": np.nan}, "rtol between 0 and 1"),
        ({"rtol": 0.0}, "rtol between 0 and 1"),
        ({"rtol": 1.0}, "rtol between 0 and 1"),
    ],
)
def test_options_that_make_no_sense(options, message):
    with pytest.raises(ValueError, match=message):
        check(lambda q: q["a"].sum(), ONE, ONE, **options)


def test_a_small_array_needs_no_sample_and_any_step_above_rounding_is_taken():
    assert check(lambda q: q["a"].sum(), ONE, ONE, full=6, samples=0, directions=0)
    assert check(lambda q: 8 * q["a"], {"a": 1.0}, {"a": 8.0}, method="central", eps=2.0**-51)["a"].numeric == 8


def test_what_cannot_be_called_is_no_function():
    with pytest.raises(TypeError, match="^f must be a function of the parameters; got ndarray$"):
        check(ONE["a"], lambda a: a.sum(), ONE["a"])


def test_a_function_may_return_an_integer():
    report = check(lambda q: int(q["a"].sum()), {"a": np.full(2, 5.3)}, {"a": np.zeros(2)}, method="central")
    assert statuses(report) == {"a": "blind"}
