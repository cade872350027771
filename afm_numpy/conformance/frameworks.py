"""Checking a model of PyTorch or JAX: it gets the kit's parameters and rows, and its answers are checked as a port's.

What is needed of the framework is passed as `xp`: torch or jax.numpy, which call the same things by the same names.
"""

import copy
import math
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from inspect import signature
from itertools import accumulate, pairwise
from typing import Any

from . import kit
from .literal import Trace
from .literal.numbers import Case, shape_of
from .report import KitReport, check_results
from .results import Results, shaped

Place = str | Sequence[str] | tuple[Any, str]  # where a parameter is, and how it is seen
Answers = list[dict[str, Any]]  # of every step: what a model gives, by the names of the kit


def check_torch(
    model: Any, names: Mapping[str, Place], forward: Callable[..., Any], *, hold: Sequence[str] = (),
    one_row: bool = False, attention: str | None = None, loss: Callable[..., Any] | None = None,
    optimizer: Callable[..., Any] | None = None, cases: Sequence[str] | None = None,
) -> KitReport:  # fmt: skip
    """Check a PyTorch model against the kit: predictions, loss, gradients by autograd, optimizer steps, attention.

    A copy of the model is evaluated in float64 and in evaluation mode, on the cases whose sizes and features it can
    have. The others are skipped, and the report says why. Left out are L2, dropout and libsvm text.

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
        one_row they are (1, number of features): repeated ids are summed and zeros dropped. `module` is the copy.
    hold : sequence of str
        Parameters of the module that are held at zero, such as a second bias. All others must be in `names`.
    one_row : bool
        Call `forward` on one row at a time: for models that can have rows of any length.
    attention : str, optional
        "network" if `names` has W, else "sum" if it has p; without either the model is an FM.
    loss : callable, optional
        loss(y_hat, y, config) of the data; otherwise that of the raw y_hat, as SPEC.md has it.
    optimizer : callable, optional
        optimizer(parameters, config) returns a torch optimizer with the settings of a case, or None.
    cases : sequence of str, optional
        Only these cases.

    Returns
    -------
    KitReport
        `print` tells what is wrong; `.names[0]` is the likeliest mistake, the first in the calculation.

    Raises
    ------
    ValueError
        When a parameter of the module is neither in `names` nor in `hold`; when the predictions are not one for each
        row, change from call to call, or do not depend on the module that `forward` is given; when no case fits.
    """
    import torch

    def answers(case: Case) -> Answers | str:
        module = copy.deepcopy(model) if isinstance(model, torch.nn.Module) else model(case["config"])
        reason = no_room(module, names, hold, case)
        if reason:
            return reason
        module.double().eval()
        for tensor in parts(module, list(hold))[0]:
            tensor.requires_grad_(False).zero_()
        places = {name: parts(module, place) for name, place in names.items()}
        shapes = {name: shape_of(case["params"][name]) for name in names}
        for name, (tensors, view) in places.items():
            put(tensors, view, torch.asarray(case["params"][name], dtype=torch.float64))
        trained = [tensor for tensors, _ in places.values() for tensor in tensors]
        made = optimizer(trained, case["config"]) if optimizer and "optimizer" in case["config"] else None
        found: Answers = []
        for step in range(len(case["batches"]) if made else 1):
            rows, y = inputs(torch, case, step, one_row, torch.int64, torch.float64)
            y_hat, weights = predictions(torch, partial(forward, module), rows, one_row)
            again, _ = predictions(torch, partial(forward, module), rows, one_row)
            if not torch.equal(y_hat.nan_to_num(), again.nan_to_num()):
                raise ValueError("forward gives other predictions for the same rows: is dropout at work in evaluation?")
            total = (loss or partial(data_loss, torch))(y_hat, y, case["config"])
            module.zero_grad(set_to_none=True)
            if total.requires_grad:
                total.backward()
            if all(tensor.grad is None for tensor in trained):
                raise ValueError("the predictions do not depend on the parameters of the module that forward is given")
            answer = {"y_hat": y_hat, "attn": weights, "loss": total, "loss_data": total}
            for name, (tensors, view) in places.items():
                grads = [torch.zeros_like(tensor) if tensor.grad is None else tensor.grad for tensor in tensors]
                answer["g_" + name] = seen(torch, grads, view, shapes[name])
            if made:
                made.step()
                answer.update({"new_" + name: seen(torch, *place, shapes[name]) for name, place in places.items()})
            found.append({name: value.detach() for name, value in answer.items() if value is not None})
        return found

    return checked(answers, names, forward, attention, one_row, optimizer is not None, cases, "float64")


