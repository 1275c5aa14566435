"""The evidence: does the teacher help? Metrics, intervals, the leak audit, the verdict and the report."""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
