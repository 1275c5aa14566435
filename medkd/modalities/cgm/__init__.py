"""Continuous glucose monitoring: readings of a worn sensor."""

from medkd.modalities.cgm.cgm import CGM

__all__ = ["CGM"]
