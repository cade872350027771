"""The README's picture of the playground: `python tests/tools/playground_picture.py` draws it with a real browser."""

from pathlib import Path

from browser import Browser
from PIL import Image

from afm_numpy.playground import PAGE

PICTURE = Path(__file__).with_name("playground.png")


def draw(path):
    with Browser() as browser:
        page = browser.open(PAGE, "#at=attn.3", width=1280, height=840, still=True)
        page.run("new Promise(done => setTimeout(done, 200))")
        page.picture(path)
    Image.open(path).convert("RGB").quantize(48).save(path, optimize=True)


if __name__ == "__main__":
    draw(PICTURE)
