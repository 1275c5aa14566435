"""Insulin doses of a log, as insulin on board."""

from medkd.modalities.insulin.insulin import Insulin

__all__ = ["Insulin"]
