"""TODO medkd/evidence/statistics."""
