// The squares: three tables forward, the same tables backward. Drawing is a function of the trace, the line and the marks.
"use strict";

const squares = {};                                              // key -> { cell, mark, number, at }
let grids = [], drawnMode = "";

function buildTables(mode, node, back) {
  const rowName = { features: (r) => NAMES[r], pairs: pairName, row: () => T.theRow, weights: () => T.weights,
    network: () => T.weights, sums: () => T.theRow };
  fill(node, tablesOf(mode).map(({ id, rows, groups }) => {
    const shape = (name) => (shapeOf(name).length ? `(${shapeOf(name).join(", ")})` : "");
    const head = h("tr", { role: "row" }, h("th", { class: "corner", role: "columnheader", textContent: T.tables[id] }),
      groups.map((group) => {
        const name = back ? group.back : group.name;
        const words = name === null ? "" : back ? (name === "g_W" ? "g_" + group.label : name) : group.label;
        const th = h("th", { role: "columnheader", colSpan: group.width, class: group.width > 1 ? "g" : "g one" },
          h("b", { textContent: words, title: words && glossOf(name) }), h("small", { textContent: name === null ? "" : shape(name) }));
        th.style.setProperty("--w", group.width);
        return th;
      }));
    const body = range(rows).map((row) => h("tr", { role: "row" },
      h("th", { role: "rowheader", textContent: rowName[id](row) }),
      groups.flatMap((group) => range(group.width).map((col) => square(group, back, group.cell(row, col), col === 0)))));
    const title = `${T.tables[id]}, ${back ? T.views[1] : T.views[0]}`;
    const table = h("table", { role: "grid", class: "grid", aria: { label: title }, onkeydown: moveInGrid }, head, body);
    const widths = groups.map(({ width }) => (width > 1 ? `repeat(${width}, var(--side))` : "var(--one)"));
    table.style.setProperty("--cols", widths.join(" "));
    return table;
  }));
}

// What a name is short for.
const glossOf = (name) => T.about[name] || T.slope(name.replace(/^[dg]_/, ""));

function square(group, back, [i, f], first) {
  const name = back ? group.back : group.name;
  const mark = h("i"), number = h("b");
  const cell = h("td", { role: "gridcell", tabIndex: -1, class: first ? "g" : "" }, mark, number);
  if (name === null) {
    cell.classList.add("void");
    cell.setAttribute("aria-hidden", "true");
    return cell;
  }
  const at = ref(name, i, f);
  cell.dataset.at = key(name, i, f);
  squares[cell.dataset.at] = { cell, mark, number, at, was: "" };
  return cell;
}

function drawTables(state, trace, marks, line) {
  if (drawnMode !== state.mode) {
    Object.keys(squares).forEach((name) => delete squares[name]);
    buildTables(state.mode, byId("forward"), false);
    buildTables(state.mode, byId("backward"), true);
    grids = [...document.querySelectorAll(".grid")];
    for (const grid of grids) {
      const first = grid.querySelector("td:not(.void)");
      if (first) first.tabIndex = 0;
      else grid.setAttribute("aria-hidden", "true");             // a place kept free: these values have no slope here
    }
    drawnMode = state.mode;
  }
  const lines = linesOf(state.mode), now = line < 0 ? "" : lines[line], reads = readBy(trace, now);
  const later = new Set(line < 0 ? [] : lines.slice(line + 1));
  const largest = {};
  for (const { at } of Object.values(squares)) {
    const size = Math.abs(trace.numberAt(at));
    if (size > (largest[at.name] || 1e-9)) largest[at.name] = size;
  }
  for (const [name, { at, ...parts }] of Object.entries(squares)) {
    const value = later.has(at.name) ? undefined : trace.numberAt(at);
    const kind = value === undefined ? "e" : Number.isNaN(value) ? "x" : value > 0 ? "p" : value < 0 ? "n" : "z";
    const extra = [at.name === now ? "now" : "", reads.has(name) ? "read" : "", later.has(at.name) ? "" : marks[name] || "",
      isParam(at.name) ? "param" : ""];
    drawSquare(squares[name], parts, value, kind, extra.join(" "), Math.sqrt(Math.abs(value) / (largest[at.name] || 1e-9)));
  }
}

function drawSquare(kept, { cell, mark, number }, value, kind, extra, size) {
  const step = Math.round(Math.min(size || 0, 1) * 50) / 50, was = `${value} ${kind} ${extra} ${step}`;
  if (kept.was === was) return;
  kept.was = was;
  put(mark, "className", "m " + kind);
  mark.style.setProperty("--s", step);
  put(number, "textContent", kind === "e" ? "" : short(value));
  const keep = ["g", "lit", "pin"].filter((name) => cell.classList.contains(name));
  put(cell, "className", [...keep, kind === "e" ? "empty" : "", extra].filter(Boolean).join(" "));
  const wrong = extra.includes("root") ? ", " + T.signs[4][1] : extra.includes("follows") ? ", " + T.signs[5][1] : "";
  cell.setAttribute("aria-label", `${labelOf(kept.at)}: ${kind === "e" ? T.signs[3][1] : short(value)}${wrong}`);
}

// The squares that a line reads.
function readBy(trace, name) {
  const reads = new Set();
  for (const [i, f] of name ? cellsOf(name) : []) {
    for (const token of trace.ruleAt(ref(name, i, f)) || []) {
      if (typeof token !== "string") reads.add(key(token.name, token.i, token.f));
    }
  }
  return reads;
}

function light(names, kind = "lit") {
  document.querySelectorAll("td." + kind).forEach((cell) => cell.classList.remove(kind));
  for (const name of names) if (squares[name]) squares[name].cell.classList.add(kind);
}

// ---- moving by keys: arrows within a table, + and - change a parameter ------------------------------------------------------

function moveInGrid(event) {
  const cell = event.target.closest("td");
  if (!cell || event.ctrlKey || event.altKey || event.metaKey) return;
  const rows = [...event.currentTarget.rows].slice(1).map((row) => [...row.cells].filter((part) => part.tagName === "TD"));
  const r = rows.findIndex((row) => row.includes(cell)), c = rows[r].indexOf(cell);
  const go = (row, from, by) => {
    for (let at = from; row && at >= 0 && at < row.length; at += by) {
      if (!row[at].classList.contains("void")) return focusSquare(row[at]);
    }
    return undefined;
  };
  const acts = {
    ArrowLeft: () => go(rows[r], c - 1, -1), ArrowRight: () => go(rows[r], c + 1, 1),
    ArrowUp: () => go(rows[r - 1], c, 1), ArrowDown: () => go(rows[r + 1], c, 1),
    Home: () => go(rows[r], 0, 1), End: () => go(rows[r], rows[r].length - 1, -1),
    PageUp: () => stepTo(-1), PageDown: () => stepTo(1), Enter: () => pin(cell.dataset.at), Escape: () => pin(""),
    "+": () => changeBy(cell.dataset.at, 0.05), "=": () => changeBy(cell.dataset.at, 0.05),
    "-": () => changeBy(cell.dataset.at, -0.05),
  };
  if (!Object.hasOwn(acts, event.key)) return;
  event.preventDefault();
  acts[event.key]();
}

function focusSquare(cell) {
  cell.closest(".grid").querySelectorAll('td[tabindex="0"]').forEach((old) => { old.tabIndex = -1; });
  cell.tabIndex = 0;
  cell.focus();
}
