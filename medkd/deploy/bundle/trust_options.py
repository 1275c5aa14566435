"""Options of every command that opens a bundle: trusted packages, and the key that must have signed it.

A separate module, so that three commands and the viewer share it without heavy imports.
"""

from __future__ import annotations

from pathlib import Path

from medkd.parser import Parser


def add_trust_arguments(parser: Parser) -> None:
    """Add ``--trust PACKAGE`` (repeatable) and ``--require-signed PUBLIC.pem``."""
    parser.add_argument(
        "--trust",
        action="append",
        default=[],
        metavar="PACKAGE",
        help="let the bundle name classes of PACKAGE too",
    )
    parser.add_argument(
        "--require-signed",
        type=Path,
        metavar="PUBLIC.pem",
        help="refuse a bundle that the owner of this key did not sign",
    )
