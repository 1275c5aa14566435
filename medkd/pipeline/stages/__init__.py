"""Stages of a run: split, fit, bank, evidence, bundle, and the leak audit of their outputs."""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
