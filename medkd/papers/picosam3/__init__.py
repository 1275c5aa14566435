"""TODO medkd/papers/picosam3."""
