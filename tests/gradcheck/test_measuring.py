"""Measuring: which slopes of a large array, and what a kink does to them."""

import numpy as np
import pytest

from afm_numpy import gradcheck
from afm_numpy.gradcheck import check, measuring

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
    assert len(calls) == 7 + (2 * (entry.coordinates + 4) if method == "central" else entry.coordinates + 4 + 2)
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


@both
def test_along_a_direction_too_an_error_is_measured_against_the_largest_entry(method):
    V, c = np.random.default_rng(5).normal(size=(300, 7)), np.ones((300, 7))
    V[0, 0], c[0, 0] = 0.0, 100.0
    g, signs = c * np.cos(V), np.random.default_rng(3).choice([-1.0, 1.0], V.shape)     # of the direction drawn below
    wrong = g + 1e-3 * (signs - g * (signs * g).sum() / (g * g).sum())                  # right along the gradient
    entry = check(
        lambda q: (c * np.sin(q["V"])).sum(), {"V": V}, {"V": wrong}, method=method, full=0, samples=0, directions=1,
        rng=np.random.default_rng(3),
    )["V"]  # fmt: skip
    assert (entry.status, entry.at) == ("error", "direction 0") and abs(entry.analytic) < 2
    assert entry.error == pytest.approx(abs(entry.analytic - entry.numeric) / np.abs(wrong).max(), rel=1e-6)


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


@pytest.mark.parametrize("u", [-0.5, 0.9, 0.2, 0.01, 0.001])
def test_a_kink_beside_the_point_excuses_no_wrong_slope(u):
    """Closer to the point than the kink, the slope is measured."""
    f, params, grads = relu(u)
    grads["a"][0] *= 1.01
    entry = check(f, params, grads, method="central")["a"]
    assert (entry.status, entry.at, entry.kinks) == ("error", (0,), 0)
    grads["a"][0] /= 1.01
    assert check(f, params, grads, method="central")["a"].kinks == 1


@pytest.mark.parametrize("seed", [3, 7, 43])
def test_a_neuron_next_to_its_kink_is_not_wrong(seed):
    """So many kinks look like float32, whose steps are long; shorter ones are left to rounding."""
    rng = np.random.default_rng(seed)
    for distance in (1e-7, 1e-8, 1e-9):
        W = rng.normal(size=(20, 3))
        side = rng.choice([-1, 1], (20, 1))
        W += side * distance / 3 * rng.uniform(1, 300, (20, 1)) - W.mean(1, keepdims=True)
        right = np.where(W.sum(1, keepdims=True) > 0, 1.0, 0) * np.ones((20, 3))
        entry = check(lambda W: np.maximum(W.sum(1), 0).sum(), W, right, method="central")["params"]
        assert entry.status in ("ok", "kink")


def test_parameters_far_smaller_than_the_step_are_blind_and_not_wrong():
    """At the end of a step f is far larger than here, and rounding too."""
    theta = 1e-30 * np.array([0.5, -1.5])
    for factor in (1, 1.01):
        grads = {"a": factor * 2 * theta}
        assert check(lambda q: (q["a"] ** 2).sum(), {"a": theta}, grads, method="central")["a"].status == "blind"


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


# ---- by hand: lines whose bends and slopes are known ------------------------------------------------------

U = 2.0**-52


def job_of(method="central", theta=(1.0,), f=None, unit=U, **more):
    return measuring.Job(f, {"a": np.array(theta), "table": np.arange(2)}, method, None, 1e-9, unit, **more)


def trial_of(line=None, analytic=0.0, numeric=0.0, step=1.0, size=1.0, probe=(0,)):
    return measuring.Trial("at", probe, line, step, size, analytic, numeric)


def test_what_rounding_may_do():
    job, single = job_of(size=3.0, steepest=5.0), job_of(size=3.0, steepest=5.0, unit=2.0**-23)
    assert (job.rounding, single.rounding) == (32 * U, 4 * 2.0**-23)
    assert job.floor(trial_of(step=0.5, size=0.1)) == 32 * U * 6
    assert job.floor(trial_of(step=0.75, size=0.1)) == 32 * U * 5
    assert job_of("complex", size=3.0, steepest=5.0).floor(trial_of(step=0.1, size=0.5)) == 32 * U * 6
    assert job_of().floor(trial_of()) == 0.0


