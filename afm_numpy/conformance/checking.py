"""`check` on the command line, in this package and in the `check.py` of an exported kit."""

import argparse
import json
import sys

from .._files import printable
from .kit import ResultError
from .report import check_results
from .results import read, read_expected


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("results", nargs="+", metavar="RESULTS", help="JSON or text files; see PORTING.md for the form")
    parser.add_argument("--json", action="store_true", help="print the report as JSON")
    parser.add_argument("--all", action="store_true", help="show every case even if case 00 failed")
    parser.add_argument("--complete", action="store_true", help="exit 1 if a case is skipped or passed in part")
    parser.add_argument("--expected", metavar="FILE", help="cases that may fail, one on a line, then the reason")


def check_files(args: argparse.Namespace) -> int:
    """Check the files of one port. 0: right; 1: something is wrong, or nothing checked; 2: a file cannot be read."""
    try:
        expected = read_expected(args.expected) if args.expected else {}
        report = check_results(read(args.results), expected=expected)
    except ResultError as error:
        print(printable(str(error)), file=sys.stderr)
        return 2
    print(json.dumps(report.as_dict(), indent=1) if args.json else report.text(args.all))
    return 0 if (report.complete if args.complete else report.ok) else 1
