"""Check the gradient of a function whose result is one number: measure slopes, then judge each array by the worst."""

from collections.abc import Callable, Collection
from dataclasses import replace
from typing import Any, Literal

import numpy as np

from .._checks import check_choice, check_kind, check_size
from .conditions import DOUBLE, SINGLE, everywhere, first_calls, unused, usual_size, works_in_float32
from .measuring import ALONG, Job, Trial, central_agrees, closer, is_at_edge, is_at_kink, kinked, measure, trials_of
from .report import Entry, Report
from .slopes import DEFAULTS, SEED, SLOPES, Array, Flat, Lost
from .trees import flatten, is_single, read_grads, read_params

LOOSE = 1e-7  # what may be rounding counts as right up to this part of the largest entry
SLIGHT = 1e-6  # a larger error is no rounding
NOTHING = Trial("-", (), abs, 1.0, 1.0, 0.0, 0.0)
NOTES = {
    "": "",
    "error": "the gradient or f is wrong here",
    "slight": "off by {error:.0e} only: a small mistake, or f is ill-conditioned and needs a larger rtol",
    "lost": "f loses the imaginary part of {name} (abs, norm, var, conj, or a cast to real): central differences "
    "give another slope; mend f or use method='central'",
    "kink": "most slopes cross a kink within the step: move the parameters, or take a smaller eps",
    "here": "f has a kink exactly here (a ReLU, max, where or abs), so it has no gradient: move the parameters or the "
    "data by small random numbers",
    "edge": "f is not finite on one side (sqrt or log of 0), or within the step: move the parameters, or take a "
    "smaller eps or method='complex'",
    "empty": "the array is empty: there is nothing to check",
    "blind": "too small beside f to tell from rounding noise: use parameters of size 1 and a random upstream gradient, "
    "or allow_blind=({name!r},) if it vanishes by mathematics",
    "unused": "f does not depend on {name}: does it read these numbers from somewhere else, or multiply them by 0?",
    "float32": "right to {error:.0e}; the {narrow} float32, which can show {allowed:.0e} at best",
    "sampled": "{coordinates} of {size} entries were measured one by one, and {directions} directions that mix all",
    "along": "single entries are too small to tell from rounding noise; the direction along the gradient agrees",
}


def _judge(job: Job, name: str, g: Array, narrow: str, trials: list[Trial], at_kink: bool, may_vanish: bool) -> Entry:
    """The entry of one array: sort out its slopes, then find the first status that fits."""
    narrow = narrow or "result of f is" * (job.unit > DOUBLE)
    allowed = max(job.rtol, float(np.sqrt(SINGLE)) if narrow else 0.0)             # half of the digits
    largest = float(np.abs(g).max(initial=0.0, where=np.isfinite(g)))
    kept, wrong = _sort_out(job, name, trials, allowed, largest)
    tried, left = ([sum(isinstance(t.at, kind) for t in some) for kind in (tuple, str)] for some in (trials, kept))
    largest = max([largest, *(abs(t.numeric) for t in kept if isinstance(t.at, tuple) and np.isfinite(t.numeric))])

    def error(trial: Trial) -> float:
        scale = max(largest, trial.height)
        return trial.difference / scale if scale else float(trial.difference and np.inf)

    worst = wrong or max(kept, key=error, default=NOTHING)
    top = max(kept, key=lambda trial: trial.height, default=NOTHING)
    small = largest <= job.floor(top)
    unclear = small or error(worst) > max(allowed, LOOSE)
    if job.method == "complex" and not (at_kink and wrong is None) and _is_lost(job, name, g, wrong, allowed, largest):
        raise Lost(NOTES["lost"].format(name=name))
    if wrong:
        status, note = "error", "slight" if error(wrong) < min(1e3 * allowed, SLIGHT) else "error"
    elif at_kink or (2 * np.array(left) < tried).any():
        status, note = "kink", "here" if at_kink else "kink"
    elif small and may_vanish:
        status, note = "zero", ""
    elif not unclear:
        single = allowed > job.rtol and (narrow != "parameters are" or error(worst) > job.rtol)
        status, note = ("float32", "float32") if single else ("ok", "sampled" if g.size > tried[0] else "")
    elif is_at_edge(job, name, worst):
        status, note = "kink", "edge"
    elif top.at == ALONG and job.floor(top) < top.height and error(top) <= allowed:
        status, note, worst = "ok", "along", top
    else:
        status, note = "blind", "blind" if g.size else "empty"
    found = float(error(worst)), worst.at, worst.analytic, worst.numeric
    entry = Entry(name, status, *found, g.size, left[0], left[1], len(trials) - len(kept), NOTES[note])
    return entry._replace(note=entry.note.format(**entry._asdict(), allowed=allowed, narrow=narrow))


