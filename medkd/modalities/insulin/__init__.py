"""Insulin that was taken, as a log tells it."""

from medkd.modalities.insulin.insulin import Insulin

__all__ = ["Insulin"]
