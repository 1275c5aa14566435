"""Splits by subject: drawn once, written with a sha256, and read by role."""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
