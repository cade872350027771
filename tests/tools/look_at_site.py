"""Open every page of the site in a real browser, in two widths, and say what does not fit or does not show.

    python docs/build.py site && python tests/tools/look_at_site.py site [--pictures FOLDER]

Wrong are: a page wider than the window, code or a table that must be scrolled sideways at 1280 pixels, a picture that
does not load or has no alternative text, a formula that is not typeset, and a derivation sheet of more than two pages.
"""

import argparse
import base64
import re
import sys
from pathlib import Path

from browser import Browser

WIDTHS = (1280, 500)
TYPESET = "!window.MathJax?.startup?.promise || MathJax.startup.promise.then(() => true)"
FAULTS = """(() => {
    const found = [], say = (what, node) => found.push(what + ": " + node.textContent.trim().slice(0, 60));
    if (document.documentElement.scrollWidth > innerWidth) say("wider than the window", document.querySelector("h1"));
    const inside = innerWidth > 1000 ? ", article pre, article div, article mjx-container" : "";
    for (const node of document.querySelectorAll(".bd-article-container" + inside))
        if (getComputedStyle(node).overflowX === "auto" && node.scrollWidth > node.clientWidth) say("scrolls", node);
    for (const node of document.querySelectorAll("mjx-merror, [data-mml-node=merror]")) say("not typeset", node);
    for (const node of document.querySelectorAll("article p"))
        if (node.textContent.includes("|--")) say("a table that is not drawn", node);
    for (const image of document.images)
        if (!image.naturalWidth || !image.alt || image.alt.endsWith(".png"))
            found.push("picture without content or words: " + image.src.slice(0, 80));
    return found;
})()"""


def pages_on_paper(page, width, height):
    pdf = base64.b64decode(page.send("Page.printToPDF", paperWidth=width, paperHeight=height)["data"])
    return len(re.findall(rb"/Type\s*/Page\b", pdf))


def look(site, pictures=None):
    """Yield a line for every fault."""
    with Browser() as browser:
        for path in sorted(site.rglob("*.html")):
            name = path.relative_to(site).as_posix()
            for width in () if name.startswith("_") else WIDTHS:
                page = browser.open(path, width=width, height=900)
                page.wait(TYPESET)
                said = [text for kind, text in page.said() if kind.startswith(("Network", "Runtime.exception"))]
                yield from (f"{name}, {width} pixels: {fault}" for fault in page.run(FAULTS) + said)
                if name == "course/derivation.html" and width == WIDTHS[0]:
                    sheets = {pages_on_paper(page, 8.27, 11.69), pages_on_paper(page, 8.5, 11)}
                    yield from (f"{name}: {count} pages on paper" for count in sheets - {2})
                if pictures:
                    page.size(width, page.run("document.documentElement.scrollHeight"))
                    page.picture(pictures / f"{name.replace('/', '_')}.{width}.png", whole=True)
                page.close()


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("site", type=Path, help="the folder that docs/build.py wrote")
    parser.add_argument("--pictures", type=Path, help="a folder for a picture of every page")
    args = parser.parse_args()
    if args.pictures:
        args.pictures.mkdir(parents=True, exist_ok=True)
    faults = 0
    for fault in look(args.site, args.pictures):
        print(fault, flush=True)
        faults += 1
    print(f"{faults} faults")
    return bool(faults)


if __name__ == "__main__":
    sys.exit(main())
