"""Quarantine: one bad record never stops a run, it is set aside with its reason."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Generic, TypeVar

from medkd.deploy.inference.os_errors import PASSING, errno_of
from medkd.deploy.inference.settings import DEFAULTS
from medkd.errors import MedkdError, place_of

T = TypeVar("T")

_PAUSE, _GROWTH = 0.1, 5.0


@dataclass(frozen=True)
class Attempt(Generic[T]):
    """The result of work on one item, or the reason why there is none.

    Args:
        value: the result; None where the work failed.
        reason: one line, in the words of what refused the item; None where the work succeeded.
        seconds: how long it took.
        retries: how often it was tried again.
        values: of the item's event files, those used and those set aside, counted by reason.
    """

    value: T | None
    reason: str | None = None
    seconds: float = 0.0
    retries: int = 0
    values: Mapping[str, int] = field(default_factory=dict)


def attempt(
    act: Callable[[], T],
    clock: Callable[[], float],
    retries: int = DEFAULTS.retries,
    pause: Callable[[float], object] = time.sleep,
) -> Attempt[T]:
    """Call ``act``; a failure with this one item becomes its reason. Interrupts and exits pass through.

    Args:
        act: reads, prepares or writes one item.
        clock: seconds.
        retries: how often to try again what disk or network refused for the moment (``PASSING``), waiting 0.1 s, 0.5 s,
            2.5 s and so on; what is plainly wrong with a record is not tried again.
        pause: waits for seconds.

    >>> attempt(lambda: open("/nowhere"), lambda: 0.0).reason
    'No such file or directory.'
    """
    start = clock()
    tried = 0
    while True:
        try:
            return Attempt(act(), None, clock() - start, tried)
        except Exception as error:
            # Readers of foreign formats fail in ways of their own, and the other items are still to be scored.
            passing = errno_of(error) in PASSING
            if passing and tried < retries:
                pause(_PAUSE * _GROWTH**tried)
                tried += 1
                continue
            reason = _reason(error) + (f" Tried {tried + 1} times." if passing and tried else "")
            return Attempt(None, reason, clock() - start, tried)


def _reason(error: Exception) -> str:
    if isinstance(error, MedkdError):
        return _one_line(str(error))
    if isinstance(error, OSError) and error.strerror:
        # Its text holds the number and the path, of which the name of the item is enough.
        return _one_line(f"{error.strerror}.")
    if isinstance(error, MemoryError):
        return "it does not fit into memory."
    if isinstance(error, UnicodeError):
        return "it holds text that is not in the encoding of its format. Write it again, as UTF-8."
    # Not the library's own words, which name its variables, and may quote what the record holds of a patient.
    return (
        f"it is not as its format asks, in a way that medkd does not foresee ({place_of(error)}). "
        "Open it with the program that wrote it; if it is whole, report that place."
    )


def _one_line(text: str) -> str:
    return " ".join(text.split())
