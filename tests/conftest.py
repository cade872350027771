import numpy as np
from hypothesis import Phase, settings

np.seterr(all="raise", under="ignore")
settings.register_profile("mutation", phases=[Phase.explicit, Phase.generate])  # a failure is enough: do not shrink it
settings.register_profile("long", max_examples=100 * 200, print_blob=True)  # tests/fuzz: 200 times as many examples
