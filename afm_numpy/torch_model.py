"""FM and AFM as a PyTorch module, for the day when one machine or NumPy is not enough. Needs the extra `torch`.

Parameters move here and back without loss, so a model can start in NumPy, train on many processes, and return. Nothing
else in the package imports this module or PyTorch.
"""

import gc

import numpy as np
import torch
from torch import distributed
from torch.nn.parallel import DistributedDataParallel

from ._checks import check_kind, check_size
from ._types import Array, Loss, Params
from .batch import Batch, slot_pairs
from .models import Model
from .params import check_params
from .train.checks import training_rows

__all__ = ["TorchModel", "fit"]


class TorchModel(torch.nn.Module):
    """The forward pass of `fm.py` and `afm.py`; PyTorch derives the backward pass.

    Parameters
    ----------
    model : Model
        Kind and attention; the engine does not matter.
    params : dict of arrays
        NumPy parameters of that model. They are copied, in their dtype.
    """

    def __init__(self, model: Model, params: Params) -> None:
        super().__init__()
        check_kind("model", model, Model, "a Model")
        check_params(params, model.shapes)
        self.model = model
        for name in model.shapes:
            value = torch.tensor(params[name])
            if name == "pairs":
                self.register_buffer(name, value)
            else:
                self.register_parameter(name, torch.nn.Parameter(value))

    def numpy(self) -> Params:
        """The parameters as NumPy arrays, for `Model.forward`, `saving.save` and all else."""
        return {name: getattr(self, name).detach().cpu().numpy().copy() for name in self.model.shapes}

    def forward(self, idx: torch.Tensor, x: torch.Tensor) -> torch.Tensor:
        """y_hat (B,) of padded rows: idx (B, m) and x (B, m), as in `Batch`."""
        linear = self.w0 + (self.w[idx] * x).sum(1)
        E = self.V[idx] * x[:, :, None]                                         # (B, m, k)
        if self.model.kind == "fm":
            return linear + 0.5 * (E.sum(1) ** 2 - (E**2).sum(1)).sum(1)
        i, j = (torch.tensor(side, device=idx.device) for side in slot_pairs(idx.shape[1]))
        M = E[:, i] * E[:, j]                                                   # (B, P, k)
        present = x != 0
        a = self.attention(M, idx[:, i], idx[:, j], present[:, i] & present[:, j])
        return linear + torch.einsum("bp,bpk->bk", a, M) @ self.p

    def attention(
        self, M: torch.Tensor, first: torch.Tensor, second: torch.Tensor, mask: torch.Tensor
    ) -> torch.Tensor:
        """a (B, P), in the five ways of `attention.py`."""
        match self.model.attention:
            case "sum":
                return mask.to(M.dtype)
            case "uniform":
                return mask / mask.sum(1, keepdim=True).clamp(min=1).to(M.dtype)
            case "field":
                return mask * self.field
            case "free":
                n = len(self.w)
                key = torch.minimum(first, second) * n + torch.maximum(first, second)
                table = self.pairs[:, 0] * n + self.pairs[:, 1]
                at = torch.searchsorted(table, key).clamp(max=len(table) - 1)
                return mask * torch.where(table[at] == key, self.free[at], torch.ones_like(self.free[:1]))
            case _:
                scores = torch.relu(M @ self.W + self.b) @ self.h
                some = mask.any(1, keepdim=True)                                # a row without a pair: all zero
                scores = scores.masked_fill(~mask & some, -torch.inf)
                return torch.softmax(scores, dim=1) * mask


def fit(
    module: TorchModel, batch: Batch, y: Array, *, loss: Loss = "squared", lr: float = 0.05, epochs: int = 1,
    batch_size: int = 512, seed: int = 0,
) -> list[float]:  # fmt: skip
    """Train with Adagrad on the module's device; under `torch.distributed` a process takes its share of every batch.

    The result is that of one process, up to rounding: a batch is the same rows however many processes share it.

    Returns
    -------
    list of float
        The mean loss of each epoch, over all processes.

    Raises
    ------
    ValueError
        For an unknown loss, and targets that do not fit it or the rows.
    """
    check_size("epochs", epochs)
    check_size("batch_size", batch_size)
    batch, y = training_rows(module.model, module.numpy(), batch, y, loss)
    rank, world = (distributed.get_rank(), distributed.get_world_size()) if distributed.is_initialized() else (0, 1)
    forward = DistributedDataParallel(module) if world > 1 else module
    kind = {"dtype": module.V.dtype, "device": module.V.device}
    idx, x, y = torch.tensor(batch.idx, device=module.V.device), torch.tensor(batch.x, **kind), torch.tensor(y, **kind)
    optimizer = torch.optim.Adagrad(module.parameters(), lr=lr, initial_accumulator_value=1e-8, eps=1e-10)
    rng, history = np.random.default_rng(seed), []
    for _ in range(epochs):
        order, total = rng.permutation(len(y)), torch.zeros((), **kind)
        for at in range(0, len(y), batch_size):
            rows = order[at : at + batch_size]
            mine = torch.tensor(rows[rank::world], device=module.V.device)
            y_hat = forward(idx[mine], x[mine])
            if loss == "squared":
                value = ((y_hat - y[mine]) ** 2).sum()
            else:
                value = torch.nn.functional.binary_cross_entropy_with_logits(y_hat, y[mine], reduction="sum")
            optimizer.zero_grad()
            (value * world / len(rows)).backward()                              # processes are averaged
            optimizer.step()
            total += value.detach()
        if world > 1:
            distributed.all_reduce(total)
        history.append(float(total) / len(y))
    if world > 1:
        distributed.barrier()
        del forward
        gc.collect()                                    # a DistributedDataParallel must not outlive the group
    return history
