"""Build the site: the course, the playground, every public name, the porter's pages, the command line's help.

    pip install '.[site]'
    python docs/build.py site            writes the folder `site`; open site/index.html

Nothing is fetched: formulas are typeset by a copy of MathJax that comes with a package. A warning is an error, and so
is a link to a page or a heading of the site that is not there.
"""

import argparse
import contextlib
import importlib
import inspect
import io
import json
import pkgutil
import re
import shutil
import sys
import tempfile
from pathlib import Path

import afm_numpy
from afm_numpy.commands import cli

ROOT = Path(__file__).parents[1]
PACKAGE = Path(afm_numpy.__file__).parent
KIT = PACKAGE / "conformance"
HEART = (
    "batch", "params", "rowgrad", "dropout", "fm", "attention", "afm", "losses", "optim", "reference", "gradcheck",
)  # fmt: skip


def write(path, text):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")


def page(title, text, entries=()):
    """A page of Markdown; its entries are the pages below it, for the navigation. The text says what they are."""
    toc = ["```{toctree}", ":hidden:", "", *entries, "```"] if entries else []
    return "\n".join([f"# {title}", "", text, "", *toc, ""])


def table(head, rows):
    """A table of Markdown."""
    return "\n".join(f"| {' | '.join(cells)} |" for cells in (head, ["---"] * len(head), *rows))


def without_links_to_files(text, kept=()):
    """Links to files of the repository become plain text: the site holds only the pages that are kept."""

    def plain(link):
        words, target = link.groups()
        return link[0] if re.match(r"https?:|#", target) or target.partition("#")[0] in kept else words

    return re.sub(r"(?<!!)\[([^\]]+)\]\(([^)]+)\)", plain, text)


# ---- the parts of the site -----------------------------------------------------------------------------


def course(folder):
    """The notebooks with the outputs that they store."""
    paths = sorted((ROOT / "notebooks").glob("*.ipynb"))
    for path in paths:
        notebook = json.loads(path.read_text(encoding="utf-8"))
        for cell in notebook["cells"]:
            if cell["cell_type"] == "markdown":
                cell["source"] = without_links_to_files("".join(cell["source"]), [path.name for path in paths])
            for output in cell.get("outputs", []):
                if alt := output.get("metadata", {}).get("image/png", {}).get("alt"):
                    cell["metadata"]["mystnb"] = {"image": {"alt": alt}}
        write(folder / path.name, json.dumps(notebook))
    sheet = (ROOT / "notebooks" / "derivation.md").read_text(encoding="utf-8")
    write(folder / "derivation.md", re.sub(r"\(\.\./afm_numpy/(\w+)\.py\)", r"(../api/\1.md)", sheet))
    text = (ROOT / "notebooks" / "README.md").read_text(encoding="utf-8").partition("\n")[2]
    text = without_links_to_files(text, [*(path.name for path in paths), "derivation.md"])
    write(folder / "index.md", page("The course", text, [*(path.stem for path in paths), "derivation"]))


def public_modules():
    """Every module that a user may need: none with an underscore, nothing that only makes or runs something."""
    skipped = ("commands", "exercises", "conformance.", "fast", "torch_model", "playground")
    for module in pkgutil.walk_packages(afm_numpy.__path__):
        name = module.name
        if not name.startswith(("_", *skipped)):
            yield name


def as_read(objects, docstring):
    """Names in the order of reading: those of the docstring, functions as the source has them, then classes."""
    names = sorted(objects, key=lambda name: inspect.isclass(objects[name]))
    files = [inspect.getsourcefile(inspect.unwrap(objects[name])) for name in names]

    def place(name):
        value, said = inspect.unwrap(objects[name]), docstring.find(f"`{name}`")
        file, line = files.index(inspect.getsourcefile(value)), inspect.findsource(value)[1]
        return said < 0, said, inspect.isclass(value), file, line

    return sorted(names, key=place)


def api(folder):
    """One page a module, with every name of its `__all__`."""
    names, rows = sorted(public_modules(), key=lambda name: (*HEART, name).index(name)), []
    for name in names:
        module = importlib.import_module(f"afm_numpy.{name}")
        values = vars(module)
        public = getattr(module, "__all__", [key for key in values if inspect.isfunction(values[key])])
        own = {key: values[key] for key in public if inspect.isroutine(values[key]) or inspect.isclass(values[key])}
        lines = [f"# {name}", "", "```{eval-rst}", f".. automodule:: afm_numpy.{name}", "   :no-members:", ""]
        for key in as_read(own, module.__doc__):
            kind = "class" if inspect.isclass(values[key]) else "function"
            inherited = ["   :inherited-members: tuple, OSError, BaseException"] if kind == "class" else []
            lines += [f".. auto{kind}:: afm_numpy.{name}.{key}", *inherited, ""]
        write(folder / f"{name}.md", "\n".join([*lines, "```", ""]))
        rows.append([f"[{name}]({name}.md)", module.__doc__.splitlines()[0]])
    text = "The heart comes first: data, the two models, losses, optimizers, and the gradient checker."
    index = 'One more page has <a href="../genindex.html">all names by the alphabet</a>.'
    write(folder / "index.md", page("API", f"{text} {index}\n\n{table(['module', 'what it is'], rows)}", names))


