"""Trust is given in the same two options by every command that opens a bundle, and by none unasked."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from medkd.app.server import command as app
from medkd.deploy.bundle.trust_options import add_trust_arguments
from medkd.deploy.evaluation import command as evaluate
from medkd.deploy.inference import bundle_command as bundle
from medkd.deploy.inference import command as predict
from medkd.errors import InputError
from medkd.parser import Parser


def parser_of(add: Callable[[Parser], None]) -> Parser:
    parser = Parser(prog="medkd test")
    add(parser)
    return parser


def test_nothing_is_trusted_unless_named_and_one_call_leaves_nothing_to_the_next() -> None:
    parser = parser_of(add_trust_arguments)
    named = parser.parse_words(["--trust", "ward_a", "--trust", "ward_b", "--require-signed", "keys/public.pem"])
    assert (named.trust, named.require_signed) == (["ward_a", "ward_b"], Path("keys/public.pem"))
    plain = parser.parse_words([])
    assert (plain.trust, plain.require_signed) == ([], None)


@pytest.mark.parametrize(
    ("command", "words"),
    [
        (predict, ["b", "in", "--out", "o"]),
        (evaluate, ["b", "--cohort", "c", "--out", "o"]),
        (bundle, ["check", "b"]),
        (app, ["b"]),
    ],
    ids=["predict", "evaluate", "bundle", "app"],
)
def test_every_command_that_opens_a_bundle_takes_both(command: object, words: list[str]) -> None:
    parser = parser_of(command.add_arguments)  # type: ignore[attr-defined]
    namespace = parser.parse_words([*words, "--trust", "ward_a", "--require-signed", "k.pem"])
    assert (namespace.trust, namespace.require_signed) == (["ward_a"], Path("k.pem"))
    with pytest.raises(InputError, match="--require-signed"):
        parser.parse_words([*words, "--require-signed"])
