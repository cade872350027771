"""Five modules built as public libraries build theirs, each checked in at most ten statements."""

import numpy as np
import pytest

from afm_numpy.conformance.check_torch import check_torch

torch = pytest.importorskip("torch")
nn, F = torch.nn, torch.nn.functional
N, K, T, DIMS = 7, 2, 5, [2, 3, 2]
OFFSETS = torch.tensor([0, 2, 5])
FIRST, SECOND = torch.triu_indices(3, 3, 1)


def parameter(*shape):
    return nn.Parameter(torch.randn(shape))


class LikeDeepCTR(nn.Module):
    """A table for each field, raw parameters, one bias; the loss is a sum."""

    def __init__(self):
        super().__init__()
        self.linear = nn.ModuleList(nn.Embedding(size, 1) for size in DIMS)
        self.tables = nn.ModuleList(nn.Embedding(size, K) for size in DIMS)
        self.W, self.b, self.h, self.p, self.bias = (
            parameter(*shape) for shape in ((K, T), (T, 1), (T, 1), (K, 1), (1, 1))
        )

    def forward(self, ids):
        local = ids - OFFSETS
        E = torch.stack([table(local[:, f]) for f, table in enumerate(self.tables)], dim=1)
        M = E[:, FIRST] * E[:, SECOND]
        a = torch.softmax(torch.relu(M @ self.W + self.b[:, 0]) @ self.h, dim=1)
        linear = sum(table(local[:, f]) for f, table in enumerate(self.linear))
        return (linear + (a * M).sum(dim=1) @ self.p + self.bias).squeeze(1), a


class LikePytorchFM(nn.Module):
    """One table for all fields, nn.Linear throughout, two biases too many, the sigmoid in the model."""

    def __init__(self):
        super().__init__()
        self.embedding, self.fc_linear, self.bias = nn.Embedding(N, K), nn.Embedding(N, 1), parameter(1)
        self.attention, self.projection, self.fc = nn.Linear(K, T), nn.Linear(T, 1), nn.Linear(K, 1)

    def forward(self, ids):
        E = self.embedding(ids)
        M = E[:, FIRST] * E[:, SECOND]
        a = torch.softmax(self.projection(torch.relu(self.attention(M))), dim=1)
        x = self.fc_linear(ids).sum(dim=1) + self.bias + self.fc((a * M).sum(dim=1))
        return torch.sigmoid(x.squeeze(1))


class LikeRecBole(nn.Module):
    """The attention has no bias b."""

    def __init__(self):
        super().__init__()
        self.table, self.first, self.bias = nn.Embedding(N, K), nn.Embedding(N, 1), parameter(1)
        self.w, self.h, self.p = nn.Linear(K, T, bias=False), parameter(T), parameter(K)
        self.dropout = nn.Dropout(0.5)

    def forward(self, ids):
        E = self.table(ids)
        M = E[:, FIRST] * E[:, SECOND]
        a = torch.softmax((torch.relu(self.w(M)) * self.h).sum(dim=-1), dim=1)
        pooled = self.dropout((a[:, :, None] * M).sum(dim=1))
        return (self.first(ids).sum(dim=1) + self.bias + (pooled * self.p).sum(dim=1, keepdim=True)).squeeze(-1)


class LikeFuxiCTR(nn.Module):
    """Values x; without attention the projection p is left out as well."""

    def __init__(self, config):
        super().__init__()
        n, k = config["n"], config["k"]
        self.table, self.lr, self.p = nn.Embedding(n, k), parameter(n), nn.Linear(k, 1)

    def forward(self, ids, x):
        E = self.table(ids) * x[:, :, None]
        pooled = (E.sum(dim=1) ** 2 - (E**2).sum(dim=1)) / 2
        return (self.lr[ids] * x).sum(dim=1) + pooled.sum(dim=1) + self.p.bias


class LikeTorchRechub(nn.Module):
    """Pairs are summed before the attention; the linear part is a dense layer on the embeddings; a sigmoid ends it."""

    def __init__(self):
        super().__init__()
        self.table, self.linear = nn.Embedding(N, K), nn.Linear(3 * K, 1)
        self.attention, self.h, self.p = nn.Linear(K, T), parameter(T, 1), parameter(K, 1)

    def forward(self, ids):
        E = self.table(ids)
        summed = ((E.sum(dim=1) ** 2 - (E**2).sum(dim=1)) / 2)[:, None]
        a = torch.softmax(torch.relu(self.attention(summed)) @ self.h, dim=1)
        return torch.sigmoid(self.linear(E.flatten(1)) + (a * summed).sum(dim=1) @ self.p).squeeze(1)


