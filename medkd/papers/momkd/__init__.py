"""TODO medkd/papers/momkd."""
