"""Cohorts: one published data set per module, and synthetic ones in the same layouts."""
