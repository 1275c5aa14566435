"""TODO medkd/papers/fedmtfi."""
