"""`python -m afm_numpy` is the command line."""

import sys

from .commands.cli import main

if __name__ == "__main__":
    sys.exit(main())
