"""Metrics and statistics: what is measured, and how sure the measurement is."""
