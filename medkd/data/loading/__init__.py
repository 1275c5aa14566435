"""Prepared arrays, training statistics, and batches in a reproducible order."""
