"""Measuring: which slopes of a large array, and what a kink does to them."""

import numpy as np
import pytest

from afm_numpy import gradcheck
from afm_numpy.gradcheck import check

both = pytest.mark.parametrize("method", ["complex", "central"])
STEP = gradcheck.DEFAULTS["central"][0]
ONE = {"a": np.ones((2, 3))}


def statuses(report):
    return {name: entry.status for name, entry in report.entries.items()}


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
    assert (entry.status, entry.size, entry.directions) == ("ok", 2100, 4)      # and along the gradient
    assert entry.coordinates in (10, 11)                                    # the largest entry may be in the sample
    assert len(calls) == 7 + (entry.coordinates + 4) * (2 if method == "central" else 1)
    measured = f"{entry.coordinates} of 2100 entries were measured one by one"
    assert entry.note == f"{measured}, and 4 directions that mix all"


@both
@pytest.mark.parametrize("seed", range(3))
def test_one_wrong_coordinate_outside_the_sample_shows_in_every_direction(method, seed):
    f, params, g = large()
    at = np.unravel_index(np.argsort(np.abs(g), axis=None)[1000], g.shape)  # not the largest
    g[at] += 0.01
    entry = check(f, params, {"V": g}, method=method, rng=np.random.default_rng(seed), samples=5, directions=1)["V"]
    assert entry.status == "error" and entry.at in ("direction 0", "along the gradient")
    weight = 1 / np.sqrt(g.size) if entry.at == "direction 0" else g[at] / np.linalg.norm(g)
    assert abs(entry.analytic - entry.numeric) == pytest.approx(0.01 * abs(weight), rel=1e-2)
    assert entry.error == pytest.approx(0.01 * abs(weight) / max(np.abs(g).max(), abs(entry.analytic)), rel=1e-2)


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


def test_a_sample_has_no_entry_twice_and_by_default_40_entries_and_3_directions():
    f, params, g = large(n=100)
    assert check(f, params, {"V": g}, rng=np.random.default_rng(0), samples=700)["V"].coordinates == 700
    entry = check(f, params, {"V": g}, rng=np.random.default_rng(0))["V"]
    assert (entry.coordinates, entry.directions) == (40 + 1, 2 + 1)         # and the largest; and its own


def test_the_same_generator_gives_the_same_report():
    f, params, g = large()
    reports = [check(f, params, {"V": g}, rng=np.random.default_rng(seed)) for seed in (4, 4, 6)]
    assert reports[0] == reports[1] != reports[2]


def test_without_a_generator_every_call_draws_the_same():
    f, params, g = large()
    one, two = check(f, params, {"V": g}), check(f, params, {"V": g})
    assert one == two != check(f, params, {"V": g}, rng=np.random.default_rng(0))
    assert check(f, params, {"V": g}, full=2100)["V"].coordinates == 2100


@pytest.mark.parametrize("rng", [0, np.random.RandomState(0)])
def test_a_seed_is_no_generator(rng):
    with pytest.raises(TypeError, match=r"rng must be a numpy.random.Generator; got "):
        check(lambda q: q["a"].sum(), ONE, ONE, rng=rng)


@both
def test_directions_alone(method):
    f, params, g = large(n=3000)
    calls = []
    entry = check(lambda q: calls.append(1) or f(q), params, {"V": g}, method=method, full=0, samples=0)["V"]
    assert (entry.status, entry.coordinates, entry.directions) == ("ok", 0, 3)
    assert len(calls) <= 7 + 6
    assert check(f, params, {"V": 1.001 * g}, method=method, full=0, samples=0)["V"].at == "along the gradient"


def test_a_large_array_that_only_a_direction_shows_is_not_blind():
    """Each entry is a millionth of f, a few digits above the noise of central differences. Together they are clear."""
    theta = np.random.default_rng(0).normal(size=10**4)

    def f(q):
        return 1e4 + 1e-2 * np.sin(q["a"]).sum()

    entry = check(f, {"a": theta}, {"a": 1e-2 * np.cos(theta)}, method="central", samples=5)["a"]
    assert (entry.status, entry.at) == ("ok", "along the gradient") and "single entries are too small" in entry.note
    assert check(f, {"a": theta}, {"a": 1.001e-2 * np.cos(theta)}, method="central", samples=5)["a"].status == "error"
    small = check(f, {"a": theta[:9]}, {"a": 1e-2 * np.cos(theta[:9])}, method="central")["a"]
    assert small.status == "blind"


def test_a_scalar_can_be_mixed_too():
    entry = check(
        lambda q: q["w0"] ** 2, {"w0": np.array(3.0)}, {"w0": 6.0}, full=0, rng=np.random.default_rng(0)
    )["w0"]
    assert (entry.status, entry.coordinates, entry.directions) == ("ok", 1, 3)


