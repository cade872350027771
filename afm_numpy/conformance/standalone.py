"""The checker as one file without this package: `check.py` in an exported kit. It holds the modules as text."""

from pathlib import Path

PACKAGE = Path(__file__).parent.parent
HEAD = '''"""Checks what a port reported against the cases in this folder: python check.py RESULTS...

Made from the FM and AFM conformance kit {version}. It needs Python 3.10 or later and no library. Mistakes are
named as in mistakes.json, beside this file. The modules of the checker follow as text.
"""

import argparse
import sys
from importlib.util import spec_from_loader

SOURCES = {{}}


class Loader:
    """Imports the modules that stand in this file."""

    @staticmethod
    def find_spec(name, path=None, target=None):
        package = any(key.startswith(name + ".") for key in SOURCES)
        return spec_from_loader(name, Loader, is_package=package) if name in SOURCES else None

    @staticmethod
    def create_module(spec):
        return None

    @staticmethod
    def exec_module(module):
        module.__file__ = __file__
        exec(compile(SOURCES[module.__name__], module.__name__, "exec"), module.__dict__)


SOURCES["kit"] = SOURCES["kit.conformance"] = ""
'''
TAIL = """
if __name__ == "__main__":
    sys.meta_path.insert(0, Loader)
    from kit.conformance.checking import add_arguments, check_files

    parser = argparse.ArgumentParser(description="Checks what a port reported against the cases in this folder.")
    add_arguments(parser)
    sys.exit(check_files(parser.parse_args()))
"""


def check_py(version: str) -> str:
    """The text of check.py."""
    here = PACKAGE / "conformance"
    files = [PACKAGE / "_files.py", *here.glob("*.py"), *here.glob("literal/*.py"), *here.glob("wrong/*.py")]
    text = HEAD.format(version=version)
    for path in sorted(set(files) - {here / name for name in ("__init__.py", "standalone.py", "frameworks.py")}):
        name = ".".join(["kit", *path.relative_to(PACKAGE).with_suffix("").parts]).removesuffix(".__init__")
        text += f"SOURCES[{name!r}] = r'''\n{path.read_text(encoding='utf-8')}'''\n"
    return text + TAIL
