"""`afm-numpy course`: the notebooks in a folder of yours, and the first of them open in Jupyter."""

import os
import sys
from importlib.util import find_spec
from pathlib import Path

from .._files import atomic_write, printable
from .options import parser

EXAMPLES = """\
  afm-numpy course
  afm-numpy course --out lessons --no-browser      print the address to open in a browser
  afm-numpy course --copy                          leave Jupyter to you"""

PACKAGE = Path(__file__).parents[1]
NOTEBOOKS = PACKAGE / "course"                              # an installed package has them, without outputs
if not NOTEBOOKS.is_dir():
    NOTEBOOKS = PACKAGE.parent / "notebooks"                # a checkout


def main(argv: list[str] | None = None) -> int:
    """Copy and open; returns 1 when Jupyter cannot be started. A notebook that is in the folder stays as it is."""
    options = parser("course", "Copy the notebooks of the course into a folder and open the first.", EXAMPLES)
    options.add_argument("--out", default="afm_numpy_course", metavar="DIR", help="folder (default: %(default)s)")
    options.add_argument("--no-browser", action="store_true", help="start Jupyter without opening a browser")
    options.add_argument("--copy", action="store_true", help="copy only; do not start Jupyter")
    args = options.parse_args(argv)
    out, paths = Path(args.out), sorted(NOTEBOOKS.glob("*.ipynb"))
    out.mkdir(parents=True, exist_ok=True)
    new = [path for path in paths if not os.path.lexists(out / path.name)]
    for path in new:
        with atomic_write(out / path.name) as file:
            file.write(path.read_bytes())
    kept = f"; {len(paths) - len(new)} were there already and stay as they are" if len(new) < len(paths) else ""
    print(f"{len(new)} notebooks copied into {printable(str(out))}{kept}", flush=True)
    command = [sys.executable, "-m", "jupyterlab", str(out / paths[0].name)]
    if args.copy:
        return 0
    if find_spec("jupyterlab") is None:
        word = "Jupyter is not installed; pip install 'afm-numpy[notebooks]' brings it"
    elif hasattr(os, "geteuid") and os.geteuid() == 0:
        word = ("Jupyter does not start for root, who could harm the system from a notebook. Log in as another user, "
                f"or run: {printable(' '.join([*command, '--allow-root']))}")  # fmt: skip
    else:
        os.execv(command[0], [*command, *(["--no-browser"] if args.no_browser else [])])
    print(f"afm-numpy course: {word}", file=sys.stderr)
    return 1
