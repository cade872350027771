"""The oracle's optimizer steps: definitions of SPEC.md section 8, entry by entry, in mpmath."""

from collections.abc import Callable
from typing import Any


def filled(like: Any, rule: Callable[..., Any]) -> Any:
    """Nested lists shaped as `like`, entry n in row-major order being rule(n)."""
    counter = iter(range(10**9))

    def walk(part: Any) -> Any:
        return [walk(item) for item in part] if isinstance(part, list) else rule(next(counter))

    return walk(like)


def with_entry(params: dict[str, Any], name: str, n: int, amount: Any) -> Any:
    """A copy of params with entry n of one of them moved."""
    counter = iter(range(10**9))

    def walk(part: Any) -> Any:
        if isinstance(part, list):
            return [walk(item) for item in part]
        return part + amount if next(counter) == n else part

    return {**params, name: walk(params[name])}


def update(config: dict[str, Any], params: dict[str, Any], state: Any, values: Any, model: Any, count: int) -> Any:
    """One optimizer step, entry by entry, from the definitions in SPEC.md section 8."""
    from mpmath import mpf, sqrt

    def c(key: str) -> Any:
        return mpf(config.get(key, 0))

    seen = set(model.touched())
    used = {tuple(sorted(key[1:])) for key in values.get("pair_keys", [])}
    new_params, new_state, shown = dict(params), dict(state), {}
    for name in model.par:
        kinds = {"sgd": ["vel"] if "momentum" in config else [], "adagrad": ["acc"], "adam": ["m1", "m2"]}
        tables = {}
        for kind in kinds[config["optimizer"]]:
            start = c("initial") if kind == "acc" else mpf(0)
            old = state.get((kind, name))
            tables[kind] = (
                filled(params[name], lambda n, s=start: s) if old is None else filled(old, flat(old).__getitem__)
            )
        theta, g = flat(params[name]), flat(values["g_" + name])
        fresh = {kind: flat(table) for kind, table in tables.items()}
        for n in range(len(theta)):
            row = n // config["k"] if name == "V" else n
            if name in ("w", "V") and row not in seen:
                continue
            if name == "free" and tuple(params["free_pairs"][n]) not in used:
                continue
            if config["optimizer"] == "sgd":
                change = g[n]
                if "momentum" in config:
                    fresh["vel"][n] = c("momentum") * fresh["vel"][n] + g[n]
                    change = fresh["vel"][n]
            elif config["optimizer"] == "adagrad":
                fresh["acc"][n] += g[n] ** 2
                change = g[n] / (sqrt(fresh["acc"][n]) + c("eps"))
            else:
                fresh["m1"][n] = c("beta1") * fresh["m1"][n] + (1 - c("beta1")) * g[n]
                fresh["m2"][n] = c("beta2") * fresh["m2"][n] + (1 - c("beta2")) * g[n] ** 2
                mean = fresh["m1"][n] / (1 - c("beta1") ** count)
                change = mean / (sqrt(fresh["m2"][n] / (1 - c("beta2") ** count)) + c("eps"))
            theta[n] -= c("lr") * change
        for kind in tables:
            new_state[(kind, name)] = shown[f"{kind}_{name}"] = filled(params[name], fresh[kind].__getitem__)
        new_params[name] = shown["new_" + name] = filled(params[name], theta.__getitem__)
    return new_params, new_state, shown


def flat(value: Any) -> Any:
    return [item for part in value for item in flat(part)] if isinstance(value, list) else [value]
