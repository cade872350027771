"""One step of SGD with momentum, Adagrad and Adam.

An optimizer is its settings and a formula for one array. `step` applies it to all parameters, in place. A
RowGrad moves the rows that it names and nothing else, neither other rows nor their state:

- Adagrad: the same as the dense step, because a zero gradient changes nothing.
- SGD with momentum, and Adam: *lazy*. A dense step would go on moving rows that the batch does not touch, by
  their old momentum, and would let their moments decay; the lazy step leaves them as they are. Adam's bias
  correction counts all steps, for all rows.
"""

from collections.abc import Callable
from dataclasses import dataclass, fields
from typing import Any, ClassVar, TypeAlias

import numpy as np
from scipy import special

from ._checks import array, check_choice, check_kind, check_number, check_size
from ._types import Array, Grads, Params
from .rowgrad import RowGrad, check_rows

__all__ = ["OPTIMIZERS", "SGD", "Adagrad", "Adam", "Optimizer", "check_state", "get", "init", "step"]

BLOCK = 1 << 15  # numbers of a RowGrad that are moved at a time: few enough for the processor's cache

State: TypeAlias = dict[str, Any]  # "step", and for each parameter the arrays that its optimizer keeps

_POSITIVE = "a number above 0", lambda value: value > 0
_DECAY = "at least 0 and below 1", lambda value: 0 <= value < 1
_RANGES: dict[str, tuple[str, Callable[[Any], bool]]] = {
    "lr": _POSITIVE, "eps": _POSITIVE, "momentum": _DECAY, "beta1": _DECAY, "beta2": _DECAY,
    "initial": ("a number of at least 0", lambda value: value >= 0),
}  # fmt: skip


@dataclass(frozen=True)
class _Checked:
    """Settings in their ranges."""

    def __post_init__(self) -> None:
        for field in fields(self):
            check_number(f"{type(self).__name__}: {field.name}", getattr(self, field.name), *_RANGES[field.name])


@dataclass(frozen=True)
class SGD(_Checked):
    """v = momentum v + g;  theta -= lr v.

    Parameters
    ----------
    lr : float
        Learning rate.
    momentum : float
        In [0, 1).
    """

    lr: float = 0.05
    momentum: float = 0.0
    start: ClassVar[dict[str, float]] = {"v": 0.0}

    def move(self, g: Array, state: dict[str, Array], t: int) -> Array:
        """What to subtract from theta. Updates `state` in place."""
        v = state["v"]
        v *= self.momentum
        v += g
        return self.lr * v


@dataclass(frozen=True)
class Adagrad(_Checked):
    """acc += g^2;  theta -= lr g / (sqrt(acc) + eps).

    Parameters
    ----------
    lr : float
        Learning rate.
    initial : float
        First value of acc. Public code differs: 0 (PyTorch), 1e-8 (the AFM authors), 0.1 (TensorFlow, Keras).
    eps : float
        Added outside the root.
    """

    lr: float = 0.05
    initial: float = 1e-8
    eps: float = 1e-10

    @property
    def start(self) -> dict[str, float]:
        return {"acc": self.initial}

    def move(self, g: Array, state: dict[str, Array], t: int) -> Array:
        """What to subtract from theta. Updates `state` in place."""
        acc = state["acc"]
        acc += g * g
        return self.lr * g / (np.sqrt(acc) + self.eps)


@dataclass(frozen=True)
class Adam(_Checked):
    """m = b1 m + (1 - b1) g;  v = b2 v + (1 - b2) g^2;  theta -= lr m' / (sqrt(v') + eps).

    m' = m / (1 - b1^t) and v' = v / (1 - b2^t) are the moments without the bias of their start at 0
    (Kingma and Ba, ICLR 2015).

    Parameters
    ----------
    lr : float
        Learning rate.
    beta1, beta2 : float
        In [0, 1).
    eps : float
        Added outside the root.
    """

    lr: float = 0.001
    beta1: float = 0.9
    beta2: float = 0.999
    eps: float = 1e-8
    start: ClassVar[dict[str, float]] = {"m": 0.0, "v": 0.0}

    def move(self, g: Array, state: dict[str, Array], t: int) -> Array:
        """What to subtract from theta at step t = 1, 2, ... Updates `state` in place."""
        m, v = state["m"], state["v"]
        m *= self.beta1
        m += (1 - self.beta1) * g
        v *= self.beta2
        v += (1 - self.beta2) * (g * g)
        m_hat = m / _one_minus_power(self.beta1, t)
        v_hat = v / _one_minus_power(self.beta2, t)
        return self.lr * m_hat / (np.sqrt(v_hat) + self.eps)


def _one_minus_power(beta: float, t: int) -> float:
    """1 - beta^t, as -(exp(t log beta) - 1): beta close to 1 costs no digits."""
    return float(-special.expm1(special.xlogy(t, beta)))


Optimizer: TypeAlias = SGD | Adagrad | Adam
_AN_OPTIMIZER = "an optimizer, such as optim.Adagrad(lr=0.05)"
OPTIMIZERS: dict[str, type[Optimizer]] = {"sgd": SGD, "adagrad": Adagrad, "adam": Adam}


def get(optimizer: str | Optimizer, **settings: float) -> Optimizer:
    """An optimizer by name, or the optimizer itself.

    Examples
    --------
    >>> get("sgd", lr=0.1)
    SGD(lr=0.1, momentum=0.0)
    """
    if isinstance(optimizer, Optimizer):
        if settings:
            raise TypeError(f"settings go with a name; {optimizer} has its own")
        return optimizer
    check_kind("optimizer", optimizer, str, f"{_AN_OPTIMIZER}, or a name")
    check_choice("optimizer", optimizer, OPTIMIZERS)
    return OPTIMIZERS[optimizer](**settings)


