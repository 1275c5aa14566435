"""``medkd bundle check|describe|export|sign|key``: everything that is done with a bundle besides scoring with it."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TypeVar

from medkd.deploy.bundle.layout import FORMS
from medkd.deploy.bundle.trust_options import add_trust_arguments
from medkd.errors import InputError
from medkd.parser import Parser, one_of

T = TypeVar("T")
ACTIONS = ("check", "describe", "export", "sign", "key")


def add_arguments(parser: Parser) -> None:
    """Add ACTION, BUNDLE and the options of the actions."""
    parser.add_argument(
        "action", metavar="ACTION", type=one_of("medkd bundle ACTION", ACTIONS), help=", ".join(ACTIONS)
    )
    parser.add_argument("bundle", nargs="?", type=Path, metavar="BUNDLE", help="folder that medkd distill left")
    parser.add_argument("--to", type=one_of("--to", FORMS), metavar="FORM", help=f"with export: {' or '.join(FORMS)}")
    parser.add_argument(
        "--input", type=Path, metavar="INPUT", help="with check: records that ONNX and torch are compared on"
    )
    parser.add_argument("--key", type=Path, metavar="PRIVATE.pem", help="with sign: the private key")
    parser.add_argument("--out", type=Path, metavar="DIR", help="with export and key: where to")
    add_trust_arguments(parser)


def main(namespace: argparse.Namespace) -> int:
    """Run ``medkd bundle ACTION [BUNDLE] [OPTIONS]``.

    Raises:
        InputError: an action lacks what it needs, or the bundle cannot be used.
    """
    from medkd import registry
    from medkd.deploy.bundle.describe import describe
    from medkd.deploy.bundle.export import export_bundle
    from medkd.deploy.bundle.signature import PASSPHRASE, PRIVATE, PUBLIC, make_keys, sign
    from medkd.deploy.inference.check_bundle import BundleCheck

    action, trust = str(namespace.action), tuple(namespace.trust or ())
    if action == "key":
        out = _needed(namespace.out, action, "--out DIR")
        fingerprint = make_keys(out)
        print(f"{out / PRIVATE}: keep it to yourself (it is encrypted if {PASSPHRASE} is set)")
        print(f"{out / PUBLIC}: give it to those who run your bundles; fingerprint {fingerprint}")
        return 0
    folder = _needed(namespace.bundle, action, "BUNDLE")
    if action == "check":
        check = BundleCheck(folder, trust, registry=registry)
        return check.run(key=namespace.require_signed, source=namespace.input)
    if action == "sign":
        key = _needed(namespace.key, action, "--key PRIVATE.pem")
        print(f"{folder} is signed with the key {sign(folder, key)}")
    elif action == "export":
        out = _needed(namespace.out, action, "--out DIR")
        form = str(_needed(namespace.to, action, f"--to {'|'.join(FORMS)}"))
        export_bundle(folder, form, out, trust, key=namespace.require_signed)
        print(f"{out} holds the {form} form; it opens as a bundle, and is not signed")
    else:
        print(describe(folder, trust, key=namespace.require_signed))
    return 0


def _needed(value: T | None, action: str, what: str) -> T:
    if value is None:
        raise InputError(f"medkd bundle {action} needs {what}", remedy="See: medkd bundle --help")
    return value
