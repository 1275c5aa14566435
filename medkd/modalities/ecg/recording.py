"""Recordings: an ECG in its standard form, with standard names of leads and in millivolts."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from medkd.errors import RecordError

STANDARD = ("I", "II", "III", "aVR", "aVL", "aVF", "V1", "V2", "V3", "V4", "V5", "V6")
"""The twelve leads in the order of PTB-XL, which is also that of a printed ECG."""
_BY_UPPER = {lead.upper(): lead for lead in STANDARD}
_AROUND = re.compile(r"^(MDC_ECG_LEAD_|MDC_ECG_LEAD:|LEAD[ _]*|ECG[ _]+)|[ _]*\((EINTHOVEN|GOLDBERGER|WILSON)\)$")
_MILLIVOLTS = {"mv": 1.0, "uv": 1e-3, "µv": 1e-3, "μv": 1e-3, "nv": 1e-6, "v": 1e3}


@dataclass(frozen=True)
class Recording:
    """An ECG as it was recorded, in millivolts.

    Args:
        values: "lead time" in mV; NaN where the file says that a sample is missing.
        leads: a name for each row, one of ``STANDARD`` where it is known.
        rate: samples per second, Hz.
        name: of the record in messages.
    """

    values: NDArray[np.float64]
    leads: tuple[str, ...]
    rate: float
    name: str = ""

    @property
    def seconds(self) -> float:
        """Duration.

        >>> Recording(np.zeros((1, 1200)), ("I",), 100.0).seconds
        12.0
        """
        return float(self.values.shape[1] / self.rate)

    def with_values(self, values: NDArray[np.float64], rate: float | None = None) -> Recording:
        """The same leads with other values."""
        return replace(self, values=values, rate=self.rate if rate is None else rate)


@lru_cache(maxsize=1024)
def canonical(name: str) -> str | None:
    """The standard name of a lead; None where it is not one of the twelve.

    >>> canonical("AVR"), canonical("MDC_ECG_LEAD_V1"), canonical("Lead I (Einthoven)"), canonical("MLII")
    ('aVR', 'V1', 'I', None)
    """
    return _BY_UPPER.get(_AROUND.sub("", name.strip().upper()).strip())


def standard_names(names: list[str]) -> tuple[str, ...]:
    """Names of a file, each replaced by its standard name where it has one.

    >>> standard_names(["i", "avf", "MLII"])
    ('I', 'aVF', 'MLII')
    """
    return tuple(canonical(name) or name.strip() for name in names)


def millivolts(unit: str, name: str) -> float:
    """Millivolts in one ``unit``, written in any case.

    Raises:
        RecordError: it is not a unit of voltage.

    >>> millivolts("uV", "00017")
    0.001
    """
    factor = _MILLIVOLTS.get(unit.strip().lower())
    if factor is None:
        raise RecordError(
            f"ECG of record {name} is in '{unit}', which is not a voltage", remedy="Record it in mV, uV or V"
        )
    return factor
