"""The page as a reader uses it: every control, the lines, the keys, the address, the mistakes, training."""

import json
import re

import numpy as np
import pytest

PRESENT = "(name => cellsOf(name).some(([i, f]) => trace.numberAt(ref(name, i, f)) !== undefined))"
MODES = ("network", "field", "free", "uniform", "sum", "fm")


def value(page, name):
    return page.run(f"byId({json.dumps(name)}).textContent")


def choose(page, name, text):
    page.run(f"(f => {{ f.value = {json.dumps(text)}; f.dispatchEvent(new Event('input', {{ bubbles: true }})); "
             f"f.dispatchEvent(new Event('change', {{ bubbles: true }})); }})(byId({json.dumps(name)}))")  # fmt: skip


def number(page, name, i="undefined", f="undefined"):
    return page.run(f"trace.numberAt(ref('{name}', {i}, {f}))")


# ---- the row --------------------------------------------------------------------------------------------------------


def test_facts_are_moved_and_switched(open_page):
    page = open_page()
    before = number(page, "y_hat")
    choose(page, "x1range", "0.5")
    assert page.run("state.x") == [1, 0.5, 1, 1] and number(page, "y_hat") != before
    assert page.run("byId('x1number').value") == "0.5"
    page.mouse("#on1")
    assert page.run("state.x") == [1, 0, 1, 1] and number(page, "emb", 1, 0) is None
    page.mouse("#on1")
    assert page.run("state.x") == [1, 0.5, 1, 1]                                          # it comes back as it was
    choose(page, "x1number", "99")
    assert page.run("state.x")[1] == 3


def test_model_loss_target_and_seed(open_page):
    page = open_page()
    for mode in MODES:
        choose(page, "mode", mode)
        assert page.run("[...byId('lines').children].length") == page.run(f"linesOf('{mode}').length")
    choose(page, "loss", "squared")
    choose(page, "y", "2.5")
    assert number(page, "loss") == pytest.approx((number(page, "y_hat") - 2.5) ** 2)
    assert page.run("byId('r_prob').hidden")
    choose(page, "loss", "logistic")
    assert page.run("state.y") == 1                                                       # a label again
    before = page.run("trace.P.V")
    page.mouse(".bar button")
    assert page.run("state.seed") == 1 and page.run("trace.P.V") != before


def test_the_question_is_answered_when_asked(open_page):
    page = open_page()
    assert page.run("byId('answer').hidden")
    page.mouse("#look")
    parts = "contributions(state, trace).filter(part => part.pair !== undefined)"
    pairs = page.run(f"{parts}.map(part => [pairName(part.pair), part.value])")
    most, add = max(pairs, key=lambda pair: abs(pair[1]))                                 # one answer
    assert value(page, "answer").startswith(f"{most} moves it most, by +{add:.3f} = attention 0.211 × ")
    assert "The largest attention is on Orbit × tired, 0.361, but it only weights" in value(page, "answer")
    choose(page, "mode", "fm")
    assert "moves it most" in value(page, "answer") and "attention" not in value(page, "answer")
    assert page.run("byId('look').getAttribute('aria-expanded')") == "true"


def test_pointing_previews_and_a_click_pins(open_page):
    page = open_page(height=1500)                                     # nothing scrolls below the pointer
    page.mouse('td[data-at="emb.1.2"]', click=False)
    assert "emb[Orbit, 3]" in value(page, "panel")
    lit = page.run("[...document.querySelectorAll('td.lit')].map(cell => cell.dataset.at)")
    assert sorted(lit) == ["V.1.2", "active_x.1"]
    page.mouse("#panel .formula", click=False)                                        # the way to it loses nothing
    assert "emb[Orbit, 3]" in value(page, "panel")
    page.mouse('td[data-at="attn.2"]')
    assert page.run("state.at") == "attn.2"
    page.mouse('td[data-at="emb.1.2"]', click=False)
    page.mouse("h1", click=False)
    assert "attn[Ann × alone]" in value(page, "panel")                                   # back to what is pinned
    choose(page, "x0range", "2")                                                         # and it stays up to date
    assert page.run("document.querySelector('#panel .value').textContent").startswith(
        "= " + page.run("full(trace.numberAt(ref('attn', 2)))"))  # fmt: skip


