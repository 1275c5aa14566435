"""One bad record never stops a run: it is set aside with its reason."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Generic, TypeVar

from medkd.errors import MedkdError

T = TypeVar("T")


@dataclass(frozen=True)
class Quarantined:
    """An item that was set aside.

    Args:
        reason: one line, in the words of whatever refused it.
    """

    reason: str


@dataclass(frozen=True)
class Attempt(Generic[T]):
    """What came of one item.

    Args:
        value: the result, or why there is none.
        seconds: how long it took.
    """

    value: T | Quarantined
    seconds: float = 0.0


def attempt(act: Callable[[], T], clock: Callable[[], float]) -> Attempt[T]:
    """Do it; whatever goes wrong with this one item becomes its reason. Interrupts and exits pass through.

    >>> attempt(lambda: 1 // 0, lambda: 0.0).value
    Quarantined(reason='ZeroDivisionError: integer division or modulo by zero')
    """
    start = clock()
    try:
        value: T | Quarantined = act()
    except MedkdError as error:
        value = Quarantined(_one_line(str(error)))
    except Exception as error:
        # Readers of foreign formats fail in ways of their own, and the other items are still to be scored.
        value = Quarantined(_one_line(f"{type(error).__name__}: {error}"))
    return Attempt(value, clock() - start)


def _one_line(text: str) -> str:
    return " ".join(text.split())
