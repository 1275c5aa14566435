"""Formats of hospital systems that a finished run can be written in: FHIR R4 and DICOM structured reports."""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
