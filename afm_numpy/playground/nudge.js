// Measure a slope: move one parameter a little, and compare what the loss does with the derived gradient.
"use strict";

const nudged = () => (state.at && paramNames(state.mode).includes(state.at.split(".")[0]) ? state.at : "V.0.0");
const CURVE = range(23).map((q) => 1 + q / 2);                   // eps = 10^-1 ... 10^-12

function buildNudge() {
  const pick = h("select", { id: "nudged", onchange: (event) => update({ at: event.target.value }) });
  const eps = h("input", { id: "eps", type: "range", min: 1, max: 12, step: 0.5, class: "long",
    oninput: (event) => update({ eps: event.target.valueAsNumber }) });
  return [h("div", { class: "bar" }, labelled(T.nudge.pick, pick), labelled(T.nudge.eps, eps), h("output", { id: "epsIs" })),
    h("div", { class: "two" }, h("section", {}, h("dl", { id: "slopes", class: "numbers" }), h("p", { id: "kink", class: "wrong" }),
      h("button", { id: "checkAll", textContent: T.nudge.all, onclick: () => { checking = true; drawNudge(); } }),
    h("div", { id: "checked" })),
    h("section", {}, h("h3", { textContent: T.nudge.curve }), h("div", { id: "curve" }), h("p", { id: "curveNote" })))];
}

let curveOf = "", curve = [], checking = false, pickOf = "";
const rowOf = () => toHash({ ...state, tab: "see", eps: 5, line: -1, at: "" });

function drawNudge() {
  const name = nudged(), eps = 10 ** -state.eps, pick = byId("nudged");
  if (pickOf !== state.mode) {
    pickOf = state.mode;
    fill(pick, paramNames(state.mode).flatMap((array) => cellsOf(array).map(([i, f]) =>
      option(key(array, i, f), labelOf(ref(array, i, f))))));
  }
  put(pick, "value", name);
  put(byId("eps"), "value", String(state.eps));
  put(byId("epsIs"), "textContent", proper(eps.toExponential(0)));
  const at = cellNamed(name), derived = trace.numberAt(ref("g_" + at.name, at.i, at.f)), here = slopeAt(state, name, eps);
  const rows = [["low", here.low], ["here", here.here], ["high", here.high], ["measured", here.slope], ["derived", derived],
    ["difference", Math.abs(here.slope - derived)]];
  fill(byId("slopes"), rows.map(([words, z]) => [h("dt", { textContent: T.nudge[words] }), h("dd", { textContent: full(z) })]));
  byId("kink").textContent = here.kink ? T.nudge.kink : "";
  const curveKey = name + rowOf();
  if (curveOf !== curveKey) {
    curveOf = curveKey;
    curve = CURVE.map((e) => Math.abs(slopeAt(state, name, 10 ** -e).slope - derived));
  }
  drawCurve(here);
  put(byId("curveNote"), "textContent", Math.min(...curve) > 1e-6 * (1 + Math.abs(derived)) ? T.nudge.flat : T.nudge.curveNote);
  if (checking) checkAll(eps);
}

function drawCurve() {
  const wide = 420, high = 190, left = 46, foot = 24;
  const size = (z) => Math.log10(Math.max(z, 1e-17));
  const logs = curve.map(size), low = Math.floor(Math.min(...logs)), top = Math.max(Math.ceil(Math.max(...logs)), low + 1);
  const x = (e) => left + ((e - 1) / 11) * (wide - left - 10), y = (z) => 8 + ((top - z) / (top - low)) * (high - foot - 12);
  const grid = range(top + 1, low).filter((z) => (z - low) % Math.ceil((top - low) / 6) === 0).flatMap((z) => [
    h("line", { x1: left, x2: wide - 10, y1: y(z), y2: y(z), class: "grid-line" }),
    h("text", { x: left - 6, y: y(z) + 4, "text-anchor": "end" }, `1e${proper(String(z))}`)]);
  const ticks = [1, 3, 5, 7, 9, 11].map((e) => h("text", { x: x(e), y: high - 6, "text-anchor": "middle" }, `1e${MINUS}${e}`));
  const now = Math.round((state.eps - 1) * 2);
  const path = CURVE.map((e, q) => `${q ? "L" : "M"}${x(e).toFixed(1)} ${y(logs[q]).toFixed(1)}`).join("");
  fill(byId("curve"), h("svg", { viewBox: `0 0 ${wide} ${high}`, role: "img",
    "aria-label": `${T.nudge.curve}: ${proper(curve[now].toExponential(1))} at 1e${MINUS}${state.eps}` },
  grid, ticks, h("path", { d: path, class: "curve" }), h("circle", { cx: x(state.eps), cy: y(logs[now]), r: 5, class: "dot" })));
}

// Once asked for, the check follows the slider and the row.
function checkAll(eps) {
  const rows = gradientCheck(state, eps), wrong = rows.filter((row) => !row.right), id = secret() ? "" : mistakeOf(state);
  const shown = Object.keys(marks).length > 0;
  const why = wrong.length ? (id || secret() ? "" : T.nudge.byStep) : !id ? "" : shown ? T.nudge.forward : T.brk.hidden;
  const head = h("tr", {}, ["array", "worst", "where", "verdict"].map((name) => h("th", { textContent: T.nudge[name] })));
  const body = rows.map((row) => h("tr", { class: row.right ? "" : "wrong" }, h("th", { textContent: "g_" + row.name }),
    h("td", { textContent: proper(row.error.toExponential(1)) }), h("td", { textContent: labelOf(row.at) }),
    h("td", { textContent: (row.right ? "✓ " + T.nudge.right : "≠ " + T.nudge.wrong)
      + (row.kinks ? ` (${T.nudge.kinks(row.kinks)})` : "") })));
  fill(byId("checked"), h("p", { role: "status" }, h("b", { textContent: wrong.length
    ? T.nudge.someWrong(wrong.map((row) => "g_" + row.name).join(", ")) : T.nudge.allRight }), ` ${why}`),
  h("p", { textContent: T.nudge.rule(proper(eps.toExponential(0))) }), h("table", { class: "plain" }, head, body),
  wrong.length || mistakeOf(state) ? [] : h("button", { id: "fail", textContent: T.nudge.fail, onclick: () => {
    update({ tab: "break" }); byId("brk").focus(); } }));
}
