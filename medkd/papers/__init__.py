"""TODO medkd/papers."""
