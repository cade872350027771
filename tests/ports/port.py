"""FM and AFM in plain Python, from SPEC.md: forward, backward and optimizers for every case of the kit.

python port.py CASES_DIR > results.json          standard library only
"""

import json
import math
import sys
from functools import partial
from pathlib import Path

together = partial(zip, strict=True)  # zip that refuses different lengths


def nested(tensor):
    """{"shape", "data"} as nested lists of float."""
    data, shape = [float(z) for z in tensor["data"]], tensor["shape"]
    if not shape:
        return data[0]
    return data if len(shape) == 1 else [data[i : i + shape[1]] for i in range(0, len(data), shape[1])]


def sparse_rows(batch):
    """Rows {id: [x, slot]} and labels: repeated ids summed, then zeros dropped."""
    if "text" in batch:
        lines = [line.split() for line in batch["text"]]
        raw = [[(int(i), float(x)) for i, x in (token.split(":") for token in line[1:])] for line in lines]
        labels = [float(line[0]) for line in lines]
    else:
        entries, ptr = list(together(batch["ids"], map(float, batch["x"]))), batch["row_ptr"]
        raw, labels = [entries[s:e] for s, e in together(ptr[:-1], ptr[1:])], batch["y"]
    rows = []
    for entries in raw:
        row = {}
        for slot, (i, x) in enumerate(entries):
            row.setdefault(i, [0.0, slot])[0] += x
        rows.append({i: xs for i, xs in row.items() if xs[0] != 0})
    return rows, labels


def sigmoid(z):
    return 1 / (1 + math.exp(-z)) if z >= 0 else math.exp(z) / (1 + math.exp(z))


def softmax(scores):
    powers = [math.exp(s - max(scores)) for s in scores]
    return [e / sum(powers) for e in powers]


def keeps(config, batch, site, count, width=None):
    """Dropout multipliers: 0 or 1/keep, ones without a mask or in evaluation."""
    if config["train"] and site in batch.get("masks", {}):
        mask, scale = batch["masks"][site], 1 / config["keep_" + site]
        return nested({"shape": mask["shape"], "data": [scale * z for z in mask["data"]]})
    return [[1.0] * width for _ in range(count)] if width else [1.0] * count


def dot(a, b):
    return sum(x * y for x, y in together(a, b))


def column(matrix, j):
    return [row[j] for row in matrix]


def forward(config, P, batch):
    """Every tensor of the forward pass, by its name in SPEC.md."""
    rows, y = sparse_rows(batch)
    k, fm, mode = config.get("k"), config["model"] == "fm", config.get("attention")
    c = {"y": y, "active_ptr": [0], "active_ids": [], "active_x": [], "active_slots": [], "pairs": []}
    for r, row in enumerate(rows):
        start = c["active_ptr"][-1]
        for i, (x, slot) in row.items():
            c["active_ids"].append(i), c["active_x"].append(x), c["active_slots"].append(slot)
        end = start + len(row)
        c["active_ptr"].append(end)
        c["pairs"] += [(r, a, b) for a in range(start, end) for b in range(a + 1, end)]
    ids, xs, pairs = c["active_ids"], c["active_x"], c["pairs"]
    c["of_row"] = [[q for q, pair in enumerate(pairs) if pair[0] == r] for r in range(len(rows))]
    spans = list(together(c["active_ptr"][:-1], c["active_ptr"][1:]))
    c["row_of"] = [r for r, (s, e) in enumerate(spans) for _ in range(s, e)]
    c["pair_keys"] = [[r, ids[a], ids[b]] for r, a, b in pairs]
    if config["model"] == "rows":
        return c
    c["linear"] = [sum(P["w"][ids[a]] * xs[a] for a in range(s, e)) for s, e in spans]
    E = c["emb"] = [[v * x for v in P["V"][i]] for i, x in together(ids, xs)]
    c["keep_pooled"] = keeps(config, batch, "pooled", len(rows), k)
    if fm:
        c["sum_e"] = [[sum(E[a][f] for a in range(s, e)) for f in range(k)] for s, e in spans]
        c["sum_e2"] = [[sum(E[a][f] ** 2 for a in range(s, e)) for f in range(k)] for s, e in spans]
        c["pooled"] = [[(s * s - s2) / 2 for s, s2 in together(*both)] for both in together(c["sum_e"], c["sum_e2"])]
    else:
        c["keep_pairs"] = keeps(config, batch, "pairs", len(pairs), k)
        c["keep_attn"] = keeps(config, batch, "attn", len(pairs))
        c["prod"] = [[p * q for p, q in together(E[a], E[b])] for _, a, b in pairs]
        M = c["prod_drop"] = [[m * z for m, z in together(*both)] for both in together(c["prod"], c["keep_pairs"])]
        c["attn"] = attention(config, P, c, mode)
        c["attn_drop"] = [a * z for a, z in together(c["attn"], c["keep_attn"])]
        c["pooled"] = [[sum(c["attn_drop"][q] * M[q][f] for q in mine) for f in range(k)] for mine in c["of_row"]]
    c["pooled_drop"] = [[v * z for v, z in together(*both)] for both in together(c["pooled"], c["keep_pooled"])]
    c["p"] = P.get("p", [1.0] * k)
    c["inter"] = [dot(c["p"], row) for row in c["pooled_drop"]]
    c["y_hat"] = [P["w0"] + lin + inter for lin, inter in together(c["linear"], c["inter"])]
    return c