def test_differences_and_heights_that_are_not_finite():
    assert trial_of(analytic=2.0, numeric=-1.0).difference == 3.0
    assert trial_of(analytic=np.nan).difference == trial_of(numeric=-np.inf).difference == np.inf
    assert trial_of(analytic=1.5e308, numeric=1.5e308).difference == 0.0   # their sum is not finite
    assert (trial_of(analytic=-2.0).height, trial_of(analytic=np.inf).height) == (2.0, 0.0)


@pytest.mark.parametrize(("off", "found"), [(99.0, True), (100.0, False), (101.0, False)])
def test_several_kinks_in_one_place_may_be_a_hundred_times_as_strong(off, found):
    asked = set()

    def line(s):
        asked.add(abs(s))
        return abs(s) / 2                                                   # a jump of 1 at 0: it bends by 1

    assert bool(measuring.is_at_kink(job_of(), "a", trial_of(line, analytic=off))) is found
    assert asked == {0.0, *(2.0**-power for power in (0, 1, 2, 4, 5, 6))}


@pytest.mark.parametrize(("off", "found"), [(9.9, True), (10.0, False), (50.0, False)])
def test_kinks_beside_the_point_ten_times(off, found):
    def line(s):
        return 2 * max(s - 0.5, 0.0)                                        # it bends by 1 at 1, and not at 1/16

    assert bool(measuring.is_at_kink(job_of(), "a", trial_of(line, analytic=off))) is found


def test_a_bend_that_is_half_gone_close_to_the_point():
    def line(s):                                                            # a kink at 0 and a stronger one at 1/2
        return abs(s) / 4 + 3 * max(s - 0.5, 0.0)

    assert measuring.bend(line, 1.0) == 2 * measuring.bend(line, 1 / 16) == 1.0
    assert not measuring.is_at_kink(job_of(), "a", trial_of(line, analytic=50.0))


@pytest.mark.parametrize(("size", "found"), [(0.49, True), (0.5, False), (0.51, False)])
def test_a_kink_is_above_twice_the_noise(size, found):
    job = job_of(size=size / (32 * U))
    assert bool(measuring.is_at_kink(job, "a", trial_of(lambda s: abs(s) / 2, analytic=1.0))) is found


def slopes_on(sides, asked=None):
    """A line with these slopes from left to right, one for each step of `closest`."""

    def line(s):
        if asked is not None:
            asked.append(s)
        return 1j * sides[int(np.round(s.real / closest))] * s.imag

    closest = 64 * U
    return line


@pytest.mark.parametrize(
    ("slopes", "off", "found"),
    [
        ((0, 0, 1, 1), 99.0, True), ((0, 0, 1, 1), 100.0, False), ((1, 1, 1, 1), 0.5, False),
        ((0.095, 0, 1, 1), 1.0, True), ((0.1, 0, 1, 1), 1.0, False), ((-0.1, 0, 1, 1), 1.0, False),
        ((0, 0, -1, -1.095), 1.0, True), ((0, 0, -1, -1.1), 1.0, False), ((0, 0, 1, 0.875), 1.0, False),
    ],
)  # fmt: skip
def test_a_complex_step_looks_at_both_sides(slopes, off, found):
    line = slopes_on(dict(zip((-2, -1, 1, 2), slopes, strict=True)), asked := [])
    assert measuring.is_at_kink(job_of("complex"), "a", trial_of(line, analytic=off, step=0.5)) is found
    assert asked == [64 * U * s + 0.5j for s in (-2, -1, 1, 2)]


