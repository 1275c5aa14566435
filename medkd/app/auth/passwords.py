"""What a password must be, after NIST SP 800-63B (5.1.1.2): long, and none that is guessed first.

No rules of composition.
"""

from __future__ import annotations

import secrets
import unicodedata

from medkd.errors import InputError

SHORTEST, LONGEST = 12, 256
_COMMONEST = {
    "password", "passw0rd", "qwerty", "qwertyuiop", "asdfghjkl", "abcdefghijkl", "letmein", "iloveyou", "welcome", "administrator",
    "admin", "changeme", "monkey", "dragon", "football", "baseball", "sunshine", "princess", "hospital", "medkd",
}  # fmt: skip
_DECORATION = "0123456789!?.*-_# "


def normalised(password: str) -> str:
    """One form of each text, however a keyboard composed it (NFKC)."""
    return unicodedata.normalize("NFKC", password.encode("utf-8", "replace").decode("utf-8"))


def check_password(name: str, password: str) -> None:
    """Accept a new password.

    Raises:
        InputError: it is short, very long, the account's name, or one of those that are tried first.

    >>> check_password("ada", "correct horse battery")
    >>> check_password("ada", "Password1234")
    Traceback (most recent call last):
    medkd.errors.InputError: this password is among the first that are tried. A few words in a row are long and easy to
    remember.
    """
    text = normalised(password)
    remedy = "A few words in a row are long and easy to remember"
    if len(text) < SHORTEST:
        raise InputError(f"a password needs {SHORTEST} characters or more", remedy=remedy)
    if len(text) > LONGEST:
        raise InputError(f"a password has at most {LONGEST} characters")
    # What is left of "Password1234!" without the decoration that everybody adds.
    bare = text.casefold().strip(_DECORATION)
    if len(set(text)) < 5 or bare in _COMMONEST or not bare.replace(name, "").strip(_DECORATION):
        raise InputError("this password is among the first that are tried", remedy=remedy)


def random_password() -> str:
    """A password that nobody chose: 99 bits in five groups of four.

    >>> len(random_password())
    24
    """
    return "-".join("".join(secrets.choice("abcdefghjkmnpqrstuvwxyz23456789") for _ in range(4)) for _ in range(5))
