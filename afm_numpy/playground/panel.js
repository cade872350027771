// The formula of one number: in symbols, in numbers, and its value. Terms and squares light up together.
"use strict";

let hovered = "";

const shownCell = () => hovered || state.at || firstOf(state.line < 0 ? "y_hat" : linesOf(state.mode)[state.line]);

// The first number that a line wrote.
function firstOf(name) {
  const cells = cellsOf(name).map(([i, f]) => ref(name, i, f));
  const { i, f } = cells.find((at) => trace.numberAt(at) !== undefined) || cells[0];
  return key(name, i, f);
}

function drawPanel() {
  const node = byId("panel"), name = shownCell(), at = cellNamed(name);
  const lines = linesOf(state.mode), value = trace.numberAt(at), rule = trace.ruleAt(at);
  const later = state.line >= 0 && lines.indexOf(at.name) > state.line;
  const about = T.about[at.name] || T.slope(labelOf({ ...at, name: at.name.replace(/^[dg]_/, "") }));
  const head = h("p", { class: "what" }, h("b", { textContent: labelOf(at) }), ` ${about} `,
    h("small", { textContent: `${shapeText(at.name)}${rangeText(at.name, later)}` }),
    state.at === name ? h("button", { textContent: T.unpin, onclick: () => pin("") }) : null);
  const all = later || !shapeOf(at.name).length ? null : h("p", { class: "all" }, `${T.inside} ${at.name}: `, cellsOf(at.name).map(([i, f]) =>
    [f ? " " : i ? " | " : "", h(key(at.name, i, f) === name ? "b" : "span", { textContent: short(trace.numberAt(ref(at.name, i, f))) || "–" })]));
  const body = isParam(at.name) ? paramFields(name, at, value) : later ? [h("p", { textContent: T.notYet })]
    : rule ? formula(at, rule, value) : [h("p", { textContent: T.absent })];
  fill(node, head, all || [], body, hovered || state.at ? [] : h("p", { class: "hint", textContent: T.noCell }));
  light(rule && !later ? rule.filter((token) => typeof token !== "string").map((t) => key(t.name, t.i, t.f)) : []);
  light(state.at ? [state.at] : [], "pin");
}

const shapeText = (name) => (shapeOf(name).length ? `(${shapeOf(name).join(", ")})  ` : "");

function rangeText(name, later) {
  const values = cellsOf(name).map(([i, f]) => trace.numberAt(ref(name, i, f))).filter((z) => z !== undefined);
  return later || values.length < 2 ? "" : T.range(short(Math.min(...values)), short(Math.max(...values)));
}

// In the quiz nothing is given away, until the reader asks for the marks or has found the line.
const secret = () => state.quiz && !hinted;

function formula(at, rule, value) {
  const line = (spell) => rule.map((token) => (typeof token === "string" ? token : term(token, spell)));
  const gives = ruleValue(rule, trace.numberAt), wrong = !secret() && !close(value, gives);
  const result = h("p", { class: "value" + (wrong ? " wrong" : "") }, secret() ? `${T.holds} ${full(value)} ` : `= ${full(value)} `);
  if (wrong) fill(result, `${T.gives} ${full(gives)}; `, h("b", { textContent: `${T.holds} ${full(value)} ≠` }), " ");
  const copy = h("button", { textContent: T.copyValue, onclick: () => copied(String(value), copy, T.copyValue) });
  result.append(copy);
  if (/^g_/.test(at.name)) result.append(nudgeButton(key(at.name.slice(2), at.i, at.f)));
  return [h("p", { class: "formula" }, `${labelOf(at)} = `, line(labelOf)),
    h("p", { class: "formula" }, "= ", line((t) => numeral(trace.numberAt(t)))), result];
}

const numeral = (z) => (z < 0 ? `(${six(z)})` : six(z));

function term(token, spell) {
  const name = key(token.name, token.i, token.f);
  const light1 = () => light([name]);
  return h("span", { class: "term", onmouseenter: light1, onmouseleave: drawPanel, textContent: spell(token) });
}

const nudgeButton = (name) => h("button", { textContent: T.nudgeIt, onclick: () => update({ at: name, tab: "nudge" }) });

function paramFields(name, at, value) {
  const set = (event) => { setParam(name, event.target.valueAsNumber); };
  const field = (type) => h("input", { type, min: -3, max: 3, step: 0.01, value, aria: { label: T.setTo(labelOf(at)) },
    oninput: set });
  const slope = trace.numberAt(ref("g_" + at.name, at.i, at.f));
  return [h("p", { class: "set" }, field("range"), field("number"), " ", nudgeButton(name)),
    h("p", { textContent: `${T.param} g_${labelOf(at)} = ${full(slope)}` })];
}

function setParam(name, value) {
  if (!Number.isFinite(value)) return;
  const z = Math.round(Math.max(-10, Math.min(10, value)) * 1e6) / 1e6;
  update({ d: { ...state.d, [name]: z } }, "panel");
}

function changeBy(name, by) {
  const at = name && cellNamed(name);
  if (at && isParam(at.name)) setParam(name, trace.numberAt(at) + by);
}

function pin(name) {
  if (!name) hovered = "";
  update({ at: name || "" });
}

function watchSquares(node) {
  const over = (event) => {
    const cell = event.target.closest("td[data-at]");
    if (!cell) return;
    hovered = cell.dataset.at;
    drawPanel();
  };
  node.addEventListener("mouseover", over);
  node.addEventListener("focusin", over);
  node.addEventListener("mouseleave", () => { if (state.at) { hovered = ""; drawPanel(); } });
  node.addEventListener("click", (event) => {
    const cell = event.target.closest("td[data-at]");
    if (!cell) return;
    focusSquare(cell);
    pin(cell.dataset.at);
  });
}
