"""``medkd verify DIR``: our formulas against golden vectors of published code."""

from __future__ import annotations

import argparse
from pathlib import Path

from medkd.parser import Parser


def add_arguments(parser: Parser) -> None:
    """Add DIR and which cases may be skipped."""
    parser.add_argument("folder", type=Path, metavar="DIR", help="folder of golden vectors")
    parser.add_argument("--strict", action="store_true", help="count a skipped case as a failure")
    parser.add_argument(
        "--allow-skip", action="append", default=[], metavar="NAME", help="with --strict: NAME may be skipped"
    )


def main(namespace: argparse.Namespace) -> int:
    """Check every golden function below DIR; the exit code is 1 if any case failed.

    Raises:
        InputError: the folder is missing, empty or corrupt, or a name to skip is not in it.
    """
    from medkd.papers.verify import verify

    return verify(namespace.folder, namespace.strict, namespace.allow_skip)