def test_the_sides_are_as_far_as_rounding_and_the_parameters_are_large():
    asked = []

    def line(s):
        asked.append(s.real)
        return 1j * (s.real > 0) * s.imag

    job = job_of("complex", theta=[6.0, 6, -6, 6], size=0.9 / (32 * U))
    assert measuring.is_at_kink(job, "a", trial_of(line, analytic=1.0, probe=(0,)))
    assert measuring.is_at_kink(job, "a", trial_of(line, analytic=1.0, probe=np.full(4, 0.5)))
    assert asked == [6 * 64 * U * s * root for root in (1, 2) for s in (-2, -1, 1, 2)]
    for size in (1.0, 1.1):
        noisy = job_of("complex", theta=[6.0], size=size / (32 * U))
        assert not measuring.is_at_kink(noisy, "a", trial_of(line, analytic=1.0))
    assert not measuring.is_at_kink(job, "a", trial_of(line, analytic=np.inf))


@both
def test_closer_moves_all_parameters_by_four_roundings(method):
    seen = []

    def f(q):
        seen.append(q)
        return (q["a"] ** 2).sum() if np.iscomplexobj(q["a"]) else float(q["a"][0] > 1) * 3e-9

    theta = np.array([1.0, -2.0, 0.5])
    job = job_of(method, theta, f, size=1.0)
    trial = trial_of(lambda s: 0.25 * s, step=1e-3, numeric=0.5)
    found, off = measuring.closer(job, "a", trial)
    calls = seen[::2] if method == "central" else seen
    assert len(calls) == 4 and all(q["table"] is job.params["table"] for q in seen)
    for q in calls:
        moved = (q["a"] - theta).real - [found.step if method == "central" else 0, 0, 0]
        assert (np.abs(moved[1:]) == 4 * U * np.abs(theta[1:])).all()

    def signs():
        return [tuple(np.sign(((q["a"] - theta) * theta).real[1:])) for q in seen]

    first = signs()
    assert len(set(first)) > 1 and any(a != b for a, b in first)
    seen.clear()
    measuring.closer(job, "a", trial)
    assert signs() == first                                                 # the same again
    if method == "complex":                                                 # slopes of a^2 are 2 a, within roundings
        assert found == trial._replace(step=1e-30, numeric=0.25) and off == pytest.approx(8 * (2 - 0.25), rel=1e-9)
        assert measuring.closer(job, "a", trial._replace(size=3.0))[0].step == 3 * 1e-30
        assert measuring.closer(job, "a", trial._replace(step=1e-40))[0].step == 1e-40
    else:
        assert found.numeric == 0.25 and off == pytest.approx(8 * abs(3e-9 / (2 * found.step) - 0.25), rel=1e-6)


@pytest.mark.parametrize(("side", "numeric", "analytic", "found"), [
    (1, 2.0, 3.0, True), (-1, 2.0, 3.0, True), (0, 2.0, 3.0, False), (0, np.nan, 3.0, True), (0, np.inf, 3.0, True),
    (1, 2.0, np.nan, False), (0, np.nan, np.inf, False),
])  # fmt: skip
@both
def test_where_f_is_not_finite_on_one_side_no_slope_counts(method, side, numeric, analytic, found):
    """A gradient that is not finite itself is wrong all the same."""
    asked = []

    def line(s):
        asked.append(s)
        return np.nan if s * side > 0 else 1.0

    job = job_of(method, theta=[3.0, -5.0], unit=2.0**-23)
    assert measuring.is_at_edge(job, "a", trial_of(line, analytic, numeric)) is found
    assert asked == [256 * U, -256 * U]


def test_closer_takes_the_best_step_up_to_the_size_of_the_parameters():
    job = job_of(theta=[0.5], f=lambda q: q["a"].sum(), size=1.0)
    asked = set()
    found, off = measuring.closer(job, "a", trial_of(lambda s: asked.add(abs(s)) or 2 * s, step=1.0, numeric=5.0))
    assert found.numeric == 2.0 and found.step == 0.0625 and max(asked) == 0.25
    assert off == pytest.approx(8.0)                                        # the slope of f is 1, not 2
    assert measuring.closer(job, "a", kept := trial_of(lambda s: np.nan)) == (kept, np.inf)


