"""TODO medkd/evidence/calibration."""
