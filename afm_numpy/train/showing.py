"""How far training has come, on standard error: a bar in a terminal, elsewhere a line for an epoch."""

import sys
import time
from typing import Any

from tqdm import tqdm


class Shown:
    """Shows progress while its context is open. A line says one epoch; there is at most one a second."""

    def __init__(self, epochs: int, steps: int, verbose: bool) -> None:
        terminal = verbose and sys.stderr.isatty()
        self.epochs, self.lines, self.said = epochs, verbose and not terminal, -1.0
        self.bar = tqdm(
            total=epochs * steps, disable=not terminal, file=sys.stderr, dynamic_ncols=True,
            bar_format="{desc}|{bar}| {elapsed}<{remaining}{postfix}",
        )  # fmt: skip

    def __enter__(self) -> "Shown":
        return self

    def __exit__(self, *_: object) -> None:
        self.bar.close()

    def epoch(self, row: dict[str, Any]) -> None:
        """Show a row of the history."""
        losses = ", ".join(f"{key} {row[key]:.4f}" for key in ("loss", "valid_loss") if key in row)
        epoch = f"epoch {row['epoch']} of {self.epochs}"
        self.bar.set_description_str(f"{epoch} ", refresh=False)
        self.bar.set_postfix_str(losses)
        if self.lines and time.monotonic() - self.said >= 1:
            self.said = time.monotonic()
            print(f"{epoch}: {losses}", file=sys.stderr, flush=True)
