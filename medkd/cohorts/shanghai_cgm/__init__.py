"""ShanghaiT1DM and ShanghaiT2DM: sensor glucose with insulin and food."""

from medkd.cohorts.shanghai_cgm.shanghai_cgm import ShanghaiCGM

__all__ = ["ShanghaiCGM"]
