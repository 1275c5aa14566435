"""Codes of diagnoses, and the trees that they belong to."""

from medkd.modalities.codes.codes import Codes
from medkd.modalities.codes.ontology import Ontology

__all__ = ["Codes", "Ontology"]
