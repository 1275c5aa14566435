"""The synthetic world: samples with a known best answer, and the benchmark on them."""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
