"""The bundle: a student with its preprocessing, calibration and model card, in one folder of checked files."""