def test_a_term_lights_its_square(open_page):
    page = open_page("#at=emb.1.2", height=1500)
    page.mouse("#panel .term", click=False)
    assert page.run("[...document.querySelectorAll('td.lit')].map(cell => cell.dataset.at)") == ["V.1.2"]


def test_a_parameter_is_changed_by_field_and_by_key(open_page):
    page = open_page("#at=V.0.1")
    page.run("document.querySelector('#panel [type=number]').id = 'typed'")
    choose(page, "typed", "0.75")
    assert page.run("trace.P.V[0][1]") == 0.75 and page.run("state.d") == {"V.0.1": 0.75}
    page.mouse('td[data-at="V.0.1"]')
    page.key("+")
    page.key("-")
    page.key("-")
    assert page.run("trace.P.V[0][1]") == pytest.approx(0.70)


# ---- the lines ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("mode", MODES)
def test_each_line_fills_its_squares_and_no_later_ones(mode, open_page):
    page = open_page(f"#mode={mode}&x=1,0,.5,2")
    lines = page.run("linesOf(state.mode)")
    for at in [*range(len(lines)), *reversed(range(len(lines)))]:
        page.run(f"goTo({at})")
        shown = page.run("""Object.values(squares).filter(({ cell, at }) => !isParam(at.name) &&
            !cell.classList.contains("empty")).map(({ at }) => at.name)""")
        done = {name for name in lines[: at + 1] if page.run(f"{PRESENT}('{name}')")}
        assert set(shown) == done
        now = page.run("[...document.querySelectorAll('td.now')].map(cell => cell.dataset.at.split('.')[0])")
        assert set(now) == ({lines[at]} if at < len(lines) - 1 else set())


def test_stepping_by_button_list_and_play(open_page):
    page = open_page()
    steps = "[...document.querySelectorAll('.stepper button')]"
    page.run(f"{steps}[0].click()")
    assert page.run("state.line") == 0
    page.run(f"{steps}[2].click()")
    page.run(f"{steps}[2].click()")
    page.run(f"{steps}[1].click()")
    assert page.run("state.line") == 1
    page.run("byId('lines').children[7].firstChild.click()")
    assert page.run("state.line") == 7 and "attn" in value(page, "said")
    page.mouse("#play")
    page.wait("state.line >= 8")
    page.mouse("#play")
    assert value(page, "play") == page.run("T.play")
    page.run(f"{steps}[3].click()")
    assert page.run("state.line") == -1


# ---- slopes ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("mode", MODES)
def test_every_measured_slope_agrees(mode, open_page):
    page = open_page(f"#mode={mode}&x=1,.5,-1,2&tab=nudge")
    assert page.run("gradientCheck(state, 1e-5).every(row => row.right)")
    page.mouse("#checkAll")
    assert page.run("T.nudge.allRight") in value(page, "checked")


def test_the_step_changes_the_error_and_the_curve_is_a_v(open_page):
    page = open_page("#tab=nudge&at=V.1.2")
    assert page.run("curve.length") == 23
    errors = np.array(page.run("curve"))
    assert errors.argmin() in range(4, 16) and errors[0] > 1e3 * errors.min() < errors[-1]
    choose(page, "eps", "2")
    assert value(page, "epsIs") == "1e−2" and page.run("state.eps") == 2
    choose(page, "nudged", "h.1")
    assert page.run("state.at") == "h.1"


