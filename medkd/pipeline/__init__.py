"""TODO medkd/pipeline."""