# ---- kinks ---------------------------------------------------------------------------------------------

def relu(u, jump=1.0):
    """relu(theta - c) and a smooth part, its first kink at u steps from theta; the other two are far away."""
    theta = np.array([0.5, 0.8, -0.4])
    c = theta + np.array([u * STEP, -0.3, 0.3])

    def f(q):
        return (jump * np.where((q["a"] - c).real > 0, q["a"] - c, 0) + np.sin(q["a"])).sum()

    return f, {"a": theta}, {"a": jump * (theta > c) + np.cos(theta)}


@pytest.mark.parametrize("u", [-0.9, -0.5, -1 / 3, -0.25, -1 / 6, 0, 1 / 6, 0.2, 0.25, 1 / 3, 0.4, 0.5, 2 / 3, 0.99])
@pytest.mark.parametrize("jump", [1.0, -0.02])
def test_a_kink_within_the_step_is_set_aside(u, jump):
    f, params, grads = relu(u, jump)
    entry = check(f, params, grads, method="central")["a"]
    assert (entry.status, entry.coordinates, entry.kinks) == ("kink" if u == 0 else "ok", 2, 1)
    assert entry.error < 1e-9
    assert check(f, params, grads)["a"].status == ("kink" if u == 0 else "ok")  # a complex step crosses no kink
    assert check(f, params, grads)["a"].kinks == 0


def test_a_kink_beyond_the_step_spoils_nothing():
    f, params, grads = relu(1.1)
    assert check(f, params, grads, method="central")["a"].kinks == 0
    grads["a"][0] *= 1.001
    entry = check(f, params, grads, method="central")["a"]
    assert (entry.status, entry.at, entry.kinks) == ("error", (0,), 0)


def test_a_kink_does_not_excuse_the_other_coordinates():
    f, params, grads = relu(0.3)
    grads["a"][2] *= 1.001
    entry = check(f, params, grads, method="central")["a"]
    assert (entry.status, entry.at, entry.kinks) == ("error", (2,), 1)


def test_where_most_slopes_are_kinks_nothing_is_checked():
    theta = np.array([0.2 * STEP, -0.3 * STEP, 0.7])

    def f(q):
        return np.maximum(q["a"], 0).sum() + np.sin(q["z"])

    params, grads = {"a": theta, "z": np.array(1.0)}, {"a": 1.0 * (theta > 0), "z": np.cos(1.0)}
    report = check(f, params, grads, method="central")
    assert statuses(report) == {"a": "kink", "z": "ok"} and not report.ok
    assert (report["a"].coordinates, report["a"].kinks) == (1, 2)
    assert report["a"].note == "most slopes cross a kink within the step: move the parameters, or take a smaller eps"


def test_where_all_slopes_are_kinks_there_are_no_numbers():
    params = {"a": np.array([1 + 0.2 * STEP, 1 - 0.3 * STEP])}
    grads = {"a": 1.0 * (params["a"] > 1)}
    entry = check(lambda q: np.maximum(q["a"], 1).sum(), params, grads, method="central")["a"]
    assert (entry.status, entry.at, entry.coordinates) == ("kink", "-", 0)
    assert (entry.analytic, entry.numeric, entry.error) == (0.0, 0.0, 0.0)


@pytest.mark.parametrize("wrong", [1.0, 1.001])
def test_small_parameters_have_small_steps_where_f_bends(wrong):
    """The usual step is larger than the parameters: f bends and has kinks within it."""
    theta = 1e-6 * np.random.default_rng(0).normal(size=6)

    def f(q):
        return (np.arange(6) * q["a"]).sum() / np.sqrt((q["a"] ** 2).sum()) + np.maximum(q["a"], 0).sum()

    r = np.sqrt((theta**2).sum())
    g = np.arange(6) / r - (np.arange(6) * theta).sum() * theta / r**3 + (theta > 0)
    assert check(f, {"a": theta}, {"a": wrong * g}, method="central")["a"].status == ("ok" if wrong == 1 else "error")


def test_directions_that_all_cross_a_kink_check_nothing():
    theta = np.zeros(500)
    theta[400:] = 1.0
    weight = np.where(theta == 0, 1.0, 2.0)

    def f(q):                                                               # a kink in the sum of the first 400
        total = (weight * q["a"]).sum()
        return total + np.abs((q["a"] * (theta == 0)).sum() - 0.01 * STEP)

    g = weight - (theta == 0)
    entry = check(f, {"a": theta}, {"a": g}, method="central", rng=np.random.default_rng(1), samples=3)["a"]
    assert (entry.status, entry.directions) == ("kink", 1)                    # along the gradient there is none


