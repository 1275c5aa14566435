"""Recordings: an ECG in its standard form, with standard names of leads and in millivolts."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

STANDARD = ("I", "II", "III", "aVR", "aVL", "aVF", "V1", "V2", "V3", "V4", "V5", "V6")
"""The twelve leads in the order of PTB-XL, which is also that of a printed ECG."""
_BY_UPPER = {
    **{lead.upper(): lead for lead in STANDARD},
    **{f"D{number}": number for number in ("I", "II", "III")},
}
"""The limb leads are DI, DII, DIII where a lead is a derivation (Spanish, Portuguese, French)."""
_MAKERS = "ECG|EKG|EINTHOVEN|GOLDBERGER|WILSON|ABLEITUNG|D[E\u00c9]RIVA[A-Z\u00c7\u00c3\u00d3]+"
_BEFORE = re.compile(rf"^(MDC_ECG_LEAD[_:]|LEAD([ _:.]+|-)?|({_MAKERS})([ _:.]+|-))")
_AFTER = re.compile(
    r"([ _]*\((EINTHOVEN|GOLDBERGER|WILSON)\)|[ _-](ECG|EKG|LEAD)"
    r"|[ _,]*[(\[](M|U|\u039c|N|MILLI|MICRO)?V(OLTS?)?[)\]])$"
)
_PREFIXES = {"": 1e3, "m": 1.0, "milli": 1.0, "u": 1e-3, "\u03bc": 1e-3, "micro": 1e-3, "n": 1e-6, "nano": 1e-6}
_MILLIVOLTS = {
    **{prefix + volt: factor for prefix, factor in _PREFIXES.items() for volt in ("v", "volt", "volts")},
    **{f"mdc_dim_{prefix}volt": _PREFIXES[prefix.rstrip("_")] for prefix in ("", "milli_", "micro_", "nano_")},
}


@dataclass(frozen=True)
class Recording:
    """An ECG as it was recorded, in millivolts.

    Args:
        values: "lead time" in mV; NaN where the file says that a sample is missing.
        leads: a name for each row, one of ``STANDARD`` where it is known.
        rate: samples per second, Hz.
        name: of the record in messages.
        faults: lead → why it cannot be used (named twice, uncalibrated, not a voltage). Matters to nobody who does not
            ask for that lead.
        others: leads of the same file with another rate, length or start.
    """

    values: NDArray[np.float64]
    leads: tuple[str, ...]
    rate: float
    name: str = ""
    faults: Mapping[str, str] = field(default_factory=dict)
    others: tuple[Recording, ...] = ()

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
    """The standard name of a lead; None where it is not surely one of the twelve.

    What machines write around a name is taken off until nothing is left to take off. A sign is not: "-aVR" is another
    lead.

    >>> canonical("AVR"), canonical("MDC_ECG_LEAD_V1"), canonical("ECG lead I (Einthoven)"), canonical("DII")
    ('aVR', 'V1', 'I', 'II')
    >>> canonical("V1 [mV]"), canonical("MLII"), canonical("-aVR"), canonical("V")
    ('V1', None, None, None)
    """
    bare = unicodedata.normalize("NFKC", name).strip().upper()
    while bare not in _BY_UPPER:
        shorter = _AFTER.sub("", _BEFORE.sub("", bare)).strip()
        if shorter == bare:
            return None
        bare = shorter
    return _BY_UPPER[bare]


def standard_names(names: list[str]) -> tuple[str, ...]:
    """Names of a file, each replaced by its standard name where it has one.

    >>> standard_names(["i", "avf", "MLII"])
    ('I', 'aVF', 'MLII')
    """
    return tuple(canonical(name) or name.strip() for name in names)


def millivolts(unit: str) -> float | None:
    """Millivolts in one ``unit``, written in any case; None where it is not a unit of voltage.

    >>> millivolts("uV"), millivolts("\u00b5V"), millivolts("microV"), millivolts("mmHg")
    (0.001, 0.001, 0.001, None)
    """
    # NFKC makes the micro sign a Greek letter; so there is one of them.
    return _MILLIVOLTS.get(unicodedata.normalize("NFKC", unit).strip().lower())
