"""Mistakes written into the PyTorch port, which differentiates them: the first name is right, whatever is reported.

CONFORMANCE_LONG=1 takes all of them, otherwise it is every fourth.
"""

import importlib.util
import json
import os
from pathlib import Path

import pytest

from afm_numpy.conformance import Results, check_results, kit

PORT = Path(__file__).parent / "port_torch.py"
SOFTMAX = 'c["attn"] = torch.cat([torch.softmax(c["score"][R == r], dim=0) for r in range(B)])'
WRITTEN = [
    ("SOFTMAX_OF_ONE", SOFTMAX, 'c["attn"] = torch.softmax(c["score"][:, None], dim=1)[:, 0]'),
    ("SOFTMAX_OVER_BATCH", SOFTMAX, 'c["attn"] = torch.softmax(c["score"], dim=0)'),
    ("SIGMOID_FOR_SOFTMAX", SOFTMAX, 'c["attn"] = torch.sigmoid(c["score"])'),
    ("SOFTMAX_SCALED", SOFTMAX, SOFTMAX.replace('c["score"][R == r]', 'c["score"][R == r] / config["t"] ** 0.5')),
    ("P_MISSING", 'c["pooled_drop"] @ P.get("p", torch.ones(config["k"], dtype=dtype))', 'c["pooled_drop"].sum(dim=1)'),
    ("SIGMOID_IN_MODEL", 'P["w0"] + c["linear"] + c["inter"]', 'torch.sigmoid(P["w0"] + c["linear"] + c["inter"])'),
    ("BIAS_MISSING", 'M @ P["W"] + P["b"]', 'M @ P["W"]'),
    ("RELU_MISSING", 'torch.relu(c["pre"])', 'c["pre"] * 1'),
    ("TANH_FOR_RELU", 'torch.relu(c["pre"])', 'torch.tanh(c["pre"])'),
    ("SCORE_AVERAGED", 'c["hid"] @ P["h"]', 'c["hid"] @ P["h"] / config["t"]'),
    ("RELU_ON_SCORE", 'c["hid"] @ P["h"]', 'torch.relu(c["hid"] @ P["h"])'),
    ("PROD_IS_SUM", "E[first] * E[second]", "E[first] + E[second]"),
    ("LINEAR_WITHOUT_VALUE", 'by_row(P["w"][ids] * x, row_of)', 'by_row(P["w"][ids], row_of)'),
    ("LINEAR_MISSING", 'P["w0"] + c["linear"] + c["inter"]', 'P["w0"] + c["inter"]'),
    ("W0_MISSING", 'P["w0"] + c["linear"] + c["inter"]', 'c["linear"] + c["inter"]'),
    ("EMB_WITHOUT_VALUE", 'P["V"][ids] * x[:, None]', 'P["V"][ids] * 1.0'),
    ("SQUARED_HALVED", 'c["loss_rows"] = (z - y) ** 2', 'c["loss_rows"] = (z - y) ** 2 / 2'),
    ("LOSS_IS_ROOT", 'c["loss"] = c["loss_data"] + c["loss_reg"]',
     'c["loss_data"] = c["loss_data"].sqrt(); c["loss"] = c["loss_data"] + c["loss_reg"]'),
    ("L2_HALVED", 'config.get("lam_" + name, 0.0) * (value**2)', 'config.get("lam_" + name, 0.0) * (value**2 / 2)'),
    ("FM_HALF_MISSING", "0.5 * (by_row(E, row_of) ** 2 - by_row(E**2, row_of))",
     "by_row(E, row_of) ** 2 - by_row(E**2, row_of)"),
]  # fmt: skip
CHOSEN = WRITTEN[:: 1 if os.environ.get("CONFORMANCE_LONG") else 4]
DETACHED = (SOFTMAX, SOFTMAX + ".detach()")


def everything(name):
    return True


def predictions_and_gradients(name):
    return name == "y_hat" or name.startswith("g_")


def predictions(name):
    return name == "y_hat"


def port(old, new):
    """The port with an edit, as a module."""
    text = PORT.read_text()
    assert text.count(old) == 1, old
    spec = importlib.util.spec_from_loader("port", loader=None)
    module = importlib.util.module_from_spec(spec)
    exec(compile(text.replace(old, new), "port_torch.py", "exec"), module.__dict__)
    return module


def report(module, chosen):
    torch = module.torch
    cases = {}
    for path in sorted((kit.HERE / "cases").glob("*.json")):
        values = module.run(json.loads(path.read_text()), torch.float64)
        cases[path.stem] = {full: value for full, value in values.items() if chosen(full.rpartition("/")[2])}
    return check_results(Results(cases={case: values for case, values in cases.items() if values}))


@pytest.mark.parametrize("mistake, old, new", CHOSEN, ids=[mistake for mistake, _, _ in CHOSEN])
def test_the_first_name_is_right(mistake, old, new):
    pytest.importorskip("torch")
    module = port(old, new)
    assert mistake in report(module, everything).named[0]
    for chosen in (predictions_and_gradients, predictions):
        found = report(module, chosen)
        assert found.counts["failed"] and mistake in found.named[0], str(found)


def test_a_detached_attention_is_named():
    pytest.importorskip("torch")
    for chosen in (everything, predictions_and_gradients):
        assert report(port(*DETACHED), chosen).names == ["ATTENTION_CUT"]