def check_jax(
    forward: Callable[..., Any], *, names: Sequence[str] = ("w0", "w", "V", "p", "W", "b", "h"), one_row: bool = False,
    attention: str | None = None, loss: Callable[..., Any] | None = None, optimizer: Callable[..., Any] | None = None,
    cases: Sequence[str] | None = None,
) -> KitReport:  # fmt: skip
    """Check a JAX model against the kit, as `check_torch` checks one of PyTorch.

    Parameters
    ----------
    forward : callable
        forward(params, ids) or forward(params, ids, x). `params` is a dict of arrays by the names of the kit: the
        function makes the parameters of the model from it, transposed and reshaped as the model has them.
    names : sequence of str
        The parameters that the model has.
    optimizer : callable, optional
        optimizer(config) returns an optimizer with `init` and `update`, as Optax has them, or None.
    one_row, attention, loss, cases
        As for `check_torch`.

    Returns
    -------
    KitReport
        In float64 if JAX is set to it (`jax_enable_x64`), otherwise in float32.

    Raises
    ------
    ValueError
        When no case fits, or the predictions are not one for each row.
    """
    import jax
    from jax import numpy

    def answers(case: Case) -> Answers:
        params = {name: numpy.asarray(case["params"][name], dtype=float) for name in names}
        made = optimizer(case["config"]) if optimizer and "optimizer" in case["config"] else None
        state, found = made.init(params) if made else None, list[dict[str, Any]]()
        for step in range(len(case["batches"]) if made else 1):
            rows, y = inputs(numpy, case, step, one_row, int, float)

            def objective(params: Any, rows: Any = rows, y: Any = y) -> Any:
                y_hat, weights = predictions(numpy, partial(forward, params), rows, one_row)
                return (loss or partial(data_loss, numpy))(y_hat, y, case["config"]), (y_hat, weights)

            (total, (y_hat, weights)), grads = jax.value_and_grad(objective, has_aux=True)(params)
            answer = {"y_hat": y_hat, "attn": weights, "loss": total, "loss_data": total}
            answer.update({"g_" + name: grad for name, grad in grads.items()})
            if made:
                updates, state = made.update(grads, state, params)
                params = {name: value + updates[name] for name, value in params.items()}
                answer.update({"new_" + name: value for name, value in params.items()})
            found.append({name: value for name, value in answer.items() if value is not None})
        return found

    dtype = "float64" if jax.config.jax_enable_x64 else "float32"
    return checked(answers, names, forward, attention, one_row, optimizer is not None, cases, dtype)


def checked(
    answers: Callable[[Case], Answers | str], names: Any, forward: Callable[..., Any],
    attention: str | None, one_row: bool, steps: bool, cases: Sequence[str] | None, dtype: str,
) -> KitReport:  # fmt: skip
    """The report on the cases that fit; answers(case) gives the model's tensors, or says why there is no room."""
    mode = attention or ("network" if "W" in names else "sum" if "p" in names else None)
    takes_x = len(signature(forward).parameters) > 2
    results = Results(dtype=dtype)
    chosen = [kit.load_case(case) for case in cases] if cases else list(kit.load_cases().values())
    for case in chosen:
        try:
            found = unfit(case, mode, one_row, takes_x, steps) or answers(case)
        except (IndexError, RuntimeError, TypeError) as error:
            starts = list(accumulate(case["config"].get("field_dims", [])[:-1], initial=0))
            own = f"ids count over all fields, so a model that adds offsets takes ids - {starts}"
            own = own if len(starts) > 1 else "cases= chooses others"
            raise ValueError(f"the model fails in case {case['id']}: {error}; {own}") from error
        if isinstance(found, str):
            results.skipped[case["id"]] = found
            continue
        named = {kit.prefix(case, step) + name: z for step, answer in enumerate(found) for name, z in answer.items()}
        results.cases[case["id"]] = {
            name: shaped(z.reshape(-1).tolist(), list(z.shape), name)
            for name, z in named.items()
            if name in case["expect"]
        }
    if not results.cases:
        nearest = ["the module has", "needs an optimizer", "has ", ""]
        name, reason = min(results.skipped.items(), key=lambda item: [word in item[1] for word in nearest].index(True))
        raise ValueError(f"no case fits the model; {name} is left out because it {reason}")
    return check_results(results, [case["id"] for case in chosen])


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


