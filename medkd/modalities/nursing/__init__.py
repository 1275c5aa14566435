"""What a nurse charts and no monitor shows."""

from medkd.modalities.nursing.nursing import Nursing

__all__ = ["Nursing"]
