"""TODO medkd/data/core."""
