"""Formats of hospital systems that a finished run can be written in: FHIR R4 and DICOM structured reports."""
