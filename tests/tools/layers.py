"""Layers as people write them, each with its backward pass and with mistakes that people make.

A layer is a function of a generator that gives inputs and (forward, backward): `forward(q)` is the output for a dict q
of inputs, `backward(q, dout, wrong)` the gradients by name. `wrong` names a mistake of this layer, or is "".
"""

import numpy as np

from afm_numpy import Batch, afm, fm


def sigmoid(z):
    return 1 / (1 + np.exp(-z))


def relu(z):
    return np.where(z.real > 0, z, 0)


def softmax(s):
    e = np.exp(s - s.real.max(axis=-1, keepdims=True))
    return e / e.sum(axis=-1, keepdims=True)


def softmax_back(p, dp, wrong=""):
    return p * (1 - p) * dp if wrong == "own term only" else p * (dp - (p * dp).sum(axis=-1, keepdims=True))


def linear(rng):
    q = {"x": rng.normal(size=(4, 3)), "W": rng.normal(size=(3, 5)), "b": rng.normal(size=5)}

    def backward(q, d, wrong):
        db = d[0] if wrong == "bias not summed" else d.sum(0)
        return {"x": d @ q["W"].T, "W": q["x"].T @ d / (4 if wrong == "mean for sum" else 1), "b": db}

    return q, lambda q: q["x"] @ q["W"] + q["b"], backward, ("bias not summed", "mean for sum")


def softmax_layer(rng):
    return ({"s": rng.normal(size=(3, 5))}, lambda q: softmax(q["s"]),
            lambda q, d, wrong: {"s": softmax_back(softmax(q["s"]), d, wrong)}, ("own term only",))  # fmt: skip


def cross_entropy(rng):
    y = rng.integers(0, 5, 4)

    def forward(q):
        top = q["s"].real.max(axis=1)
        return np.log(np.exp(q["s"] - top[:, None]).sum(1)) + top - q["s"][np.arange(4), y]

    def backward(q, d, wrong):
        ds = softmax(q["s"])
        if wrong != "target not subtracted":
            ds[np.arange(4), y] -= 1
        return {"s": ds * d[:, None]}

    return {"s": rng.normal(size=(4, 5))}, forward, backward, ("target not subtracted",)


def logsumexp(rng):
    def forward(q):
        top = q["s"].real.max(axis=1)
        return np.log(np.exp(q["s"] - top[:, None]).sum(1)) + top

    return ({"s": rng.normal(size=(4, 5))}, forward,
            lambda q, d, wrong: {"s": softmax(q["s"] * (2 if wrong == "other temperature" else 1)) * d[:, None]},
            ("other temperature",))  # fmt: skip


def binary_cross_entropy(rng):
    y = rng.integers(0, 2, 6).astype(float)
    return ({"z": rng.normal(size=6)}, lambda q: np.log(1 + np.exp(q["z"])) - y * q["z"],
            lambda q, d, wrong: {"z": d * ((1 if wrong == "flipped targets" else 0) - y + sigmoid(q["z"]) * (
                -1 if wrong == "flipped targets" else 1))}, ("flipped targets",))  # fmt: skip


def normalisation(axis):
    def layer(rng):
        q = {"x": rng.normal(1, 2, size=(6, 4)), "gamma": rng.normal(1, 0.5, size=4), "beta": rng.normal(size=4)}

        def forward(q):
            c = q["x"] - q["x"].mean(axis, keepdims=True)
            return q["gamma"] * c / np.sqrt((c**2).mean(axis, keepdims=True)) + q["beta"]

        def backward(q, d, wrong):
            c = q["x"] - q["x"].mean(axis, keepdims=True)
            sd = np.sqrt((c**2).mean(axis, keepdims=True))
            h, dh, other = c / sd, d * q["gamma"], 1 - axis if wrong == "wrong axis" else axis
            dx = dh - dh.mean(other, keepdims=True) - h * (dh * h).mean(other, keepdims=True)
            dx = dh - dh.mean(axis, keepdims=True) if wrong == "variance a constant" else dx
            return {"x": dx / sd, "gamma": (d * h).sum(0), "beta": d.sum(0)}

        return q, forward, backward, ("wrong axis", "variance a constant")

    return layer


def attention(rng):
    q = {name: rng.normal(size=(5, 4)) for name in "QKV"}

    def forward(q):
        return softmax(q["Q"] @ q["K"].T / 2) @ q["V"]

    def backward(q, d, wrong):
        a = softmax(q["Q"] @ q["K"].T / 2)
        ds = softmax_back(a, d @ q["V"].T, wrong) / (1 if wrong == "missing factor" else 2)
        dK = (ds if wrong == "transposed" else ds.T) @ q["Q"]
        return {"Q": ds @ q["K"], "K": dK, "V": a.T @ d}

    return q, forward, backward, ("own term only", "missing factor", "transposed")


