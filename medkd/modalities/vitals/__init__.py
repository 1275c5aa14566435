"""Vital signs: what a ward monitor shows, with age and sex."""

from medkd.modalities.vitals.vitals import Vitals

__all__ = ["Vitals"]
