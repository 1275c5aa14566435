"""Content of an item of the card: sentences, tables and figures, formatted."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, Protocol

from medkd.evidence.statistics.metrics import METRICS


@dataclass(frozen=True)
class Table:
    """A table of a card; its cells are text."""

    caption: str
    head: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]

    @classmethod
    def of(cls, head: Iterable[str], rows: Iterable[Iterable[Any]], caption: str = "") -> Table:
        """With cells as a reader wants them (see ``figure``)."""
        return cls(caption, tuple(head), tuple(tuple(figure(cell) for cell in row) for row in rows))


Content = tuple[Iterable[str], Iterable[Table]]


class HasInterval(Protocol):
    """A figure, None where it is not defined, with its interval, None where it has none."""

    @property
    def value(self) -> float | None:
        """The figure."""
        ...

    @property
    def low(self) -> float | None:
        """Lower limit."""
        ...

    @property
    def high(self) -> float | None:
        """Upper limit."""
        ...


def figure(value: Any) -> str:
    """Three decimals of a fraction, whole numbers as they are, "none" for what is not there.

    >>> figure(0.12345), figure(12), figure(None), figure("12 to 13")
    ('0.123', '12', 'none', '12 to 13')
    """
    if isinstance(value, bool) or not isinstance(value, int | float):
        return "none" if value is None else str(value)
    return str(value) if isinstance(value, int) else f"{value:.3f}"


def with_interval(row: HasInterval) -> str:
    """A value with its interval.

    >>> from types import SimpleNamespace
    >>> with_interval(SimpleNamespace(value=0.5, low=0.4, high=0.61))
    '0.500 (0.400 to 0.610)'
    """
    if row.low is None:
        return figure(row.value)
    return f"{figure(row.value)} ({figure(row.low)} to {figure(row.high)})"


def metric_name(name: str) -> str:
    """A metric as it is written in a report.

    >>> metric_name("auroc")
    'AUROC'
    """
    return METRICS[name].title if name in METRICS else name


def percent(share: Any) -> str:
    """A share in percent.

    >>> percent(0.125), percent(None)
    ('12.5%', 'none')
    """
    return "none" if share is None else f"{100 * share:.3g}%"


def joined(names: Iterable[Any]) -> str:
    """Names with commas between.

    >>> joined(["sex", "age"])
    'sex, age'
    """
    return ", ".join(map(str, names))
