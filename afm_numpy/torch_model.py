"""FM and AFM as a PyTorch module, for the day when one machine or NumPy is not enough. Needs the extra `torch`.

Parameters move here and back without loss, so a model can start in NumPy, train on many processes, and return:

    torchrun --nproc_per_node 2 -m afm_numpy.torch_model rows.libfm --init model.npz --out model.npz

The processes take a GPU each where PyTorch finds enough of them, else the CPU. Nothing else in the package imports
this module or PyTorch.
"""

import argparse
import gc
import os
import sys

import numpy as np
import torch
from torch import distributed
from torch.nn.parallel import DistributedDataParallel

from . import saving
from ._files import check_output
from ._types import Array, Loss, Params
from .batch import Batch, slot_pairs
from .commands.cli import words
from .commands.options import check_inputs, labels, load_model, parser, positive, positive_float, seed
from .datasets.libfm import load_part, make_form
from .models import Model

__all__ = ["TorchModel", "fit", "main"]


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
    """
    rank, world = (distributed.get_rank(), distributed.get_world_size()) if distributed.is_initialized() else (0, 1)
    forward = DistributedDataParallel(module) if world > 1 else module
    kind = {"dtype": module.V.dtype, "device": module.V.device}
    idx, x, y = torch.tensor(batch.idx, device=module.V.device), torch.tensor(batch.x, **kind), torch.tensor(y, **kind)
    optimizer = torch.optim.Adagrad(module.parameters(), lr=lr, initial_accumulator_value=1e-8, eps=1e-10)
    rng, history = np.random.default_rng(seed), []
    for _ in range(epochs):
        order, total = rng.permutation(len(y)), torch.zeros((), device=module.V.device)
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
    return history


def main(argv: list[str] | None = None) -> int:
    """The command that `torchrun` starts in every process; returns the exit status."""
    options = parser("torch", "Train FM or AFM with PyTorch, on as many processes as torchrun starts.")
    options.prog = "afm_numpy.torch_model"
    add = options.add_argument
    add("data", metavar="DATA", help="training rows as libFM/libsvm text")
    add("--init", required=True, metavar="MODEL", help="a model that `afm-numpy train` wrote")
    add("--out", required=True, metavar="MODEL", help="file for the trained model")
    add("--lr", type=positive_float, default=0.05, help="learning rate of Adagrad (default: %(default)s)")
    add("--epochs", type=positive, default=1, help="(default: %(default)s)")
    add("--batch-size", type=positive, default=512, help="rows of all processes together (default: %(default)s)")
    add("--seed", type=seed, default=0, help="of the order of the rows (default: %(default)s)")
    args = options.parse_args(argv)
    try:
        return _train(args)
    except (ValueError, TypeError, OSError) as error:
        print(f"afm_numpy.torch_model: error: {words(error)}", file=sys.stderr)
        return 2


def _train(args: argparse.Namespace) -> int:
    check_inputs(args.init, args.data)
    check_output(args.out, [args.init, args.data])
    local, processes = int(os.environ.get("LOCAL_RANK", 0)), int(os.environ.get("LOCAL_WORLD_SIZE", 1))
    device = torch.device("cuda", local) if torch.cuda.device_count() >= processes else torch.device("cpu")
    if device.type == "cuda":
        torch.cuda.set_device(device)
    if "RANK" in os.environ:                                                    # started by torchrun
        distributed.init_process_group("nccl" if device.type == "cuda" else "gloo")
    try:
        _fit_file(args, device)
        if distributed.is_initialized():
            distributed.barrier()
    finally:
        if distributed.is_initialized():
            gc.collect()                                # a DistributedDataParallel must not outlive the group
            distributed.destroy_process_group()
    return 0


def _fit_file(args: argparse.Namespace, device: torch.device) -> None:
    """Read, train, and in the first process save."""
    saved = load_model(args.init)
    config = {"id_base": 0, "loss": "squared"} | saved.config
    config = {name: config[name] for name in ("id_base", "loss")}
    part = load_part(args.data, make_form(len(saved.params["w"]), None, config["id_base"], np.float64))
    (y,) = labels(config["loss"], (args.data, part.y, part.line))
    module = TorchModel(saved.model, saved.params).to(device)
    settings = {name: getattr(args, name) for name in ("lr", "epochs", "batch_size", "seed")}
    history = fit(module, part.batch, y, loss=config["loss"], **settings)
    if not distributed.is_initialized() or distributed.get_rank() == 0:
        saving.save(args.out, saved.model, module.numpy(), encoder=saved.encoder, config=config)
        shown = ", ".join(f"{value:.6f}" for value in history)
        print(f"{config['loss']} loss of each epoch: {shown}; saved {args.out}")


if __name__ == "__main__":
    sys.exit(main())
