"""The eICU Collaborative Research Database."""

from medkd.cohorts.eicu.eicu import EICU

__all__ = ["EICU"]