def porting(folder):
    """The porter's pages."""
    pages = {
        "SPEC.md": ["The specification", "what every number of the kit means: enough to write a port from"],
        "PORTING.md": ["How to begin", "in which order to build, what each case is for, how to read a report"],
        "DEVIATIONS.md": ["Where public code differs", "17 public implementations beside the paper, line by line"],
        "mistakes.md": ["The mistakes that the checker names", "what each is, and how to mend it"],
    }
    mistakes = importlib.import_module("afm_numpy.conformance").load_mistakes()
    rows = [[f"`{name}`", entry["title"], entry["fix"]] for name, entry in sorted(mistakes.items())]
    write(folder / "mistakes.md", page(pages["mistakes.md"][0], table(["name", "what it is", "how to mend it"], rows)))
    for name in pages.keys() - {"mistakes.md"}:
        write(folder / name, without_links_to_files((KIT / name).read_text(encoding="utf-8"), pages))
    rows = [[f"[{title}]({name})", what] for name, (title, what) in pages.items()]
    text = "`afm-numpy conformance export DIR` writes these pages, the cases and a checker to a folder."
    entries = [f"{title} <{Path(name).stem}>" for name, (title, _) in pages.items()]
    write(folder / "index.md", page("Porting", f"{text}\n\n{table(['page', 'what it says'], rows)}", entries))


def commands(path):
    """What `afm-numpy COMMAND --help` prints."""
    parts = ["# The command line", "", "```text", cli.usage(), "```", ""]
    for name in cli.COMMANDS:
        out = io.StringIO()
        with contextlib.redirect_stdout(out), contextlib.suppress(SystemExit):
            cli.main([name, "--help"])
        parts += [f"## {name}", "", "```text", out.getvalue().rstrip(), "```", ""]
    write(path, "\n".join(parts))


def assemble(folder):
    """All pages of the site, below a folder."""
    shutil.copytree(ROOT / "docs", folder, dirs_exist_ok=True, ignore=shutil.ignore_patterns("build.py", "__pycache__"))
    course(folder / "course")
    api(folder / "api")
    porting(folder / "porting")
    commands(folder / "commands.md")
    for name, path in (("green-run", ROOT / "tests"), ("checking", PACKAGE / "gradcheck")):
        write(folder / f"{name}.md", without_links_to_files((path / "README.md").read_text(encoding="utf-8")))
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    ten_lines = re.search(r"^## Ten lines\n.*?(?=^The whole of it)", readme, re.M | re.S)[0]
    write(folder / "index.md", (folder / "index.md").read_text(encoding="utf-8").replace("TEN LINES", ten_lines))
    features = (ROOT / "docs" / "features.md").read_text(encoding="utf-8")
    write(folder / "features.md", without_links_to_files(features.replace("../tests/tools/gallery.png", "gallery.png")))
    (folder / "extra").mkdir()
    shutil.copy(PACKAGE / "playground" / "playground.html", folder / "extra")
    for name in ("gallery.png", "playground.png"):
        shutil.copy(ROOT / "tests" / "tools" / name, folder)
    alt = re.search(r"!\[([^\]]+)\]\(tests/tools/playground.png\)", readme)[1]
    link = '<a href="playground.html">Open the playground</a>: one page on which FM and AFM move, without a network.'
    write(folder / "play.md", page("Playground", f"{link}\n\n![{alt}](playground.png)"))


# ---- links -----------------------------------------------------------------------------------------------


def broken_links(site):
    """Links from a page of the site to a file or a heading that is not there."""
    pages = {path.resolve(): path.read_text(encoding="utf-8") for path in site.rglob("*.html")}
    for path, text in pages.items():
        for link in re.findall(r'<a [^>]*href="([^"]+)"', text):
            if re.match(r"(https?|mailto|data|javascript):", link):
                continue
            name, _, heading = link.partition("#")
            target = (path.parent / name).resolve() if name else path
            target = target / "index.html" if target.is_dir() else target
            if not target.exists() or (heading and f'id="{heading}"' not in pages.get(target, f'id="{heading}"')):
                yield f"{path.relative_to(site)}: {link}"


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("out", type=Path, help="the folder to write")
    out = parser.parse_args().out.resolve()
    from sphinx.cmd.build import main as sphinx

    with tempfile.TemporaryDirectory() as folder:
        assemble(Path(folder))
        status = sphinx(["-W", "--keep-going", "-q", "-b", "html", "-d", f"{folder}/.doctrees", folder, str(out)])
    if status:
        return status
    broken = sorted(set(broken_links(out)))
    print("\n".join(broken) or f"{out / 'index.html'}: every link of the site leads somewhere")
    return bool(broken)


if __name__ == "__main__":
    sys.exit(main())
