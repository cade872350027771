"""The table of PORTING.md that says what each case is for."""

from afm_numpy.conformance.literal import Trace
from afm_numpy.conformance.literal.numbers import Case


def cases_table(cases: list[Case]) -> str:
    """A Markdown table: a row for every case, from its title and its sizes."""
    lines = ["| case | what it is for | rows | pairs of a row | k, t | fields |", "|---|---|---|---|---|---|"]
    for case in cases:
        config, rows, most = case["config"], [], 0
        for step in range(len(case["batches"]) if "floats" not in case else 0):
            sizes = [end - start for start, end in zip(*pointers(case, step), strict=True)]
            rows.append(len(sizes))
            most = max([most, *(m * (m - 1) // 2 for m in sizes)])
        k_t = ", ".join(str(config[key]) for key in ("k", "t") if key in config)
        fields = " + ".join(map(str, config.get("field_dims", [])))
        cells = [case["id"][:2], case["title"], ", ".join(map(str, rows)), str(most), k_t, fields]
        lines.append(f"| {' | '.join(cells)} |")
    return "\n".join(lines) + "\n"


def pointers(case: Case, step: int) -> tuple[list[int], list[int]]:
    ptr = Trace(case, step)["active_ptr"]
    return ptr[:-1], ptr[1:]
