"""Settings at their best: each model and each number of factors searched by itself, on validation rows, to the end.

    python tests/tools/search.py app-log results.jsonl                     hours: all models at k = 16, 64 and 256
    python tests/tools/search.py adult results.jsonl --models FM AFM       some of them
    python tests/tools/search.py app-log results.jsonl --table             the best settings, as far as they are known

From a start that is known to work, one setting after the other takes the best of a few values (`GRID`), twice around;
what was best stays. Every run goes on until `patience` epochs bring nothing new, so that no model is judged half
trained: the table marks a run whose best epoch is among its last. The best settings are trained again with three
seeds, and only these runs look at the test rows. Every finished run is a line of the file; a run that stands there is
not made again, so the search can be stopped and continued.
"""

import argparse
import json
import time
from pathlib import Path

import numpy as np

from afm_numpy import Model, metrics, optim, recipes, train
from afm_numpy.commands.bench import make_rows
from afm_numpy.recipes import Recipe

MODELS = {"FM": Model("fm"), "uniform": Model("afm", "uniform"), "AFM": Model("afm")}
SEEDS = (1, 2, 3)
GRID = {
    "app-log": {
        "lr": (0.005, 0.01, 0.02, 0.05, 0.1), "l2_V": (3e-5, 1e-4, 3e-4, 1e-3), "keep": (0.2, 0.3, 0.5, 0.7, 0.9),
        "l2_w": (1e-4, 3e-4, 1e-3),
        "std": (0.003, 0.01, 0.03, 0.1), "scope": ("table", "touched"),
    },
    "adult": {
        "lr": (0.5, 1.0, 2.0), "l2_V": (1e-6, 1e-5, 1e-4), "keep": (0.5, 0.7, 0.9, 1.0), "l2_w": (1e-6, 1e-5, 1e-4),
        "std": (0.01, 0.03, 0.1), "optimizer": ("adam", "adagrad"), "scope": ("touched", "table"),
    },
}  # fmt: skip  # of L2: half a square, beside the mean loss; on Adult lr is a factor of 0.002 (Adam) or 0.03 (Adagrad)
START = {
    "app-log": {"lr": 0.05, "l2_V": 3e-5, "keep": 0.7, "l2_w": 1e-4, "std": 0.03, "scope": "table"},
    "adult": {"lr": 1.0, "l2_V": 1e-5, "keep": 0.9, "l2_w": 1e-5, "std": 0.03, "optimizer": "adam", "scope": "touched"},
}
FACTORS = {"app-log": (16, 64, 256), "adult": (8, 16)}


def parts(data):
    """Rows to fit, to choose and to test, each (Batch, y)."""
    if data == "adult":
        return recipes.adult_parts(seed=0)[:3]
    batch, y = make_rows(67_722)
    batch = batch.astype(np.float32)
    cuts = slice(0, 52_000), slice(52_000, 57_722), slice(57_722, None)
    return [(batch[cut], y[cut]) for cut in cuts]


def recipe(data, name, k, s):
    """The settings as a recipe."""
    size = 1024 if data == "app-log" else 512
    half = size / 2 if data == "app-log" else 1 / 2             # of the sum of the losses, or of their mean
    options = {
        "l2": {"V": s["l2_V"] * half, "w": s["l2_w"] * half}, "l2_scope": s["scope"], "keep": {"pooled": s["keep"]},
    }  # fmt: skip
    if data == "app-log":
        goal, optimizer = train.Objective("squared", reduction="sum", **options), optim.Adagrad(s["lr"])
    else:
        goal = train.Objective("logistic", **options)
        optimizer = {"adam": optim.Adam(0.002 * s["lr"]), "adagrad": optim.Adagrad(0.03 * s["lr"])}[s["optimizer"]]
    start = {"k": k, "std": s["std"]} | ({"t": 16} if name == "AFM" else {})
    fit = {"optimizer": optimizer, "batch_size": size, "epochs": 400}
    return Recipe(MODELS[name], start, goal, fit, {"patience": 10, "warn": False})


