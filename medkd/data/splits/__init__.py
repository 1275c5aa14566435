"""Splits by subject: drawn once, written with a sha256, and read by role."""
