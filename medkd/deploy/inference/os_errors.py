"""What the operating system refused, however deeply a library wrapped it."""

from __future__ import annotations

import errno
import os
import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import polars as pl

from medkd.errors import InputError

# How Rust's standard library, and so polars, ends the text of a failed system call.
_RUST = re.compile(r"\(os error (\d+)\)")
_NAMES = (
    "EIO",
    "ESTALE",
    "ETIMEDOUT",
    "EAGAIN",
    "EBUSY",
    "EINTR",
    "EMFILE",
    "ENFILE",
    "ENOMEM",
    "ENETDOWN",
    "ENETRESET",
    "ENETUNREACH",
    "EHOSTDOWN",
    "EHOSTUNREACH",
    "ECONNABORTED",
    "ECONNREFUSED",
    "ECONNRESET",
    "ENOTCONN",
    "EREMOTEIO",
    "ECOMM",
)
PASSING = frozenset(getattr(errno, name) for name in _NAMES if hasattr(errno, name))
"""Errors of disks and networks that a moment later may be gone."""
_ROOM = dict.fromkeys(
    (errno.ENOSPC, errno.EDQUOT, errno.EFBIG), "Make room, then repeat the command: it goes on where it stopped"
)
_OWN = dict.fromkeys(
    (errno.EACCES, errno.EPERM, errno.EROFS, errno.ENOTDIR, errno.EEXIST), "Give a folder of your own with --out"
)
_REMEDIES = _ROOM | _OWN


def errno_of(error: BaseException) -> int | None:
    """The number of the system's error that is behind ``error``; None where there is none.

    >>> errno_of(OSError(5, "Input/output error"))
    5
    >>> errno_of(ValueError("parquet: underlying IO error: No space left on device (os error 28)"))
    28
    >>> errno_of(TimeoutError()) == errno.ETIMEDOUT
    True
    """
    for one in _causes(error):
        if isinstance(one, OSError) and one.errno:
            return one.errno
        if found := _RUST.search(str(one)):
            return int(found[1])
        if isinstance(one, TimeoutError):
            return errno.ETIMEDOUT
    return None


def _causes(error: BaseException) -> Iterator[BaseException]:
    one: BaseException | None = error
    while one is not None:
        yield one
        one = one.__cause__ or one.__context__


@contextmanager
def telling_refusals(out: Path) -> Iterator[None]:
    """What the system refuses while ``out`` is filled becomes one line with its remedy; all else passes through.

    Raises:
        InputError: there is no room, or no right to write.
    """
    try:
        yield
    except (OSError, pl.exceptions.PolarsError) as error:
        number = errno_of(error)
        if number is None:
            raise
        remedy = _REMEDIES.get(number, "Repeat the command: it goes on where it stopped")
        raise InputError(f"cannot write: {os.strerror(number)}", where=out, remedy=remedy) from error
