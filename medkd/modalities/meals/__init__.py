"""Meals that were eaten, as a log tells it."""

from medkd.modalities.meals.meals import Meals

__all__ = ["Meals"]
