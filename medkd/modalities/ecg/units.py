"""Units of voltage."""

from __future__ import annotations

from medkd.errors import RecordError

_MILLIVOLTS = {"mv": 1.0, "uv": 1e-3, "µv": 1e-3, "μv": 1e-3, "nv": 1e-6, "v": 1e3}


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
            f"ECG of record {name} is in '{unit}', which is no voltage", remedy="Record it in mV, uV or V"
        )
    return factor
