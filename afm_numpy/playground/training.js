// Train FM and AFM on the planted data, a few milliseconds a frame. The engine is the one of the row above.
"use strict";

const ROWS = 600, BATCH = 32, TRAIN_K = 4, TRAIN_T = 4, SLICE = 8;
let training = null, running = false, lastSaid = 0;

const recipe = () => ["seed", "noise", "opt", "lr", "l2"].map((name) => state[name]).join();

// A run: the data, both models with their optimizer state, and what has been measured after each epoch.
function newRun() {
  const data = plantedData(state.seed, state.noise, ROWS), m = data.fields.length, { normal } = generator(state.seed + 2);
  const list = (n, scale) => range(n).map(() => scale * normal()), table = (n, k, scale) => range(n).map(() => list(k, scale));
  const start = { w0: 0, w: Array(data.n).fill(0), V: table(data.n, TRAIN_K, 0.3) }, scale = Math.sqrt(2 / (TRAIN_K + TRAIN_T));
  const network = { p: Array(TRAIN_K).fill(2), W: table(TRAIN_K, TRAIN_T, scale), b: list(TRAIN_T, scale), h: list(TRAIN_T, 1) };
  const config = { attention: "network", n: data.n, k: TRAIN_K, t: TRAIN_T, m, loss: "squared", reduction: "mean", lam_V: state.l2,
    optimizer: state.opt, lr: state.lr, momentum: 0, initial: 1e-8, eps: state.opt === "adam" ? 1e-8 : 1e-10,
    beta1: 0.9, beta2: 0.999 };
  const model = (kind, P) => ({ kind, config: { ...config, model: kind }, P, kept: {}, history: [], best: null });
  return {
    recipe: recipe(), data, m, pairs: slotPairs(m), models: [model("fm", structuredClone(start)),
      model("afm", { ...structuredClone(start), ...network })],
    order: [], shuffle: generator(state.seed + 3), updates: 0, todo: [], attn: null, broken: "",
  };
}

function nextBatch(run) {
  if (run.order.length === 0) {
    run.order = range(ROWS);
    for (let i = ROWS - 1; i > 0; i -= 1) {
      const j = run.shuffle.below(i + 1);
      [run.order[i], run.order[j]] = [run.order[j], run.order[i]];
    }
  }
  return asBatch(run.order.splice(0, BATCH).map((r) => run.data.train[r]));
}

// One update of both models, one after the other; after the last batch of an epoch the test pass. All in small pieces of work.
function oneUpdate(run) {
  const batch = nextBatch(run);
  run.updates += 1;
  run.todo.push(...run.models.map((model) => () => learn(run, model, batch)));
  if (run.order.length === 0 || run.updates === state.stop) measure(run);
  run.todo.shift()();
}

function learn(run, { kind, config, P, kept }, batch) {
  const c = engine.forward(config, P, batch);
  engine.loss(config, P, c);
  engine.backward(config, P, c);
  engine.update(config, P, c, kept, run.updates);
  if (!Number.isFinite(c.loss) && !run.broken) run.broken = `${T.train.names[kind]}: ${Object.keys(c).find((name) =>
    Array.isArray(c[name]) && c[name].flat(2).some((z) => typeof z === "number" && !Number.isFinite(z))) || "loss"}`;
}

function measure(run) {
  const epoch = run.updates / Math.ceil(ROWS / BATCH), attn = Array(run.pairs.length).fill(0);
  for (const model of run.models) {
    const point = { epoch, train: 0, test: 0 };
    for (const set of ["train", "test"]) {
      for (let at = 0; at < ROWS; at += BATCH) {
        run.todo.push(() => {
          const rows = run.data[set].slice(at, at + BATCH), c = engine.forward(model.config, model.P, asBatch(rows));
          point[set] += sum(c.y_hat.map((z, r) => (z - c.y[r]) ** 2)) / ROWS;
          if (set === "test" && model.kind === "afm") c.attn.forEach((a, q) => { attn[q % attn.length] += a / ROWS; });
        });
      }
    }
    run.todo.push(() => {
      model.history.push(point);
      if (!model.best || point.test < model.best.test) model.best = point;
      if (model.kind === "afm") run.attn = attn;
    });
  }
}

// One piece of work: a part of what is still to do, otherwise an update.
const oneStep = (run) => (run.todo.length ? run.todo.shift()() : oneUpdate(run));
const ended = (run) => run.broken || (run.updates >= state.stop && !run.todo.length);

