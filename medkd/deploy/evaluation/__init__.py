"""Evaluation of a bundle on patients that it was not trained on: external validation, and follow-up of a run."""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
