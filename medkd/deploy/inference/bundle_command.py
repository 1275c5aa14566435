"""``medkd bundle check|describe|export|sign|key``: what is done with a bundle besides scoring with it."""

from __future__ import annotations

import argparse
from typing import TypeVar

from medkd.deploy.bundle.describe import describe
from medkd.deploy.bundle.export import FORMS, export_bundle
from medkd.deploy.bundle.signature import PASSPHRASE, PRIVATE, PUBLIC, make_keys, sign
from medkd.deploy.inference.check_bundle import BundleCheck
from medkd.errors import InputError

T = TypeVar("T")


def main(namespace: argparse.Namespace) -> int:
    """Run ``medkd bundle ACTION [BUNDLE] [--to FORM] [--input INPUT] [--key PEM] [--out DIR] [--trust PACKAGE] [--require-signed PEM]``.

    Raises:
        InputError: an action lacks what it needs, or the bundle cannot be used.
    """
    action, trust = str(namespace.action), tuple(namespace.trust or ())
    if action == "key":
        out = _given(namespace.out, action, "--out DIR")
        mark = make_keys(out)
        print(f"{out / PRIVATE}: keep it to yourself (it is encrypted if {PASSPHRASE} is set)")
        print(f"{out / PUBLIC}: give it to those who run your bundles; fingerprint {mark}")
        return 0
    folder = _given(namespace.bundle, action, "BUNDLE")
    if action == "check":
        return BundleCheck(folder, trust).run(key=namespace.require_signed, source=namespace.input)
    if action == "sign":
        print(f"{folder} is signed with the key {sign(folder, _given(namespace.key, action, '--key PRIVATE.pem'))}")
    elif action == "export":
        out, form = (
            _given(namespace.out, action, "--out DIR"),
            str(_given(namespace.to, action, f"--to {'|'.join(FORMS)}")),
        )
        export_bundle(folder, form, out, trust, key=namespace.require_signed)
        print(f"{out} holds the {form} form; it opens as a bundle, and is not signed")
    else:
        print(describe(folder, trust, key=namespace.require_signed))
    return 0


def _given(value: T | None, action: str, what: str) -> T:
    if value is None:
        raise InputError(f"medkd bundle {action} needs {what}", remedy="See: medkd bundle --help")
    return value
