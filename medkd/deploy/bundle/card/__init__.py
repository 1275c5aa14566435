"""The model card: a run's facts as ``card.json``, and as a page by item of TRIPOD+AI."""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
