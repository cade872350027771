// FM and AFM in JavaScript, from SPEC.md: forward, backward and optimizers for every case of the kit.
// The playground calculates with this file, and the kit checks this file:
//
//     node engine.js CASES_DIR > results.json        no dependency
"use strict";

const range = (n, from = 0) => Array.from({ length: n - from }, (_, i) => i + from);
const sum = (list) => list.reduce((total, z) => total + z, 0);
const dot = (u, v) => sum(u.map((z, i) => z * v[i]));
const times = (A, C) => A.map((row, i) => (Array.isArray(row) ? row.map((z, j) => z * C[i][j]) : row * C[i]));
const column = (A, j) => A.map((row) => row[j]);
const zeros = (n, k) => range(n).map(() => (k ? Array(k).fill(0) : 0));
const sigmoid = (z) => (z >= 0 ? 1 / (1 + Math.exp(-z)) : Math.exp(z) / (1 + Math.exp(z)));

function nested({ shape, data }) {
  if (shape.length === 0) return data[0];
  return shape.length === 1 ? data : range(shape[0]).map((i) => data.slice(i * shape[1], (i + 1) * shape[1]));
}

// ---- input ------------------------------------------------------------------------------------------

function rawRows(batch) {
  if (!batch.text) {
    const entries = batch.ids.map((id, e) => [id, batch.x[e]]);
    return range(batch.row_ptr.length - 1).map((r) => entries.slice(batch.row_ptr[r], batch.row_ptr[r + 1]));
  }
  return batch.text.map((line) => line.trim().split(/\s+/).slice(1).map((token) => token.split(":").map(Number)));
}

// Features of all rows: repeated ids are summed, then zeros dropped; the first occurrence keeps its slot.
function activeFeatures(batch) {
  const c = { active_ptr: [0], active_ids: [], active_x: [], active_slots: [], rowOf: [] };
  rawRows(batch).forEach((raw, r) => {
    const row = new Map();
    raw.forEach(([id, x], slot) => (row.has(id) ? (row.get(id).x += x) : row.set(id, { x, slot })));
    for (const [id, { x, slot }] of row) {
      if (x === 0) continue;
      c.active_ids.push(id); c.active_x.push(x); c.active_slots.push(slot); c.rowOf.push(r);
    }
    c.active_ptr.push(c.active_ids.length);
  });
  c.y = batch.text ? batch.text.map((line) => Number(line.trim().split(/\s+/)[0])) : batch.y;
  return c;
}

// Dropout multipliers: 0 or 1/keep; ones without a mask or in evaluation.
function keeps(config, batch, site, like) {
  const mask = config.train && batch.masks && batch.masks[site];
  const scale = 1 / config["keep_" + site];
  if (mask) return nested({ shape: mask.shape, data: mask.data.map((z) => z * scale) });
  return like.map((row) => (Array.isArray(row) ? row.map(() => 1) : 1));
}

// ---- forward ------------------------------------------------------------------------------------------

function forward(config, P, batch) {
  const c = activeFeatures(batch);
  const { k } = config, B = c.y.length, fm = config.model === "fm";
  const rows = range(B).map((r) => range(c.active_ptr[r + 1], c.active_ptr[r]));
  c.pairs = rows.flatMap((row, r) => row.flatMap((a) => row.filter((b) => b > a).map((b) => [r, a, b])));
  c.ofRow = range(B).map(() => []);
  c.pairs.forEach(([r], q) => c.ofRow[r].push(q));
  c.pair_keys = c.pairs.map(([r, a, b]) => [r, c.active_ids[a], c.active_ids[b]]);
  if (config.model === "rows") return c;
  c.linear = rows.map((row) => sum(row.map((a) => P.w[c.active_ids[a]] * c.active_x[a])));
  const E = (c.emb = c.active_ids.map((id, a) => P.V[id].map((v) => v * c.active_x[a])));
  c.p = P.p || Array(k).fill(1);
  if (fm) {
    c.sum_e = rows.map((row) => range(k).map((f) => sum(row.map((a) => E[a][f]))));
    c.sum_e2 = rows.map((row) => range(k).map((f) => sum(row.map((a) => E[a][f] ** 2))));
    c.pooled = c.sum_e.map((row, r) => row.map((s, f) => (s * s - c.sum_e2[r][f]) / 2));
  } else {
    c.prod = c.pairs.map(([, a, b]) => E[a].map((e, f) => e * E[b][f]));
    c.keepPairs = keeps(config, batch, "pairs", c.prod);
    c.prod_drop = times(c.prod, c.keepPairs);
    c.attn = attention(config, P, c);
    c.keepAttn = keeps(config, batch, "attn", c.attn);
    c.attn_drop = times(c.attn, c.keepAttn);
    c.pooled = c.ofRow.map((mine) => range(k).map((f) => sum(mine.map((q) => c.attn_drop[q] * c.prod_drop[q][f]))));
  }
  c.keepPooled = keeps(config, batch, "pooled", c.pooled);
  c.pooled_drop = times(c.pooled, c.keepPooled);
  c.inter = c.pooled_drop.map((row) => dot(c.p, row));
  c.y_hat = c.inter.map((inter, r) => P.w0 + c.linear[r] + inter);
  return c;
}

