"""TODO medkd/data/events."""
