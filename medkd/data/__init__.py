"""Samples, targets and views, and their way from files to batches."""
