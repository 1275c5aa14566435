"""TODO medkd/benchmark."""
