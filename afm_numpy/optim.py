"""One step of SGD with momentum, Adagrad and Adam.

An optimizer is its settings and a formula for one array. `step` applies it to all parameters, in place. A
RowGrad moves the rows that it names and nothing else, neither other rows nor their state:

- Adagrad: the same as the dense step, because a zero gradient changes nothing.
- SGD with momentum, and Adam: *lazy*. A dense step would go on moving rows that the batch does not touch, by
  their old momentum, and would let their moments decay; the lazy step leaves them as they are. Adam's bias
  correction counts all steps, for all rows.
"""

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from .rowgrad import RowGrad

__all__ = ["OPTIMIZERS", "SGD", "Adagrad", "Adam", "get", "init", "step"]

BLOCK = 1 << 16  # numbers of a RowGrad that are moved at a time: what a step needs in between stays in a cache


@dataclass(frozen=True)
class SGD:
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
    start: ClassVar = {"v": 0.0}

    def __post_init__(self):
        _check(self, lr=self.lr > 0, momentum=0 <= self.momentum < 1)

    def move(self, g, state, t):
        """What to subtract from theta. Updates `state` in place."""
        v = state["v"]
        v *= self.momentum
        v += g
        return self.lr * v


@dataclass(frozen=True)
class Adagrad:
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
    def start(self):
        return {"acc": self.initial}

    def __post_init__(self):
        _check(self, lr=self.lr > 0, initial=self.initial >= 0, eps=self.eps > 0)

    def move(self, g, state, t):
        """What to subtract from theta. Updates `state` in place."""
        acc = state["acc"]
        acc += g * g
        return self.lr * g / (np.sqrt(acc) + self.eps)


@dataclass(frozen=True)
class Adam:
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
    start: ClassVar = {"m": 0.0, "v": 0.0}

    def __post_init__(self):
        _check(self, lr=self.lr > 0, beta1=0 <= self.beta1 < 1, beta2=0 <= self.beta2 < 1, eps=self.eps > 0)

    def move(self, g, state, t):
        """What to subtract from theta at step t = 1, 2, ... Updates `state` in place."""
        m, v = state["m"], state["v"]
        m *= self.beta1
        m += (1 - self.beta1) * g
        v *= self.beta2
        v += (1 - self.beta2) * (g * g)
        m_hat = m / (1 - self.beta1**t)
        v_hat = v / (1 - self.beta2**t)
        return self.lr * m_hat / (np.sqrt(v_hat) + self.eps)


OPTIMIZERS = {"sgd": SGD, "adagrad": Adagrad, "adam": Adam}


def get(optimizer, **settings):
    """An optimizer by name, or the optimizer itself.

    Examples
    --------
    >>> get("sgd", lr=0.1)
    SGD(lr=0.1, momentum=0.0)
    """
    if isinstance(optimizer, tuple(OPTIMIZERS.values())):
        if settings:
            raise TypeError(f"settings go with a name; {optimizer} has its own")
        return optimizer
    if optimizer not in OPTIMIZERS:
        raise ValueError(f"unknown optimizer {optimizer!r}; choose from {', '.join(OPTIMIZERS)}")
    return OPTIMIZERS[optimizer](**settings)


def init(optimizer, params):
    """State before the first step: the step count, and for each parameter its arrays, such as acc of Adagrad.

    Examples
    --------
    >>> init(Adagrad(initial=0.1), {"b": np.zeros(2)})
    {'step': 0, 'b': {'acc': array([0.1, 0.1])}}
    """
    state = {"step": 0}
    for name, theta in params.items():
        if theta.dtype.kind == "f":
            state[name] = {slot: np.full_like(theta, value) for slot, value in optimizer.start.items()}
    return state


def step(optimizer, params, grads, state):
    """One step for every parameter that has a gradient. Writes into the arrays of `params` and `state`.

    Parameters
    ----------
    optimizer : SGD, Adagrad or Adam
    params : dict of str to array
    grads : dict of str to array or RowGrad
        Repeated ids are summed already; a RowGrad moves only the rows it names.
    state : dict
        From `init`, or from the step before.

    Examples
    --------
    >>> params = {"w": np.zeros(3)}
    >>> optimizer = SGD(lr=0.1)
    >>> step(optimizer, params, {"w": RowGrad(np.array([1]), np.array([5.0]))}, init(optimizer, params))
    >>> params["w"].tolist()
    [0.0, -0.5, 0.0]
    """
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


def _check(optimizer, **conditions):
    for name, holds in conditions.items():
        if not holds or not np.isfinite(getattr(optimizer, name)):
            raise ValueError(f"{type(optimizer).__name__}: {name} is out of range; got {getattr(optimizer, name)!r}")
