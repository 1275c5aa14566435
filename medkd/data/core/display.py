"""Displays: a sample as a person is shown it, with the student's part of it marked."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

Stretch = tuple[float, float]
"""Start and end, the end not included; seconds or hours."""


@dataclass(frozen=True)
class Strip:
    """A recording of leads over seconds.

    Args:
        modality: its name.
        leads: name of each row.
        values: "lead time" in ``unit``; NaN where a sample is missing.
        rate: sampling frequency, Hz.
        seen: leads of the student's view.
        stretches: seconds of the recording that each window of the prepared signal covers; of an average
            (``averaged``), everything that was averaged.
        averaged: all stretches are averaged to one window, such as a median beat.
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
        """Duration.

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
        units: unit of each variable.
        hours: "value", since the sample's time zero, in time order.
        variable: "value", indices into ``variables``.
        values: "value", each in its variable's unit.
        span: first and last hour that is shown.
        window: hours of the student's view; None where it has nothing of this modality.
        seen: variables of the student's view.
        step: hours per time step of the student's grid.
        silences: for each variable, hours in which nothing was observed.
        additive: values are amounts (doses, meals) at one moment, not levels that last until the next measurement.
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

        >>> times, zeros, values = np.array([1.0, 30.0]), np.zeros(2, np.int64), np.ones(2, np.float32)
        >>> Trend("vitals", ("heart_rate",), ("1/min",), times, zeros, values, (0, 48)).until(24).hours.tolist()
        [1.0]
        """
        known = self.hours <= hour
        cut = tuple(tuple((start, min(end, hour)) for start, end in gaps if start < hour) for gaps in self.silences)
        return replace(
            self,
            hours=self.hours[known],
            variable=self.variable[known],
            values=self.values[known],
            span=(min(self.span[0], hour), min(self.span[1], hour)),
            silences=cut,
        )


@dataclass(frozen=True)
class Passage:
    """Texts in time order.

    Args:
        modality: its name.
        hours: of each text, since the sample's time zero.
        texts: as written.
        window: hours of the student's view; None where it has none of them.
    """

    modality: str
    hours: tuple[float, ...]
    texts: tuple[str, ...]
    window: Stretch | None = None

    @property
    def text(self) -> str:
        """All texts, each below its hour and whether it is in the student's view.

        >>> print(Passage("notes", (1.0,), ("stable",), (0.0, 24.0)).text)
        hour 1, seen by the student
        stable
        """
        heads = (f"hour {hour:.4g}, {'' if self._seen(hour) else 'not '}seen by the student" for hour in self.hours)
        return "\n\n".join(f"{head}\n{text}" for head, text in zip(heads, self.texts, strict=True))

    def until(self, hour: float) -> Passage:
        """Only what was written by ``hour``."""
        known = [index for index, when in enumerate(self.hours) if when <= hour]
        return replace(
            self, hours=tuple(self.hours[index] for index in known), texts=tuple(self.texts[index] for index in known)
        )

    def _seen(self, hour: float) -> bool:
        return self.window is not None and self.window[0] <= hour < self.window[1]


@dataclass(frozen=True)
class Plain:
    """The prepared array of a modality that has no display of its own.

    Args:
        modality: its name.
        values: "channel ...", normalised as the network takes them; NaN where nothing was observed.
    """

    modality: str
    values: NDArray[np.float32]


Display = Strip | Trend | Passage | Plain
