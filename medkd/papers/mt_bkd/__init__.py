"""TODO medkd/papers/mt_bkd."""
