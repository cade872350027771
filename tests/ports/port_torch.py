"""FM and AFM in PyTorch: the forward pass of SPEC.md, gradients by autograd. Optional: needs torch.

python port_torch.py CASES_DIR [float64|float32] > results.json
"""

import json
import sys
from pathlib import Path

import torch


def tensor(record, dtype):
    return torch.tensor(record["data"], dtype=dtype).reshape(record["shape"])


def sparse_rows(batch):
    """Rows {id: [x, slot]} and labels: repeated ids summed, then zeros dropped."""
    if "text" in batch:
        lines = [line.split() for line in batch["text"]]
        raw = [[(int(i), float(x)) for i, x in (token.split(":") for token in line[1:])] for line in lines]
        labels = [float(line[0]) for line in lines]
    else:
        entries, ptr = list(zip(batch["ids"], batch["x"], strict=True)), batch["row_ptr"]
        raw, labels = [entries[s:e] for s, e in zip(ptr, ptr[1:], strict=False)], batch["y"]
    rows = []
    for entries in raw:
        row = {}
        for slot, (i, x) in enumerate(entries):
            row.setdefault(i, [0.0, slot])[0] += x
        rows.append({i: xs for i, xs in row.items() if xs[0] != 0})
    return rows, labels


def forward(config, P, batch, masks, dtype):
    """Every tensor of the forward pass, by its name in SPEC.md."""
    rows, labels = sparse_rows(batch)
    B, mode = len(rows), config.get("attention")
    c = {"y": torch.tensor(labels, dtype=dtype)}
    ids = torch.tensor([i for row in rows for i in row], dtype=torch.long)
    x = torch.tensor([value for row in rows for value, _ in row.values()], dtype=dtype)
    slots = [slot for row in rows for _, slot in row.values()]
    ptr = torch.tensor([0] + [len(row) for row in rows]).cumsum(0)
    row_of = torch.tensor([r for r, row in enumerate(rows) for _ in row], dtype=torch.long)
    pairs = [(r, a, b) for r in range(B) for a in range(ptr[r], ptr[r + 1]) for b in range(a + 1, ptr[r + 1])]
    R, first, second = torch.tensor(pairs, dtype=torch.long).reshape(-1, 3).T

    def by_row(values, index):
        return torch.zeros((B, *values.shape[1:]), dtype=dtype).index_add(0, index, values)

    c.update(active_ptr=ptr, active_ids=ids, active_x=x, active_slots=torch.tensor(slots))
    c["pair_keys"] = torch.stack([R, ids[first], ids[second]], dim=1)
    if config["model"] == "rows":
        return c
    c["linear"] = by_row(P["w"][ids] * x, row_of)
    E = c["emb"] = P["V"][ids] * x[:, None]
    if config["model"] == "fm":
        c["sum_e"], c["sum_e2"] = by_row(E, row_of), by_row(E**2, row_of)
        c["pooled"] = 0.5 * (by_row(E, row_of) ** 2 - by_row(E**2, row_of))
    else:
        c["prod"] = E[first] * E[second]
        M = c["prod_drop"] = c["prod"] * masks.get("pairs", 1.0)
        c["attn"] = torch.ones(len(pairs), dtype=dtype)
        if mode == "network":
            c["pre"] = M @ P["W"] + P["b"]
            c["hid"] = torch.relu(c["pre"])
            c["score"] = c["hid"] @ P["h"]
            c["attn"] = torch.cat([torch.softmax(c["score"][R == r], dim=0) for r in range(B)])
        elif mode == "uniform":
            c["attn"] = 1 / torch.bincount(R, minlength=B)[R].to(dtype)
        elif mode == "field":
            table = torch.combinations(torch.arange(config["m"])).tolist()
            c["attn"] = P["field"][[table.index([slots[a], slots[b]]) for _, a, b in pairs]]
        elif mode == "free":
            keys = [sorted(key[1:]) for key in c["pair_keys"].tolist()]
            table = P["free_pairs"].tolist()
            c["used"] = sorted({table.index(key) for key in keys if key in table})
            weights = [P["free"][table.index(key)] if key in table else torch.ones((), dtype=dtype) for key in keys]
            c["attn"] = torch.stack(weights)
        if not c["attn"].requires_grad:
            c["attn"].requires_grad_()
        c["attn_drop"] = c["attn"] * masks.get("attn", 1.0)
        c["pooled"] = by_row(c["attn_drop"][:, None] * M, R)
    c["pooled_drop"] = c["pooled"] * masks.get("pooled", 1.0)
    c["inter"] = c["pooled_drop"] @ P.get("p", torch.ones(config["k"], dtype=dtype))
    c["y_hat"] = P["w0"] + c["linear"] + c["inter"]
    return c


