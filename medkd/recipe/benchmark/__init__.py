"""Benchmarks that a user may repeat: what each objective earns where the answer is known, and on real cohorts."""
