"""Clinical notes: what was written about a patient, and when."""

from medkd.modalities.notes.notes import Notes

__all__ = ["Notes"]
