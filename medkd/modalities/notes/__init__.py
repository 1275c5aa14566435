"""Clinical notes: timed texts."""

from medkd.modalities.notes.notes import Notes

__all__ = ["Notes"]
