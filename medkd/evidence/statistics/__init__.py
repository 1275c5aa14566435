"""Metrics and statistics: what is measured, and how sure the measurement is."""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
