"""The numbers in the page are those of NumPy, and every formula that it shows gives the number beside it."""

import json
import subprocess
import sys

import numpy as np
import pytest

from afm_numpy import Batch, afm, fm, losses
from afm_numpy.conformance import check_results, kit, load_cases, read

MODES = ("network", "field", "free", "uniform", "sum", "fm")
READ = """(hash => { const { state } = fromHash(hash), P = paramsOf(state), trace = calculate(state, P);
    return { state, P, pairs: PAIRS, numbers: Object.fromEntries(linesOf(state.mode).map(name =>
        [name, cellsOf(name).map(([i, f]) => trace.numberAt(ref(name, i, f)) ?? null)])) }; })"""
NAMES = {"emb": "E", "prod": "M", "pre": "Z", "hid": "R", "score": "s", "attn": "a", "pooled": "pooled",
         "sum_e": "sum_e", "sum_e2": "sum_e2"}  # fmt: skip


def drawn(rng, mode):
    """The address of a random state: values with zeros, edited parameters, either loss."""
    x = np.where(rng.random(4) < 0.2, 0, np.round(rng.uniform(-3, 3, 4), 2))
    loss = ("logistic", "squared")[rng.integers(2)]
    y = rng.integers(2) if loss == "logistic" else np.round(rng.uniform(-3, 3), 2)
    edits = ",".join(f"V.{rng.integers(4)}.{f}:{rng.uniform(-2, 2):.3f}" for f in range(4))
    return f"#v=1&seed={rng.integers(10**6)}&mode={mode}&loss={loss}&y={y}&x={','.join(map(str, x))}&d={edits}"


def by_numpy(page):
    """The same numbers by name, from afm_numpy."""
    state, mode = page["state"], page["state"]["mode"]
    x = np.array([state["x"]], float)
    batch = Batch.from_padded(np.where(x != 0, [[0, 1, 2, 3]], 0), x, n=4)
    params = {name: np.array(value, float) for name, value in page["P"].items()} | {"pairs": np.array(page["pairs"])}
    y = np.array([state["y"]], float)
    if mode == "fm":
        y_hat, cache = fm.forward(params, batch)
        grads = fm.backward(getattr(losses, state["loss"] + "_backward")(y_hat, y), cache)
    else:
        y_hat, cache = afm.forward(params, batch, attention=mode)
        grads = afm.backward(getattr(losses, state["loss"] + "_backward")(y_hat, y), cache)
    values = {name: getattr(cache, other)[0] for name, other in NAMES.items() if name in page["numbers"]}
    loss = getattr(losses, state["loss"] + "_forward")(y_hat, y)
    values |= {"y_hat": y_hat, "prob": losses.sigmoid(y_hat), "loss": loss}
    sizes = {"w": 4, "V": 4, "free": 6}
    for name, grad in grads.items():
        values["g_" + name] = grad.to_dense(sizes[name]) if hasattr(grad, "to_dense") else grad
    return values


@pytest.mark.parametrize("mode", MODES)
def test_the_page_equals_numpy(mode, open_page):
    page, rng = open_page(), np.random.default_rng(MODES.index(mode))
    for _ in range(20):
        shown = page.run(f"{READ}({json.dumps(drawn(rng, mode))})")
        want = by_numpy(shown)
        inner = {name for name in shown["numbers"] if name.startswith("d_")} | {"active_x", "linear", "inter"}
        assert set(want) == set(shown["numbers"]) - inner
        for name, value in want.items():
            got = np.array([z if z is not None else np.nan for z in shown["numbers"][name]])
            here = np.isfinite(got)                                          # what is absent has no number
            np.testing.assert_allclose(got[here], np.ravel(value)[here], rtol=1e-12, atol=1e-12, err_msg=name)


@pytest.mark.parametrize("mode", MODES)
def test_every_formula_gives_its_number(mode, open_page):
    page, rng = open_page(), np.random.default_rng(MODES.index(mode))
    for _ in range(5):
        wrong = page.run(f"""(hash => {{ const {{ state }} = fromHash(hash), trace = calculate(state), out = [];
            let n = 0;
            for (const name of linesOf(state.mode)) for (const [i, f] of cellsOf(name)) {{
              const at = ref(name, i, f), rule = trace.ruleAt(at), value = trace.numberAt(at);
              if ((rule === null) !== (value === undefined)) out.push(key(name, i, f));
              else if (rule && !close(value, ruleValue(rule, trace.numberAt))) out.push(key(name, i, f));
              n += 1;
            }}
            return [out, n]; }})({json.dumps(drawn(rng, mode))})""")
        assert wrong[0] == [] and wrong[1] > 50


def test_sum_with_p_of_one_is_fm(open_page):
    page = open_page("#x=1,.5,2,-1")
    page.mouse("#ones")
    assert page.run("byId('sameAsFm').textContent") == page.run("T.see.same")
    fm_value = page.run("calculate({ ...state, mode: 'fm' }).numberAt(ref('y_hat'))")
    assert page.run("trace.numberAt(ref('y_hat'))") == pytest.approx(fm_value, rel=1e-14)


@pytest.mark.parametrize("mode", MODES)
def test_contributions_add_up_to_the_prediction(mode, open_page):
    page = open_page(f"#mode={mode}&x=1,.5,2,-1")
    parts, y_hat = page.run("[contributions(state, trace).map(part => part.value), trace.numberAt(ref('y_hat'))]")
    assert sum(parts) == pytest.approx(y_hat, abs=1e-14)


@pytest.mark.parametrize("mode", MODES)
def test_the_copied_python_prints_these_numbers(mode, open_page):
    page = open_page(f"#mode={mode}&seed=5&x=1,0,2,-1.5&loss=squared&y=.5&d=V.0.1:.25&tab=take")
    code = page.run("byId('python').value")
    out = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60).stdout
    space = {}
    exec(code, {"print": lambda *_: None}, space)                            # again, to look at the numbers
    shown = page.run(f"{READ}(toHash(state))")["numbers"]
    assert out.startswith("y_hat ") and "g_V" in out
    assert shown["y_hat"][0] == pytest.approx(space["y_hat"][0], abs=1e-12)
    assert shown["loss"][0] == pytest.approx(space["loss"], abs=1e-12)
    for name, grad in space["grads"].items():
        dense = grad.to_dense({"w": 4, "V": 4, "free": 6}[name]) if hasattr(grad, "to_dense") else grad
        np.testing.assert_allclose(np.ravel(shown["g_" + name]), np.ravel(dense), atol=1e-12)


def test_the_kit_passes_inside_the_browser(open_page, tmp_path):
    page = open_page()
    cases = {}
    for name in sorted(load_cases()):
        text = (kit.HERE / "cases" / f"{name}.json").read_text()
        cases[name] = json.loads(page.run(f"engine.text(engine.run({text}))"))
    path = tmp_path / "results.json"
    path.write_text(json.dumps({"kit": "1.0", "dtype": "float64", "cases": cases}))
    report = check_results(read([path]))
    assert report.complete and report.counts["passed"] == len(load_cases()), str(report)
