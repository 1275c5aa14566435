"""TODO medkd/data/loading."""