def lstm(rng):
    q = {"x": rng.normal(size=(3, 4)), "h": rng.normal(size=(3, 2)), "c": rng.normal(size=(3, 2)),
         "W": rng.normal(size=(4, 8)), "U": rng.normal(size=(2, 8)), "b": rng.normal(size=8)}  # fmt: skip

    def gates(q):
        z = q["x"] @ q["W"] + q["h"] @ q["U"] + q["b"]
        i, f, o, g = sigmoid(z[:, :2]), sigmoid(z[:, 2:4]), sigmoid(z[:, 4:6]), np.tanh(z[:, 6:])
        return i, f, o, g, f * q["c"] + i * g

    def forward(q):
        *_, o, _, c = gates(q)
        return np.concatenate([o * np.tanh(c), c], axis=1)                  # two outputs side by side

    def backward(q, d, wrong):
        i, f, o, g, c = gates(q)
        dh, dc = d[:, :2], d[:, 2:]
        dc = dc + (0 if wrong == "path through h" else dh * o * (1 - np.tanh(c) ** 2))
        dz = np.concatenate([dc * g * i * (1 - i), dc * q["c"] * f * (1 - f), dh * np.tanh(c) * o * (1 - o),
                             dc * i * (1 - (g if wrong == "tanh not squared" else g**2))], axis=1)  # fmt: skip
        return {"x": dz @ q["W"].T, "h": dz @ q["U"].T, "c": dc * f, "W": q["x"].T @ dz, "U": q["h"].T @ dz,
                "b": dz.sum(0)}  # fmt: skip

    return q, forward, backward, ("path through h", "tanh not squared")


def convolution(rng):
    q = {"x": rng.normal(size=(2, 3, 6, 5)), "w": rng.normal(size=(4, 3, 3, 2)), "b": rng.normal(size=4)}

    def forward(q):
        patches = np.lib.stride_tricks.sliding_window_view(q["x"], (3, 2), axis=(2, 3))
        return np.einsum("ncijuv,ocuv->noij", patches, q["w"]) + q["b"][:, None, None]

    def backward(q, d, wrong):
        patches = np.lib.stride_tricks.sliding_window_view(q["x"], (3, 2), axis=(2, 3))
        dx = np.zeros_like(q["x"])
        w = q["w"][:, :, ::-1, ::-1] if wrong == "flipped kernel" else q["w"]
        for u in range(3):
            for v in range(2):
                dx[:, :, u : u + 4, v : v + 4] += np.einsum("noij,oc->ncij", d, w[:, :, u, v])
        return {"x": dx, "w": np.einsum("ncijuv,noij->ocuv", patches, d), "b": d.sum((0, 2, 3))}

    return q, forward, backward, ("flipped kernel",)


def embedding(rng):
    ids = np.array([[0, 3, 3], [5, 0, 3]])

    def backward(q, d, wrong):
        dV = np.zeros_like(q["V"])
        if wrong == "repeats overwrite":
            dV[ids] = d * q["a"][..., None]
        else:
            np.add.at(dV, ids, d * q["a"][..., None])
        return {"V": dV, "a": (d * q["V"][ids]).sum(-1)}

    return ({"V": rng.normal(size=(7, 4)), "a": rng.normal(size=(2, 3))}, lambda q: q["V"][ids] * q["a"][..., None],
            backward, ("repeats overwrite",))  # fmt: skip


def mlp(offset=None):
    """ReLU between two linear maps; `offset` puts one pre-activation at this distance from its kink."""

    def layer(rng):
        q = {"x": rng.normal(size=(4, 3)), "W": rng.normal(size=(3, 6)), "b": rng.normal(size=6),
             "U": rng.normal(size=(6, 2))}  # fmt: skip
        if offset is not None:
            q["b"][2] -= (q["x"] @ q["W"] + q["b"])[1, 2] - offset

        def backward(q, d, wrong):
            z = q["x"] @ q["W"] + q["b"]
            dz = d @ q["U"].T * (1 if wrong == "missing gate" else z > 0)
            return {"x": dz @ q["W"].T, "W": q["x"].T @ dz, "b": dz.sum(0), "U": relu(z).T @ d}

        return q, lambda q: relu(q["x"] @ q["W"] + q["b"]) @ q["U"], backward, ("missing gate",)

    return layer


def max_pooling(tie=False):
    def layer(rng):
        x = rng.normal(size=(3, 8))
        if tie:
            x[0, :2] = 3.0

        def forward(q):
            pairs = q["x"].reshape(3, 4, 2)
            return np.where(pairs[..., 0].real >= pairs[..., 1].real, pairs[..., 0], pairs[..., 1])

        def backward(q, d, wrong):
            pairs = q["x"].reshape(3, 4, 2)
            first = pairs[..., 0] >= pairs[..., 1]
            first = ~first if wrong == "the other one" else first
            return {"x": np.stack([d * first, d * ~first], axis=-1).reshape(3, 8)}

        return {"x": x}, forward, backward, ("the other one",)

    return layer


