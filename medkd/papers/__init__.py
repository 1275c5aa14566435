"""Papers: one folder per published system with its formulas as released, held against golden vectors."""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
