"""Electrocardiograms, from one lead to twelve."""

from medkd.modalities.ecg.ecg import ECG
from medkd.modalities.ecg.recording import Recording

__all__ = ["ECG", "Recording"]