def attention(config, P, c, mode):
    """The weight of every pair."""
    pairs = c["pairs"]
    if mode == "network":
        c["pre"] = [[dot(column(P["W"], u), m) + P["b"][u] for u in range(config["t"])] for m in c["prod_drop"]]
        c["hid"] = [[max(z, 0.0) for z in row] for row in c["pre"]]
        c["score"] = [dot(P["h"], row) for row in c["hid"]]
        return [a for mine in c["of_row"] if mine for a in softmax([c["score"][q] for q in mine])]
    if mode == "uniform":
        return [1 / len(c["of_row"][r]) for r, _, _ in pairs]
    if mode == "field":
        m, slots = config["m"], c["active_slots"]
        table = {pair: q for q, pair in enumerate((i, j) for i in range(m) for j in range(i + 1, m))}
        c["index"] = [table[slots[a], slots[b]] for _, a, b in pairs]
        return [P["field"][q] for q in c["index"]]
    if mode == "free":
        table = {tuple(pair): q for q, pair in enumerate(P["free_pairs"])}
        c["index"] = [table.get(tuple(sorted(key[1:]))) for key in c["pair_keys"]]
        return [1.0 if q is None else P["free"][q] for q in c["index"]]
    return [1.0] * len(pairs)


def loss(config, P, c):
    """The objective, and its derivative with respect to y_hat."""
    z_y = list(together(c["y_hat"], c["y"]))
    share = len(z_y) if config["reduction"] == "mean" else 1
    if config["loss"] == "squared":
        c["loss_rows"] = [(z - y) ** 2 for z, y in z_y]
        c["d_y_hat"] = [2 * (z - y) / share for z, y in z_y]
    else:
        c["prob"] = [sigmoid(z) for z, _ in z_y]
        c["loss_rows"] = [(1 - y) * max(z, 0) + y * max(-z, 0) + math.log1p(math.exp(-abs(z))) for z, y in z_y]
        c["d_y_hat"] = [(sigmoid(z) - y) / share for z, y in z_y]
    c["rmse"] = math.sqrt(sum((z - y) ** 2 for z, y in z_y) / len(z_y))
    c["touched"] = sorted(range(config["n"]) if config.get("scope") == "all" else set(c["active_ids"]))
    squares = {"w": [P["w"][i] for i in c["touched"]], "V": [v for i in c["touched"] for v in P["V"][i]]}
    squares["W"] = [z for row in P.get("W", []) for z in row]
    c["loss_data"] = sum(c["loss_rows"]) / share
    c["loss_reg"] = sum(config.get("lam_" + name, 0) * sum(z * z for z in values) for name, values in squares.items())
    c["loss"] = c["loss_data"] + c["loss_reg"]


def backward(config, P, c):
    """Every gradient; the forward pass's lines in reverse order."""
    k, n, pairs, E = config["k"], config["n"], c["pairs"], c["emb"]
    dy = c["d_y_hat"]
    c["g_w0"] = sum(dy)
    c["g_p"] = [dot(dy, column(c["pooled_drop"], f)) for f in range(k)]
    dS = c["d_pooled"] = [[d * p * z for p, z in together(c["p"], keep)] for d, keep in together(dy, c["keep_pooled"])]
    if config["model"] == "fm":
        c["d_emb"] = [[dS[r][f] * (c["sum_e"][r][f] - E[a][f]) for f in range(k)] for a, r in enumerate(c["row_of"])]
    else:
        M, a = c["prod_drop"], c["attn"]
        da = c["d_attn"] = [dot(dS[r], M[q]) * c["keep_attn"][q] for q, (r, _, _) in enumerate(pairs)]
        dM = [[c["attn_drop"][q] * d for d in dS[r]] for q, (r, _, _) in enumerate(pairs)]
        if config["attention"] == "network":
            mean = [sum(a[q] * da[q] for q in mine) for mine in c["of_row"]]
            ds = c["d_score"] = [a[q] * (da[q] - mean[r]) for q, (r, _, _) in enumerate(pairs)]
            c["g_h"] = [dot(ds, column(c["hid"], u)) for u in range(config["t"])]
            dZ = c["d_pre"] = [[s * h * (z > 0) for h, z in together(P["h"], row)] for s, row in together(ds, c["pre"])]
            c["g_b"] = [sum(column(dZ, u)) for u in range(config["t"])]
            c["g_W"] = [[dot(column(M, f), column(dZ, u)) for u in range(config["t"])] for f in range(k)]
            dM = [[d + dot(W, z) for d, W in together(row, P["W"])] for row, z in together(dM, dZ)]
        elif config["attention"] in ("field", "free"):
            g = c["g_" + config["attention"]] = [0.0] * len(P[config["attention"]])
            for q, d in together(c["index"], da):
                if q is not None:
                    g[q] += d
        c["d_prod"] = [[d * z for d, z in together(*both)] for both in together(dM, c["keep_pairs"])]
        c["d_emb"] = [[0.0] * k for _ in E]
        for d, (_, i, j) in together(c["d_prod"], pairs):
            for f in range(k):
                c["d_emb"][i][f] += d[f] * E[j][f]
                c["d_emb"][j][f] += d[f] * E[i][f]
    c["g_w"], c["g_V"] = [0.0] * n, [[0.0] * k for _ in range(n)]
    for a, (i, x) in enumerate(together(c["active_ids"], c["active_x"])):
        c["g_w"][i] += dy[c["row_of"][a]] * x
        c["g_V"][i] = [g + d * x for g, d in together(c["g_V"][i], c["d_emb"][a])]
    for i in c["touched"]:
        c["g_w"][i] += 2 * config.get("lam_w", 0) * P["w"][i]
        c["g_V"][i] = [g + 2 * config.get("lam_V", 0) * v for g, v in together(c["g_V"][i], P["V"][i])]
    if "lam_W" in config:
        c["g_W"] = [[g + 2 * config["lam_W"] * w for g, w in together(*rows)] for rows in together(c["g_W"], P["W"])]


