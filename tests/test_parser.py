"""Parser: the values that options take, and the words that a command takes as they are."""

from __future__ import annotations

import argparse
from collections.abc import Callable
from typing import Any

import pytest

from medkd.errors import InputError
from medkd.parser import Parser, amount, count, fractions, names, one_of, protocol, shard


@pytest.mark.parametrize(
    ("read", "text", "value"),
    [
        (count, "12", 12),
        (amount, "0", 0),
        (names, "a, b", ("a", "b")),
        (fractions, "0.1,1", (0.1, 1.0)),
        (protocol, "kfold:10", "kfold:10"),
        (protocol, "official", "official"),
        (shard, "2/4", (2, 4)),
    ],
)
def test_a_value_is_read(read: Callable[[str], Any], text: str, value: Any):
    assert read(text) == value


@pytest.mark.parametrize(
    ("read", "texts"),
    [
        (count, ["0", "-1", "1.5", "", "x"]),
        (amount, ["-1", "x"]),
        (names, ["a,,b", ""]),
        (fractions, ["0", "1.1", "nan", "x", "0.1,"]),
        (protocol, ["kfold:2", "kfold:", "kfold:3x", "loo"]),
        (shard, ["0/4", "5/4", "2", "1/0", "-1/2"]),
    ],
)
def test_another_value_is_refused(read: Callable[[str], Any], texts: list[str]):
    for text in texts:
        with pytest.raises(argparse.ArgumentTypeError, match="is not"):
            read(text)


def test_overrides_and_any_words_are_taken_only_where_a_command_accepts_them():
    plain = Parser(prog="medkd x")
    plain.add_argument("task")
    with pytest.raises(InputError, match=r"unknown option '--a\.b'"):
        plain.parse_words(["t", "--a.b", "3"])
    assert not hasattr(plain.parse_words(["t"]), "overrides")
    plain.accept_overrides()
    namespace = plain.parse_words(["--a.b", "3", "t", "--c.d=4"])
    assert (namespace.task, namespace.overrides) == ("t", ["a.b=3", "c.d=4"])
    plain.accept_any_words()
    assert plain.parse_words(["--a.b", "3", "--zzz"]).words == ["--a.b", "3", "--zzz"]


def test_a_choice_is_refused_with_the_nearest():
    with pytest.raises(InputError, match=r"'lokal' is not a choice \(--engine\). Did you mean 'local'"):
        one_of("--engine", ("local", "ray"))("lokal")
