"""What README shows, as a user would type it, for mypy: `mypy --strict` must find nothing wrong with these lines."""

import tempfile
from pathlib import Path

import numpy as np

from afm_numpy import (
    Batch,
    Model,
    afm,
    conformance,
    datasets,
    encode,
    estimators,
    explain,
    fm,
    gradcheck,
    losses,
    metrics,
    optim,
    plots,
    saving,
    train,
)


def ten_lines(rng: np.random.Generator) -> bool:
    batch = Batch.from_lists([[0, 3, 5], [1, 4], [2, 3, 6]], n=7)
    y = np.array([1.0, 0.0, 1.0])
    params = afm.init_params(rng, n=7, m=3, k=4, t=2, std=1.0, dtype=float)
    y_hat, cache = afm.forward(params, batch)
    grads = afm.backward(losses.logistic_backward(y_hat, y), cache)
    print(cache.a.round(3), fm.forward(params, batch)[0].mean())
    report = gradcheck.check(lambda q: losses.logistic_forward(afm.forward(q, batch)[0], y), params, grads)
    print(report["W"].status, report)
    return bool(report)


def trained(rng: np.random.Generator, folder: Path) -> float:
    X, y, truth = datasets.make_interactions(rng, 3000, n_fields=4, loss="logistic")
    model = Model("afm", attention="network")
    start = model.init_params(rng, X, k=4)
    result = train.fit(model, start, X[:2000], y[:2000], rng=rng, loss="logistic", optimizer=optim.Adagrad(lr=0.05))
    saving.save(folder / "model.npz", model, result.params)
    saved = saving.load(folder / "model.npz")
    y_hat = train.predict(saved.model, saved.params, X[2000:])
    return float(metrics.auc(y[2000:], y_hat)) + float(result.history[-1]["loss"])


def estimated() -> float:
    adult = datasets.load_adult()
    encoder = encode.TableEncoder(adult.categorical, adult.continuous, bins=16).fit(adult.train)
    X = encoder.transform(adult.train)
    model = estimators.AFMClassifier(k=8, attention="network", random_state=0).fit(X[:1000], adult.y_train[:1000])
    parts = model.contributions(X[:20])
    mean, count = explain.field_attention(parts)
    print(explain.table(parts, 0, encoder.feature_names()), mean.shape, count.sum())
    plots.contribution_bars(parts, 0).set_title("row 0")
    return model.score(X[:1000], adult.y_train[:1000])


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as folder:
        print(ten_lines(np.random.default_rng(0)), trained(np.random.default_rng(1), Path(folder)))
    print(estimated(), conformance.KIT_VERSION)
