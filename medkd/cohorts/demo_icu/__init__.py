"""A synthetic cohort in the layout of MIMIC-IV."""

from medkd.cohorts.demo_icu.demo_icu import DemoICU

__all__ = ["DemoICU"]
