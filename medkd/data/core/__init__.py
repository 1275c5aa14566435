"""Samples, targets, views, modalities and cohorts: the objects that everything else is about."""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
