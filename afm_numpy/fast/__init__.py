"""The fast engine: the numbers of `fm.py` and `afm.py`, once per distinct feature and once per distinct pair."""
