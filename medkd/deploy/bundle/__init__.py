"""TODO medkd/deploy/bundle."""
