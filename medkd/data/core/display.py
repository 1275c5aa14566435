"""What a person is shown of a sample: all that the record holds, and which of it the student sees."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

Stretch = tuple[float, float]
"""First and last moment, the last one not included."""


@dataclass(frozen=True)
class Strip:
    """A recording of leads over seconds.

    Args:
        modality: its name.
        leads: a name for each row.
        values: "lead time" in ``unit``; NaN where a sample is missing.
        rate: samples a second, Hz.
        seen: the leads that the student sees.
        stretches: the seconds of the recording that each window of the prepared signal lies in; of an average
            (``averaged``), of everything that was averaged.
        averaged: all stretches are one window: the student sees their average, such as a median beat.
        unit: of the values.
    """

    modality: str
    leads: tuple[str, ...]
    values: NDArray[np.float64]
    rate: float
    seen: tuple[str, ...] = ()
    stretches: tuple[Stretch, ...] = ()
    averaged: bool = False
    unit: str = "mV"

    @property
    def seconds(self) -> float:
        """How long it is.

        >>> Strip("ecg", ("I",), np.zeros((1, 1200)), 100.0).seconds
        12.0
        """
        return float(self.values.shape[1] / self.rate)


@dataclass(frozen=True)
class Trend:
    """Variables over hours, each value at the hour of its measurement.

    Args:
        modality: its name.
        variables: names, the student's first.
        units: a unit for each.
        hours: "value", since the sample's time zero, in time order.
        variable: "value", positions in ``variables``.
        values: "value", each in its variable's unit.
        span: first and last hour that is shown.
        window: the hours that the student sees; None where it sees nothing of this modality.
        seen: the variables that the student sees.
        step: hours a cell of what the student sees.
        silences: for each variable, hours in which nothing was observed.
        additive: values are amounts (doses, meals), which stand alone, not levels, which go on between measurements.
    """

    modality: str
    variables: tuple[str, ...]
    units: tuple[str, ...]
    hours: NDArray[np.float64]
    variable: NDArray[np.int64]
    values: NDArray[np.float32]
    span: Stretch
    window: Stretch | None = None
    seen: tuple[str, ...] = ()
    step: float = 1.0
    silences: tuple[tuple[Stretch, ...], ...] = ()
    additive: bool = False

    def until(self, hour: float) -> Trend:
        """Only what was known at ``hour``.

        >>> times, zeros = np.array([1.0, 30.0]), np.zeros(2, np.int64)
        >>> Trend("vitals", ("heart_rate",), ("1/min",), times, zeros, np.ones(2, np.float32), (0, 48)).until(24).hours.tolist()
        [1.0]
        """
        kept = self.hours <= hour
        cut = tuple(tuple((start, min(end, hour)) for start, end in held if start < hour) for held in self.silences)
        return replace(
            self,
            hours=self.hours[kept],
            variable=self.variable[kept],
            values=self.values[kept],
            span=(min(self.span[0], hour), min(self.span[1], hour)),
            silences=cut,
        )


@dataclass(frozen=True)
class Passage:
    """Texts in the order of time.

    Args:
        modality: its name.
        hours: of each text, since the sample's time zero.
        texts: as written.
        window: the hours that the student sees; None where it sees none of them.
    """

    modality: str
    hours: tuple[float, ...]
    texts: tuple[str, ...]
    window: Stretch | None = None

    @property
    def text(self) -> str:
        """All of it, each text under its hour and whether the student sees it.

        >>> print(Passage("notes", (1.0,), ("stable",), (0.0, 24.0)).text)
        hour 1, seen by the student
        stable
        """
        heads = (f"hour {hour:.4g}, {'' if self._seen(hour) else 'not '}seen by the student" for hour in self.hours)
        return "\n\n".join(f"{head}\n{text}" for head, text in zip(heads, self.texts, strict=True))

    def until(self, hour: float) -> Passage:
        """Only what was written by ``hour``."""
        kept = [place for place, when in enumerate(self.hours) if when <= hour]
        return replace(
            self, hours=tuple(self.hours[place] for place in kept), texts=tuple(self.texts[place] for place in kept)
        )

    def _seen(self, hour: float) -> bool:
        return self.window is not None and self.window[0] <= hour < self.window[1]


@dataclass(frozen=True)
class Plain:
    """What the student sees of a modality that has no display of its own: the prepared array.

    Args:
        modality: its name.
        values: "channel ...", normalised as the network takes it; NaN where nothing was observed.
    """

    modality: str
    values: NDArray[np.float32]


Display = Strip | Trend | Passage | Plain
