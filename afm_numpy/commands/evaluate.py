"""`afm-numpy evaluate`: how good a model's predictions are on rows with known targets."""

import json

import numpy as np

from .. import metrics, train
from .options import add_data, batches, load_model, parser

EXAMPLES = """\
  afm-numpy evaluate model.npz test.libfm
  afm-numpy evaluate model.npz test.libfm --metric auc rmse --json"""


def main(argv=None):
    """Print metrics; returns the exit status."""
    options = parser("evaluate", "Print metrics of a model on a libFM/libsvm text file.", EXAMPLES)
    add_data(options)
    options.add_argument("--metric", nargs="+", choices=metrics.METRICS, metavar="NAME",
                         help=f"of {', '.join(metrics.METRICS)} (default: those of the loss)")  # fmt: skip
    options.add_argument("--json", action="store_true", help="print one JSON object")
    args = options.parse_args(argv)
    saved = load_model(args.model)
    pairs = [(y, train.predict(saved.model, saved.params, batch)) for batch, y in batches(args, saved)]
    y, y_hat = (np.concatenate(part) for part in zip(*pairs, strict=True))
    values = metrics.measure(saved.config.get("loss", "squared"), y, y_hat, args.metric)
    if args.json:
        print(json.dumps({"rows": len(y), **values}))
    else:
        print(f"rows {len(y)}  " + "  ".join(f"{name} {value:.6f}" for name, value in values.items()))
    return 0
