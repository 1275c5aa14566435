"""Privileged knowledge distillation for medicine: train on everything, deploy on one modality, say whether it helped.

Research software; not a medical device.

    report = medkd.distill("ecg_lead", cohort="demo_ecg")
    scores = medkd.load_bundle("runs/ecg_lead-demo_ecg/bundle").predict("records")

Nothing is imported before it is used.
"""

import sys
from types import ModuleType
from typing import Any

import lazy_loader

__version__ = "0.1.0"
__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)


class _CallablePackage(ModuleType):
    """The package ``medkd.distill``, which can be called as ``medkd.api.distill``."""

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        from medkd.api import distill

        return distill(*args, **kwargs)


class _Root(ModuleType):
    """This package: ``medkd.distill`` is both a function and the room of that name, whichever was imported first."""

    def __setattr__(self, name: str, value: Any) -> None:
        if name == "distill" and isinstance(value, ModuleType):
            value.__class__ = _CallablePackage
        super().__setattr__(name, value)


sys.modules[__name__].__class__ = _Root