@pytest.mark.parametrize(
    ("analytic", "agrees"), [(1.99, True), (1.912, True), (2.088, True), (1.905, False), (2.095, False)]
)
def test_central_differences_agree_when_they_are_ten_times_closer(analytic, agrees):
    asked = set()
    job = job_of("complex", f=lambda q: 2 * q["a"].sum(), size=0.0)
    numeric = 1.0 if analytic < 2 else 3.0
    trial = trial_of(lambda s: asked.add(abs(s)) or 2 * s, analytic=analytic, numeric=numeric)
    assert bool(measuring.central_agrees(job, "a", trial)) is agrees
    unsure = job_of("complex", f=lambda q: 2.02 * q["a"].sum())             # other slopes a few roundings away
    assert not measuring.central_agrees(unsure, "a", trial)
    exact = job_of("complex", f=lambda q: q["a"].sum(), unit=2.0**-51)        # steps of powers of two: no rounding
    for numeric, found in ((-8.0, False), (-8.25, True)):
        assert bool(measuring.central_agrees(exact, "a", trial_of(lambda s: s, analytic=2.0, numeric=numeric))) is found
    step = float(np.cbrt(U))
    assert asked - {0.0} == {step * 4.0**power for power in range(-10, 5) if power < -5 or step * 4.0**power <= 1}


@pytest.mark.parametrize("unit", [U, 2.0**-23])
def test_the_steps_that_look_for_a_kink_at_the_point(unit, monkeypatch):
    asked = []
    monkeypatch.setattr(measuring, "jump", lambda line, s, noise: asked.append((s, noise)) or 1.0)
    params = {"a": np.ones(2), "b": np.array(2.0), "table": np.arange(2)}
    assert measuring.kinked(lambda q: 0.0, params, unit) == {"a", "b"}
    assert asked == [(5e4 * unit, 32 * unit)] * 3
    monkeypatch.setattr(measuring, "jump", lambda line, s, noise: 0.0)
    assert measuring.kinked(lambda q: 0.0, params, unit) == set()


def test_a_slope_is_measured_with_a_step_as_large_as_the_parameter():
    f, theta = (lambda q: (q["a"] ** 2).sum()), np.array([0.1, -8.0, 3.9])
    job, g = job_of(theta=theta, f=f), np.array([1.0, 2.0, 4.0])
    trials = measuring.trials_of(job, "a", g, 3, 0, 0, None)
    assert [trial.at for trial in trials] == [trial.probe for trial in trials] == [(0,), (1,), (2,)]
    assert [trial.size for trial in trials] == [1.0, 8.0, 3.9] and [trial.analytic for trial in trials] == [1, 2, 4]
    assert [trial.step / trial.size for trial in trials] == pytest.approx([float(np.cbrt(U))] * 3)
    assert [trial.numeric for trial in trials] == pytest.approx(2 * theta, rel=1e-8)
    rng = np.random.default_rng(0)
    mixed = measuring.trials_of(job, "a", g, 2, 0, 2, rng)
    assert [trial.at for trial in mixed] == ["direction 0", "direction 1", "along the gradient"]
    assert all(np.abs(trial.probe) == pytest.approx(3**-0.5) for trial in mixed[:2]) and mixed[0].size == 4.0
    assert mixed[2].probe == pytest.approx(g / np.sqrt(21)) and mixed[2].analytic == pytest.approx(np.sqrt(21))
    assert [trial.at for trial in measuring.trials_of(job, "a", 0 * g, 2, 0, 1, rng)] == ["direction 0"]
    for bad in ([np.inf, 1, 1], [np.inf, -np.inf, 1]):                      # not along it, and no warning
        assert [trial.at for trial in measuring.trials_of(job, "a", np.array(bad), 2, 0, 1, rng)] == ["direction 0"]
    given = measuring.Job(f, {"a": theta}, "complex", 0.25, 1e-9, U)
    assert [trial.step for trial in measuring.trials_of(given, "a", g, 3, 0, 0, rng)] == [0.25, 2.0, 0.975]
