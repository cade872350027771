// Small helpers to build the page and to write only what changed.
"use strict";

const MINUS = "−";

// h("button", { class: "a", onclick: f, aria: { label: "x" } }, "text", child)
function h(tag, props = {}, ...children) {
  const svg = ["svg", "path", "rect", "line", "circle", "text", "g"].includes(tag);
  const node = svg ? document.createElementNS("http://www.w3.org/2000/svg", tag) : document.createElement(tag);
  for (const [name, value] of Object.entries(props)) {
    if (name.startsWith("on")) node.addEventListener(name.slice(2), value);
    else if (name === "aria") Object.entries(value).forEach(([part, words]) => node.setAttribute("aria-" + part, words));
    else if (name in node && !svg && name !== "list") node[name] = value;
    else node.setAttribute(name === "class" ? "class" : name, value);
  }
  node.append(...children.flat(2).filter((child) => child !== null && child !== undefined));
  return node;
}

function put(node, name, value) {
  if (node[name] !== value) node[name] = value;
}

const fill = (node, ...children) => (node.replaceChildren(...children.flat(2)), node);
const option = (value, words) => h("option", { value, textContent: words });
const labelled = (words, field) => h("label", { class: "field" }, h("span", { textContent: words }), field);

// Two digits in at most five characters. Exactly 0 is "0"; what rounding leaves of it is "≈0".
function short(z) {
  if (z === undefined) return "";
  if (!Number.isFinite(z)) return Number.isNaN(z) ? "NaN" : z > 0 ? "∞" : MINUS + "∞";
  const size = Math.abs(z), sign = z < 0 ? MINUS : "";
  if (size === 0) return "0";
  if (size < 1e-9) return "≈0";
  let text = size >= 99.5 ? size.toFixed(0) : size >= 9.95 ? size.toFixed(0) : size >= 0.995 ? size.toFixed(1)
    : size >= 0.095 ? size.toFixed(2) : size >= 0.0095 ? size.toFixed(3).replace("0.", ".") : size.toExponential(0);
  if (size >= 999.5) text = size.toExponential(0);
  return sign + text.replace("e-", "e" + MINUS).replace("e+", "e");
}

// Six digits, for the numbers inside a formula; all digits, for a result.
const six = (z) => (z === undefined ? "?" : proper(String(Number(z.toPrecision(6)))));
const full = (z) => (z === undefined ? "?" : proper(String(z)));
const proper = (text) => text.replace(/-/g, MINUS);
const three = (z) => proper(Math.abs(z) >= 0.001 || z === 0 ? z.toFixed(3) : z.toExponential(1));

async function copied(text, button, words) {
  try {
    await navigator.clipboard.writeText(text);
    button.textContent = T.take.copied;
  } catch {
    button.textContent = T.take.failed;
  }
  setTimeout(() => { button.textContent = words; }, 2000);
}

// ---- labels of numbers, in words ------------------------------------------------------------------------------------------

const pairName = (r) => `${NAMES[PAIRS[r][0]]} × ${NAMES[PAIRS[r][1]]}`;

function placeOf({ name, i, f }) {
  const base = name.replace(/^[dg]_/, "");
  if (["w", "V", "active_x", "emb", "raw"].includes(base)) return [NAMES[i], f];
  if (["prod", "pre", "hid", "score", "attn", "free"].includes(base)) return [pairName(i), f];
  if (base === "field") return [PAIRS[i].map((slot) => FIELDS[slot]).join(" × "), f];
  return [i === undefined ? undefined : i + 1, f];
}

// "emb[Ann, 2]": factors and hidden units count from 1.
function labelOf(at) {
  const [first, f] = placeOf(at), name = at.name.replace("active_x", "x").replace(/^raw$/, "x set");
  const inside = [first, f === undefined ? undefined : f + 1].filter((part) => part !== undefined);
  return inside.length ? `${name}[${inside.join(", ")}]` : name;
}

const codeOf = (name, mode) => (name === "d_prod" && mode !== "network" ? T.shortProd
  : (T.codeOf[mode] || {})[name] || T.code[name]);