def test_a_kink_is_told(open_page):
    page = open_page("#tab=nudge&at=b.0")
    page.run("setParam('b.0', trace.numberAt(ref('b', 0)) - trace.numberAt(ref('pre', 0, 0)))")      # pre is 0 now
    assert "kink" in value(page, "kink")


def test_the_gradient_check_fails_with_a_mistake(open_page):
    page = open_page("#tab=break&brk=RELU_GATE_MISSING")
    page.mouse("#toCheck")
    assert value(page, "checked").startswith("Wrong: ") and "g_W" in value(page, "checked")
    for name, note in (("w.0", "T.nudge.curveNote"), ("b.0", "T.nudge.flat")):            # b has no V-curve now
        choose(page, "nudged", name)
        assert value(page, "curveNote") == page.run(note)
    page.mouse("#repair")
    assert value(page, "checked").startswith(page.run("T.nudge.allRight")) and page.run("state.brk") == ""


def test_the_gradient_check_follows_the_slider_and_says_why(open_page):
    page = open_page("#tab=nudge")
    page.mouse("#checkAll")
    assert "Step 1e−5, from the slider. A difference above 1e−6 is wrong." in value(page, "checked")
    choose(page, "eps", "1")
    assert value(page, "checked").startswith("Wrong: ") and page.run("T.nudge.byStep") in value(page, "checked")
    assert "Step 1e−1" in value(page, "checked")
    choose(page, "eps", "5")
    page.mouse("#fail")
    assert page.run("state.tab") == "break" and page.run("document.activeElement.id") == "brk"
    choose(page, "brk", "ZEROS_KEPT")
    for x, words in (("[1, 1, 1, 1]", "T.brk.hidden"), ("[1, 1, 0, 1]", "T.nudge.forward")):
        page.run(f"update({{ x: {x}, tab: 'break' }})")
        page.mouse("#toCheck")
        assert page.run(words) in value(page, "checked") and not page.run("Boolean(byId('fail'))"), words


# ---- mistakes -------------------------------------------------------------------------------------------------------


def test_every_mistake_is_marked_where_the_catalogue_says(open_page):
    from afm_numpy.conformance import load_mistakes

    page = open_page("#tab=break")
    for name in page.run("Object.keys(PATCHES)"):
        choose(page, "brk", name)
        if page.run("Boolean(byId('show'))"):
            page.mouse("#show")
        root = page.run("rootLine(marks)")
        rules = ["active_x" if rule == "active" else rule for rule in load_mistakes()[name]["rules"]]
        assert root in rules, name
        assert page.run("document.querySelectorAll('td.root').length") > 0
        assert page.run("engine !== engineWith(state.brk)")


def test_a_mistake_that_this_row_hides_offers_another_row(open_page):
    page = open_page("#tab=break&brk=ZEROS_KEPT")
    assert page.run("T.brk.hidden") in value(page, "broken") and page.run("Object.keys(marks).length") == 0
    page.mouse("#show")
    assert page.run("state.x") == [1, 1, 0, 1] and page.run("marks['active_x.2']") == "root"
    page.mouse("#first")
    assert page.run("state.at") == "active_x.2"


