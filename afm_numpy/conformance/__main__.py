"""python -m afm_numpy.conformance"""

import sys

from ..commands.conformance import main

sys.exit(main())
