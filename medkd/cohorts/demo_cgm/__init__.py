"""A synthetic cohort in the layout of the Shanghai data set."""

from medkd.cohorts.demo_cgm.demo_cgm import DemoCGM

__all__ = ["DemoCGM"]
