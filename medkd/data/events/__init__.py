"""Timed values: event files, their cohorts, and modalities that put them on a grid of time steps."""
