"""Meals of a log, as food that remains to be absorbed."""

from medkd.modalities.meals.meals import Meals

__all__ = ["Meals"]
