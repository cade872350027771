// Mistakes of the conformance kit's catalogue, each as one change of one place of the engine: [from, to], and a row
// that shows it. Titles and remedies come from mistakes.json (CATALOGUE).
"use strict";

const NETWORK = { mode: "network" }, HALF = { x: [1, 0.5, 1, 2] };

const PATCHES = {
  ZEROS_KEPT: { from: "if (x === 0) continue;", to: "", row: { x: [1, 1, 0, 1], ...NETWORK } },
  LINEAR_WITHOUT_VALUE: { from: "P.w[c.active_ids[a]] * c.active_x[a]", to: "P.w[c.active_ids[a]]", row: HALF },
  EMB_WITHOUT_VALUE: { from: "P.V[id].map((v) => v * c.active_x[a])", to: "P.V[id].map((v) => v)", row: HALF },
  PROD_IS_SUM: { from: "E[a].map((e, f) => e * E[b][f])", to: "E[a].map((e, f) => e + E[b][f])", row: NETWORK },
  BIAS_MISSING: { from: "dot(column(P.W, u), m) + b)", to: "dot(column(P.W, u), m))", row: NETWORK },
  RELU_MISSING: { from: "Math.max(z, 0)", to: "z", row: NETWORK },
  TANH_FOR_RELU: { from: "Math.max(z, 0)", to: "Math.tanh(z)", row: NETWORK },
  SIGMOID_FOR_SOFTMAX: {
    from: "return powers.map((e) => e / sum(powers));", to: "return mine.map((q) => sigmoid(c.score[q]));", row: NETWORK,
  },
  POOLED_AVERAGED: {
    from: "sum(mine.map((q) => c.attn_drop[q] * c.prod_drop[q][f]))",
    to: "sum(mine.map((q) => c.attn_drop[q] * c.prod_drop[q][f])) / Math.max(mine.length, 1)", row: NETWORK,
  },
  P_MISSING: { from: "dot(c.p, row)", to: "sum(row)", row: NETWORK },
  FM_HALF_MISSING: { from: "(s * s - c.sum_e2[r][f]) / 2", to: "s * s - c.sum_e2[r][f]", row: { mode: "fm" } },
  SQUARED_GRADIENT_WITHOUT_TWO: { from: "(2 * e) / share", to: "e / share", row: { loss: "squared" } },
  LOGISTIC_GRADIENT_WITHOUT_SIGMOID: {
    from: "c.prob.map((prob, r) => (prob - c.y[r]) / share)", to: "c.y_hat.map((z, r) => (z - c.y[r]) / share)",
    row: { loss: "logistic" },
  },
  D_POOLED_WITHOUT_P: { from: "c.p.map((p) => d * p)", to: "c.p.map(() => d)", row: NETWORK },
  JACOBIAN_DIAGONAL_ONLY: {
    from: "c.attn[q] * (c.d_attn[q] - mean[r])", to: "c.attn[q] * (1 - c.attn[q]) * c.d_attn[q]", row: NETWORK,
  },
  RELU_GATE_MISSING: { from: "(z > 0 ? c.d_score[q] * P.h[u] : 0)", to: "c.d_score[q] * P.h[u]", row: NETWORK },
  GH_FROM_PRE: { from: "dot(c.d_score, column(c.hid, u))", to: "dot(c.d_score, column(c.pre, u))", row: NETWORK },
  ATTENTION_DETACHED: { from: "d + dot(P.W[f], c.d_pre[q])", to: "d", row: NETWORK },
  PAIR_GRADIENT_ONE_SIDED: { from: "c.d_emb[b][f] += c.d_prod[q][f] * E[a][f];", to: "", row: NETWORK },
  DV_WITHOUT_VALUE: { from: "c.d_emb[a][f] * c.active_x[a];", to: "c.d_emb[a][f];", row: HALF },
};

const ENGINES = {};

// The engine with one mistake in it; the right engine for "".
function engineWith(id) {
  if (!(id in ENGINES)) {
    const source = makeEngine.toString(), { from, to } = PATCHES[id] || { from: "", to: "" };
    ENGINES[id] = id ? new Function(`return (${source.split(from).join(to)})();`)() : makeEngine();
  }
  return ENGINES[id];
}
