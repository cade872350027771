// What the reader sets: the model, the loss, the row; and the stepper through the lines.
"use strict";

function controlBar() {
  const set = (name, convert = (z) => z) => (event) => {
    const value = convert(event.target);
    if (value !== undefined && !Number.isNaN(value)) update({ [name]: value });
  };
  const mode = h("select", { id: "mode", onchange: set("mode", (field) => field.value) },
    MODES.map((name) => option(name, T.modes[name])));
  const loss = h("select", { id: "loss", onchange: set("loss", (field) => field.value) },
    Object.entries(T.losses).map(([name, words]) => option(name, words)));
  const y = h("input", { id: "y", type: "number", min: -10, max: 10, oninput: set("y", (field) => clamp(field, 10)) });
  const seed = h("input", { id: "seed", type: "number", min: 0, max: 999999, step: 1,
    oninput: set("seed", (field) => Math.round(Math.max(0, Math.min(999999, field.valueAsNumber)))) });
  const again = h("button", { textContent: T.controls.again, onclick: () => update({ seed: state.seed + 1, d: {} }) });
  return h("div", { class: "bar" }, labelled(T.controls.mode, mode), labelled(T.controls.loss, loss),
    labelled(T.controls.y, y), labelled(T.controls.seed, seed), again);
}

const clamp = (field, most) => Math.max(-most, Math.min(most, field.valueAsNumber));

function rowFields() {
  const setX = (i, z) => {
    if (Number.isFinite(z)) update({ x: state.x.map((old, j) => (j === i ? z : old)) });
  };
  return h("div", { class: "facts" }, range(SLOTS).map((i) => {
    const slide = (type) => h("input", { type, id: `x${i}${type}`, min: -3, max: 3, step: 0.05,
      aria: { label: T.valueOf(NAMES[i]) }, oninput: (event) => setX(i, clamp(event.target, 3)) });
    const on = h("input", { type: "checkbox", id: `on${i}`, aria: { label: T.on(NAMES[i]) },
      onchange: (event) => setX(i, event.target.checked ? lastX[i] || 1 : 0) });
    return h("div", { class: "fact" }, h("label", {}, on, h("small", { textContent: FIELDS[i] }), h("b", { textContent: NAMES[i] })),
      slide("range"), slide("number"));
  }));
}

const lastX = {};                                                // the value to come back to when a fact is switched on

function results() {
  return h("dl", { class: "results" }, ["y_hat", "prob", "loss"].map((name) =>
    h("div", { id: "r_" + name }, h("dt", { textContent: T.results[name] }), h("dd"))));
}

function drawControls() {
  for (const name of ["mode", "loss", "y", "seed"]) {
    const field = byId(name);
    if (document.activeElement !== field || field.tagName === "SELECT") put(field, "value", String(state[name]));
  }
  byId("y").step = state.loss === "logistic" ? 1 : 0.1;
  byId("y").min = state.loss === "logistic" ? 0 : -10;
  byId("y").max = state.loss === "logistic" ? 1 : 10;
  state.x.forEach((x, i) => {
    if (x !== 0) lastX[i] = x;
    put(byId(`on${i}`), "checked", x !== 0);
    for (const type of ["range", "number"]) {
      const field = byId(`x${i}${type}`);
      if (field.valueAsNumber !== x) field.value = x;
    }
  });
  byId("broken1").hidden = !mistakeOf(state);
  put(byId("brokenIs"), "textContent", state.quiz ? T.brk.secret : mistakeOf(state) ? T.brk.now(CATALOGUE[state.brk].title) : "");
  for (const name of ["y_hat", "prob", "loss"]) {
    const node = byId("r_" + name), value = trace.numberAt(ref(name));
    node.hidden = name === "prob" && state.loss === "squared";
    put(node.lastChild, "textContent", Number.isFinite(value) ? three(value) : short(value));
  }
}

// ---- the lines of the calculation ------------------------------------------------------------------------------------------

let playing = 0;

function stepper() {
  const icons = ["|<", "<", ">", ">|"], go = [() => goTo(0), () => stepTo(-1), () => stepTo(1), () => goTo(-1)];
  const buttons = icons.map((icon, q) => h("button", { textContent: icon, aria: { label: T.step[q] }, title: T.step[q],
    onclick: () => { stop(); go[q](); } }));
  const play = h("button", { id: "play", textContent: T.play, onclick: () => (playing ? stop() : start()) });
  return h("div", { class: "stepper" }, buttons, play, h("span", { id: "where" }));
}

function start() {
  if (state.line < 0) goTo(0);
  playing = setInterval(() => (state.line < 0 ? stop() : document.hidden || stepTo(1)), 1000);
  byId("play").textContent = T.pause;
}

function stop() {
  clearInterval(playing);
  playing = 0;
  byId("play").textContent = T.play;
}

function goTo(line) {
  hovered = "";
  update({ line: line >= linesOf(state.mode).length - 1 ? -1 : line, at: "" });
}
const stepTo = (by) => goTo(Math.max(0, (state.line < 0 ? linesOf(state.mode).length - 1 : state.line) + by));

let linesShown = "", saidLine = null;

function drawLines() {
  const lines = linesOf(state.mode), now = state.line < 0 ? lines.length - 1 : state.line;
  const list = byId("lines");
  if (linesShown !== state.mode) {
    fill(list, lines.map((name, q) => h("li", { class: isBackward(name) ? "back" : "" },
      h("button", { textContent: codeOf(name, state.mode), title: glossOf(name), onclick: () => { stop(); goTo(q); } }))));
    linesShown = state.mode;
  }
  [...list.children].forEach((item, q) => {
    item.classList.toggle("done", q <= now);
    if (q === state.line) {
      item.firstChild.setAttribute("aria-current", "step");
      list.scrollTop = Math.max(0, item.offsetTop - list.offsetTop - list.clientHeight / 2);
    } else item.firstChild.removeAttribute("aria-current");
  });
  put(byId("where"), "textContent", T.lineOf(now + 1, lines.length, codeOf(lines[now], state.mode)));
  if (state.line >= 0 && saidLine !== state.line) {
    if (saidLine !== null) put(byId("said"), "textContent", sentence(lines[now]));
    showSide(isBackward(lines[now]));
  }
  saidLine = state.line;
}

// One sentence about the numbers that a line wrote, for the ear.
function sentence(name) {
  const cells = cellsOf(name).map(([i, f]) => ref(name, i, f)).filter((at) => trace.numberAt(at) !== undefined);
  if (!cells.length) return T.nothing(name);
  const top = cells.reduce((a, b) => (Math.abs(trace.numberAt(b)) > Math.abs(trace.numberAt(a)) ? b : a));
  return T.said(name, labelOf(top), three(trace.numberAt(top)), cells.length);
}

function viewSwitch() {
  return h("div", { class: "views", role: "group" }, T.views.map((words, q) => h("button", { textContent: words, class: "view",
    onclick: () => showSide(q === 1) })));
}

// Where there is no room for both sides: values or slopes.
function showSide(slopes) {
  byId("tables").classList.toggle("slopes", slopes);
  document.querySelectorAll(".view").forEach((button, q) => button.setAttribute("aria-pressed", String((q === 1) === slopes)));
}
