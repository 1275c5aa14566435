"""Vital signs of a ward monitor, with age and sex."""

from medkd.modalities.vitals.vitals import Vitals

__all__ = ["Vitals"]
