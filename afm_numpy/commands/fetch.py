"""`afm-numpy fetch`: download a data set of the AFM paper into the cache."""

from .._files import printable
from ..datasets import fetch_frappe, fetch_ml_tag
from .options import parser

SETS = {"frappe": fetch_frappe, "ml-tag": fetch_ml_tag}

EXAMPLES = """\
  afm-numpy fetch frappe
  afm-numpy fetch ml-tag --cache data"""


def main(argv: list[str] | None = None) -> int:
    """Download, verify, and print the paths of the three files; returns the exit status."""
    options = parser("fetch", "Download a data set of the AFM paper and verify it.", EXAMPLES)
    options.add_argument("name", choices=SETS)
    options.add_argument("--cache", metavar="DIR", help="folder (default: $AFM_NUMPY_CACHE, or ~/.cache/afm_numpy)")
    options.add_argument("--quiet", action="store_true", help="no progress bar")
    args = options.parse_args(argv)
    for path in SETS[args.name](args.cache, progress=not args.quiet):
        print(printable(str(path)))
    return 0
