// What the page shows is one state: defaults, and what the address after # changes in it. All of it is checked.
"use strict";

const DEFAULTS = {
  seed: 0, mode: "network", loss: "logistic", y: 1, x: [1, 1, 1, 1], line: -1, brk: "", quiz: 0, at: "", d: {},
  tab: "see", eps: 5, noise: 2, opt: "adam", lr: 0.05, l2: 0.0005, stop: 800, hide: [],
};
const TABS = ["see", "nudge", "break", "train", "take"];
const LONGEST = 2000;

const decimal = (text) => (/^-?(\d+\.?\d*|\.\d+)(e-?\d{1,2})?$/.test(text) ? Number(text) : NaN);
const within = (low, high, whole) => (text) => {
  const z = decimal(text);
  if (!Number.isFinite(z)) return undefined;
  const value = Math.min(high, Math.max(low, whole ? Math.round(z) : z));
  return value === z ? value : [value];                          // in a list: taken, but changed
};
const oneOf = (list) => (text) => (list.includes(text) ? text : undefined);

// "V.2.1:.35" -> { "V.2.1": 0.35 }; undefined if a part is no number of a parameter.
function edits(text) {
  const found = {};
  for (const part of text.split(",")) {
    const [name, value, more] = part.split(":"), z = decimal(value || "");
    if (more !== undefined || !cellNamed(name) || !isParam(name.split(".")[0]) || !(Math.abs(z) <= 10)) return undefined;
    found[name] = z;
  }
  return found;
}

// "V.2.1" -> { name, i, f }, or null if there is no such number.
function cellNamed(text) {
  const [name, ...at] = text.split(".");
  const known = isParam(name) || [...linesOf("network"), ...linesOf("fm"), "g_field", "g_free"].includes(name);
  if (!known || !cellsOf(name).some((cell) => cell.join(".") === at.join("."))) return null;
  return ref(name, ...at.map(Number));
}

const CHECKS = {
  seed: within(0, 999999, true), mode: oneOf(MODES), loss: oneOf(["logistic", "squared"]), y: within(-10, 10),
  x: (text) => {
    const list = text.split(",").map(within(-3, 3));
    return list.length === SLOTS && list.every((z) => typeof z === "number") ? list : undefined;
  },
  line: within(0, 40, true), brk: (text) => (text in PATCHES ? text : undefined), quiz: within(0, 9999, true),
  at: (text) => (cellNamed(text) ? text : undefined), d: edits, tab: oneOf(TABS), eps: within(1, 12),
  noise: within(0, 6, true), opt: oneOf(["adam", "adagrad", "sgd"]), lr: within(0.0001, 1), l2: within(0, 0.1),
  stop: within(1, 5000, true),
  hide: (text) => {
    const list = text.split(",");
    return list.every((tab) => TABS.includes(tab) && tab !== "see") ? list : undefined;
  },
};

const written = (value) => (Array.isArray(value) ? value.join(",") : typeof value === "object"
  ? Object.entries(value).map(([name, z]) => `${name}:${z}`).join(",") : String(value));

function toHash(state) {
  const parts = Object.keys(DEFAULTS).filter((name) => written(state[name]) !== written(DEFAULTS[name]));
  return ["#v=1", ...parts.map((name) => `${name}=${written(state[name])}`)].join("&");
}

// The state of an address, and the parts of it that were not taken as they stand.
function fromHash(hash) {
  const state = structuredClone(DEFAULTS), ignored = [];
  const text = hash.replace(/^#/, "");
  if (text.length > LONGEST) return { state, ignored: ["#"] };
  for (const part of text.split("&").filter(Boolean)) {
    const [name, ...rest] = part.split("=");
    if (name === "v" && rest[0] === "1") continue;
    const known = Object.hasOwn(CHECKS, name);
    const value = known ? CHECKS[name](rest.join("=").replace(/%2C/gi, ",")) : undefined;
    const clamped = Array.isArray(value) && value.length === 1 && typeof DEFAULTS[name] === "number";
    if (value === undefined || clamped) ignored.push(name.slice(0, 12));
    if (value !== undefined) state[name] = clamped ? value[0] : value;
  }
  return { state: settled(state), ignored };
}

// Parts that depend on each other: a label is 0 or 1, and a line or a number must belong to the mode.
function settled(state) {
  if (state.loss === "logistic") state.y = state.y >= 0.5 ? 1 : 0;
  const lines = linesOf(state.mode), name = state.at.split(".")[0];
  if (state.line >= lines.length - 1) state.line = -1;           // -1: all lines are done
  if (state.at && !(isParam(name) ? paramNames(state.mode) : lines).includes(name)) state.at = "";
  return state;
}