function frame() {
  if (!running) return;
  const until = performance.now() + SLICE;
  if (!document.hidden && onScreen) {
    const points = () => training.models[1].history.length, before = points();
    while (!ended(training) && performance.now() < until) oneStep(training);
    if (points() !== before || performance.now() - lastSaid > 1000) paintTraining();
  }
  if (ended(training)) setRunning(false);
  else requestAnimationFrame(frame);
}

function setRunning(on) {
  if (!training || training.recipe !== recipe()) training = newRun();
  running = on && !ended(training);
  byId("run").textContent = running ? T.train.pause : T.train.run;
  lastSaid = 0;
  paintTraining();
  if (running) requestAnimationFrame(frame);
}

function updateOnce() {
  setRunning(false);
  if (!ended(training)) do oneStep(training); while (training.todo.length && !ended(training));
  paintTraining();
}

// ---- what one sees ------------------------------------------------------------------------------------------------------------

let onScreen = true;

function buildTraining() {
  const field = (name, type, more) => labelled(T.train[name], h("input", { id: name, type, ...more, onchange: (event) => {
    const [low, most] = [Number(event.target.min), Number(event.target.max)], z = event.target.valueAsNumber;
    if (Number.isFinite(z)) update({ [name]: Math.max(low, Math.min(most, z)) });
  } }));
  const opt = h("select", { id: "opt", onchange: (event) => update({ opt: event.target.value }) },
    ["adam", "adagrad", "sgd"].map((name) => option(name, name)));
  const act = (id, words, onclick) => h("button", { id, textContent: words, onclick });
  const canvas = (id, words) => h("section", {}, h("h3", { textContent: words }), h("canvas", { id, role: "img" }));
  const node = [h("p", { textContent: T.train.intro }), h("div", { class: "bar" },
    labelled(T.train.noise, h("span", {}, h("input", { id: "noise", type: "range", min: 0, max: 6, step: 1,
      oninput: (event) => update({ noise: event.target.valueAsNumber }) }), h("output", { id: "noiseIs" }))),
    labelled(T.train.opt, opt), field("lr", "number", { min: 0.0001, max: 1, step: "any" }),
    field("l2", "number", { min: 0, max: 0.1, step: "any" }), field("stop", "number", { min: 1, max: 5000, step: 1 })),
  h("div", { class: "bar" }, act("run", T.train.run, () => setRunning(!running)), act("once", T.train.step, updateOnce),
    act("rewind", T.train.rewind, () => { running = false; training = null; setRunning(false); })),
  h("p", { id: "status", role: "status" }), h("div", { class: "two" }, canvas("curves", T.train.curves), canvas("heat", T.train.map)),
  h("p", { class: "hint", textContent: `${T.train.note} ${T.train.mistake}` })];
  new IntersectionObserver(([entry]) => { onScreen = entry.isIntersecting; }).observe(node[3]);
  return node;
}

function drawTraining() {
  for (const name of ["noise", "opt", "lr", "l2", "stop"]) put(byId(name), "value", String(state[name]));
  put(byId("noiseIs"), "textContent", String(state.noise));
  if (training && training.recipe !== recipe()) {
    training = null;
    setRunning(false);
  }
  paintTraining();
}

function paintTraining() {
  drawCurves(byId("curves"), training);
  drawHeat(byId("heat"), training);
  const now = performance.now();
  if (running && now - lastSaid < 1000) return;
  lastSaid = now;
  put(byId("status"), "textContent", statusOf(training));
}

function statusOf(run) {
  if (!run || !run.updates) return T.train.start;
  if (run.broken) return T.train.broken(run.broken, run.updates, state.lr);
  const list = run.models.filter((model) => model.history.length).map((model) => {
    const last = model.history[model.history.length - 1];
    return T.train.one(T.train.names[model.kind], last.train.toFixed(2), last.test.toFixed(2), model.best.test.toFixed(2),
      Math.round(model.best.epoch));
  });
  if (run.attn) {
    const top = run.attn.indexOf(Math.max(...run.attn)), [i, j] = run.pairs[top];
    list.push(T.train.top(`${run.data.fields[i]} × ${run.data.fields[j]}`, (run.attn[top] * run.pairs.length).toFixed(1)));
  }
  return T.train.status(run.updates, Math.floor(run.updates / Math.ceil(ROWS / BATCH)), list.join(". "));
}
