"""Tuning: a search of a recipe's values on inner validation."""
