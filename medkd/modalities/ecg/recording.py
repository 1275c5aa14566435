"""The standard form of an ECG."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True)
class Recording:
    """An ECG as it was recorded, in millivolts.

    Args:
        values: "lead time" in mV; NaN where the file says that a sample is missing.
        leads: a name for each row, a standard one (``medkd.modalities.ecg.leads.STANDARD``) where it is known.
        rate: samples a second, Hz.
        name: what error messages call it.
    """

    values: NDArray[np.float64]
    leads: tuple[str, ...]
    rate: float
    name: str = ""

    @property
    def seconds(self) -> float:
        """How long it is.

        >>> Recording(np.zeros((1, 1200)), ("I",), 100.0).seconds
        12.0
        """
        return float(self.values.shape[1] / self.rate)

    def with_values(self, values: NDArray[np.float64], rate: float | None = None) -> Recording:
        """The same leads with other values."""
        return replace(self, values=values, rate=self.rate if rate is None else rate)