def init(optimizer: Optimizer, params: Params) -> State:
    """State before the first step: the step count, and for each parameter its arrays, such as acc of Adagrad.

    Examples
    --------
    >>> init(Adagrad(initial=0.1), {"b": np.zeros(2)})
    {'step': 0, 'b': {'acc': array([0.1, 0.1])}}
    """
    check_kind("optimizer", optimizer, _Checked, _AN_OPTIMIZER)
    check_kind("params", params, dict, "a dict of arrays")
    state: State = {"step": 0}
    for name, theta in params.items():
        check_kind(f"params[{name!r}]", theta, (np.ndarray, np.generic), "an array")
        if theta.dtype.kind == "f":
            state[name] = {slot: np.full_like(theta, value) for slot, value in optimizer.start.items()}
    return state


def step(optimizer: Optimizer, params: Params, grads: Grads, state: State, *, checked: bool = False) -> None:
    """One step for every parameter that has a gradient. Writes into the arrays of `params` and `state`.

    Parameters
    ----------
    optimizer : SGD, Adagrad or Adam
    params : dict of str to array
    grads : dict of str to array or RowGrad
        Repeated ids are summed already; a RowGrad moves only the rows it names.
    state : dict
        From `init`, or from the step before.
    checked : bool
        True says that all fits together, as in training: its gradients are our own, and it has compared the state with
        the parameters before the first step. Then nothing is looked at.

    Raises
    ------
    ValueError, TypeError
        For a gradient of another shape than its parameter, or with masks, NaN or infinity; for a gradient or a
        parameter that is not of float32 or float64; for read-only arrays, and for a state of another optimizer.
        Nothing has moved then.

    Examples
    --------
    >>> params = {"w": np.zeros(3)}
    >>> optimizer = SGD(lr=0.1)
    >>> step(optimizer, params, {"w": RowGrad(np.array([1]), np.array([5.0]))}, init(optimizer, params))
    >>> params["w"].tolist()
    [0.0, -0.5, 0.0]
    """
    if not checked:
        check_kind("optimizer", optimizer, _Checked, _AN_OPTIMIZER)
        check_kind("grads", grads, dict, "a dict of arrays and RowGrads")
        check_size("the step of the state", state.get("step"), least=0)
        grads = {name: _checked(optimizer, name, grad, params, state) for name, grad in grads.items()}
    state["step"] += 1
    for name, grad in grads.items():
        theta, slots = params[name], state[name]
        if isinstance(grad, RowGrad):
            a_block = max(1, BLOCK // max(1, theta[:1].size))
            for at in range(0, grad.rows.size, a_block):
                rows, g = (part[at : at + a_block] for part in grad)
                touched = {slot: value.take(rows, axis=0) for slot, value in slots.items()}
                moved = theta.take(rows, axis=0)
                moved -= optimizer.move(g, touched, state["step"])
                theta[rows] = moved
                for slot, value in touched.items():
                    slots[slot][rows] = value
        else:
            theta[...] -= optimizer.move(grad, slots, state["step"])


# ---- what is refused -----------------------------------------------------------------------------------


def check_state(optimizer: Optimizer, name: str, theta: Array, slots: dict[str, Array]) -> None:
    """Refuse the state of one parameter when another optimizer made it, or when it is for another array."""
    check_kind(f"the state of {name}", slots, dict, "a dict of arrays")
    arrays = {slot: value for slot, value in slots.items() if isinstance(value, np.ndarray)}
    wanted = dict.fromkeys(optimizer.start, theta)
    found, want = ({slot: f"{a.dtype} {a.shape}" for slot, a in one.items()} for one in (arrays, wanted))
    if found != want or len(slots) > len(arrays):
        made = f"{type(optimizer).__name__} makes {want}"
        raise ValueError(f"the state of {name} does not fit: it holds {found}, {made}".replace("'", ""))


def _checked(optimizer: Optimizer, name: str, grad: Any, params: Params, state: State) -> Array | RowGrad:
    """The gradient, with arrays for its values. Refuses what cannot move its parameter."""
    theta: Any = array(params[name]) if isinstance(params.get(name), np.ndarray) else params.get(name)
    if name in params and (not isinstance(theta, np.ndarray) or theta.dtype not in (np.float32, np.float64)):
        raise TypeError(f"params[{name!r}] must be an array of floats to be moved; got {theta!r:.60}")
    for whose, names in (("params", params), ("state", state)):
        if name not in names:
            raise ValueError(f"{whose} has no {name!r}, which has a gradient; it has {', '.join(names)}")
    values, want = grad, theta.shape
    if isinstance(grad, RowGrad):
        rows, values = grad
        check_rows(rows, len(theta) if theta.ndim else 0, f"the gradient of {name}")
        want = (rows.size, *theta.shape[1:])
    if (found := np.shape(values)) != want:
        raise ValueError(f"the gradient of {name} has shape {found}; want {want}")
    check_state(optimizer, name, theta, state[name])
    if not all(kept.flags.writeable for kept in (theta, *state[name].values())):
        raise ValueError(f"{name} or its state is a read-only array; give a copy of it")
    values = array(values)
    if values.dtype not in (np.float32, np.float64):         # g * g would wrap or overflow
        raise TypeError(f"the gradient of {name} must be float32 or float64; got {values.dtype}")
    if not np.isfinite(values).all():
        raise ValueError(f"the gradient of {name} has a number that is NaN or infinite")
    return RowGrad(grad.rows, values) if isinstance(grad, RowGrad) else values
