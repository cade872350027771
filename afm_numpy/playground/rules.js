// Every quantity of one row: where it stands, and the rule of SPEC.md for each of its numbers, as a list of tokens.
// A token is a text or a reference { name, i, f }. One rule gives the formula in symbols, the formula in numbers,
// what lights up, and what a number should be: so a wrong number can be told from one that only follows.
"use strict";

const ref = (name, i, f) => ({ name, i, f });
const key = (name, i, f) => [name, i, f].filter((part) => part !== undefined).join(".");
const total = (parts) => (parts.length ? parts.flatMap((part, at) => (at ? [" + ", ...part] : part)) : ["0"]);

// ---- the rules: name -> (i, f) -> tokens, for the features and pairs that are present -----------------------------

function rulesOf({ mode, loss, slots, pairs }) {
  const factors = range(K), hidden = range(HIDDEN), fm = mode === "fm";
  const has = (i) => slots.includes(i), of = (i) => pairs.filter((r) => PAIRS[r].includes(i));
  const other = (r, i) => PAIRS[r][PAIRS[r][0] === i ? 1 : 0];
  const x = (i) => ref("active_x", i), dy = ref("d_y_hat"), y = ref("y"), y_hat = ref("y_hat");
  const exp = (r, top) => ["exp(", ref("score", r), " − ", ref("score", top), ")"];
  const attn = {
    sum: () => ["1"],
    uniform: () => [`1 / ${pairs.length}`],
    field: (r) => [ref("field", r)],
    free: (r) => [ref("free", r)],
    network: (r, f, top) => [...exp(r, top), " / (", ...total(pairs.map((q) => exp(q, top))), ")"],
  }[mode];
  return {
    active_x: (i) => [ref("raw", i)],
    linear: () => total(slots.map((i) => [ref("w", i), " × ", x(i)])),
    emb: (i, f) => [ref("V", i, f), " × ", x(i)],
    sum_e: (f) => total(slots.map((i) => [ref("emb", i, f)])),
    sum_e2: (f) => total(slots.map((i) => [ref("emb", i, f), "²"])),
    prod: (r, f) => [ref("emb", PAIRS[r][0], f), " × ", ref("emb", PAIRS[r][1], f)],
    pre: (r, u) => [ref("b", u), " + ", ...total(factors.map((f) => [ref("W", f, u), " × ", ref("prod", r, f)]))],
    hid: (r, u) => ["max(0, ", ref("pre", r, u), ")"],
    score: (r) => total(hidden.map((u) => [ref("h", u), " × ", ref("hid", r, u)])),
    attn,
    pooled: (f) => (fm ? ["(", ref("sum_e", f), "² − ", ref("sum_e2", f), ") / 2"]
      : total(pairs.map((r) => [ref("attn", r), " × ", ref("prod", r, f)]))),
    inter: () => total(factors.map((f) => [...(fm ? [] : [ref("p", f), " × "]), ref("pooled", f)])),
    y_hat: () => [ref("w0"), " + ", ref("linear"), " + ", ref("inter")],
    prob: () => ["1 / (1 + exp(−", y_hat, "))"],
    loss: () => (loss === "squared" ? ["(", y_hat, " − ", y, ")²"]
      : ["max(0, ", y_hat, ") − ", y, " × ", y_hat, " + log1p(exp(−abs(", y_hat, ")))"]),
    d_y_hat: () => (loss === "squared" ? ["2 × (", y_hat, " − ", y, ")"] : [ref("prob"), " − ", y]),
    g_w0: () => [dy],
    g_p: (f) => [dy, " × ", ref("pooled", f)],
    d_pooled: (f) => (fm ? [dy] : [dy, " × ", ref("p", f)]),
    d_attn: (r) => total(factors.map((f) => [ref("d_pooled", f), " × ", ref("prod", r, f)])),
    g_field: (r) => (pairs.includes(r) ? [ref("d_attn", r)] : ["0"]),
    g_free: (r) => (pairs.includes(r) ? [ref("d_attn", r)] : ["0"]),
    d_score: (r) => [ref("attn", r), " × (", ref("d_attn", r), " − (",
      ...total(pairs.map((q) => [ref("attn", q), " × ", ref("d_attn", q)])), "))"],
    g_h: (u) => total(pairs.map((r) => [ref("d_score", r), " × ", ref("hid", r, u)])),
    d_pre: (r, u) => [ref("d_score", r), " × ", ref("h", u), " × (", ref("pre", r, u), " > 0)"],
    g_b: (u) => total(pairs.map((r) => [ref("d_pre", r, u)])),
    g_W: (f, u) => total(pairs.map((r) => [ref("prod", r, f), " × ", ref("d_pre", r, u)])),
    d_prod: (r, f) => [ref("attn", r), " × ", ref("d_pooled", f), ...(mode !== "network" ? []
      : hidden.flatMap((u) => [" + ", ref("W", f, u), " × ", ref("d_pre", r, u)]))],
    d_emb: (i, f) => (fm ? [ref("d_pooled", f), " × (", ref("sum_e", f), " − ", ref("emb", i, f), ")"]
      : total(of(i).map((r) => [ref("d_prod", r, f), " × ", ref("emb", other(r, i), f)]))),
    g_w: (i) => (has(i) ? [dy, " × ", x(i)] : ["0"]),
    g_V: (i, f) => (has(i) ? [ref("d_emb", i, f), " × ", x(i)] : ["0"]),
  };
}

