"""TODO medkd/papers/wt_pse."""
