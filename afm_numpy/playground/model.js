// One row through the engine: what it computes, its gradient check, its contributions.
"use strict";

function paramsOf(state) {
  const P = drawnParams(state.seed);
  for (const [name, value] of Object.entries(state.d)) setNumber(P, name, value);
  return P;
}

function setNumber(P, name, value) {
  const [array, i, f] = name.split(".");
  if (i === undefined) P[array] = value;
  else if (f === undefined) P[array][i] = value;
  else P[array][i][f] = value;
}

const configOf = ({ mode, loss }) => ({
  model: mode === "fm" ? "fm" : "afm", attention: mode, n: SLOTS, k: K, t: HIDDEN, m: SLOTS, loss, reduction: "mean",
});

function paramsFor(state, P) {
  const chosen = Object.fromEntries(paramNames(state.mode).map((name) => [name, P[name]]));
  return state.mode === "free" ? { ...chosen, free_pairs: PAIRS } : chosen;
}

// One row, forward and backward, by an engine that may have a mistake in it.
function calculate(state, P = paramsOf(state), by = engineWith(mistakeOf(state))) {
  const config = configOf(state), params = paramsFor(state, P);
  const batch = { row_ptr: [0, SLOTS], ids: range(SLOTS), x: state.x, y: [state.y] };
  const c = by.forward(config, params, batch);
  by.loss(config, params, c);
  by.backward(config, params, c);
  return traceOf(state, P, c);
}

const BY_FEATURE = ["active_x", "emb", "d_emb"];
const BY_PAIR = ["prod", "pre", "hid", "score", "attn", "d_prod", "d_pre", "d_score", "d_attn"];

// Numbers by name and place: slots and pairs that are absent have none.
function traceOf(state, P, c) {
  const slots = range(SLOTS).filter((i) => c.active_slots.includes(i));
  const pairs = range(PAIRS.length).filter((r) => PAIRS[r].every((i) => slots.includes(i)));
  const part = (value, at) => (value === undefined || at === undefined ? value : value[at]);
  const numberAt = ({ name, i, f }) => {
    if (name === "raw") return state.x[i];
    if (name === "y") return state.y;
    if (isParam(name)) return part(part(P[name], i), f);
    if (BY_FEATURE.includes(name)) return part(part(c[name], c.active_slots.indexOf(i)), f);
    if (BY_PAIR.includes(name)) return part(part(c[name], pairs.indexOf(i)), f);
    if (/^g_/.test(name)) return part(part(c[name], i), f);
    if (name === "loss") return c.loss;
    return part(part(c[name], 0), i);                            // one row: (1,) or (1, k)
  };
  const scores = pairs.map((r) => numberAt(ref("score", r)));
  const top = pairs[scores.indexOf(Math.max(...scores))];
  const rules = rulesOf({ mode: state.mode, loss: state.loss, slots, pairs });
  const ruleAt = ({ name, i, f }) => {
    const absent = BY_FEATURE.includes(name) ? !slots.includes(i) : BY_PAIR.includes(name) && !pairs.includes(i);
    return absent || !rules[name] ? null : name === "attn" ? rules.attn(i, f, top) : rules[name](i, f);
  };
  return { slots, pairs, numberAt, ruleAt, P, loss: c.loss };
}

const close = (u, v) => u === v || Math.abs(u - v) <= 1e-12 * (1 + Math.abs(v)) || (u !== u && v !== v);

// What is wrong in a trace: "root" where a number breaks its own rule, "follows" where it only differs from the right one.
function marksOf(state, trace) {
  const right = calculate(state, trace.P, engine), marks = {};
  for (const name of linesOf(state.mode)) {
    for (const [i, f] of cellsOf(name)) {
      const at = ref(name, i, f), value = trace.numberAt(at), rule = trace.ruleAt(at);
      const kept = name === "active_x" && value === 0;           // a zero that should be absent
      if (kept || (rule && !close(value, ruleValue(rule, trace.numberAt)))) marks[key(name, i, f)] = "root";
      else if (!close(value, right.numberAt(at))) marks[key(name, i, f)] = "follows";
    }
  }
  return marks;
}

const rootLine = (marks) => (Object.keys(marks).find((name) => marks[name] === "root") || "").split(".")[0];

// ---- the mistake of the state: chosen by name, or drawn by the number of the quiz --------------------------------------

const visible = {};

function visibleMistakes(state) {
  const plain = { ...state, quiz: 0, brk: "" };
  const known = toHash({ ...plain, line: -1, at: "", tab: "see", eps: 5 });
  visible[known] ||= Object.keys(PATCHES).filter((id) => rootLine(marksOf(plain, calculate(plain, paramsOf(plain), engineWith(id)))));
  return visible[known];
}

function mistakeOf(state) {
  if (!state.quiz) return state.brk;
  const list = visibleMistakes(state);
  return list.length ? list[generator(state.quiz).below(list.length)] : "";
}

// ---- measured slopes ------------------------------------------------------------------------------------------------------

// Slope of the loss at one parameter by central difference; a kink where a ReLU opens or closes in between.
function slopeAt(state, name, eps) {
  const P = paramsOf(state), cell = cellNamed(name), theta = calculate(state, P).numberAt(cell);
  const at = (delta) => {
    setNumber(P, name, theta + delta);
    const trace = calculate(state, P), open = [];
    if (state.mode === "network") {
      for (const [r, u] of cellsOf("pre")) open.push(trace.numberAt(ref("pre", r, u)) > 0);
    }
    return { loss: trace.loss, open: open.join() };
  };
  const low = at(-eps), here = at(0), high = at(eps);
  return {
    low: low.loss, here: here.loss, high: high.loss, slope: (high.loss - low.loss) / (2 * eps),
    kink: low.open !== here.open || high.open !== here.open,
  };
}

// All parameters: the largest difference of each array, and where.
function gradientCheck(state, eps) {
  const trace = calculate(state);
  return paramNames(state.mode).map((name) => {
    const rows = cellsOf(name).map(([i, f]) => {
      const { slope, kink } = slopeAt(state, key(name, i, f), eps), derived = trace.numberAt(ref("g_" + name, i, f));
      return { at: ref(name, i, f), error: kink ? 0 : Math.abs(slope - derived), kink };
    });
    const worst = rows.reduce((a, b) => (b.error > a.error ? b : a));
    return { name, ...worst, right: worst.error < 1e-6, kinks: rows.filter((row) => row.kink).length };
  });
}

// ---- contributions: bias, features and pairs, which add up to the prediction -----------------------------------------------

function contributions(state, trace) {
  const get = (name, i, f) => trace.numberAt(ref(name, i, f)), fm = state.mode === "fm";
  const emb = (i, f) => get("emb", i, f);
  const parts = [{ at: ref("w0"), value: get("w0") }];
  for (const i of trace.slots) parts.push({ at: ref("w", i), slot: i, value: get("w", i) * get("active_x", i) });
  for (const r of trace.pairs) {
    const [i, j] = PAIRS[r];
    const value = sum(range(K).map((f) => (fm ? emb(i, f) * emb(j, f) : get("attn", r) * get("p", f) * get("prod", r, f))));
    parts.push({ at: fm ? ref("emb", i, 0) : ref("attn", r), pair: r, value });
  }
  return parts;
}