def test_as_deepctr_torch():
    fields = range(3)
    names = {"w0": "bias", "w": [f"linear.{f}.weight" for f in fields], "V": [f"tables.{f}.weight" for f in fields],
             "W": "W", "b": "b", "h": (["h"], "flat"), "p": "p"}  # fmt: skip
    model = LikeDeepCTR()
    assert check_torch(model, names, LikeDeepCTR.forward).counts["failed"] == 0
    report = check_torch(model, names, LikeDeepCTR.forward, loss=lambda y_hat, y, config: ((y_hat - y) ** 2).sum(),
                         cases=["51"])  # fmt: skip
    assert report.names == ["MEAN_IS_SUM"], str(report)


PYTORCH_FM = {"w0": "bias", "w": "fc_linear.weight", "V": "embedding.weight", "W": ("attention.weight", "T"),
              "b": "attention.bias", "h": "projection.weight", "p": "fc.weight"}  # fmt: skip
HOLD = ["projection.bias", "fc.bias"]


def test_as_pytorch_fm():
    report = check_torch(LikePytorchFM(), PYTORCH_FM, lambda model, ids: model(ids), hold=HOLD)
    assert report.names[0] == "SIGMOID_IN_MODEL", str(report)
    before = check_torch(LikePytorchFM(), PYTORCH_FM, lambda model, ids: torch.logit(model(ids)), hold=HOLD,
                         optimizer=optimizer)  # fmt: skip
    assert before.ok and before.counts["passed"] == 3, str(before)


def optimizer(parameters, config):
    if config["optimizer"] == "sgd":
        return torch.optim.SGD(parameters, lr=config["lr"], momentum=config.get("momentum", 0))
    if config["optimizer"] == "adagrad":
        initial = config["initial"]
        return torch.optim.Adagrad(parameters, config["lr"], initial_accumulator_value=initial, eps=config["eps"])
    return torch.optim.Adam(parameters, config["lr"], betas=(config["beta1"], config["beta2"]), eps=config["eps"])


def test_as_recbole():
    names = {"w0": "bias", "w": "first.weight", "V": "table.weight", "W": ("w.weight", "T"), "h": "h", "p": "p"}
    report = check_torch(LikeRecBole(), names, lambda model, ids: model(ids), one_row=True, optimizer=optimizer)
    assert report.names[0] == "BIAS_MISSING", str(report)


def test_as_fuxictr():
    names = {"w0": ("p.bias", "scalar"), "w": "lr", "V": "table.weight", "p": "p.weight"}
    report = check_torch(LikeFuxiCTR, names, lambda model, ids, x: model(ids, x), one_row=True)
    assert report.names[0] == "P_MISSING", str(report)


def test_as_torch_rechub():
    names = {"V": "table.weight", "W": ("attention.weight", "T"), "b": "attention.bias", "h": "h", "p": "p",
             "w0": "linear.bias"}  # fmt: skip
    report = check_torch(LikeTorchRechub(), names, lambda model, ids: torch.logit(model(ids)), hold=["linear.weight"])
    assert report.names[0] == "SOFTMAX_OF_ONE" and "LINEAR_MISSING" in report.names, str(report)


def test_the_module_is_put_back():
    model = LikeRecBole()
    model.norm = nn.BatchNorm1d(2, affine=False)  # buffers, of real and of whole numbers
    model.h.data = model.h.data.half()  # parameters of different precision
    model.w.weight.requires_grad_(False)
    model.p.grad = torch.ones(K)
    before = {name: value.clone() for name, value in model.state_dict().items()}
    names = {"w0": "bias", "w": "first.weight", "V": "table.weight", "W": ("w.weight", "T"), "h": "h", "p": "p"}
    with pytest.raises(RuntimeError, match="stop"):
        check_torch(model, names, lambda model, ids: (_ for _ in ()).throw(RuntimeError("stop")))
    for name, value in model.state_dict().items():
        assert value.dtype == before[name].dtype and torch.equal(value, before[name])
    assert model.training and model.dropout.training and not model.w.weight.requires_grad and model.h.requires_grad
    assert torch.equal(model.p.grad, torch.ones(K)) and model.h.grad is None


def test_what_is_refused():
    with pytest.raises(ValueError, match="neither in names nor in hold: projection.bias, fc.bias"):
        check_torch(LikePytorchFM(), PYTORCH_FM, lambda model, ids: model(ids))
    with pytest.raises(ValueError, match="no parameter nowhere"):
        check_torch(LikePytorchFM(), {**PYTORCH_FM, "b": "nowhere"}, lambda model, ids: model(ids), hold=HOLD)
    with pytest.raises(ValueError, match="W is .2, 5. in the kit, .5, 2. in the module: write .name, .T.."):
        check_torch(LikePytorchFM(), {**PYTORCH_FM, "W": "attention.weight"}, lambda model, ids: model(ids), hold=HOLD)
    with pytest.raises(ValueError, match="no case fits"):
        check_torch(LikePytorchFM(), PYTORCH_FM, lambda model, ids: model(ids), hold=HOLD, cases=["01"])
    assert np.isfinite(LikePytorchFM().bias.item())
