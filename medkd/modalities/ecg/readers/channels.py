"""Channels of a file, and the recording that they make: what cannot be used is kept back lead by lead."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from medkd.errors import RecordError
from medkd.modalities.ecg.recording import STANDARD, Recording, canonical


@dataclass(frozen=True)
class Channel:
    """One channel of a file.

    Args:
        label: as the file names it.
        values: in mV; NaN where a sample is missing; empty where ``fault`` says why.
        rate: samples per second, Hz.
        fault: why it cannot be used as an ECG lead; "" where it can.
        start: seconds after the file's first sample.
    """

    label: str
    values: NDArray[np.float64]
    rate: float = 0.0
    fault: str = ""
    start: float = 0.0

    @property
    def lead(self) -> str:
        """The standard name, or the file's own where it has none."""
        return canonical(self.label) or self.label.strip()

    @property
    def is_empty(self) -> bool:
        """Whether nothing was recorded: no sample, or every one missing."""
        return not np.isfinite(self.values).any()


def refused(label: str, rate: float, fault: str) -> Channel:
    """A channel that cannot be used as an ECG lead."""
    return Channel(label, np.empty(0), rate, fault)


def no_voltage(lead: str, unit: str) -> str:
    """Fault of a channel in a unit that is not one of voltage."""
    return (
        f"lead {lead} is in '{unit}', which is not a voltage. Record it in mV, uV or V" if unit else uncalibrated(lead)
    )


def uncalibrated(lead: str) -> str:
    """Fault of a channel of which the file does not state the scale."""
    return f"lead {lead} is uncalibrated: the file states no gain or unit. Export it with its scale in mV"


def named_twice(lead: str) -> str:
    """Fault of a name that several channels have."""
    return f"names lead {lead} twice. Name each lead once"


def recording_of(channels: Sequence[Channel], name: str, where: object) -> Recording:
    """The recording of ``channels``: the longest of those that belong together, the others beside it.

    Channels of one rate, length and start belong together, as long as no lead comes twice with different samples.

    Raises:
        RecordError: no channel holds a sample, and none is kept back.
    """
    faults = {channel.lead: channel.fault for channel in channels if channel.fault}
    usable = [channel for channel in channels if not channel.fault]
    recorded = {channel.lead for channel in usable if not channel.is_empty}
    # Devices name a lead twice, once empty: the one that was recorded is meant.
    usable = [channel for channel in usable if channel.lead not in recorded or not channel.is_empty]
    groups: dict[tuple[float, int, float], dict[str, Channel]] = {}
    for channel in usable:
        group = groups.setdefault((channel.rate, len(channel.values), channel.start), {})
        twin = group.setdefault(channel.lead, channel)
        if twin is not channel and not np.array_equal(twin.values, channel.values, equal_nan=True):
            faults[channel.lead] = named_twice(channel.lead)
    parts = [
        Recording(np.stack([channel.values for channel in group.values()]), tuple(group), rate, name)
        for (rate, length, _), group in groups.items()
        if length
    ]
    parts.sort(key=lambda part: (-part.seconds, -sum(lead in STANDARD for lead in part.leads)))
    if not recorded and not faults:
        raise RecordError(f"in ECG {name} no lead was recorded", where=where, remedy="Leave the record out")
    if not parts:
        return Recording(np.empty((0, 0)), (), 1.0, name, faults)
    first, *others = parts
    return Recording(first.values, first.leads, first.rate, name, faults, tuple(others))
