"""The bundle: a student with its preprocessing, calibration and model card, in one folder of checked files."""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
