"""TODO medkd/papers/ogkd."""
