"""Do the claims of the notebooks survive other seeds? Each is a function of a seed; tests/README.md has the table.

    python tests/tools/claims.py run claims.jsonl            all claims, seeds 1 to 20; goes on where it stopped
    python tests/tools/claims.py run claims.jsonl --only 07
    python tests/tools/claims.py run claims.jsonl --fresh    seeds 301 to 320, fixed after the sentences were
    python tests/tools/claims.py table claims.jsonl          the table in Markdown

A claim uses the functions of its notebook as they stand there, so it tests what the reader runs. It returns whether it
holds, and the numbers that decide.
"""

import argparse
import ast
import json
import re
import sys
from collections.abc import Callable
from contextlib import suppress
from functools import cache
from pathlib import Path
from types import SimpleNamespace
from typing import NamedTuple

import numpy as np
from afm_numpy.exercises.exercise import find

from afm_numpy import Model, afm, explain, fm, metrics, optim, recipes, train
from afm_numpy.exercises import story

NOTEBOOKS = Path(__file__).parents[2] / "notebooks"
SEEDS = range(1, 21)                                    # the sentences were set with these in view
FRESH = range(301, 321)                                 # and tried on these afterwards


class Claim(NamedTuple):
    """A sentence, where it stands, and how many of the seeds it is run for."""

    notebook: str
    text: str
    holds: Callable[[int], tuple[bool, dict[str, float]]]
    seeds: int


CLAIMS: dict[str, Claim] = {}


def claim(notebook, text, seeds=len(SEEDS)):
    """Enter a function of a seed into the list; it returns (holds, numbers)."""

    def enter(holds):
        CLAIMS[f"{notebook[:2]}.{holds.__name__}"] = Claim(notebook, text, holds, seeds)
        return holds

    return enter


@cache
def notebook(number):
    """The imports, functions and constants of a notebook; nothing else of it is run."""
    (path,) = NOTEBOOKS.glob(f"{number}_*.ipynb")
    names = {"np": np}
    sys.path.insert(0, str(NOTEBOOKS))
    for cell in json.loads(path.read_text("utf-8"))["cells"]:
        if cell["cell_type"] == "code":
            lines = "".join(line for line in cell["source"] if not line.startswith("%"))
            for node in filter(_is_definition, ast.parse(lines).body):
                with suppress(NameError):               # a definition that needs what the notebook calculated before
                    exec(compile(ast.Module([node], []), path.name, "exec"), names)
            for answer, exercise in re.findall(r'^(\w+) = check\("([\d.]+)"', lines, re.M):
                names[answer] = find(exercise).right
    return SimpleNamespace(**names)


def _is_definition(node):
    """An import, a function, a name in CAPITALS, or names of plain values."""
    if isinstance(node, ast.Assign):
        names = [name.id for target in node.targets for name in ast.walk(target) if isinstance(name, ast.Name)]
        with suppress(ValueError):
            ast.literal_eval(node.value)
            return True
        return all(name.isupper() and len(name) > 2 for name in names)
    return isinstance(node, (ast.Import, ast.ImportFrom, ast.FunctionDef, ast.ClassDef))


# ---- 00 to 04: the story -------------------------------------------------------------------------------

OTHER = 1000                                            # the notebooks show worlds 0 to 11; the claims need new ones


@cache
def viewers(seed, noise_facts=6):
    return story.load(OTHER + seed, noise_facts)


@cache
def told(name, seed, noise_facts=6):
    """A model of the story, trained to the end as notebooks 00 and 04 do it."""
    if name in ("field", "free"):
        story.RECIPES.setdefault(name, notebook("04").simple(name, {"field": 0.1, "free": 0.03}[name]))
    return story.trained(viewers(seed, noise_facts), name, 2 if name == "AFM" else 1)


def ratio(seed, name, beside="FM"):
    """The test error of one model over that of another."""
    return told(name, seed).test / told(beside, seed).test


@claim("00", "The linear model's error is at least 1.5 times FM's")
def linear_fails(seed):
    return ratio(seed, "linear") > 1.5, {"ratio": ratio(seed, "linear")}


@claim("00, 04", "AFM's error is at least 10 % below FM's")
def attention_helps(seed):
    return ratio(seed, "AFM") < 0.9, {"ratio": ratio(seed, "AFM")}


@claim("00, 04", "Uniform's error is within 10 % of FM's")
def control_is_like_fm(seed):
    return abs(ratio(seed, "uniform") - 1) < 0.1, {"ratio": ratio(seed, "uniform")}


