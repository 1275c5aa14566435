"""Calibration: temperature scaling, thresholds, conformal sets, and how calibrated a model is."""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
