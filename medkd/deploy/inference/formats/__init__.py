"""TODO medkd/deploy/inference/formats."""