def _nearer(job: Job, name: str) -> float:
    """The part of a step at which to look again. Small and large parameters: a kink may have been a sharp curve."""
    usual = usual_size(job.params[name])
    return min(1.0, 200 * usual, 100 / usual) if job.unit == DOUBLE else min(1.0, usual)


def _is_lost(job: Job, name: str, g: Array, wrong: Trial | None, allowed: float, largest: float) -> bool:
    """Do central differences contradict the complex step? One direction shows where a right gradient is none."""
    if wrong or not g.size:
        return bool(wrong and central_agrees(job, name, wrong))
    job, way = replace(job, method="central", eps=None), everywhere(job.params)[name]
    trial = measure(job, name, g, "direction", way / np.linalg.norm(way))
    return _sort_out(job, name, [trial], max(allowed, LOOSE), largest)[1] is not None


def _sort_out(
    job: Job, name: str, trials: list[Trial], allowed: float, largest: float
) -> tuple[list[Trial], Trial | None]:
    """The slopes that count, and one that is wrong beyond doubt. Look at the worst first, and leave out kinks."""
    near, kept, wrong = _nearer(job, name), [], None

    def exceeds(trial: Trial, off: float = 0.0) -> bool:
        return trial.difference > max(allowed * max(largest, trial.height), job.floor(trial), off)

    for trial in sorted(trials, key=lambda trial: trial.difference, reverse=True):
        if wrong is None and exceeds(trial):
            if is_at_kink(job, name, trial):
                if job.method == "complex":
                    continue
                steps = [near * trial.step / part for part in (1, 64, 4096)]
                looks = (trial._replace(step=h, numeric=SLOPES["central"](trial.line, h)) for h in steps)
                clear = next((look for look in looks if not (exceeds(look) and is_at_kink(job, name, look))), None)
                if clear is None or clear.step < steps[0] and not exceeds(clear, 10 * job.floor(clear)):
                    continue
                trial = clear
            trial, off = closer(job, name, trial)
            wrong = trial if exceeds(trial, off) and not is_at_edge(job, name, trial) else None
        kept.append(trial)
    return kept, wrong


