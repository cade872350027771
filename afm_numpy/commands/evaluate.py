"""`afm-numpy evaluate`: how good a model's predictions are on rows with known targets."""

import json

import numpy as np

from .. import metrics, train
from .options import add_data, batches, labels, load_model, parser

EXAMPLES = """\
  afm-numpy evaluate model.npz test.libfm
  afm-numpy evaluate model.npz test.libfm --metric auc accuracy --json"""


def main(argv: list[str] | None = None) -> int:
    """Print metrics; returns the exit status."""
    options = parser("evaluate", "Print metrics of a model on a table (CSV) or a libFM/libsvm text file.", EXAMPLES)
    add_data(options)
    options.add_argument("--metric", nargs="+", choices=metrics.METRICS, metavar="NAME",
                         help="squared loss: rmse, mae; logistic: log_loss, auc, accuracy (default: all)")  # fmt: skip
    options.add_argument("--json", action="store_true", help="print one JSON object")
    args = options.parse_args(argv)
    saved = load_model(args.model)
    loss = saved.config.get("loss") or (args.metric and metrics.get(args.metric[0]).loss)
    if loss is None:
        raise ValueError(f"{args.model}: it does not say with which loss it was trained; name metrics by --metric")
    metrics.check(args.metric or [], loss, np.array([0.0, 1.0]))               # the names, before the work
    found = [(part.y, part.line, train.predict(saved.model, saved.params, part.batch)) for part in batches(args, saved)]
    y, line, y_hat = (np.concatenate(values) for values in zip(*found, strict=True))
    (y,) = labels(loss, (args.data, y, line))
    values = metrics.measure(loss, y, y_hat, args.metric)
    if args.json:
        print(json.dumps({"rows": len(y), **values}))
    else:
        print("  ".join([f"rows {len(y)}", *(f"{name} {value:.6f}" for name, value in values.items())]))
    return 0
