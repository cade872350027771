"""Checking a PyTorch model: it is given the kit's parameters and rows, and its answers are checked as a port's."""

import contextlib
import inspect
import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

from . import kit
from .literal import Trace
from .literal.numbers import Case, shape_of
from .report import Report, check_results
from .results import Results, shaped

Place = str | Sequence[str] | tuple[Any, str]  # where a parameter is, and how it is seen


def check_torch(
    model: Any, names: Mapping[str, Place], forward: Callable[..., Any], *, hold: Sequence[str] = (),
    one_row: bool = False, attention: str | None = None, loss: Callable[..., Any] | None = None,
    optimizer: Callable[..., Any] | None = None, cases: Sequence[str] | None = None,
) -> Report:  # fmt: skip
    """Check a PyTorch model against the kit: predictions, loss, gradients by autograd, optimizer steps, attention.

    The model is evaluated in float64 and in evaluation mode, on the cases whose sizes and features it can have. The
    others are skipped, and the report says why. The module's numbers, mode and dtype are put back.

    Parameters
    ----------
    model : torch.nn.Module, or a function
        A module of the sizes of the kit's cases of fixed fields (three fields of 2, 3 and 2 ids, n = 7, k = 2, t = 5),
        or of another case. Or a function that makes a module for a case's `config`.
    names : dict
        Parameter of the kit (w0, w, V, p, W, b, h) to the name of the module's parameter. A list of names is a table in
        parts, such as one embedding for each field. (name, "T") is transposed; "flat" and "scalar" say that the shape
        differs. A parameter that the model lacks is left out.
    forward : callable
        forward(module, ids) or forward(module, ids, x) returns y_hat, or (y_hat, attention). ids and x are (B, m). With
        one_row they are (1, number of features): repeated ids are summed and zeros dropped.
    hold : sequence of str
        Parameters of the module that are held at zero, such as a second bias. All others must be in `names`.
    one_row : bool
        Call `forward` on one row at a time: for models that can have rows of any length.
    attention : str, optional
        "network" if `names` has W, else "sum" if it has p; without either the model is an FM.
    loss : callable, optional
        loss(y_hat, y, config) of the data; otherwise PyTorch's of the raw y_hat, as SPEC.md has it.
    optimizer : callable, optional
        optimizer(parameters, config) returns a torch optimizer with the settings of a case, or None.
    cases : sequence of str, optional
        Only these cases.

    Returns
    -------
    Report
        `print` tells what is wrong; `.names[0]` is the likeliest mistake, the first in the calculation.

    Raises
    ------
    ValueError
        When a parameter of the module is neither in `names` nor in `hold`, or no case fits.
    """
    import torch

    mode = attention or ("network" if "W" in names else "sum" if "p" in names else None)
    takes_x = len(inspect.signature(forward).parameters) > 2
    found: dict[str, Any] = {}
    skipped: dict[str, str] = {}
    chosen = [kit.load_case(case) for case in cases] if cases else list(kit.load_cases().values())
    for case in chosen:
        config = case["config"]
        reason = unfit(case, mode, one_row, takes_x, optimizer is not None)
        module = None if reason else model if isinstance(model, torch.nn.Module) else model(config)
        if module is not None:
            reason = why_not(module, names, hold, case)
        if reason:
            skipped[case["id"]] = reason
            continue
        with evaluated(module, hold):
            found[case["id"]] = steps(module, case, names, forward, one_row, takes_x, loss, optimizer)
    if not found:
        raise ValueError(f"no case fits the model; {next(iter(skipped))} is left out because it {skipped.popitem()[1]}")
    return check_results(Results(cases=found, skipped=skipped), [case["id"] for case in chosen])


def unfit(case: Case, mode: str | None, one_row: bool, takes_x: bool, steps: bool) -> str:
    """Why a case is nothing for a model of this kind, or nothing."""
    config = case["config"]
    if config["model"] != ("afm" if mode else "fm") or config.get("attention") != mode:
        return "is of another model: " + " ".join([config["model"], config.get("attention", "")]).strip()
    if any(word.startswith(("l2", "dropout", "text")) for word in case["requires"]):
        return "has L2, dropout or text, which this check leaves out"
    if not one_row and "field_dims" not in config:
        return "has no fixed fields"
    if not takes_x and any(x != 1 for step in range(len(case["batches"])) for x in Trace(case, step)["active_x"]):
        return "has values x"
    return "needs an optimizer" if "optimizer" in config and not steps else ""


def parts(module: Any, place: Place) -> tuple[list[Any], str]:
    """The module's tensors behind a parameter of the kit, and how they are seen."""
    view = ""
    if isinstance(place, tuple):
        place, view = place[0], place[1]
    own = dict(module.named_parameters())
    names = [place] if isinstance(place, str) else list(place)
    lost = [name for name in names if name not in own]
    if lost:
        raise ValueError(f"the module has no parameter {lost[0]}; it has {', '.join(own)}")
    return [own[name] for name in names], view


def why_not(module: Any, names: Mapping[str, Place], hold: Sequence[str], case: Case) -> str:
    """Refuse a mapping that leaves parameters out; say why a case has no room in the module, or nothing."""
    used = {id(tensor) for place in [*names.values(), *hold] for tensor in parts(module, place)[0]}
    left = [name for name, tensor in module.named_parameters() if id(tensor) not in used]
    if left:
        raise ValueError(f"parameters that are neither in names nor in hold: {', '.join(left)}")
    for name, place in names.items():
        (first, *more), view = parts(module, place)
        mine, want = sum(tensor.numel() for tensor in (first, *more)), shape_of(case["params"][name])
        if mine != math.prod(want):
            return f"has {math.prod(want)} numbers in {name}, the module has {mine}"
        if not view and len(want) == 2 and want != want[::-1] == tuple(first.shape):
            raise ValueError(f'{name} is {want} in the kit, {want[::-1]} in the module: write (name, "T")')
    return ""


