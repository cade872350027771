"""The checker knows when it cannot know, and says why by one word: 26 functions, both methods."""

from functools import partial

import numpy as np
import pytest

from afm_numpy.gradcheck import check, conditions

both = pytest.mark.parametrize("method", ["complex", "central"])
THETA = np.array([0.3, -0.7, 1.1])
C = np.array([1.2, -0.8, 0.5])


def single(value):
    """A cast to float32 that a complex number survives as complex64."""
    return np.asarray(value).astype(np.complex64 if np.iscomplexobj(value) else np.float32)


class Net:
    """Keeps its own parameters, as layers with a state do."""

    def __init__(self):
        self.W, self.X, self.buffer = THETA.copy(), C.copy(), np.zeros(3)

    def loss(self, q=None):
        return float((np.sin(self.W) * self.X).sum())

    def with_cache(self, q):
        self.out = np.sin(q["a"]) * self.X                                  # a cache is no change of the data
        return self.out.sum()

    def with_buffer(self, q):
        if not np.iscomplexobj(q["a"]):
            np.sin(q["a"], out=self.buffer)
        return (np.sin(q["a"]) * self.X).sum()

    def centres(self, q):
        self.X -= self.X.mean()                                             # the second time it changes nothing
        return (np.sin(q["a"]) * self.X).sum()


def conditions_and_functions():
    """Status, function, parameters, gradients; everything new, because some functions change what they work on."""
    rng, X, net, a = np.random.default_rng(0), C.copy(), Net(), {"a": THETA}
    right, zeros = {"a": C * np.cos(THETA)}, {"a": np.zeros(3)}
    table = {"a": THETA, "rows": np.array([0, 1, 2])}

    def draws_dropout(q):
        return (np.sin(q["a"]) * C * (rng.random(3) < 0.5)).sum()

    def grows(q):
        X[...] *= 1.01
        return (np.sin(q["a"]) * X).sum()

    def shifts_the_table(q):
        q["rows"] += 1
        return (np.sin(q["a"]) * C)[q["rows"] % 3].sum() + q["rows"][0]

    def scales_its_argument(q):
        q["a"] *= 2
        return (np.sin(q["a"]) * C).sum()

    def sine(q):
        return (np.sin(q["a"]) * C).sum()

    def tie(q):
        first, second = q["a"][0], q["a"][1]
        return np.where(first.real >= second.real, first, second) + q["a"][2] ** 2

    return {
        "float32 gradient": ("float32", sine, a, {"a": np.float32(right["a"])}),
        "float32 parameters and gradient": ("float32", sine, {"a": np.float32(THETA)}, {"a": np.float32(right["a"])}),
        "a cast of the argument": ("float32", lambda q: (np.sin(q["a"].astype(np.float32)) * C).sum(), a, right),
        "a cast that carries complex": ("float32", lambda q: (np.sin(single(q["a"])) * C).sum(), a, right),
        "a cast of the result": ("float32", lambda q: np.float32(sine(q)), a, right),
        "a loss in float32": ("float32", lambda q: single(sine(q)), a, right),
        "a float32 buffer": ("float32", lambda q: float(np.sin(q["a"]).astype(np.float32) @ C), a, right),
        "reads its own copy": ("unused", net.loss, a, right),
        "reads an outer copy": ("unused", lambda q: (np.sin(THETA) * C).sum(), a, right),
        "one array is not read": ("unused", lambda q: q["b"].sum() ** 2, {"a": THETA, "b": C},
                                  {**right, "b": np.full(3, 2 * C.sum())}),
        "a gradient of zeros": ("unused", lambda q: 3.0, a, zeros),
        "draws dropout": ("random", draws_dropout, a, right),
        "adds noise": ("random", lambda q: sine(q) + 1e-9 * rng.normal(), a, right),
        "counts its calls": ("random", lambda q, count=iter(range(10**6)): sine(q) * (1 + next(count)), a, right),
        "changes a closure": ("mutates", grows, a, right),
        "changes self": ("mutates", net.centres, a, right),
        "changes an argument of partial": ("mutates", partial(lambda X, q: grows(q), X), a, right),
        "changes a table": ("mutates", shifts_the_table, table, right),
        "changes its argument": ("mutates", scales_its_argument, a, right),
        "ReLU at 0": ("kink", lambda q: np.where(q["a"].real > 0, q["a"], 0).sum(), {"a": np.zeros(3)},
                      {"a": np.ones(3)}),
        "ReLU at 0, as f has it": ("kink", lambda q: np.where(q["a"].real > 0, q["a"], 0).sum(), {"a": np.zeros(3)},
                                   zeros),
        "z * (z > 0), one of three": ("kink", lambda q: (q["a"] * (q["a"].real > 0)).sum(),
                                      {"a": np.array([0.0, 1, -1])}, {"a": np.array([0.0, 1, 0])}),
        "np.maximum": ("kink", lambda q: np.maximum(q["a"], 0).sum(), {"a": np.zeros(3)}, zeros),
        "np.abs": ("kink", lambda q: np.abs(q["a"]).sum(), {"a": np.array([0.0, 2, -1])},
                   {"a": np.array([0.0, 1, -1])}),
        "a tie of max": ("kink", tie, {"a": np.array([0.7, 0.7, 1.0])}, {"a": np.array([0.5, 0.5, 2])}),
        "zero bias and zero input": ("kink", lambda q: (np.maximum(0 * C[:, None] + q["a"], 0) * C).sum(),
                                     {"a": np.zeros(3)}, {"a": np.ones(3) * C.sum()}),
        "a softmax that is summed": ("blind", lambda q: (np.exp(q["a"]) / np.exp(q["a"]).sum()).sum(), a, zeros),
    }  # fmt: skip


