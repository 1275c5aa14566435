"""The twelve standard leads, under whatever name a file gives them."""

from __future__ import annotations

import re
from functools import lru_cache

STANDARD = ("I", "II", "III", "aVR", "aVL", "aVF", "V1", "V2", "V3", "V4", "V5", "V6")
"""In the order of PTB-XL, which is also the order of a printed ECG."""

_BY_UPPER = {lead.upper(): lead for lead in STANDARD}
_AROUND = re.compile(r"^(MDC_ECG_LEAD_|MDC_ECG_LEAD:|LEAD[ _]*|ECG[ _]+)|[ _]*\((EINTHOVEN|GOLDBERGER|WILSON)\)$")


@lru_cache(maxsize=1024)
def canonical(name: str) -> str | None:
    """The standard name of a lead, or None where it is not one of the twelve.

    >>> canonical("AVR"), canonical("MDC_ECG_LEAD_V1"), canonical("Lead I (Einthoven)"), canonical("MLII")
    ('aVR', 'V1', 'I', None)
    """
    return _BY_UPPER.get(_AROUND.sub("", name.strip().upper()).strip())


def standard_names(names: list[str]) -> tuple[str, ...]:
    """Names as a file gives them, each replaced by its standard name where it has one.

    >>> standard_names(["i", "avf", "MLII"])
    ('I', 'aVF', 'MLII')
    """
    return tuple(canonical(name) or name.strip() for name in names)
