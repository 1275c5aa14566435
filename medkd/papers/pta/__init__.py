"""TODO medkd/papers/pta."""