// ---- the lines: one quantity after the other, in the engine's order ---------------------------------------------

const FORWARD = {
  fm: ["active_x", "linear", "emb", "sum_e", "sum_e2", "pooled", "inter", "y_hat", "prob", "loss"],
  afm: ["active_x", "linear", "emb", "prod", "attn", "pooled", "inter", "y_hat", "prob", "loss"],
  network: ["active_x", "linear", "emb", "prod", "pre", "hid", "score", "attn", "pooled", "inter", "y_hat", "prob", "loss"],
};
const BACKWARD = {
  fm: ["d_y_hat", "g_w0", "d_pooled", "d_emb", "g_w", "g_V"],
  afm: ["d_y_hat", "g_w0", "g_p", "d_pooled", "d_attn", "d_prod", "d_emb", "g_w", "g_V"],
  network: ["d_y_hat", "g_w0", "g_p", "d_pooled", "d_attn", "d_score", "g_h", "d_pre", "g_b", "g_W", "d_prod", "d_emb",
    "g_w", "g_V"],
};

function linesOf(mode) {
  const kind = mode in FORWARD ? mode : "afm";
  const learned = mode === "field" || mode === "free" ? ["g_" + mode] : [];
  const back = BACKWARD[kind].flatMap((name) => (name === "d_attn" ? [name, ...learned] : [name]));
  return [...FORWARD[kind], ...back];
}

const isBackward = (name) => /^[dg]_/.test(name);
const isParam = (name) => ["w0", "w", "V", "p", "W", "b", "h", "field", "free"].includes(name);

// ---- where each number stands: tables of rows and groups of columns; the gradient stands in the same place ----------

const SHAPES = {
  w: [SLOTS], V: [SLOTS, K], active_x: [SLOTS], emb: [SLOTS, K], prod: [6, K], pre: [6, HIDDEN], hid: [6, HIDDEN],
  score: [6], attn: [6], pooled: [K], sum_e: [K], sum_e2: [K], p: [K], W: [K, HIDDEN], b: [HIDDEN], h: [HIDDEN],
  field: [6], free: [6],
};
const shapeOf = (name) => SHAPES[name.replace(/^[dg]_/, "")] || [];
const cellsOf = (name) => {
  const [rows, width] = shapeOf(name);
  if (rows === undefined) return [[]];
  return range(rows).flatMap((i) => (width ? range(width).map((f) => [i, f]) : [[i]]));
};

function tablesOf(mode) {
  const group = (name, back, cell, width = 1, label = name) => ({ name, back, cell, width, label });
  const one = (row) => [row], wide = (row, col) => [row, col], flat = (_, col) => [col], none = () => [];
  const features = [group("active_x", null, one, 1, "x"), group("w", "g_w", one), group("V", "g_V", wide, K),
    group("emb", "d_emb", wide, K)];
  const network = mode === "network" ? [group("pre", "d_pre", wide, HIDDEN), group("hid", null, wide, HIDDEN),
    group("score", "d_score", one)] : [];
  const pairs = [group("prod", "d_prod", wide, K), ...network, group("attn", "d_attn", one)];
  const sums = [group("sum_e", null, flat, K), group("sum_e2", null, flat, K)];
  const row = [group("w0", "g_w0", none), group("linear", null, none), group("pooled", "d_pooled", flat, K),
    group("inter", null, none), group("y_hat", "d_y_hat", none), group("prob", null, none), group("loss", null, none)];
  const weights = [group("p", "g_p", flat, K), ...NEEDS[mode === "fm" ? "sum" : mode].filter((name) => name !== "W")
    .map((name) => group(name, "g_" + name, flat, shapeOf(name)[0]))];
  const W = range(K).map((f) => group("W", "g_W", (_, col) => [f, col], HIDDEN, `W ${f + 1}`));
  return [
    { id: "features", rows: SLOTS, groups: features },
    mode === "fm" ? { id: "sums", rows: 1, groups: sums } : { id: "pairs", rows: PAIRS.length, groups: pairs },
    { id: "row", rows: 1, groups: row },
    ...(mode === "fm" ? [] : [{ id: "weights", rows: 1, groups: weights }]),
    ...(mode === "network" ? [{ id: "network", rows: 1, groups: W }] : []),
  ];
}

// ---- the value of a rule, from the numbers it names ------------------------------------------------------------------

const SPELLED = [[/−/g, "-"], [/×/g, "*"], [/²/g, "**2"], [/\b(exp|max|log1p|abs)\(/g, "Math.$1("]];

function ruleValue(tokens, valueOf) {
  const text = tokens.map((token) => (typeof token === "string"
    ? SPELLED.reduce((words, [from, to]) => words.replace(from, to), token) : `(${valueOf(token)})`)).join("");
  return new Function(`return ${text};`)();
}
