"""What the files of readers' answers share: a place to put answers, and pieces that several exercises need."""

import numpy as np

from afm_numpy import losses


def book():
    """RIGHT and WRONG, lists of answers by the number of the exercise, and what puts an answer into them."""
    right, wrong = {}, {}

    def put_right(number, answer):
        right.setdefault(number, []).append(answer)

    def put_wrong(number, hint, answer):
        wrong.setdefault(number, []).append((answer, hint))

    return right, wrong, put_right, put_wrong


sig = losses.sigmoid


def at_(shape, idx, value):
    out = np.zeros(shape)
    np.add.at(out, idx, value)
    return out


def sum_at(at, values, size):
    return np.bincount(at.ravel(), values.ravel(), minlength=size)


def sb(da, a):
    return a * (da - (a * da).sum(axis=1, keepdims=True))


def sides(to_first, to_second):
    """The gradient of E from what each pair sends to its first and to its second slot: functions of dM, e_i and e_j."""

    def dE_of(dM, E, i, j):
        dE = np.zeros_like(E)
        np.add.at(dE, (slice(None), i), to_first(dM, E[:, i], E[:, j]))
        np.add.at(dE, (slice(None), j), to_second(dM, E[:, i], E[:, j]))
        return dE

    return dE_of


both_sides = sides(lambda dM, e_i, e_j: dM * e_j, lambda dM, e_i, e_j: dM * e_i)
one_side = sides(lambda dM, e_i, e_j: dM * e_j, lambda dM, e_i, e_j: 0 * dM)
own_sides = sides(lambda dM, e_i, e_j: dM * e_i, lambda dM, e_i, e_j: dM * e_j)
bare_sides = sides(lambda dM, e_i, e_j: dM, lambda dM, e_i, e_j: dM)


def nb(dh=None, dZ=None, db=None, dW=None):
    def network_backward(ds, M, Z, R, h):
        q = {"dh": dh(ds, Z, R) if dh else np.einsum("bp,bpt->t", ds, R)}
        q["dZ"] = dZ(ds, Z, R, h) if dZ else ds[:, :, None] * h * (Z > 0)
        q["db"] = db(q["dZ"]) if db else q["dZ"].sum(axis=(0, 1))
        q["dW"] = dW(M, q["dZ"]) if dW else np.einsum("bpk,bpt->kt", M, q["dZ"])
        return q

    return network_backward
