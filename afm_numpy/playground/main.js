// The page: built once, then drawn anew from the state after every change.
"use strict";

const byId = (id) => document.getElementById(id);
let state, trace, marks = {}, ignored = [], written1 = "";

function build() {
  const lead = h("p", { class: "lead" }, `${T.lead} ${T.random} `, h("span", { class: "ask" }, h("b", { textContent: T.ask }), " ",
    h("button", { id: "look", textContent: T.look, aria: { expanded: "false", controls: "answer" }, onclick: toggleAnswer }),
    " ", h("span", { id: "answer", hidden: true })));
  const column1 = (id, words) => h("section", { class: "side", id: id + "Side" }, h("h2", { textContent: words }), h("div", { id }));
  const legend = h("p", { class: "legend" }, T.signs.map(([kind, words]) => h("span", {}, h("i", { class: kind }), words)), " ", T.legend);
  const tables = h("main", { id: "tables" },
    h("section", { class: "lines" }, h("h2", { textContent: T.lines }), stepper(), h("ol", { id: "lines" })),
    viewSwitch(), column1("forward", T.forward), column1("backward", T.backward),
    h("section", { id: "panel", aria: { label: T.panel } }), legend);
  fill(byId("page"), h("header", {}, h("h1", { textContent: T.title }), lead, h("p", { id: "note", class: "note", role: "status", hidden: true }),
    controlBar(), h("div", { class: "top" }, rowFields(), results())),
  h("div", { id: "broken1", class: "note" }, h("span", { id: "brokenIs" }), " ", h("button", { id: "repair", textContent: T.brk.repair,
    onclick: () => { hinted = true; update({ brk: "", quiz: 0 }); } }), buildQuiz()), tables, tabBar(),
  h("p", { id: "said", class: "unseen", role: "status" }));
  watchSquares(byId("tables"));
  showSide(false);
}

function toggleAnswer() {
  const hidden = !byId("answer").hidden;
  byId("answer").hidden = hidden;
  byId("look").textContent = hidden ? T.look : T.hideAnswer;
  byId("look").setAttribute("aria-expanded", String(!hidden));
}

// The one way to change what the page shows. `from` names a part that keeps its fields, because a hand is on them.
function update(change, from = "") {
  state = settled({ ...state, ...change });
  trace = calculate(state);
  marks = mistakeOf(state) && !secret() ? marksOf(state, trace) : {};
  drawControls();
  drawLines();
  drawTables(state, trace, marks, state.line);
  if (from !== "panel") drawPanel();
  drawTabs();
  remember();
}

// The address follows, without filling the history.
let waiting = 0;
function remember() {
  clearTimeout(waiting);
  waiting = setTimeout(() => {
    written1 = toHash(state);
    if (location.hash !== written1) history.replaceState(null, "", written1);
  }, 300);
}

function load() {
  const read = fromHash(location.hash);
  state = read.state;
  ignored = read.ignored;
  hinted = !state.quiz;
  showSide(isBackward(state.at));
  byId("note").hidden = !ignored.length;
  byId("note").textContent = ignored.length ? T.ignored(ignored.slice(0, 8).join(", ")) : "";
  update({});
}

function fault(error) {
  const words = T.failed(String((error && error.message) || error));
  const note = byId("note");
  if (note) {
    note.hidden = false;
    note.textContent = words;
  } else byId("page").textContent = words;
}

addEventListener("error", (event) => fault(event.error || event.message));
addEventListener("hashchange", () => { if (location.hash !== written1) load(); });
document.title = T.title;
build();
load();
