"""Distillation: learners, banks of teacher outputs, and the module that fits a student to them."""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
