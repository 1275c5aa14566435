"""How what was typed is read: one line for a mistake, and the values that options take."""

from __future__ import annotations

import argparse
import re
from collections.abc import Callable, Sequence
from typing import NoReturn

from medkd.errors import InputError, nearest


class Parser(argparse.ArgumentParser):
    """An argument parser that explains a mistake in one line and knows the nearest option."""

    def parse_words(self, words: Sequence[str]) -> argparse.Namespace:
        """Parse what was typed after the command's name.

        Raises:
            InputError: an option is unknown, an argument is missing, or one too many was given.
        """
        for word in words:
            option = word.partition("=")[0]
            if option.startswith("--") and len(option) > 2 and option not in self._option_string_actions:
                known = [name for name in self._option_string_actions if name.startswith("--")]
                raise InputError(f"unknown option '{option}'", where=self.prog, remedy=nearest(option, known))
        namespace, left_over = self.parse_known_args(list(words))
        if left_over:
            self.error(f"'{left_over[0]}' is one argument too many")
        return namespace

    def error(self, message: str) -> NoReturn:
        """Raise the message that argparse would print with its usage.

        Raises:
            InputError: always.
        """
        found = re.match(r"argument (?P<name>\S+): (?P<what>.*)", message, re.DOTALL)
        what = f"{found['name']}: {found['what']}" if found else message
        raise InputError(what, where=self.prog, remedy=f"See: {self.prog} --help")


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
    """Names joined by commas."""
    found = tuple(word.strip() for word in text.split(","))
    if not all(found):
        raise argparse.ArgumentTypeError(f"'{text}' is not a list of names, such as soft_labels,info_nce")
    return found


def shares(text: str) -> tuple[float, ...]:
    """Shares above 0 and up to 1, joined by commas."""
    try:
        found = tuple(float(word) for word in text.split(","))
    except ValueError:
        found = ()
    if not found or not all(0 < share <= 1 for share in found):
        raise argparse.ArgumentTypeError(f"'{text}' is not a list of shares above 0 and up to 1, such as 0.1,0.3,1")
    return found


def protocol(text: str) -> str:
    """holdout, official or kfold:K."""
    if text not in ("holdout", "official") and not re.fullmatch(r"kfold:([3-9]|[1-9]\d+)", text):
        raise argparse.ArgumentTypeError(
            f"'{text}' is not holdout, official or kfold:K with K of 3 or more, such as kfold:5"
        )
    return text


def shard(text: str) -> tuple[int, int]:
    """i/n, counted from 1."""
    found = re.fullmatch(r"(\d+)/(\d+)", text)
    if not found or not 1 <= int(found[1]) <= int(found[2]):
        raise argparse.ArgumentTypeError(f"'{text}' is not a shard i/n with 1 <= i <= n, such as 2/4")
    return int(found[1]), int(found[2])


def one_of(where: str, choices: Sequence[str]) -> Callable[[str], str]:
    """A word of ``choices``; another is refused with the nearest one, as said of ``where``."""

    def choose(text: str) -> str:
        if text not in choices:
            raise InputError(f"'{text}' is not a choice", where=where, remedy=nearest(text, choices))
        return text

    return choose
