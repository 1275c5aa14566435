"""Parser: the words after a command, read with one line for a mistake, and the values that options take."""

from __future__ import annotations

import argparse
import re
from collections.abc import Callable, Sequence
from typing import NoReturn

from medkd.errors import InputError, nearest

_DOTTED = re.compile(r"--[A-Za-z]\w*(\.\w+)+(=.*)?", re.DOTALL)


class Parser(argparse.ArgumentParser):
    """An argument parser that explains a mistake in one line and knows the nearest option.

    ``takes_overrides`` and ``takes_any_words`` are set by a command's ``add_arguments`` through the methods below.
    """

    takes_overrides = False
    takes_any_words = False

    def accept_overrides(self) -> None:
        """Take dotted options ``--STAGE.KEY VALUE`` too: the namespace holds them as ``overrides``, STAGE.KEY=VALUE."""
        self.takes_overrides = True

    def accept_any_words(self) -> None:
        """Take every word as it was typed, for another parser: the namespace holds them as ``words``."""
        self.takes_any_words = True

    def parse_words(self, words: Sequence[str]) -> argparse.Namespace:
        """Parse what was typed after the command's name.

        Raises:
            InputError: an option is unknown, an argument is missing, or one too many was given.
        """
        if self.takes_any_words:
            return argparse.Namespace(words=list(words))
        overrides: list[str] = []
        if self.takes_overrides:
            words, overrides = take_overrides(words)
        for word in words:
            option = word.partition("=")[0]
            if option.startswith("--") and len(option) > 2 and option not in self._option_string_actions:
                known = [name for name in self._option_string_actions if name.startswith("--")]
                raise InputError(f"unknown option '{option}'", where=self.prog, remedy=nearest(option, known))
        namespace, left_over = self.parse_known_args(list(words))
        if left_over:
            self.error(f"'{left_over[0]}' is one argument too many")
        if self.takes_overrides:
            namespace.overrides = overrides
        return namespace

    def error(self, message: str) -> NoReturn:
        """Raise the message that argparse would print with its usage.

        Raises:
            InputError: always.
        """
        match = re.match(r"argument (?P<name>\S+): (?P<what>.*)", message, re.DOTALL)
        what = f"{match['name']}: {match['what']}" if match else message
        raise InputError(what, where=self.prog, remedy=f"See: {self.prog} --help")


def take_overrides(words: Sequence[str]) -> tuple[list[str], list[str]]:
    """Separate the dotted options from the others: the remaining words, and one ``STAGE.KEY=VALUE`` per dotted option.

    Raises:
        InputError: a dotted option has no value.

    >>> take_overrides(["ecg_lead", "--teacher.epochs", "3", "--fast", "--student.rate=-0.5"])
    (['ecg_lead', '--fast'], ['teacher.epochs=3', 'student.rate=-0.5'])
    """
    remaining: list[str] = []
    overrides: list[str] = []
    waiting = list(reversed(words))
    while waiting:
        word = waiting.pop()
        if not _DOTTED.fullmatch(word):
            remaining.append(word)
        elif "=" in word:
            overrides.append(word[2:])
        elif waiting and not waiting[-1].startswith("--"):
            overrides.append(f"{word[2:]}={waiting.pop()}")
        else:
            raise InputError(f"option '{word}' has no value", remedy=f"Write {word} VALUE")
    return remaining, overrides


def count(text: str) -> int:
    """A whole number of 1 or more."""
    if not text.isdecimal() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"'{text}' is not a whole number of 1 or more")
    return int(text)


def amount(text: str) -> int:
    """A whole number of 0 or more."""
    if not text.isdecimal():
        raise argparse.ArgumentTypeError(f"'{text}' is not a whole number of 0 or more")
    return int(text)


def names(text: str) -> tuple[str, ...]:
    """Names joined by commas.

    >>> names("soft_labels, info_nce")
    ('soft_labels', 'info_nce')
    """
    words = tuple(word.strip() for word in text.split(","))
    if not all(words):
        raise argparse.ArgumentTypeError(f"'{text}' is not a list of names, such as soft_labels,info_nce")
    return words


def fractions(text: str) -> tuple[float, ...]:
    """Fractions above 0 and up to 1, joined by commas.

    >>> fractions("0.1,1")
    (0.1, 1.0)
    """
    try:
        numbers = tuple(float(word) for word in text.split(","))
    except ValueError:
        numbers = ()
    if not numbers or not all(0 < number <= 1 for number in numbers):
        raise argparse.ArgumentTypeError(f"'{text}' is not a list of fractions above 0 and up to 1, such as 0.1,0.3,1")
    return numbers


def protocol(text: str) -> str:
    """Holdout, official or kfold:K."""
    if text not in ("holdout", "official") and not re.fullmatch(r"kfold:([3-9]|[1-9]\d+)", text):
        raise argparse.ArgumentTypeError(
            f"'{text}' is not holdout, official or kfold:K with K of 3 or more, such as kfold:5"
        )
    return text


def shard(text: str) -> tuple[int, int]:
    """Part i of n, as "i/n", counted from 1."""
    match = re.fullmatch(r"(\d+)/(\d+)", text)
    if not match or not 1 <= int(match[1]) <= int(match[2]):
        raise argparse.ArgumentTypeError(f"'{text}' is not a shard i/n with 1 <= i <= n, such as 2/4")
    return int(match[1]), int(match[2])


def one_of(where: str, choices: Sequence[str]) -> Callable[[str], str]:
    """A word of ``choices``; another is refused with the nearest one, in a message that names ``where``."""

    def choose(text: str) -> str:
        if text not in choices:
            raise InputError(f"'{text}' is not a choice", where=where, remedy=nearest(text, choices))
        return text

    return choose
