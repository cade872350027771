// The two pictures of the training tab: loss curves, and mean attention of every two fields. Drawn on canvas.
"use strict";

function pen(canvas, high) {
  const wide = Math.max(280, Math.min(560, canvas.parentNode.clientWidth || 400)), sharp = devicePixelRatio || 1;
  if (canvas.width !== Math.round(wide * sharp) || canvas.height !== Math.round(high * sharp)) {
    canvas.width = Math.round(wide * sharp);
    canvas.height = Math.round(high * sharp);
    canvas.style.width = wide + "px";
    canvas.style.height = high + "px";
  }
  const c = canvas.getContext("2d");
  c.setTransform(sharp, 0, 0, sharp, 0, 0);
  c.clearRect(0, 0, wide, high);
  c.font = "12px system-ui, sans-serif";
  return { c, wide };
}

const colours = () => {
  const style = getComputedStyle(document.documentElement), get = (name) => style.getPropertyValue(name).trim();
  return { ink: get("--ink"), soft: get("--soft"), line: get("--line"), p: get("--p"), n: get("--n"), back: get("--back") };
};

function words(c, text, x, y, { align = "left", colour, bold = false } = {}) {
  c.textAlign = align;
  c.fillStyle = colour;
  c.font = `${bold ? "bold " : ""}12px system-ui, sans-serif`;
  c.fillText(text, x, y);
}

// FM dashed, AFM solid; train thin, test thick; a ring marks the best epoch.
function drawCurves(canvas, run) {
  const high = 260, { c, wide } = pen(canvas, high), ink = colours(), left = 34, right = 86, foot = 30, top = 10;
  const models = run ? run.models : [], points = models.flatMap((model) => model.history);
  const epochs = Math.max(10, ...points.map((point) => point.epoch));
  const most = Math.max(1, ...points.map((point) => Math.min(8, Math.max(point.test, point.train))));
  const x = (e) => left + (e / epochs) * (wide - left - right), y = (z) => top + (1 - Math.min(z, most) / most) * (high - top - foot);
  c.strokeStyle = ink.line;
  c.lineWidth = 1;
  for (const q of range(5)) {
    const z = (most * q) / 4;
    c.beginPath(); c.moveTo(left, y(z)); c.lineTo(wide - right, y(z)); c.stroke();
    words(c, z.toFixed(1), left - 5, y(z) + 4, { align: "right", colour: ink.soft });
  }
  for (const q of range(3)) words(c, String(Math.round((epochs * q) / 2)), x((epochs * q) / 2), high - 14, { align: "center", colour: ink.soft });
  words(c, T.train.axes[0], x(epochs / 2), high - 1, { align: "center", colour: ink.soft });
  const labels = [];
  for (const { kind, history, best } of models) {
    for (const set of history.length ? ["train", "test"] : []) {
      c.strokeStyle = kind === "fm" ? ink.n : ink.p;
      c.lineWidth = set === "test" ? 2.5 : 1.2;
      c.setLineDash(kind === "fm" ? [6, 4] : []);
      c.beginPath();
      history.forEach((point, q) => (q ? c.lineTo(x(point.epoch), y(point[set])) : c.moveTo(x(point.epoch), y(point[set]))));
      c.stroke();
      const last = history[history.length - 1];
      labels.push({ text: `${T.train.names[kind]} ${T.train.sets[set]}`, x: x(last.epoch) + 5, y: y(last[set]) + 4, colour: c.strokeStyle, bold: set === "test" });
    }
    c.setLineDash([]);
    if (best) { c.lineWidth = 2; c.beginPath(); c.arc(x(best.epoch), y(best.test), 5, 0, 2 * Math.PI); c.stroke(); }
  }
  labels.sort((a, b) => a.y - b.y).forEach((label, q) => {
    if (q) label.y = Math.max(label.y, labels[q - 1].y + 13);
    words(c, label.text, label.x, label.y, label);
  });
  canvas.setAttribute("aria-label", `${T.train.curves}: ${statusOf(run)}`);
}

// A triangle of field pairs: how many times the even share each one has; the planted pairs are outlined.
function drawHeat(canvas, run) {
  const fields = run ? run.data.fields : [...FIELDS, ...Object.keys(NOISE).slice(0, state.noise)], m = fields.length;
  const high = 300, { c, wide } = pen(canvas, high), ink = colours(), left = 66, top = 56;
  const size = Math.min(42, (wide - left) / (m - 1), (high - top - 20) / (m - 1)), pairs = slotPairs(m);
  const times = run && run.attn ? run.attn.map((a) => a * pairs.length) : null, most = times ? Math.max(2, ...times) : 2;
  pairs.forEach(([i, j], q) => {
    const x = left + (j - 1) * size, y = top + i * size, planted = PLANTED.some(([a, b]) => a === i && b === j);
    const side = times ? (size - 6) * Math.sqrt(times[q] / most) : 0;
    c.strokeStyle = planted ? ink.ink : ink.line;
    c.lineWidth = planted ? 2.5 : 1;
    c.strokeRect(x + 2, y + 2, size - 4, size - 4);
    c.fillStyle = ink.p;
    c.globalAlpha = times ? 0.25 + 0.5 * Math.min(1, times[q] / most) : 0;
    c.fillRect(x + (size - side) / 2, y + (size - side) / 2, side, side);
    c.globalAlpha = 1;
    if (times && size >= 22) words(c, times[q].toFixed(1), x + size / 2, y + size / 2 + 4, { align: "center", colour: ink.ink, bold: planted });
  });
  fields.forEach((name, i) => {
    if (i < m - 1) words(c, name, left - 4, top + i * size + size / 2 + 4, { align: "right", colour: ink.soft });
    if (i > 0) {
      c.save();
      c.translate(left + (i - 1) * size + size / 2, top - 4);
      c.rotate(-Math.PI / 4);
      words(c, name, 0, 0, { colour: ink.soft });
      c.restore();
    }
  });
  words(c, T.train.relative(three(1 / pairs.length)), left, top + (m - 1) * size + 15, { colour: ink.soft });
  canvas.setAttribute("aria-label", `${T.train.map}: ${statusOf(run)}`);
}