def cosine(rng):
    q = {"u": rng.normal(size=(4, 3)), "v": rng.normal(size=(4, 3))}

    def parts(q):
        nu, nv = np.sqrt((q["u"] ** 2).sum(1)), np.sqrt((q["v"] ** 2).sum(1))
        return (q["u"] * q["v"]).sum(1) / (nu * nv), nu, nv

    def backward(q, d, wrong):
        c, nu, nv = (part[:, None] for part in parts(q))
        keep = 0 if wrong == "length a constant" else 1
        du = q["v"] / (nu * nv) - keep * c * q["u"] / nu**2
        return {"u": d[:, None] * du, "v": d[:, None] * (q["u"] / (nu * nv) - keep * c * q["v"] / nv**2)}

    return q, lambda q: parts(q)[0], backward, ("length a constant",)


def gelu(rng):
    a = np.sqrt(2 / np.pi)

    def backward(q, d, wrong):
        z = q["z"]
        t = np.tanh(a * (z + 0.044715 * z**3))
        inner = a * (1 + (1 if wrong == "power forgotten" else 3) * 0.044715 * z**2)
        return {"z": d * ((1 + t) / 2 + z / 2 * (1 - t**2) * inner)}

    return ({"z": rng.normal(size=(3, 4))},
            lambda q: q["z"] / 2 * (1 + np.tanh(a * (q["z"] + 0.044715 * q["z"] ** 3))), backward,
            ("power forgotten",))  # fmt: skip


def factorization_machine(model, **options):
    def layer(rng):
        batch = Batch.from_lists([[0, 3, 5], [1, 3], [2, 4, 6, 0]], [rng.normal(1, 0.3, k) for k in (3, 2, 4)], n=7)
        size = {"w0": (), "w": 7, "V": (7, 3), "p": 3, "W": (3, 2), "b": 2, "h": 2}
        names = ("w0", "w", "V") if model is fm else size
        q = {name: np.asarray(rng.normal(size=size[name])) for name in names}

        def backward(q, d, wrong):
            grads = model.backward(d, model.forward(q, batch)[1])
            return {name: grads[name].to_dense(7) if hasattr(grads[name], "to_dense") else grads[name] for name in q}

        return q, lambda q: model.forward(q, batch)[0], backward, ()

    return layer


B, P, K, T = 3, 6, 5, 2                                     # rows, pairs, factors, attention size


def attention_scores(seed=0, scale=1.0):
    """Scores, softmax and a random upstream gradient: f(params), params, and backward(gate, jacobian)."""
    rng = np.random.default_rng(seed)
    M, da = rng.normal(size=(B, P, K)), rng.normal(size=(B, P))
    params = {"W": scale * rng.normal(size=(K, T)), "b": scale * rng.normal(size=T), "h": scale * rng.normal(size=T)}

    def forward(q):
        Z = M @ q["W"] + q["b"]
        R = np.where(Z.real > 0, Z, 0)
        s = R @ q["h"]
        e = np.exp(s - s.real.max(axis=1, keepdims=True))
        return Z, R, e / e.sum(axis=1, keepdims=True)

    def f(q):
        return (da * forward(q)[2]).sum()

    def backward(gate=True, diagonal=False, da=da):
        Z, R, a = forward(params)
        ds = a * (1 - a) * da if diagonal else a * (da - (a * da).sum(axis=1, keepdims=True))
        dZ = ds[:, :, None] * params["h"] * ((Z > 0) if gate else 1.0)
        return {"W": np.einsum("bpk,bpt->kt", M, dZ), "b": dZ.sum((0, 1)), "h": np.einsum("bp,bpt->t", ds, R)}

    return f, params, backward, lambda q: forward(q)[0] > 0, forward


LAYERS = {
    "linear": linear, "softmax": softmax_layer, "cross-entropy": cross_entropy, "logsumexp": logsumexp,
    "binary cross-entropy": binary_cross_entropy, "layer norm": normalisation(1), "batch norm": normalisation(0),
    "attention": attention, "LSTM step": lstm, "convolution": convolution, "embedding": embedding, "MLP": mlp(),
    "max pooling": max_pooling(), "cosine": cosine, "GELU": gelu, "FM": factorization_machine(fm),
    "AFM": factorization_machine(afm),
}  # fmt: skip
AT_ANY_SIZE = {"linear", "layer norm", "batch norm", "convolution", "embedding", "MLP", "max pooling", "cosine", "FM"}
NEAR = {f"MLP, {c:.0e} from a kink": mlp(c) for c in (1e-3, 1e-6, 1e-9, -1e-6)}
AT = {"MLP, at a kink": mlp(0.0), "max pooling, a tie": max_pooling(tie=True)}