function attention(config, P, c) {
  const mode = config.attention;
  if (mode === "network") {
    c.pre = c.prod_drop.map((m) => P.b.map((b, u) => dot(column(P.W, u), m) + b));
    c.hid = c.pre.map((row) => row.map((z) => Math.max(z, 0)));
    c.score = c.hid.map((row) => dot(P.h, row));
    return c.ofRow.flatMap((mine) => {
      const top = Math.max(...mine.map((q) => c.score[q]));
      const powers = mine.map((q) => Math.exp(c.score[q] - top));
      return powers.map((e) => e / sum(powers));
    });
  }
  if (mode === "uniform") return c.pairs.map(([r]) => 1 / c.ofRow[r].length);
  if (mode === "sum") return c.pairs.map(() => 1);
  if (mode === "field") {
    const table = range(config.m).flatMap((i) => range(config.m, i + 1).map((j) => `${i},${j}`));
    c.index = c.pairs.map(([, a, b]) => table.indexOf(`${c.active_slots[a]},${c.active_slots[b]}`));
  } else {
    const table = P.free_pairs.map(String);
    c.index = c.pair_keys.map(([, i, j]) => table.indexOf(String([Math.min(i, j), Math.max(i, j)])));
  }
  return c.index.map((q) => (q < 0 ? 1 : P[mode][q]));
}

// ---- loss ---------------------------------------------------------------------------------------------------

function loss(config, P, c) {
  const share = config.reduction === "mean" ? c.y.length : 1;
  const error = c.y_hat.map((z, r) => z - c.y[r]);
  c.prob = c.y_hat.map(sigmoid);
  if (config.loss === "squared") {
    c.loss_rows = error.map((e) => e * e);
    c.d_y_hat = error.map((e) => (2 * e) / share);
  } else {
    c.loss_rows = c.y_hat.map((z, r) => (z > 0 ? (1 - c.y[r]) * z : -c.y[r] * z) + Math.log1p(Math.exp(-Math.abs(z))));
    c.d_y_hat = c.prob.map((prob, r) => (prob - c.y[r]) / share);
  }
  c.touched = config.scope === "all" ? range(config.n) : [...new Set(c.active_ids)];
  const square = (rows) => sum(rows.flat().map((z) => z * z));
  c.rmse = Math.sqrt(dot(error, error) / error.length);
  c.loss_data = sum(c.loss_rows) / share;
  c.loss_reg = (config.lam_W || 0) * square(P.W || []);
  c.loss_reg += (config.lam_w || 0) * square(c.touched.map((i) => P.w[i]));
  c.loss_reg += (config.lam_V || 0) * square(c.touched.map((i) => P.V[i]));
  c.loss = c.loss_data + c.loss_reg;
}

// ---- backward: forward's lines in reverse ---------------------------------------------------------------------

function backward(config, P, c) {
  const { k, n } = config, E = c.emb, dy = c.d_y_hat;
  c.g_w0 = sum(dy);
  c.g_p = range(k).map((f) => dot(dy, column(c.pooled_drop, f)));
  const dS = (c.d_pooled = times(dy.map((d) => c.p.map((p) => d * p)), c.keepPooled));
  if (config.model === "fm") {
    c.d_emb = E.map((e, a) => e.map((z, f) => dS[c.rowOf[a]][f] * (c.sum_e[c.rowOf[a]][f] - z)));
  } else {
    c.d_attn = times(c.pairs.map(([r], q) => dot(dS[r], c.prod_drop[q])), c.keepAttn);
    let dM = c.pairs.map(([r], q) => dS[r].map((d) => c.attn_drop[q] * d));
    if (config.attention === "network") {
      const mean = c.ofRow.map((mine) => sum(mine.map((q) => c.attn[q] * c.d_attn[q])));
      c.d_score = c.pairs.map(([r], q) => c.attn[q] * (c.d_attn[q] - mean[r]));
      c.d_pre = c.pre.map((row, q) => row.map((z, u) => (z > 0 ? c.d_score[q] * P.h[u] : 0)));
      c.g_h = P.h.map((_, u) => dot(c.d_score, column(c.hid, u)));
      c.g_b = P.b.map((_, u) => sum(column(c.d_pre, u)));
      c.g_W = P.W.map((row, f) => row.map((w, u) =>
        dot(column(c.prod_drop, f), column(c.d_pre, u)) + 2 * (config.lam_W || 0) * w));
      dM = dM.map((row, q) => row.map((d, f) => d + dot(P.W[f], c.d_pre[q])));
    } else if (c.index) {
      const g = (c["g_" + config.attention] = zeros(P[config.attention].length));
      c.index.forEach((q, pair) => { if (q >= 0) g[q] += c.d_attn[pair]; });
    }
    c.d_prod = times(dM, c.keepPairs);
    c.d_emb = zeros(E.length, k);
    c.pairs.forEach(([, a, b], q) => range(k).forEach((f) => {
      c.d_emb[a][f] += c.d_prod[q][f] * E[b][f];
      c.d_emb[b][f] += c.d_prod[q][f] * E[a][f];
    }));
  }
  c.g_w = zeros(n);
  c.g_V = zeros(n, k);
  c.active_ids.forEach((id, a) => {
    c.g_w[id] += dy[c.rowOf[a]] * c.active_x[a];
    range(k).forEach((f) => { c.g_V[id][f] += c.d_emb[a][f] * c.active_x[a]; });
  });
  for (const i of c.touched) {
    c.g_w[i] += 2 * (config.lam_w || 0) * P.w[i];
    c.g_V[i] = c.g_V[i].map((g, f) => g + 2 * (config.lam_V || 0) * P.V[i][f]);
  }
}