def _mean_attention(model, rows):
    return explain.field_attention(explain.contributions(model.model, model.params, rows))[0]


@claim("00, 04", "The three planted pairs have the most attention of the 45")
def planted_pairs_on_top(seed):
    mean, (i, j) = _mean_attention(told("AFM", seed), viewers(seed).test[0]), np.triu_indices(10, 1)
    order = np.argsort(-mean[i, j])
    return {(int(i[at]), int(j[at])) for at in order[:3]} == {*story.PLANTED}, {"third": mean[i, j][order[2]]}


@claim("00", "The film that AFM recommends to Ann is among the three that are truly best")
def recommendation(seed):
    evening = story.rows(viewer="Ann", mood="curious", company="friends", film=story.FACTS["film"])
    model, truth = told("AFM", seed), story.true_ratings(viewers(seed), evening)
    rank = int((truth > truth[np.argmax(model.model.predict(model.params, evening))]).sum()) + 1
    return rank <= 3, {"rank": rank}


@claim("00", "Without the six facts that mean nothing, AFM gains less than half as much beside FM")
def no_gain_in_a_tidy_world(seed):
    found = {"with": 1 - ratio(seed, "AFM"), "without": 1 - told("AFM", seed, 0).test / told("FM", seed, 0).test}
    return found["without"] < found["with"] / 2, found


@claim("01", "On pairs never seen, FM with one factor is below the constant (1) and below a weight for every pair")
def unseen_pairs(seed):
    nb = notebook("01")
    truth, seen, three = nb.predictions(OTHER + seed)
    linear, pairs, one = (nb.rmse(y_hat[~seen], truth[~seen]) for y_hat in three)
    return one < min(1, pairs), {"linear": linear, "pairs": pairs, "FM": one}


@claim("01", "On pairs never seen, the linear model and a weight for every pair are worse than the constant")
def unseen_pairs_of_others(seed):
    _, found = unseen_pairs(seed)
    return min(found["linear"], found["pairs"]) > 1, found


@claim("02", "FM, 300 epochs of SGD: its error on new rows is below the linear model's, but 0.2 above that on its own")
def learns_by_heart(seed):
    data, rng = viewers(seed), np.random.default_rng(seed)
    first = Model("fm").init_params(rng, data.fit[0], k=4, std=0.1, w0=5.0, dtype=float)
    params, _ = notebook("02").fit(first, *data.fit, optim.SGD(0.2), rng, 300, 100)
    own, _, new = (np.sqrt(np.mean((fm.forward(params, batch)[0] - y) ** 2)) for batch, y in data[:3])
    return own + 0.2 < new < told("linear", seed).test, {"own": own, "new": new}


@claim("04", "Equal weights with AFM's settings are worse than FM")
def control_with_the_settings_of_afm(seed):
    story.RECIPES.setdefault("even", recipes.uniform(story.RECIPES["AFM"]))
    return ratio(seed, "even") > 1, {"ratio": ratio(seed, "even")}


@claim("04", "A plain weight for each pair of facts: its error is at least 5 % below FM's", seeds=15)
def field_helps(seed):
    return ratio(seed, "field") < 0.95, {"ratio": ratio(seed, "field"), "beside AFM": ratio(seed, "field", "AFM")}


@claim("04", "Free weights, one for each pair of features, are worse than FM", seeds=15)
def free_is_worst(seed):
    return ratio(seed, "free") > 1, {"ratio": ratio(seed, "free")}


@claim("04", "A pair of viewer and film that never met has more attention than a pair with noise (1.2 times)", seeds=15)
def pairs_that_never_met(seed):
    apart, world = notebook("04").apart, viewers(seed)
    rest = story.Story(apart(world.fit), apart(world.choose), apart(world.test, unseen=True), world.truth)
    a = 45 * afm.forward(story.trained(rest, "AFM", starts=1).params, rest.test[0])[1].a
    found = {"never met": a[:, 0].mean(), "noise": a[:, rest.test[0].pair_j >= 4].mean()}
    return found["never met"] > 1.2 * found["noise"], found


# ---- 06 Adult ------------------------------------------------------------------------------------------


@cache
def adult_losses(scaling, rows, start):
    """Log loss of the test rows by model; `rows` is the seed of the choice of rows, `start` that of the parameters."""
    part = recipes.adult_parts(seed=rows, scaling=scaling)
    models = recipes.ADULT[scaling] | {"uniform": recipes.uniform(recipes.ADULT[scaling]["AFM"])}
    found = {}
    for name, recipe in models.items():
        result = recipes.run(recipe, part.fit, part.valid, seed=start, epochs=100)
        value = train.evaluate(recipe.model, result.params, *part.test, ["log_loss"], loss="logistic")["log_loss"]
        found[name] = round(float(value), 5)
        found[f"{name} best epoch"], found[f"{name} epochs"] = result.best_epoch, len(result.history)
    return found


