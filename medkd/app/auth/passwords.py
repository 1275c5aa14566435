"""Passwords: the rules for a new one, after NIST SP 800-63B (5.1.1.2), and Argon2id hashes of them."""

from __future__ import annotations

import os
import secrets
import threading
import unicodedata
from functools import cached_property

from argon2 import PasswordHasher
from argon2.exceptions import Argon2Error, InvalidHashError

from medkd.errors import InputError

MIN_LENGTH, MAX_LENGTH = 12, 256
_COMMON = {
    "password", "passw0rd", "qwerty", "qwertyuiop", "asdfghjkl", "abcdefghijkl", "letmein", "iloveyou", "welcome",
    "administrator", "admin", "changeme", "monkey", "dragon", "football", "baseball", "sunshine", "princess",
    "hospital", "medkd",
}  # fmt: skip
_DECORATION = "0123456789!?.*-_# "


class PasswordHashes:
    """Argon2id hashes, of which only a few are computed at once.

    Args:
        hasher: None has the library's parameters.
    """

    def __init__(self, hasher: PasswordHasher | None = None) -> None:
        self._hasher = hasher or PasswordHasher()
        # Each hash takes 64 MiB: a crowd of logins waits for its turn and does not fill the memory.
        self._slots = threading.BoundedSemaphore(max(2, os.cpu_count() or 2))

    def hash(self, password: str) -> str:
        """A salted hash to be stored."""
        with self._slots:
            return self._hasher.hash(normalised(password))

    def verify(self, hashed: str | None, password: str) -> bool:
        """Whether ``password`` has this hash; of None it never has, and the check takes as long as any other."""
        reference = hashed or self._dummy
        with self._slots:
            try:
                # A longer text cannot be a password; what is hashed stays short.
                matches = self._hasher.verify(reference, normalised(password[: MAX_LENGTH + 1]))
            except (Argon2Error, InvalidHashError):
                return False
        return matches and hashed is not None

    def is_outdated(self, hashed: str) -> bool:
        """Whether a stored hash has other parameters than new ones."""
        return self._hasher.check_needs_rehash(hashed)

    def warm_up(self) -> None:
        """Compute the hash that replaces a missing one, so that no later check takes longer for it."""
        _ = self._dummy

    @cached_property
    def _dummy(self) -> str:
        return self.hash(random_password())


def normalised(password: str) -> str:
    """Unicode form NFKC, in which a text is the same from every keyboard."""
    return unicodedata.normalize("NFKC", password.encode("utf-8", "replace").decode("utf-8"))


def check_new_password(name: str, password: str) -> None:
    """Accept a new password: long, and not one that is guessed first. There are no rules of composition.

    Raises:
        InputError: it is short, very long, the account's name, or a common password.

    >>> check_new_password("ada", "correct horse battery")
    >>> check_new_password("ada", "Password1234")  # doctest: +ELLIPSIS
    Traceback (most recent call last):
    medkd.errors.InputError: this password is among the first that are tried. A few words in a row are long ...
    """
    text = normalised(password)
    remedy = "A few words in a row are long and easy to remember"
    if len(text) < MIN_LENGTH:
        raise InputError(f"a password needs {MIN_LENGTH} characters or more", remedy=remedy)
    if len(text) > MAX_LENGTH:
        raise InputError(f"a password has at most {MAX_LENGTH} characters")
    # What is left of "Password1234!" without the decoration that everybody adds.
    bare = text.casefold().strip(_DECORATION)
    if len(set(text)) < 5 or bare in _COMMON or not bare.replace(name, "").strip(_DECORATION):
        raise InputError("this password is among the first that are tried", remedy=remedy)


def random_password() -> str:
    """A random password: 99 bits in five groups of four.

    >>> len(random_password())
    24
    """
    return "-".join("".join(secrets.choice("abcdefghjkmnpqrstuvwxyz23456789") for _ in range(4)) for _ in range(5))
