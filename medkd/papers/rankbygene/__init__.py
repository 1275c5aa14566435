"""TODO medkd/papers/rankbygene."""
