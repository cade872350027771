"""The expected values: an implementation of its own, in mpmath, with 110 digits.

The forward pass reads the papers' sums literally: FM as the double sum over pairs, eq. (5) as
exp(a') / sum exp(a'), no maximum subtracted. Gradients are central differences: a tensor or a parameter is
moved by 1e-35 each way and the whole pass is run again, which leaves an error near 1e-70. ReLU keeps the gate it
has at the point itself, closed at 0. Nothing is shared with literal/, with the package's models or with their
backward passes. mpmath is needed for regenerating the kit only.
"""

from typing import Any

from oracle_update import filled, update, with_entry

DIGITS = 110
STEP = "1e-35"
NOISE = "1e-40"  # a difference below this is a derivative of 0
SITES = {"pairs": "prod_drop", "attn": "attn_drop", "pooled": "pooled_drop"}
TENSORS = [
    "active_ids",
    "active_x",
    "active_slots",
    "pair_keys",
    "linear",
    "emb",
    "sum_e",
    "sum_e2",
    "prod",
    "prod_drop",
]
TENSORS += ["pre", "hid", "score", "attn", "attn_drop", "pooled", "pooled_drop", "inter", "y_hat", "prob", "loss_rows"]


def run(case: dict[str, Any]) -> Any:
    """All expected values of a case: {full tensor name: nested lists of float or int}."""
    from mpmath import mp, mpf

    with mp.workdps(DIGITS):
        params = {name: value if name == "free_pairs" else exact(value, mpf) for name, value in case["params"].items()}
        result: dict[str, Any] = {}
        state: Any = {}
        many = len(case["batches"]) > 1
        for step, batch in enumerate(case["batches"]):
            values, params, state = one_step(case["config"], params, state, batch, step + 1, not many)
            result.update({(f"s{step}/" if many else "") + name: rounded(value) for name, value in values.items()})
        return result


def exact(value: Any, mpf: Any) -> Any:
    """Decimal inputs as the float64 they are read as."""
    return [exact(part, mpf) for part in value] if isinstance(value, list) else mpf(float(value))


def rounded(value: Any) -> Any:
    """Correctly rounded to float64; integers stay; no negative zero."""
    if isinstance(value, list):
        return [rounded(part) for part in value]
    return value if isinstance(value, int) else float(value) + 0.0


def sparse_rows(batch: Any) -> Any:
    """{id: (value, slot)} for every row, and the labels."""
    if "text" in batch:
        lines = [line.split() for line in batch["text"]]
        raw = [[(int(token.split(":")[0]), float(token.split(":")[1])) for token in line[1:]] for line in lines]
        labels = [float(line[0]) for line in lines]
    else:
        ptr = batch["row_ptr"]
        raw = [list(zip(batch["ids"][s:e], batch["x"][s:e], strict=True)) for s, e in zip(ptr, ptr[1:], strict=False)]
        labels = batch["y"]
    return raw, labels


def one_step(config: dict[str, Any], params: dict[str, Any], state: Any, batch: Any, count: int, inner: bool) -> Any:
    from mpmath import mpf

    raw, labels = sparse_rows(batch)
    rows = []
    for entries in raw:
        row: dict[int, Any] = {}
        for slot, (i, x) in enumerate(entries):
            row[i] = (row[i][0] + mpf(x), row[i][1]) if i in row else (mpf(x), slot)
        rows.append({i: pair for i, pair in row.items() if pair[0] != 0})
    if config["model"] == "rows":
        return rows_only(rows), params, state
    model = Model(config, rows, [mpf(y) for y in labels], batch.get("masks", {}) if config["train"] else {})
    values = model.forward(params)
    values = {name: value for name, value in values.items() if name in model.shown}
    values.update(model.gradients(params, inner))
    if "optimizer" in config:
        params, state, shown = update(config, params, state, values, model, count)
        values.update(shown)
    return values, params, state


def rows_only(rows: list[Any]) -> Any:
    """The tensors of a case without a model."""
    ends = [0]
    for row in rows:
        ends.append(ends[-1] + len(row))
    keys = [[r, i, j] for r, row in enumerate(rows) for a, i in enumerate(row) for j in list(row)[a + 1 :]]
    ids, x = [i for row in rows for i in row], [x for row in rows for x, _ in row.values()]
    return {"active_ptr": ends, "active_ids": ids, "active_x": x, "pair_keys": keys}


