"""Nursing observations: charted by hand, not by a monitor."""

from medkd.modalities.nursing.nursing import Nursing

__all__ = ["Nursing"]
