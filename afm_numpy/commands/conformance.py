"""The command line: check result files, export the kit."""

import argparse
from collections.abc import Sequence
from pathlib import Path

from .._files import atomic_write
from ..conformance import kit
from ..conformance.checking import add_arguments, check_files
from ..conformance.standalone import check_py
from .options import parser

EXAMPLES = """\
  afm-numpy conformance export kit
  afm-numpy conformance check results.json --complete"""


def main(argv: Sequence[str] | None = None) -> int:
    """Run `conformance ...`; the exit status is 0 (right), 1 (something is wrong) or 2 (cannot be read)."""
    args = arguments().parse_args(argv)
    return int(args.run(args))


def arguments() -> argparse.ArgumentParser:
    top = parser("conformance", "Known answers for ports of FM and AFM, and a checker that names mistakes.", EXAMPLES)
    commands = top.add_subparsers(required=True, metavar="COMMAND")
    one = commands.add_parser("check", help="check the result files of one port")
    add_arguments(one)
    one.set_defaults(run=check_files)
    one = commands.add_parser("export", help="write the kit's files to a folder")
    one.add_argument("folder", metavar="DIR", type=Path)
    one.set_defaults(run=export)
    return top


def exported() -> list[Path]:
    """The files of the kit: all of its folder but the code."""
    return [path for path in sorted(kit.HERE.rglob("*")) if path.is_file() and path.suffix not in (".py", ".pyc")]


def export(args: argparse.Namespace) -> int:
    for path in exported():
        target = args.folder / path.relative_to(kit.HERE)
        target.parent.mkdir(parents=True, exist_ok=True)
        with atomic_write(target) as file:
            file.write(path.read_bytes())
    with atomic_write(args.folder / "check.py") as file:
        file.write(check_py(kit.KIT_VERSION).encode())
    print(f"kit {kit.KIT_VERSION}, {len(kit.load_cases())} cases, written to {args.folder}; begin with PORTING.md")
    return 0
