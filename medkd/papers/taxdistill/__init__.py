"""TODO medkd/papers/taxdistill."""
