"""Timed values: event files, their cohorts, and modalities that put them on a grid of time steps."""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
