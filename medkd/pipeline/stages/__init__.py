"""Stages of a run: split, fit, bank, evidence, bundle, and the leak audit of their outputs."""