// ---- optimizers ---------------------------------------------------------------------------------------------------

// What lr multiplies, and the new state, for one number.
function direction(config, g, old, count) {
  const { momentum, eps, beta1, beta2 } = config;
  if (config.optimizer === "sgd") {
    const vel = (momentum || 0) * old.vel + g;
    return [vel, { vel }];
  }
  if (config.optimizer === "adagrad") {
    const acc = old.acc + g * g;
    return [g / (Math.sqrt(acc) + eps), { acc }];
  }
  const m1 = beta1 * old.m1 + (1 - beta1) * g, m2 = beta2 * old.m2 + (1 - beta2) * g * g;
  return [m1 / (1 - beta1 ** count) / (Math.sqrt(m2 / (1 - beta2 ** count)) + eps), { m1, m2 }];
}

// Rows that the batch does not touch keep value and state.
function update(config, P, c, state, count) {
  const moving = { w: c.touched, V: c.touched, free: c.index };
  const start = { vel: 0, acc: config.initial || 0, m1: 0, m2: 0 };
  const kinds = { sgd: ["vel"], adagrad: ["acc"], adam: ["m1", "m2"] }[config.optimizer];
  for (const name of Object.keys(P).filter((key) => key !== "free_pairs")) {
    const kept = (key) => state[key] || start;
    const walk = (value, key, rule) => (Array.isArray(value) ? value.map((z, i) => walk(z, [...key, i], rule)) : rule(value, key));
    const at = (value, key) => key.slice(1).reduce((part, i) => part[i], value);
    P[name] = c["new_" + name] = walk(P[name], [name], (theta, key) => {
      if (moving[name] && !moving[name].includes(key[1])) return theta;
      const [step, fresh] = direction(config, at(c["g_" + name], key), kept(key), count);
      state[key] = fresh;
      return theta - config.lr * step;
    });
    for (const kind of kinds) c[kind + "_" + name] = walk(P[name], [name], (_, key) => kept(key)[kind]);
  }
}

function run(data) {
  if (data.floats) return { echo: data.floats };
  const out = {}, state = {};
  const P = Object.fromEntries(Object.entries(data.params).map(([name, tensor]) => [name, nested(tensor)]));
  data.batches.forEach((batch, step) => {
    const c = forward(data.config, P, batch);
    if (data.config.model !== "rows") {
      loss(data.config, P, c);
      backward(data.config, P, c);
    }
    if (data.config.optimizer) update(data.config, P, c, state, step + 1);
    const prefix = data.batches.length > 1 ? `s${step}/` : "";
    for (const name of Object.keys(c)) if (prefix + name in data.expect) out[prefix + name] = c[name];
  });
  return out;
}

// JSON.stringify writes -0 as 0; the kit keeps the sign.
function text(value) {
  if (Array.isArray(value)) return `[${value.map(text).join(",")}]`;
  if (value !== null && typeof value === "object") {
    return `{${Object.entries(value).map(([key, part]) => `${JSON.stringify(key)}:${text(part)}`).join(",")}}`;
  }
  return Object.is(value, -0) ? "-0.0" : JSON.stringify(value);
}

// ---- the kit, with node -----------------------------------------------------------------------------------

if (typeof process !== "undefined" && process.argv[2]) {
  const fs = require("fs"), path = require("path"), folder = process.argv[2];
  const files = fs.readdirSync(folder).filter((name) => name.endsWith(".json")).sort();
  const cases = files.map((name) => JSON.parse(fs.readFileSync(path.join(folder, name), "utf8")));
  console.log(text({ kit: "1.1", dtype: "float64", cases: Object.fromEntries(cases.map((data) => [data.id, run(data)])) }));
}
