"""Codes of diagnoses and procedures, and the trees that they hang on."""

from medkd.modalities.codes.codes import Codes
from medkd.modalities.codes.ontology import Ontology

__all__ = ["Codes", "Ontology"]
