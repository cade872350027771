"""python -m afm_numpy.conformance"""

import sys

from .cli import main

sys.exit(main())
