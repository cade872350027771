"""Modules built as public libraries build theirs, each checked in at most ten statements; odd ones; models of JAX."""

import numpy as np
import pytest

from afm_numpy.conformance import check_jax, check_torch

torch = pytest.importorskip("torch")
jax = pytest.importorskip("jax")
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


def test_the_module_is_left_as_it_is():
    model = LikeRecBole()
    model.norm = nn.BatchNorm1d(2, affine=False)  # buffers, of real and of whole numbers
    model.h.data = model.h.data.half()  # parameters of different precision
    model.w.weight.requires_grad_(False)
    model.p.grad = torch.ones(K)
    before = {name: value.clone() for name, value in model.state_dict().items()}
    names = {"w0": "bias", "w": "first.weight", "V": "table.weight", "W": ("w.weight", "T"), "h": "h", "p": "p"}
    check_torch(model, names, lambda model, ids: model(ids), optimizer=optimizer)
    for name, value in model.state_dict().items():
        assert value.dtype == before[name].dtype and torch.equal(value, before[name])
    assert model.training and model.dropout.training and not model.w.weight.requires_grad and model.h.requires_grad
    assert torch.equal(model.p.grad, torch.ones(K)) and model.h.grad is None


class Odd(nn.Module):
    """Parameters with names of their own, in a module below and in a sequence; offsets and pairs are buffers."""

    def __init__(self):
        super().__init__()
        self.emb, self.first, self.head = nn.Embedding(N, K), nn.Embedding(N, 1), nn.Module()
        self.att = nn.Sequential(nn.Linear(K, T), nn.ReLU(), nn.Linear(T, 1, bias=False))
        self.head.p, self.head.bias0 = parameter(K), parameter(1)
        self.register_buffer("pairs", torch.triu_indices(3, 3, 1))
        self.register_buffer("scale", torch.ones(1))

    def forward(self, ids, hidden=lambda R: R, scores=lambda s: s, embedded=lambda E: E):
        E = embedded(self.emb(ids) * self.scale)
        M = E[:, self.pairs[0]] * E[:, self.pairs[1]]
        a = torch.softmax(scores(self.att[2](hidden(self.att[1](self.att[0](M))))), dim=1)
        return self.first(ids).sum(dim=1)[:, 0] + self.head.bias0 + (a * M).sum(dim=1) @ self.head.p


ODD = {"w0": "head.bias0", "w": "first.weight", "V": "emb.weight", "W": ("att.0.weight", "T"), "b": "att.0.bias",
       "h": "att.2.weight", "p": "head.p"}  # fmt: skip


def squared(y_hat, y, config):
    return ((y_hat - y) ** 2).mean()


@pytest.mark.parametrize("first, forward, loss", [
    (None, lambda model, ids: model(ids), None),
    (None, lambda model, ids: model(ids), lambda y_hat, y, config: F.mse_loss(y_hat, y)),
    ("SHAPE_CHANGED", lambda model, ids: model(ids)[:, None], None),
    ("SIGMOID_IN_MODEL", lambda model, ids: torch.sigmoid(model(ids)), None),
    ("SQUARED_HALVED", lambda model, ids: model(ids), lambda *args: squared(*args) / 2),
    ("IDS_SHIFTED", lambda model, ids: model((ids - 1) % N), None),
    ("FIELD_OFFSETS_MISSING", lambda model, ids: model(ids - OFFSETS), None),
    ("HIDDEN_DETACHED", lambda model, ids: model(ids, hidden=lambda R: R.detach()), None),
    ("ATTENTION_CUT", lambda model, ids: model(ids, scores=lambda s: s.detach()), None),
])  # fmt: skip
@pytest.mark.parametrize("half", [False, True])
def test_odd_modules_end_with_the_right_first_name(first, forward, loss, half):
    report = check_torch(Odd().half() if half else Odd(), ODD, forward, loss=loss, cases=["51"])
    assert (first is None) == report.ok and (first is None or first in report.named[0]), str(report)


def test_predictions_and_labels_of_two_shapes():
    report = check_torch(Odd(), ODD, lambda model, ids: model(ids)[:, None], loss=squared, cases=["51"])
    assert set(report.names) == {"SHAPE_CHANGED", "LABELS_BROADCAST"}, str(report)


def test_the_row_of_padding():
    model = Odd()
    model.emb.padding_idx = 0
    report = check_torch(model, ODD, lambda model, ids: model(ids))
    assert report.names == ["PADDING_ROW_NOT_TRAINED"], str(report)


def test_single_precision_inside():
    report = check_torch(Odd(), ODD, lambda model, ids: model(ids, embedded=lambda E: E.float().double()), cases=["51"])
    assert not report.ok and "right in single precision" in str(report)


@pytest.mark.parametrize("message, forward", [
    ("shape .4, 2. for ids of .4, 3.", lambda model, ids: torch.stack([model(ids)] * 2, dim=1)),
    ("do not depend on the parameters", lambda model, ids: Odd().double()(ids) * 0),
    ("do not depend on the parameters", lambda model, ids: model(ids).detach()),
    ("is dropout at work in evaluation", lambda model, ids: model(ids, embedded=F.dropout)),
])  # fmt: skip
def test_what_no_comparison_can_name_is_refused_in_words(message, forward):
    with pytest.raises(ValueError, match=message):
        check_torch(Odd(), ODD, forward)


