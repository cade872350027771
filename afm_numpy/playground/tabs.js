// The tabs below the tables. Each has a function that builds it once and one that draws it from the state.
"use strict";

const PANELS = {
  see: [buildSee, drawSee], nudge: [buildNudge, drawNudge], break: [buildBreak, drawBreak],
  train: [buildTraining, drawTraining], take: [buildTake, drawTake],
};

function tabBar() {
  const bar = h("div", { role: "tablist", class: "tabs", aria: { label: T.title }, onkeydown: moveTab }, TABS.map((tab) =>
    h("button", { role: "tab", id: "tab-" + tab, aria: { controls: "panel-" + tab }, textContent: T.tabs[tab],
      onclick: () => update({ tab }) })));
  return h("section", { class: "more" }, bar, TABS.map((tab) =>
    h("div", { role: "tabpanel", id: "panel-" + tab, class: "tab", aria: { labelledby: "tab-" + tab } }, PANELS[tab][0]())));
}

const shownTabs = () => TABS.filter((tab) => !state.hide.includes(tab));

function moveTab(event) {
  const by = { ArrowLeft: -1, ArrowRight: 1 }[event.key], tabs = shownTabs();
  if (!by) return;
  event.preventDefault();
  const tab = tabs[(tabs.indexOf(state.tab) + by + tabs.length) % tabs.length];
  update({ tab });
  byId("tab-" + tab).focus();
}

function drawTabs() {
  const tab = shownTabs().includes(state.tab) ? state.tab : "see";
  for (const name of TABS) {
    const button = byId("tab-" + name);
    button.hidden = state.hide.includes(name);
    button.setAttribute("aria-selected", String(name === tab));
    button.tabIndex = name === tab ? 0 : -1;
    byId("panel-" + name).hidden = name !== tab;
  }
  drawAnswer();
  drawQuiz();
  PANELS[tab][1]();
}

// ---- who adds what: a bar for every part, and the attention of every pair ---------------------------------------------------

function buildSee() {
  return [h("div", { class: "two" }, h("section", {}, h("h3", { textContent: T.see.bars }), h("p", { textContent: T.see.barsNote }),
    h("div", { id: "bars" })), h("section", {}, h("h3", { textContent: T.see.map }), h("div", { id: "map" }),
    h("p", { id: "mapNote" }), h("p", {}, h("span", { id: "fmSays" }), h("b", { id: "sameAsFm" }), " ",
      h("button", { id: "ones", textContent: T.see.ones,
        onclick: () => update({ mode: "sum", d: { ...state.d, "p.0": 1, "p.1": 1, "p.2": 1, "p.3": 1 } }) }))))];
}

const partName = (part) => (part.pair !== undefined ? pairName(part.pair) : part.slot !== undefined ? NAMES[part.slot] : T.see.bias);

function drawSee() {
  const bySize = (a, b) => Math.abs(b.value) - Math.abs(a.value);
  const parts = contributions(state, trace).sort(bySize), end = trace.numberAt(ref("y_hat"));
  let low = 0, high = 0, at = 0;
  for (const part of parts) {
    part.from = at;
    at += part.value;
    low = Math.min(low, at); high = Math.max(high, at);
  }
  low = Math.min(low, end); high = Math.max(high, end);
  const share = (z) => (100 * (z - low)) / (high - low || 1);
  const row = (words, value, from, to, kind) => {
    const bar = h("i", { class: "bar-i " + kind }), zero = h("u");
    bar.style.left = `${share(Math.min(from, to))}%`;
    bar.style.width = `${Math.max(0.4, share(Math.max(from, to)) - share(Math.min(from, to)))}%`;
    zero.style.left = `${share(0)}%`;
    return h("li", {}, h("span", { textContent: words }), h("span", { class: "track" }, zero, bar),
      h("b", { textContent: (value > 0 && kind !== "end" ? "+" : "") + three(value) }));
  };
  fill(byId("bars"), h("ol", { class: "bars" }, parts.map((part) =>
    row(partName(part), part.value, part.from, part.from + part.value, part.value < 0 ? "n" : "p")),
  row(T.see.end, end, 0, end, "end")));
  drawMap();
  const fm = calculate({ ...state, mode: "fm", quiz: 0, brk: "" }).numberAt(ref("y_hat"));
  const gap = Math.abs(end - fm);
  byId("fmSays").textContent = T.see.fm(three(fm));
  byId("sameAsFm").textContent = state.mode === "fm" || gap < 1e-12 ? T.see.same : T.see.differs(three(end - fm));
}

