"""TODO medkd/data/io."""