@both
@pytest.mark.parametrize("name", conditions_and_functions())
def test_the_status_by_its_name(method, name):
    status, f, params, grads = conditions_and_functions()[name]
    report = check(f, params, grads, method=method)
    assert report["a"].status == status, str(report)
    assert report.ok == (status == "float32") and len(report["a"].note) > 20


@both
@pytest.mark.parametrize("name", [name for name, case in conditions_and_functions().items() if case[0] == "float32"])
def test_a_wrong_gradient_is_wrong_in_float32_too(method, name):
    _, f, params, grads = conditions_and_functions()[name]
    report = check(f, params, {"a": grads["a"] * np.array([1, 1.005, 1], grads["a"].dtype)}, method=method)
    assert report["a"].status == "error" and 1e-3 < report["a"].error < 6e-3


@both
def test_what_float32_allows_is_said(method):
    f, params, right = (lambda q: (np.sin(q["a"]) * C).sum()), {"a": THETA}, C * np.cos(THETA)
    note = check(f, params, {"a": right.astype(np.float32)}, method=method)["a"].note
    assert "the gradient is float32, which can show 3e-04 at best" in note
    note = check(lambda q: single(f(q)), params, {"a": right}, method=method)["a"].note
    assert "the result of f is float32, which can show 3e-04 at best" in note
    assert check(f, params, {"a": right.astype(np.float32)}, method=method, rtol=1e-3)["a"].status == "ok"


@both
def test_a_cache_and_a_buffer_are_no_data(method):
    net = Net()
    for f in (net.with_cache, net.with_buffer):
        assert check(f, {"a": THETA}, {"a": C * np.cos(THETA)}, method=method), f


def test_what_f_changed_is_named():
    for name, words in {
        "changes a closure": "f changes the array 'X' that it works with: let it work on a copy",
        "changes self": "f changes the array 'X' that it works with",
        "changes a table": "f changes rows: let it work on a copy",
        "draws dropout": "two calls of f with the same numbers differ by",
        "reads its own copy": "f does not depend on a: does it read these numbers from somewhere else",
    }.items():
        _, f, params, grads = conditions_and_functions()[name]
        assert words in check(f, params, grads)["a"].note


def test_data_that_f_changes_and_refuses_afterwards():
    X = np.array([1.0, 1.0])

    def f(q):
        if abs(X[0] - X[1]) > 1e-9:
            raise ValueError("columns differ")
        X[...] *= 1.01
        return (q["a"] * X.sum()).sum()

    assert check(f, {"a": THETA}, {"a": np.full(3, 2.0)})["a"].status == "mutates"


def test_arrays_are_found_where_functions_keep_them():
    X, ids, deep = np.ones(2), np.arange(3), [{"k": (np.zeros(1),)}]

    def f(q, d=C, *, e=THETA):
        return X, ids, deep, Net, np

    def early():
        return later

    things = [partial(f, X[:1], z=ids[:1]), Net().loss, len, "text", early]
    found = list(conditions.arrays_in(things, "f", set()))
    assert {"X", "ids", "W", "buffer"} <= {name for name, _ in found}
    assert {id(array) for _, array in found} >= {id(X), id(ids), id(deep[0]["k"][0]), id(C), id(THETA)}
    later = early                                                           # it had no value before


def test_a_chain_of_containers_that_holds_itself():
    loop = [np.ones(1)]
    loop.append(loop)
    assert len(list(conditions.arrays_in(loop, "f", set()))) == 1


