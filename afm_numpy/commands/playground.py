"""`afm-numpy playground`: one page on which FM and AFM move, in the browser."""

import sys
import webbrowser
from collections.abc import Sequence

from .._files import atomic_write, check_output, printable
from ..playground import PAGE
from .options import parser

EXAMPLES = """\
  afm-numpy playground
  afm-numpy playground --out playground.html"""


def main(argv: Sequence[str] | None = None) -> int:
    """Open the page, or write it; returns 1 when there is no browser to open it in."""
    options = parser("playground", "See FM and AFM calculate, learn and break, on one page in the browser.", EXAMPLES)
    options.add_argument("--out", metavar="FILE", help="write the page, one HTML file that needs nothing else")
    args = options.parse_args(argv)
    if args.out is not None:
        check_output(args.out, [PAGE])
        with atomic_write(args.out) as file:
            file.write(PAGE.read_bytes())
        print(printable(args.out))
        return 0
    print(PAGE)
    if webbrowser.open(PAGE.as_uri()):
        return 0
    print("afm-numpy playground: found no browser; open the file above in one, or write it with --out", file=sys.stderr)
    return 1