class Runs:
    """The finished runs in a file, and new ones."""

    def __init__(self, path, data):
        self.path, self.data, self.parts = path, data, None
        lines = path.read_text(encoding="utf-8").splitlines() if path.exists() else []
        self.known = {self.key(run): run for run in map(json.loads, lines) if run["data"] == data}

    @staticmethod
    def key(run):
        return json.dumps([run["model"], run["k"], run["seed"], run["settings"]], sort_keys=True)

    def __call__(self, name, k, settings, seed=0):
        run = {"data": self.data, "model": name, "k": k, "seed": seed, "settings": settings}
        if self.key(run) not in self.known:
            self.parts = self.parts or parts(self.data)
            start, chosen = time.perf_counter(), recipe(self.data, name, k, settings)
            try:
                result = recipes.run(chosen, *self.parts[:2], seed=seed)
            except train.Diverged:
                run |= {"valid": None, "best": 0, "epochs": 0, "seconds": time.perf_counter() - start}
            else:
                run |= {
                    "valid": min(row["valid_loss"] for row in result.history), "best": result.best_epoch,
                    "epochs": len(result.history), "seconds": round(time.perf_counter() - start, 1),
                }  # fmt: skip
                if seed in SEEDS:
                    run["test"] = scores(self.data, chosen.model, result.params, *self.parts[2])
            with open(self.path, "a", encoding="utf-8") as file:
                file.write(json.dumps(run) + "\n")
            self.known[self.key(run)] = run
        return self.known[self.key(run)]


def scores(data, model, params, batch, y):
    """Log loss and AUC, or RMSE; predictions of -1 or 1 are clipped to that range, as everywhere for this data."""
    y_hat = train.predict(model, params, batch)
    if data == "adult":
        return {"log_loss": float(metrics.log_loss(y, y_hat)), "auc": float(metrics.auc(y, y_hat))}
    return {"rmse": float(metrics.rmse(y, np.clip(y_hat, -1, 1)))}


def search(runs, name, k, rounds=2, start=None):
    """The best settings: one after the other takes the best of its values."""
    best = dict(start or START[runs.data])
    for _ in range(rounds):
        before = dict(best)
        for setting, values in GRID[runs.data].items():
            tried = {value: runs(name, k, best | {setting: value})["valid"] for value in values}
            best[setting] = min((value for value in values if tried[value] is not None), key=tried.get)
        if best == before:
            break
    return best


def table(runs):
    """One line for each model and k: settings, validation loss, best epoch of all, and test rows of three seeds."""
    lines = []
    for name in MODELS:
        for k in FACTORS[runs.data]:
            here = [run for run in runs.known.values() if (run["model"], run["k"]) == (name, k) and run["valid"]]
            if not here:
                continue
            best = min((run for run in here if run["seed"] == 0), key=lambda run: run["valid"])
            again = [run for run in here if run["seed"] and run["settings"] == best["settings"]]
            last = " (among the last)" if best["best"] > 390 else ""
            line = f"{name} k = {k}: {best['settings']}, valid {best['valid']:.4f}, epoch {best['best']}{last}"
            for score in again[0]["test"] if again else ():
                values = [run["test"][score] for run in again]
                spread = np.std(values, ddof=1) if len(values) > 1 else 0
                line += f", test {score} {np.mean(values):.4f} +- {spread:.4f}"
            lines.append(line + (f", epochs {[run['best'] for run in again]}" if again else ""))
    return "\n".join(lines)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("data", choices=GRID)
    parser.add_argument("results", type=Path)
    parser.add_argument("--models", nargs="+", choices=MODELS, default=list(MODELS))
    parser.add_argument("--k", nargs="+", type=int)
    parser.add_argument("--rounds", type=int, default=2)
    parser.add_argument("--table", action="store_true", help="search nothing, print what is known")
    options = parser.parse_args()
    runs = Runs(options.results, options.data)
    if not options.table:
        for name in options.models:
            best = None                              # the next number of factors starts where the last one ended
            for k in options.k or FACTORS[options.data]:
                best = search(runs, name, k, options.rounds if best is None else 1, best)
                for seed in SEEDS:
                    runs(name, k, best, seed)
    print(table(runs))


if __name__ == "__main__":
    main()