@pytest.mark.parametrize("size", [1e-6, 1.0, 1e6])
@pytest.mark.parametrize("f", [np.sin, np.exp, np.tanh, np.sqrt, lambda a: np.maximum(a, 0), lambda a: 5 * a + 1])
def test_float64_is_not_taken_for_float32(f, size):
    theta = {"a": size * np.random.default_rng(0).normal(size=20)}

    def in_double(q):
        with np.errstate(all="ignore"):
            return np.minimum(f(abs(q["a"])), 1e9).sum()

    assert not conditions.works_in_float32(in_double, theta)
    if size == 1:
        assert conditions.works_in_float32(lambda q: f(np.float32(abs(q["a"]))).astype(float).sum(), theta)
        assert conditions.works_in_float32(lambda q: float(np.float32(in_double(q))), theta)


@both
@pytest.mark.parametrize("distance", [1e-7, 1e-8, 1e-9, 1e-10])
def test_a_sharp_bend_is_not_taken_for_float32(method, distance):
    """If it were, a mistake of 1e-4 would be right, as far as float32 can show."""
    x = np.append(np.random.default_rng(0).uniform(0.5, 2, 10), distance * np.array([1.0, 0.5, 2.0]))
    wrong = 0.5 / np.sqrt(x)
    wrong[2] += 1e-4 * wrong.max()
    assert not check(lambda x: np.sqrt(np.where(x.real > 0, x, -x)).sum(), x, wrong, method=method)
    assert not conditions.works_in_float32(lambda q: np.sqrt(np.abs(q["x"])).sum(), {"x": x})


# ---- by hand -----------------------------------------------------------------------------------------------


def test_the_usual_size():
    assert conditions.usual_size(np.array([1.0, -5.0])) == 3.0 and type(conditions.usual_size(THETA)) is float
    assert conditions.usual_size(np.zeros(3)) == conditions.usual_size(np.zeros((0, 2))) == 1.0


def test_a_direction_that_moves_everything():
    params = {"a": np.full((30, 20), 4.0), "table": np.arange(2), "z": np.zeros(5)}
    way, again = conditions.everywhere(params), conditions.everywhere(params)
    assert list(way) == ["a", "z"] and all(np.array_equal(way[name], again[name]) for name in way)
    assert 2.0 <= np.abs(way["a"]).min() < 2.1 and 3.9 < np.abs(way["a"]).max() <= 4.0
    assert 0.4 < (way["a"] > 0).mean() < 0.6 and 0.5 <= np.abs(way["z"]).min() <= np.abs(way["z"]).max() <= 1.0


def names_in(thing):
    return [name for name, _ in conditions.arrays_in(thing, "f", set())]


def test_the_names_of_arrays_inside():
    X = np.ones(2)
    assert names_in(X) == ["f"] and names_in(np.array([None])) == []
    assert names_in([np.ones(1), (np.ones(1),)]) == ["f[0]", "f[1][0]"]
    assert names_in({"k": np.ones(1), 3: [np.ones(1)]}) == ["k", "3[0]"]
    assert names_in([X, X]) == ["f[0]"]                                     # the same one
    assert names_in(Net()) == ["W", "X", "buffer"] and names_in(Net().loss)[:3] == ["W", "X", "buffer"]
    assert names_in(partial(max, np.ones(1), key=np.ones(2))) == ["args[0]", "key"]

    def f(q, d=(np.ones(1),), *, e=np.ones(1)):
        return X

    f.own = np.ones(3)
    assert names_in(f) == ["own", "__defaults__[0][0]", "e", "X"]


@pytest.mark.parametrize(("depth", "found"), [(8, 1), (9, 0)])
def test_how_deep_arrays_are_looked_for(depth, found):
    thing = np.ones(1)
    for _ in range(depth):
        thing = [thing]
    assert len(names_in(thing)) == found


def test_what_has_changed():
    held = {"a": np.ones(2), "b": [np.zeros(2)], "c": np.arange(3)}
    changed = conditions.changes(held)
    assert changed() == []
    held["b"][0][1] = 5
    held["c"][0] = 7
    assert [name for name, _ in changed()] == ["b[0]", "c"]
    assert [array is held["b"][0] or array is held["c"] for _, array in changed()] == [True, True]
    changed = conditions.changes(alone := np.ones(2))
    alone[0] = 2
    assert [name for name, _ in changed()] == ["f"]


@pytest.mark.parametrize(("off", "random"), [(0.0, False), (32 * 2.0**-52, False), (33 * 2.0**-52, True)])
@pytest.mark.parametrize("size", [1.0, -4.0])
def test_two_calls_may_differ_by_rounding(off, random, size):
    values = iter([size, size * (1 + off)])
    value, problem = conditions.first_calls(lambda q: next(values), {"a": THETA}, None)
    assert value == size and (problem is not None) is random
    if random:
        gap = f"{33 * 2.0**-52 * abs(size):.1e}"
        words = f"two calls of f with the same numbers differ by {gap}: give it the same mask or seed in every call"
        assert problem == ("random", words)