function drawMap() {
  const attn = (r) => trace.numberAt(ref("attn", r)), fm = state.mode === "fm";
  const most = Math.max(...trace.pairs.map((r) => Math.abs(attn(r) || 0)), 1e-9);
  const rows = range(SLOTS - 1).map((i) => h("tr", {}, h("th", { textContent: NAMES[i] }), range(SLOTS, 1).map((j) => {
    const r = PAIRS.findIndex((pair) => pair[0] === i && pair[1] === j), value = r < 0 ? undefined : fm ? 1 : attn(r);
    if (r < 0) return h("td", { class: "void" });
    const mark = h("i", { class: "m " + (value === undefined ? "e" : value < 0 ? "n" : value === 0 ? "z" : "p") });
    mark.style.setProperty("--s", Math.sqrt(Math.abs(value || 0) / (fm ? 1 : most)));
    return h("td", { class: value === undefined ? "empty" : "" }, mark, h("b", { textContent: short(value) }));
  })));
  fill(byId("map"), h("table", { class: "map" }, h("tr", {}, h("th"), range(SLOTS, 1).map((j) => h("th", { textContent: NAMES[j] }))), rows));
  const shares = state.mode === "network" || state.mode === "uniform";
  byId("mapNote").textContent = !trace.pairs.length ? T.see.none : shares ? T.see.even(three(1 / trace.pairs.length)) : T.see.notShares;
}

function drawAnswer() {
  const pairs = contributions(state, trace).filter((part) => part.pair !== undefined);
  if (!pairs.length) {
    put(byId("answer"), "textContent", T.see.none);
    return;
  }
  const size = (part) => Math.abs(part.value), most = pairs.reduce((a, b) => (size(b) > size(a) ? b : a));
  const attn = (part) => trace.numberAt(ref("attn", part.pair)), signed = (z) => (z > 0 ? "+" : "") + three(z);
  const top = pairs.reduce((a, b) => (attn(b) > attn(a) ? b : a)), fm = state.mode === "fm";
  put(byId("answer"), "textContent", T.see.answer(partName(most), signed(most.value), fm ? "" : three(attn(most)),
    fm ? "" : three(most.value / attn(most)))
    + (fm || top === most ? "" : T.see.also(partName(top), three(attn(top)), signed(top.value))));
}

// ---- break it ------------------------------------------------------------------------------------------------------------------

let hinted = true;

function buildBreak() {
  const pick = h("select", { id: "brk", onchange: (event) => update({ brk: event.target.value, quiz: 0 }) },
    option("", T.brk.none), option("?", T.brk.secretly), T.brk.groups.map((label, q) => h("optgroup", { label }, Object.keys(PATCHES)
      .filter((id) => ["loss", "backward", "scatter"].includes(CATALOGUE[id].stage) === (q === 1))
      .map((id) => option(id, CATALOGUE[id].title)))));
  return [h("p", { textContent: T.brk.intro }), h("div", { class: "bar" }, labelled(T.brk.pick, pick),
    h("button", { id: "quiz", textContent: T.brk.quiz, onclick: () => { startQuiz(); byId("broken1").scrollIntoView({ block: "nearest" }); } })),
  h("div", { id: "broken" }), h("p", {}, h("button", { id: "toCheck", textContent: T.brk.check,
    onclick: () => { checking = true; update({ tab: "nudge" }); } }), " ", h("span", { class: "hint", textContent: T.brk.gradcheck }))];
}

// The quiz stands above the tables, beside the lines that it asks for.
function buildQuiz() {
  const act = (id, words, onclick) => h("button", { id, textContent: words, onclick });
  return h("div", { id: "asked" }, h("p", { textContent: T.brk.asked }), h("div", { class: "bar" },
    labelled(T.brk.guess, h("select", { id: "guess" })), act("tell", T.brk.tell, judge), act("hint", T.brk.hint, hint),
    act("marks", T.brk.marks, () => { hinted = true; update({}); }), act("next", T.brk.next, startQuiz),
    act("endQuiz", T.brk.stop, () => { hinted = true; update({ quiz: 0 }); })), h("p", { id: "verdict", role: "status" }));
}

const luck = generator(Date.now());

function startQuiz() {
  const before = state.quiz && mistakeOf(state), tries = range(50).map(() => 1 + luck.below(9999));
  hinted = false;
  fill(byId("guess"));
  byId("verdict").textContent = "";
  update({ quiz: tries.find((quiz) => mistakeOf({ ...state, quiz }) !== before) || tries[0], brk: "", line: -1, at: "" });
}

// The wrong line is one of seven.
function hint() {
  const lines = linesOf(state.mode), at = lines.indexOf(rootLine(marksOf(state, trace)));
  const low = Math.max(0, Math.min(lines.length - 7, at - (state.quiz % 7)));
  byId("verdict").textContent = T.brk.half(low + 1, low + 7);
}