def check(
    f: Callable[[Any], Any], params: Any, grads: Any, *, method: Literal["complex", "central"] = "complex",
    eps: float | None = None, rtol: float | None = None, rng: np.random.Generator | None = None,
    full: int = 400, samples: int = 40, directions: int = 2, allow_blind: Collection[str] = (),
) -> Report:  # fmt: skip
    """Compare hand-made gradients with measured slopes, array by array.

    Parameters
    ----------
    f : callable
        ``f(params)`` gives a real number; with method "complex" also a complex one for complex arrays.
    params : array, or list, tuple or dict of arrays, nested as you like
        Float arrays are parameters (used as float64); integer arrays are tables and handed on as they are. The names
        are paths, such as "layers.0.W"; a single array is named "params".
    grads : the same structure, or a callable that gives it for params
        For each parameter an array of its shape, a sparse matrix, or an object with ``to_dense(n)``.
    method : {"complex", "central"}
    eps, rtol : float, optional
        Step, times max(1, |theta|): by default 1e-20, or the cube root of u for central differences.
        Allowed difference over the largest entry of the array: by default 1e-12, or 1e-7. With float32: 3e-4.
    rng, full, samples, directions : numpy.random.Generator, int, int, int
        Up to `full` entries are all checked. Of a larger array: the largest entry, `samples` random ones, and
        directions that mix all entries, so that an entry outside the sample shows too: `directions` random ones, and
        the one along the gradient. ``full=0, samples=0`` is directions alone. Without `rng` each call draws the same.
    allow_blind : collection of names
        Gradients that may vanish: status "zero" instead of "blind" if all of it is below the noise floor.

    Returns
    -------
    Report
        "error": a difference exceeds rtol times the largest entry, and what rounding can explain. "kink": f has a kink
        or an end exactly here, or a kink within the step of more than half of the slopes. "blind": it may all be
        rounding noise. "unused": f ignores it. "random", "mutates": two calls of f are not the same. "float32": right,
        as far as that can show.

    Raises
    ------
    ValueError, TypeError
        Names, shapes or types do not fit, params or f(params) is not finite, or f makes complex numbers real.

    Examples
    --------
    >>> theta = {"a": np.array([1.0, 2.0]), "c": np.array(3.0)}
    >>> grads = {"a": 6.006 * theta["a"], "c": np.array(5.0)}  # the first is 0.1 % too large
    >>> print(check(lambda q: q["c"] * (q["a"] ** 2).sum(), theta, grads))
    method complex, tolerance 1e-12 of the largest entry: NOT all gradients are right
    parameter  status  rel. error  at    analytic  numeric  checked  directions  kinks
    a          error      1.0e-03  (1,)    12.012       12   2 of 2           0      0
    c          ok         0.0e+00  ()           5        5   1 of 1           0      0
    a: the gradient or f is wrong here
    """
    if not callable(f):
        raise TypeError(f"f must be a function of the parameters; got {type(f).__name__}")
    check_choice("method", method, DEFAULTS)
    rtol = DEFAULTS[method][1] if rtol is None else float(rtol)
    if not ((eps is None or eps > DOUBLE * (method == "central")) and 0 < rtol < 1):
        least = f"eps must be positive (central differences: above {DOUBLE:.0e}, which is rounding)"
        raise ValueError(f"{least} and rtol between 0 and 1, not {eps} and {rtol}")
    rng = np.random.default_rng(SEED) if rng is None else rng
    check_kind("rng", rng, np.random.Generator, "a numpy.random.Generator")
    for option, number in {"full": full, "samples": samples, "directions": directions}.items():
        check_size(option, number, 0)
    leaves, build = flatten(params)
    flat = read_params(leaves)
    given = grads(build({name: theta.copy() for name, theta in flat.items()})) if callable(grads) else grads
    by_hand, singles = read_grads(flatten(given)[0], flat)
    if samples + directions == 0 and any(g.size > full for g in by_hand.values()):
        raise ValueError("samples and directions are both 0: nothing of a large array would be measured")
    narrow = "parameters are" * (given is grads and any(map(is_single, leaves.values())))
    narrows = {name: "gradient is" if name in singles else narrow for name in by_hand}
    vanishing = {allow_blind} if isinstance(allow_blind, str) else set(allow_blind)
    if vanishing - set(by_hand):
        raise ValueError(f"allow_blind names {sorted(vanishing - set(by_hand))}; the parameters are {sorted(by_hand)}")

    def whole(q: Flat) -> Any:
        return f(build(q))

    start, problem = first_calls(whole, flat, f)
    if not np.isfinite(start):
        raise ValueError(f"f(params) is {start}")
    if problem:
        return unmeasured(method, by_hand, *problem)
    unit = max(DOUBLE, float(np.finfo(start.dtype).eps)) if start.dtype.kind == "f" else DOUBLE
    job = Job(whole, flat, method, eps, rtol, unit, abs(float(start)))
    options = by_hand, narrows, vanishing, full, samples, directions, rng
    try:
        report = _check(job, *options)
        if report.ok or unit > DOUBLE or not works_in_float32(whole, flat):
            return report
    except Lost:
        if unit > DOUBLE or not works_in_float32(whole, flat):
            raise
    return _check(replace(job, unit=SINGLE), *options)


def _check(job: Job, grads: Flat, narrows: dict[str, str], vanishing: set[str], *sampling: Any) -> Report:
    """Measure the slopes of every array, then judge each."""
    here, measured, entries = kinked(job.f, job.params, job.unit), {}, {}
    for name, g in grads.items():
        use = job
        try:
            trials = trials_of(job, name, g, *sampling)
        except Lost:
            trials = []
            if not unused(job.f, job.params, name):
                if job.unit == DOUBLE and name not in here:
                    raise
                use = replace(job, method="central", rtol=max(job.rtol, DEFAULTS["central"][1]))  # no worse here
                trials = trials_of(use, name, g, *sampling)
        if g.size and not any(trial.numeric for trial in trials) and unused(job.f, job.params, name):
            note = ("zero", "") if name in vanishing and not g.any() else ("unused", NOTES["unused"].format(name=name))
            entries[name] = unmeasured(job.method, {name: g}, *note)[name]
        slopes = [abs(trial.numeric) for trial in trials if np.isfinite(trial.numeric)]
        measured[name] = replace(use, steepest=max([0.0, *slopes])), trials
    size = max([job.size, *(use.steepest * usual_size(job.params[name]) for name, (use, _) in measured.items())])
    for name, (use, trials) in measured.items():
        if name not in entries:
            use = replace(use, size=size)
            entries[name] = _judge(use, name, grads[name], narrows[name], trials, name in here, name in vanishing)
    return Report(job.method, job.rtol, {name: entries[name] for name in grads})


def unmeasured(method: str, grads: Flat, status: str, note: str) -> Report:
    """A report without numbers, where nothing can be measured."""
    entries = {name: Entry(name, status, 0.0, "-", 0.0, 0.0, g.size, 0, 0, 0, note) for name, g in grads.items()}
    return Report(method, DEFAULTS[method][1], entries)
