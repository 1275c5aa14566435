"""TODO medkd/evidence/leaks."""
