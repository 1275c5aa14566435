"""Calibration: temperature scaling, thresholds, conformal sets, and how calibrated a model is."""
