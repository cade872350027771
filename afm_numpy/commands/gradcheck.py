"""`afm-numpy gradcheck`: every gradient of FM and AFM against measured slopes."""

from .demo import check_gradients
from .options import parser, seed

EXAMPLES = """\
  afm-numpy gradcheck
  afm-numpy gradcheck --method central --seed 7"""


def main(argv: list[str] | None = None) -> int:
    """Print the tables; returns 0 when every gradient is right, else 1."""
    options = parser("gradcheck", "Compare every gradient of FM and AFM with measured slopes.", EXAMPLES)
    options.add_argument("--seed", type=seed, default=0, help="of the random problem (default: %(default)s)")
    options.add_argument("--method", choices=("complex", "central"), default="complex", help="(default: %(default)s)")
    args = options.parse_args(argv)
    return 0 if check_gradients(args.seed, args.method) else 1
