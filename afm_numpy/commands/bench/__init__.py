"""Milliseconds of one training step, peak memory and rows per second: both engines, and PyTorch and JAX beside them.

    python -m afm_numpy bench                                  both engines on all sizes
    python -m afm_numpy bench --peers --config 4096,64,64      with whatever peer is installed, on one size
    python -m afm_numpy bench --data clicks tags --busy 1      other rows, beside one computing process
    python -m afm_numpy bench --json > bench.json              everything, and the machine

A step selects B rows in a new order, and is forward, backward and Adagrad in float32, with attention "network" (t > 0)
or FM (t = 0). All contenders of a size take turns in one process, so that a busy machine slows all of them alike;
medians are compared (see `measuring.medians`). The floor is the time of the three matrix products over the distinct
pairs alone. "torch once per pair" does in PyTorch what the fast engine does in NumPy: it shows what the algorithm gives
and what NumPy costs. Peak memory is the growth of the resident set of a process of its own.
"""

import argparse
import json
import os
import platform
import re
import sys
from collections.abc import Iterator, Sequence
from typing import Any

from ..options import count, parser, positive
from .contenders import ENGINES, build, contenders
from .data import DATA, FIELDS, make_rows
from .measuring import measure, medians, peak_here, resident, seconds

__all__ = [
    "CONFIGS", "DATA", "ENGINES", "FIELDS", "build", "contenders", "lines", "main", "make_rows", "medians",
    "peak_here", "resident", "seconds",
]  # fmt: skip

CONFIGS = (
    "4096,256,256", "4096,256,16", "4096,64,64", "4096,16,16", "128,16,16", "4096,256,0", "4096,64,0", "4096,16,0",
    "256,16,0",
)  # fmt: skip
EXAMPLES = """\
  afm-numpy bench --peers
  afm-numpy bench --config 4096,64,64 4096,64,0 --steps 15
  afm-numpy bench --data clicks --config 512,16,16 --peers --busy 1
  afm-numpy bench --json > bench.json"""


def machine() -> dict[str, Any]:
    """What the figures depend on."""
    names = ("numpy", "scipy", "torch", "jax")
    versions = {name: sys.modules[name].__version__ for name in names if name in sys.modules}
    return {"cores": os.cpu_count(), "system": platform.platform(), "python": platform.python_version(), **versions}


def lines(results: list[dict[str, Any]]) -> Iterator[str]:
    """The figures as text, a line per contender."""
    yield (
        f"{'data':8} {'B,k,t':>13} {'':19} {'ms/step':>9} {'x unique':>8} {'x floor':>8} {'peak MB':>8} "
        f"{'rows/s predicted':>17}"
    )
    for result in results:
        ms, floor, data = result["step_ms"], result["floor_ms"], result["data"]
        size = f"{result['B']},{result['k']},{result['t']}"
        for name, taken in ms.items():
            megabytes = result["peak_mb"][name]
            yield (
                f"{data:8} {size:>13} {name:19} {taken:9.2f} {taken / ms['unique']:8.2f} "
                f"{f'{taken / floor:.2f}' if floor else '-':>8} {'-' if megabytes is None else f'{megabytes:.0f}':>8} "
                f"{result['predicted_rows_per_s'][name]:17,.0f}"
            )
            data = size = ""


def size_of(text: str) -> tuple[int, int, int]:
    """B,k,t as three integers, for argparse."""
    if not re.fullmatch(r"[1-9]\d*,[1-9]\d*,\d+", text):
        raise argparse.ArgumentTypeError(f"{text!r:.60} is not B,k,t: rows and factors of at least 1, t of at least 0")
    B, k, t = map(int, text.split(","))
    return B, k, t


def main(argv: Sequence[str] | None = None) -> int:
    """Measure and print; return 0."""
    options = parser("bench", str(__doc__).splitlines()[0], EXAMPLES)
    options.add_argument("--data", nargs="+", choices=DATA, default=["app-log"], help="rows (default app-log)")
    options.add_argument("--config", nargs="+", type=size_of, metavar="B,k,t", help="rows, factors, attention; t 0: FM")
    options.add_argument("--steps", type=positive, default=7, help="rounds; medians are over them (default 7)")
    options.add_argument("--peers", action="store_true", help="measure PyTorch and JAX too, where installed")
    options.add_argument("--busy", type=count, default=0, metavar="N", help="measure beside N computing processes (0)")
    options.add_argument("--json", action="store_true", help="print JSON instead of the table")
    args = options.parse_args(argv)
    results = []
    for data in args.data:
        for config in args.config or map(size_of, CONFIGS):
            print(f"measuring {data}, B,k,t = {','.join(map(str, config))}", file=sys.stderr)
            results.append(measure(data, config, args.peers, args.steps, args.busy))
    print(json.dumps({"machine": machine(), "results": results}, indent=1) if args.json else "\n".join(lines(results)))
    return 0
