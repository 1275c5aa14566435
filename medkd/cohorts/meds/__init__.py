"""Any data set in the Medical Event Data Standard."""

from medkd.cohorts.meds.meds import MEDS

__all__ = ["MEDS"]