@claim("06", "All rows, scaled columns: AFM is below FM and below uniform", seeds=9)
def all_rows_scaled(seed):
    loss = adult_losses("standard", (seed - 1) // 3, (seed - 1) % 3)
    return loss["AFM"] < min(loss["FM"], loss["uniform"]), loss


@claim("06", "All rows, bins: FM, uniform and AFM lie within 0.003 of each other", seeds=9)
def all_rows_bins(seed):
    loss = adult_losses("quantile", seed - 1, seed - 1)
    three = [loss[name] for name in ("FM", "uniform", "AFM")]
    return max(three) - min(three) < 0.003, loss


@cache
def world(name, seed):
    """Three starts of AFM on Adult or on planted data: rows to fit, choose and test, params, maps, metric, recipe."""
    nb = notebook("06")
    if name == "Adult":
        rows, recipe, metric = recipes.adult_parts(seed=seed, rows=6000), nb.adult_recipe("network"), "log_loss"
    else:
        rows, recipe, metric = nb.planted_rows(seed), nb.planted_recipe("network", 0.03), "rmse"
    runs = [recipes.run(recipe, *rows[:2], seed=start).params for start in range(3)]
    test = rows[2][0][:4000], rows[2][1][:4000]
    maps = [explain.contributions(Model("afm"), q, test[0]).a.mean(axis=0) for q in runs]
    even = nb.adult_recipe("uniform") if name == "Adult" else nb.planted_recipe("uniform", 0.003)
    errors = [nb.error(Model("afm"), q, test, metric) for q in runs]
    return SimpleNamespace(rows=rows, test=test, runs=runs, maps=maps, metric=metric, even=even, errors=errors)


def _other_starts(name, seed):
    return {"agreement": float(np.mean(notebook("06").agreement(world(name, seed).maps)))}


@claim("06", "Three starts agree on the attention map of planted data (correlation above 0.9)")
def starts_agree_on_planted(seed):
    found = _other_starts("planted", seed)
    return found["agreement"] > 0.9, found


@claim("06", "Three starts do not agree on the attention map of Adult (correlation below 0.8)")
def starts_disagree_on_adult(seed):
    found = _other_starts("Adult", seed)
    return found["agreement"] < 0.8, found


def _uniform(name, seed):
    place, nb = world(name, seed), notebook("06")
    q = recipes.run(place.even, *place.rows[:2]).params
    return {"attention": np.mean(place.errors), "uniform": nb.error(place.even.model, q, place.test, place.metric)}


@claim("06", "Planted data: without attention the error is at least 15 % higher")
def uniform_is_worse_on_planted(seed):
    found = _uniform("planted", seed)
    return found["uniform"] > 1.15 * found["attention"], found


@claim("06", "Adult: without attention the log loss differs by less than 0.006")
def uniform_is_as_good_on_adult(seed):
    found = _uniform("Adult", seed)
    return abs(found["uniform"] - found["attention"]) < 0.006, found


def _frozen(name, seed, epochs):
    place, nb = world(name, seed), notebook("06")
    P, shuffled = len(place.maps[0]), np.random.default_rng(seed).permutation(place.maps[0])
    found = {"attention": float(np.mean(place.errors))}
    for kind, weights in {"its map": place.maps[0], "even": np.full(P, 1 / P), "shuffled": shuffled}.items():
        _, q = nb.fit_frozen(weights, place.even, *place.rows[:2], 100 + seed, epochs)
        found[kind] = nb.error(Model("afm", "field"), q, place.test, place.metric)
    return found


@claim("06", "Planted data: the frozen map is better than even and than shuffled weights by 5 %")
def frozen_map_helps_on_planted(seed):
    found = _frozen("planted", seed, 200)
    return found["its map"] < 0.95 * min(found["even"], found["shuffled"]), found


@claim("06", "Adult: the frozen map, even and shuffled weights differ by less than 0.01")
def frozen_map_is_little_on_adult(seed):
    found = _frozen("Adult", seed, 30)
    three = [found[kind] for kind in ("its map", "even", "shuffled")]
    return max(three) - min(three) < 0.01, found


def _adversary(name, seed):
    place, nb = world(name, seed), notebook("06")
    batch, settings = place.rows[0][0], (16, 0.01, 30) if name == "Adult" else (8, 0.02, 100)
    q = nb.adversary(place.runs[0], batch[:2000], 10, *settings, 100 + seed)
    a, trained = (afm.forward(params, place.test[0])[1].a for params in (q, place.runs[0]))
    found = {"trained": place.errors[0], "adversary": nb.error(Model("afm"), q, place.test, place.metric)}
    return found | {"js": float(nb.js(np.maximum(a, 1e-20), trained).mean())}


@claim("06", "Planted data: the adversary at least doubles the error")
def adversary_fails_on_planted(seed):
    found = _adversary("planted", seed)
    return found["adversary"] > 2 * found["trained"], found


@claim("06", "Adult: the adversary reaches JS above 0.5 and costs less than 0.08 of log loss")
def adversary_succeeds_on_adult(seed):
    found = _adversary("Adult", seed)
    return found["js"] > 0.5 and found["adversary"] - found["trained"] < 0.08, found


@claim("06", "Centring halves the mean contribution of FM's pairs, and the sizes agree between starts (above 0.9)")
def centred_contributions(seed):
    nb, rows = notebook("06"), recipes.adult_parts(seed=seed, rows=6000)
    fields = [rows.encoder.ids(column) for column in rows.encoder.columns]
    fms = [recipes.run(recipes.ADULT["quantile"]["FM"], *rows[:2], seed=start).params for start in range(3)]
    trained = explain.contributions(Model("fm"), fms[0], rows.test[0][:4000])
    centred = [explain.contributions(Model("fm"), nb.centred(q, rows.fit[0], fields), rows.test[0][:4000]) for q in fms]
    found = {"ratio": np.abs(centred[0].pair).mean() / np.abs(trained.pair).mean(),
             "agreement": nb.agreement([split.pair.std(axis=0) for split in centred]).min()}
    return found["ratio"] < 0.5 and found["agreement"] > 0.9, found


# ---- 07 When attention helps ---------------------------------------------------------------------------


@cache
def planted(seed, count):
    """Rows with so many noise fields, and by model: the tuned Result, its penalty and its test error."""
    nb = notebook("07")
    rows, found = nb.parts(nb.planted_data(OTHER + seed), count), {}
    for name in nb.MODELS:
        tried, _, best = nb.tuned(name, rows, seed, nb.TRY[name])
        found[name] = tried[best], best, nb.error(name, tried[best], rows)
    return rows, found


def gain(seed, count, name="AFM", beside="FM"):
    """By which part of the error one model is below another, each tuned on the rows that choose."""
    _, found = planted(seed, count)
    return 1 - found[name][2] / found[beside][2]


def again(seed, count, name="AFM", **settings):
    """The test error with other settings, all else as tuned."""
    rows, found = planted(seed, count)
    l2_V = settings.pop("l2_V", found[name][1])
    return notebook("07").error(name, notebook("07").fit(name, rows, seed, l2_V, **settings), rows)


@claim("07", "No noise fields: AFM is not below FM by more than 2 %, and at most 10 % above")
def no_gain_without_noise(seed):
    return -0.10 < gain(seed, 0) < 0.02, {"gain": gain(seed, 0)}


@claim("07", "3 noise fields: AFM is below FM")
def gain_with_three(seed):
    return gain(seed, 3) > 0, {"gain": gain(seed, 3)}


@claim("07", "6 noise fields: AFM is at least 10 % below FM, and below uniform")
def gain_with_six(seed):
    found = {"gain": gain(seed, 6), "beside uniform": gain(seed, 6, beside="uniform")}
    return found["gain"] > 0.1 and found["beside uniform"] > 0, found


@claim("07", "Uniform stays within 4 % of FM, with 0, 3 and 6 noise fields")
def uniform_is_like_fm(seed):
    found = {f"{count}": gain(seed, count, "uniform") for count in (0, 3, 6)}
    return max(map(abs, found.values())) < 0.04, found


@claim("07", "Weights per pair of fields are better than the network, with 0, 3 and 6 noise fields")
def field_is_best(seed):
    found = {f"{count}": gain(seed, count, "field", "AFM") for count in (0, 3, 6)}
    return min(found.values()) > 0, found


@claim("07", "6 noise fields, no penalty on V: less than half of the gain, with the paper's penalty on W or without")
def gain_needs_the_penalty(seed):
    fm = planted(seed, 6)[1]["FM"][2]
    found = {"tuned": gain(seed, 6)}
    found |= {f"l2_W {l2_W}": 1 - again(seed, 6, l2_V=0, l2_W=l2_W) / fm for l2_W in (0.0, 0.01)}
    return max(found["l2_W 0.0"], found["l2_W 0.01"]) < found["tuned"] / 2, found


def _grades(seed, name, which):
    rows, found = planted(seed, 6)
    split = explain.contributions(notebook("07").MODELS[name], found[name][0].params, rows[2][0])
    sizes = split.a.mean(axis=0) if which == "attention" else split.pair.std(axis=0)
    importance = notebook("07").planted_data(OTHER + seed).truth.importance
    return metrics.auc(importance > 0, sizes)


@claim("07", "6 noise fields: attention and the contributions of AFM and FM find the planted pairs (AUC at least 0.95)")
def planted_pairs_are_found(seed):
    found = {"attention": _grades(seed, "AFM", "attention")} | {name: _grades(seed, name, "") for name in ("AFM", "FM")}
    return min(found.values()) >= 0.95, found


@claim("07", "3 noise fields: after 20 epochs FM is still more than 5 % above its end")
def early_stop_is_early(seed):
    nb, (_, found) = notebook("07"), planted(seed, 3)
    left = nb.best_within(found["FM"][0].history, 20) / nb.best_within(found["FM"][0].history, 200)
    return left > 1.05, {"left": left}


@claim("07", "3 noise fields: dropout with keep 0.8 makes AFM worse")
def dropout_hurts(seed):
    found = {"1": again(seed, 3), "0.8": again(seed, 3, keep=0.8)}
    return found["0.8"] > found["1"], found


@claim("07", "3 noise fields: t = 1 is worse than t = 8")
def one_unit_is_not_enough(seed):
    found = {"8": again(seed, 3), "1": again(seed, 3, t=1)}
    return found["1"] > found["8"], found


@claim("07", "3 noise fields: p that starts at 1 is worse than p that starts at 21, all else as tuned")
def p_starts_at_the_pairs(seed):
    found = {"21": again(seed, 3), "1": again(seed, 3, p=1.0)}
    return found["1"] > found["21"], found


@claim("07", "6 noise fields, logistic loss: AFM is below FM")
def logistic_loss(seed):
    nb, found = notebook("07"), {}
    rows = nb.parts(nb.planted_data(OTHER + seed, loss="logistic", importance=2.0), 6)
    for name in ("FM", "AFM"):
        tried, _, best = nb.tuned(name, rows, seed, (0.003, 0.006, 0.01), loss="logistic")
        found[name] = nb.error(name, tried[best], rows, metric="log_loss")
    return found["AFM"] < found["FM"], found


# ---- running -------------------------------------------------------------------------------------------


def stored(path):
    """(claim, seed) -> the line that was written for it."""
    if not path.exists():
        return {}
    rows = [json.loads(line) for line in path.read_text("utf-8").splitlines() if line.endswith("}")]
    return {(row["claim"], row["seed"]): row for row in rows}


def run(path, only="", seeds=SEEDS):
    done = stored(path)
    for at, seed in enumerate(seeds):
        for name, entry in CLAIMS.items():
            if (name, seed) in done or not name.startswith(only) or at >= entry.seeds:
                continue
            holds, numbers = entry.holds(seed)
            numbers = {key: float(f"{value:.5g}") for key, value in numbers.items()}
            row = {"claim": name, "seed": seed, "holds": bool(holds), "numbers": numbers}
            with path.open("a", encoding="utf-8") as file:
                print(json.dumps(row), file=file)
            print(json.dumps(row), flush=True)


def table(path):
    """The table in Markdown: every claim, and for how many of its seeds it holds, the fresh ones apart."""
    done = stored(path)
    lines = ["| notebook | claim | holds for | fresh seeds |", "|---|---|---|---|"]
    for name, entry in CLAIMS.items():
        both = [[done[name, seed]["holds"] for seed in seeds if (name, seed) in done] for seeds in (SEEDS, FRESH)]
        lines.append(" | ".join(["", entry.notebook, entry.text, *(f"{sum(b)} of {len(b)}" for b in both), ""]).strip())
    return "\n".join(lines)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("what", choices=["run", "table"])
    parser.add_argument("path", type=Path, help="one line for each claim and seed")
    parser.add_argument("--only", default="", help="claims whose name begins so, such as 07")
    parser.add_argument("--fresh", action="store_true", help="seeds that nobody looked at while writing the sentences")
    args = parser.parse_args()
    if args.what == "run":
        run(args.path, args.only, FRESH if args.fresh else SEEDS)
    else:
        print(table(args.path))


if __name__ == "__main__":
    main()
