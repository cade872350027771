"""Check a layer: a forward function, and a backward function from the gradient of its outputs to that of its inputs."""

import inspect
from collections.abc import Callable, Iterator, Mapping
from typing import Any, Literal

import numpy as np

from .._checks import check_choice, check_kind
from .checking import check, unmeasured
from .conditions import changes
from .report import Report
from .slopes import SEED, Lost
from .trees import flatten, is_several, read_array, read_grads, read_params


def check_layer(
    forward: Callable[..., Any], backward: Callable[..., Any], inputs: Any, *,
    takes: Literal["cache", "inputs"] = "cache", method: Literal["complex", "central"] | None = None,
    rng: np.random.Generator | None = None, **options: Any,
) -> Report:  # fmt: skip
    """Check the backward pass of a layer, input by input, with a random upstream gradient.

    Parameters
    ----------
    forward : callable
        With ``takes="cache"``: ``forward(*inputs)`` gives ``(out, cache)``. With ``takes="inputs"``: it gives ``out``.
        `out` is an array of any shape, or several in a tuple, list or dict.
    backward : callable
        ``backward(dout, cache)`` or ``backward(dout, *inputs)``; `dout` looks like `out`. It gives a gradient for each
        input in order, or for each input of floats: other inputs have none. Or a dict, by the names of the inputs.
    inputs : tuple or list of arguments, or dict of arguments by keyword, or one array
        Every array of floats needs a gradient. An argument may be a nested container, as in `check`.
    method : {"complex", "central"}, optional
        By default complex, and central where `forward` turns complex numbers into real ones.
    rng : numpy.random.Generator, optional
        Draws the upstream gradient. Without it each call draws the same.
    **options
        `eps`, `rtol`, `full`, `samples`, `directions`, `allow_blind`: as for `check`.

    Returns
    -------
    Report
        As from `check`. A backward function that changes what it was given has the status "mutates", one that does not
        give the same twice "random".

    Examples
    --------
    >>> def forward(x, W):
    ...     y = np.tanh(x @ W)
    ...     return y, (x, W, y)
    >>> def backward(dy, cache):
    ...     x, W, y = cache
    ...     dz = dy * (1 - y**2)
    ...     return dz @ W.T, dz.T @ x  # the second is transposed
    >>> rng = np.random.default_rng(0)
    >>> report = check_layer(forward, backward, (rng.normal(size=(4, 3)), rng.normal(size=(3, 3))))
    >>> bool(report), report["x"].status, report["W"].status
    (False, 'ok', 'error')
    """
    check_choice("takes", takes, ("cache", "inputs"))
    rng = np.random.default_rng(SEED) if rng is None else rng
    check_kind("rng", rng, np.random.Generator, "a numpy.random.Generator")
    named = _named(forward, inputs)
    leaves, build = flatten(named)
    flat = read_params(leaves)

    def given_to(function: Callable[..., Any], *first: Any, q: Any) -> Any:
        return function(*first, **q) if isinstance(inputs, Mapping) else function(*first, *q.values())

    def call(q: Any) -> Any:
        out = given_to(forward, q=q)
        if takes == "cache" and not (isinstance(out, tuple) and len(out) == 2):
            raise TypeError(f"with takes='cache' forward must give a tuple (out, cache), not {type(out).__name__}")
        return out if takes == "cache" else (out, None)

    given = build({name: theta.copy() for name, theta in flat.items()})
    out, cache = call(given)
    shown, build_out = flatten(out, "out")
    outputs = {name: read_array(f"the output {name!r}", leaf) for name, leaf in shown.items()}
    real = {name: leaf for name, leaf in outputs.items() if leaf.dtype.kind in ("f", "c")}
    bad = [name for name, leaf in real.items() if leaf.dtype.kind == "c" or not np.isfinite(leaf).all()]
    if bad or not real:
        found = f"not {bad[0]!r} ({real[bad[0]].dtype})" if bad else "it gave none"
        raise ValueError(f"forward must give finite real floats (of complex numbers, both parts): {found}")
    weights = {name: rng.normal(size=leaf.shape) * (name in real) for name, leaf in outputs.items()}
    dout = build_out({name: np.array(d) for name, d in weights.items()})
    changed, read = changes([{"dout": dout, "cache": cache}, given]), []
    for _ in range(2):
        answer = backward(dout, cache) if takes == "cache" else given_to(backward, dout, q=given)
        answer = flatten(_by_name(answer, named, flat))[0]
        read.append(read_grads(answer, flat)[0])
    first, second = read
    if touched := [name for name, _ in changed()]:
        note = f"backward changes the array {touched[0]!r} that it was given: let it work on a copy"
        return unmeasured(method or "complex", first, "mutates", note)
    if not all(np.array_equal(g, second[name], equal_nan=True) for name, g in first.items()):
        note = "two calls of backward with the same numbers differ: let it draw nothing, and change or add to nothing"
        return unmeasured(method or "complex", first, "random", note)

    def f(q: Any) -> Any:
        outputs = flatten(call(build(q))[0], "out")[0]
        return sum((weights[name] * np.asarray(outputs[name])).sum() for name in outputs if name in real)

    try:
        return check(f, flat, answer, method=method or "complex", rng=rng, **options)
    except Lost:
        if method:
            raise
        return check(f, flat, answer, method="central", rng=rng, **options)


def _named(forward: Callable[..., Any], inputs: Any) -> dict[str, Any]:
    """The inputs by the names that forward has for them."""
    if isinstance(inputs, Mapping):
        return dict(inputs)
    values = inputs if is_several(inputs) else [inputs]
    try:
        kinds = inspect.signature(forward).parameters.values()
    except (TypeError, ValueError):                            # of a function of NumPy
        kinds = {}.values()
    names = [kind.name for kind in kinds if kind.kind is not kind.VAR_POSITIONAL]
    return {names[i] if i < len(names) else f"input {i}": value for i, value in enumerate(values)}


def _by_name(answer: Any, named: dict[str, Any], flat: Any) -> dict[str, Any]:
    """What backward gave, by the names of the inputs."""
    if isinstance(answer, Mapping) and set(answer) <= set(named):
        return dict(answer)
    answer = tuple(answer) if isinstance(answer, Iterator) else answer
    floats = [name for name in named if any(flat[leaf].dtype.kind == "f" for leaf in flatten({name: named[name]})[0])]
    parts = answer if is_several(answer) else [answer]
    for names in (list(named), floats):
        if len(parts) == len(names):
            return {name: parts[i] for i, name in enumerate(names)}
    found = ", ".join(map(str, answer)) if isinstance(answer, Mapping) else f"{len(parts)}"
    found += ". If an input needs none, let a lambda hand it over"
    raise ValueError(f"backward must give a gradient for each of {', '.join(floats)}; it gave {found}")