def update(config, P, c, state, count):
    """One optimizer step; rows that the batch does not touch keep value and state."""
    rows = {"w": c["touched"], "V": c["touched"], "free": sorted({q for q in c.get("index", []) if q is not None})}
    for name in [name for name in P if "g_" + name in c]:
        matrix = isinstance(P[name], list) and isinstance(P[name][0], list)
        theta, g = table(P[name]), table(c["g_" + name])
        for i in rows.get(name, range(len(theta))):
            for f in range(len(theta[i])):
                kept = state.setdefault((name, i, f), [config.get("initial", 0.0), 0.0, 0.0])
                theta[i][f] -= config["lr"] * direction(config, g[i][f], kept, count)
        shown = {"sgd": {"vel": 1} if "momentum" in config else {}, "adagrad": {"acc": 0}, "adam": {"m1": 1, "m2": 2}}
        start = [config.get("initial", 0.0), 0.0, 0.0]
        for kind, at in shown[config["optimizer"]].items():
            values = [[state.get((name, i, f), start)[at] for f in range(len(row))] for i, row in enumerate(theta)]
            c[f"{kind}_{name}"] = untable(values, P[name], matrix)
        P[name] = c["new_" + name] = untable(theta, P[name], matrix)


def table(value):
    """A scalar, vector or matrix as a fresh list of rows."""
    rows = value if isinstance(value, list) else [value]
    return [list(row) if isinstance(row, list) else [row] for row in rows]


def untable(rows, like, matrix):
    return rows if matrix else [row[0] for row in rows] if isinstance(like, list) else rows[0][0]


def direction(config, g, kept, count):
    """What lr multiplies; `kept` is [accumulator, velocity or first moment, second moment]."""
    if config["optimizer"] == "sgd":
        kept[1] = config.get("momentum", 0.0) * kept[1] + g
        return kept[1] if "momentum" in config else g
    if config["optimizer"] == "adagrad":
        kept[0] += g * g
        return g / (math.sqrt(kept[0]) + config["eps"])
    b1, b2 = config["beta1"], config["beta2"]
    kept[1] = b1 * kept[1] + (1 - b1) * g
    kept[2] = b2 * kept[2] + (1 - b2) * g * g
    return kept[1] / (1 - b1**count) / (math.sqrt(kept[2] / (1 - b2**count)) + config["eps"])


def run(case):
    """All tensors of a case, with the prefix of their step."""
    if "floats" in case:
        return {"echo": case["floats"]}
    config, out, state = case["config"], {}, {}
    P = {name: nested(tensor) for name, tensor in case["params"].items()}
    for step, batch in enumerate(case["batches"]):
        c = forward(config, P, batch)
        if config["model"] != "rows":
            loss(config, P, c)
            backward(config, P, c)
        if "optimizer" in config:
            update(config, P, c, state, step + 1)
        prefix = f"s{step}/" if len(case["batches"]) > 1 else ""
        out.update({prefix + name: value for name, value in c.items() if prefix + name in case["expect"]})
    return out


def main(folder):
    cases = [json.loads(path.read_text()) for path in sorted(Path(folder).glob("*.json"))]
    json.dump({"kit": "1.1", "dtype": "float64", "cases": {case["id"]: run(case) for case in cases}}, sys.stdout)


if __name__ == "__main__":
    main(sys.argv[1])