def test_a_gradient_of_nan_is_not_excused_by_a_kink():
    f, params, grads = relu(0.5)
    grads["a"][0] = np.nan
    entry = check(f, params, grads, method="central")["a"]
    assert (entry.status, entry.at, entry.kinks) == ("error", (0,), 0)


@both
@pytest.mark.parametrize("slope", [0.0, 0.5, 1.0])
def test_at_a_kink_any_slope_between_those_of_its_sides_may_be_right(method, slope):
    params, grads = {"a": np.array([0.0, 0.0, 2.0])}, {"a": np.array([slope, slope, 1.0])}
    entry = check(lambda q: np.where(q["a"].real > 0, q["a"], 0).sum(), params, grads, method=method)["a"]
    assert entry.status == "kink" and "f has a kink exactly here" in entry.note
    grads["a"][2] = 1.001
    assert check(lambda q: np.where(q["a"].real > 0, q["a"], 0).sum(), params, grads, method=method)["a"].at == (2,)


def test_at_a_kink_slopes_far_outside_those_of_its_sides_are_wrong():
    params, grads = {"a": np.zeros(3)}, {"a": np.full(3, 500.0)}            # several kinks in one place may give 5
    assert check(lambda q: np.where(q["a"].real > 0, q["a"], 0).sum(), params, grads)["a"].status == "error"


@both
@pytest.mark.parametrize("distance", [1e-3, 1e-5, 1e-7, 1e-9])
def test_near_a_kink_a_complex_step_still_tells(method, distance):
    def f(q):
        return np.where(q["a"].real > 0, q["a"], 0).sum() + q["z"] ** 2

    params, grads = {"a": np.array([distance, 0.5, -0.2]), "z": 2.0}, {"a": np.array([1.0, 1.0, 0.0]), "z": 4.0}
    assert check(f, params, grads, method=method).ok
    wrong = {**grads, "z": 4.001}
    assert statuses(check(f, params, wrong, method=method)) == {"a": "ok", "z": "error"}
    assert check(f, params, {**grads, "a": 1.001 * grads["a"]}, method=method)["a"].status == "error"


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

    assert check(f, params, grads, method="central")["a"].status == "blind"


def test_a_kink_within_the_small_step_of_small_parameters():
    theta = 1e-6 * np.array([0.5, 0.8, -0.4])
    c = theta + np.array([1e-10, 0.1, -0.1])

    def f(q):
        return np.where((q["a"] - c).real > 0, q["a"] - c, 0).sum() + 1e-3 * q["a"].sum()

    entry = check(f, {"a": theta}, {"a": (theta > c) + 1e-3}, method="central")["a"]
    assert (entry.status, entry.coordinates, entry.kinks) == ("ok", 2, 1)


# ---- rounding, and steps that do not fit -----------------------------------------------------------------


@both
def test_where_f_amplifies_rounding_the_gradient_may_be_off_by_as_much(method):
    """Scores of 1e6 are rounded to 1e-10, so two right ways of computing a softmax differ by 1e-10."""
    rng = np.random.default_rng(0)
    X, c = rng.normal(size=(5, 4)), rng.normal(size=5)
    a = 1e6 + rng.normal(size=4)

    def softmax(scores):
        e = np.exp(scores - scores.real.max())
        return e / e.sum()

    def f(q):
        return (c * softmax((X - X.mean(0)) @ q["a"] - (X - X.mean(0)).sum(1) * 1e6)).sum()

    p = softmax((X - X.mean(0)) @ (a - 1e6))                                # without these large numbers
    right = (p * (c - c @ p)) @ (X - X.mean(0))
    entry = check(f, {"a": a}, {"a": right}, method=method)["a"]
    assert entry.status in ("ok", "blind") and entry.error < 1e-6
    if method == "complex":
        assert entry.status == "ok" and entry.error > 1e-12                 # more than the tolerance
        assert check(f, {"a": a}, {"a": (1 + 1e-6) * right})["a"].status == "error"


@pytest.mark.parametrize("omega", [300.0, 1e4])
def test_central_differences_find_a_smaller_step(omega):
    theta = np.array([0.3, 0.7, 1.1])
    right = omega * np.cos(omega * theta)
    assert check(lambda a: np.sin(omega * a).sum(), theta, right, method="central")
    wrong = check(lambda a: np.sin(omega * a).sum(), theta, (1 + 1e-5) * right, method="central")["params"]
    assert (wrong.status, wrong.error) == ("error", pytest.approx(1e-5, rel=0.1))
