from .dicom_sr import Reports as Reports
from .dicom_sr import write_dicom_sr as write_dicom_sr
from .fhir import write_fhir as write_fhir
