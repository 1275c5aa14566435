"""TODO medkd/papers/forge."""
