"""The command line: check result files, export the kit, regenerate it."""

import argparse
import sys
import tempfile
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
EXPORTED = (
    "SPEC.md", "PORTING.md", "DEVIATIONS.md", "CHANGELOG.md", "LICENSE", "MANIFEST.json", "mistakes.json", "schema",
    "cases",
)  # fmt: skip


def main(argv: Sequence[str] | None = None) -> int:
    """Run `conformance ...`; the exit status is 0 (right), 1 (something is wrong) or 2 (cannot be read)."""
    try:
        args = arguments().parse_args(argv)
    except SystemExit as stop:  # argparse has printed its message
        return int(stop.code or 0)
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
    one = commands.add_parser("regenerate", help="calculate the kit anew (needs mpmath) and compare it, or write it")
    one.add_argument("--write", metavar="DIR", type=Path, help="write the files below this folder")
    one.set_defaults(run=regenerate)
    return top


def export(args: argparse.Namespace) -> int:
    try:
        for source in [kit.HERE / name for name in EXPORTED]:
            for path in [source] if source.is_file() else sorted(source.iterdir()):
                target = args.folder / path.relative_to(kit.HERE)
                target.parent.mkdir(parents=True, exist_ok=True)
                with atomic_write(target) as file:
                    file.write(path.read_bytes())
        with atomic_write(args.folder / "check.py") as file:
            file.write(check_py(kit.KIT_VERSION).encode())
    except OSError as error:
        print(f"{args.folder}: cannot be written: {error.strerror}", file=sys.stderr)
        return 2
    print(f"kit {kit.KIT_VERSION}, {len(kit.load_cases())} cases, written to {args.folder}; begin with PORTING.md")
    return 0


def regenerate(args: argparse.Namespace) -> int:
    try:
        from ..conformance.making.generate import generate

        if args.write:
            generate(args.write)
            return 0
        with tempfile.TemporaryDirectory() as folder:
            generate(Path(folder))
            return compared(Path(folder))
    except ImportError as error:
        print(f"regenerating needs mpmath: {error}", file=sys.stderr)
        return 2


def compared(folder: Path) -> int:
    """Are the installed files those that were just calculated, byte for byte?"""
    new = {path.relative_to(folder): path.read_bytes() for path in folder.rglob("*") if path.is_file()}
    differ = sorted(str(name) for name, text in new.items() if not same_bytes(kit.HERE / name, text))
    for name in differ:
        print(f"{name} differs")
    print(f"{len(new) - len(differ)} of {len(new)} files are the same")
    return 1 if differ else 0


def same_bytes(path: Path, text: bytes) -> bool:
    return path.is_file() and path.read_bytes() == text
