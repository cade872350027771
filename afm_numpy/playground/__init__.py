"""The playground: one page on which FM and AFM move, in a browser, without a server or a network.

`engine.js` is the port in JavaScript that the conformance kit checks; the other files make the page around it.
`python -m afm_numpy.playground.build` joins them into `playground.html`, the one file that a reader opens.
"""

from pathlib import Path

__all__ = ["PAGE"]

PAGE = Path(__file__).with_name("playground.html")
