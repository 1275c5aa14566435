"""Errors of the operating system, however deeply a library wrapped them."""

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
"""Errors of disks and networks that may be gone a moment later."""
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
    for cause in _causes(error):
        if isinstance(cause, OSError) and cause.errno:
            return cause.errno
        if match := _RUST.search(str(cause)):
            return int(match[1])
        if isinstance(cause, TimeoutError):
            return errno.ETIMEDOUT
    return None


def _causes(error: BaseException) -> Iterator[BaseException]:
    cause: BaseException | None = error
    seen: set[int] = set()
    # A library that raises an error from itself, or from one of its own, leaves a chain without an end.
    while cause is not None and id(cause) not in seen:
        seen.add(id(cause))
        yield cause
        cause = cause.__cause__ or cause.__context__


@contextmanager
def one_line_refusals(out: Path) -> Iterator[None]:
    """Turn what the system refuses while ``out`` is filled into one line with its remedy; all else passes through.

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