def test_the_reason_why_no_case_fits_is_the_nearest():
    names = {**ODD, "w0": "head.p", "p": "head.bias0"}
    with pytest.raises(ValueError, match="51-fields-network is left out because it has 1 numbers in w0"):
        check_torch(Odd(), names, lambda model, ids: model(ids), cases=["22", "51"])


def test_a_case_with_no_room_is_nearer_than_one_of_another_kind():
    with pytest.raises(ValueError, match="-fields-.* is left out because it has 7 numbers in w, the module has 8"):
        check_torch(Padded(8), PADDED, lambda model, ids: model(ids + 1))


def test_a_model_that_fails_says_in_which_case():
    with pytest.raises(ValueError, match=r"in case 51-fields-network: index out of range.*takes ids - \[0, 2, 5\]"):
        check_torch(Padded(7), PADDED, lambda model, ids: model(ids + torch.tensor([0, 2, 5])))
    with pytest.raises(ValueError, match="in case 05-empty-and-single: .*; cases= chooses others"):
        check_torch(lambda config: Padded(7, config["t"]), PADDED, lambda model, ids, x: model(ids.reshape(-1)),
                    one_row=True, cases=["05"])  # fmt: skip


def test_id_zero_as_padding():
    report = check_torch(Padded(7), PADDED, lambda model, ids: model(ids))
    assert report.names == ["SOFTMAX_MASKS_ID_ZERO", "PADDING_ROW_NOT_TRAINED"], str(report)


class Padded(torch.nn.Module):
    """Rows of any length, filled up with id 0: its rows of the tables rest, its pairs are masked."""

    def __init__(self, n, t=5):
        super().__init__()
        self.V, self.w = (torch.nn.Embedding(n, size, padding_idx=0) for size in (2, 1))
        self.attention, self.h, self.out = torch.nn.Linear(2, t), torch.nn.Linear(t, 1, False), torch.nn.Linear(2, 1)

    def forward(self, ids):
        i, j = torch.triu_indices(ids.shape[1], ids.shape[1], 1)
        M = self.V(ids)[:, i] * self.V(ids)[:, j]
        scores = self.h(F.relu(self.attention(M)))[:, :, 0]
        a = scores.masked_fill((ids[:, i] == 0) | (ids[:, j] == 0), -1e9).softmax(dim=1)
        return (self.out((a[:, :, None] * M).sum(dim=1)) + self.w(ids).sum(dim=1)).squeeze(1), a


PADDED = {"w0": "out.bias", "w": "w.weight", "V": "V.weight", "W": ("attention.weight", "T"), "b": "attention.bias",
          "h": "h.weight", "p": "out.weight"}  # fmt: skip


# ---- JAX -------------------------------------------------------------------------------------------------------


def in_jax(params, ids, x, scores=lambda s: s):
    """AFM from a tree of parameters, as Flax has them."""
    tree = {"table": params["V"], "attention": {"kernel": params["W"], "bias": params["b"]}, "h": params["h"][:, None]}
    E = tree["table"][ids] * x[:, :, None]
    i, j = np.triu_indices(ids.shape[1], 1)
    M = E[:, i] * E[:, j]
    Z = M @ tree["attention"]["kernel"] + tree["attention"]["bias"]
    a = jax.nn.softmax(scores((jax.nn.relu(Z) @ tree["h"])[:, :, 0]), axis=1)
    pooled = (a[:, :, None] * M).sum(axis=1)
    return params["w0"] + (params["w"][ids] * x).sum(axis=1) + pooled @ params["p"], a


class Descent:
    """SGD in the form of Optax: the state is the velocity."""

    def __init__(self, config):
        self.lr, self.momentum = config["lr"], config.get("momentum", 0.0)

    def init(self, params):
        return {name: value * 0 for name, value in params.items()}

    def update(self, grads, state, params):
        state = {name: self.momentum * state[name] + grads[name] for name in grads}
        return {name: -self.lr * state[name] for name in grads}, state


def only_sgd(config):
    return Descent(config) if config["optimizer"] == "sgd" else None


@pytest.mark.parametrize("one_row, passed", [(True, 17), (False, 3)])
def test_a_right_model_of_jax(one_row, passed):
    report = check_jax(in_jax, one_row=one_row, optimizer=only_sgd)
    assert report.ok and report.counts["passed"] == passed and report.dtype == "float32", str(report)


def test_wrong_models_of_jax():
    report = check_jax(lambda params, ids, x: in_jax(params, ids, x, jax.lax.stop_gradient))
    assert report.names == ["ATTENTION_CUT"], str(report)
    report = check_jax(lambda params, ids, x: in_jax(params, ids, x * 0 + 1), one_row=True)
    assert report.names[0] == "VALUES_IGNORED", str(report)
    report = check_jax(lambda params, ids: params["w0"] + params["w"][ids].sum(axis=1), names=["w0", "w"])
    assert not report.ok
    with pytest.raises(ValueError, match="shape .. for ids of .4, 3."):
        check_jax(lambda params, ids: params["w0"], names=["w0"])


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