@contextlib.contextmanager
def evaluated(module: Any, hold: Sequence[str]) -> Iterator[None]:
    """The module in float64 and evaluation mode, with some parameters at zero; afterwards all is as before."""
    import torch

    state = [(tensor, tensor.detach().clone(), tensor.requires_grad, tensor.grad) for tensor in module.parameters()]
    modes = [(part, part.training, dict(part._buffers)) for part in module.modules()]
    module.zero_grad(set_to_none=True)
    try:
        module.double().eval()
        with torch.no_grad():
            for name in hold:
                for tensor in parts(module, name)[0]:
                    tensor.zero_().requires_grad_(False)
        yield
    finally:
        module.zero_grad(set_to_none=True)
        for tensor, value, trained, grad in state:
            tensor.data = value
            tensor.requires_grad_(trained).grad = grad
        for part, training, buffers in modes:
            part.training = training
            part._buffers.update(buffers)


def seen(tensors: list[Any], view: str, shape: tuple[int, ...]) -> Any:
    """Tensors of the module as one tensor of the kit."""
    import torch

    whole = torch.cat([tensor.reshape(-1) for tensor in tensors]) if len(tensors) > 1 else tensors[0]
    return (whole.T if view == "T" else whole).reshape(shape).detach().clone()


def put(tensors: list[Any], view: str, value: Any) -> None:
    """Write a tensor of the kit into the module."""
    flat, at = (value.T if view == "T" else value).reshape(-1), 0
    for tensor in tensors:
        tensor.data.copy_(flat[at : at + tensor.numel()].reshape(tensor.shape))
        at += tensor.numel()


def steps(
    module: Any, case: Case, names: Mapping[str, Place], forward: Any, one_row: bool, takes_x: bool, loss: Any,
    make: Any,
) -> dict[str, Any]:
    """What the module gives for a case, by the names of the kit."""
    import torch

    values: dict[str, Any] = {}
    config, places = case["config"], {name: parts(module, place) for name, place in names.items()}
    wanted = {name: torch.tensor(case["params"][name], dtype=torch.float64) for name in names}
    for name, (tensors, view) in places.items():
        put(tensors, view, wanted[name])
    trained = [tensor for tensors, _ in places.values() for tensor in tensors]
    optimizer = make(trained, config) if make and "optimizer" in config else None
    for step in range(len(case["batches"]) if optimizer or "optimizer" not in config else 1):
        trace, here = Trace(case, step), kit.prefix(case, step)
        y_hat, attention = predictions(module, trace, forward, one_row, takes_x)
        y = torch.tensor(trace["y"], dtype=torch.float64)
        total = (loss or data_loss)(y_hat, y, config)
        for tensor in trained:
            tensor.grad = None
        total.backward()
        out = {"y_hat": y_hat, "loss": total, "loss_data": total}
        if attention is not None:
            out["attn"] = attention
        for name, (tensors, view) in places.items():
            grads = [torch.zeros_like(tensor) if tensor.grad is None else tensor.grad for tensor in tensors]
            out["g_" + name] = seen(grads, view, wanted[name].shape)
        if optimizer:
            optimizer.step()
            out.update({"new_" + n: seen(tensors, view, wanted[n].shape) for n, (tensors, view) in places.items()})
        values.update({here + name: as_data(value) for name, value in out.items() if here + name in case["expect"]})
    return values


def as_data(value: Any) -> Any:
    """A tensor with its shape, as the result files have it."""
    return shaped(value.detach().double().reshape(-1).tolist(), list(value.shape), "a tensor")


def predictions(module: Any, trace: Trace, forward: Any, one_row: bool, takes_x: bool) -> tuple[Any, Any]:
    """y_hat of the batch, and the attention of its pairs if the user's function returns it."""
    import torch

    ptr, rows, weights = trace["active_ptr"], [], []
    ids, x = torch.tensor(trace["active_ids"]).long(), torch.tensor(trace["active_x"], dtype=torch.float64)
    ends = list(zip(ptr, ptr[1:], strict=False))
    batch = [(ids[s:e][None], x[s:e][None]) for s, e in ends]
    for row_ids, row_x in batch if one_row else [(ids.reshape(len(ends), -1), x.reshape(len(ends), -1))]:
        answer = forward(module, row_ids, row_x) if takes_x else forward(module, row_ids)
        answer, weight = answer if isinstance(answer, tuple) else (answer, None)
        rows.append(answer.reshape(-1) if one_row else answer)
        weights += [weight.reshape(-1)] if weight is not None else []
    return (torch.cat(rows) if one_row else rows[0]), torch.cat(weights) if len(weights) == len(rows) else None


def data_loss(y_hat: Any, y: Any, config: dict[str, Any]) -> Any:
    """The loss of SPEC.md, section 6, of raw predictions."""
    from torch.nn import functional

    which = functional.mse_loss if config["loss"] == "squared" else functional.binary_cross_entropy_with_logits
    return which(y_hat, y.reshape(y_hat.shape), reduction=config["reduction"])
