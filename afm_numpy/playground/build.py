"""Join the sources of the playground into one HTML file: one style, one classic script, nothing to load."""

import json
import re
from pathlib import Path

from .._files import atomic_write
from ..conformance import kit
from . import PAGE

HERE = Path(__file__).parent
SCRIPTS = "text world rules mistakes state model dom tables panel controls nudge training pictures tabs main".split()
ENGINE = "range, sum, dot, column, sigmoid, forward, loss, backward, update, run, text"
START, END = "function makeEngine() {\n", f"return {{ {ENGINE} }};\n}}\n"


def build() -> str:
    """The page as text. The engine is the body of a function in it, so that a mistake can be put into a copy.

    Examples
    --------
    >>> build().startswith("<!doctype html>")
    True
    """
    texts = {name: source(f"{name}.js") for name in SCRIPTS}
    used = re.findall(r"^  ([A-Z_0-9]+): \{", texts["mistakes"], re.MULTILINE)
    mistakes = json.loads((kit.HERE / "mistakes.json").read_text(encoding="utf-8"))
    catalogue = {name: {part: mistakes[name][part] for part in ("title", "effect", "fix", "stage")} for name in used}
    scripts = [f"const CATALOGUE = {json.dumps(catalogue, indent=1)};\n", *texts.values()]
    strict = '"use strict";\n'
    plain = [re.sub(r"^// .*\n", "", text.replace(strict, ""), flags=re.MULTILINE) for text in scripts]  # comments stay
    script = "".join([strict, START, source("engine.js"), END, *plain])                       # in the sources
    return source("page.html").replace("/*STYLE*/\n", source("style.css")).replace("/*SCRIPT*/\n", script)


def source(name: str) -> str:
    """A file beside this one."""
    return (HERE / name).read_text(encoding="utf-8")


def engine(page: str) -> str:
    """The text of the engine, taken out of a page.

    Examples
    --------
    >>> engine(build()) == source("engine.js")
    True
    """
    return page.partition(START)[2].partition(END)[0]


if __name__ == "__main__":
    with atomic_write(PAGE, "w") as file:
        file.write(build())