def loss(config, P, c):
    """The objective; the sigmoid is inside the logistic loss."""
    z, y = c["y_hat"], c["y"]
    c["prob"] = torch.sigmoid(z)
    c["rmse"] = torch.sqrt(torch.mean((z - y) ** 2))
    if config["loss"] == "squared":
        c["loss_rows"] = (z - y) ** 2
    else:
        c["loss_rows"] = torch.nn.functional.binary_cross_entropy_with_logits(z, y, reduction="none")
    whole = config.get("scope") == "all"
    c["touched"] = torch.arange(config["n"]) if whole else torch.unique(c["active_ids"])
    squares = {"w": P["w"][c["touched"]], "V": P["V"][c["touched"]], "W": P.get("W", torch.zeros(()))}
    c["loss_data"] = c["loss_rows"].mean() if config["reduction"] == "mean" else c["loss_rows"].sum()
    c["loss_reg"] = sum(config.get("lam_" + name, 0.0) * (value**2).sum() for name, value in squares.items())
    c["loss"] = c["loss_data"] + c["loss_reg"]


def update(config, P, c, state, count):
    """One optimizer step on the rows of the batch; torch.optim's steps are dense and would move the others."""
    rows = {"w": c["touched"], "V": c["touched"], "free": torch.tensor(c.get("used", []), dtype=torch.long)}
    lr, eps, new = config["lr"], config.get("eps", 0.0), {}
    for name in [name for name in P if "g_" + name in c]:
        at = rows.get(name, ...)
        theta, g = P[name].detach().clone(), c["g_" + name][at]
        kept = state.setdefault(name, {kind: torch.zeros_like(theta) for kind in ("vel", "m1", "m2")})
        kept.setdefault("acc", torch.full_like(theta, config.get("initial", 0.0)))
        if config["optimizer"] == "sgd":
            kept["vel"][at] = config.get("momentum", 0.0) * kept["vel"][at] + g
            step = kept["vel"][at]
        elif config["optimizer"] == "adagrad":
            kept["acc"][at] += g**2
            step = g / (kept["acc"][at].sqrt() + eps)
        else:
            b1, b2 = config["beta1"], config["beta2"]
            kept["m1"][at] = b1 * kept["m1"][at] + (1 - b1) * g
            kept["m2"][at] = b2 * kept["m2"][at] + (1 - b2) * g**2
            step = kept["m1"][at] / (1 - b1**count) / ((kept["m2"][at] / (1 - b2**count)).sqrt() + eps)
        theta[at] -= lr * step
        new[name] = c["new_" + name] = theta
        c.update({f"{kind}_{name}": value.clone() for kind, value in kept.items()})
    P.update({name: value.requires_grad_() for name, value in new.items()})


INNER = ("y_hat", "pooled", "attn", "score", "pre", "prod", "emb")


def run(case, dtype):
    """All tensors of a case, with the prefix of their step."""
    if "floats" in case:
        return {"echo": case["floats"]}
    config, out, state = case["config"], {}, {}
    P = {name: tensor(record, dtype) for name, record in case["params"].items() if name != "free_pairs"}
    P = {name: value.requires_grad_() for name, value in P.items()}
    if "free_pairs" in case["params"]:
        P["free_pairs"] = tensor(case["params"]["free_pairs"], torch.long)
    for step, batch in enumerate(case["batches"]):
        masks = batch.get("masks", {}) if config.get("train") else {}
        masks = {site: tensor(mask, dtype) / config["keep_" + site] for site, mask in masks.items()}
        c = forward(config, P, batch, masks, dtype)
        if config["model"] == "rows":
            return {name: c[name].tolist() for name in case["expect"]}
        loss(config, P, c)
        inner = [name for name in INNER if name in c]
        names = [name for name in P if name != "free_pairs"]
        wanted = [c[name] for name in inner] + [P[name] for name in names]
        grads = torch.autograd.grad(c["loss"], wanted, allow_unused=True, materialize_grads=True)
        c.update(zip(["d_" + name for name in inner] + ["g_" + name for name in names], grads, strict=True))
        if "optimizer" in config:
            update(config, P, c, state, step + 1)
        prefix = f"s{step}/" if len(case["batches"]) > 1 else ""
        for name in [name for name in c if prefix + name in case["expect"]]:
            out[prefix + name] = c[name].tolist() if torch.is_tensor(c[name]) else c[name]
    return out


def main(folder, dtype="float64"):
    cases = [json.loads(path.read_text()) for path in sorted(Path(folder).glob("*.json"))]
    results = {case["id"]: run(case, getattr(torch, dtype)) for case in cases}
    json.dump({"kit": "1.1", "dtype": dtype, "cases": results}, sys.stdout)


if __name__ == "__main__":
    main(*sys.argv[1:])
