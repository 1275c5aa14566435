"""Account of one person: name, role, and whether patients' identifiers are shown."""

from __future__ import annotations

import re
from dataclasses import dataclass

from medkd.errors import InputError, nearest

ROLES = ("reader", "adjudicator", "admin")
"""In rising order: each role has the rights of those before it."""
_NAME = re.compile(r"[a-z0-9._-]{1,32}")


@dataclass(frozen=True)
class Account:
    """One person's account.

    Args:
        name: 1 to 32 of ``[a-z0-9._-]``, not punctuation alone.
        role: "reader", "adjudicator" or "admin".
        identifiers: whether patients' identifiers are shown to them.
        must_change: whether they must choose a password of their own before anything else.

    >>> Account("ada", "adjudicator").may("reader"), Account("ada", "adjudicator").may("admin")
    (True, False)
    """

    name: str
    role: str
    identifiers: bool = False
    must_change: bool = False

    def may(self, role: str) -> bool:
        """Whether this account has the rights of ``role``."""
        return ROLES.index(self.role) >= ROLES.index(role)


def is_name(text: str) -> bool:
    """Whether ``text`` is a valid account name.

    >>> is_name("ada.lovelace"), is_name("Ada"), is_name("..")
    (True, False, False)
    """
    return _NAME.fullmatch(text) is not None and text.strip("._-") != ""


def checked_name(name: str) -> str:
    """Return ``name`` unchanged if it is valid.

    Raises:
        InputError: it is not a valid account name.
    """
    if not is_name(name):
        raise InputError(
            f"'{name}' cannot be an account's name", remedy="Use 1 to 32 of a-z, 0-9, dot, hyphen and underscore"
        )
    return name


def checked_role(role: str) -> str:
    """Return ``role`` unchanged if it is one of ``ROLES``.

    Raises:
        InputError: it is not a role.
    """
    if role not in ROLES:
        raise InputError(f"there is no role '{role}'", where="--role", remedy=nearest(role, ROLES))
    return role
