"""Cohorts: one published data set per module, and synthetic ones in the same layouts."""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
