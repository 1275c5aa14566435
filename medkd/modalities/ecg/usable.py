"""The part of a recording that is used, and what makes it unusable: gaps, flat leads, values that no heart gives."""

from __future__ import annotations

from math import ceil, floor

import numpy as np
from numpy.typing import NDArray

from medkd.errors import RecordError
from medkd.modalities.ecg.filters import rate_ratio
from medkd.modalities.ecg.length import middle_start
from medkd.modalities.ecg.recording import Recording

PLAUSIBLE_SPAN = (0.01, 20.0)
"""Least and most mV between the lowest and highest sample of a lead that is used.

Below is less than the noise that IEC 60601-2-25 allows a device; the most in 863 records of PTB-XL and Brugada-HUCA is
14.8 mV, by an artefact. A unit that is wrong by a factor of 1,000 is outside either way.
"""
_AROUND_SECONDS = 60.0


def samples_at(raw: Recording, rate: float) -> int:
    """Length of ``raw`` at another rate.

    >>> samples_at(Recording(np.zeros((1, 1201)), ("I",), 500.0), 100.0)
    241
    """
    return ceil(int(raw.values.shape[1]) * rate_ratio(raw.rate, rate))


def middle_section(raw: Recording, rate: float, length: int, least_seconds: float) -> tuple[Recording, int]:
    """The section of ``raw`` that its middle needs, and where the middle begins in it at the prepared rate.

    Beside the middle itself that is up to a minute on each side, for the filter; samples that are missing outside the
    middle end it.

    Args:
        raw: of any length.
        rate: of the prepared signal, Hz.
        length: of the middle, in prepared samples.
        least_seconds: that ``raw`` must last.

    Raises:
        RecordError: as ``require_usable``, of the middle.
    """
    ratio = rate_ratio(raw.rate, rate)
    samples = raw.values.shape[1]
    start = middle_start(samples_at(raw, rate), length)
    first, last = floor(start / ratio), min(ceil((start + length) / ratio), samples)
    require_usable(raw, raw.values[:, first:last], least_seconds)
    around = round(_AROUND_SECONDS * raw.rate)
    begin, end = max(first - around, 0), min(last + around, samples)
    gaps = np.flatnonzero(~np.isfinite(raw.values[:, begin:end]).all(axis=0)) + begin
    begin = max((int(gap) + 1 for gap in gaps[gaps < first][-1:]), default=begin)
    end = min((int(gap) for gap in gaps[gaps >= last][:1]), default=end)
    # Where the rates allow it, the section begins at a prepared sample.
    if (aligned := begin + -begin % ratio.denominator) <= first:
        begin = aligned
    if (begin, end) == (0, samples):
        return raw, start
    return raw.with_values(raw.values[:, begin:end]), round(start - begin * ratio)


def require_usable(raw: Recording, values: NDArray[np.float64], least_seconds: float) -> None:
    """Refuse a recording whose part ``values``, "lead time" of all its leads, cannot be used.

    Raises:
        RecordError: samples are missing there, a lead is flat or not plausible, or the whole is too short.
    """
    missing = ~np.isfinite(values)
    if missing.any():
        leads = [raw.leads[row] for row in np.flatnonzero(missing.any(axis=1))]
        raise RecordError(
            f"ECG of record {raw.name} lacks {int(missing.sum())} samples (NaN) in {', '.join(leads)}",
            remedy="Leave the record out, or cut it to its complete part",
        )
    if raw.seconds < least_seconds:
        raise RecordError(
            f"ECG of record {raw.name} is {raw.seconds:g} s long, {least_seconds:g} s at least",
            remedy="Leave the record out",
        )
    low, high = values.min(axis=1), values.max(axis=1)
    flat = [lead for lead, span in zip(raw.leads, high - low, strict=True) if span == 0]
    if flat:
        raise RecordError(
            f"ECG of record {raw.name} is flat in {', '.join(flat)}", remedy="Leave the record out, or those leads"
        )
    for lead, lowest, highest in zip(raw.leads, low, high, strict=True):
        if not PLAUSIBLE_SPAN[0] <= highest - lowest <= PLAUSIBLE_SPAN[1]:
            raise RecordError(
                f"ECG of record {raw.name} is not plausible in lead {lead}: {lowest:.4g} to {highest:.4g} mV",
                remedy="Check the gain and unit that the file states",
            )
