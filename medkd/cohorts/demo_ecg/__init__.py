"""A synthetic cohort in the layout of PTB-XL."""

from medkd.cohorts.demo_ecg.demo_ecg import DemoECG

__all__ = ["DemoECG"]
