"""The benchmark: what each objective gains, on a synthetic world with a known answer and on real cohorts."""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