def inputs(xp: Any, case: Case, step: int, one_row: bool, whole: Any, real: Any) -> tuple[list[tuple[Any, Any]], Any]:
    """[(ids, x)] of one row each, or of the batch; and y."""
    trace = Trace(case, step)
    ends = list(pairwise(trace["active_ptr"]))
    ids, x = ([trace[name][start:end] for start, end in ends] for name in ("active_ids", "active_x"))
    groups = [([i], [z]) for i, z in zip(ids, x, strict=True)] if one_row else [(ids, x)]
    y = xp.asarray(trace["y"], dtype=real)
    return [(xp.asarray(i, dtype=whole), xp.asarray(z, dtype=real)) for i, z in groups], y


def predictions(xp: Any, forward: Callable[..., Any], rows: list[tuple[Any, Any]], one_row: bool) -> tuple[Any, Any]:
    """y_hat of the batch, and the attention of its pairs if the user's function returns it."""
    given = [forward(*row[: len(signature(forward).parameters)]) for row in rows]
    both = [answer if isinstance(answer, tuple) else (answer, None) for answer in given]
    for (ids, _), (y_hat, _) in zip(rows, both, strict=True):
        if math.prod(y_hat.shape) != len(ids):
            raise ValueError(f"forward gives predictions of shape {tuple(y_hat.shape)} for ids of {tuple(ids.shape)}")
    weights = [weight.reshape(-1) for _, weight in both if weight is not None]
    y_hat = xp.concatenate([y_hat.reshape(-1) for y_hat, _ in both]) if one_row else both[0][0]
    return y_hat, xp.concatenate(weights) if len(weights) == len(both) else None


def data_loss(xp: Any, y_hat: Any, y: Any, config: dict[str, Any]) -> Any:
    """The loss of SPEC.md, section 6, of raw predictions."""
    y, logistic = y.reshape(y_hat.shape), config["loss"] == "logistic"
    rows = xp.logaddexp((1 - 2 * y) * y_hat, xp.zeros_like(y_hat)) if logistic else (y_hat - y) ** 2
    return rows.mean() if config["reduction"] == "mean" else rows.sum()


# ---- the parameters of a module --------------------------------------------------------------------------------


def parts(module: Any, place: Place) -> tuple[list[Any], str]:
    """The module's tensors behind a parameter of the kit, and how they are seen."""
    place, view = place if isinstance(place, tuple) else (place, "")
    own = dict(module.named_parameters())
    names = [place] if isinstance(place, str) else list(place)
    lost = [name for name in names if name not in own]
    if lost:
        raise ValueError(f"the module has no parameter {lost[0]}; it has {', '.join(own)}")
    return [own[name] for name in names], view


def no_room(module: Any, names: Mapping[str, Place], hold: Sequence[str], case: Case) -> str:
    """Refuse a mapping that leaves parameters out; say why a case has no room in the module, or nothing."""
    used = {id(tensor) for place in [*names.values(), list(hold)] for tensor in parts(module, place)[0]}
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


def seen(torch: Any, tensors: list[Any], view: str, shape: tuple[int, ...]) -> Any:
    """Tensors of the module as one tensor of the kit."""
    whole = torch.cat([tensor.reshape(-1) for tensor in tensors]) if len(tensors) > 1 else tensors[0]
    return (whole.T if view == "T" else whole).reshape(shape).detach().clone()


def put(tensors: list[Any], view: str, value: Any) -> None:
    """Write a tensor of the kit into the module."""
    flat, at = (value.T if view == "T" else value).reshape(-1), 0
    for tensor in tensors:
        tensor.data.copy_(flat[at : at + tensor.numel()].reshape(tensor.shape))
        at += tensor.numel()