class Model:
    """One batch of one case as a function of the parameters and of one moved entry."""

    def __init__(self, config: dict[str, Any], rows: Any, labels: Any, masks: Any) -> None:
        self.config, self.rows, self.labels, self.masks = config, rows, labels, masks
        self.gates: Any = None
        fm, mode = config["model"] == "fm", config.get("attention")
        self.inner = ["y_hat", "pooled"] + ([] if fm else ["attn", "prod"]) + ["emb"]
        self.inner += ["score", "pre"] if mode == "network" else []
        self.par = ["w0", "w", "V"] + ([] if fm else ["p"])
        self.par += {"network": ["W", "b", "h"], "field": ["field"], "free": ["free"]}.get(mode or "", [])
        self.shown = {"active_ptr", "active_ids", "active_x", "linear", "emb", "pooled", "inter", "y_hat"}
        self.shown |= {"loss_rows", "loss_data", "loss_reg", "loss"}
        self.shown |= {"sum_e", "sum_e2"} if fm else {"pair_keys", "prod", "attn"}
        self.shown |= {"pre", "hid", "score"} if mode == "network" else set()
        self.shown |= {"active_slots"} if mode == "field" else set()
        self.shown |= {"prob"} if config["loss"] == "logistic" else set()
        self.shown |= {"rmse"} if config.get("metrics") else set()
        self.shown |= {tensor for site, tensor in SITES.items() if site in masks}

    def keep(self, site: str, index: Any) -> Any:
        """The dropout multiplier of one entry."""
        from mpmath import mpf

        if site not in self.masks:
            return mpf(1)
        kept = self.masks[site]
        for i in index:
            kept = kept[i]
        return kept / mpf(self.config["keep_" + site])

    def forward(self, params: dict[str, Any], move: Any = None) -> Any:
        """Every tensor, with one entry moved: move = (tensor name, flat index, amount)."""
        from mpmath import exp, log, mpf, sqrt

        config, k = self.config, self.config["k"]
        out: Any = {name: [] for name in TENSORS}
        out["active_ptr"] = [0]

        def put(tensor: Any, value: Any, width: int = 1) -> Any:
            if move is not None and move[0] == tensor:
                at = move[1] - width * len(out[tensor])
                if 0 <= at < width:
                    moved = [*value[:at], value[at] + move[2], *value[at + 1 :]] if isinstance(value, list) else 0
                    value = moved or value + move[2]
            out[tensor].append(value)
            return value

        for r, row in enumerate(self.rows):
            vx = {}
            for i, (x, slot) in row.items():
                out["active_ids"].append(i)
                out["active_x"].append(x)
                out["active_slots"].append(slot)
                vx[i] = put("emb", [params["V"][i][f] * x for f in range(k)], k)
            out["active_ptr"].append(out["active_ptr"][-1] + len(row))
            ids = list(row)
            pairs = [(ids[a], ids[b]) for a in range(len(ids)) for b in range(a + 1, len(ids))]
            linear = sum((params["w"][i] * x for i, (x, _) in row.items()), mpf(0))
            out["linear"].append(linear)
            if config["model"] == "fm":
                out["sum_e"].append([sum((e[f] for e in vx.values()), mpf(0)) for f in range(k)])
                out["sum_e2"].append([sum((e[f] ** 2 for e in vx.values()), mpf(0)) for f in range(k)])
                total = [sum((vx[i][f] * vx[j][f] for i, j in pairs), mpf(0)) for f in range(k)]
            else:
                total = self.attended(params, r, row, vx, pairs, out, put)
            pooled = put("pooled", total, k)
            dropped = [pooled[f] * self.keep("pooled", (r, f)) for f in range(k)]
            out["pooled_drop"].append(dropped)
            p = params.get("p", [mpf(1)] * k)
            inter = sum(p[f] * dropped[f] for f in range(k))
            out["inter"].append(inter)
            y_hat = put("y_hat", params["w0"] + linear + inter)
            y = self.labels[r]
            if config["loss"] == "squared":
                out["loss_rows"].append((y_hat - y) ** 2)
            else:
                out["prob"].append(1 / (1 + exp(-y_hat)))
                out["loss_rows"].append(log(1 + exp(y_hat)) - y * y_hat)
        out["rmse"] = sqrt(sum((a - b) ** 2 for a, b in zip(out["y_hat"], self.labels, strict=True)) / len(self.rows))
        share = len(self.rows) if config["reduction"] == "mean" else 1
        out["loss_data"] = sum(out["loss_rows"]) / share
        out["loss_reg"] = self.penalty(params)
        out["loss"] = out["loss_data"] + out["loss_reg"]
        return out

    def attended(self, params: dict[str, Any], r: int, row: Any, vx: Any, pairs: Any, out: Any, put: Any) -> Any:
        """sum over pairs of a_ij m_ij for one row, eq. (4)."""
        from mpmath import exp, mpf

        config, k, mode = self.config, self.config["k"], self.config["attention"]
        first = len(out["pair_keys"])
        kept, scores = [], []
        for q, (i, j) in enumerate(pairs, start=first):
            out["pair_keys"].append([r, i, j])
            m = put("prod", [vx[i][f] * vx[j][f] for f in range(k)], k)
            kept.append([m[f] * self.keep("pairs", (q, f)) for f in range(k)])
            out["prod_drop"].append(kept[-1])
            if mode == "network":
                t, W, b = config["t"], params["W"], params["b"]
                z = put("pre", [sum(W[f][u] * kept[-1][f] for f in range(k)) + b[u] for u in range(t)], t)
                gate = [value > 0 for value in z] if self.gates is None else self.gates[q]
                hid = [value if on else mpf(0) for value, on in zip(z, gate, strict=True)]
                out["hid"].append(hid)
                scores.append(put("score", sum(params["h"][u] * hid[u] for u in range(t))))
        total, below = [mpf(0)] * k, sum(exp(s) for s in scores)
        for q, (i, j) in enumerate(pairs):
            if mode == "network":
                a = exp(scores[q]) / below
            elif mode == "uniform":
                a = mpf(1) / len(pairs)
            elif mode == "field":
                m = config["m"]
                table = [(s, u) for s in range(m) for u in range(s + 1, m)]
                a = params["field"][table.index((row[i][1], row[j][1]))]
            elif mode == "free" and sorted((i, j)) in params["free_pairs"]:
                a = params["free"][params["free_pairs"].index(sorted((i, j)))]
            else:
                a = mpf(1)
            a = put("attn", a)
            dropped = a * self.keep("attn", (first + q,))
            out["attn_drop"].append(dropped)
            total = [total[f] + dropped * kept[q][f] for f in range(k)]
        return total

    def touched(self) -> list[int]:
        if self.config.get("scope") == "all":
            return list(range(self.config["n"]))
        return sorted({i for row in self.rows for i in row})

    def penalty(self, params: dict[str, Any]) -> Any:
        from mpmath import mpf

        def lam(name: str) -> Any:
            return mpf(self.config.get("lam_" + name, 0))

        total = lam("w") * sum(params["w"][i] ** 2 for i in self.touched())
        total += lam("V") * sum(v**2 for i in self.touched() for v in params["V"][i])
        return total + lam("W") * sum(w**2 for line in params.get("W", []) for w in line)

    def gradients(self, params: dict[str, Any], inner: bool = True) -> Any:
        """g_* for the parameters, and d_* if the inner tensors are asked for, by central differences of the loss."""
        from mpmath import mpf

        base = self.forward(params)
        self.gates = [[z > 0 for z in line] for line in base["pre"]]
        step = mpf(STEP)

        def slope(loss: Any) -> Any:
            value = (loss(step) - loss(-step)) / (2 * step)
            return value if abs(value) > mpf(NOISE) else mpf(0)

        grads = {}
        for name in self.inner if inner else ():
            grads["d_" + name] = filled(
                base[name], lambda n, name=name: slope(lambda e: self.forward(params, (name, n, e))["loss"])
            )
        for name in self.par:
            grads["g_" + name] = filled(
                params[name],
                lambda n, name=name: slope(lambda e: self.forward(with_entry(params, name, n, e))["loss"]),
            )
        self.gates = None
        return grads
