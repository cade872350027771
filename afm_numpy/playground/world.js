// The story: who watches which film, in which mood, with whom. One row to look at, and planted data to train on.
"use strict";

const engine = makeEngine();
const { range, sum, dot, column } = engine;

const FIELDS = ["viewer", "film", "mood", "company"];
const NAMES = ["Ann", "Orbit", "tired", "alone"];
const NOISE = { weekday: 7, weather: 12, phone: 12, city: 8, advert: 10, hour: 10 };
const SIZES = [8, 10, 5, 4];
const PLANTED = [[0, 1], [1, 2], [1, 3]];                       // viewer x film, film x mood, film x company
const K = 4, HIDDEN = 3, SLOTS = 4;
const slotPairs = (m) => range(m).flatMap((i) => range(m, i + 1).map((j) => [i, j]));
const PAIRS = slotPairs(SLOTS);
const MODES = ["network", "field", "free", "uniform", "sum", "fm"];

// Random numbers from a seed (mulberry32), so that a link shows everybody the same.
function generator(seed) {
  let s = seed >>> 0;
  const random = () => {
    s = (s + 0x6d2b79f5) >>> 0;
    let z = Math.imul(s ^ (s >>> 15), s | 1);
    z ^= z + Math.imul(z ^ (z >>> 7), z | 61);
    return ((z ^ (z >>> 14)) >>> 0) / 4294967296;
  };
  const normal = () => Math.sqrt(-2 * Math.log(1 - random())) * Math.cos(2 * Math.PI * random());
  return { random, normal, below: (n) => Math.floor(random() * n) };
}

// Every parameter is a number of two decimals: a reader can check any square with a calculator.
function drawnParams(seed) {
  const { normal } = generator(seed);
  const two = (scale, from = 0) => Math.round((from + scale * normal()) * 100) / 100;
  const list = (n, scale, from) => range(n).map(() => two(scale, from));
  const table = (n, width, scale) => range(n).map(() => list(width, scale));
  return {
    w0: two(0.3), w: list(SLOTS, 0.4), V: table(SLOTS, K, 0.8), p: list(K, 0.3, 1), W: table(K, HIDDEN, 0.9),
    b: list(HIDDEN, 0.3), h: list(HIDDEN, 1.2), field: list(PAIRS.length, 0.4, 1), free: list(PAIRS.length, 0.4, 1),
  };
}

const NEEDS = { network: ["W", "b", "h"], field: ["field"], free: ["free"], uniform: [], sum: [] };
const paramNames = (mode) => ["w0", "w", "V", ...(mode === "fm" ? [] : ["p", ...NEEDS[mode]])];

// ---- planted data: ratings in which three pairs of fields matter ------------------------------------------------

function centred(table) {
  const mean = (list) => sum(list) / list.length;
  const rows = table.map(mean), columns = table[0].map((_, j) => mean(column(table, j))), all = mean(rows);
  const free = table.map((row, i) => row.map((z, j) => z - rows[i] - columns[j] + all));
  const scale = Math.sqrt(mean(free.flat().map((z) => z * z)));
  return free.map((row) => row.map((z) => z / scale));           // it adds a standard deviation of exactly 1
}

function plantedData(seed, noiseFields, count) {
  const { normal, below } = generator(seed + 1);
  const vectors = (n) => range(n).map(() => range(4).map(normal));
  const tables = PLANTED.map(([i, j]) => {
    const left = vectors(SIZES[i]), right = vectors(SIZES[j]);
    return centred(left.map((u) => right.map((v) => dot(u, v))));
  });
  const linear = SIZES.map((n) => range(n).map(() => 0.5 * normal()));
  const sizes = [...SIZES, ...Object.values(NOISE).slice(0, noiseFields)];
  const start = sizes.map((_, i) => sum(sizes.slice(0, i)));
  const rows = range(2 * count).map(() => {
    const values = sizes.map((n) => below(n));
    const y = sum(SIZES.map((_, i) => linear[i][values[i]])) + sum(tables.map((table, q) =>
      table[values[PLANTED[q][0]]][values[PLANTED[q][1]]])) + 0.5 * normal();
    return { ids: values.map((v, i) => start[i] + v), y };
  });
  const fields = [...FIELDS, ...Object.keys(NOISE).slice(0, noiseFields)];
  return { fields, n: sum(sizes), train: rows.slice(0, count), test: rows.slice(count) };
}

function asBatch(rows) {
  const ids = rows.flatMap((row) => row.ids), m = rows[0].ids.length;
  return { row_ptr: range(rows.length + 1).map((r) => r * m), ids, x: ids.map(() => 1), y: rows.map((row) => row.y) };
}
