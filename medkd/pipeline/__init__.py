"""Pipeline: from a recipe and a cohort to trained models, a report and a bundle, stage by stage."""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