def test_the_quiz(open_page):
    page = open_page("#tab=break")
    page.mouse("#quiz")
    name = page.run("mistakeOf(state)")
    marked = "Object.keys(marks).length > 0"
    assert name and not page.run(marked) and value(page, "brokenIs") == page.run("T.brk.secret")
    root = page.run("rootLine(marksOf(state, trace))")
    wrong = next(line for line in page.run("linesOf(state.mode)") if not line.startswith(root[:3]) and line != root)
    order = page.run("linesOf(state.mode)")
    assert page.run("byId('guess').value") == "" and page.run("byId('brk').value") == "?"
    choose(page, "guess", wrong)
    page.mouse("#tell")
    assert value(page, "verdict").startswith("No")
    assert value(page, "verdict").endswith("later." if order.index(wrong) < order.index(root) else "earlier.")
    page.mouse("#hint")
    low, high = map(int, re.findall(r"\d+", value(page, "verdict")))
    assert low <= order.index(root) + 1 <= high == low + 6
    for cell in page.run(f"cellsOf('{root}').map(([i, f]) => key('{root}', i, f))"):      # pointing gives nothing away
        page.run(f"hovered = '{cell}'; drawPanel()")
        assert not page.run("document.querySelector('#panel .wrong')") and "the rule gives" not in value(page, "panel")
    choose(page, "guess", root)
    page.mouse("#tell")
    for part in ("title", "effect", "fix"):
        assert page.run(f"CATALOGUE['{name}'].{part}") in value(page, "verdict")
    assert page.run(marked)
    page.run(f"hovered = firstOf('{root}'); drawPanel()")
    page.mouse("#next")
    assert page.run("mistakeOf(state)") != name and not page.run(marked)
    assert page.run("byId('guess').value") == "" == value(page, "verdict")                # the old guess is gone
    page.mouse("#marks")
    assert page.run(marked)
    page.mouse("#endQuiz")
    assert page.run("mistakeOf(state)") == ""


def test_the_first_mistake_of_the_quiz_varies(open_page):
    pages = [open_page("#tab=break") for _ in range(3)]
    for page in pages:
        page.mouse("#quiz")
    assert len({page.run("state.quiz") for page in pages}) > 1
    again = open_page(pages[0].run("toHash(state)"))                                      # a link keeps it
    assert again.run("mistakeOf(state)") == pages[0].run("mistakeOf(state)") and not again.run("hinted")


# ---- training -------------------------------------------------------------------------------------------------------


def test_training_runs_pauses_rewinds_and_repeats(open_page):
    page = open_page("#tab=train&noise=1&stop=40")
    assert value(page, "status") == page.run("T.train.start")                             # never by itself
    page.mouse("#once")
    assert page.run("training.updates") == 1
    page.mouse("#run")
    page.wait("!running && training.updates === 40")
    first = page.run("training.models.map(model => [model.P.V, model.history])")
    assert "update 40" in value(page, "status")
    page.mouse("#rewind")
    assert page.run("training.updates") == 0
    page.mouse("#run")
    page.wait("!running && training.updates === 40")
    assert page.run("training.models.map(model => [model.P.V, model.history])") == first
    choose(page, "noise", "2")
    assert page.run("training.updates") == 0 and page.run("training.m") == 6
    choose(page, "stop", "3000")
    page.mouse("#run")
    page.wait("training.updates > 2")
    page.mouse("#run")
    at = page.run("training.updates")
    assert page.run("new Promise(done => setTimeout(() => done(training.updates), 200))") == at


def test_training_learns_and_finds_the_planted_pairs(open_page):
    page = open_page("#tab=train")
    page.run("(() => { training = newRun(); while (!ended(training)) oneStep(training); paintTraining(); })()")
    fm, afm = page.run("training.models.map(model => model.best.test)")
    assert afm < fm < 2
    attn, pairs = page.run("[training.attn, training.pairs]")
    top = sorted(range(len(pairs)), key=attn.__getitem__)[-3:]
    assert sorted(pairs[q] for q in top) == [[0, 1], [1, 2], [1, 3]]
    assert sum(attn) == pytest.approx(1)


def test_a_learning_rate_that_is_too_high_is_told(open_page):
    page = open_page("#tab=train&opt=sgd&lr=1&noise=0")
    page.mouse("#run")
    page.wait("training.broken")
    assert "learning rate" in value(page, "status") and not page.run("running")


