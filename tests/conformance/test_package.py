"""The NumPy code of the package is one more port: it must give the kit's values."""

import numpy as np
import pytest

from afm_numpy import afm, fm, losses, optim
from afm_numpy.batch import Batch
from afm_numpy.conformance import Results, check_results, kit, load_cases
from afm_numpy.dropout import Dropout
from afm_numpy.rowgrad import RowGrad, add_grads

STATE = {"v": {"sgd": "vel", "adam": "m2"}, "acc": {"adagrad": "acc"}, "m": {"adam": "m1"}}
CASES = [name for name, case in load_cases().items() if case["config"]["model"] in ("fm", "afm")]


def parameters(case, dtype):
    params = {name: np.array(value, dtype) for name, value in case["params"].items() if name != "free_pairs"}
    if "free_pairs" in case["params"]:
        params["pairs"] = np.array(case["params"]["free_pairs"])
    return params


def batch_of(config, data, dtype):
    """The batch, with a slot for every slot of the kit, and its labels."""
    if "text" in data:
        lines = [line.split() for line in data["text"]]
        rows = [[int(token.split(":")[0]) for token in line[1:]] for line in lines]
        values = [[float(token.split(":")[1]) for token in line[1:]] for line in lines]
        y = [float(line[0]) for line in lines]
    else:
        ends, y = list(zip(data["row_ptr"], data["row_ptr"][1:], strict=False)), data["y"]
        rows = [data["ids"][start:end] for start, end in ends]
        values = [data["x"][start:end] for start, end in ends]
    told = config.get("attention") == "field"
    return Batch.from_lists(rows, values, n=config["n"], dtype=dtype, slots_are_fields=told), np.array(y, dtype)


def dropout_of(config, data, batch, dtype):
    masks = {}
    for site, mask in data.get("masks", {}).items() if config["train"] else ():
        scaled = np.array(mask, dtype) / dtype(config["keep_" + site])
        if site != "pooled":
            full = np.zeros((*batch.mask.shape, *scaled.shape[1:]), dtype)
            full[batch.mask] = scaled
            scaled = full
        masks[{"pairs": "interactions", "attn": "attention", "pooled": "pooled"}[site]] = scaled
    return Dropout(**masks)


def forward_tensors(case, batch, cache, y_hat, params):
    """The cache by the names of the kit, absent slots and pairs left out."""
    ids, mask = batch.idx[batch.present], batch.mask
    out = {
        "active_ptr": np.concatenate([[0], batch.present.sum(axis=1).cumsum()]), "active_ids": ids,
        "active_x": batch.x[batch.present], "active_slots": np.nonzero(batch.present)[1], "y_hat": y_hat,
        "emb": cache.E[batch.present], "linear": fm.linear_forward(y_hat.dtype.type(0), params["w"], batch),
        "pooled": cache.pooled,
    }  # fmt: skip
    if case["config"]["model"] == "fm":
        return {**out, "sum_e": cache.sum_e, "sum_e2": cache.sum_e2}
    r, q = np.nonzero(mask)
    keys = np.stack([r, batch.idx[r, batch.pair_i[q]], batch.idx[r, batch.pair_j[q]]], axis=1)
    out.update(pair_keys=keys, attn=cache.a[mask], attn_drop=cache.a_kept[mask], prod_drop=cache.M[mask])
    out.update(prod=afm.interactions_forward(cache.E)[mask], pooled_drop=cache.pooled_kept)
    if case["config"]["attention"] == "network":
        out.update(pre=cache.Z[mask], hid=cache.R[mask], score=cache.s[mask])
    return out


def dense(grad, like):
    return grad.to_dense(len(like)) if isinstance(grad, RowGrad) else grad


def run(case, dtype):
    """What the package calculates for a case, by the names of the kit."""
    config, params, result = case["config"], parameters(case, dtype), {}
    loss = losses.LOSSES[config["loss"]]
    lam = {name: config["lam_" + name] for name in ("W", "w", "V") if "lam_" + name in config}
    settings = {key: config[key] for key in ("lr", "momentum", "initial", "eps", "beta1", "beta2") if key in config}
    optimizer = optim.get(config["optimizer"], **settings) if "optimizer" in config else None
    state = optim.init(optimizer, params) if optimizer else None
    for step, data in enumerate(case["batches"]):
        batch, y = batch_of(config, data, dtype)
        drop = dropout_of(config, data, batch, dtype)
        if config["model"] == "fm":
            y_hat, cache = fm.forward(params, batch, drop=drop)
        else:
            y_hat, cache = afm.forward(params, batch, attention=config["attention"], drop=drop)
        out = forward_tensors(case, batch, cache, y_hat, params)
        out["loss_data"] = loss.forward(y_hat, y, config["reduction"])
        penalised = np.arange(config["n"]) if config.get("scope") == "all" else batch.touched
        out["loss_reg"] = losses.l2_forward(params, lam, penalised)
        out["loss"] = out["loss_data"] + out["loss_reg"]
        out["d_y_hat"] = loss.backward(y_hat, y, config["reduction"])
        model = fm if config["model"] == "fm" else afm
        grads = model.backward(out["d_y_hat"], cache)
        if config.get("scope") == "all":  # every row takes part in the step
            grads.update({name: RowGrad(penalised, grads[name].to_dense(config["n"])) for name in ("w", "V")})
        grads = add_grads(grads, losses.l2_backward(params, lam, penalised))
        out.update({"g_" + name: dense(grad, params[name]) for name, grad in grads.items()})
        if optimizer:
            optim.step(optimizer, params, grads, state)
            out.update({"new_" + name: params[name].copy() for name in grads})
            for name in grads:
                out.update({f"{STATE[slot][config['optimizer']]}_{name}": v.copy() for slot, v in state[name].items()})
        here = kit.prefix(case, step)
        result.update({here + name: np.asarray(value).tolist() for name, value in out.items()})
    return {name: value for name, value in result.items() if name in case["expect"]}


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
def test_the_package_passes_the_kit(dtype):
    reported = {name: run(load_cases()[name], dtype) for name in CASES}
    report = check_results(Results(dtype=dtype.__name__, cases=reported))
    assert report.ok, str(report)
    assert report.counts["passed"] == len(CASES)


@pytest.mark.parametrize("name", CASES)
def test_agrees_to_1e_13(name):
    case = load_cases()[name]
    for tensor, got in run(case, np.float64).items():
        want = np.array(case["expect"][tensor])
        size = max(1.0, np.abs(want).max(initial=0.0))
        assert np.abs(np.array(got) - want).max(initial=0.0) <= 1e-13 * size, tensor
