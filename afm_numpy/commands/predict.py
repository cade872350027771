"""`afm-numpy predict`: one prediction a line on standard output, for files of any length."""

import numpy as np

from .. import losses, train
from .options import add_data, batches, load_model, parser

EXAMPLES = """\
  afm-numpy predict model.npz test.libfm > predictions.txt
  afm-numpy predict model.npz test.libfm --probability | head"""


def main(argv: list[str] | None = None) -> int:
    """Print predictions row by row; returns the exit status."""
    text = "Print the prediction for each row of a table (CSV) or a libFM/libsvm text file, with or without targets."
    options = parser("predict", text, EXAMPLES)
    add_data(options)
    options.add_argument("--probability", action="store_true", help="probabilities instead of logits (logistic loss)")
    args = options.parse_args(argv)
    saved = load_model(args.model)
    if args.probability and saved.config.get("loss", "logistic") != "logistic":
        raise ValueError(f"{args.model}: --probability needs a model trained with the logistic loss")
    for part in batches(args, saved, unlabelled=True):
        y_hat = train.predict(saved.model, saved.params, part.batch)
        if args.probability:
            y_hat = losses.sigmoid(y_hat)
        print("".join(f"{np.format_float_positional(value, trim='0')}\n" for value in y_hat), end="")
    return 0