def test_the_first_calls_see_copies():
    params, seen = {"a": THETA, "rows": np.arange(2)}, []
    value, problem = conditions.first_calls(lambda q: seen.append(q) or 2.5, params, None)
    assert (value, problem, len(seen)) == (2.5, None, 2)
    assert all(q[name] is not params[name] and (q[name] == params[name]).all() for q in seen for name in params)

    def changes_both(q):
        q["rows"][0] = q["a"][0] = 9
        return 1.0

    value, problem = conditions.first_calls(changes_both, params, None)
    assert (value, problem) == (1.0, ("mutates", "f changes a, rows: let it work on a copy"))
    X = np.ones(2)

    def grows(q):
        X[...] *= 2
        return X.sum()

    value, problem = conditions.first_calls(grows, params, grows)
    words = "f changes the array 'X' that it works with: let it work on a copy"
    assert (value, problem) == (4.0, ("mutates", words))                    # as it was in the first call


@pytest.mark.parametrize("kept", [np.array([1.0, 2.0, 3.0]), np.array([3, 1, 2]), np.array([[1.0], [2.0], [3.0]])])
def test_an_array_is_read_if_other_numbers_in_it_give_another_value(kept):
    before, seen = kept.copy(), []

    def f(q):
        seen.append(kept.copy())
        return float((kept.ravel() * [1.0, 10.0, 100.0]).sum())

    value = f({})
    assert conditions._reads(f, {"a": THETA}, kept, value) and (kept == before).all()
    other = before.ravel() + np.sin([0, 1, 2]) if kept.dtype == float else [2, 3, 1]
    assert seen[1].ravel() == pytest.approx(other) and seen[1].shape == kept.shape
    assert not conditions._reads(lambda q: value, {"a": THETA}, kept, value) and (kept == before).all()
    for error in (ZeroDivisionError, KeyError, ValueError):
        def refuses(q, error=error):
            raise error

        assert conditions._reads(refuses, {"a": THETA}, kept, value) and (kept == before).all()


def test_where_an_unused_parameter_is_looked_for():
    seen, theta = [], np.full(400, 3.0)
    params = {"a": theta, "b": THETA}
    assert conditions.unused(lambda q: seen.append(q["a"] - theta) or 1.0, params, "a")
    assert len(seen) == 3 and not seen[0].any() and not np.array_equal(seen[1], seen[2])
    assert all(move.std() == pytest.approx(4, rel=0.1) and abs(move.mean()) < 0.8 for move in seen[1:])
    again = list(seen)
    seen.clear()
    conditions.unused(lambda q: seen.append(q["a"] - theta) or 1.0, params, "a")
    assert np.array_equal(seen, again)
    assert not conditions.unused(lambda q: q["a"][0], params, "a")
    assert conditions.unused(lambda q: q["a"][0], params, "b")
    step = iter([1.0, 1.0, 2.0])                                            # only the last call shows it
    assert not conditions.unused(lambda q: next(step), params, "a")


def test_the_steps_and_bounds_of_the_search_for_float32(monkeypatch):
    asked, lines = [], {}
    monkeypatch.setattr(conditions, "along", lambda f, params, way: lambda s: asked.append(s) or lines["now"](s))

    def found(line):
        asked.clear()
        lines["now"] = line
        return conditions.works_in_float32(None, {"a": THETA})

    assert found(lambda s: float(np.float32(1 + s)))                        # every value is one of float32
    assert asked == [k * step for step in (1.3e-6, 1.3e-8, 1.3e-12) for k in range(1, 10)]
    assert not found(lambda s: 1.0)                                         # but not where nothing changes

    def spikes(off, close=None, closest=None):
        """The last of nine values is off; with the short steps they rise, or stand still."""

        def line(s):
            step, spike = (1.3e-6, off) if s > 1e-6 else (1.3e-8, close) if s > 1e-8 else (1.3e-12, closest)
            k = round(s / step)
            if s > 1e-6:
                return 1 - (k == 9) * off
            return 1.0 if spike is None else 1 + k * 2.0**-30 + (k == 9) * spike

        return line

    assert found(spikes(1.125 * 2.0**-33)) and not found(spikes(2.0**-33))  # the smallest that may be float32
    bound = 2.0**-32 / 128
    for close, single in ((2 * bound, True), (bound, False), (bound + 2.0**-52, True), (bound - 2.0**-48, False)):
        assert found(spikes(2.0**-32, close)) is single, close
        assert found(spikes(2.0**-32, None, close)) is single, close
        assert not found(spikes(2.0**-32, 2 * bound, 0.0)) and not found(spikes(2.0**-32, 0.0, 2 * bound))
    assert not found(lambda s: 1e300 + 1e300 * s)                           # no float32, and no warning