def test_a_frame_takes_8_ms_of_work_in_pieces_of_32_rows(open_page):
    """By a clock that goes on 3 ms whenever it is read: a frame stops after the piece that passes 8 ms."""
    page = open_page("#tab=train&noise=0")
    done = page.run("""(() => {
      let t = 0, rows = [];
      const clock = performance.now, forward = engine.forward, ask = requestAnimationFrame;
      performance.now = () => (t += 3);
      window.requestAnimationFrame = () => 0;
      engine.forward = (config, P, batch) => { rows.push(batch.y.length); return forward(config, P, batch); };
      training = newRun(); running = true; onScreen = true;
      const count = () => { const before = rows.length; frame(); return rows.length - before; };
      const counts = Array.from({ length: 60 }, count);
      Object.assign(engine, { forward }); performance.now = clock; window.requestAnimationFrame = ask; running = false;
      return { counts, rows };
    })()""")
    assert max(done["rows"]) == 32 and 1 <= min(done["counts"]) and max(done["counts"]) <= 2 * 3


def test_training_rests_while_the_page_is_hidden(open_page):
    page = open_page("#tab=train&noise=0")
    page.run("Object.defineProperty(document, 'hidden', { value: true, configurable: true })")
    page.mouse("#run")
    page.run("new Promise(done => setTimeout(done, 200))")
    assert page.run("training.updates") == 0
    page.run("delete document.hidden")
    page.wait("training.updates > 0")


# ---- the address ----------------------------------------------------------------------------------------------------


def test_a_link_gives_the_same_state(open_page):
    page = open_page("#mode=field&seed=77")
    choose(page, "x2number", "-1.25")
    page.mouse('td[data-at="V.2.1"]')
    page.key("+")
    page.run("goTo(9)")
    page.mouse("#tab-take")
    link = page.run("byId('link').value")
    page.wait("location.hash === toHash(state)")
    assert page.run("location.href") == link and page.run("history.length") <= 2
    other = open_page("#" + link.partition("#")[2])
    numbers = "linesOf(state.mode).map(name => cellsOf(name).map(([i, f]) => trace.numberAt(ref(name, i, f))))"
    for what in ("state", numbers):
        assert other.run(what) == page.run(what)
    assert len(link.partition("#")[2]) < 300


def test_any_address_is_taken_in_peace(open_page):
    pages, rng = [open_page() for _ in range(5)], np.random.default_rng(0)     # a browser slows more than 200 a page
    names = pages[0].run("Object.keys(DEFAULTS)") + ["", "v", "__proto__", "constructor", "<b>"]
    junk = ["<img src=x onerror=alert(1)>", "9" * 400, "", *"""1 -1 1e999 NaN %3Cb%3E network V.0.0:9 V.9.9:1
        __proto__:1 1,2 1,2,3,4 1,2,3,x see take,train active_x.0 g_V.1.1 = : && 0.5""".split()]  # fmt: skip
    for number in range(200):
        page = pages[number % len(pages)]
        hash = "#" + "&".join(f"{rng.choice(names)}={rng.choice(junk)}" for _ in range(rng.integers(1, 6)))
        page.run(f"history.replaceState(null, '', {json.dumps(hash)}); load()")
        state = page.run("state")
        assert set(state) == set(page.run("Object.keys(DEFAULTS)")) and all(-3 <= z <= 3 for z in state["x"])
        assert state["mode"] in MODES and 0 <= state["seed"] <= 999999 and 0 <= state["noise"] <= 6
        assert not page.run("document.querySelector('#page img, #page b b')")
    assert all(page.run("({}).polluted") is None for page in pages)


def test_what_is_not_taken_is_told(open_page):
    page = open_page("#mode=nonsense&x=1,1,1,1&seed=-5")
    assert value(page, "note") == "Not taken as written from the address: mode, seed." and page.run("state.seed") == 0


def test_tabs_can_be_hidden_by_the_address(open_page):
    page = open_page("#hide=train,break&tab=train")
    shown = page.run("[...document.querySelectorAll('[role=tab]')].filter(tab => !tab.hidden).map(tab => tab.id)")
    assert shown == ["tab-see", "tab-nudge", "tab-take"] and not page.run("byId('panel-see').hidden")