function drawBreak() {
  const id = state.quiz ? "" : state.brk, node = byId("broken");
  put(byId("brk"), "value", state.quiz ? "?" : id);
  byId("brk").options[1].hidden = !state.quiz;
  fill(node);
  if (state.quiz) {
    if (!mistakeOf(state)) fill(node, h("p", { textContent: T.brk.noQuiz }));
    if (hinted) fill(node, countsOf(marks));
  } else if (id) {
    const { title } = CATALOGUE[id], { from, to, row } = PATCHES[id];
    const found = Object.values(marks).includes("root");
    const offer = { ...(row || {}), quiz: 0, brk: id };
    fill(node, h("p", {}, h("b", { textContent: title }), ` (${id})`), found ? countsOf(marks) : h("p", { class: "wrong" }, T.brk.hidden, " ",
      h("button", { id: "show", textContent: T.brk.show, onclick: () => update(offer) })),
    h("p", { textContent: remedyOf(id) }),
    h("p", {}, `${T.brk.engine}: `, h("del", { textContent: from }), " ", h("ins", { textContent: to || "…" })));
  }
}

function drawQuiz() {
  const lines = linesOf(state.mode), list = byId("guess"), chosen = list.value;
  byId("asked").hidden = !state.quiz;
  fill(list, option("", T.brk.choose), lines.map((name) => option(name, codeOf(name, state.mode))));
  list.value = state.line >= 0 ? lines[state.line] : lines.includes(chosen) ? chosen : "";
}

function countsOf(found) {
  const count = (kind) => Object.values(found).filter((mark) => mark === kind).length;
  const first = Object.keys(found).find((name) => found[name] === "root");
  return h("p", {}, T.brk.counts(count("root"), count("follows")), " ", first
    ? h("button", { id: "first", textContent: T.brk.first, onclick: () => { hovered = ""; update({ at: first }); showSide(isBackward(first)); } })
    : null);
}

function judge() {
  const guess = byId("guess").value, id = mistakeOf(state), lines = linesOf(state.mode), found = marksOf(state, trace);
  const right = id && Object.keys(found).some((name) => found[name] === "root" && name.split(".")[0] === guess);
  byId("verdict").textContent = !guess ? T.brk.choose : right ? `${T.brk.yes(CATALOGUE[id].title)} ${remedyOf(id)}`
    : T.brk.no(codeOf(guess, state.mode), lines.indexOf(guess) < lines.indexOf(rootLine(found)));
  if (right) {
    hinted = true;
    update({});
  }
}

const remedyOf = (id) => `${T.brk.effect}: ${CATALOGUE[id].effect}. ${T.brk.fix}: ${CATALOGUE[id].fix}.`;

// ---- take it along -----------------------------------------------------------------------------------------------------------

function buildTake() {
  const link = h("button", { textContent: T.take.copyLink, onclick: () => copied(byId("link").value, link, T.take.copyLink) });
  const code = h("button", { textContent: T.take.copyCode, onclick: () => copied(byId("python").value, code, T.take.copyCode) });
  return [h("h3", { textContent: T.take.link }), h("div", { class: "bar" },
    h("input", { id: "link", readOnly: true, aria: { label: T.take.link } }), link, h("span", { id: "linkCount" })),
  h("h3", { textContent: T.take.code }), h("p", { textContent: T.take.note }),
  h("textarea", { id: "python", readOnly: true, rows: 18, spellcheck: false, aria: { label: T.take.code } }), h("p", {}, code)];
}

function drawTake() {
  const hash = toHash(state);
  put(byId("link"), "value", location.href.split("#")[0] + hash);
  put(byId("linkCount"), "textContent", T.take.count(hash.length, LONGEST));
  put(byId("python"), "value", asPython(state));
}

// Lines for Python that print the numbers of this row.
function asPython(s) {
  const P = paramsOf(s), fm = s.mode === "fm", module = fm ? "fm" : "afm", slots = range(SLOTS);
  const array = (value) => `np.array(${JSON.stringify(value)}, float)`;
  const option1 = fm ? "" : `, attention="${s.mode}"`;
  return [
    "import numpy as np",
    `from afm_numpy import Batch, ${module}, losses`,
    "",
    `x = np.array([${JSON.stringify(s.x)}], float)`,
    `batch = Batch.from_padded(np.where(x != 0, ${JSON.stringify([slots])}, 0), x, n=${SLOTS})`,
    `y = np.array([${s.y}], float)`,
    "params = {",
    ...paramNames(s.mode).map((name) => `    "${name}": ${array(P[name])},`),
    ...(s.mode === "free" ? [`    "pairs": np.array(${JSON.stringify(PAIRS)}),`] : []),
    "}",
    `y_hat, cache = ${module}.forward(params, batch${option1})`,
    `loss = losses.${s.loss}_forward(y_hat, y)`,
    `grads = ${module}.backward(losses.${s.loss}_backward(y_hat, y), cache)`,
    'print("y_hat", y_hat[0], "loss", loss)',
    "for name, grad in grads.items():",
    '    print("g_" + name, getattr(grad, "values", grad))',
  ].join("\n");
}
